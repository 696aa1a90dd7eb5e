//! Folders in memory: composed, written as Git trees, compared.

use super::broken;
use gix::objs::tree::{Entry, EntryKind};
use infra_model::Diagnostic;
use infra_model::answer::{Difference, DifferingFile};
use infra_model::tree::Scope;
use std::collections::BTreeMap;

/// A folder: names to files and folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folder {
    nodes: BTreeMap<Vec<u8>, Node>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(EntryKind, gix::ObjectId),
    Folder(Folder),
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
            self.nodes.insert(name.to_vec(), Node::Folder(folder));
        }
    }

    /// Adds a folder at a path, making the folders above it.
    pub(crate) fn insert_below(&mut self, path: &str, folder: Folder) {
        match path.split_once('/') {
            None => self.insert_folder(path.as_bytes(), folder),
            Some((first, rest)) => {
                let mut between = match self.nodes.remove(first.as_bytes()) {
                    Some(Node::Folder(existing)) => existing,
                    _ => Self::default(),
                };
                between.insert_below(rest, folder);
                self.insert_folder(first.as_bytes(), between);
            }
        }
    }

    /// The part that a host may read.
    pub(crate) fn within(&self, scope: &Scope) -> Self {
        self.keeping(&|path| scope.judge(path).is_ok())
    }

    /// The id of a file.
    pub(crate) fn find(&self, path: &[u8]) -> Option<gix::ObjectId> {
        let (name, below) = match path.iter().position(|byte| *byte == b'/') {
            Some(end) => (path.get(..end)?, path.get(end + 1..)),
            None => (path, None),
        };
        match (self.nodes.get(name)?, below) {
            (Node::File(_, id), None) => Some(*id),
            (Node::Folder(folder), Some(below)) => folder.find(below),
            _ => None,
        }
    }

    /// Whether the store has the content of every file.
    pub(crate) fn is_whole(&self, store: &gix::Repository) -> bool {
        self.nodes.values().all(|node| match node {
            Node::File(_, id) => store.has_object(id),
            Node::Folder(folder) => folder.is_whole(store),
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
                    kept.insert_folder(name, folder.kept_below(at, keep));
                }
            }
            at.truncate(length);
        }
        kept
    }

    /// Whether any file satisfies `is`, by its path.
    pub(crate) fn any(&self, is: &dyn Fn(&str) -> bool) -> bool {
        !self.keeping(is).nodes.is_empty()
    }

    /// Writes it and everything below as Git trees.
    pub(crate) fn write(&self, store: &gix::Repository) -> Result<gix::ObjectId, Diagnostic> {
        let mut entries = Vec::with_capacity(self.nodes.len());
        for (name, node) in &self.nodes {
            let (kind, oid) = match node {
                Node::File(kind, id) => (*kind, *id),
                Node::Folder(folder) => (EntryKind::Tree, folder.write(store)?),
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
