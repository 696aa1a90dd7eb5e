//! Host trees on disk: deterministic Git commits in a store of our own, from the work tree as it lies there.
//!
//! Committed, dirty and untracked files count alike: a tree is what the files are, not how Git sees them. The same content gives the same id
//! wherever it lies. Nothing is written into the user's `.git`, and nothing is taken from it but the list of tracked files and the rules of
//! what is ignored. Files that have not changed since they were last read are not read again.

mod build;
mod content;
mod git;
mod walk;

pub use build::compare;

use crate::repo::Repo;
use crate::table::Table;
use build::Folder;
use infra_model::tree::{self, Scope};
use infra_model::{Code, Diagnostic, HostSpec, Settings};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Author and committer of every tree's commit, so that the commit's id depends on the content alone.
const AUTHOR: &str = "infra";
/// Their date, in seconds since 1970. Not 0: some tools take that for "no date".
const DATE: i64 = 1;

/// One host's tree, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTree {
    /// Git's id of the tree: the same content, the same id.
    pub tree: String,
    /// Id of the parentless commit that holds it.
    pub commit: String,
    /// Where Nix finds it: a flake reference.
    pub flake: String,
}

/// The store of trees, and everything of one repository that hosts share, read once.
pub struct Trees {
    store: gix::Repository,
    dir: PathBuf,
    shared: Folder,
    settings: Option<String>,
    walked: walk::Walker,
}

fn broken(what: &str, error: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new(
        Code::StateUnwritable,
        format!("the store of host trees cannot be {what}"),
    )
    .with_cause(error.to_string())
    .with_fix("make infra's cache folder writable, or remove it: infra cache clear")
}

/// Opens the store below `cache`, making it if it is not there.
fn open_store(dir: &Path) -> Result<gix::Repository, Diagnostic> {
    let options = gix::open::Options::isolated();
    if dir.join(".git").exists() {
        return gix::open_opts(dir, options).map_err(|error| broken("opened", error));
    }
    std::fs::create_dir_all(dir).map_err(|error| broken("made", error))?;
    // Two processes may do this at once; making it again over what the other made is harmless.
    gix::init(dir).map_err(|error| broken("made", error))?;
    gix::open_opts(dir, options).map_err(|error| broken("opened", error))
}

impl Trees {
    /// Reads what the hosts of `repo` share.
    pub fn open(
        cache: &Path,
        repo: &Repo,
        settings: &Settings,
        table: &Table,
    ) -> Result<Self, Diagnostic> {
        let dir = cache.join("trees");
        let store = open_store(&dir)?;
        let mut walked = walk::Walker::new(repo.root(), table)?;
        let shared = walked.shared(&store)?;
        Ok(Self {
            store,
            dir,
            shared,
            settings: tree::settings_text(&settings.defaults),
            walked,
        })
    }

    /// Writes the tree of one host.
    pub fn host(&mut self, host: &HostSpec) -> Result<HostTree, Diagnostic> {
        let own = self.walked.host(&self.store, host.name.as_str())?;
        let mut root = self.shared.within(&Scope::of(host));
        if let Some(text) = &self.settings {
            let id = self
                .store
                .write_blob(text.as_bytes())
                .map_err(|error| broken("written", error))?;
            root.insert_file(b"infra.toml", id.detach());
        }
        let mut hosts = Folder::default();
        hosts.insert_folder(host.name.as_str().as_bytes(), own);
        root.insert_folder(b"hosts", hosts);
        let tree = root.write(&self.store)?;
        let commit = self.commit(tree)?;
        // Nix reads a work tree's `.git` itself; a bare one it would clone first.
        let flake = format!(
            "git+file://{}?rev={commit}&shallow=1",
            crate::repo::url_path(&self.dir)
        );
        Ok(HostTree {
            tree: tree.to_string(),
            commit: commit.to_string(),
            flake,
        })
    }

    /// Remembers which files were read, so that they need not be read again.
    pub fn remember(&mut self, table: &Table) {
        self.walked.remember(table);
    }

    /// Things a user should know about files: such as cannot be in a tree, or should not. Each is told once.
    pub fn take_warnings(&mut self) -> Vec<Diagnostic> {
        self.walked.take_warnings()
    }

    fn commit(&self, tree: gix::ObjectId) -> Result<gix::ObjectId, Diagnostic> {
        let who = gix::actor::Signature {
            name: AUTHOR.into(),
            email: "".into(),
            time: gix::date::Time::new(DATE, 0),
        };
        let commit = gix::objs::Commit {
            tree,
            parents: Vec::new().into(),
            author: who.clone(),
            committer: who,
            encoding: None,
            message: "host tree\n".into(),
            extra_headers: Vec::new(),
        };
        let id = self
            .store
            .write_object(&commit)
            .map_err(|error| broken("written", error))?;
        Ok(id.detach())
    }
}

/// The rule by which a file of the repository is ignored, as `` `*.log` (.gitignore:3) ``. None if it is not, or if nobody knows.
pub fn ignored_by(root: &Path, file: &Path) -> Option<String> {
    let git = git::Git::find(root).ok()??;
    git.rule(root, file)
}

/// Removes all trees.
pub fn clear(cache: &Path) -> Result<(), Diagnostic> {
    match std::fs::remove_dir_all(cache.join("trees")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(broken("removed", error)),
        _ => Ok(()),
    }
}

/// Now, for stamps in the table.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests;
