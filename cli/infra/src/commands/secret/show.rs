//! `infra secret show`: a secret on standard output, wherever it comes from.

use super::{Room, Which, meant};
use crate::args::Global;
use crate::commands::{one, refuse, warn};
use crate::opener::{Opener, Wanted};
use infra_drive::process::Stop;
use infra_drive::secret::Secret;
use infra_model::answer::Exit;
use infra_model::{Code, Diagnostic, Place};
use infra_view::Screen;
use std::io::IsTerminal as _;

const NAME: &str = "secret";

/// Arguments of `secret show`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match open(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok(secret) => {
            Screen.bytes(secret.expose());
            // A person reads the next prompt on a line of its own; a program gets the secret and nothing else.
            if std::io::stdout().is_terminal() && !secret.expose().ends_with(b"\n") {
                Screen.out("\n");
            }
            Exit::Ok
        }
    }
}

async fn open(global: &Global, args: &Args) -> Result<Secret, Vec<Diagnostic>> {
    if global.json {
        return Err(one(Diagnostic::new(
            Code::Usage,
            "a secret is not shown in JSON",
        )
        .with_cause("answers in JSON are kept and passed on; a secret must not be in any of them")
        .with_place(Place::file("command line"))
        .with_fix(
            "leave --json out: the secret alone is written to standard output",
        )));
    }
    let room = Room::open(global)?;
    let vault = room.vault().await?;
    let meant = meant(&vault, &args.which)?;
    let Some(kept) = meant.kept(&vault) else {
        return Err(one(Diagnostic::new(
            Code::SecretMissing,
            format!("nobody has `{}` of {}", meant.name, meant.host.name),
        )
        .with_place(Place::file("command line"))
        .with_fix(format!(
            "infra secret new {} {}",
            meant.host.name, meant.name
        ))));
    };
    let mut opener = Opener::new(&room.workspace, Stop::never());
    let wanted = Wanted {
        host: &meant.host.name,
        name: &meant.name,
        text: meant.is_text(),
    };
    let secret = opener.open(wanted, &kept).await.map_err(one)?;
    warn(global, &room.evaluator.finish());
    Ok(secret)
}
