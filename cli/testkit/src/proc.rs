//! What `/proc` says about processes, and ending exactly the one that was meant.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process, told apart from a later one that got the same number by the time of its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// Its start, in clock ticks since the machine booted.
    pub start: u64,
}

impl ProcessId {
    /// The running process with this number.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let start = field_of_stat(pid, 22)?.parse().ok()?;
        Some(Self { pid, start })
    }

    /// The calling process.
    pub(crate) fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether it still runs. One that ended and merely waits to be collected does not.
    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self) && field_of_stat(self.pid, 3).as_deref() != Some("Z")
    }

    /// Ends it at once. The handle is opened before its start time is compared, so that a
    /// process which got the number in between is never hit.
    pub(crate) fn kill(self) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return;
        };
        if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
            && self.is_alive()
        {
            // The only failure left is that it has just ended.
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid, self.start)
    }
}

impl FromStr for ProcessId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (pid, start) = text.trim().split_once(' ').ok_or(())?;
        Ok(Self {
            pid: pid.parse().map_err(drop)?,
            start: start.parse().map_err(drop)?,
        })
    }
}

/// A field of `/proc/PID/stat`, counted as in proc(5).
fn field_of_stat(pid: u32, number: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may itself hold spaces and brackets.
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name
        .split(' ')
        .nth(number.checked_sub(3)?)
        .map(str::to_owned)
}

/// All processes of the machine that can be seen.
pub(crate) fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}

/// The process and all its ancestors.
pub(crate) fn lineage(pid: u32) -> Vec<u32> {
    let mut line = vec![pid];
    let mut current = pid;
    while let Some(parent) = field_of_stat(current, 4).and_then(|field| field.parse().ok()) {
        if parent == 0 || line.contains(&parent) {
            break;
        }
        line.push(parent);
        current = parent;
    }
    line
}

/// Whether it is the first process of a process namespace below ours.
pub(crate) fn is_first_of_namespace(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let Some(ids) = status.lines().find_map(|line| line.strip_prefix("NSpid:")) else {
        return false;
    };
    let ids: Vec<_> = ids.split_whitespace().collect();
    ids.len() > 1 && ids.last() == Some(&"1")
}

/// The program file a process runs, as it named itself to the kernel.
pub(crate) fn program(pid: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    path.to_str().map(str::to_owned)
}

/// The command line of a process; empty for a kernel thread or one that has ended.
pub(crate) fn arguments(pid: u32) -> Vec<String> {
    fs::read(format!("/proc/{pid}/cmdline"))
        .unwrap_or_default()
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// A namespace: the device and inode of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Namespace(u64, u64);

impl Namespace {
    /// The namespace a file stands for (`/proc/PID/ns/net`, or such a file mounted elsewhere).
    /// An ordinary file stands for none that any process is in.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self(meta.dev(), meta.ino()))
    }

    /// The processes whose network namespace it is.
    pub(crate) fn members(self) -> Vec<ProcessId> {
        all()
            .into_iter()
            .filter(|pid| Self::at(Path::new(&format!("/proc/{pid}/ns/net"))) == Some(self))
            .filter_map(ProcessId::of)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::process;

    #[test]
    fn a_process_is_known_by_number_and_start() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        assert_eq!(own.to_string().parse(), Ok(own));
        let other = ProcessId {
            start: own.start + 1,
            ..own
        };
        assert!(!other.is_alive());
        other.kill(); // were the start not compared, this would end the test itself
    }

    #[test]
    fn killing_ends_the_process_and_a_dead_one_is_not_alive() {
        let mut child = process("sleep").arg("600").spawn().unwrap();
        let id = ProcessId::of(child.id()).unwrap();
        id.kill();
        while id.is_alive() {
            std::thread::yield_now();
        }
        let status = child.wait().unwrap();
        assert!(!status.success());
    }

    #[test]
    fn children_and_lineage_agree() {
        let mut child = process("sleep").arg("600").spawn().unwrap();
        let lineage = lineage(child.id());
        assert_eq!(lineage.first(), Some(&child.id()));
        assert!(lineage.contains(&std::process::id()));
        assert!(
            arguments(child.id()).contains(&"600".to_owned()) || !arguments(child.id()).is_empty()
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn own_network_namespace_has_us_as_a_member() {
        let namespace = Namespace::at(Path::new("/proc/self/ns/net")).unwrap();
        let own = ProcessId::own().unwrap();
        assert!(namespace.members().contains(&own));
        assert!(!is_first_of_namespace(own.pid) || own.pid == 1);
    }
}
