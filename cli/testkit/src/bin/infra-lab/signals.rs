//! Ctrl-C and its kin: a lab must be taken down, so they are heard and not died of.

use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use infra_testkit::Signal;
use rustix::process::{Pid, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::Failure;

const TICK: Duration = Duration::from_millis(20);

/// Whether the person (or the machine) wants this program to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts {
    /// From a terminal, which tells the children as well.
    ctrl_c: Arc<AtomicBool>,
    /// Sent to this process alone.
    told: Arc<AtomicBool>,
}

impl Interrupts {
    /// From now on the signals are heard.
    pub(crate) fn hear() -> Result<Self, Failure> {
        let interrupts = Self {
            ctrl_c: Arc::default(),
            told: Arc::default(),
        };
        signal_hook::flag::register(SIGINT, Arc::clone(&interrupts.ctrl_c))?;
        signal_hook::flag::register(SIGTERM, Arc::clone(&interrupts.told))?;
        signal_hook::flag::register(SIGHUP, Arc::clone(&interrupts.told))?;
        Ok(interrupts)
    }

    /// Whether one came.
    pub(crate) fn came(&self) -> bool {
        self.ctrl_c.load(Ordering::Relaxed) || self.told.load(Ordering::Relaxed)
    }

    /// Waits for one.
    pub(crate) fn wait(&self) {
        while !self.came() {
            thread::sleep(TICK);
        }
    }

    /// Runs a command with this program's own terminal to its end, and passes on what was sent to
    /// this process alone.
    pub(crate) fn run(&self, command: &mut Command) -> Result<ExitStatus, Failure> {
        let mut child = command.spawn()?;
        let mut passed_on = false;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.told.load(Ordering::Relaxed) && !passed_on {
                passed_on = true;
                let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                if let Some(pid) = pid {
                    // It may have just ended.
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
            thread::sleep(TICK);
        }
    }
}
