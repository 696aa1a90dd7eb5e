//! The verdicts of types, against those that Nix wrote down.

use super::{PATTERNS, Type, matches};
use serde_json::{Value, json};

fn of(text: Value) -> Type {
    serde_json::from_value(text).expect("a type")
}

#[test]
fn every_kind_with_a_pattern_has_one_that_compiles() {
    for kind in [
        "ipv4",
        "ipv6",
        "cidr",
        "mac",
        "hostname",
        "fqdn",
        "url",
        "email",
        "sshPublicKey",
        "agePublicKey",
        "duration",
        "size",
    ] {
        let pattern = PATTERNS
            .get(kind)
            .unwrap_or_else(|| panic!("no pattern for {kind}"));
        assert!(matches(&pattern.regex, "").is_some(), "{kind}: {pattern:?}");
    }
}

/// Types and values, and which of the values are of which type: as Nix says (`checks/nix` writes the file and keeps it true).
#[derive(serde::Deserialize)]
struct Verdicts {
    values: Vec<Value>,
    types: Vec<Verdict>,
}

#[derive(serde::Deserialize)]
struct Verdict {
    name: String,
    #[serde(rename = "type")]
    of: Type,
    accepts: Vec<usize>,
}

#[test]
fn verdicts_are_those_of_nix() {
    let text = include_str!("../../../../checks/golden/type-verdicts.json");
    let Verdicts { values, types } = serde_json::from_str(text).expect("verdicts");
    let mut differing = Vec::new();
    for Verdict { name, of, accepts } in types {
        // What only Nix can judge is not judged here.
        if matches!(of, Type::Nix { .. }) {
            continue;
        }
        for (index, value) in values.iter().enumerate() {
            let nix = accepts.contains(&index);
            if of.accepts(value) != nix {
                differing.push(format!("{name}: {value} is accepted by Nix: {nix}"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn found_by_generated_values_once() {
    let cases = [
        (
            json!({"kind": "enum", "values": [1, [2.0]]}),
            json!(1.0),
            true,
        ),
        (
            json!({"kind": "enum", "values": [1, [2.0]]}),
            json!([2]),
            true,
        ),
        (
            json!({"kind": "enum", "values": [1, [2.0]]}),
            json!("1"),
            false,
        ),
        // A default is judged where it is used, and nowhere else.
        (
            json!({"kind": "submodule", "fields": {"a": {"type": {"kind": "port"}, "default": 0}}}),
            json!({}),
            false,
        ),
        (
            json!({"kind": "submodule", "fields": {"a": {"type": {"kind": "port"}, "default": 0}}}),
            json!({"a": 1}),
            true,
        ),
    ];
    for (kind, value, accepted) in cases {
        assert_eq!(of(kind.clone()).accepts(&value), accepted, "{kind} {value}");
    }
}

#[test]
fn mismatches_say_where_and_what() {
    let kind = of(json!({"kind": "submodule", "fields": {
        "ports": {"type": {"kind": "listOf", "of": {"kind": "port"}}, "required": true},
        "name": {"type": {"kind": "nonEmptyString"}, "required": true}
    }}));
    let told: Vec<String> = kind
        .check(&json!({"ports": [80, 70000], "nmae": "x"}))
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    at name: expected a text that is not blank, such as text, found nothing
    at ports[1]: expected a port (1 to 65535), found the number 70000
    at nmae: expected no such key (known: name, ports), found the key `nmae`
    ");
}

#[test]
fn texts_are_read_as_the_type_wants_them() {
    let cases = [
        (json!({"kind": "string"}), "80", json!("80")),
        (json!({"kind": "port"}), "80", json!(80)),
        (json!({"kind": "port"}), "http", json!("http")),
        (json!({"kind": "bool"}), "true", json!(true)),
        (json!({"kind": "ipv4"}), "10.0.0.1", json!("10.0.0.1")),
        (json!({"kind": "enum", "values": ["1", 2]}), "1", json!("1")),
        (json!({"kind": "enum", "values": ["1", 2]}), "2", json!(2)),
        (
            json!({"kind": "nullOr", "of": {"kind": "string"}}),
            "null",
            json!(null),
        ),
        (
            json!({"kind": "nullOr", "of": {"kind": "string"}}),
            "x",
            json!("x"),
        ),
        (
            json!({"kind": "listOf", "of": {"kind": "int"}}),
            "[1,2]",
            json!([1, 2]),
        ),
    ];
    for (kind, text, value) in cases {
        assert_eq!(of(kind).read_text(text), value, "{text}");
    }
}

#[test]
fn a_long_value_is_cut() {
    let kind = of(json!({"kind": "int"}));
    let told = kind.check(&json!("x".repeat(200)));
    assert!(
        told.iter()
            .all(|mismatch| mismatch.found.chars().count() < 80),
        "{told:?}"
    );
}
