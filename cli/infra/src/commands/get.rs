//! `infra get`: what a host needs and exports: one value as a script wants it, or all, and where each comes from.

use super::set::{need_name, plain};
use super::{answer, contract, one, refuse, warn};
use crate::args::Global;
use crate::complete;
use crate::contracts::{self, Contract, Contracts};
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, ExportState, NeedState, Standing, ValueGot};
use infra_model::contract::place_of;
use infra_model::fill::{NeedKind, Why};
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use infra_plan::wants::Offered;
use infra_view::{Screen, table};
use serde_json::Value;

const NAME: &str = "get";

/// Arguments of `get`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    host: String,
    /// A value, what the host wants of others, or what it exports. Without it: all of them.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Only what it exports: a need may have the same name.
    #[arg(long)]
    export: bool,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Exit {
    match look(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((got, warnings)) => {
            warn(global, &warnings);
            let text = if args.name.is_some() {
                alone(global, &got)
            } else {
                show(&got)
            };
            let told = Answer::new(NAME, vec![got], Vec::new()).with_warnings(warnings);
            answer(global, &told, &text);
            Exit::Ok
        }
    }
}

/// The one that was asked for, so that `$(infra get web domain)` is the value; where it comes from beside it.
fn alone(global: &Global, got: &ValueGot) -> String {
    let need = got.needs.first();
    let export = got.exports.first();
    let from = match need {
        Some(need) => need.source.as_ref().map(ToString::to_string),
        None => export.map(|_| format!("the exports of {}", got.name)),
    };
    if let (Some(from), false) = (from, global.json) {
        Screen.err(&format!("from {from}\n"));
    }
    let value = match need {
        Some(need) => need.value.as_ref(),
        None => export.and_then(|export| export.value.as_ref()),
    };
    value.map(plain).unwrap_or_default() + "\n"
}

async fn look(
    global: &Global,
    args: &Args,
) -> Result<(ValueGot, Vec<Diagnostic>), Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let host = workspace.host(&args.host)?;
    let name = args.name.as_deref().map(need_name);
    let name = name.transpose().map_err(one)?;
    infra_drive::nix::installed().map_err(one)?;
    let (evaluator, mut warnings) = workspace.evaluator(global).map_err(one)?;
    let never = Stop::never();
    let contracts = contracts::gather_exports(&workspace, &evaluator, &host, &never).await?;
    warnings.extend(contracts.warnings.iter().cloned());
    warnings.extend(evaluator.finish());
    let Some(contract) = contracts.hosts.get(&host.name) else {
        return Err(contracts.faults);
    };
    let needs = if args.export {
        Vec::new()
    } else {
        contract::needs_of(&host.name, contract)
    };
    let all = ValueGot {
        exports: exports(&host.name, contract, &contracts),
        needs,
        name: host.name,
    };
    match name {
        None => Ok((all, warnings)),
        Some(name) => named(all, &name, (contract, &contracts))
            .map(|got| (got, warnings))
            .map_err(one),
    }
}

fn exports(host: &HostName, contract: &Contract, contracts: &Contracts) -> Vec<ExportState> {
    let declared = contract.manifest().exports.iter();
    declared
        .map(|(name, export)| {
            let offered = offered(host, name);
            let why = contracts.unknown.get(&offered);
            ExportState {
                name: name.clone(),
                expected: export.of.describe(),
                value: contracts.exports.get(&offered).cloned(),
                unknown: why.map(|why| unavailable(why).0.to_owned()),
                place: place_of(&export.declared, host),
            }
        })
        .collect()
}

fn offered(host: &HostName, export: &NeedName) -> Offered {
    Offered {
        host: host.clone(),
        export: export.clone(),
    }
}

/// Why something cannot be had, and what to do about it.
fn unavailable(why: &Why) -> (&str, Option<&str>) {
    match why {
        Why::Unavailable { how, fix } => (how, fix.as_deref()),
        Why::Missing
        | Why::Wrong { .. }
        | Why::Disagreement { .. }
        | Why::Misplaced { .. }
        | Why::Unasked { .. }
        | Why::Unserved { .. } => ("it is open", None),
    }
}

/// One need or, if there is none of the name, one export.
fn named(
    all: ValueGot,
    name: &NeedName,
    (contract, contracts): (&Contract, &Contracts),
) -> Result<ValueGot, Diagnostic> {
    let ValueGot {
        name: host,
        mut needs,
        mut exports,
    } = all;
    let need = needs.iter().position(|need| need.name == *name);
    let export = exports.iter().position(|export| export.name == *name);
    match (need, export) {
        (Some(at), _) => {
            let need = needs.swap_remove(at);
            let gaps = &contract.filling.gaps;
            if let Some(gap) = gaps.iter().find(|gap| gap.name == *name) {
                return Err(gap.diagnostic());
            }
            let private = contract.manifest().values.get(name);
            let private = private.is_some_and(|need| need.private);
            if let Some(fault) = hidden(&host, name, &need, private) {
                return Err(fault.with_host(&host));
            }
            Ok(ValueGot {
                name: host,
                needs: vec![need],
                exports: Vec::new(),
            })
        }
        (None, Some(at)) => {
            let export = exports.swap_remove(at);
            if export.value.is_none() {
                let why = contracts.unknown.get(&offered(&host, name));
                return Err(without_value(&host, &export, why));
            }
            Ok(ValueGot {
                name: host,
                needs: Vec::new(),
                exports: vec![export],
            })
        }
        (None, None) => {
            let exported = exports.iter().map(|export| &export.name);
            let known = needs.iter().map(|need| &need.name).chain(exported);
            let known = known.map(NeedName::as_str);
            let unknown = infra_plan::fill::unknown_need(&host, name.as_str(), known);
            Err(unknown.with_place(Place::file("command line")))
        }
    }
}

fn without_value(host: &HostName, export: &ExportState, why: Option<&Why>) -> Diagnostic {
    let (how, fix) = why.map_or(("", None), unavailable);
    let title = format!("the export `{}` of {host} has no value", export.name);
    Diagnostic::new(Code::UnfilledNeed, title)
        .with_cause(how)
        .with_place(export.place.clone())
        .with_fix(fix.map_or_else(|| format!("infra contract {host} --gaps"), str::to_owned))
        .with_host(host)
}

fn show(got: &ValueGot) -> String {
    let needs = got.needs.iter().map(|need| {
        let value = match (need.kind, &need.value) {
            (_, Some(value)) => line(value),
            (NeedKind::Secret, None) if need.standing == Standing::Filled => "(secret)".to_owned(),
            (NeedKind::Value, None) if need.standing == Standing::Filled => "(private)".to_owned(),
            (_, None) => String::new(),
        };
        let from = match (&need.source, need.standing) {
            (Some(source), _) => source.to_string(),
            (None, Standing::Open) => "OPEN".to_owned(),
            (None, _) => "- (optional)".to_owned(),
        };
        let kind = need.kind.as_str().to_owned();
        vec![need.name.to_string(), kind, value, from]
    });
    let exports = got.exports.iter().map(|export| {
        let value = export.value.as_ref().map(line).unwrap_or_default();
        let from = export.unknown.clone().unwrap_or_default();
        vec![export.name.to_string(), "export".to_owned(), value, from]
    });
    let rows: Vec<Vec<String>> = needs.chain(exports).collect();
    if rows.is_empty() {
        return format!("there is nothing to print of {}\n", got.name);
    }
    table::render(&["NAME", "KIND", "VALUE", "FROM"], &rows)
}

/// A value in one line: a text that has several is written as JSON.
fn line(value: &Value) -> String {
    let text = plain(value);
    if text.contains(char::is_control) {
        value.to_string()
    } else {
        text
    }
}

/// Why a need has no value to print, if it has none.
fn hidden(host: &HostName, name: &NeedName, need: &NeedState, private: bool) -> Option<Diagnostic> {
    let what = match need.kind {
        NeedKind::Secret => "a secret",
        NeedKind::Value if private => "private",
        NeedKind::Want => return None,
        NeedKind::Value if need.value.is_some() => return None,
        NeedKind::Value => "kept encrypted",
    };
    let source = need.source.as_ref().map(|source| format!("from {source}"));
    if need.standing == Standing::Makeable {
        return Some(
            Diagnostic::new(
                Code::UnfilledNeed,
                format!("`{name}` of {host} was not made yet"),
            )
            .with_cause(source.unwrap_or_default())
            .with_place(need.place.clone())
            .with_fix(if need.kind == NeedKind::Value && !private {
                format!("infra secret generate {host}")
            } else {
                format!("infra secret generate {host} {name}")
            }),
        );
    }
    let fault = Diagnostic::new(
        Code::Usage,
        format!("`{name}` of {host} is {what}: it is not printed here"),
    )
    .with_place(need.place.clone())
    .with_fix(format!("infra secret show {host} {name}"));
    Some(match source {
        Some(source) => fault.with_cause(source),
        None => fault,
    })
}
