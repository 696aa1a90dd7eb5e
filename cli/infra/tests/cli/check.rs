//! `check --poison` on this machine. (What it finds on hosts is tested on real hosts.)

use crate::env::{Env, shows};
use std::fs;
use std::os::unix::fs::symlink;

fn env() -> Env {
    let env = Env::pair();
    env.contract("web", serde_json::json!({"secrets": {"token": {}}}));
    env
}

/// Protects a "system" of web, as a build does.
fn build(env: &Env, content: &str) -> String {
    build_of(env, "web", content)
}

fn build_of(env: &Env, host: &str, content: &str) -> String {
    let system = env.side_file(&format!("store/system-of-{host}/unit"), content);
    let system = system.strip_suffix("/unit").expect("a folder").to_owned();
    let repo = env.repo().canonicalize().expect("there");
    let links = env
        .repo()
        .join("../state/infra/repos")
        .join(repo.strip_prefix("/").expect("absolute"));
    let links = links.join("@/roots").join(host);
    fs::create_dir_all(&links).expect("writable");
    symlink(&system, links.join("planned")).expect("writable");
    system
}

/// What a run says; how much there is to search differs.
fn shown(env: &Env, args: &[&str]) -> String {
    let told = env.run(args);
    let lines = told
        .lines()
        .map(|line| match line.split_once(": searched ") {
            Some((before, _)) => format!("{before}: searched [amount]\n"),
            None => format!("{line}\n"),
        });
    lines.collect()
}

#[test]
fn it_must_be_said_what_to_check() {
    let env = env();
    shows!(env, ["check", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: it is not said what to check
      --> command line
      fix: say --poison: no secret of the selected hosts is where it must not be (infra doctor looks for what commonly goes wrong)
    ");
    assert!(env.calls().is_empty());
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let env = env();
    let file = env.side_file("token", "clean-token-of-web-1\n");
    let given = format!("token={file}");
    let args = ["check", "web", "--poison", "--secret-file", &given];
    insta::assert_snapshot!(shown(&env, &args), @"
    exit 0
    --- stdout
    no secret is where it must not be
    web: looked for token
    on this machine: searched [amount]
    the hosts themselves were not searched: --hosts does that
    --- stderr
      searching  processes
      searching  what infra remembers
      searching  the repository
      searching  0 paths of the store
    warning[missing-file]: web: no system of the host is in this machine's store, so that none was searched
      fix: build it first: infra build web
    ");
    // With a system there is nothing to warn of.
    let env = env.set("FAKE_CLOSURE", "for last; do :; done; echo \"$last\"");
    build(&env, "ExecStart=true");
    insta::assert_snapshot!(shown(&env, &args), @"
    exit 0
    --- stdout
    no secret is where it must not be
    web: looked for token
    on this machine: searched [amount]
    the hosts themselves were not searched: --hosts does that
    --- stderr
      searching  processes
      searching  what infra remembers
      searching  the repository
      searching  1 paths of the store
    ");
    assert_eq!(
        env.calls()
            .iter()
            .filter(|call| *call == "nix path-info")
            .count(),
        1
    );
}

#[test]
fn what_is_found_is_told_without_the_secret() {
    let secret = "leaked-token-of-web-2";
    let env = env().set("FAKE_CLOSURE", "for last; do :; done; echo \"$last\"");
    // A source is where the secret belongs, also within the repository; ignored, or it would be in every tree.
    env.git(&["init", "-q"]);
    env.write(".gitignore", "keys\n");
    env.write("keys/token", secret);
    let source = env.repo().join("keys/token").display().to_string();
    let given = format!("token={source}");
    let args = ["check", "web", "--poison", "--secret-file", &given];
    let clean = env.run(&args);
    assert!(clean.starts_with("exit 0"), "{clean}");
    env.write("notes.txt", &format!("remember: {secret}\n"));
    build(&env, &format!("Environment=TOKEN={secret}\n"));
    let told = shown(&env, &args);
    assert!(!told.contains(secret), "{told}");
    insta::assert_snapshot!(told, @"
    exit 1
    --- stdout
    HOST  SECRET  FORM      WHERE
    web   token   as it is  here: [dir]/repo/notes.txt at byte 10
    web   token   as it is  here: [dir]/store/system-of-web/unit at byte 18
    web: looked for token
    on this machine: searched [amount]
    the hosts themselves were not searched: --hosts does that
    --- stderr
      searching  processes
      searching  what infra remembers
      searching  the repository
      searching  1 paths of the store
    error[secret-exposed]: web: secrets are where they must not be: token
      cause: found in 2 places
      fix: see what put them there and end it; then they are no secrets any more: infra secret rotate web token
    ");
    let output = env.output(&[&args[..], &["--json"]].concat());
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = answer["hosts"][0]["foundHere"].as_array().expect("a list");
    let offsets: Vec<_> = found
        .iter()
        .map(|one| one["at"]["offset"].as_u64())
        .collect();
    assert_eq!(offsets, [Some(10), Some(18)], "{answer:#}");
    assert!(found.iter().all(|one| one["form"] == "plain"));
    assert_eq!(answer["errors"][0]["code"], "secret-exposed");
}

#[test]
fn processes_of_this_user_are_searched_but_not_for_what_infra_was_given() {
    // The fake ends; infra itself has the variable for as long as it searches.
    let env = env().set("INFRA_WEB_TOKEN", "variable-token-of-web-3");
    let told = env.run(&["check", "web", "--poison"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let script = r#"TOKEN=variable-token-of-web-3 sleep 60 >/dev/null 2>&1 & "$@"; code=$?; kill $!; exit $code"#;
    let output = env.in_shell(script, &["check", "web", "--poison"]);
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("here: the environment of process ") && told.contains(" (sleep)"),
        "{told}"
    );
}

#[test]
fn a_secret_that_cannot_be_had_or_looked_for_is_not_clean() {
    let env = env();
    insta::assert_snapshot!(shown(&env, &["check", "web", "--poison", "--secret-file", "token=nowhere"]), @"
    exit 3
    --- stdout
    web: no secret to look for
    --- stderr
    error[secret-unreadable]: web: the file of `token` cannot be read: nowhere
      --> command line
      cause: No such file or directory (os error 2)
      fix: give --secret-file a file that is there and that you may read
    ");
    let file = env.side_file("token", "1234\n");
    let given = format!("token={file}");
    insta::assert_snapshot!(shown(&env, &["check", "web", "--poison", "--secret-file", &given]), @"
    exit 0
    --- stdout
    web: no secret to look for
    web: not looked for token: it is shorter than 8 bytes and would be found where it is not
    --- stderr
    ");
    insta::assert_snapshot!(shown(&env, &["check", "web", "--poison"]), @"
    exit 0
    --- stdout
    web: no secret to look for
    web: not looked for token: nothing fills it yet
    --- stderr
    ");
}

#[test]
fn a_host_that_cannot_be_reached_fails() {
    let env = env();
    let file = env.side_file("token", "distant-token-of-web-5");
    let given = format!("token={file}");
    let told = env.run(&[
        "check",
        "web",
        "--poison",
        "--hosts",
        "--secret-file",
        &given,
    ]);
    assert!(told.starts_with("exit 3"), "{told}");
    assert!(told.contains("error[host-unreachable]"), "{told}");
    assert!(
        !told.contains("no secret is where it must not be"),
        "{told}"
    );
}

#[test]
fn a_search_that_finds_nothing_planted_is_an_error() {
    let env = env();
    let file = env.side_file("token", "blind-token-of-web-6");
    let given = format!("token={file}");
    let env = env.set("TMPDIR", "/nowhere");
    let told = env.run(&["check", "web", "--poison", "--secret-file", &given]);
    assert!(told.starts_with("exit 3"), "{told}");
    assert!(
        told.contains("error[search-untrusted]: the search cannot be trusted"),
        "{told}"
    );
}

/// web has a private value; db has it only if somebody makes a mistake. Tests run side by side: each has a value of its own.
fn with_private(pin: &str) -> (Env, String) {
    let env = Env::pair().set("FAKE_CLOSURE", "for last; do :; done; echo \"$last\"");
    env.contract(
        "web",
        serde_json::json!({"values": {"pin": {"private": true}}}),
    );
    env.contract("db", serde_json::json!({"values": {"pin": {}}}));
    build_of(&env, "web", &format!("ExecStart=serve --pin={pin}"));
    let given = format!("web:pin={pin}");
    let built = env.run(&["eval", "web", "--set", &given]);
    assert!(built.starts_with("exit 0"), "{built}");
    (env, given)
}

#[test]
fn a_private_value_may_be_in_the_tree_and_the_system_of_its_host() {
    let (env, given) = with_private("private-pin-of-web-7");
    build_of(&env, "db", "ExecStart=true");
    insta::assert_snapshot!(shown(&env, &["check", "web", "--poison", "--set", &given]), @"
    exit 0
    --- stdout
    no secret is where it must not be
    web: looked for pin
    on this machine: searched [amount]
    the hosts themselves were not searched: --hosts does that
    --- stderr
      searching  processes
      searching  what infra remembers
      searching  the repository
      searching  2 paths of the store
    ");
}

#[test]
fn a_private_value_must_not_be_in_another_hosts_system() {
    let pin = "private-pin-of-web-8";
    let (env, given) = with_private(pin);
    build_of(&env, "db", &format!("ExecStart=serve --pin={pin}"));
    env.write("notes.txt", &format!("the pin: {pin}\n"));
    let told = shown(&env, &["check", "web", "--poison", "--set", &given]);
    assert!(!told.contains(pin), "{told}");
    insta::assert_snapshot!(told, @"
    exit 1
    --- stdout
    HOST  SECRET  FORM      WHERE
    web   pin     as it is  here: [dir]/repo/notes.txt at byte 9
    web   pin     as it is  here: [dir]/store/system-of-db/unit at byte 22
    web: looked for pin
    on this machine: searched [amount]
    the hosts themselves were not searched: --hosts does that
    --- stderr
      searching  processes
      searching  what infra remembers
      searching  the repository
      searching  2 paths of the store
    error[secret-exposed]: web: private values are where they must not be: pin
      cause: found in 2 places
      fix: see what put them there and end it; then they are no secrets any more: infra secret new web pin
    ");
}

#[test]
fn a_private_value_must_not_be_in_another_hosts_tree() {
    let pin = "private-pin-of-web-9";
    let (env, given) = with_private(pin);
    let built = env.run(&["eval", "db", "--set", &format!("db:pin={pin}")]);
    assert!(built.starts_with("exit 0"), "{built}");
    let told = env.run(&["check", "web", "--poison", "--set", &given]);
    assert!(told.starts_with("exit 1"), "{told}");
    assert!(told.contains("/trees, Git object "), "{told}");
    assert!(!told.contains("system-of-web"), "{told}");
}

#[test]
fn hosts_that_share_a_private_value_may_both_have_it() {
    let pin = "private-pin-of-web-10";
    let (env, given) = with_private(pin);
    let shared = serde_json::json!({"values": {"pin": {"private": true, "scope": "shared"}}});
    for host in ["web", "db"] {
        env.contract(host, shared.clone());
    }
    build_of(&env, "db", &format!("ExecStart=serve --pin={pin}"));
    // The fake's contracts change without their files.
    let args = ["check", "web", "--poison", "--no-cache", "--set", &given];
    let told = env.run(&args);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(told.contains("web: looked for pin"), "{told}");
    // One of them shares it no more.
    env.contract("db", serde_json::json!({}));
    let told = env.run(&args);
    assert!(
        told.starts_with("exit 1") && told.contains("system-of-db"),
        "{told}"
    );
}
