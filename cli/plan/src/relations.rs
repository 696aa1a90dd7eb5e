//! Who depends on whom: wants, shared needs, and what `host.toml` says of other hosts.

use crate::wants::{self, Manifests};
use infra_model::answer::{Lean, LeanEdge, Relations, SharedWith, WantEdge};
use infra_model::contract::{From, Manifest, NeedScope, Want};
use infra_model::fill::NeedKind;
use infra_model::{BuildOn, Fleet, HostName, HostSpec, NeedName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Answers to wants, by host, want and answering host.
pub type Answers<'a> = BTreeMap<HostName, &'a BTreeMap<NeedName, BTreeMap<HostName, Value>>>;

/// Private values of hosts, which no answer may show.
pub type Private<'a> = BTreeMap<HostName, Vec<&'a Value>>;

/// What is known of hosts.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// All hosts.
    pub fleet: &'a Fleet,
    /// Their contracts, as far as they evaluate.
    pub manifests: &'a Manifests,
    /// What they were answered.
    pub answers: &'a Answers<'a>,
    /// What must not be shown.
    pub private: &'a Private<'a>,
}

/// The relations of all hosts, by name.
pub fn relations(known: Known<'_>) -> Vec<Relations> {
    let shared = shared(known.manifests);
    let mut all: Vec<Relations> = known
        .fleet
        .hosts()
        .iter()
        .map(|host| Relations {
            name: host.name.clone(),
            class: host.class,
            tags: host.tags.clone(),
            wants: wanted(known, host),
            shares: shares(&host.name, &shared),
            leans_on: leans(host),
            circle: None,
        })
        .collect();
    for circle in circles(&all) {
        for host in &mut all {
            if host.circle.is_none() && circle.contains(&host.name) {
                host.circle = Some(circle.clone());
            }
        }
    }
    all
}

/// The relations that `hosts` have part in: all of their own, and those that others have to them.
pub fn around(all: Vec<Relations>, hosts: &BTreeSet<HostName>) -> Vec<Relations> {
    let named = |name: &str| hosts.iter().any(|host| host.as_str() == name);
    all.into_iter()
        .filter_map(|mut host| {
            if hosts.contains(&host.name) {
                return Some(host);
            }
            host.wants
                .retain(|edge| edge.of.as_ref().is_some_and(|of| hosts.contains(of)));
            host.leans_on.retain(|edge| named(&edge.on));
            // Told with the hosts that were asked about.
            host.shares.clear();
            let apart = host.wants.is_empty() && host.leans_on.is_empty();
            (!apart).then_some(host)
        })
        .collect()
}

fn wanted(known: Known<'_>, host: &HostSpec) -> Vec<WantEdge> {
    let wants = known.manifests.get(&host.name).map(|it| &it.wants);
    let wants = wants.into_iter().flatten();
    wants
        .flat_map(|(name, want)| edges(known, host, name, want))
        .collect()
}

/// One edge for each host that answers; one for each that is asked and does not, if one of them has to.
fn edges(known: Known<'_>, host: &HostSpec, name: &NeedName, want: &Want) -> Vec<WantEdge> {
    let answers = known
        .answers
        .get(&host.name)
        .and_then(|answers| answers.get(name));
    let edge = |of: Option<HostName>| {
        let value = of.as_ref().and_then(|of| answers?.get(of));
        let hidden = of.as_ref().is_some_and(|of| {
            let private = known.private.get(of).into_iter().flatten();
            value.is_some_and(|value| private.into_iter().any(|secret| holds(value, secret)))
        });
        WantEdge {
            want: name.clone(),
            export: want.export.clone(),
            of,
            answered: value.is_some(),
            value: value.filter(|_| !hidden).cloned(),
        }
    };
    let exports = |other: &HostName| {
        known
            .manifests
            .get(other)
            .is_some_and(|manifest| manifest.exports.contains_key(&want.export))
    };
    let asked = wants::asked(known.fleet, host, want);
    let having: Vec<HostName> = asked
        .iter()
        .filter(|other| exports(other))
        .cloned()
        .collect();
    let single = matches!(want.from, From::Host(_) | From::Parent(_));
    match (having.is_empty(), single) {
        (false, _) => having.into_iter().map(|other| edge(Some(other))).collect(),
        (true, true) if !asked.is_empty() => {
            asked.into_iter().map(|other| edge(Some(other))).collect()
        }
        (true, _) if want.many => Vec::new(),
        (true, _) => vec![edge(None)],
    }
}

/// Whether a value is made of another.
fn holds(value: &Value, part: &Value) -> bool {
    if value == part {
        return true;
    }
    match value {
        Value::Array(items) => items.iter().any(|item| holds(item, part)),
        Value::Object(entries) => entries.values().any(|item| holds(item, part)),
        Value::String(text) => match part {
            Value::String(part) => !part.is_empty() && text.contains(part.as_str()),
            Value::Number(part) => text.contains(&part.to_string()),
            _ => false,
        },
        _ => false,
    }
}

/// Hosts by shared need.
type Shared<'a> = BTreeMap<&'a NeedName, (NeedKind, Vec<&'a HostName>)>;

fn shared(manifests: &Manifests) -> Shared<'_> {
    let mut all = Shared::new();
    for manifest in manifests.values() {
        for (name, kind) in shared_needs(manifest) {
            let entry = all.entry(name).or_insert((kind, Vec::new()));
            entry.1.push(&manifest.host);
        }
    }
    all
}

fn shared_needs(manifest: &Manifest) -> impl Iterator<Item = (&NeedName, NeedKind)> {
    let secrets = manifest
        .secrets
        .iter()
        .filter(|(_, need)| need.scope == NeedScope::Shared)
        .map(|(name, _)| (name, NeedKind::Secret));
    let values = manifest
        .values
        .iter()
        .filter(|(_, need)| need.scope == NeedScope::Shared)
        .map(|(name, _)| (name, NeedKind::Value));
    secrets.chain(values)
}

fn shares(host: &HostName, shared: &Shared<'_>) -> BTreeMap<NeedName, SharedWith> {
    shared
        .iter()
        .filter(|(_, (_, hosts))| hosts.contains(&host))
        .map(|(name, (kind, hosts))| {
            let others = hosts.iter().filter(|other| **other != host);
            let with = SharedWith {
                kind: *kind,
                hosts: others.map(|other| (*other).clone()).collect(),
            };
            ((*name).clone(), with)
        })
        .collect()
}

fn leans(host: &HostSpec) -> Vec<LeanEdge> {
    let builder = match &host.build {
        BuildOn::Builder(builder) => Some(builder.to_string()),
        BuildOn::Local | BuildOn::Target => None,
    };
    [
        (Lean::Parent, host.parent.as_ref().map(ToString::to_string)),
        (Lean::Jump, host.jump.clone()),
        (Lean::Build, builder),
        (Lean::Relay, host.relay.as_ref().map(ToString::to_string)),
    ]
    .into_iter()
    .filter_map(|(how, on)| Some(LeanEdge { how, on: on? }))
    .collect()
}

/// Circles among hosts that want something of each other. Each is taken apart when it is found, so that the next can be.
fn circles(all: &[Relations]) -> Vec<Vec<HostName>> {
    let mut waiting: BTreeMap<HostName, BTreeSet<HostName>> = all
        .iter()
        .map(|host| {
            let of = host.wants.iter().filter_map(|edge| edge.of.clone());
            (
                host.name.clone(),
                of.filter(|of| *of != host.name).collect(),
            )
        })
        .collect();
    let mut found = Vec::new();
    while let Some(circle) = wants::circle(&waiting) {
        let (Some(first), Some(last)) = (circle.first(), circle.last()) else {
            break;
        };
        if let Some(of) = waiting.get_mut(last) {
            of.remove(first);
        }
        found.push(circle);
    }
    found
}

#[cfg(test)]
#[path = "relations_tests.rs"]
mod tests;
