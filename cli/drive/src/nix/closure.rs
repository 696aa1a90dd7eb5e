//! What paths of the store need, down to the last.

use super::log::Log;
use super::{nix, run, store_faults};
use crate::process::Stop;
use infra_model::{Code, Diagnostic, StorePath};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitStatus;

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was built: all it needs to run.
    Built,
    /// Derivations: all they are built from.
    Derivation,
}

/// The closure of paths that are in this machine's store, in one process. Of no paths: nothing.
pub async fn closure(
    paths: &[PathBuf],
    kind: Kind,
    stop: Stop,
) -> Result<Vec<PathBuf>, Diagnostic> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let derivation: &[&str] = match kind {
        Kind::Built => &[],
        // Without it newer versions take a derivation for what it builds.
        Kind::Derivation => &["--derivation"],
    };
    let tool = nix(&["path-info", "--recursive"])
        .args(derivation.iter().copied())
        .args(paths);
    let (ended, log) = run(tool, stop, &mut |_, _| {}).await?;
    if !ended.status.success() {
        return Err(untold(&log, ended.status));
    }
    Ok(ended.stdout.lines().map(PathBuf::from).collect())
}

/// The closure of a path that is in this machine's store, with the size of each path in bytes.
pub async fn sizes(path: &StorePath, stop: Stop) -> Result<BTreeMap<StorePath, u64>, Diagnostic> {
    // As text: the JSON of versions differs, this does not.
    let tool = nix(&["path-info", "--recursive", "--size"]).arg(path.as_str());
    let (ended, log) = run(tool, stop, &mut |_, _| {}).await?;
    if !ended.status.success() {
        return Err(untold(&log, ended.status));
    }
    Ok(ended.stdout.lines().filter_map(sized).collect())
}

/// Reads `/nix/store/… <spaces> 1234`.
fn sized(line: &str) -> Option<(StorePath, u64)> {
    let mut words = line.split_whitespace();
    let path = StorePath::parse(words.next()?)?;
    Some((path, words.next()?.parse().ok()?))
}

fn untold(log: &Log, status: ExitStatus) -> Diagnostic {
    let complaint = log.complaint();
    let title = "the store does not tell what systems need";
    Diagnostic::new(Code::NixFailure, title)
        .with_cause(if complaint.is_empty() {
            status.to_string()
        } else {
            store_faults::tail(&complaint)
        })
        .with_fix("repair the store: nix store verify --all; or build the hosts again: infra build")
}

#[cfg(test)]
mod tests {
    use super::sized;

    #[test]
    fn sizes_are_read_as_every_nix_prints_them() {
        let path = "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-x";
        for line in [format!("{path} \t       1234"), format!("{path}    1234")] {
            let (found, bytes) = sized(&line).expect("understood");
            assert_eq!((found.as_str(), bytes), (path, 1234));
        }
        assert_eq!(sized("warning: nothing"), None);
    }
}
