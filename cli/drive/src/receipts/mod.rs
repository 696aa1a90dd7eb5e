//! What was done to hosts, kept for good: a receipt for each run, in `refs/infra/runs` of the user's Git repository and in the state folder.
//!
//! The ref is what machines share; the state folder is there also without Git, and when the ref could not be written. What is in either counts.
//! An index in the table finds the newest; it is brought up to date before it is asked, and made anew if it cannot be believed.

mod git;
mod remote;

use crate::who::person_at_machine;

use crate::process::{Stop, Tool};
use crate::state::State;
use crate::table::{RunRow, RunsWanted, Table};
use git::{Ledger, Moved};
use infra_model::receipt::RunReceipt;
use infra_model::{Code, Diagnostic, HostName, Place};
use std::collections::BTreeMap;
use std::path::Path;

/// How many receipts that cannot be read are named.
const NAMED: usize = 3;

/// What the index says instead of a file in Git of a receipt that the state folder alone has, before what tells it from an earlier one.
const HERE: &str = "here";

/// Whether the index has read a receipt from Git.
fn is_of_git(read_from: &str) -> bool {
    !read_from.is_empty() && !read_from.starts_with(HERE)
}

/// The receipts of one repository.
pub struct Receipts {
    ledger: Option<Ledger>,
    state: State,
    repo: String,
    table: Table,
}

/// Receipts that were opened, and what a person should know about them.
pub struct Opened {
    /// The receipts.
    pub receipts: Receipts,
    /// What stops nothing: receipts that cannot be read, a table that cannot be kept.
    pub warnings: Vec<Diagnostic>,
    /// Runs on this machine that have not ended, newest first.
    pub unfinished: Vec<Unfinished>,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The run.
    pub run: String,
    /// Whether its process is alive.
    pub alive: bool,
}

/// What was checked out when a run began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Where the infra repository lies in Git's.
    pub folder: String,
    /// The commit.
    pub commit: Option<String>,
    /// Whether files differ from it; `None` if nobody can tell.
    pub dirty: Option<bool>,
}

/// Looks at what is checked out at `root`. Changes nothing, not even what Git remembers of files.
pub async fn origin(root: &Path, stop: Stop) -> Origin {
    let Some(ledger) = Ledger::find(root) else {
        return Origin::default();
    };
    let status = Tool::new("git")
        .arg("--no-optional-locks")
        .arg("-C")
        .arg(root)
        .args([
            "status",
            "--porcelain",
            "--untracked-files=normal",
            "--",
            ".",
        ])
        .run(stop, &mut |_| {})
        .await;
    Origin {
        folder: ledger.folder().to_owned(),
        commit: ledger.head(),
        dirty: status
            .ok()
            .filter(|ended| ended.status.success())
            .map(|ended| !ended.stdout.is_empty()),
    }
}

/// Keeps a receipt: in the state folder first, and then in the repository. Of a run that had come to an end before, what was said then stays of
/// hosts that this one says nothing about. Tells what could not be kept; hosts are as they are either way.
pub fn keep(root: &Path, state: &State, receipt: RunReceipt) -> Vec<Diagnostic> {
    let before = state
        .kept_run(&receipt.run)
        .and_then(|text| RunReceipt::parse(&text).ok());
    let receipt = &match before {
        Some(before) => receipt.after(before),
        None => receipt,
    };
    let mut faults: Vec<Diagnostic> = state
        .keep_run(&receipt.run, receipt)
        .err()
        .into_iter()
        .collect();
    let appended = match (Ledger::find(root), file_of(receipt)) {
        (Some(ledger), Ok(file)) => ledger.append(&[file], &receipt.by).map(drop),
        (None, Ok(_)) => Ok(()),
        (_, Err(fault)) => Err(fault),
    };
    faults.extend(appended.err());
    faults
}

/// Names of the runs of the repository at `root`, newest first, as far as they are known without bringing anything up to date: for somebody who
/// waits for a name to be completed. Makes nothing.
pub fn names(root: &Path, cache: &Path, state: &State) -> Vec<String> {
    let mut names = state.runs();
    if Table::is_in(cache)
        && let Ok(opened) = Table::open(cache)
    {
        let indexed = opened.table.runs_indexed(&root.to_string_lossy());
        names.extend(indexed.into_keys());
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.dedup();
    names
}

/// A receipt as a file in Git.
fn file_of(receipt: &RunReceipt) -> Result<(String, String), Diagnostic> {
    let text = serde_json::to_string_pretty(receipt);
    match (RunReceipt::file(&receipt.run), text) {
        (Some(path), Ok(text)) => Ok((path, text + "\n")),
        _ => Err(unkept(format!(
            "the receipt of the run {} cannot be written down",
            receipt.run
        ))),
    }
}

impl Receipts {
    /// Those of the repository at `root`, up to date.
    pub fn open(root: &Path, cache: &Path, state: State) -> Result<Opened, Diagnostic> {
        let opened = Table::open(cache)?;
        let mut receipts = Self {
            ledger: Ledger::find(root),
            state,
            repo: root.to_string_lossy().into_owned(),
            table: opened.table,
        };
        let mut warnings: Vec<Diagnostic> = opened.warning.into_iter().collect();
        let found = receipts.bring_up_to_date()?;
        warnings.extend(found.unreadable);
        warnings.extend(receipts.table.take_warnings());
        Ok(Opened {
            receipts,
            warnings,
            unfinished: found.unfinished,
        })
    }

    /// Receipts, newest first.
    pub fn find(&self, wanted: &RunsWanted) -> Result<Vec<RunReceipt>, Diagnostic> {
        let mut texts = self.table.runs(&self.repo, wanted);
        if self.table.runs_state(&self.repo).is_none() {
            // It turned out to be damaged just now, and is empty.
            let memory = Self {
                ledger: None,
                state: self.state.clone(),
                repo: self.repo.clone(),
                table: Table::in_memory()?,
            };
            memory.index(self.ledger.as_ref())?;
            texts = memory.table.runs(&self.repo, wanted);
        }
        Ok(texts
            .iter()
            .filter_map(|text| RunReceipt::parse(text).ok())
            .collect())
    }

    /// The receipt of a run.
    pub fn of_run(&self, run: &str) -> Result<Option<RunReceipt>, Diagnostic> {
        let wanted = RunsWanted {
            run: Some(run.to_owned()),
            ..RunsWanted::default()
        };
        Ok(self.find(&wanted)?.pop())
    }

    /// The receipts of a host, newest first.
    pub fn of_host(&self, host: &HostName, limit: u32) -> Result<Vec<RunReceipt>, Diagnostic> {
        self.find(&RunsWanted {
            hosts: Some(vec![host.to_string()]),
            limit: Some(limit),
            ..RunsWanted::default()
        })
    }

    /// The one run that is meant: `last`, or the beginning of a name. Runs that have no receipt are meant as well, if their journal is here.
    pub fn named(&self, name: &str) -> Result<String, Diagnostic> {
        let mut all: Vec<String> = self.table.runs_indexed(&self.repo).into_keys().collect();
        all.extend(self.state.runs());
        all.sort_unstable();
        all.dedup();
        if name == "last" {
            return all.pop().ok_or_else(|| {
                unknown("there was no run yet".to_owned())
                    .with_fix("runs of other machines are fetched: infra history --fetch REMOTE")
            });
        }
        all.retain(|run| !name.is_empty() && run.starts_with(name));
        match all.as_slice() {
            [run] => Ok(run.clone()),
            [] => Err(unknown(format!("there is no run `{name}`")).with_fix(
                "infra history shows runs; those of other machines are fetched: infra history --fetch REMOTE",
            )),
            several if several.iter().any(|run| run == name) => Ok(name.to_owned()),
            several => {
                let shown: Vec<&str> = several.iter().take(NAMED).map(String::as_str).collect();
                Err(unknown(format!("`{name}` is the beginning of {} runs", several.len()))
                    .with_cause(format!("{}{}", shown.join("\n"), if several.len() > NAMED { "\n…" } else { "" }))
                    .with_fix("give more of its name"))
            }
        }
    }

    /// Takes over the receipts that a remote has. Whether there were any new ones.
    pub async fn fetch(&self, remote: &str, stop: &Stop) -> Result<bool, Diagnostic> {
        let ledger = self.ledger()?;
        Ok(remote::fetch(ledger, remote, &person_at_machine(), stop).await? == Moved::Yes)
    }

    /// Gives a remote the receipts that it has not, those included that only the state folder has. Whether there were any.
    pub async fn push(&self, remote: &str, stop: &Stop) -> Result<bool, Diagnostic> {
        let ledger = self.ledger()?;
        let only_here = RunsWanted::default();
        let indexed = self.table.runs_indexed(&self.repo);
        let mut left_behind = Vec::new();
        for receipt in self.find(&only_here)? {
            if !indexed
                .get(&receipt.run)
                .is_some_and(|from| is_of_git(from))
            {
                left_behind.push(file_of(&receipt)?);
            }
        }
        if !left_behind.is_empty() {
            ledger.append(&left_behind, &person_at_machine())?;
        }
        Ok(remote::push(ledger, remote, &person_at_machine(), stop).await? == Moved::Yes)
    }

    fn ledger(&self) -> Result<&Ledger, Diagnostic> {
        self.ledger.as_ref().ok_or_else(|| {
            Diagnostic::new(
                Code::Usage,
                "receipts are exchanged through Git, and this repository is not in Git",
            )
            .with_place(Place::file("command line"))
            .with_fix("git init; what was done until now is pushed as well then")
        })
    }

    /// Reads what came since the index was written. If the table does not take it, the index lives in memory.
    fn bring_up_to_date(&mut self) -> Result<Found, Diagnostic> {
        let ledger = self.ledger.take();
        let mut found = self.index(ledger.as_ref());
        if self.table.runs_state(&self.repo).is_none() && found.is_ok() {
            self.table = Table::in_memory()?;
            found = self.index(ledger.as_ref());
        }
        self.ledger = ledger;
        found
    }

    fn index(&self, ledger: Option<&Ledger>) -> Result<Found, Diagnostic> {
        let known = self.table.runs_indexed(&self.repo);
        let mut update = Update::default();
        let tip = match ledger {
            None => None,
            Some(ledger) => ledger.tip()?,
        };
        let state = tip.map(|tip| tip.to_string()).unwrap_or_default();
        let moved = self.table.runs_state(&self.repo).as_ref() != Some(&state);
        let in_git = match (ledger, tip) {
            (Some(ledger), Some(tip)) if moved => update.read_git(ledger, tip, &known)?,
            // What is known is what is there.
            _ if !moved => known
                .iter()
                .filter(|(_, blob)| is_of_git(blob))
                .map(|(run, blob)| (run.clone(), blob.clone()))
                .collect(),
            _ => BTreeMap::new(),
        };
        let here = update.read_state(&self.state, &known, &in_git);
        update.remove.extend(
            known
                .keys()
                .filter(|run| !in_git.contains_key(*run) && here.binary_search(run).is_err())
                .cloned(),
        );
        // What cannot be read is looked at again each time, so that it is told each time.
        let unread = if update.unreadable.is_empty() {
            ""
        } else {
            "?"
        };
        let state = state + unread;
        if moved || !update.add.is_empty() || !update.remove.is_empty() {
            self.table
                .index_runs(&self.repo, &state, &update.add, &update.remove);
        }
        update.unfinished.sort_by(|a, b| b.run.cmp(&a.run));
        Ok(Found {
            unreadable: update.told(),
            unfinished: update.unfinished,
        })
    }
}

/// What was found while the index was brought up to date.
struct Found {
    unreadable: Option<Diagnostic>,
    unfinished: Vec<Unfinished>,
}

/// What has to be done to the index.
#[derive(Default)]
struct Update {
    add: Vec<RunRow>,
    remove: Vec<String>,
    unreadable: Vec<String>,
    unfinished: Vec<Unfinished>,
}

impl Update {
    /// Adds what a commit has and the index has not. Answers the receipts of this repository that it has.
    fn read_git(
        &mut self,
        ledger: &Ledger,
        tip: gix::ObjectId,
        known: &std::collections::HashMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Diagnostic> {
        let mut there = BTreeMap::new();
        for (path, blob) in ledger.files(tip)? {
            let file = path.rsplit('/').next().unwrap_or_default();
            let Some(run) = file.strip_suffix(".json") else {
                continue;
            };
            let id = blob.to_string();
            if known.get(run) == Some(&id) {
                there.insert(run.to_owned(), id);
                continue;
            }
            match RunReceipt::parse(&ledger.read(blob)?) {
                // Another infra repository in the same Git repository.
                Ok(receipt) if receipt.folder != ledger.folder() => {}
                Ok(receipt) if receipt.run == run => {
                    self.add(&receipt, id.clone());
                    there.insert(run.to_owned(), id);
                }
                Ok(_) => self
                    .unreadable
                    .push(format!("{path}: it is of another run")),
                Err(why) => self.unreadable.push(format!("{path}: {why}")),
            }
        }
        Ok(there)
    }

    /// Adds what the state folder has and neither Git nor the index. Answers the runs that have a receipt there, sorted.
    fn read_state(
        &mut self,
        state: &State,
        known: &std::collections::HashMap<String, String>,
        in_git: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let mut here = Vec::new();
        for run in state.runs() {
            if in_git.contains_key(&run) {
                continue;
            }
            // Resuming a run writes it anew.
            let stamp = state
                .stamp_of_kept(&run)
                .map(|stamp| format!("{HERE} {stamp}"));
            if stamp.is_some() && known.get(&run) == stamp.as_ref() {
                here.push(run);
                continue;
            }
            match state.kept_run(&run).map(|text| RunReceipt::parse(&text)) {
                Some(Ok(receipt)) => {
                    self.add(&receipt, stamp.unwrap_or_default());
                    here.push(run);
                }
                Some(Err(why)) => self.unreadable.push(format!("{run}: {why}")),
                None if state.has_ended(&run) => {}
                None => self.unfinished.push(Unfinished {
                    alive: state.is_alive(&run),
                    run,
                }),
            }
        }
        here.sort_unstable();
        here
    }

    fn add(&mut self, receipt: &RunReceipt, blob: String) {
        let Ok(text) = serde_json::to_string(receipt) else {
            return;
        };
        self.add.push(RunRow {
            run: receipt.run.clone(),
            blob,
            hosts: receipt
                .hosts
                .iter()
                .map(|host| host.result.name.to_string())
                .collect(),
            receipt: text,
        });
    }

    fn told(&self) -> Option<Diagnostic> {
        let shown: Vec<&str> = self
            .unreadable
            .iter()
            .take(NAMED)
            .map(String::as_str)
            .collect();
        let count = self.unreadable.len();
        (count > 0).then(|| {
            Diagnostic::new(
                Code::UnknownSchema,
                format!("{count} receipts cannot be read, and are left out"),
            )
            .with_cause(shown.join("\n"))
            .with_place(Place::file(git::REF))
            .with_fix("a later version of infra wrote them, perhaps: update this one")
        })
    }
}

fn unknown(title: String) -> Diagnostic {
    Diagnostic::new(Code::UnknownRun, title).with_place(Place::file("command line"))
}

fn unkept(title: String) -> Diagnostic {
    Diagnostic::new(Code::ReceiptUnkept, title)
}

#[cfg(test)]
mod tests;
