//! The machine as a table: inputs in, orders out.

use super::{Ending, Input, Machine, Order, Phase};
use crate::Limits;
use infra_model::{CancelStage, Code, Diagnostic, Event, HostName, Step, StepOutcome, StorePath};
use infra_plan::{Plan, UnitId};

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

fn out() -> StorePath {
    StorePath::parse("/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-x").expect("a store path")
}

fn chain() -> Vec<Step> {
    vec![
        Step::Build {
            drv: out(),
            out: out(),
        },
        Step::Copy { out: out() },
        Step::Activate {
            out: out(),
            dry: false,
        },
        Step::Verify {
            out: out(),
            failed_before: Vec::new(),
        },
        Step::Commit { out: out() },
    ]
}

fn plan(hosts: &[&str]) -> Plan {
    let mut plan = Plan::default();
    for name in hosts {
        plan.chain(&host(name), chain());
    }
    plan
}

fn machine(hosts: &[&str]) -> Machine {
    Machine::new(&plan(hosts), Limits::for_cores(4), Ending::Final)
}

/// Orders in one line each, as a person would say them.
fn say(orders: &[Order]) -> String {
    orders
        .iter()
        .map(|order| match order {
            Order::Start(id) => format!("start {}", id.0),
            Order::Cancel(stage) => format!("cancel {stage:?}"),
            Order::Finish => "finish".to_owned(),
            Order::Tell(Event::StepStarted { host, step }) => format!("{host} {step}…"),
            Order::Tell(Event::StepCompleted { host, step, .. }) => format!("{host} {step} ok"),
            Order::Tell(Event::StepFailed { host, step, .. }) => format!("{host} {step} failed"),
            Order::Tell(Event::HostFinished { host, outcome, .. }) => {
                format!("{host} is {}", outcome.as_str())
            }
            Order::Tell(Event::CancelRequested { stage }) => format!("asked: {stage:?}"),
            Order::Tell(other) => format!("{other:?}"),
        })
        .collect::<Vec<_>>()
        .join("; ")
}

fn ok(unit: usize) -> Input {
    Input::Succeeded {
        unit: UnitId(unit),
        outcome: StepOutcome::Success,
        seconds: 1.0,
    }
}

fn fail(unit: usize, code: Code) -> Input {
    Input::Failed {
        unit: UnitId(unit),
        error: Diagnostic::new(code, "it broke"),
        seconds: 1.0,
    }
}

fn script(machine: &mut Machine, inputs: Vec<Input>) -> String {
    inputs
        .into_iter()
        .map(|input| say(&machine.on(input)))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn one_host_goes_step_by_step() {
    let inputs = vec![Input::Begin, ok(0), ok(1), ok(2), ok(3), ok(4)];
    insta::assert_snapshot!(script(&mut machine(&["web"]), inputs), @"
    web build…; start 0
    web build ok; web copy…; start 1
    web copy ok; web activate…; start 2
    web activate ok; web verify…; start 3
    web verify ok; web commit…; start 4
    web commit ok; web is changed; finish
    ");
}

#[test]
fn failure_of_one_host_leaves_the_other_alone() {
    let mut machine = machine(&["db", "web"]);
    let inputs = vec![
        Input::Begin,
        fail(0, Code::BuildFailed),
        ok(5),
        ok(6),
        ok(7),
        ok(8),
        ok(9),
    ];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    db build…; start 0; web build…; start 5
    db build failed; db is failed
    web build ok; web copy…; start 6
    web copy ok; web activate…; start 7
    web activate ok; web verify…; start 8
    web verify ok; web commit…; start 9
    web commit ok; web is changed; finish
    ");
}

#[test]
fn interrupt_before_a_change_begins_nothing_more() {
    let inputs = vec![Input::Begin, Input::Interrupt, ok(0)];
    insta::assert_snapshot!(script(&mut machine(&["web"]), inputs), @"
    web build…; start 0
    asked: Draining; cancel Draining
    web build ok; web is skipped; finish
    ");
}

#[test]
fn interrupt_during_a_change_brings_it_to_its_end() {
    let mut machine = machine(&["db", "web"]);
    let inputs = vec![
        Input::Begin,
        ok(0),
        ok(1),
        // db is being activated, web is being built.
        Input::Interrupt,
        ok(5),
        ok(2),
        ok(3),
        ok(4),
    ];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    db build…; start 0; web build…; start 5
    db build ok; db copy…; start 1
    db copy ok; db activate…; start 2
    asked: Draining; cancel Draining
    web build ok; web is skipped
    db activate ok; db verify…; start 3
    db verify ok; db commit…; start 4
    db commit ok; db is changed; finish
    ");
}

#[test]
fn a_terminated_step_is_skipped_and_not_failed() {
    let inputs = vec![
        Input::Begin,
        Input::Interrupt,
        Input::Interrupt,
        fail(0, Code::Interrupted),
    ];
    insta::assert_snapshot!(script(&mut machine(&["web"]), inputs), @"
    web build…; start 0
    asked: Draining; cancel Draining
    asked: Terminating; cancel Terminating
    web build failed; web is skipped; finish
    ");
}

#[test]
fn killing_begins_nothing_at_all() {
    let mut machine = machine(&["web"]);
    let inputs = vec![
        Input::Begin,
        ok(0),
        ok(1),
        Input::Interrupt,
        Input::Interrupt,
        Input::Interrupt,
        ok(2),
    ];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    web build…; start 0
    web build ok; web copy…; start 1
    web copy ok; web activate…; start 2
    asked: Draining; cancel Draining
    asked: Terminating; cancel Terminating
    asked: Killing; cancel Killing
    web activate ok; web is failed; finish
    ");
    assert_eq!(machine.stage(), CancelStage::Killing);
}

#[test]
fn limits_bound_what_runs_at_once() {
    let hosts = ["a", "b", "c", "d", "e"];
    let mut plan = Plan::default();
    for name in hosts {
        plan.add(&host(name), Step::Evaluate, &[]);
    }
    let limits = Limits {
        evaluate: 2,
        ..Limits::for_cores(1)
    };
    let mut machine = Machine::new(&plan, limits, Ending::Open);
    let mut open: Vec<usize> = Vec::new();
    let mut started = 0;
    let mut input = Input::Begin;
    loop {
        let orders = machine.on(input);
        for order in &orders {
            if let Order::Start(id) = order {
                open.push(id.0);
                started += 1;
            }
        }
        assert!(open.len() <= 2, "at most two at once");
        match open.pop() {
            Some(unit) => input = ok(unit),
            None => break,
        }
    }
    assert_eq!(started, hosts.len());
    assert!(
        machine
            .phases()
            .all(|(_, phase)| matches!(phase, Phase::Succeeded(_)))
    );
}

#[test]
fn an_empty_plan_is_over_at_once() {
    let mut machine = Machine::new(&Plan::default(), Limits::for_cores(1), Ending::Final);
    assert_eq!(machine.on(Input::Begin), vec![Order::Finish]);
}
