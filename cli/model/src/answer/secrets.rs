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
    /// Why its recipe is to make it anew.
    pub due: Vec<Due>,
}

/// Why something that a recipe made is to be made anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Due {
    /// Why.
    pub why: DueWhy,
    /// What else is made anew, for `followed`.
    pub need: Option<NeedName>,
    /// Since when (RFC 3339), for `expired` and `rotation`.
    pub since: Option<String>,
}

/// Which of the reasons to make something anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DueWhy {
    /// The recipe's `seed` is another.
    Seed,
    /// Something of its `regenerateOn` is another.
    Watched,
    /// Something of its `regenerateOn` is about to be another.
    Followed,
    /// Its time is over (`expires`).
    Expired,
    /// It was to be replaced (`rotate.every`).
    Rotation,
}

impl Due {
    /// In words.
    pub fn describe(&self) -> String {
        let since = self.since.as_deref().unwrap_or("now");
        match self.why {
            DueWhy::Seed => "its seed changed".to_owned(),
            DueWhy::Watched => "what it follows changed".to_owned(),
            DueWhy::Followed => match &self.need {
                Some(need) => format!("it follows `{need}`, which is made anew"),
                None => "it follows what is made anew".to_owned(),
            },
            DueWhy::Expired => format!("it expired ({since})"),
            DueWhy::Rotation => format!("it was to be replaced (rotate.every, {since})"),
        }
    }
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
    /// Why a recipe made it anew, unless somebody asked for just that.
    pub due: Vec<Due>,
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
