//! `plan` and `apply` where the host cannot be had. (What a plan shows of real hosts, and what applying it does, is tested on real hosts.)

use crate::env::{Env, settings};
use infra_model::HostName;
use infra_model::plan_file::PlanFile;

/// A plan of web and of the repository of `env`, with `change` made to it before it gets its name.
fn saved(env: &Env, change: impl FnOnce(&mut PlanFile)) -> String {
    let golden = include_str!("../../../model/tests/golden/plan.json");
    let mut plan: PlanFile = serde_json::from_str(golden).expect("a plan");
    let root = env.repo().canonicalize().expect("there");
    plan.repository = format!("path:{}", root.display());
    for host in &mut plan.hosts {
        // Sent secrets would be asked for.
        host.plan.steps.retain(|step| step.as_str() != "seal");
        if let Some(intent) = &mut host.intent {
            intent.secrets = None;
        }
    }
    change(&mut plan);
    let named = plan.named(&infra_drive::plans::digest).expect("named");
    named.to_text().expect("text")
}

/// A snapshot without what no two plans have in common.
fn told(name: &str, text: &str) {
    let mut settings = settings();
    settings.add_filter("[0-9a-f]{64}", "[id]");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn a_host_that_cannot_be_reached_is_not_planned() {
    let env = Env::pair();
    let file = env.side_file("out/web.plan", "");
    std::fs::remove_file(&file).expect("there");
    told("unreachable", &env.run(&["plan", "web", "-o", &file]));
    assert!(!std::path::Path::new(&file).exists(), "there is no plan");
    told("unreachable-json", &env.run(&["plan", "web", "--json"]));
    let state = env.repo().join("../state");
    let runs = std::fs::read_dir(state.join("infra")).map_or(0, Iterator::count);
    assert_eq!(runs, 0, "a plan is no run");
}

#[test]
fn a_plan_asks_for_hosts_and_known_runs() {
    let env = Env::pair();
    let words = [
        &["plan"][..],
        &["plan", "web", "--against", "20261121T"],
        &["plan", "web", "--against", ""],
    ];
    let all: Vec<String> = words.iter().map(|words| env.run(words)).collect();
    told("usage", &all.join("\n"));
    let refused = env.run(&["plan", "web", "--goal", "dry-activate"]);
    assert!(refused.starts_with("exit 2"), "{refused}");
}

#[test]
fn what_is_no_plan_of_this_repository_is_refused() {
    let env = Env::pair();
    let whole = saved(&env, |_| {});
    let torn: String = whole.chars().take(whole.len() / 2).collect();
    let cases = [
        ("torn.plan", torn),
        (
            "changed.plan",
            whole.replacen("\"goal\": \"switch\"", "\"goal\": \"test\"", 1),
        ),
        (
            "newer.plan",
            whole.replacen("\"schema\": 1", "\"schema\": 2", 1),
        ),
        (
            "elsewhere.plan",
            saved(&env, |plan| plan.repository = "git:4f2a9c".to_owned()),
        ),
        (
            "gone.plan",
            saved(&env, |plan| {
                let gone = HostName::parse("mail").expect("a name");
                plan.hosts[0].host = gone;
            }),
        ),
    ];
    let mut all = String::new();
    for (name, text) in cases {
        let file = env.side_file(name, &text);
        all += &env.run(&["apply", &file]);
    }
    all += &env.run(&["apply", "not-there.plan"]);
    told("refused", &all);
    assert!(
        env.calls().iter().all(|call| call != "ssh"),
        "no host is asked"
    );
}

#[test]
fn a_plan_is_applied_to_hosts_that_answer() {
    let env = Env::pair();
    let file = env.side_file("web.plan", &saved(&env, |_| {}));
    told("applied", &env.run(&["apply", &file]));
}
