//! `infra contract`: what hosts need, where it comes from, and what is open.

mod leftovers;

use super::{answer, refuse, warn};
use crate::args::{Fill, Global, Selection};
use crate::contracts::{self, Contract};
use crate::fill_flags;
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, HostContract, NeedState, Standing};
use infra_model::contract::{Declared, NeedScope, place_of};
use infra_model::fill::{Gap, NeedKind, Source};
use infra_model::{Diagnostic, HostName, HostSpec, NeedName};
use infra_plan::fill::Secret;
use infra_view::table;
use serde_json::Value;

const NAME: &str = "contract";

/// Arguments of `contract`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Show only what is open, and fail if anything is.
    #[arg(long)]
    gaps: bool,
    #[command(flatten)]
    fill: Fill,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    let found = match look(global, args).await {
        Ok(found) => found,
        Err(faults) => return refuse(NAME, global, faults),
    };
    warn(global, &found.warnings);
    let open = found.hosts.iter().any(|host| host.open > 0) || !found.faults.is_empty();
    let exit = if !found.faults.is_empty() {
        Exit::of_hosts(found.hosts.len(), found.faults.len())
    } else if open && args.gaps {
        Exit::SomeFailed
    } else {
        Exit::Ok
    };
    let text = show(&found.hosts, args.gaps);
    let told = Answer::new(NAME, found.hosts, found.faults).with_warnings(found.warnings);
    answer(global, &told, &text);
    exit
}

struct Found {
    hosts: Vec<HostContract>,
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

async fn look(global: &Global, args: &Args) -> Result<Found, Vec<Diagnostic>> {
    let one = |fault: Diagnostic| vec![fault];
    let workspace = Workspace::open(global).map_err(one)?;
    let hosts = workspace.select_to_look(&args.selection)?;
    let (evaluator, mut warnings) = workspace.evaluator(global).map_err(one)?;
    let flags = fill_flags::by_host(&args.fill, &hosts)?;
    let contracts =
        contracts::gather(&workspace, &evaluator, &hosts, &flags, &Stop::never()).await?;
    warnings.extend(contracts.warnings.clone());
    warnings.extend(evaluator.finish());
    let mut faults = contracts.faults.clone();
    if args.selection.selectors.is_empty() {
        faults.extend(workspace.contents.faults.clone());
    }
    let shown: Vec<HostContract> = hosts
        .iter()
        .filter_map(|host| Some(of_host(host, contracts.hosts.get(&host.name)?, args.gaps)))
        .collect();
    for contract in hosts
        .iter()
        .filter_map(|host| contracts.hosts.get(&host.name))
    {
        // Gaps are what was asked for; they are told in full only to who asked for nothing else.
        if args.gaps {
            faults.extend(contract.faults());
        } else {
            warnings.extend(contract.filling.strangers.clone());
        }
    }
    let unfit = leftovers::look(&workspace, &contracts, &hosts)?;
    faults.extend(unfit.faults);
    warnings.extend(unfit.warnings);
    faults.extend(fill_flags::unknown(&args.fill, &names_of(&contracts)));
    Ok(Found {
        hosts: shown,
        faults,
        warnings,
    })
}

/// The names of everything that hosts need.
pub(super) fn names_of(contracts: &contracts::Contracts) -> Vec<&str> {
    contracts
        .hosts
        .values()
        .flat_map(|contract| {
            let manifest = contract.manifest();
            let values = manifest.values.keys().map(NeedName::as_str);
            values.chain(manifest.secrets.keys().map(NeedName::as_str))
        })
        .collect()
}

fn of_host(host: &HostSpec, contract: &Contract, gaps: bool) -> HostContract {
    let mut needs = needs_of(&host.name, contract);
    let open = needs
        .iter()
        .filter(|need| need.standing == Standing::Open)
        .count();
    if gaps {
        needs.retain(|need| need.standing == Standing::Open);
    }
    HostContract {
        name: host.name.clone(),
        plane: contract.known.plane,
        needs,
        exports: contract.manifest().exports.keys().cloned().collect(),
        open,
    }
}

pub(super) fn needs_of(host: &HostName, contract: &Contract) -> Vec<NeedState> {
    let manifest = contract.manifest();
    let filling = &contract.filling;
    let desk = |name: &NeedName, kind, declared: &[Declared]| Desk {
        state: NeedState {
            name: name.clone(),
            kind,
            description: String::new(),
            expected: String::new(),
            scope: NeedScope::Host,
            standing: Standing::Filled,
            source: None,
            value: None,
            place: place_of(declared, host),
        },
        gap: filling
            .gaps
            .iter()
            .find(|gap| gap.name == *name && gap.kind == kind),
    };
    let mut all = Vec::new();
    for (name, need) in &manifest.values {
        let mut desk = desk(name, NeedKind::Value, &need.declared);
        desk.state.description.clone_from(&need.description);
        desk.state.expected = need.of.describe();
        desk.state.scope = need.scope;
        let plain = filling.values.get(name);
        let kept = filling.private.get(name);
        if let Some(filled) = plain.filter(|_| !need.private) {
            desk.state.value = Some(filled.with.clone());
        }
        let made = kept.is_some_and(|kept| matches!(kept.with, Secret::Recipe(_)));
        let source = plain.map(|filled| &filled.source);
        all.push(desk.of(source.or(kept.map(|kept| &kept.source)), made, true));
    }
    for (name, need) in &manifest.secrets {
        let mut desk = desk(name, NeedKind::Secret, &need.declared);
        desk.state.description.clone_from(&need.description);
        desk.state.expected = format!("a secret of format {}", need.format.as_str());
        desk.state.scope = need.scope;
        let filled = filling.secrets.get(name);
        let made = filled.is_some_and(|filled| matches!(filled.with, Secret::Recipe(_)));
        all.push(desk.of(filled.map(|filled| &filled.source), made, need.required));
    }
    for (name, want) in &manifest.wants {
        let mut desk = desk(name, NeedKind::Want, &want.declared);
        desk.state.expected = format!("the export `{}`", want.export);
        let answers = contract.answers.get(name);
        let source = answers.map(|answers| Source::Want {
            hosts: answers.keys().cloned().collect(),
            export: want.export.clone(),
        });
        desk.state.value = answers
            .filter(|answers| !answers.is_empty())
            .map(|answers| serde_json::to_value(answers).unwrap_or(Value::Null));
        all.push(desk.of(source.as_ref(), false, true));
    }
    all
}

/// One need being described.
struct Desk<'a> {
    state: NeedState,
    gap: Option<&'a Gap>,
}

impl Desk<'_> {
    fn of(mut self, source: Option<&Source>, made: bool, required: bool) -> NeedState {
        self.state.standing = match (self.gap, source) {
            (Some(_), _) => Standing::Open,
            (None, Some(_)) if made => Standing::Makeable,
            (None, Some(_)) => Standing::Filled,
            (None, None) if required => Standing::Open,
            (None, None) => Standing::Optional,
        };
        if self.gap.is_none() {
            self.state.source = source.cloned();
        }
        self.state
    }
}

fn show(hosts: &[HostContract], gaps: bool) -> String {
    let rows: Vec<Vec<String>> = hosts
        .iter()
        .flat_map(|host| host.needs.iter().map(move |need| (host, need)))
        .map(|(host, need)| {
            let from = match (&need.source, need.standing) {
                (Some(source), Standing::Makeable) => format!("{source} (will make it)"),
                (Some(source), _) => source.to_string(),
                (None, Standing::Open) => "OPEN".to_owned(),
                (None, _) => "- (optional)".to_owned(),
            };
            vec![
                host.name.to_string(),
                need.name.to_string(),
                need.kind.as_str().to_owned(),
                from,
                need.place.to_string(),
            ]
        })
        .collect();
    let open: usize = hosts.iter().map(|host| host.open).sum();
    let text = table::render(&["HOST", "NEED", "KIND", "FROM", "ASKED FOR BY"], &rows);
    if gaps && open == 0 {
        return "nothing is open\n".to_owned();
    }
    if rows.is_empty() {
        return "these hosts need nothing from outside\n".to_owned();
    }
    text
}
