//! A power cut of the operator's machine in tests: `INFRA_CRASH_AFTER=N` kills infra after the Nth record of its journal. Not in releases.
//! Lines that only tell how far a step is, or what it says, are not counted: nothing is done or decided between them.

use infra_model::Event;

/// Said after each record.
pub(crate) fn after_a_record(event: &Event) {
    #[cfg(not(debug_assertions))]
    let _ = event;
    #[cfg(debug_assertions)]
    if !matches!(
        event,
        Event::StepProgressed { .. } | Event::StepOutput { .. }
    ) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static RECORDS: AtomicU64 = AtomicU64::new(0);
        let so_far = RECORDS.fetch_add(1, Ordering::Relaxed) + 1;
        let wanted = std::env::var("INFRA_CRASH_AFTER").ok();
        if wanted.and_then(|number| number.parse().ok()) == Some(so_far) {
            // As a power cut does: no destructor, no buffer gets to say a word.
            infra_drive::process::die();
        }
    }
}
