//! Which secret of the store is meant: its scope and its name.

use infra_model::{Code, Diagnostic, HostName, NeedName};
use std::fmt;

/// Whose secret it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One content for all hosts that need it.
    Shared,
    /// This host's alone.
    Host(HostName),
}

/// One secret of the store. Its name is never a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    scope: Scope,
    name: NeedName,
}

impl Item {
    /// A secret that is needed.
    pub fn new(scope: Scope, name: NeedName) -> Self {
        Self { scope, name }
    }

    /// The same by a name that was not read as one.
    pub fn parse(scope: Scope, name: &str) -> Result<Self, Diagnostic> {
        match NeedName::parse(name) {
            Ok(name) => Ok(Self::new(scope, name)),
            Err(why) => Err(Diagnostic::new(Code::Usage, why.to_string())
                .with_fix("use letters, digits and _.- with a letter, a digit or _ in front")),
        }
    }

    /// Whose it is.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Its name.
    pub fn name(&self) -> &NeedName {
        &self.name
    }

    /// The folders below `secrets/` that it lies in.
    pub(super) fn folders(&self) -> Vec<&str> {
        match &self.scope {
            Scope::Shared => vec!["shared"],
            Scope::Host(host) => vec!["hosts", host.as_str()],
        }
    }

    /// Its encrypted file, from the root of the repository.
    pub fn file(&self) -> String {
        self.path("age")
    }

    /// The file beside it that says for whom it is encrypted.
    pub fn sidecar(&self) -> String {
        self.path("toml")
    }

    fn path(&self, extension: &str) -> String {
        format!(
            "secrets/{}/{}.{extension}",
            self.folders().join("/"),
            self.name
        )
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Shared => f.write_str(self.name.as_str()),
            Scope::Host(host) => write!(f, "{} of {host}", self.name),
        }
    }
}
