//! Which jobs come of which contracts, and in which order.

use super::{Jobs, jobs};
use crate::wants::Manifests;
use infra_model::contract::Manifest;
use infra_model::recipe::{JobId, Owner};
use infra_model::{HostName, NeedName};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

pub(crate) fn secret(more: &Value) -> Value {
    with(
        json!({
            "description": "", "scope": "host", "phase": "services", "units": [], "owner": "root", "group": "root",
            "mode": "0400", "restartUnits": [], "reloadUnits": [], "format": "text",
            "check": {"minLength": null, "maxLength": null, "match": null}, "required": true, "deploy": true,
            "recipe": null, "rotate": {"every": null, "grace": null}, "bind": [], "path": "/run/infra/secrets/x",
            "declared": [{"file": "hosts/web/contract.nix", "line": 2}],
        }),
        more,
    )
}

pub(crate) fn value(more: &Value) -> Value {
    with(
        json!({
            "type": {"kind": "string"}, "description": "", "private": false, "recipe": null, "scope": "host",
            "fact": null, "bind": [], "declared": [{"file": "hosts/web/contract.nix", "line": 3}],
        }),
        more,
    )
}

pub(crate) fn recipe(more: &Value) -> Value {
    with(
        json!({
            "needs": [], "prompts": {}, "outputs": {}, "packages": [], "script": null, "builtin": null, "options": {},
            "seed": null, "regenerateOn": [], "expires": null,
            "declared": [{"file": "modules/m/contract.nix", "line": 7}],
        }),
        more,
    )
}

fn with(mut base: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().expect("an object") {
        base[key] = value.clone();
    }
    base
}

/// A contract of secrets, values and recipes.
pub(crate) fn manifest(name: &str, parts: &[(&str, &str, Value)]) -> (HostName, Manifest) {
    let mut text = serde_json::to_value(Manifest::empty(&host(name))).expect("JSON");
    for (kind, part, said) in parts {
        text[kind][part] = match *kind {
            "secrets" => secret(said),
            "values" => value(said),
            _ => recipe(said),
        };
    }
    let manifest = Manifest::parse(&text.to_string()).expect("a manifest");
    (host(name), manifest)
}

fn of(manifests: &[(HostName, Manifest)]) -> Jobs {
    jobs(&manifests.iter().cloned().collect::<Manifests>())
}

/// Each job on a line: what, by which recipe, from what, making what, for whom.
fn lines(jobs: &Jobs) -> Vec<String> {
    let names = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(" ");
    jobs.order
        .iter()
        .map(|job| {
            format!(
                "{} by {} from [{}] makes [{}] for [{}]",
                job.id,
                job.recipe,
                names(&mut job.needs.iter().map(|(need, owner)| match owner {
                    Owner::Shared => format!("{need}(shared)"),
                    Owner::Host(host) => format!("{need}@{host}"),
                })),
                names(&mut job.products.iter().map(|(need, made)| {
                    let kind = if made.secret { "" } else { "(value)" };
                    format!("{need}={}{kind}", made.output)
                })),
                names(&mut job.hosts.iter().map(ToString::to_string)),
            )
        })
        .collect()
}

fn faults(jobs: &Jobs) -> Vec<String> {
    jobs.faults
        .iter()
        .map(|fault| {
            format!(
                "{}: {} [{}]\n{}\n→ {}",
                fault.code.name(),
                fault.title,
                fault
                    .place
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                fault.cause.clone().unwrap_or_default(),
                fault.fix.clone().unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn needs_become_jobs_in_order() {
    let script =
        |outputs: Value, needs: Value| json!({"script": "x", "outputs": outputs, "needs": needs});
    let out = json!({"secret": true, "format": "text"});
    let open = json!({"secret": false, "format": "text"});
    let shared = [
        (
            "secrets",
            "ca",
            json!({"recipe": "x509-ca", "scope": "shared"}),
        ),
        ("secrets", "tls", json!({"recipe": "tls"})),
        ("values", "tls.cert", json!({"recipe": "tls"})),
        (
            "recipes",
            "tls",
            json!({"builtin": "x509-cert", "options": {"ca": "ca"}}),
        ),
    ];
    let web = [
        &shared[..],
        &[
            ("secrets", "a", json!({"recipe": "password"})),
            ("secrets", "given", json!({})),
            ("secrets", "one", json!({"recipe": "single"})),
            ("secrets", "two", json!({"recipe": "single"})),
            (
                "recipes",
                "single",
                script(json!({"out": out}), json!(["a", "given"])),
            ),
            ("secrets", "left", json!({"recipe": "pair"})),
            ("values", "right", json!({"recipe": "pair"})),
            (
                "recipes",
                "pair",
                script(json!({"left": out, "right": open}), json!(["tls.cert"])),
            ),
            (
                "values",
                "key.pub",
                json!({"recipe": "ssh-ed25519", "private": true}),
            ),
        ],
    ]
    .concat();
    let jobs = of(&[manifest("web", &web), manifest("db", &shared)]);
    assert_eq!(faults(&jobs), Vec::<String>::new());
    insta::assert_debug_snapshot!(lines(&jobs));
    let tls = jobs
        .order
        .iter()
        .find(|job| job.id.name.as_str() == "tls")
        .expect("there");
    assert_eq!(
        tls.expires,
        Some(365 * 86_400 / 3 * 2),
        "made anew before it runs out"
    );
    assert_eq!(
        tls.watched.len(),
        2,
        "a certificate follows its authority: {:?}",
        tls.watched
    );
}

#[test]
fn circles_are_named_with_their_places() {
    let step = |need: &str, out: &str, line: u32| {
        json!({"script": "x", "needs": [need], "outputs": {out: {"secret": true, "format": "text"}},
            "declared": [{"file": "modules/m/contract.nix", "line": line}]})
    };
    let by = |recipe: &str| json!({ "recipe": recipe });
    let jobs = of(&[manifest(
        "web",
        &[
            ("secrets", "a", by("ra")),
            ("secrets", "b", by("rb")),
            ("secrets", "c", by("rc")),
            ("secrets", "self", by("rs")),
            ("secrets", "outside", by("ro")),
            ("recipes", "ra", step("b", "a", 10)),
            ("recipes", "rb", step("c", "b", 20)),
            ("recipes", "rc", step("a", "c", 30)),
            ("recipes", "rs", step("self", "self", 40)),
            ("recipes", "ro", step("a", "outside", 50)),
        ],
    )]);
    insta::assert_snapshot!(faults(&jobs).join("\n\n"));
}

#[test]
fn all_misunderstandings_are_found_at_once() {
    let out = |secret: bool| json!({"secret": secret, "format": "text"});
    let parts = [
        ("secrets", "typo", json!({"recipe": "passwrd"})),
        ("secrets", "lost", json!({"recipe": "lost"})),
        (
            "recipes",
            "lost",
            json!({"script": "x", "needs": ["typpo"], "outputs": {"lost": out(true)}}),
        ),
        (
            "secrets",
            "wide",
            json!({"recipe": "wide", "scope": "shared"}),
        ),
        (
            "recipes",
            "wide",
            json!({"script": "x", "needs": ["typo"], "outputs": {"wide": out(true)}}),
        ),
        ("secrets", "none", json!({"recipe": "many"})),
        (
            "recipes",
            "many",
            json!({"script": "x", "outputs": {"nope": out(true), "other": out(true)}}),
        ),
        ("values", "open", json!({"recipe": "hex"})),
        ("secrets", "closed", json!({"recipe": "plain"})),
        (
            "recipes",
            "plain",
            json!({"script": "x", "outputs": {"closed": out(false)}, "expires": "1y"}),
        ),
        ("secrets", "closed2", json!({"recipe": "plain2"})),
        (
            "recipes",
            "plain2",
            json!({"script": "x", "outputs": {"o": out(false)}}),
        ),
        ("secrets", "key", json!({})),
        ("values", "key.pub", json!({"recipe": "age"})),
        ("secrets", "wg", json!({"recipe": "wireguard"})),
        (
            "values",
            "wg.pub",
            json!({"recipe": "wireguard", "scope": "shared"}),
        ),
        ("secrets", "empty", json!({"recipe": "empty"})),
        ("recipes", "empty", json!({})),
        ("secrets", "left", json!({"recipe": "p"})),
        (
            "recipes",
            "p",
            json!({"script": "x", "outputs": {"left": out(true), "mid": out(true)}}),
        ),
        ("secrets", "zz", json!({"recipe": "q"})),
        (
            "recipes",
            "q",
            json!({"script": "x", "outputs": {"mid": out(true), "zz": out(true)}}),
        ),
        ("secrets", "psk", json!({"recipe": "psk"})),
        (
            "recipes",
            "psk",
            json!({"builtin": "wireguard", "options": {"preshared": true}}),
        ),
        ("values", "psk.pub", json!({"recipe": "psk"})),
    ];
    let jobs = of(&[manifest("web", &parts)]);
    insta::assert_snapshot!(faults(&jobs).join("\n\n"));
}

#[test]
fn a_fault_of_a_shared_module_is_told_once() {
    let parts = [
        ("secrets", "a", json!({"recipe": "r"})),
        (
            "recipes",
            "r",
            json!({"builtin": "hex", "options": {"x": 1}}),
        ),
    ];
    let jobs = of(&[manifest("web", &parts), manifest("db", &parts)]);
    assert_eq!(jobs.faults.len(), 1, "{:?}", jobs.faults);
}

proptest! {
    /// Each need is made from some of those before it, in an order that names know nothing of.
    #[test]
    fn what_is_needed_comes_first(
        names in prop::collection::btree_set("[a-z]{1,6}", 1..24).prop_map(|names| names.into_iter().collect::<Vec<_>>()).prop_shuffle(),
        picks in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 24),
        spans in prop::collection::vec(any::<bool>(), 24),
    ) {
        let mut parts: Vec<(&str, &str, Value)> = Vec::new();
        let mut shared: BTreeSet<&str> = BTreeSet::new();
        for (at, name) in names.iter().enumerate() {
            let mut needs: Vec<&str> = if at == 0 { Vec::new() } else {
                picks[at].iter().map(|pick| names[pick.index(at)].as_str()).collect()
            };
            // What is shared is made from what is shared alone.
            if spans[at] {
                needs.retain(|need| shared.contains(need));
                shared.insert(name);
            }
            let watched: Vec<&str> = needs.split_off(needs.len() / 2);
            let scope = if spans[at] { "shared" } else { "host" };
            parts.push(("secrets", name, json!({"recipe": name, "scope": scope})));
            parts.push(("recipes", name, json!({"script": "x", "needs": needs, "regenerateOn": watched,
                "outputs": {name.as_str(): {"secret": true, "format": "text"}}})));
        }
        let jobs = of(&[manifest("web", &parts), manifest("db", &parts)]);
        prop_assert_eq!(faults(&jobs), Vec::<String>::new());
        prop_assert_eq!(jobs.order.len(), names.len() * 2 - shared.len());
        let at: BTreeMap<&JobId, usize> = jobs.order.iter().enumerate().map(|(at, job)| (&job.id, at)).collect();
        for job in &jobs.order {
            let declared = &parts.iter().find(|(kind, name, _)| *kind == "recipes" && *name == job.id.name.as_str()).expect("declared").2;
            let count = |key: &str| declared[key].as_array().expect("a list").iter().filter_map(Value::as_str).collect::<BTreeSet<_>>().len();
            prop_assert_eq!(job.needs.len(), count("needs"));
            prop_assert_eq!(job.watched.len(), count("regenerateOn"));
            for (need, owner) in job.needs.iter().chain(&job.watched) {
                let id = JobId { owner: owner.clone(), name: NeedName::parse(need.as_str()).expect("a name") };
                prop_assert!(at[&id] < at[&job.id], "{} before {}", id, job.id);
            }
        }
    }
}
