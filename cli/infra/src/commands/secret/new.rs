//! `infra secret new` and `rotate`: a content that somebody gives, checked against the contract before it is written.

use super::writing::{self, Given};
use super::{Meant, Room, Which, done, meant};
use crate::args::Global;
use crate::commands::{one, refuse};
use crate::making::{self, Made};
use infra_drive::process::Stop;
use infra_drive::secret::{ReadFault, Secret};
use infra_model::answer::{Exit, SecretDone};
use infra_model::{Code, Diagnostic, Place};
use infra_plan::making::Extent;
use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;

const NAME: &str = "secret";

/// Where a new content comes from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Origin {
    /// Read it from FILE. Without it: from standard input, or hidden, twice, where somebody sits. The line end after a text of one line, a
    /// password hash or a value is left out; whatever else is kept to the byte.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Arguments of `secret new`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    origin: Origin,
    /// Replace the one that is there.
    #[arg(long)]
    replace: bool,
}

/// Arguments of `secret rotate`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    origin: Origin,
}

type Done = Result<(Vec<SecretDone>, Vec<Diagnostic>), Vec<Diagnostic>>;

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match write_new(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((all, warnings)) => done(global, all, warnings),
    }
}

pub(super) async fn rotate(global: &Global, args: &Rotate) -> Exit {
    match replace(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((all, warnings)) => done(global, all, warnings),
    }
}

async fn write_new(global: &Global, args: &Args) -> Done {
    let room = Room::open(global)?;
    let vault = room.vault().await?;
    let meant = meant(&vault, &args.which)?;
    if !args.replace && writing::is_kept(&vault, &meant).map_err(one)? {
        return Err(one(Diagnostic::new(
            Code::Usage,
            format!("`{}` of {} is there already", meant.name, meant.host.name),
        )
        .with_place(Place::file("command line"))
        .with_fix(format!(
            "infra secret rotate {} {} replaces it with a grace for the one before; --replace does without",
            meant.host.name, meant.name
        ))));
    }
    // Whoever could not read it must not find out after somebody typed it.
    vault.recipients(&meant.asset).map_err(one)?;
    let content = content(&meant, &args.origin).map_err(one)?;
    let (written, mut warnings) =
        writing::keep(&vault, &meant, content.given(None)).map_err(one)?;
    warnings.extend(room.evaluator.finish());
    Ok((vec![written], warnings))
}

async fn replace(global: &Global, args: &Rotate) -> Done {
    let room = Room::open(global)?;
    let vault = room.vault().await?;
    let meant = meant(&vault, &args.which)?;
    vault.recipients(&meant.asset).map_err(one)?;
    if meant.recipe().is_some() && args.origin.file.is_none() {
        let extent = Extent::Anew(BTreeSet::from([meant.asset]));
        let tasks = making::tasks(&vault, &extent)?;
        let never = Stop::never();
        let done = making::generate(&vault, &room.evaluator, (&tasks, false), &never).await?;
        let made = done.made.iter().map(Made::told).collect();
        return Ok((made, room.evaluator.finish()));
    }
    let content = content(&meant, &args.origin).map_err(one)?;
    let given = content.given(meant.grace());
    let (written, mut warnings) = writing::keep(&vault, &meant, given).map_err(one)?;
    warnings.extend(room.evaluator.finish());
    Ok((vec![written], warnings))
}

/// A content, and where it came from.
struct Content {
    secret: Secret,
    from: String,
}

impl Content {
    fn given(&self, grace: Option<String>) -> Given<'_> {
        Given {
            content: &self.secret,
            from: &self.from,
            grace,
        }
    }
}

/// Reads what somebody gives.
fn content(meant: &Meant, origin: &Origin) -> Result<Content, Diagnostic> {
    let (read, from) = match &origin.file {
        Some(file) => {
            let shown = file.display().to_string();
            let open = std::fs::File::open(file).map_err(|error| unreadable(&shown, &error))?;
            (read(open, meant, &shown)?, shown)
        }
        None if std::io::stdin().is_terminal() => (typed(meant)?, "terminal".to_owned()),
        None => {
            let from = "standard input";
            (read(std::io::stdin(), meant, from)?, from.to_owned())
        }
    };
    // What a program prints and an editor saves ends with a line end, which is theirs. Several lines are a file, which is kept as it is.
    let is_one_line = || {
        read.expose_text()
            .is_some_and(|text| text.lines().count() == 1)
    };
    let secret = if meant.is_line() && is_one_line() {
        read.without_line_end()
    } else {
        read
    };
    Ok(Content { secret, from })
}

fn read(from: impl std::io::Read, meant: &Meant, shown: &str) -> Result<Secret, Diagnostic> {
    Secret::read(from, &format!("`{}` from {shown}", meant.name)).map_err(|fault| match fault {
        ReadFault::Io(error) => unreadable(shown, &error),
        ReadFault::TooLarge(fault) => *fault,
    })
}

fn unreadable(shown: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(Code::UnreadableFile, format!("{shown} cannot be read"))
        .with_cause(error.to_string())
        .with_place(Place::file("command line"))
        .with_fix("give --file a file that is there and that you may read")
}

fn typed(meant: &Meant) -> Result<Secret, Diagnostic> {
    let nobody = |error: &dialoguer::Error| {
        Diagnostic::new(Code::Usage, format!("nobody typed `{}`", meant.name))
            .with_cause(error.to_string())
            .with_place(Place::file("terminal"))
            .with_fix("give it with --file or on standard input")
    };
    let typed = dialoguer::Password::new()
        .with_prompt(format!("{} of {}", meant.name, meant.host.name))
        .with_confirmation("again", "that was not the same")
        .interact()
        .map_err(|error| nobody(&error))?;
    Secret::new(typed.into_bytes(), meant.name.as_str())
}
