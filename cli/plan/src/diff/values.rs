//! What differs of what a host's contract was filled with. Private values and secrets are named, and nothing else is told of them.

use infra_model::answer::{Difference, SecretDifference, ValueChange};
use infra_model::{HostContext, HostName, Manifest, NeedName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Which values nobody may be shown: what the contract says is private, what it said was, and what it does not name any more.
#[derive(Debug, Clone, Copy)]
pub struct Privacy<'c> {
    /// The contract.
    pub now: &'c Manifest,
    /// Values that were private before. `None`: nobody knows which were public, so none was.
    pub then: Option<&'c BTreeSet<NeedName>>,
}

impl Privacy<'_> {
    /// Whether a value is private, or was.
    pub fn covers(self, name: &NeedName) -> bool {
        self.then.is_none_or(|then| then.contains(name))
            || self.now.values.get(name).is_none_or(|need| need.private)
    }
}

/// Values that differ, and what other hosts export to this one.
pub fn values(before: &HostContext, after: &HostContext, privacy: Privacy<'_>) -> Vec<ValueChange> {
    let mut changes = Vec::new();
    for name in either(&before.values, &after.values) {
        let both = (before.values.get(name), after.values.get(name));
        changes.extend(change(name, None, both, privacy.covers(name)));
    }
    let none = BTreeMap::new();
    for name in either(&before.wants, &after.wants) {
        let old = before.wants.get(name).unwrap_or(&none);
        let new = after.wants.get(name).unwrap_or(&none);
        for host in either(old, new) {
            changes.extend(change(
                name,
                Some(host),
                (old.get(host), new.get(host)),
                false,
            ));
        }
    }
    changes
}

fn either<'m, K: Ord, V>(a: &'m BTreeMap<K, V>, b: &'m BTreeMap<K, V>) -> BTreeSet<&'m K> {
    a.keys().chain(b.keys()).collect()
}

fn change(
    name: &NeedName,
    from: Option<&HostName>,
    (before, after): (Option<&Value>, Option<&Value>),
    private: bool,
) -> Option<ValueChange> {
    let how = how(before, after)?;
    Some(ValueChange {
        name: name.clone(),
        from: from.cloned(),
        how,
        before: before.filter(|_| !private).cloned(),
        after: after.filter(|_| !private).cloned(),
        private,
    })
}

fn how<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> Option<Difference> {
    match (before, after) {
        (None, None) => None,
        (None, Some(_)) => Some(Difference::Added),
        (Some(_), None) => Some(Difference::Removed),
        (Some(a), Some(b)) => (a != b).then_some(Difference::Changed),
    }
}

/// Secrets that differ, by what names their contents on both sides. `None` on a side: it is there, but which content it has is not known; such a
/// secret counts as changed only if `changed` says that something did.
pub fn secrets(
    before: &BTreeMap<String, Option<String>>,
    after: &BTreeMap<String, Option<String>>,
    contract: &Manifest,
    changed: bool,
) -> Vec<SecretDifference> {
    let units = |name: &str| {
        let need = contract
            .secrets
            .iter()
            .find(|(need, _)| need.as_str() == name);
        let mut units: Vec<String> = need
            .map(|(_, need)| [&need.units[..], &need.restart_units, &need.reload_units].concat())
            .unwrap_or_default();
        units.sort_unstable();
        units.dedup();
        units
    };
    let difference = |name: &String| {
        let (old, new) = (before.get(name), after.get(name));
        let how = match (old, new) {
            (Some(Some(_)), Some(Some(_))) | (None, _) | (_, None) => how(old, new)?,
            _ if changed => Difference::Changed,
            _ => return None,
        };
        Some(SecretDifference {
            name: name.clone(),
            how,
            before: old.cloned().flatten(),
            after: new.cloned().flatten(),
            units: units(name),
        })
    };
    either(before, after)
        .into_iter()
        .filter_map(difference)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Privacy, secrets, values};
    use infra_model::{HostContext, HostName, Manifest, NeedName};
    use serde_json::json;
    use std::collections::{BTreeMap, BTreeSet};

    fn contract() -> Manifest {
        let declared = json!([{ "file": "f" }]);
        let value = |private: bool| {
            json!({ "type": { "kind": "string" }, "description": "", "private": private, "recipe": null, "scope": "host",
                "fact": null, "bind": [], "declared": declared })
        };
        let manifest = json!({
            "schema": 1, "host": "web", "secrets": {}, "values": { "domain": value(false), "token": value(true) },
            "recipes": {}, "exports": {}, "wants": {}, "probes": { "enable": true, "probes": {} }, "templates": {},
        });
        serde_json::from_value(manifest).expect("a manifest")
    }

    fn context(said: &serde_json::Value, wants: &serde_json::Value) -> HostContext {
        let whole = json!({ "schema": 1, "plane": "contract", "values": said, "wants": wants, "secrets": [] });
        serde_json::from_value(whole).expect("a context")
    }

    #[test]
    fn private_values_and_those_that_went_are_not_told() {
        let before = context(
            &json!({ "domain": "a.example", "token": "first", "gone": "x", "same": 1 }),
            &json!({ "peers": { "db": 1, "old": 2 } }),
        );
        let after = context(
            &json!({ "domain": "b.example", "token": "second", "same": 1 }),
            &json!({ "peers": { "db": 3 } }),
        );
        let (contract, then) = (contract(), BTreeSet::new());
        let privacy = Privacy {
            now: &contract,
            then: Some(&then),
        };
        let told = serde_json::to_string(&values(&before, &after, privacy)).expect("JSON");
        assert!(
            !told.contains("first") && !told.contains("second") && !told.contains("\"x\""),
            "{told}"
        );
        let table: Vec<String> = values(&before, &after, privacy)
            .iter()
            .map(|change| {
                let from = change.from.as_ref().map_or("", HostName::as_str);
                format!(
                    "{} {} {from} {:?} {:?}",
                    change.how.as_str(),
                    change.name,
                    change.before,
                    change.after
                )
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r#"
        changed domain  Some(String("a.example")) Some(String("b.example"))
        removed gone  None None
        changed token  None None
        changed peers db Some(Number(1)) Some(Number(3))
        removed peers old Some(Number(2)) None
        "#);
    }

    #[test]
    fn what_was_private_is_not_told_when_it_is_not_any_more() {
        let side = |said| context(&json!({ "domain": said }), &json!({}));
        let (contract, domain) = (contract(), NeedName::parse("domain").expect("a name"));
        let then = BTreeSet::from([domain]);
        let now = &contract;
        // Nor is what may have been.
        for then in [Some(&then), None] {
            let privacy = Privacy { now, then };
            let told = values(&side("first"), &side("second"), privacy);
            let told = serde_json::to_string(&told).expect("JSON");
            assert!(told.contains("\"private\":true"), "{told}");
            assert!(
                !told.contains("first") && !told.contains("second"),
                "{told}"
            );
        }
    }

    #[test]
    fn secrets_are_told_by_name_and_fingerprint() {
        let side = |list: &[(&str, Option<&str>)]| -> BTreeMap<String, Option<String>> {
            list.iter()
                .map(|(name, print)| ((*name).to_owned(), print.map(str::to_owned)))
                .collect()
        };
        let before = side(&[
            ("same", Some("1")),
            ("turned", Some("1")),
            ("gone", Some("1")),
            ("unknown", None),
        ]);
        let after = side(&[
            ("same", Some("1")),
            ("turned", Some("2")),
            ("new", None),
            ("unknown", Some("3")),
        ]);
        let names = |changed| -> Vec<String> {
            secrets(&before, &after, &contract(), changed)
                .into_iter()
                .map(|one| format!("{} {}", one.how.as_str(), one.name))
                .collect()
        };
        assert_eq!(
            names(false),
            ["removed gone", "added new", "changed turned"]
        );
        assert_eq!(
            names(true),
            [
                "removed gone",
                "added new",
                "changed turned",
                "changed unknown"
            ]
        );
    }
}
