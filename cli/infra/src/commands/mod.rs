//! One file per command. Each takes its arguments and yields an exit code; what it prints goes through the [`Screen`].

mod apply;
mod build;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod contract;
mod deploy;
pub(crate) mod doctor;
mod eval;
pub(crate) mod exec;
pub(crate) mod facts;
pub(crate) mod fill;
pub(crate) mod get;
pub(crate) mod graph;
pub(crate) mod history;
mod info;
pub(crate) mod init;
mod list;
pub(crate) mod log;
pub(crate) mod new;
mod plan;
mod private;
mod ready;
mod resume;
mod rollback;
pub(crate) mod secret;
pub(crate) mod set;
pub(crate) mod ssh;
mod status;
pub(crate) mod why;

use crate::args::{Args, Command, Fill, Global};
use crate::contracts::{self, Contracts};
use crate::fill_flags;
use crate::workspace::Workspace;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit};
use infra_model::{Diagnostic, HostSpec};
use infra_view::Screen;
use serde::Serialize;

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
        Command::Contract(contract) => wait(contract::run(global, contract)),
        Command::Set(args) => wait(set::run(global, args)),
        Command::Fill(args) => wait(fill::run(global, args)),
        Command::Facts(args) => wait(facts::run(global, args)),
        Command::Get(args) => wait(get::run(global, args)),
        Command::Secret { verb } => wait(secret::run(global, verb)),
        Command::Graph(args) => wait(graph::run(global, args)),
        Command::Init(args) => init::run(global, args),
        Command::New { what } => new::run(global, what),
        Command::Eval(evaluate) => wait(eval::run(global, evaluate)),
        Command::Build(evaluate) => wait(build::run(global, evaluate)),
        Command::Plan(args) => wait(plan::run(global, args)),
        Command::Apply(args) => wait(apply::run(global, args)),
        Command::Deploy(deploy) => wait(deploy::run(global, deploy)),
        Command::Resume(args) => wait(resume::run(global, args)),
        Command::Rollback(args) => wait(rollback::run(global, args)),
        Command::Status(selection) => wait(status::run(global, selection)),
        Command::History(args) => history::run(global, args),
        Command::Log(args) => log::run(global, args),
        Command::Ssh(ssh) => wait(ssh::run(global, ssh)),
        Command::Exec(exec) => wait(exec::run(global, exec)),
        Command::Why(why) => why::run(global, why),
        Command::Cache { action } => cache::run(global, *action),
        Command::Check(args) => wait(check::run(global, args)),
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
pub(crate) fn warn(global: &Global, warnings: &[Diagnostic]) {
    if !global.json {
        for warning in warnings {
            Screen.err(&infra_view::diagnostic::render(warning, "warning"));
        }
    }
}

/// What evaluates hosts: the repository's files read, the table opened. Without Nix nothing is begun: each host would fail for the same reason.
fn evaluator(global: &Global, workspace: &Workspace) -> Result<Evaluator, Diagnostic> {
    infra_drive::nix::installed()?;
    let (evaluator, warnings) = workspace.evaluator(global)?;
    warn(global, &warnings);
    Ok(evaluator)
}

/// Brings together what the hosts need, and gives it to their evaluations.
async fn fill(
    workspace: &Workspace,
    evaluator: &Evaluator,
    hosts: &[HostSpec],
    fill: &Fill,
) -> Result<Contracts, Vec<Diagnostic>> {
    let flags = fill_flags::by_host(fill, hosts)?;
    let stop = Stop::never();
    let mut contracts = contracts::gather(workspace, evaluator, hosts, &flags, &stop).await?;
    private::open(workspace, hosts, &mut contracts, &stop).await?;
    let unknown = fill_flags::unknown(fill, &contract::names_of(&contracts));
    if !unknown.is_empty() {
        return Err(unknown);
    }
    evaluator
        .fill(contracts.contexts())
        .map_err(|fault| vec![fault])?;
    Ok(contracts)
}

/// One fault, where there could be several.
fn one(fault: Diagnostic) -> Vec<Diagnostic> {
    vec![fault]
}

/// Answers with errors alone: on standard error for a person, as the answer object for a program.
fn refuse(command: &'static str, global: &Global, errors: Vec<Diagnostic>) -> Exit {
    let exit = Exit::of_errors(&errors);
    answer(global, &Answer::<()>::new(command, Vec::new(), errors), "");
    exit
}

/// Gives the answer: as JSON, or `text` on standard output and the errors on standard error.
pub(crate) fn answer<H: Serialize>(global: &Global, answer: &Answer<H>, text: &str) {
    if global.json {
        Screen.json(answer);
    } else {
        Screen.out(text);
        Screen.errors(&answer.errors);
    }
}
