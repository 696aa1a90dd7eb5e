//! One key against one age file.

use super::{Key, Kind};
use crate::secret::person::{Asked, Person};
use age::DecryptError;
use std::iter;

/// What came of trying a key.
pub(in crate::secret) enum Attempt {
    /// It opens the file: the reader of the content.
    Opened(Box<age::stream::StreamReader<age::armor::ArmoredReader<Bytes>>>),
    /// The file is not encrypted to it.
    Unfit,
    /// It cannot be used, or it fits and something is wrong.
    Failed(String),
    /// It fits, and what is encrypted was changed afterwards.
    Tampered,
    /// It is another kind's turn: nothing was tried.
    NotNow,
}

/// The bytes of an age file, shared by all attempts, as the age crate reads them.
pub(in crate::secret) type Bytes = std::io::BufReader<std::io::Cursor<std::sync::Arc<[u8]>>>;

/// When a kind of key gets its turn: what asks nobody comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::secret) enum Turn {
    Free,
    LockedSsh,
    Plugin,
    LockedFile,
}

impl Turn {
    pub(in crate::secret) const ALL: [Self; 4] =
        [Self::Free, Self::LockedSsh, Self::Plugin, Self::LockedFile];
}

/// The age file that is tried, with who can be asked.
pub(in crate::secret) struct Lock<'a> {
    pub(in crate::secret) bytes: std::sync::Arc<[u8]>,
    /// The marks of SSH keys in its header.
    pub(in crate::secret) marks: &'a [String],
    pub(in crate::secret) person: &'a dyn Person,
    pub(in crate::secret) asked: Asked,
}

impl Key {
    /// Tries this key, if it is its turn.
    pub(in crate::secret) fn attempt(&self, turn: Turn, lock: &Lock<'_>) -> Attempt {
        match (&self.kind, turn) {
            (Kind::Age(identity), Turn::Free) => open(lock, identity),
            (Kind::Ssh(identity), Turn::Free) => open(lock, identity),
            (Kind::Unusable(reason), Turn::Free) => Attempt::Failed(reason.clone()),
            (Kind::LockedSsh(locked), Turn::LockedSsh) => {
                let fits = locked
                    .mark
                    .as_ref()
                    .is_some_and(|mark| lock.marks.contains(mark));
                if !fits {
                    return Attempt::Unfit;
                }
                match locked.open(&self.name, lock.person) {
                    Ok(identity) => open(lock, identity),
                    Err(reason) => Attempt::Failed((*reason).to_owned()),
                }
            }
            (Kind::Plugin(identity), Turn::Plugin) => with_plugin(lock, identity),
            (Kind::LockedFile(locked), Turn::LockedFile) => {
                match locked.open(&self.name, lock.person) {
                    Ok(keys) => first_that_fits(keys, lock),
                    Err(reason) => Attempt::Failed(reason.clone()),
                }
            }
            _ => Attempt::NotNow,
        }
    }
}

/// The keys of a file that was opened with a passphrase, in the same order as all others.
fn first_that_fits(keys: &[Key], lock: &Lock<'_>) -> Attempt {
    let mut failed = None;
    for turn in [Turn::Free, Turn::LockedSsh, Turn::Plugin] {
        for key in keys {
            match key.attempt(turn, lock) {
                Attempt::Unfit | Attempt::NotNow => {}
                Attempt::Failed(reason) => failed = Some(reason),
                found @ (Attempt::Opened(_) | Attempt::Tampered) => return found,
            }
        }
    }
    failed.map_or(Attempt::Unfit, Attempt::Failed)
}

fn with_plugin(lock: &Lock<'_>, identity: &age::plugin::Identity) -> Attempt {
    let plugin = identity.plugin();
    match age::plugin::IdentityPluginV1::new(
        plugin,
        std::slice::from_ref(identity),
        lock.asked.clone(),
    ) {
        Ok(identity) => open(lock, &identity),
        Err(_) => Attempt::Failed(format!("`age-plugin-{plugin}` is not in PATH")),
    }
}

fn open(lock: &Lock<'_>, identity: &dyn age::Identity) -> Attempt {
    let bytes = std::io::Cursor::new(std::sync::Arc::clone(&lock.bytes));
    let opened = age::Decryptor::new_buffered(age::armor::ArmoredReader::new(bytes))
        .and_then(|decryptor| decryptor.decrypt(iter::once(identity)));
    match opened {
        Ok(reader) => Attempt::Opened(Box::new(reader)),
        Err(DecryptError::NoMatchingKeys) => Attempt::Unfit,
        // The key opened its part of the header, and the header as a whole is not what was written.
        Err(DecryptError::InvalidMac) => Attempt::Tampered,
        Err(DecryptError::DecryptionFailed) => {
            Attempt::Failed("it seems to fit, but its part of the file is damaged".to_owned())
        }
        Err(error) => Attempt::Failed(crate::plain::strip_colours(&error.to_string())),
    }
}
