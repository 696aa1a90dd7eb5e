//! Reading the work tree: which files there are, what Git ignores, and the id of each content.

use super::build::Folder;
use super::{broken, now};
use crate::table::{FileStat, Table};
use gix::objs::tree::EntryKind;
use infra_model::tree::{is_flake_file, is_shareable};
use infra_model::{Code, Diagnostic, Place};
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that was changed this shortly before it was read may be changed again without its times showing it (they tick in milliseconds), so
/// its id is not remembered.
const RACY: Duration = Duration::from_millis(100);

/// Reads a repository's files, with what is remembered of the last time.
pub(crate) struct Walker {
    root: PathBuf,
    git: Option<Git>,
    known: HashMap<Vec<u8>, FileStat>,
    changed: Vec<(Vec<u8>, FileStat)>,
    warnings: Vec<Diagnostic>,
}

/// The user's Git repository: read, never written.
pub(super) struct Git {
    pub(super) repo: gix::Repository,
    pub(super) index: gix::worktree::Index,
    /// Where our root lies in Git's work tree.
    pub(super) prefix: PathBuf,
    /// Tracked paths below our root.
    tracked: BTreeSet<Vec<u8>>,
}

/// One walk: what is needed at every file.
struct Walk<'w> {
    walker: &'w mut Walker,
    store: &'w gix::Repository,
    rules: Option<gix::AttributeStack<'w>>,
    tracked: &'w BTreeSet<Vec<u8>>,
    prefix: &'w Path,
    began: SystemTime,
}

impl Walker {
    pub(crate) fn new(root: &Path, table: &Table) -> Result<Self, Diagnostic> {
        Ok(Self {
            root: root.to_path_buf(),
            git: Git::find(root)?,
            known: table.files(&root.to_string_lossy()),
            changed: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Everything that hosts share: the flake's files and the shared folders.
    pub(crate) fn shared(&mut self, store: &gix::Repository) -> Result<Folder, Diagnostic> {
        self.walk(store, Path::new(""), |at, name, is_folder| {
            let top = at.as_os_str().is_empty();
            let name = name.to_string_lossy();
            !top || if is_folder {
                is_shareable(&name)
            } else {
                is_flake_file(&name)
            }
        })
    }

    /// A host's own folder.
    pub(crate) fn host(
        &mut self,
        store: &gix::Repository,
        name: &str,
    ) -> Result<Folder, Diagnostic> {
        self.walk(store, &Path::new("hosts").join(name), |_, _, _| true)
    }

    pub(crate) fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The repository in Git, if it is.
    pub(super) fn git(&self) -> Option<&Git> {
        self.git.as_ref()
    }

    /// Has every file read again.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }

    /// Keeps what was learned.
    pub(crate) fn remember(&mut self, table: &Table) {
        if !self.changed.is_empty() {
            let changed = std::mem::take(&mut self.changed);
            table.keep_files(&self.root.to_string_lossy(), &changed, &[]);
        }
    }

    fn walk(
        &mut self,
        store: &gix::Repository,
        from: &Path,
        wanted: impl Fn(&Path, &std::ffi::OsStr, bool) -> bool,
    ) -> Result<Folder, Diagnostic> {
        // Taken out for the time of the walk: rules borrow it, and the walker changes.
        let git = self.git.take();
        let nothing = BTreeSet::new();
        let result = (|| {
            let rules = match &git {
                Some(git) => Some(git.rules()?),
                None => None,
            };
            Walk {
                walker: self,
                store,
                rules,
                tracked: git.as_ref().map_or(&nothing, |git| &git.tracked),
                prefix: git
                    .as_ref()
                    .map_or(Path::new(""), |git| git.prefix.as_path()),
                began: now(),
            }
            .folder(from, &wanted)
        })();
        self.git = git;
        result
    }
}

impl Git {
    /// The Git repository our root lies in: ordinary, a linked work tree, with a detached HEAD, or one that jj keeps beside its own.
    fn find(root: &Path) -> Result<Option<Self>, Diagnostic> {
        let Ok(repo) = gix::discover(root) else {
            return Ok(None);
        };
        let unreadable = |error: &dyn std::fmt::Display| {
            Diagnostic::new(
                Code::UnreadableFile,
                "the Git index of the repository cannot be read",
            )
            .with_cause(error.to_string())
            .with_fix("see that `git status` works there")
        };
        let Some(work_dir) = repo.workdir().and_then(|dir| dir.canonicalize().ok()) else {
            return Ok(None);
        };
        let Ok(prefix) = root.strip_prefix(&work_dir).map(Path::to_path_buf) else {
            return Ok(None);
        };
        let index = repo.index_or_empty().map_err(|error| unreadable(&error))?;
        let mut below = prefix.as_os_str().as_bytes().to_vec();
        if !below.is_empty() {
            below.push(b'/');
        }
        let backing = index.path_backing();
        let tracked = index
            .entries()
            .iter()
            .filter_map(|entry| entry.path_in(backing).strip_prefix(below.as_slice()))
            .map(<[u8]>::to_vec)
            .collect();
        Ok(Some(Self {
            repo,
            index,
            prefix,
            tracked,
        }))
    }

    fn rules(&self) -> Result<gix::AttributeStack<'_>, Diagnostic> {
        use gix::worktree::stack::state::ignore::Source;
        self.repo
            .excludes(&self.index, None, Source::WorktreeThenIdMappingIfNotSkipped)
            .map_err(|error| {
                Diagnostic::new(
                    Code::UnreadableFile,
                    "Git's rules of what is ignored cannot be read",
                )
                .with_cause(error.to_string())
                .with_fix("see that `git status` works in the repository")
            })
    }
}

impl Walk<'_> {
    fn folder(
        &mut self,
        at: &Path,
        wanted: &impl Fn(&Path, &std::ffi::OsStr, bool) -> bool,
    ) -> Result<Folder, Diagnostic> {
        let mut folder = Folder::default();
        let entries =
            fs::read_dir(self.walker.root.join(at)).map_err(|error| unreadable(at, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(at, &error))?;
            let name = entry.file_name();
            // Git's own folder, or the file that stands for it in a submodule or linked work tree.
            if name == ".git" {
                continue;
            }
            let path = at.join(&name);
            let meta = entry
                .metadata()
                .map_err(|error| unreadable(&path, &error))?;
            if !wanted(at, &name, meta.is_dir()) || self.is_ignored(&path, meta.is_dir())? {
                continue;
            }
            if meta.is_dir() {
                let inner = self.folder(&path, wanted)?;
                folder.insert_folder(name.as_bytes(), inner);
            } else if let Some((kind, id)) = self.file(&path, &meta)? {
                folder.insert(name.as_bytes(), kind, id);
            }
        }
        Ok(folder)
    }

    /// Ignored and not tracked all the same. A folder counts as tracked if anything in it is.
    fn is_ignored(&mut self, path: &Path, is_folder: bool) -> Result<bool, Diagnostic> {
        let Some(rules) = &mut self.rules else {
            return Ok(false);
        };
        let mode = if is_folder {
            gix::index::entry::Mode::DIR
        } else {
            gix::index::entry::Mode::FILE
        };
        let excluded = rules
            .at_path(self.prefix.join(path), Some(mode))
            .map_err(|error| {
                Diagnostic::new(
                    Code::UnreadableFile,
                    "Git's rules of what is ignored cannot be read",
                )
                .with_cause(error.to_string())
                .with_place(Place::file(path.to_string_lossy()))
                .with_fix("see that `git status` works in the repository")
            })?
            .is_excluded();
        Ok(excluded && !self.is_tracked(path, is_folder))
    }

    fn is_tracked(&self, path: &Path, is_folder: bool) -> bool {
        let mut bytes = path.as_os_str().as_bytes().to_vec();
        if !is_folder {
            return self.tracked.contains(&bytes);
        }
        bytes.push(b'/');
        self.tracked
            .range(bytes.clone()..)
            .next()
            .is_some_and(|first| first.starts_with(&bytes))
    }

    /// Kind and id of a file's content; `None` for what no tree can hold.
    fn file(
        &mut self,
        path: &Path,
        meta: &Metadata,
    ) -> Result<Option<(EntryKind, gix::ObjectId)>, Diagnostic> {
        let kind = if meta.is_symlink() {
            EntryKind::Link
        } else if !meta.is_file() {
            self.walker.warnings.push(
                Diagnostic::new(
                    Code::UnreadableFile,
                    "a socket, pipe or device cannot be part of a host's tree",
                )
                .with_place(Place::file(path.to_string_lossy()))
                .with_fix("move it out of the repository, or add it to .gitignore"),
            );
            return Ok(None);
        } else if meta.mode() & 0o100 != 0 {
            EntryKind::BlobExecutable
        } else {
            EntryKind::Blob
        };
        let key = path.as_os_str().as_bytes();
        let stat = stat_of(meta);
        if let Some(known) = self.walker.known.get(key)
            && (FileStat {
                oid: known.oid,
                ..stat
            }) == *known
        {
            return Ok(Some((kind, gix::ObjectId::from_bytes_or_panic(&known.oid))));
        }
        let content = if meta.is_symlink() {
            fs::read_link(self.walker.root.join(path))
                .map(|target| target.as_os_str().as_bytes().to_vec())
        } else {
            fs::read(self.walker.root.join(path))
        };
        let content = content.map_err(|error| unreadable(path, &error))?;
        let id = self
            .store
            .write_blob(&content)
            .map_err(|error| broken("written", error))?
            .detach();
        if let (Ok(oid), true) = (id.as_slice().try_into(), self.is_settled(meta)) {
            self.walker
                .changed
                .push((key.to_vec(), FileStat { oid, ..stat }));
        }
        Ok(Some((kind, id)))
    }

    /// Whether the file was last touched long enough ago for its times to betray the next touch.
    fn is_settled(&self, meta: &Metadata) -> bool {
        let nanos = |seconds: i64, nanos: i64| {
            let seconds = u64::try_from(seconds).unwrap_or_default();
            let nanos = u32::try_from(nanos).unwrap_or_default();
            SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
        };
        let touched =
            nanos(meta.mtime(), meta.mtime_nsec()).max(nanos(meta.ctime(), meta.ctime_nsec()));
        self.began
            .duration_since(touched)
            .is_ok_and(|age| age > RACY)
    }
}

fn stat_of(meta: &Metadata) -> FileStat {
    let nanos =
        |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    FileStat {
        ino: meta.ino(),
        size: meta.size(),
        mtime_ns: nanos(meta.mtime(), meta.mtime_nsec()),
        ctime_ns: nanos(meta.ctime(), meta.ctime_nsec()),
        mode: meta.mode(),
        oid: [0; 20],
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::UnreadableFile,
        format!("{} cannot be read", path.display()),
    )
    .with_cause(error.to_string())
    .with_place(Place::file(path.to_string_lossy()))
    .with_fix("give your user the right to read it, or add it to .gitignore")
}
