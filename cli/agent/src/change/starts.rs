//! How often systemd has started units, and which of them a change has felled.
//!
//! systemd refuses to start a unit that was started too often within a while (five times in ten seconds, unless the unit says otherwise). Deployments
//! that follow each other quickly fill that counter, and the way back would be refused for the starts of the way there. So the counters are set back
//! before either. What had failed before the change keeps its failure: that is for people to see.

use super::clock::{self, Deadline};
use super::record::Folder;
use crate::files;
use crate::host::Host;
use crate::process;
use infra_model::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::Duration;

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
/// The one that names those that fell again and again before it.
const FALLING: &str = "falling";
/// How long is watched whether a service falls again, and how long it has to stay up.
const WATCH: u64 = 10;
const CALM: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(200);

/// Before the change: notes what runs, and sets the counters back.
pub(crate) fn before(host: &Host, folder: &Folder) -> Result<(), Diagnostic> {
    if !host.has_systemd() {
        return Ok(());
    }
    let listing = listing(host);
    let units = parse(&listing);
    let running = units.iter().filter(|unit| unit.runs());
    note(folder, RUNNING, running.map(|unit| unit.name))?;
    let falling = fallen(&units);
    note(folder, FALLING, falling.iter().map(String::as_str))?;
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

/// Services that fall again and again since the change. They have not failed: systemd starts them anew, for ever or until it gives them up.
pub(crate) fn falling_since(host: &Host, folder: &Folder) -> Vec<String> {
    let known = noted(folder, FALLING);
    let until = Deadline::after(WATCH);
    let mut seen: BTreeMap<String, Duration> = BTreeMap::new();
    loop {
        let listing = listing(host);
        let falling = fallen(&parse(&listing));
        let now = clock::now();
        seen.extend(falling.difference(&known).map(|unit| (unit.clone(), now)));
        // One that stays up has only stumbled.
        seen.retain(|_, at| now.saturating_sub(*at) < CALM);
        if seen.is_empty() || until.is_over() {
            return seen.into_keys().collect();
        }
        thread::sleep(LOOK);
    }
}

/// Those that wait for their next start because they fell: others are started again and again on purpose.
fn fallen(units: &[Unit<'_>]) -> BTreeSet<String> {
    let waiting = units.iter().filter(|unit| unit.waits());
    let names: Vec<&str> = waiting.map(|unit| unit.name).collect();
    if names.is_empty() {
        return BTreeSet::new();
    }
    let words = [&["show", "--property=Id,Result", "--"], names.as_slice()].concat();
    let told = process::ask_within("systemctl", &words, PATIENCE).unwrap_or_default();
    failed_of(&told)
}

fn failed_of(shown: &str) -> BTreeSet<String> {
    let failed = |unit: &str| {
        let value = |name: &str| {
            let mut lines = unit.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        let fell = value("Result").is_some_and(|result| result != "success");
        value("Id").filter(|_| fell).map(str::to_owned)
    };
    shown.split("\n\n").filter_map(failed).collect()
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
    sub: &'t str,
}

impl Unit<'_> {
    fn has_failed(&self) -> bool {
        self.active == "failed"
    }

    fn runs(&self) -> bool {
        ["active", "activating", "reloading", "refreshing"].contains(&self.active)
    }

    /// It waits for its next start, which systemd takes for starting.
    fn waits(&self) -> bool {
        self.sub.starts_with("auto-restart")
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
        let (active, sub) = (words.next()?, words.next()?);
        (load != "not-found").then_some(Unit { name, active, sub })
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
    use super::{failed_of, parse};

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
        let waiting = units.iter().filter(|unit| unit.waits());
        assert_eq!(waiting.count(), 1);
        let known = ["broken.service".to_owned()];
        assert!(units[3].is_among(&known) && !units[0].is_among(&known));
    }

    #[test]
    fn who_is_started_again_on_purpose_has_not_fallen() {
        let shown = "Id=loops.service\nResult=exit-code\n\nResult=success\nId=polls.service\n\nResult=signal\nId=killed.service\n";
        let fallen = failed_of(shown);
        assert_eq!(
            fallen.iter().collect::<Vec<_>>(),
            ["killed.service", "loops.service"]
        );
        assert!(failed_of("").is_empty());
    }
}
