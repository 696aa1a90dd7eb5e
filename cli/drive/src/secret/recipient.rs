//! Public keys that secrets are encrypted to.

use age::ssh::ParseRecipientKeyError;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use infra_model::{Code, Diagnostic, Place};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A public key, with its canonical text: what two spellings of one key have in common. The comment of an SSH key is not part of it.
#[derive(Clone)]
pub struct Recipient {
    text: String,
    key: Key,
}

/// The kinds the age crate knows. In an `Arc`, since not all of them can be cloned.
#[derive(Clone)]
pub(super) enum Key {
    /// Anything that one key can be encrypted to by itself.
    Alone(Arc<dyn age::Recipient + Send + Sync>),
    /// A key whose plugin encrypts; keys of one plugin go to it together.
    Plugin(age::plugin::Recipient),
}

impl Recipient {
    /// Parses one public key. `place` is where it stands, for the error.
    pub fn parse(text: &str, place: Option<Place>) -> Result<Self, Diagnostic> {
        let text = text.trim();
        let found = if text.starts_with("age1") {
            parse_age(text)
        } else {
            parse_ssh(text)
        };
        found.map_err(|cause| invalid(text, cause, place))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// The mark that an age file carries for an SSH key: the first bytes of the key's hash, in base64.
    pub(super) fn ssh_mark(&self) -> Option<String> {
        ssh_mark(&self.text)
    }

    /// The public half of a private SSH key.
    pub(super) fn of_ssh_identity(identity: &age::ssh::Identity) -> Option<Self> {
        let key = age::ssh::Recipient::try_from(identity.clone()).ok()?;
        Some(Self {
            text: key.to_string(),
            key: Key::Alone(Arc::new(key)),
        })
    }

    /// The public half of a private age key.
    pub(super) fn of_age_identity(identity: &age::x25519::Identity) -> Self {
        let key = identity.to_public();
        Self {
            text: key.to_string(),
            key: Key::Alone(Arc::new(key)),
        }
    }
}

/// The mark of an SSH key given by its text; `None` for keys of other kinds.
pub(super) fn ssh_mark(text: &str) -> Option<String> {
    let (kind, rest) = text.split_once(' ')?;
    if !kind.starts_with("ssh-") {
        return None;
    }
    let wire = BASE64_STANDARD
        .decode(rest.split(' ').next().unwrap_or_default())
        .ok()?;
    Some(BASE64_STANDARD_NO_PAD.encode(&Sha256::digest(&wire)[..4]))
}

fn parse_age(text: &str) -> Result<Recipient, String> {
    let alone = |key: Arc<dyn age::Recipient + Send + Sync>| Recipient {
        text: text.to_owned(),
        key: Key::Alone(key),
    };
    if let Ok(key) = text.parse::<age::x25519::Recipient>() {
        return Ok(alone(Arc::new(key)));
    }
    if let Ok(key) = text.parse::<age::tag::Recipient>() {
        return Ok(alone(Arc::new(key)));
    }
    if let Ok(key) = text.parse::<age::tagpq::Recipient>() {
        return Ok(alone(Arc::new(key)));
    }
    match text.parse::<age::plugin::Recipient>() {
        Ok(key) => Ok(Recipient {
            text: text.to_owned(),
            key: Key::Plugin(key),
        }),
        Err(reason) => Err(format!("it is no age public key: {reason}")),
    }
}

fn parse_ssh(text: &str) -> Result<Recipient, String> {
    let mut words = text.split_ascii_whitespace();
    let bare = format!(
        "{} {}",
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default()
    );
    let key = match bare.parse::<age::ssh::Recipient>() {
        Ok(key) => key,
        Err(ParseRecipientKeyError::RsaModulusTooSmall) => {
            return Err("RSA keys below 2048 bits are too weak".to_owned());
        }
        Err(ParseRecipientKeyError::RsaModulusTooLarge) => {
            return Err("RSA keys above 4096 bits are not supported by age".to_owned());
        }
        Err(ParseRecipientKeyError::Unsupported(kind)) => {
            return Err(format!("age cannot encrypt to SSH keys of kind {kind}"));
        }
        Err(_) => return Err("it is no public key that age can encrypt to".to_owned()),
    };
    let canonical = key.to_string();
    // The age crate stops at the first character that is no base64; then what stands there is not the key that was meant.
    if canonical.trim_end_matches('=') != bare.trim_end_matches('=') {
        return Err("something follows the key that does not belong to it".to_owned());
    }
    Ok(Recipient {
        text: canonical,
        key: Key::Alone(Arc::new(key)),
    })
}

fn invalid(text: &str, cause: String, place: Option<Place>) -> Diagnostic {
    let private = ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN"];
    let upper = text.to_ascii_uppercase();
    let fault = if private.iter().any(|start| upper.starts_with(start)) {
        Diagnostic::new(
            Code::InvalidRecipient,
            "a private key stands where a public key belongs",
        )
        .with_cause("it is not repeated here; whoever could read this file may have it")
        .with_fix("put the public half there (`age-keygen -y`, or the `.pub` file), and replace the private key")
    } else {
        Diagnostic::new(
            Code::InvalidRecipient,
            format!("`{}` is not a recipient", shortened(text)),
        )
        .with_cause(cause)
        .with_fix(
            "a recipient is an age public key (age1…), an SSH public key (ssh-ed25519 or ssh-rsa), or that of an age plugin (age1name1…)",
        )
    };
    match place {
        Some(place) => fault.with_place(Place {
            // The line may hold the private key.
            excerpt: None,
            ..place
        }),
        None => fault,
    }
}

/// Enough of a text to find it again.
fn shortened(text: &str) -> String {
    const MOST: usize = 24;
    let shown: String = text
        .chars()
        .take(MOST)
        .filter(|c| !c.is_control())
        .collect();
    if text.chars().count() > MOST {
        format!("{shown}…")
    } else {
        shown
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.text)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

impl PartialOrd for Recipient {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Recipient {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}
