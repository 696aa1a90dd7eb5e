//! The `infra` command.
//!
//! This crate only wires: arguments become a request, the request is given to the rooms that plan, do and show, and what comes back
//! becomes an exit code.
//!
//! Never: decisions about hosts (`infra-plan`), effects of its own (`infra-drive`), rendering (`infra-view`).

mod args;
mod bundles;
mod commands;
mod complete;
mod contracts;
mod crash;
mod due;
mod facts;
mod fill_flags;
mod hands;
mod interrupt;
mod keeper;
mod making;
mod offers;
mod opener;
mod person;
mod record;
mod run;
mod secret_checks;
mod transaction;
mod vault;
mod workspace;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    complete::answer_shell();
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::explain(&error),
    };
    ExitCode::from(commands::run(&args).code())
}
