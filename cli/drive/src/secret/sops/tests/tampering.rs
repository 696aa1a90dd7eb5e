//! Nothing can be changed unnoticed, and nothing of it is told.

use super::*;
use infra_model::Code;

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
