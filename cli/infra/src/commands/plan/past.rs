//! What hosts are compared with: what runs, or what a run left behind.

use crate::commands::history;
use crate::workspace::Workspace;
use infra_drive::receipts::Receipts;
use infra_model::receipt::HostReceipt;
use infra_model::{Diagnostic, HostName, HostState, Place, StorePath};

/// Of each host so many receipts are looked at.
const RECEIPTS: u32 = 50;

/// What was chosen on the command line.
enum Against {
    Running,
    LastRun,
    Run(String),
}

/// What runs left behind, as far as this machine knows.
pub(super) struct Past {
    against: Against,
    receipts: Receipts,
    pub(super) warnings: Vec<Diagnostic>,
}

/// What one host is compared with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    /// The system; `None` if there is none.
    pub(super) system: Option<StorePath>,
    /// The tree that system was made from, if that is known.
    pub(super) tree: Option<String>,
    /// The tree of the last run that came through, whatever runs now.
    pub(super) last_tree: Option<String>,
    /// What could not be told.
    pub(super) note: Option<String>,
}

impl Past {
    pub(super) fn open(workspace: &Workspace, against: &str) -> Result<Self, Diagnostic> {
        let opened = history::open(workspace)?;
        let against = match against {
            "running" => Against::Running,
            "last-run" => Against::LastRun,
            run => {
                let named = opened.receipts.named(run).map_err(|fault| {
                    fault
                        .with_place(Place::file("command line"))
                        .with_fix("--against takes running, last-run, or a run: infra history")
                })?;
                Against::Run(named)
            }
        };
        Ok(Self {
            against,
            receipts: opened.receipts,
            warnings: opened.warnings,
        })
    }

    /// What a host is compared with. Receipts that cannot be read tell nothing.
    pub(super) fn of(&self, host: &HostName, state: &HostState) -> Base {
        let newest = self.receipts.of_host(host, RECEIPTS).unwrap_or_default();
        let of_host = |runs: Vec<infra_model::receipt::RunReceipt>| {
            let hosts = runs.into_iter().flat_map(|run| run.hosts);
            let own: Vec<HostReceipt> = hosts.filter(|one| one.result.name == *host).collect();
            own
        };
        let past = of_host(newest);
        match &self.against {
            Against::Running => of(&past, state.current.clone()),
            Against::LastRun => {
                let left = past.iter().find_map(|one| one.result.after.clone());
                let note = left
                    .is_none()
                    .then(|| format!("no run left {host} with a system"));
                Base {
                    note,
                    ..of(&past, left)
                }
            }
            Against::Run(run) => {
                let found = self.receipts.of_run(run).ok().flatten();
                let left = of_host(found.into_iter().collect())
                    .into_iter()
                    .find_map(|one| one.result.after);
                let note = left
                    .is_none()
                    .then(|| format!("the run {run} does not say what it left {host} with"));
                Base {
                    note,
                    ..of(&past, left)
                }
            }
        }
    }
}

/// A system, and the tree it was made from: the one of a run that wanted it and got it.
fn of(past: &[HostReceipt], system: Option<StorePath>) -> Base {
    let got = |one: &&HostReceipt| one.wanted.is_some() && one.wanted == one.result.after;
    let tree = past
        .iter()
        .filter(got)
        .find(|one| system.is_some() && one.wanted == system)
        .and_then(|one| one.result.tree.clone());
    Base {
        system,
        tree,
        last_tree: past
            .iter()
            .filter(got)
            .find_map(|one| one.result.tree.clone()),
        note: None,
    }
}
