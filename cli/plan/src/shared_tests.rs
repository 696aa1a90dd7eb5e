//! What hosts must agree on, and what not.

use super::disagreements;
use crate::recipes::tests::manifest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Part<'a> = (&'a str, &'a str, Value);

fn faults(hosts: &[(&str, &[Part<'_>])]) -> Vec<String> {
    let manifests: BTreeMap<_, _> = hosts
        .iter()
        .map(|(host, parts)| manifest(host, parts))
        .collect();
    disagreements(&manifests)
        .into_iter()
        .map(|fault| {
            format!(
                "{} [{}]\n{}",
                fault.title,
                fault
                    .place
                    .map(|place| place.to_string())
                    .unwrap_or_default(),
                fault.cause.unwrap_or_default()
            )
        })
        .collect()
}

fn at(host: &str, more: &Value) -> Value {
    let mut said = json!({"scope": "shared", "declared": [{"file": format!("hosts/{host}/contract.nix"), "line": 5}]});
    for (key, value) in more.as_object().expect("an object") {
        said[key] = value.clone();
    }
    said
}

#[test]
fn use_may_differ_where_the_thing_does_not() {
    let web = at(
        "web",
        &json!({"recipe": "hex", "owner": "nginx", "mode": "0440", "units": ["nginx.service"], "phase": "services"}),
    );
    let db = at(
        "db",
        &json!({"recipe": "hex", "owner": "postgres", "phase": "users", "path": "/run/x", "required": false, "description": "?"}),
    );
    let own = json!({"format": "json"});
    let seen = faults(&[
        ("web", &[("secrets", "s", web)]),
        ("db", &[("secrets", "s", db)]),
        // Its own secret of the same name is none of theirs.
        ("mail", &[("secrets", "s", own)]),
    ]);
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn differences_are_named_with_both_files() {
    let recipe = |line: u32, length: u32| {
        let declared = json!([{"file": "modules/m/contract.nix", "line": line}]);
        json!({"builtin": "password", "options": {"length": length}, "declared": declared})
    };
    let long = "x".repeat(200);
    let web = [
        (
            "secrets",
            "format",
            at(
                "web",
                &json!({"format": "json", "rotate": {"every": "90d", "grace": null}}),
            ),
        ),
        ("secrets", "recipe", at("web", &json!({"recipe": "r"}))),
        ("recipes", "r", recipe(1, 16)),
        ("secrets", "kind", at("web", &json!({}))),
        ("values", "type", at("web", &json!({"default": long}))),
        ("secrets", "made", at("web", &json!({"recipe": "age"}))),
    ];
    let db = [
        ("secrets", "format", at("db", &json!({}))),
        ("secrets", "recipe", at("db", &json!({"recipe": "r"}))),
        ("recipes", "r", recipe(2, 32)),
        ("values", "kind", at("db", &json!({}))),
        (
            "values",
            "type",
            at("db", &json!({"type": {"kind": "port"}, "default": 1})),
        ),
        ("secrets", "made", at("db", &json!({"recipe": "made"}))),
        ("recipes", "made", json!({"builtin": "age"})),
    ];
    let seen = faults(&[("web", &web), ("db", &db)]);
    insta::assert_snapshot!(seen.join("\n\n"));
}
