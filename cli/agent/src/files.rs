//! Files and folders, made so that a power cut leaves the old or the new and nothing between.

use crate::fault::cannot;
use crate::steps;
use infra_model::Diagnostic;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

/// A folder with these permissions, whatever the umask; those above it that are missing are for everybody to pass.
pub(crate) fn folder(path: &Path, mode: u32) -> Result<(), Diagnostic> {
    if let Some(above) = path.parent()
        && !above.exists()
    {
        folder(above, 0o755)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => steps::changed(),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(cannot("make the folder", path)(error)),
    }
    let metadata = fs::metadata(path).map_err(cannot("look at", path))?;
    if metadata.permissions().mode() & 0o7777 != mode {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(cannot("set the permissions of", path))?;
    }
    Ok(())
}

/// Writes a file that only root can read; it appears whole or not at all.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Diagnostic> {
    let new = beside(path);
    let failed = |error| cannot("write", path)(error);
    remove(&new)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| {
            // In two parts, for a test to cut between them: a file can be half written.
            let (first, rest) = content.split_at(content.len() / 2);
            file.write_all(first)?;
            steps::changed();
            file.write_all(rest)?;
            file.sync_all()
        })
        .map_err(failed)?;
    steps::changed();
    rename(&new, path)
}

/// Makes `path` a link to `target`, in place of what link was there.
pub(crate) fn link(path: &Path, target: &Path) -> Result<(), Diagnostic> {
    let new = beside(path);
    remove(&new)?;
    symlink(target, &new).map_err(cannot("make the link", path))?;
    steps::changed();
    rename(&new, path)
}

/// When this returns, everything on the file system of this folder is on its disk. Where there is no such folder, nothing is.
pub(crate) fn flush(folder: &Path) -> Result<(), Diagnostic> {
    let flushed = match File::open(folder) {
        Ok(folder) => rustix::fs::syncfs(folder).map_err(Into::into),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    flushed.map_err(cannot("write to disk what is in", folder))
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), Diagnostic> {
    match fs::remove_file(path) {
        Ok(()) => {
            steps::changed();
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(cannot("remove", path)(error)),
    }
}

/// The new name is on disk when this returns.
fn rename(from: &Path, to: &Path) -> Result<(), Diagnostic> {
    let folder = to.parent().unwrap_or(Path::new("/"));
    fs::rename(from, to)
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(cannot("put in place", to))?;
    steps::changed();
    Ok(())
}

/// The name of a file on its way. One is enough: whoever writes holds the lock.
fn beside(path: &Path) -> std::path::PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

#[cfg(test)]
mod tests {
    use super::flush;

    #[test]
    fn what_is_not_there_needs_no_flush_and_what_cannot_be_flushed_is_named() {
        let temp = tempfile::tempdir().unwrap();
        flush(temp.path()).unwrap();
        flush(&temp.path().join("boot")).unwrap();
        let file = temp.path().join("file");
        std::fs::write(&file, "").unwrap();
        let below = file.join("boot");
        let error = flush(&below).unwrap_err();
        assert!(error.title.contains(below.to_str().unwrap()), "{error:?}");
    }
}
