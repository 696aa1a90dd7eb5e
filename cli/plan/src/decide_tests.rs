//! Decisions as tables: what was found, what is wanted → what is done, and why.

use super::{Known, Secrets, Verdict, deploy};
use infra_model::change::{Limits, Reboot};
use infra_model::contract::Probe;
use infra_model::state::HostSecrets;
use infra_model::{
    BuildOn, Evaluation, Goal, HostName, HostState, NeedName, Step, StorePath, SystemAnswer,
};
use std::collections::BTreeMap;

fn path(name: &str) -> StorePath {
    StorePath::parse(&format!(
        "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}"
    ))
    .expect("a store path")
}

fn known(current: Option<&str>, boot: Option<&str>, build: BuildOn) -> Known {
    let json = format!(
        r#"{{"schema":1,"host":"web","class":"nixos","system":"x86_64-linux","toplevel":{{"drv":"{}","out":"{}"}}}}"#,
        path("new.drv"),
        path("new")
    );
    Known {
        name: HostName::parse("web").expect("a name"),
        build,
        state: HostState {
            current: current.map(path),
            boot_default: boot.map(path),
            failed_units: vec!["old.service".to_owned()],
            ..HostState::default()
        },
        system: Evaluation {
            answer: SystemAnswer::parse(&json).expect("valid"),
            tree: "1".repeat(40),
            remembered: false,
            seconds: 1.0,
            peak_bytes: None,
        },
        secrets: Secrets::default(),
        probes: Some(BTreeMap::new()),
        limits: Limits::default(),
        reboot: Reboot::Never,
    }
}

#[test]
fn secrets_go_before_the_system_that_uses_them() {
    let has = |digest: &str, names: &[&str], in_place| {
        Some(HostSecrets {
            digest: Some(digest.to_owned()),
            generation: Some(3),
            fingerprints: std::collections::BTreeMap::new(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            in_place,
        })
    };
    let cases = [
        (None, vec![], Some("new"), Goal::Switch),
        (None, vec!["a"], Some("old"), Goal::Switch),
        (None, vec!["a"], Some("old"), Goal::Boot),
        (None, vec!["a"], Some("old"), Goal::DryActivate),
        (has("d", &["a"], true), vec!["a"], Some("new"), Goal::Switch),
        (
            has("d", &["a"], false),
            vec!["a"],
            Some("new"),
            Goal::Switch,
        ),
        (has("e", &["a"], true), vec!["a"], Some("new"), Goal::Switch),
        (has("e", &["b"], true), vec!["a"], Some("new"), Goal::Test),
        (has("e", &["b"], true), vec![], Some("new"), Goal::Switch),
        (has("e", &[], true), vec![], Some("new"), Goal::Switch),
    ];
    let told: Vec<String> = cases
        .into_iter()
        .map(|(has, wanted, runs, goal)| {
            let mut host = known(runs, runs, BuildOn::Local);
            host.state.secrets = has;
            host.secrets = Secrets {
                digest: "d".to_owned(),
                names: wanted.into_iter().map(str::to_owned).collect(),
            };
            let (decisions, _) = deploy(&[host], goal);
            let steps: Vec<String> = decisions[0]
                .steps
                .iter()
                .map(|step| match step {
                    Step::Confirm { last: true, .. } => "confirm.".to_owned(),
                    Step::Commit { begin: Some(_) } => "boot".to_owned(),
                    step => step.kind().to_string(),
                })
                .collect();
            format!("{}: {}", decisions[0].reasons.join(" & "), steps.join(" "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn decides() {
    // name: runs, boots, wanted for
    let cases = "settled: new new switch; ordinary change: old old switch; never deployed: - - switch; \
                 tested but not committed: new old switch; committed but not running: old new switch; \
                 test: old old test; test of what runs: new old test; boot: old old boot; \
                 boot of the default: old new boot; dry: old old dry; dry on settled: new new dry; \
                 built on the host: old old switch";
    let mut table = Vec::new();
    for case in cases.split("; ") {
        let (name, rest) = case.split_once(": ").expect("a name");
        let words: Vec<_> = rest.split(' ').collect();
        let found = |word| Some(word).filter(|word| *word != "-");
        let goal = match words[2] {
            "switch" => Goal::Switch,
            "test" => Goal::Test,
            "boot" => Goal::Boot,
            _ => Goal::DryActivate,
        };
        let build = match name {
            "built on the host" => BuildOn::Target,
            _ => BuildOn::Local,
        };
        let (decisions, plan) = deploy(&[known(found(words[0]), found(words[1]), build)], goal);
        let decision = &decisions[0];
        let summary = decision.summary();
        let steps: Vec<_> = summary.steps.iter().map(|s| s.as_str()).collect();
        assert_eq!(plan.units().len(), steps.len());
        assert_eq!(decision.verdict == Verdict::Unchanged, steps.is_empty());
        assert!(!decision.reasons.is_empty(), "a decision says why");
        let reasons = decision.reasons.join(", ");
        table.push(format!("{name}: {} <- {reasons}", steps.join(" ")));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    settled:  <- already runs this system
    ordinary change: build copy activate confirm commit <- runs 1ymw2907…-old, would boot 1ymw2907…-old
    never deployed: build copy activate confirm commit <- runs no system of infra or NixOS yet, has no system profile yet
    tested but not committed: build copy commit <- would boot 1ymw2907…-old
    committed but not running: build copy activate confirm commit <- runs 1ymw2907…-old
    test: build copy activate confirm <- runs 1ymw2907…-old
    test of what runs:  <- already runs this system
    boot: build copy commit <- would boot 1ymw2907…-old
    boot of the default:  <- will already boot this system
    dry: build copy activate <- runs 1ymw2907…-old
    dry on settled:  <- already runs this system
    built on the host: build activate confirm commit <- runs 1ymw2907…-old, would boot 1ymw2907…-old
    ");
}

#[test]
fn steps_of_a_host_wait_for_each_other_and_hosts_do_not() {
    let mut db = known(Some("old"), Some("old"), BuildOn::Local);
    db.name = HostName::parse("db").expect("a name");
    let web = known(Some("old"), Some("old"), BuildOn::Local);
    let (_, plan) = deploy(&[db, web], Goal::Switch);
    let waits: Vec<_> = plan
        .units()
        .iter()
        .map(|unit| unit.after.iter().map(|id| id.0).collect::<Vec<_>>())
        .collect();
    let expected: Vec<Vec<usize>> = vec![
        vec![],
        vec![0],
        vec![1],
        vec![2],
        vec![3],
        vec![],
        vec![5],
        vec![6],
        vec![7],
        vec![8],
    ];
    assert_eq!(waits, expected);
}

#[test]
fn hosts_that_are_to_reach_it_have_a_time_of_their_own() {
    let probe = |json: &str| serde_json::from_str::<Probe>(json).expect("a probe");
    let mut host = known(Some("old"), Some("old"), BuildOn::Local);
    let name = |name: &str| NeedName::parse(name).expect("a name");
    host.probes = Some(BTreeMap::from([
        (
            name("router"),
            probe(
                r#"{"reachableFrom":"router","within":"2m","every":"1s","successes":1,"critical":true,"declared":[]}"#,
            ),
        ),
        (
            name("web"),
            probe(
                r#"{"unit":"web.service","within":"5m","every":"1s","successes":1,"critical":true,"declared":[]}"#,
            ),
        ),
    ]));
    let (decisions, _) = deploy(&[host], Goal::Switch);
    let intent = decisions[0].intent().expect("a change");
    assert_eq!(intent.limits.confirm, Limits::default().confirm + 120);
    let asked: Vec<Vec<&NeedName>> = decisions[0]
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Confirm { reachable, .. } => Some(reachable.keys().collect()),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [[&name("router")]]);
}

#[test]
fn boots_what_a_boot_is_asked_for() {
    let mut table = Vec::new();
    for reboot in [Reboot::Never, Reboot::Needed, Reboot::Always] {
        for (runs, boots, waits, goal) in [
            ("old", "old", false, Goal::Switch),
            ("old", "old", false, Goal::Test),
            ("new", "new", false, Goal::Switch),
            ("new", "new", true, Goal::Switch),
            ("new", "old", true, Goal::Switch),
            ("new", "old", false, Goal::Switch),
        ] {
            let mut host = known(Some(runs), Some(boots), BuildOn::Local);
            host.state.boot_pending = waits;
            host.reboot = reboot;
            let (decisions, _) = deploy(&[host], goal);
            let decision = &decisions[0];
            let steps = decision.summary().steps;
            let steps: Vec<_> = steps.iter().map(|step| step.as_str()).collect();
            let asked = decision.intent().map(|intent| intent.reboot);
            table.push(format!(
                "{reboot:?}: {runs} {boots}{} {}: {} {asked:?} <- {}",
                if waits { " waiting" } else { "" },
                goal.as_str(),
                steps.join(" "),
                decision.reasons.join(", ")
            ));
        }
    }
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn what_failed_and_stayed_is_activated_and_tried_again() {
    let told = |end: &str, goal, (runs, boots): (_, Option<_>)| {
        let mut host = known(Some(runs), boots, BuildOn::Local);
        let why = r#"{"code":"probe-failed","title":"x"}"#;
        let end = match end {
            "left" => format!(r#"{{"kind":"left","why":{why},"left":{why},"warnings":[]}}"#),
            "stuck" => format!(r#"{{"kind":"stuck","why":{why},"then":{why}}}"#),
            "restored" => format!(r#"{{"kind":"restored","why":{why},"warnings":[]}}"#),
            _ => r#"{"kind":"done","generation":null,"warnings":[]}"#.to_owned(),
        };
        let change = format!(
            r#"{{"schema":1,"run":"r1","by":"ann@desk","since":0,"phase":"ended","alive":false,"remaining":null,
                "system":"{}","before":null,"probes":[],"end":{end},"log":[],"next":0}}"#,
            path("new")
        );
        host.state.change = Some(serde_json::from_str(&change).expect("a change"));
        let decision = deploy(&[host], goal).0.remove(0);
        let steps: Vec<_> = decision
            .steps
            .iter()
            .map(|step| step.kind().as_str())
            .collect();
        format!("{} <- {}", steps.join(" "), decision.reasons.join(", "))
    };
    let new = Some("new");
    let table = [
        told("left", Goal::Switch, ("new", None)),
        told("stuck", Goal::Switch, ("new", Some("old"))),
        told("stuck", Goal::Switch, ("new", new)),
        told("stuck", Goal::Test, ("new", new)),
        told("stuck", Goal::Boot, ("new", new)),
        told("restored", Goal::Switch, ("new", new)),
        told("restored", Goal::Switch, ("old", Some("old"))),
        told("done", Goal::Switch, ("new", None)),
    ];
    insta::assert_snapshot!(table.join("\n"));
}
