//! Nix, driven as a program: one process per question, its log read as data.

mod explain;
mod log;
mod packages;
mod store_faults;

use crate::process::{Ended, Stop, Tool};
use crate::repo::Repo;
use explain::Explain;
use infra_model::{Code, Diagnostic, HostName, HostSpec, StorePath, SystemAnswer};
use log::Log;
pub use packages::packages;
use std::time::{Duration, Instant};

/// The least time between two reports of progress.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// Called with (done, total) whenever Nix gets further.
pub type OnProgress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// Where something is built.
#[derive(Debug, Clone)]
pub enum BuildPlace {
    /// In this machine's store.
    Here,
    /// In another store (`ssh-ng://…`), reached with these options for ssh.
    Store {
        /// Its URL.
        url: String,
        /// For `NIX_SSHOPTS`.
        ssh: String,
    },
    /// In this machine's store, but by a remote builder alone.
    Builder {
        /// Its URL.
        url: String,
        /// Its Nix system.
        system: String,
        /// For `NIX_SSHOPTS`.
        ssh: String,
    },
}

fn nix(verb: &[&str]) -> Tool {
    Tool::new("nix")
        .args(verb.iter().copied())
        // Asked for by name, so that a Nix where they are not on by default works as well.
        .args(["--extra-experimental-features", "nix-command flakes"])
        // The log as data: progress, messages and the position of errors.
        .args(["--log-format", "internal-json"])
}

/// Nix in an evaluation: nothing impure, nothing built while evaluating, inputs as the lock file says and not otherwise.
fn evaluator(verb: &[&str]) -> Tool {
    nix(verb).args([
        "--no-update-lock-file",
        "--option",
        "allow-import-from-derivation",
        "false",
    ])
}

async fn run(
    tool: Tool,
    stop: Stop,
    on_progress: OnProgress<'_>,
) -> Result<(Ended, Log), Diagnostic> {
    let mut log = Log::default();
    let mut told: Option<Instant> = None;
    let ended = tool
        .run(stop, &mut |line| {
            let Some((done, total)) = log.read(line) else {
                return;
            };
            // Nix tells of each of a thousand paths; nobody can read faster than this.
            if done == total || told.is_none_or(|at| at.elapsed() >= PROGRESS_PAUSE) {
                told = Some(Instant::now());
                on_progress(done, total);
            }
        })
        .await?;
    Ok((ended, log))
}

/// The version of this machine's Nix, as it calls itself: `nix (Nix) 2.34.8`.
pub async fn version() -> Result<String, Diagnostic> {
    let ended = Tool::new("nix")
        .arg("--version")
        .run(Stop::never(), &mut |_| {})
        .await?;
    Ok(ended.stdout.trim().to_owned())
}

/// The attribute that holds a host's system. A host name is a DNS label, so it cannot break out of the path; the quotes are for names that
/// begin with a digit.
pub fn system_attribute(host: &HostName) -> String {
    format!("infra.hosts.\"{host}\".system")
}

/// Evaluates one host from its tree (a flake reference): one process, which writes the derivation to the local store. Answers Nix's JSON and
/// the most memory the process was seen to hold.
pub async fn evaluate(
    repo: &Repo,
    host: &HostSpec,
    flake: &str,
    stop: Stop,
) -> Result<(String, Option<u64>), Diagnostic> {
    let attribute = format!("{flake}#{}", system_attribute(&host.name));
    let tool = evaluator(&["eval"])
        .args(["--json", "--show-trace"])
        .arg(attribute);
    let (ended, log) = run(tool, stop, &mut |_, _| {}).await?;
    if !ended.status.success() {
        let explain = Explain { repo, host };
        return Err(explain.evaluation(&log, ended.status));
    }
    let answer = SystemAnswer::parse(&ended.stdout)?;
    if answer.host != host.name {
        return Err(Diagnostic::new(
            Code::SchemaMismatch,
            format!(
                "Nix was asked for host `{}` and answered for `{}`",
                host.name, answer.host
            ),
        )
        .with_fix("update the `infra` input of the repository"));
    }
    Ok((ended.stdout, ended.peak_bytes))
}

/// Builds a derivation that is in the local store.
pub async fn build(
    drv: &StorePath,
    place: &BuildPlace,
    stop: Stop,
    on_progress: OnProgress<'_>,
) -> Result<(), Diagnostic> {
    let mut tool = nix(&["build"])
        .args([
            "--no-link",
            "--option",
            "allow-import-from-derivation",
            "false",
        ])
        .arg(format!("{drv}^out"));
    match place {
        BuildPlace::Here => {}
        BuildPlace::Store { url, ssh } => {
            tool = tool
                .args(["--eval-store", "auto", "--store", url])
                .env("NIX_SSHOPTS", ssh);
        }
        BuildPlace::Builder { url, system, ssh } => {
            tool = tool
                .args(["--max-jobs", "0", "--builders"])
                .arg(format!("{url} {system} - 4 1"))
                .env("NIX_SSHOPTS", ssh);
        }
    }
    let (ended, log) = run(tool, stop, on_progress).await?;
    if ended.status.success() {
        Ok(())
    } else {
        Err(store_faults::build(drv, &log, ended.status))
    }
}

/// Copies the closure of `path` from the local store to the store at `url` (`ssh-ng://…`).
///
/// Paths built here carry no signature, so the far side has to trust our user (root, or `trusted-users`): decision 0002.
pub async fn copy(
    path: &StorePath,
    url: &str,
    ssh_options: &str,
    stop: Stop,
    on_progress: OnProgress<'_>,
) -> Result<(), Diagnostic> {
    let tool = nix(&["copy"])
        .args(["--no-check-sigs", "--to", url])
        .arg(path.as_str())
        .env("NIX_SSHOPTS", ssh_options);
    let (ended, log) = run(tool, stop, on_progress).await?;
    if ended.status.success() {
        Ok(())
    } else {
        Err(store_faults::copy(path, &log, ended.status))
    }
}
