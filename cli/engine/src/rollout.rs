//! Which hosts may begin to change now: waves, providers before those who want something of them, and how much may go wrong.

use infra_model::HostName;
use infra_plan::Rollout;
use std::collections::BTreeSet;

/// Where the hosts of a run are.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Hosts that are in the middle of a change.
    pub(crate) changing: BTreeSet<HostName>,
    /// Hosts of which something failed.
    pub(crate) failed: BTreeSet<HostName>,
    /// Hosts that were left alone because of others.
    pub(crate) held: BTreeSet<HostName>,
    /// Hosts that something will still be done on, or is being done.
    pub(crate) open: BTreeSet<HostName>,
}

/// Whether a host may begin to change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Go,
    Wait,
    /// It will not be changed in this run, because of this.
    Never(String),
}

/// Whether `host` may begin to change, given where the others are.
pub(crate) fn gate(rollout: &Rollout, host: &HostName, standing: &Standing) -> Gate {
    let wave_of = |host: &HostName| rollout.waves.get(host).copied().unwrap_or(0);
    let wave = wave_of(host);
    let providers = rollout.after.get(host);
    for provider in providers.into_iter().flatten() {
        let what = match () {
            () if standing.failed.contains(provider) => "failed",
            () if standing.held.contains(provider) => "was left alone",
            () => continue,
        };
        return Gate::Never(format!("{provider}, which it wants something of, {what}"));
    }
    let failed = standing.failed.len();
    match rollout.max_failures {
        Some(most) if failed > most => {
            let noun = if failed == 1 { "host" } else { "hosts" };
            return Gate::Never(format!("{failed} {noun} failed, and {most} may"));
        }
        Some(_) => {}
        None => {
            if let Some(lost) = standing.failed.iter().find(|one| wave_of(one) < wave) {
                return Gate::Never(format!("{lost} of an earlier wave failed"));
            }
        }
    }
    let waits_for = |one: &HostName| {
        one != host && (wave_of(one) < wave || providers.is_some_and(|all| all.contains(one)))
    };
    let full = rollout
        .max_unavailable
        .is_some_and(|most| standing.changing.len() >= most.max(1));
    if full || standing.open.iter().any(waits_for) {
        Gate::Wait
    } else {
        Gate::Go
    }
}
