//! Back to a system that a host ran before: by generation number and exact store path, never "the previous one".

use crate::decide::{may_boot, reason_to_boot};
use crate::{Decision, Verdict, expected, reachable};
use infra_model::change::{Intent, Limits, Reboot, Target};
use infra_model::state::SystemGeneration;
use infra_model::{Code, Diagnostic, Goal, HostName, HostState, Step};
use std::collections::BTreeMap;

/// How a host goes back to generation `to`, or, if that is not said, to the newest one before its boot default with another system.
pub fn rollback(
    host: &HostName,
    state: &HostState,
    to: Option<u64>,
    limits: Limits,
    reboot: Reboot,
) -> Result<Decision, Diagnostic> {
    let target = match to {
        Some(number) => named(host, state, number)?,
        None => earlier(host, state)?,
    };
    if !target.valid {
        return Err(lost(host, state, target));
    }
    let is_current = state.current.as_ref() == Some(&target.system);
    let is_default = state.generation == Some(target.number);
    let boot = reason_to_boot(state, &target.system, reboot);
    let is_there = format!("is on generation {} already", target.number);
    if is_current && is_default && boot.is_none() {
        return Ok(Decision {
            host: host.clone(),
            verdict: Verdict::Unchanged,
            reasons: vec![is_there],
            steps: Vec::new(),
        });
    }
    let mut reasons = vec![if is_current && is_default {
        is_there
    } else {
        let from = state.generation.map_or_else(
            || "no generation".to_owned(),
            |number| format!("generation {number}"),
        );
        format!(
            "goes from {from} back to generation {} ({})",
            target.number,
            target.system.short()
        )
    }];
    // What runs already is left untouched, unless it is booted.
    let changes_what_runs = !is_current || boot.is_some();
    reasons.extend(boot);
    reasons.extend(may_boot(reboot).filter(|_| !is_current));
    Ok(Decision {
        host: host.clone(),
        verdict: Verdict::Change,
        reasons,
        steps: steps(state, target, limits, changes_what_runs.then_some(reboot)),
    })
}

/// How the host comes to the target. `runs`: what it runs becomes it, and whether by a boot; else its boot default alone.
fn steps(
    state: &HostState,
    target: &SystemGeneration,
    limits: Limits,
    runs: Option<Reboot>,
) -> Vec<Step> {
    let intent = Box::new(Intent {
        goal: if runs.is_some() {
            Goal::Switch
        } else {
            Goal::Boot
        },
        system: Some(Target {
            path: target.system.clone(),
            generation: Some(target.number),
        }),
        secrets: None,
        expected: expected(state),
        // The probes of the repository are those of another system; what failed newly is seen without them.
        probes: Some(BTreeMap::new()),
        limits,
        reboot: runs.unwrap_or(Reboot::Never),
    });
    if runs.is_none() {
        return vec![Step::Commit {
            begin: Some(intent),
        }];
    }
    vec![
        Step::Activate { intent },
        Step::Confirm {
            reachable: reachable(None),
            last: false,
        },
        Step::Commit { begin: None },
    ]
}

fn named<'s>(
    host: &HostName,
    state: &'s HostState,
    number: u64,
) -> Result<&'s SystemGeneration, Diagnostic> {
    let found = state.generations.iter().find(|one| one.number == number);
    found.ok_or_else(|| {
        Diagnostic::new(
            Code::NoSuchGeneration,
            format!("{host} has no generation {number}"),
        )
        .with_cause(has(state))
        .with_fix("name one of those: --to NUMBER")
    })
}

fn earlier<'s>(host: &HostName, state: &'s HostState) -> Result<&'s SystemGeneration, Diagnostic> {
    let now = state.generation.unwrap_or(u64::MAX);
    let system = state.boot_default.as_ref();
    let found = state
        .generations
        .iter()
        .rev()
        .find(|one| one.number < now && Some(&one.system) != system);
    found.ok_or_else(|| {
        Diagnostic::new(
            Code::NoSuchGeneration,
            format!("{host} has no generation to go back to"),
        )
        .with_cause(has(state))
        .with_fix(
            "deploy an earlier revision of the repository instead: git checkout REV, infra deploy",
        )
    })
}

fn lost(host: &HostName, state: &HostState, target: &SystemGeneration) -> Diagnostic {
    Diagnostic::new(
        Code::GenerationLost,
        format!(
            "the system of generation {} is not in the store of {host} any more",
            target.number
        ),
    )
    .with_cause(format!("{} was garbage-collected\n{}", target.system, has(state)))
    .with_fix("name another one (--to NUMBER), or deploy the revision of the repository it came from: git checkout REV, infra deploy")
}

/// What there is to go back to.
fn has(state: &HostState) -> String {
    if state.generations.is_empty() {
        return "it has no generations at all".to_owned();
    }
    let all: Vec<String> = state
        .generations
        .iter()
        .map(|one| {
            let mut text = format!("{} ({}", one.number, one.system.short());
            if state.generation == Some(one.number) {
                text += ", the boot default";
            }
            if !one.valid {
                text += ", garbage-collected";
            }
            text + ")"
        })
        .collect();
    format!("it has generations {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::rollback;
    use crate::Decision;
    use infra_model::change::{Limits, Reboot};
    use infra_model::{Diagnostic, HostName, HostState};
    use std::fmt::Write as _;

    const PATHS: [&str; 3] = [
        "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a",
        "/nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-b",
        "/nix/store/3ymw2907bm1s9n6n8lsmbb267gch9dhj-c",
    ];

    /// Generations as `number:system[!]`; what runs, and what would boot.
    fn state(generations: &str, runs: usize, boots: (u64, usize)) -> HostState {
        let mut text = format!(
            "current {}\ndefault {}\ngeneration system-{}-link\n",
            PATHS[runs], PATHS[boots.1], boots.0
        );
        for one in generations.split_whitespace() {
            let (number, system) = one.split_once(':').expect("a system");
            let there = if system.ends_with('!') { "no" } else { "yes" };
            let at: usize = system.trim_end_matches('!').parse().expect("a number");
            let _ = writeln!(text, "profile system-{number}-link {there} {}", PATHS[at]);
        }
        HostState::parse(&text)
    }

    fn back(state: &HostState, to: Option<u64>, reboot: Reboot) -> Result<Decision, Diagnostic> {
        let host = HostName::parse("web").expect("a name");
        rollback(&host, state, to, Limits::default(), reboot)
    }

    fn kinds(decision: &Decision) -> String {
        let kinds: Vec<_> = decision.steps.iter().map(|s| s.kind().as_str()).collect();
        kinds.join(" ")
    }

    fn told(generations: &str, runs: usize, boots: (u64, usize), to: Option<u64>) -> String {
        match back(&state(generations, runs, boots), to, Reboot::Never) {
            Err(fault) => format!("{}; {}", fault.title, fault.cause.unwrap_or_default()),
            Ok(decision) => {
                let target = decision.intent().and_then(|intent| intent.system.as_ref());
                format!(
                    "{}: {} -> {:?}",
                    decision.reasons.join(", "),
                    kinds(&decision),
                    target.and_then(|target| target.generation)
                )
            }
        }
    }

    #[test]
    fn goes_back_by_number_and_path() {
        let table = [
            told("1:0 2:1 3:2", 2, (3, 2), None),
            told("1:0 2:1 3:2", 2, (3, 2), Some(1)),
            told("1:0 2:1 3:2", 2, (3, 2), Some(3)),
            // A → B → A: the newest before it with another system.
            told("1:0 2:1 3:0", 0, (3, 0), None),
            // The same system twice.
            told("1:0 2:1 3:1", 1, (3, 1), None),
            // Runs the target already, and would boot another.
            told("1:0 2:1", 0, (2, 1), Some(1)),
            told("1:0! 2:1", 1, (2, 1), None),
            told("1:0 2:1", 1, (2, 1), Some(7)),
            told("1:0", 0, (1, 0), None),
        ];
        insta::assert_snapshot!(table.join("\n"), @"
        goes from generation 3 back to generation 2 (2ymw2907…-b): activate confirm commit -> Some(2)
        goes from generation 3 back to generation 1 (1ymw2907…-a): activate confirm commit -> Some(1)
        is on generation 3 already:  -> None
        goes from generation 3 back to generation 2 (2ymw2907…-b): activate confirm commit -> Some(2)
        goes from generation 3 back to generation 1 (1ymw2907…-a): activate confirm commit -> Some(1)
        goes from generation 2 back to generation 1 (1ymw2907…-a): commit -> Some(1)
        the system of generation 1 is not in the store of web any more; /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a was garbage-collected
        it has generations 1 (1ymw2907…-a, garbage-collected), 2 (2ymw2907…-b, the boot default)
        web has no generation 7; it has generations 1 (1ymw2907…-a), 2 (2ymw2907…-b, the boot default)
        web has no generation to go back to; it has generations 1 (1ymw2907…-a, the boot default)
        ");
    }

    #[test]
    fn boots_what_a_boot_is_asked_for() {
        let mut table = Vec::new();
        for reboot in [Reboot::Never, Reboot::Needed, Reboot::Always] {
            for (runs, boots, to, waits) in [
                // Another system.
                (1, (2, 1), 1, false),
                // It runs the target and boots it.
                (1, (2, 1), 2, false),
                (1, (2, 1), 2, true),
                // It runs the target, and would boot another one.
                (0, (2, 1), 1, false),
                (0, (2, 1), 1, true),
            ] {
                let mut state = state("1:0 2:1", runs, boots);
                state.boot_pending = waits;
                let decision = back(&state, Some(to), reboot).expect("there");
                let asked = decision.intent().map(|intent| {
                    let target = intent.system.as_ref().and_then(|system| system.generation);
                    (intent.goal.as_str(), target, intent.reboot)
                });
                table.push(format!(
                    "{reboot:?}{}: {} {asked:?} <- {}",
                    if waits { " waiting" } else { "" },
                    kinds(&decision),
                    decision.reasons.join(", ")
                ));
            }
        }
        insta::assert_snapshot!(table.join("\n"), @r#"
        Never: activate confirm commit Some(("switch", Some(1), Never)) <- goes from generation 2 back to generation 1 (1ymw2907…-a)
        Never:  None <- is on generation 2 already
        Never waiting:  None <- is on generation 2 already
        Never: commit Some(("boot", Some(1), Never)) <- goes from generation 2 back to generation 1 (1ymw2907…-a)
        Never waiting: commit Some(("boot", Some(1), Never)) <- goes from generation 2 back to generation 1 (1ymw2907…-a)
        Needed: activate confirm commit Some(("switch", Some(1), Needed)) <- goes from generation 2 back to generation 1 (1ymw2907…-a), to be booted if kernel, initial ramdisk, kernel modules or command line differ
        Needed:  None <- is on generation 2 already
        Needed waiting: activate confirm commit Some(("switch", Some(2), Needed)) <- is on generation 2 already, was booted with another kernel, initial ramdisk, kernel modules or command line
        Needed: commit Some(("boot", Some(1), Never)) <- goes from generation 2 back to generation 1 (1ymw2907…-a)
        Needed waiting: activate confirm commit Some(("switch", Some(1), Needed)) <- goes from generation 2 back to generation 1 (1ymw2907…-a), was booted with another kernel, initial ramdisk, kernel modules or command line
        Always: activate confirm commit Some(("switch", Some(1), Always)) <- goes from generation 2 back to generation 1 (1ymw2907…-a), to be booted
        Always: activate confirm commit Some(("switch", Some(2), Always)) <- is on generation 2 already, to be booted
        Always waiting: activate confirm commit Some(("switch", Some(2), Always)) <- is on generation 2 already, to be booted
        Always: activate confirm commit Some(("switch", Some(1), Always)) <- goes from generation 2 back to generation 1 (1ymw2907…-a), to be booted
        Always waiting: activate confirm commit Some(("switch", Some(1), Always)) <- goes from generation 2 back to generation 1 (1ymw2907…-a), to be booted
        "#);
    }
}
