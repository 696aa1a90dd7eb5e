//! What is done on a host, each in one SSH round trip, by a small POSIX script that needs nothing of ours on the host.

use crate::plain::strip_colours;
use crate::process::Stop;
use crate::ssh::{Connection, Remote};
use infra_model::{Code, Diagnostic, HostName, HostState, StorePath};

const SURVEY: &str = include_str!("scripts/survey.sh");
const ACTIVATE: &str = include_str!("scripts/activate.sh");
const VERIFY: &str = include_str!("scripts/verify.sh");
const COMMIT: &str = include_str!("scripts/commit.sh");

/// Exit code of our scripts when another run holds the host's lock (`EX_TEMPFAIL`).
const BUSY: i32 = 75;
/// Exit code of `switch-to-configuration` when the system is switched but units failed.
const UNITS_FAILED: i32 = 4;

/// How an activation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// What the system's own activation said.
    pub lines: Vec<String>,
    /// Whether it says that units failed.
    pub units_failed: bool,
}

/// What a host runs, read back after activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// Units that have failed since.
    pub newly_failed: Vec<String>,
}

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
        .with_fix(
            "the host needs a POSIX shell, and `sudo` without a password if `user` is not root",
        ));
    }
    Ok(HostState::parse(&remote.stdout))
}

/// Runs the system's own activation: `switch-to-configuration test`, or `dry-activate`. It is detached from the connection, so that a
/// broken connection does not break it in the middle.
pub async fn activate(
    connection: &Connection,
    out: &StorePath,
    dry: bool,
    run: &str,
    stop: Stop,
) -> Result<Activated, Diagnostic> {
    let verb = if dry { "dry-activate" } else { "test" };
    let remote = connection
        .script(ACTIVATE, &[out.as_str(), verb, run], stop)
        .await?;
    let lines = remote.stdout.lines().map(strip_colours).collect();
    match remote.code {
        Some(0) => Ok(Activated { lines, units_failed: false }),
        Some(UNITS_FAILED) => Ok(Activated { lines, units_failed: true }),
        Some(BUSY) => Err(busy(&remote)),
        _ => Err(failed(&remote, Code::ActivationFailed, "activation failed on the host".to_owned())
            .with_fix("the boot default is unchanged, so a reboot brings back the system before; correct the configuration and deploy again")),
    }
}

/// Reads back that the host runs `out`, and which units have failed that had not.
pub async fn verify(
    connection: &Connection,
    out: &StorePath,
    failed_before: &[String],
    stop: Stop,
) -> Result<ReadBack, Diagnostic> {
    let remote = connection.script(VERIFY, &[], stop).await?;
    let state = HostState::parse(&remote.stdout);
    if state.current.as_ref() != Some(out) {
        let runs = state
            .current
            .map_or_else(|| "no system".to_owned(), |path| path.to_string());
        return Err(Diagnostic::new(
            Code::VerificationFailed,
            "the host does not run the system that was just activated",
        )
        .with_cause(format!("it runs {runs}\ninstead of {out}"))
        .with_fix(
            "somebody else may be deploying to it; look at it (infra ssh), then deploy again",
        ));
    }
    Ok(ReadBack {
        newly_failed: state
            .failed_units
            .into_iter()
            .filter(|unit| !failed_before.contains(unit))
            .collect(),
    })
}

/// Makes `out` the boot default: a generation of the system profile, and the boot loader. The answer is the generation.
pub async fn commit(
    connection: &Connection,
    out: &StorePath,
    run: &str,
    stop: Stop,
) -> Result<Option<u64>, Diagnostic> {
    let remote = connection
        .script(COMMIT, &[out.as_str(), run], stop)
        .await?;
    match remote.code {
        Some(0) => {}
        Some(BUSY) => return Err(busy(&remote)),
        _ => {
            return Err(failed(&remote, Code::ActivationFailed, "the system could not be made the boot default".to_owned())
                .with_fix("the host runs the new system but may boot the old one; correct what it complains about and deploy again"));
        }
    }
    let state = HostState::parse(&remote.stdout);
    if state.boot_default.as_ref() != Some(out) {
        return Err(Diagnostic::new(
            Code::VerificationFailed,
            "the host's boot default is not the system that was just set",
        )
        .with_cause(remote.stdout)
        .with_fix("somebody else may be deploying to it; deploy again"));
    }
    Ok(state.generation)
}

fn busy(remote: &Remote) -> Diagnostic {
    Diagnostic::new(
        Code::HostBusy,
        "somebody else is changing this host right now",
    )
    .with_cause(remote.stderr.trim().to_owned())
    .with_fix("wait until the other run has ended, then deploy again")
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
