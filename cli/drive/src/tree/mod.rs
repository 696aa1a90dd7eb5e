//! Host trees on disk: deterministic Git commits in a store of our own, from the work tree as it lies there.
//!
//! Committed, dirty and untracked files count alike: a tree is what the files are, not how Git sees them. The same content gives the same id
//! wherever it lies. Nothing is written into the user's `.git`, and nothing is taken from it but the list of tracked files and the rules of
//! what is ignored. Files that have not changed since they were last read are not read again.

mod build;
mod checkout;
mod content;
mod git;
mod links;
mod outside;
mod planes;
mod revision;
mod store;
mod walk;

pub use build::{compare, context_of};
pub use checkout::{Checkout, check_out, commit_at};
pub(crate) use git::nearest;
pub(crate) use outside::leads_out;
pub use revision::names as revisions;
pub use store::{Stored, clear, gc, info};

use crate::repo::Repo;
use crate::table::Table;
use build::Folder;
use gix::objs::WriteTo;
use infra_model::context::CONTEXT_FILE;
use infra_model::tree::{self, Scope};
use infra_model::{Code, Diagnostic, HostContext, HostSpec, Settings};
use std::cell::OnceCell;
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
    /// The part of it that contracts see.
    shared_plane: OnceCell<planes::Shared>,
    settings: Option<String>,
    walked: walk::Walker,
    // Held, not read.
    _lock: store::Lock,
}

/// What is known of something in a revision: of a host its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtRevision<T = String> {
    /// That.
    Known(T),
    /// There is no such revision, and why.
    Unknown(String),
}

fn broken(what: &str, error: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new(
        Code::StateUnwritable,
        format!("the store of host trees cannot be {what}"),
    )
    .with_cause(error.to_string())
    .with_fix("make infra's cache folder writable, or remove it: infra cache clear")
}

impl Trees {
    /// Reads what the hosts of `repo` share.
    pub fn open(
        cache: &Path,
        repo: &Repo,
        settings: &Settings,
        table: &Table,
    ) -> Result<Self, Diagnostic> {
        let (store, dir, lock) = store::open(cache)?;
        let mut walked = walk::Walker::new(repo, table)?;
        let shared = walked.shared(&store)?;
        Ok(Self {
            store,
            dir,
            shared,
            shared_plane: OnceCell::new(),
            settings: tree::settings_text(&settings.defaults),
            walked,
            _lock: lock,
        })
    }

    /// Writes the tree of one host, with its filled context.
    pub fn host(&mut self, host: &HostSpec, context: &HostContext) -> Result<HostTree, Diagnostic> {
        self.publish(&|trees| {
            let mut root = trees.folder_of(host)?;
            if !context.is_empty() {
                trees.add_context(&mut root, context)?;
            }
            Ok(root)
        })
    }

    fn add_context(&self, root: &mut Folder, context: &HostContext) -> Result<(), Diagnostic> {
        let mut folder = Folder::default();
        let id = self.write_blob(&context.to_text()?)?;
        let (above, name) = CONTEXT_FILE.rsplit_once('/').unwrap_or(("", CONTEXT_FILE));
        folder.insert_file(name.as_bytes(), id);
        root.insert_below(above, folder);
        Ok(())
    }

    /// Writes a tree and its commit.
    fn publish(
        &mut self,
        make: &dyn Fn(&mut Self) -> Result<Folder, Diagnostic>,
    ) -> Result<HostTree, Diagnostic> {
        let mut root = make(self)?;
        let mut tree = root.write(&self.store)?;
        let commit = self.id_of(&commit_of(tree))?;
        // Where the commit is, all of its tree is. Else files that were not read again must be known to be there: the store may have been
        // cleaned since they were read.
        if !self.store.has_object(commit) && !root.is_whole(&self.store) {
            self.walked.forget();
            self.shared = self.walked.shared(&self.store)?;
            self.shared_plane = OnceCell::new();
            root = make(self)?;
            tree = root.write(&self.store)?;
        }
        let commit = self
            .store
            .write_object(commit_of(tree))
            .map_err(|error| broken("written", error))?;
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

    /// The tree a host had in a revision of the user's Git repository. Its files are not written: it is there to be compared.
    pub fn at_revision(
        &mut self,
        host: &HostSpec,
        revision: &str,
    ) -> Result<AtRevision, Diagnostic> {
        let now = self.folder_of(host)?;
        let past = match self.walked.git() {
            None => {
                return Ok(AtRevision::Unknown(
                    "the repository is not in Git".to_owned(),
                ));
            }
            Some(git) => match revision::Past::find(git, revision)? {
                Err(why) => return Ok(AtRevision::Unknown(why)),
                Ok(past) => past,
            },
        };
        let (mut root, settings) = past.folder_of(&host.name, &now)?;
        if let Some(text) = tree::settings_text(&settings.defaults) {
            root.insert_file(b"infra.toml", self.write_blob(&text)?);
        }
        Ok(AtRevision::Known(root.write(&self.store)?.to_string()))
    }

    fn folder_of(&mut self, host: &HostSpec) -> Result<Folder, Diagnostic> {
        let own = self.walked.host(&self.store, host.name.as_str())?;
        let shared = self.shared.within(&Scope::of(host));
        self.compose(host, shared, own)
    }

    /// A host's tree of what it shares and what is its own.
    fn compose(&self, host: &HostSpec, shared: Folder, own: Folder) -> Result<Folder, Diagnostic> {
        let mut root = shared;
        if let Some(text) = &self.settings {
            root.insert_file(b"infra.toml", self.write_blob(text)?);
        }
        let mut hosts = Folder::default();
        hosts.insert_folder(host.name.as_str().as_bytes(), own);
        root.insert_folder(b"hosts", hosts);
        Ok(root)
    }

    fn write_blob(&self, text: &str) -> Result<gix::ObjectId, Diagnostic> {
        self.store
            .write_blob(text.as_bytes())
            .map(gix::Id::detach)
            .map_err(|error| broken("written", error))
    }

    fn id_of(&self, commit: &gix::objs::Commit) -> Result<gix::ObjectId, Diagnostic> {
        let mut bytes = Vec::new();
        commit
            .write_to(&mut bytes)
            .map_err(|error| broken("written", error))?;
        gix::objs::compute_hash(self.store.object_hash(), gix::objs::Kind::Commit, &bytes)
            .map_err(|error| broken("written", error))
    }

    /// Remembers which files were read, so that they need not be read again.
    pub fn remember(&mut self, table: &Table) {
        self.walked.remember(table);
    }

    /// Things a user should know about files: such as cannot be in a tree, or should not. Each is told once.
    pub fn take_warnings(&mut self) -> Vec<Diagnostic> {
        self.walked.take_warnings()
    }
}

/// The commit of a tree.
fn commit_of(tree: gix::ObjectId) -> gix::objs::Commit {
    let who = gix::actor::Signature {
        name: AUTHOR.into(),
        email: "".into(),
        time: gix::date::Time::new(DATE, 0),
    };
    gix::objs::Commit {
        tree,
        parents: Vec::new().into(),
        author: who.clone(),
        committer: who,
        encoding: None,
        message: "host tree\n".into(),
        extra_headers: Vec::new(),
    }
}

/// The rule by which a file of the repository is ignored, as `` `*.log` (.gitignore:3) ``. None if it is not, or if nobody knows.
pub fn ignored_by(root: &Path, file: &Path) -> Option<String> {
    let git = git::Git::find(root).ok()??;
    git.rule(root, file)
}

/// Now, for stamps in the table.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod checkout_tests;
#[cfg(test)]
mod revision_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod tests;
