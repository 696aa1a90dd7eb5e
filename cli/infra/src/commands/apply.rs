//! `infra apply`: does what a saved plan says, if every host is still what it was when the plan was made.

use super::ready::{Make, fill_all};
use super::{one, refuse};
use crate::args::{Apply as Args, Global};
use crate::bundles::Bundler;
use crate::contracts::Contracts;
use crate::opener::Opener;
use crate::record::Subject;
use crate::transaction::{self, Seen, Terms, Transaction};
use crate::workspace::Workspace;
use infra_drive::plans;
use infra_drive::process::Stop;
use infra_engine::Outcome;
use infra_model::answer::Exit;
use infra_model::plan_file::{PlanFile, PlannedChange};
use infra_model::{
    Diagnostic, Finding, HostName, HostOutcome, HostSpec, Step, StepKind, StorePath,
};
use infra_plan::drift::{Now, drift};
use infra_plan::{Decision, saved};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const NAME: &str = "apply";

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match Box::pin(perform(global, args)).await {
        Ok(exit) => exit,
        Err(faults) => refuse(NAME, global, faults),
    }
}

async fn perform(global: &Global, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let workspace = Arc::new(Workspace::open(global).map_err(one)?);
    let mut plan = read(&workspace, &args.file).await?;
    for change in &mut plan.hosts {
        saved::within(change, args.pace.activate_within, args.pace.confirm_within);
    }
    let hosts: Vec<HostSpec> = plan
        .hosts
        .iter()
        .filter_map(|change| workspace.contents.fleet.get(&change.host).cloned())
        .collect();
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    // Only for secrets that are to be sent, and for systems whose derivation has to be made again.
    let (lost, concerned) = concerned(&plan, &hosts);
    let contracts = if concerned.is_empty() {
        Contracts::default()
    } else {
        fill_all(&workspace, &evaluator, &concerned, (&args.fill, Make::Told)).await?
    };
    let mut rollout = transaction::rollout(&workspace, &hosts, &contracts, &args.pace)?;
    (rollout.waves, rollout.after) = (waves(&plan, args.pace.canary), BTreeMap::new());
    let terms = Terms {
        global,
        command: NAME,
        goal: plan.goal,
        dry_run: false,
        yes: args.yes,
        undo: false,
    };
    let begun = Transaction::begin(terms, Arc::clone(&workspace), evaluator, &args.pace);
    let mut transaction = begun.await.map_err(one)?;
    transaction.rollout = rollout;
    let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
    transaction.announce(&names);
    let mut looks = infra_plan::ask(&names);
    for host in &lost {
        looks.add(host, Step::Evaluate, &[]);
    }
    let outcome = transaction.perform_open(&looks).await;
    let seen = transaction.seen(&hosts, &outcome);
    let mut bundler = Bundler::new(&workspace, Opener::new(&workspace, Stop::never()));
    let mut settling = Settling {
        plan: &plan,
        contracts: &contracts,
        lost: &lost,
    };
    let decisions = settling
        .decide(&mut transaction, (seen, &outcome), &mut bundler)
        .await;
    transaction.tell_decisions(&decisions);
    let decisions = transaction.seal(decisions, &contracts, &mut bundler).await;
    transaction.act(decisions).await;
    Ok(transaction.finish(Some(contracts)).await)
}

/// The plan, if it is whole and of this repository.
async fn read(workspace: &Workspace, file: &Path) -> Result<PlanFile, Vec<Diagnostic>> {
    if !workspace.contents.faults.is_empty() {
        return Err(workspace.contents.faults.clone());
    }
    let shown = file.display().to_string();
    let text = plans::read(file).map_err(one)?;
    let plan = PlanFile::parse(&shown, &text, &plans::digest).map_err(one)?;
    let repository = plans::repository(workspace.repo.root(), Stop::never()).await;
    let has = |host: &HostName| {
        let host = workspace.contents.fleet.get(host);
        host.is_some_and(|host| host.class.is_deployable())
    };
    plan.check(&shown, &repository, &has)?;
    Ok(plan)
}

/// The hosts whose derivation Nix has collected since, and all whose contract has to be filled.
fn concerned(plan: &PlanFile, hosts: &[HostSpec]) -> (Vec<HostName>, Vec<HostSpec>) {
    let has = |change: &PlannedChange, kind: StepKind| change.plan.steps.contains(&kind);
    let is_lost = |change: &PlannedChange| {
        has(change, StepKind::Build) && !Path::new(change.drv.as_str()).exists()
    };
    let lost: Vec<HostName> = plan
        .hosts
        .iter()
        .filter(|change| is_lost(change))
        .map(|change| change.host.clone())
        .collect();
    let seals = |host: &HostName| {
        let change = plan.host(host);
        change.is_some_and(|change| has(change, StepKind::Seal))
    };
    let concerned = hosts
        .iter()
        .filter(|host| lost.contains(&host.name) || seals(&host.name))
        .cloned()
        .collect();
    (lost, concerned)
}

/// The waves of the plan, after canaries if they are asked for now.
fn waves(plan: &PlanFile, canaries: Option<usize>) -> BTreeMap<HostName, u32> {
    let mut waves: BTreeMap<HostName, u32> = plan
        .hosts
        .iter()
        .filter_map(|change| Some((change.host.clone(), change.wave?)))
        .collect();
    infra_plan::rollout::send_first(&mut waves, canaries.unwrap_or(0));
    waves
}

/// Whether hosts are what the plan says, and what is done to them.
struct Settling<'s> {
    plan: &'s PlanFile,
    contracts: &'s Contracts,
    /// Hosts that were evaluated again.
    lost: &'s [HostName],
}

impl Settling<'_> {
    /// What is done to each host. If any has moved, all that moved is told, and nothing is done to any.
    async fn decide(
        &mut self,
        transaction: &mut Transaction<'_>,
        (seen, outcome): (Vec<Seen>, &Outcome),
        bundler: &mut Bundler<'_>,
    ) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let mut moved = Vec::new();
        for Seen { spec, state } in seen {
            let Some(change) = self.plan.host(&spec.name) else {
                continue;
            };
            let drv = evaluated(&spec.name, outcome);
            if drv.is_none() && self.lost.contains(&spec.name) {
                // That it does not evaluate was told.
                continue;
            }
            let now = Now {
                state: &state,
                drv: drv.as_ref(),
            };
            let mut faults: Vec<Diagnostic> = drift(change, now)
                .iter()
                .map(infra_plan::drift::Drift::diagnostic)
                .collect();
            let decision = saved::decision(change, &self.names(&spec.name));
            let subject = Subject {
                tree: Some(change.tree.clone()),
                private: change.private.clone(),
                ..Subject::seen(&state)
            };
            match decision {
                Ok(decision) => {
                    let sealed =
                        transaction::sealed_as_planned(&decision, self.contracts, bundler).await;
                    faults.extend(sealed.err());
                    transaction.note(&spec.name, wanted(subject, &decision));
                    transaction.wire.settled(&spec, &change.drv, &change.out);
                    decisions.push(decision);
                }
                Err(fault) => faults.push(fault),
            }
            if !faults.is_empty() {
                moved.push((spec.name, faults));
            }
        }
        if moved.is_empty() {
            return decisions;
        }
        for (host, faults) in &moved {
            transaction.fail_with(host, faults);
        }
        for decision in decisions {
            if moved.iter().all(|(host, _)| *host != decision.host) {
                let why = Some("another host of the plan has moved".to_owned());
                transaction.settle(&decision.host, HostOutcome::Skipped, why);
            }
        }
        Vec::new()
    }

    /// The secrets that are sent to a host.
    fn names(&self, host: &HostName) -> Vec<String> {
        let contract = self.contracts.hosts.get(host);
        contract
            .into_iter()
            .flat_map(|contract| contract.filling.secrets.keys())
            .map(ToString::to_string)
            .collect()
    }
}

/// What a receipt will say that a host was to become.
fn wanted(subject: Subject, decision: &Decision) -> Subject {
    Subject {
        wanted: decision.system().cloned(),
        wanted_secrets: decision
            .digest()
            .cloned()
            .or_else(|| subject.wanted_secrets.clone()),
        ..subject
    }
}

fn evaluated(host: &HostName, outcome: &Outcome) -> Option<StorePath> {
    match outcome.findings.get(&(host.clone(), StepKind::Evaluate))? {
        Finding::System(system) => Some(system.answer.toplevel.drv.clone()),
        _ => None,
    }
}
