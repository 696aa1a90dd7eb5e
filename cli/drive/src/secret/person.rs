//! Whoever can be asked for a passphrase, or to touch a token.

use super::Secret;
use age::secrecy::SecretString;
use std::sync::Arc;

/// Answers what keys ask while they are used. The caller decides whether there is a terminal, and how it is used.
pub trait Person: Send + Sync {
    /// A passphrase: `what` is `the passphrase of /home/ada/.ssh/id_ed25519`, `again` is set if the answer before was wrong. `None`: nobody
    /// is there, or does not want to.
    fn passphrase(&self, what: &str, again: bool) -> Option<Secret>;

    /// Says something while a key waits (`touch your token`).
    fn tell(&self, _message: &str) {}

    /// A question of a plugin, with the text of its answers. `None`: nobody is there.
    fn confirm(&self, _question: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
        None
    }

    /// A question of a plugin whose answer is no secret. `None`: nobody is there.
    fn answer(&self, _question: &str) -> Option<String> {
        None
    }
}

/// Nobody is there: every key that needs a person is reported as such.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Person for Nobody {
    fn passphrase(&self, _what: &str, _again: bool) -> Option<Secret> {
        None
    }
}

/// The person, as the age crate asks.
#[derive(Clone)]
pub(super) struct Asked(pub(super) Arc<dyn Person>);

impl age::Callbacks for Asked {
    fn display_message(&self, message: &str) {
        self.0.tell(message);
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.0.confirm(message, yes, no)
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0.answer(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        as_passphrase(&self.0.passphrase(description, false)?)
    }
}

/// A passphrase as the age crate takes it; it wipes it, too. `None` if it is no text.
pub(super) fn as_passphrase(secret: &Secret) -> Option<SecretString> {
    Some(SecretString::from(secret.expose_text()?.to_owned()))
}
