//! The shell with fake hands: what the machine's table cannot show.

use super::{Done, Failed, Hands, Report, run};
use crate::{Ending, Limits};
use infra_model::{CancelStage, Code, Diagnostic, Event, HostName, HostOutcome, Step};
use infra_plan::{Plan, Unit};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

struct Fake;

impl Hands for Fake {
    async fn perform(
        &self,
        unit: Unit,
        report: Report,
        mut cancel: watch::Receiver<CancelStage>,
    ) -> Result<Done, Failed> {
        match unit.host.as_str() {
            "panics" => {
                panic!("a step with a bug")
            }
            "hangs" => {
                let _ = cancel
                    .wait_for(|stage| *stage >= CancelStage::Terminating)
                    .await;
                Err(Diagnostic::new(Code::Interrupted, "ended").into())
            }
            _ => {
                report.progress(1, 2, "paths");
                report.line("hello");
                Ok(Done::success())
            }
        }
    }
}

fn plan(hosts: &[&str]) -> Plan {
    let mut plan = Plan::default();
    for name in hosts {
        plan.add(&HostName::parse(name).expect("a name"), Step::Evaluate, &[]);
    }
    plan
}

async fn play(hosts: &[&str], interrupts: usize) -> (super::Outcome, Vec<Event>) {
    let (ask, mut asked) = mpsc::unbounded_channel();
    for _ in 0..interrupts {
        ask.send(()).expect("open");
    }
    let mut events = Vec::new();
    let outcome = run(
        &plan(hosts),
        (Limits::for_cores(4).into(), Ending::Open),
        Arc::new(Fake),
        &mut asked,
        &mut |event| events.push(event),
    )
    .await;
    (outcome, events)
}

#[tokio::test]
async fn reports_come_between_start_and_end() {
    let (outcome, events) = play(&["web"], 0).await;
    let kinds: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::StepStarted { .. } => "started",
            Event::StepProgressed { .. } => "progressed",
            Event::StepOutput { .. } => "output",
            Event::StepCompleted { .. } => "completed",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["started", "progressed", "output", "completed"]);
    assert!(outcome.errors.is_empty() && outcome.seconds.len() == 1);
}

#[tokio::test]
async fn a_panic_is_that_hosts_failure_alone() {
    let (outcome, _) = play(&["panics", "web"], 0).await;
    let codes: Vec<_> = outcome.errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, [Code::Internal]);
    assert!(outcome.is_good(&HostName::parse("web").expect("a name")));
}

#[tokio::test]
async fn a_hanging_step_ends_when_terminated() {
    let (outcome, _) = play(&["hangs"], 2).await;
    assert_eq!(outcome.stage, CancelStage::Terminating);
    let came_to: Vec<_> = outcome.hosts.values().copied().collect();
    assert_eq!(came_to, [HostOutcome::Skipped]);
    assert!(
        outcome.errors.is_empty(),
        "an interrupt is no error of the host"
    );
}
