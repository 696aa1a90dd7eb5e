//! A plan: units of work and what each must wait for.

use infra_model::{HostName, Step};
use serde::Serialize;

/// Position of a unit in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UnitId(pub usize);

/// One step on one host, and the units that must have succeeded before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// The host.
    pub host: HostName,
    /// What to do, with all operands.
    #[serde(flatten)]
    pub step: Step,
    /// Earlier units of the same plan.
    pub after: Vec<UnitId>,
}

/// The complete list of what will be done. A unit only waits for units before it, so there are no cycles by construction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Plan {
    units: Vec<Unit>,
}

impl Plan {
    /// Appends a unit that waits for `after`; later ids are dropped, since only earlier units can be waited for.
    pub fn add(&mut self, host: &HostName, step: Step, after: &[UnitId]) -> UnitId {
        let id = UnitId(self.units.len());
        self.units.push(Unit {
            host: host.clone(),
            step,
            after: after
                .iter()
                .copied()
                .filter(|before| *before < id)
                .collect(),
        });
        id
    }

    /// Appends steps on one host that follow one another.
    pub fn chain(&mut self, host: &HostName, steps: impl IntoIterator<Item = Step>) {
        let mut after: Option<UnitId> = None;
        for step in steps {
            after = Some(self.add(host, step, after.as_slice()));
        }
    }

    /// All units, in the order they were planned.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }
}
