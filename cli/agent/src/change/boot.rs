//! What a boot finds of a change that was under way when the machine went down.

use super::record::Folder;
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
    if kept.boot == system::boot_id(host) || folder.is_alive() {
        return Ok(());
    }
    let goes_back = match state.phase {
        ChangePhase::Armed | ChangePhase::Ended => false,
        ChangePhase::Activating
        | ChangePhase::Probing
        | ChangePhase::Awaiting
        | ChangePhase::Restoring => true,
        // Either can have been booted; early in a boot nobody may know yet, and what was confirmed stays.
        ChangePhase::Committing => {
            let booted = system::system(host, BOOTED).or_else(|| system::system(host, CURRENT));
            let new = intent.system.as_ref().map(|target| &target.path);
            booted.is_some() && booted.as_ref() != new
        }
    };
    let sealed = Sealed::of(host);
    if !goes_back || sealed.current() == before {
        return Ok(());
    }
    match before {
        Some(before) if sealed.read(before).is_ok() => sealed.make_current(before),
        Some(_) => Ok(()),
        // There were none. What is kept of them goes when the change is brought to its end.
        None => sealed.make_none_current(),
    }
}
