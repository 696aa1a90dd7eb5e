//! `infra get`: a value of a host, as a script wants it, and where it comes from.

use super::set::{need_name, plain};
use super::{answer, contract, one, refuse, warn};
use crate::args::Global;
use crate::complete;
use crate::contracts;
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, NeedState, Standing, ValueGot};
use infra_model::fill::NeedKind;
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use infra_view::Screen;
use std::collections::BTreeMap;

const NAME: &str = "get";

/// Arguments of `get`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    host: String,
    /// The need: a value, or what the host wants of others.
    #[arg(value_name = "NAME")]
    need: String,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Exit {
    match look(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((got, warnings)) => {
            warn(global, &warnings);
            let value = got.need.value.as_ref().map(plain).unwrap_or_default();
            if let (Some(source), false) = (&got.need.source, global.json) {
                // Beside the answer, so that `$(infra get web domain)` is the value.
                Screen.err(&format!("from {source}\n"));
            }
            let told = Answer::new(NAME, vec![got], Vec::new()).with_warnings(warnings);
            answer(global, &told, &(value + "\n"));
            Exit::Ok
        }
    }
}

async fn look(
    global: &Global,
    args: &Args,
) -> Result<(ValueGot, Vec<Diagnostic>), Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let host = workspace.host(&args.host)?;
    let name = need_name(&args.need).map_err(one)?;
    infra_drive::nix::installed().map_err(one)?;
    let (evaluator, mut warnings) = workspace.evaluator(global).map_err(one)?;
    let flags = BTreeMap::new();
    let hosts = std::slice::from_ref(&host);
    let contracts =
        contracts::gather(&workspace, &evaluator, hosts, &flags, &Stop::never()).await?;
    warnings.extend(contracts.warnings.iter().cloned());
    warnings.extend(evaluator.finish());
    let Some(contract) = contracts.hosts.get(&host.name) else {
        return Err(contracts.faults);
    };
    let mut states = contract::needs_of(&host.name, contract);
    let Some(at) = states.iter().position(|state| state.name == name) else {
        let known = states.iter().map(|state| state.name.as_str());
        return Err(vec![
            infra_plan::fill::unknown_need(&host.name, name.as_str(), known)
                .with_place(Place::file("command line")),
        ]);
    };
    let need = states.swap_remove(at);
    let gaps = &contract.filling.gaps;
    if let Some(gap) = gaps.iter().find(|gap| gap.name == name) {
        return Err(one(gap.diagnostic()));
    }
    let private = contract.manifest().values.get(&name);
    let private = private.is_some_and(|need| need.private);
    match hidden(&host.name, &name, &need, private) {
        Some(fault) => Err(one(fault.with_host(&host.name))),
        None => Ok((
            ValueGot {
                name: host.name,
                need,
            },
            warnings,
        )),
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
            .with_fix(format!("infra secret generate {host} {name}")),
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
