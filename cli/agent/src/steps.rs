//! A power cut in tests: `--stop-after N` kills the agent after its Nth change to the host. Not in releases.

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU64, Ordering};

/// How many more changes there may be; 0: as many as it takes.
#[cfg(debug_assertions)]
static LEFT: AtomicU64 = AtomicU64::new(0);

/// Sets the number of changes after which the agent dies. `None`: this is no number, or a release.
pub(crate) fn stop_after(number: &str) -> Option<()> {
    #[cfg(debug_assertions)]
    {
        LEFT.store(number.parse().ok()?, Ordering::Relaxed);
        Some(())
    }
    #[cfg(not(debug_assertions))]
    {
        let _ = number;
        None
    }
}

/// Said after each change that outlives the agent.
pub(crate) fn changed() {
    #[cfg(debug_assertions)]
    if LEFT.load(Ordering::Relaxed) > 0 && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
        // As a power cut does: no destructor, no buffer gets to say a word.
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
