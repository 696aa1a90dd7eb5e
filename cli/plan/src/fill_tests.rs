//! Who fills what: orders of sources, and every kind of gap.

use super::{Filling, Offer, ambiguous_variables, fill};
use infra_model::context::Line;
use infra_model::contract::Manifest;
use infra_model::{HostName, NeedName};
use serde_json::{Value, json};

fn name(text: &str) -> NeedName {
    NeedName::parse(text).expect("a name")
}

fn value(of: &Value, extra: &Value) -> Value {
    let mut need = json!({
        "type": of, "description": "", "private": false, "recipe": null, "scope": "host", "fact": null, "bind": [],
        "declared": [{"file": "modules/m/contract.nix", "line": 7, "column": 3}],
    });
    merge(&mut need, extra);
    need
}

fn secret(extra: &Value) -> Value {
    let mut need = json!({
        "description": "", "scope": "host", "phase": "services", "units": [], "owner": "root", "group": "root", "mode": "0400",
        "restartUnits": [], "reloadUnits": [], "format": "text", "check": {"minLength": null, "maxLength": null, "match": null},
        "required": true, "deploy": true, "recipe": null, "rotate": {"every": null, "grace": null}, "bind": [], "path": "/run/infra/secrets/x",
        "declared": [{"file": "hosts/web/contract.nix"}],
    });
    merge(&mut need, extra);
    need
}

fn merge(into: &mut Value, extra: &Value) {
    for (key, value) in extra.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}

fn manifest(values: &Value, secrets: &Value) -> Manifest {
    let mut text = serde_json::to_value(Manifest::empty(&HostName::parse("web").expect("a name")))
        .expect("JSON");
    text["values"] = values.clone();
    text["secrets"] = secrets.clone();
    Manifest::parse(&text.to_string()).expect("a manifest")
}

fn line(file: &str, line: usize, value: Value) -> Line {
    Line {
        file: file.to_owned(),
        line,
        value,
    }
}

fn told(filling: &Filling) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (name, filled) in &filling.values {
        lines.push(format!("{name} = {} ({})", filled.with, filled.source));
    }
    for (name, filled) in filling.private.iter().chain(&filling.secrets) {
        lines.push(format!("{name}: {:?} ({})", filled.with, filled.source));
    }
    let faults = filling.gaps.iter().map(infra_model::fill::Gap::diagnostic);
    for fault in faults.chain(filling.strangers.clone()) {
        let place = fault
            .place
            .map(|place| place.to_string())
            .unwrap_or_default();
        let cause = fault.cause.unwrap_or_default().replace('\n', " | ");
        lines.push(format!(
            "! {} [{cause}] at {place}; {}",
            fault.title,
            fault.fix.unwrap_or_default()
        ));
    }
    lines.join("\n")
}

#[test]
fn the_first_source_that_has_a_value_wins() {
    let need = manifest(
        &json!({"port": value(&json!({"kind": "port"}), &json!({"default": 1}))}),
        &json!({}),
    );
    let mut offer = Offer::default();
    let mut winners = Vec::new();
    let mut ask = |offer: &Offer| {
        let filling = fill(&need, offer);
        let filled = &filling.values[&name("port")];
        winners.push(format!("{} ({})", filled.with, filled.source));
    };
    ask(&offer);
    offer
        .shared
        .insert("port".to_owned(), line("context/shared.toml", 3, json!(2)));
    ask(&offer);
    offer.own.insert(
        "port".to_owned(),
        line("context/hosts/web.toml", 1, json!(3)),
    );
    ask(&offer);
    offer
        .environment
        .insert("INFRA_WEB_PORT".to_owned(), "4".to_owned());
    ask(&offer);
    offer.flags.values.push((name("port"), "5".to_owned()));
    ask(&offer);
    insta::assert_snapshot!(winners.join("\n"));
}

#[test]
fn the_first_source_that_has_a_secret_wins() {
    let need = manifest(
        &json!({}),
        &json!({"key": secret(&json!({"recipe": "hex"}))}),
    );
    let mut offer = Offer::default();
    let mut winners = Vec::new();
    let mut ask = |offer: &Offer| winners.push(told(&fill(&need, offer)));
    ask(&offer);
    offer.shared_secrets.insert("key".to_owned()); // not this host's
    ask(&offer);
    offer.own_secrets.insert("key".to_owned());
    ask(&offer);
    offer.shared.insert(
        "key".to_owned(),
        line(
            "context/shared.toml",
            3,
            json!("sops:secrets/all.yaml#web/key"),
        ),
    );
    ask(&offer);
    offer.own.insert(
        "key".to_owned(),
        line("context/hosts/web.toml", 1, json!("agenix:old/key.age")),
    );
    ask(&offer);
    offer
        .environment
        .insert("INFRA_WEB_KEY".to_owned(), String::new());
    ask(&offer);
    offer
        .flags
        .secrets
        .push((name("key"), "key.txt".to_owned()));
    ask(&offer);
    insta::assert_snapshot!(winners.join("\n"));
}

#[test]
fn all_gaps_are_found_at_once() {
    let need = manifest(
        &json!({
            "domain": value(&json!({"kind": "fqdn"}), &json!({"description": "Where people find us"})),
            "port": value(&json!({"kind": "port"}), &json!({})),
            "private": value(&json!({"kind": "string"}), &json!({"private": true})),
            "everywhere": value(&json!({"kind": "int"}), &json!({"scope": "shared"})),
            "twice": value(&json!({"kind": "int"}), &json!({})),
        }),
        &json!({
            "clear": secret(&json!({})), "missing": secret(&json!({})), "optional": secret(&json!({"required": false})),
            "broken": secret(&json!({})), "shared": secret(&json!({"scope": "shared"})),
        }),
    );
    let mut offer = Offer::default();
    offer.flags.values = vec![
        (name("twice"), "1".to_owned()),
        (name("twice"), "2".to_owned()),
    ];
    let own = [
        ("port", json!("http")),
        ("private", json!("x")),
        ("everywhere", json!(1)),
        ("clear", json!("hunter2")),
        ("broken", json!("sops:#x")),
        ("optoinal", json!("x")),
    ];
    for (at, (key, value)) in own.into_iter().enumerate() {
        offer.own.insert(
            key.to_owned(),
            line("context/hosts/web.toml", at + 1, value),
        );
    }
    offer.own_secrets.insert("shared".to_owned()); // a shared secret is not one host's
    let told = told(&fill(&need, &offer));
    assert!(
        !told.contains("hunter2"),
        "a secret in clear text is told: {told}"
    );
    insta::assert_snapshot!(told);
}

#[test]
fn a_null_default_is_a_default() {
    let need = manifest(
        &json!({"a": value(&json!({"kind": "nullOr", "of": {"kind": "int"}}), &json!({"default": null}))}),
        &json!({}),
    );
    assert_eq!(told(&fill(&need, &Offer::default())), "a = null (default)");
}

#[test]
fn one_variable_for_two_needs_is_told() {
    let kind = json!({"kind": "string"});
    let need = manifest(
        &json!({"a-b": value(&kind, &json!({})), "a_b": value(&kind, &json!({}))}),
        &json!({}),
    );
    let mut offer = Offer::default();
    assert_eq!(ambiguous_variables(&need, &offer), []);
    offer
        .environment
        .insert("INFRA_WEB_A_B".to_owned(), "x".to_owned());
    let faults = ambiguous_variables(&need, &offer);
    let told: Vec<&str> = faults.iter().map(|fault| fault.title.as_str()).collect();
    assert_eq!(
        told,
        ["$INFRA_WEB_A_B could be any of several needs of web"]
    );
}

#[test]
fn what_the_host_answered_comes_before_the_default_and_after_all_else() {
    let of = json!({"kind": "port"});
    let fact = json!({"builtin": "cpus"});
    let need = manifest(
        &json!({
            "bare": value(&of, &json!({"fact": fact})),
            "safe": value(&of, &json!({"fact": fact, "default": 1})),
        }),
        &json!({}),
    );
    let mut offer = Offer::default();
    let mut steps = Vec::new();
    let mut ask = |offer: &Offer| {
        let filling = fill(&need, offer);
        let unasked: Vec<&str> = filling.unasked.iter().map(NeedName::as_str).collect();
        steps.push(format!(
            "{}\nunasked: {}",
            told(&filling),
            unasked.join(" ")
        ));
    };
    let answer = |offer: &mut Offer, said: &Value| {
        for need in ["bare", "safe"] {
            let line = line("context/facts/web.toml", 1, said.clone());
            offer.facts.insert(need.to_owned(), line);
        }
    };
    ask(&offer);
    // The contract asks something else now.
    answer(&mut offer, &json!({"fact": ["nproc"], "value": 9}));
    ask(&offer);
    answer(&mut offer, &json!({"fact": "cpus", "value": "many"}));
    ask(&offer);
    answer(&mut offer, &json!(9));
    ask(&offer);
    answer(&mut offer, &json!({"fact": "cpus", "value": 8}));
    ask(&offer);
    for need in ["bare", "safe"] {
        let line = line("context/shared.toml", 2, json!(7));
        offer.shared.insert(need.to_owned(), line);
    }
    ask(&offer);
    offer.facts.clear();
    ask(&offer);
    insta::assert_snapshot!(steps.join("\n\n"));
}

#[test]
fn a_secret_that_cannot_be_brought_in_time_is_told_before_anything_is_built() {
    let phase = |phase: &str, extra: Value| {
        let mut need = json!({ "phase": phase });
        merge(&mut need, &extra);
        secret(&need)
    };
    let need = manifest(
        &json!({}),
        &json!({
            "disk": phase("initrd", json!({})),
            "given": phase("initrd", json!({"required": false})),
            "setup": phase("install", json!({"recipe": "hex"})),
            "kept": phase("install", json!({"deploy": false})),
            "idle": phase("initrd", json!({"required": false})),
            "early": phase("users", json!({})),
        }),
    );
    let mut offer = Offer::default();
    for name in ["disk", "given", "kept", "early"] {
        offer.own_secrets.insert(name.to_owned());
    }
    insta::assert_snapshot!(told(&fill(&need, &offer)));
}
