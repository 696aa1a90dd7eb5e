//! Units that must still be told that their secrets have changed. Written before the change, so that no crash forgets one; a reboot
//! forgets them all, rightly, since it starts every unit anew.

use crate::fault::cannot;
use crate::files;
use crate::host::Host;
use crate::units::Action;
use infra_model::Diagnostic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// What is left to do, by unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) units: BTreeMap<String, Due>,
}

/// What is left to do for a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) action: Action,
    /// When its secrets changed, in microseconds since boot: a unit that has started later has the new ones. `None` while the change is
    /// under way: then nobody knows, and the unit is not spared.
    pub(crate) since: Option<u64>,
}

impl Pending {
    /// What was left to do. A file that cannot be read is of another release; what it asked for is lost, which a reboot would do as well.
    pub(crate) fn read(host: &Host) -> Self {
        let text = fs::read_to_string(file(host)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Adds what a change asks for, with the change still to come.
    pub(crate) fn expect(&mut self, actions: &BTreeMap<String, Action>) {
        for (unit, action) in actions {
            let due = self.units.entry(unit.clone()).or_insert(Due {
                action: *action,
                since: None,
            });
            due.action = due.action.max(*action);
            due.since = None;
        }
    }

    /// The change has been made.
    pub(crate) fn made(&mut self, actions: &BTreeMap<String, Action>, now: u64) {
        for unit in actions.keys() {
            if let Some(due) = self.units.get_mut(unit) {
                due.since = Some(now);
            }
        }
    }

    /// Writes it down.
    pub(crate) fn write(&self, host: &Host) -> Result<(), Diagnostic> {
        let path = file(host);
        if self.units.is_empty() {
            return files::remove(&path);
        }
        let json = serde_json::to_vec(self).map_err(cannot("write", &path))?;
        files::write(&path, &json)
    }
}

fn file(host: &Host) -> PathBuf {
    host.run().join("secrets-pending.json")
}

/// Microseconds since boot, on the clock by which systemd says when units have started.
pub(crate) fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let part = |number: i64, unit: u64| {
        u64::try_from(number)
            .unwrap_or_default()
            .saturating_mul(unit)
    };
    part(now.tv_sec, 1_000_000).saturating_add(part(now.tv_nsec, 1) / 1000)
}

#[cfg(test)]
mod tests {
    use super::Pending;
    use crate::units::Action::{Reload, Restart};
    use std::collections::BTreeMap;

    #[test]
    fn several_changes_add_up() {
        let actions = |list: &[(&str, _)]| -> BTreeMap<String, _> {
            list.iter()
                .map(|(unit, action)| ((*unit).to_owned(), *action))
                .collect()
        };
        let mut pending = Pending::default();
        let first = actions(&[("a", Reload), ("b", Restart)]);
        pending.expect(&first);
        assert_eq!(
            pending.units["a"].since, None,
            "not yet made: nobody is spared"
        );
        pending.made(&first, 10);
        let second = actions(&[("a", Restart)]);
        pending.expect(&second);
        assert_eq!(
            (pending.units["a"].action, pending.units["a"].since),
            (Restart, None)
        );
        pending.made(&second, 20);
        pending.expect(&actions(&[("b", Reload)]));
        assert_eq!(pending.units["a"].since, Some(20));
        assert_eq!(
            pending.units["b"].action, Restart,
            "a restart is more than a reload"
        );
    }
}
