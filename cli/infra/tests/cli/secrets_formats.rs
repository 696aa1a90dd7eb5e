//! What `secret new` makes of the end of what it is given, by format: a line end after one line is no part of it; of anything else it is.

use crate::env::Env;
use serde_json::json;
use std::path::PathBuf;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const SSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n";

/// What is given, and what is kept.
const CASES: [(&str, &str, &str, &str); 14] = [
    ("line", "text", "hunter2\n", "hunter2"),
    ("windows", "text", "hunter2\r\n", "hunter2"),
    ("bare", "text", "hunter2", "hunter2"),
    ("one-of-two", "text", "hunter2\n\n", "hunter2\n\n"),
    ("several-lines", "text", "one\ntwo\n", "one\ntwo\n"),
    ("hash", "password-hash", "$y$j9T$abc\n", "$y$j9T$abc"),
    ("bytes", "binary", "raw\n", "raw\n"),
    ("cert", "pem", PEM, PEM),
    ("ssh", "ssh-key", SSH, SSH),
    ("settings", "env", "A=1\n", "A=1\n"),
    ("object", "json", "{}\n", "{}\n"),
    ("number", "json", "7\n", "7\n"),
    (
        "age",
        "age-key",
        "AGE-SECRET-KEY-1QQ\n",
        "AGE-SECRET-KEY-1QQ\n",
    ),
    ("value", "", "8443\n", "8443"),
];

fn env() -> Env {
    let env = Env::pair();
    let secrets: serde_json::Map<_, _> = CASES
        .iter()
        .filter(|(_, format, ..)| !format.is_empty())
        .map(|(name, format, ..)| ((*name).to_owned(), json!({ "format": format })))
        .collect();
    let value = json!({"type": {"kind": "port"}, "private": true});
    env.contract(
        "web",
        json!({"secrets": secrets, "values": {"value": value}}),
    );
    env.contract("db", json!({}));
    let keys = r#"
        mkdir -p "$HOME/.ssh" && ssh-keygen -qt ed25519 -N '' -C '' -f "$HOME/.ssh/id_ed25519" &&
        cp "$HOME/.ssh/id_ed25519.pub" hosts/web/host.pub &&
        printf 'admins = ["%s"]\n' "$(cat hosts/web/host.pub)" >infra.toml"#;
    let made = env.in_shell(keys, &[]);
    assert!(made.status.success(), "{made:?}");
    env
}

fn check(name: &str, write: impl Fn(&Env, &str, &PathBuf) -> std::process::Output) {
    let env = env();
    for (secret, format, given, kept) in CASES {
        let file = PathBuf::from(env.side_file("given", given));
        let done = write(&env, secret, &file);
        assert!(done.status.success(), "{name} {secret}: {done:?}");
        let shown = env.output(&["secret", "show", "web", secret]).stdout;
        let shown = String::from_utf8_lossy(&shown).into_owned();
        assert_eq!(shown, kept, "{name} {secret} ({format})");
    }
}

#[test]
fn the_end_of_standard_input_is_judged_by_the_format() {
    check("standard input", |env, secret, file| {
        let line = format!("\"$@\" <'{}'", file.display());
        env.in_shell(&line, &["secret", "new", "web", secret])
    });
}

#[test]
fn the_end_of_a_file_is_judged_by_the_format() {
    check("a file", |env, secret, file| {
        let file = file.display().to_string();
        env.output(&["secret", "new", "web", secret, "--file", &file])
    });
}

#[test]
fn an_import_is_taken_to_the_byte() {
    let env = env();
    let file = env.side_file("given", "hunter2\n");
    let done = env.output(&["secret", "import", "web", "line", "--from", &file]);
    assert!(done.status.success(), "{done:?}");
    let shown = env.output(&["secret", "show", "web", "line"]).stdout;
    assert_eq!(shown, b"hunter2\n");
}
