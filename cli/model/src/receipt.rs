//! The receipt of a run: what was done to which hosts, by whom, from what. Kept for good, and shared between machines.
//!
//! Names, store paths, ids and fingerprints only: no message of a program is in it, and so nothing that a secret could have got into.

use crate::answer::HostResult;
use crate::{Diagnostic, Goal, HostName, NeedName, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of receipts.
pub const RECEIPT_SCHEMA: u32 = 1;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunReceipt {
    /// [`RECEIPT_SCHEMA`]
    pub schema: u32,
    /// The run.
    pub run: String,
    /// `deploy`, `rollback`, …
    pub command: String,
    /// What for, where there is a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// Who ran it: `user@machine`.
    pub by: String,
    /// When it began, in seconds since 1970.
    pub begun: u64,
    /// When it ended.
    pub ended: u64,
    /// The version of infra.
    pub infra: String,
    /// Where the infra repository lies in Git's; empty if it is all of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// The commit that was checked out; `None` without Git, or before the first commit.
    pub commit: Option<String>,
    /// Whether files differed from that commit; `None` if nobody could tell.
    pub dirty: Option<bool>,
    /// How often the run was gone on with (`infra resume`) after it had come to an end.
    #[serde(default, skip_serializing_if = "is_never")]
    pub resumed: u32,
    /// Per host, by name.
    pub hosts: Vec<HostReceipt>,
    /// What went wrong, by code.
    pub errors: Vec<Failure>,
}

/// What came of a run for one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostReceipt {
    /// How it came out.
    #[serde(flatten)]
    pub result: HostResult,
    /// The system it was to have; `None` if the run did not come to know that.
    #[serde(default)]
    pub wanted: Option<StorePath>,
    /// What its next boot takes since; `None` if that is not known.
    #[serde(default)]
    pub boot: Option<StorePath>,
    /// What its secrets are called together since, empty if it has none; `None` if that is not known.
    #[serde(default)]
    pub secrets: Option<String>,
    /// The values that its contract said were private, by name; `None` if that is not known.
    #[serde(default)]
    pub private: Option<BTreeSet<NeedName>>,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The code of the error: text, since a later version may have others.
    pub code: String,
    /// The host it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
}

impl Failure {
    /// What of an error is kept.
    pub fn of(error: &Diagnostic) -> Self {
        Self {
            code: error.code.name(),
            host: error.host.clone(),
        }
    }
}

impl RunReceipt {
    /// Reads a receipt; the error says why it is none that this version understands.
    pub fn parse(text: &str) -> Result<Self, String> {
        let receipt: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if receipt.schema != RECEIPT_SCHEMA {
            return Err(format!(
                "it has schema {}, this version reads {RECEIPT_SCHEMA}",
                receipt.schema
            ));
        }
        if !is_run(&receipt.run) {
            return Err("it does not say which run it is of".to_owned());
        }
        if receipt
            .texts()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err("it has control characters in it".to_owned());
        }
        Ok(receipt)
    }

    /// What is shown as it is, although it may come from another machine.
    fn texts(&self) -> impl Iterator<Item = &String> {
        let codes = self.errors.iter().map(|failure| &failure.code);
        [&self.command, &self.by, &self.infra]
            .into_iter()
            .chain(&self.commit)
            .chain(codes)
    }

    /// Its file among all receipts: by month, so that no folder grows with the years. `None` if the run's name is none.
    pub fn file(run: &str) -> Option<String> {
        let (year, month) = (run.get(..4)?, run.get(4..6)?);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (is_run(run) && digits(year) && digits(month)).then(|| format!("{year}/{month}/{run}.json"))
    }

    /// The receipt of a run that was gone on with after it had ended: what this one says of hosts, and of those it says nothing about what was
    /// said `before`.
    #[must_use]
    pub fn after(mut self, before: Self) -> Self {
        self.resumed = before.resumed.saturating_add(1);
        self.begun = before.begun;
        let is_told = |host: &HostName| self.hosts.iter().any(|one| one.result.name == *host);
        let stays = |failure: &Failure| failure.host.as_ref().is_some_and(|host| !is_told(host));
        let (mut hosts, mut errors) = (before.hosts, before.errors);
        hosts.retain(|host| !is_told(&host.result.name));
        errors.retain(stays);
        hosts.append(&mut self.hosts);
        hosts.sort_by(|a, b| a.result.name.cmp(&b.result.name));
        errors.append(&mut self.errors);
        Self {
            hosts,
            errors,
            ..self
        }
    }

    /// Whether this one takes the place of another: it is of the same run, which was gone on with after the other was written.
    pub fn replaces(&self, other: &Self) -> bool {
        self.run == other.run && self.folder == other.folder && self.resumed > other.resumed
    }

    /// What it says about a host.
    pub fn host(&self, name: &HostName) -> Option<&HostReceipt> {
        self.hosts.iter().find(|host| host.result.name == *name)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_never(times: &u32) -> bool {
    *times == 0
}

/// The name of a run, and not a path to somewhere else.
pub fn is_run(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::RunReceipt;

    #[test]
    fn receipts_of_this_version_are_read_and_others_say_what_they_are() {
        let text = |schema: u32, run: &str, by: &str| {
            format!(
                r#"{{"schema":{schema},"run":"{run}","command":"deploy","by":"{by}","begun":1,"ended":2,"infra":"0.1.0","commit":null,"dirty":null,"hosts":[{{"name":"web","outcome":"changed","before":null,"after":null,"seconds":{{}},"later":1}}],"errors":[{{"code":"of-later"}}],"later":true}}"#
            )
        };
        let run = "20261121T051600Z-1a2b0000";
        let receipt = RunReceipt::parse(&text(1, run, "ann@desk")).expect("readable");
        assert_eq!((receipt.hosts.len(), receipt.errors.len()), (1, 1));
        let written = serde_json::to_string(&receipt).expect("serialisable");
        assert_eq!(RunReceipt::parse(&written), Ok(receipt));
        for (text, says) in [
            (text(2, run, "a"), "it has schema 2, this version reads 1"),
            (text(1, "../x", "a"), "it does not say which run it is of"),
            (
                text(1, run, "\\u001b[2J"),
                "it has control characters in it",
            ),
        ] {
            assert_eq!(RunReceipt::parse(&text), Err(says.to_owned()));
        }
    }

    #[test]
    fn files_are_by_month_and_never_elsewhere() {
        let file = RunReceipt::file("20261121T051600Z-1a2b0000");
        assert_eq!(
            file.as_deref(),
            Some("2026/11/20261121T051600Z-1a2b0000.json")
        );
        for name in [
            "",
            "2026",
            "../../etc/passwd",
            "2026/1",
            "x0261121",
            "2026é1",
        ] {
            assert_eq!(RunReceipt::file(name), None, "{name}");
        }
    }
}
