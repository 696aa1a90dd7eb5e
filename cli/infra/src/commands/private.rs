//! Values that are kept encrypted, opened for the evaluation that reads them. (They are readable in that host's Nix store: contracts say so.)

use crate::contracts::Contracts;
use crate::opener::{Opener, Wanted};
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_model::contract::{ValueNeed, place_of};
use infra_model::{Code, Diagnostic, HostName, HostSpec, NeedName};
use infra_plan::fill::{Filled, Secret as Kept};
use serde_json::Value;

/// Opens the private values of these hosts. What a recipe is still to make is not there to be opened.
pub(super) async fn open(
    workspace: &Workspace,
    hosts: &[HostSpec],
    contracts: &mut Contracts,
    stop: &Stop,
) -> Result<(), Vec<Diagnostic>> {
    let mut opener = Opener::new(workspace, stop.clone());
    let mut faults = Vec::new();
    for host in hosts {
        let Some(contract) = contracts.hosts.get_mut(&host.name) else {
            continue;
        };
        let kept: Vec<(NeedName, Filled<Kept>)> = contract
            .filling
            .private
            .iter()
            .filter(|(_, filled)| !matches!(filled.with, Kept::Recipe(_)))
            .map(|(name, filled)| (name.clone(), filled.clone()))
            .collect();
        for (name, filled) in kept {
            let Some(need) = contract.known.manifest.values.get(&name) else {
                continue;
            };
            match value(&mut opener, (&host.name, &name, need), &filled.with).await {
                Ok(with) => {
                    let source = filled.source;
                    contract
                        .filling
                        .values
                        .insert(name, Filled { with, source });
                }
                Err(fault) => faults.push(fault.with_host(&host.name)),
            }
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

async fn value(
    opener: &mut Opener<'_>,
    (host, name, need): (&HostName, &NeedName, &ValueNeed),
    kept: &Kept,
) -> Result<Value, Diagnostic> {
    let wanted = Wanted {
        host,
        name,
        text: true,
    };
    let content = opener.open(wanted, kept).await?;
    let wrong = |why: String| {
        let title = format!("the private value `{name}` of {host} is not what it must be");
        Diagnostic::new(Code::WrongType, title)
            .with_cause(why)
            .with_place(place_of(&need.declared, host))
            .with_fix(format!("infra secret rotate {host} {name}"))
    };
    let Some(text) = content.expose_text() else {
        return Err(wrong("it is no text (UTF-8)".to_owned()));
    };
    let value = need.of.read_text(text);
    // What is expected is told, what is there is not: it is private.
    match need.of.check(&value).first() {
        None => Ok(value),
        Some(first) => Err(wrong(format!("expected {}", first.expected))),
    }
}
