//! How often systemd has started units, and which of them a change has felled.
//!
//! systemd refuses to start a unit that was started too often within a while (five times in ten seconds, unless the unit says otherwise). Deployments
//! that follow each other quickly fill that counter, and the way back would be refused for the starts of the way there. So the counters are set back
//! before either. What had failed before the change keeps its failure: that is for people to see.

use super::falls;
use super::record::Folder;
use crate::files;
use crate::host::Host;
use crate::process;
use infra_model::Diagnostic;
use std::collections::BTreeSet;
use std::fs;

/// The kinds of units whose starts are counted.
const KINDS: &str = "--type=service,socket,timer,path,mount,automount,swap";
/// For a question to systemd.
const PATIENCE: u64 = 30;
/// For units to start again.
const STARTING: u64 = 120;
/// The file of a change that names the units that ran before it.
const RUNNING: &str = "running";
/// The one that names those of them that had failed when the way back began.
const FELLED: &str = "felled";

/// Before the change: notes what runs and what does not stay up, and sets the counters back.
pub(crate) fn before(host: &Host, folder: &Folder) -> Result<(), Diagnostic> {
    if !host.has_systemd() {
        return Ok(());
    }
    let listing = listing(host);
    let units = parse(&listing);
    let running = units.iter().filter(|unit| unit.runs());
    note(folder, RUNNING, running.map(|unit| unit.name))?;
    falls::before(host, folder)?;
    set_back(units.iter().filter(|unit| !unit.has_failed()));
    Ok(())
}

/// Before the way back: the counters of everything but of what had failed before the change. Which units the change has felled is noted first, since
/// activation forgets it.
pub(crate) fn before_the_way_back(host: &Host, folder: &Folder, known: &[String]) {
    if !host.has_systemd() {
        return;
    }
    let listing = listing(host);
    let units = parse(&listing);
    let ran = noted(folder, RUNNING);
    // A supervisor that takes over adds to what the one before has noted.
    let mut felled = noted(folder, FELLED);
    let fell = units
        .iter()
        .filter(|unit| unit.has_failed() && ran.contains(unit.name))
        .map(|unit| unit.name.to_owned());
    felled.extend(fell);
    // Without it, less is started again: no reason not to go back.
    let _ = note(folder, FELLED, felled.iter().map(String::as_str));
    set_back(
        units
            .iter()
            .filter(|unit| !unit.has_failed() || !unit.is_among(known)),
    );
}

/// Starts what the change has felled. Activation starts what targets want; nobody starts again what a person, a timer or a socket had started, or what
/// fell because of its secrets.
pub(crate) fn revive(host: &Host, folder: &Folder) {
    let felled = noted(folder, FELLED);
    let listing = listing(host);
    let units = parse(&listing);
    // One that nothing wants, and that has been stopped, systemd does not list any more.
    let runs = |name: &str| units.iter().any(|unit| unit.name == name && unit.runs());
    let names: Vec<&str> = felled
        .iter()
        .map(String::as_str)
        .filter(|name| !runs(name))
        .collect();
    if names.is_empty() {
        return;
    }
    set_back(units.iter().filter(|unit| names.contains(&unit.name)));
    folder.log(&format!("starting again: {}", names.join(", ")));
    let words = [&["--quiet", "start", "--"], names.as_slice()].concat();
    // What does not start is told with the units that have failed.
    let _ = process::ask_within("systemctl", &words, STARTING);
}

fn note<'n>(
    folder: &Folder,
    file: &str,
    names: impl Iterator<Item = &'n str>,
) -> Result<(), Diagnostic> {
    let text: String = names.flat_map(|name| [name, "\n"]).collect();
    files::write(&folder.file(file), text.as_bytes())
}

fn noted(folder: &Folder, file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.file(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A unit as `systemctl list-units` tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit<'t> {
    name: &'t str,
    active: &'t str,
}

impl Unit<'_> {
    fn has_failed(&self) -> bool {
        self.active == "failed"
    }

    fn runs(&self) -> bool {
        ["active", "activating", "reloading", "refreshing"].contains(&self.active)
    }

    fn is_among(&self, names: &[String]) -> bool {
        names.iter().any(|name| name == self.name)
    }
}

/// Every unit that systemd has in memory: also one that does not run right now has been counted.
fn listing(host: &Host) -> String {
    if !host.has_systemd() {
        return String::new();
    }
    let words = [
        "list-units",
        "--all",
        "--full",
        "--plain",
        "--no-legend",
        "--no-pager",
        KINDS,
    ];
    process::ask_within("systemctl", &words, PATIENCE).unwrap_or_default()
}

fn parse(listing: &str) -> Vec<Unit<'_>> {
    let unit = |line| {
        let mut words = str::split_whitespace(line);
        let (name, load) = (words.next()?, words.next()?);
        let active = words.next()?;
        (load != "not-found").then_some(Unit { name, active })
    };
    listing.lines().filter_map(unit).collect()
}

fn set_back<'u>(units: impl Iterator<Item = &'u Unit<'u>>) {
    let names: Vec<&str> = units.map(|unit| unit.name).collect();
    if names.is_empty() {
        return;
    }
    let words = [&["--quiet", "reset-failed", "--"], names.as_slice()].concat();
    // A unit that is gone by now needs it no more, and does not keep the others from it.
    let _ = process::ask_within("systemctl", &words, PATIENCE);
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_are_told_apart_by_how_they_stand() {
        let listing = "\
web.service       loaded    active     running Serves the page
loops.service     loaded    activating auto-restart Falls and falls
done.service      loaded    inactive   dead    Was started by its timer
broken.service    loaded    failed     failed  Fell
gone.service      not-found inactive   dead    gone.service
odd

";
        let units = parse(listing);
        let running = units.iter().filter(|unit| unit.runs());
        let names: Vec<&str> = running.map(|unit| unit.name).collect();
        assert_eq!(names, ["web.service", "loops.service"]);
        let whole = units.iter().filter(|unit| !unit.has_failed());
        let names: Vec<&str> = whole.map(|unit| unit.name).collect();
        assert_eq!(names, ["web.service", "loops.service", "done.service"]);
        let known = ["broken.service".to_owned()];
        assert!(units[3].is_among(&known) && !units[0].is_among(&known));
    }
}
