//! Receipts in the user's Git repository: files in commits of a ref of their own.
//!
//! Only objects are added and this one ref is moved: the index, HEAD, the work tree and all other refs stay as they are. The ref is moved from
//! what was read and from nothing else, so whoever comes second reads again and adds to what the first one added.

use super::unkept;
use crate::tree::nearest;
use gix::ObjectId;
use gix::objs::tree::{Entry, EntryKind};
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use infra_model::receipt::RunReceipt;
use infra_model::{Code, Diagnostic, Place};
use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The ref that receipts are in.
pub(super) const REF: &str = "refs/infra/runs";

/// How long others may be in the way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two tries; each process takes another one, so that they do not stay in step.
const PAUSE: Duration = Duration::from_millis(5);

/// The part of a Git repository that is about receipts.
pub(super) struct Ledger {
    repo: gix::Repository,
    folder: String,
}

/// What became of the ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// Nothing: it had all of that.
    No,
    /// It has more now.
    Yes,
}

impl Ledger {
    /// That of the repository `root` lies in; `None` without Git.
    pub(super) fn find(root: &Path) -> Option<Self> {
        let repo = nearest(root)?;
        let top = repo.workdir()?.canonicalize().ok()?;
        let folder = root.strip_prefix(top).ok()?.to_string_lossy().into_owned();
        Some(Self { repo, folder })
    }

    /// Where the infra repository lies in it; empty if it is all of it.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// Git's own folder.
    pub(super) fn dir(&self) -> &Path {
        self.repo.git_dir()
    }

    /// The commit that is checked out.
    pub(super) fn head(&self) -> Option<String> {
        Some(self.repo.head_id().ok()?.to_string())
    }

    /// The newest commit of a ref.
    pub(super) fn tip_of(&self, name: &str) -> Result<Option<ObjectId>, Diagnostic> {
        let found = self
            .repo
            .try_find_reference(name)
            .map_err(|error| broken("read", &error))?;
        found
            .map(|reference| {
                let target = reference.inner.target;
                target
                    .try_id()
                    .map(ToOwned::to_owned)
                    .ok_or_else(|| broken("read", &format!("{name} is a symbolic ref")))
            })
            .transpose()
    }

    /// The newest commit with receipts.
    pub(super) fn tip(&self) -> Result<Option<ObjectId>, Diagnostic> {
        self.tip_of(REF)
    }

    /// The files of a commit, by their paths.
    pub(super) fn files(&self, commit: ObjectId) -> Result<BTreeMap<String, ObjectId>, Diagnostic> {
        let mut files = BTreeMap::new();
        let tree = self.tree_of(commit)?;
        self.collect(tree, "", &mut files)?;
        Ok(files)
    }

    fn collect(
        &self,
        tree: ObjectId,
        at: &str,
        files: &mut BTreeMap<String, ObjectId>,
    ) -> Result<(), Diagnostic> {
        for entry in self.entries(tree)? {
            let path = format!("{at}{}", entry.filename);
            match entry.mode.kind() {
                EntryKind::Tree => self.collect(entry.oid, &format!("{path}/"), files)?,
                EntryKind::Blob | EntryKind::BlobExecutable => {
                    files.insert(path, entry.oid);
                }
                EntryKind::Link | EntryKind::Commit => {}
            }
        }
        Ok(())
    }

    /// The content of a file.
    pub(super) fn read(&self, blob: ObjectId) -> Result<String, Diagnostic> {
        let object = self
            .repo
            .find_object(blob)
            .map_err(|error| broken("read", &error))?;
        Ok(String::from_utf8_lossy(&object.data).into_owned())
    }

    /// Adds files, in the name of `by`. A file that is there already with the same content is not added again. One that tells of a run which was
    /// gone on with takes the place of what was told before.
    pub(super) fn append(&self, files: &[(String, String)], by: &str) -> Result<Moved, Diagnostic> {
        let mut blobs = Vec::new();
        for (path, content) in files {
            let blob = self
                .repo
                .write_blob(content.as_bytes())
                .map_err(|error| broken("written", &error))?;
            blobs.push((path, blob.detach()));
        }
        let message = match files {
            [(path, _)] => format!("{path}\n"),
            _ => format!("{} receipts\n", files.len()),
        };
        self.advance(by, &message, &|tip| {
            let base = tip.map(|tip| self.tree_of(tip)).transpose()?;
            let mut tree = base;
            for (path, blob) in &blobs {
                let parts: Vec<&str> = path.split('/').collect();
                tree = Some(self.with_file(tree, &parts, *blob, path)?);
            }
            Ok(match tree {
                Some(tree) if Some(tree) != base => Next::Commit {
                    tree,
                    parents: tip.into_iter().collect(),
                },
                _ => Next::Nothing,
            })
        })
    }

    /// Adds everything that another commit has.
    pub(super) fn merge(&self, other: ObjectId, by: &str) -> Result<Moved, Diagnostic> {
        let message = format!("Receipts of {other}\n");
        self.advance(by, &message, &|tip| {
            let Some(tip) = tip else {
                return Ok(Next::Forward(other));
            };
            // Without a common commit they were begun apart, which is a merge as well.
            let base = self
                .repo
                .merge_base(tip, other)
                .ok()
                .flatten()
                .map(gix::Id::detach);
            if base == Some(other) {
                return Ok(Next::Nothing);
            }
            let (mine, theirs) = (self.tree_of(tip)?, self.tree_of(other)?);
            // Also where theirs follows ours: a commit of theirs may have taken files away, which is not for it to do.
            let tree = self.union(mine, theirs, "")?;
            Ok(if base == Some(tip) && tree == theirs {
                Next::Forward(other)
            } else {
                Next::Commit {
                    tree,
                    parents: vec![tip, other],
                }
            })
        })
    }

    /// Deletes a ref that was only there for a moment.
    pub(super) fn drop_ref(&self, name: &str) {
        if let Ok(Some(reference)) = self.repo.try_find_reference(name) {
            // What stays behind is harmless: the next exchange overwrites it.
            let _ = reference.delete();
        }
    }

    /// Moves the ref to what `next` makes of its tip, again and again until nobody else moved it meanwhile.
    fn advance(
        &self,
        by: &str,
        message: &str,
        next: &dyn Fn(Option<ObjectId>) -> Result<Next, Diagnostic>,
    ) -> Result<Moved, Diagnostic> {
        let begun = Instant::now();
        let mut pause = PAUSE + Duration::from_micros(u64::from(std::process::id() % 5000));
        loop {
            let tip = self.tip()?;
            let new = match next(tip)? {
                Next::Nothing => return Ok(Moved::No),
                Next::Forward(commit) => commit,
                Next::Commit { tree, parents } => self.commit(tree, parents, by, message)?,
            };
            match self.set(tip, new, by) {
                Ok(()) => return Ok(Moved::Yes),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                // Somebody else holds the ref's lock, or has moved it.
                Err(_) => thread::sleep(pause),
            }
            pause = (pause * 2).min(PAUSE * 40);
        }
    }

    fn set(&self, from: Option<ObjectId>, to: ObjectId, by: &str) -> Result<(), Diagnostic> {
        let expected = from.map_or(PreviousValue::MustNotExist, |from| {
            PreviousValue::MustExistAndMatch(Target::Object(from))
        });
        let edit = RefEdit {
            change: Change::Update {
                log: LogChange {
                    mode: RefLog::AndReference,
                    force_create_reflog: false,
                    message: "infra: receipts".into(),
                },
                expected,
                new: Target::Object(to),
            },
            name: REF.try_into().map_err(|error| broken("written", &error))?,
            deref: false,
        };
        let who = signature(by);
        let mut time = gix::date::parse::TimeBuf::default();
        self.repo
            .edit_references_as(Some(edit), Some(who.to_ref(&mut time)))
            .map_err(|error| broken("written", &error))?;
        Ok(())
    }

    fn commit(
        &self,
        tree: ObjectId,
        parents: Vec<ObjectId>,
        by: &str,
        message: &str,
    ) -> Result<ObjectId, Diagnostic> {
        let who = signature(by);
        let commit = gix::objs::Commit {
            tree,
            parents: parents.into(),
            author: who.clone(),
            committer: who,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        self.write(&commit)
    }

    fn write(&self, object: impl gix::objs::WriteTo) -> Result<ObjectId, Diagnostic> {
        self.repo
            .write_object(object)
            .map(gix::Id::detach)
            .map_err(|error| broken("written", &error))
    }

    fn tree_of(&self, commit: ObjectId) -> Result<ObjectId, Diagnostic> {
        let commit = self
            .repo
            .find_commit(commit)
            .map_err(|error| broken("read", &error))?;
        commit
            .tree_id()
            .map(gix::Id::detach)
            .map_err(|error| broken("read", &error))
    }

    fn entries(&self, tree: ObjectId) -> Result<Vec<Entry>, Diagnostic> {
        let tree = self
            .repo
            .find_tree(tree)
            .map_err(|error| broken("read", &error))?;
        tree.iter()
            .map(|entry| {
                let entry = entry.map_err(|error| broken("read", &error))?;
                Ok(Entry {
                    mode: entry.mode(),
                    filename: entry.filename().to_owned(),
                    oid: entry.object_id(),
                })
            })
            .collect()
    }

    fn write_tree(&self, mut entries: Vec<Entry>) -> Result<ObjectId, Diagnostic> {
        // Git sorts folders as if their names ended in '/'.
        entries.sort();
        self.write(&gix::objs::Tree { entries })
    }

    /// The tree with a file more.
    fn with_file(
        &self,
        tree: Option<ObjectId>,
        parts: &[&str],
        blob: ObjectId,
        path: &str,
    ) -> Result<ObjectId, Diagnostic> {
        let mut entries = match tree {
            Some(tree) => self.entries(tree)?,
            None => Vec::new(),
        };
        let Some((name, below)) = parts.split_first() else {
            return self.write_tree(entries);
        };
        let at = entries.iter().position(|entry| entry.filename == *name);
        let old = at.map(|at| entries.swap_remove(at));
        let new = if below.is_empty() {
            let blob = match old {
                Some(old) => self.later(old.oid, blob, path)?,
                None => blob,
            };
            (EntryKind::Blob, blob)
        } else {
            let inner = old.filter(|old| old.mode.is_tree()).map(|old| old.oid);
            (EntryKind::Tree, self.with_file(inner, below, blob, path)?)
        };
        entries.push(Entry {
            mode: new.0.into(),
            filename: (*name).into(),
            oid: new.1,
        });
        self.write_tree(entries)
    }

    /// All files of both trees.
    fn union(&self, mine: ObjectId, theirs: ObjectId, at: &str) -> Result<ObjectId, Diagnostic> {
        if mine == theirs {
            return Ok(mine);
        }
        let mut all: BTreeMap<Vec<u8>, Entry> = self
            .entries(mine)?
            .into_iter()
            .map(|entry| (entry.filename.to_vec(), entry))
            .collect();
        for their in self.entries(theirs)? {
            let path = format!("{at}{}", their.filename);
            match all.get_mut(their.filename.as_slice()) {
                None => {
                    all.insert(their.filename.to_vec(), their);
                }
                Some(own) if own.oid == their.oid => {}
                Some(own) if own.mode.is_tree() && their.mode.is_tree() => {
                    own.oid = self.union(own.oid, their.oid, &format!("{path}/"))?;
                }
                Some(own) if own.mode.is_blob() && their.mode.is_blob() => {
                    own.oid = self.later(own.oid, their.oid, &path)?;
                }
                Some(_) => return Err(differs(&path)),
            }
        }
        self.write_tree(all.into_values().collect())
    }

    /// Of two receipts of one run, the one that was written after the run had been gone on with.
    fn later(&self, one: ObjectId, other: ObjectId, path: &str) -> Result<ObjectId, Diagnostic> {
        if one == other {
            return Ok(one);
        }
        let read = |blob| Ok(RunReceipt::parse(&self.read(blob)?).ok());
        match (read(one)?, read(other)?) {
            (Some(a), Some(b)) if a.replaces(&b) => Ok(one),
            (Some(a), Some(b)) if b.replaces(&a) => Ok(other),
            _ => Err(differs(path)),
        }
    }
}

/// Where the ref goes.
enum Next {
    /// It has everything already.
    Nothing,
    /// To a commit that is there.
    Forward(ObjectId),
    /// To a new one.
    Commit {
        tree: ObjectId,
        parents: Vec<ObjectId>,
    },
}

/// Whoever ran infra, now.
fn signature(by: &str) -> gix::actor::Signature {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    // What would end the field in a commit is in no name of a user or machine; and if it is, it is not needed.
    let plain: String = by.chars().filter(|c| !"<>\n\0".contains(*c)).collect();
    gix::actor::Signature {
        name: plain.as_str().into(),
        email: plain.as_str().into(),
        time: gix::date::Time::new(now, 0),
    }
}

fn broken(how: &str, error: &dyn std::fmt::Display) -> Diagnostic {
    unkept(format!("the receipts in {REF} cannot be {how}"))
        .with_cause(error.to_string())
        .with_fix("see that `git fsck` finds the repository whole and that its .git is writable; the receipt is also in infra's state folder, and the next `infra history --push` adds it")
}

fn differs(path: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ReceiptDiffers,
        format!("there are two different receipts {path}"),
    )
    .with_cause("a receipt is changed only if its run is resumed, and then it says so: one of the two was changed by hand")
    .with_place(Place::file(format!("{REF}:{path}")))
    .with_fix(format!(
        "compare them (git show {REF}:{path}, and the same on the other side) and set the ref that is wrong back with git update-ref"
    ))
}
