//! One execution: numbers and times its events, writes them to the journal first and shows them then.

use crate::args::Global;
use crate::hands::Wire;
use infra_drive::process::Stop;
use infra_drive::state::Journal;
use infra_engine::{Ending, Limits, Outcome, Pace};
use infra_model::event::{EVENT_SCHEMA, Line};
use infra_model::{CancelStage, Diagnostic, Event, HostName, StepKind};
use infra_plan::{Plan, Rollout};
use infra_view::{Ndjson, Reader};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// An execution in progress.
pub(crate) struct Run {
    begun: Instant,
    seq: u64,
    journal: Option<Journal>,
    reader: Box<dyn Reader>,
    limits: Limits,
    interrupts: mpsc::UnboundedReceiver<()>,
    stage: CancelStage,
    /// What is performed is not about what becomes of hosts.
    aside: bool,
    faults: Vec<Diagnostic>,
}

impl Run {
    /// Begins. Without a journal nothing is kept, which is right for runs that change nothing.
    pub(crate) fn begin(global: &Global, journal: Option<Journal>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let mut limits = Limits::for_cores(cores);
        if let Some(jobs) = global.jobs {
            limits.evaluate = usize::from(jobs);
        }
        Self {
            begun: Instant::now(),
            seq: journal.as_ref().map_or(0, Journal::lines),
            journal,
            reader: reader(global),
            limits,
            interrupts: crate::interrupt::listen(),
            stage: CancelStage::Running,
            aside: false,
            faults: Vec::new(),
        }
    }

    /// The run's identity; empty for runs that are not kept.
    pub(crate) fn id(&self) -> &str {
        self.journal.as_ref().map_or("", Journal::run)
    }

    /// Something happened.
    pub(crate) fn tell(&mut self, event: Event) {
        let line = Line {
            schema: EVENT_SCHEMA,
            seq: self.seq,
            at: self.begun.elapsed().as_secs_f64(),
            event,
        };
        self.seq += 1;
        // The journal comes first: what is shown has been kept. A journal that breaks in the middle is told once, and the run goes on to
        // leave its hosts in a defined state.
        if let Some(journal) = &mut self.journal
            && let Err(fault) = journal.write(&line, is_durable(&line.event))
            && self.faults.is_empty()
        {
            self.faults.push(fault);
        }
        crate::crash::after_a_record(&line.event);
        self.reader.event(&line);
    }

    /// Hosts at once, instead of as many as usual.
    pub(crate) fn at_once(&mut self, hosts: usize) {
        self.limits.hosts = hosts;
        self.limits.copy = self.limits.copy.min(hosts);
    }

    /// Keeps the plan before it is performed.
    pub(crate) fn keep_plan(&self, plan: &impl serde::Serialize) -> Result<(), Diagnostic> {
        self.journal
            .as_ref()
            .map_or(Ok(()), |journal| journal.keep_plan(plan))
    }

    /// Performs a plan that changes no host, and after which more may follow.
    pub(crate) async fn perform_open(&mut self, plan: &Plan, hands: &Arc<Wire>) -> Outcome {
        self.perform(plan, (&Rollout::default(), Ending::Open), hands)
            .await
    }

    /// The same of something beside: no host has failed because of it.
    pub(crate) async fn perform_aside(&mut self, plan: &Plan, hands: &Arc<Wire>) -> Outcome {
        self.aside = true;
        let outcome = self.perform_open(plan, hands).await;
        self.aside = false;
        outcome
    }

    /// Performs a plan.
    pub(crate) async fn perform(
        &mut self,
        plan: &Plan,
        (rollout, ending): (&Rollout, Ending),
        hands: &Arc<Wire>,
    ) -> Outcome {
        // The receiver moves out for the time of the run, so that events can be told meanwhile.
        let (_, nobody) = mpsc::unbounded_channel();
        let mut interrupts = std::mem::replace(&mut self.interrupts, nobody);
        let pace = Pace {
            limits: self.limits,
            rollout: rollout.clone(),
        };
        let outcome = infra_engine::run(
            plan,
            (pace, ending),
            Arc::clone(hands),
            &mut interrupts,
            &mut |event| {
                if !(self.aside && matches!(event, Event::HostFinished { .. })) {
                    self.tell(event);
                }
            },
        )
        .await;
        self.interrupts = interrupts;
        self.stage = self.stage.max(outcome.stage);
        outcome
    }

    /// Asks something of each host, of as many at once as usual. It only looks: whoever asks to stop ends all of it, and whom nobody has asked yet
    /// has no answer then. Neither has a question that broke.
    pub(crate) async fn each<T, F>(
        &mut self,
        questions: impl IntoIterator<Item = (HostName, impl FnOnce(Stop) -> F)>,
    ) -> BTreeMap<HostName, T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (say, stage) = watch::channel(self.stage);
        let mut open = questions.into_iter();
        let mut asked = JoinSet::new();
        let mut answers = BTreeMap::new();
        loop {
            while asked.len() < self.limits.hosts.max(1) && !self.interrupted() {
                let Some((host, question)) = open.next() else {
                    break;
                };
                let answer = question(Stop::from(CancelStage::Draining, stage.clone()));
                asked.spawn(async move { (host, answer.await) });
            }
            tokio::select! {
                biased;
                Some(()) = self.interrupts.recv() => {
                    self.interrupt();
                    // Nobody listens once all are through.
                    let _ = say.send(self.stage);
                }
                ended = asked.join_next() => match ended {
                    Some(Ok((host, answer))) => _ = answers.insert(host, answer),
                    Some(Err(_)) => {}
                    None => return answers,
                },
            }
        }
    }

    /// Does something that only looks, and tells it when somebody asks to stop.
    pub(crate) async fn ask<T>(&mut self, question: impl AsyncFnOnce(Stop) -> T) -> T {
        self.ask_until(CancelStage::Draining, question).await
    }

    /// Brings to its end what has begun on a host, and tells it only when somebody insists.
    pub(crate) async fn bring_to_its_end<T>(&mut self, change: impl AsyncFnOnce(Stop) -> T) -> T {
        self.ask_until(CancelStage::Killing, change).await
    }

    async fn ask_until<T>(
        &mut self,
        from: CancelStage,
        question: impl AsyncFnOnce(Stop) -> T,
    ) -> T {
        let (say, stage) = watch::channel(self.stage);
        let mut answer = pin!(question(Stop::from(from, stage)));
        loop {
            tokio::select! {
                biased;
                Some(()) = self.interrupts.recv() => {
                    self.interrupt();
                    // It may be through.
                    let _ = say.send(self.stage);
                }
                answer = &mut answer => return answer,
            }
        }
    }

    /// Somebody asked to stop while no plan was being performed.
    pub(crate) fn interrupt(&mut self) {
        self.stage = self.stage.next();
        let stage = self.stage;
        self.tell(Event::CancelRequested { stage });
    }

    /// Whether somebody asked to stop.
    pub(crate) fn interrupted(&self) -> bool {
        self.stage > CancelStage::Running
    }

    /// The journal, and what went wrong with it.
    pub(crate) fn end(self) -> (Option<Journal>, Vec<Diagnostic>, f64) {
        (
            self.journal,
            self.faults,
            self.begun.elapsed().as_secs_f64(),
        )
    }
}

/// Whether the line has to be on the disk before anything else is done: what is about to be done to a host, and what came of it.
fn is_durable(event: &Event) -> bool {
    match event {
        Event::RunStarted { .. } | Event::PlanMade { .. } | Event::HostFinished { .. } => true,
        Event::StepStarted { step, .. }
        | Event::StepCompleted { step, .. }
        | Event::StepFailed { step, .. } => !matches!(step, StepKind::Survey | StepKind::Evaluate),
        Event::StepProgressed { .. } | Event::StepOutput { .. } | Event::CancelRequested { .. } => {
            false
        }
    }
}

/// Programs read the stream, people read what is made of it.
fn reader(global: &Global) -> Box<dyn Reader> {
    if global.json {
        Box::new(Ndjson::default())
    } else {
        infra_view::for_people()
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
