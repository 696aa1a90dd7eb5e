//! What all verbs that write a secret have in common.

use super::Meant;
use crate::args::Global;
use crate::commands::{answer, refuse, warn};
use crate::vault::{Vault, item};
use infra_drive::secret::Secret;
use infra_drive::secret::sidecar::Notes;
use infra_model::answer::{Answer, Exit, SecretChange, SecretDone};
use infra_model::fill::Source;
use infra_model::recipe::Owner;
use infra_model::{Code, Diagnostic, Place};
use std::time::SystemTime;

/// A secret that was dealt with, and what is to be known about it.
pub(super) type Done = (SecretDone, Vec<Diagnostic>);

/// Gives the answer.
pub(super) fn tell(
    global: &Global,
    command: &'static str,
    done: Result<Done, Vec<Diagnostic>>,
) -> Exit {
    match done {
        Err(faults) => refuse(command, global, faults),
        Ok((written, warnings)) => {
            warn(global, &warnings);
            let text = format!("{} ({})\n", written.file, written.change.as_str());
            let told = Answer::new(command, vec![written], Vec::new()).with_warnings(warnings);
            answer(global, &told, &text);
            Exit::Ok
        }
    }
}

/// Whether the repository has it, readable or not.
pub(super) fn is_kept(vault: &Vault<'_>, meant: &Meant) -> Result<bool, Diagnostic> {
    Ok(vault.store().look(&item(&meant.asset)?)?.is_some())
}

/// Writes a content that fits the contract; `from` says where it came from.
pub(super) fn keep(
    vault: &Vault<'_>,
    meant: &Meant,
    content: &Secret,
    from: &str,
) -> Result<Done, Diagnostic> {
    check(meant, content, from)?;
    let change = if is_kept(vault, meant)? {
        SecretChange::Replaced
    } else {
        SecretChange::Written
    };
    let file = vault.keep(&meant.asset, content, &created_now())?;
    let written = SecretDone {
        name: meant.whose(),
        secret: meant.name.clone(),
        file,
        change,
        due: Vec::new(),
    };
    let mut warnings: Vec<Diagnostic> = outranked(vault, meant).into_iter().collect();
    if meant.asset.0 == Owner::Shared {
        // Whoever has no contract now may need it as well, and could not read it.
        warnings.extend(vault.contracts.faults.iter().cloned());
    }
    Ok((written, warnings))
}

/// What is written down about a content that a person gives.
pub(super) fn created_now() -> Notes {
    Notes {
        created: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ..Notes::default()
    }
}

fn check(meant: &Meant, content: &Secret, from: &str) -> Result<(), Diagnostic> {
    let Some(why) = meant.fault(content.expose()) else {
        return Ok(());
    };
    let Meant { host, name, .. } = meant;
    Err(Diagnostic::new(
        Code::SecretUnreadable,
        format!("this is not the secret `{name}` of {}: {why}", host.name),
    )
    .with_cause(format!("asked for by {}", meant.place()))
    .with_place(Place::file(from))
    .with_fix("give another content; nothing was written")
    .with_host(&host.name))
}

/// What comes before the file in the store, so that what was written there is not used.
pub(super) fn outranked(vault: &Vault<'_>, meant: &Meant) -> Option<Diagnostic> {
    let Meant { host, name, .. } = meant;
    let contract = vault.contracts.hosts.get(&host.name)?;
    let source = &contract.filling.secrets.get(name)?.source;
    let (place, fix) = match source {
        Source::Environment { variable } => {
            (Place::file("environment"), format!("unset {variable}"))
        }
        Source::Context { file, line } => (
            Place::position(file, *line, None),
            format!("infra set {} {name} --unset", host.name),
        ),
        Source::Sops { .. } | Source::Agenix { .. } | Source::Command { .. } => (
            Place::file("context"),
            format!("infra set {} {name} --unset", host.name),
        ),
        _ => return None,
    };
    Some(
        Diagnostic::new(
            Code::AmbiguousNeed,
            format!(
                "`{name}` is still taken from {source}, which comes before the repository's store"
            ),
        )
        .with_place(place)
        .with_fix(fix)
        .with_host(&host.name),
    )
}
