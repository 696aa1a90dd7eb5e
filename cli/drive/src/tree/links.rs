//! Where links lead in a commit's tree: as the system would follow them in its checkout.

use gix::objs::tree::EntryKind;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// As many links as Linux follows for one path.
const MOST: usize = 40;

/// Where a path leads.
#[derive(Debug)]
pub(super) enum Leads<'r> {
    /// To a folder of the tree.
    To(gix::Tree<'r>),
    /// To a file, to nothing, or in a circle.
    Nowhere,
    /// Out of the tree, to this path seen from its root: what was there no commit knows.
    Out(PathBuf),
}

/// Follows a path from the root of the tree.
pub(super) fn follow<'r>(tree: &gix::Tree<'r>, path: &[u8]) -> Leads<'r> {
    let mut open: VecDeque<Vec<u8>> = parts(path).collect();
    let mut at: Vec<Vec<u8>> = Vec::new();
    let mut links = 0;
    while let Some(part) = open.pop_front() {
        match part.as_slice() {
            b"" | b"." => continue,
            b".." => {
                if at.pop().is_some() {
                    continue;
                }
                open.push_front(part);
                return Leads::Out(joined(open));
            }
            _ => at.push(part),
        }
        let Ok(Some(entry)) = tree.lookup_entry(at.iter().map(Vec::as_slice)) else {
            return Leads::Nowhere;
        };
        match entry.mode().kind() {
            EntryKind::Tree => {}
            EntryKind::Link => {
                links += 1;
                let Some(target) = entry.object().ok().filter(|_| links <= MOST) else {
                    return Leads::Nowhere;
                };
                if target.data.starts_with(b"/") {
                    open.push_front(target.data.clone());
                    return Leads::Out(joined(open));
                }
                at.pop();
                for part in parts(&target.data).collect::<Vec<_>>().into_iter().rev() {
                    open.push_front(part);
                }
            }
            // What is in a submodule its own repository knows.
            EntryKind::Commit => {
                at.extend(open);
                return Leads::Out(joined(at));
            }
            EntryKind::Blob | EntryKind::BlobExecutable => return Leads::Nowhere,
        }
    }
    if at.is_empty() {
        return Leads::To(tree.clone());
    }
    let found = tree
        .lookup_entry(at.iter().map(Vec::as_slice))
        .ok()
        .flatten();
    match found.and_then(|entry| entry.object().ok()?.try_into_tree().ok()) {
        Some(folder) => Leads::To(folder),
        None => Leads::Nowhere,
    }
}

fn joined(parts: impl IntoIterator<Item = Vec<u8>>) -> PathBuf {
    parts.into_iter().map(OsString::from_vec).collect()
}

fn parts(path: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/').map(<[u8]>::to_vec)
}
