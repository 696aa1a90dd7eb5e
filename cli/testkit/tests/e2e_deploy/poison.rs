//! `infra check --poison` on real hosts: clean where all is well, and secrets found where somebody put them.

use crate::secrets::Vault;
use infra_testkit::e2e_wanted;
use serde_json::Value;

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

    let clean = check(&vault, &[&given[..], &["--hosts"]].concat(), 0);
    for (name, secrets) in [("app", 2), ("db", 1)] {
        let host = host(&clean, name);
        assert_eq!(host["searched"].as_array().unwrap().len(), secrets);
        assert!(host["there"]["files"].as_u64().unwrap() > 100, "{host:#}");
        assert!(host["there"]["processes"].as_u64().unwrap() > 3, "{host:#}");
        assert!(host["here"]["files"].as_u64().unwrap() > 100, "{host:#}");
        assert!(host["here"]["objects"].as_u64().unwrap() > 10, "{host:#}");
        for found in ["foundHere", "foundThere"] {
            assert_eq!(host[found], serde_json::json!([]), "{host:#}");
        }
    }
    assert!(clean.get("warnings").is_none(), "{clean:#}");

    // Into the store, through a value; into an environment and an argument; into the journal.
    let title = format!("page-title=Vault of {TOKEN}");
    vault.deploy(&[&given[..], &["--set", &title]].concat(), 0);
    let (app, db) = (vault.lab.host("app"), vault.lab.host("db"));
    app.sh(&format!("systemd-run --quiet --unit=leak --setenv=LEAK=$(printf %s 'user:{TOKEN}' | base64 -w0) sleep 600")).unwrap();
    db.sh(&format!(
        "echo 'login with {PASSWORD}' | systemd-cat; journalctl --sync"
    ))
    .unwrap();
    db.sh(&format!(
        "printf %s '{PASSWORD}' | od -An -v -tx1 | tr -d ' \\n' > /var/lib/dump"
    ))
    .unwrap();

    let found = check(
        &vault,
        &[&given[..], &["--set", &title, "--hosts"]].concat(),
        1,
    );
    let (on_app, on_db) = (host(&found, "app"), host(&found, "db"));
    let at =
        |kind: &str, field: &str, value: &str| serde_json::json!({ "kind": kind, field: value });
    for (list, secret, form, at) in [
        (
            &on_app["foundHere"],
            "page-token",
            "plain",
            at("file", "path", "/nix/store/"),
        ),
        (
            &on_app["foundHere"],
            "page-token",
            "plain",
            at("file", "path", ".drv"),
        ),
        (
            &on_app["foundHere"],
            "page-token",
            "plain",
            at("object", "repository", "/trees"),
        ),
        (
            &on_app["foundThere"],
            "page-token",
            "plain",
            at("file", "path", "/nix/store/"),
        ),
        (
            &on_app["foundThere"],
            "page-token",
            "base64",
            at("process", "program", "sleep"),
        ),
        (
            &on_db["foundThere"],
            "db-password",
            "plain",
            at("journal", "kind", "journal"),
        ),
        (
            &on_db["foundThere"],
            "db-password",
            "hex",
            at("file", "path", "/var/lib/dump"),
        ),
    ] {
        assert!(is_found(list, secret, form, &at), "{secret} {at}: {list:#}");
    }
    let errors = found["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors.iter().all(|error| error["code"] == "secret-exposed"));
}
