//! The state machine of a run. No clock, no tasks: each input yields the orders that follow from it.

use crate::rollout::{Gate, Standing, gate};
use crate::run::{Failed, Pace};
use infra_model::step::Interrupt;
use infra_model::{
    CancelStage, Code, Diagnostic, Event, HostName, HostOutcome, Step, StepKind, StepOutcome,
};
use infra_plan::{Plan, Unit, UnitId};

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The run begins.
    Begin,
    /// A unit ended well.
    Succeeded {
        /// Which.
        unit: UnitId,
        /// How well.
        outcome: StepOutcome,
        /// How long it took.
        seconds: f64,
    },
    /// A unit failed.
    Failed {
        /// Which.
        unit: UnitId,
        /// Why, and where it leaves the host.
        failed: Failed,
        /// How long it took.
        seconds: f64,
    },
    /// A person (or the system) asks to stop, once more.
    Interrupt,
}

/// What has to be done about it, in this order.
#[derive(Debug, PartialEq)]
pub enum Order {
    /// Begin a unit.
    Start(UnitId),
    /// Tell the readers of the event stream.
    Tell(Event),
    /// Let running steps know how urgently to stop.
    Cancel(CancelStage),
    /// Nothing runs and nothing will: the run is over.
    Finish,
}

/// The life of one unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Waits for other units or for its turn.
    Waiting,
    /// Runs.
    Running,
    /// Ended well.
    Succeeded(StepOutcome),
    /// Failed; whether the host is back on what it was before its change.
    Failed(Box<Diagnostic>, bool),
    /// Never begun.
    Aborted(Held),
}

/// Why a unit was never begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A unit before it failed.
    Lost,
    /// The run was interrupted.
    Interrupted,
    /// The order of the rollout: too much has failed.
    Rollout(String),
}

impl Phase {
    fn is_over(&self) -> bool {
        match self {
            Self::Waiting | Self::Running => false,
            Self::Succeeded(_) | Self::Failed(..) | Self::Aborted(_) => true,
        }
    }
}

/// Whether the hosts of a plan are finished with when its units are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// More follows for hosts that come through (a survey): only hosts that fail are finished.
    Open,
    /// The plan is the last one for its hosts.
    Final,
}

/// A run in progress.
#[derive(Debug)]
pub struct Machine {
    units: Vec<(Unit, Phase)>,
    pace: Pace,
    ending: Ending,
    stage: CancelStage,
    told: Vec<HostName>,
    finished: bool,
}

impl Machine {
    /// A run of `plan` that has not begun.
    pub fn new(plan: &Plan, pace: Pace, ending: Ending) -> Self {
        Self {
            units: plan
                .units()
                .iter()
                .map(|unit| (unit.clone(), Phase::Waiting))
                .collect(),
            pace,
            ending,
            stage: CancelStage::Running,
            told: Vec::new(),
            finished: false,
        }
    }

    /// The unit of that id.
    pub fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(id.0).map(|(unit, _)| unit)
    }

    /// All units with where they stand.
    pub fn phases(&self) -> impl Iterator<Item = (&Unit, &Phase)> {
        self.units.iter().map(|(unit, phase)| (unit, phase))
    }

    /// How far the run has been asked to stop.
    pub fn stage(&self) -> CancelStage {
        self.stage
    }

    /// Takes what happened and says what to do.
    pub fn on(&mut self, input: Input) -> Vec<Order> {
        let mut orders = Vec::new();
        match input {
            Input::Begin => {}
            Input::Succeeded {
                unit,
                outcome,
                seconds,
            } => self.succeeded(unit, outcome, seconds, &mut orders),
            Input::Failed {
                unit,
                failed,
                seconds,
            } => self.failed(unit, failed, seconds, &mut orders),
            Input::Interrupt => {
                self.stage = self.stage.next();
                orders.push(Order::Tell(Event::CancelRequested { stage: self.stage }));
                orders.push(Order::Cancel(self.stage));
            }
        }
        self.abort_unreachable();
        // Who waits for a host that is left alone has nobody to wait for any more, and nothing else may come that it could be seen at.
        while self.start_ready(&mut orders) {}
        self.tell_finished_hosts(&mut orders);
        if !self.finished && self.units.iter().all(|(_, phase)| phase.is_over()) {
            self.finished = true;
            orders.push(Order::Finish);
        }
        orders
    }

    fn succeeded(
        &mut self,
        id: UnitId,
        outcome: StepOutcome,
        seconds: f64,
        orders: &mut Vec<Order>,
    ) {
        let Some((unit, phase)) = self.units.get_mut(id.0) else {
            return;
        };
        *phase = Phase::Succeeded(outcome.clone());
        orders.push(Order::Tell(Event::StepCompleted {
            host: unit.host.clone(),
            step: unit.step.kind(),
            outcome,
            seconds,
        }));
    }

    fn failed(&mut self, id: UnitId, failed: Failed, seconds: f64, orders: &mut Vec<Order>) {
        let Some((unit, phase)) = self.units.get_mut(id.0) else {
            return;
        };
        let error = Box::new(failed.error.with_host(&unit.host));
        *phase = Phase::Failed(error.clone(), failed.restored);
        orders.push(Order::Tell(Event::StepFailed {
            host: unit.host.clone(),
            step: unit.step.kind(),
            error,
            seconds,
        }));
    }

    /// Whether a unit may be begun at this stage: once draining, only what completes a change already begun on its host.
    fn may_begin(&self, step: &Step) -> bool {
        match self.stage {
            CancelStage::Running => true,
            CancelStage::Draining | CancelStage::Terminating => {
                matches!(step.interrupt(), Interrupt::Shielded { opens: false })
            }
            CancelStage::Killing => false,
        }
    }

    /// Whether the change a shielded unit completes has really begun (its predecessor succeeded), or nothing has been touched yet.
    fn completes_a_change(&self, unit: &Unit) -> bool {
        unit.after.iter().any(|before| {
            self.units.get(before.0).is_some_and(|(earlier, phase)| {
                matches!(earlier.step.interrupt(), Interrupt::Shielded { .. })
                    && !matches!(phase, Phase::Aborted(_))
            })
        })
    }

    fn abort_unreachable(&mut self) {
        // Units only wait for earlier ones, so one pass in order reaches everything.
        for at in 0..self.units.len() {
            let Some((unit, Phase::Waiting)) = self.units.get(at) else {
                continue;
            };
            let lost = unit.after.iter().any(|before| {
                matches!(
                    self.units.get(before.0),
                    Some((_, Phase::Failed(..) | Phase::Aborted(_))) | None
                )
            });
            let stopped = self.stage > CancelStage::Running
                && !(self.may_begin(&unit.step) && self.completes_a_change(unit));
            let held = match (lost, stopped) {
                (true, _) => Held::Lost,
                (false, true) => Held::Interrupted,
                (false, false) => continue,
            };
            if let Some((_, phase)) = self.units.get_mut(at) {
                *phase = Phase::Aborted(held);
            }
        }
    }

    /// Begins what may begin. Whether a host was left alone meanwhile.
    fn start_ready(&mut self, orders: &mut Vec<Order>) -> bool {
        let mut held = false;
        for at in 0..self.units.len() {
            let Some((unit, Phase::Waiting)) = self.units.get(at) else {
                continue;
            };
            let ready = unit
                .after
                .iter()
                .all(|before| matches!(self.units.get(before.0), Some((_, Phase::Succeeded(_)))));
            let kind = unit.step.kind();
            if !ready || self.running(kind) >= self.pace.limits.of(kind) {
                continue;
            }
            // Asked anew for each: a host that was just begun counts.
            let gate = if unit.step.opens_a_change() {
                self.gate(&unit.host)
            } else {
                Gate::Go
            };
            match gate {
                Gate::Go => {}
                Gate::Wait => continue,
                Gate::Never(why) => {
                    self.hold(at, why);
                    held = true;
                    continue;
                }
            }
            let Some((unit, Phase::Waiting)) = self.units.get(at) else {
                continue;
            };
            orders.push(Order::Tell(Event::StepStarted {
                host: unit.host.clone(),
                step: kind,
            }));
            orders.push(Order::Start(UnitId(at)));
            if let Some((_, phase)) = self.units.get_mut(at) {
                *phase = Phase::Running;
            }
        }
        held
    }

    /// Whether a host may begin to change. As many as are talked to at once are in the middle of a change at most: what has begun must not wait for
    /// its turn to be confirmed behind hosts that do not answer any more.
    fn gate(&self, host: &HostName) -> Gate {
        let standing = self.standing();
        match gate(&self.pace.rollout, host, &standing) {
            Gate::Go if standing.changing.len() >= self.pace.limits.of(StepKind::Confirm) => {
                Gate::Wait
            }
            gate => gate,
        }
    }

    /// A host is left alone from this unit on. Units only wait for earlier ones, so one pass reaches all that waited for it.
    fn hold(&mut self, at: usize, why: String) {
        if let Some((_, phase)) = self.units.get_mut(at) {
            *phase = Phase::Aborted(Held::Rollout(why));
        }
        self.abort_unreachable();
    }

    fn standing(&self) -> Standing {
        let mut standing = Standing {
            failed: self.pace.rollout.failed.clone(),
            ..Standing::default()
        };
        for (unit, phase) in &self.units {
            let opened =
                unit.step.opens_a_change() && !matches!(phase, Phase::Waiting | Phase::Aborted(_));
            if opened {
                standing.changing.insert(unit.host.clone());
            }
            match phase {
                Phase::Failed(error, _) if error.code != Code::Interrupted => {
                    standing.failed.insert(unit.host.clone());
                }
                Phase::Aborted(Held::Rollout(_)) => {
                    standing.held.insert(unit.host.clone());
                }
                Phase::Waiting | Phase::Running => {
                    standing.open.insert(unit.host.clone());
                }
                _ => {}
            }
        }
        let open = &standing.open;
        standing.changing.retain(|host| open.contains(host));
        standing
    }

    fn running(&self, kind: StepKind) -> usize {
        self.units
            .iter()
            .filter(|(unit, phase)| *phase == Phase::Running && unit.step.kind() == kind)
            .count()
    }

    fn tell_finished_hosts(&mut self, orders: &mut Vec<Order>) {
        let mut hosts: Vec<HostName> = Vec::new();
        for (unit, _) in &self.units {
            if !hosts.contains(&unit.host) && !self.told.contains(&unit.host) {
                hosts.push(unit.host.clone());
            }
        }
        for host in hosts {
            let Some((outcome, why)) = self.outcome_of(&host) else {
                continue;
            };
            if self.ending == Ending::Open && outcome.is_good() {
                continue;
            }
            self.told.push(host.clone());
            orders.push(Order::Tell(Event::HostFinished { host, outcome, why }));
        }
    }

    /// How a host came out, and why in a few words; `None` while something is still to come.
    pub fn outcome_of(&self, host: &HostName) -> Option<(HostOutcome, Option<String>)> {
        let mut phases = self
            .units
            .iter()
            .filter(|(unit, _)| unit.host == *host)
            .peekable();
        phases.peek()?;
        let mut told = Told::default();
        for (unit, phase) in phases {
            let shielded = matches!(unit.step.interrupt(), Interrupt::Shielded { .. });
            told.touched |= shielded && !matches!(phase, Phase::Waiting | Phase::Aborted(_));
            match phase {
                Phase::Waiting | Phase::Running => return None,
                Phase::Failed(error, restored) => {
                    told.restored |= restored;
                    if error.code == Code::Interrupted {
                        told.interrupted = true;
                    } else {
                        told.failed.get_or_insert_with(|| error.title.clone());
                    }
                }
                Phase::Aborted(Held::Rollout(why)) => {
                    told.held.get_or_insert_with(|| why.clone());
                }
                Phase::Aborted(Held::Interrupted) => told.interrupted = true,
                Phase::Aborted(Held::Lost) | Phase::Succeeded(_) => {}
            }
        }
        Some(told.outcome())
    }
}

/// What the units of one host came to, together.
#[derive(Default)]
struct Told {
    failed: Option<String>,
    held: Option<String>,
    restored: bool,
    interrupted: bool,
    touched: bool,
}

impl Told {
    fn outcome(self) -> (HostOutcome, Option<String>) {
        match self {
            Self {
                restored: true,
                failed,
                ..
            } => (HostOutcome::RolledBack, failed),
            Self {
                failed: Some(why), ..
            } => (HostOutcome::Failed, Some(why)),
            Self {
                held: Some(why), ..
            } => (HostOutcome::Skipped, Some(why)),
            Self {
                interrupted: true,
                touched: true,
                ..
            } => (
                HostOutcome::Failed,
                Some("interrupted in the middle of its change".to_owned()),
            ),
            Self {
                interrupted: true, ..
            } => (HostOutcome::Skipped, Some("interrupted".to_owned())),
            Self { .. } => (HostOutcome::Changed, None),
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
