//! The clock that deadlines go by: nobody sets it, and it goes on while the machine sleeps.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Since boot.
pub(crate) fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

/// A moment that comes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    pub(crate) fn after(seconds: u64) -> Self {
        Self(now().saturating_add(Duration::from_secs(seconds)))
    }

    /// What is left; nothing once it is over.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_sub(now())
    }

    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// Seconds since boot, for another process of the same boot.
    pub(crate) fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}
