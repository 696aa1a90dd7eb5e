//! Answers of the commands that fill needs and keep secrets. They name what is kept and where, never its content.

use super::NeedState;
use crate::{HostName, NeedName};
use schemars::JsonSchema;
use serde::Serialize;

/// `infra fill`: what became of the needs of one host.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostFilled {
    /// The host.
    pub name: HostName,
    /// What recipes made now.
    pub made: Vec<NeedState>,
    /// What a person gave now.
    pub filled: Vec<NeedState>,
    /// What is still open.
    pub open: Vec<NeedState>,
}

/// `infra secret edit`, `infra secret import`: a secret that was written into the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretWritten {
    /// The host it was addressed by.
    pub name: HostName,
    /// Which secret.
    pub secret: NeedName,
    /// Its file, from the root of the repository.
    pub file: String,
    /// What was done to it.
    pub change: SecretChange,
}

/// What was done to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretChange {
    /// It was not there.
    Added,
    /// It had another content.
    Changed,
    /// Nothing: its content is the same.
    None,
}

impl SecretChange {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::None => "unchanged",
        }
    }
}
