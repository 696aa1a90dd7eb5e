//! One agent at a time changes the secrets of a host.

use crate::fault::cannot;
use crate::files;
use crate::host::Host;
use infra_model::{Code, Diagnostic};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::thread;
use std::time::{Duration, Instant};

/// Restarting consumers is part of what the lock covers, and takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lock; let go when it is dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says that somebody else holds it.
    pub(crate) fn take(host: &Host) -> Result<Self, Diagnostic> {
        files::folder(&host.sealed(), 0o700)?;
        let path = host.sealed().join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(cannot("open", &path))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK) if Instant::now() < until => {
                    thread::sleep(Duration::from_millis(50));
                }
                Err(Errno::WOULDBLOCK) => {
                    return Err(Diagnostic::new(
                        Code::HostBusy,
                        "another infra-agent is changing the secrets of this host right now",
                    )
                    .with_cause(format!("{} is locked", path.display()))
                    .with_fix("wait until it has ended, then try again"));
                }
                Err(error) => return Err(cannot("lock", &path)(error)),
            }
        }
    }
}
