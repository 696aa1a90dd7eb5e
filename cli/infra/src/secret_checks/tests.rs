//! What is accepted, what is not, and that nothing of it is repeated.

use super::fault;
use infra_model::contract::SecretNeed;
use serde_json::json;

fn need(format: &str, check: &serde_json::Value) -> SecretNeed {
    serde_json::from_value(json!({
        "description": "", "scope": "host", "phase": "services", "units": [],
        "owner": "root", "group": "root", "mode": "0400", "restartUnits": [], "reloadUnits": [],
        "format": format, "check": check, "required": true, "deploy": true, "recipe": null,
        "rotate": {}, "bind": [], "path": "/run/x", "declared": [],
    }))
    .expect("a need")
}

fn of(format: &str, content: &str) -> Option<String> {
    fault(&need(format, &json!({})), content.as_bytes())
}

const SSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n";

#[test]
fn what_is_of_its_format() {
    for (format, content) in [
        ("text", "x"),
        ("text", "ä\n"),
        ("binary", "x"),
        (
            "env",
            "A=1\n# a comment\n\n; another\n_B2=\nC=a=b\n D = 1\n",
        ),
        ("env", "A=\"one\ntwo\"\nB='a\\'\nC=one\\\ntwo\nD=it's\n"),
        ("json", "{\"a\": [1, null]}\n"),
        ("json", "\"text\""),
        (
            "pem",
            "-----BEGIN A-----\nx\n-----END A-----\nfree\n-----BEGIN B-----\r\n-----END B-----\r\n",
        ),
        ("ssh-key", SSH),
        (
            "age-key",
            "# created: now\n# public key: age1x\nAGE-SECRET-KEY-1QQ\n",
        ),
        ("age-key", "AGE-SECRET-KEY-1QQ"),
        ("password-hash", "$y$j9T$abc./$def"),
        ("password-hash", "$6$salt$hash\n"),
    ] {
        assert_eq!(of(format, content), None, "{format}: {content:?}");
    }
    assert_eq!(fault(&need("binary", &json!({})), b"\xff\x00"), None);
}

/// A format, a content that is not of it, and how that is said.
const WRONG: &[(&str, &str, &str)] = &[
    ("text", "", "is empty"),
    ("env", "A=1\nHUSH\n", "line 2 is not KEY=VALUE"),
    ("env", "1A=HUSH\n", "line 1 is not KEY=VALUE"),
    ("env", "export A=HUSH\n", "line 1 is not KEY=VALUE"),
    ("env", "=HUSH\n", "line 1 is not KEY=VALUE"),
    ("env", "A=\"HUSH\nB=1\n", "a quote is never closed"),
    ("json", "{\"a\":\n HUSH}", "line 2, column 2 is not JSON"),
    ("json", "{} HUSH", "line 1, column 4 is not JSON"),
    ("pem", "HUSH", "it has no line -----BEGIN …-----"),
    (
        "pem",
        "-----BEGIN A-----\nHUSH\n",
        "a block has no END line",
    ),
    (
        "pem",
        "-----BEGIN A-----\nHUSH\n-----END B-----\n",
        "an END line has no BEGIN line of its kind",
    ),
    (
        "pem",
        "-----BEGIN A-----\n-----BEGIN HUSH-----\n",
        "a block begins within another",
    ),
    (
        "ssh-key",
        "-----BEGIN RSA PRIVATE KEY-----\nHUSH",
        "it does not begin with -----BEGIN OPENSSH PRIVATE KEY-----",
    ),
    (
        "ssh-key",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nHUSH\n",
        "it does not end with -----END OPENSSH PRIVATE KEY-----",
    ),
    (
        "ssh-key",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nHUSH\n-----END OPENSSH PRIVATE KEY-----",
        "its last line has no line end, without which OpenSSH does not read it",
    ),
    (
        "age-key",
        "age1HUSH",
        "line 1 is neither AGE-SECRET-KEY-1… nor a comment",
    ),
    ("age-key", "# HUSH\n", "it has no line AGE-SECRET-KEY-1…"),
    (
        "password-hash",
        "HUSH",
        "it does not look like $id$…, as mkpasswd prints it",
    ),
    (
        "password-hash",
        "$$HUSH",
        "it does not look like $id$…, as mkpasswd prints it",
    ),
    (
        "password-hash",
        "$6$",
        "it does not look like $id$…, as mkpasswd prints it",
    ),
    (
        "password-hash",
        "$6$a$HUSH:0",
        "a hash is one line without blanks and colons",
    ),
    (
        "password-hash",
        "$6$a$HUSH\n\n",
        "a hash is one line without blanks and colons",
    ),
];

#[test]
fn what_is_not() {
    for (format, content, why) in WRONG.iter().copied() {
        let said = of(format, content).unwrap_or_default();
        assert!(said.ends_with(why), "{format} {content:?}: {said}");
        assert!(!said.contains("HUSH"), "{said}");
    }
    for format in [
        "text",
        "env",
        "json",
        "pem",
        "ssh-key",
        "age-key",
        "password-hash",
    ] {
        let said = fault(&need(format, &json!({})), b"\xffHUSH").unwrap_or_default();
        assert!(said.ends_with("it is not UTF-8"), "{format}: {said}");
    }
}

#[test]
fn what_contracts_say_besides() {
    let said = |check: serde_json::Value, content: &[u8]| fault(&need("binary", &check), content);
    let words = |text: &str| Some(text.to_owned());
    let length = json!({"minLength": 3, "maxLength": 4});
    assert_eq!(said(length.clone(), b"123"), None);
    assert_eq!(said(length.clone(), b"1234"), None);
    assert_eq!(
        said(length.clone(), b"12"),
        words("is shorter than 3 bytes (check.minLength)")
    );
    assert_eq!(
        said(length, b"12345"),
        words("is longer than 4 bytes (check.maxLength)")
    );
    let pattern = json!({"match": "[a-z]+"});
    assert_eq!(said(pattern.clone(), b"abc"), None);
    for other in [&b"abc1"[..], b"abc\n", b"abc\xff"] {
        assert_eq!(
            said(pattern.clone(), other),
            words("does not match [a-z]+ (check.match)")
        );
    }
    assert!(
        said(json!({"match": "("}), b"a").is_some_and(|why| why.starts_with("cannot be checked"))
    );
    // Only who says so wants it empty.
    assert_eq!(said(json!({"minLength": 0}), b""), None);
    assert_eq!(said(json!({"maxLength": 9}), b""), words("is empty"));
}
