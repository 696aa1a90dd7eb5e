//! What all verbs that write a secret have in common.

use super::{Meant, Need};
use crate::secret_checks;
use crate::vault::{Vault, item};
use infra_drive::secret::Secret;
use infra_drive::secret::sidecar::Notes;
use infra_model::answer::{SecretChange, SecretDone};
use infra_model::fill::Source;
use infra_model::recipe::Owner;
use infra_model::{Code, Diagnostic, Place};

/// A secret that was dealt with, and what is to be known about it.
pub(super) type Done = (SecretDone, Vec<Diagnostic>);

/// A content that somebody gives.
pub(super) struct Given<'a> {
    /// The content, as it is to be written.
    pub(super) content: &'a Secret,
    /// Where it came from.
    pub(super) from: &'a str,
    /// For how long the one before stays accepted on the host.
    pub(super) grace: Option<String>,
}

/// Whether the repository has it, readable or not.
pub(super) fn is_kept(vault: &Vault<'_>, meant: &Meant) -> Result<bool, Diagnostic> {
    Ok(vault.store().look(&item(&meant.asset))?.is_some())
}

/// Writes a content that fits the contract.
pub(super) fn keep(vault: &Vault<'_>, meant: &Meant, given: Given<'_>) -> Result<Done, Diagnostic> {
    check(meant, given.content, given.from)?;
    let change = if is_kept(vault, meant)? {
        SecretChange::Replaced
    } else {
        SecretChange::Written
    };
    let notes = Notes {
        grace: given.grace,
        ..Notes::now()
    };
    let file = vault.keep(&meant.asset, given.content, &notes)?;
    let written = told(meant, file, change);
    let mut warnings: Vec<Diagnostic> = outranked(vault, meant).into_iter().collect();
    if meant.asset.0 == Owner::Shared {
        // Whoever has no contract now may need it as well, and could not read it.
        warnings.extend(vault.contracts.faults.iter().cloned());
    }
    Ok((written, warnings))
}

/// What was done to it, for the answer.
pub(super) fn told(meant: &Meant, file: String, change: SecretChange) -> SecretDone {
    SecretDone {
        name: meant.whose(),
        secret: meant.name.clone(),
        file,
        change,
        due: Vec::new(),
    }
}

fn check(meant: &Meant, content: &Secret, from: &str) -> Result<(), Diagnostic> {
    let Some(why) = fault(&meant.need, content.expose()) else {
        return Ok(());
    };
    let Meant { host, name, .. } = meant;
    let kind = match meant.need {
        Need::Secret(_) => "secret",
        Need::Value(_) => "value",
    };
    Err(Diagnostic::new(
        Code::WrongType,
        format!("this is not the {kind} `{name}` of {}: {why}", host.name),
    )
    .with_cause(format!("asked for by {}", meant.place()))
    .with_place(Place::file(from))
    .with_fix("give another content; nothing was written")
    .with_host(&host.name))
}

/// What keeps a content from being what is needed. It is told without a byte of it.
fn fault(need: &Need, content: &[u8]) -> Option<String> {
    match need {
        Need::Secret(need) => secret_checks::fault(need, content).map(|why| format!("it {why}")),
        Need::Value(need) => {
            let Ok(text) = std::str::from_utf8(content) else {
                return Some("it is no text (UTF-8)".to_owned());
            };
            // It is private: how it differs is told, what it is is not.
            let value = need.of.read_text(text);
            let wrong = need.of.check(&value);
            wrong
                .first()
                .map(|wrong| format!("expected {}", wrong.expected))
        }
    }
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
