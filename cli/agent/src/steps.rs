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

/// The same for the supervisor that this call starts.
#[cfg(debug_assertions)]
static SUPERVISOR: AtomicU64 = AtomicU64::new(0);

/// Sets the number of changes after which a supervisor dies that this call starts. `None`: this is no number, or a release.
pub(crate) fn stop_supervisor_after(number: &str) -> Option<()> {
    #[cfg(debug_assertions)]
    {
        SUPERVISOR.store(number.parse().ok()?, Ordering::Relaxed);
        Some(())
    }
    #[cfg(not(debug_assertions))]
    {
        let _ = number;
        None
    }
}

/// The words that say so to it.
pub(crate) fn for_supervisor() -> Vec<std::ffi::OsString> {
    #[cfg(debug_assertions)]
    if SUPERVISOR.load(Ordering::Relaxed) > 0 {
        let number = SUPERVISOR.load(Ordering::Relaxed).to_string();
        return vec!["--stop-after".into(), number.into()];
    }
    Vec::new()
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
