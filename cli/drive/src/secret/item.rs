//! Which secret of the store is meant: its scope and its name.

use infra_model::{Code, Diagnostic, HostName};
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
    name: String,
}

impl Item {
    /// Checks the name.
    pub fn new(scope: Scope, name: &str) -> Result<Self, Diagnostic> {
        match name_fault(name) {
            None => Ok(Self {
                scope,
                name: name.to_owned(),
            }),
            Some(fault) => Err(Diagnostic::new(
                Code::Usage,
                format!(
                    "`{}` cannot be the name of a need: {fault}",
                    name.escape_debug()
                ),
            )
            .with_fix("use letters, digits and _.- with a letter, a digit or _ in front")),
        }
    }

    /// Whose it is.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Its name.
    pub fn name(&self) -> &str {
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
            Scope::Shared => f.write_str(&self.name),
            Scope::Host(host) => write!(f, "{} of {host}", self.name),
        }
    }
}

/// What keeps a text from being the name of a need; the same rule and sentences as in `nix/lib`.
fn name_fault(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 128;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > LONGEST {
        Some("it is longer than 128 characters")
    } else if name.starts_with(['.', '-']) {
        Some("it begins with '.' or '-'")
    } else if !name.bytes().all(fits) {
        Some("it has characters other than letters, digits and _.-")
    } else {
        None
    }
}
