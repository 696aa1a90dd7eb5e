//! `infra ssh HOST`: the user's own ssh on this terminal, with the host's key pinned.

use super::refuse;
use crate::args::Global;
use crate::complete;
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::process::{Stop, Tool};
use infra_drive::ssh::Connection;
use infra_model::answer::Exit;
use infra_model::{Code, Diagnostic};

/// Arguments of `ssh`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    host: String,
    /// A command, instead of a shell.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    const NAME: &str = "ssh";
    match connect(global, args).await {
        Ok(exit) => exit,
        Err(faults) => refuse(NAME, global, faults),
    }
}

async fn connect(global: &Global, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    if global.json {
        return Err(vec![
            Diagnostic::new(Code::Usage, "a session on a terminal has no JSON form")
                .with_fix("use `infra exec HOST --json -- COMMAND`"),
        ]);
    }
    let workspace = Workspace::open(global).map_err(|fault| vec![fault])?;
    let host = workspace.host(&args.host)?;
    let target = workspace.target(&host).map_err(|fault| vec![fault])?;
    // Opening our own connection first yields the address that answers and, if none does, our clear text instead of ssh's.
    let connection = Connection::open(&target, Stop::never())
        .await
        .map_err(|fault| vec![fault])?;
    let status = session(&connection, &args.command)
        .await
        .map_err(|fault| vec![fault])?;
    Ok(match status {
        Some(0) => Exit::Ok,
        // What ran there has its own codes, and a script asks for them.
        Some(code) => u8::try_from(code).map_or(Exit::NothingDone, Exit::Remote),
        None => Exit::NothingDone,
    })
}

async fn session(connection: &Connection, command: &[String]) -> Result<Option<i32>, Diagnostic> {
    let tool = Tool::new("ssh").args(connection.interactive_args(command));
    // Ctrl-C belongs to the far side while the session lasts.
    let _ignored = crate::interrupt::listen();
    Ok(tool.run_on_terminal().await?.code())
}
