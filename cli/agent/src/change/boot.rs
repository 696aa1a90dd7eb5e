//! What a boot finds of a change that was under way when the machine went down.

use super::record::{Folder, is_boot_of};
use super::system::{self, BOOTED, CURRENT};
use crate::host::Host;
use crate::sealed::Sealed;
use infra_model::Diagnostic;
use infra_model::change::ChangePhase;

/// The machine boots what was its default before the change, so its secrets of then are the current ones again. Called before they are
/// unpacked; the rest is for `change recover`.
pub(crate) fn secrets_of_what_boots(host: &Host) -> Result<(), Diagnostic> {
    let Some(folder) = Folder::last(host) else {
        return Ok(());
    };
    // What another release left is nothing that a boot may fail for.
    let (Ok(kept), Ok(state)) = (folder.kept(), folder.state()) else {
        return Ok(());
    };
    let intent = &kept.order.intent;
    if intent.secrets.is_none() {
        return Ok(());
    }
    let before = intent.expected.secrets;
    let new = intent.system.as_ref().map(|target| &target.path);
    let booted = || {
        system::system(host, BOOTED)
            .or_else(|| system::system(host, CURRENT))
            .or_else(|| system::of_command_line(host))
    };
    if is_boot_of(&kept, &state, host) || folder.is_alive() {
        return Ok(());
    }
    let mut wanted = before;
    let goes_there = match state.phase {
        ChangePhase::Armed | ChangePhase::Ended => false,
        ChangePhase::Activating
        | ChangePhase::Probing
        | ChangePhase::Awaiting
        | ChangePhase::Restoring => true,
        // The boot that the change is about: its secrets come with it. Nobody may know yet which it is.
        ChangePhase::Booting => {
            let booted = booted();
            if booted.is_some() && booted.as_ref() == new {
                wanted = state.reboot.secrets.or(before);
            }
            booted.is_some()
        }
        // Either can have been booted; early in a boot nobody may know yet, and what was confirmed stays.
        ChangePhase::Committing => {
            let booted = booted();
            booted.is_some() && booted.as_ref() != new
        }
    };
    let sealed = Sealed::of(host);
    if !goes_there || sealed.current() == wanted {
        return Ok(());
    }
    match wanted {
        Some(wanted) if sealed.read(wanted).is_ok() => sealed.make_current(wanted),
        Some(_) => Ok(()),
        // There were none. What is kept of them goes when the change is brought to its end.
        None => sealed.make_none_current(),
    }
}
