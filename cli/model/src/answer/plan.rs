//! `infra plan`: what would be done to each host, and what would be another then.

use super::{Difference, DifferingFile};
use crate::{Goal, HostName, NeedName, StepKind, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What would be done to one host. Nothing of it is a secret's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostPlan {
    /// The host.
    pub name: HostName,
    /// What the change is for.
    pub goal: Goal,
    /// Why, in words; of a host that is as wanted: that.
    pub reasons: Vec<String>,
    /// What would be done, in order. Nothing: the host stays as it is.
    pub steps: Vec<StepKind>,
    /// In which wave it is done, from 1; `null` if it is not.
    pub wave: Option<u32>,
    /// What it is compared with. Of a plan without this word: what runs.
    #[serde(default)]
    pub against: Against,
    /// The system it is compared with; `null` if there is none, or it is not known.
    pub before: Option<StorePath>,
    /// Whether there may be a system before that is not known.
    #[serde(default)]
    pub unknown: bool,
    /// The system it would have; `null` if only secrets change.
    pub after: Option<StorePath>,
    /// What would be another.
    pub preview: Preview,
}

impl HostPlan {
    /// Whether nothing would be done.
    pub fn is_idle(&self) -> bool {
        self.steps.is_empty()
    }
}

/// What a host is compared with. What would be done is the same whatever it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Against {
    /// What runs on it.
    #[default]
    Running,
    /// What the last run left there.
    LastRun,
    /// What this run left there.
    Run(String),
    /// What it was in a revision of the repository in Git.
    Revision {
        /// As it was named: a branch, a tag, an id.
        name: String,
        /// The commit that was meant.
        commit: String,
    },
}

/// How much can be told without building.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Not both systems could be read: which files of the repository differ is known, packages and files below `/etc` are not.
    #[default]
    Evaluated,
    /// Both systems were read.
    Built,
}

impl Level {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evaluated => "evaluated",
            Self::Built => "built",
        }
    }
}

/// What would be another on a host. What is `null` could not be told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preview {
    /// How much is told.
    pub level: Level,
    /// Whether more would be told with `--build`.
    #[serde(default)]
    pub buildable: bool,
    /// Packages; only if `built`.
    pub packages: Option<PackageDiff>,
    /// What is sent to the host; only if `built`.
    pub send: Option<Sending>,
    /// Files below `/etc`; only if `built`.
    pub etc: Option<EtcDiff>,
    /// Units of systemd, likely: activation decides; only if `built`.
    pub units: Option<UnitChanges>,
    /// What acts at the next boot alone; only if `built`.
    pub boot: Option<BootChanges>,
    /// Files of the repository that differ from the tree of what it is compared with, or of the last run; `null` if there is no such tree.
    pub sources: Option<Vec<DifferingFile>>,
    /// Values of the contract that are another, and what other hosts export to it.
    pub values: Vec<ValueChange>,
    /// Secrets that are another.
    pub secrets: Vec<SecretDifference>,
    /// Secrets of the repository that are to be encrypted to others than they are.
    pub rekeys: Vec<NeedName>,
    /// What must hold afterwards, in words; `null`: it is not tried, on purpose.
    pub probes: Option<Vec<ProbePlan>>,
    /// What could not be told, and why.
    pub notes: Vec<String>,
}

/// How two closures differ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackageDiff {
    /// Packages that differ, by name. Left out are small files without a version (they are told of as files and units), and what was only built
    /// anew.
    pub changes: Vec<PackageChange>,
    /// Packages that were built anew: in the same versions and of about the same size.
    pub rebuilt: u64,
    /// Bytes of the whole closure before.
    pub bytes_before: u64,
    /// Bytes of the whole closure after.
    pub bytes_after: u64,
    /// Paths of the closure before.
    pub paths_before: u64,
    /// Paths of the closure after.
    pub paths_after: u64,
}

/// A package that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackageChange {
    /// Its name, without version: `openssh`.
    pub name: String,
    /// How it differs.
    pub how: Difference,
    /// Its versions before; a path without version has the empty one.
    pub before: Vec<String>,
    /// Its versions after. The same as before: it was built anew, and is of another size.
    pub after: Vec<String>,
    /// Bytes of its paths before.
    pub bytes_before: u64,
    /// Bytes of its paths after.
    pub bytes_after: u64,
}

/// What is sent to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sending {
    /// Paths that it does not have.
    pub paths: u64,
    /// Their size, not compressed.
    pub bytes: u64,
}

/// How two `/etc` differ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EtcDiff {
    /// Files that differ, by path.
    pub files: Vec<EtcChange>,
    /// The difference as `git diff` writes it; `git apply --stat` reads it.
    pub patch: String,
}

/// A file below `/etc` that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EtcChange {
    /// Its path: `/etc/motd`.
    pub path: String,
    /// How it differs.
    pub how: Difference,
    /// Lines added; of a file that is not shown: 0.
    pub added: u64,
    /// Lines removed; of a file that is not shown: 0.
    pub removed: u64,
    /// Why the patch does not show it in full: it is binary, too large, or holds private values.
    pub note: Option<String>,
}

/// What activation will likely do to units of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnitChanges {
    /// Started: they are new, or wanted by something new.
    pub start: Vec<String>,
    /// Stopped: they are not there any more.
    pub stop: Vec<String>,
    /// Restarted, or stopped and started again.
    pub restart: Vec<String>,
    /// Told to read their configuration again.
    pub reload: Vec<String>,
    /// Another, but left as they run: they ask for that.
    pub keep: Vec<String>,
}

impl UnitChanges {
    /// Whether nothing is done to any unit.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What acts at the next boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BootChanges {
    /// The kernel: before and after, as package.
    pub kernel: Option<Pair>,
    /// The initial ramdisk.
    pub initrd: Option<Pair>,
    /// Modules of the kernel.
    pub modules: Option<Pair>,
    /// The kernel's command line.
    pub params: Option<Pair>,
}

impl BootChanges {
    /// Whether nothing waits for a boot.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was and what would be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pair {
    /// What was; `null` if it was not there.
    pub before: Option<String>,
    /// What would be; `null` if it would not be there.
    pub after: Option<String>,
}

/// A value of the contract, or what a host exports to this one, that is another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueChange {
    /// Its name in the contract.
    pub name: NeedName,
    /// The host that exports it; `null` if it is a value of this host.
    pub from: Option<HostName>,
    /// How it differs.
    pub how: Difference,
    /// What it was; absent if it was not there, or is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; absent if it is not there, or is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether it is kept encrypted, and so not told.
    pub private: bool,
}

/// A secret that is another on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretDifference {
    /// Its name.
    pub name: String,
    /// How it differs.
    pub how: Difference,
    /// Which content the host has; a name for it that tells nothing of it. `null` if it has none, or that is not known.
    pub before: Option<String>,
    /// Which content it would get. `null` if it is removed, or that is not known.
    pub after: Option<String>,
    /// Units that are restarted or reloaded with it.
    pub units: Vec<String>,
}

/// What must hold after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProbePlan {
    /// Its name in the contract.
    pub name: NeedName,
    /// What it asks, in words: `port 443`.
    pub asks: String,
    /// How long it may take to hold.
    pub within: String,
    /// Whether the change depends on it.
    pub critical: bool,
}
