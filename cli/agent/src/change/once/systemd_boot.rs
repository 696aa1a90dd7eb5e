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
#[serde(rename_all = "camelCase")]
struct Entry {
    id: String,
    #[serde(default)]
    options: String,
    /// Not told by systemd 252.
    #[serde(default)]
    is_default: bool,
}

impl Entry {
    fn boots(&self, system: &StorePath) -> bool {
        let init = format!("init={system}/init");
        self.options.split_whitespace().any(|word| word == init)
    }
}

/// The name of the entry that boots this system: of several (the same system is two generations) the last.
pub(super) fn entry(host: &Host, bootctl: &str, system: &StorePath) -> Result<String, Diagnostic> {
    named(&listed(host, bootctl)?, system)
        .ok_or_else(|| cannot(&format!("its boot loader has no entry for {system}")))
}

/// Whether the boot after the next one will be of this system: installers may drop the entry of an older generation, or go by patterns.
pub(super) fn check_default(
    host: &Host,
    bootctl: &str,
    system: &StorePath,
) -> Result<(), Diagnostic> {
    let set = variable(host, "LoaderEntryDefault");
    let place = ask(host, bootctl, &["--print-esp-path"]).unwrap_or_default();
    let settings = host.path(place.trim()).join("loader/loader.conf");
    let settings = fs::read_to_string(settings).unwrap_or_default();
    let timeout = variable(host, "LoaderConfigTimeout");
    if waits(timeout.as_deref(), &settings) {
        return Err(cannot(&format!(
            "its boot menu waits for somebody to choose (boot.loader.timeout), so nothing would bring {system} back"
        )));
    }
    let entries = listed(host, bootctl)?;
    match default(&entries, set.as_deref(), &settings) {
        Ok(entry) if entry.boots(system) => Ok(()),
        Ok(entry) => Err(cannot(&format!(
            "with the new system in its menu, the default of its boot loader is {} and not {system}, so nothing would bring that back",
            entry.id
        ))),
        Err(word) => Err(cannot(&format!(
            "the default of its boot loader is told by `{word}`, which names no entry of {system}"
        ))),
    }
}

/// The entry that boots by default: as bootctl says, or as the variable or the settings name it.
fn default<'e>(
    entries: &'e [Entry],
    set: Option<&str>,
    settings: &str,
) -> Result<&'e Entry, String> {
    if let Some(entry) = entries.iter().find(|entry| entry.is_default) {
        return Ok(entry);
    }
    let word = set.or(written(settings, "default ")).unwrap_or_default();
    let is_named = |entry: &&Entry| {
        entry.id == word || entry.id.strip_suffix(".conf").is_some_and(|id| id == word)
    };
    entries.iter().find(is_named).ok_or_else(|| word.to_owned())
}

/// Whether the menu stays until somebody chooses: as is said to the firmware, or in the settings.
fn waits(set: Option<&str>, settings: &str) -> bool {
    set.or(written(settings, "timeout ")) == Some("menu-force")
}

fn written<'s>(settings: &'s str, word: &str) -> Option<&'s str> {
    settings
        .lines()
        .find_map(|line| line.trim().strip_prefix(word).map(str::trim))
}

fn ask(host: &Host, bootctl: &str, words: &[&str]) -> Option<String> {
    const PATIENCE: u64 = 30;
    process::ask_within(&host.path(bootctl).to_string_lossy(), words, PATIENCE)
}

fn listed(host: &Host, bootctl: &str) -> Result<Vec<Entry>, Diagnostic> {
    ask(host, bootctl, &["list", "--json=short", "--no-pager"])
        .map(|listed| parse(&listed))
        .ok_or_else(|| cannot("bootctl cannot list what the boot loader knows"))
}

/// One list of entries, or (up to systemd 252 at least) one entry after the other.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Listed {
    All(Vec<Entry>),
    One(Entry),
}

fn parse(listed: &str) -> Vec<Entry> {
    let listed = serde_json::Deserializer::from_str(listed).into_iter();
    listed
        .map_while(Result::ok)
        .flat_map(|some| match some {
            Listed::All(entries) => entries,
            Listed::One(entry) => vec![entry],
        })
        .collect()
}

fn named(entries: &[Entry], system: &StorePath) -> Option<String> {
    let boots = entries.iter().filter(|entry| entry.boots(system));
    let names = boots.map(|entry| entry.id.clone());
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
    use super::{default, named, parse, waits};
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
        let found =
            |listed: &str, path: &str| named(&parse(listed), &StorePath::parse(path).unwrap());
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

    #[test]
    fn the_default_is_what_is_said_set_or_written() {
        let lines = "{\"id\":\"nixos-generation-7.conf\"}\n{\"id\":\"nixos-generation-8.conf\"}";
        let found = |set, settings: &str| {
            default(&parse(lines), set, settings).map(|entry| entry.id.clone())
        };
        let old = Ok("nixos-generation-7.conf".to_owned());
        assert_eq!(
            found(None, "timeout 5\ndefault nixos-generation-7.conf\n"),
            old
        );
        assert_eq!(found(None, "default nixos-generation-7\n"), old);
        assert_eq!(
            found(
                Some("nixos-generation-7.conf"),
                "default nixos-generation-8.conf\n"
            ),
            old
        );
        // What goes by a pattern goes by what is newest.
        assert_eq!(found(None, "default nixos-*\n"), Err("nixos-*".to_owned()));
        assert_eq!(
            found(None, "default nixos-generation-6.conf\n"),
            Err("nixos-generation-6.conf".to_owned())
        );
        assert_eq!(found(None, ""), Err(String::new()));
        let said = lines.replace("8.conf\"", "8.conf\",\"isDefault\":true");
        let said = parse(&said);
        let entry = default(&said, None, "default nixos-generation-7.conf").unwrap();
        assert_eq!(entry.id, "nixos-generation-8.conf");
    }

    #[test]
    fn a_menu_that_waits_is_one_for_people() {
        assert!(waits(None, "editor 1\ntimeout menu-force\n"));
        assert!(waits(Some("menu-force"), "timeout 5\n"));
        assert!(!waits(Some("0"), "timeout menu-force\n"));
        assert!(!waits(None, "timeout 5\n"));
        assert!(!waits(None, ""));
    }
}
