//! A revision of the user's Git repository as a folder, for a moment: to be read, filled and evaluated as the repository itself is.
//!
//! Its files are those of `revision`: what a checkout would have, so that a host has the same tree in it. The user's work tree and index are not
//! touched, and no filter is run.

use super::AtRevision;
use super::git::Git;
use super::outside;
use super::revision::{Past, no_repository};
use crate::repo::Repo;
use crate::temporary::{Folder, left_in};
use gix::objs::tree::EntryKind;
use infra_model::{Code, Diagnostic};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// How the folders are called.
const PREFIX: &str = "infra-revision-";

/// A revision that was checked out. Its files go with it.
#[derive(Debug)]
pub struct Checkout {
    /// The repository as it was.
    pub repo: Repo,
    /// The commit that was meant.
    pub commit: String,
    // Held, not read.
    _folder: Folder,
}

/// The commit that a revision of `repo` means.
///
/// Errors: the revision is not whole in this clone, or the repository was not in it.
pub fn commit_at(repo: &Repo, revision: &str) -> Result<AtRevision<String>, Diagnostic> {
    let Some(git) = Git::find(repo.root())? else {
        return Ok(AtRevision::Unknown(NO_GIT.to_owned()));
    };
    Ok(match Past::find(&git, revision)? {
        Ok(past) => AtRevision::Known(past.commit.to_string()),
        Err(why) => AtRevision::Unknown(why),
    })
}

const NO_GIT: &str = "the repository is not in Git";

/// Checks out a revision of `repo` into a folder of its own, which nobody else can read.
///
/// Errors: the revision is not whole in this clone, or the repository was not in it; the folder cannot be written.
pub fn check_out(repo: &Repo, revision: &str) -> Result<AtRevision<Checkout>, Diagnostic> {
    let Some(git) = Git::find(repo.root())? else {
        return Ok(AtRevision::Unknown(NO_GIT.to_owned()));
    };
    let past = match Past::find(&git, revision)? {
        Ok(past) => past,
        Err(why) => return Ok(AtRevision::Unknown(why)),
    };
    let temporary = std::env::temp_dir();
    for left in left_in(&temporary, PREFIX) {
        left.remove();
    }
    let folder = Folder::new(&temporary, PREFIX).map_err(|error| unwritable(&error))?;
    // As Nix names it: the folder for temporary files may be a link.
    let root = folder
        .path()
        .canonicalize()
        .map_err(|error| unwritable(&error))?;
    past.write_below(&past.tree, &mut Vec::new(), &root, Whose::Ours)?;
    if let Some(path) = outside::read_through(&root) {
        return Err(past.leads_out(&path));
    }
    if !root.join("flake.nix").is_file() {
        return Err(no_repository(revision));
    }
    Ok(AtRevision::Known(Checkout {
        repo: Repo::checked_out(&root, repo),
        commit: past.commit.to_string(),
        _folder: folder,
    }))
}

/// Whose files are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Those of the repository itself, which Git's index is about.
    Ours,
    /// Those of a submodule.
    Submodule,
}

impl Past<'_> {
    fn write_below(
        &self,
        tree: &gix::Tree<'_>,
        path: &mut Vec<u8>,
        at: &Path,
        whose: Whose,
    ) -> Result<(), Diagnostic> {
        for entry in tree.iter() {
            let entry = entry.map_err(|error| self.unreadable(path, &error))?;
            let name: &[u8] = entry.filename();
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            if is_unsafe(name) {
                let why = "no file may be called that";
                return Err(self.unreadable(path, &why));
            }
            let at = at.join(OsStr::from_bytes(name));
            let object = || {
                entry
                    .object()
                    .map_err(|error| self.unreadable(path, &error))
            };
            match entry.mode().kind() {
                EntryKind::Tree => {
                    let below = object()?.into_tree();
                    make_folder(&at)?;
                    self.write_below(&below, path, &at, whose)?;
                }
                EntryKind::Commit => {
                    // Without one it is as empty as in a clone.
                    if let Some(repo) = self.submodule_repo(path) {
                        let below = self.submodule_tree(&repo, path, entry.object_id())?;
                        make_folder(&at)?;
                        self.write_below(&below, path, &at, Whose::Submodule)?;
                    }
                }
                EntryKind::Link => link(&object()?.data, &at)?,
                kind @ (EntryKind::Blob | EntryKind::BlobExecutable) => {
                    let blob = object()?;
                    let content = match whose {
                        Whose::Ours => self.content(path, &blob)?,
                        Whose::Submodule => Some(blob.data.clone()),
                    };
                    if let Some(content) = content {
                        write_file(&at, &content, kind)?;
                    }
                }
            }
            path.truncate(length);
        }
        Ok(())
    }
}

/// Git itself writes no such tree; one that was made by hand must not lead out of the folder.
fn is_unsafe(name: &[u8]) -> bool {
    matches!(name, b"" | b"." | b"..") || name.eq_ignore_ascii_case(b".git") || name.contains(&b'/')
}

/// A new folder: where something else of that name is already, it would be written through.
fn make_folder(at: &Path) -> Result<(), Diagnostic> {
    fs::create_dir(at).map_err(|error| unwritable(&error))
}

fn link(target: &[u8], at: &Path) -> Result<(), Diagnostic> {
    symlink(OsStr::from_bytes(target), at).map_err(|error| unwritable(&error))
}

fn write_file(at: &Path, content: &[u8], kind: EntryKind) -> Result<(), Diagnostic> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(at)?;
        file.write_all(content)?;
        if kind == EntryKind::BlobExecutable {
            file.set_permissions(Permissions::from_mode(0o700))?;
        }
        io::Result::Ok(())
    };
    write().map_err(|error| unwritable(&error))
}

fn unwritable(error: &io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::StateUnwritable,
        "a revision cannot be written into the folder for temporary files",
    )
    .with_cause(error.to_string())
    .with_fix("make room in the folder for temporary files (TMPDIR, /tmp), or set TMPDIR to one that you may write to")
}
