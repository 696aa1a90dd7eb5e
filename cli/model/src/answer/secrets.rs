//! Answers of `infra secret`. Names, files and public keys; never a content.

use crate::{HostName, NeedName};
use schemars::JsonSchema;
use serde::Serialize;

/// `infra secret list`: one secret of the repository's store, as far as it can be known without a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptSecret {
    /// Whose; `null` if hosts share it.
    pub name: Option<HostName>,
    /// Its name.
    pub secret: NeedName,
    /// The encrypted file.
    pub file: String,
    /// The hosts it is sent to.
    pub hosts: Vec<HostName>,
    /// The public keys it is encrypted to; `null` if nobody wrote them down.
    pub recipients: Option<Vec<String>>,
    /// The recipe that made it.
    pub recipe: Option<String>,
    /// When it was written (RFC 3339).
    pub created: Option<String>,
    /// When it is of no use any more (RFC 3339).
    pub expires: Option<String>,
    /// What is wrong with it.
    pub wrong: Vec<Wrong>,
}

/// What can be wrong with a secret that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Wrong {
    /// Somebody is to read it and cannot: it is to be encrypted anew.
    Unreadable,
    /// Somebody can read it who is not to any more: it is to be replaced.
    Overexposed,
    /// Its time is over.
    Expired,
    /// No contract asks for it.
    Unneeded,
}

impl Wrong {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "not for all who need it",
            Self::Overexposed => "also for others",
            Self::Expired => "expired",
            Self::Unneeded => "nobody needs it",
        }
    }
}

/// What a verb of `infra secret` did to one secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretDone {
    /// Whose; `null` if hosts share it.
    pub name: Option<HostName>,
    /// Its name.
    pub secret: NeedName,
    /// Where it is written: an encrypted file, or for a value the context file.
    pub file: String,
    /// What was done.
    pub change: SecretChange,
}

/// What was done to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretChange {
    /// Nobody had it.
    Written,
    /// It has another content now.
    Replaced,
    /// A recipe made it.
    Made,
    /// It has the same content, and others can read it.
    Rekeyed,
    /// Nothing: it is as it should be.
    Unchanged,
}

impl SecretChange {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Replaced => "replaced",
            Self::Made => "made",
            Self::Rekeyed => "rekeyed",
            Self::Unchanged => "unchanged",
        }
    }
}
