//! `infra secret import`: a secret that is somewhere else, taken into the repository as it is, to the byte.

use super::writing::{self, Done, Given, is_kept};
use super::{Meant, Room, Which, done, meant};
use crate::args::Global;
use crate::commands::{one, refuse};
use crate::opener::{Opener, Wanted};
use crate::vault::Vault;
use infra_drive::process::Stop;
use infra_drive::secret::Secret;
use infra_model::answer::Exit;
use infra_model::fill::Reference;
use infra_model::{Code, Diagnostic, Place};
use infra_plan::fill::Secret as Kept;

const NAME: &str = "secret";

/// Arguments of `secret import`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Where it is: sops:FILE#KEY, agenix:FILE (both from the root of the repository), command:STORE/PATH, or a file with nothing but it.
    #[arg(long, value_name = "SOURCE")]
    from: String,
    /// Replace what is there.
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match perform(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((imported, warnings)) => done(global, vec![imported], warnings),
    }
}

async fn perform(global: &Global, args: &Args) -> Result<Done, Vec<Diagnostic>> {
    let source = source(&args.from).map_err(one)?;
    let room = Room::open(global)?;
    let vault = room.vault().await?;
    let meant = meant(&vault, &args.which)?;
    if !args.replace && is_kept(&vault, &meant).map_err(one)? {
        return Err(one(already(&meant)));
    }
    let content = read(&vault, &meant, &source).await.map_err(one)?;
    let given = Given {
        content: &content,
        from: &args.from,
        grace: None,
    };
    writing::keep(&vault, &meant, given).map_err(one)
}

/// A reference, or else a file of this machine.
fn source(text: &str) -> Result<Kept, Diagnostic> {
    match Reference::parse(text) {
        Some(Ok(reference)) => Ok(Kept::Reference(reference)),
        Some(Err(form)) => Err(Diagnostic::new(
            Code::Usage,
            format!("--from cannot be read: {text}"),
        )
        .with_place(Place::file("command line"))
        .with_fix(format!("write {form}"))),
        None => Ok(Kept::File(text.to_owned())),
    }
}

async fn read(vault: &Vault<'_>, meant: &Meant, source: &Kept) -> Result<Secret, Diagnostic> {
    let wanted = Wanted {
        host: &meant.host.name,
        name: &meant.name,
        text: meant.is_text(),
    };
    let mut opener = Opener::new(vault.workspace(), Stop::never());
    opener.open(wanted, source).await.map_err(|mut fault| {
        if matches!(source, Kept::File(_)) {
            fault.fix = Some("give --from a file that is there and that you may read".to_owned());
        }
        fault
    })
}

fn already(meant: &Meant) -> Diagnostic {
    let file = crate::vault::item(&meant.asset).file();
    let Meant { host, name, .. } = meant;
    Diagnostic::new(
        Code::Usage,
        format!(
            "the repository has the secret `{name}` of {} already",
            host.name
        ),
    )
    .with_place(Place::file(file))
    .with_fix("add --replace if it is to be replaced")
    .with_host(&host.name)
}
