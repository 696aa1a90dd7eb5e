//! Folders for as long as somebody needs them: nobody else can read them, and what a killed process has left is known by a lock that nobody holds.

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder of ours, locked for as long as it is needed. It goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: TempDir,
    // Held, not read; dropped after the folder is gone.
    _lock: File,
}

impl Folder {
    /// Makes one below `parent`; its name begins with `prefix`.
    pub(crate) fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let dir = tempfile::Builder::new()
                .prefix(prefix)
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(parent)?;
            // Until it is locked, whoever clears up takes it for one that was left.
            if let Some(lock) = lock(dir.path())? {
                return Ok(Self { dir, _lock: lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A folder that a killed process of this user has left behind. Locked, so that it is cleared up once.
#[derive(Debug)]
pub(crate) struct Left {
    path: PathBuf,
    // Held, not read.
    _lock: File,
}

impl Left {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it. What cannot be removed stays: it is in nobody's way.
    pub(crate) fn remove(self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What killed processes of this user have left below `parent`. Neither age nor name says so: the kernel lets go of a lock with its process.
pub(crate) fn left_in(parent: &Path, prefix: &str) -> Vec<Left> {
    let mut all = Vec::new();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_named = entry.file_name().as_bytes().starts_with(prefix.as_bytes());
        // Of a link this is the link.
        let is_ours = |meta: &fs::Metadata| meta.is_dir() && meta.uid() == geteuid().as_raw();
        if is_named
            && entry.metadata().is_ok_and(|meta| is_ours(&meta))
            && let Ok(Some(lock)) = lock(&entry.path())
        {
            all.push(Left {
                path: entry.path(),
                _lock: lock,
            });
        }
    }
    all
}

/// Locks a folder. `None` if somebody has locked it, or it is gone.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(error),
    };
    let file = match File::open(dir) {
        Ok(file) => file,
        Err(error) => return gone(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    match fs::symlink_metadata(dir) {
        Ok(there) => Ok((there.ino() == file.metadata()?.ino()).then_some(file)),
        Err(error) => gone(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{Folder, left_in};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    /// What another process still needs must stay, and what one that was killed has left must go: secrets of the repository lie in it, and
    /// sockets of connections.
    #[test]
    fn what_was_left_behind_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().expect("a folder");
        let at = |name: &str| parent.path().join(name);
        let held = Folder::new(parent.path(), "infra-x-").expect("made");
        let mode = fs::metadata(held.path()).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
        fs::create_dir_all(at("infra-x-left/hosts")).expect("writable");
        fs::create_dir(at("another")).expect("writable");
        fs::write(at("infra-x-file"), "x").expect("writable");
        symlink(at("another"), at("infra-x-link")).expect("writable");
        // Somebody else's, which only root can make of it.
        fs::create_dir(at("infra-x-theirs")).expect("writable");
        if chown(at("infra-x-theirs"), Some(1), None).is_err() {
            fs::remove_dir(at("infra-x-theirs")).expect("ours");
        }
        let left = left_in(parent.path(), "infra-x-");
        let paths: Vec<_> = left.iter().map(|left| left.path().to_owned()).collect();
        assert_eq!(paths, [at("infra-x-left")]);
        // Whoever clears up has it for themselves.
        assert_eq!(left_in(parent.path(), "infra-x-").len(), 0);
        for left in left {
            left.remove();
        }
        assert!(!at("infra-x-left").exists());
        assert!(held.path().is_dir(), "it is needed");
        for other in ["another", "infra-x-file", "infra-x-link"] {
            assert!(at(other).exists(), "{other}");
        }
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }
}
