//! What hosts are compared with: what runs, what a run left behind, or what they were in a revision.

use super::Prints;
use super::revision::Revision;
use crate::commands::history;
use crate::workspace::Workspace;
use infra_drive::receipts::Receipts;
use infra_drive::tree::{self, AtRevision};
use infra_model::NeedName;
use infra_model::answer::Against;
use infra_model::receipt::{HostReceipt, RunReceipt};
use infra_model::{Code, Diagnostic, HostName, HostState, Place, StorePath};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Of each host so many receipts are looked at.
const RECEIPTS: u32 = 50;

/// What hosts are compared with, as far as this machine knows.
pub(super) struct Past {
    pub(super) against: Against,
    receipts: Receipts,
    /// The revision, if it is one and was checked out.
    pub(super) revision: Option<Revision>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// What one host is compared with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    /// The system; `None` if there is none, or it is not known.
    pub(super) system: Option<StorePath>,
    /// Whether it is not known. Compared with nothing, everything would be told as new.
    pub(super) is_unknown: bool,
    /// Whether it can be built here.
    pub(super) is_buildable: bool,
    /// The tree that system was made from, if that is known; else, for what runs, the one of the last run that came through.
    pub(super) tree: Option<String>,
    /// The tree that the files of the repository are compared with.
    pub(super) files: Option<String>,
    /// The secrets, if they are others than the host has.
    pub(super) secrets: Option<Prints>,
    /// Values that were private then, if that is known.
    pub(super) private: Option<BTreeSet<NeedName>>,
    /// What could not be told.
    pub(super) note: Option<String>,
}

impl Past {
    /// Finds out what is meant. A word that names exactly one run means that one, and any other a revision.
    pub(super) fn open(workspace: &Workspace, word: &str) -> Result<Self, Diagnostic> {
        let opened = history::open(workspace)?;
        let against = match word {
            "running" => Against::Running,
            "last-run" => Against::LastRun,
            word => match opened.receipts.named(word) {
                Ok(run) => Against::Run(run),
                Err(no_run) => {
                    let commit = find(workspace, word, &no_run)?;
                    let name = word.to_owned();
                    Against::Revision { name, commit }
                }
            },
        };
        Ok(Self {
            against,
            receipts: opened.receipts,
            revision: None,
            warnings: opened.warnings,
        })
    }

    /// Checks out the revision, if it is one. From then on somebody has to listen to signals: what they end at once leaves a folder behind.
    pub(super) fn check_out(&mut self, today: &Arc<Workspace>) -> Result<(), Diagnostic> {
        if let Against::Revision { name, commit } = &self.against {
            let fault = |fault: Diagnostic| fault.with_place(at(name));
            self.revision = match tree::check_out(&today.repo, commit).map_err(fault)? {
                AtRevision::Known(checkout) => Some(Revision::open(checkout, name, today)?),
                AtRevision::Unknown(why) => return Err(gone(name, &why)),
            };
        }
        Ok(())
    }

    /// Whether hosts are compared with what runs on them, so that what differs is what an activation would change.
    pub(super) fn is_running(&self) -> bool {
        self.against == Against::Running
    }

    /// What a host is compared with. Receipts that cannot be read tell nothing.
    pub(super) fn of(&self, host: &HostName, state: &HostState) -> Base {
        let past = || {
            let newest = self.receipts.of_host(host, RECEIPTS).unwrap_or_default();
            of_host(host, newest)
        };
        match &self.against {
            Against::Running => {
                let past = past();
                let mut base = of(&past, state.current.clone());
                base.files = base.tree.clone().or_else(|| last_tree(&past));
                base
            }
            Against::LastRun => {
                let past = past();
                let left = past.iter().find_map(|one| one.result.after.clone());
                left_by(&past, left, || format!("no run left {host} with a system"))
            }
            Against::Run(run) => {
                let found = self.receipts.of_run(run).ok().flatten();
                let left = of_host(host, found)
                    .into_iter()
                    .find_map(|one| one.result.after);
                left_by(&past(), left, || {
                    format!("the run {run} does not say what it left {host} with")
                })
            }
            Against::Revision { .. } => match &self.revision {
                Some(revision) => revision.of(host),
                None => Base::default(),
            },
        }
    }
}

fn at(word: &str) -> Place {
    Place::file(format!("--against {word}"))
}

/// It was there a moment ago.
fn gone(word: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Code::UnknownRun, format!("the revision `{word}` is gone"))
        .with_cause(why)
        .with_place(at(word))
        .with_fix("name another one")
}

/// The commit that a word means.
fn find(workspace: &Workspace, word: &str, no_run: &Diagnostic) -> Result<String, Diagnostic> {
    let found =
        tree::commit_at(&workspace.repo, word).map_err(|fault| fault.with_place(at(word)))?;
    let why = match found {
        AtRevision::Known(commit) => return Ok(commit),
        AtRevision::Unknown(why) => why,
    };
    let runs = match &no_run.cause {
        // The beginning of several.
        Some(several) => format!("{}:\n{several}", no_run.title),
        None => no_run.title.clone(),
    };
    Err(Diagnostic::new(
        Code::UnknownRun,
        format!("`{word}` is no run, and no revision in Git"),
    )
    .with_cause(format!("runs: {runs}\nrevisions: {why}"))
    .with_place(at(word))
    .with_fix("--against takes running, last-run, a run (infra history shows them) or a revision: a branch, a tag, a commit"))
}

/// What receipts say of one host, in their order.
fn of_host(host: &HostName, runs: impl IntoIterator<Item = RunReceipt>) -> Vec<HostReceipt> {
    runs.into_iter()
        .flat_map(|run| run.hosts)
        .filter(|one| one.result.name == *host)
        .collect()
}

/// Whether the host got what was wanted.
fn got(one: &HostReceipt) -> bool {
    one.wanted.is_some() && one.wanted == one.result.after
}

/// A system, and the tree it was made from: the one of a run that wanted it and got it.
fn of(past: &[HostReceipt], system: Option<StorePath>) -> Base {
    let made = past
        .iter()
        .filter(|one| got(one))
        .find(|one| system.is_some() && one.wanted == system);
    let tree = made.and_then(|one| one.result.tree.clone());
    Base {
        system,
        files: tree.clone(),
        tree,
        private: made.and_then(|one| one.private.clone()),
        ..Base::default()
    }
}

/// What a run left, or that it is not known.
fn left_by(past: &[HostReceipt], left: Option<StorePath>, note: impl FnOnce() -> String) -> Base {
    let is_unknown = left.is_none();
    Base {
        is_unknown,
        note: is_unknown.then(note),
        ..of(past, left)
    }
}

fn last_tree(past: &[HostReceipt]) -> Option<String> {
    past.iter()
        .filter(|one| got(one))
        .find_map(|one| one.result.tree.clone())
}
