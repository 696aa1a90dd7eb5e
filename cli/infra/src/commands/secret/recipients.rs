//! `infra secret recipients`: who can read each secret, and who should. No key is needed.

use super::kept::{Concerned, asset_of, readers};
use super::{Room, Which, meant};
use crate::args::{Global, Selection};
use crate::commands::{answer, one, refuse, warn};
use crate::complete;
use crate::vault::item;
use clap_complete::engine::ArgValueCandidates;
use infra_model::answer::{Answer, Exit, ReaderKind, SecretReader, SecretReaders};
use infra_model::recipe::Owner;
use infra_model::{Code, Diagnostic, Place};
use infra_view::table;

const NAME: &str = "secret";

/// Arguments of `secret recipients`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The host whose secrets are meant. Without it: all that are kept.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    host: Option<String>,
    /// One secret of that host.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

type Found = (Vec<SecretReaders>, Vec<Diagnostic>, Vec<Diagnostic>);

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match look(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((all, faults, warnings)) => {
            warn(global, &warnings);
            let exit = Exit::of_hosts(all.len().max(1), faults.len());
            let text = show(&all);
            let told = Answer::new(NAME, all, faults).with_warnings(warnings);
            answer(global, &told, &text);
            exit
        }
    }
}

async fn look(global: &Global, args: &Args) -> Result<Found, Vec<Diagnostic>> {
    let room = Room::open(global)?;
    let selection = Selection {
        selectors: args.host.iter().cloned().collect(),
        all: false,
    };
    let concerned = Concerned::of(&room, &selection)?;
    let vault = room.vault().await?;
    let only = match (&args.host, &args.name) {
        (Some(host), Some(name)) => {
            let which = Which {
                host: host.clone(),
                name: name.clone(),
            };
            Some(meant(&vault, &which)?)
        }
        _ => None,
    };
    let mut listing = vault.store().list().map_err(one)?;
    let mut all = Vec::new();
    for stored in &listing.stored {
        let asset = asset_of(&stored.item);
        let is_meant = match &only {
            Some(meant) => meant.asset == asset,
            None => concerned.has(&vault, &asset),
        };
        if is_meant {
            all.push(SecretReaders {
                name: match asset.0 {
                    Owner::Shared => None,
                    Owner::Host(host) => Some(host),
                },
                secret: asset.1,
                file: stored.item.file(),
                readers: readers(&vault, stored),
            });
        }
    }
    if let Some(meant) = &only {
        let file = item(&meant.asset).file();
        // What is wrong with other files is no answer to this question.
        let is_its = |fault: &Diagnostic| {
            let place = fault.place.as_ref();
            place.is_some_and(|place| {
                place.file.trim_end_matches(".toml") == file.trim_end_matches(".age")
                    || place.file == file
            })
        };
        listing.faults.retain(is_its);
        if all.is_empty() && listing.faults.is_empty() {
            return Err(one(Diagnostic::new(
                Code::SecretMissing,
                format!(
                    "the repository does not keep `{}` of {}",
                    meant.name, meant.host.name
                ),
            )
            .with_place(Place::file(file))
            .with_fix(format!(
                "infra contract {} says where it comes from; infra secret new {} {} writes it",
                meant.host.name, meant.host.name, meant.name
            ))
            .with_host(&meant.host.name)));
        }
    }
    let mut warnings = vault.contracts.faults.clone();
    warnings.extend(room.evaluator.finish());
    Ok((all, listing.faults, warnings))
}

fn show(all: &[SecretReaders]) -> String {
    if all.is_empty() {
        return "no secrets are kept for these hosts\n".to_owned();
    }
    let row = |secret: &SecretReaders, reader: &SecretReader| {
        let who = match (reader.kind, &reader.host) {
            (ReaderKind::Admin, _) => "an admin".to_owned(),
            (_, Some(host)) => host.to_string(),
            (_, None) => "nobody known".to_owned(),
        };
        vec![
            secret.secret.to_string(),
            secret
                .name
                .as_ref()
                .map_or_else(|| "shared".to_owned(), ToString::to_string),
            who,
            reader.access.as_str().to_owned(),
            reader.key.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = all
        .iter()
        .flat_map(|secret| secret.readers.iter().map(move |reader| row(secret, reader)))
        .collect();
    table::render(&["SECRET", "OF", "WHO", "ACCESS", "KEY"], &rows)
}
