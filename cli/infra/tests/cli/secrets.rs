//! `secret` with a fake nix and real keys: written, listed, shown, replaced, rekeyed, and refused.

use crate::env::{Env, shows};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// A key pair of this test: the private file, the public text.
pub(crate) fn key(env: &Env, name: &str) -> (PathBuf, String) {
    let file = PathBuf::from(env.side_file(&format!("keys/{name}.dir"), "")).with_extension("");
    let make = format!(
        "ssh-keygen -q -t ed25519 -N '' -C '' -f '{}'",
        file.display()
    );
    assert!(env.in_shell(&make, &[]).status.success());
    let public = fs::read_to_string(file.with_extension("pub")).expect("made");
    (file, public.trim().to_owned())
}

/// Two hosts with keys, an admin who can read everything, and contracts: one secret each, and one that they share.
pub(crate) fn env() -> Env {
    let env = Env::pair();
    let (identity, admin) = key(&env, "admin");
    env.write("infra.toml", &format!("admins = [\"{admin}\"]\n"));
    for host in ["web", "db"] {
        let (_, public) = key(&env, host);
        env.write(&format!("hosts/{host}/host.pub"), &format!("{public}\n"));
    }
    let shared = json!({"scope": "shared", "recipe": "hex"});
    env.contract(
        "web",
        json!({"secrets": {
            "mail": {"check": {"minLength": 8, "maxLength": null, "match": null}},
            "session": {"recipe": "hex", "rotate": {"every": null, "grace": "1h"}},
            "both": shared,
            "settings": {"format": "json", "required": false},
        }}),
    );
    env.contract("db", json!({"secrets": {"both": shared}}));
    env.set("INFRA_IDENTITY", identity.display().to_string())
}

/// Runs infra with something on its standard input; answers exit code, standard output and standard error.
pub(crate) fn piped(env: &Env, input: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let file = env.side_file("input", input);
    let output = env.in_shell(&format!("\"$@\" <{file}"), args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn list(env: &Env) -> Vec<Value> {
    let output = env.output(&["secret", "list", "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    answer["hosts"].as_array().expect("a list").clone()
}

fn wrong(env: &Env) -> Vec<String> {
    list(env)
        .iter()
        .map(|secret| format!("{} {}", secret["secret"], secret["wrong"]).replace('"', ""))
        .collect()
}

#[test]
fn a_secret_is_written_listed_shown_and_replaced() {
    let env = env();
    let (code, out, err) = piped(&env, "correct horse\n", &["secret", "new", "web", "mail"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out, "written    secrets/hosts/web/mail.age\n");
    let raw = fs::read(env.repo().join("secrets/hosts/web/mail.age")).expect("written");
    assert!(
        raw.starts_with(b"age-encryption.org/"),
        "any age program reads it"
    );
    assert_eq!(
        env.output(&["secret", "show", "web", "mail"]).stdout,
        b"correct horse"
    );
    shows!(env, ["secret", "list"], @"
    exit 0
    --- stdout
    SECRET  HOSTS  KEYS  RECIPE  STATE  FILE
    mail    web    2             ok     secrets/hosts/web/mail.age
    --- stderr
    ");

    let (code, _, err) = piped(&env, "another one", &["secret", "new", "web", "mail"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("is there already"), "{err}");
    let (code, out, _) = piped(&env, "another one", &["secret", "rotate", "web", "mail"]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "replaced   secrets/hosts/web/mail.age\n")
    );
    assert_eq!(
        env.output(&["secret", "show", "web", "mail"]).stdout,
        b"another one"
    );
    shows!(env, ["secret", "show", "web", "mail", "--json"], @r#"
    exit 2
    --- stdout
    {"schema":1,"command":"secret","hosts":[],"errors":[{"code":"usage","title":"a secret is not shown in JSON","cause":"answers in JSON are kept and passed on; a secret must not be in any of them","where":{"file":"command line"},"fix":"leave --json out: the secret alone is written to standard output"}]}
    --- stderr
    "#);
}

#[test]
fn recipes_make_what_is_missing_once_for_all_who_share_it() {
    let env = env();
    shows!(env, ["secret", "generate", "web"], @"
    exit 0
    --- stdout
    made       secrets/shared/both.age
    made       secrets/hosts/web/session.age
    --- stderr
    ");
    let shown = |host: &str, name: &str| env.output(&["secret", "show", host, name]).stdout;
    let (session, both) = (shown("web", "session"), shown("web", "both"));
    assert_eq!(both, shown("db", "both"));
    shows!(env, ["secret", "generate", "web"], @"
    exit 0
    --- stdout
    nothing to do
    --- stderr
    ");
    // Another content, and the sidecar says for how long the one before is still good.
    assert_eq!(
        env.output(&["secret", "rotate", "web", "session"])
            .status
            .code(),
        Some(0)
    );
    assert_ne!(shown("web", "session"), session);
    let sidecar =
        fs::read_to_string(env.repo().join("secrets/hosts/web/session.toml")).expect("there");
    assert!(
        sidecar.contains("grace = \"1h\"") && sidecar.contains("previous = "),
        "{sidecar}"
    );
    // Whoever searches is told what is not here to be searched for.
    let told = env.run(&["check", "web", "--poison"]);
    assert!(
        told.contains("web: looked for ")
            && told.contains("not looked for session.previous: the repository does not keep it"),
        "{told}"
    );
    shows!(env, ["secret", "generate", "web", "mail"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: no recipe makes `mail` of web
      --> hosts/web/contract.nix:1:1
      fix: write it yourself: infra secret new web mail; or name a `recipe` in its contract
    ");
}

#[test]
fn whoever_comes_or_goes_shows_without_any_key() {
    let env = env();
    env.output(&["secret", "generate", "web,db"]);
    assert_eq!(wrong(&env), ["both []", "session []"]);
    // A second admin comes: files are to be encrypted to them as well.
    let (_, second) = key(&env, "second");
    let infra = fs::read_to_string(env.repo().join("infra.toml")).expect("there");
    let first = infra.split('"').nth(1).expect("a key").to_owned();
    env.write(
        "infra.toml",
        &format!("admins = [\"{first}\", \"{second}\"]\n"),
    );
    assert_eq!(wrong(&env), ["both [unreadable]", "session [unreadable]"]);
    let before = env.output(&["secret", "show", "web", "both"]).stdout;
    shows!(env, ["secret", "rekey"], @"
    exit 0
    --- stdout
    rekeyed    secrets/shared/both.age
    rekeyed    secrets/hosts/web/session.age
    --- stderr
    ");
    assert_eq!(
        env.output(&["secret", "show", "web", "both"]).stdout,
        before
    );
    assert_eq!(wrong(&env), ["both []", "session []"]);
    // And goes again: they still know what they could read.
    env.write("infra.toml", &infra);
    assert_eq!(wrong(&env), ["both [overexposed]", "session [overexposed]"]);
    let output = env.output(&["secret", "rekey", "db"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("warning[overexposed-secret]")
            && told.contains("infra secret rotate db both"),
        "{told}"
    );
    assert_eq!(wrong(&env), ["both []", "session [overexposed]"]);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_written() {
    let env = env();
    let refused = |input: &str, args: &[&str], expected: &str| {
        let (code, out, err) = piped(&env, input, args);
        assert_ne!(code, Some(0), "{args:?}: {out}");
        assert!(err.contains(expected), "{args:?}: {err}");
        assert!(!err.contains("hunter2"), "the content is told: {err}");
        assert!(
            !env.repo().join("secrets").exists(),
            "{args:?} wrote something"
        );
    };
    refused(
        "hunter2",
        &["secret", "new", "web", "mail"],
        "this is not the secret `mail` of web: it is shorter than 8 bytes",
    );
    refused(
        "hunter2",
        &["secret", "new", "web", "settings"],
        "this is not the secret `settings` of web: it is no secret of format json",
    );
    refused(
        "hunter2hunter2",
        &["secret", "new", "web", "mial"],
        "did you mean `mail`?",
    );
    refused(
        "hunter2hunter2",
        &["secret", "new", "db", "mail"],
        "`mail` is no need of db",
    );
    refused(
        "x",
        &["secret", "new", "web", "../mail"],
        "cannot be the name of a need",
    );
    refused(
        "x",
        &["secret", "new", "web", "a b"],
        "cannot be the name of a need",
    );
    refused(
        "x",
        &["secret", "new", "web", "mäil"],
        "cannot be the name of a need",
    );
    refused(
        "x",
        &["secret", "show", "web", "mail"],
        "nobody has `mail` of web",
    );
    refused(
        &"x".repeat((1 << 20) + 1),
        &["secret", "new", "web", "mail"],
        "error[secret-too-large]",
    );
    fs::remove_file(env.repo().join("hosts/web/host.pub")).expect("there");
    refused(
        "hunter2hunter2",
        &["secret", "new", "web", "mail"],
        "hosts/web/host.pub has no ed25519 key",
    );
    env.write("infra.toml", "admins = [\"age1nonsense\"]\n");
    refused(
        "hunter2hunter2",
        &["secret", "new", "web", "mail"],
        "error[invalid-recipient]",
    );
    env.write("infra.toml", "");
    refused(
        "hunter2hunter2",
        &["secret", "new", "web", "mail"],
        "infra.toml names no admins",
    );
}

#[test]
fn a_secret_of_others_or_a_tampered_one_is_not_shown() {
    let env = env();
    let (code, _, err) = piped(&env, "correct horse", &["secret", "new", "web", "mail"]);
    assert_eq!(code, Some(0), "{err}");
    let (other, _) = key(&env, "other");
    let stranger = |env: &Env| {
        let line = format!("INFRA_IDENTITY='{}' \"$@\"", other.display());
        let output = env.in_shell(&line, &["secret", "show", "web", "mail"]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(
        stranger(&env).contains("error[no-identity]"),
        "{}",
        stranger(&env)
    );
    let file = env.repo().join("secrets/hosts/web/mail.age");
    let mut bytes = fs::read(&file).expect("there");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).expect("writable");
    let output = env.output(&["secret", "show", "web", "mail"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("error[secret-tampered]"), "{told}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_private_value_is_kept_encrypted_and_reaches_the_evaluation() {
    let env = env();
    env.contract(
        "web",
        json!({"values": {"realm": {"type": {"kind": "port"}, "private": true}}}),
    );
    let missing = env.run(&["build", "web"]);
    assert!(
        missing.contains("fix: infra secret new web realm"),
        "{missing}"
    );
    let (code, _, err) = piped(&env, "hunter2\n", &["secret", "new", "web", "realm"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(
        err.contains("expected a port") && !err.contains("hunter2"),
        "{err}"
    );

    let tree = |env: &Env| {
        let output = env.output(&["eval", "web", "--json"]);
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        answer["hosts"][0]["treeId"].clone()
    };
    let (code, _, err) = piped(&env, "8443\n", &["secret", "new", "web", "realm"]);
    assert_eq!(code, Some(0), "{err}");
    let first = tree(&env);
    assert!(first.is_string());
    assert_eq!(tree(&env), first);
    let (code, _, err) = piped(&env, "8444\n", &["secret", "rotate", "web", "realm"]);
    assert_eq!(code, Some(0), "{err}");
    assert_ne!(tree(&env), first, "the evaluation sees another value");
    // Whoever has no key cannot evaluate what depends on it, and is told so.
    let home = env.side_file("keyless/x", "");
    let line = format!(
        "INFRA_IDENTITY= HOME='{}' \"$@\"",
        home.trim_end_matches("/x")
    );
    let output = env.in_shell(&line, &["eval", "web"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("error[no-identity]"), "{told}");
}
