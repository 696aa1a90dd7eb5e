//! The answer of `infra facts`.

use crate::fill::Source;
use crate::{HostName, NeedName};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// `infra facts`: what a host was asked, and what it answered.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostFacts {
    /// The host.
    pub name: HostName,
    /// The file its answers are kept in.
    pub file: String,
    /// Each need that the host itself is asked for, by name.
    pub facts: Vec<FactDone>,
}

/// What became of one fact.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactDone {
    /// The need it fills.
    pub need: NeedName,
    /// What the host is asked: the name of a fact, or the words of a command; `null` if the contract does not ask any more.
    pub fact: Option<Value>,
    /// What was done.
    pub change: FactChange,
    /// What was known before; `null` if nothing was.
    pub before: Option<Value>,
    /// What is known now; `null` if nothing is.
    pub value: Option<Value>,
    /// What fills the need instead, because it comes first; `null` if the fact does.
    pub source: Option<Source>,
}

/// What was done about a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FactChange {
    /// The host answered for the first time.
    Learned,
    /// The host answers otherwise than before.
    Changed,
    /// The host answers as before.
    Unchanged,
    /// The answer was known, and nobody asked again.
    Known,
    /// Nobody asked: something else fills the need.
    Overridden,
    /// The contract does not ask any more.
    Forgotten,
    /// The host does not know; what was known before, or the default, stays.
    Unknown,
    /// The host did not give an answer that fits.
    Failed,
}

impl FactChange {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Learned => "learned",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Known => "known",
            Self::Overridden => "overridden",
            Self::Forgotten => "forgotten",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}
