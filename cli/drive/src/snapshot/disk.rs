//! A system's `/etc` as a list of files, wherever it lies.

use infra_model::snapshot::{EtcEntry, EtcKind};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;

/// How deep folders may be: links of the store can lead round in a circle.
const DEPTH: usize = 24;
/// How many links one name may lead through.
const HOPS: usize = 16;
/// How many files are told of.
const ENTRIES: usize = 50_000;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Folder,
    File {
        digest: String,
        bytes: u64,
        executable: bool,
    },
    Link(String),
}

/// Where paths of a store can be looked at.
pub(super) trait Disk {
    /// What is there; links are not followed.
    fn look(&self, path: &str) -> Option<Node>;
    /// The names in a folder, sorted.
    fn names(&self, path: &str) -> Vec<String>;
    /// The text of a small file, if it is at hand.
    fn text(&self, path: &str) -> Option<String>;
    /// Whether a link to `target` is to be followed.
    fn is_followed(&self, target: &str) -> bool {
        target.starts_with("/nix/store/")
    }
}

/// This machine.
#[derive(Debug, Default)]
pub(super) struct Here;

impl Disk for Here {
    fn look(&self, path: &str) -> Option<Node> {
        let meta = fs::symlink_metadata(path).ok()?;
        if meta.is_symlink() {
            let text = fs::read_link(path).ok()?;
            return Some(Node::Link(text.to_string_lossy().into_owned()));
        }
        if meta.is_dir() {
            return Some(Node::Folder);
        }
        // Neither a device nor a socket can be in a store.
        let mut hash = Sha256::new();
        io::copy(&mut File::open(path).ok()?, &mut hash).ok()?;
        Some(Node::File {
            digest: hex(&hash.finalize()),
            bytes: meta.len(),
            executable: meta.permissions().mode() & 0o111 != 0,
        })
    }

    fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            // A name that is no text cannot be told of.
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(path).ok()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Files by name, and where each really is.
type Listed = (BTreeMap<String, EtcEntry>, BTreeMap<String, String>);

/// All files below `root`, by their paths from there. Links into the store are followed, others are told as links.
pub(super) fn walk(disk: &dyn Disk, root: &str) -> Listed {
    let mut walk = Walk {
        disk,
        entries: BTreeMap::new(),
        files: BTreeMap::new(),
    };
    walk.visit(root, "", 0);
    walk.fold_modes();
    (walk.entries, walk.files)
}

struct Walk<'d> {
    disk: &'d dyn Disk,
    entries: BTreeMap<String, EtcEntry>,
    files: BTreeMap<String, String>,
}

impl Walk<'_> {
    fn visit(&mut self, at: &str, name: &str, depth: usize) {
        let mut at = at.to_owned();
        for _ in 0..HOPS {
            match self.disk.look(&at) {
                Some(Node::Link(target)) if self.disk.is_followed(&target) => at = target,
                Some(Node::Link(target)) => {
                    self.add(name, EtcEntry::link(target), None);
                    return;
                }
                Some(Node::File {
                    digest,
                    bytes,
                    executable,
                }) => {
                    self.add(name, EtcEntry::file(digest, bytes, executable), Some(at));
                    return;
                }
                Some(Node::Folder) => {
                    if depth < DEPTH {
                        self.descend(&at, name, depth);
                    }
                    return;
                }
                // A link to what is not there: nothing anybody could read.
                None => return,
            }
        }
    }

    fn descend(&mut self, at: &str, name: &str, depth: usize) {
        for child in self.disk.names(at) {
            let path = if name.is_empty() {
                child.clone()
            } else {
                format!("{name}/{child}")
            };
            self.visit(&format!("{at}/{child}"), &path, depth + 1);
        }
    }

    fn add(&mut self, name: &str, entry: EtcEntry, real: Option<String>) {
        if name.is_empty() || self.entries.len() >= ENTRIES {
            return;
        }
        self.entries.insert(name.to_owned(), entry);
        self.files.extend(real.map(|real| (name.to_owned(), real)));
    }

    /// NixOS writes the mode and the owner of a file that is copied beside it: `x.mode`, `x.uid`, `x.gid`. Those are no files of `/etc`.
    fn fold_modes(&mut self) {
        let with_mode: Vec<(String, String)> = self
            .files
            .iter()
            .filter_map(|(name, real)| Some((name.strip_suffix(".mode")?.to_owned(), real.clone())))
            .filter(|(name, _)| self.entries.contains_key(name))
            .collect();
        for (name, real) in with_mode {
            let Some(mode) = self.disk.text(&real) else {
                continue;
            };
            let mode = mode.trim();
            if mode.is_empty() || !mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
                continue;
            }
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.mode = Some(mode.to_owned());
            }
            for end in [".mode", ".uid", ".gid"] {
                let beside = format!("{name}{end}");
                let is_small = self.entries.get(&beside).is_some_and(
                    |entry| matches!(entry.kind, EtcKind::File { bytes, .. } if bytes < 64),
                );
                if is_small {
                    self.entries.remove(&beside);
                    self.files.remove(&beside);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, Here, Node, walk};
    use infra_model::snapshot::{EtcEntry, EtcKind};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// This machine, with a store in a folder of its own.
    struct Store(String);

    impl Disk for Store {
        fn look(&self, path: &str) -> Option<Node> {
            Here.look(path)
        }
        fn names(&self, path: &str) -> Vec<String> {
            Here.names(path)
        }
        fn text(&self, path: &str) -> Option<String> {
            Here.text(path)
        }
        fn is_followed(&self, target: &str) -> bool {
            target.starts_with(&self.0)
        }
    }

    #[test]
    fn links_into_the_store_are_followed_and_others_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = dir.path().join("store");
        let write = |path: &str, text: &str| {
            let path = store.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
            fs::write(path, text).expect("writable");
        };
        let link = |path: &str, to: &str| {
            let path = store.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
            symlink(to, path).expect("writable");
        };
        let at = |path: &str| store.join(path).display().to_string();
        write("etc-motd", "hello\n");
        write("units/a.service", "[Service]\n");
        link("units/w.wants/a.service", "../a.service");
        link("units/masked.service", "/dev/null");
        link("units/round", &at("units"));
        link("etc/etc/motd", &at("etc-motd"));
        link("etc/etc/twice", &at("etc/etc/motd"));
        link("etc/etc/systemd/system", &at("units"));
        link("etc/etc/gone", &at("not-there"));
        write("etc/etc/shadow", "x");
        write("etc/etc/shadow.mode", "0400\n");
        write("etc/etc/shadow.uid", "0\n");
        write("etc/etc/odd.mode", "0400\n");
        fs::set_permissions(store.join("etc-motd"), fs::Permissions::from_mode(0o555))
            .expect("ours");
        link("system/etc", &at("etc/etc"));
        let disk = Store(store.display().to_string());
        let (mut entries, files) = walk(&disk, &at("system/etc"));
        assert_eq!(files["twice"], at("etc-motd"));
        let deepest = entries.keys().map(|name| name.matches('/').count()).max();
        assert!(deepest.expect("some") < 30, "circles end");
        entries.retain(|name, _| !name.contains("round"));
        let told: Vec<String> = entries
            .iter()
            .map(
                |(
                    name,
                    EtcEntry {
                        kind,
                        executable,
                        mode,
                    },
                )| {
                    let kind = match kind {
                        EtcKind::File { digest, bytes, .. } => format!("{} {bytes}", &digest[..8]),
                        EtcKind::Link(text) => format!("-> {text}"),
                    };
                    format!("{name}: {kind} {executable} {mode:?}")
                },
            )
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        motd: 5891b5b5 6 true None
        odd.mode: 30dd5594 5 false None
        shadow: 2d711642 1 false Some("0400")
        systemd/system/a.service: 40d8baaa 10 false None
        systemd/system/masked.service: -> /dev/null false None
        systemd/system/w.wants/a.service: -> ../a.service false None
        twice: 5891b5b5 6 true None
        "#);
    }
}
