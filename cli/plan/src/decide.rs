//! What to do with each host, given what was found.

use crate::Plan;
use infra_model::change::{Expected, Intent, Limits, Reboot, Target};
use infra_model::contract::Probe;
use infra_model::duration;
use infra_model::event::PlannedHost;
use infra_model::{
    BuildOn, Evaluation, Goal, HostName, HostState, NeedName, Step, StepKind, StorePath,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that is known of one host before it is decided on.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The host.
    pub name: HostName,
    /// Where its system is to be built.
    pub build: BuildOn,
    /// Its state, as surveyed.
    pub state: HostState,
    /// Its system, as evaluated.
    pub system: Evaluation,
    /// Its secrets, as its contract wants them.
    pub secrets: Secrets,
    /// What must hold of it after a change; `None`: it is not tried, on purpose.
    pub probes: Option<BTreeMap<NeedName, Probe>>,
    /// How long the parts of a change may take.
    pub limits: Limits,
    /// Whether it may be booted into its system.
    pub reboot: Reboot,
}

/// The secrets that a host is to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// What they are called together: another name if any of them, or how it is to be put, is another.
    pub digest: String,
    /// Their names. None: the host needs none.
    pub names: Vec<String>,
}

impl Secrets {
    /// What they are called together; `None` if there are none.
    pub fn name(&self) -> Option<&str> {
        (!self.names.is_empty()).then_some(self.digest.as_str())
    }

    /// What the secrets of a host are called together; `None` if it has none.
    pub fn held_by(state: &HostState) -> Option<&str> {
        let held = state.secrets.as_ref()?;
        held.digest.as_deref().filter(|_| !held.names.is_empty())
    }

    pub(crate) fn differ_from(&self, state: &HostState) -> bool {
        match &state.secrets {
            // A host that was never given any needs no agent to have none.
            None => !self.names.is_empty(),
            Some(has) if self.names.is_empty() => !has.names.is_empty(),
            Some(has) => has.digest.as_deref() != Some(&self.digest) || !has.in_place,
        }
    }

    /// Why they are put in place: which are new and which are to go, by name.
    pub(crate) fn reason(&self, state: &HostState) -> String {
        let has = state.secrets.as_ref();
        let old: &[String] = has.map_or(&[], |has| has.names.as_slice());
        let only = |of: &[String], and: &[String]| {
            let names: Vec<&str> = of
                .iter()
                .filter(|name| !and.contains(name))
                .map(String::as_str)
                .collect();
            names.join(", ")
        };
        let (added, removed) = (only(&self.names, old), only(old, &self.names));
        match (added.as_str(), removed.as_str()) {
            ("", "") if has.is_some_and(|has| has.digest.as_deref() == Some(&self.digest)) => {
                "has its secrets, but not in place".to_owned()
            }
            ("", "") => "secrets changed".to_owned(),
            (added, "") => format!("secrets to add: {added}"),
            ("", removed) => format!("secrets to remove: {removed}"),
            (added, removed) => format!("secrets to add: {added}; to remove: {removed}"),
        }
    }
}

/// Whether anything has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The host is already as wanted.
    Unchanged,
    /// The host has to be changed.
    Change,
}

/// The decision on one host: what, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The host.
    pub host: HostName,
    /// Whether anything has to be done.
    pub verdict: Verdict,
    /// Why, in words; never empty.
    pub reasons: Vec<String>,
    /// What will be done, in order.
    pub steps: Vec<Step>,
}

impl Decision {
    /// The decision as it is told in the event stream.
    pub fn summary(&self) -> PlannedHost {
        PlannedHost {
            host: self.host.clone(),
            reasons: self.reasons.clone(),
            steps: self.steps.iter().map(Step::kind).collect(),
        }
    }

    /// Whether `kind` is among the steps.
    pub fn includes(&self, kind: StepKind) -> bool {
        self.steps.iter().any(|step| step.kind() == kind)
    }
}

/// Decides on every host and lines up the work: hosts independent of each other, steps of one host in order.
pub fn deploy(known: &[Known], goal: Goal) -> (Vec<Decision>, Plan) {
    let decisions: Vec<Decision> = known.iter().map(|host| decide(host, goal)).collect();
    let plan = lined_up(&decisions);
    (decisions, plan)
}

/// The work of some decisions: hosts independent of each other, steps of one host in order.
pub fn lined_up(decisions: &[Decision]) -> Plan {
    let mut plan = Plan::default();
    for decision in decisions {
        plan.chain(&decision.host, decision.steps.iter().cloned());
    }
    plan
}

fn decide(known: &Known, goal: Goal) -> Decision {
    let mut reasons = reasons_to_change(known, goal);
    let out = &known.system.answer.toplevel.out;
    let boot = reason_to_boot(&known.state, out, known.reboot).filter(|_| goal.activates());
    // Nothing of the system differs: then nothing of it is built or copied either.
    let system = !reasons.is_empty() || boot.is_some();
    let secrets = goal != Goal::DryActivate && known.secrets.differ_from(&known.state);
    if secrets {
        reasons.push(known.secrets.reason(&known.state));
    }
    let boots = boot.is_some();
    reasons.extend(boot);
    if reasons.is_empty() {
        let why = match goal {
            Goal::Boot => "will already boot this system",
            Goal::Switch | Goal::Test | Goal::DryActivate => "already runs this system",
        };
        return Decision {
            host: known.name.clone(),
            verdict: Verdict::Unchanged,
            reasons: vec![why.to_owned()],
            steps: Vec::new(),
        };
    }
    let wanted = Wanted {
        known,
        goal,
        system,
        secrets,
        boots,
    };
    if system && !boots && wanted.changes_what_runs() && goal.activates() {
        reasons.extend(may_boot(known.reboot));
    }
    Decision {
        host: known.name.clone(),
        verdict: Verdict::Change,
        reasons,
        steps: wanted.steps(),
    }
}

/// Why a host that runs its system is booted all the same.
pub(crate) fn reason_to_boot(
    state: &HostState,
    system: &StorePath,
    reboot: Reboot,
) -> Option<String> {
    if state.current.as_ref() != Some(system) {
        return None;
    }
    match reboot {
        Reboot::Needed if state.boot_pending => Some(
            "was booted with another kernel, initial ramdisk, kernel modules or command line"
                .to_owned(),
        ),
        Reboot::Always => Some("to be booted".to_owned()),
        Reboot::Needed | Reboot::Never => None,
    }
}

/// That a host is booted into its new system, which the host itself decides on.
pub(crate) fn may_boot(reboot: Reboot) -> Option<String> {
    match reboot {
        Reboot::Never => None,
        Reboot::Needed => Some(
            "to be booted if kernel, initial ramdisk, kernel modules or command line differ"
                .to_owned(),
        ),
        Reboot::Always => Some("to be booted".to_owned()),
    }
}

/// What differs from what is wanted; nothing if the host is settled.
fn reasons_to_change(known: &Known, goal: Goal) -> Vec<String> {
    let wanted = &known.system.answer.toplevel.out;
    let state = &known.state;
    let mut reasons = Vec::new();
    if goal != Goal::Boot && state.current.as_ref() != Some(wanted) {
        reasons.push(match &state.current {
            Some(current) => format!("runs {}", current.short()),
            None => "runs no system of infra or NixOS yet".to_owned(),
        });
    }
    if goal.persists() && state.boot_default.as_ref() != Some(wanted) {
        reasons.push(match &state.boot_default {
            Some(boot) => format!("would boot {}", boot.short()),
            None => "has no system profile yet".to_owned(),
        });
    }
    if goal.activates()
        && state.current.as_ref() == Some(wanted)
        && let Some(change) = state.unproven(wanted)
    {
        reasons.push(format!(
            "runs it, but it has not proven itself in run {}",
            change.run
        ));
    }
    reasons
}

/// What of a host is to become another.
#[derive(Clone, Copy)]
struct Wanted<'k> {
    known: &'k Known,
    goal: Goal,
    system: bool,
    secrets: bool,
    boots: bool,
}

impl Wanted<'_> {
    fn steps(self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.system {
            self.bring(&mut steps);
        }
        if self.goal == Goal::DryActivate {
            let out = self.out();
            steps.push(Step::Preview { out });
            return steps;
        }
        if self.secrets {
            steps.push(Step::Seal {
                digest: self.known.secrets.digest.clone(),
                secrets: self.known.secrets.names.clone(),
            });
        }
        if self.changes_what_runs() {
            let last = !(self.system && self.goal.persists());
            steps.push(Step::Activate {
                intent: Box::new(self.intent(self.goal)),
            });
            steps.push(Step::Confirm {
                reachable: reachable(self.known.probes.as_ref()),
                last,
            });
            if !last {
                steps.push(Step::Commit { begin: None });
            }
        } else {
            steps.push(Step::Commit {
                begin: Some(Box::new(self.intent(Goal::Boot))),
            });
        }
        steps
    }

    /// Builds the system and brings it to the host.
    fn bring(self, steps: &mut Vec<Step>) {
        let toplevel = &self.known.system.answer.toplevel;
        steps.push(Step::Build {
            drv: toplevel.drv.clone(),
            out: toplevel.out.clone(),
        });
        // What is built on the host is there already.
        if self.known.build != BuildOn::Target {
            steps.push(Step::Copy { out: self.out() });
        }
    }

    /// A host that runs the system already (its boot default was moved) keeps running it untouched, unless it is booted. Secrets alone change
    /// what runs, unless they come with a system for the next boot. What failed and could not be taken back is activated and tried again.
    fn changes_what_runs(self) -> bool {
        let (state, out) = (&self.known.state, self.out());
        let proven = state.current.as_ref() == Some(&out) && state.unproven(&out).is_none();
        let activates = self.goal.activates() && (!proven || self.boots);
        activates || (self.secrets && (self.goal.activates() || !self.system))
    }

    fn intent(self, goal: Goal) -> Intent {
        let state = &self.known.state;
        Intent {
            goal,
            system: self.system.then(|| Target {
                path: self.out(),
                generation: None,
            }),
            secrets: self.secrets.then(|| self.known.secrets.digest.clone()),
            expected: expected(state),
            probes: self.known.probes.clone(),
            limits: self.limits(),
            reboot: if self.system && goal.activates() {
                self.known.reboot
            } else {
                Reboot::Never
            },
        }
    }

    /// The host waits for its confirmation, and other hosts try to reach it before that: their time is not taken from its own.
    fn limits(self) -> Limits {
        let others: u64 = reachable(self.known.probes.as_ref())
            .values()
            .filter_map(|probe| duration::seconds(&probe.within))
            .fold(0, u64::saturating_add);
        Limits {
            confirm: self.known.limits.confirm.saturating_add(others),
            ..self.known.limits
        }
    }

    fn out(self) -> StorePath {
        self.known.system.answer.toplevel.out.clone()
    }
}

/// The pre-image of a change of a host that was surveyed so.
pub fn expected(state: &HostState) -> Expected {
    Expected {
        current: state.current.clone(),
        boot_default: state.boot_default.clone(),
        generation: state.generation,
        boot_id: state.boot_id.clone(),
        secrets: state.secrets.as_ref().and_then(|has| has.generation),
        failed_units: state.failed_units.clone(),
    }
}

/// The probes that the host cannot try itself.
pub fn reachable(probes: Option<&BTreeMap<NeedName, Probe>>) -> BTreeMap<NeedName, Probe> {
    probes
        .into_iter()
        .flatten()
        .filter(|(_, probe)| probe.reachable_from.is_some())
        .map(|(name, probe)| (name.clone(), probe.clone()))
        .collect()
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
