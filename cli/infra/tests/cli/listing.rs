//! `list`, `info` and completion: answered from TOML and folder names, without a process.

use crate::env::{Env, HOST, shows};
use serde_json::Value;

#[test]
fn lists_hosts() {
    let env = Env::pair();
    shows!(env, ["list"], @"
    exit 0
    --- stdout
    HOST  CLASS  SYSTEM        TAGS      ADDRESSES
    db    nixos  x86_64-linux  backend   192.0.2.7
    web   nixos  x86_64-linux  frontend  web
    --- stderr
    ");
    shows!(env, ["list", "@frontend"], @"
    exit 0
    --- stdout
    HOST  CLASS  SYSTEM        TAGS      ADDRESSES
    web   nixos  x86_64-linux  frontend  web
    --- stderr
    ");
    shows!(env, ["list", "--json", "!web"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"list","hosts":[{"name":"db","class":"nixos","system":"x86_64-linux","tags":["backend"],"addresses":["192.0.2.7"],"user":"root","port":22,"platform":"ssh","build":"local"}],"errors":[]}
    --- stderr
    "#);
    assert_eq!(env.calls(), Vec::<String>::new(), "no process is started");
}

#[test]
fn an_answer_that_did_not_arrive_is_an_error() {
    let env = Env::pair();
    for words in ["list", "list --json", "cache info", "completions bash"] {
        let told = env.shell(&format!("{words} >/dev/full"));
        assert_eq!(told.status.code(), Some(1), "{words}");
        let text = String::from_utf8_lossy(&told.stderr);
        assert!(
            text.starts_with("error[output-lost]: the answer could not be written"),
            "{text}"
        );
        // Somebody who stops listening is none.
        let told = env.shell(&format!("{words} | true"));
        assert_eq!(told.status.code(), Some(0), "{words}");
        assert!(told.stderr.is_empty(), "{words}");
    }
}

#[test]
fn is_found_from_a_folder_inside() {
    let env = Env::pair();
    let inside = env.repo().join("hosts/web");
    let inside = inside.to_str().expect("UTF-8");
    let output = env.output(&["-C", inside, "list"]);
    assert!(output.status.success());
}

#[test]
fn a_broken_host_hides_no_other() {
    let env = Env::pair();
    env.write(
        "hosts/bad/host.toml",
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\nadress = 1\n",
    );
    shows!(env, ["list"], @"
    exit 2
    --- stdout
    HOST  CLASS  SYSTEM        TAGS      ADDRESSES
    db    nixos  x86_64-linux  backend   192.0.2.7
    web   nixos  x86_64-linux  frontend  web
    --- stderr
    error[unknown-key]: bad: unknown key `adress` in hosts/bad/host.toml
      --> hosts/bad/host.toml:3:1
        |
      3 | adress = 1
        | ^
      fix: known keys: class, system, tags, addresses, user, port, jump, build, platform, parent, shared, wave, relay
    ");
}

#[test]
fn shows_what_is_known_of_a_host() {
    let env = Env::pair();
    shows!(env, ["info", "web"], @"
    exit 0
    --- stdout
    web
      class          nixos
      system         x86_64-linux
      tags           frontend
      addresses      web
      login          root port 22
      build          on this machine
      host key       ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvVJJ1SEPOSPEoXJx4eRJEkCvXVDgxaqMuA2gkWSPbt
      files          configuration.nix host.pub host.toml
      last run       never deployed from this machine
    --- stderr
    ");
    shows!(env, ["info", "db", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"info","hosts":[{"name":"db","class":"nixos","system":"x86_64-linux","tags":["backend"],"addresses":["192.0.2.7"],"user":"root","port":22,"platform":"ssh","build":"local","hostKeys":[],"files":["host.toml"],"lastDeployment":null}],"errors":[]}
    --- stderr
    "#);
    assert_eq!(env.calls(), Vec::<String>::new(), "no process is started");
}

#[test]
fn a_thousand_hosts_are_listed_without_a_process() {
    let env = Env::new();
    env.write("flake.nix", "{ }");
    for number in 0..1000 {
        env.write(&format!("hosts/host-{number}/host.toml"), HOST);
    }
    let output = env.output(&["list", "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["hosts"].as_array().expect("hosts").len(), 1000);
    assert_eq!(answer["errors"].as_array().expect("errors").len(), 0);
    assert_eq!(env.calls(), Vec::<String>::new());
}

#[test]
fn completes_branches_and_tags_of_git() {
    let env = Env::pair();
    env.git(&["init", "--quiet"]);
    env.git(&["add", "--all"]);
    env.git(&["commit", "--quiet", "--message", "x"]);
    env.git(&["branch", "feature/one"]);
    env.git(&["tag", "v1"]);
    let env = env
        .set("COMPLETE", "bash")
        .set("_CLAP_COMPLETE_INDEX", "4")
        .set("_CLAP_COMPLETE_COMP_TYPE", "9")
        .set("_CLAP_COMPLETE_SPACE", "true")
        .set("_CLAP_IFS", "\n");
    let output = env.output(&["--", "infra", "why", "web", "--since", ""]);
    let words = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(words, "HEAD\nfeature/one\nmain\nv1");
}

#[test]
fn completes_host_names_and_tags() {
    let complete = |word: &str| {
        let env = Env::pair()
            .set("COMPLETE", "bash")
            .set("_CLAP_COMPLETE_INDEX", "2")
            .set("_CLAP_COMPLETE_COMP_TYPE", "9")
            .set("_CLAP_COMPLETE_SPACE", "true")
            .set("_CLAP_IFS", "\n");
        let output = env.output(&["--", "infra", "deploy", word]);
        assert_eq!(env.calls(), Vec::<String>::new(), "no process is started");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(complete("w"), "web");
    assert_eq!(complete("@"), "@backend\n@frontend");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Env::new().output(&["completions", shell]);
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "{shell}"
        );
    }
}

/// What bash is offered for the last of these words, without the options that may stand anywhere.
fn offered(env: Env, words: &[&str]) -> Vec<String> {
    let env = env
        .set("COMPLETE", "bash")
        .set("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .set("_CLAP_COMPLETE_COMP_TYPE", "9")
        .set("_CLAP_COMPLETE_SPACE", "true")
        .set("_CLAP_IFS", "\n");
    let output = env.output(&[&["--", "infra"], words].concat());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(env.calls(), Vec::<String>::new(), "no process is started");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text.lines().filter(|line| !line.starts_with('-'));
    lines.map(str::to_owned).collect()
}

/// A repository with runs of which it is known how far they came: those that have a plan, and those that have an answer with these outcomes.
fn with_runs(runs: &[(&str, bool, Option<&str>)]) -> Env {
    let env = Env::pair();
    let folder = crate::history::runs_dir(&env);
    for (run, is_planned, outcome) in runs {
        let folder = folder.join(run);
        std::fs::create_dir_all(&folder).expect("writable");
        let write = |file: &str, text: &str| {
            std::fs::write(folder.join(file), text).expect("writable");
        };
        write(
            "events.ndjson",
            "{\"schema\":1,\"seq\":0,\"at\":0.0,\"event\":\"runStarted\",\"run\":\"x\",\"command\":\"deploy\",\"hosts\":[\"web\"]}\n",
        );
        if *is_planned {
            write("plan.json", "{}");
        }
        if let Some(outcome) = outcome {
            write(
                "receipt.json",
                &format!("{{\"hosts\":[{{\"name\":\"web\",\"outcome\":\"{outcome}\"}}]}}"),
            );
        }
    }
    env
}

#[test]
fn completes_runs_newest_first() {
    let env = || {
        with_runs(&[
            ("20261120T000000Z-00000001", true, Some("changed")),
            ("20261121T000000Z-00000001", true, None),
            ("20261121T000000Z-00000002", true, Some("failed")),
            ("20261122T000000Z-00000001", false, None),
            (".20261123T000000Z-00000001", false, None),
        ])
    };
    let all = [
        "20261122T000000Z-00000001",
        "20261121T000000Z-00000002",
        "20261121T000000Z-00000001",
        "20261120T000000Z-00000001",
    ];
    assert_eq!(offered(env(), &["log", ""]), [&["last"], &all[..]].concat());
    assert_eq!(offered(env(), &["log", "20261121"]), all[1..3]);
    assert_eq!(
        offered(env(), &["plan", "web", "--against", ""]),
        [&["running", "last-run", "HEAD"], &all[..]].concat()
    );
    assert_eq!(offered(env(), &["why", "web", "--since", "2026112"]), all);
    // Only what is left to do.
    assert_eq!(offered(env(), &["resume", ""]), all[1..3]);
    let held = env();
    let folder = crate::history::runs_dir(&held).join(all[2]);
    let journal = std::fs::File::open(folder.join("events.ndjson")).expect("there");
    journal.lock().expect("ours");
    assert_eq!(
        offered(held, &["resume", ""]),
        all[1..2],
        "the other goes on"
    );
    // Shells that show more than names.
    let output = env()
        .set("COMPLETE", "fish")
        .output(&["--", "infra", "resume", ""]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(
        text.lines().next(),
        Some("20261121T000000Z-00000002\tdeploy web")
    );
}

#[test]
fn completes_runs_of_other_machines_that_are_known() {
    let env = crate::history::env();
    env.output(&["deploy", "web"]);
    env.run(&["history"]);
    let here = env.run(&["log", "last"]);
    std::fs::remove_dir_all(crate::history::runs_dir(&env)).expect("there");
    std::fs::remove_file(env.repo().join("../calls")).expect("there");
    let runs = offered(env, &["log", "2"]);
    assert_eq!(runs.len(), 1);
    assert!(here.contains(&runs[0]), "{runs:?}");
}

#[test]
fn completes_for_the_repository_that_is_named() {
    let env = || {
        let env = Env::pair();
        env.side_file("other one/flake.nix", "{ }");
        env.side_file("other one/hosts/mail/host.toml", HOST);
        env
    };
    assert_eq!(offered(env(), &["deploy", "ma"]), [""; 0]);
    for words in [
        &["-C", "../other\\ one", "deploy", "ma"][..],
        &["deploy", "-C'../other one'", "ma"],
        &["--directory=../other\\ one/hosts", "deploy", "ma"],
        &["--directory", "=", "../other\\ one", "ssh", "ma"],
    ] {
        assert_eq!(offered(env(), words), ["mail"], "{words:?}");
    }
    assert_eq!(offered(env(), &["-C", "../gone", "deploy", "w"]), [""; 0]);
}

#[test]
fn two_thousand_runs_are_no_reason_to_wait() {
    let names: Vec<String> = (0..2000)
        .map(|number| format!("20261121T000000Z-{number:08}"))
        .collect();
    let runs: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), false, None))
        .collect();
    let env = with_runs(&runs);
    // Whoever opens this one waits for ever: only of the newest it is told what they were.
    let old = crate::history::runs_dir(&env).join(&names[1900]);
    let line = format!(
        "cd '{}' && rm events.ndjson && mkfifo events.ndjson",
        old.display()
    );
    assert!(env.in_shell(&line, &[]).status.success());
    let env = env
        .set("COMPLETE", "bash")
        .set("_CLAP_COMPLETE_INDEX", "2")
        .set("_CLAP_COMPLETE_COMP_TYPE", "9")
        .set("_CLAP_COMPLETE_SPACE", "true")
        .set("_CLAP_IFS", "\n");
    let quickest = (0..7).map(|_| {
        let begun = std::time::Instant::now();
        let output = env.output(&["--", "infra", "log", ""]);
        let taken = begun.elapsed();
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(
            text.lines().filter(|line| line.starts_with('2')).count(),
            2000
        );
        taken
    });
    let quickest = quickest.min().expect("some");
    assert!(quickest.as_millis() < 100, "{quickest:?}");
}
