//! `infra secret generate`: what recipes make.

use super::{Room, Which, done, meant};
use crate::args::Global;
use crate::commands::{one, refuse};
use crate::making::{self, Made};
use crate::vault::Vault;
use infra_drive::process::Stop;
use infra_model::Diagnostic;
use infra_model::answer::{Exit, SecretDone};
use infra_plan::making::Extent;
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
    let extent = extent(&room, &vault, args)?;
    let tasks = making::tasks(&vault, &extent)?;
    let never = Stop::never();
    let done = making::generate(&vault, &room.evaluator, (&tasks, false), &never).await?;
    let made = done.made.iter().map(Made::told).collect();
    Ok((made, room.evaluator.finish()))
}

/// What is missing or due of some hosts, or one secret whether it is missing or not.
fn extent(room: &Room, vault: &Vault<'_>, args: &Args) -> Result<Extent, Vec<Diagnostic>> {
    if let Some(name) = &args.name {
        let which = Which {
            host: args.selector.clone(),
            name: name.clone(),
        };
        let meant = meant(vault, &which)?;
        if meant.recipe().is_none() {
            return Err(one(meant.without_recipe()));
        }
        return Ok(Extent::Anew(BTreeSet::from([meant.asset])));
    }
    let selection = crate::args::Selection {
        selectors: vec![args.selector.clone()],
        all: false,
    };
    let hosts = room.workspace.select_strictly(&selection)?;
    let names = hosts.iter().map(|host| &host.name);
    Ok(Extent::Due {
        missing: vault.contracts.makeable(names.clone(), true),
        hosts: names.cloned().collect(),
        only: None,
    })
}
