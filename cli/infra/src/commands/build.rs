//! `infra build`: evaluate and build, and leave the hosts alone.

use super::ready::{Make, fill_all};
use super::{answer, refuse};
use crate::args::{Evaluate, Global};
use crate::hands::{Purpose, Wire};
use crate::run::Run;
use crate::workspace::Workspace;
use infra_engine::Outcome;
use infra_model::answer::{Answer, Built, Exit};
use infra_model::change::{Limits, Reboot};
use infra_model::{Diagnostic, Event, Finding, HostName, HostState, StepKind};
use infra_plan::{Known, Secrets};
use infra_view::table;
use std::sync::Arc;

pub(super) async fn run(global: &Global, args: &Evaluate) -> Exit {
    const NAME: &str = "build";
    let workspace = match Workspace::open(global) {
        Ok(workspace) => Arc::new(workspace),
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let selected = match workspace.select_to_act(&args.selection) {
        Ok(selected) => selected,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let names: Vec<HostName> = selected
        .hosts
        .iter()
        .map(|host| host.name.clone())
        .collect();
    let evaluator = match super::evaluator(global, &workspace) {
        Ok(evaluator) => evaluator,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let contracts = match fill_all(
        &workspace,
        &evaluator,
        &selected.hosts,
        (&args.fill, Make::Values),
    )
    .await
    {
        Ok(contracts) => contracts,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let wire = Arc::new(Wire::new(Arc::clone(&workspace), evaluator, Purpose::Build));
    let mut run = Run::begin(global, None);
    run.tell(Event::RunStarted {
        run: String::new(),
        command: NAME.to_owned(),
        hosts: names.clone(),
        goal: None,
    });
    let survey = run
        .perform_open(&infra_plan::survey(&names, false), &wire)
        .await;
    let known = systems(&selected.hosts, &survey);
    let outcome = if run.interrupted() {
        Outcome::default()
    } else {
        run.perform_open(&infra_plan::build(&known), &wire).await
    };
    let mut warnings = contracts.warnings;
    warnings.extend(wire.close().await);
    super::warn(global, &warnings);
    let interrupted = run.interrupted();
    let built: Vec<Built> = known
        .into_iter()
        .filter(|host| outcome.is_good(&host.name))
        .map(|host| Built {
            name: host.name,
            out_path: host.system.answer.toplevel.out,
        })
        .collect();
    let errors: Vec<Diagnostic> = [survey, outcome]
        .into_iter()
        .flat_map(|outcome| outcome.errors)
        .collect();
    let exit = if interrupted {
        Exit::Interrupted
    } else {
        Exit::of_hosts(built.len(), names.len() - built.len())
    };
    let rows: Vec<Vec<String>> = built
        .iter()
        .map(|host| vec![host.name.to_string(), host.out_path.to_string()])
        .collect();
    let text = table::render(&["HOST", "SYSTEM"], &rows);
    let told = Answer::new(NAME, built, errors).with_warnings(warnings);
    answer(global, &told, &text);
    exit
}

/// The hosts whose system is known. Their state is not needed to build.
fn systems(hosts: &[infra_model::HostSpec], survey: &Outcome) -> Vec<Known> {
    hosts
        .iter()
        .filter_map(|host| {
            match survey
                .findings
                .get(&(host.name.clone(), StepKind::Evaluate))
            {
                Some(Finding::System(system)) => Some(Known {
                    name: host.name.clone(),
                    build: host.build.clone(),
                    state: HostState::default(),
                    system: (**system).clone(),
                    secrets: Secrets::default(),
                    probes: None,
                    limits: Limits::default(),
                    reboot: Reboot::Never,
                }),
                _ => None,
            }
        })
        .collect()
}
