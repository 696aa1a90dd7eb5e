//! `flake.lock`, as far as a person must be told of it: which inputs there are, what they were locked for, and how that differs from what
//! `flake.nix` declares.

use crate::{Code, Diagnostic, Place};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// The file.
pub const FILE: &str = "flake.lock";

/// A lock file. Inputs have the names by which Nix tells of them: `nixpkgs`, `infra/nixpkgs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlakeLock {
    inputs: BTreeMap<String, Entry>,
}

/// An input in the lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// It is another input: the path to it.
    Follows(String),
    /// It was locked.
    Locked(Locked),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Locked {
    original: Map<String, Value>,
    locked: Map<String, Value>,
}

/// An input that `flake.nix` declares (`nix/eval/declared-inputs.nix` reads them).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// What it is, in the attributes of a flake reference; `None` if this Nix cannot say.
    #[serde(rename = "ref")]
    pub reference: Option<Map<String, Value>>,
    /// The input it follows.
    pub follows: Option<String>,
    /// Inputs of this input, and what they follow.
    pub overrides: BTreeMap<String, Option<String>>,
}

/// An input that a flake declares and its lock file holds otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Its name.
    pub input: String,
    /// How it differs.
    pub how: Staleness,
}

/// How a declared input differs from the locked one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staleness {
    /// It was never locked.
    New,
    /// It was locked, and is not declared any more.
    Gone,
    /// It was locked as something else.
    Changed,
}

/// An input that is a folder of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInput {
    /// Its name.
    pub input: String,
    /// The folder, absolute.
    pub folder: String,
}

#[derive(Deserialize)]
struct RawLock {
    nodes: BTreeMap<String, RawNode>,
    root: String,
}

#[derive(Deserialize)]
struct RawNode {
    #[serde(default)]
    inputs: BTreeMap<String, RawInput>,
    #[serde(default)]
    locked: Map<String, Value>,
    #[serde(default)]
    original: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(try_from = "Value")]
enum RawInput {
    Node(String),
    Follows(Vec<String>),
}

impl TryFrom<Value> for RawInput {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(node) => Ok(Self::Node(node)),
            Value::Array(path) => path
                .into_iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map(Self::Follows)
                .ok_or_else(|| "an input is neither a node nor a path of names".to_owned()),
            _ => Err("an input is neither a node nor a path of names".to_owned()),
        }
    }
}

impl FlakeLock {
    /// Reads the content of the file.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let raw: RawLock = serde_json::from_str(text).map_err(|error| {
            Diagnostic::new(Code::LockOutOfDate, "flake.lock cannot be read")
                .with_cause(error.to_string())
                .with_place(Place::position(
                    FILE,
                    error.line(),
                    Some(error.column()).filter(|column| *column > 0),
                ))
                .with_fix("resolve a merge that went wrong (git checkout HEAD -- flake.lock), or remove the file and lock anew: nix flake lock")
        })?;
        Ok(Self {
            inputs: flatten(&raw),
        })
    }

    /// The inputs of the flake itself, without those of its inputs.
    fn direct(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.inputs
            .iter()
            .filter(|(name, _)| !name.contains('/'))
            .map(|(name, entry)| (name.as_str(), entry))
    }

    /// Whether an input of the flake itself is in it.
    pub fn holds(&self, input: &str) -> bool {
        self.inputs.contains_key(input)
    }

    /// How many inputs are locked, those of inputs included.
    pub fn locked(&self) -> usize {
        self.inputs
            .values()
            .filter(|entry| matches!(entry, Entry::Locked(_)))
            .count()
    }

    /// The inputs that are folders of this machine outside of any flake (`path:/srv/x`). Folders of a flake (`path:./x`) come with it.
    pub fn path_inputs(&self) -> Vec<PathInput> {
        self.inputs
            .iter()
            .filter_map(|(name, entry)| {
                let Entry::Locked(input) = entry else {
                    return None;
                };
                // What the lock was made for counts: a tool may lock any input to a folder.
                let text = |key: &str| input.original.get(key).and_then(Value::as_str);
                let folder = text("path").filter(|path| path.starts_with('/'))?;
                (text("type") == Some("path")).then(|| PathInput {
                    input: name.clone(),
                    folder: folder.to_owned(),
                })
            })
            .collect()
    }

    /// The input that Nix means with a flake reference (`github:NixOS/nixpkgs/4f7a…?narHash=…`): the one whose locked parts are all in it.
    pub fn input_of(&self, reference: &str) -> Option<&str> {
        self.inputs
            .iter()
            .find(|(_, entry)| match entry {
                Entry::Locked(input) => is_of(&input.locked, reference),
                Entry::Follows(_) => false,
            })
            .map(|(name, _)| name.as_str())
    }

    /// Where the lock file and the declared inputs differ.
    pub fn stale(&self, declared: &BTreeMap<String, Declared>) -> Vec<Stale> {
        let gone = self
            .direct()
            .filter(|(name, _)| !declared.contains_key(*name))
            .map(|(name, _)| (name.to_owned(), Staleness::Gone));
        let differing = declared
            .iter()
            .filter_map(|(name, input)| Some((name.clone(), self.judge(name, input)?)));
        let mut stale: Vec<Stale> = differing
            .chain(gone)
            .map(|(input, how)| Stale { input, how })
            .collect();
        stale.sort_by(|a, b| a.input.cmp(&b.input));
        stale
    }

    fn judge(&self, name: &str, declared: &Declared) -> Option<Staleness> {
        let Some(entry) = self.inputs.get(name) else {
            return Some(Staleness::New);
        };
        let same = match (entry, &declared.follows) {
            (Entry::Follows(path), Some(follows)) => path == follows,
            (Entry::Locked(input), None) => declared
                .reference
                .as_ref()
                .is_none_or(|reference| *reference == input.original),
            (Entry::Follows(_), None) | (Entry::Locked(_), Some(_)) => false,
        };
        let inner_same = declared.overrides.iter().all(|(inner, follows)| {
            let entry = self.inputs.get(&format!("{name}/{inner}"));
            match (entry, follows) {
                (Some(Entry::Follows(path)), Some(follows)) => path == follows,
                // An override for an input that there is not is Nix's to warn about.
                (None, _) | (_, None) => true,
                (Some(Entry::Locked(_)), Some(_)) => false,
            }
        });
        // What an input follows although nobody says so any more.
        let loose = self.inputs.iter().any(|(path, entry)| {
            let inner = path
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('/'));
            // Within the input it is the input's own doing; only from its root outwards it is ours.
            matches!((inner, entry), (Some(inner), Entry::Follows(target))
                if !inner.contains('/')
                    && !target.starts_with(&format!("{name}/"))
                    && !declared.overrides.contains_key(inner))
        });
        (!same || !inner_same || loose).then_some(Staleness::Changed)
    }
}

/// All inputs by their paths, nearest first; an input that several share is told under each of its names.
fn flatten(raw: &RawLock) -> BTreeMap<String, Entry> {
    /// Inputs of inputs of inputs: deeper than any real flake. A file made by hand may have circles.
    const DEEPEST: usize = 8;
    let mut inputs = BTreeMap::new();
    let mut waiting = VecDeque::from([(String::new(), raw.root.as_str(), 0)]);
    while let Some((prefix, key, depth)) = waiting.pop_front() {
        let Some(node) = raw.nodes.get(key) else {
            continue;
        };
        for (name, input) in &node.inputs {
            let path = format!("{prefix}{name}");
            match input {
                RawInput::Follows(target) => {
                    inputs.insert(path, Entry::Follows(target.join("/")));
                }
                RawInput::Node(key) => {
                    let Some(node) = raw.nodes.get(key) else {
                        continue;
                    };
                    if depth < DEEPEST {
                        waiting.push_back((format!("{path}/"), key, depth + 1));
                    }
                    let locked = Locked {
                        original: node.original.clone(),
                        locked: node.locked.clone(),
                    };
                    inputs.insert(path, Entry::Locked(locked));
                }
            }
        }
    }
    inputs
}

/// Whether the parts that say what an input is all stand in a reference. There must be one: an empty entry is nothing's.
fn is_of(locked: &Map<String, Value>, reference: &str) -> bool {
    let parts = ["owner", "repo", "url", "path", "rev"];
    let mut found = parts
        .iter()
        .filter_map(|key| locked.get(*key).and_then(Value::as_str))
        // Nix writes «git+https://…» for the URL «https://…», and «ssh://…» as «git+ssh://…».
        .peekable();
    found.peek().is_some() && found.all(|part| reference.contains(part))
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = &self.input;
        match self.how {
            Staleness::New => write!(f, "input `{input}` is not locked yet"),
            Staleness::Gone => write!(f, "input `{input}` is locked, but not declared any more"),
            Staleness::Changed => write!(
                f,
                "input `{input}` is declared otherwise than when it was locked"
            ),
        }
    }
}

/// The lock file does not fit the flake. Without differences: it is not known which, only that.
pub fn out_of_date(stale: &[Stale]) -> Diagnostic {
    let names: Vec<String> = stale
        .iter()
        .map(|stale| format!("`{}`", stale.input))
        .collect();
    let title = match names.as_slice() {
        [] => "flake.lock does not fit flake.nix".to_owned(),
        [one] => format!("flake.lock does not fit flake.nix: input {one}"),
        all => format!(
            "flake.lock does not fit flake.nix: inputs {}",
            all.join(", ")
        ),
    };
    let whats: Vec<String> = stale.iter().map(ToString::to_string).collect();
    let what = if whats.is_empty() {
        "an input was added or changed since it was last locked".to_owned()
    } else {
        whats.join(", ")
    };
    Diagnostic::new(Code::LockOutOfDate, title)
        .with_cause(format!("{what}; evaluations never write the lock file"))
        .with_place(Place::file(FILE))
        .with_fix("nix flake lock")
}

/// There is no lock file.
pub fn absent() -> Diagnostic {
    Diagnostic::new(Code::LockOutOfDate, "there is no flake.lock")
        .with_cause("inputs are locked once, so that all evaluations agree on them; evaluations never write the lock file")
        .with_place(Place::file(FILE))
        .with_fix("nix flake lock")
}

/// What an input that is a folder of this machine costs; `size` as it was measured, if it was.
pub fn path_input(found: &PathInput, size: Option<&str>) -> Diagnostic {
    let (input, folder) = (&found.input, &found.folder);
    let size = size.map_or(String::new(), |size| format!(" ({size})"));
    Diagnostic::new(
        Code::PathInput,
        format!("input `{input}` is a folder of this machine: {folder}"),
    )
    .with_cause(format!(
        "Nix reads all of it{size} in every evaluation of every host, other machines do not have it, and what changes in it counts only after `nix flake update {input}`"
    ))
    .with_place(Place::file("flake.nix"))
    .with_fix(format!(
        "move it into a shared folder of the repository (path:./modules/{0}), or keep it in Git (git+file://{folder} or git+ssh://…)",
        input.rsplit('/').next().unwrap_or(input)
    ))
}

#[cfg(test)]
mod tests {
    use super::{Declared, FlakeLock, out_of_date, path_input};
    use std::collections::BTreeMap;

    const LOCK: &str = r#"{
      "nodes": {
        "disko": {
          "inputs": { "nixpkgs": ["nixpkgs"] },
          "locked": { "type": "github", "owner": "nix-community", "repo": "disko", "rev": "1111", "narHash": "sha256-a" },
          "original": { "type": "github", "owner": "nix-community", "repo": "disko" }
        },
        "infra": {
          "inputs": { "nixpkgs": "nixpkgs_2", "tools": ["infra", "nixpkgs"] },
          "locked": { "type": "git", "url": "ssh://git@forge/infra", "rev": "2222" },
          "original": { "type": "git", "url": "ssh://git@forge/infra" }
        },
        "nixpkgs": {
          "locked": { "type": "path", "path": "/stand/in", "narHash": "sha256-b" },
          "original": { "type": "github", "owner": "NixOS", "repo": "nixpkgs", "ref": "nixos-unstable" }
        },
        "nixpkgs_2": {
          "locked": { "type": "tarball", "url": "https://x/nixpkgs.tar.xz", "narHash": "sha256-c" },
          "original": { "type": "tarball", "url": "https://x/nixpkgs.tar.xz" }
        },
        "own": {
          "locked": { "type": "path", "path": "/srv/own", "narHash": "sha256-d" },
          "original": { "type": "path", "path": "/srv/own" }
        },
        "root": { "inputs": { "disko": "disko", "infra": "infra", "nixpkgs": "nixpkgs", "own": "own", "same": ["nixpkgs"], "sub": "sub" } },
        "sub": {
          "locked": { "type": "path", "path": "./modules/sub" },
          "original": { "type": "path", "path": "./modules/sub" },
          "parent": []
        }
      },
      "root": "root",
      "version": 7
    }"#;

    fn lock() -> FlakeLock {
        FlakeLock::parse(LOCK).expect("a lock file")
    }

    /// What `flake.nix` says when all is well.
    fn declared() -> BTreeMap<String, Declared> {
        serde_json::from_str(
            r#"{
              "disko": { "ref": { "type": "github", "owner": "nix-community", "repo": "disko" }, "follows": null, "overrides": { "nixpkgs": "nixpkgs" } },
              "infra": { "ref": { "type": "git", "url": "ssh://git@forge/infra" }, "follows": null, "overrides": { } },
              "nixpkgs": { "ref": { "type": "github", "owner": "NixOS", "repo": "nixpkgs", "ref": "nixos-unstable" }, "follows": null, "overrides": { } },
              "own": { "ref": { "type": "path", "path": "/srv/own" }, "follows": null, "overrides": { } },
              "same": { "ref": null, "follows": "nixpkgs", "overrides": { } },
              "sub": { "ref": { "type": "path", "path": "./modules/sub" }, "follows": null, "overrides": { } }
            }"#,
        )
        .expect("declared")
    }

    fn stale(change: impl FnOnce(&mut BTreeMap<String, Declared>)) -> Vec<String> {
        let mut declared = declared();
        change(&mut declared);
        let stale = lock().stale(&declared);
        stale.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_lock_that_fits_is_not_stale() {
        assert_eq!(stale(|_| {}), Vec::<String>::new());
        // A Nix that cannot take references apart leaves names to compare.
        assert_eq!(
            stale(|all| all.values_mut().for_each(|input| input.reference = None)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_differs_is_named() {
        let new = declared().remove("own").expect("there");
        let told = stale(|all| {
            all.insert("agenix".to_owned(), new);
            all.remove("own");
        });
        assert_eq!(
            told,
            [
                "input `agenix` is not locked yet",
                "input `own` is locked, but not declared any more"
            ]
        );
        let changed = |name: &str| {
            vec![format!(
                "input `{name}` is declared otherwise than when it was locked"
            )]
        };
        let branch = stale(|all| {
            if let Some(reference) = all.get_mut("nixpkgs").and_then(|i| i.reference.as_mut()) {
                reference.insert("ref".to_owned(), "nixos-25.11".into());
            }
        });
        assert_eq!(branch, changed("nixpkgs"));
        let overrides = |name: &str, inner: &str, follows: Option<&str>| {
            stale(|all| {
                if let Some(input) = all.get_mut(name) {
                    input.overrides.clear();
                    if let Some(follows) = follows {
                        let follows = Some(follows.to_owned());
                        input.overrides.insert(inner.to_owned(), follows);
                    }
                }
            })
        };
        assert_eq!(overrides("disko", "", None), changed("disko"));
        let other = overrides("disko", "nixpkgs", Some("same"));
        assert_eq!(other, changed("disko"));
        let new = overrides("infra", "nixpkgs", Some("nixpkgs"));
        assert_eq!(new, changed("infra"));
        // Nix itself warns of an override for an input that there is not.
        assert!(overrides("infra", "nothing", Some("nixpkgs")).is_empty());
        let follows = stale(|all| {
            if let Some(input) = all.get_mut("same") {
                input.follows = None;
            }
        });
        assert_eq!(follows, changed("same"));
    }

    #[test]
    fn references_lead_back_to_names() {
        let lock = lock();
        let cases = [
            (
                "github:nix-community/disko/1111?narHash=sha256-a",
                Some("disko"),
            ),
            ("git+ssh://git@forge/infra?rev=2222", Some("infra")),
            (
                "https://x/nixpkgs.tar.xz?narHash=sha256-c",
                Some("infra/nixpkgs"),
            ),
            ("path:/stand/in?narHash=sha256-b", Some("nixpkgs")),
            ("github:nix-community/disko/9999", None),
            ("", None),
        ];
        for (reference, name) in cases {
            assert_eq!(lock.input_of(reference), name, "{reference}");
        }
        assert_eq!(lock.locked(), 6);
    }

    #[test]
    fn folders_of_this_machine_are_known_by_what_was_declared() {
        let found = lock().path_inputs();
        assert_eq!(found.len(), 1, "{found:?}");
        let told = path_input(&found[0], Some("286 MiB"));
        insta::assert_snapshot!(
            [told.title, told.cause.unwrap_or_default(), told.fix.unwrap_or_default()].join("\n"),
            @"
        input `own` is a folder of this machine: /srv/own
        Nix reads all of it (286 MiB) in every evaluation of every host, other machines do not have it, and what changes in it counts only after `nix flake update own`
        move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///srv/own or git+ssh://…)
        "
        );
    }

    #[test]
    fn several_inputs_stand_in_the_title() {
        let stale = lock().stale(&BTreeMap::new());
        let title = out_of_date(&stale).title;
        assert_eq!(
            title,
            "flake.lock does not fit flake.nix: inputs `disko`, `infra`, `nixpkgs`, `own`, `same`, `sub`"
        );
        assert_eq!(out_of_date(&[]).title, "flake.lock does not fit flake.nix");
    }

    #[test]
    fn a_file_that_is_none_is_told_with_its_place() {
        let fault = FlakeLock::parse("{\n<<<<<<< HEAD\n").expect_err("no JSON");
        let place = fault.place.map(|place| place.to_string());
        assert_eq!(place.as_deref(), Some("flake.lock:2:1"));
        assert!(
            FlakeLock::parse(r#"{"nodes":{"root":{"inputs":{"a":1}}},"root":"root"}"#).is_err()
        );
        // Circles end.
        let circle = r#"{"nodes":{"root":{"inputs":{"a":"root"}}},"root":"root"}"#;
        assert!(FlakeLock::parse(circle).is_ok());
    }
}
