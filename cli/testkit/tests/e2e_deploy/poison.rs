//! `infra check --poison` on real hosts: clean where all is well, and secrets found where somebody put them.

use crate::secrets::Vault;
use infra_testkit::e2e_wanted;
use serde_json::{Value, json};

const TOKEN: &str = "page-token-of-this-test-4711";
const PASSWORD: &str = "db-password-of-this-test-4712";

/// What `check --poison` answers, and nothing of any secret.
fn check(vault: &Vault, words: &[&str], exit: i32) -> Value {
    let mut all = vec!["check", "--json", "--poison"];
    all.extend(words);
    let finished = vault.infra(&all);
    let (stdout, stderr) = (&finished.stdout, &finished.stderr);
    assert_eq!(finished.code(), Some(exit), "{stdout}\n{stderr}");
    for secret in [TOKEN, PASSWORD] {
        assert!(!stdout.contains(secret) && !stderr.contains(secret));
    }
    serde_json::from_str(stdout).unwrap()
}

fn host<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let hosts = answer["hosts"].as_array().unwrap();
    hosts.iter().find(|host| host["name"] == name).unwrap()
}

/// Whether a secret was found in a place, of which all these fields are known.
fn is_found(list: &Value, secret: &str, form: &str, at: &Value) -> bool {
    list.as_array().unwrap().iter().any(|found| {
        let fits =
            |(name, value): (&String, &Value)| match (value.as_str(), found["at"][name].as_str()) {
                (Some(part), Some(whole)) => whole.contains(part),
                _ => found["at"][name] == *value,
            };
        found["secret"] == secret
            && found["form"] == form
            && at.as_object().unwrap().iter().all(fits)
    })
}

/// Nothing was found, and enough was looked at for that to mean something.
fn assert_clean(answer: &Value) {
    for (name, secrets) in [("app", 2), ("db", 1)] {
        let host = host(answer, name);
        assert_eq!(host["searched"].as_array().unwrap().len(), secrets);
        for (side, what, least) in [
            ("there", "files", 100),
            ("there", "processes", 3),
            ("here", "files", 100),
            ("here", "objects", 10),
        ] {
            assert!(host[side][what].as_u64().unwrap() > least, "{host:#}");
        }
        for found in ["foundHere", "foundThere"] {
            assert_eq!(host[found], json!([]), "{host:#}");
        }
    }
    assert!(answer.get("warnings").is_none(), "{answer:#}");
}

/// Everything that was put somewhere was found there.
fn assert_found(answer: &Value) {
    let (on_app, on_db) = (host(answer, "app"), host(answer, "db"));
    let file = |part: &str| json!({ "kind": "file", "path": part });
    let tree = json!({ "kind": "object", "repository": "/trees" });
    let process = json!({ "kind": "process", "program": "sleep", "part": "environment" });
    let (here, there) = (&on_app["foundHere"], &on_app["foundThere"]);
    let on_db = &on_db["foundThere"];
    for (list, secret, form, at) in [
        (here, "page-token", "plain", file("/nix/store/")),
        (here, "page-token", "plain", file(".drv")),
        (here, "page-token", "plain", tree),
        (there, "page-token", "plain", file("/nix/store/")),
        (there, "page-token", "base64", process),
        (on_db, "db-password", "plain", json!({ "kind": "journal" })),
        (on_db, "db-password", "hex", file("/var/lib/dump")),
    ] {
        assert!(is_found(list, secret, form, &at), "{secret} {at}: {list:#}");
    }
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors.iter().all(|error| error["code"] == "secret-exposed"));
}

#[test]
fn secrets_are_found_wherever_somebody_put_them() {
    if !e2e_wanted("secrets_are_found_wherever_somebody_put_them") {
        return;
    }
    let vault = Vault::new();
    let token = vault.file("page-token", TOKEN);
    let password = vault.file("db-password", &format!("{PASSWORD}\n"));
    let given = ["--all", "--secret-file", &token, "--secret-file", &password];
    vault.deploy(&given, 0);
    assert_clean(&check(&vault, &[&given[..], &["--hosts"]].concat(), 0));

    // Into the store, through a value; into an environment; into the journal; into a file.
    let title = format!("page-title=Vault of {TOKEN}");
    let titled = [&given[..], &["--set", &title]].concat();
    vault.deploy(&titled, 0);
    let (app, db) = (vault.lab.host("app"), vault.lab.host("db"));
    let leak = format!("$(printf %s 'user:{TOKEN}' | base64 -w0)");
    app.sh(&format!(
        "systemd-run --quiet --setenv=LEAK={leak} sleep 600"
    ))
    .unwrap();
    db.sh(&format!(
        "echo 'login with {PASSWORD}' | systemd-cat; journalctl --sync"
    ))
    .unwrap();
    let dump = "od -An -v -tx1 | tr -d ' \\n' > /var/lib/dump";
    db.sh(&format!("printf %s '{PASSWORD}' | {dump}")).unwrap();
    assert_found(&check(&vault, &[&titled[..], &["--hosts"]].concat(), 1));
}
