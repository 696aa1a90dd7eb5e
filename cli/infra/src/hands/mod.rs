//! The engine's hands: each step handed to the room that performs it.

mod change;
mod ended;
mod making;
mod others;
mod reach;
mod secrets;

pub(crate) use secrets::{changes, refreshed, units_failed};

use crate::keeper::Keeper;
use crate::workspace::Workspace;
use change::{Changes, Watcher};
use infra_drive::agent::Binary;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_drive::roots::Roots;
use infra_drive::snapshot::{self, Systems};
use infra_engine::{Done, Failed, Hands, Report};
use infra_model::step::Interrupt;
use infra_model::{
    CancelStage, Code, Diagnostic, Finding, HostName, HostSpec, HostState, Step, StepOutcome,
    StorePath,
};
use infra_plan::Unit;
use reach::Slot;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// What systems are evaluated for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be told.
    Look,
    /// To be built.
    Build,
    /// To be deployed by this run.
    Deploy(RunName),
}

/// What tells a run from others, here and on its hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunName {
    /// Its identity.
    pub(crate) run: String,
    /// Who began it: `user@machine`.
    pub(crate) by: String,
    /// What its confirmations say: known to the run alone.
    pub(crate) nonce: String,
}

/// Performs steps on the hosts of a workspace, over one connection per host.
pub(crate) struct Wire {
    /// Whose hosts are evaluated.
    workspace: Arc<Workspace>,
    /// What says how hosts are reached, and where systems are built: never a revision.
    today: Arc<Workspace>,
    run: String,
    by: String,
    nonce: String,
    changes: Changes,
    connections: Mutex<HashMap<HostName, Slot>>,
    states: Mutex<HashMap<HostName, HostState>>,
    evaluator: Evaluator,
    /// The sealed secrets of the hosts that are to be given them.
    bundles: std::sync::Mutex<HashMap<HostName, Vec<u8>>>,
    /// `None` if systems are only looked at.
    keeper: Option<Keeper>,
}

impl Wire {
    /// Hands for one run.
    pub(crate) fn new(workspace: Arc<Workspace>, evaluator: Evaluator, purpose: Purpose) -> Self {
        let roots = Roots::of(&workspace.state());
        let (name, keeper) = match purpose {
            Purpose::Look => (None, None),
            Purpose::Build => (None, Some(Keeper::new(roots))),
            Purpose::Deploy(name) => (Some(name), Some(Keeper::new(roots))),
        };
        let (run, by, nonce) =
            name.map_or_else(Default::default, |name| (name.run, name.by, name.nonce));
        Self {
            keeper,
            today: Arc::clone(&workspace),
            workspace,
            run,
            by,
            nonce,
            changes: Changes::default(),
            evaluator,
            bundles: std::sync::Mutex::default(),
            connections: Mutex::default(),
            states: Mutex::default(),
        }
    }

    /// Hands for the hosts of a revision, which may be anybody's: it is evaluated, and whatever is connected to or built on is what `today` says.
    pub(crate) fn of_revision(
        revision: Arc<Workspace>,
        evaluator: Evaluator,
        today: Arc<Workspace>,
    ) -> Self {
        Self {
            today,
            ..Self::new(revision, evaluator, Purpose::Look)
        }
    }

    /// Ends all connections, and keeps what was learned. Answers what could not be kept.
    pub(crate) async fn close(&self) -> Vec<Diagnostic> {
        self.connections.lock().await.clear();
        self.evaluator.finish()
    }

    /// Whether there is an agent that could be sent to a host.
    pub(crate) fn has_agent(&self, name: &HostName) -> Result<(), Diagnostic> {
        Binary::find(&self.spec(name)?.system).map(|_| ())
    }

    /// Has a host put itself back, whose change waits for its confirmation, and waits until it has.
    pub(crate) async fn take_back(&self, name: &HostName, stop: Stop) -> Result<(), Diagnostic> {
        let watcher = Watcher {
            wire: self,
            host: name,
            stop,
            report: None,
        };
        match watcher.take_back().await {
            Ok(()) => Ok(()),
            Err(failed) => Err(failed.error),
        }
    }

    /// Reads two systems for a plan: `after` from this machine's store, and `before` from wherever it is.
    pub(crate) async fn systems(
        &self,
        name: &HostName,
        before: Option<&StorePath>,
        after: &StorePath,
        stop: Stop,
    ) -> Result<Systems, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        snapshot::read(before, after, Some(&connection), stop).await
    }

    /// What is to be deployed was settled before this run, and nothing is evaluated.
    pub(crate) fn settled(&self, host: &HostSpec, drv: &StorePath, out: &StorePath) {
        if let Some(keeper) = &self.keeper {
            keeper.planned(host, drv, out);
        }
    }

    /// A host was found to be as wanted.
    pub(crate) fn unchanged(&self, name: &HostName) {
        if let Some(keeper) = &self.keeper {
            keeper.unchanged(name);
        }
    }

    /// A host has become what was wanted.
    async fn deployed(&self, name: &HostName, stop: Stop) -> Done {
        match &self.keeper {
            Some(keeper) => done(keeper.deployed(name, stop).await),
            None => Done::success(),
        }
    }

    /// A host as it is reached and built.
    fn spec(&self, name: &HostName) -> Result<&HostSpec, Diagnostic> {
        spec_in(&self.today, name)
    }

    /// A host as it is evaluated.
    fn evaluated(&self, name: &HostName) -> Result<&HostSpec, Diagnostic> {
        spec_in(&self.workspace, name)
    }

    /// A step that may leave its host restored.
    async fn change(
        &self,
        unit: &Unit,
        stop: Stop,
        report: &Report,
    ) -> Option<Result<Done, Failed>> {
        let watcher = Watcher {
            wire: self,
            host: &unit.host,
            stop: stop.clone(),
            report: Some(report),
        };
        let (came, last) = match &unit.step {
            Step::Activate { intent } => (watcher.begin(intent).await, false),
            Step::Confirm { reachable, last } => (watcher.confirm(reachable, *last).await, *last),
            Step::Commit { begin: None } => (watcher.end().await, true),
            Step::Commit {
                begin: Some(intent),
            } => (watcher.begin(intent).await, true),
            _ => return None,
        };
        Some(match came {
            Ok(done) if last => Ok(both(done, self.deployed(&unit.host, stop).await)),
            came => came,
        })
    }
}

fn spec_in<'w>(workspace: &'w Workspace, name: &HostName) -> Result<&'w HostSpec, Diagnostic> {
    workspace.contents.fleet.get(name).ok_or_else(|| {
        Diagnostic::new(
            Code::Internal,
            format!("a plan names `{name}`, which is no host"),
        )
    })
}

/// The first of two that has something to say.
fn both(first: Done, second: Done) -> Done {
    if first.outcome == StepOutcome::Success {
        second
    } else {
        first
    }
}

/// Done, if need be with a warning.
fn done(unprotected: Option<String>) -> Done {
    Done {
        outcome: unprotected.map_or(StepOutcome::Success, |why| StepOutcome::Warning { why }),
        finding: Finding::Nothing,
    }
}

impl Hands for Wire {
    async fn perform(
        &self,
        unit: Unit,
        report: Report,
        cancel: watch::Receiver<CancelStage>,
    ) -> Result<Done, Failed> {
        let from = match unit.step.interrupt() {
            Interrupt::Free => CancelStage::Terminating,
            Interrupt::Shielded { .. } => CancelStage::Killing,
        };
        let stop = Stop::from(from, cancel);
        if let Some(came) = self.change(&unit, stop.clone(), &report).await {
            return came;
        }
        let name = &unit.host;
        let came = match &unit.step {
            Step::Survey => self.survey(name, stop).await,
            Step::Evaluate => self.evaluate(name, stop).await,
            Step::Build { drv, out: _ } => self.build(name, drv, stop, &report).await,
            Step::Copy { out } => self.copy(name, out, stop, &report).await,
            Step::Seal { .. } => self.seal(name, stop).await,
            Step::Preview { out } => self.preview(name, out, stop, &report).await,
            // See `change`.
            Step::Activate { .. } | Step::Confirm { .. } | Step::Commit { .. } => {
                Ok(Done::success())
            }
        };
        came.map_err(Failed::from)
    }
}
