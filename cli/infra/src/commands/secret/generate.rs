//! `infra secret generate`: what recipes make.

use super::{Room, Which, done, meant};
use crate::args::Global;
use crate::commands::{one, refuse};
use crate::making::{self, Order};
use crate::vault::{Asset, Vault};
use infra_drive::process::Stop;
use infra_model::Diagnostic;
use infra_model::answer::{Exit, SecretChange, SecretDone};
use std::collections::BTreeSet;

const NAME: &str = "secret";

/// Arguments of `secret generate`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Hosts: names, patterns (web*), tags (@tag), class:CLASS, !not; `,` is or, `&` is and.
    #[arg(value_name = "SELECTOR")]
    selector: String,
    /// One secret of that one host, which is then made anew even if it is there.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match generate(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((made, warnings)) => done(global, made, warnings),
    }
}

async fn generate(
    global: &Global,
    args: &Args,
) -> Result<(Vec<SecretDone>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let room = Room::open(global)?;
    let vault = room.vault().await?;
    let (assets, replace) = ordered(&room, &vault, args)?;
    let order = Order {
        assets: &assets,
        replace,
    };
    let made = making::generate(&vault, &room.evaluator, order, &Stop::never()).await?;
    let change = if replace {
        SecretChange::Replaced
    } else {
        SecretChange::Made
    };
    let made = made.iter().map(|made| made.told(change)).collect();
    Ok((made, room.evaluator.finish()))
}

/// What is missing of some hosts, or one secret whether it is missing or not.
fn ordered(
    room: &Room,
    vault: &Vault<'_>,
    args: &Args,
) -> Result<(BTreeSet<Asset>, bool), Vec<Diagnostic>> {
    if let Some(name) = &args.name {
        let which = Which {
            host: args.selector.clone(),
            name: name.clone(),
        };
        let meant = meant(vault, &which)?;
        if meant.recipe().is_none() {
            return Err(one(meant.without_recipe()));
        }
        let replace = meant.is_kept(vault);
        return Ok((BTreeSet::from([meant.asset]), replace));
    }
    let selection = crate::args::Selection {
        selectors: vec![args.selector.clone()],
        all: false,
    };
    let hosts = room.workspace.select_strictly(&selection)?;
    let missing = vault
        .contracts
        .makeable(hosts.iter().map(|host| &host.name), true);
    Ok((missing, false))
}
