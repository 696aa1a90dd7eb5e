//! `infra secret rekey`: the same secrets for those who are to read them now.

use super::kept::{Concerned, asset_of};
use super::{Room, done};
use crate::args::{Global, Selection};
use crate::commands::{one, refuse};
use crate::opener::Opener;
use crate::vault::{Asset, Vault};
use infra_drive::process::Stop;
use infra_drive::secret::item::Item;
use infra_drive::secret::store::Rekeyed;
use infra_model::answer::{Exit, SecretChange, SecretDone};
use infra_model::recipe::Owner;
use infra_model::{Code, Diagnostic, Place};

const NAME: &str = "secret";

/// Arguments of `secret rekey`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match rekey(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((all, warnings)) => done(global, all, warnings),
    }
}

async fn rekey(
    global: &Global,
    args: &Args,
) -> Result<(Vec<SecretDone>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let room = Room::open(global)?;
    let concerned = Concerned::of(&room, &args.selection)?;
    let vault = room.vault().await?;
    // A host whose contract does not evaluate might need what is taken from it now.
    if !vault.contracts.faults.is_empty() {
        return Err(vault.contracts.faults.clone());
    }
    let mut opener = Opener::new(&room.workspace, Stop::never());
    let mut all = Vec::new();
    let mut warnings = Vec::new();
    for stored in vault.store().list().map_err(one)?.stored {
        let asset = asset_of(&stored.item);
        if !concerned.has(&vault, &asset) {
            continue;
        }
        let wanted = vault.recipients(&asset).map_err(one)?;
        let stale = stored
            .sidecar
            .as_ref()
            .and_then(|sidecar| sidecar.stale(&wanted));
        let change = if stale.is_none() && stored.sidecar.is_some() {
            SecretChange::Unchanged
        } else {
            let keys = opener.identities().map_err(one)?;
            let rekeyed = vault.store().rekey(&stored.item, &wanted, keys);
            match rekeyed.map_err(one)? {
                Rekeyed::Unchanged => SecretChange::Unchanged,
                Rekeyed::Done(_) => SecretChange::Rekeyed,
            }
        };
        if let Some(stale) = stale.filter(|stale| !stale.extra.is_empty()) {
            warnings.push(known_to_others(&vault, &asset, &stored.item, &stale.extra));
        }
        all.push(told(&asset, &stored.item, change));
    }
    warnings.extend(room.evaluator.finish());
    Ok((all, warnings))
}

fn told((owner, name): &Asset, item: &Item, change: SecretChange) -> SecretDone {
    SecretDone {
        name: match owner {
            Owner::Shared => None,
            Owner::Host(host) => Some(host.clone()),
        },
        secret: name.clone(),
        file: item.file(),
        change,
        due: Vec::new(),
    }
}

/// Encrypting anew takes nothing from whoever could read it before: they have the old file, in Git if nowhere else.
fn known_to_others(vault: &Vault<'_>, asset: &Asset, item: &Item, extra: &[String]) -> Diagnostic {
    let host = vault
        .readers(asset)
        .first()
        .map_or_else(|| "HOST".to_owned(), ToString::to_string);
    Diagnostic::new(
        Code::OverexposedSecret,
        format!(
            "`{}` could be read by somebody who is not to read it any more",
            asset.1
        ),
    )
    .with_cause(format!(
        "they still have the old file (in Git, if nowhere else):\n{}",
        extra.join("\n")
    ))
    .with_place(Place::file(item.file()))
    .with_fix(format!("infra secret rotate {host} {}", asset.1))
}
