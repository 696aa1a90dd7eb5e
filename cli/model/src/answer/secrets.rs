//! Answers of `infra secret`. Names, files and public keys; never a content.

use crate::bundle::{Changes, Outcome, UnitReport};
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

/// `infra secret recipients`: one secret of the repository's store, and everybody who can or is to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReaders {
    /// Whose; `null` if hosts share it.
    pub name: Option<HostName>,
    /// Its name.
    pub secret: NeedName,
    /// The encrypted file.
    pub file: String,
    /// Admins, hosts, and whoever else can read the file.
    pub readers: Vec<SecretReader>,
}

/// One who can or is to read a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReader {
    /// What it is.
    pub kind: ReaderKind,
    /// The host, if it is one.
    pub host: Option<HostName>,
    /// The public key; `null` for a host that has none to encrypt to.
    pub key: Option<String>,
    /// Whether it can and is to read the secret.
    pub access: Access,
}

/// Who holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReaderKind {
    /// An admin of `infra.toml`.
    Admin,
    /// A host.
    Host,
    /// Neither an admin nor a host has this key now.
    Nobody,
}

/// Whether somebody can read a secret, and is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Is to read it, and can.
    Reads,
    /// Is to read it, and cannot: the file is not encrypted to this key.
    Cannot,
    /// Can read it, and is not to any more.
    NoLonger,
    /// Not known: nobody wrote down to whom the file is encrypted, or the host's contract cannot be read.
    Unknown,
}

impl Access {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads it",
            Self::Cannot => "should, and cannot",
            Self::NoLonger => "can, and should not",
            Self::Unknown => "unknown",
        }
    }
}

/// `infra secret rollback`: the generation of secrets that a host has in place now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolledBack {
    /// The host.
    pub name: HostName,
    /// The generation that was current before.
    pub before: Option<u64>,
    /// The one that is current now.
    pub generation: Option<u64>,
    /// Whether anything changed on the host.
    pub outcome: Outcome,
    /// The secrets that differ, by name.
    pub secrets: Changes,
    /// The templates that differ, by name.
    pub templates: Changes,
    /// What became of the units that consume them.
    pub units: UnitReport,
    /// The command that puts the secrets of the repository in place again; `null` if the host has no other generation than before.
    pub undone_by: Option<String>,
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
