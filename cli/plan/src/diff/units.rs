//! What activation will likely do to units of systemd, by the rules of NixOS' `switch-to-configuration`.
//!
//! Likely: which units run at that moment, what activation scripts ask for and what the machine put there itself is decided on the host.

use super::unit_files::{Settings, Units, is_set};
use infra_model::answer::UnitChanges;
use infra_model::snapshot::Snapshot;
use std::collections::BTreeSet;

/// Settings of `[Unit]` that mean nothing to what runs: they describe it, or say what happens another time.
const IDLE: [&str; 13] = [
    "AllowIsolate",
    "CollectMode",
    "Description",
    "Documentation",
    "IgnoreOnIsolate",
    "OnFailure",
    "OnFailureJobMode",
    "OnSuccess",
    "RefuseManualStart",
    "RefuseManualStop",
    "SourcePath",
    "StopWhenUnneeded",
    "X-Reload-Triggers",
];

/// How two versions of a unit differ, for what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Differs {
    Nothing,
    WhatIsReloaded,
    WhatItRuns,
}

/// What becomes of the units. `active` are those that run; if that is not known, those count that something pulls in.
pub fn units(
    before: &Snapshot,
    after: &Snapshot,
    active: Option<&BTreeSet<String>>,
) -> UnitChanges {
    let (old, new) = (Units::of(before), Units::of(after));
    let mut changes = Changes::default();
    let runs = |unit: &str| match active {
        Some(active) => active.contains(unit),
        None => old.is_pulled(unit),
    };
    // Instances of templates have no file of their own: they are found among what runs.
    let instances = active.into_iter().flatten().map(String::as_str);
    let candidates: BTreeSet<&str> = old.files.keys().copied().chain(instances).collect();
    for unit in candidates.into_iter().filter(|unit| runs(unit)) {
        let Some(file) = old.file_of(unit) else {
            continue;
        };
        match new.file_of(unit).filter(|file| !new.is_masked(file)) {
            None if old.has_own_file(&file) => {
                if !is_set(&old.settings(&file), "Unit", "X-StopOnRemoval", false) {
                    changes.stop(unit);
                }
            }
            // Only a drop-in of ours was there: the unit is the machine's, and stays.
            None => changes.restart(unit),
            Some(now) => {
                let differs = compare(
                    &old.settings(&file),
                    &new.settings(&now),
                    &old,
                    &new,
                    (&file, &now),
                );
                let is = Is {
                    unit,
                    settings: &new.settings(&now),
                };
                changes.changed(&is, differs, &new, &runs);
            }
        }
    }
    for unit in new.newly_pulled(&old, &runs) {
        changes.start(unit, &new);
    }
    changes.finish()
}

fn compare(
    before: &Settings,
    after: &Settings,
    old: &Units<'_>,
    new: &Units<'_>,
    (was, is): (&str, &str),
) -> Differs {
    if old.identity(was) == new.identity(is) {
        return Differs::Nothing;
    }
    let keys: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| {
            let (then, now) = (before.get(key), after.get(key));
            if then == now {
                return Differs::Nothing;
            }
            match (key.0.as_str(), key.1.as_str()) {
                ("Unit", "X-Reload-Triggers") | ("Mount", "Options") if now.is_some() => {
                    Differs::WhatIsReloaded
                }
                ("Service", "ExecReload") if now.is_some() => Differs::WhatIsReloaded,
                ("Service", "ExecReload") => Differs::Nothing,
                ("Unit", key) if IDLE.contains(&key) => Differs::Nothing,
                _ => Differs::WhatItRuns,
            }
        })
        .max()
        .unwrap_or(Differs::Nothing)
}

/// A unit of the new system.
struct Is<'s> {
    unit: &'s str,
    settings: &'s Settings,
}

/// What is collected, each unit once.
#[derive(Default)]
struct Changes {
    start: BTreeSet<String>,
    stop: BTreeSet<String>,
    restart: BTreeSet<String>,
    reload: BTreeSet<String>,
    keep: BTreeSet<String>,
}

impl Changes {
    fn stop(&mut self, unit: &str) {
        self.stop.insert(unit.to_owned());
    }

    fn restart(&mut self, unit: &str) {
        self.restart.insert(unit.to_owned());
    }

    fn start(&mut self, unit: &str, new: &Units<'_>) {
        let settings = new
            .file_of(unit)
            .map(|file| new.settings(&file))
            .unwrap_or_default();
        let by_hand = ["RefuseManualStart", "X-OnlyManualStart"]
            .into_iter()
            .any(|key| is_set(&settings, "Unit", key, true));
        if !by_hand {
            self.start.insert(unit.to_owned());
        }
    }

    /// A unit that runs and is there still.
    fn changed(
        &mut self,
        is: &Is<'_>,
        differs: Differs,
        new: &Units<'_>,
        runs: &dyn Fn(&str) -> bool,
    ) {
        let Is { unit, settings } = *is;
        let kind = unit.rsplit_once('.').map_or("", |(_, kind)| kind);
        match (differs, kind) {
            // systemd applies what is said of them when it reads its units again; sockets are left for now by NixOS as well.
            (Differs::Nothing, _) | (_, "target" | "slice" | "path" | "socket") => {}
            (Differs::WhatIsReloaded, _) => _ = self.reload.insert(unit.to_owned()),
            // The root and the store cannot be taken away from what runs.
            (Differs::WhatItRuns, "mount") if matches!(unit, "-.mount" | "nix.mount") => {
                self.reload.insert(unit.to_owned());
            }
            (Differs::WhatItRuns, "mount") => self.restart(unit),
            (Differs::WhatItRuns, _) if is_set(settings, "Service", "X-ReloadIfChanged", true) => {
                self.reload.insert(unit.to_owned());
            }
            (Differs::WhatItRuns, _) if is_kept(settings) => {
                self.keep.insert(unit.to_owned());
            }
            (Differs::WhatItRuns, _) => self.stop_and_start(unit, new, settings, runs),
        }
    }

    /// A service that a socket starts is stopped with it, and the socket alone is started again: the next client starts the service.
    fn stop_and_start(
        &mut self,
        unit: &str,
        new: &Units<'_>,
        settings: &Settings,
        runs: &dyn Fn(&str) -> bool,
    ) {
        let in_one = is_set(settings, "Service", "X-StopIfChanged", false)
            || is_set(settings, "Service", "X-NotSocketActivated", true);
        let sockets = sockets(unit, settings);
        let socket = sockets
            .iter()
            .find(|socket| !in_one && new.files.contains_key(socket.as_str()));
        match socket {
            Some(socket) if runs(socket) => {
                self.stop(unit);
                self.restart(socket);
            }
            // It comes to be started by a socket.
            Some(_) => self.stop(unit),
            None => self.restart(unit),
        }
    }

    fn finish(self) -> UnitChanges {
        let but = |of: BTreeSet<String>, and: &BTreeSet<String>| {
            of.into_iter().filter(|unit| !and.contains(unit)).collect()
        };
        UnitChanges {
            start: but(self.start, &self.restart),
            reload: but(self.reload, &self.restart),
            keep: self.keep.into_iter().collect(),
            stop: self.stop.into_iter().collect(),
            restart: self.restart.into_iter().collect(),
        }
    }
}

/// Whether a unit asks to be left as it runs.
fn is_kept(settings: &Settings) -> bool {
    is_set(settings, "Service", "X-RestartIfChanged", false)
        || is_set(settings, "Unit", "RefuseManualStop", true)
        || is_set(settings, "Unit", "X-OnlyManualStart", true)
}

/// The sockets that may start a service: those it names, else the one of its name.
fn sockets(unit: &str, settings: &Settings) -> Vec<String> {
    let Some(name) = unit.strip_suffix(".service") else {
        return Vec::new();
    };
    let named = settings.get(&("Service".to_owned(), "Sockets".to_owned()));
    match named {
        Some(values) if !values.is_empty() => values
            .iter()
            .flat_map(|value| value.split_whitespace())
            .map(str::to_owned)
            .collect(),
        _ => {
            let name = name.split('@').next().unwrap_or(name);
            vec![format!("{name}.socket")]
        }
    }
}
