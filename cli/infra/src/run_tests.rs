//! Questions to many hosts at once.

use super::Run;
use infra_drive::process::Stop;
use infra_engine::Limits;
use infra_model::event::Line;
use infra_model::{CancelStage, HostName};
use infra_view::Reader;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Barrier, mpsc};
use tokio::time::timeout;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

struct Nobody;

impl Reader for Nobody {
    fn event(&mut self, _: &Line) {}
}

/// A run of `hosts` at once, and what interrupts it.
fn run(hosts: usize) -> (Run, mpsc::UnboundedSender<()>) {
    let (interrupt, interrupts) = mpsc::unbounded_channel();
    let mut limits = Limits::for_cores(1);
    limits.hosts = hosts;
    let run = Run {
        begun: Instant::now(),
        seq: 0,
        journal: None,
        reader: Box::new(Nobody),
        limits,
        interrupts,
        stage: CancelStage::Running,
        aside: false,
        faults: Vec::new(),
    };
    (run, interrupt)
}

fn names(count: usize) -> Vec<HostName> {
    (0..count)
        .map(|number| HostName::parse(&format!("h{number}")).expect("a name"))
        .collect()
}

#[tokio::test]
async fn hosts_are_asked_at_once() {
    let (mut run, _interrupt) = run(3);
    // Each waits for the two others: one after another none would ever be through.
    let all = Arc::new(Barrier::new(3));
    let questions = names(3).into_iter().map(|name| {
        let all = Arc::clone(&all);
        (name.clone(), move |_: Stop| async move {
            all.wait().await;
            name
        })
    });
    let answers = timeout(SOON, run.each(questions)).await.expect("at once");
    assert_eq!(answers.len(), 3);
    assert!(answers.iter().all(|(host, answer)| host == answer));
}

#[tokio::test]
async fn no_more_than_allowed_are_asked_at_once() {
    let (mut run, _interrupt) = run(2);
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let questions = names(7).into_iter().map(|name| {
        let (open, most) = (Arc::clone(&open), Arc::clone(&most));
        (name, move |_: Stop| async move {
            let now = open.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            open.fetch_sub(1, Ordering::SeqCst);
        })
    });
    let answers = timeout(SOON, run.each(questions)).await.expect("an end");
    assert_eq!((answers.len(), most.load(Ordering::SeqCst)), (7, 2));
}

#[tokio::test]
async fn whoever_asks_to_stop_ends_it() {
    let (mut run, interrupt) = run(2);
    let both = Arc::new(Barrier::new(2));
    let questions = names(5).into_iter().map(|name| {
        let (both, interrupt) = (Arc::clone(&both), interrupt.clone());
        (name, move |mut stop: Stop| async move {
            if both.wait().await.is_leader() {
                interrupt.send(()).expect("somebody listens");
            }
            stop.asked().await;
            "stopped"
        })
    });
    let answers = timeout(SOON, run.each(questions)).await.expect("an end");
    assert_eq!(answers.into_values().collect::<Vec<_>>(), ["stopped"; 2]);
    assert!(run.interrupted());
    // Once it was stopped, nothing is begun.
    let more = names(1).into_iter().map(|name| (name, |_: Stop| async {}));
    assert!(run.each(more).await.is_empty());
}

#[tokio::test]
async fn a_question_of_no_host_is_told_to_stop() {
    let (mut run, interrupt) = run(1);
    let question = async |mut stop: Stop| {
        interrupt.send(()).expect("somebody listens");
        stop.asked().await;
        "stopped"
    };
    let answer = timeout(SOON, run.ask(question)).await;
    assert_eq!(answer, Ok("stopped"));
    assert!(run.interrupted());
    // Whoever is asked after that knows at once.
    let later = run.ask(async |mut stop: Stop| stop.asked().await);
    assert!(timeout(SOON, later).await.is_ok());
}

#[tokio::test]
async fn what_has_begun_is_ended_by_who_insists() {
    let (mut run, interrupt) = run(1);
    let asked = AtomicUsize::new(0);
    let change = async |mut stop: Stop| {
        let insist = async {
            loop {
                interrupt.send(()).expect("somebody listens");
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = stop.asked() => "stopped",
            () = insist => "never",
        }
    };
    let answer = timeout(SOON, run.bring_to_its_end(change)).await;
    assert_eq!(answer, Ok("stopped"));
    assert!(asked.load(Ordering::SeqCst) >= 3, "not at the first word");
    assert!(run.interrupted());
}

#[tokio::test]
async fn a_question_that_breaks_has_no_answer() {
    let (mut run, _interrupt) = run(2);
    let questions = names(2).into_iter().map(|name| {
        let breaks = name.as_str() == "h0";
        (name, move |_: Stop| async move {
            assert!(!breaks, "broken on purpose");
        })
    });
    let answers = timeout(SOON, run.each(questions)).await.expect("an end");
    let answered: Vec<&str> = answers.keys().map(HostName::as_str).collect();
    assert_eq!(answered, ["h1"]);
}
