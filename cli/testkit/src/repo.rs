//! Repositories to deploy: copies of the examples, pinned to a lab's hosts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::config::HostConfig;
use crate::files::{self, FileError, failed};
use crate::host::Host;
use crate::lab::Lab;
use crate::lock::{self, Inputs, LockError};
use crate::process::{Finished, ProcessError, Run, process};

/// The hardware of a lab's machine, as a host's folder describes it.
pub fn machine_hardware(config: &HostConfig) -> String {
    const HARDWARE: &str = include_str!("scripts/machine-hardware.nix");
    const SYSTEMD_BOOT: &str = "  boot.loader.systemd-boot.enable = true;\n";
    const GRUB: &str = "  boot.loader.grub = {
    enable = true;
    device = \"nodev\";
    efiSupport = true;
    efiInstallAsRemovable = true;
  };
";
    if config.grub {
        HARDWARE.replace(SYSTEMD_BOOT, GRUB)
    } else {
        HARDWARE.to_owned()
    }
}

const DEADLINE: Duration = Duration::from_secs(60);

/// Every commit is made at this moment by the same author, so that equal content has equal ids.
const DATE: &str = "2025-01-01T00:00:00Z";

/// Why a repository could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Git failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its lock file could not be written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is no such example.
    #[error("there is no example `{name}`: {} is missing", path.display())]
    NoExample {
        /// What was asked for.
        name: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// An edit left the file as it was, so the test that wants it would show nothing.
    #[error("the edit of {} changes nothing", .0.display())]
    SameText(PathBuf),
}

/// A repository in a folder of its own; the folder goes with this value.
#[derive(Debug)]
pub struct Repo {
    path: PathBuf,
    _folder: TempDir,
}

impl Repo {
    /// A copy of an example, locked to this machine's inputs, pinned to the lab's hosts, committed.
    pub fn from_example(lab: &Lab, name: &str) -> Result<Self, RepoError> {
        let parent = lab.dir().repos();
        files::folder(&parent, 0o755)?;
        // Not hidden, and short: the path is in every message and in the demo.
        let folder = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(4)
            .tempdir_in(&parent)
            .map_err(failed("create a folder in", &parent))?;
        let repo = Self::copy_example(name, folder)?;
        Inputs::stage(lab.places())?.lock(repo.path())?;
        repo.pin(lab)?;
        repo.commit("Pin the hosts of the lab")?;
        Ok(repo)
    }

    /// A copy of an example as it is, committed. For what needs no host.
    pub fn copy_of_example(name: &str) -> Result<Self, RepoError> {
        let folder =
            tempfile::tempdir().map_err(failed("create a folder in", &std::env::temp_dir()))?;
        Self::copy_example(name, folder)
    }

    fn copy_example(name: &str, folder: TempDir) -> Result<Self, RepoError> {
        let example = lock::checkout()?.join("examples").join(name);
        if !example.join("flake.nix").exists() {
            let name = name.to_owned();
            return Err(RepoError::NoExample {
                name,
                path: example,
            });
        }
        // Named after the example: the name shows in messages.
        let path = folder.path().join(name);
        files::copy_tree(&example, &path)?;
        let repo = Self {
            path,
            _folder: folder,
        };
        repo.git(&["init", "--quiet", "--initial-branch=main"])?;
        repo.commit("Start from the example")?;
        Ok(repo)
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the public keys of the lab's hosts into the folders of the hosts of these names.
    pub fn pin(&self, lab: &Lab) -> Result<(), RepoError> {
        pin(lab, &self.path)?;
        self.track()
    }

    /// Says of a host that it is one of the lab's machines: its hardware is that of a machine.
    pub fn onto_machine(&self, host: Host<'_>) -> Result<(), RepoError> {
        let file = format!("hosts/{}/hardware-configuration.nix", host.name());
        self.write(&file, &machine_hardware(host.config()))
    }

    /// Changes a file. An edit that leaves the text as it was is an error.
    pub fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) -> Result<(), RepoError> {
        let path = self.path.join(file);
        let old = files::read(&path)?;
        let new = change(&old);
        if new == old {
            return Err(RepoError::SameText(path));
        }
        Ok(files::write(&path, &new, 0o644)?)
    }

    /// Writes a file, new or not, and lets git know of it (flakes see no untracked files).
    pub fn write(&self, file: &str, text: &str) -> Result<(), RepoError> {
        self.write_untracked(file, text)?;
        self.git(&["add", "--intent-to-add", "--", file])?;
        Ok(())
    }

    /// Writes a file that git does not know of.
    pub fn write_untracked(&self, file: &str, text: &str) -> Result<(), RepoError> {
        let path = self.path.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        Ok(files::write(&path, text, 0o644)?)
    }

    /// Removes a file or folder.
    pub fn remove(&self, file: &str) -> Result<(), RepoError> {
        let path = self.path.join(file);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        Ok(removed.map_err(failed("remove", &path))?)
    }

    /// Commits everything there is.
    pub fn commit(&self, message: &str) -> Result<(), RepoError> {
        self.track()?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        Ok(())
    }

    fn track(&self) -> Result<(), RepoError> {
        self.git(&["add", "--all"])?;
        Ok(())
    }

    /// Runs git in it, apart from anybody's configuration.
    pub fn git(&self, words: &[&str]) -> Result<Finished, RepoError> {
        let finished = process("git")
            .args(words)
            .current_dir(&self.path)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Operator")
            .env("GIT_AUTHOR_EMAIL", "operator@lab.invalid")
            .env("GIT_AUTHOR_DATE", DATE)
            .env("GIT_COMMITTER_NAME", "Operator")
            .env("GIT_COMMITTER_EMAIL", "operator@lab.invalid")
            .env("GIT_COMMITTER_DATE", DATE)
            .run(DEADLINE)?
            .ok()?;
        Ok(finished)
    }
}

/// Writes `host.pub` of each host of the lab that a repository has a folder for, and gives those
/// files.
pub fn pin(lab: &Lab, repo: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut pinned = Vec::new();
    for host in lab.hosts() {
        let folder = repo.join("hosts").join(host.name());
        if folder.is_dir() {
            let file = folder.join("host.pub");
            files::write(&file, &(host.public_key()? + "\n"), 0o644)?;
            pinned.push(file);
        }
    }
    Ok(pinned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Repo {
        Repo::copy_of_example("pair").unwrap()
    }

    #[test]
    fn equal_content_has_equal_commits() {
        let head = |repo: &Repo| repo.git(&["rev-parse", "HEAD"]).unwrap().stdout;
        assert_eq!(head(&pair()), head(&pair()));
    }

    #[test]
    fn an_edit_must_change_something() {
        let repo = pair();
        let file = "hosts/web/host.toml";
        repo.edit(file, |text| format!("{text}wave = 2\n")).unwrap();
        let error = repo
            .edit(file, |text| text.replace("no such text", ""))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("hosts/web/host.toml changes nothing"),
            "{error}"
        );
        assert_eq!(
            repo.git(&["status", "--short"]).unwrap().stdout,
            " M hosts/web/host.toml\n"
        );
    }

    #[test]
    fn written_files_are_known_to_git_unless_asked_otherwise() {
        let repo = pair();
        repo.write("hosts/new/host.toml", "").unwrap();
        repo.write_untracked("notes/todo", "").unwrap();
        let status = repo.git(&["status", "--short"]).unwrap().stdout;
        assert_eq!(status, " A hosts/new/host.toml\n?? notes/\n");
        repo.remove("notes").unwrap();
        repo.commit("Add a host").unwrap();
        assert_eq!(repo.git(&["status", "--short"]).unwrap().stdout, "");
    }

    #[test]
    fn a_machine_has_one_boot_loader() {
        for grub in [false, true] {
            let mut config = HostConfig::from(crate::HostKind::Machine);
            config.grub = grub;
            let text = machine_hardware(&config);
            assert_eq!(text.contains("systemd-boot"), !grub, "{text}");
            assert_eq!(text.contains("loader.grub"), grub, "{text}");
        }
    }

    #[test]
    fn an_example_that_is_not_there_is_named() {
        let error = Repo::copy_of_example("nothing").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("there is no example `nothing`"),
            "{error}"
        );
    }
}
