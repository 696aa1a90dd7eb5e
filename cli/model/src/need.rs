//! Names of needs: the secrets and values, and the recipes, exports, wants, probes and templates, that a contract declares.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a need: 1 to 128 letters, digits and `_.-`, not beginning with `.` or `-`. So it is a file name, a systemd credential, a Nix
/// attribute and (upper-cased, with `_` for the rest) the end of an environment variable, and never a path.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"))]
pub struct NeedName(String);

/// A text that is no [`NeedName`], and why. The same sentences as in `nix/lib`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNeedName {
    text: String,
    why: &'static str,
}

impl fmt::Display for InvalidNeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.escape_debug();
        write!(f, "`{text}` cannot be the name of a need: {}", self.why)
    }
}

impl NeedName {
    /// Parses the name of a need.
    pub fn parse(text: &str) -> Result<Self, InvalidNeedName> {
        const MAX: usize = 128;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let why = if text.is_empty() {
            "it is empty"
        } else if text.len() > MAX {
            "it is longer than 128 characters"
        } else if text.starts_with(['.', '-']) {
            "it begins with '.' or '-'"
        } else if !text.bytes().all(fits) {
            "it has characters other than letters, digits and _.-"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(InvalidNeedName {
            text: text.to_owned(),
            why,
        })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it ends an environment variable: `mail-password` is `MAIL_PASSWORD`.
    pub fn in_environment(&self) -> String {
        in_environment(&self.0)
    }
}

/// A name as part of an environment variable.
pub fn in_environment(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

impl fmt::Display for NeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::borrow::Borrow<str> for NeedName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NeedName {
    type Error = InvalidNeedName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<NeedName> for String {
    fn from(name: NeedName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::NeedName;

    #[test]
    fn names_are_never_paths() {
        let long = "a".repeat(128);
        for good in ["a", "mail-password", "A_b.c-9", "_x", long.as_str()] {
            assert!(NeedName::parse(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(129);
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "-a",
            "a/b",
            "../a",
            "a b",
            "ä",
            "a\n",
            "a\0",
            "$(x)",
            too_long.as_str(),
        ] {
            assert!(NeedName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_become_variables() {
        let name = NeedName::parse("mail-password.2").expect("a name");
        assert_eq!(name.in_environment(), "MAIL_PASSWORD_2");
    }
}
