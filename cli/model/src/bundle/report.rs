//! What the agent answers. Names, numbers and units; nothing secret.

use super::Phase;
use crate::poison::{Exposure, Looked, Unsearched};
use crate::{Code, Diagnostic, HostName};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of all answers of the agent.
pub const REPORT_SCHEMA: u32 = 1;

/// The version of what the agent can be asked.
pub const AGENT_PROTOCOL: u32 = 4;

/// `hello`: who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hello {
    /// [`REPORT_SCHEMA`]
    pub schema: u32,
    /// Its release.
    pub agent: String,
    /// [`AGENT_PROTOCOL`]
    pub protocol: u32,
}

/// `secrets status`: what the host keeps, and what of it is in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Status {
    /// [`REPORT_SCHEMA`]
    pub schema: u32,
    /// The host the current bundle was made for; `null` if there is no bundle.
    pub host: Option<HostName>,
    /// The run that made it.
    pub run: Option<String>,
    /// What the command calls what is in it.
    #[serde(default)]
    pub digest: Option<String>,
    /// The current generation of secrets.
    pub current: Option<u64>,
    /// All generations that are kept, oldest first.
    pub generations: Vec<Generation>,
    /// The folder that `/run/infra/secrets` leads to now; `null` if nothing is unpacked.
    pub unpacked: Option<String>,
    /// What that folder is on: `ramfs`, `tmpfs`, or `disk`.
    pub storage: Option<String>,
    /// The secrets of the current generation.
    pub secrets: Vec<StatusSecret>,
    /// The names of its templates.
    pub templates: Vec<String>,
    /// Units that have not been restarted or reloaded yet since their secrets changed.
    pub pending: Vec<String>,
    /// Whether the host runs systemd: without it no unit is restarted.
    pub systemd: bool,
}

/// A generation of secrets that is kept sealed on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// When it came, in seconds since 1970.
    pub received: u64,
}

/// A secret of the current generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusSecret {
    /// Its name.
    pub name: String,
    /// Which content it is.
    pub fingerprint: String,
    /// From when on it is there.
    pub phase: Phase,
    /// Until when the content before it stays readable, in seconds since 1970; `null` if it is not.
    pub previous_until: Option<u64>,
}

/// `secrets receive`, `unpack` and `rollback`: what is in place now, and what became of its consumers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Applied {
    /// [`REPORT_SCHEMA`]
    pub schema: u32,
    /// The current generation; `null` if the host has none (`unpack` on a host that was never sent any).
    pub generation: Option<u64>,
    /// The one that was current before.
    #[serde(default)]
    pub before: Option<u64>,
    /// Whether anything became another.
    pub outcome: Outcome,
    /// What differs from the secrets that were in place before.
    pub secrets: Changes,
    /// What differs from the templates that were in place before.
    pub templates: Changes,
    /// Secrets and templates that belong to root for now, because the host does not know their owner or group yet.
    pub deferred: Vec<String>,
    /// What became of the units that consume them.
    pub units: UnitReport,
}

/// Whether anything became another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// What was asked for was there already; nothing was touched.
    Unchanged,
    /// The host has another generation now, or the same one in place again.
    Changed,
}

/// Names of what differs between two unpacked generations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changes {
    /// Not there before.
    pub added: Vec<String>,
    /// Of another content, owner, group or mode.
    pub changed: Vec<String>,
    /// Not there any more.
    pub removed: Vec<String>,
}

/// `secrets restart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settled {
    /// [`REPORT_SCHEMA`]
    pub schema: u32,
    /// What became of the units.
    pub units: UnitReport,
}

/// What became of the units that consume what changed. Each unit is in one list only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnitReport {
    /// Whether there is a systemd that could be asked.
    pub systemd: bool,
    /// Restarted.
    pub restarted: Vec<String>,
    /// Reloaded, or restarted because they cannot reload.
    pub reloaded: Vec<String>,
    /// Left alone: they have started since the secrets changed.
    pub started_since: Vec<String>,
    /// Left alone: they do not run, or do not exist.
    pub not_running: Vec<String>,
    /// Left for `secrets restart`, or for a host without systemd.
    pub pending: Vec<String>,
    /// Those that did not come back.
    pub failed: Vec<UnitFault>,
}

/// A unit that did not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnitFault {
    /// The unit.
    pub unit: String,
    /// Its state, as systemd names it.
    pub state: String,
}

/// `secrets search`: where the host's secrets are that they must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretSearch {
    /// [`REPORT_SCHEMA`]
    pub schema: u32,
    /// The secrets that were looked for.
    pub searched: Vec<String>,
    /// Those that were not.
    pub unsearched: Vec<Unsearched>,
    /// What was looked at.
    pub looked: Looked,
    /// What was found.
    pub found: Vec<Exposure>,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

/// Reads an answer of the agent; the schema number is looked at first.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Diagnostic> {
    let broken = |error: serde_json::Error| {
        Diagnostic::new(
            Code::SchemaMismatch,
            "the agent answered something this version of infra does not understand",
        )
        .with_cause(error.to_string())
        .with_fix("use an agent of the same release as this command (it lies beside it, or INFRA_AGENT names it)")
    };
    let SchemaOnly { schema } = serde_json::from_str(json).map_err(broken)?;
    if schema != REPORT_SCHEMA {
        let which = if schema > REPORT_SCHEMA {
            "this command is older: update it"
        } else {
            "the agent is older: put the one of this release beside the command, or name it in INFRA_AGENT"
        };
        return Err(Diagnostic::new(
            Code::SchemaMismatch,
            format!(
                "the agent answers with schema {schema}, this command understands {REPORT_SCHEMA}"
            ),
        )
        .with_fix(which));
    }
    serde_json::from_str(json).map_err(broken)
}
