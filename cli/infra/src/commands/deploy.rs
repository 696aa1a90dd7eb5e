//! `infra deploy`: look, decide, act.

use super::ready::{Make, fill_all};
use super::refuse;
use crate::args::{Deploy, Global};
use crate::bundles::Bundler;
use crate::opener::Opener;
use crate::transaction::{self, Look, Terms, Transaction};
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_model::Goal;
use infra_model::answer::Exit;
use std::sync::Arc;

const NAME: &str = "deploy";

pub(super) async fn run(global: &Global, args: &Deploy) -> Exit {
    let goal: Goal = args.goal.into();
    let reboot = match args.boots.with(goal) {
        Ok(reboot) => reboot,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let workspace = match Workspace::open(global) {
        Ok(workspace) => Arc::new(workspace),
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let mut selected = match workspace.select_to_act(&args.selection) {
        Ok(selected) => selected,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let evaluator = match super::evaluator(global, &workspace) {
        Ok(evaluator) => evaluator,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let make = if args.dry_run { Make::Told } else { Make::All };
    let fill = (&args.fill, make);
    let filled = fill_all(&workspace, &evaluator, &selected.hosts, fill).await;
    let contracts = match filled {
        Ok(contracts) => contracts,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let rollout = match transaction::rollout(&workspace, &selected.hosts, &contracts, &args.pace) {
        Ok(rollout) => rollout,
        Err(faults) => return refuse(NAME, global, faults),
    };
    // Hosts that could not be asked for what only they know fail alone: nothing can be evaluated for them.
    selected
        .hosts
        .retain(|host| !contracts.unable.contains_key(&host.name));
    let terms = Terms {
        global,
        command: NAME,
        goal,
        dry_run: args.dry_run,
        yes: args.yes,
        undo: false,
    };
    let begun = Transaction::begin(terms, Arc::clone(&workspace), evaluator, &args.pace);
    let mut transaction = match begun.await {
        Ok(transaction) => transaction,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    transaction.rollout = rollout;
    transaction.announce_selected(&selected, "cannot be deployed by this version");
    for (host, faults) in &contracts.unable {
        transaction.fail_with(host, faults);
    }
    let mut bundler = Bundler::new(&workspace, Opener::new(&workspace, Stop::never()));
    let known = transaction
        .look(Look {
            hosts: &selected.hosts,
            contracts: &contracts,
            bundler: &mut bundler,
            limits: transaction::limits(&workspace, &args.pace),
            reboot,
        })
        .await;
    let (decisions, _) = infra_plan::deploy(&known, goal);
    transaction.tell_decisions(&decisions);
    if !args.dry_run {
        let decisions = transaction.seal(decisions, &contracts, &mut bundler).await;
        transaction.act(decisions).await;
    }
    transaction.finish(Some(contracts)).await
}
