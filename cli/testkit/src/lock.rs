//! Pointing a repository's `flake.lock` at the stand-in for nixpkgs and at this checkout.
//!
//! Only the `locked` half of an input is replaced. Nix compares the other half, `original`, with
//! `flake.nix` and finds nothing to update, so the repository stays as a user would have it and
//! evaluates purely, without a network and without any `--override-input`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::files::{self, FileError, failed};
use crate::places::{Places, PlacesError};
use crate::process::{ProcessError, Run, process};

const DEADLINE: Duration = Duration::from_secs(120);

/// What of the checkout is the framework.
const FRAMEWORK: &[&str] = &["flake.nix", "nix", "modules", "templates"];

/// How long a staged copy that nobody asks for any more is kept.
const KEEP_STAGED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a repository could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The machine lacks Nix.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nix failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// There is nothing to lock.
    #[error("{} has no flake.nix: not a repository\n  fix: name the folder of one", .0.display())]
    NoFlake(PathBuf),
    /// The stand-in has not been staged.
    #[error("the stand-in for nixpkgs is missing: {}\n  fix: run `checks/setup lab`", .0.display())]
    NoNixpkgs(PathBuf),
    /// The framework's own checkout cannot be found.
    #[error("this is not run from a checkout of infra, and {} is none any more\n  fix: run it from one", .0.display())]
    NoCheckout(PathBuf),
    /// The lock file is not one.
    #[error("{} is no lock file of a flake: {why}\n  fix: remove it, a new one is made", path.display())]
    Malformed {
        /// The lock file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// The checkout this program was built from or is run in.
pub fn checkout() -> Result<PathBuf, LockError> {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let is_checkout = |folder: &Path| FRAMEWORK.iter().all(|part| folder.join(part).exists());
    if is_checkout(&built_in) {
        return fs::canonicalize(&built_in)
            .map_err(|error| failed("resolve", &built_in)(error).into());
    }
    let here = std::env::current_dir().unwrap_or_default();
    here.ancestors()
        .find(|folder| is_checkout(folder))
        .map(Path::to_owned)
        .ok_or(LockError::NoCheckout(built_in))
}

/// A folder with the hash that a lock file wants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPath {
    /// The folder.
    pub path: PathBuf,
    /// Nix's hash of it.
    pub nar_hash: String,
}

impl LockedPath {
    fn of(places: &Places, path: PathBuf) -> Result<Self, LockError> {
        let home = tempfile::tempdir().map_err(failed("create a temporary folder for", &path))?;
        let finished = process(places.nix())
            .args(["hash", "path", "--sri"])
            .arg(&path)
            .env("HOME", home.path())
            .env("NIX_CONF_DIR", places.nix_conf_dir())
            .run(DEADLINE)?
            .ok()?;
        let nar_hash = finished.text().to_owned();
        Ok(Self { path, nar_hash })
    }

    fn as_locked(&self) -> Value {
        json!({
            "type": "path",
            "path": self.path,
            "narHash": self.nar_hash,
            "lastModified": 1,
        })
    }
}

/// The two inputs of a repository, as they are on this machine now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The stand-in for nixpkgs, or a real one.
    pub nixpkgs: LockedPath,
    /// This checkout's framework.
    pub infra: LockedPath,
}

impl Inputs {
    /// Stages the framework of the checkout and hashes both inputs.
    pub fn stage(places: &Places) -> Result<Self, LockError> {
        places.check_for_nix()?;
        let nixpkgs = places.nixpkgs();
        if !nixpkgs.join("flake.nix").exists() {
            return Err(LockError::NoNixpkgs(nixpkgs));
        }
        Ok(Self {
            nixpkgs: LockedPath::of(places, nixpkgs)?,
            infra: stage_framework(places, &checkout()?)?,
        })
    }

    /// Points a repository's `flake.lock` at them.
    pub fn lock(&self, repo: &Path) -> Result<(), LockError> {
        if !repo.join("flake.nix").exists() {
            return Err(LockError::NoFlake(repo.to_owned()));
        }
        let path = repo.join("flake.lock");
        let old = if path.exists() {
            Some(files::read(&path)?)
        } else {
            None
        };
        let malformed = |why| LockError::Malformed {
            path: path.clone(),
            why,
        };
        let new = self.locked(old.as_deref()).map_err(malformed)?;
        Ok(files::replace(&path, &new, 0o644)?)
    }

    fn locked(&self, old: Option<&str>) -> Result<String, String> {
        let mut lock: Value = match old {
            Some(text) => serde_json::from_str(text).map_err(|error| error.to_string())?,
            None => json!({ "nodes": { "root": {} }, "root": "root", "version": 7 }),
        };
        let root = lock["root"].as_str().ok_or("it has no `root`")?.to_owned();
        let nodes = lock["nodes"].as_object_mut().ok_or("it has no `nodes`")?;
        let nixpkgs = ensure_input(
            nodes,
            &root,
            "nixpkgs",
            || json!({ "original": { "type": "github", "owner": "NixOS", "repo": "nixpkgs", "ref": "nixos-unstable" } }),
        )?;
        nodes[&nixpkgs]["locked"] = self.nixpkgs.as_locked();
        let infra = ensure_input(nodes, &root, "infra", || {
            json!({
                "inputs": { "nixpkgs": ["nixpkgs"] },
                "original": { "type": "github", "owner": "infra-nix", "repo": "infra" },
            })
        })?;
        nodes[&infra]["locked"] = self.infra.as_locked();
        let text = serde_json::to_string_pretty(&lock).map_err(|error| error.to_string())?;
        Ok(text + "\n")
    }
}

/// The name of the node of an input of the root; made if the repository was never locked with it.
fn ensure_input(
    nodes: &mut Map<String, Value>,
    root: &str,
    input: &str,
    new: impl FnOnce() -> Value,
) -> Result<String, String> {
    let inputs = &mut nodes.get_mut(root).ok_or("its root node is missing")?["inputs"];
    if let Some(node) = inputs[input].as_str() {
        let node = node.to_owned();
        return if nodes.contains_key(&node) {
            Ok(node)
        } else {
            Err(format!("its node `{node}` is missing"))
        };
    }
    if nodes.contains_key(input) {
        return Err(format!(
            "its node `{input}` is of something else than the input `{input}`"
        ));
    }
    nodes[root]["inputs"][input] = json!(input);
    nodes.insert(input.to_owned(), new());
    Ok(input.to_owned())
}

/// A copy of the framework's files under a name made from their content: an edit of the checkout
/// during a test run must not pull an input from under a repository that is locked to it.
fn stage_framework(places: &Places, checkout: &Path) -> Result<LockedPath, LockError> {
    let folder = places.framework();
    files::folder(&folder, 0o755)?;
    let temp = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(&folder)
        .map_err(failed("create a folder in", &folder))?;
    let copy = temp.path().join("src");
    files::folder(&copy, 0o755)?;
    for part in FRAMEWORK {
        files::copy_tree(&checkout.join(part), &copy.join(part))?;
    }
    let hashed = LockedPath::of(places, copy.clone())?;
    let name: String = hashed
        .nar_hash
        .trim_start_matches("sha256-")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(32)
        .collect();
    let path = folder.join(name);
    match fs::rename(&copy, &path) {
        Ok(()) => {}
        // Already there: an earlier run had the same content. Its time says when it was last wanted.
        Err(_) if path.is_dir() => touch(&path)?,
        Err(error) => return Err(failed("rename to", &path)(error).into()),
    }
    forget_old_copies(&folder);
    let nar_hash = hashed.nar_hash;
    Ok(LockedPath { path, nar_hash })
}

fn touch(folder: &Path) -> Result<(), FileError> {
    fs::File::open(folder)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .map_err(failed("set the time of", folder))
}

/// Best effort: a copy that stays costs a few hundred kilobytes.
fn forget_old_copies(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|meta| meta.modified());
        let age = age.ok().and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > KEEP_STAGED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Inputs {
        let locked = |path: &str| LockedPath {
            path: path.into(),
            nar_hash: format!("sha256-of-{path}"),
        };
        Inputs {
            nixpkgs: locked("/lab/pocket"),
            infra: locked("/lab/infra-src/x"),
        }
    }

    fn locked(old: Option<&str>) -> Value {
        serde_json::from_str(&inputs().locked(old).unwrap()).unwrap()
    }

    #[test]
    fn a_repository_that_was_never_locked_gets_both_inputs() {
        let lock = locked(None);
        assert_eq!(
            lock["nodes"]["root"]["inputs"],
            json!({ "nixpkgs": "nixpkgs", "infra": "infra" })
        );
        assert_eq!(
            lock["nodes"]["nixpkgs"]["original"]["ref"],
            "nixos-unstable"
        );
        assert_eq!(
            lock["nodes"]["infra"]["inputs"]["nixpkgs"],
            json!(["nixpkgs"])
        );
        assert_eq!(lock["nodes"]["infra"]["locked"]["path"], "/lab/infra-src/x");
    }

    #[test]
    fn what_the_user_asked_for_and_other_inputs_stay() {
        let old = json!({
            "nodes": {
                "disko": { "locked": { "rev": "1" }, "original": { "repo": "disko" } },
                "nixpkgs_2": { "locked": { "rev": "2" }, "original": { "ref": "nixos-25.11" } },
                "top": { "inputs": { "disko": "disko", "nixpkgs": "nixpkgs_2" } },
            },
            "root": "top",
            "version": 7,
        });
        let lock = locked(Some(&old.to_string()));
        assert_eq!(lock["nodes"]["disko"], old["nodes"]["disko"]);
        assert_eq!(lock["nodes"]["nixpkgs_2"]["original"]["ref"], "nixos-25.11");
        assert_eq!(lock["nodes"]["nixpkgs_2"]["locked"]["path"], "/lab/pocket");
        assert_eq!(lock["nodes"]["top"]["inputs"]["infra"], "infra");
    }

    #[test]
    fn locking_twice_is_locking_once() {
        let once = inputs().locked(None).unwrap();
        assert_eq!(inputs().locked(Some(&once)).unwrap(), once);
    }

    #[test]
    fn what_is_no_lock_file_is_refused_with_the_reason() {
        let why = |old: &str| inputs().locked(Some(old)).unwrap_err();
        assert_eq!(why("{}"), "it has no `root`");
        assert_eq!(
            why(r#"{"root":"root","nodes":{}}"#),
            "its root node is missing"
        );
        let dangling = r#"{"root":"r","nodes":{"r":{"inputs":{"nixpkgs":"n"}}}}"#;
        assert_eq!(why(dangling), "its node `n` is missing");
        assert!(why("[").contains("EOF"));
    }

    #[test]
    fn a_folder_that_is_no_repository_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let error = inputs().lock(temp.path()).unwrap_err().to_string();
        assert!(error.contains("has no flake.nix"), "{error}");
    }
}
