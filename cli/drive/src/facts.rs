//! Asking a host for facts, all of them in one SSH round trip.

use crate::process::Stop;
use crate::ssh::Connection;
use infra_model::fact::Report;
use infra_model::{Code, Diagnostic, HostName};
use std::time::Duration;

const FACTS: &str = include_str!("scripts/facts.sh");

/// For the whole answer. The host itself ends a command after half a minute, where it can.
const LIMIT: Duration = Duration::from_secs(120);

/// What a host answered, and what its commands complained about.
#[derive(Debug)]
pub struct Told {
    /// The answers.
    pub report: Report,
    /// What each command said on standard error, in the order in which they were asked.
    pub complaints: Vec<String>,
}

/// Asks a host what it knows of itself, and what these commands print there.
pub async fn ask(
    connection: &Connection,
    host: &HostName,
    commands: &[&[String]],
    stop: Stop,
) -> Result<Told, Diagnostic> {
    let counts: Vec<String> = commands
        .iter()
        .map(|words| words.len().to_string())
        .collect();
    let args: Vec<&str> = commands
        .iter()
        .zip(&counts)
        .flat_map(|(words, count)| {
            std::iter::once(count.as_str()).chain(words.iter().map(String::as_str))
        })
        .collect();
    let asked = connection.script(FACTS, &args, stop);
    let remote = match tokio::time::timeout(LIMIT, asked).await {
        Ok(remote) => remote?,
        Err(_) => {
            return Err(Diagnostic::new(
                Code::CommandFailed,
                format!(
                    "{host} did not say what it knows within {} seconds",
                    LIMIT.as_secs()
                ),
            )
            .with_fix("a command that is a fact must end by itself: run it with infra exec"));
        }
    };
    if !remote.succeeded() {
        return Err(Diagnostic::new(
            Code::CommandFailed,
            format!("{host} could not be asked for facts"),
        )
        .with_cause(remote.stderr.trim().to_owned())
        .with_fix("the host needs a POSIX shell: see what `infra ssh` finds there"));
    }
    Ok(Told {
        report: Report::parse(&remote.stdout),
        complaints: complaints(&remote.stderr),
    })
}

/// The script says `command` before each.
fn complaints(stderr: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in stderr.lines() {
        match all.last_mut() {
            _ if line == "command" => all.push(String::new()),
            Some(last) => {
                last.push_str(line);
                last.push('\n');
            }
            None => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{FACTS, complaints};
    use infra_model::fact::{Builtin, Report};
    use infra_model::types::Type;

    #[expect(
        clippy::disallowed_methods,
        reason = "the script alone, as the host's shell runs it"
    )]
    fn run(args: &[&str]) -> (Report, Vec<String>) {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", FACTS, "infra"]).args(args);
        let output = command.output().expect("a shell");
        assert!(output.status.success(), "{output:?}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            Report::parse(&text(&output.stdout)),
            complaints(&text(&output.stderr)),
        )
    }

    #[test]
    fn this_machine_answers() {
        let (report, _) = run(&[]);
        let read = |path: &str| {
            std::fs::read_to_string(path)
                .expect("Linux")
                .trim()
                .to_owned()
        };
        let told = |name| report.builtin(name, &Type::String);
        let kernel = read("/proc/sys/kernel/osrelease");
        assert_eq!(told(Builtin::Kernel), Some(kernel.into()));
        let hostname = read("/proc/sys/kernel/hostname");
        assert_eq!(told(Builtin::Hostname), Some(hostname.into()));
        let number = |name| {
            report
                .builtin(name, &Type::Int)
                .and_then(|value| value.as_u64())
        };
        assert!(number(Builtin::Cpus).is_some_and(|count| count >= 1));
        assert!(number(Builtin::Memory).is_some_and(|bytes| bytes > 1 << 20));
        assert_eq!(report.command(0), None);
    }

    #[test]
    fn commands_are_told_apart() {
        let hostile = "a\n| b' \"$HOME\" $(id) \\";
        let (report, complaints) = run(&[
            "3",
            "printf",
            "%s\\n",
            hostile, // text, a line that looks like ours
            "3",
            "sh",
            "-c",
            "echo why >&2; exit 3",
            "1",
            "infra-no-such-program",
            "2",
            "echo",
            "[1, 2]",
        ]);
        let command = |at: usize| report.command(at).expect("answered");
        assert_eq!(
            (command(0).code, command(0).text.as_str()),
            (Some(0), hostile)
        );
        assert_eq!((command(1).code, command(1).text.as_str()), (Some(3), ""));
        assert_eq!(command(2).code, Some(127));
        assert_eq!(command(3).text, "[1, 2]");
        assert_eq!(complaints[1], "why\n");
        assert!(
            complaints[2].contains("infra-no-such-program"),
            "{complaints:?}"
        );
    }
}
