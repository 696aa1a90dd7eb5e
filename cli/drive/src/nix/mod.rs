//! Nix, driven as a program: one process per question, its log read as data.

mod attribute;
mod closure;
mod exhausted;
mod explain;
mod inputs;
mod log;
mod mention;
mod packages;
mod reach;
mod store_faults;

use crate::memory::kernel_kills;
use crate::process::{Ended, Stop, Tool, missing, on_path};
use crate::repo::Repo;
pub use closure::{Kind as ClosureKind, closure, sizes};
use exhausted::End;
pub use exhausted::Failed;
use explain::Explain;
use infra_model::{Code, Diagnostic, HostName, HostSpec, StorePath, SystemAnswer};
pub use inputs::{check_lock, path_inputs};
use log::Log;
pub use packages::packages;
use std::collections::BTreeMap;
use std::path::Path;
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
        // `nix eval` never reads its own cache, but would make a file in it for each tree.
        "--option",
        "eval-cache",
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

/// Whether there is a Nix on this machine at all.
pub fn installed() -> Result<(), Diagnostic> {
    on_path("nix").map_or_else(|| Err(missing("nix")), |_| Ok(()))
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

/// The attribute that holds a host's contract, evaluated with `lib` alone.
pub fn plane_attribute(host: &HostName) -> String {
    format!("infra.plane.\"{host}\"")
}

/// The attribute that holds a host's contract, taken from its system.
pub fn manifest_attribute(host: &HostName) -> String {
    format!("infra.hosts.\"{host}\".manifest")
}

/// Evaluates one attribute of a flake to JSON; faults are explained as those of `host`.
pub async fn ask(
    repo: &Repo,
    host: &HostSpec,
    asked: (&str, &str),
    stop: Stop,
) -> Result<String, Diagnostic> {
    let tool = |installable| {
        evaluator(&["eval"])
            .args(["--json", "--show-trace"])
            .arg(installable)
    };
    let (ended, log) = attribute::eval(asked, tool, stop.clone()).await?;
    if ended.status.success() {
        Ok(ended.stdout)
    } else {
        let end = End {
            log: &log,
            status: ended.status,
            kernel_killed: None,
        };
        match end.broken(&host.name) {
            Some(fault) => Err(fault),
            None => Err(explained(repo, host, &log, stop).await),
        }
    }
}

/// The answer of `infra.planes`.
#[derive(serde::Deserialize)]
struct Planes<'a> {
    schema: u32,
    #[serde(borrow)]
    hosts: BTreeMap<String, OnePlane<'a>>,
}

#[derive(serde::Deserialize)]
struct OnePlane<'a> {
    ok: bool,
    #[serde(borrow, default)]
    manifest: Option<&'a serde_json::value::RawValue>,
}

/// Evaluates the contracts of all hosts in a tree made for it. Only those that came through are answered, as JSON by host; `None` if the
/// process failed as a whole or spoke another version, so that nothing is known of any.
pub async fn planes(flake: &str, stop: Stop) -> Option<BTreeMap<String, String>> {
    let tool = |installable| evaluator(&["eval"]).arg("--json").arg(installable);
    let (ended, _) = attribute::eval((flake, "infra.planes"), tool, stop)
        .await
        .ok()?;
    if !ended.status.success() {
        return None;
    }
    let planes: Planes<'_> = serde_json::from_str(&ended.stdout).ok()?;
    let came_through = planes
        .hosts
        .into_iter()
        .filter(|(_, plane)| plane.ok)
        .filter_map(|(host, plane)| Some((host, plane.manifest?.get().to_owned())))
        .collect();
    (planes.schema == infra_model::contract::MANIFEST_SCHEMA).then_some(came_through)
}

/// Evaluates one host from its tree (a flake reference): one process, which writes the derivation to the local store. Answers Nix's JSON and
/// the most memory the process was seen to hold.
pub async fn evaluate(
    repo: &Repo,
    host: &HostSpec,
    flake: &str,
    stop: Stop,
) -> Result<(String, Option<u64>), Failed> {
    let attribute = system_attribute(&host.name);
    let tool = |installable| {
        evaluator(&["eval"])
            .args(["--json", "--show-trace"])
            .arg(installable)
            .first_to_go()
    };
    let kills_before = kernel_kills();
    let (ended, log) = attribute::eval((flake, &attribute), tool, stop.clone()).await?;
    if !ended.status.success() {
        let end = End {
            log: &log,
            status: ended.status,
            kernel_killed: kernel_kills().map(|kills| Some(kills) > kills_before),
        };
        return Err(match (end.out_of_memory(), end.broken(&host.name)) {
            (Some(how), _) => Failed::OutOfMemory {
                how,
                peak_bytes: ended.peak_bytes,
            },
            (None, Some(fault)) => fault.into(),
            (None, None) => explained(repo, host, &log, stop).await.into(),
        });
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
        .with_fix("update the `infra` input of the repository")
        .into());
    }
    Ok((ended.stdout, ended.peak_bytes))
}

/// Why the evaluation of a host failed, in the user's own terms. A lock file that does not fit is compared with the flake: one more
/// process, and only then.
async fn explained(repo: &Repo, host: &HostSpec, log: &Log, stop: Stop) -> Diagnostic {
    let stale = if inputs::is_stale(log) {
        inputs::differences(repo, stop).await
    } else {
        Vec::new()
    };
    let explain = Explain {
        repo,
        host,
        stale: &stale,
    };
    explain.evaluation(log)
}

/// Builds a derivation that is in the local store. With a `link` the same process makes roots of it: `link` to the result, `link-1` to the
/// derivation. (Not for what is built in another store: there is nothing here to link to.)
pub async fn build(
    drv: &StorePath,
    place: &BuildPlace,
    link: Option<&Path>,
    stop: Stop,
    on_progress: OnProgress<'_>,
) -> Result<(), Diagnostic> {
    let mut tool = nix(&["build"])
        .args(["--option", "allow-import-from-derivation", "false"])
        .arg(format!("{drv}^out"));
    tool = match link {
        None => tool.arg("--no-link"),
        // Without `^` the derivation itself is meant.
        Some(link) => tool.arg(drv.as_str()).arg("--out-link").arg(link),
    };
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
        return Ok(());
    }
    let unused = match place {
        BuildPlace::Builder { url, .. } => store_faults::builder(url, &log),
        BuildPlace::Here | BuildPlace::Store { .. } => None,
    };
    Err(unused.unwrap_or_else(|| store_faults::build(drv, &log, ended.status)))
}

/// Makes roots of paths that are in the local store: `link` leads to the first, `link-1` to the second.
pub async fn keep(paths: &[&StorePath], link: &Path, stop: Stop) -> Result<(), Diagnostic> {
    let tool = nix(&["build"])
        .args(paths.iter().map(|path| path.as_str()))
        .arg("--out-link")
        .arg(link);
    let (ended, log) = run(tool, stop, &mut |_, _| {}).await?;
    if ended.status.success() {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::NixFailure,
        "no root can be made for the garbage collector",
    )
    .with_cause(store_faults::tail(&log.complaint()))
    .with_fix("see that the Nix daemon runs and that infra's state folder is writable"))
}

/// Copies the closure of `path` from the local store to the store at `url` (`ssh-ng://…`).
///
/// Paths built here carry no signature, so the far side has to trust whoever serves it, which is root: decision 0002.
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
