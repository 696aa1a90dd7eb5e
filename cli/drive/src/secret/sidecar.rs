//! The file beside a secret: for whom it is encrypted, and which content it is, readable without any key.

use super::{Recipient, random};
use infra_model::{Code, Diagnostic, Place};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::SystemTime;

/// What stands in `<name>.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    schema: u32,
    /// Names the content: drawn at random when the content changes, kept when only its recipients do. It says nothing about the content.
    pub fingerprint: String,
    /// The digest of the encrypted file that this belongs to.
    ciphertext: String,
    /// The public keys it is encrypted to, sorted.
    pub recipients: Vec<String>,
    /// The recipe that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// When it was made (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// When it ends (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The recipe's seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// The fingerprint of the content before, while it is still accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// How long it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<String>,
}

/// What is written down about a content for those who make and rotate it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The recipe that made it.
    pub recipe: Option<String>,
    /// When it was made (RFC 3339).
    pub created: Option<String>,
    /// When it ends (RFC 3339).
    pub expires: Option<String>,
    /// The recipe's seed.
    pub seed: Option<String>,
    /// How long the content before stays accepted. If this is set, its fingerprint is remembered.
    pub grace: Option<String>,
}

impl Notes {
    /// Of a content that comes to be now.
    pub fn now() -> Self {
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        Self {
            created: Some(now.to_string()),
            ..Self::default()
        }
    }
}

const SCHEMA: u32 = 1;

/// How the recipients that were used differ from those that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stale {
    /// Wanted, but the secret is not encrypted to them.
    pub missing: Vec<String>,
    /// No longer wanted. They may still know the content: it should be rotated, not only rekeyed.
    pub extra: Vec<String>,
}

impl Sidecar {
    /// The sidecar of a new content. `before` is that of the content it replaces.
    pub(super) fn of_content(notes: Notes, before: Option<&Self>) -> Result<Self, Diagnostic> {
        let previous = notes.grace.as_ref().and(before);
        Ok(Self {
            schema: SCHEMA,
            fingerprint: fingerprint()?,
            ciphertext: String::new(),
            recipients: Vec::new(),
            recipe: notes.recipe,
            created: notes.created,
            expires: notes.expires,
            seed: notes.seed,
            previous: previous.map(|before| before.fingerprint.clone()),
            grace: notes.grace,
        })
    }

    /// The same content in another encrypted file.
    pub(super) fn in_file(mut self, ciphertext: &[u8], recipients: &[Recipient]) -> Self {
        let recipients: BTreeSet<&str> = recipients.iter().map(Recipient::as_str).collect();
        self.recipients = recipients.into_iter().map(str::to_owned).collect();
        self.ciphertext = digest(ciphertext);
        self
    }

    /// Reads a sidecar; `shown` is its name for errors.
    pub(super) fn parse(text: &str, shown: &str) -> Result<Self, Diagnostic> {
        let sidecar: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(
                || Place::file(shown),
                |span| Place::in_text(shown, text, span.start),
            );
            unreadable(shown, error.message()).with_place(place)
        })?;
        if sidecar.schema != SCHEMA {
            return Err(Diagnostic::new(
                Code::SchemaMismatch,
                format!(
                    "`{shown}` has schema {}, and this infra knows {SCHEMA}",
                    sidecar.schema
                ),
            )
            .with_place(Place::file(shown))
            .with_fix("use the version of infra that wrote it, or a later one"));
        }
        Ok(sidecar)
    }

    /// As it stands in the file.
    pub(super) fn to_text(&self) -> Result<String, Diagnostic> {
        let body = toml::to_string_pretty(self).map_err(|error| {
            Diagnostic::new(Code::Internal, "a sidecar could not be written")
                .with_cause(error.to_string())
        })?;
        Ok(format!(
            "# Made by infra, read without any key. The secret itself is in the .age file beside it.\n{body}"
        ))
    }

    /// Whether this belongs to the encrypted file.
    pub(super) fn belongs_to(&self, ciphertext: &[u8]) -> bool {
        self.ciphertext == digest(ciphertext)
    }

    /// Compares the recipients with those that are wanted; `None` if they are the same.
    pub fn stale(&self, wanted: &[Recipient]) -> Option<Stale> {
        let have: BTreeSet<&str> = self.recipients.iter().map(String::as_str).collect();
        let want: BTreeSet<&str> = wanted.iter().map(Recipient::as_str).collect();
        let only = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
            these
                .difference(those)
                .map(|key| (*key).to_owned())
                .collect()
        };
        let stale = Stale {
            missing: only(&want, &have),
            extra: only(&have, &want),
        };
        (stale != Stale::default()).then_some(stale)
    }
}

/// A new name for a content: 128 random bits in the alphabet of base32, which survives every file system and shell.
fn fingerprint() -> Result<String, Diagnostic> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bits = u128::from_be_bytes(random::<16>()?);
    let mut text = String::with_capacity(26);
    for _ in 0..26 {
        text.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    Ok(text)
}

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(super) fn unreadable(shown: &str, cause: &str) -> Diagnostic {
    Diagnostic::new(
        Code::SecretUnreadable,
        format!("`{shown}` cannot be understood"),
    )
    .with_cause(cause)
    .with_place(Place::file(shown))
    .with_fix("take the file from a version that was good (`git log -- FILE`); without it, infra takes the .age file as one of your own")
}
