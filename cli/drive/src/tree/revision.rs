//! A host's tree as it was in a revision of the user's Git repository, by the rules of the work tree: the tree a checkout would have.
//!
//! What is committed and what is checked out may differ in bytes though nothing was changed: Git LFS, line endings and other filters. A file that
//! Git's index knows to be unchanged counts as it lies in the work tree, so that only what was changed differs. Files that a sparse checkout
//! leaves out count as absent, like those of a submodule that is not checked out.

use super::build::Folder;
use super::git::Git;
use super::links::{self, Leads};
use gix::index::entry::{Flags, Stat};
use gix::objs::tree::EntryKind;
use infra_model::tree::{Scope, is_flake_file, is_shareable};
use infra_model::{Code, Diagnostic, HostName, HostSpec, Place, Settings};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A revision, found.
pub(super) struct Past<'g> {
    git: &'g Git,
    /// As it was typed.
    name: &'g str,
    /// The commit that is meant.
    pub(super) commit: gix::ObjectId,
    /// Its tree, from our root on.
    pub(super) tree: gix::Tree<'g>,
    /// Our root in the work tree.
    root: PathBuf,
}

impl<'g> Past<'g> {
    /// Finds the commit that is meant. The inner error says why there is none.
    pub(super) fn find(
        git: &'g Git,
        name: &'g str,
    ) -> Result<std::result::Result<Self, String>, Diagnostic> {
        // An option, and not a name, to everybody who reads it; the empty text is a prefix of everything.
        if name.is_empty() || name.starts_with('-') {
            return Ok(Err("that is no name of a revision".to_owned()));
        }
        let id = match git.repo.rev_parse_single(name) {
            Ok(id) => id,
            Err(error) => return Ok(Err(why_unknown(&error))),
        };
        let unreadable = |error: &dyn std::fmt::Display| {
            at(
                name,
                format!("the revision `{name}` cannot be compared with"),
            )
            .with_cause(error.to_string())
            .with_fix(
                "name a commit, branch or tag that is complete in this clone: git show shows it",
            )
        };
        let commit = id
            .object()
            .map_err(|error| unreadable(&error))?
            .peel_to_commit()
            .map_err(|error| unreadable(&error))?;
        let mut tree = commit.tree().map_err(|error| unreadable(&error))?;
        for part in &git.prefix {
            let below = tree
                .find_entry(part.as_bytes())
                .filter(|entry| entry.mode().is_tree())
                .ok_or_else(|| no_repository(name))?;
            tree = below
                .object()
                .map_err(|error| unreadable(&error))?
                .into_tree();
        }
        let root = git.repo.workdir().unwrap_or(git.repo.path());
        Ok(Ok(Self {
            git,
            name,
            commit: commit.id,
            tree,
            root: root.join(&git.prefix),
        }))
    }

    /// What the host would read, all but the settings; and those.
    pub(super) fn folder_of(
        &self,
        host: &HostName,
        now: &Folder,
    ) -> Result<(Folder, Settings), Diagnostic> {
        let settings = match self.text("infra.toml")? {
            Some(text) => {
                Settings::parse("infra.toml", &text).map_err(|faults| self.told(faults))?
            }
            None => Settings::default(),
        };
        let own = format!("hosts/{host}");
        let tree = match links::follow(&self.tree, own.as_bytes()) {
            Leads::To(tree) => tree,
            Leads::Nowhere => return Err(self.no_host(host)),
            Leads::Out(_) => return Err(self.elsewhere(host)),
        };
        let file = format!("{own}/host.toml");
        let text = self.text_in(&tree, "host.toml")?;
        let text = text.ok_or_else(|| self.no_host(host))?;
        let spec = HostSpec::parse(host, &file, &text, &settings.defaults)
            .map_err(|faults| self.told(faults))?;
        let mut folder = self.folder(&self.tree, &mut Vec::new(), Some(now), &|path| {
            let name = String::from_utf8_lossy(path);
            name.contains('/') || is_flake_file(&name) || is_shareable(&name)
        })?;
        // Through whatever links lead there: the files are where the host's folder is.
        let below = self.folder(&tree, &mut own.clone().into_bytes(), Some(now), &|_| true)?;
        folder.insert_below(&own, below);
        Ok((folder.within(&Scope::of(&spec)), settings))
    }

    /// `now` is what lies in the work tree, where Git's index is about it.
    fn folder(
        &self,
        tree: &gix::Tree<'_>,
        path: &mut Vec<u8>,
        now: Option<&Folder>,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Folder, Diagnostic> {
        let mut folder = Folder::default();
        for entry in tree.iter() {
            let entry = entry.map_err(|error| self.unreadable(path, &error))?;
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(entry.filename());
            if wanted(path) {
                match entry.mode().kind() {
                    EntryKind::Tree => {
                        let below = entry
                            .object()
                            .map_err(|error| self.unreadable(path, &error))?
                            .into_tree();
                        let below = self.folder(&below, path, now, wanted)?;
                        folder.insert_folder(entry.filename(), below);
                    }
                    EntryKind::Commit => {
                        let below = self.submodule(path, entry.object_id(), wanted)?;
                        folder.insert_folder(entry.filename(), below);
                    }
                    EntryKind::Link if length == 0 && !self.is_shared(path) => {}
                    kind => {
                        if let Some(id) = self.checked_out(path, entry.object_id(), now) {
                            folder.insert(entry.filename(), kind, id);
                        }
                    }
                }
            }
            path.truncate(length);
        }
        Ok(folder)
    }

    /// Whether a link beside `flake.nix` is part of a tree: a flake file, or one that stands for a folder.
    fn is_shared(&self, path: &[u8]) -> bool {
        match links::follow(&self.tree, path) {
            Leads::To(_) => true,
            Leads::Nowhere => is_flake_file(&String::from_utf8_lossy(path)),
            // Nobody knows what was there then; what is there now is the best guess.
            Leads::Out(path) => self.root.join(path).is_dir(),
        }
    }

    /// The id of a committed file as it would lie in the work tree; `None` if it would not.
    fn checked_out(
        &self,
        path: &[u8],
        id: gix::ObjectId,
        now: Option<&Folder>,
    ) -> Option<gix::ObjectId> {
        let Some(now) = now else {
            return Some(id);
        };
        let Some((entry, on_disk)) = self.indexed(path) else {
            return Some(id);
        };
        if is_left_out(entry, &on_disk) {
            return None;
        }
        let lies_there = now.find(path).filter(|lies_there| {
            *lies_there != id && entry.id == id && self.is_unchanged(entry, &on_disk)
        });
        Some(lies_there.unwrap_or(id))
    }

    /// What a committed file has in it as it would lie in the work tree; `None` if it would not lie there.
    pub(super) fn content(
        &self,
        path: &[u8],
        blob: &gix::Object<'_>,
    ) -> Result<Option<Vec<u8>>, Diagnostic> {
        if let Some((entry, on_disk)) = self.indexed(path) {
            if is_left_out(entry, &on_disk) {
                return Ok(None);
            }
            if entry.id == blob.id && self.is_unchanged(entry, &on_disk) {
                let read = std::fs::read(&on_disk);
                return read
                    .map(Some)
                    .map_err(|error| self.unreadable(path, &error));
            }
        }
        Ok(Some(blob.data.clone()))
    }

    /// What Git's index says of a file, and where that lies.
    fn indexed(&self, path: &[u8]) -> Option<(&gix::index::Entry, PathBuf)> {
        let mut from_top = self.git.prefix.as_os_str().as_bytes().to_vec();
        if !from_top.is_empty() {
            from_top.push(b'/');
        }
        from_top.extend_from_slice(path);
        let entry = self.git.index.entry_by_path(from_top.as_slice().into())?;
        Some((entry, self.root.join(OsStr::from_bytes(path))))
    }

    /// Whether Git need not look into a file to know that it is as in the index.
    fn is_unchanged(&self, entry: &gix::index::Entry, on_disk: &Path) -> bool {
        let options = gix::index::entry::stat::Options {
            // A file that was written in the second of the index is told from one written after it.
            use_nsec: true,
            ..Default::default()
        };
        gix::index::fs::Metadata::from_path_no_follow(on_disk)
            .ok()
            .and_then(|meta| Stat::from_fs(&meta).ok())
            .is_some_and(|stat| {
                let racy = entry.stat.is_racy(self.git.index.timestamp(), options);
                !racy
                    && entry
                        .stat
                        .matches(&stat, gix::index::entry::stat::Options::default())
            })
    }

    /// The files of a submodule at its commit, as its own repository in the work tree knows them.
    fn submodule(
        &self,
        path: &mut Vec<u8>,
        commit: gix::ObjectId,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Folder, Diagnostic> {
        match self.submodule_repo(path) {
            None => Ok(Folder::default()),
            Some(repo) => {
                let tree = self.submodule_tree(&repo, path, commit)?;
                self.folder(&tree, path, None, wanted)
            }
        }
    }

    /// The repository of a submodule, if that is checked out.
    pub(super) fn submodule_repo(&self, path: &[u8]) -> Option<gix::Repository> {
        gix::open(self.root.join(OsStr::from_bytes(path))).ok()
    }

    pub(super) fn submodule_tree<'r>(
        &self,
        repo: &'r gix::Repository,
        path: &[u8],
        commit: gix::ObjectId,
    ) -> Result<gix::Tree<'r>, Diagnostic> {
        repo.find_object(commit)
            .and_then(gix::Object::peel_to_tree)
            .map_err(|error| {
                self.unreadable(path, &error)
                    .with_fix("fetch the commit into the submodule, or name another revision")
            })
    }

    fn text(&self, file: &str) -> Result<Option<String>, Diagnostic> {
        self.text_in(&self.tree, file)
    }

    fn text_in(&self, tree: &gix::Tree<'_>, file: &str) -> Result<Option<String>, Diagnostic> {
        let entry = tree
            .lookup_entry_by_path(file)
            .map_err(|error| self.unreadable(file.as_bytes(), &error))?;
        let Some(entry) = entry.filter(|entry| entry.mode().is_blob()) else {
            return Ok(None);
        };
        let blob = entry
            .object()
            .map_err(|error| self.unreadable(file.as_bytes(), &error))?;
        Ok(Some(String::from_utf8_lossy(&blob.data).into_owned()))
    }

    fn no_host(&self, host: &HostName) -> Diagnostic {
        at(
            self.name,
            format!("there is no host {host} in `{}`", self.name),
        )
        .with_fix("name a revision in which the host's host.toml is committed")
        .with_host(host)
    }

    /// Through a link: its content is not the revision's.
    pub(super) fn leads_out(&self, path: &Path) -> Diagnostic {
        let (path, name) = (path.display(), self.name);
        at(
            name,
            format!(
                "{path} leads out of the repository, and `{name}` does not know what was there"
            ),
        )
        .with_cause("what lies there now is another file of this machine")
        .with_fix(
            "compare with a run (infra history), or with a revision in which it is no such link",
        )
    }

    fn elsewhere(&self, host: &HostName) -> Diagnostic {
        let path = PathBuf::from(format!("hosts/{host}"));
        self.leads_out(&path)
            .with_fix(format!(
                "compare with what infra itself saw: a run, or the id of a tree (infra why {host})"
            ))
            .with_host(host)
    }

    /// Settings of then that are no settings now: the first fault says enough.
    fn told(&self, faults: Vec<Diagnostic>) -> Diagnostic {
        let title = format!("the settings in `{}` cannot be read", self.name);
        let cause = faults.into_iter().next().map(|fault| fault.title);
        at(self.name, title)
            .with_cause(cause.unwrap_or_default())
            .with_fix("name a later revision")
    }

    pub(super) fn unreadable(&self, path: &[u8], error: &dyn std::fmt::Display) -> Diagnostic {
        let path = String::from_utf8_lossy(path).into_owned();
        at(
            self.name,
            format!("{path} cannot be read as it was in `{}`", self.name),
        )
        .with_cause(error.to_string())
        .with_fix("see that the clone has it: git fsck")
    }
}

/// Whether a sparse checkout leaves a file out.
fn is_left_out(entry: &gix::index::Entry, on_disk: &Path) -> bool {
    entry.flags.contains(Flags::SKIP_WORKTREE) && on_disk.symlink_metadata().is_err()
}

/// Names that a revision may be given by: branches and tags of the Git repository that `dir` lies in.
pub fn names(dir: &Path) -> Vec<String> {
    let Ok(repo) = gix::discover(dir) else {
        return Vec::new();
    };
    let Ok(all) = repo.references() else {
        return Vec::new();
    };
    let branches = all.local_branches().into_iter().flatten();
    let tags = all.tags().into_iter().flatten();
    branches
        .chain(tags)
        .filter_map(Result::ok)
        .map(|reference| reference.name().shorten().to_string())
        .collect()
}

/// What the parser of revisions says is about itself. Of use is only whether there are none or too many.
fn why_unknown(error: &dyn std::error::Error) -> String {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("ambiguous") {
            return "in Git it is the beginning of more than one id".to_owned();
        }
        next = error.source();
    }
    "this clone has no commit, branch or tag of that name".to_owned()
}

pub(super) fn no_repository(name: &str) -> Diagnostic {
    at(
        name,
        format!("in `{name}` there is no such folder as this repository's"),
    )
    .with_fix("name a revision that has the repository where it is now")
}

fn at(name: &str, title: String) -> Diagnostic {
    Diagnostic::new(Code::Usage, title).with_place(Place::file(format!("--since {name}")))
}
