//! Files of a lab: small wrappers that give every failure its path, and set modes explicitly so
//! that the caller's umask never decides whether a host can read its own configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What could not be done to which file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub struct FileError {
    /// What was tried, as a verb.
    pub doing: &'static str,
    /// To which file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

/// Turns an input/output error into one that names what was tried, and where.
pub(crate) fn failed<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> FileError + use<'a> {
    move |source| FileError {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// The whole text of a file.
pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(failed("read", path))
}

/// Writes a file with exactly this mode.
pub(crate) fn write(path: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    fs::write(path, text).map_err(failed("write", path))?;
    set_mode(path, mode)
}

/// Writes a file so that a reader sees the old text or the new one, never a part.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    let new = path.with_extension("new");
    write(&new, text, mode)?;
    fs::rename(&new, path).map_err(failed("replace", path))
}

/// Creates a folder (and its parents) with exactly this mode; an existing one gets the mode.
pub(crate) fn folder(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(failed("create", path))?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(failed("set the mode of", path))
}

/// Copies a folder with its links and executable bits. The target must not exist.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<(), FileError> {
    let kind = fs::symlink_metadata(from).map_err(failed("read", from))?;
    if kind.is_symlink() {
        let target = fs::read_link(from).map_err(failed("read the link", from))?;
        return std::os::unix::fs::symlink(target, to).map_err(failed("create the link", to));
    }
    if !kind.is_dir() {
        fs::copy(from, to).map_err(failed("copy to", to))?;
        let mode = if kind.permissions().mode() & 0o111 == 0 {
            0o644
        } else {
            0o755
        };
        return set_mode(to, mode);
    }
    folder(to, 0o755)?;
    for entry in fs::read_dir(from).map_err(failed("list", from))? {
        let entry = entry.map_err(failed("list", from))?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_copied_with_links_and_executable_bits() {
        let temp = tempfile::tempdir().unwrap();
        let from = temp.path().join("from");
        folder(&from.join("deep"), 0o755).unwrap();
        write(&from.join("deep/run"), "#!/bin/sh\n", 0o755).unwrap();
        write(&from.join("text"), "hello", 0o600).unwrap();
        std::os::unix::fs::symlink("text", from.join("link")).unwrap();
        let to = temp.path().join("to");
        copy_tree(&from, &to).unwrap();
        let mode = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("deep/run"), 0o755);
        assert_eq!(mode("text"), 0o644);
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("text"));
        assert_eq!(read(&to.join("link")).unwrap(), "hello");
    }

    #[test]
    fn a_failure_names_the_file() {
        let error = read(Path::new("/no/such/file")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /no/such/file");
    }
}
