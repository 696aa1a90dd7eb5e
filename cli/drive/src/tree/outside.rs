//! What infra itself would read of a revision through links that lead out of it.
//!
//! In a host's tree a link stays what it is, and Nix follows none out of the tree. What is read before that (which hosts there are, what fills
//! their contracts) is read from a folder of this machine: a link in somebody else's branch could make any file of it a part of what is evaluated.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Whether a path below `root`, which is no link itself, lies somewhere else. What leads nowhere cannot be read, and is no matter.
pub(crate) fn leads_out(root: &Path, path: &Path) -> bool {
    let real = root.join(path).canonicalize();
    real.is_ok_and(|real| !real.starts_with(root))
}

/// The first path that infra reads and that leads out of `root`. (What a context names is looked at when it is read.)
pub(super) fn read_through(root: &Path) -> Option<PathBuf> {
    let files = ["flake.nix", "flake.lock", "infra.toml", "hosts"].map(PathBuf::from);
    let is_out = |path: &PathBuf| leads_out(root, path);
    if let Some(out) = files.into_iter().find(is_out) {
        return Some(out);
    }
    for host in below(root, Path::new("hosts")) {
        let files = ["host.toml", "host.pub"].map(|file| host.join(file));
        if let Some(out) = [host].into_iter().chain(files).find(is_out) {
            return Some(out);
        }
    }
    let mut seen = BTreeSet::new();
    ["context", "secrets"]
        .into_iter()
        .find_map(|folder| anywhere(root, Path::new(folder), &mut seen))
}

fn anywhere(root: &Path, path: &Path, seen: &mut BTreeSet<PathBuf>) -> Option<PathBuf> {
    let real = root.join(path).canonicalize().ok()?;
    if !real.starts_with(root) {
        return Some(path.to_owned());
    }
    // Links may lead in circles.
    if !real.is_dir() || !seen.insert(real) {
        return None;
    }
    let mut below = below(root, path).into_iter();
    below.find_map(|path| anywhere(root, &path, seen))
}

fn below(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten();
    let mut all: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| folder.join(entry.file_name()))
        .collect();
    all.sort_unstable();
    all
}
