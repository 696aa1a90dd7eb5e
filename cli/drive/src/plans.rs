//! Saved plans on disk: what names them, which repository they are of, and their files.

use crate::process::{Stop, Tool};
use crate::receipts;
use infra_model::{Code, Diagnostic, Place};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// The SHA-256 of a text, in hexadecimal.
pub fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What tells a repository from others: its oldest commit and its folder in Git, which all clones have in common; where there is no commit, the
/// folder on this machine.
pub async fn repository(root: &Path, stop: Stop) -> String {
    let asked = Tool::new("git")
        .arg("-C")
        .arg(root)
        .args(["rev-list", "--max-parents=0", "HEAD"])
        .run(stop.clone(), &mut |_| {})
        .await;
    let oldest = asked
        .ok()
        .filter(|ended| ended.status.success())
        // Of a repository that was joined from several: the same one everywhere.
        .and_then(|ended| ended.stdout.lines().map(str::to_owned).min());
    match oldest {
        Some(commit) => {
            let folder = receipts::origin(root, stop).await.folder;
            let below = if folder.is_empty() { "" } else { ":" };
            format!("git:{commit}{below}{folder}")
        }
        None => format!("path:{}", root.display()),
    }
}

/// Writes a plan, whole or not at all.
pub fn write(file: &Path, text: &str) -> Result<(), Diagnostic> {
    let written = std::path::absolute(file).and_then(|path| crate::context::write(&path, text));
    written.map_err(|error| {
        Diagnostic::new(Code::Usage, format!("{} cannot be written", file.display()))
            .with_cause(error.to_string())
            .with_place(Place::file("command line"))
            .with_fix("name a file in a folder that you may write to: -o FILE")
    })
}

/// Reads the text of a plan.
pub fn read(file: &Path) -> Result<String, Diagnostic> {
    std::fs::read_to_string(file).map_err(|error| {
        let shown = file.display().to_string();
        let fix = if error.kind() == io::ErrorKind::NotFound {
            "make it first: infra plan -o FILE"
        } else {
            "name a file that `infra plan -o FILE` wrote"
        };
        Diagnostic::new(Code::InvalidPlan, format!("{shown} cannot be read"))
            .with_cause(error.to_string())
            .with_place(Place::file(shown))
            .with_fix(fix)
    })
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        assert_eq!(
            digest("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
