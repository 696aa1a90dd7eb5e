//! Each format, each rule of what is encrypted, and each kind of recipient.

use super::*;
use crate::secret::Recipient;
use crate::secret::sops::{Node, ini, parse};
use crate::secret::testing::ssh_key;
use infra_model::Code;

#[test]
fn each_format_gives_back_what_was_written() {
    for (format, print) in [
        (Format::Yaml, writer::yaml as Print),
        (Format::Json, writer::json),
    ] {
        let (file, identities) = made(Style::default(), &[tree()], print);
        let opened =
            open(&file, format, &identities).unwrap_or_else(|fault| panic!("{fault:?}\n{file}"));
        for (key, expected) in [
            ("name", "väl\"ue: #1"),
            ("db/password", "two\nlines\n"),
            ("db/port", "-5432"),
            ("db/ratio", "0.1"),
            ("db/tls", "false"),
            ("db/empty", ""),
            ("db/hosts/0", "a"),
            ("db/hosts/1/deep", "b"),
            ("port_unencrypted", "80"),
            ("when_unencrypted", "2026-01-02"),
            ("many_unencrypted/1", "true"),
        ] {
            assert_eq!(get(&opened, key).expect(key), expected, "{format:?} {key}");
        }
    }
    let flat = map([
        ("A", text("x=1")),
        ("B", text("two\nlines")),
        ("C_unencrypted", text("y")),
    ]);
    let (file, identities) = made(Style::default(), &[flat], writer::dotenv);
    let opened = open(&file, Format::Dotenv, &identities).expect("opens");
    assert_eq!(get(&opened, "B").expect("B"), "two\nlines");
    let whole = opened.whole().expect("one value");
    assert_eq!(
        whole.expose_text(),
        Some("A=x=1\nB=two\\nlines\nC_unencrypted=y\n")
    );
    let sections = map([
        ("a", map([("k", text("v")), ("p_unencrypted", text("q"))])),
        ("b", map([("k", text("w"))])),
    ]);
    let (file, identities) = made(Style::default(), &[sections], writer::ini);
    let opened = open(&file, Format::Ini, &identities).expect("opens");
    assert_eq!(
        (
            get(&opened, "a/k").expect("a/k"),
            get(&opened, "b/k").expect("b/k")
        ),
        ("v".into(), "w".into())
    );
    let (file, identities) = made(
        Style::default(),
        &[map([("data", text("all\n"))])],
        writer::json,
    );
    let opened = open(&file, Format::Binary, &identities).expect("opens");
    assert_eq!(opened.whole().expect("one value").expose(), b"all\n");
}

#[test]
fn every_rule_of_partial_encryption_is_followed() {
    let rule = |rule, set_apart, apart_is_encrypted| Style {
        rule: Some(rule),
        set_apart,
        apart_is_encrypted,
        mac_only_encrypted: false,
    };
    let styles = [
        rule(
            ("unencrypted_suffix", "_p"),
            |key| key.ends_with("_p"),
            false,
        ),
        rule(
            ("encrypted_suffix", "word"),
            |key| key.ends_with("word"),
            true,
        ),
        rule(
            ("encrypted_regex", "^(name|pass\\w+)$"),
            |key| key == "name" || key.starts_with("pass"),
            true,
        ),
        rule(
            ("unencrypted_regex", "^po|db$"),
            |key| key.starts_with("po") || key.ends_with("db"),
            false,
        ),
    ];
    for style in styles {
        for mac_only_encrypted in [false, true] {
            let style = Style {
                mac_only_encrypted,
                ..style.clone()
            };
            for (format, print) in [
                (Format::Yaml, writer::yaml as Print),
                (Format::Json, writer::json),
            ] {
                let (file, identities) = made(style.clone(), &[tree()], print);
                let opened = open(&file, format, &identities);
                let opened =
                    opened.unwrap_or_else(|fault| panic!("{:?}: {fault:?}\n{file}", style.rule));
                assert_eq!(
                    get(&opened, "db/password").expect("there"),
                    "two\nlines\n",
                    "{:?}",
                    style.rule
                );
                // What is in clear may be edited exactly if the MAC leaves it out.
                if file.contains(": 80") {
                    let edited = file.replace(": 80", ": 81");
                    assert_eq!(
                        open(&edited, format, &identities).is_ok(),
                        mac_only_encrypted,
                        "{:?}",
                        style.rule
                    );
                }
            }
        }
    }
}

#[test]
fn documents_of_one_file_share_their_mac() {
    let documents = [map([("a", text("1"))]), map([("b", text("2"))])];
    let (file, identities) = made(Style::default(), &documents, writer::yaml);
    let opened = open(&file, Format::Yaml, &identities).expect("opens");
    assert_eq!(
        (get(&opened, "a").expect("a"), get(&opened, "b").expect("b")),
        ("1".into(), "2".into())
    );
    let (first, second) = file.split_once("\n---\n").expect("two documents");
    for changed in [format!("{first}\n"), format!("{second}---\n{first}\n")] {
        let fault = open(&changed, Format::Yaml, &identities).expect_err("changed");
        assert_eq!(fault.code, Code::SecretTampered);
    }
}

#[test]
fn ssh_keys_and_any_of_several_recipients_open_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, ssh) = ssh_key(folder.path(), "id", "ed25519", "");
    let (_, stranger) = age_key();
    let text = writer::file(
        Style::default(),
        &[tree()],
        &[stranger.clone(), ssh.clone()],
        writer::yaml,
    );
    let mine = identities(&std::fs::read_to_string(file).expect("written"));
    assert!(open(&text, Format::Yaml, &mine).is_ok());
    let fault = open(&text, Format::Yaml, &Identities::none()).expect_err("no key");
    assert_eq!(fault.code, Code::NoIdentity);
    let cause = fault.cause.expect("a cause");
    assert!(
        cause.contains(stranger.as_str()) && cause.contains(ssh.as_str()),
        "{cause}"
    );
    let parsed = parse(text.as_bytes(), Format::Yaml, "x").map_err(|fault| format!("{fault:?}"));
    let named: Vec<String> = parsed.expect("parses").metadata.recipients();
    let expected: Vec<&str> = [&stranger, &ssh].map(Recipient::as_str).to_vec();
    assert_eq!(named, expected);
}

#[test]
fn keys_with_a_slash_are_named_in_brackets() {
    let (file, identities) = made(
        Style::default(),
        &[map([("a/b", text("x")), ("0", text("zero"))])],
        writer::yaml,
    );
    let opened = open(&file, Format::Yaml, &identities).expect("opens");
    assert_eq!(get(&opened, "[\"a/b\"]").expect("there"), "x");
    assert_eq!(get(&opened, "0").expect("a key, not a place"), "zero");
}

#[test]
fn formats_go_by_the_name() {
    for (name, format) in [
        ("a.yaml", Format::Yaml),
        ("a.yml", Format::Yaml),
        ("a.json", Format::Json),
        (".env", Format::Dotenv),
        ("prod.env", Format::Dotenv),
        ("a.ini", Format::Ini),
        ("a.pem", Format::Binary),
        ("a", Format::Binary),
        ("a.yaml.txt", Format::Binary),
    ] {
        assert_eq!(Format::of_name(name), format, "{name}");
    }
}

#[test]
fn ini_values_are_what_the_library_of_sops_takes_them_for() {
    let text = "top = 1\n[ s ]\na = plain ; note\nb: 'quoted # kept'\nc = \"two words\"\nd = `back;tick`\ne = \"\"\"more\nlines\"\"\"\nf = go\\\n on\ng =\n\"k = y\" = v\na = again\n[sops]\nmac = x\n";
    let documents = ini::parse(text, "x")
        .map_err(|fault| format!("{fault:?}"))
        .expect("parses");
    let found: Vec<(String, String)> = documents[0]
        .iter()
        .flat_map(|(section, node)| match node {
            Node::Map(entries) => entries
                .iter()
                .map(|(key, node)| {
                    (
                        format!("{section}/{key}"),
                        node.as_text().unwrap_or("?").to_owned(),
                    )
                })
                .collect(),
            _ => Vec::new(),
        })
        .collect();
    let expected = [
        ("DEFAULT/top", "1"),
        ("s/a", "again"),
        ("s/b", "'quoted"),
        ("s/c", "two words"),
        ("s/d", "back;tick"),
        ("s/e", "more\nlines"),
        ("s/f", "goon"),
        ("s/g", ""),
        ("s/k = y", "v"),
        ("sops/mac", "x"),
    ];
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(found, expected);
}
