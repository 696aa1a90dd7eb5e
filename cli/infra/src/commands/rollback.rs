//! `infra rollback`: back to a system that a host ran before, as a transaction like any other.

use super::refuse;
use crate::args::{Global, Rollback};
use crate::record::Subject;
use crate::transaction::{self, Terms, Transaction};
use crate::workspace::Workspace;
use infra_model::Goal;
use infra_model::answer::Exit;
use std::sync::Arc;

const NAME: &str = "rollback";

pub(super) async fn run(global: &Global, args: &Rollback) -> Exit {
    let reboot = match args.boots.with(Goal::Switch) {
        Ok(reboot) => reboot,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let workspace = match Workspace::open(global) {
        Ok(workspace) => Arc::new(workspace),
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let selected = match workspace.select_to_act(&args.selection) {
        Ok(selected) => selected,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let evaluator = match super::evaluator(global, &workspace) {
        Ok(evaluator) => evaluator,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let none = crate::contracts::Contracts::default();
    let rollout = match transaction::rollout(&workspace, &selected.hosts, &none, &args.pace) {
        Ok(rollout) => rollout,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let limits = transaction::limits(&workspace, &args.pace);
    let terms = Terms {
        global,
        command: NAME,
        goal: Goal::Switch,
        dry_run: args.dry_run,
        yes: args.yes,
        undo: false,
    };
    let begun = Transaction::begin(terms, workspace, evaluator, &args.pace);
    let mut transaction = match begun.await {
        Ok(transaction) => transaction,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    transaction.rollout = rollout;
    let names = transaction.announce_selected(&selected, "have no generations of a system");
    let outcome = transaction.perform_open(&infra_plan::ask(&names)).await;
    let mut decisions = Vec::new();
    for seen in transaction.seen(&selected.hosts, &outcome) {
        let name = seen.spec.name;
        match infra_plan::rollback(&name, &seen.state, args.to, limits, reboot) {
            Ok(decision) => {
                let subject = Subject {
                    wanted: decision.system().cloned(),
                    ..Subject::seen(&seen.state)
                };
                transaction.note(&name, subject);
                decisions.push(decision);
            }
            Err(fault) => transaction.fail(&name, fault),
        }
    }
    transaction.tell_decisions(&decisions);
    transaction.act(decisions).await;
    transaction.finish(None).await
}
