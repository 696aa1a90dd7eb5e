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

/// Everything, committed.
fn commit(env: &Env) {
    env.git(&["init", "--quiet"]);
    env.git(&["add", "--all"]);
    env.git(&["commit", "--quiet", "--message", "x"]);
}

/// `pair` in Git, with a change that is not committed.
fn changed() -> Env {
    let env = Env::pair();
    env.git(&["init", "--quiet"]);
    env.git(&["add", "--all"]);
    env.git(&["commit", "--quiet", "--message", "x"]);
    env.write("hosts/web/configuration.nix", "{ a = 1; }\n");
    env
}

fn evaluations(env: &Env) -> usize {
    env.calls()
        .iter()
        .filter(|call| *call == "nix eval")
        .count()
}

#[test]
fn a_revision_costs_one_more_evaluation_and_leaves_nothing_behind() {
    let env = changed();
    let temporary = env.side_file("tmp/kept", "");
    let temporary = std::path::Path::new(&temporary).parent().expect("a folder");
    let env = env.set("TMPDIR", temporary.display().to_string());
    env.run(&["plan", "web"]);
    assert_eq!(evaluations(&env), 1);
    let seen = || env.run(&["why", "web", "--json"]);
    let before = seen();
    // The host does not answer here; what it was then is asked for all the same.
    told("against", &env.run(&["plan", "web", "--against", "HEAD"]));
    assert_eq!(evaluations(&env), 3, "what it is, and what it was");
    let left: Vec<_> = std::fs::read_dir(temporary).expect("there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        seen(),
        before,
        "what it was in a revision is not what it was before"
    );

    // A host that was not there yet is not evaluated as it was.
    env.write("hosts/new/host.toml", crate::env::HOST);
    env.run(&["plan", "new", "--against", "HEAD"]);
    assert_eq!(evaluations(&env), 4);
}

#[test]
fn what_cannot_be_told_of_a_revision_stops_no_plan() {
    let env = changed();
    env.write("hosts/web/host.toml", "class = \"spaceship\"\n");
    env.git(&["commit", "--quiet", "--all", "--message", "x"]);
    env.write("hosts/web/host.toml", crate::env::HOST);
    let mut all = env.run(&["plan", "web", "--against", "HEAD"]);
    // Its first evaluation is the one of the revision.
    let fault = env.side_file("fault", "error: attribute 'gone' missing\n");
    let once = "[ -e $FAKE_LOG.once ] || { : > $FAKE_LOG.once; FAKE_EVAL_FAILS=$FAKE_FAULT; }";
    let env = env.set("FAKE_EACH_DOES", once).set("FAKE_FAULT", fault);
    all += &env.run(&["plan", "web", "--against", "HEAD~1"]);
    all += &env.run(&["plan", "web", "--against", "HEAD~1", "--json"]);
    told("revision-unknown", &all);
}

#[test]
fn commands_that_a_revision_names_are_not_run() {
    let env = Env::pair();
    let ran = env.side_file("out/ran", "");
    std::fs::remove_file(&ran).expect("there");
    env.contract("web", serde_json::json!({"secrets": {"token": {}}}));
    env.write("context/hosts/web.toml", "token = \"command:pass/token\"\n");
    let store = |words: &str| format!("[stores.pass]\ncommand = [{words}]\n");
    env.write("infra.toml", &store(&format!("\"touch\", \"{ran}\"")));
    env.git(&["init", "--quiet"]);
    env.git(&["add", "--all"]);
    env.git(&["commit", "--quiet", "--message", "x"]);
    env.write("infra.toml", &store("\"echo\", \"now\""));
    let shown = env.run(&["plan", "web", "--against", "HEAD"]);
    assert!(!std::path::Path::new(&ran).exists(), "{shown}");
    assert!(!shown.contains("cannot be compared"), "{shown}");
    assert_eq!(evaluations(&env), 3, "its contract, once, and both systems");
}

/// A link in somebody's branch may lead to any file of this machine, and to what nobody comes to the end of.
#[test]
fn no_file_outside_is_read_for_a_revision() {
    let env = Env::pair();
    let token = serde_json::json!({"required": false});
    env.contract("web", serde_json::json!({"secrets": {"token": token}}));
    let context = "context/hosts/web.toml";
    env.write(context, "token = \"agenix:link.age\"\n");
    let endless = env.repo().with_file_name("endless");
    std::os::unix::fs::symlink(&endless, env.repo().join("link.age")).expect("writable");
    commit(&env);
    env.write(context, "");
    let endless = endless.display().to_string();
    let planned = env.in_shell(
        "mkfifo \"$2\" && exec timeout -s KILL 60 \"$1\" plan web --against HEAD",
        &[&endless],
    );
    let said = String::from_utf8_lossy(&planned.stderr);
    assert_eq!(planned.status.code(), Some(3), "{said}");
    assert!(!said.contains("cannot be compared"), "{said}");
}

/// Its flake.nix is read impurely to tell how a lock file differs from it.
#[test]
fn the_flake_of_a_revision_is_not_read_impurely() {
    let env = changed();
    let fault =
        r#"@nix {"action":"msg","level":0,"msg":"error: flake 'x' requires lock file changes"}"#;
    let fault = env.side_file("fault", fault);
    let lock = r#"{"nodes": {"root": {}}, "root": "root", "version": 7}"#;
    env.write("flake.lock", lock);
    commit(&env);
    let once = "[ -e $FAKE_LOG.once ] || { : > $FAKE_LOG.once; FAKE_EVAL_FAILS=$FAKE_FAULT; }";
    let env = env.set("FAKE_EACH_DOES", once).set("FAKE_FAULT", fault);
    let shown = env.run(&["plan", "web", "--against", "HEAD"]);
    assert!(
        shown.contains("cannot be compared with what it was in `HEAD`"),
        "{shown}"
    );
    assert_eq!(evaluations(&env), 2, "both systems, and nothing else");
}

#[test]
fn no_builder_is_reached_as_a_revision_says() {
    let builder = |address: &str| format!("{}addresses = [\"{address}\"]\n", crate::env::HOST);
    let built_on = |name: &str| format!("{}build = \"{name}\"\n", crate::env::HOST);
    // The file that says where to go.
    let asked = "cat \"$2\" >> $FAKE_LOG.asked";
    let env = Env::pair().set("FAKE_SSH_DOES", asked);
    for name in ["evil", "db"] {
        env.write(&format!("hosts/{name}/host.pub"), crate::env::KEY);
    }
    env.write("hosts/evil/host.toml", &builder("192.0.2.66"));
    env.write("hosts/db/host.toml", &builder("192.0.2.66"));
    env.write("hosts/web/host.toml", &built_on("evil"));
    commit(&env);
    env.write("hosts/web/host.toml", &built_on("db"));
    commit(&env);
    std::fs::remove_dir_all(env.repo().join("hosts/evil")).expect("there");
    env.write("hosts/db/host.toml", &builder("192.0.2.7"));
    let log = env.side_file("calls.asked", "");
    let asked = || std::fs::read_to_string(&log).expect("there");

    // The builder is another one now.
    let shown = env.run(&["plan", "web", "--against", "HEAD", "--build"]);
    assert!(asked().contains("192.0.2.7"), "{shown}\n{}", asked());
    // It is not there any more.
    env.write("hosts/web/host.toml", crate::env::HOST);
    let shown = env.run(&["plan", "web", "--against", "HEAD~1", "--build"]);
    assert!(env.calls().contains(&"nix build".to_owned()), "{shown}");
    assert!(!asked().contains("192.0.2.66"), "{}", asked());
}

#[test]
fn a_context_that_cannot_be_read_concerns_its_host_alone() {
    let env = Env::pair();
    for host in ["web", "db"] {
        env.contract(
            host,
            serde_json::json!({"values": {"site": {"type": {"kind": "string"}, "default": "x"}}}),
        );
    }
    env.write("context/hosts/web.toml", "site = [\n");
    commit(&env);
    env.write("context/hosts/web.toml", "");
    env.write("hosts/web/configuration.nix", "{ now = 1; }\n");
    let trees = || {
        let shown = env.output(&["cache", "info", "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        told["hosts"][0]["treeObjects"].as_u64().expect("a number")
    };
    env.run(&["plan", "web"]);
    let before = trees();
    env.run(&["plan", "web", "--against", "HEAD"]);
    assert!(before > 0);
    assert_eq!(trees(), before, "there is no tree of what it was");
    let all = env.run(&["plan", "web", "db", "--against", "HEAD"]);
    let evaluated = |host: &str| all.matches(&format!("  evaluate  {host}  ")).count();
    assert_eq!((evaluated("web"), evaluated("db")), (1, 2), "{all}");

    // What is true of all hosts is told once.
    env.write("context/shared.toml", "site = [\n");
    commit(&env);
    env.write("context/shared.toml", "");
    told(
        "revision-context",
        &(all + &env.run(&["plan", "web", "db", "--against", "HEAD"])),
    );
}

#[test]
fn a_plan_that_is_stopped_leaves_no_revision_behind() {
    for signal in ["INT", "TERM"] {
        stopped_by(signal);
    }
}

fn stopped_by(signal: &str) {
    let env = Env::pair();
    env.contract("web", serde_json::json!({}));
    commit(&env);
    env.write("hosts/web/contract.nix", "{ a = 1; }\n");
    let temporary = env.side_file("tmp/kept", "");
    let temporary = std::path::Path::new(&temporary).parent().expect("a folder");
    // The contract of now is answered, that of then is not.
    let asked = env.side_file("out/asked", "");
    std::fs::remove_file(&asked).expect("there");
    let hangs = "[ -e $FAKE_LOG.once ] && { : > $FAKE_ASKED; exec sleep 60; }; : > $FAKE_LOG.once";
    let env = env
        .set("TMPDIR", temporary.display().to_string())
        .set("FAKE_ASKED", &asked)
        .set("FAKE_PLANE_DOES", hangs);
    let files = || std::fs::read_dir(temporary).expect("there").count();
    let running = env.start(&["plan", "web", "--against", "HEAD"]);
    let begun = std::time::Instant::now();
    while !std::path::Path::new(&asked).exists() {
        assert!(begun.elapsed().as_secs() < 60, "it is asked");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(files(), 2, "the revision is checked out");
    let line = format!("kill -{signal} {}", running.id());
    assert!(env.in_shell(&line, &[]).status.success());
    let (code, _, said) = running.end();
    assert_eq!(code, Some(130), "{signal}: {said}");
    assert!(!said.contains("cannot be compared"), "{said}");
    assert_eq!(files(), 1, "{signal}");
    assert!(begun.elapsed().as_secs() < 50, "it was not waited for");
}

#[test]
fn no_more_hosts_are_looked_at_than_plan_may() {
    let env = Env::pair();
    for number in 0..4 {
        let folder = format!("hosts/more{number}");
        env.write(&format!("{folder}/host.toml"), crate::env::HOST);
        env.write(&format!("{folder}/host.pub"), crate::env::KEY);
    }
    // Whoever finds another one there says so, and stays for a while.
    let alone = "mkdir $FAKE_LOG.door || : > $FAKE_LOG.crowd; sleep 0.2; rmdir $FAKE_LOG.door";
    let crowd = env.side_file("calls.crowd", "");
    let env = env.set("FAKE_SSH_DOES", alone);
    std::fs::remove_file(&crowd).expect("there");
    let shown = env.run(&["plan", "more*", "--parallel", "1"]);
    let asked = env.calls().iter().filter(|call| *call == "ssh").count();
    assert_eq!(asked, 4, "{shown}");
    assert!(!std::path::Path::new(&crowd).exists(), "{shown}");
}

#[test]
fn a_word_that_is_neither_run_nor_revision_says_what_was_tried() {
    let env = changed();
    let mut all = env.run(&["plan", "web", "--against", "v7"]);
    all += &env.run(&["plan", "web", "--against", "HEAD:flake.nix"]);
    env.write("infra.toml", "nonsense = 1\n");
    env.git(&["add", "--all"]);
    env.git(&["commit", "--quiet", "--message", "x"]);
    env.write("infra.toml", "");
    all += &env.run(&["plan", "web", "--against", "HEAD"]);
    told("neither", &all);
    assert_eq!(evaluations(&env), 0);
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
