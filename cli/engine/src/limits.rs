//! How many steps of a kind may run at once.

use infra_model::StepKind;

/// Parallelism per kind of step. What is bounded by this machine's cores is counted apart from what only waits for hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Evaluator processes: each takes a core and some hundred MiB.
    pub evaluate: usize,
    /// Builds handed to Nix at once; Nix's own `max-jobs` bounds what they do.
    pub build: usize,
    /// Copies at once: they share this machine's cores and uplink.
    pub copy: usize,
    /// Hosts surveyed, activated, confirmed or committed at once: mostly waiting.
    pub hosts: usize,
}

impl Limits {
    /// Sensible limits for a machine with that many cores.
    pub fn for_cores(cores: usize) -> Self {
        let cores = cores.max(1);
        Self {
            evaluate: cores,
            build: cores * 2,
            copy: cores * 4,
            hosts: 32,
        }
    }

    pub(crate) fn of(&self, kind: StepKind) -> usize {
        let limit = match kind {
            StepKind::Evaluate => self.evaluate,
            StepKind::Build => self.build,
            StepKind::Copy => self.copy,
            StepKind::Survey
            | StepKind::Seal
            | StepKind::Activate
            | StepKind::Confirm
            | StepKind::Commit => self.hosts,
        };
        limit.max(1)
    }
}
