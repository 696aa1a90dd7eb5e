//! Answers of the commands that change the repository, or say how its hosts hang together.

use super::NeedState;
use crate::fill::NeedKind;
use crate::{Class, HostName, NeedName, Place};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// `infra set`: what became of one line of a context file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueSet {
    /// The host.
    pub name: HostName,
    /// Which need of it.
    pub need: NeedName,
    /// The context file: the host's own, or the one for all hosts.
    pub file: String,
    /// What was done to it.
    pub change: LineChange,
    /// What the line says now; `null` if there is none.
    pub value: Option<Value>,
}

/// What was done to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LineChange {
    /// It was not there.
    Added,
    /// It said something else.
    Changed,
    /// It is not there any more.
    Removed,
    /// Nothing: the file said so already.
    None,
}

impl LineChange {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::None => "unchanged",
        }
    }
}

/// `infra get`: needs and exports of a host: the one that was asked for, or all.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueGot {
    /// The host.
    pub name: HostName,
    /// Needs, with their values and where these come from.
    pub needs: Vec<NeedState>,
    /// What it offers other hosts.
    pub exports: Vec<ExportState>,
}

/// An export of a host.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportState {
    /// Its name.
    pub name: NeedName,
    /// What it is, in words.
    pub expected: String,
    /// What it is; `null` if it has no value (yet).
    pub value: Option<Value>,
    /// Why it has none.
    pub unknown: Option<String>,
    /// Where it is declared.
    #[serde(rename = "where")]
    pub place: Place,
}

/// `infra graph`: whom a host depends on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Relations {
    /// The host.
    pub name: HostName,
    /// `class`
    pub class: Class,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it wants of other hosts.
    pub wants: Vec<WantEdge>,
    /// Needs that it shares with other hosts, by name.
    pub shares: BTreeMap<NeedName, SharedWith>,
    /// Hosts without which it cannot be reached, built or run.
    pub leans_on: Vec<LeanEdge>,
    /// A circle of wants that it is part of, if there is one: each wants something of the next, the last of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circle: Option<Vec<HostName>>,
}

/// Something that one host wants of another.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WantEdge {
    /// The want's name.
    pub want: NeedName,
    /// Which export it asks for.
    pub export: NeedName,
    /// Of which host; `null` if no host is asked.
    pub of: Option<HostName>,
    /// Whether the export is known.
    pub answered: bool,
    /// What it is, unless it is made of a private value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// A need that several hosts have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharedWith {
    /// What kind of need it is.
    pub kind: NeedKind,
    /// The other hosts; none if it is the only one that needs it.
    pub hosts: Vec<HostName>,
}

/// Something a host leans on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeanEdge {
    /// How.
    pub how: Lean,
    /// On whom: a host of the repository, or for `jump` any machine.
    pub on: String,
}

/// How a host leans on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Lean {
    /// It is a guest of it.
    Parent,
    /// SSH connections pass through it.
    Jump,
    /// Its system is built there.
    Build,
    /// Closures reach it through there.
    Relay,
}

impl Lean {
    /// The verb for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parent => "guest of",
            Self::Jump => "reached through",
            Self::Build => "built on",
            Self::Relay => "copied through",
        }
    }
}

/// `infra new host`: a host that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostMade {
    /// The host.
    pub name: HostName,
    /// `class`
    pub class: Class,
    /// `system`
    pub system: String,
    /// Files that were written, from the root of the repository.
    pub files: Vec<String>,
    /// Its SSH host key, the public half; `null` if it has none yet.
    pub host_key: Option<String>,
    /// Its age recipient; `null` if no keys were made.
    pub age_key: Option<String>,
}

/// `infra init`: a repository that was made. It stands in `hosts`, though it has hosts rather than being one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryMade {
    /// Its folder.
    pub folder: String,
    /// Files that were written.
    pub files: Vec<String>,
    /// Files that were there, and were left as they are.
    pub kept: Vec<String>,
    /// Public keys that may read every secret.
    pub admins: Vec<String>,
    /// Whether a Git repository was made.
    pub git: bool,
}
