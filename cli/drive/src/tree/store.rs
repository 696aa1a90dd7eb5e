//! The store of trees: a Git repository in the cache folder, ours alone. Opening it, and keeping it from growing without end.
//!
//! Whoever writes trees relies on what is there already, and Nix reads them while it evaluates. So everybody who works with trees shares a lock,
//! and whoever removes something holds it alone: nothing goes while anybody could need it. The lock is the file beside the store, given back by
//! the kernel when its holder ends, however it ends.
//!
//! A commit is written last and removed first. So where a tree's commit is, all of the tree is, also after somebody was killed.

use super::{broken, commit_of};
use crate::state;
use crate::table::{Seen, Table};
use gix::ObjectId;
use gix::objs::{Kind, WriteTo};
use infra_model::{Code, Diagnostic};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A host's earlier trees are kept for as long; its last one, and that of its last deployment, for as long as there is the host.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// What earlier trees may take on disk: the oldest of them go first.
const KEPT_BYTES: u64 = 1 << 30;

/// How long to wait for others: for the short work of removing, or until those who use trees have ended.
const PATIENCE: Duration = Duration::from_secs(20);
const IMPATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// What is in the store, and what was just removed from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Files, folders and commits that are there now.
    pub objects: u64,
    /// What they take on disk.
    pub bytes: u64,
    /// How many were removed.
    pub removed_objects: u64,
    /// What that gave back.
    pub removed_bytes: u64,
}

/// The lock of the store; see above.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

fn dir_of(cache: &Path) -> PathBuf {
    cache.join("trees")
}

/// Opens the store below `cache`, making it if it is not there, and keeps it from being cleaned for as long as the lock lives.
pub(crate) fn open(cache: &Path) -> Result<(gix::Repository, PathBuf, Lock), Diagnostic> {
    let lock = lock(cache, FlockOperation::NonBlockingLockShared, PATIENCE)?;
    let dir = dir_of(cache);
    Ok((open_locked(&dir)?, dir, lock))
}

fn open_locked(dir: &Path) -> Result<gix::Repository, Diagnostic> {
    if !dir.join(".git").exists() {
        make(dir)?;
    }
    gix::open_opts(dir, gix::open::Options::isolated()).map_err(|error| broken("opened", error))
}

/// Makes it elsewhere and puts it in place whole: two processes may do this at once, and neither must see half of what the other made.
fn make(dir: &Path) -> Result<(), Diagnostic> {
    let failed = |error: &dyn std::fmt::Display| broken("made", error);
    fs::create_dir_all(dir).map_err(|error| failed(&error))?;
    let new = tempfile::tempdir_in(dir).map_err(|error| failed(&error))?;
    gix::init(new.path()).map_err(|error| failed(&error))?;
    let place = dir.join(".git");
    match fs::rename(new.path().join(".git"), &place) {
        // The other was faster.
        Err(_) if place.exists() => Ok(()),
        made => made.map_err(|error| failed(&error)),
    }
}

fn lock(cache: &Path, how: FlockOperation, patience: Duration) -> Result<Lock, Diagnostic> {
    let begun = Instant::now();
    let file = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(cache)
        .and_then(|()| {
            OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(cache.join("trees.lock"))
        })
        .map_err(|error| broken("locked", error))?;
    loop {
        match flock(&file, how) {
            Ok(()) => return Ok(Lock(file)),
            Err(Errno::WOULDBLOCK | Errno::INTR) if begun.elapsed() < patience => {
                thread::sleep(PAUSE);
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => return Err(in_use()),
            Err(error) => return Err(broken("locked", error)),
        }
    }
}

fn in_use() -> Diagnostic {
    Diagnostic::new(
        Code::CacheUnusable,
        "other infra processes are using the store of host trees",
    )
    .with_cause("nothing is removed from it while somebody evaluates from it")
    .with_fix("run the same command again when they have ended")
}

/// Removes all trees.
pub fn clear(cache: &Path) -> Result<Stored, Diagnostic> {
    let _lock = lock(cache, FlockOperation::NonBlockingLockExclusive, IMPATIENCE)?;
    let before = sizes(&dir_of(cache)).map_err(|error| broken("read", error))?;
    match fs::remove_dir_all(dir_of(cache)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(broken("removed", error)),
        _ => Ok(Stored {
            removed_objects: before.len() as u64,
            removed_bytes: before.values().sum(),
            ..Stored::default()
        }),
    }
}

/// What is in the store.
pub fn info(cache: &Path) -> Result<Stored, Diagnostic> {
    let found = sizes(&dir_of(cache)).map_err(|error| broken("read", error))?;
    Ok(Stored {
        objects: found.len() as u64,
        bytes: found.values().sum(),
        ..Stored::default()
    })
}

/// Removes what belongs to no tree that may still be asked about.
pub fn gc(cache: &Path, table: &Table, now: SystemTime) -> Result<Stored, Diagnostic> {
    let since = now.checked_sub(KEPT_FOR).unwrap_or(SystemTime::UNIX_EPOCH);
    let (last, earlier): (Vec<Seen>, Vec<Seen>) = table
        .history(since)
        .into_iter()
        .filter(|seen| is_there(&seen.repo, &seen.host))
        .partition(|seen| seen.is_last);
    let trees = |seen: Vec<Seen>| seen.into_iter().map(|seen| seen.tree).collect::<Vec<_>>();
    let mut wanted = trees(last);
    wanted.extend(state::deployed_trees(&state::repos_dir(), &is_there));
    keep(cache, (&wanted, &trees(earlier)), KEPT_BYTES)
}

/// Whether a host may still be asked about; one that cannot be looked at may come back.
fn is_there(repo: &Path, host: &str) -> bool {
    !matches!(repo.join("hosts").join(host).try_exists(), Ok(false))
}

/// Keeps the wanted trees, and of the others, the first one first, as many as have room.
pub(super) fn keep(
    cache: &Path,
    (wanted, others): (&[String], &[String]),
    max_bytes: u64,
) -> Result<Stored, Diagnostic> {
    let _lock = lock(cache, FlockOperation::NonBlockingLockExclusive, IMPATIENCE)?;
    let dir = dir_of(cache);
    if !dir.join(".git").exists() {
        return Ok(Stored::default());
    }
    let mut marks = Marks {
        sizes: sizes(&dir).map_err(|error| broken("read", error))?,
        store: open_locked(&dir)?,
        kept: HashSet::new(),
        bytes: 0,
    };
    for tree in wanted {
        marks.mark_commit_of(tree);
    }
    for tree in others {
        if marks.bytes >= max_bytes {
            break;
        }
        marks.mark_commit_of(tree);
    }
    remove(&dir, &marks).map_err(|error| broken("cleaned", error))
}

/// What was found to be wanted.
struct Marks {
    store: gix::Repository,
    sizes: HashMap<ObjectId, u64>,
    kept: HashSet<ObjectId>,
    bytes: u64,
}

impl Marks {
    fn mark_commit_of(&mut self, tree: &str) {
        let Ok(tree) = ObjectId::from_hex(tree.as_bytes()) else {
            return;
        };
        self.mark(tree);
        let mut commit = Vec::new();
        if commit_of(tree).write_to(&mut commit).is_ok()
            && let Ok(id) = gix::objs::compute_hash(gix::hash::Kind::Sha1, Kind::Commit, &commit)
        {
            self.keep(id);
        }
    }

    /// Whether it is there and was not marked before.
    fn keep(&mut self, id: ObjectId) -> bool {
        let Some(size) = self.sizes.get(&id) else {
            return false;
        };
        let is_new = self.kept.insert(id);
        if is_new {
            self.bytes += size;
        }
        is_new
    }

    fn mark(&mut self, tree: ObjectId) {
        if !self.keep(tree) {
            return;
        }
        let entries: Vec<(bool, ObjectId)> = self
            .store
            .find_object(tree)
            .ok()
            .and_then(|found| found.try_into_tree().ok())
            .iter()
            .flat_map(gix::Tree::iter)
            .filter_map(Result::ok)
            .map(|entry| (entry.mode().is_tree(), entry.object_id()))
            .collect();
        for (is_tree, id) in entries {
            if is_tree {
                self.mark(id);
            } else {
                self.keep(id);
            }
        }
    }
}

fn remove(dir: &Path, marks: &Marks) -> io::Result<Stored> {
    let unwanted: Vec<ObjectId> = marks
        .sizes
        .keys()
        .filter(|id| !marks.kept.contains(*id))
        .copied()
        .collect();
    let is_commit = |id: &ObjectId| {
        let header = marks.store.find_header(*id);
        // What cannot be read is no use to anybody, and may well be a commit.
        header.map_or(true, |header| header.kind() == Kind::Commit)
    };
    let (commits, rest): (Vec<_>, Vec<_>) = unwanted.into_iter().partition(is_commit);
    let mut removed_bytes = 0;
    let removed_objects = (commits.len() + rest.len()) as u64;
    for id in commits.iter().chain(&rest) {
        fs::remove_file(object_file(dir, id))?;
        removed_bytes += marks.sizes.get(id).copied().unwrap_or_default();
    }
    remove_unfinished(dir)?;
    Ok(Stored {
        objects: marks.kept.len() as u64,
        bytes: marks.bytes,
        removed_objects,
        removed_bytes,
    })
}

fn objects(dir: &Path) -> PathBuf {
    dir.join(".git/objects")
}

fn object_file(dir: &Path, id: &ObjectId) -> PathBuf {
    let hex = id.to_string();
    let (folder, name) = hex.split_at(2);
    objects(dir).join(folder).join(name)
}

/// Files of objects that somebody was killed over.
fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(objects(dir))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// All objects with what each takes on disk. There are no packs: nobody but us writes here.
fn sizes(dir: &Path) -> io::Result<HashMap<ObjectId, u64>> {
    let mut found = HashMap::new();
    let folders = match fs::read_dir(objects(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        folders => folders?,
    };
    for folder in folders {
        let folder = folder?;
        let prefix = folder.file_name();
        if prefix.len() != 2 {
            continue;
        }
        for entry in fs::read_dir(folder.path())? {
            let entry = entry?;
            let hex = format!("{}{}", prefix.display(), entry.file_name().display());
            if let Ok(id) = ObjectId::from_hex(hex.as_bytes()) {
                found.insert(id, entry.metadata()?.len());
            }
        }
    }
    Ok(found)
}
