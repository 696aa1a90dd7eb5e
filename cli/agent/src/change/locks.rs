//! The locks of changes: who may order one, and who changes the host's system.

use super::clock;
use crate::fault::cannot;
use crate::files;
use crate::host::Host;
use infra_model::{Code, Diagnostic};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Who changes what is kept here, one at a time: orders, staged bundles, secrets without a change. Held for moments, or until a supervisor has
/// taken over.
#[derive(Debug)]
pub(crate) struct Door {
    _file: File,
}

impl Door {
    pub(crate) fn take(host: &Host) -> Result<Self, Diagnostic> {
        files::folder(&host.changes(), 0o700)?;
        let file = open_lock(&host.changes().join("lock"))?;
        // Whoever has it starts a supervisor, or waits for one to put the host back.
        let until = clock::Deadline::after(30);
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if until.is_over() {
                return Err(Diagnostic::new(
                    Code::HostBusy,
                    "somebody else is beginning a change of this host right now",
                )
                .with_cause("its agent is taking an order, puts other secrets in place, or recovers a change that was cut off")
                .with_fix("wait until that has ended, then try again"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { _file: file })
    }
}

/// The lock that everything holds which changes the system of a host, scripts of earlier releases among them.
#[derive(Debug)]
pub(crate) struct Turn {
    _file: File,
}

impl Turn {
    /// Takes it; `None` if somebody has it.
    pub(crate) fn take(host: &Host, who: &str) -> Result<Option<Self>, Diagnostic> {
        files::folder(&host.run(), 0o755)?;
        let file = open_lock(&host.run().join("lock"))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        // For people, and for nothing else.
        let _ = fs::write(Self::told_in(host), format!("{who}\n"));
        Ok(Some(Self { _file: file }))
    }

    /// The file in which somebody says to have it.
    pub(super) fn told_in(host: &Host) -> PathBuf {
        host.run().join("lock.who")
    }

    /// Who says to have it.
    pub(crate) fn who(host: &Host) -> String {
        let text = fs::read_to_string(Self::told_in(host)).unwrap_or_default();
        match text.trim() {
            "" => "nobody says who".to_owned(),
            who => who.to_owned(),
        }
    }
}

pub(super) fn open_lock(path: &Path) -> Result<File, Diagnostic> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(cannot("open", path))
}
