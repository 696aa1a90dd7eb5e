//! What NixOS refuses to exchange while a host runs, such as another implementation of D-Bus: systems name it in `switch-inhibitors`
//! (`system.switch.inhibitors`), a JSON object of names and whatever identifies them. Their own check before a switch compares those that both name.

use super::system;
use crate::host::Host;
use infra_model::StorePath;
use std::collections::BTreeMap;
use std::fs;

const FILE: &str = "switch-inhibitors";

/// What differs between the system that runs and another one, by name.
pub(crate) fn differing(host: &Host, to: &StorePath) -> Vec<String> {
    let of = |system: &StorePath| {
        let text = fs::read_to_string(host.path(&format!("{system}/{FILE}"))).ok()?;
        named(&text)
    };
    let now = system::system(host, system::CURRENT);
    let (Some(now), Some(new)) = (now.as_ref().and_then(of), of(to)) else {
        return Vec::new();
    };
    let differs =
        |(name, value): &(&String, &String)| new.get(*name).is_some_and(|new| new != *value);
    let differing = now.iter().filter(differs);
    differing.map(|(name, _)| super::log::plain(name)).collect()
}

/// What is not an object of texts was not written by NixOS.
fn named(text: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(text).ok()
}
