//! Probes: what must hold of the host, tried from the host itself, all at the same time.

mod attempt;
mod http;
mod listening;
pub(crate) mod reach;

use super::clock::Deadline;
use super::system;
use crate::host::Host;
use attempt::{asks, attempt};
use infra_model::change::ProbeResult;
use infra_model::contract::Probe;
use infra_model::duration::seconds;
use infra_model::{Code, Diagnostic, NeedName};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

type Probes = BTreeMap<NeedName, Probe>;

/// The built-in one: no unit has failed that had not.
const UNITS: &str = "units";
/// Before a change each is tried once, and not for long.
const BASELINE: u64 = 5;
/// How long one try may take, if there is still so much time.
const TRY: Duration = Duration::from_secs(10);

/// What one try has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) holds: bool,
    pub(crate) saw: String,
}

impl Seen {
    pub(crate) fn yes(saw: impl Into<String>) -> Self {
        Self {
            holds: true,
            saw: saw.into(),
        }
    }

    pub(crate) fn no(saw: impl Into<String>) -> Self {
        Self {
            holds: false,
            saw: saw.into(),
        }
    }
}

/// The longest that any of them may take, in seconds.
pub(crate) fn longest(probes: &Probes) -> u64 {
    let units = 10;
    let longest = probes.values().map(within).max();
    longest.unwrap_or_default().saturating_add(units)
}

fn within(probe: &Probe) -> u64 {
    seconds(&probe.within).unwrap_or(30)
}

/// Whether each holds before the change: one try.
pub(crate) fn baseline(host: &Host, probes: &Probes) -> Vec<ProbeResult> {
    each(probes, |probe| {
        let seen = attempt(host, probe, Duration::from_secs(BASELINE))?;
        Some((seen.holds, seen))
    })
    .into_iter()
    .map(|mut result| {
        result.before = result.holds.take();
        result
    })
    .collect()
}

/// Tries each until it holds often enough in a row, or its time is over.
pub(crate) fn until_they_hold(
    host: &Host,
    probes: &Probes,
    abort: &dyn Fn() -> bool,
) -> Vec<ProbeResult> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let all = scope.spawn(|| each(probes, |probe| prove(host, probe, &stop)));
        while !all.is_finished() {
            if abort() {
                stop.store(true, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(20));
        }
        all.join().unwrap_or_default()
    })
}

fn prove(host: &Host, probe: &Probe, stop: &AtomicBool) -> Option<(bool, Seen)> {
    let until = Deadline::after(within(probe));
    let every =
        Duration::from_secs(seconds(&probe.every).unwrap_or(1)).max(Duration::from_millis(50));
    let mut row = 0;
    loop {
        // The last try may begin when there is no time left: a `within` of nothing is one try.
        let limit = until.left().clamp(Duration::from_secs(1), TRY);
        let seen = attempt(host, probe, limit)?;
        row = if seen.holds { row + 1 } else { 0 };
        if row >= probe.successes {
            return Some((true, seen));
        }
        let over = until.is_over() || stop.load(Ordering::Relaxed);
        if over {
            let saw = match row {
                0 => seen.saw,
                _ => format!("{}, {row} times in a row of {}", seen.saw, probe.successes),
            };
            return Some((false, Seen { holds: false, saw }));
        }
        thread::sleep(every.min(until.left()));
    }
}

/// All at the same time. What gives nothing is not for this host to try.
fn each(
    probes: &Probes,
    try_it: impl Fn(&Probe) -> Option<(bool, Seen)> + Sync,
) -> Vec<ProbeResult> {
    let try_it = &try_it;
    thread::scope(|scope| {
        let running: Vec<_> = probes
            .iter()
            .map(|(name, probe)| (name, probe, scope.spawn(move || try_it(probe))))
            .collect();
        let mut results = Vec::new();
        for (name, probe, thread) in running {
            let (holds, saw) = match thread.join() {
                Ok(Some((holds, seen))) => (Some(holds), seen.saw),
                Ok(None) => (None, "the command asks that, not this host".to_owned()),
                Err(_) => (Some(false), "trying it failed: a bug of infra".to_owned()),
            };
            results.push(ProbeResult {
                name: name.as_str().to_owned(),
                asks: asks(probe),
                before: None,
                holds,
                critical: probe.critical,
                saw: super::log::plain(&saw),
            });
        }
        results
    })
}

/// The built-in probe, where there is a systemd to ask. `falling` are services that are started again and again.
pub(crate) fn units(host: &Host, known: &[String], falling: &[String]) -> Option<ProbeResult> {
    if !host.has_systemd() {
        return None;
    }
    let failed: Vec<_> = system::settled_failed_units(host)
        .into_iter()
        .filter(|unit| !known.contains(unit))
        .collect();
    let told = |what: &str, units: &[String]| {
        (!units.is_empty()).then(|| format!("{what}: {}", units.join(", ")))
    };
    let saw: Vec<String> = [
        told("failed", &failed),
        told("fall again and again", falling),
    ]
    .into_iter()
    .flatten()
    .collect();
    Some(ProbeResult {
        name: UNITS.to_owned(),
        asks: "no unit newly failed".to_owned(),
        before: None,
        holds: Some(saw.is_empty()),
        critical: true,
        saw: match saw.as_slice() {
            [] => "none".to_owned(),
            saw => saw.join("; "),
        },
    })
}

fn failed(results: &[ProbeResult], critical: bool) -> impl Iterator<Item = &ProbeResult> {
    results
        .iter()
        .filter(move |one| one.holds == Some(false) && one.critical == critical)
}

/// One sentence for each that does not hold and is not critical.
pub(crate) fn warnings(results: &[ProbeResult]) -> Vec<String> {
    failed(results, false).map(sentence).collect()
}

fn sentence(result: &ProbeResult) -> String {
    let before = match result.before {
        Some(true) => "; it held before the change",
        Some(false) => "; it did not hold before the change either",
        None => "",
    };
    format!(
        "the probe `{}` ({}) does not hold: {}{before}",
        result.name, result.asks, result.saw
    )
}

/// Why the change does not count, if a critical one does not hold.
pub(crate) fn failure(probes: &Probes, results: &[ProbeResult]) -> Option<Diagnostic> {
    let failed: Vec<_> = failed(results, true).collect();
    let first = failed.first()?;
    let more = match failed.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    let title = format!(
        "the probe `{}` ({}) does not hold after the change{more}",
        first.name, first.asks
    );
    let cause: Vec<_> = failed.iter().map(|one| sentence(one)).collect();
    let fix = if first.name == UNITS {
        "see the log of that unit (journalctl -u), correct the configuration and deploy again"
    } else {
        "correct what the probe found, or the probe, and deploy again"
    };
    let declared = probes
        .iter()
        .find(|(name, _)| name.as_str() == first.name)
        .and_then(|(_, probe)| probe.declared.first());
    let fault = Diagnostic::new(Code::ProbeFailed, title)
        .with_cause(cause.join("\n"))
        .with_fix(fix);
    Some(match declared {
        Some(declared) => fault.with_place(declared.place()),
        None => fault,
    })
}

#[cfg(test)]
mod tests;
