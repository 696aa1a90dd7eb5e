//! What is on disk about a lab: one folder, enough to take the lab down without its owner.
//!
//! The folder's name (the tag) and everything the owner is about to make are written before the
//! first thing is made, so whatever moment the owner dies at, nothing is unaccounted for. Whether the owner lives is
//! told by a file lock: the kernel drops it with the process, however that ends, and it
//! also makes two sweepers agree on who takes a dead lab down.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroup;
use crate::config::LabConfig;
use crate::files::{self, FileError, failed};
use crate::proc::ProcessId;

/// Number of the record's format; a lab of another one can be swept but not attached to.
const SCHEMA: u32 = 2;

/// The scripts that namespaces are set up with, laid down in each lab: run from there, a process shows
/// which lab it belongs to.
const SCRIPTS: &[(&str, &str)] = &[
    (
        "controller-enter.sh",
        include_str!("scripts/controller-enter.sh"),
    ),
    (
        "controller-hold.sh",
        include_str!("scripts/controller-hold.sh"),
    ),
    ("host-start.sh", include_str!("scripts/host-start.sh")),
    ("machine-base.nix", include_str!("scripts/machine-base.nix")),
    ("machine-exec.sh", include_str!("scripts/machine-exec.sh")),
    ("machine-image.sh", include_str!("scripts/machine-image.sh")),
    ("machine-start.sh", include_str!("scripts/machine-start.sh")),
    ("plain-init.sh", include_str!("scripts/plain-init.sh")),
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    schema: u32,
    /// Number and start of the owner, for people. Whether it lives is told by the lock.
    owner: Option<String>,
    config: LabConfig,
}

/// Why a lab's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record is not what this version writes.
    #[error("{} is no record of a lab of this version", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// The folder of one lab.
#[derive(Debug, Clone)]
pub(crate) struct LabDir {
    root: PathBuf,
    tag: String,
}

/// Held by the process that owns a lab (or sweeps a dead one) for as long as it does.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    _held: File,
}

impl LabDir {
    /// The folder of the lab with this tag.
    pub(crate) fn at(run: &Path, tag: &str) -> Self {
        let (root, tag) = (run.join(tag), tag.to_owned());
        Self { root, tag }
    }

    /// Makes the folder of a new lab and owns it. The tag holds the owner's process id, for people.
    pub(crate) fn create(run: &Path, config: &LabConfig) -> Result<(Self, OwnerLock), StateError> {
        files::folder(run, 0o755)?;
        // Held until the lab is locked by itself: a sweeper must not take it for a dead one.
        let _registry = registry(run)?;
        let owner = std::process::id();
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos());
        let dir = (0..u32::MAX)
            .map(|attempt| {
                Self::at(
                    run,
                    &format!("lab{owner}x{:x}", nanos.wrapping_add(attempt)),
                )
            })
            .find(|dir| !dir.root.exists())
            .ok_or(std::io::ErrorKind::AlreadyExists.into())
            .map_err(failed("find a free name in", run))?;
        files::folder(&dir.root, 0o755)?;
        let Some(lock) = dir.try_own()? else {
            let taken = std::io::ErrorKind::WouldBlock.into();
            return Err(failed("lock the new lab", &dir.root)(taken).into());
        };
        dir.write_record(config)?;
        Ok((dir, lock))
    }

    fn write_record(&self, config: &LabConfig) -> Result<(), StateError> {
        let path = self.record();
        let record = Record {
            schema: SCHEMA,
            owner: ProcessId::own().map(|own| own.to_string()),
            config: config.clone(),
        };
        let text = serde_json::to_string_pretty(&record).map_err(|source| StateError::Record {
            path: path.clone(),
            source,
        })?;
        files::replace(&path, &text, 0o644)?;
        files::folder(&self.root.join("scripts"), 0o755)?;
        for (name, text) in SCRIPTS {
            files::write(&self.script(name), text, 0o644)?;
        }
        files::folder(&self.root.join("net"), 0o755)?;
        files::folder(&self.controller(), 0o755)?;
        files::folder(&self.root.join("hosts"), 0o755)?;
        Ok(())
    }

    /// What the lab was asked to be.
    pub(crate) fn config(&self) -> Result<LabConfig, StateError> {
        let path = self.record();
        let record: Record = serde_json::from_str(&files::read(&path)?)
            .map_err(|source| StateError::Record { path, source })?;
        Ok(record.config)
    }

    /// Takes the lab over if its owner is dead; `None` if it lives (or another sweeper was faster).
    pub(crate) fn try_own(&self) -> Result<Option<OwnerLock>, FileError> {
        let path = self.root.join("owner.lock");
        let file = lock_file(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(OwnerLock { _held: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(failed("lock", &path)(errno.into())),
        }
    }

    /// The lab's name, unique on this machine.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn record(&self) -> PathBuf {
        self.root.join("lab.json")
    }

    /// One of the lab's scripts.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.root.join("scripts").join(name)
    }

    /// The folder of the operator's side.
    pub(crate) fn controller(&self) -> PathBuf {
        self.root.join("controller")
    }

    /// The folder of one host.
    pub(crate) fn host(&self, name: &str) -> PathBuf {
        self.root.join("hosts").join(name)
    }

    /// The folder for repositories made in this lab.
    pub(crate) fn repos(&self) -> PathBuf {
        self.root.join("repos")
    }

    /// The file that stands for the controller's network namespace.
    pub(crate) fn controller_net(&self) -> PathBuf {
        self.root.join("net/.controller")
    }

    /// The file that stands for a host's network namespace.
    pub(crate) fn host_net(&self, name: &str) -> PathBuf {
        self.root.join("net").join(name)
    }

    /// All network namespace files that exist, of hosts and controller.
    pub(crate) fn nets(&self) -> Vec<PathBuf> {
        entries(&self.root.join("net"))
    }

    /// The names of the hosts that something was made for.
    pub(crate) fn host_names(&self) -> Vec<String> {
        entries(&self.root.join("hosts"))
            .iter()
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect()
    }

    /// The control group of everything that runs on the operator's machine.
    pub(crate) fn controller_cgroup(&self) -> Cgroup {
        Cgroup::named(&format!("infra-{}.operator", self.tag))
    }

    /// The control group of a host.
    pub(crate) fn cgroup(&self, host: &str) -> Cgroup {
        Cgroup::named(&format!("infra-{}-{host}", self.tag))
    }

    /// The name that nspawn gives a host. Not the host's own: it must fit in 64 characters.
    pub(crate) fn machine(&self, index: usize) -> String {
        format!("{}-{index}", self.tag)
    }

    /// The client key of the operator.
    pub(crate) fn client_key(&self) -> PathBuf {
        self.controller().join("id_ed25519")
    }
}

/// The tags of all labs below a folder, dead or alive.
pub(crate) fn tags(run: &Path) -> Vec<String> {
    entries(run)
        .iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect()
}

/// Waits for the right to add or claim labs.
pub(crate) fn registry(run: &Path) -> Result<OwnerLock, FileError> {
    let path = run.join("registry.lock");
    let file = lock_file(&path)?;
    flock(&file, FlockOperation::LockExclusive)
        .map_err(|errno| failed("lock", &path)(errno.into()))?;
    Ok(OwnerLock { _held: file })
}

/// Remembers which process to end.
pub(crate) fn remember_process(path: &Path, id: ProcessId) -> Result<(), FileError> {
    files::replace(path, &id.to_string(), 0o644)
}

/// The process remembered in a file, dead or alive.
pub(crate) fn remembered_process(path: &Path) -> Option<ProcessId> {
    fs::read_to_string(path).ok()?.parse().ok()
}

fn lock_file(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed("open", path))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HostKind;

    #[test]
    fn a_new_lab_is_owned_until_the_lock_is_dropped() {
        let temp = tempfile::tempdir().unwrap();
        let config = LabConfig {
            hosts: vec![("web".into(), HostKind::Systemd.into())],
            bin_dirs: vec!["/bin".into()],
        };
        let (dir, lock) = LabDir::create(temp.path(), &config).unwrap();
        assert!(dir.try_own().unwrap().is_none());
        assert_eq!(tags(temp.path()), [dir.tag()]);
        assert_eq!(dir.config().unwrap(), config);
        drop(lock);
        assert!(dir.try_own().unwrap().is_some());
    }

    #[test]
    fn labs_of_one_process_do_not_collide() {
        let temp = tempfile::tempdir().unwrap();
        let made: Vec<_> = (0..20)
            .map(|_| LabDir::create(temp.path(), &LabConfig::default()).unwrap())
            .collect();
        let tags: std::collections::BTreeSet<_> = made.iter().map(|(dir, _)| dir.tag()).collect();
        assert_eq!(tags.len(), 20);
    }

    #[test]
    fn a_record_of_another_version_is_refused_by_name() {
        let temp = tempfile::tempdir().unwrap();
        let (dir, _lock) = LabDir::create(temp.path(), &LabConfig::default()).unwrap();
        files::write(&dir.record(), "{\"schema\": 1, \"future\": true}", 0o644).unwrap();
        let error = dir.config().unwrap_err().to_string();
        assert!(error.contains("lab.json is no record"), "{error}");
    }
}
