//! `infra eval`: which derivation builds each host, and what comes out.

use super::{answer, refuse};
use crate::args::{Evaluate, Global};
use crate::hands::{Purpose, Wire};
use crate::run::Run;
use crate::workspace::Workspace;
use infra_engine::Outcome;
use infra_model::answer::{Answer, Evaluated, Exit};
use infra_model::{Diagnostic, Finding, HostName, HostSpec, StepKind};
use infra_view::table;
use std::sync::Arc;

pub(super) async fn run(global: &Global, args: &Evaluate) -> Exit {
    const NAME: &str = "eval";
    let workspace = match Workspace::open(global) {
        Ok(workspace) => Arc::new(workspace),
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let selected = match workspace.select_to_act(&args.selection) {
        Ok(selected) => selected,
        Err(faults) => return refuse(NAME, global, faults),
    };
    // One answer at the end and no stream: the events of a mere question interest a person at a terminal, not a program.
    let quiet = Global {
        json: false,
        ..global.clone()
    };
    let evaluator = match super::evaluator(global, &workspace) {
        Ok(evaluator) => evaluator,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    // What is open is told and stops nothing: an evaluation that does not need it goes through.
    let contracts = match super::fill(&workspace, &evaluator, &selected.hosts, &args.fill).await {
        Ok(contracts) => contracts,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let open = contracts.open(selected.hosts.iter().map(|host| &host.name));
    let wire = Arc::new(Wire::new(Arc::clone(&workspace), evaluator, Purpose::Look));
    let mut run = Run::begin(&quiet, None);
    let names: Vec<HostName> = selected
        .hosts
        .iter()
        .map(|host| host.name.clone())
        .collect();
    let outcome = run
        .perform_open(&infra_plan::survey(&names, false), &wire)
        .await;
    let mut warnings = contracts.warnings;
    warnings.extend(open);
    warnings.extend(wire.close().await);
    super::warn(global, &warnings);
    let (hosts, errors) = sort_out(&selected.hosts, outcome);
    let exit = if run.interrupted() {
        Exit::Interrupted
    } else {
        Exit::of_hosts(hosts.len(), errors.len())
    };
    let rows: Vec<Vec<String>> = hosts
        .iter()
        .map(|host| {
            vec![
                host.name.to_string(),
                host.out_path.to_string(),
                host.drv_path.to_string(),
            ]
        })
        .collect();
    let text = table::render(&["HOST", "SYSTEM", "DERIVATION"], &rows);
    let told = Answer::new(NAME, hosts, errors).with_warnings(warnings);
    answer(global, &told, &text);
    exit
}

fn sort_out(hosts: &[HostSpec], mut outcome: Outcome) -> (Vec<Evaluated>, Vec<Diagnostic>) {
    let evaluated = hosts
        .iter()
        .filter_map(|host| {
            let key = (host.name.clone(), StepKind::Evaluate);
            let Some(Finding::System(system)) = outcome.findings.remove(&key) else {
                return None;
            };
            Some(Evaluated {
                name: host.name.clone(),
                tree_id: system.tree,
                cached: system.remembered,
                drv_path: system.answer.toplevel.drv,
                out_path: system.answer.toplevel.out,
                seconds: system.seconds,
                peak_bytes: system.peak_bytes,
            })
        })
        .collect();
    (evaluated, outcome.errors)
}
