//! The private keys of whoever runs infra.
//!
//! They are read from the places where age, sops and ssh keep them. What needs a person (a passphrase, a token) is asked for only when no
//! other key fits, and only if the file says that this key can help.

mod places;
mod try_key;

pub use places::Places;
pub(super) use try_key::{Attempt, Bytes, Lock, Turn};

use super::person::{Asked, Nobody, Person, as_passphrase};
use super::{LIMIT, ReadFault, Recipient, Secret};
use age::ssh::UnsupportedKey;
use infra_model::{Code, Diagnostic, Place};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// All keys that were found, in the order in which they are tried.
#[derive(Clone)]
pub struct Identities {
    keys: Arc<Vec<Key>>,
    person: Arc<dyn Person>,
}

/// One private key and where it was found.
pub(super) struct Key {
    /// The file, as the user would write it.
    pub(super) name: String,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// An age key.
    Age(age::x25519::Identity),
    /// An SSH key without a passphrase.
    Ssh(age::ssh::Identity),
    /// An SSH key with one. Its public half is readable without.
    LockedSsh(LockedSsh),
    /// A key that a plugin holds.
    Plugin(age::plugin::Identity),
    /// A file of keys, encrypted with a passphrase.
    LockedFile(LockedFile),
    /// Something that no secret can be decrypted with, and why.
    Unusable(String),
}

/// An SSH key with a passphrase, opened at most once.
pub(super) struct LockedSsh {
    key: age::ssh::EncryptedKey,
    pub(super) mark: Option<String>,
    open: OnceLock<Result<age::ssh::Identity, &'static str>>,
}

/// A file of keys with a passphrase, opened at most once.
pub(super) struct LockedFile {
    bytes: Vec<u8>,
    open: OnceLock<Result<Vec<Key>, String>>,
}

/// How often a passphrase may be wrong.
const ATTEMPTS: usize = 3;
const NOBODY: &str = "it has a passphrase, and there is nobody to ask for it";
const WRONG: &str = "the passphrase was wrong";

impl Identities {
    /// Reads the keys at `places`. A place that was named must be there and be a key; the usual ones need not.
    pub fn load(places: &Places, person: Arc<dyn Person>) -> Result<Self, Diagnostic> {
        let mut keys = Vec::new();
        for place in places.all()? {
            let shown = place.path.display().to_string();
            let content = match read(&place.path, &shown) {
                Ok(Some(content)) => content,
                Ok(None) if !place.named => continue,
                Ok(None) => return Err(missing(&shown, place.by)),
                Err(fault) if place.named => return Err(fault),
                Err(fault) => {
                    keys.push(unusable(&shown, fault.cause.unwrap_or(fault.title)));
                    continue;
                }
            };
            let found = parse(&content, &shown);
            if place.named
                && let [
                    Key {
                        kind: Kind::Unusable(reason),
                        ..
                    },
                ] = found.as_slice()
            {
                return Err(no_key(&shown, place.by, reason));
            }
            keys.extend(found);
        }
        Ok(Self {
            keys: Arc::new(keys),
            person,
        })
    }

    /// The keys in one text (an identity file's content), without anybody to ask.
    pub fn of_text(content: &Secret, shown: &str) -> Self {
        Self {
            keys: Arc::new(parse(content, shown)),
            person: Arc::new(Nobody),
        }
    }

    /// No keys at all.
    pub fn none() -> Self {
        Self {
            keys: Arc::new(Vec::new()),
            person: Arc::new(Nobody),
        }
    }

    /// The public halves, as far as they can be known without a passphrase or a plugin.
    pub fn recipients(&self) -> Vec<Recipient> {
        let public = |key: &Key| match &key.kind {
            Kind::Age(identity) => Some(Recipient::of_age_identity(identity)),
            Kind::Ssh(identity) => Recipient::of_ssh_identity(identity),
            Kind::LockedSsh(locked) => {
                Recipient::of_ssh_identity(&age::ssh::Identity::Encrypted(locked.key.clone()))
            }
            Kind::Plugin(_) | Kind::LockedFile(_) | Kind::Unusable(_) => None,
        };
        self.keys.iter().filter_map(public).collect()
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(super) fn person(&self) -> &Arc<dyn Person> {
        &self.person
    }

    pub(super) fn asked(&self) -> Asked {
        Asked(Arc::clone(&self.person))
    }
}

fn unusable(shown: &str, reason: String) -> Key {
    Key {
        name: shown.to_owned(),
        kind: Kind::Unusable(reason),
    }
}

fn read(path: &Path, shown: &str) -> Result<Option<Secret>, Diagnostic> {
    let unreadable = |cause: String| {
        Diagnostic::new(
            Code::UnreadableFile,
            format!("the identity file `{shown}` cannot be read"),
        )
        .with_cause(cause)
        .with_place(Place::file(shown))
        .with_fix("make it a file that you can read, or name another one with INFRA_IDENTITY")
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let meta = file
        .metadata()
        .map_err(|error| unreadable(error.to_string()))?;
    if !meta.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    let expected = usize::try_from(meta.len()).unwrap_or(LIMIT);
    match Secret::read_at_most(file, expected, shown) {
        Ok(content) => Ok(Some(content)),
        Err(ReadFault::Io(error)) => Err(unreadable(error.to_string())),
        Err(ReadFault::TooLarge(_)) => Err(unreadable("it is larger than 1 MiB".to_owned())),
    }
}

/// What a file of keys holds. Never empty: a file without keys says why.
fn parse(content: &Secret, shown: &str) -> Vec<Key> {
    let bytes = content.expose();
    if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED") {
        return vec![Key {
            name: shown.to_owned(),
            kind: locked_file(bytes),
        }];
    }
    if bytes.starts_with(b"-----BEGIN ") {
        return vec![Key {
            name: shown.to_owned(),
            kind: ssh_key(bytes),
        }];
    }
    let Some(text) = content.expose_text() else {
        return vec![unusable(shown, "it is no text".to_owned())];
    };
    parse_lines(text, shown)
}

fn parse_lines(text: &str, shown: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let kind = if let Ok(identity) = line.parse::<age::x25519::Identity>() {
            Kind::Age(identity)
        } else if let Ok(identity) = line.parse::<age::plugin::Identity>() {
            Kind::Plugin(identity)
        } else {
            // The line may be a damaged private key: its number is enough to find it.
            return vec![unusable(
                shown,
                format!("line {} is no identity", number + 1),
            )];
        };
        keys.push(Key {
            name: shown.to_owned(),
            kind,
        });
    }
    if keys.is_empty() {
        keys.push(unusable(shown, "there is no identity in it".to_owned()));
    }
    keys
}

fn locked_file(bytes: &[u8]) -> Kind {
    let with_passphrase = age::Decryptor::new_buffered(age::armor::ArmoredReader::new(bytes))
        .map(|it| it.is_scrypt());
    match with_passphrase {
        Ok(true) => Kind::LockedFile(LockedFile {
            bytes: bytes.to_owned(),
            open: OnceLock::new(),
        }),
        Ok(false) => Kind::Unusable(
            "it is encrypted to keys; an identity file can be encrypted with a passphrase alone"
                .to_owned(),
        ),
        Err(error) => Kind::Unusable(format!("it is a damaged age file: {error}")),
    }
}

fn ssh_key(bytes: &[u8]) -> Kind {
    match age::ssh::Identity::from_buffer(bytes, None) {
        Ok(age::ssh::Identity::Encrypted(key)) => {
            let public = Recipient::of_ssh_identity(&age::ssh::Identity::Encrypted(key.clone()));
            Kind::LockedSsh(LockedSsh {
                mark: public.and_then(|key| key.ssh_mark()),
                key,
                open: OnceLock::new(),
            })
        }
        Ok(age::ssh::Identity::Unsupported(kind)) => Kind::Unusable(match kind {
            UnsupportedKey::EncryptedPem => {
                "it is in the old PEM format with a passphrase; `ssh-keygen -o -p -f FILE` converts it".to_owned()
            }
            UnsupportedKey::EncryptedSsh(cipher) => format!("it is encrypted with {cipher}, which age does not know"),
            UnsupportedKey::Hardware(kind) | UnsupportedKey::Type(kind) => format!("age cannot use keys of kind {kind}"),
        }),
        Ok(identity) => Kind::Ssh(identity),
        Err(error) => Kind::Unusable(format!("it is no SSH private key: {error}")),
    }
}

fn missing(shown: &str, by: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingFile,
        format!("the identity file `{shown}` does not exist"),
    )
    .with_place(Place::file(by))
    .with_fix(format!("correct {by}, or unset it"))
}

fn no_key(shown: &str, by: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(
        Code::NoIdentity,
        format!("`{shown}`, named by {by}, is no identity that secrets can be decrypted with"),
    )
    .with_cause(reason)
    .with_place(Place::file(shown))
    .with_fix("name a file with an age identity (AGE-SECRET-KEY-1…) or an SSH private key (ed25519 or RSA)")
}

impl LockedSsh {
    fn open(&self, name: &str, person: &dyn Person) -> &Result<age::ssh::Identity, &'static str> {
        self.open.get_or_init(|| {
            for attempt in 0..ATTEMPTS {
                let passphrase = ask(name, person, attempt).ok_or(NOBODY)?;
                if let Ok(key) = self.key.decrypt(passphrase) {
                    return Ok(age::ssh::Identity::from(key));
                }
            }
            Err(WRONG)
        })
    }
}

impl LockedFile {
    fn open(&self, name: &str, person: &dyn Person) -> &Result<Vec<Key>, String> {
        self.open.get_or_init(|| {
            for attempt in 0..ATTEMPTS {
                let passphrase = ask(name, person, attempt).ok_or(NOBODY)?;
                match super::sealed::open_with_passphrase(&self.bytes, passphrase) {
                    Ok(Some(content)) => return Ok(parse(&content, name)),
                    Ok(None) => {}
                    Err(reason) => return Err(reason),
                }
            }
            Err(WRONG.to_owned())
        })
    }
}

fn ask(name: &str, person: &dyn Person, attempt: usize) -> Option<age::secrecy::SecretString> {
    as_passphrase(&person.passphrase(&format!("the passphrase of {name}"), attempt > 0)?)
}
