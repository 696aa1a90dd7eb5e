//! The public keys of whoever runs infra: those that a new repository lets read every secret.

use super::{Identities, Nobody, Recipient, identity::Places};
use infra_model::Diagnostic;
use std::path::PathBuf;
use std::sync::Arc;

/// Public keys, as they would stand in `admins`: those of SSH with their comments, which say whose they are. Keys that age cannot encrypt to
/// are left out, and of a key that is found twice the first.
pub fn public_keys() -> Result<Vec<String>, Diagnostic> {
    let mut seen: Vec<Recipient> = Vec::new();
    let mut keys = Vec::new();
    let mut add = |recipient: Recipient, text: String| {
        if !seen.contains(&recipient) {
            seen.push(recipient);
            keys.push(text);
        }
    };
    for line in public_lines() {
        if let Ok(recipient) = Recipient::parse(&line, None) {
            add(recipient, line);
        }
    }
    let identities = Identities::load(&Places::of_environment(), Arc::new(Nobody))?;
    for recipient in identities.recipients() {
        let text = recipient.to_string();
        add(recipient, text);
    }
    Ok(keys)
}

/// The lines of `~/.ssh/*.pub`, by name of file.
fn public_lines() -> Vec<String> {
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(home.join(".ssh"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "pub") && path.is_file())
        .collect();
    files.sort();
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .filter_map(|text| Some(text.lines().next()?.trim().to_owned()))
        .filter(|line| line.starts_with("ssh-"))
        .collect()
}
