//! Services that do not stay up after a change. systemd starts a service that falls again and again, for ever or until it gives it up; until then
//! it has not failed, and whoever asks at the wrong moment is told that it starts, or even that it runs.
//!
//! So services are watched for a short while: one that has just come up must stay up, and of one that systemd has started again it must become
//! clear whether it fell, or does its work and is meant to begin anew.

use super::clock::Deadline;
use super::record::Folder;
use crate::files;
use crate::host::Host;
use crate::process;
use infra_model::Diagnostic;
use rustix::time::{ClockId, clock_gettime};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::Duration;

/// The file of a change that names the services that fell again and again before it.
const FALLING: &str = "falling";
/// For a question to systemd.
const PATIENCE: u64 = 30;
/// How long is watched at most, in seconds: as long as it takes to see what becomes of a service that fell.
const WATCH: u64 = 10;
/// How long a service has to stay up.
const CALM: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(200);
/// Before a change, one that systemd has started again within this time is taken for one that falls: nobody blames the change for it.
const SHAKY: Duration = Duration::from_secs(60);

/// Notes which services do not stay up already, before the change.
pub(crate) fn before(host: &Host, folder: &Folder) -> Result<(), Diagnostic> {
    if !host.has_systemd() {
        return Ok(());
    }
    let (told, now) = (ask(), now());
    let shaky = parse(&told).into_iter().filter(|one| one.is_shaky(now));
    let names: String = shaky.flat_map(|one| [one.name, "\n"]).collect();
    files::write(&folder.file(FALLING), names.as_bytes())
}

/// Which services do not stay up that did before the change. Ends as soon as that is clear, or nobody wants to know any more.
pub(crate) fn since(host: &Host, folder: &Folder, abort: &dyn Fn() -> bool) -> Vec<String> {
    if !host.has_systemd() {
        return Vec::new();
    }
    let noted = fs::read_to_string(folder.file(FALLING)).unwrap_or_default();
    let mut watch = Watch::new(noted.lines(), now());
    let until = Deadline::after(WATCH);
    loop {
        let (told, now) = (ask(), now());
        let is_calm = watch.look(&parse(&told), now);
        if is_calm || until.is_over() || abort() {
            return watch.falling();
        }
        thread::sleep(LOOK);
    }
}

/// The clock of systemd's monotonic times.
fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

fn ask() -> String {
    let words = [
        "show",
        "--property=Id,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestampMonotonic",
        "--",
        "*.service",
    ];
    process::ask_within("systemctl", &words, PATIENCE).unwrap_or_default()
}

/// A service as `systemctl show` tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Service<'t> {
    name: &'t str,
    active: &'t str,
    sub: &'t str,
    result: &'t str,
    /// How often systemd has started it again by itself, since somebody started it or its counters were set back.
    restarts: u64,
    /// When it last came up.
    since: Duration,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It runs, since then.
    Up(Duration),
    /// It is on its way up.
    Starts,
    /// It waits to be started again, and fell.
    Fell,
    /// It waits to be started again, and has done what it should.
    Rests,
    /// It has ended, or systemd has given it up: that is told by the units that have failed.
    Down,
}

impl Service<'_> {
    fn stands(&self) -> Stands {
        match (self.active, self.sub) {
            (_, sub) if sub.starts_with("auto-restart") => match self.result {
                "success" => Stands::Rests,
                _ => Stands::Fell,
            },
            // Nothing of it runs that could fall.
            ("active", "exited") => Stands::Down,
            ("active" | "reloading" | "refreshing", _) => Stands::Up(self.since),
            ("activating", _) => Stands::Starts,
            _ => Stands::Down,
        }
    }

    fn is_shaky(&self, now: Duration) -> bool {
        match self.stands() {
            Stands::Fell => true,
            Stands::Up(since) => self.restarts > 0 && now.saturating_sub(since) < SHAKY,
            Stands::Starts => self.restarts > 0,
            Stands::Rests | Stands::Down => false,
        }
    }
}

/// What a watch has seen of a service that fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fall {
    /// What its counter was.
    restarts: u64,
    /// Whether it has fallen again since it was first seen to.
    again: bool,
    /// Whether it still waits.
    waits: bool,
}

/// A look at all services from time to time, and what is to be made of them.
#[derive(Debug)]
struct Watch {
    began: Duration,
    known: BTreeSet<String>,
    fell: BTreeMap<String, Fall>,
    /// Those that are started again and again on purpose.
    on_purpose: BTreeSet<String>,
}

impl Watch {
    fn new<'n>(known: impl Iterator<Item = &'n str>, began: Duration) -> Self {
        Self {
            began,
            known: known.map(str::to_owned).collect(),
            fell: BTreeMap::new(),
            on_purpose: BTreeSet::new(),
        }
    }

    /// Whether it is clear of every service whether it stays up.
    fn look(&mut self, services: &[Service<'_>], now: Duration) -> bool {
        // One that has been stopped, and that nothing wants, is not told any more.
        self.fell
            .retain(|name, _| services.iter().any(|one| one.name == name));
        let mut is_calm = true;
        for service in services {
            if !self.known.contains(service.name) {
                is_calm &= self.is_clear(service, now);
            }
        }
        is_calm
    }

    fn is_clear(&mut self, service: &Service<'_>, now: Duration) -> bool {
        let name = service.name;
        if let Some(fall) = self.fell.get_mut(name) {
            fall.waits = false;
        }
        let restarted = service.restarts > 0 || self.fell.contains_key(name);
        match service.stands() {
            Stands::Fell => {
                self.on_purpose.remove(name);
                self.falls(service);
                false
            }
            Stands::Rests => {
                self.fell.remove(name);
                self.on_purpose.insert(name.to_owned());
                true
            }
            Stands::Starts => !restarted || self.on_purpose.contains(name),
            Stands::Up(since) if now.saturating_sub(since) >= CALM => {
                self.fell.remove(name);
                true
            }
            // What came up only later has nothing to do with the change, if nobody had to start it again.
            Stands::Up(since) => {
                self.on_purpose.contains(name) || (!restarted && since > self.began)
            }
            Stands::Down => {
                self.fell.remove(name);
                true
            }
        }
    }

    fn falls(&mut self, service: &Service<'_>) {
        let restarts = service.restarts;
        let fall = self.fell.entry(service.name.to_owned()).or_insert(Fall {
            restarts,
            again: false,
            waits: true,
        });
        fall.again |= fall.restarts != restarts;
        fall.restarts = restarts;
        fall.waits = true;
    }

    /// One that fell once and is still starting may yet come up.
    fn falling(self) -> Vec<String> {
        let falling = self.fell.into_iter();
        let falling = falling.filter(|(_, fall)| fall.again || fall.waits);
        falling.map(|(name, _)| name).collect()
    }
}

fn parse(told: &str) -> Vec<Service<'_>> {
    told.split("\n\n").filter_map(service).collect()
}

fn service(told: &str) -> Option<Service<'_>> {
    let value = |name: &str| {
        let mut lines = told.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    let number = |name: &str| value(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    Some(Service {
        name: value("Id")?,
        active: value("ActiveState")?,
        sub: value("SubState").unwrap_or_default(),
        result: value("Result").unwrap_or("success"),
        restarts: number("NRestarts"),
        since: Duration::from_micros(number("ActiveEnterTimestampMonotonic")),
    })
}

#[cfg(test)]
mod tests {
    use super::{Service, Watch, parse};
    use std::time::Duration;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn stands<'t>(name: &'t str, how: &'t str, restarts: u64, since: u64) -> Service<'t> {
        let (active, sub, result) = match how {
            "runs" => ("active", "running", "success"),
            "starts" => ("activating", "start-pre", "success"),
            "fell" => ("activating", "auto-restart", "exit-code"),
            "rests" => ("activating", "auto-restart", "success"),
            "is done" => ("active", "exited", "success"),
            "given up" => ("failed", "failed", "exit-code"),
            other => panic!("what is {other}?"),
        };
        Service {
            name,
            active,
            sub,
            result,
            restarts,
            since: at(since),
        }
    }

    /// What is seen of one service at 10 s, 10.2 s and so on, until it is clear: how often somebody had to look, and whether it falls.
    fn watch(looks: &[(&'static str, u64, u64)]) -> (usize, bool) {
        let mut watch = Watch::new(std::iter::empty(), at(10_000));
        for (number, (how, restarts, since)) in looks.iter().enumerate() {
            let now = at(10_000 + 200 * u64::try_from(number).expect("a small number"));
            if watch.look(&[stands("a", how, *restarts, *since)], now) {
                return (number + 1, !watch.falling().is_empty());
            }
        }
        (looks.len(), !watch.falling().is_empty())
    }

    #[test]
    fn what_stays_up_is_told_from_what_does_not() {
        // It has run for long, or ended, or systemd has given it up.
        assert_eq!(watch(&[("runs", 0, 5_000)]), (1, false));
        assert_eq!(watch(&[("runs", 7, 5_000)]), (1, false));
        assert_eq!(watch(&[("given up", 3, 0)]), (1, false));
        assert_eq!(watch(&[("is done", 0, 9_900)]), (1, false));
        // It starts for the first time: activation has waited for those it started.
        assert_eq!(watch(&[("starts", 0, 0)]), (1, false));
        // It has just come up, and stays.
        let up = ("runs", 0, 9_900);
        assert_eq!(watch(&[up; 9]), (6, false));
        // It has just come up, and does not.
        let falls = [up, ("fell", 0, 0), ("starts", 1, 0), ("fell", 1, 0)];
        assert_eq!(watch(&falls), (4, true));
        // Somebody looks just while it is started again.
        let quick = [("starts", 1, 0), ("starts", 2, 0), ("fell", 3, 0)];
        assert_eq!(watch(&quick), (3, true));
        let given_up = [("starts", 1, 0), ("given up", 3, 0)];
        assert_eq!(watch(&given_up), (2, false));
        // It came up after the change had ended, and nobody had to start it again: not the change's.
        let mut later = Watch::new(std::iter::empty(), at(10_000));
        assert!(later.look(&[stands("a", "runs", 0, 10_100)], at(10_200)));
    }

    #[test]
    fn one_that_stumbles_is_no_one_that_falls() {
        let again = ("runs", 1, 10_300);
        let stumbles = [("fell", 0, 0), ("starts", 1, 0), again, again];
        assert_eq!(watch(&stumbles), (4, false), "it runs, though not for long");
        let stays = [&stumbles[..], &[again; 8]].concat();
        assert_eq!(watch(&stays), (8, false));
        // It takes its time for the second start.
        let slow = [&[("fell", 0, 0)][..], &[("starts", 1, 0); 30]].concat();
        assert_eq!(watch(&slow), (31, false));
        // It waits for its next start longer than anybody watches.
        assert_eq!(watch(&[("fell", 0, 0); 30]), (30, true));
        assert_eq!(watch(&[("fell", 0, 0), ("given up", 0, 0)]), (2, false));
    }

    #[test]
    fn one_that_is_started_again_on_purpose_holds_nobody_up() {
        let polls = [("runs", 4, 9_990), ("rests", 4, 0), ("runs", 5, 10_390)];
        assert_eq!(watch(&polls), (2, false));
        let starting = [("starts", 4, 0), ("rests", 4, 0)];
        assert_eq!(watch(&starting), (2, false));
        // Until it falls, too.
        let mut watch = Watch::new(std::iter::empty(), at(10_000));
        let one = |how| [stands("a", how, 1, 10_000), stands("b", "fell", 0, 0)];
        watch.look(&one("rests"), at(10_000));
        watch.look(&one("fell"), at(10_200));
        assert_eq!(watch.falling(), ["a", "b"]);
    }

    #[test]
    fn what_fell_before_is_not_blamed_on_the_change() {
        let now = at(100_000);
        let shaky = |how, restarts, since| stands("a", how, restarts, since).is_shaky(now);
        assert!(shaky("fell", 0, 0));
        assert!(shaky("starts", 1, 0));
        assert!(shaky("runs", 1, 50_000));
        assert!(!shaky("runs", 1, 30_000), "it has stayed up");
        assert!(!shaky("runs", 0, 99_000));
        assert!(!shaky("starts", 0, 0));
        assert!(!shaky("rests", 9, 0));
        let mut watch = Watch::new(["a"].into_iter(), at(10_000));
        assert!(watch.look(&[stands("a", "fell", 1, 0)], at(10_000)));
        assert!(!watch.look(&[stands("b", "fell", 1, 0)], at(10_000)));
        // Stopped, and not told any more.
        assert!(watch.look(&[], at(10_200)));
        assert!(watch.falling().is_empty());
    }

    #[test]
    fn services_are_read_as_systemd_tells_of_them() {
        let told = "\
Result=exit-code
NRestarts=3
Id=loops.service
ActiveState=activating
SubState=auto-restart
ActiveEnterTimestampMonotonic=0

Result=success
NRestarts=0
Id=web.service
ActiveState=active
SubState=running
ActiveEnterTimestampMonotonic=10300000

odd=1
";
        let read = parse(told);
        assert_eq!(
            read,
            [
                stands("loops.service", "fell", 3, 0),
                stands("web.service", "runs", 0, 10_300)
            ]
        );
        assert!(parse("").is_empty());
    }
}
