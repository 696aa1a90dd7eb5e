//! Taking a lab down, from what is on disk alone: the owner, a sweeper and a person's `infra-lab
//! sweep` all use this, so that what is tested is also what cleans up after a crash.
//!
//! Processes are ended because they are in the lab's own control groups or namespaces, or because the
//! owner wrote their number and start time down; never by name. Namespaces are seen only from where
//! the owner made them: in its own mount namespace, which may not be the sweeper's.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{UnmountFlags, unmount};

use crate::controller::holder_file;
use crate::files::{FileError, failed};
use crate::host::processes_of_host;
use crate::places::Places;
use crate::proc::{self, Namespace, ProcessId};
use crate::state::{self, LabDir, StateError};

/// The kernel ends processes and namespaces within milliseconds; nspawn's may take a second.
const DEADLINE: Duration = Duration::from_secs(20);

/// A helper (`ip`, `unshare`) that its owner's death left half-way ends within milliseconds. Only
/// then is what it was making to be seen.
const HELPERS_END: Duration = Duration::from_millis(150);

/// Why a lab is still there.
#[derive(Debug, thiserror::Error)]
pub enum TeardownError {
    /// Processes that do not go away.
    #[error("lab {tag}: processes {left:?} could not be killed")]
    Undead {
        /// The lab.
        tag: String,
        /// Their numbers.
        left: Vec<u32>,
    },
    /// A file, mount or control group that cannot be removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The labs cannot be listed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A lab that a sweep met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swept {
    /// Its owner lives, so it was left alone.
    Alive(String),
    /// Its owner was dead, so it was taken down.
    Removed(String),
}

/// Takes down every lab whose owner is dead.
pub fn sweep(places: &Places) -> Result<Vec<Swept>, TeardownError> {
    let run = places.run();
    if !run.exists() {
        return Ok(Vec::new());
    }
    let mut claimed = Vec::new();
    let mut met = Vec::new();
    {
        let _registry = state::registry(&run)?;
        for tag in state::tags(&run) {
            let dir = LabDir::at(&run, &tag);
            match dir.try_own()? {
                Some(lock) => claimed.push((dir, lock)),
                None => met.push(Swept::Alive(tag)),
            }
        }
    }
    if !claimed.is_empty() {
        thread::sleep(HELPERS_END);
    }
    for (dir, _lock) in &claimed {
        take_down(dir)?;
        met.push(Swept::Removed(dir.tag().to_owned()));
    }
    Ok(met)
}

/// Removes everything a lab has made. Everything may be there, half there or gone.
pub(crate) fn take_down(dir: &LabDir) -> Result<(), TeardownError> {
    kill_all(|| processes_of_lab(dir)).map_err(|left| TeardownError::Undead {
        tag: dir.tag().to_owned(),
        left,
    })?;
    for net in dir.nets() {
        release(&net)?;
    }
    for host in dir.host_names() {
        dir.cgroup(&host).remove(DEADLINE)?;
    }
    dir.controller_cgroup().remove(DEADLINE)?;
    remove_folder(dir.root())
}

/// Kills whatever `find` finds until it finds nothing that lives, or gives the numbers of what is left.
/// The calling process and its ancestors are spared: a sweep may be run from within a lab.
pub(crate) fn kill_all(find: impl Fn() -> Vec<ProcessId>) -> Result<(), Vec<u32>> {
    let spared = proc::lineage(std::process::id());
    let until = Instant::now() + DEADLINE;
    loop {
        let alive: Vec<_> = find()
            .into_iter()
            .filter(|process| !spared.contains(&process.pid) && process.is_alive())
            .collect();
        if alive.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(alive.iter().map(|process| process.pid).collect());
        }
        for process in alive {
            process.kill();
        }
        thread::sleep(Duration::from_millis(3));
    }
}

fn processes_of_lab(dir: &LabDir) -> Vec<ProcessId> {
    let hosts = dir.host_names();
    let mut all: Vec<_> = hosts
        .iter()
        .flat_map(|host| processes_of_host(dir, host))
        .collect();
    let controller = Namespace::at(&dir.controller_net());
    all.extend(controller.into_iter().flat_map(Namespace::members));
    all.extend(dir.controller_cgroup().members());
    all.extend(state::remembered_process(&holder_file(dir)));
    all
}

/// Lets a network namespace go. A file that never became one, or did so in the mount namespace of an
/// owner that is gone, is simply not mounted.
fn release(net: &Path) -> Result<(), FileError> {
    match unmount(net, UnmountFlags::DETACH) {
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(errno) => Err(failed("unmount", net)(errno.into())),
    }
}

fn remove_folder(folder: &Path) -> Result<(), TeardownError> {
    let until = Instant::now() + DEADLINE;
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            // A helper that was under way may still have written a file.
            Err(_) if Instant::now() < until => thread::sleep(Duration::from_millis(10)),
            Err(source) => return Err(failed("remove", folder)(source).into()),
        }
    }
}

/// The mounts below a folder that this process sees; for checking that nothing is left.
pub fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    fs::read_to_string("/proc/self/mountinfo")
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split(' ').nth(4).map(PathBuf::from))
        .filter(|point| point.starts_with(folder))
        .collect()
}
