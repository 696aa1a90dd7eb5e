//! GRUB: the entry of a system in its menu, and whether it can forget what it was told to boot next.

mod disk;
mod menu;

use super::cannot;
use crate::host::Host;
use infra_model::{Diagnostic, StorePath};
use menu::{Menu, Unfit};
use std::fs;

/// A menu, where GRUB reads it. A host whose boot folder is mirrored has several, and only its firmware knows which one is read.
struct Found {
    folder: String,
    menu: Menu,
}

impl Found {
    fn menu_file(&self) -> String {
        format!("{}/grub/grub.cfg", self.folder)
    }

    fn environment(&self) -> String {
        environment(&self.folder)
    }

    /// The entry that GRUB itself or its user has saved as the default.
    fn saved(&self, host: &Host) -> String {
        let bytes = fs::read(host.path(&self.environment())).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let saved = text
            .lines()
            .find_map(|line| line.strip_prefix("saved_entry="));
        saved.unwrap_or_default().to_owned()
    }

    fn unfit(&self, system: &StorePath, why: &Unfit) -> Diagnostic {
        let file = self.menu_file();
        cannot(&match why {
            Unfit::Missing => format!("{file} has no entry for {system}"),
            Unfit::Unsure => format!(
                "in {file} the entry of {system} has no number that is sure: it comes after entries that are there under conditions"
            ),
            Unfit::Asks => format!(
                "GRUB asks for a password before it boots the entry of {system} in {file}, as that does not say --unrestricted (boot.loader.grub.users)"
            ),
            Unfit::Waits => format!(
                "the menu {file} waits for somebody to choose (boot.loader.timeout), so nothing would bring {system} back"
            ),
            Unfit::Default(entry) => format!(
                "with the new system in {file}, its default is `{entry}` and not an entry of {system}, so nothing would bring that back"
            ),
        })
    }
}

fn environment(folder: &str) -> String {
    format!("{folder}/grub/grubenv")
}

fn mounts(host: &Host) -> String {
    fs::read_to_string(host.path("/proc/self/mountinfo")).unwrap_or_default()
}

fn found(host: &Host) -> Vec<Found> {
    let read = |folder: String| {
        let text = fs::read(host.path(&format!("{folder}/grub/grub.cfg"))).ok()?;
        let menu = Menu::parse(&String::from_utf8_lossy(&text));
        Some(Found { folder, menu })
    };
    disk::folders(&mounts(host))
        .into_iter()
        .filter_map(read)
        .collect()
}

fn init(system: &StorePath) -> String {
    format!("{system}/init")
}

/// Whether it boots this host; and if so, whether it can boot something once.
pub(super) fn is_there(host: &Host) -> Option<Result<(), String>> {
    let found = found(host);
    if found.is_empty() {
        return None;
    }
    // Asked for after the menus were read, as that mounts what is mounted on demand.
    let mounts = mounts(host);
    let fits = |one: &Found| {
        if !one.menu.forgets {
            let file = one.menu_file();
            return Err(format!("{file} does not read and forget `next_entry`"));
        }
        disk::can_write(host, &mounts, &one.environment())
    };
    Some(found.iter().try_for_each(fits))
}

/// What has to be told where, so that this system is booted next: environments, and entries.
pub(super) fn entries(
    host: &Host,
    system: &StorePath,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let found = found(host);
    if found.is_empty() {
        return Err(cannot("there is no menu of GRUB on it any more"));
    }
    let told = |one: &Found| {
        let place = one.menu.place(&init(system));
        let place = place.map_err(|why| one.unfit(system, &why))?;
        Ok((one.environment(), place))
    };
    found.iter().map(told).collect()
}

/// Where `next_entry` may be set.
pub(super) fn environments(host: &Host) -> Vec<String> {
    let found = found(host);
    if found.is_empty() {
        return vec![environment("/boot")];
    }
    found.iter().map(Found::environment).collect()
}

/// Whether this system is booted if nobody chooses.
pub(super) fn check_default(host: &Host, system: &StorePath) -> Result<(), Diagnostic> {
    let found = found(host);
    if found.is_empty() {
        return Err(cannot("there is no menu of GRUB on it any more"));
    }
    found.iter().try_for_each(|one| {
        let checked = one.menu.check_default(&init(system), &one.saved(host));
        checked.map_err(|why| one.unfit(system, &why))
    })
}
