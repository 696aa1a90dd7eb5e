//! The receipt of a run, made of what it came to, and kept for good.

use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_drive::receipts::{self, Origin};
use infra_drive::who;
use infra_model::answer::HostResult;
use infra_model::receipt::{Failure, HostReceipt, RECEIPT_SCHEMA, RunReceipt};
use infra_model::{Diagnostic, Goal, HostName, HostOutcome, HostState, NeedName, StorePath};
use infra_plan::{Known, Secrets};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

/// What a receipt says that is only known when the run begins: files may be committed while it goes on.
pub(crate) struct Beginning {
    workspace: Arc<Workspace>,
    origin: Origin,
    at: SystemTime,
}

/// What a run came to.
pub(crate) struct Came<'a> {
    /// The run.
    pub(crate) run: &'a str,
    /// The command.
    pub(crate) command: &'a str,
    /// What for.
    pub(crate) goal: Goal,
    /// Per host.
    pub(crate) results: &'a [HostResult],
    /// What else is known of each.
    pub(crate) subjects: &'a HashMap<HostName, Subject>,
    /// What went wrong.
    pub(crate) errors: &'a [Diagnostic],
}

/// What was known of a host before it was changed, and what it was to become.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    /// What ran.
    pub(crate) before: Option<StorePath>,
    /// The tree it was evaluated from.
    pub(crate) tree: Option<String>,
    /// The system it was to have; `None`: that was to stay as it was.
    pub(crate) wanted: Option<StorePath>,
    /// What its next boot took.
    pub(crate) boot: Option<StorePath>,
    /// What its secrets were called together; empty if it had none.
    pub(crate) secrets: Option<String>,
    /// What they were to be called.
    pub(crate) wanted_secrets: Option<String>,
    /// The values that its contract says are private; `None`: it was not asked.
    pub(crate) private: Option<BTreeSet<NeedName>>,
}

impl Subject {
    /// Of a host that was looked at.
    pub(crate) fn of(known: &Known) -> Self {
        Self {
            wanted: Some(known.system.answer.toplevel.out.clone()),
            tree: Some(known.system.tree.clone()),
            wanted_secrets: Some(known.secrets.name().unwrap_or_default().to_owned()),
            ..Self::seen(&known.state)
        }
    }

    /// Of a host that was asked, and is to stay as it is unless more is said.
    pub(crate) fn seen(state: &HostState) -> Self {
        let secrets = Some(Secrets::held_by(state).unwrap_or_default().to_owned());
        Self {
            before: state.current.clone(),
            boot: state.boot_default.clone(),
            wanted_secrets: secrets.clone(),
            secrets,
            ..Self::default()
        }
    }

    fn receipt(self, result: &HostResult, goal: Goal) -> HostReceipt {
        let (boot, secrets) = match result.outcome {
            HostOutcome::Changed => (
                if goal.persists() {
                    self.wanted.clone().or(self.boot)
                } else {
                    self.boot
                },
                if goal == Goal::DryActivate {
                    self.secrets
                } else {
                    self.wanted_secrets
                },
            ),
            HostOutcome::Unchanged | HostOutcome::Skipped | HostOutcome::RolledBack => {
                (self.boot, self.secrets)
            }
            // Somewhere between.
            HostOutcome::Failed => (None, None),
        };
        HostReceipt {
            result: result.clone(),
            wanted: self.wanted,
            boot,
            secrets,
            private: self.private,
        }
    }
}

impl Beginning {
    /// A run begins: what is it made from?
    pub(crate) async fn now(workspace: &Arc<Workspace>) -> Self {
        Self {
            workspace: Arc::clone(workspace),
            origin: receipts::origin(workspace.repo.root(), Stop::never()).await,
            at: SystemTime::now(),
        }
    }

    /// Keeps the receipt of a run that touched hosts. Tells what could not be kept; what became of the hosts is the same either way.
    pub(crate) fn keep(&self, came: &Came<'_>) -> Vec<Diagnostic> {
        let touched = |result: &HostResult| result.outcome != HostOutcome::Skipped;
        if !came.results.iter().any(touched) {
            return Vec::new();
        }
        let hosts = came.results.iter().map(|result| {
            let subject = came.subjects.get(&result.name).cloned();
            subject.unwrap_or_default().receipt(result, came.goal)
        });
        let receipt = RunReceipt {
            schema: RECEIPT_SCHEMA,
            run: came.run.to_owned(),
            command: came.command.to_owned(),
            goal: Some(came.goal),
            by: who::person_at_machine(),
            begun: seconds(self.at),
            ended: seconds(SystemTime::now()),
            infra: env!("CARGO_PKG_VERSION").to_owned(),
            folder: self.origin.folder.clone(),
            commit: self.origin.commit.clone(),
            dirty: self.origin.dirty,
            resumed: 0,
            hosts: hosts.collect(),
            errors: came.errors.iter().map(Failure::of).collect(),
        };
        receipts::keep(self.workspace.repo.root(), &self.workspace.state(), receipt)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
