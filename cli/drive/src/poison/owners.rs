//! Whose filled contexts lie in the store of trees: the one place of infra's own where private values belong, each in the trees of its hosts.

use super::git::broken;
use infra_model::context::CONTEXT_FILE;
use infra_model::{Diagnostic, HostName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Hosts by the id of a filled context in a tree of theirs.
pub type Owners = BTreeMap<String, BTreeSet<HostName>>;

/// Reads them from all trees in the store below the cache folder; none if there is no store.
pub fn owners(cache: &Path) -> Result<Owners, Diagnostic> {
    let folder = cache.join("trees");
    let mut owners = Owners::new();
    if !folder.join(".git").exists() {
        return Ok(owners);
    }
    let unreadable = |error: &dyn std::fmt::Display| broken(&folder, error);
    let store = gix::open_opts(&folder, gix::open::Options::isolated())
        .map_err(|error| unreadable(&error))?;
    for id in store.objects.iter().map_err(|error| unreadable(&error))? {
        let id = id.map_err(|error| unreadable(&error))?;
        // Somebody else may tidy up; what is gone has no content to be found either.
        let Ok(object) = store.find_object(id) else {
            continue;
        };
        let Ok(commit) = object.try_into_commit() else {
            continue;
        };
        let Ok(tree) = commit.tree() else { continue };
        of_host(&tree, &mut owners);
        for (name, plane) in folders(&tree, ".infra/plane") {
            if let (Ok(host), Some(context)) = (HostName::parse(&name), file(&plane, CONTEXT_FILE))
            {
                owners.entry(context).or_default().insert(host);
            }
        }
    }
    Ok(owners)
}

/// A tree with the folder of one host is the tree of that host.
fn of_host(tree: &gix::Tree<'_>, owners: &mut Owners) {
    let Some(context) = file(tree, CONTEXT_FILE) else {
        return;
    };
    let of_tree = owners.entry(context).or_default();
    for (name, _) in folders(tree, "hosts") {
        of_tree.extend(HostName::parse(&name).ok());
    }
}

fn file(tree: &gix::Tree<'_>, path: &str) -> Option<String> {
    let entry = tree.lookup_entry_by_path(path).ok()??;
    Some(entry.id().to_string())
}

/// The folders in a folder of a tree.
fn folders<'r>(tree: &gix::Tree<'r>, path: &str) -> Vec<(String, gix::Tree<'r>)> {
    let found = tree.lookup_entry_by_path(path).ok().flatten();
    let Some(above) = found.and_then(|entry| entry.object().ok()?.try_into_tree().ok()) else {
        return Vec::new();
    };
    let entries = above.iter().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.filename().to_string();
            Some((name, entry.object().ok()?.try_into_tree().ok()?))
        })
        .collect()
}
