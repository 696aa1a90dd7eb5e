//! What is needed before hosts are built: nothing is open, and what recipes make is there and not due.

use super::fill;
use crate::args::Fill;
use crate::contracts::Contracts;
use crate::due::{self, Look};
use crate::facts::{learn, note, to_be_asked, unasked};
use crate::making::{self, Made};
use crate::vault::Vault;
use crate::workspace::Workspace;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_drive::secret::store::Store;
use infra_model::{Diagnostic, HostSpec};
use infra_plan::making::{Extent, Task};
use infra_plan::recipes;

/// What of that which recipes make is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    /// Values, without which a system cannot be evaluated.
    Values,
    /// Everything.
    All,
    /// Nothing: it is only said.
    Told,
}

/// Brings together what the hosts need. Whatever is open of any of them is told at once, and nothing is begun. What recipes can make, or are to
/// make anew, is made then, and written into the repository.
pub(super) async fn fill_all(
    workspace: &Workspace,
    evaluator: &Evaluator,
    hosts: &[HostSpec],
    (given, what): (&Fill, Make),
) -> Result<Contracts, Vec<Diagnostic>> {
    let mut contracts = fill(workspace, evaluator, hosts, given).await?;
    if what == Make::All {
        contracts = asked(workspace, evaluator, contracts, (hosts, given)).await?;
    } else {
        let to_be_asked = to_be_asked(&contracts, hosts);
        contracts.warnings.extend(to_be_asked);
    }
    // A host that could not be asked fails alone.
    let able = |host: &&HostSpec| !contracts.unable.contains_key(&host.name);
    let hosts: &[HostSpec] = &hosts.iter().filter(able).cloned().collect::<Vec<_>>();
    let open = contracts.open(hosts.iter().map(|host| &host.name));
    if !open.is_empty() {
        return Err(open);
    }
    let names = hosts.iter().map(|host| &host.name);
    let is_missing = !contracts.makeable(names, what != Make::Values).is_empty();
    if !is_missing && !may_be_due(workspace, &contracts, hosts, what) {
        return Ok(contracts);
    }
    let stop = Stop::never();
    let vault = Vault::open(workspace, evaluator, &stop).await;
    let planned = vault.and_then(|vault| {
        let tasks = making::tasks(&vault, &extent(&vault.contracts, hosts, what))?;
        Ok((vault, tasks))
    });
    let (vault, tasks) = match planned {
        Ok(planned) => planned,
        Err(faults) if is_missing => return Err(faults),
        // Another host may be what is broken: these have all they need.
        Err(faults) => {
            contracts.warnings.extend(faults);
            return Ok(contracts);
        }
    };
    if what == Make::Told {
        let notes = tasks.iter().map(due::announced);
        contracts.warnings.extend(notes);
        return Ok(contracts);
    }
    let mut made = make((&vault, evaluator), &tasks, (hosts, given)).await?;
    made.warnings.extend(contracts.learned.iter().cloned());
    made.learned = contracts.learned;
    made.unable = contracts.unable;
    Ok(made)
}

/// Asks hosts for what only they know and nobody gives. A host that does not answer fails alone.
async fn asked(
    workspace: &Workspace,
    evaluator: &Evaluator,
    contracts: Contracts,
    (hosts, given): (&[HostSpec], &Fill),
) -> Result<Contracts, Vec<Diagnostic>> {
    let questions = unasked(&contracts, hosts);
    if questions.is_empty() {
        return Ok(contracts);
    }
    let learned = learn(workspace, &questions, &Stop::never()).await;
    let mut contracts = fill(workspace, evaluator, hosts, given).await?;
    for (host, learned) in learned {
        let notes = learned.facts.iter().filter_map(|fact| note(&host, fact));
        contracts.learned.extend(notes);
        if !learned.faults.is_empty() {
            contracts.unable.insert(host, learned.faults);
        }
    }
    contracts.warnings.extend(contracts.learned.iter().cloned());
    Ok(contracts)
}

async fn make(
    (vault, evaluator): (&Vault<'_>, &Evaluator),
    tasks: &[Task],
    (hosts, given): (&[HostSpec], &Fill),
) -> Result<Contracts, Vec<Diagnostic>> {
    let done = making::generate(vault, evaluator, (tasks, true), &Stop::never()).await?;
    let mut contracts = fill(vault.workspace(), evaluator, hosts, given).await?;
    let notes = done.made.iter().map(Made::note);
    contracts.warnings.extend(notes);
    contracts.warnings.extend(done.put_off);
    Ok(contracts)
}

fn extent(contracts: &Contracts, hosts: &[HostSpec], what: Make) -> Extent {
    let names = || hosts.iter().map(|host| &host.name);
    Extent::Due {
        missing: contracts.makeable(names(), what != Make::Values),
        hosts: names().cloned().collect(),
        only: (what == Make::Values).then(|| due::values_of(contracts, names())),
    }
}

/// Whether anything may be due, as far as it can be told from these hosts alone: all others are only looked at if so.
fn may_be_due(
    workspace: &Workspace,
    contracts: &Contracts,
    hosts: &[HostSpec],
    what: Make,
) -> bool {
    let manifests = contracts
        .hosts
        .iter()
        .map(|(host, contract)| (host.clone(), contract.manifest().clone()))
        .collect();
    let jobs = recipes::jobs(&manifests);
    // A shared need may be declared by another host.
    if !jobs.faults.is_empty() {
        return true;
    }
    let store = Store::of_repo(workspace.repo.root());
    let look = Look {
        contracts,
        store: &store,
    };
    look.tasks(&jobs.order, &extent(contracts, hosts, what))
        .map_or(true, |tasks| !tasks.is_empty())
}
