//! Secrets where they must not be, on this machine: its store, what infra itself wrote, the repository, processes.
//!
//! Each kind of place has a control of its own, which must be found by what searches that kind, or the whole search is an error.

mod git;
mod owners;
#[cfg(test)]
mod tests;

pub use owners::{Owners, owners};

use crate::process::background;
use infra_model::poison::{Part, Spot};
use infra_model::{Code, Diagnostic};
use infra_search::{Control, Look, files, processes, untrusted};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What is searched on this machine.
#[derive(Debug)]
pub struct Here {
    /// Paths in the store.
    pub store: Vec<PathBuf>,
    /// The state folder: journals and receipts.
    pub state: PathBuf,
    /// The cache folder: trees, and what is remembered.
    pub cache: PathBuf,
    /// The repository.
    pub repository: PathBuf,
    /// Files that secrets were taken from, which are where they belong.
    pub sources: Vec<PathBuf>,
    /// Whether secrets were taken from our own environment, which then has them.
    pub from_environment: bool,
    /// Whether private values were taken from our own arguments, which then have them.
    pub from_arguments: bool,
}

/// Searches all of it. `tell` is told what comes next.
pub fn search(
    here: &Here,
    control: &Control,
    look: &mut Look<'_>,
    tell: &dyn Fn(&str),
) -> Result<(), Diagnostic> {
    prove(control, look)?;
    tell("processes");
    search_processes(here, control, look)?;
    tell("what infra remembers");
    files::search(look, &here.state, &|_| false);
    let trees = here.cache.join("trees/.git");
    files::search(look, &here.cache, &|path| path == trees.join("objects"));
    git::search(look, &here.cache.join("trees"))?;
    tell("the repository");
    let sources: Vec<PathBuf> = here
        .sources
        .iter()
        .filter_map(|file| file.canonicalize().ok())
        .collect();
    let objects = here.repository.join(".git/objects");
    files::search(look, &here.repository, &|path| {
        path == objects || sources.iter().any(|file| file == path)
    });
    git::search(look, &here.repository)?;
    tell(&format!("{} paths of the store", here.store.len()));
    for path in &here.store {
        files::search(look, path, &|_| false);
    }
    Ok(())
}

/// Searches a file and a Git repository made for it.
fn prove(control: &Control, look: &mut Look<'_>) -> Result<(), Diagnostic> {
    let failed = |what: &'static str| move |error: std::io::Error| unplanted(what, &error);
    let folder = tempfile::tempdir().map_err(failed("a file"))?;
    let file = folder.path().join("control");
    fs::write(&file, control.text()).map_err(failed("a file"))?;
    files::search(look, folder.path(), &|_| false);
    if !look.has_control(|spot| matches!(spot, Spot::File { .. })) {
        return Err(untrusted("a file", &file.display().to_string()));
    }
    let folder = tempfile::tempdir().map_err(failed("a Git repository"))?;
    git::plant(folder.path(), control)?;
    git::search(look, folder.path())?;
    if !look.has_control(|spot| matches!(spot, Spot::Object { .. })) {
        let place = folder.path().display().to_string();
        return Err(untrusted("a Git repository", &place));
    }
    Ok(())
}

fn unplanted(what: &str, error: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::new(
        Code::SearchUntrusted,
        format!("the search cannot be trusted: nothing could be put into {what} to be found"),
    )
    .with_cause(error.to_string())
    .with_fix(
        "make room in the folder for temporary files, or set TMPDIR to one that can be written",
    )
}

/// The processes of this user: those of others cannot be read, and could not be told from what cannot be read for a worse reason.
fn search_processes(here: &Here, control: &Control, look: &mut Look<'_>) -> Result<(), Diagnostic> {
    const WHAT: &str = "the environment of a process";
    // Nothing of our own environment: secrets may have come in it.
    let sleeper = background(OsStr::new("sleep"))
        .arg("600")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("INFRA_CONTROL", control.text())
        .spawn()
        .map_err(|error| unplanted(WHAT, &error))?;
    let control_pid = sleeper.id().unwrap_or_default();
    let own = std::process::id();
    let user = rustix::process::geteuid().as_raw();
    processes::search(look, Path::new("/proc"), Some(user), &|pid, part| {
        let is_given = match part {
            Part::Environment => here.from_environment,
            Part::Arguments => here.from_arguments,
        };
        pid == own && is_given
    });
    // It ends here, with its handle.
    drop(sleeper);
    let is_ours = |spot: &Spot| matches!(spot, Spot::Process { pid, part: Part::Environment, .. } if *pid == control_pid);
    if look.has_control(is_ours) {
        Ok(())
    } else {
        let why = format!("/proc shows nothing of process {control_pid}");
        Err(untrusted(WHAT, &why))
    }
}
