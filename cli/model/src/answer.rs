//! The one JSON object every command answers with, and exit codes.

use crate::{Diagnostic, HostName, HostOutcome, HostSpec, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of all answers.
pub const ANSWER_SCHEMA: u32 = 1;

/// `{ "schema": 1, "command": …, "hosts": […], "errors": […] }` with what the command knows of each host.
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
}

impl<H> Answer<H> {
    /// An answer of this version.
    pub fn new(command: &'static str, hosts: Vec<H>, errors: Vec<Diagnostic>) -> Self {
        Self {
            schema: ANSWER_SCHEMA,
            command,
            hosts,
            errors,
        }
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
    /// The derivation, in the local store.
    pub drv_path: StorePath,
    /// What building it yields.
    pub out_path: StorePath,
    /// How long the evaluation took.
    pub seconds: f64,
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

/// The exit code of a command (see `nix/docs/cli.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked is so.
    Ok = 0,
    /// Some hosts are as asked, some are not.
    SomeFailed = 1,
    /// The command line or the configuration is wrong; nothing was tried.
    Usage = 2,
    /// Nothing of what was asked could be done.
    NothingDone = 3,
    /// Interrupted.
    Interrupted = 130,
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
        self as u8
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
