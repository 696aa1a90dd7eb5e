//! Generations of secrets as they are kept on disk: sealed, numbered, one of them current.

use crate::fault::cannot;
use crate::files;
use crate::host::Host;
use infra_model::bundle::Generation;
use infra_model::{Code, Diagnostic};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How many generations are kept to go back to.
const KEPT: usize = 3;

/// The folder of sealed generations.
#[derive(Debug)]
pub(crate) struct Sealed {
    folder: PathBuf,
}

impl Sealed {
    pub(crate) fn of(host: &Host) -> Self {
        Self {
            folder: host.sealed(),
        }
    }

    /// The current generation.
    pub(crate) fn current(&self) -> Option<u64> {
        number(&fs::read_link(self.folder.join("current")).ok()?)
    }

    /// All generations, oldest first.
    pub(crate) fn all(&self) -> Vec<Generation> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut all: Vec<Generation> = entries
            .filter_map(|entry| {
                let number = number(Path::new(&entry.file_name()))?;
                // That a file came is written nowhere but on the file.
                let time = entry.metadata().ok()?.modified().ok()?;
                let received = time
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default()
                    .as_secs();
                Some(Generation { number, received })
            })
            .collect();
        all.sort_by_key(|generation| generation.number);
        all
    }

    /// A generation as it was sent.
    pub(crate) fn read(&self, number: u64) -> Result<Vec<u8>, Diagnostic> {
        let path = self.file(number);
        fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => self.no_such(number),
            _ => cannot("read", &path)(error),
        })
    }

    fn no_such(&self, number: u64) -> Diagnostic {
        Diagnostic::new(
            Code::NoSuchGeneration,
            format!("this host keeps no generation {number} of its secrets"),
        )
        .with_cause(self.kept())
        .with_fix("name one that is kept, or send the secrets again: infra deploy")
    }

    /// The generations there are, in words.
    pub(crate) fn kept(&self) -> String {
        let current = self.current();
        let kept: Vec<String> = self
            .all()
            .iter()
            .map(|one| one.number)
            .map(|number| {
                let note = if current == Some(number) {
                    " (current)"
                } else {
                    ""
                };
                format!("{number}{note}")
            })
            .collect();
        if kept.is_empty() {
            "it keeps none".to_owned()
        } else {
            format!("it keeps {}", kept.join(", "))
        }
    }

    /// Keeps a bundle as a new generation, which is not current yet.
    pub(crate) fn add(&self, sealed: &[u8]) -> Result<u64, Diagnostic> {
        let number = self.all().last().map_or(1, |newest| newest.number + 1);
        files::write(&self.file(number), sealed)?;
        Ok(number)
    }

    /// Makes a generation current: the next boot unpacks it.
    pub(crate) fn make_current(&self, number: u64) -> Result<(), Diagnostic> {
        files::link(&self.folder.join("current"), Path::new(&name(number)))
    }

    /// The next boot unpacks nothing.
    pub(crate) fn make_none_current(&self) -> Result<(), Diagnostic> {
        files::remove(&self.folder.join("current"))
    }

    /// Removes every generation.
    pub(crate) fn remove_all(&self) -> Result<(), Diagnostic> {
        for generation in self.all() {
            files::remove(&self.file(generation.number))?;
        }
        Ok(())
    }

    /// Removes generations that are neither current, nor among the newest, nor needed for another reason.
    pub(crate) fn prune(&self, needed: &BTreeSet<u64>) -> Result<(), Diagnostic> {
        let all = self.all();
        let old = all.len().saturating_sub(KEPT);
        for generation in all.iter().take(old).map(|one| one.number) {
            if self.current() != Some(generation) && !needed.contains(&generation) {
                files::remove(&self.file(generation))?;
            }
        }
        Ok(())
    }

    fn file(&self, number: u64) -> PathBuf {
        self.folder.join(name(number))
    }
}

fn name(number: u64) -> String {
    format!("{number}.age")
}

fn number(file: &Path) -> Option<u64> {
    let text = file.to_str()?.strip_suffix(".age")?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
