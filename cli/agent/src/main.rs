//! `infra-agent`: what acts on a host, for the command that sends it there and at boot, when nobody is connected.
//!
//! It keeps the host's secrets sealed on disk, puts them in place in memory, and restarts what consumes them. It carries out changes of the
//! host by a supervisor that proves them, commits them, or puts the host back. One JSON object on standard output is the whole answer; exit
//! code 0, or 1 and a diagnostic, or 2 if it was not called as it wants to be.
//!
//! Never: Nix evaluation, a network connection but what a probe asks for, a secret in an argument, an environment, a log or an answer, a dependency
//! that is not needed on every host. It is static and stays under 4 MB.

mod apply;
mod args;
mod change;
mod fault;
mod files;
mod folder;
mod grace;
mod host;
mod identity;
mod lock;
mod pending;
mod people;
mod place;
mod plan;
mod process;
mod render;
mod sealed;
mod search;
mod status;
mod steps;
mod units;
mod wall;

use infra_model::Diagnostic;
use infra_model::bundle::{AGENT_PROTOCOL, Hello, REPORT_SCHEMA};
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (text, code) = match args::parse(&words) {
        Ok(call) => answer(&call),
        Err(usage) => (usage, 2),
    };
    // Whoever asked may have gone away; there is nobody else to tell.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

fn answer(call: &args::Call) -> (String, u8) {
    match perform(call) {
        Ok(text) => (text, 0),
        Err(fault) => (json(&fault), 1),
    }
}

fn perform(call: &args::Call) -> Result<String, Diagnostic> {
    // What it starts makes files for everybody, and has no secrets from us.
    if let args::Verb::Change(args::Change::Carry { file, program }) = &call.verb {
        return change::carry(file, program).map(|()| String::new());
    }
    host::keep_to_ourselves()?;
    let host = &call.host;
    match &call.verb {
        args::Verb::Version => Ok(format!("infra-agent {}\n", env!("CARGO_PKG_VERSION"))),
        args::Verb::Hello => Ok(json(&hello())),
        args::Verb::Status => status::status(host).map(|status| json(&status)),
        args::Verb::Receive { restart, owners } => {
            apply::receive(host, *restart, *owners).map(|applied| json(&applied))
        }
        args::Verb::Restart => apply::restart(host).map(|settled| json(&settled)),
        args::Verb::Unpack { phase } => apply::unpack(host, *phase).map(|applied| json(&applied)),
        args::Verb::Change(change) => change::perform(host, change),
        args::Verb::Search {
            whole_store,
            progress,
        } => search::search(host, *whole_store, *progress).map(|found| json(&found)),
        args::Verb::Rollback { to, restart } => {
            apply::rollback(host, *to, *restart).map(|applied| json(&applied))
        }
    }
}

fn hello() -> Hello {
    Hello {
        schema: REPORT_SCHEMA,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: AGENT_PROTOCOL,
    }
}

/// Our own types always are JSON.
fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap_or_default() + "\n"
}
