//! `infra-lab shell` and `infra-lab exec`: becoming a program in a running lab.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use infra_testkit::Lab;

use crate::Failure;

pub(crate) fn shell(lab: &Lab, words: &[String]) -> Result<ExitCode, Failure> {
    let (program, arguments) = split(words);
    let mut command = lab.controller(program);
    // The shell's HOME is the lab's own, so the place of labs would be looked for in it.
    command.args(arguments).env("INFRA_LAB", &lab.places().root);
    become_it(command)
}

pub(crate) fn exec(lab: &Lab, host: &str, words: &[String]) -> Result<ExitCode, Failure> {
    let (program, arguments) = split(words);
    let mut command = find_host(lab, host)?.command(program)?;
    command.args(arguments);
    become_it(command)
}

/// A host by the name that was typed.
pub(crate) fn find_host<'lab>(
    lab: &'lab Lab,
    name: &str,
) -> Result<infra_testkit::Host<'lab>, Failure> {
    lab.find_host(name).ok_or_else(|| {
        let known: Vec<_> = lab.hosts().map(|host| host.name()).collect();
        format!(
            "lab {} has no host `{name}`; it has {}",
            lab.tag(),
            known.join(", ")
        )
        .into()
    })
}

fn split(words: &[String]) -> (&str, &[String]) {
    match words {
        [] => ("/bin/bash", &[]),
        [program, arguments @ ..] => (program, arguments),
    }
}

/// Replaces this program, so that terminal, signals and exit status are the other's.
fn become_it(mut command: Command) -> Result<ExitCode, Failure> {
    if let Some(terminal) = std::env::var_os("TERM") {
        command.env("TERM", terminal);
    }
    Err(command.stdin(Stdio::inherit()).exec().into())
}
