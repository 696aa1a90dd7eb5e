//! Needs that hosts share must be described alike by all of them.
//!
//! What is compared is what the thing *is*: its format and checks, how it is made, when it is replaced. How a host uses it (owner, mode, units,
//! phase, path) is that host's affair.

use crate::wants::Manifests;
use infra_model::contract::{Manifest, NeedScope, Recipe, place_of};
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Whether it is a secret or a value.
const KIND: &str = "kind";

/// How one host describes a shared need.
struct Description {
    host: HostName,
    place: Place,
    fields: Map<String, Value>,
    recipe: Option<(Place, Map<String, Value>)>,
}

/// Shared needs that two hosts describe differently.
pub fn disagreements(manifests: &Manifests) -> Vec<Diagnostic> {
    let mut first: BTreeMap<&NeedName, Description> = BTreeMap::new();
    let mut faults = Vec::new();
    for manifest in manifests.values() {
        for (name, description) in shared(manifest) {
            let Some(known) = first.get(name) else {
                first.insert(name, description);
                continue;
            };
            faults.extend(difference(name, known, &description));
        }
    }
    faults
}

fn shared(manifest: &Manifest) -> Vec<(&NeedName, Description)> {
    let secrets = manifest
        .secrets
        .iter()
        .filter(|(_, need)| need.scope == NeedScope::Shared)
        .map(|(name, need)| {
            let fields = fields(need, "secret", &["format", "check", "recipe", "rotate"]);
            (name, fields, &need.recipe, &need.declared)
        });
    let values = manifest
        .values
        .iter()
        .filter(|(_, need)| need.scope == NeedScope::Shared)
        .map(|(name, need)| {
            let fields = fields(
                need,
                "value",
                &["type", "default", "private", "recipe", "fact"],
            );
            (name, fields, &need.recipe, &need.declared)
        });
    secrets
        .chain(values)
        .map(|(name, fields, recipe, declared)| {
            let named = recipe
                .as_ref()
                .and_then(|recipe| manifest.recipes.get(recipe));
            let description = Description {
                host: manifest.host.clone(),
                place: place_of(declared, &manifest.host),
                fields,
                recipe: named.map(|recipe| of_recipe(recipe, &manifest.host)),
            };
            (name, description)
        })
        .collect()
}

fn of_recipe(recipe: &Recipe, host: &HostName) -> (Place, Map<String, Value>) {
    let mut fields = object(recipe);
    fields.remove("declared");
    (place_of(&recipe.declared, host), fields)
}

fn fields(need: &impl Serialize, kind: &str, compared: &[&str]) -> Map<String, Value> {
    let mut fields: Map<String, Value> = object(need)
        .into_iter()
        .filter(|(key, _)| compared.contains(&key.as_str()))
        .collect();
    // A name that is a secret here and a value there is no shared thing.
    fields.insert(KIND.to_owned(), Value::from(kind));
    fields
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn difference(name: &NeedName, one: &Description, other: &Description) -> Option<Diagnostic> {
    let nothing = Map::new();
    let (recipe, other_recipe) = (one.recipe.as_ref(), other.recipe.as_ref());
    let mut lines = differing("", &one.fields, &other.fields);
    // Of a secret and a value nothing else can be compared.
    if one.fields.get(KIND) != other.fields.get(KIND) {
        lines.retain(|line| line.starts_with(KIND));
    }
    let mut places = [&one.place, &other.place];
    if lines.is_empty() {
        let fields = |recipe: Option<&'_ (Place, Map<String, Value>)>| {
            recipe.map_or_else(|| nothing.clone(), |(_, fields)| fields.clone())
        };
        lines = differing("recipe.", &fields(recipe), &fields(other_recipe));
        places = [
            recipe.map_or(&one.place, |(place, _)| place),
            other_recipe.map_or(&other.place, |(place, _)| place),
        ];
    }
    if lines.is_empty() {
        return None;
    }
    let [place, other_place] = places;
    let who = format!("{}: {place}\n{}: {other_place}", one.host, other.host);
    let fault = Diagnostic::new(
        Code::SharedDiffers,
        format!(
            "{} and {} share `{name}`, and their contracts describe it differently",
            one.host, other.host
        ),
    )
    .with_cause(format!("{who}\n{}", lines.join("\n")))
    .with_place(other_place.clone())
    .with_fix("declare it once, in a shared module (modules/<m>/contract.nix), or give it scope = \"host\"");
    Some(fault)
}

fn differing(prefix: &str, one: &Map<String, Value>, other: &Map<String, Value>) -> Vec<String> {
    let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), shortened);
    keys.into_iter()
        .filter(|key| one.get(*key) != other.get(*key))
        .map(|key| {
            format!(
                "{prefix}{key}: {} and {}",
                shown(one.get(key)),
                shown(other.get(key))
            )
        })
        .collect()
}

/// A script would fill the screen.
fn shortened(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
