//! The clock on the wall: for people, and for what is good until a date. People and programs set it, by hours, in the middle of anything, so no limit
//! of a change goes by it; those go by the clock that counts from the boot (`change/clock.rs`).

use crate::host::Host;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(crate) fn now(host: &Host) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    now.saturating_add_signed(set_by(host))
}

/// By how many seconds a test has set this host's clock: hosts of a lab share the machine's, which cannot be set. Not in releases.
#[cfg(debug_assertions)]
fn set_by(host: &Host) -> i64 {
    let text = std::fs::read_to_string(host.run().join("clock-set-by")).unwrap_or_default();
    text.trim().parse().unwrap_or_default()
}

#[cfg(not(debug_assertions))]
fn set_by(_host: &Host) -> i64 {
    0
}
