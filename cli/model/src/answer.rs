//! The one JSON object every command answers with, and exit codes.

mod facts;
mod history;
mod keeping;
mod plan;
mod repository;
mod secrets;

pub use facts::{FactChange, FactDone, HostFacts};
pub use history::{HostStanding, HostStands, OpenChange, PastHost, PastRun, RunStanding};
pub use keeping::HostFilled;
pub use plan::{
    Against, BootChanges, EtcChange, EtcDiff, HostPlan, Level, PackageChange, PackageDiff, Pair,
    Preview, ProbePlan, SecretDifference, Sending, UnitChanges, ValueChange,
};
pub use repository::{
    ExportState, HostMade, Lean, LeanEdge, LineChange, Relations, RepositoryMade, SharedWith,
    ValueGot, ValueSet, WantEdge,
};
pub use secrets::{
    Access, Due, DueWhy, KeptSecret, ReaderKind, RolledBack, SecretChange, SecretDone,
    SecretReader, SecretReaders, Wrong,
};

use crate::context::Plane;
use crate::contract::NeedScope;
use crate::fill::{NeedKind, Source};
use crate::{Diagnostic, HostName, HostOutcome, HostSpec, NeedName, Place, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of all answers.
pub const ANSWER_SCHEMA: u32 = 1;

/// `{ "schema": 1, "command": …, "hosts": […], "errors": […] }` with what the command knows of each host, and `warnings` if there are any.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer<H> {
    /// [`ANSWER_SCHEMA`]
    pub schema: u32,
    /// The command that answers.
    pub command: &'static str,
    /// Per host, by name.
    pub hosts: Vec<H>,
    /// Everything that went wrong.
    pub errors: Vec<Diagnostic>,
    /// What stopped nothing, but should be known; absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub warnings: Vec<Diagnostic>,
}

impl<H> Answer<H> {
    /// An answer of this version.
    pub fn new(command: &'static str, hosts: Vec<H>, errors: Vec<Diagnostic>) -> Self {
        Self {
            schema: ANSWER_SCHEMA,
            command,
            hosts,
            errors,
            warnings: Vec::new(),
        }
    }

    /// Adds what stopped nothing.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Vec<Diagnostic>) -> Self {
        self.warnings = warnings;
        self
    }
}

/// What a run did to one host: part of the last line of `deploy --json`, and of the receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostResult {
    /// The host.
    pub name: HostName,
    /// How it came out.
    pub outcome: HostOutcome,
    /// The system it ran when it was surveyed; `None` if that is not known.
    pub before: Option<StorePath>,
    /// The system it runs now; `None` if that is not known.
    pub after: Option<StorePath>,
    /// Id of the host tree its wanted system was made from; `None` if it was not evaluated.
    #[serde(default)]
    pub tree: Option<String>,
    /// Seconds per step that was begun.
    pub seconds: BTreeMap<String, f64>,
}

/// `infra info`: a host's settings, and what is in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostInfo {
    /// Its settings, defaults filled in.
    #[serde(flatten)]
    pub spec: HostSpec,
    /// Pinned SSH keys, as `type base64`.
    pub host_keys: Vec<String>,
    /// Names of the files in its folder.
    pub files: Vec<String>,
    /// What this machine last did to it.
    pub last_deployment: Option<Receipt>,
}

/// What was last done to a host from this machine; kept below the state folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// [`ANSWER_SCHEMA`]
    pub schema: u32,
    /// The run: the name of its folder with journal and receipt.
    pub run: String,
    /// What came of it for this host.
    pub result: HostResult,
}

/// `infra eval`: a host's system before it is built.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evaluated {
    /// The host.
    pub name: HostName,
    /// Id of its host tree: all that the evaluation could read.
    pub tree_id: String,
    /// Whether the answer was remembered, and no evaluation was needed.
    pub cached: bool,
    /// The derivation, in the local store.
    pub drv_path: StorePath,
    /// What building it yields.
    pub out_path: StorePath,
    /// How long the evaluation took when it was done.
    pub seconds: f64,
    /// The most memory it was seen to hold, in bytes; `null` if it was too quick to be seen.
    pub peak_bytes: Option<u64>,
}

/// `infra build`: a host's system, built.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// The host.
    pub name: HostName,
    /// Its system.
    pub out_path: StorePath,
}

/// `infra exec`: what a command did on a host.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Executed {
    /// The host.
    pub name: HostName,
    /// Its exit code; `null` if a signal ended it or the connection broke.
    pub exit_code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said besides.
    pub stderr: String,
}

/// `infra doctor`: a host that was looked at, with the checks made on it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Patient {
    /// The host; `null` for this machine and the repository.
    pub name: Option<HostName>,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What.
    pub about: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do, if something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// How a thing that was looked at is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but not always or not well.
    Warning,
    /// It does not work.
    Failed,
}

/// `infra why`: the files in which two trees of a host differ.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The host.
    pub name: HostName,
    /// The tree it is compared with; `null` if there is none.
    pub since: Option<String>,
    /// Its tree now.
    pub tree_id: String,
    /// What differs, by path.
    pub files: Vec<DifferingFile>,
}

/// A file in which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DifferingFile {
    /// Its path in the repository; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// How it differs.
    pub how: Difference,
}

/// How a file differs from the earlier tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Difference {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// Its content or its mode is another.
    Changed,
}

impl Difference {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// `infra contract`: what one host needs and offers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostContract {
    /// The host.
    pub name: HostName,
    /// Which evaluation its contract was taken from.
    pub plane: Plane,
    /// What it needs: values, secrets, and exports of other hosts.
    pub needs: Vec<NeedState>,
    /// What it exports, by name.
    pub exports: Vec<NeedName>,
    /// How many of its needs are open.
    pub open: usize,
}

/// One need of a host.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NeedState {
    /// Its name.
    pub name: NeedName,
    /// What kind of need it is.
    pub kind: NeedKind,
    /// What it is, in the contract's words.
    pub description: String,
    /// What it must be, in words.
    pub expected: String,
    /// Whose it is.
    pub scope: NeedScope,
    /// How it stands.
    pub standing: Standing,
    /// Where it comes from; `null` if it is open, or optional and not given.
    pub source: Option<Source>,
    /// What it is, for values that are not private; of a want, the values by host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// Where it is declared.
    #[serde(rename = "where")]
    pub place: Place,
}

/// How a need stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It is filled.
    Filled,
    /// Nobody has it yet, but a recipe makes it when it is needed.
    Makeable,
    /// Nobody has it, and the host can do without.
    Optional,
    /// It is open: the host cannot be built.
    Open,
}

/// `infra cache`: what is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheState {
    /// The folder.
    pub folder: String,
    /// Size of the table, in bytes.
    pub bytes: u64,
    /// Remembered evaluations.
    pub evaluations: u64,
    /// Remembered files: those that need not be read again.
    pub files: u64,
    /// Evaluations that were just removed.
    pub removed: u64,
    /// Files, folders and commits of host trees.
    pub tree_objects: u64,
    /// What they take, in bytes.
    pub tree_bytes: u64,
    /// How many of them were just removed.
    pub removed_tree_objects: u64,
    /// What that gave back, in bytes.
    pub removed_tree_bytes: u64,
    /// Links that protect planned and deployed systems, and their derivations, from Nix's garbage collector.
    pub roots: u64,
    /// Links that were just removed.
    pub removed_roots: u64,
}

/// The exit code of a command (see `nix/docs/cli.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked is so.
    Ok,
    /// Some hosts are as asked, some are not.
    SomeFailed,
    /// The command line or the configuration is wrong; nothing was tried.
    Usage,
    /// Nothing of what was asked could be done.
    NothingDone,
    /// Interrupted.
    Interrupted,
    /// What a program on a host ended with (`infra ssh HOST -- COMMAND`).
    Remote(u8),
}

impl Exit {
    /// From what came of each host: none failed, some, or all.
    pub fn of_hosts(good: usize, failed: usize) -> Self {
        match (good, failed) {
            (_, 0) => Self::Ok,
            (0, _) => Self::NothingDone,
            _ => Self::SomeFailed,
        }
    }

    /// From errors that came before any host was touched.
    pub fn of_errors(errors: &[Diagnostic]) -> Self {
        match errors {
            [] => Self::Ok,
            all if all.iter().all(|error| error.code.is_usage()) => Self::Usage,
            _ => Self::NothingDone,
        }
    }

    /// The number for the operating system.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::SomeFailed => 1,
            Self::Usage => 2,
            Self::NothingDone => 3,
            Self::Interrupted => 130,
            Self::Remote(code) => code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn exit_codes_tell_none_some_all() {
        assert_eq!(Exit::of_hosts(2, 0).code(), 0);
        assert_eq!(Exit::of_hosts(0, 0).code(), 0);
        assert_eq!(Exit::of_hosts(1, 1).code(), 1);
        assert_eq!(Exit::of_hosts(0, 2).code(), 3);
        assert_eq!(Exit::Interrupted.code(), 130);
    }
}
