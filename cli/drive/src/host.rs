//! What is done on a host, each in one SSH round trip, by a small POSIX script that needs nothing of ours on the host.

use crate::plain::strip_colours;
use crate::process::Stop;
use crate::ssh::{Connection, Remote};
use infra_model::{Code, Diagnostic, HostName, HostState, StorePath};

const SURVEY: &str = include_str!("scripts/survey.sh");
const PREVIEW: &str = include_str!("scripts/preview.sh");

/// Asks a host for its state.
pub async fn survey(
    connection: &Connection,
    host: &HostName,
    stop: Stop,
) -> Result<HostState, Diagnostic> {
    let remote = connection.script(SURVEY, &[], stop).await?;
    if !remote.succeeded() {
        return Err(failed(
            &remote,
            Code::CommandFailed,
            format!("the survey of {host} failed"),
        )
        .with_fix("the host needs a POSIX shell: see what `infra ssh` finds there"));
    }
    Ok(HostState::parse(&remote.stdout))
}

/// What activation of `out` would do, as the system itself says it (`dry-activate`): its lines.
pub async fn preview(
    connection: &Connection,
    out: &StorePath,
    stop: Stop,
) -> Result<Vec<String>, Diagnostic> {
    let remote = connection.script(PREVIEW, &[out.as_str()], stop).await?;
    if remote.succeeded() {
        return Ok(remote.stdout.lines().map(strip_colours).collect());
    }
    Err(failed(
        &remote,
        Code::ActivationFailed,
        "the system cannot say what its activation would do".to_owned(),
    )
    .with_fix("nothing was changed on the host; correct the configuration and try again"))
}

fn failed(remote: &Remote, code: Code, title: String) -> Diagnostic {
    const TAIL: usize = 30;
    let said = format!("{}\n{}", remote.stdout.trim_end(), remote.stderr.trim_end());
    let said = strip_colours(&said);
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(TAIL);
    let ended = match remote.code {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    };
    let mut cause = lines.get(from..).unwrap_or_default().join("\n");
    if !cause.is_empty() {
        cause.push('\n');
    }
    Diagnostic::new(code, title).with_cause(cause + &ended)
}
