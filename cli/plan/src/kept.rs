//! What is kept of a run before it changes anything, so that another process can bring it to its end.

use crate::drift::{Field, fields};
use crate::{Decision, Rollout, Verdict, expected};
use infra_model::change::{Expected, Intent};
use infra_model::{Code, Diagnostic, Goal, HostName, HostState, NeedName, Step, StorePath};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version of what is kept.
pub const KEPT_SCHEMA: u32 = 1;

/// The plan of a run, and what its hosts know it by. On disk before the first step. No secret: the nonce only says that whoever confirms
/// belongs to the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kept {
    /// [`KEPT_SCHEMA`]
    pub schema: u32,
    /// The run.
    pub run: String,
    /// What began it: `deploy`, `apply`, `rollback`.
    pub command: String,
    /// What for.
    pub goal: Goal,
    /// What its confirmations say.
    pub nonce: String,
    /// In which order hosts change.
    pub rollout: Rollout,
    /// What is done with each host, and why.
    pub decisions: Vec<Decision>,
    /// The tree each was evaluated from.
    pub trees: BTreeMap<HostName, String>,
    /// The values of each that are private, by name, as far as that is known.
    #[serde(default)]
    pub private: BTreeMap<HostName, BTreeSet<NeedName>>,
}

impl Kept {
    /// Reads what was kept.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let unreadable = |cause: String| {
            Diagnostic::new(Code::InvalidPlan, "what was kept of the run cannot be read")
                .with_cause(cause)
                .with_fix("its hosts end their changes by themselves; deploy again")
        };
        let kept: Self =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        if kept.schema == KEPT_SCHEMA {
            return Ok(kept);
        }
        Err(unreadable(format!(
            "it is of version {}, and this infra reads {KEPT_SCHEMA}",
            kept.schema
        )))
    }
}

/// Whether the change of a run has begun on a host that was surveyed so.
pub fn has_begun(run: &str, state: &HostState) -> bool {
    let change = state.change.as_ref();
    change.is_some_and(|change| change.run == run)
}

/// What is left to do of a decision of `run` on a host that was surveyed so: nothing if it is as it was to become, all of it if nothing had
/// begun, and what follows the begin of its change otherwise, which the host answers for. A host that has become another is left alone.
pub fn go_on(decision: &Decision, run: &str, state: &HostState) -> Result<Decision, Diagnostic> {
    let Some(intent) = decision.intent().filter(|_| !has_begun(run, state)) else {
        return Ok(decision.clone().from_its_change_on());
    };
    let moved = moved(&intent.expected, &expected(state));
    if moved.is_empty() {
        return Ok(decision.clone());
    }
    if decision
        .system()
        .is_some_and(|system| state.is_settled_on(system))
    {
        return Ok(Decision {
            reasons: vec!["runs this system by now".to_owned()],
            verdict: Verdict::Unchanged,
            steps: Vec::new(),
            host: decision.host.clone(),
        });
    }
    Err(Diagnostic::new(
        Code::HostMoved,
        format!(
            "{} is not any more what it was when the run was planned",
            decision.host
        ),
    )
    .with_cause(moved.join("\n"))
    .with_fix(format!("deploy it anew: infra deploy {}", decision.host)))
}

/// What differs between a pre-image and what was found, a line each. That units fail by now is no reason against a change.
pub fn moved(then: &Expected, now: &Expected) -> Vec<String> {
    let line = |(field, then, now): Field| {
        let (field, none) = match field {
            "current" => ("running system", "nothing"),
            "bootDefault" => ("boot default", "nothing"),
            "bootId" => ("boot id", "unknown"),
            "secrets" => ("generation of secrets", "none"),
            other => (other, "none"),
        };
        let said = |value: Option<String>| value.unwrap_or_else(|| none.to_owned());
        format!("its {field} was {} and is {}", said(then), said(now))
    };
    fields(then, now).into_iter().map(line).collect()
}

impl Decision {
    /// The change, if one is begun.
    pub fn intent(&self) -> Option<&Intent> {
        self.steps.iter().find_map(|step| match step {
            Step::Activate { intent }
            | Step::Commit {
                begin: Some(intent),
            } => Some(&**intent),
            _ => None,
        })
    }

    /// The system that the host is to have; `None` if that stays as it is.
    pub fn system(&self) -> Option<&StorePath> {
        Some(&self.intent()?.system.as_ref()?.path)
    }

    /// What the secrets are called together that it sends.
    pub fn digest(&self) -> Option<&String> {
        self.steps.iter().find_map(|step| match step {
            Step::Seal { digest, .. } => Some(digest),
            _ => None,
        })
    }

    /// The same, from the step on that begins the change: for a host on which it has begun.
    #[must_use]
    pub fn from_its_change_on(mut self) -> Self {
        let begins = self.steps.iter().position(Step::opens_a_change);
        self.steps = self.steps.split_off(begins.unwrap_or(self.steps.len()));
        self
    }
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
