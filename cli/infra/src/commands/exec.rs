//! `infra exec SELECTOR -- COMMAND`: the same command on many hosts.

use super::{answer, refuse};
use crate::args::{Global, Selection};
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_drive::ssh::{Connection, Remote, Target};
use infra_model::answer::{Answer, Executed, Exit};
use infra_model::{CancelStage, Code, Diagnostic, HostName};
use infra_view::Screen;
use infra_view::style::{BUSY, paint};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Hosts asked at once: waiting costs nothing, but each connection is a process for a moment.
const AT_ONCE: usize = 32;

/// Arguments of `exec`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// The command line; the host's login shell reads it, as with ssh.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    const NAME: &str = "exec";
    let targets = match targets(global, args) {
        Ok(targets) => targets,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let stage = crate::interrupt::stage();
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let json = global.json;
    for target in targets {
        let (gate, command, stage) = (Arc::clone(&gate), args.command.clone(), stage.clone());
        tasks.spawn(async move {
            let _turn = gate.acquire().await;
            let name = target.name.clone();
            (name, execute(&target, &command, stage, json).await)
        });
    }
    let (mut hosts, mut errors) = (Vec::new(), Vec::new());
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((name, Ok(remote))) => {
                errors.extend(fault(&name, &remote));
                hosts.push(executed(name, remote));
            }
            Ok((_, Err(fault))) => errors.push(fault),
            Err(error) => errors.push(
                Diagnostic::new(Code::Internal, "infra broke while it ran a command")
                    .with_cause(error.to_string()),
            ),
        }
    }
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    errors.sort_by(|a, b| a.host.cmp(&b.host));
    let good = hosts
        .iter()
        .filter(|host| host.exit_code == Some(0))
        .count();
    let exit = if *stage.borrow() > CancelStage::Running {
        Exit::Interrupted
    } else {
        Exit::of_hosts(good, errors.len())
    };
    answer(global, &Answer::new(NAME, hosts, errors), "");
    exit
}

fn targets(global: &Global, args: &Args) -> Result<Vec<Target>, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(|fault| vec![fault])?;
    let hosts = workspace.select_strictly(&args.selection)?;
    hosts
        .iter()
        .map(|host| workspace.target(host).map_err(|fault| vec![fault]))
        .collect()
}

async fn execute(
    target: &Target,
    command: &[String],
    stage: watch::Receiver<CancelStage>,
    quiet: bool,
) -> Result<Remote, Diagnostic> {
    let stop = Stop::from(CancelStage::Terminating, stage);
    let connection = Connection::open(target, stop.clone()).await?;
    let prefix = paint(BUSY, target.name.as_str());
    let show = |is_error: bool, line: &str| {
        let text = format!("{prefix} | {line}\n");
        match (quiet, is_error) {
            (true, _) => {}
            (false, false) => Screen.out(&text),
            (false, true) => Screen.err(&text),
        }
    };
    let remote = connection.command(command, stop, &show).await;
    remote.map_err(|fault| fault.with_host(&target.name))
}

fn fault(name: &HostName, remote: &Remote) -> Option<Diagnostic> {
    let ended = match remote.code {
        Some(0) => return None,
        Some(code) => format!("exit code {code}"),
        None => "a signal ended it, or the connection broke".to_owned(),
    };
    Some(
        Diagnostic::new(Code::CommandFailed, "the command failed on the host")
            .with_cause(ended)
            .with_host(name),
    )
}

fn executed(name: HostName, remote: Remote) -> Executed {
    Executed {
        name,
        exit_code: remote.code,
        stdout: remote.stdout,
        stderr: remote.stderr,
    }
}
