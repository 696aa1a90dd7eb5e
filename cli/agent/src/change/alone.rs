//! Who may change the host now: one at a time, and nobody beside a change that is under way.

use super::begin::mend;
use super::locks::{Door, Turn};
use super::record::Folder;
use super::system;
use crate::host::Host;
use infra_model::{Code, Diagnostic};
use std::fs;
use std::path::PathBuf;

/// The host, with nobody else who changes it until this is dropped.
#[derive(Debug)]
pub(crate) struct Alone {
    who: PathBuf,
    // Declared before the door, so given back before it: who comes in finds the host free.
    _turn: Turn,
    _door: Door,
}

impl Drop for Alone {
    fn drop(&mut self) {
        // A host on which nothing came of it is as it was before.
        let _ = fs::remove_file(&self.who);
    }
}

impl Alone {
    /// Has the host for something short that is no change with a supervisor. Others who come meanwhile wait for it; `what` is told to those
    /// who look at the lock.
    ///
    /// A change that is under way may have to put back what it found, so it is not interfered with; one that has died is ended first, by the
    /// same rule as for the next change.
    pub(crate) fn with(host: &Host, what: &str) -> Result<Self, Diagnostic> {
        let again = |fault: Diagnostic| match fault.code {
            Code::HostBusy => fault.with_fix("wait until that has ended, then try again"),
            _ => fault,
        };
        let door = Door::take(host)?;
        refuse_if_busy(host).map_err(again)?;
        mend(host, None)?;
        match Turn::take(host, what)? {
            Some(turn) => Ok(Self {
                who: Turn::told_in(host),
                _turn: turn,
                _door: door,
            }),
            None => Err(again(busy(host))),
        }
    }
}

/// Says who is in the way, before anything is done for somebody who has to wait.
pub(super) fn refuse_if_busy(host: &Host) -> Result<(), Diagnostic> {
    let open = Folder::last(host).is_some_and(|folder| folder.is_alive());
    if open {
        return Err(busy(host));
    }
    match Turn::take(host, "infra-agent")? {
        Some(_) => Ok(()),
        None => Err(busy(host)),
    }
}

/// Somebody activates a system who does not ask us (`nixos-rebuild switch`, by hand or by a timer). They hold a lock of their own, under which an
/// activation of ours would fail, and so would its way back.
pub(super) fn refuse_if_switching(host: &Host) -> Result<(), Diagnostic> {
    if !system::is_switching(host) {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::HostBusy,
        "somebody else is activating a system on this host right now",
    )
    .with_cause(format!(
        "switch-to-configuration runs there, and not for infra: {} is locked",
        system::SWITCHING
    ))
    .with_fix("wait until that has ended, then deploy again"))
}

/// Who has the host, and how far that is.
pub(super) fn busy(host: &Host) -> Diagnostic {
    let status = Folder::last(host)
        .filter(Folder::is_alive)
        .and_then(|folder| folder.status(host, None).ok());
    let cause = match status {
        Some(status) => {
            let left = match status.remaining {
                Some(left) => format!(", {left} s left"),
                None => String::new(),
            };
            let ago = crate::wall::now(host).saturating_sub(status.since);
            format!(
                "run {} by {}, since {ago} s, is {}{left}",
                status.run,
                status.by,
                status.phase.as_str()
            )
        }
        None => Turn::who(host),
    };
    Diagnostic::new(
        Code::HostBusy,
        "somebody else is changing this host right now",
    )
    .with_cause(cause)
    .with_fix("wait until the other run has ended, then deploy again")
}
