//! What is refused, and what is said then.

use super::*;
use infra_model::Code;

#[test]
fn wrong_keys_say_what_is_there() {
    let (file, identities) = made(Style::default(), &[tree()], writer::yaml);
    let opened = open(&file, Format::Yaml, &identities).expect("opens");
    let table = [
        ("nme", Code::SecretMissing, "its keys are `name`, `db`"),
        (
            "db/pasword",
            Code::SecretMissing,
            "`db` is `password`, `port`",
        ),
        ("db/hosts/7", Code::SecretMissing, "`db/hosts` is 2 values"),
        ("name/x", Code::SecretMissing, "`name` is one value"),
        ("[0]", Code::SecretMissing, "its top level is not a list"),
        ("db", Code::WrongType, "a group of `password`"),
        ("db/nothing", Code::WrongType, "null"),
    ];
    for (key, code, part) in table {
        let fault = get(&opened, key).expect_err(key);
        assert_eq!(fault.code, code, "{key}");
        assert!(format!("{fault:?}").contains(part), "{key}: {fault:?}");
    }
    for bad in ["", "/a", "a//b", "[", "[\"a\"", "[a]", "[\"a\"]x", "[-1]"] {
        assert_eq!(
            KeyPath::parse(bad).expect_err(bad).code,
            Code::Usage,
            "{bad:?}"
        );
    }
    assert_eq!(opened.whole().expect_err("needs a key").code, Code::Usage);
}

#[test]
fn what_sops_did_not_encrypt_or_infra_cannot_read_is_told_apart() {
    let (file, identities) = made(Style::default(), &[tree()], writer::yaml);
    let with = |rule: &str| file.replace("\"unencrypted_suffix\": \"_unencrypted\"", rule);
    let pgp = "a: b\nsops:\n  pgp:\n  - fp: X\n    enc: Y\n  mac: Z\n";
    let groups = "a: b\nsops:\n  key_groups:\n  - age: [{recipient: x, enc: y}]\n  - age: [{recipient: x, enc: y}]\n";
    let table = [
        (
            "a: b\n".to_owned(),
            Code::SecretUnreadable,
            "it has no `sops` metadata",
        ),
        (
            "- a\n".to_owned(),
            Code::SecretUnreadable,
            "is not a mapping",
        ),
        (
            String::new(),
            Code::SecretUnreadable,
            "it has no `sops` metadata",
        ),
        (
            "a: [\n".to_owned(),
            Code::SecretUnreadable,
            "does not parse",
        ),
        (
            "a: 1\na: 2\n".to_owned(),
            Code::SecretUnreadable,
            "a key stands there twice",
        ),
        (pgp.to_owned(), Code::Unsupported, "of kind PGP"),
        (
            "a: b\nsops:\n  mac: Z\n".to_owned(),
            Code::Unsupported,
            "no recipients at all",
        ),
        (
            groups.to_owned(),
            Code::Unsupported,
            "split among several key groups",
        ),
        (
            with("\"encrypted_comment_regex\": \"x\""),
            Code::Unsupported,
            "comments decide",
        ),
        (
            with("\"encrypted_regex\": \"(\""),
            Code::SecretUnreadable,
            "is not a regular expression",
        ),
        (
            with("\"encrypted_regex\": \"a\"\n    \"encrypted_suffix\": \"b\""),
            Code::SecretUnreadable,
            "more than one rule",
        ),
    ];
    for (text, code, part) in table {
        let fault = open(&text, Format::Yaml, &identities).expect_err(part);
        let shown = format!("{fault:?}");
        assert!(
            fault.code == code && shown.contains(part) && fault.fix.is_some(),
            "{shown}"
        );
        assert!(fault.place.is_some(), "{shown}");
    }
}

#[test]
fn text_that_is_not_of_its_format_is_refused() {
    let identities = Identities::none();
    for (format, text) in [
        (Format::Json, "{\"a\": 1, \"a\": 2}"),
        (Format::Json, "[1]"),
        (Format::Json, "{"),
        (Format::Dotenv, "A"),
        (Format::Ini, "[a"),
        (Format::Ini, "[]"),
        (Format::Ini, "a"),
        (Format::Ini, "[a]\nb = \"\"\"x"),
        (Format::Binary, "\u{0}"),
    ] {
        let fault = open(text, format, &identities).expect_err(text);
        assert_eq!(fault.code, Code::SecretUnreadable, "{text}: {fault:?}");
    }
    assert!(open_bytes(&[0xff], Format::Yaml, "x", &identities).is_err());
}

#[test]
fn a_small_file_cannot_ask_for_much() {
    // Each line repeats the one before ten times.
    let mut bomb = String::from("a0: &a0 [x]\n");
    for level in 1..12 {
        let below = format!("*a{},", level - 1).repeat(10);
        bomb += &[
            "a",
            &level.to_string(),
            ": &a",
            &level.to_string(),
            " [",
            &below,
            "]\n",
        ]
        .concat();
    }
    let fault = open(&bomb, Format::Yaml, &Identities::none()).expect_err("too much");
    assert!(
        format!("{fault:?}").contains("repeats too much"),
        "{fault:?}"
    );
    for (format, open_one, close) in [(Format::Yaml, "[", "]"), (Format::Json, "{\"a\":", "}")] {
        let deep = format!(
            "{{\"a\": {}1{}}}",
            open_one.repeat(5000),
            close.repeat(5000)
        );
        assert!(
            open(&deep, format, &Identities::none()).is_err(),
            "{format:?}"
        );
    }
}
