//! Inputs of the flake: locked or not, reachable or not, and what the dear ones cost.

use super::explain::Explain;
use super::log::{Log, Message};
use crate::process::Stop;
use crate::repo::Repo;
use infra_model::lock::{self, Declared, FlakeLock, PathInput, Stale, Staleness};
use infra_model::{Code, Diagnostic, Place};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads what `flake.nix` declares.
const DECLARED: &str = include_str!("../../../../nix/eval/declared-inputs.nix");
/// How many files of a folder are measured; of more it is said that there are.
const MEASURED: usize = 2_000;

/// Whether Nix ended because the lock file does not fit.
pub(super) fn is_stale(log: &Log) -> bool {
    log.errors
        .last()
        .is_some_and(|error| error.text.contains(CHANGES) || updating(error).is_some())
}

const CHANGES: &str = "requires lock file changes";

/// The input that Nix was locking anew when it failed.
fn updating(error: &Message) -> Option<&str> {
    let input = error.doing("while updating the flake input '")?;
    Some(input.split('/').next().unwrap_or(input))
}

/// How the lock file differs from what `flake.nix` declares: one cheap process, which reads nothing but that file.
pub(super) async fn stale(
    repo: &Repo,
    lock: &FlakeLock,
    stop: Stop,
) -> Result<Vec<Stale>, Diagnostic> {
    let tool = super::nix(&["eval"])
        .args(["--json", "--file"])
        .arg(repo.root().join("flake.nix"))
        .args(["--apply", DECLARED]);
    let (ended, log) = super::run(tool, stop, &mut |_, _| {}).await?;
    let unreadable = |cause: String| {
        Diagnostic::new(
            Code::NixEvaluation,
            "the inputs that flake.nix declares cannot be read",
        )
        .with_cause(cause)
        .with_place(Place::file("flake.nix"))
        .with_fix("see what Nix says: nix flake metadata")
    };
    if !ended.status.success() {
        return Err(unreadable(log.complaint()));
    }
    let declared: BTreeMap<String, Declared> =
        serde_json::from_str(&ended.stdout).map_err(|error| unreadable(error.to_string()))?;
    Ok(lock.stale(&declared))
}

/// The same for an evaluation that failed already: what cannot be found out is left open. The file is read impurely, which is not done with that
/// of a revision: it may be anybody's.
pub(super) async fn differences(repo: &Repo, stop: Stop) -> Vec<Stale> {
    if repo.is_checked_out() {
        return Vec::new();
    }
    match repo.peek(lock::FILE).map(|text| FlakeLock::parse(&text)) {
        Some(Ok(held)) => stale(repo, &held, stop).await.unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Whether the lock file is there, can be read and fits; how many inputs it holds.
pub async fn check_lock(repo: &Repo) -> Result<usize, Diagnostic> {
    let text = repo.peek(lock::FILE).ok_or_else(lock::absent)?;
    let held = FlakeLock::parse(&text)?;
    let stale = stale(repo, &held, Stop::never()).await?;
    if stale.is_empty() {
        Ok(held.locked())
    } else {
        Err(lock::out_of_date(&stale))
    }
}

/// Warnings about inputs that are folders of this machine.
pub fn path_inputs(repo: &Repo) -> Vec<Diagnostic> {
    // A lock file that cannot be read is told about when Nix fails on it.
    let Some(Ok(held)) = repo.peek(lock::FILE).map(|text| FlakeLock::parse(&text)) else {
        return Vec::new();
    };
    held.path_inputs()
        .iter()
        .map(|input| lock::path_input(input, measure(Path::new(&input.folder)).as_deref()))
        .collect()
}

/// `286 MiB`, or `more than 2 MiB` of a folder with very many files. None if it is not there.
fn measure(folder: &Path) -> Option<String> {
    let (mut bytes, mut files) = (0, 0);
    let mut waiting: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).ok()?.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            files += 1;
            if files > MEASURED {
                return Some(format!("more than {}", size(bytes)));
            }
            if meta.is_dir() {
                waiting.push(entry.path());
            } else {
                bytes += meta.len();
            }
        }
    }
    Some(size(bytes))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

impl Explain<'_> {
    /// Failures of inputs, before any configuration was evaluated.
    pub(super) fn inputs(&self, error: &Message) -> Option<Diagnostic> {
        self.lock_out_of_date(error)
            .or_else(|| self.lock_broken(error))
            .or_else(|| self.not_as_locked(error))
            .or_else(|| self.cannot_fetch(error))
            .or_else(|| no_git(&error.text))
    }

    /// The lock file does not fit flake.nix. Evaluations never change it.
    fn lock_out_of_date(&self, error: &Message) -> Option<Diagnostic> {
        let looked_up = updating(error);
        if looked_up.is_none() && !error.text.contains(CHANGES) {
            return None;
        }
        let held = self.repo.peek(lock::FILE);
        let mut fault = if held.is_none() {
            lock::absent()
        } else if let (true, Some(input)) = (self.stale.is_empty(), looked_up) {
            let is_held = held
                .and_then(|text| FlakeLock::parse(&text).ok())
                .is_some_and(|held| held.holds(input));
            let how = if is_held {
                Staleness::Changed
            } else {
                Staleness::New
            };
            let input = input.to_owned();
            lock::out_of_date(&[Stale { input, how }])
        } else {
            lock::out_of_date(self.stale)
        };
        if is_offline(&error.text)
            && let Some(cause) = fault.cause.take()
        {
            fault.cause = Some(format!(
                "{cause}\nNix tried to look it up, and: {}",
                error.text
            ));
            fault.fix = Some("nix flake lock, with a network".to_owned());
        }
        Some(fault)
    }

    fn lock_broken(&self, error: &Message) -> Option<Diagnostic> {
        let text = self.repo.peek(lock::FILE)?;
        (error.text.contains("Could not parse") && error.text.contains(lock::FILE))
            .then(|| FlakeLock::parse(&text).err())?
    }

    /// An input has another content than when it was locked: mostly a folder that was worked on.
    fn not_as_locked(&self, error: &Message) -> Option<Diagnostic> {
        let rest = error
            .text
            .split_once("NAR hash mismatch in input '")
            .or_else(|| error.text.split_once("hash mismatch in input '"))?
            .1;
        let input = self.input_name(rest.split('\'').next()?);
        Some(
            Diagnostic::new(
                Code::LockOutOfDate,
                format!("input {input} has changed since it was locked"),
            )
            .with_cause(error.text.clone())
            .with_place(Place::file(lock::FILE))
            .with_fix(format!(
                "take what is there now: nix flake update {}",
                input.trim_matches('`')
            )),
        )
    }

    fn cannot_fetch(&self, error: &Message) -> Option<Diagnostic> {
        let fault = if let Some(reference) = error.doing("while fetching the input '") {
            let input = self.input_name(reference);
            if let Some(folder) = reference.strip_prefix("path:") {
                let folder = folder.split('?').next().unwrap_or(folder);
                return Some(no_folder(&input, folder, error));
            }
            Diagnostic::new(
                Code::InputUnreachable,
                format!("input {input} of the flake cannot be fetched"),
            )
            .with_place(Place::file(lock::FILE))
        } else {
            // A fetch of the configuration's own: `builtins.fetchurl` and the like.
            let url = error
                .text
                .split_once("unable to download '")?
                .1
                .split('\'')
                .next()?;
            let fault = Diagnostic::new(
                Code::InputUnreachable,
                format!(
                    "the configuration of {} needs {url}, which cannot be fetched",
                    self.host.name
                ),
            );
            match self.asking(error) {
                Some(place) => fault.with_place(place),
                None => fault,
            }
        };
        let fix = if is_offline(&error.text) || error.text.contains("Failed to fetch") {
            "connect to the network once, so that Nix can fetch what is not in its store yet (all inputs at once: nix flake archive)"
        } else {
            "see that its address is right and that you may read it"
        };
        Some(fault.with_cause(error.text.clone()).with_fix(fix))
    }

    /// The name of an input in backquotes, by the reference that Nix names it with; or that reference.
    fn input_name(&self, reference: &str) -> String {
        let held = self
            .repo
            .peek(lock::FILE)
            .and_then(|text| FlakeLock::parse(&text).ok());
        match held.as_ref().and_then(|held| held.input_of(reference)) {
            Some(name) => format!("`{name}`"),
            None => reference.split('?').next().unwrap_or(reference).to_owned(),
        }
    }
}

fn no_folder(input: &str, folder: &str, error: &Message) -> Diagnostic {
    let found = PathInput {
        input: input.trim_matches('`').to_owned(),
        folder: folder.to_owned(),
    };
    let fix = lock::path_input(&found, None).fix.unwrap_or_default();
    Diagnostic::new(
        Code::InputUnreachable,
        format!("input {input} cannot be read: it is the folder {folder} of the machine it was locked on"),
    )
    .with_cause(error.text.clone())
    .with_place(Place::file(lock::FILE))
    .with_fix(fix)
}

/// Nix before 2.20, and Lix, read every Git repository with the `git` program, our trees as well.
pub(super) fn no_git(text: &str) -> Option<Diagnostic> {
    text.contains("executing 'git'").then(|| {
        Diagnostic::new(
            Code::MissingProgram,
            "this Nix needs `git`, which is not installed on this machine",
        )
        .with_cause(text)
        .with_fix("install git, or Nix 2.20 or later, which reads Git repositories itself")
    })
}

fn is_offline(text: &str) -> bool {
    [
        "Could not resolve host",
        "Couldn't resolve host",
        "Could not connect",
        "Couldn't connect",
        "unable to download",
        "unable to access",
        "Timeout was reached",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::{measure, size};
    use std::fs;

    #[test]
    fn folders_are_measured_but_not_for_long() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(measure(&dir.path().join("nowhere")), None);
        fs::create_dir(dir.path().join("sub")).expect("writable");
        fs::write(dir.path().join("sub/a"), vec![0; 3000]).expect("writable");
        assert_eq!(measure(dir.path()).as_deref(), Some("2 KiB"));
        for number in 0..2_000 {
            fs::write(dir.path().join(number.to_string()), "x").expect("writable");
        }
        let told = measure(dir.path()).expect("there");
        assert!(told.starts_with("more than "), "{told}");
        assert_eq!(size(300_000_000), "286 MiB");
    }
}
