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
