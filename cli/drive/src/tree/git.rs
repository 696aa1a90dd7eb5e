//! The user's Git repository: which files it tracks and what it ignores. Read, never written.

use gix::bstr::ByteSlice as _;
use infra_model::{Code, Diagnostic};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a walk needs to know of Git.
pub(super) struct Git {
    pub(super) repo: gix::Repository,
    pub(super) index: gix::worktree::Index,
    /// Where our root lies in Git's work tree.
    pub(super) prefix: PathBuf,
    /// Tracked paths below our root.
    pub(super) tracked: BTreeSet<Vec<u8>>,
}

/// The repository whose work tree is nearest around `root`.
pub(crate) fn nearest(root: &Path) -> Option<gix::Repository> {
    let git = gix::discover(root).ok();
    let jj = root.ancestors().find(|dir| dir.join(".jj").is_dir());
    let top = git
        .as_ref()
        .and_then(|git| git.workdir())
        .and_then(|dir| dir.canonicalize().ok());
    match (jj, top) {
        // jj and Git side by side, or Git within: Git knows what is tracked.
        (Some(jj), Some(top)) if top.starts_with(jj) => git,
        (Some(jj), _) => of_jj(jj),
        (None, _) => git,
    }
}

/// The Git repository that jj keeps inside its own folder. It has no index, so nothing that is ignored counts as tracked; but jj follows
/// `.gitignore` as Git does, and so do we.
fn of_jj(top: &Path) -> Option<gix::Repository> {
    let own = top.join(".jj");
    let mut repo = own.join("repo");
    // In a further workspace it is a file that says where the first one's is.
    if let Ok(elsewhere) = fs::read(&repo) {
        repo = own.join(elsewhere.trim().to_path().ok()?);
    }
    let store = repo.join("store");
    let target = fs::read(store.join("git_target")).ok()?;
    let mut git = gix::open(store.join(target.trim().to_path().ok()?)).ok()?;
    git.set_workdir(top.to_path_buf()).ok()?;
    Some(git)
}

impl Git {
    /// The Git repository our root lies in: ordinary, a linked work tree, with a detached HEAD or none yet, or one that jj keeps.
    pub(super) fn find(root: &Path) -> Result<Option<Self>, Diagnostic> {
        let Some(repo) = nearest(root) else {
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

    pub(super) fn rules(&self) -> Result<gix::AttributeStack<'_>, Diagnostic> {
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

    /// The rule that ignores a file, with the file the rule stands in.
    pub(super) fn rule(&self, root: &Path, file: &Path) -> Option<String> {
        let mode = if root.join(file).is_dir() {
            gix::index::entry::Mode::DIR
        } else {
            gix::index::entry::Mode::FILE
        };
        let mut rules = self.rules().ok()?;
        let platform = rules.at_path(self.prefix.join(file), Some(mode)).ok()?;
        let found = platform.matching_exclude_pattern()?;
        if found.pattern.is_negative() {
            return None;
        }
        let source = found.source?;
        // Below the repository it is named as any file of it; a person's own rules by where they lie.
        let source = source.canonicalize().unwrap_or(source.to_path_buf());
        let source = source.strip_prefix(root).unwrap_or(&source);
        Some(format!(
            "`{}` ({}:{})",
            found.pattern,
            source.display(),
            found.sequence_number
        ))
    }
}
