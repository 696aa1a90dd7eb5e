//! systemd-boot: the entry of a system, and the variable that names the one to boot next.
//!
//! Variables and their vendor are of the Boot Loader Interface (<https://systemd.io/BOOT_LOADER_INTERFACE/>).

use super::cannot;
use crate::host::Host;
use crate::process;
use infra_model::{Diagnostic, StorePath};
use serde::Deserialize;
use std::fs;

const VARIABLES: &str = "/sys/firmware/efi/efivars";
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// Whether it booted this host.
pub(super) fn is_there(host: &Host) -> bool {
    variable(host, "LoaderInfo").is_some_and(|text| text.starts_with("systemd-boot"))
}

/// A variable's text: four bytes of attributes, then UTF-16 that ends with a zero.
fn variable(host: &Host, name: &str) -> Option<String> {
    let bytes = fs::read(host.path(&format!("{VARIABLES}/{name}-{VENDOR}"))).ok()?;
    let (pairs, _) = bytes.get(4..)?.as_chunks::<2>();
    let units: Vec<u16> = pairs
        .iter()
        .map(|pair| u16::from_le_bytes(*pair))
        .take_while(|unit| *unit != 0)
        .collect();
    String::from_utf16(&units).ok()
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    options: String,
}

/// The name of the entry that boots this system: of several (the same system is two generations) the last.
pub(super) fn entry(host: &Host, bootctl: &str, system: &StorePath) -> Result<String, Diagnostic> {
    const PATIENCE: u64 = 30;
    let program = host.path(bootctl);
    let program = program.to_string_lossy();
    let listed = process::ask_within(&program, &["list", "--json=short", "--no-pager"], PATIENCE)
        .ok_or_else(|| cannot("bootctl cannot list what the boot loader knows"))?;
    named(&listed, system)
        .ok_or_else(|| cannot(&format!("its boot loader has no entry for {system}")))
}

/// One list of entries, or (up to systemd 252 at least) one entry after the other.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Listed {
    All(Vec<Entry>),
    One(Entry),
}

fn named(listed: &str, system: &StorePath) -> Option<String> {
    let listed = serde_json::Deserializer::from_str(listed).into_iter();
    let entries = listed.map_while(Result::ok).flat_map(|some| match some {
        Listed::All(entries) => entries,
        Listed::One(entry) => vec![entry],
    });
    let init = format!("init={system}/init");
    let boots = |entry: &Entry| entry.options.split_whitespace().any(|word| word == init);
    let names = entries.filter(boots).map(|entry| entry.id);
    // By length first, so that generation 10 comes after 9.
    names.max_by_key(|id| (id.len(), id.clone()))
}

/// Whether some entry is to be booted next.
pub(super) fn is_set(host: &Host) -> bool {
    variable(host, "LoaderEntryOneShot").is_some()
}

/// Whether the firmware has kept it: some only pretend to.
pub(super) fn check(host: &Host, entry: &str) -> Result<(), Diagnostic> {
    let kept = variable(host, "LoaderEntryOneShot");
    if kept.as_deref() == Some(entry) {
        return Ok(());
    }
    Err(cannot(&format!(
        "its firmware did not keep the entry to boot next: {} instead of {entry}",
        kept.as_deref().unwrap_or("none")
    )))
}

#[cfg(test)]
mod tests {
    use super::named;
    use infra_model::StorePath;

    #[test]
    fn an_entry_is_found_by_what_it_boots() {
        let a = "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a";
        let b = "/nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-b";
        let entry = |id: &str, options: &str| serde_json::json!({ "id": id, "options": options, "type": "type1" });
        let listed = serde_json::json!([
            entry("nixos-generation-9.conf", &format!("init={a}/init quiet")),
            entry("nixos-generation-10.conf", &format!("init={a}/init quiet")),
            entry("nixos-generation-11.conf", &format!("quiet init={b}/init")),
            entry("nixos-generation-12.conf", &format!("init={b}-specialisation/init")),
            { "id": "auto-reboot-to-firmware-setup", "type": "auto" },
        ])
        .to_string();
        let found = |listed: &str, path: &str| named(listed, &StorePath::parse(path).unwrap());
        assert_eq!(found(&listed, a).unwrap(), "nixos-generation-10.conf");
        assert_eq!(found(&listed, b).unwrap(), "nixos-generation-11.conf");
        let c = "/nix/store/3ymw2907bm1s9n6n8lsmbb267gch9dhj-c";
        assert_eq!(found(&listed, c), None);
        assert_eq!(found("no JSON", a), None);
        let entries: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
        let lines: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let lines = lines.join("\n");
        assert_eq!(found(&lines, a).unwrap(), "nixos-generation-10.conf");
        assert_eq!(found(&lines, c), None);
    }
}
