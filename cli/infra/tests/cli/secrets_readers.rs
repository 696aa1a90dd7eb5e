//! `secret recipients`: who can read what, told from files alone.

use crate::env::{Env, shows};
use crate::secrets::{env, key};
use serde_json::{Value, json};
use std::fs;

/// Who, how, and whether there is a key, for the one secret that is asked for.
fn of(env: &Env, args: &[&str]) -> Vec<String> {
    let words = [&["secret", "recipients", "--json"], args].concat();
    let output = env.output(&words);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let all = answer["hosts"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    all.iter()
        .flat_map(|secret| {
            let readers = secret["readers"].as_array().expect("a list");
            readers.iter().map(move |one| {
                [
                    &secret["secret"],
                    &one["kind"],
                    &one["host"],
                    &one["access"],
                ]
                .map(text)
                .join(" ")
            })
        })
        .collect()
}

fn settings() -> insta::Settings {
    let mut settings = crate::env::settings();
    settings.add_filter(r"ssh-ed25519 AAAA[A-Za-z0-9+/]+", "[key]");
    settings
}

#[test]
fn everybody_who_can_or_is_to_read_is_told() {
    let env = env();
    env.output(&["secret", "generate", "web"]);
    settings().bind(|| {
        shows!(env, ["secret", "recipients", "web"], @"
        exit 0
        --- stdout
        SECRET   OF      WHO       ACCESS    KEY
        both     shared  an admin  reads it  [key]
        both     shared  db        reads it  [key]
        both     shared  web       reads it  [key]
        session  web     an admin  reads it  [key]
        session  web     web       reads it  [key]
        --- stderr
        ");
        shows!(env, ["secret", "recipients", "db", "both", "--json"], @r#"
        exit 0
        --- stdout
        {"schema":1,"command":"secret","hosts":[{"name":null,"secret":"both","file":"secrets/shared/both.age","readers":[{"kind":"admin","host":null,"key":"[key]","access":"reads"},{"kind":"host","host":"db","key":"[key]","access":"reads"},{"kind":"host","host":"web","key":"[key]","access":"reads"}]}],"errors":[]}
        --- stderr
        "#);
    });
    // No key is needed.
    let keyless = env.in_shell("INFRA_IDENTITY= \"$@\"", &["secret", "recipients", "web"]);
    assert!(keyless.status.success(), "{keyless:?}");
}

#[test]
fn who_came_cannot_read_and_who_went_still_can() {
    let env = env();
    env.output(&["secret", "generate", "web"]);
    // db no longer needs what it shared, and another admin is in the place of the first.
    env.contract("db", json!({}));
    env.write("hosts/db/contract.nix", "{ } # changed\n");
    let (_, second) = key(&env, "second");
    env.write("infra.toml", &format!("admins = [\"{second}\"]\n"));
    let mut both = of(&env, &["web", "both"]);
    both.sort();
    assert_eq!(
        both,
        [
            "both admin - cannot",
            "both host db noLonger",
            "both host web reads",
            "both nobody - noLonger",
        ]
    );
    // All of a host: its own, and what is shared with it.
    assert_eq!(of(&env, &["db"]), Vec::<String>::new());
    assert_eq!(of(&env, &["web"]).len(), 7);
    assert_eq!(of(&env, &[]).len(), 7);
    // A host without a key is to read it and cannot.
    fs::remove_file(env.repo().join("hosts/web/host.pub")).expect("there");
    let session = of(&env, &["web", "session"]);
    assert!(
        session.contains(&"session host web cannot".to_owned()),
        "{session:?}"
    );
}

#[test]
fn what_cannot_be_known_is_not_guessed() {
    let env = env();
    env.output(&["secret", "generate", "web"]);
    // The contract of db does not evaluate: it may still need what it can read.
    env.side_file("contracts/db.json", "nonsense");
    env.write("hosts/db/contract.nix", "{ } # changed\n");
    let both = of(&env, &["web", "both"]);
    assert!(
        both.contains(&"both host db unknown".to_owned()),
        "{both:?}"
    );
    // A file of the user's own says of nobody who reads it.
    fs::remove_file(env.repo().join("secrets/hosts/web/session.toml")).expect("there");
    assert_eq!(
        of(&env, &["web", "session"]),
        ["session admin - unknown", "session host web unknown"]
    );
    shows!(env, ["secret", "recipients", "web", "mail"], @"
    exit 2
    --- stdout
    --- stderr
    error[secret-missing]: web: the repository does not keep `mail` of web
      --> secrets/hosts/web/mail.age
      fix: infra contract web says where it comes from; infra secret new web mail writes it
    ");
    shows!(env, ["secret", "recipients", "web", "mial"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-need]: web: `mial` is no need of web
      --> command line
      fix: did you mean `mail`?
    ");
}
