//! `infra facts`: hosts asked for the values that only they know.

use super::{answer, one, refuse, warn};
use crate::args::{Global, Selection};
use crate::contracts::{self, Contract};
use crate::facts::{self, Questions};
use crate::interrupt;
use crate::workspace::Workspace;
use infra_drive::context;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, FactChange, FactDone, HostFacts};
use infra_model::contract::ValueNeed;
use infra_model::fill::{Source, Why};
use infra_model::{CancelStage, Diagnostic, HostName, NeedName};
use infra_view::table;
use serde_json::Value;
use std::collections::BTreeMap;

const NAME: &str = "facts";

/// Arguments of `facts`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Ask again for what is known already.
    #[arg(long)]
    refresh: bool,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    let done = match perform(global, args).await {
        Err(faults) => return refuse(NAME, global, faults),
        Ok(done) => done,
    };
    warn(global, &done.warnings);
    let text = show(&done.hosts);
    let exit = if done.interrupted {
        Exit::Interrupted
    } else {
        let broken = |host: &&HostFacts| {
            host.facts
                .iter()
                .any(|fact| fact.change == FactChange::Failed)
        };
        let failed = done.hosts.iter().filter(broken).count();
        Exit::of_hosts(done.hosts.len() - failed, failed + done.unknown)
    };
    let told = Answer::new(NAME, done.hosts, done.faults).with_warnings(done.warnings);
    answer(global, &told, &text);
    exit
}

struct Done {
    hosts: Vec<HostFacts>,
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// Hosts of which nothing can be told.
    unknown: usize,
    interrupted: bool,
}

async fn perform(global: &Global, args: &Args) -> Result<Done, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let hosts = workspace.select_strictly(&args.selection)?;
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    let never = Stop::never();
    let none = BTreeMap::new();
    let contracts = contracts::gather(&workspace, &evaluator, &hosts, &none, &never).await?;
    let mut warnings = contracts.warnings.clone();
    warnings.extend(evaluator.finish());
    let mut questions = Questions::new();
    let mut shown = Vec::new();
    for host in &hosts {
        let Some(contract) = contracts.hosts.get(&host.name) else {
            continue;
        };
        let mut facts = forget(&workspace, &host.name, contract)?;
        for (name, need) in asking(contract) {
            if let Some(done) = unasked(contract, name, need, args.refresh) {
                facts.push(done);
            } else {
                let of_host = questions.entry(host.name.clone()).or_default();
                of_host.insert(name.clone(), need.clone());
            }
        }
        shown.push(HostFacts {
            name: host.name.clone(),
            file: context::facts(&host.name),
            facts,
        });
    }
    let stage = interrupt::stage();
    let stop = Stop::from(CancelStage::Terminating, stage.clone());
    let mut learned = facts::learn(&workspace, &questions, &stop).await;
    let mut faults = contracts.faults;
    for host in &mut shown {
        let came = learned.remove(&host.name).unwrap_or_default();
        host.facts.extend(came.facts);
        host.facts.sort_by(|a, b| a.need.cmp(&b.need));
        faults.extend(came.faults);
    }
    let interrupted = *stage.borrow() > CancelStage::Running;
    Ok(Done {
        unknown: hosts.len() - shown.len(),
        hosts: shown,
        faults,
        warnings,
        interrupted,
    })
}

/// The needs of a host that it can be asked for.
fn asking(contract: &Contract) -> impl Iterator<Item = (&NeedName, &ValueNeed)> {
    let values = contract.manifest().values.iter();
    values.filter(|(_, need)| need.fact.is_some())
}

/// What is said of a fact that is not asked for; `None` if it is.
fn unasked(
    contract: &Contract,
    name: &NeedName,
    need: &ValueNeed,
    refresh: bool,
) -> Option<FactDone> {
    let filling = &contract.filling;
    let plain = filling.values.get(name);
    let kept = filling.private.get(name).map(|filled| &filled.source);
    // What is wrong in a file comes first just as what is right there.
    let wrong = filling
        .gaps
        .iter()
        .find(|gap| gap.name == *name)
        .and_then(|gap| match &gap.why {
            Why::Wrong { source, .. } | Why::Misplaced { source, .. } => Some(source),
            _ => None,
        });
    let source = plain.map(|filled| &filled.source).or(kept).or(wrong);
    match (source, plain) {
        (Some(Source::Fact { .. }), Some(filled)) if !refresh => Some(FactDone {
            before: Some(filled.with.clone()),
            value: Some(filled.with.clone()),
            ..facts::done(name, need, FactChange::Known)
        }),
        (None | Some(Source::Default | Source::Fact { .. }), _) => None,
        (Some(source), _) => Some(FactDone {
            source: Some(source.clone()),
            ..facts::done(name, need, FactChange::Overridden)
        }),
    }
}

/// Removes answers to what the contract does not ask any more.
fn forget(
    workspace: &Workspace,
    host: &HostName,
    contract: &Contract,
) -> Result<Vec<FactDone>, Vec<Diagnostic>> {
    let file = context::facts(host);
    let mut gone = Vec::new();
    for (name, line) in context::read(&workspace.repo, &file)? {
        let is_asked = asking(contract).any(|(need, _)| need.as_str() == name);
        let Some(need) = NeedName::parse(&name).ok().filter(|_| !is_asked) else {
            continue;
        };
        context::set(&workspace.repo, &file, &need, None)?;
        gone.push(FactDone {
            need,
            fact: None,
            change: FactChange::Forgotten,
            before: facts::kept_value(&line.value).cloned(),
            value: None,
            source: None,
        });
    }
    Ok(gone)
}

fn show(hosts: &[HostFacts]) -> String {
    let rows: Vec<Vec<String>> = hosts
        .iter()
        .flat_map(|host| host.facts.iter().map(move |fact| (host, fact)))
        .map(|(host, fact)| {
            vec![
                host.name.to_string(),
                fact.need.to_string(),
                fact.fact.as_ref().map(question).unwrap_or_default(),
                value(fact),
                fact.change.as_str().to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "these hosts are asked for nothing\n".to_owned();
    }
    table::render(&["HOST", "NEED", "FACT", "VALUE", ""], &rows)
}

fn question(fact: &Value) -> String {
    match fact {
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            words.join(" ")
        }
        other => super::set::plain(other),
    }
}

fn value(fact: &FactDone) -> String {
    match (&fact.before, &fact.value, &fact.source) {
        (_, _, Some(source)) => format!("({source})"),
        (Some(before), Some(value), _) if before != value => {
            format!("{} → {}", facts::short(before), facts::short(value))
        }
        (_, Some(value), _) => facts::short(value),
        (Some(before), None, _) => format!("{} →", facts::short(before)),
        (None, None, _) => "-".to_owned(),
    }
}
