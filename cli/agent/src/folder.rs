//! The folder of an unpacked generation: writing one, reading one, and what differs.

use crate::fault::cannot;
use crate::files;
use crate::host::is_root;
use crate::plan::{Entry, Kind, TEMPLATES, Wanted};
use crate::steps;
use infra_model::Diagnostic;
use infra_model::bundle::{Changes, PREVIOUS, Plain};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// Everybody may pass, since files belong to the users of services; nobody but root may list.
pub(crate) const FOLDER_MODE: u32 = 0o711;

/// A file as it was found.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    uid: u32,
    gid: u32,
    mode: u32,
    content: Plain,
}

/// The files of an unpacked generation, by path.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    files: BTreeMap<String, Found>,
}

/// What differs between what is in place and what shall be.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Whether a new folder is needed at all.
    pub(crate) any: bool,
    pub(crate) secrets: Changes,
    pub(crate) templates: Changes,
    /// Of what changed, what has another content: not just the owner that was waited for.
    pub(crate) rewritten: Vec<(Kind, String)>,
}

impl Folder {
    /// Reads a folder; what cannot be read counts as not there, and is written again.
    pub(crate) fn read(path: &Path) -> Self {
        let mut files = BTreeMap::new();
        for (below, prefix) in [
            (path.to_owned(), String::new()),
            (path.join(TEMPLATES), format!("{TEMPLATES}/")),
        ] {
            for entry in fs::read_dir(&below).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if let (Some(metadata), Ok(content)) = (
                    entry.metadata().ok().filter(fs::Metadata::is_file),
                    fs::read(entry.path()),
                ) {
                    let found = Found {
                        uid: metadata.uid(),
                        gid: metadata.gid(),
                        mode: metadata.mode() & 0o7777,
                        content: Plain::new(content),
                    };
                    files.insert(format!("{prefix}{name}"), found);
                }
            }
        }
        Self { files }
    }

    /// What would change.
    pub(crate) fn difference(&self, wanted: &Wanted) -> Difference {
        let mut difference = Difference::default();
        let mut paths = BTreeSet::new();
        for entry in &wanted.entries {
            let path = entry.path();
            let found = self.files.get(&path);
            let same = found.is_some_and(|found| is_as(found, entry));
            difference.any |= !same;
            if found.is_some_and(|found| found.content != entry.content) {
                difference.rewritten.push((entry.kind, entry.name.clone()));
            }
            let changes = match entry.kind {
                Kind::Secret => Some(&mut difference.secrets),
                Kind::Template => Some(&mut difference.templates),
                Kind::Previous => None,
            };
            if let Some(changes) = changes.filter(|_| !same) {
                let list = if found.is_some() {
                    &mut changes.changed
                } else {
                    &mut changes.added
                };
                list.push(entry.name.clone());
            }
            paths.insert(path);
        }
        for path in self.files.keys().filter(|path| !paths.contains(*path)) {
            difference.any = true;
            if let Some(name) = path.strip_prefix(TEMPLATES) {
                difference
                    .templates
                    .removed
                    .push(name.trim_start_matches('/').to_owned());
            } else if !path.ends_with(PREVIOUS) {
                difference.secrets.removed.push(path.clone());
            }
        }
        difference
    }

    /// Whether everything wanted is there with its content, whoever owns it by now: enough for an early phase, which may come again.
    pub(crate) fn holds(&self, wanted: &Wanted) -> bool {
        let held = |entry: &Entry| {
            let found = self.files.get(&entry.path());
            found.is_some_and(|found| found.content == entry.content)
        };
        wanted.entries.iter().all(held)
    }
}

fn is_as(found: &Found, entry: &Entry) -> bool {
    let owned = !is_root() || (found.uid, found.gid) == (entry.uid, entry.gid);
    owned && found.mode == entry.mode.bits() && found.content == entry.content
}

/// Writes a folder that was not there. Nothing leads to it yet.
pub(crate) fn write(path: &Path, entries: &[Entry]) -> Result<(), Diagnostic> {
    files::folder(path, FOLDER_MODE)?;
    files::folder(&path.join(TEMPLATES), FOLDER_MODE)?;
    for entry in entries {
        let file = path.join(entry.path());
        write_file(&file, entry).map_err(cannot("unpack", &file))?;
        steps::changed();
    }
    Ok(())
}

fn write_file(path: &Path, entry: &Entry) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&entry.content)?;
    if is_root() {
        fchown(&file, Some(entry.uid), Some(entry.gid))?;
    }
    // After the owner: giving a file away takes permissions from it.
    file.set_permissions(fs::Permissions::from_mode(entry.mode.bits()))
}
