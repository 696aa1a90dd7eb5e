//! `infra secret new` and `rotate`: a content that somebody gives, checked against the contract before it is written.

use super::{Meant, Room, Which, done, meant};
use crate::args::Global;
use crate::commands::{one, refuse};
use crate::making::{self, Made};
use crate::secret_checks;
use crate::vault::Vault;
use infra_drive::process::Stop;
use infra_drive::secret::sidecar::Notes;
use infra_drive::secret::{ReadFault, Secret};
use infra_model::answer::{Exit, SecretChange, SecretDone};
use infra_model::{Code, Diagnostic, Place};
use infra_plan::making::Extent;
use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::SystemTime;

const NAME: &str = "secret";

/// Where a new content comes from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Origin {
    /// Read it from FILE. Without it: from standard input, or hidden, twice, where somebody sits.
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
    let is_kept = meant.is_kept(&vault);
    if is_kept && !args.replace {
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
    let written = write(&vault, &meant, &content, None).map_err(one)?;
    let change = if is_kept {
        SecretChange::Replaced
    } else {
        SecretChange::Written
    };
    Ok((vec![told(&meant, written, change)], room.evaluator.finish()))
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
    let written = write(&vault, &meant, &content, meant.grace()).map_err(one)?;
    let all = vec![told(&meant, written, SecretChange::Replaced)];
    Ok((all, room.evaluator.finish()))
}

fn told(meant: &Meant, file: String, change: SecretChange) -> SecretDone {
    SecretDone {
        name: meant.whose(),
        secret: meant.name.clone(),
        file,
        change,
        due: Vec::new(),
    }
}

fn write(
    vault: &Vault<'_>,
    meant: &Meant,
    content: &Secret,
    grace: Option<String>,
) -> Result<String, Diagnostic> {
    let notes = Notes {
        created: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        grace,
        ..Notes::default()
    };
    vault.keep(&meant.asset, content, &notes)
}

/// The content, which is what the contract asks for.
fn content(meant: &Meant, origin: &Origin) -> Result<Secret, Diagnostic> {
    let content = match &origin.file {
        Some(file) => of_file(meant, file)?,
        None if std::io::stdin().is_terminal() => typed(meant)?,
        None => piped(meant)?,
    };
    match meant.fault(content.expose()) {
        None => Ok(content),
        Some(why) => Err(Diagnostic::new(
            Code::WrongType,
            format!(
                "that is not what `{}` of {} must be",
                meant.name, meant.host.name
            ),
        )
        .with_cause(why)
        .with_place(meant.place())
        .with_fix("give it another content; nothing was written")),
    }
}

fn of_file(meant: &Meant, file: &PathBuf) -> Result<Secret, Diagnostic> {
    let shown = file.display().to_string();
    let open = std::fs::File::open(file).map_err(|error| unreadable(&shown, &error))?;
    read(open, meant, &shown)
}

fn piped(meant: &Meant) -> Result<Secret, Diagnostic> {
    let content = read(std::io::stdin(), meant, "standard input")?;
    // What a program prints ends with a line; that end is the program's. Several lines are a file, which is kept as it is.
    let is_line = std::str::from_utf8(content.expose()).is_ok_and(|text| text.lines().count() == 1);
    Ok(if meant.is_text() && is_line {
        content.without_line_end()
    } else {
        content
    })
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

impl Meant {
    pub(super) fn fault(&self, content: &[u8]) -> Option<String> {
        match &self.need {
            super::Need::Secret(need) => {
                secret_checks::fault(need, content).map(|why| format!("it {why}"))
            }
            super::Need::Value(need) => {
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
}
