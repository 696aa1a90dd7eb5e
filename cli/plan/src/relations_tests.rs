//! Relations of made-up hosts.

use super::{Answers, Known, Private, around, relations};
use crate::wants::Manifests;
use infra_model::answer::Relations;
use infra_model::contract::Manifest;
use infra_model::host::HostDefaults;
use infra_model::{Fleet, HostName, HostSpec, NeedName};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

fn fleet(hosts: &[(&str, &str)]) -> Fleet {
    let spec = |(name, extra): &(&str, &str)| {
        let text = format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\n{extra}");
        HostSpec::parse(&host(name), "f", &text, &HostDefaults::default()).expect("valid")
    };
    Fleet::new(hosts.iter().map(spec).collect())
}

/// Wants as (name, from, export), exports by name, and names of shared values.
fn contract(
    name: &str,
    wants: &[(&str, Value, &str)],
    exports: &[&str],
    shared: &[&str],
) -> (HostName, Manifest) {
    let mut text = serde_json::to_value(Manifest::empty(&host(name))).expect("JSON");
    for (want, from, export) in wants {
        text["wants"][want] =
            json!({"from": from, "export": export, "many": false, "declared": []});
    }
    for export in exports {
        text["exports"][export] = json!({"type": {"kind": "anything"}, "declared": []});
    }
    for value in shared {
        text["values"][value] = json!({
            "type": {"kind": "string"}, "description": "", "private": false, "recipe": null,
            "scope": "shared", "fact": null, "bind": [], "declared": [],
        });
    }
    let manifest = Manifest::parse(&text.to_string()).expect("a manifest");
    (host(name), manifest)
}

fn told(all: &[Relations]) -> String {
    let line = |host: &Relations| {
        let wants = host.wants.iter().map(|edge| {
            let of = edge.of.as_ref().map_or("nobody", HostName::as_str);
            let value = edge
                .value
                .as_ref()
                .map_or(String::new(), |value| format!(" = {value}"));
            let open = if edge.answered { "" } else { " open" };
            format!("wants {}.{}{value}{open}", of, edge.export)
        });
        let shares = host.shares.iter().map(|(name, with)| {
            let others: Vec<&str> = with.hosts.iter().map(HostName::as_str).collect();
            format!("shares {name} with [{}]", others.join(" "))
        });
        let leans = host
            .leans_on
            .iter()
            .map(|edge| format!("{} {}", edge.how.as_str(), edge.on));
        let circle = host.circle.iter().map(|circle| {
            let names: Vec<&str> = circle.iter().map(HostName::as_str).collect();
            format!("circle {}", names.join(" "))
        });
        let parts: Vec<String> = wants.chain(shares).chain(leans).chain(circle).collect();
        format!("{}: {}", host.name, parts.join("; "))
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn all_kinds_of_relations() {
    let fleet = fleet(&[
        ("app", "tags = [\"x\"]\njump = \"bastion.example.org\""),
        ("db", "build = \"big\""),
        ("big", ""),
        ("guest", "parent = \"big\"\nrelay = \"db\""),
        ("lost", ""),
    ]);
    let from_db = || json!({"host": "db"});
    let manifests: Manifests = [
        contract(
            "app",
            &[
                ("database", from_db(), "endpoint"),
                ("pass", from_db(), "login"),
            ],
            &["page"],
            &["realm"],
        ),
        contract(
            "db",
            &[("page", json!({"tag": "x"}), "page")],
            &["endpoint", "login"],
            &["realm"],
        ),
        contract(
            "guest",
            &[("host", json!({"parent": true}), "memory")],
            &[],
            &["own"],
        ),
        contract(
            "lost",
            &[("any", json!({"tag": "nothing"}), "endpoint")],
            &[],
            &[],
        ),
    ]
    .into();
    let answer =
        |want: &str, of: &str, value: Value| (need(want), BTreeMap::from([(host(of), value)]));
    let of_app = BTreeMap::from([
        answer("database", "db", json!("db:5432")),
        answer("pass", "db", json!({"line": "user:hunter2@db"})),
    ]);
    let answers = Answers::from([(host("app"), &of_app)]);
    let hunter = json!("hunter2");
    let private = Private::from([(host("db"), vec![&hunter])]);
    let known = Known {
        fleet: &fleet,
        manifests: &manifests,
        answers: &answers,
        private: &private,
    };
    let all = relations(known);
    insta::assert_snapshot!(told(&all), @r#"
    app: wants db.endpoint = "db:5432"; wants db.login; shares realm with [db]; reached through bastion.example.org; circle app db
    big: 
    db: wants app.page open; shares realm with [app]; built on big; circle app db
    guest: wants big.memory open; shares own with []; guest of big; copied through db
    lost: wants nobody.endpoint open
    "#);
    insta::assert_snapshot!(told(&around(all, &BTreeSet::from([host("big")]))), @"
    big: 
    db: built on big; circle app db
    guest: wants big.memory open; guest of big
    ");
}

#[test]
fn every_circle_is_named() {
    let fleet = fleet(&[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")]);
    let to = |name: &str| json!({"host": name});
    let manifests: Manifests = [
        contract(
            "a",
            &[("x", to("b"), "x"), ("self", to("a"), "x")],
            &["x"],
            &[],
        ),
        contract("b", &[("x", to("a"), "x")], &["x"], &[]),
        contract("c", &[("x", to("d"), "x")], &["x"], &[]),
        contract("d", &[("x", to("e"), "x")], &["x"], &[]),
        contract(
            "e",
            &[("x", to("c"), "x"), ("y", to("a"), "x")],
            &["x"],
            &[],
        ),
    ]
    .into();
    let (answers, private) = (Answers::new(), Private::new());
    let all = relations(Known {
        fleet: &fleet,
        manifests: &manifests,
        answers: &answers,
        private: &private,
    });
    let circles: Vec<String> = all
        .iter()
        .map(|host| {
            let circle = host.circle.iter().flatten().map(HostName::as_str);
            format!("{}: {}", host.name, circle.collect::<Vec<_>>().join(" "))
        })
        .collect();
    assert_eq!(
        circles,
        ["a: a b", "b: a b", "c: c d e", "d: c d e", "e: c d e"]
    );
}
