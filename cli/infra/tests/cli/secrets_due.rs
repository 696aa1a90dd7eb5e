//! What recipes made and are to make anew, with a fake nix and real keys: why, when, and what is never replaced.

use crate::env::{Env, shows};
use serde_json::{Value, json};
use std::fs;

/// Makes a key of whoever runs infra, which is the hosts' as well, so that what is written can be read back.
const KEYS: &str = r#"
mkdir -p "$HOME/.ssh" && ssh-keygen -qt ed25519 -N '' -C '' -f "$HOME/.ssh/id_ed25519" &&
cp "$HOME/.ssh/id_ed25519.pub" hosts/web/host.pub && cp hosts/web/host.pub hosts/db/host.pub &&
printf 'admins = ["%s"]\n' "$(cat hosts/web/host.pub)" >infra.toml
"#;

fn env(contract: Value) -> Env {
    let env = Env::pair();
    env.contract("web", contract);
    env.contract("db", json!({}));
    let made = env.in_shell(KEYS, &[]);
    assert!(made.status.success(), "{made:?}");
    env
}

/// Another contract of web, in another file: the answers to the one before are remembered.
fn now_asks(env: &Env, contract: Value) {
    env.contract("web", contract);
    env.write("hosts/web/contract.nix", "{ } # another\n");
}

fn json_of(env: &Env, args: &[&str]) -> Value {
    let output = env.output(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).expect("the last line is JSON")
}

/// What a verb of `secret` did, one line each: what, how, why.
fn generate(env: &Env, args: &[&str]) -> Vec<String> {
    let mut all = vec!["secret", "generate"];
    all.extend(args);
    all.push("--json");
    let answer = json_of(env, &all);
    assert_eq!(answer["errors"], json!([]), "{answer}");
    let line = |done: &Value| {
        let why: Vec<&str> = done["due"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|due| due["why"].as_str().expect("a word"))
            .collect();
        let text = format!("{} {} {}", done["secret"], done["change"], why.join(","));
        text.replace('"', "").trim_end().to_owned()
    };
    let hosts = answer["hosts"].as_array().expect("a list");
    hosts.iter().map(line).collect()
}

fn content(env: &Env, name: &str) -> Vec<u8> {
    let output = env.output(&["secret", "show", "web", name]);
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Lets a secret be of the year 2020.
fn age(env: &Env, file: &str) {
    let path = env.repo().join(file);
    let text = fs::read_to_string(&path).expect("there");
    let lines: Vec<String> = text
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some(("created", _)) => "created = \"2020-01-01T00:00:00Z\"".to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    fs::write(path, lines.join("\n")).expect("writable");
}

const NOTHING: [&str; 0] = [];

#[test]
fn age_and_a_new_seed_make_it_anew() {
    let contract = |seed: Value| {
        json!({
            "secrets": {
                "session": {"recipe": "hex", "rotate": {"every": "30d", "grace": "1h"}},
                "token": {"recipe": "token"},
                "plain": {"recipe": "hex"},
            },
            "recipes": {"token": {"builtin": "hex", "seed": seed, "expires": "10d"}},
        })
    };
    let env = env(contract(Value::Null));
    assert_eq!(
        generate(&env, &["web"]),
        ["plain made", "session made", "token made"]
    );
    assert_eq!(generate(&env, &["web"]), NOTHING);
    for name in ["session", "token", "plain"] {
        age(&env, &format!("secrets/hosts/web/{name}.toml"));
    }
    shows!(env, ["secret", "list"], @"
    exit 0
    --- stdout
    SECRET   HOSTS  KEYS  RECIPE  STATE                                                            FILE
    plain    web    1     hex     ok                                                               secrets/hosts/web/plain.age
    session  web    1     hex     due: it was to be replaced (rotate.every, 2020-01-31T00:00:00Z)  secrets/hosts/web/session.age
    token    web    1     token   due: it expired (2020-01-11T00:00:00Z)                           secrets/hosts/web/token.age
    --- stderr
    ");
    let (plain, token) = (content(&env, "plain"), content(&env, "token"));
    assert_eq!(
        generate(&env, &["web"]),
        ["session replaced rotation", "token replaced expired"]
    );
    assert_eq!(
        content(&env, "plain"),
        plain,
        "what has no age was replaced"
    );
    assert_ne!(content(&env, "token"), token);
    let sidecar = fs::read_to_string(env.repo().join("secrets/hosts/web/session.toml"));
    let sidecar = sidecar.expect("there");
    assert!(
        sidecar.contains("grace = \"1h\"") && sidecar.contains("previous = "),
        "{sidecar}"
    );
    assert_eq!(generate(&env, &["web"]), NOTHING);

    now_asks(&env, contract(json!("2")));
    let due = json_of(&env, &["secret", "list", "--json"])["hosts"][2]["due"].clone();
    assert_eq!(due, json!([{"why": "seed", "need": null, "since": null}]));
    assert_eq!(generate(&env, &["web"]), ["token replaced seed"]);
    assert_eq!(generate(&env, &["web"]), NOTHING);
    // By name it is made anew whether it is due or not, and it alone.
    age(&env, "secrets/hosts/web/session.toml");
    assert_eq!(generate(&env, &["web", "token"]), ["token replaced"]);
}

#[test]
fn what_it_follows_makes_it_anew() {
    let env = env(json!({
        "secrets": {
            "a": {"recipe": "a"},
            "ca": {"recipe": "x509-ca", "deploy": false, "format": "pem"},
            "tls": {"recipe": "tls", "format": "pem"},
        },
        "values": {
            "domain": {}, "realm": {"private": true},
            "ca.cert": {"recipe": "x509-ca"}, "tls.cert": {"recipe": "tls"},
        },
        "recipes": {
            "a": {"builtin": "hex", "regenerateOn": ["domain", "realm"]},
            "tls": {"builtin": "x509-cert", "options": {"ca": "ca"}},
        },
    }));
    env.write("context/hosts/web.toml", "domain = \"a.org\"\n");
    let realm = "secret new web realm <<<hush";
    assert!(env.shell(realm).status.success());
    let first = generate(&env, &["web"]);
    assert_eq!(first.len(), 5, "{first:?}");
    // Also of what was made in the same run it is known what it was.
    assert_eq!(generate(&env, &["web"]), NOTHING);

    let file = env.repo().join("context/hosts/web.toml");
    let text = fs::read_to_string(&file).expect("there");
    fs::write(&file, text.replace("a.org", "b.org")).expect("writable");
    // A variable is for one run: nothing follows from it.
    let variable = env.in_shell(
        "INFRA_WEB_DOMAIN=c.org exec \"$@\"",
        &["secret", "generate", "web"],
    );
    assert_eq!(variable.stdout, b"nothing to do\n", "{variable:?}");
    assert_eq!(generate(&env, &["web"]), ["a replaced watched"]);
    assert!(
        env.shell("secret rotate web realm <<<other")
            .status
            .success()
    );
    assert_eq!(generate(&env, &["web"]), ["a replaced watched"]);
    assert_eq!(generate(&env, &["web"]), NOTHING);
    let sidecar = fs::read_to_string(env.repo().join("secrets/hosts/web/a.toml")).expect("there");
    assert!(
        !sidecar.contains("b.org") && !sidecar.contains("other"),
        "{sidecar}"
    );

    assert_eq!(
        generate(&env, &["web", "ca"]),
        ["ca replaced", "ca.cert replaced"]
    );
    assert_eq!(
        generate(&env, &["web"]),
        ["tls replaced watched", "tls.cert replaced watched"]
    );
    // What is damaged is there, and nothing follows from it.
    env.write("secrets/hosts/web/ca.age", "damaged");
    let output = env.output(&["secret", "generate", "web"]);
    assert_eq!(output.stdout, b"nothing to do\n", "{output:?}");
}

#[test]
fn what_somebody_gave_is_never_replaced() {
    let every = json!({"every": "30d", "grace": null});
    let env = env(json!({
        "secrets": {
            "given": {"recipe": "hex", "rotate": every},
            "adopted": {"recipe": "hex", "rotate": every},
            "elsewhere": {"recipe": "hex", "rotate": every},
            "one": {"recipe": "pair"}, "two": {"recipe": "pair"},
        },
        "recipes": {"pair": {
            "script": "echo 1 >$out/one; echo 2 >$out/two", "expires": "10d",
            "outputs": {"one": {"secret": true, "format": "text"}, "two": {"secret": true, "format": "text"}},
        }},
    }));
    assert_eq!(generate(&env, &["web", "one"]), ["one made", "two made"]);
    // What was made together is not made anew for the part that is still the recipe's.
    assert!(
        env.shell("secret new web two --replace <<<mine")
            .status
            .success()
    );
    assert!(env.shell("secret new web given <<<mine").status.success());
    env.side_file("old", "old");
    let import = ["secret", "import", "web", "adopted", "--from", "../old"];
    assert!(env.output(&import).status.success());
    env.write(
        "context/hosts/web.toml",
        "elsewhere = \"agenix:secrets/x.age\"\n",
    );
    for name in ["given", "adopted", "one", "two"] {
        age(&env, &format!("secrets/hosts/web/{name}.toml"));
    }
    assert_eq!(generate(&env, &["web"]), NOTHING);
    // A file of whoever made it without infra.
    fs::remove_file(env.repo().join("secrets/hosts/web/given.toml")).expect("there");
    assert_eq!(generate(&env, &["web"]), NOTHING);
    assert_eq!(content(&env, "given"), b"mine");
    assert_eq!(content(&env, "two"), b"mine");
    assert_eq!(content(&env, "adopted"), b"old");
}

#[test]
fn what_is_shared_is_made_anew_once_and_for_all() {
    let shared =
        json!({"scope": "shared", "recipe": "hex", "rotate": {"every": "30d", "grace": null}});
    let env = env(json!({"secrets": {"both": shared}}));
    env.contract("db", json!({"secrets": {"both": shared}}));
    assert_eq!(generate(&env, &["db"]), ["both made"]);
    age(&env, "secrets/shared/both.toml");
    assert_eq!(generate(&env, &["web,db"]), ["both replaced rotation"]);
    assert_eq!(generate(&env, &["web"]), NOTHING);
}

/// The notes of an answer: their codes and titles.
fn notes(answer: &Value) -> Vec<String> {
    let warnings = answer["warnings"].as_array().cloned().unwrap_or_default();
    let line = |note: &Value| format!("{}: {}", note["code"], note["title"]).replace('"', "");
    warnings.iter().map(line).collect()
}

#[test]
fn a_deployment_makes_what_is_due_and_a_dry_run_only_says_so() {
    let env = env(json!({
        "secrets": {"token": {"recipe": "token"}},
        "values": {"port": {"type": {"kind": "port"}, "recipe": "port", "private": true}},
        "recipes": {
            "token": {"builtin": "hex", "expires": "10d"},
            "port": {"script": "printf 80 >$out/port", "outputs": {"port": {"secret": true, "format": "text"}}, "expires": "10d"},
        },
    }));
    let would = [
        "due-secret: `port` of web is to be made by the recipe port",
        "due-secret: `token` of web is to be made by the recipe token",
    ];
    let dry = ["deploy", "web", "--dry-run", "--json"];
    assert_eq!(notes(&json_of(&env, &dry)), would);
    assert!(
        !env.repo().join("secrets").exists(),
        "a dry run made something"
    );
    assert_eq!(generate(&env, &["web"]).len(), 2);
    assert_eq!(notes(&json_of(&env, &dry)), NOTHING);
    for name in ["port", "token"] {
        age(&env, &format!("secrets/hosts/web/{name}.toml"));
    }
    let before = (content(&env, "port"), content(&env, "token"));
    let answer = json_of(&env, &dry);
    assert_eq!(
        notes(&answer),
        [
            "due-secret: `port` of web is to be made anew by the recipe port",
            "due-secret: `token` of web is to be made anew by the recipe token",
        ]
    );
    assert_eq!(
        answer["warnings"][0]["cause"],
        "it expired (2020-01-11T00:00:00Z)"
    );
    assert_eq!((content(&env, "port"), content(&env, "token")), before);
    // A build makes values alone.
    let sealed = |name: &str| fs::read(env.repo().join(format!("secrets/hosts/web/{name}.age")));
    let (port, token) = (
        sealed("port").expect("there"),
        sealed("token").expect("there"),
    );
    assert_eq!(
        notes(&json_of(&env, &["build", "web", "--json"])),
        ["made-by-recipe: `port` of web was made anew by the recipe port"]
    );
    assert_ne!(sealed("port").expect("there"), port);
    assert_eq!(sealed("token").expect("there"), token);
    shows!(env, ["deploy", "web", "--yes"], @"
    exit 3
    --- stdout
    1 host: 1 failed ([time])
    --- stderr
        failed  web  web cannot be reached at web
        survey  web  failed after [time]: web cannot be reached at web
      evaluate  web  [time]
    warning[made-by-recipe]: `token` of web was made anew by the recipe token
      --> secrets/hosts/web/token.age
      cause: it expired (2020-01-11T00:00:00Z)
      fix: commit secrets/hosts/web/token.age, so that everybody has it

    error[host-unreachable]: web: web cannot be reached at web
      --> hosts/web/host.toml
      cause: ssh root@web port 22: connect to host x port 22: No route to host
      fix: check that the host is on and that `addresses` and `port` in host.toml are right
    ");
    assert_ne!(content(&env, "token"), before.1);
    // What is due of another host is that host's.
    age(&env, "secrets/hosts/web/token.toml");
    assert_eq!(
        notes(&json_of(&env, &["deploy", "db", "--dry-run", "--json"])),
        NOTHING
    );
}

#[test]
fn without_a_key_what_is_there_is_used() {
    let env = env(json!({
        "secrets": {
            "ca": {"recipe": "x509-ca", "deploy": false, "format": "pem"},
            "tls": {"recipe": "tls", "format": "pem"},
        },
        "values": {"ca.cert": {"recipe": "x509-ca"}, "tls.cert": {"recipe": "tls"}},
        "recipes": {"tls": {"builtin": "x509-cert", "options": {"ca": "ca"}}},
    }));
    assert_eq!(generate(&env, &["web"]).len(), 4);
    age(&env, "secrets/hosts/web/tls.toml");
    let file = env.repo().join("secrets/hosts/web/tls.age");
    let before = fs::read(&file).expect("there");
    let keyless = |args: &[&str]| {
        let line = "mkdir -p ../keyless && HOME=$PWD/../keyless exec \"$@\"";
        let output = env.in_shell(line, args);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = keyless(&["build", "web"]);
    assert!(
        told.contains("warning[due-secret]: `tls` of web is to be made anew, and cannot be: what is there is used")
            && told.contains("it expired (2020-"),
        "{told}"
    );
    assert!(!told.contains("error"), "{told}");
    assert_eq!(fs::read(&file).expect("there"), before);
    // Whoever asks for it is told that it did not work.
    let told = keyless(&["secret", "generate", "web"]);
    assert!(told.contains("error[no-identity]"), "{told}");
    let made = json_of(&env, &["build", "web", "--json"]);
    assert_eq!(notes(&made).len(), 2, "{made}");
}

#[test]
fn what_is_made_together_is_not_made_in_part() {
    let env = env(json!({"secrets": {"key": {"recipe": "ssh-ed25519", "format": "ssh-key"}}}));
    assert_eq!(generate(&env, &["web"]), ["key made"]);
    let key = content(&env, "key");
    // Somebody asks for the public part only now.
    now_asks(
        &env,
        json!({
            "secrets": {"key": {"recipe": "ssh-ed25519", "format": "ssh-key"}},
            "values": {"key.pub": {"recipe": "ssh-ed25519"}},
        }),
    );
    shows!(env, ["secret", "generate", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[partly-made]: web: the recipe ssh-ed25519 makes `key` of web and all that belongs to it together, and only a part of that is there
      --> hosts/web/contract.nix:1:1
      cause: `key` is there: secrets/hosts/web/key.age
        `key.pub` is missing
      fix: give what is missing: infra set web key.pub VALUE; or, if what is there may be lost: infra secret generate web key makes all of it anew
    ");
    for command in [
        &["build", "web"][..],
        &["deploy", "web", "--dry-run"],
        &["fill", "web"],
    ] {
        let told = env.run(command);
        assert!(told.contains("error[partly-made]"), "{told}");
    }
    assert_eq!(content(&env, "key"), key);
    assert_eq!(
        generate(&env, &["web", "key"]),
        ["key replaced", "key.pub made"]
    );
    assert_ne!(content(&env, "key"), key);
    // The other way round: the line is there, and the key is not.
    for file in ["key.age", "key.toml"] {
        fs::remove_file(env.repo().join("secrets/hosts/web").join(file)).expect("there");
    }
    let told = env.run(&["secret", "generate", "web"]);
    assert!(
        told.contains("`key.pub` is there: context/hosts/web.toml:1\n")
            && told.contains("infra secret new web key;"),
        "{told}"
    );
}
