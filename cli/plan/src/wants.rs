//! What hosts ask of each other: who is asked, in which order it can be known, and where it goes round in a circle.

use infra_model::contract::{From, Manifest, Want};
use infra_model::fill::{Gap, NeedKind, Why};
use infra_model::suggest::nearest;
use infra_model::{Code, Diagnostic, Fleet, HostName, HostSpec, NeedName, Place};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An export of a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offered {
    /// Who has it.
    pub host: HostName,
    /// Which.
    pub export: NeedName,
}

/// Contracts of hosts, as far as they are known.
pub type Manifests = BTreeMap<HostName, Manifest>;

/// The hosts that a want asks: whether they offer it is another question.
pub fn asked(fleet: &Fleet, host: &HostSpec, want: &Want) -> Vec<HostName> {
    let names = |keep: &dyn Fn(&HostSpec) -> bool| {
        fleet
            .hosts()
            .iter()
            .filter(|other| keep(other))
            .map(|other| other.name.clone())
            .collect()
    };
    match &want.from {
        From::Host(name) => vec![name.clone()],
        From::Tag(tag) => names(&|other| other.tags.contains(tag)),
        From::Parent(_) => host.parent.iter().cloned().collect(),
        From::Guests(_) => names(&|other| other.parent.as_ref() == Some(&host.name)),
    }
}

/// All hosts whose contracts must be known to fill those of `hosts`: themselves and, in turn, whomever they ask.
pub fn reach(fleet: &Fleet, known: &Manifests, hosts: &[HostName]) -> BTreeSet<HostName> {
    let mut reached: BTreeSet<HostName> = BTreeSet::new();
    let mut open: Vec<HostName> = hosts.to_vec();
    while let Some(name) = open.pop() {
        let (Some(host), true) = (fleet.get(&name), reached.insert(name.clone())) else {
            continue;
        };
        let wants = known.get(&name).map(|manifest| &manifest.wants);
        for want in wants.into_iter().flat_map(BTreeMap::values) {
            open.extend(asked(fleet, host, want));
        }
    }
    reached
}

/// Hosts whose contracts do not evaluate, and where not.
pub type Failed = BTreeMap<HostName, Option<Place>>;

/// What is known of the hosts that may be asked.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Contracts that evaluate.
    pub manifests: &'a Manifests,
    /// Contracts that do not.
    pub failed: &'a Failed,
}

/// Why nothing can be had of a host whose contract does not evaluate.
pub fn unknown(host: &HostName, place: Option<&Place>) -> Why {
    let place = place.map(|place| format!(" ({place})"));
    Why::Unavailable {
        how: format!(
            "the contract of {host} does not evaluate{}, so what it exports is not known",
            place.unwrap_or_default()
        ),
        fix: Some(format!("mend it first: infra contract {host}")),
    }
}

/// A want with whoever offers it, or why nobody does.
pub fn offered(
    fleet: &Fleet,
    Known { manifests, failed }: Known<'_>,
    host: &HostSpec,
    (name, want): (&NeedName, &Want),
) -> Result<Vec<Offered>, Box<Gap>> {
    let because = |why: Why| {
        Box::new(Gap {
            host: host.name.clone(),
            name: name.clone(),
            kind: NeedKind::Want,
            expected: format!("the export `{}`", want.export),
            description: String::new(),
            declared: want.declared.clone(),
            private: false,
            why,
        })
    };
    let gap = |how: String| because(Why::Unavailable { how, fix: None });
    let hosts = asked(fleet, host, want);
    if let From::Host(other) = &want.from
        && fleet.get(other).is_none()
    {
        let names = fleet.hosts().iter().map(|host| host.name.as_str());
        let hint = nearest(other.as_str(), names)
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        return Err(gap(format!("there is no host `{other}`{hint}")));
    }
    let having: Vec<Offered> = hosts
        .iter()
        .filter(|other| {
            manifests
                .get(*other)
                .is_some_and(|manifest| manifest.exports.contains_key(&want.export))
        })
        .map(|other| Offered {
            host: other.clone(),
            export: want.export.clone(),
        })
        .collect();
    // Whoever asks many would not see that one of them is left out.
    if (want.many || having.is_empty())
        && let Some((other, place)) = hosts.iter().find_map(|host| failed.get_key_value(host))
    {
        return Err(because(unknown(other, place.as_ref())));
    }
    if want.many || having.len() == 1 {
        return Ok(having);
    }
    let list = |names: &mut dyn Iterator<Item = &HostName>| {
        names.map(HostName::as_str).collect::<Vec<_>>().join(", ")
    };
    if having.len() > 1 {
        let names = list(&mut having.iter().map(|offered| &offered.host));
        return Err(gap(format!(
            "{names} all export `{}`; ask one host, or say many = true",
            want.export
        )));
    }
    Err(gap(if hosts.is_empty() {
        format!("{} is no host", describe(&want.from))
    } else {
        format!("{} exports no `{}`", list(&mut hosts.iter()), want.export)
    }))
}

fn describe(from: &From) -> String {
    match from {
        From::Host(name) => format!("`{name}`"),
        From::Tag(tag) => format!("anything tagged `{tag}`"),
        From::Parent(_) => "its parent".to_owned(),
        From::Guests(_) => "any guest of it".to_owned(),
    }
}

/// Values of exports that are known.
pub type Exports = BTreeMap<Offered, Value>;

/// The exports whose values the contracts themselves give.
pub fn exports(known: &Manifests) -> Exports {
    let mut all = Exports::new();
    for (host, manifest) in known {
        for (name, export) in &manifest.exports {
            if let Some(value) = &export.value {
                let offered = Offered {
                    host: host.clone(),
                    export: name.clone(),
                };
                all.insert(offered, value.clone());
            }
        }
    }
    all
}

/// Names a circle among hosts that wait for each other, if there is one: `waiting` says who waits for whom.
pub fn circle(waiting: &BTreeMap<HostName, BTreeSet<HostName>>) -> Option<Vec<HostName>> {
    fn walk(
        at: &HostName,
        waiting: &BTreeMap<HostName, BTreeSet<HostName>>,
        path: &mut Vec<HostName>,
        done: &mut BTreeSet<HostName>,
    ) -> Option<Vec<HostName>> {
        if let Some(start) = path.iter().position(|host| host == at) {
            return path.get(start..).map(<[HostName]>::to_vec);
        }
        if !done.insert(at.clone()) {
            return None;
        }
        path.push(at.clone());
        for next in waiting.get(at).into_iter().flatten() {
            if let Some(found) = walk(next, waiting, path, done) {
                return Some(found);
            }
        }
        path.pop();
        None
    }
    let mut done = BTreeSet::new();
    waiting
        .keys()
        .find_map(|host| walk(host, waiting, &mut Vec::new(), &mut done))
}

/// A circle as a fault.
pub fn circular(hosts: &[HostName]) -> Diagnostic {
    let mut names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
    names.extend(names.first().copied());
    Diagnostic::new(
        Code::Cycle,
        format!("hosts want of each other in a circle: {}", names.join(" → ")),
    )
    .with_cause("each of these exports depends on what its host wants of the next")
    .with_fix("let one of these exports depend on nothing that is wanted of the others; infra graph shows them")
}

#[cfg(test)]
#[path = "wants_tests.rs"]
mod tests;
