//! How a transaction goes: what was typed, else what `infra.toml` says, else what is usual.

use crate::args::Pace;
use crate::contracts::Contracts;
use crate::workspace::Workspace;
use infra_model::change::Limits;
use infra_model::{Diagnostic, HostName, HostSpec};
use infra_plan::Rollout;
use infra_plan::rollout::Providers;

/// How long the parts of a change may take.
pub(crate) fn limits(workspace: &Workspace, pace: &Pace) -> Limits {
    let settings = &workspace.contents.settings.deploy;
    let usual = Limits::default();
    Limits {
        activate: pace
            .activate_within
            .or(settings.activate_within)
            .unwrap_or(usual.activate),
        confirm: pace
            .confirm_within
            .or(settings.confirm_within)
            .unwrap_or(usual.confirm),
    }
}

/// In which order the hosts change, and how much may go wrong.
pub(crate) fn rollout(
    workspace: &Workspace,
    hosts: &[HostSpec],
    contracts: &Contracts,
    pace: &Pace,
) -> Result<Rollout, Vec<Diagnostic>> {
    let contents = &workspace.contents;
    let settings = &contents.settings;
    let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
    let providers: Providers = contracts
        .hosts
        .iter()
        .map(|(host, contract)| {
            let of = contract.answers.values().flat_map(|of| of.keys().cloned());
            (host.clone(), of.collect())
        })
        .collect();
    let canaries = pace.canary.or(settings.deploy.canaries).unwrap_or(0);
    let order = infra_plan::rollout::rollout(
        &contents.fleet,
        &settings.waves,
        &names,
        canaries,
        &providers,
    )?;
    Ok(Rollout {
        max_unavailable: pace.max_unavailable.or(settings.deploy.max_unavailable),
        max_failures: pace.max_failures.or(settings.deploy.max_failures),
        ..order
    })
}
