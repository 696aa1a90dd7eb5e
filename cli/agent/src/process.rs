//! The one place where the agent makes processes: with a small known environment and nothing to read.

use std::process::{Command, Stdio};

/// Where the programs of a NixOS and of any other distribution are: what starts us may know neither.
const PATH: &str = "/run/current-system/sw/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[expect(
    clippy::disallowed_methods,
    reason = "this is the agent's one constructor; infra_drive's needs a runtime"
)]
pub(crate) fn program(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// What a program prints; `None` if it is not there or fails.
pub(crate) fn ask(name: &str, args: &[&str]) -> Option<String> {
    let output = program(name, args).stdout(Stdio::piped()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

/// Runs programs at the same time; whether each succeeded.
pub(crate) fn all(commands: Vec<Command>) -> Vec<bool> {
    let started: Vec<_> = commands
        .into_iter()
        .map(|mut command| command.spawn())
        .collect();
    started
        .into_iter()
        .map(|child| child.and_then(|mut child| child.wait()))
        .map(|status| status.is_ok_and(|status| status.success()))
        .collect()
}
