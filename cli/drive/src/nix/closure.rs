//! What paths of the store need, down to the last.

use super::{nix, run, store_faults};
use crate::process::Stop;
use infra_model::{Code, Diagnostic};
use std::path::PathBuf;

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
        let complaint = log.complaint();
        let title = "the store does not tell what systems need";
        return Err(Diagnostic::new(Code::NixFailure, title)
            .with_cause(if complaint.is_empty() {
                ended.status.to_string()
            } else {
                store_faults::tail(&complaint)
            })
            .with_fix(
                "repair the store: nix store verify --all; or build the hosts again: infra build",
            ));
    }
    Ok(ended.stdout.lines().map(PathBuf::from).collect())
}
