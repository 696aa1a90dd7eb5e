//! The shell around the machine: starts steps as tasks, waits, tells events.

use crate::{Ending, Input, Limits, Machine, Order, Phase};
use infra_model::{
    CancelStage, Code, Diagnostic, Event, Finding, HostName, HostOutcome, StepKind, StepOutcome,
};
use infra_plan::{Plan, Rollout, Unit, UnitId};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch};

/// What a step that did not fail brought.
#[derive(Debug)]
pub struct Done {
    /// How well it ended.
    pub outcome: StepOutcome,
    /// What it found.
    pub finding: Finding,
}

impl Done {
    /// Ended as wanted, nothing to report.
    pub fn success() -> Self {
        Self::found(Finding::Nothing)
    }

    /// Ended as wanted, with a finding.
    pub fn found(finding: Finding) -> Self {
        Self {
            outcome: StepOutcome::Success,
            finding,
        }
    }
}

/// Why a step failed, and where that leaves its host.
#[derive(Debug, PartialEq)]
pub struct Failed {
    /// Why.
    pub error: Diagnostic,
    /// Whether a change had begun on the host and it is back on what it was before.
    pub restored: bool,
}

impl From<Diagnostic> for Failed {
    fn from(error: Diagnostic) -> Self {
        Self {
            error,
            restored: false,
        }
    }
}

/// How much of a run may go on at once, and in which order its hosts change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Steps of a kind at once.
    pub limits: Limits,
    /// Order and bounds of changes.
    pub rollout: Rollout,
}

impl From<Limits> for Pace {
    fn from(limits: Limits) -> Self {
        Self {
            limits,
            rollout: Rollout::default(),
        }
    }
}

/// Performs steps. The engine's only way to the world.
pub trait Hands: Send + Sync + 'static {
    /// Performs one unit. `cancel` says how urgently the run is being stopped; a step decides by its own [`infra_model::Step::interrupt`] what that means.
    fn perform(
        &self,
        unit: Unit,
        report: Report,
        cancel: watch::Receiver<CancelStage>,
    ) -> impl Future<Output = Result<Done, Failed>> + Send;
}

/// Lets a running step tell how far it is.
#[derive(Debug, Clone)]
pub struct Report {
    host: HostName,
    step: StepKind,
    events: mpsc::UnboundedSender<Event>,
}

impl Report {
    /// `done` of `total` units are through.
    pub fn progress(&self, done: u64, total: u64, unit: &str) {
        // A closed channel means the run is over and nobody listens any more.
        let _ = self.events.send(Event::StepProgressed {
            host: self.host.clone(),
            step: self.step,
            done,
            total,
            unit: unit.to_owned(),
        });
    }

    /// A line worth showing.
    pub fn line(&self, line: &str) {
        let _ = self.events.send(Event::StepOutput {
            host: self.host.clone(),
            step: self.step,
            line: line.to_owned(),
        });
    }
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the steps found, per host and kind.
    pub findings: HashMap<(HostName, StepKind), Finding>,
    /// How each host of the plan came out.
    pub hosts: BTreeMap<HostName, HostOutcome>,
    /// What went wrong, in the order of the plan. Steps that were ended because the run was interrupted are not among it.
    pub errors: Vec<Diagnostic>,
    /// Seconds per host and kind of step.
    pub seconds: BTreeMap<(HostName, StepKind), f64>,
    /// How far the run was asked to stop.
    pub stage: CancelStage,
}

impl Outcome {
    /// Whether a host came through all its steps.
    pub fn is_good(&self, host: &HostName) -> bool {
        self.hosts
            .get(host)
            .is_some_and(|outcome| outcome.is_good())
    }
}

struct Ended {
    unit: UnitId,
    result: Result<Done, Failed>,
    seconds: f64,
}

/// Runs `plan` to its end. Every message on `interrupts` climbs one rung of the Ctrl-C ladder. Events go to `tell` in order.
pub async fn run<H: Hands>(
    plan: &Plan,
    (pace, ending): (Pace, Ending),
    hands: Arc<H>,
    interrupts: &mut mpsc::UnboundedReceiver<()>,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Outcome {
    let mut machine = Machine::new(plan, pace, ending);
    let (events, mut reported) = mpsc::unbounded_channel();
    let (ended_tx, mut ended) = mpsc::unbounded_channel();
    let starter = Starter {
        hands,
        cancel: watch::channel(CancelStage::Running).0,
        events,
        ended: ended_tx,
    };
    let mut outcome = Outcome::default();
    let mut input = Input::Begin;
    loop {
        for order in machine.on(input) {
            match order {
                Order::Start(id) => {
                    if let Some(unit) = machine.unit(id).cloned() {
                        starter.start(id, unit);
                    }
                }
                Order::Tell(event) => tell(event),
                // Send fails only if no step is running, and then there is nobody to stop.
                Order::Cancel(stage) => drop(starter.cancel.send(stage)),
                Order::Finish => {
                    outcome.stage = machine.stage();
                    collect(&machine, &mut outcome);
                    return outcome;
                }
            }
        }
        input = loop {
            tokio::select! {
                // What a step reported before it ended is told before its end.
                biased;
                Some(event) = reported.recv() => tell(event),
                Some(end) = ended.recv() => break absorb(end, &machine, &mut outcome),
                Some(()) = interrupts.recv() => break Input::Interrupt,
            }
        };
    }
}

/// Starts units as tasks and lets them report back.
struct Starter<H> {
    hands: Arc<H>,
    cancel: watch::Sender<CancelStage>,
    events: mpsc::UnboundedSender<Event>,
    ended: mpsc::UnboundedSender<Ended>,
}

impl<H: Hands> Starter<H> {
    fn start(&self, id: UnitId, unit: Unit) {
        let report = Report {
            host: unit.host.clone(),
            step: unit.step.kind(),
            events: self.events.clone(),
        };
        let hands = Arc::clone(&self.hands);
        let cancel = self.cancel.subscribe();
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let (host, kind) = (unit.host.clone(), unit.step.kind());
            // A task of its own, so that a panic in a step is that step's failure and not the run's.
            let task = tokio::spawn(async move { hands.perform(unit, report, cancel).await });
            let result = task
                .await
                .unwrap_or_else(|error| Err(panicked(&host, kind, &error).into()));
            let seconds = begun.elapsed().as_secs_f64();
            // Nobody listens once the run is over, and then nobody needs to know.
            let _ = ended.send(Ended {
                unit: id,
                result,
                seconds,
            });
        });
    }
}

fn panicked(host: &HostName, kind: StepKind, error: &tokio::task::JoinError) -> Diagnostic {
    Diagnostic::new(
        Code::Internal,
        format!("infra broke while it tried to {kind} {host}"),
    )
    .with_cause(error.to_string())
    .with_fix("this is a bug: please report it with the run's journal")
}

fn absorb(end: Ended, machine: &Machine, outcome: &mut Outcome) -> Input {
    let Ended {
        unit,
        result,
        seconds,
    } = end;
    let key = machine
        .unit(unit)
        .map(|found| (found.host.clone(), found.step.kind()));
    if let Some(key) = &key {
        outcome.seconds.insert(key.clone(), seconds);
    }
    match result {
        Ok(done) => {
            if let (Some(key), false) = (key, done.finding == Finding::Nothing) {
                outcome.findings.insert(key, done.finding);
            }
            Input::Succeeded {
                unit,
                outcome: done.outcome,
                seconds,
            }
        }
        Err(failed) => Input::Failed {
            unit,
            failed,
            seconds,
        },
    }
}

fn collect(machine: &Machine, outcome: &mut Outcome) {
    for (unit, phase) in machine.phases() {
        if let Some((came_to, _)) = machine.outcome_of(&unit.host) {
            outcome.hosts.insert(unit.host.clone(), came_to);
        }
        if let Phase::Failed(error, _) = phase
            && error.code != Code::Interrupted
        {
            outcome.errors.push((**error).clone());
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
