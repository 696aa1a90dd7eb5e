//! How a host stands: what it is, what the last run left it as, and what the repository wants it to be.

use crate::Secrets;
use infra_model::answer::HostStands;
use infra_model::change::{ChangePhase, ChangeStatus};
use infra_model::receipt::{HostReceipt, RunReceipt};
use infra_model::{Goal, HostName, HostOutcome, HostState, StorePath};

/// What is known of a host.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The host.
    pub host: &'a HostName,
    /// What it says of itself.
    pub state: &'a HostState,
    /// What the repository wants; else why that cannot be told.
    pub wanted: Result<&'a Wanted, &'a str>,
    /// Receipts that may be about it, newest first.
    pub receipts: &'a [RunReceipt],
}

/// What the repository wants a host to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its system.
    pub system: StorePath,
    /// Its secrets; else why they cannot be told.
    pub secrets: Result<Secrets, String>,
}

/// How a host stands, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// In one word.
    pub stands: HostStands,
    /// Why, in words; none if it is in sync.
    pub reasons: Vec<String>,
    /// The run that last left it in a state that is known.
    pub last_run: Option<String>,
    /// The tree of the system that it runs, if a run put it there.
    pub tree: Option<String>,
}

/// What the last run left.
struct Left<'a> {
    run: &'a RunReceipt,
    host: &'a HostReceipt,
}

impl<'a> Left<'a> {
    /// The newest receipt that says something about what the host is since.
    fn find(facts: &Facts<'a>) -> Option<Self> {
        facts
            .receipts
            .iter()
            .filter(|run| run.goal != Some(Goal::DryActivate))
            .filter_map(|run| {
                Some(Self {
                    run,
                    host: run.host(facts.host)?,
                })
            })
            .find(|left| match left.host.result.outcome {
                HostOutcome::Changed | HostOutcome::Unchanged | HostOutcome::RolledBack => true,
                // One that never came to the host says nothing.
                HostOutcome::Failed => left.host.result.before.is_some(),
                HostOutcome::Skipped => false,
            })
    }

    fn failed(&self) -> bool {
        self.host.result.outcome == HostOutcome::Failed
    }

    /// Whether the host may run this without anybody else having done something. A run that failed may have left it on either side.
    fn explains(&self, system: &StorePath) -> bool {
        let result = &self.host.result;
        let either = [&result.before, &self.host.wanted];
        let known = [&result.after, &self.host.boot];
        let of = if self.failed() { either } else { known };
        of.iter().any(|one| one.as_ref() == Some(system))
    }

    fn runs(&self) -> String {
        let system = if self.failed() {
            self.host.result.before.as_ref()
        } else {
            self.host.result.after.as_ref()
        };
        system.map_or_else(|| "no system".to_owned(), StorePath::short)
    }
}

/// Says how a host stands.
pub fn of(facts: &Facts<'_>) -> Standing {
    let left = Left::find(facts);
    let drift = drift(facts, left.as_ref());
    let behind = behind(facts);
    let untold = untold(facts);
    let change = facts.state.open_change();
    let stands = if change.is_some() {
        HostStands::Changing
    } else if !drift.is_empty() {
        HostStands::Drifted
    } else if !untold.is_empty() {
        HostStands::Unknown
    } else if !behind.is_empty() {
        HostStands::Behind
    } else {
        HostStands::InSync
    };
    let changing = change.map(|change| changing(change, facts.state.clock));
    Standing {
        stands,
        reasons: changing
            .into_iter()
            .chain(drift)
            .chain(behind)
            .chain(untold)
            .chain(waits_for_a_boot(facts))
            .collect(),
        last_run: left.map(|left| left.run.run.clone()),
        tree: tree(facts),
    }
}

/// Nothing that keeps a host from being in sync: what it runs is what is wanted, and part of it acts at a boot alone.
fn waits_for_a_boot(facts: &Facts<'_>) -> Option<String> {
    facts.state.boot_pending.then(|| {
        format!(
            "was booted with another kernel, initial ramdisk, kernel modules or command line than those of what it runs: infra deploy {} --reboot boots it",
            facts.host
        )
    })
}

/// What is not as it was left.
fn drift(facts: &Facts<'_>, left: Option<&Left<'_>>) -> Vec<String> {
    let state = facts.state;
    let mut reasons = Vec::new();
    let wanted = facts.wanted.ok();
    if let Some(current) = &state.current
        && wanted.is_none_or(|wanted| wanted.system != *current)
    {
        match left {
            None => reasons.push(format!(
                "runs {}, and no receipt known here says who put it there",
                current.short()
            )),
            Some(left) if !left.explains(current) => reasons.push(format!(
                "runs {}, but run {} left it on {}",
                current.short(),
                left.run.run,
                left.runs()
            )),
            Some(_) => {}
        }
    }
    reasons.extend(divided(state, left));
    let held = Secrets::held_by(state);
    if held.is_some() && state.secrets.as_ref().is_some_and(|has| !has.in_place) {
        reasons.push("has its secrets, but not in place".to_owned());
    }
    let as_wanted = wanted.is_some_and(|wanted| {
        let secrets = wanted.secrets.as_ref();
        secrets.is_ok_and(|secrets| secrets.name() == held)
    });
    if let Some(left) = left
        && !left.failed()
        && !as_wanted
        && let Some(secrets) = &left.host.secrets
        && secrets != held.unwrap_or_default()
    {
        reasons.push(format!(
            "its secrets are not those that run {} left there",
            left.run.run
        ));
    }
    reasons
}

/// A host that runs one system and would boot another.
fn divided(state: &HostState, left: Option<&Left<'_>>) -> Option<String> {
    if state.current == state.boot_default {
        return None;
    }
    let name = |system: &Option<StorePath>| {
        system.as_ref().map_or_else(
            || "no system of infra or NixOS".to_owned(),
            StorePath::short,
        )
    };
    let why = left
        .filter(|left| left.host.result.outcome == HostOutcome::Changed)
        .filter(|left| left.host.result.after == state.current)
        .filter(|left| left.host.boot == state.boot_default)
        .and_then(|left| match left.run.goal {
            Some(Goal::Test) => Some(format!(": run {} only tested it", left.run.run)),
            Some(Goal::Boot) => Some(format!(": run {} left it to the next boot", left.run.run)),
            _ => None,
        });
    Some(format!(
        "runs {}, but would boot {}{}",
        name(&state.current),
        name(&state.boot_default),
        why.unwrap_or_default()
    ))
}

/// What the repository wants otherwise.
fn behind(facts: &Facts<'_>) -> Vec<String> {
    let Ok(wanted) = facts.wanted else {
        return Vec::new();
    };
    let mut reasons = Vec::new();
    if facts.state.current.as_ref() != Some(&wanted.system) {
        let yet = match facts.state.current {
            Some(_) => "",
            None => "runs no system of infra or NixOS yet; ",
        };
        reasons.push(format!(
            "{yet}the repository wants {}",
            wanted.system.short()
        ));
    }
    if let Ok(secrets) = &wanted.secrets
        && Secrets::held_by(facts.state) != secrets.name()
    {
        reasons.push(secrets.reason(facts.state));
    }
    reasons
}

/// What of it cannot be told.
fn untold(facts: &Facts<'_>) -> Vec<String> {
    match facts.wanted {
        Err(why) => vec![format!("what it should be cannot be told: {why}")],
        Ok(wanted) => wanted
            .secrets
            .as_ref()
            .err()
            .map(|why| format!("which secrets it should have cannot be told: {why}"))
            .into_iter()
            .collect(),
    }
}

fn changing(change: &ChangeStatus, clock: Option<u64>) -> String {
    let phase = match change.phase {
        ChangePhase::Armed => "about to begin",
        ChangePhase::Activating => "activating",
        ChangePhase::Booting => "being booted",
        ChangePhase::Probing => "trying its probes",
        ChangePhase::Awaiting => "waiting to be confirmed",
        ChangePhase::Committing => "being made the boot default",
        ChangePhase::Restoring => "being taken back",
        ChangePhase::Ended => "at its end",
    };
    let since = clock.and_then(|now| now.checked_sub(change.since));
    let since = since.map_or_else(String::new, |seconds| format!(", for {seconds}s"));
    let told = format!(
        "{} is changing it{since}: run {} is {phase}",
        change.by, change.run
    );
    if change.alive {
        told
    } else {
        told + ", but nobody on the host goes on with it: infra deploy ends it first"
    }
}

/// The tree of what runs, from the newest receipt that put it there.
fn tree(facts: &Facts<'_>) -> Option<String> {
    let current = facts.state.current.as_ref()?;
    let found = facts
        .receipts
        .iter()
        .filter_map(|run| run.host(facts.host))
        .filter(|host| host.result.outcome.is_good())
        .find(|host| host.wanted.as_ref() == Some(current))?;
    found.result.tree.clone()
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
