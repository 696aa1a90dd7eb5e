//! Reading the work tree: which files there are, what Git ignores, and the id of each content.

use super::build::Folder;
use super::git::Git;
use super::{content, now};
use crate::repo::Repo;
use crate::table::{FileStat, Table};
use gix::objs::tree::EntryKind;
use infra_model::tree::{is_flake_file, is_shareable};
use infra_model::{Code, Diagnostic, Place};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
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
    known: HashMap<Vec<u8>, Known>,
    /// Folders that were walked to their end: what is remembered below them and was not met is gone.
    walked: Vec<PathBuf>,
    changed: Vec<(Vec<u8>, FileStat)>,
    warnings: Vec<Diagnostic>,
}

/// A file that was read once.
struct Known {
    stat: FileStat,
    met: bool,
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
    pub(crate) fn new(repo: &Repo, table: &Table) -> Result<Self, Diagnostic> {
        let root = repo.root();
        let git = if repo.is_checked_out() {
            None
        } else {
            Git::find(root)?
        };
        Ok(Self {
            root: root.to_path_buf(),
            git,
            known: table
                .files(&root.to_string_lossy())
                .into_iter()
                .map(|(path, stat)| (path, Known { stat, met: false }))
                .collect(),
            walked: Vec::new(),
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

    pub(crate) fn take_warnings(&mut self) -> Vec<Diagnostic> {
        let mut told: Vec<Diagnostic> = Vec::new();
        for warning in std::mem::take(&mut self.warnings) {
            if !told.contains(&warning) {
                told.push(warning);
            }
        }
        told
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
        let changed = std::mem::take(&mut self.changed);
        table.keep_files(&self.root.to_string_lossy(), &changed, &self.gone());
    }

    /// Files that are remembered and are not there any more, as far as was looked.
    fn gone(&self) -> Vec<Vec<u8>> {
        let hosts = Path::new("hosts");
        let was_walked = |path: &Path| {
            self.walked.iter().any(|folder| {
                if folder.as_os_str().is_empty() {
                    !path.starts_with(hosts)
                } else {
                    path.starts_with(folder)
                }
            })
        };
        self.known
            .iter()
            .filter(|(path, known)| !known.met && was_walked(Path::new(OsStr::from_bytes(path))))
            .map(|(path, _)| path.clone())
            .collect()
    }

    fn walk(
        &mut self,
        store: &gix::Repository,
        from: &Path,
        wanted: impl Fn(&Path, &OsStr, bool) -> bool,
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
        if result.is_ok() {
            self.walked.push(from.to_path_buf());
        }
        result
    }
}

impl Walk<'_> {
    fn folder(
        &mut self,
        at: &Path,
        wanted: &impl Fn(&Path, &OsStr, bool) -> bool,
    ) -> Result<Folder, Diagnostic> {
        let mut folder = Folder::default();
        let entries =
            fs::read_dir(self.walker.root.join(at)).map_err(|error| unreadable(at, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(at, &error))?;
            let name = entry.file_name();
            // Git's own folder, or the file that stands for it in a submodule or linked work tree; and jj's.
            if name == ".git" || name == ".jj" {
                continue;
            }
            let path = at.join(&name);
            let meta = entry
                .metadata()
                .map_err(|error| unreadable(&path, &error))?;
            // A link to a folder stands where a shared folder would: it is taken as the link it is.
            let is_folder = meta.is_dir() || (meta.is_symlink() && entry.path().is_dir());
            if !wanted(at, &name, is_folder) || self.is_ignored(&path, meta.is_dir())? {
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
        self.walker.warnings.extend(content::too_large(path, meta));
        let key = path.as_os_str().as_bytes();
        let stat = stat_of(meta);
        if let Some(known) = self.walker.known.get_mut(key) {
            known.met = true;
            let oid = known.stat.oid;
            if (FileStat { oid, ..stat }) == known.stat {
                return Ok(Some((kind, gix::ObjectId::from_bytes_or_panic(&oid))));
            }
        }
        let read = content::write(self.store, &self.walker.root, path, meta)?;
        self.walker.warnings.extend(read.warning);
        if let (Ok(oid), true) = (
            read.id.as_slice().try_into(),
            read.is_final && self.is_settled(meta),
        ) {
            self.walker
                .changed
                .push((key.to_vec(), FileStat { oid, ..stat }));
        }
        Ok(Some((kind, read.id)))
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

pub(super) fn stat_of(meta: &Metadata) -> FileStat {
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

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::UnreadableFile,
        format!("{} cannot be read", path.display()),
    )
    .with_cause(error.to_string())
    .with_place(Place::file(path.to_string_lossy()))
    .with_fix("give your user the right to read it, or add it to .gitignore")
}
