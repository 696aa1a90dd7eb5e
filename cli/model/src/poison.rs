//! Secrets where they must not be: what was looked for, where it was found, and what could not be looked for. Never the secret.

use crate::HostName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a secret was written where it was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// As it is.
    Plain,
    /// One line of it: of a private key, say.
    Line,
    /// In Base64, of either alphabet.
    Base64,
    /// In hexadecimal digits.
    Hex,
    /// As a text in JSON, or in a derivation.
    Json,
    /// As in an address (`%20`).
    Percent,
}

impl Form {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "as it is",
            Self::Line => "a line of it",
            Self::Base64 => "in Base64",
            Self::Hex => "in hexadecimal",
            Self::Json => "as JSON",
            Self::Percent => "as in an address",
        }
    }
}

/// Which part of a process others can read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// Its command line.
    Arguments,
    /// The environment it was started with.
    Environment,
}

/// Where something was found.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Spot {
    /// In a file.
    File {
        /// Its path.
        path: String,
        /// At which byte, counted from 0.
        offset: u64,
    },
    /// In the name of something in a folder.
    Name {
        /// The folder.
        folder: String,
    },
    /// In a process.
    Process {
        /// Its number.
        pid: u32,
        /// Its name.
        program: String,
        /// Where in it.
        part: Part,
    },
    /// In an object of a Git repository.
    Object {
        /// The repository.
        repository: String,
        /// The object's id.
        id: String,
    },
    /// In the journal of systemd.
    Journal,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, offset } => write!(f, "{path} at byte {offset}"),
            Self::Name { folder } => write!(f, "the name of something in {folder}"),
            Self::Process { pid, program, part } => {
                let part = match part {
                    Part::Arguments => "arguments",
                    Part::Environment => "environment",
                };
                write!(f, "the {part} of process {pid} ({program})")
            }
            Self::Object { repository, id } => write!(f, "{repository}, Git object {id}"),
            Self::Journal => f.write_str("the journal"),
        }
    }
}

/// A secret where it must not be.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exposure {
    /// The need it fills.
    pub secret: String,
    /// How it is written there.
    pub form: Form,
    /// Where.
    pub at: Spot,
}

/// A secret that was not looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unsearched {
    /// The need it fills.
    pub secret: String,
    /// Why.
    pub why: String,
}

/// How much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Looked {
    /// Files.
    pub files: u64,
    /// Processes.
    pub processes: u64,
    /// Objects of Git repositories.
    pub objects: u64,
    /// Bytes of all of it, and of the journal.
    pub bytes: u64,
    /// Files and processes that could not be read.
    pub unreadable: u64,
    /// What was left out on purpose, and why.
    pub left_out: Vec<String>,
}

/// `infra check --poison`: the secrets of one host, and where they are that they must not be.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostSearch {
    /// The host.
    pub name: HostName,
    /// The secrets that were looked for.
    pub searched: Vec<String>,
    /// Those that were not.
    pub unsearched: Vec<Unsearched>,
    /// What was looked at on this machine; the same for all hosts.
    pub here: Looked,
    /// What was looked at on the host; `null` unless asked for with `--hosts`.
    pub there: Option<Looked>,
    /// What was found on this machine.
    pub found_here: Vec<Exposure>,
    /// What was found on the host.
    pub found_there: Vec<Exposure>,
}

#[cfg(test)]
mod tests {
    use super::{Part, Spot};

    #[test]
    fn places_read_as_such() {
        let process = Spot::Process {
            pid: 7,
            program: "sleep".to_owned(),
            part: Part::Environment,
        };
        assert_eq!(process.to_string(), "the environment of process 7 (sleep)");
        let json = serde_json::to_string(&process).expect("JSON");
        assert_eq!(
            json,
            r#"{"kind":"process","pid":7,"program":"sleep","part":"environment"}"#
        );
        assert_eq!(
            serde_json::from_str::<Spot>(&json).expect("read back"),
            process
        );
        let journal = serde_json::from_str::<Spot>(r#"{"kind":"journal"}"#);
        assert_eq!(journal.expect("a place").to_string(), "the journal");
    }
}
