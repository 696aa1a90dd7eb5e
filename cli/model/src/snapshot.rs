//! What is read of a system before it is compared with another: its closure, its `/etc`, what it boots.
//!
//! Two snapshots, of what runs and of what is planned, are all that `infra_plan::diff` needs: how they were read does not matter to it.

use crate::StorePath;
use std::collections::{BTreeMap, BTreeSet};

/// A system as it lies in a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// What it needs to run, with the size of each path in bytes; `None` if that is not known.
    pub closure: Option<BTreeMap<StorePath, u64>>,
    /// Its `/etc`, by path below it: `ssh/sshd_config`. Links into the store are followed, others are not.
    pub etc: BTreeMap<String, EtcEntry>,
    /// What it boots.
    pub boot: Boot,
}

/// A file below a system's `/etc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcEntry {
    /// What it is.
    pub kind: EtcKind,
    /// Whether it can be run.
    pub executable: bool,
    /// The mode it is copied with, if it is not linked: `0600`.
    pub mode: Option<String>,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtcKind {
    /// A file.
    File {
        /// Which content it is: the same name, the same content.
        digest: String,
        /// Its size.
        bytes: u64,
        /// Its content, if it was asked for and is not too large.
        content: Option<Vec<u8>>,
    },
    /// A link to somewhere that is not in the store, with its text: `../sshd.service`, `/dev/null`.
    Link(String),
}

impl EtcEntry {
    /// A file.
    pub fn file(digest: impl Into<String>, bytes: u64, executable: bool) -> Self {
        Self {
            kind: EtcKind::File {
                digest: digest.into(),
                bytes,
                content: None,
            },
            executable,
            mode: None,
        }
    }

    /// A link that leads out of the store, or to its neighbour.
    pub fn link(text: impl Into<String>) -> Self {
        Self {
            kind: EtcKind::Link(text.into()),
            executable: false,
            mode: None,
        }
    }

    /// Whether two entries put the same below `/etc`, whether or not their contents were read.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_kind = match (&self.kind, &other.kind) {
            (EtcKind::File { digest: a, .. }, EtcKind::File { digest: b, .. })
            | (EtcKind::Link(a), EtcKind::Link(b)) => a == b,
            (EtcKind::File { .. }, EtcKind::Link(_)) | (EtcKind::Link(_), EtcKind::File { .. }) => {
                false
            }
        };
        same_kind && self.executable == other.executable && self.mode == other.mode
    }

    /// Its content, if it is a file that was read.
    pub fn content(&self) -> Option<&[u8]> {
        match &self.kind {
            EtcKind::File { content, .. } => content.as_deref(),
            EtcKind::Link(_) => None,
        }
    }
}

/// What acts at the next boot alone. Each is what the link leads to, or the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boot {
    /// The kernel.
    pub kernel: Option<String>,
    /// The initial ramdisk.
    pub initrd: Option<String>,
    /// Modules of the kernel.
    pub modules: Option<String>,
    /// The kernel's command line.
    pub params: Option<String>,
}

/// What a host answers about its store and its units, in the same breath.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence {
    /// Paths of the new closure that it does not have; `None` if it could not be asked.
    pub lacks: Option<BTreeSet<StorePath>>,
    /// Units that are active; `None` if it runs no systemd.
    pub active: Option<BTreeSet<String>>,
}

/// Paths below `/etc` in which two systems differ.
pub fn differing(before: &Snapshot, after: &Snapshot) -> BTreeSet<String> {
    let names: BTreeSet<&String> = before.etc.keys().chain(after.etc.keys()).collect();
    names
        .into_iter()
        .filter(|name| match (before.etc.get(*name), after.etc.get(*name)) {
            (Some(one), Some(other)) => !one.is_same(other),
            _ => true,
        })
        .cloned()
        .collect()
}

/// Files of more bytes are named and not shown, and so need not be read.
pub const SHOWN: u64 = 128 << 10;

/// Where systemd's units are, below `/etc`.
pub const UNITS: &str = "systemd/system/";

/// Paths whose content a comparison needs: those that differ, and of units that differ all that defines them.
pub fn asked(before: &Snapshot, after: &Snapshot) -> BTreeSet<String> {
    let mut asked = differing(before, after);
    let units: BTreeSet<String> = asked
        .iter()
        .filter_map(|path| path.strip_prefix(UNITS))
        .map(|below| below.split('/').next().unwrap_or(below))
        .map(|first| first.strip_suffix(".d").unwrap_or(first).to_owned())
        .collect();
    let of_those = |path: &&String| {
        path.strip_prefix(UNITS).is_some_and(|below| {
            let first = below.split('/').next().unwrap_or(below);
            units.contains(first.strip_suffix(".d").unwrap_or(first))
        })
    };
    let more: Vec<String> = before
        .etc
        .keys()
        .chain(after.etc.keys())
        .filter(of_those)
        .cloned()
        .collect();
    asked.extend(more);
    asked
}

#[cfg(test)]
mod tests {
    use super::{EtcEntry, Snapshot, asked, differing};

    fn snapshot(entries: &[(&str, &str)]) -> Snapshot {
        Snapshot {
            etc: entries
                .iter()
                .map(|(path, digest)| ((*path).to_owned(), EtcEntry::file(*digest, 1, false)))
                .collect(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_unit_is_read_whole_if_any_part_of_it_differs() {
        let before = snapshot(&[
            ("motd", "1"),
            ("same", "1"),
            ("systemd/system/a.service", "1"),
            ("systemd/system/a.service.d/x.conf", "1"),
            ("systemd/system/b.service", "1"),
        ]);
        let after = snapshot(&[
            ("motd", "2"),
            ("same", "1"),
            ("systemd/system/a.service", "1"),
            ("systemd/system/a.service.d/x.conf", "2"),
            ("systemd/system/b.service", "1"),
        ]);
        let list = |set: std::collections::BTreeSet<String>| Vec::from_iter(set).join(" ");
        assert_eq!(
            list(differing(&before, &after)),
            "motd systemd/system/a.service.d/x.conf"
        );
        assert_eq!(
            list(asked(&before, &after)),
            "motd systemd/system/a.service systemd/system/a.service.d/x.conf"
        );
    }

    #[test]
    fn content_that_was_read_makes_no_difference() {
        let mut read = EtcEntry::file("1", 1, false);
        if let super::EtcKind::File { content, .. } = &mut read.kind {
            *content = Some(b"x".to_vec());
        }
        assert!(read.is_same(&EtcEntry::file("1", 1, false)));
        assert!(!read.is_same(&EtcEntry::file("1", 1, true)));
        assert!(!read.is_same(&EtcEntry::link("1")));
    }
}
