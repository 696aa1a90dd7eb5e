//! What the host is: its links to systems, its profile, its boot.

use super::clock::Deadline;
use crate::host::Host;
use crate::process;
use crate::sealed::Sealed;
use infra_model::StorePath;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

pub(crate) const CURRENT: &str = "/run/current-system";
pub(crate) const BOOTED: &str = "/run/booted-system";
pub(crate) const PROFILE: &str = "/nix/var/nix/profiles/system";
pub(crate) const PROFILES: &str = "/nix/var/nix/profiles";
pub(crate) const STORE: &str = "/nix/store";
/// Where boot loaders have their menus.
pub(crate) const BOOT: &str = "/boot";

/// What NixOS' `switch-to-configuration` locks for as long as it runs; while somebody has it, another one fails.
pub(crate) const SWITCHING: &str = "/run/nixos/switch-to-configuration.lock";

/// The host as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) current: Option<StorePath>,
    pub(crate) boot_default: Option<StorePath>,
    pub(crate) generation: Option<u64>,
    pub(crate) boot_id: Option<String>,
    pub(crate) secrets: Option<u64>,
}

impl Now {
    pub(crate) fn of(host: &Host) -> Self {
        Self {
            current: system(host, CURRENT),
            boot_default: system(host, PROFILE),
            generation: generation(host),
            boot_id: boot_id(host),
            secrets: Sealed::of(host).current(),
        }
    }
}

/// The system that a link leads to, over other links.
pub(crate) fn system(host: &Host, link: &str) -> Option<StorePath> {
    const MOST: usize = 10;
    let mut path = PathBuf::from(link);
    for _ in 0..MOST {
        if let Some(found) = path.to_str().and_then(StorePath::parse) {
            return Some(found);
        }
        let target = fs::read_link(host.path(path.to_str()?)).ok()?;
        path = path.parent()?.join(target);
    }
    None
}

/// The generation that the profile leads to.
pub(crate) fn generation(host: &Host) -> Option<u64> {
    let target = fs::read_link(host.path(PROFILE)).ok()?;
    let name = target.file_name()?.to_str()?;
    name.strip_prefix("system-")?
        .strip_suffix("-link")?
        .parse()
        .ok()
}

/// The system of a generation.
pub(crate) fn of_generation(host: &Host, generation: u64) -> Option<StorePath> {
    system(host, &format!("{PROFILE}-{generation}-link"))
}

/// The numbers of all generations.
pub(crate) fn generations(host: &Host) -> Vec<u64> {
    let folder = PROFILE.rsplit_once('/').map_or("/", |(folder, _)| folder);
    let entries = fs::read_dir(host.path(folder)).into_iter().flatten();
    entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?.strip_prefix("system-")?;
            name.strip_suffix("-link")?.parse().ok()
        })
        .collect()
}

/// The program by which a system is activated and made the boot default.
pub(crate) fn switch(system: &StorePath) -> String {
    format!("{system}/bin/switch-to-configuration")
}

/// Whether a system is being activated or made the boot default, by whomever.
pub(crate) fn is_switching(host: &Host) -> bool {
    File::open(host.path(SWITCHING))
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

/// Waits until nobody does, or this time is over.
pub(crate) fn wait_for_switching(host: &Host, until: Deadline) {
    while is_switching(host) && !until.is_over() {
        thread::sleep(Duration::from_millis(100));
    }
}

/// Whether a system is still in the store.
pub(crate) fn is_there(host: &Host, system: &StorePath) -> bool {
    host.path(&switch(system)).exists()
}

/// The kernel's id of this boot.
pub(crate) fn boot_id(host: &Host) -> Option<String> {
    let text = fs::read_to_string(host.path("/proc/sys/kernel/random/boot_id")).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Units that have failed, once systemd has no more to do, or has had its time.
pub(crate) fn settled_failed_units(host: &Host) -> Vec<String> {
    const PATIENCE: u64 = 10;
    if !host.has_systemd() {
        return Vec::new();
    }
    let ask = |words: &[&str]| process::ask_within("systemctl", words, PATIENCE);
    let until = Deadline::after(PATIENCE);
    while !until.is_over() {
        let jobs = ask(&["list-jobs", "--no-legend", "--plain"]);
        if jobs.is_some_and(|jobs| jobs.trim().is_empty()) {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    let listed = ask(&["list-units", "--state=failed", "--no-legend", "--plain"]);
    let names = |text: String| {
        let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
        text.lines().filter_map(first).collect()
    };
    listed.map(names).unwrap_or_default()
}

/// How the boot of the host came out, once systemd has no more to do for it: `running`, `degraded`, `maintenance`. `None` if it still has by
/// then.
pub(crate) fn booted_state(host: &Host, until: Deadline) -> Option<String> {
    const PATIENCE: u64 = 10;
    if !host.has_systemd() {
        return Some("running".to_owned());
    }
    while !until.is_over() {
        // It says so in its exit code as well.
        let words = ["is-system-running"];
        let asked = process::program("systemctl", &words);
        let state = process::told_within(asked, Duration::from_secs(PATIENCE));
        match state.as_ref().map(|(_, state)| state.trim()) {
            Some("" | "initializing" | "starting" | "offline" | "unknown") | None => {}
            Some(state) => return Some(state.to_owned()),
        }
        thread::sleep(Duration::from_millis(200));
    }
    None
}

/// Whether systemd is on its way down.
pub(crate) fn is_going_down(host: &Host) -> bool {
    const PATIENCE: Duration = Duration::from_secs(10);
    host.has_systemd()
        && process::told_within(
            process::program("systemctl", &["is-system-running"]),
            PATIENCE,
        )
        .is_some_and(|(_, state)| state.trim() == "stopping")
}

/// The system that the kernel was told to start: known before anything of it has run.
pub(crate) fn of_command_line(host: &Host) -> Option<StorePath> {
    let line = fs::read_to_string(host.path("/proc/cmdline")).ok()?;
    line.split_whitespace()
        .filter_map(|word| word.strip_prefix("init=")?.strip_suffix("/init"))
        .find_map(StorePath::parse)
}

/// Clears the failure of a unit that there is none of any more. Whether it was such a one.
pub(crate) fn forget(host: &Host, unit: &str) -> bool {
    const PATIENCE: u64 = 10;
    let is_gone = host.has_systemd()
        && process::ask_within(
            "systemctl",
            &["show", "--property=LoadState", unit],
            PATIENCE,
        )
        .is_some_and(|state| state.trim() == "LoadState=not-found");
    is_gone && process::ask_within("systemctl", &["reset-failed", unit], PATIENCE).is_some()
}

/// Roots for the collector, so that no system of the change goes away while it is neither current nor a generation.
pub(crate) fn hold(host: &Host, name: &str, system: Option<&StorePath>) {
    let folder = host.path("/nix/var/nix/gcroots");
    let link = folder.join(format!("infra-change-{name}"));
    // Without the root the change is as safe as the next collection is far: no reason to refuse it.
    let _ = match system {
        Some(system) if folder.is_dir() => crate::files::link(&link, Path::new(system.as_str())),
        _ => crate::files::remove(&link),
    };
}
