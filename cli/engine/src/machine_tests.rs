//! The machine as a table: inputs in, orders out.

use super::{Ending, Failed, Input, Machine, Order, Phase};
use crate::{Limits, Pace};
use infra_model::change::{Expected, Intent};
use infra_model::{
    CancelStage, Code, Diagnostic, Event, Goal, HostName, Step, StepOutcome, StorePath,
};
use infra_plan::{Plan, Rollout, UnitId};
use std::collections::{BTreeMap, BTreeSet};

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
            intent: Box::new(intent()),
        },
        Step::Confirm {
            reachable: BTreeMap::new(),
            last: false,
        },
        Step::Commit { begin: None },
    ]
}

fn intent() -> Intent {
    Intent {
        goal: Goal::Switch,
        system: None,
        secrets: None,
        expected: Expected::default(),
        probes: None,
        limits: infra_model::change::Limits::default(),
        reboot: infra_model::change::Reboot::Never,
    }
}

fn plan(hosts: &[&str]) -> Plan {
    let mut plan = Plan::default();
    for name in hosts {
        plan.chain(&host(name), chain());
    }
    plan
}

fn machine(hosts: &[&str]) -> Machine {
    Machine::new(&plan(hosts), Limits::for_cores(4).into(), Ending::Final)
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
        failed: Diagnostic::new(code, "it broke").into(),
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
    web activate ok; web confirm…; start 3
    web confirm ok; web commit…; start 4
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
    web activate ok; web confirm…; start 8
    web confirm ok; web commit…; start 9
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
    db activate ok; db confirm…; start 3
    db confirm ok; db commit…; start 4
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
    let mut machine = Machine::new(&plan, limits.into(), Ending::Open);
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
    let mut machine = Machine::new(&Plan::default(), Limits::for_cores(1).into(), Ending::Final);
    assert_eq!(machine.on(Input::Begin), vec![Order::Finish]);
}

/// Hosts that are ready to change (nothing is built), in a rollout.
fn changing(hosts: &[&str], rollout: Rollout) -> Machine {
    let mut plan = Plan::default();
    for name in hosts {
        plan.chain(&host(name), chain().into_iter().skip(2));
    }
    let pace = Pace {
        limits: Limits::for_cores(4),
        rollout,
    };
    Machine::new(&plan, pace, Ending::Final)
}

fn waves(of: &[(&str, u32)]) -> Rollout {
    Rollout {
        waves: of.iter().map(|(name, wave)| (host(name), *wave)).collect(),
        ..Rollout::default()
    }
}

#[test]
fn a_wave_begins_when_the_one_before_is_over() {
    let mut machine = changing(&["a", "b"], waves(&[("a", 1)]));
    let inputs = vec![Input::Begin, ok(3), ok(4), ok(5), ok(0), ok(1), ok(2)];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    b activate…; start 3
    b activate ok; b confirm…; start 4
    b confirm ok; b commit…; start 5
    b commit ok; a activate…; start 0; b is changed
    a activate ok; a confirm…; start 1
    a confirm ok; a commit…; start 2
    a commit ok; a is changed; finish
    ");
}

#[test]
fn a_wave_is_not_begun_after_one_that_failed() {
    let mut machine = changing(&["a", "b", "c"], waves(&[("c", 1)]));
    let inputs = vec![
        Input::Begin,
        fail(0, Code::ActivationFailed),
        ok(3),
        ok(4),
        ok(5),
    ];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    a activate…; start 0; b activate…; start 3
    a activate failed; a is failed; c is skipped
    b activate ok; b confirm…; start 4
    b confirm ok; b commit…; start 5
    b commit ok; b is changed; finish
    ");
}

#[test]
fn some_failures_may_be_allowed() {
    let rollout = Rollout {
        max_failures: Some(1),
        max_unavailable: Some(1),
        ..waves(&[("c", 1), ("d", 1)])
    };
    let mut machine = changing(&["a", "b", "c", "d"], rollout);
    let inputs = vec![
        Input::Begin,
        fail(0, Code::ActivationFailed),
        ok(3),
        ok(4),
        ok(5),
        fail(6, Code::ActivationFailed),
    ];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    a activate…; start 0
    a activate failed; b activate…; start 3; a is failed
    b activate ok; b confirm…; start 4
    b confirm ok; b commit…; start 5
    b commit ok; c activate…; start 6; b is changed
    c activate failed; c is failed; d is skipped; finish
    ");
}

#[test]
fn who_wants_something_waits_for_its_provider_and_is_left_alone_without_it() {
    let after = |fails: bool| {
        let mut rollout = Rollout::default();
        rollout
            .after
            .insert(host("web"), BTreeSet::from([host("db")]));
        let mut machine = changing(&["db", "web"], rollout);
        let last = if fails {
            fail(2, Code::Unconfirmed)
        } else {
            ok(2)
        };
        script(&mut machine, vec![Input::Begin, ok(0), ok(1), last])
    };
    insta::assert_snapshot!(after(false), @"
    db activate…; start 0
    db activate ok; db confirm…; start 1
    db confirm ok; db commit…; start 2
    db commit ok; web activate…; start 3; db is changed
    ");
    insta::assert_snapshot!(after(true), @"
    db activate…; start 0
    db activate ok; db confirm…; start 1
    db confirm ok; db commit…; start 2
    db commit failed; db is failed; web is skipped; finish
    ");
}

#[test]
fn who_wants_something_of_a_host_that_is_left_alone_is_left_alone_too() {
    let mut rollout = Rollout::default();
    for (host_of, provider) in [("web", "db"), ("zap", "web"), ("app", "zap")] {
        let wanted = BTreeSet::from([host(provider)]);
        rollout.after.insert(host(host_of), wanted);
    }
    // Also one that stands before whom it waits for.
    let mut machine = changing(&["app", "db", "web", "zap"], rollout);
    let inputs = vec![Input::Begin, fail(3, Code::ActivationFailed)];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    db activate…; start 3
    db activate failed; app is skipped; db is failed; web is skipped; zap is skipped; finish
    ");
    let (_, why) = machine.outcome_of(&host("zap")).expect("it is over");
    assert_eq!(
        why.as_deref(),
        Some("web, which it wants something of, was left alone")
    );
}

/// Runs it to its end: hosts whose bit is set fail when they begin. Whether it came to one.
fn comes_to_its_end(mut machine: Machine, hosts: &[&str], failing: usize) -> bool {
    let mut open = Vec::new();
    let mut input = Input::Begin;
    loop {
        let orders = machine.on(input);
        if orders.contains(&Order::Finish) {
            return true;
        }
        open.extend(orders.iter().filter_map(|order| match order {
            Order::Start(id) => Some(id.0),
            _ => None,
        }));
        let Some(unit) = open.pop() else { return false };
        let of = &machine.unit(UnitId(unit)).expect("a unit").host;
        let at = hosts.iter().position(|name| of.as_str() == *name);
        input = match at {
            Some(at) if failing >> at & 1 == 1 => fail(unit, Code::ActivationFailed),
            _ => ok(unit),
        };
    }
}

#[test]
fn a_run_comes_to_its_end_whoever_waits_for_whom_and_whatever_fails() {
    let hosts = ["a", "b", "c"];
    let pairs = [(0, 1), (0, 2), (1, 2)];
    // Each is of one of two waves, each pair has an order or none, each host fails or not, and the bounds are three.
    for (waves, edges, failing, bounds) in
        (0..8 * 27 * 8 * 3).map(|n| (n % 8, n / 8 % 27, n / 216 % 8, n / 1728))
    {
        // Two of the orders are circles, which no rollout has.
        let ways: Vec<usize> = (0..3).map(|pair| edges / 3_usize.pow(pair) % 3).collect();
        if ways == [1, 2, 1] || ways == [2, 1, 2] {
            continue;
        }
        let wave = |at: usize| u32::from(waves >> at & 1 == 1);
        let mut rollout = Rollout {
            waves: (0..3).map(|at| (host(hosts[at]), wave(at))).collect(),
            max_failures: (bounds == 1).then_some(0),
            max_unavailable: (bounds == 2).then_some(1),
            ..Rollout::default()
        };
        for ((one, other), way) in pairs.into_iter().zip(ways) {
            let (who, provider) = if way == 1 { (one, other) } else { (other, one) };
            if way > 0 && wave(provider) <= wave(who) {
                let providers = rollout.after.entry(host(hosts[who])).or_default();
                providers.insert(host(hosts[provider]));
            }
        }
        let machine = changing(&hosts, rollout.clone());
        assert!(
            comes_to_its_end(machine, &hosts, failing),
            "{rollout:?}, failing: {failing:b}"
        );
    }
}

#[test]
fn hosts_that_failed_before_the_first_change_count() {
    let begun = |rollout: Rollout| {
        let failed = BTreeSet::from([host("canary")]);
        let mut machine = changing(&["a", "b"], Rollout { failed, ..rollout });
        say(&machine.on(Input::Begin))
    };
    let nothing = "a is skipped; b is skipped; finish";
    let both = "a activate…; start 0; b activate…; start 3";
    let later = || waves(&[("a", 1), ("b", 1)]);
    // Whoever goes first and cannot be reached has proven nothing.
    assert_eq!(begun(later()), nothing);
    assert_eq!(begun(Rollout::default()), both, "hosts of its own wave");
    let most = |max_failures| Rollout {
        max_failures: Some(max_failures),
        ..later()
    };
    assert_eq!(begun(most(0)), nothing);
    assert_eq!(begun(most(1)), both);
    let mut wants = Rollout::default();
    wants
        .after
        .insert(host("a"), BTreeSet::from([host("canary")]));
    assert_eq!(begun(wants), "b activate…; start 3; a is skipped");
}

#[test]
fn what_has_begun_never_waits_for_its_turn() {
    let mut plan = Plan::default();
    for name in ["a", "b", "c"] {
        plan.chain(&host(name), chain().into_iter().skip(2));
    }
    let limits = Limits {
        hosts: 2,
        ..Limits::for_cores(4)
    };
    let mut machine = Machine::new(&plan, limits.into(), Ending::Final);
    // Neither a nor b answers when it is confirmed. Somebody who had begun after them would wait for that, and go back unconfirmed.
    let inputs = vec![Input::Begin, ok(0), ok(3), ok(1), ok(2)];
    insta::assert_snapshot!(script(&mut machine, inputs), @"
    a activate…; start 0; b activate…; start 3
    a activate ok; a confirm…; start 1
    b activate ok; b confirm…; start 4
    a confirm ok; a commit…; start 2
    a commit ok; c activate…; start 6; a is changed
    ");
}

#[test]
fn hosts_that_only_build_are_not_held_back() {
    let mut plan = plan(&["a"]);
    plan.chain(&host("b"), chain());
    let pace = Pace {
        limits: Limits::for_cores(4),
        rollout: waves(&[("b", 1)]),
    };
    let mut machine = Machine::new(&plan, pace, Ending::Final);
    insta::assert_snapshot!(script(&mut machine, vec![Input::Begin, ok(5), ok(6)]), @"
    a build…; start 0; b build…; start 5
    b build ok; b copy…; start 6
    b copy ok
    ");
}

#[test]
fn a_host_that_restored_itself_is_rolled_back() {
    let mut machine = changing(&["web"], Rollout::default());
    let restored = Input::Failed {
        unit: UnitId(1),
        failed: Failed {
            error: Diagnostic::new(Code::Unconfirmed, "nobody came"),
            restored: true,
        },
        seconds: 1.0,
    };
    insta::assert_snapshot!(script(&mut machine, vec![Input::Begin, ok(0), restored]), @"
    web activate…; start 0
    web activate ok; web confirm…; start 1
    web confirm failed; web is rolledBack; finish
    ");
}
