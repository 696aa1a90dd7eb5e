//! One file per command. Each takes its arguments and yields an exit code; what it prints goes through the [`Screen`].

mod build;
mod cache;
mod completions;
mod deploy;
mod doctor;
mod eval;
mod exec;
mod info;
mod list;
mod ssh;
mod why;

use crate::args::{Args, Command, Global};
use crate::hands::{Purpose, Wire};
use crate::workspace::Workspace;
use infra_model::Diagnostic;
use infra_model::answer::{Answer, Exit};
use infra_view::Screen;
use serde::Serialize;
use std::sync::Arc;

/// Runs the command. An answer that did not arrive is no success.
pub(crate) fn run(args: &Args) -> Exit {
    let exit = perform(args);
    match Screen.ungiven() {
        None => exit,
        Some(fault) => {
            Screen.errors(&[fault]);
            if exit == Exit::Ok {
                Exit::SomeFailed
            } else {
                exit
            }
        }
    }
}

fn perform(args: &Args) -> Exit {
    let global = &args.global;
    match &args.command {
        Command::List(selection) => list::run(global, selection),
        Command::Info(selection) => info::run(global, selection),
        Command::Completions { shell } => completions::run(*shell),
        Command::Eval(selection) => wait(eval::run(global, selection)),
        Command::Build(selection) => wait(build::run(global, selection)),
        Command::Deploy(deploy) => wait(deploy::run(global, deploy)),
        Command::Ssh(ssh) => wait(ssh::run(global, ssh)),
        Command::Exec(exec) => wait(exec::run(global, exec)),
        Command::Why(why) => why::run(global, why),
        Command::Cache { action } => cache::run(global, *action),
        Command::Doctor(args) => wait(doctor::run(global, args)),
    }
}

/// One thread is enough: infra waits for processes and hosts, it computes nothing.
fn wait(command: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            let fault = Diagnostic::new(
                infra_model::Code::Internal,
                "cannot wait for anything on this machine",
            )
            .with_cause(error.to_string());
            Screen.errors(&[fault]);
            Exit::NothingDone
        }
    }
}

/// Tells a person what stopped nothing. A program reads it in the answer's `warnings`.
fn warn(global: &Global, warnings: &[Diagnostic]) {
    if !global.json {
        for warning in warnings {
            Screen.err(&infra_view::diagnostic::render(warning, "warning"));
        }
    }
}

/// What performs steps: the repository's files read, the table opened. Without Nix nothing is begun: each host would fail for the same reason.
fn wire(
    global: &Global,
    workspace: &Arc<Workspace>,
    purpose: Purpose,
) -> Result<Arc<Wire>, Diagnostic> {
    infra_drive::nix::installed()?;
    let (evaluator, warnings) = workspace.evaluator(global)?;
    warn(global, &warnings);
    Ok(Arc::new(Wire::new(
        Arc::clone(workspace),
        evaluator,
        purpose,
    )))
}

/// Answers with errors alone: on standard error for a person, as the answer object for a program.
fn refuse(command: &'static str, global: &Global, errors: Vec<Diagnostic>) -> Exit {
    let exit = Exit::of_errors(&errors);
    answer(global, &Answer::<()>::new(command, Vec::new(), errors), "");
    exit
}

/// Gives the answer: as JSON, or `text` on standard output and the errors on standard error.
fn answer<H: Serialize>(global: &Global, answer: &Answer<H>, text: &str) {
    if global.json {
        Screen.json(answer);
    } else {
        Screen.out(text);
        Screen.errors(&answer.errors);
    }
}
