//! Paths of a Nix store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An exact path below `/nix/store`: `/nix/store/<32 characters of nix base-32>-<name>`.
///
/// Parsed, so that it can be put into a command line for a host without quoting: name characters are the ones Nix allows
/// (`a-z A-Z 0-9 + - . _ ? =`), none of which a shell reads as anything but text, except `?`, which is quoted where it matters.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^/nix/store/[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+._?=-]+$"))]
pub struct StorePath(String);

const STORE: &str = "/nix/store/";
const HASH_LENGTH: usize = 32;

impl StorePath {
    /// Parses a store path; `None` if it is anything else, a path *inside* a store path included.
    pub fn parse(text: &str) -> Option<Self> {
        let base = text.strip_prefix(STORE)?;
        let (hash, name) = base.split_once('-')?;
        let hash_ok = hash.len() == HASH_LENGTH
            && hash
                .bytes()
                .all(|b| b.is_ascii_digit() || (b.is_ascii_lowercase() && !b"eotu".contains(&b)));
        let name_ok = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b));
        (hash_ok && name_ok).then(|| Self(text.to_owned()))
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without store and hash: `nixos-system-web-26.05`.
    pub fn name(&self) -> &str {
        self.0
            .get(STORE.len() + HASH_LENGTH + 1..)
            .unwrap_or_default()
    }

    /// Whether it is a derivation: something to build, not something built.
    pub fn is_derivation(&self) -> bool {
        self.0.strip_suffix(".drv").is_some()
    }

    /// Hash (shortened to what a person can compare) and name, for display.
    pub fn short(&self) -> String {
        let hash = self.0.get(STORE.len()..STORE.len() + 8).unwrap_or_default();
        format!("{hash}…-{}", self.name())
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for StorePath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("'{text}' is not a store path"))
    }
}

impl From<StorePath> for String {
    fn from(path: StorePath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::StorePath;

    #[test]
    fn parses_store_paths_and_nothing_else() {
        let good = "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-nixos-system-web-26.05";
        let path = StorePath::parse(good).expect("a store path");
        assert_eq!(path.name(), "nixos-system-web-26.05");
        assert_eq!(path.short(), "1ymw2907…-nixos-system-web-26.05");
        for bad in [
            "",
            "/nix/store/",
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj",
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-",
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dh-x",
            "/nix/store/eymw2907bm1s9n6n8lsmbb267gch9dhj-x",
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-x/bin/sh",
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-x;reboot",
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-x y",
            "/tmp/1ymw2907bm1s9n6n8lsmbb267gch9dhj-x",
        ] {
            assert!(StorePath::parse(bad).is_none(), "{bad:?} should be refused");
        }
    }
}
