//! The contract of a host, as the contract plane writes it down: what the host needs and what it offers.
//!
//! Made by `nix/lib/contract` and described in `nix/docs/contracts.md`. It is known without a single value, and it holds no secret.

use crate::fact::Fact;
use crate::need::NeedName;
use crate::types::Type;
use crate::{Code, Diagnostic, HostName, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of manifests this program reads.
pub const MANIFEST_SCHEMA: u32 = 1;

/// Everything one host needs and offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    schema: u32,
    /// Whose it is.
    pub host: HostName,
    /// Secrets it needs.
    pub secrets: BTreeMap<NeedName, SecretNeed>,
    /// Values it needs.
    pub values: BTreeMap<NeedName, ValueNeed>,
    /// Ways to make what nobody gives.
    pub recipes: BTreeMap<NeedName, Recipe>,
    /// What other hosts may ask of it.
    pub exports: BTreeMap<NeedName, Export>,
    /// What it asks of other hosts.
    pub wants: BTreeMap<NeedName, Want>,
    /// What must hold of it once it runs.
    pub probes: Probes,
    /// Files rendered on the host.
    pub templates: BTreeMap<NeedName, Template>,
}

/// Whether a need is one host's or the same for all that name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NeedScope {
    /// Each host has its own.
    #[default]
    Host,
    /// All hosts that need it have the same.
    Shared,
}

/// When a secret must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// While the host is being installed.
    Install,
    /// In the initial ramdisk.
    Initrd,
    /// Before users are made.
    Users,
    /// Before services start.
    Services,
}

impl Phase {
    /// As contracts have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Initrd => "initrd",
            Self::Users => "users",
            Self::Services => "services",
        }
    }

    /// What to do instead, if this version brings no secrets to a host in this phase (decision 0022).
    pub fn instead(self) -> Option<&'static str> {
        match self {
            Self::Install => Some(
                "hand it over while you install, and declare it with `deploy = false`, so that it is kept and rotated with the others",
            ),
            Self::Initrd => Some(
                "phase = \"users\" if it is read once the root file system is there; a disk is unlocked by a TPM or a token (systemd-cryptenroll), or by a passphrase that is typed; a secret that you put into the initrd yourself can be kept here with `deploy = false`",
            ),
            Self::Users | Self::Services => None,
        }
    }
}

/// What a secret looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
    /// `KEY=value` lines.
    Env,
    /// JSON.
    Json,
    /// PEM blocks.
    Pem,
    /// An OpenSSH private key.
    SshKey,
    /// An age identity.
    AgeKey,
    /// A hash of a password, as in `/etc/shadow`.
    PasswordHash,
}

impl Format {
    /// The word in contracts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Env => "env",
            Self::Json => "json",
            Self::Pem => "pem",
            Self::SshKey => "ssh-key",
            Self::AgeKey => "age-key",
            Self::PasswordHash => "password-hash",
        }
    }
}

/// Where something was declared: a file of the repository, as far as Nix knows also the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Declared {
    /// The file.
    pub file: String,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Declared {
    /// As the place of a fault.
    pub fn place(&self) -> Place {
        match self.line {
            Some(line) => Place::position(&self.file, line, self.column),
            None => Place::file(&self.file),
        }
    }
}

/// What a secret must fulfil besides its format.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checks {
    /// Bytes at least.
    pub min_length: Option<u64>,
    /// Bytes at most.
    pub max_length: Option<u64>,
    /// A pattern it matches as a whole.
    #[serde(rename = "match")]
    pub pattern: Option<String>,
}

/// When a secret is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotate {
    /// At this age: `90d`.
    pub every: Option<String>,
    /// How long the one before stays readable on the host: `1h`.
    pub grace: Option<String>,
}

/// A secret that a host needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretNeed {
    /// What it is, for people.
    pub description: String,
    /// Whose it is.
    pub scope: NeedScope,
    /// When it must be there.
    pub phase: Phase,
    /// Units that get it as a credential, and are restarted with it.
    pub units: Vec<String>,
    /// Who owns the file.
    pub owner: String,
    /// Its group.
    pub group: String,
    /// Its mode, octal.
    pub mode: String,
    /// Units restarted when it changes.
    pub restart_units: Vec<String>,
    /// Units reloaded when it changes.
    pub reload_units: Vec<String>,
    /// What it looks like.
    pub format: Format,
    /// What else it fulfils.
    pub check: Checks,
    /// Whether the host cannot do without.
    pub required: bool,
    /// Whether it is sent to the host at all.
    pub deploy: bool,
    /// How it is made if nobody gives it.
    pub recipe: Option<NeedName>,
    /// When it is replaced.
    pub rotate: Rotate,
    /// Options of the system that receive its path.
    pub bind: Vec<String>,
    /// Its file on the host.
    pub path: String,
    /// Where it is declared.
    pub declared: Vec<Declared>,
}

/// A value that a host needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueNeed {
    /// What it must be.
    #[serde(rename = "type")]
    pub of: Type,
    /// What it is, for people.
    pub description: String,
    /// For instance.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub example: Option<Value>,
    /// What it is if nobody says.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub default: Option<Value>,
    /// Whether it is kept encrypted. (The host's store can be read by whoever is on the host.)
    pub private: bool,
    /// How it is made if nobody gives it.
    pub recipe: Option<NeedName>,
    /// Whose it is.
    pub scope: NeedScope,
    /// What the host is asked, if nobody gives it.
    pub fact: Option<Fact>,
    /// Options of the system that receive it.
    pub bind: Vec<String>,
    /// Where it is declared.
    pub declared: Vec<Declared>,
}

/// A key that is there with `null` is something else than a key that is not there.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// How something is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipe {
    /// Secrets and values it is made from.
    pub needs: Vec<NeedName>,
    /// What a person is asked.
    pub prompts: BTreeMap<NeedName, Prompt>,
    /// What it makes; by default one output of the recipe's name.
    pub outputs: BTreeMap<NeedName, Output>,
    /// Names of packages whose programs the script may use.
    pub packages: Vec<String>,
    /// A shell script that writes `$out/<output>`.
    pub script: Option<String>,
    /// One of [`crate::recipe::Builtin`], by name.
    pub builtin: Option<String>,
    /// Settings of the built-in.
    pub options: BTreeMap<String, Value>,
    /// Made anew when this changes.
    pub seed: Option<String>,
    /// Made anew when one of these values changes.
    pub regenerate_on: Vec<NeedName>,
    /// How long what it makes is good: `365d`.
    pub expires: Option<String>,
    /// Where it is declared.
    pub declared: Vec<Declared>,
}

/// What a person is asked for a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prompt {
    /// The question.
    pub description: String,
    /// Whether the answer is hidden while it is typed.
    pub secret: bool,
}

/// One thing a recipe makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    /// Whether it is a secret; otherwise it is a value.
    pub secret: bool,
    /// What it looks like.
    pub format: Format,
}

/// What other hosts may ask of this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Export {
    /// What it is.
    #[serde(rename = "type")]
    pub of: Type,
    /// Its value; not there while it needs values that are not filled.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub value: Option<Value>,
    /// Where it is declared.
    pub declared: Vec<Declared>,
}

/// What this host asks of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Want {
    /// Of whom.
    pub from: From,
    /// Which of their exports.
    pub export: NeedName,
    /// Whether any number of hosts may answer; otherwise exactly one.
    pub many: bool,
    /// Where it is declared.
    pub declared: Vec<Declared>,
}

/// Of whom something is wanted. Exactly one is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum From {
    /// This host.
    Host(HostName),
    /// All hosts with this tag.
    Tag(String),
    /// The host that runs this guest.
    Parent(bool),
    /// The guests that this host runs.
    Guests(bool),
}

/// What must hold of a host that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probes {
    /// Whether there are any on purpose; `false` is a decision.
    pub enable: bool,
    /// By name.
    pub probes: BTreeMap<NeedName, Probe>,
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// A unit that must be active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// A TCP port that must answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// A URL that must answer with a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// A command that must succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A file that must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A host from which this one must be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachable_from: Option<HostName>,
    /// How long it may take to hold.
    pub within: String,
    /// How often it is tried.
    pub every: String,
    /// How often in a row it must hold.
    pub successes: u32,
    /// Whether a deployment fails with it.
    pub critical: bool,
    /// Where it is declared.
    pub declared: Vec<Declared>,
}

/// A file that is rendered on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// Jinja.
    pub source: String,
    /// Where it is put.
    pub path: String,
    /// Who owns it.
    pub owner: String,
    /// Its group.
    pub group: String,
    /// Its mode, octal.
    pub mode: String,
    /// Units restarted when it changes.
    pub restart_units: Vec<String>,
    /// Units reloaded when it changes.
    pub reload_units: Vec<String>,
    /// Units that get it, and are restarted with it.
    pub units: Vec<String>,
    /// Secrets and values it uses.
    pub needs: Vec<NeedName>,
    /// Where it is declared.
    pub declared: Vec<Declared>,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

impl Manifest {
    /// A contract that asks for nothing and offers nothing: that of a host without contract files.
    pub fn empty(host: &HostName) -> Self {
        Self {
            schema: MANIFEST_SCHEMA,
            host: host.clone(),
            secrets: BTreeMap::new(),
            values: BTreeMap::new(),
            recipes: BTreeMap::new(),
            exports: BTreeMap::new(),
            wants: BTreeMap::new(),
            probes: Probes {
                enable: true,
                probes: BTreeMap::new(),
            },
            templates: BTreeMap::new(),
        }
    }

    /// Reads a manifest; the schema number is looked at first.
    pub fn parse(json: &str) -> Result<Self, Diagnostic> {
        let broken = |error: serde_json::Error| {
            Diagnostic::new(
                Code::SchemaMismatch,
                "the contract of a host is written in a way this version of infra does not understand",
            )
            .with_cause(error.to_string())
            .with_fix(
                "update the `infra` input of the repository and this command to the same release",
            )
        };
        let SchemaOnly { schema } = serde_json::from_str(json).map_err(broken)?;
        if schema != MANIFEST_SCHEMA {
            return Err(Diagnostic::new(
                Code::SchemaMismatch,
                format!("the repository writes contracts of schema {schema}, this command reads {MANIFEST_SCHEMA}"),
            )
            .with_fix("update the `infra` input of the repository (nix flake update infra) and this command to the same release"));
        }
        serde_json::from_str(json).map_err(broken)
    }

    /// Whether it asks for nothing that would have to be filled.
    pub fn needs_nothing(&self) -> bool {
        self.secrets.is_empty() && self.values.is_empty() && self.wants.is_empty()
    }
}

/// The place of the first declaration, or the host's contract file.
pub fn place_of(declared: &[Declared], host: &HostName) -> Place {
    declared.first().map_or_else(
        || Place::file(format!("hosts/{host}/contract.nix")),
        Declared::place,
    )
}

#[cfg(test)]
mod tests {
    use super::Manifest;
    use crate::HostName;

    #[test]
    fn an_empty_contract_survives_writing_and_reading() {
        let empty = Manifest::empty(&HostName::parse("web").expect("a name"));
        let text = serde_json::to_string(&empty).expect("JSON");
        assert_eq!(Manifest::parse(&text).expect("valid"), empty);
        assert!(empty.needs_nothing());
    }

    #[test]
    fn another_schema_is_told_before_unknown_fields() {
        let fault = Manifest::parse(r#"{"schema":9,"surprise":1}"#).expect_err("refused");
        assert!(fault.title.contains("schema 9"), "{fault:?}");
        let fault = Manifest::parse(r#"{"schema":1,"surprise":1}"#).expect_err("refused");
        assert!(fault.cause.is_some_and(|cause| cause.contains("surprise")));
    }
}
