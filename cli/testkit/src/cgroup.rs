//! One control group per host, and one for the operator's machine.
//!
//! It is the list of what must end with the lab: nothing slips out of it, its name cannot come to mean
//! something else (as the number of a process or a namespace can), and it is seen from every mount
//! namespace, so anybody can sweep a dead lab. Systemd hosts need one besides: started from one and the same
//! group, all nspawn hosts would share its `/payload` child, and several init systems would manage one tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::files::{FileError, failed};
use crate::proc::ProcessId;

const MOUNT: &str = "/sys/fs/cgroup";

/// A control group: one folder in each hierarchy that systemd uses.
#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// The group with this name, existing or not.
    pub(crate) fn named(name: &str) -> Self {
        Self::below(Path::new(MOUNT), name)
    }

    /// Pure version 2 has one tree. In the hybrid layout systemd keeps processes in its named
    /// version 1 tree and in the unified one, side by side.
    fn below(mount: &Path, name: &str) -> Self {
        let roots = if mount.join("cgroup.controllers").exists() {
            vec![mount.to_owned()]
        } else {
            ["systemd", "unified"]
                .iter()
                .map(|tree| mount.join(tree))
                .filter(|root| root.join("cgroup.procs").exists())
                .collect()
        };
        Self {
            folders: roots.into_iter().map(|root| root.join(name)).collect(),
        }
    }

    /// The files that a process writes its number to in order to enter the (existing) group.
    pub(crate) fn doors(&self) -> Vec<PathBuf> {
        self.folders
            .iter()
            .map(|folder| folder.join("cgroup.procs"))
            .collect()
    }

    /// The same for a script, as words.
    pub(crate) fn doors_as_words(&self) -> String {
        let doors = self.doors();
        let doors: Vec<_> = doors
            .iter()
            .map(|door| door.display().to_string())
            .collect();
        doors.join(" ")
    }

    /// Makes the group and puts a process into it.
    pub(crate) fn create_with(&self, pid: u32) -> Result<(), FileError> {
        self.create()?;
        for door in self.doors() {
            fs::write(&door, pid.to_string()).map_err(failed("add a process to", &door))?;
        }
        Ok(())
    }

    /// Makes the group, for a process that enters it by itself.
    pub(crate) fn create(&self) -> Result<(), FileError> {
        if self.folders.is_empty() {
            let none = std::io::ErrorKind::Unsupported.into();
            return Err(failed("use any control group tree below", Path::new(MOUNT))(none));
        }
        for folder in &self.folders {
            // Left from before the host's power was cut: fine, it is empty.
            fs::create_dir_all(folder).map_err(failed("create the control group", folder))?;
        }
        Ok(())
    }

    /// The processes in the group and in all groups below it.
    pub(crate) fn members(&self) -> Vec<ProcessId> {
        let mut members = Vec::new();
        for folder in self.folders.iter().flat_map(|folder| tree(folder)) {
            let list = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            members.extend(
                list.lines()
                    .filter_map(|pid| ProcessId::of(pid.parse().ok()?)),
            );
        }
        members.sort_unstable_by_key(|member| member.pid);
        members.dedup();
        members
    }

    /// Removes the (empty) group with all groups below it. The kernel may need a moment after the
    /// last process has ended.
    pub(crate) fn remove(&self, deadline: Duration) -> Result<(), FileError> {
        let until = Instant::now() + deadline;
        for folder in &self.folders {
            while let Err(source) = remove_tree(folder) {
                if Instant::now() > until {
                    return Err(failed("remove the control group", folder)(source));
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

/// Removes empty folders, deepest first.
fn remove_tree(folder: &Path) -> std::io::Result<()> {
    for folder in tree(folder).iter().rev() {
        fs::remove_dir(folder)?;
    }
    Ok(())
}

/// A folder and the folders below it, parents first. Nothing if it does not exist.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if folder.is_dir() {
        found.push(folder.to_owned());
    }
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let below: Vec<_> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        found.extend(below);
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: PathBuf) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn version_2_has_one_folder_and_the_hybrid_layout_two() {
        let temp = tempfile::tempdir().unwrap();
        let (pure, hybrid) = (temp.path().join("pure"), temp.path().join("hybrid"));
        touch(pure.join("cgroup.controllers"));
        touch(hybrid.join("systemd/cgroup.procs"));
        touch(hybrid.join("unified/cgroup.procs"));
        assert_eq!(Cgroup::below(&pure, "x").folders, [pure.join("x")]);
        assert_eq!(
            Cgroup::below(&hybrid, "x").folders,
            [hybrid.join("systemd/x"), hybrid.join("unified/x")]
        );
    }

    #[test]
    fn a_machine_without_a_tree_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let error = Cgroup::below(temp.path(), "x").create_with(1).unwrap_err();
        assert!(error.to_string().contains("control group"), "{error}");
    }

    #[test]
    fn members_are_found_at_any_depth_and_removal_takes_the_whole_tree() {
        let temp = tempfile::tempdir().unwrap();
        let own = std::process::id().to_string();
        touch(temp.path().join("cgroup.controllers"));
        let group = Cgroup::below(temp.path(), "x");
        fs::create_dir_all(temp.path().join("x/payload/system.slice")).unwrap();
        let list = temp.path().join("x/payload/system.slice/cgroup.procs");
        fs::write(&list, &own).unwrap();
        assert_eq!(group.members(), [ProcessId::own().unwrap()]);
        fs::remove_file(list).unwrap(); // in a real tree these vanish with their folder
        group.remove(Duration::from_secs(1)).unwrap();
        assert!(!temp.path().join("x").exists());
        group.remove(Duration::ZERO).unwrap();
    }
}
