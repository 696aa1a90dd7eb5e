//! `infra graph`: who depends on whom.

use super::{answer, one, refuse, warn};
use crate::args::{Global, Selection};
use crate::contracts::{self, Contracts};
use crate::workspace::Workspace;
use clap::ValueEnum;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, Relations};
use infra_model::fill::NeedKind;
use infra_model::{Diagnostic, HostName};
use infra_plan::relations::{self, Answers, Known, Private};
use infra_plan::wants::Manifests;
use infra_view::graph;
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "graph";

/// Arguments of `graph`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// How it is shown; json is the same as --json.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How a graph is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each relation.
    Text,
    /// For Graphviz: infra graph --format dot | dot -Tsvg
    Dot,
    /// The answer as JSON.
    Json,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Exit {
    let mut global = global.clone();
    global.json |= args.format == Format::Json;
    let found = match look(&global, args).await {
        Ok(found) => found,
        Err(faults) => return refuse(NAME, &global, faults),
    };
    warn(&global, &found.warnings);
    let exit = Exit::of_hosts(found.relations.len(), found.faults.len());
    let text = match args.format {
        Format::Dot => graph::dot(&found.relations),
        Format::Text | Format::Json => graph::text(&found.relations),
    };
    let told = Answer::new(NAME, found.relations, found.faults).with_warnings(found.warnings);
    answer(&global, &told, &text);
    exit
}

struct Found {
    relations: Vec<Relations>,
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

async fn look(global: &Global, args: &Args) -> Result<Found, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let selected = workspace.select_to_look(&args.selection)?;
    let selected: BTreeSet<HostName> = selected.into_iter().map(|host| host.name).collect();
    infra_drive::nix::installed().map_err(one)?;
    let (evaluator, mut warnings) = workspace.evaluator(global).map_err(one)?;
    // Who depends on a host stands in the contracts of the others, so all are asked.
    let fleet = &workspace.contents.fleet;
    let contracts = contracts::gather(
        &workspace,
        &evaluator,
        fleet.hosts(),
        &BTreeMap::new(),
        &Stop::never(),
    )
    .await?;
    warnings.extend(evaluator.finish());
    let mut faults = workspace.contents.faults.clone();
    for fault in contracts.faults.iter().chain(&contracts.warnings) {
        let concerns = fault
            .host
            .as_ref()
            .is_none_or(|host| selected.contains(host));
        if concerns && contracts.faults.contains(fault) {
            faults.push(fault.clone());
        } else {
            warnings.push(fault.clone());
        }
    }
    warnings.extend(unanswered(&contracts, &selected));
    let all = relations_of(&workspace, &contracts);
    Ok(Found {
        relations: relations::around(all, &selected),
        faults,
        warnings,
    })
}

/// Wants of the selected hosts that nobody answers.
fn unanswered(contracts: &Contracts, selected: &BTreeSet<HostName>) -> Vec<Diagnostic> {
    contracts
        .hosts
        .iter()
        .filter(|(name, _)| selected.contains(*name))
        .flat_map(|(_, contract)| &contract.filling.gaps)
        .filter(|gap| gap.kind == NeedKind::Want)
        .map(infra_model::fill::Gap::diagnostic)
        .collect()
}

fn relations_of(workspace: &Workspace, contracts: &Contracts) -> Vec<Relations> {
    let mut manifests = Manifests::new();
    let mut answers = Answers::new();
    let mut private = Private::new();
    for (name, contract) in &contracts.hosts {
        let manifest = contract.manifest();
        manifests.insert(name.clone(), manifest.clone());
        answers.insert(name.clone(), &contract.answers);
        let hidden = manifest
            .values
            .iter()
            .filter(|(_, need)| need.private)
            .filter_map(|(need, _)| Some(&contract.filling.values.get(need)?.with));
        private.insert(name.clone(), hidden.collect());
    }
    relations::relations(Known {
        fleet: &workspace.contents.fleet,
        manifests: &manifests,
        answers: &answers,
        private: &private,
    })
}
