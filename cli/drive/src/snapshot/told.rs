//! What a host told of itself: the lines of `look.sh`.

use super::disk::{Disk, Node};
use infra_model::StorePath;
use infra_model::snapshot::{Boot, Presence};
use std::collections::{BTreeMap, BTreeSet};

/// Parsed lines; those that are not understood are passed over.
#[derive(Debug, Default)]
pub(super) struct Told {
    asked: bool,
    lacks: BTreeSet<StorePath>,
    systemd: bool,
    active: BTreeSet<String>,
    sizes: BTreeMap<StorePath, u64>,
    nodes: BTreeMap<String, Node>,
    /// Names by folder.
    names: BTreeMap<String, BTreeSet<String>>,
    texts: BTreeMap<String, String>,
    boot: BTreeMap<String, String>,
}

impl Told {
    pub(super) fn parse(text: &str) -> Self {
        let mut told = Self::default();
        let mut digests: BTreeMap<&str, &str> = BTreeMap::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields.as_slice() {
                ["asked", _] => told.asked = true,
                ["systemd", _] => told.systemd = true,
                ["lacks", path] => told.lacks.extend(StorePath::parse(path)),
                ["active", unit] => _ = told.active.insert((*unit).to_owned()),
                ["size", path, bytes] => {
                    let sized = StorePath::parse(path).zip(bytes.parse().ok());
                    told.sizes.extend(sized);
                }
                ["at", kind, mode, bytes, path, target] => {
                    told.node(path, node(kind, mode, bytes, target));
                }
                ["sha", digest, path] => _ = digests.insert(path, digest),
                ["mode", path, text] => {
                    told.texts.insert((*path).to_owned(), (*text).to_owned());
                }
                ["boot", name, what] => {
                    told.boot.insert((*name).to_owned(), what.trim().to_owned());
                }
                _ => {}
            }
        }
        for (path, node) in &mut told.nodes {
            if let (Node::File { digest, .. }, Some(told)) = (node, digests.get(path.as_str())) {
                (*told).clone_into(digest);
            }
        }
        told
    }

    fn node(&mut self, path: &str, node: Option<Node>) {
        let Some(node) = node else { return };
        if let Some((folder, name)) = path.rsplit_once('/') {
            let names = self.names.entry(folder.to_owned()).or_default();
            names.insert(name.to_owned());
        }
        self.nodes.insert(path.to_owned(), node);
    }

    pub(super) fn presence(&self) -> Presence {
        Presence {
            lacks: self.asked.then(|| self.lacks.clone()),
            active: self.systemd.then(|| self.active.clone()),
        }
    }

    /// Whether the host has told of this system.
    pub(super) fn knows(&self, system: &StorePath) -> bool {
        self.nodes.contains_key(&format!("{system}/etc"))
    }

    pub(super) fn closure(&self) -> Option<BTreeMap<StorePath, u64>> {
        (!self.sizes.is_empty()).then(|| self.sizes.clone())
    }

    pub(super) fn boot(&self) -> Boot {
        let said = |name: &str| self.boot.get(name).cloned();
        Boot {
            kernel: said("kernel"),
            initrd: said("initrd"),
            modules: said("kernel-modules"),
            params: said("kernel-params"),
        }
    }
}

fn node(kind: &str, mode: &str, bytes: &str, target: &str) -> Option<Node> {
    Some(match kind {
        "d" => Node::Folder,
        "l" => Node::Link(target.to_owned()),
        "f" => Node::File {
            digest: String::new(),
            bytes: bytes.parse().ok()?,
            executable: u32::from_str_radix(mode, 8).ok()? & 0o111 != 0,
        },
        _ => return None,
    })
}

impl Disk for Told {
    fn look(&self, path: &str) -> Option<Node> {
        // A file without a digest could not be read: it would be the same as any other.
        self.nodes
            .get(path)
            .filter(|node| !matches!(node, Node::File { digest, .. } if digest.is_empty()))
            .cloned()
    }

    fn names(&self, path: &str) -> Vec<String> {
        self.names
            .get(path)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    fn text(&self, path: &str) -> Option<String> {
        self.texts.get(path).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::Told;
    use crate::snapshot::disk::walk;
    use infra_model::StorePath;

    #[test]
    fn lines_become_a_system() {
        let hash = "1ymw2907bm1s9n6n8lsmbb267gch9dhj";
        let text = format!(
            "asked\tyes\nlacks\t/nix/store/{hash}-new\nlacks\tnonsense\nsystemd\tyes\nactive\ta.service\n\
             size\t/nix/store/{hash}-sys\t120\n\
             at\tl\t777\t9\t/nix/store/{hash}-sys/etc\t/nix/store/{hash}-etc/etc\n\
             at\td\t555\t9\t/nix/store/{hash}-etc/etc\t\n\
             at\tl\t777\t9\t/nix/store/{hash}-etc/etc/motd\t/nix/store/{hash}-motd\n\
             at\tl\t777\t9\t/nix/store/{hash}-etc/etc/mtab\t/proc/mounts\n\
             at\tf\t444\t4\t/nix/store/{hash}-etc/etc/motd.mode\t\n\
             at\tf\t555\t6\t/nix/store/{hash}-motd\t\n\
             at\tf\t444\t6\t/nix/store/{hash}-etc/etc/undigested\t\n\
             sha\tabc\t/nix/store/{hash}-motd\nsha\tdef\t/nix/store/{hash}-etc/etc/motd.mode\n\
             mode\t/nix/store/{hash}-etc/etc/motd.mode\t0444\n\
             boot\tkernel\t/nix/store/{hash}-linux/bzImage\nboot\tkernel-params\tquiet \n\
             something\tof\ta\tlater\tversion\n"
        );
        let told = Told::parse(&text);
        let system = StorePath::parse(&format!("/nix/store/{hash}-sys")).expect("a path");
        assert!(told.knows(&system));
        assert_eq!(told.closure().expect("told")[&system], 120);
        assert_eq!(told.boot().params.as_deref(), Some("quiet"));
        let presence = told.presence();
        assert_eq!(presence.lacks.expect("asked").len(), 1);
        assert!(presence.active.expect("systemd").contains("a.service"));
        let (entries, files) = walk(&told, &format!("{system}/etc"));
        insta::assert_debug_snapshot!(entries, @r#"
        {
            "motd": EtcEntry {
                kind: File {
                    digest: "abc",
                    bytes: 6,
                    content: None,
                },
                executable: true,
                mode: Some(
                    "0444",
                ),
            },
            "mtab": EtcEntry {
                kind: Link(
                    "/proc/mounts",
                ),
                executable: false,
                mode: None,
            },
        }
        "#);
        assert_eq!(files["motd"], format!("/nix/store/{hash}-motd"));
    }
}
