//! Who is asked by whom, and who answers.

use super::{Failed, Known, Manifests, Offered, circle, circular, exports, offered, reach};
use infra_model::contract::Manifest;
use infra_model::host::HostDefaults;
use infra_model::{Fleet, HostName, HostSpec, NeedName, Place};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

fn fleet(hosts: &[(&str, &str)]) -> Fleet {
    let spec = |(name, extra): &(&str, &str)| {
        let text = format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\n{extra}");
        HostSpec::parse(&host(name), "f", &text, &HostDefaults::default()).expect("valid")
    };
    Fleet::new(hosts.iter().map(spec).collect())
}

fn contract(
    name: &str,
    exports: &[(&str, Option<Value>)],
    wants: &[(&str, Value)],
) -> (HostName, Manifest) {
    let mut text = serde_json::to_value(Manifest::empty(&host(name))).expect("JSON");
    for (export, value) in exports {
        text["exports"][export] = json!({"type": {"kind": "anything"}, "declared": []});
        if let Some(value) = value {
            text["exports"][export]["value"] = value.clone();
        }
    }
    for (want, said) in wants {
        text["wants"][want] = said.clone();
        text["wants"][want]["declared"] = json!([{"file": "modules/m/contract.nix", "line": 2}]);
    }
    (
        host(name),
        Manifest::parse(&text.to_string()).expect("a manifest"),
    )
}

fn want(from: &Value, export: &str, many: bool) -> Value {
    json!({"from": from, "export": export, "many": many})
}

fn answers(fleet: &Fleet, known: &Manifests, of: &str) -> Vec<String> {
    answers_if(fleet, (known, &Failed::new()), of)
}

fn answers_if(fleet: &Fleet, (known, failed): (&Manifests, &Failed), of: &str) -> Vec<String> {
    let manifest = &known[&host(of)];
    let seen = Known {
        manifests: known,
        failed,
    };
    let spec = fleet.get(&host(of)).expect("there");
    let answer =
        |one: (&NeedName, &infra_model::contract::Want)| match offered(fleet, seen, spec, one) {
            Ok(found) => {
                let names: Vec<String> = found
                    .iter()
                    .map(|o| format!("{}.{}", o.host, o.export))
                    .collect();
                format!("{}: {}", one.0, names.join(" "))
            }
            Err(gap) => format!(
                "{}: ! {}",
                one.0,
                gap.diagnostic().cause.unwrap_or_default()
            ),
        };
    manifest.wants.iter().map(answer).collect()
}

#[test]
fn wants_find_who_offers() {
    let fleet = fleet(&[
        ("db", "tags = [\"data\"]"),
        ("db2", "tags = [\"data\"]"),
        ("web", "parent = \"big\""),
        ("big", ""),
    ]);
    let known: Manifests = [
        contract("db", &[("port", Some(json!(5432)))], &[]),
        contract("db2", &[("port", None)], &[]),
        contract(
            "big",
            &[("cpus", Some(json!(8)))],
            &[("guests", want(&json!({"guests": true}), "port", true))],
        ),
        contract(
            "web",
            &[],
            &[
                ("all", want(&json!({"tag": "data"}), "port", true)),
                ("cpus", want(&json!({"parent": true}), "cpus", false)),
                ("either", want(&json!({"tag": "data"}), "port", false)),
                ("no-export", want(&json!({"host": "db"}), "prot", false)),
                ("no-host", want(&json!({"host": "bd"}), "port", false)),
                ("no-tag", want(&json!({"tag": "date"}), "port", false)),
                ("one", want(&json!({"host": "db"}), "port", false)),
            ],
        ),
    ]
    .into();
    insta::assert_snapshot!(answers(&fleet, &known, "web").join("\n"));
    assert_eq!(answers(&fleet, &known, "big"), ["guests: "]);
    let values = exports(&known);
    assert_eq!(
        values.len(),
        2,
        "an export without a value is not known yet: {values:?}"
    );
    let export = NeedName::parse("port").expect("a name");
    assert_eq!(
        values[&Offered {
            host: host("db"),
            export
        }],
        json!(5432)
    );
}

#[test]
fn a_contract_that_does_not_evaluate_is_named() {
    let fleet = fleet(&[
        ("db", "tags = [\"data\"]"),
        ("db2", "tags = [\"data\"]"),
        ("web", ""),
    ]);
    let wants = [
        ("all", want(&json!({"tag": "data"}), "port", true)),
        ("any", want(&json!({"tag": "data"}), "port", false)),
        ("one", want(&json!({"host": "db2"}), "port", false)),
    ];
    let known: Manifests = [
        contract("db", &[("port", Some(json!(5432)))], &[]),
        contract("web", &[], &wants),
    ]
    .into();
    let place = Place::position("hosts/db2/contract.nix", 3, Some(5));
    let failed = Failed::from([(host("db2"), Some(place))]);
    let broken = "the contract of db2 does not evaluate (hosts/db2/contract.nix:3:5), so what it exports is not known";
    assert_eq!(
        answers_if(&fleet, (&known, &failed), "web"),
        [
            format!("all: ! {broken}"),
            "any: db.port".to_owned(),
            format!("one: ! {broken}"),
        ]
    );
}

#[test]
fn whoever_is_asked_must_be_known_too() {
    let fleet = fleet(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]);
    let ask = |whom: &str| want(&json!({"host": whom}), "x", false);
    let known: Manifests = [
        contract("a", &[], &[("x", ask("b"))]),
        contract("b", &[], &[("x", ask("c"))]),
    ]
    .into();
    let reached: Vec<String> = reach(&fleet, &known, &[host("a")])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        reached,
        ["a", "b", "c"],
        "c is reached although its own contract is not known yet, d is not"
    );
}

#[test]
fn circles_are_named() {
    let waits = |pairs: &[(&str, &str)]| {
        let mut all: BTreeMap<HostName, BTreeSet<HostName>> = BTreeMap::new();
        for (who, whom) in pairs {
            all.entry(host(who)).or_default().insert(host(whom));
        }
        circle(&all).map(|found| circular(&found).title)
    };
    assert_eq!(waits(&[("a", "b"), ("b", "c"), ("a", "c")]), None);
    assert_eq!(
        waits(&[("a", "a")]).as_deref(),
        Some("hosts want of each other in a circle: a → a")
    );
    assert_eq!(
        waits(&[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")]).as_deref(),
        Some("hosts want of each other in a circle: a → b → c → a")
    );
}
