//! Folders in memory: composed, written as Git trees, compared.

use super::broken;
use gix::objs::tree::{Entry, EntryKind};
use infra_model::answer::{Difference, DifferingFile};
use infra_model::context::CONTEXT_FILE;
use infra_model::tree::Scope;
use infra_model::{Diagnostic, HostContext};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// A folder: names to files and folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folder {
    nodes: BTreeMap<Vec<u8>, Node>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(EntryKind, gix::ObjectId),
    Folder(Arc<Inner>),
}

/// A folder in a folder. The trees of many hosts have the same ones, which are written once.
#[derive(Debug)]
struct Inner {
    folder: Folder,
    /// Its id, once it is in the store. There is one store in all of a folder's life.
    written: OnceLock<gix::ObjectId>,
    /// Set once the store was seen to have the content of every file: nothing is removed from it while it is open.
    whole: OnceLock<()>,
}

impl PartialEq for Inner {
    fn eq(&self, other: &Self) -> bool {
        self.folder == other.folder
    }
}

impl Eq for Inner {}

impl Inner {
    fn write(&self, store: &gix::Repository) -> Result<gix::ObjectId, Diagnostic> {
        if let Some(id) = self.written.get() {
            return Ok(*id);
        }
        let id = self.folder.write(store)?;
        Ok(*self.written.get_or_init(|| id))
    }

    fn is_whole(&self, store: &gix::Repository) -> bool {
        let whole = self.whole.get().is_some() || self.folder.is_whole(store);
        if whole {
            self.whole.get_or_init(|| ());
        }
        whole
    }
}

impl Folder {
    /// Adds an ordinary file.
    pub(crate) fn insert_file(&mut self, name: &[u8], id: gix::ObjectId) {
        self.insert(name, EntryKind::Blob, id);
    }

    /// Adds a file, executable file or link.
    pub(crate) fn insert(&mut self, name: &[u8], kind: EntryKind, id: gix::ObjectId) {
        self.nodes.insert(name.to_vec(), Node::File(kind, id));
    }

    /// Adds a folder, unless it is empty: Git knows no empty folders.
    pub(crate) fn insert_folder(&mut self, name: &[u8], folder: Folder) {
        if !folder.nodes.is_empty() {
            let inner = Inner {
                folder,
                written: OnceLock::new(),
                whole: OnceLock::new(),
            };
            self.nodes
                .insert(name.to_vec(), Node::Folder(Arc::new(inner)));
        }
    }

    /// Adds a folder at a path, making the folders above it.
    pub(crate) fn insert_below(&mut self, path: &str, folder: Folder) {
        match path.split_once('/') {
            None => self.insert_folder(path.as_bytes(), folder),
            Some((first, rest)) => {
                let mut between = match self.nodes.remove(first.as_bytes()) {
                    Some(Node::Folder(existing)) => existing.folder.clone(),
                    _ => Self::default(),
                };
                between.insert_below(rest, folder);
                self.insert_folder(first.as_bytes(), between);
            }
        }
    }

    /// The part that a host may read.
    pub(crate) fn within(&self, scope: &Scope) -> Self {
        self.filtered(&mut String::new(), scope)
    }

    fn filtered(&self, at: &mut String, scope: &Scope) -> Self {
        let mut kept = Self::default();
        for (name, node) in &self.nodes {
            let length = at.len();
            *at += &String::from_utf8_lossy(name);
            match node {
                Node::File(kind, _) if is_within(at, *kind, scope) => {
                    kept.nodes.insert(name.clone(), node.clone());
                }
                Node::File(..) => {}
                Node::Folder(_) if scope.takes_all_of(at) => {
                    kept.nodes.insert(name.clone(), node.clone());
                }
                Node::Folder(inner) => {
                    at.push('/');
                    kept.insert_folder(name, inner.folder.filtered(at, scope));
                }
            }
            at.truncate(length);
        }
        kept
    }

    /// The id of a file.
    pub(crate) fn find(&self, path: &[u8]) -> Option<gix::ObjectId> {
        let (name, below) = match path.iter().position(|byte| *byte == b'/') {
            Some(end) => (path.get(..end)?, path.get(end + 1..)),
            None => (path, None),
        };
        match (self.nodes.get(name)?, below) {
            (Node::File(_, id), None) => Some(*id),
            (Node::Folder(inner), Some(below)) => inner.folder.find(below),
            _ => None,
        }
    }

    /// Whether the store has the content of every file.
    pub(crate) fn is_whole(&self, store: &gix::Repository) -> bool {
        self.nodes.values().all(|node| match node {
            Node::File(_, id) => store.has_object(id),
            Node::Folder(inner) => inner.is_whole(store),
        })
    }

    /// The part whose files `keep` keeps, by their paths.
    pub(crate) fn keeping(&self, keep: &dyn Fn(&str) -> bool) -> Self {
        self.kept_below(&mut String::new(), keep)
    }

    fn kept_below(&self, at: &mut String, keep: &dyn Fn(&str) -> bool) -> Self {
        let mut kept = Self::default();
        for (name, node) in &self.nodes {
            let length = at.len();
            *at += &String::from_utf8_lossy(name);
            match node {
                Node::File(..) if keep(at) => {
                    kept.nodes.insert(name.clone(), node.clone());
                }
                Node::File(..) => {}
                Node::Folder(folder) => {
                    at.push('/');
                    kept.insert_folder(name, folder.folder.kept_below(at, keep));
                }
            }
            at.truncate(length);
        }
        kept
    }

    /// The folder at a path.
    pub(crate) fn below(&self, path: &[&str]) -> Option<Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self.clone());
        };
        match self.nodes.get(first.as_bytes())? {
            Node::Folder(inner) => inner.folder.below(rest),
            Node::File(..) => None,
        }
    }

    /// The paths of the files that satisfy `is`.
    pub(crate) fn paths(&self, is: &dyn Fn(&str) -> bool) -> Vec<String> {
        let found = std::cell::RefCell::new(Vec::new());
        self.keeping(&|path| {
            if is(path) {
                found.borrow_mut().push(path.to_owned());
            }
            false
        });
        found.into_inner()
    }

    /// Writes it and everything below as Git trees.
    pub(crate) fn write(&self, store: &gix::Repository) -> Result<gix::ObjectId, Diagnostic> {
        let mut entries = Vec::with_capacity(self.nodes.len());
        for (name, node) in &self.nodes {
            let (kind, oid) = match node {
                Node::File(kind, id) => (*kind, *id),
                Node::Folder(inner) => (EntryKind::Tree, inner.write(store)?),
            };
            entries.push(Entry {
                mode: kind.into(),
                filename: name.as_slice().into(),
                oid,
            });
        }
        // Git sorts folders as if their names ended in '/'.
        entries.sort();
        let id = store
            .write_object(&gix::objs::Tree { entries })
            .map_err(|error| broken("written", error))?;
        Ok(id.detach())
    }
}

/// A link beside the flake may stand for a shared folder, and is judged as one; but a link by a flake file's name is that file.
fn is_within(path: &str, kind: EntryKind, scope: &Scope) -> bool {
    let stands_for_folder = kind == EntryKind::Link && !path.contains('/');
    scope.judge(path).is_ok() || (stands_for_folder && scope.judge(&format!("{path}/")).is_ok())
}

/// Names the files in which two trees of the store differ. `None` if one of them is not there any more.
pub fn compare(
    cache: &std::path::Path,
    old: &str,
    new: &str,
) -> Result<Option<Vec<DifferingFile>>, Diagnostic> {
    let (store, _, _lock) = super::store::open(cache)?;
    let read = |id: &str| -> Option<BTreeMap<Vec<u8>, (EntryKind, gix::ObjectId)>> {
        let mut files = BTreeMap::new();
        collect(
            &store,
            gix::ObjectId::from_hex(id.as_bytes()).ok()?,
            &mut Vec::new(),
            &mut files,
        )?;
        Some(files)
    };
    let (Some(old), Some(new)) = (read(old), read(new)) else {
        return Ok(None);
    };
    let mut differences = Vec::new();
    let mut tell = |path: &[u8], how| {
        differences.push(DifferingFile {
            path: String::from_utf8_lossy(path).into_owned(),
            how,
        });
    };
    for (path, node) in &new {
        match old.get(path) {
            None => tell(path, Difference::Added),
            Some(before) if before != node => tell(path, Difference::Changed),
            Some(_) => {}
        }
    }
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        tell(path, Difference::Removed);
    }
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(differences))
}

/// What a tree of the store says that its host's contract was filled with. `None` if the tree is not there any more, or is of an earlier version.
pub fn context_of(cache: &std::path::Path, tree: &str) -> Option<HostContext> {
    let (store, _, _lock) = super::store::open(cache).ok()?;
    let id = gix::ObjectId::from_hex(tree.as_bytes()).ok()?;
    let root = store.find_object(id).ok()?.try_into_tree().ok()?;
    match root.lookup_entry_by_path(CONTEXT_FILE).ok()? {
        Some(entry) => serde_json::from_slice(&entry.object().ok()?.data).ok(),
        // An empty one is left out.
        None => Some(HostContext::default()),
    }
}

fn collect(
    store: &gix::Repository,
    tree: gix::ObjectId,
    at: &mut Vec<u8>,
    files: &mut BTreeMap<Vec<u8>, (EntryKind, gix::ObjectId)>,
) -> Option<()> {
    let object = store.find_object(tree).ok()?.try_into_tree().ok()?;
    for entry in object.iter() {
        let entry = entry.ok()?;
        let length = at.len();
        at.extend_from_slice(entry.filename());
        if entry.mode().is_tree() {
            at.push(b'/');
            collect(store, entry.object_id(), at, files)?;
        } else {
            files.insert(at.clone(), (entry.mode().kind(), entry.object_id()));
        }
        at.truncate(length);
    }
    Some(())
}
