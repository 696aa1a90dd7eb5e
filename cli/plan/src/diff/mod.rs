//! What differs between two systems: packages, files below `/etc`, units, what waits for a boot.
//!
//! Pure: two [`Snapshot`]s in, data out. What cannot be told from them is not guessed; what activation will do to units is called likely, since
//! activation decides.

mod boot;
mod etc;
mod packages;
mod unit_files;
mod units;
mod values;

#[cfg(test)]
mod etc_tests;
#[cfg(test)]
mod units_tests;

pub use boot::boot;
pub use etc::{Hidden, etc};
pub use packages::{packages, sending};
pub use units::units;
pub use values::{Privacy, secrets, values};

use infra_model::answer::{Level, Preview};
use infra_model::snapshot::{Presence, Snapshot};

/// Everything two systems tell. `before` is `None` if the host runs no system of ours yet.
pub fn systems(
    before: Option<&Snapshot>,
    after: &Snapshot,
    presence: &Presence,
    hidden: &Hidden,
) -> Preview {
    let nothing = Snapshot {
        closure: Some(std::collections::BTreeMap::new()),
        ..Snapshot::default()
    };
    let before = before.unwrap_or(&nothing);
    let mut notes = Vec::new();
    let closures = before.closure.as_ref().zip(after.closure.as_ref());
    let packages = closures.map(|(old, new)| packages(old, new));
    if packages.is_none() {
        notes.push("the host did not tell the closure of what it runs".to_owned());
    }
    let send = match (&after.closure, &presence.lacks) {
        (Some(closure), Some(lacks)) => Some(sending(closure, lacks)),
        _ => None,
    };
    Preview {
        level: Level::Built,
        packages,
        send,
        etc: Some(etc(before, after, hidden)),
        units: Some(units(before, after, presence.active.as_ref())),
        boot: Some(boot(&before.boot, &after.boot)),
        notes,
        ..Preview::default()
    }
}
