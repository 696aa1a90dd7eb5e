//! Looks at everything first: every host's state, every host's system, which secrets each is to have, and how it proves itself.

use super::Transaction;
use crate::bundles::Bundler;
use crate::contracts::{Contract, Contracts};
use crate::record::Subject;
use infra_engine::Outcome;
use infra_model::change::{ChangeStatus, Limits, Reboot};
use infra_model::contract::Probe;
use infra_model::{
    Code, Diagnostic, Evaluation, Finding, HostName, HostSpec, HostState, NeedName, StepKind,
};
use infra_plan::{Decision, Known, Secrets};
use std::collections::BTreeMap;

/// What is looked at, and with which eyes.
pub(crate) struct Look<'l, 'b> {
    pub(crate) hosts: &'l [HostSpec],
    pub(crate) contracts: &'l Contracts,
    pub(crate) bundler: &'l mut Bundler<'b>,
    pub(crate) limits: Limits,
    pub(crate) reboot: Reboot,
}

/// What a host said of itself.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) spec: HostSpec,
    pub(crate) state: HostState,
}

impl Transaction<'_> {
    /// The hosts that can be decided on. Those that cannot are settled.
    pub(crate) async fn look(&mut self, look: Look<'_, '_>) -> Vec<Known> {
        let names: Vec<HostName> = look.hosts.iter().map(|host| host.name.clone()).collect();
        let outcome = self.perform_open(&infra_plan::survey(&names, true)).await;
        let mut able = Vec::new();
        let mut look = look;
        for seen in self.seen(look.hosts, &outcome) {
            let name = seen.spec.name.clone();
            match look.known(seen, &outcome).await {
                None => {}
                Some(Ok(known)) => {
                    let private = Some(look.contracts.private(&known.name));
                    let subject = Subject {
                        private,
                        ..Subject::of(&known)
                    };
                    self.note(&known.name, subject);
                    able.push(known);
                }
                Some(Err(fault)) => self.fail(&name, fault),
            }
        }
        able
    }

    /// The hosts that answered, and that nobody else is changing right now.
    pub(crate) fn seen(&mut self, hosts: &[HostSpec], outcome: &Outcome) -> Vec<Seen> {
        let mut seen = Vec::new();
        for (host, found) in seen_of(hosts, outcome, self.id()) {
            match found {
                Ok(found) => seen.push(found),
                Err(fault) => self.fail(&host, fault),
            }
        }
        seen
    }

    /// Opens and seals the secrets of the hosts that are to be given them. Keys are used here and nowhere else, and before anything is
    /// changed: a host whose secrets cannot be opened fails alone.
    pub(crate) async fn seal(
        &mut self,
        decisions: Vec<Decision>,
        contracts: &Contracts,
        bundler: &mut Bundler<'_>,
    ) -> Vec<Decision> {
        let mut able = Vec::new();
        for decision in decisions {
            let contract = contracts
                .hosts
                .get(&decision.host)
                .filter(|_| decision.includes(StepKind::Seal));
            if let Some(contract) = contract {
                let run = self.id().to_owned();
                match bundler.seal(&decision.host, contract, &run).await {
                    Ok(sealed) => self.wire.give(&decision.host, sealed),
                    Err(fault) => {
                        self.fail(&decision.host, fault);
                        continue;
                    }
                }
            }
            able.push(decision);
        }
        able
    }
}

impl Look<'_, '_> {
    /// Everything that is decided on; `None`: its system could not be evaluated, which was told. Errors: its secrets cannot be told, and it fails
    /// alone.
    pub(crate) async fn known(
        &mut self,
        seen: Seen,
        outcome: &Outcome,
    ) -> Option<Result<Known, Diagnostic>> {
        let name = seen.spec.name;
        let system = system(&name, outcome)?;
        let contract = self.contracts.hosts.get(&name);
        let wanted = match contract {
            None => Ok(Secrets::default()),
            Some(contract) => self.bundler.wanted(&name, contract).await,
        };
        Some(wanted.map(|secrets| Known {
            name,
            build: seen.spec.build,
            state: seen.state,
            system,
            secrets,
            probes: probes(contract),
            limits: self.limits,
            reboot: self.reboot,
        }))
    }
}

/// Which hosts answered `run`, and why one that did is left alone: somebody else is changing it.
pub(crate) fn seen_of(
    hosts: &[HostSpec],
    outcome: &Outcome,
    run: &str,
) -> Vec<(HostName, Result<Seen, Diagnostic>)> {
    let mut seen = Vec::new();
    for spec in hosts {
        let found = outcome.findings.get(&(spec.name.clone(), StepKind::Survey));
        let Some(Finding::State(state)) = found else {
            continue;
        };
        let found = match state.open_change().filter(|change| change.run != run) {
            Some(change) => Err(busy(&spec.name, change)),
            None => Ok(Seen {
                spec: spec.clone(),
                state: (**state).clone(),
            }),
        };
        seen.push((spec.name.clone(), found));
    }
    seen
}

fn system(host: &HostName, outcome: &Outcome) -> Option<Evaluation> {
    match outcome.findings.get(&(host.clone(), StepKind::Evaluate))? {
        Finding::System(system) => Some((**system).clone()),
        _ => None,
    }
}

/// What must hold of a host after a change; `None`: it is not tried, on purpose.
pub(crate) fn probes(contract: Option<&Contract>) -> Option<BTreeMap<NeedName, Probe>> {
    let Some(contract) = contract else {
        return Some(BTreeMap::new());
    };
    let probes = &contract.manifest().probes;
    probes.enable.then(|| probes.probes.clone())
}

/// Whether the secrets of a host are still those that were planned with.
pub(crate) async fn sealed_as_planned(
    decision: &Decision,
    contracts: &Contracts,
    bundler: &mut Bundler<'_>,
) -> Result<(), Diagnostic> {
    let Some(planned) = decision.digest() else {
        return Ok(());
    };
    let host = &decision.host;
    let wanted = match contracts.hosts.get(host) {
        Some(contract) => bundler.wanted(host, contract).await?,
        None => Secrets::default(),
    };
    if wanted.digest == *planned {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::HostMoved,
        format!("the secrets of {host} are others than the run had planned with"),
    )
    .with_fix(format!("deploy it anew: infra deploy {host}")))
}

/// A host that somebody else is changing.
fn busy(host: &HostName, change: &ChangeStatus) -> Diagnostic {
    if !change.alive {
        return Diagnostic::new(
            Code::HostBusy,
            format!("a change of {host} was cut off in the middle"),
        )
        .with_cause(format!(
            "run {} of {} was {} there, and nothing carries it out any more",
            change.run,
            change.by,
            change.phase.as_str()
        ))
        .with_fix(format!(
            "infra deploy {host} brings it to its end first; without changing anything it cannot be decided on"
        ));
    }
    let left = change
        .remaining
        .map(|seconds| format!(", for {seconds} s at most"))
        .unwrap_or_default();
    Diagnostic::new(
        Code::HostBusy,
        format!("{} is changing {host} right now", change.by),
    )
    .with_cause(format!(
        "run {} is {} there{left}",
        change.run,
        change.phase.as_str()
    ))
    .with_fix(format!(
        "wait until it has ended (infra status {host}); if the run was interrupted: infra resume {}",
        change.run
    ))
}
