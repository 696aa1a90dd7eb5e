//! Evaluations are done once: what changes nothing a host reads costs no process, and what changes something is evaluated anew.

use crate::scene::{SOON, Scene, WEB};
use infra_testkit::{Run, e2e_wanted};
use serde_json::Value;

/// `infra eval`: each host with its answer, by name.
fn eval(scene: &Scene, words: &[&str]) -> Vec<Value> {
    let mut all = vec!["eval", "--json"];
    all.extend(words);
    let finished = scene.infra(&all).ok().unwrap();
    let answer: Value = serde_json::from_str(finished.text()).unwrap();
    answer["hosts"].as_array().unwrap().clone()
}

fn cached(hosts: &[Value]) -> Vec<(&str, bool)> {
    hosts
        .iter()
        .map(|host| {
            (
                host["name"].as_str().unwrap(),
                host["cached"].as_bool().unwrap(),
            )
        })
        .collect()
}

#[test]
fn only_what_a_host_reads_makes_it_evaluate_again() {
    if !e2e_wanted("only_what_a_host_reads_makes_it_evaluate_again") {
        return;
    }
    let scene = Scene::plain();
    let both_new = [("db", false), ("web", false)];
    let both_known = [("db", true), ("web", true)];
    let first = eval(&scene, &["--all"]);
    assert_eq!(cached(&first), both_new);
    assert_eq!(cached(&eval(&scene, &["--all"])), both_known);

    // A commit, a file beside the flake, an untracked file elsewhere: nothing any host reads.
    scene.repo.write("README.md", "other words\n").unwrap();
    scene.repo.write_untracked("notes/todo.txt", "x\n").unwrap();
    scene.repo.remove("notes").unwrap();
    scene.repo.commit("Unrelated").unwrap();
    assert_eq!(cached(&eval(&scene, &["--all"])), both_known);

    // One host's own file: that host alone.
    scene.greet("Changed");
    let changed = eval(&scene, &["--all"]);
    assert_eq!(cached(&changed), [("db", true), ("web", false)]);
    assert_ne!(changed[1]["outPath"], first[1]["outPath"]);
    assert_eq!(changed[0]["treeId"], first[0]["treeId"]);

    // Back again: known again, and the same answer.
    scene.greet("Hello from web");
    let back = eval(&scene, &["web"]);
    assert_eq!(cached(&back), [("web", true)]);
    for key in ["treeId", "drvPath", "outPath"] {
        assert_eq!(back[0][key], first[1][key], "{key}");
    }

    // A shared module: everybody.
    scene
        .repo
        .edit("modules/base/default.nix", |text| {
            format!("{text}# a comment\n")
        })
        .unwrap();
    let shared = eval(&scene, &["--all"]);
    assert_eq!(cached(&shared), both_new);
    assert_eq!(
        shared[0]["outPath"], first[0]["outPath"],
        "a comment changes the tree and not the system"
    );

    assert_eq!(
        cached(&eval(&scene, &["web", "--no-cache"])),
        [("web", false)]
    );
    scene.infra(&["cache", "clear"]).ok().unwrap();
    assert_eq!(cached(&eval(&scene, &["web"])), [("web", false)]);
}

#[test]
fn a_failure_is_not_remembered_and_a_collected_derivation_is_made_again() {
    if !e2e_wanted("a_failure_is_not_remembered_and_a_collected_derivation_is_made_again") {
        return;
    }
    let scene = Scene::plain();
    scene.add(WEB, "  networking.domain = throw \"no\";");
    for _ in 0..2 {
        let finished = scene.infra(&["eval", "web"]);
        assert_eq!(finished.code(), Some(3));
        assert!(
            finished.stderr.contains("evaluate  web  failed"),
            "{}",
            finished.stderr
        );
    }
    scene.repo.git(&["checkout", "--", WEB]).unwrap();
    let greeting = format!("For {}", scene.lab.tag());
    scene.greet(&greeting);
    let first = eval(&scene, &["web"]);
    let drv = first[0]["drvPath"].as_str().unwrap();
    scene
        .lab
        .controller("nix")
        .args(["store", "delete", drv])
        .run(SOON)
        .unwrap()
        .ok()
        .unwrap();
    let again = eval(&scene, &["web"]);
    assert_eq!(cached(&again), [("web", false)]);
    assert_eq!(again[0]["drvPath"], drv);
    assert!(
        scene
            .lab
            .controller("test")
            .args(["-e", drv])
            .run(SOON)
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn what_is_remembered_can_be_checked() {
    if !e2e_wanted("what_is_remembered_can_be_checked") {
        return;
    }
    let scene = Scene::plain();
    let verdicts = || -> Vec<String> {
        let finished = scene.infra(&["doctor", "--recheck", "2", "--json"]);
        let answer: Value = serde_json::from_str(finished.text()).unwrap();
        let checks = answer["hosts"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|host| host["checks"].as_array().unwrap().clone());
        checks
            .filter(|check| check["about"] == "remembered evaluation")
            .map(|check| check["verdict"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(verdicts(), ["warning"], "nothing is remembered yet");
    eval(&scene, &["--all"]);
    assert_eq!(verdicts(), ["ok", "ok"]);
    scene.greet("Not evaluated yet");
    assert_eq!(
        verdicts(),
        ["ok"],
        "what is not remembered cannot be checked"
    );
}

#[test]
fn nothing_changed_starts_no_process() {
    if !e2e_wanted("nothing_changed_starts_no_process") {
        return;
    }
    let scene = Scene::plain();
    eval(&scene, &["--all"]);
    // A process namespace remembers the number of every process and thread there ever was in it.
    let numbers = |words: &str| -> u64 {
        let infra = infra_testkit::infra_binary();
        let script = format!(
            "'{}' -C '{}' {words} >/dev/null 2>&1 && cat /proc/sys/kernel/ns_last_pid",
            infra.display(),
            scene.repo.path().display()
        );
        let finished = scene
            .lab
            .controller("unshare")
            .args(["--pid", "--fork", "--mount-proc", "sh", "-c", &script])
            .run(SOON)
            .unwrap();
        finished.ok().unwrap().text().parse().unwrap()
    };
    assert_eq!(
        numbers("eval --all"),
        numbers("list"),
        "known hosts cost no process"
    );
    assert!(
        numbers("eval web --no-cache") > numbers("list"),
        "the count can tell"
    );
}

#[test]
fn why_names_the_files() {
    if !e2e_wanted("why_names_the_files") {
        return;
    }
    let scene = Scene::plain();
    let why = |words: &[&str]| -> Value {
        let mut all = vec!["why", "web", "--json"];
        all.extend(words);
        serde_json::from_str::<Value>(scene.infra(&all).ok().unwrap().text()).unwrap()["hosts"][0]
            .clone()
    };
    assert_eq!(
        why(&[])["since"],
        Value::Null,
        "nothing to compare with yet"
    );
    let first = eval(&scene, &["web"]);
    scene.greet("Changed");
    scene
        .repo
        .write("modules/extra/default.nix", "{ }\n")
        .unwrap();
    let told = why(&[]);
    assert_eq!(told["since"], first[0]["treeId"]);
    let files: Vec<_> = told["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            format!(
                "{} {}",
                file["how"].as_str().unwrap(),
                file["path"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        files,
        [
            "changed hosts/web/configuration.nix",
            "added modules/extra/default.nix"
        ]
    );
    scene.repo.git(&["checkout", "--", WEB]).unwrap();
    scene.repo.remove("modules/extra").unwrap();
    let tree = first[0]["treeId"].as_str().unwrap();
    assert_eq!(
        why(&["--since", &tree[..10]])["files"],
        Value::Array(Vec::new())
    );
    // The same by what is committed, which is what was copied from the example.
    assert_eq!(why(&["--since", "HEAD"])["since"], first[0]["treeId"]);
    assert_eq!(why(&["--since", "HEAD"])["files"], Value::Array(Vec::new()));
    scene.greet("Changed once more");
    let since_head = why(&["--since", "HEAD"]);
    assert_eq!(
        since_head["files"],
        serde_json::json!([{ "path": WEB, "how": "changed" }])
    );
    let unknown = scene.infra(&["why", "web", "--since", "nonsense"]);
    assert_eq!(unknown.code(), Some(2));
}

#[test]
fn an_evaluation_without_end_fails_its_host_alone() {
    if !e2e_wanted("an_evaluation_without_end_fails_its_host_alone") {
        return;
    }
    let scene = Scene::plain();
    scene.add(
        WEB,
        "  networking.domain = toString (builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: builtins.foldl' (c: d: c + d) 0 (builtins.genList (y: x * y) 10000)) 100000));",
    );
    // With room for one at a time only, the endless one must give its place back.
    let finished = scene.infra(&["eval", "--all", "--json", "--timeout", "3", "--memory", "1"]);
    assert_eq!(finished.code(), Some(1), "{}", finished.stderr);
    let answer: Value = serde_json::from_str(finished.text()).unwrap();
    assert_eq!(answer["hosts"][0]["name"], "db");
    assert_eq!(answer["errors"][0]["code"], "evaluation-timeout");
    assert_eq!(answer["errors"][0]["host"], "web");
}

#[test]
fn an_evaluation_that_runs_out_of_memory_fails_its_host_alone() {
    if !e2e_wanted("an_evaluation_that_runs_out_of_memory_fails_its_host_alone") {
        return;
    }
    let scene = Scene::plain();
    let ordinary = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    scene.add(
        WEB,
        "  networking.domain = toString (builtins.length (builtins.filter (x: builtins.length x > 2000) (builtins.genList (x: builtins.genList (y: x * y) 1000) 10000000)));",
    );
    let infra = infra_testkit::infra_binary();
    // Enough for an ordinary host, and too little for that one: Nix itself finds that there is no more.
    let script = format!(
        "ulimit -v 1200000 && exec '{}' -C '{}' eval --all --json",
        infra.display(),
        scene.repo.path().display()
    );
    let finished = scene
        .lab
        .controller("sh")
        .args(["-c", &script])
        .run(SOON)
        .unwrap();
    assert_eq!(finished.code(), Some(1), "{}", finished.stderr);
    let answer: Value = serde_json::from_str(finished.text()).unwrap();
    assert_eq!(answer["hosts"][0]["name"], "db");
    let error = &answer["errors"][0];
    assert_eq!(
        (&error["code"], &error["host"]),
        (&"out-of-memory".into(), &"web".into()),
        "{error:#}"
    );
    let told = error["cause"].as_str().unwrap();
    assert!(told.contains("it had taken"), "{told}");
    // The failure itself is not remembered.
    scene.repo.write(WEB, &ordinary).unwrap();
    assert_eq!(
        cached(&eval(&scene, &["--all"])),
        [("db", true), ("web", false)]
    );
}
