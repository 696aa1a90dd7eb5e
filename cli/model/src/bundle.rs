//! What a host gets sealed: its secrets and templates, with everything the agent must know to put them in place.
//!
//! The command makes a [`Bundle`], seals it to the host's key and sends it; the agent opens it. The two may be of different releases
//! (a host boots with the agent of its last deployment), so the schema number is looked at before anything else.

mod plain;
mod report;

pub use plain::Plain;
pub use report::{
    AGENT_PROTOCOL, Applied, Changes, Generation, Hello, Outcome, REPORT_SCHEMA, SecretSearch,
    Settled, Status, StatusSecret, UnitFault, UnitReport, parse as parse_report,
};

use crate::{Code, Diagnostic, HostName, NeedName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use zeroize::Zeroizing;

/// The version of the bundle this program seals and opens.
pub const BUNDLE_SCHEMA: u32 = 1;

/// What the name of a rotated secret's previous content ends with while its `grace` lasts.
pub const PREVIOUS: &str = ".previous";

/// The secrets and templates of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    schema: u32,
    /// The host it is for.
    pub host: HostName,
    /// The run that made it.
    pub run: String,
    /// What it holds, by fingerprints and settings: the command's own name for it, by which it knows that a host has it already. Says nothing
    /// of any content.
    #[serde(default)]
    pub digest: String,
    /// Every secret of the host.
    pub secrets: Vec<Secret>,
    /// Files to be rendered on the host.
    pub templates: Vec<Template>,
}

/// One secret, open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
    /// Its name: the file below `/run/infra/secrets`.
    pub name: String,
    /// Random, drawn when the content changed: says which content this is, and nothing about it.
    pub fingerprint: String,
    /// From when on it must be there.
    pub phase: Phase,
    /// Who may read it.
    pub owner: String,
    /// Which group may.
    pub group: String,
    /// Permissions of the file.
    pub mode: Mode,
    /// Units that consume it.
    pub units: Vec<String>,
    /// Further units to restart when it changes.
    pub restart_units: Vec<String>,
    /// Units to reload when it changes.
    pub reload_units: Vec<String>,
    /// For how many seconds the content before stays readable after a rotation.
    pub grace: Option<u64>,
    /// The secret itself.
    pub content: Plain,
}

/// A file rendered on the host from secrets and values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// Its name: the file below `/run/infra/templates`.
    pub name: String,
    /// Where it is to be found: that file, or a place that becomes a link to it.
    pub path: String,
    /// The text to render, in Jinja's syntax.
    pub source: String,
    /// Who may read it.
    pub owner: String,
    /// Which group may.
    pub group: String,
    /// Permissions of the file.
    pub mode: Mode,
    /// Units that consume it.
    pub units: Vec<String>,
    /// Further units to restart when it changes.
    pub restart_units: Vec<String>,
    /// Units to reload when it changes.
    pub reload_units: Vec<String>,
    /// The values it uses that are not secret.
    pub values: BTreeMap<String, serde_json::Value>,
}

/// From when on a secret must be there. Ordered as a boot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// While the host is installed.
    Install,
    /// In the initial ramdisk.
    Initrd,
    /// Before users are made: such a file belongs to root until they are.
    Users,
    /// Before services start.
    Services,
}

impl Phase {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Initrd => "initrd",
            Self::Users => "users",
            Self::Services => "services",
        }
    }

    /// Parses the name of a phase.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Install, Self::Initrd, Self::Users, Self::Services]
            .into_iter()
            .find(|phase| phase.as_str() == text)
    }
}

/// Permissions of a file, written `0400`: reading, writing and executing only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u32);

impl Mode {
    /// Parses three octal digits, with or without a 0 before them.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = match text.len() {
            3 => text,
            4 => text.strip_prefix('0')?,
            _ => return None,
        };
        if !digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
            return None;
        }
        u32::from_str_radix(digits, 8).ok().map(Self)
    }

    /// As the operating system has it.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl TryFrom<String> for Mode {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a mode is three octal digits, such as 0400")
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

impl Bundle {
    /// A bundle of this version.
    pub fn new(
        host: HostName,
        run: String,
        secrets: Vec<Secret>,
        templates: Vec<Template>,
    ) -> Self {
        Self {
            schema: BUNDLE_SCHEMA,
            host,
            run,
            digest: String::new(),
            secrets,
            templates,
        }
    }

    /// The bundle under the name that the command knows it by.
    #[must_use]
    pub fn named(mut self, digest: String) -> Self {
        self.digest = digest;
        self
    }

    /// Whether the host would look the same with either. Which run made a bundle is no part of that.
    pub fn same_as(&self, other: &Self) -> bool {
        self.host == other.host
            && self.digest == other.digest
            && self.secrets == other.secrets
            && self.templates == other.templates
    }

    /// The JSON to seal.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, Diagnostic> {
        // As large as it will become: a buffer that grows leaves copies of secrets behind.
        let content: usize = self
            .secrets
            .iter()
            .map(|one| one.content.len() * 4 / 3)
            .sum();
        let around: usize = 1024 + 1024 * (self.secrets.len() + self.templates.len());
        let sources: usize = self.templates.iter().map(|one| one.source.len() * 2).sum();
        let mut json = Zeroizing::new(Vec::with_capacity(content + around + sources));
        serde_json::to_writer(&mut *json, self).map_err(|error| {
            Diagnostic::new(Code::Internal, "a bundle cannot be written as JSON")
                .with_cause(error.to_string())
        })?;
        Ok(json)
    }

    /// Reads and checks a bundle that was just opened.
    pub fn parse(json: &[u8]) -> Result<Self, Diagnostic> {
        let SchemaOnly { schema } = serde_json::from_slice(json).map_err(|error| broken(&error))?;
        if schema != BUNDLE_SCHEMA {
            let which = if schema > BUNDLE_SCHEMA {
                "the agent is older: deploy again with the command that sealed the bundle, which brings its own agent"
            } else {
                "the bundle is older: deploy again with this release of the command"
            };
            return Err(Diagnostic::new(
                Code::SchemaMismatch,
                format!("the bundle has schema {schema}, this agent understands {BUNDLE_SCHEMA}"),
            )
            .with_fix(which));
        }
        let bundle: Self = serde_json::from_slice(json).map_err(|error| broken(&error))?;
        bundle.check()?;
        Ok(bundle)
    }

    /// Whatever would make files land where they must not. The command checks names long before; but what names files on a host as root
    /// is checked there, too.
    fn check(&self) -> Result<(), Diagnostic> {
        let secrets: Vec<&str> = self.secrets.iter().map(|one| one.name.as_str()).collect();
        let templates: Vec<&str> = self.templates.iter().map(|one| one.name.as_str()).collect();
        for (kind, names) in [("secret", &secrets), ("template", &templates)] {
            let mut seen = BTreeSet::new();
            for name in names {
                NeedName::parse(name).map_err(|why| refused(why.to_string()))?;
                if !seen.insert(name) {
                    return Err(refused(format!("the {kind} `{name}` is there twice")));
                }
            }
        }
        for secret in self.secrets.iter().filter(|one| one.grace.is_some()) {
            let previous = format!("{}{PREVIOUS}", secret.name);
            if secrets.contains(&previous.as_str()) {
                return Err(refused(format!(
                    "the secret `{previous}` has the name under which the previous content of `{}` is kept",
                    secret.name
                ))
                .with_fix("give it another name, or take `rotate.grace` from the other"));
            }
        }
        for template in &self.templates {
            let path = &template.path;
            let tame = path.starts_with('/')
                && !path.ends_with('/')
                && !path.split('/').any(|part| part == ".." || part == ".")
                && !path.contains('\0');
            if !tame {
                return Err(refused(format!(
                    "`{path}` cannot be the path of the template `{}`: it must be absolute, name a file, and have no `.` or `..` in it",
                    template.name
                )));
            }
        }
        Ok(())
    }
}

fn refused(title: String) -> Diagnostic {
    Diagnostic::new(Code::BundleRefused, title)
}

/// Only where: the parser's own text may quote a value, and values are secrets here.
fn broken(error: &serde_json::Error) -> Diagnostic {
    Diagnostic::new(
        Code::SchemaMismatch,
        "the bundle is not one that this agent understands",
    )
    .with_cause(format!(
        "it is wrong at line {}, column {}",
        error.line(),
        error.column()
    ))
    .with_fix("deploy again: the command brings an agent of its own release")
}

#[cfg(test)]
mod tests;
