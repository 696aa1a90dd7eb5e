//! `infra secret edit`: a secret of the repository in an editor, without ever touching a disk.

use super::writing::{self, Done, Given, is_kept, outranked};
use super::{Meant, Room, Which, done, meant};
use crate::args::Global;
use crate::commands::{one, refuse};
use crate::opener::{Opener, Wanted};
use crate::vault::{Vault, item};
use infra_drive::process::Stop;
use infra_drive::secret::Secret;
use infra_drive::secret::editor::Editor;
use infra_model::answer::{Exit, SecretChange};
use infra_model::fill::Reference;
use infra_model::{Code, Diagnostic, Place};
use infra_plan::fill::Secret as Kept;

const NAME: &str = "secret";

/// Arguments of `secret edit`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match perform(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((edited, warnings)) => done(global, vec![edited], warnings),
    }
}

async fn perform(global: &Global, args: &Args) -> Result<Done, Vec<Diagnostic>> {
    let room = Room::open(global)?;
    let vault = room.vault().await?;
    let meant = meant(&vault, &args.which)?;
    refuse_elsewhere(&vault, &meant).map_err(one)?;
    // Who may read it is settled before anybody types.
    vault.recipients(&meant.asset).map_err(one)?;
    let before = present(&vault, &meant).await.map_err(one)?;
    let after = edited(&meant, &before).await.map_err(one)?;
    if after == before {
        let file = item(&meant.asset).file();
        let edited = writing::told(&meant, file, SecretChange::Unchanged);
        return Ok((edited, outranked(&vault, &meant).into_iter().collect()));
    }
    let given = Given {
        content: &after,
        from: "editor",
        grace: None,
    };
    writing::keep(&vault, &meant, given).map_err(one)
}

/// Signals are heard and not obeyed while the editor has the terminal: what it holds is wiped when it ends, not left behind.
async fn edited(meant: &Meant, before: &Secret) -> Result<Secret, Diagnostic> {
    let _heard = crate::interrupt::listen();
    let after = Editor::of_environment()
        .edit(meant.name.as_str(), before)
        .await
        .map_err(|fault| fault.with_host(&meant.host.name))?;
    // Editors end the last line. That is part of a content only where it was before, or where lines are what it consists of.
    let had_none = !before.expose().ends_with(b"\n");
    let is_one_line = meant.is_line();
    if had_none && (is_one_line || !before.is_empty()) {
        return Ok(after.without_line_end());
    }
    Ok(after)
}

/// What the store has; nothing, if nobody gave it yet.
async fn present(vault: &Vault<'_>, meant: &Meant) -> Result<Secret, Diagnostic> {
    if !is_kept(vault, meant)? {
        return Secret::new(Vec::new(), meant.name.as_str());
    }
    let wanted = Wanted {
        host: &meant.host.name,
        name: &meant.name,
        text: false,
    };
    let mut opener = Opener::new(vault.workspace(), Stop::never());
    opener.open(wanted, &Kept::Store(meant.scope())).await
}

/// What a context file takes from elsewhere is edited there: an edit here would be written and never used.
fn refuse_elsewhere(vault: &Vault<'_>, meant: &Meant) -> Result<(), Diagnostic> {
    let Meant { host, name, .. } = meant;
    let filling = vault
        .contracts
        .hosts
        .get(&host.name)
        .map(|one| &one.filling);
    let kept = filling.and_then(|filling| filling.secrets.get(name));
    let Some(Kept::Reference(reference)) = kept.map(|kept| &kept.with) else {
        return Ok(());
    };
    let (there, form) = match reference {
        Reference::Sops { file, key } => (format!("sops {file}"), format!("sops:{file}#{key}")),
        Reference::Agenix { file } => (format!("agenix -e {file}"), format!("agenix:{file}")),
        Reference::Command { store, path } => (
            format!("change {path} in {store}"),
            format!("command:{store}/{path}"),
        ),
    };
    Err(Diagnostic::new(
        Code::MisplacedNeed,
        format!("`{name}` of {} is not kept by infra: a context file says {form}", host.name),
    )
    .with_place(Place::file("context"))
    .with_fix(format!(
        "edit it there ({there}); or take it into the repository: infra secret import {host} {name} --from {form}, then infra set {host} {name} --unset",
        host = host.name
    ))
    .with_host(&host.name))
}
