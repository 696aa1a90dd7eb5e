//! sops files: those of other programs, those of our own writer, and everything that must not be believed.

use super::writer::{self, Style, Value, map, text};
use super::{Format, KeyPath, Opened, open_bytes, parse};
use crate::secret::testing::{age_key, identities, ssh_key};
use crate::secret::{Identities, Recipient};
use infra_model::{Code, Diagnostic};
use proptest::prelude::*;

/// Files that were made with other programs: Go's age and Python's AES-GCM.
const VECTORS: [(&str, Format, &str); 4] = [
    (
        "vector.yaml",
        Format::Yaml,
        include_str!("vectors/vector.yaml"),
    ),
    (
        "vector.json",
        Format::Json,
        include_str!("vectors/vector.json"),
    ),
    (
        "vector.env",
        Format::Dotenv,
        include_str!("vectors/vector.env"),
    ),
    (
        "vector.ini",
        Format::Ini,
        include_str!("vectors/vector.ini"),
    ),
];

fn vector_identities() -> Identities {
    identities(include_str!("vectors/identity.txt"))
}

type Print = fn(&[Value], &Value) -> String;

fn open(text: &str, format: Format, identities: &Identities) -> Result<Opened, Diagnostic> {
    open_bytes(text.as_bytes(), format, "secrets.yaml", identities)
}

fn get(opened: &Opened, key: &str) -> Result<String, Diagnostic> {
    let secret = opened.get(&KeyPath::parse(key)?)?;
    Ok(secret.expose_text().expect("text").to_owned())
}

/// A file with the given style, and what opens it.
fn made(style: Style, documents: &[Value], print: Print) -> (String, Identities) {
    let (private, public) = age_key();
    (
        writer::file(style, documents, &[public], print),
        identities(&private),
    )
}

fn tree() -> Value {
    map([
        ("name", text("väl\"ue: #1")),
        (
            "db",
            map([
                ("password", text("two\nlines\n")),
                ("port", Value::Int(-5432)),
                ("ratio", Value::Float(0.1)),
                ("tls", Value::Bool(false)),
                ("nothing", Value::Null),
                ("empty", text("")),
                (
                    "hosts",
                    Value::List(vec![text("a"), map([("deep", text("b"))])]),
                ),
            ]),
        ),
        ("port_unencrypted", Value::Int(80)),
        ("when_unencrypted", text("2026-01-02")),
        (
            "many_unencrypted",
            Value::List(vec![Value::Float(1.5), Value::Bool(true), text("x")]),
        ),
    ])
}

#[test]
fn files_of_other_programs_are_read() {
    let [yaml, json, env, ini] = VECTORS.map(|(name, format, text)| {
        open_bytes(text.as_bytes(), format, name, &vector_identities()).expect(name)
    });
    let table = [
        (&yaml, "database/password", "correct horse"),
        (&yaml, "[\"database\"][\"port\"]", "5432"),
        (&yaml, "database/ratio", "0.25"),
        (&yaml, "database/tls", "true"),
        (&yaml, "database/replicas/1", "two"),
        (&yaml, "['database']['replicas'][0]", "one"),
        (&yaml, "plain_unencrypted", "31"),
        (&json, "token", "jäson"),
        (&json, "open/n", "1.5"),
        (&env, "TOKEN", "dot env"),
        (&ini, "server/token", "in ini"),
    ];
    for (opened, key, expected) in table {
        assert_eq!(get(opened, key).expect(key), expected, "{key}");
    }
}

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

/// One change to a file that must not go unnoticed.
fn tampered(file: &str, identities: &Identities, change: impl Fn(&str) -> String) {
    let changed = change(file);
    assert_ne!(changed, file, "the change changes something");
    let fault = open(&changed, Format::Yaml, identities).expect_err(&changed);
    assert_eq!(fault.code, Code::SecretTampered, "{fault:?}");
    assert!(fault.fix.is_some() && fault.place.is_some(), "{fault:?}");
}

#[test]
fn nothing_can_be_changed_without_being_noticed() {
    let documents = [map([
        ("a", text("first")),
        ("b", text("second")),
        ("c_unencrypted", text("clear")),
        ("d_unencrypted", text("plain")),
    ])];
    let (file, identities) = made(Style::default(), &documents, writer::yaml);
    let line = |key: &str| {
        file.lines()
            .find(|line| line.starts_with(key))
            .expect("a line")
            .to_owned()
    };
    let (a, b) = (line("\"a\""), line("\"b\""));
    let mac = line("    \"mac\"");
    tampered(&file, &identities, |file| {
        file.replace("\"clear\"", "\"other\"")
    });
    // Removed, added, swapped, moved below another key, replaced by a value in clear.
    tampered(&file, &identities, |file| {
        file.replace(&format!("{b}\n"), "")
    });
    tampered(&file, &identities, |file| {
        file.replace(
            "\"d_unencrypted\"",
            "\"e_unencrypted\": \"more\"\n\"d_unencrypted\"",
        )
    });
    tampered(&file, &identities, |file| {
        file.replace(&a, "@").replace(&b, &a).replace('@', &b)
    });
    tampered(&file, &identities, |file| {
        file.replace(&b, &b.replace("\"b\"", "\"z\""))
    });
    tampered(&file, &identities, |file| {
        file.replace(&b, "\"b\": \"second\"")
    });
    tampered(&file, &identities, |file| file.replace(&b, "\"b\": 2"));
    tampered(&file, &identities, |file| {
        file.replace(&b, &b.replace("type:str", "type:int"))
            .replace("\"clear\"", "\"c\"")
    });
    tampered(&file, &identities, |file| {
        file.replace(&mac, "    \"mac\": \"\"")
    });
    tampered(&file, &identities, |file| {
        file.replace("2026-03-04T05:06:07Z", "2026-03-04T05:06:08Z")
    });
    // The order counts, and so does which rule there is.
    let (c, d) = (line("\"c_"), line("\"d_"));
    tampered(&file, &identities, |file| {
        file.replace(&c, "@").replace(&d, &c).replace('@', &d)
    });
    tampered(&file, &identities, |file| {
        file.replace("\"_unencrypted\"", "\"_open\"")
    });
    tampered(&file, &identities, |file| {
        file.replace(
            "\"unencrypted_suffix\"",
            "\"mac_only_encrypted\": true\n    \"unencrypted_suffix\"",
        )
    });
    // Any one character of a value.
    for at in 30..40 {
        let mut bytes = a.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        if changed != a {
            tampered(&file, &identities, |file| file.replace(&a, &changed));
        }
    }
}

#[test]
fn tampered_values_and_keys_never_appear_in_errors() {
    let (file, identities) = made(Style::default(), &[tree()], writer::yaml);
    for changed in [
        file.replace(
            "\"port_unencrypted\": 80",
            "\"port_unencrypted\": \"GEHEIM\"",
        ),
        file.replacen("\"name\": ENC", "\"name\": GEHEIM", 1),
        file.replacen("type:str", "type:GEHEIM", 1),
        file.replace("\"name\":", "name: [GEHEIM"),
        format!("name: GEHEIM\n{file}"),
    ] {
        let fault = open(&changed, Format::Yaml, &identities).expect_err("refused");
        let shown = format!("{fault:?}");
        assert!(
            !shown.contains("GEHEIM") && !shown.contains("two\\nlines"),
            "{shown}"
        );
    }
    let opened = open(&file, Format::Yaml, &identities).expect("opens");
    assert_eq!(format!("{opened:?}"), "Opened(secrets.yaml)");
    let fault = opened
        .get(&KeyPath::parse("db").expect("a key"))
        .expect_err("a group");
    let shown = format!("{fault:?}");
    assert!(
        shown.contains("`password`") && !shown.contains("lines"),
        "{shown}"
    );
}

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
    let documents = super::ini::parse(text, "x")
        .map_err(|fault| format!("{fault:?}"))
        .expect("parses");
    let found: Vec<(String, String)> = documents[0]
        .iter()
        .flat_map(|(section, node)| match node {
            super::Node::Map(entries) => entries
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

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "\\PC{0,40}".prop_map(Value::Str),
        any::<i64>().prop_map(Value::Int),
        (-1e9..1e9_f64).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::List),
            prop::collection::btree_map("[a-zA-Z0-9 :._-]{1,12}", inner, 1..4)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read(value in any_value(), word in "\\PC{1,40}", mac_only_encrypted: bool) {
        let style = Style { mac_only_encrypted, ..Style::default() };
        let documents = [map([("word", text(&word)), ("rest", value.clone()), ("open_unencrypted", value)])];
        for (format, print) in [(Format::Yaml, writer::yaml as Print), (Format::Json, writer::json)] {
            let (file, identities) = made(style.clone(), &documents, print);
            let opened = open(&file, format, &identities).unwrap_or_else(|fault| panic!("{fault:?}\n{file}"));
            prop_assert_eq!(&get(&opened, "word").expect("there"), &word);
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in "\\PC{0,200}", lines in prop::collection::vec("[\\[\\]a-c=:\"'`\\\\#; \\-&*{}|>!]{0,12}", 0..12)) {
        for text in [text, lines.join("\n")] {
            for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary] {
                let _ = open(&text, format, &Identities::none());
            }
            let _ = KeyPath::parse(&text);
        }
    }
}
