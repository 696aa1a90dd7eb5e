//! Host names: DNS labels, so that they can be folder names, attribute names and network names without quoting.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a host: the name of its folder below `hosts/`, and a DNS label (RFC 1123: 1 to 63 of `a-z 0-9 -`, no `-` at either end).
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
pub struct HostName(String);

/// Why a text is no [`HostName`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidHostName(&'static str);

impl fmt::Display for InvalidHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl HostName {
    /// Parses a host name.
    pub fn parse(text: &str) -> Result<Self, InvalidHostName> {
        if text.is_empty() {
            return Err(InvalidHostName("it is empty"));
        }
        if text.len() > 63 {
            return Err(InvalidHostName("it is longer than 63 characters"));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(InvalidHostName("it begins or ends with '-'"));
        }
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(InvalidHostName("it has upper-case letters"));
        }
        if !text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(InvalidHostName(
                "it has characters other than a-z, 0-9 and '-'",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = InvalidHostName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::HostName;

    #[test]
    fn accepts_dns_labels_and_nothing_else() {
        let long = "a".repeat(63);
        for good in ["web", "a", "0", "web-1", "x--y", long.as_str()] {
            assert!(HostName::parse(good).is_ok(), "{good} should be accepted");
        }
        let too_long = "a".repeat(64);
        for bad in [
            "",
            "-web",
            "web-",
            "Web",
            "web.example",
            "we b",
            "wéb",
            "web_1",
            "a/b",
            "..",
            "$(x)",
            "a\"b",
            too_long.as_str(),
        ] {
            assert!(HostName::parse(bad).is_err(), "{bad:?} should be refused");
        }
    }
}
