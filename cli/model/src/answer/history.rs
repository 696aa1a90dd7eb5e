//! Answers about runs that were, and about how hosts stand.

use super::DifferingFile;
use crate::change::ChangePhase;
use crate::receipt::{Failure, RunReceipt};
use crate::{Goal, HostName, HostOutcome, StorePath};
use schemars::JsonSchema;
use serde::Serialize;

/// `infra history` and `infra log`: a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastRun {
    /// Its identity.
    pub run: String,
    /// How far it came.
    pub standing: RunStanding,
    /// `deploy`, …; `null` if it had not come to say so.
    pub command: Option<String>,
    /// What for, where there is a choice.
    pub goal: Option<Goal>,
    /// Who ran it: `user@machine`.
    pub by: String,
    /// When it began, in seconds since 1970; `null` if it had not come to say so.
    pub begun: Option<u64>,
    /// When it ended; `null` if it did not.
    pub ended: Option<u64>,
    /// The version of infra; `null` if it did not end.
    pub infra: Option<String>,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// Whether files differed from it.
    pub dirty: Option<bool>,
    /// Its hosts.
    pub hosts: Vec<PastHost>,
    /// What went wrong, by code.
    pub errors: Vec<Failure>,
    /// Whether its journal is on this machine, so that `infra log` has its events.
    pub journal: bool,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunStanding {
    /// To its end.
    Finished,
    /// It goes on.
    Running,
    /// Its process was ended before.
    Interrupted,
}

/// A host in a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastHost {
    /// The host.
    pub name: HostName,
    /// How it came out; `null` if it has not yet, or nobody was there to see it.
    pub outcome: Option<HostOutcome>,
    /// The system it ran before.
    pub before: Option<StorePath>,
    /// The system it ran after.
    pub after: Option<StorePath>,
    /// The tree its wanted system was made from.
    pub tree: Option<String>,
}

impl PastRun {
    /// A run that came to its end.
    pub fn of(receipt: RunReceipt, journal: bool) -> Self {
        let hosts = receipt.hosts.into_iter().map(|host| PastHost {
            name: host.result.name,
            outcome: Some(host.result.outcome),
            before: host.result.before,
            after: host.result.after,
            tree: host.result.tree,
        });
        Self {
            run: receipt.run,
            standing: RunStanding::Finished,
            command: Some(receipt.command),
            goal: receipt.goal,
            by: receipt.by,
            begun: Some(receipt.begun),
            ended: Some(receipt.ended),
            infra: Some(receipt.infra),
            commit: receipt.commit,
            dirty: receipt.dirty,
            hosts: hosts.collect(),
            errors: receipt.errors,
            journal,
        }
    }
}

/// `infra status`: how a host stands to what it should be.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostStanding {
    /// The host.
    pub name: HostName,
    /// In one word.
    pub standing: HostStands,
    /// Why, in words; empty only for a host that is in sync.
    pub reasons: Vec<String>,
    /// What it runs.
    pub current: Option<StorePath>,
    /// What its next boot takes.
    pub boot_default: Option<StorePath>,
    /// What the repository wants it to run; `null` if that cannot be told.
    pub wanted: Option<StorePath>,
    /// The run that last put something there, as far as is known on this machine.
    pub last_run: Option<String>,
    /// The files that make its wanted system another than the one it runs, where both trees are known.
    pub files: Vec<DifferingFile>,
    /// The change that is going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<OpenChange>,
}

/// How a host stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HostStands {
    /// It is as the repository wants it.
    InSync,
    /// It is as it was left, but the repository wants something else by now.
    Behind,
    /// It is not as it was left.
    Drifted,
    /// Somebody is changing it.
    Changing,
    /// It cannot be told.
    Unknown,
}

impl HostStands {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Behind => "behind",
            Self::Drifted => "drifted",
            Self::Changing => "changing",
            Self::Unknown => "unknown",
        }
    }
}

/// A change that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenChange {
    /// Its run.
    pub run: String,
    /// Who ordered it.
    pub by: String,
    /// When it began, in seconds since 1970 by the host's clock.
    pub since: u64,
    /// Where it is.
    pub phase: ChangePhase,
}
