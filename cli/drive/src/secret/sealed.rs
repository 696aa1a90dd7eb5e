//! One secret in one age file: to public keys, and back.

use super::identity::{Attempt, Bytes, Lock, Turn};
use super::person::{Asked, Person, as_passphrase};
use super::recipient::{Key, ssh_mark};
use super::{Identities, LIMIT, ReadFault, Recipient, Secret};
use age::armor::{ArmoredReader, Format};
use age::secrecy::SecretString;
use age::{DecryptError, EncryptError};
use infra_model::{Code, Diagnostic, Place};
use std::io::{Cursor, Read, Write};
use std::iter;
use std::sync::Arc;

/// The largest age file that is read: a secret at its limit, in armor, to very many keys.
pub(super) const FILE_LIMIT: usize = 4 * LIMIT;

/// An age file, and what is known about it for errors.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    /// The file (binary or armored).
    pub bytes: &'a [u8],
    /// Its name: `secrets/shared/mail.age`.
    pub shown: &'a str,
    /// The public keys it was encrypted to, where that is written down somewhere. The file itself does not say.
    pub recipients: &'a [String],
}

/// Encrypts a secret. The same secret gives another file each time.
pub fn seal(
    secret: &Secret,
    recipients: &[Recipient],
    person: &Arc<dyn Person>,
    shown: &str,
) -> Result<Vec<u8>, Diagnostic> {
    let keys = keys_of(recipients, person, shown)?;
    let sealed =
        age::Encryptor::with_recipients(keys.iter().map(AsRef::as_ref)).and_then(|encryptor| {
            let mut out = encryptor.wrap_output(Vec::with_capacity(secret.len() + 1024))?;
            out.write_all(secret.expose())?;
            Ok(out.finish()?)
        });
    sealed.map_err(|error| cannot_seal(&error, shown))
}

/// One key for each recipient, and one for all of a plugin.
fn keys_of(
    recipients: &[Recipient],
    person: &Arc<dyn Person>,
    shown: &str,
) -> Result<Vec<Arc<dyn age::Recipient>>, Diagnostic> {
    let mut keys: Vec<Arc<dyn age::Recipient>> = Vec::new();
    let mut of_plugins: Vec<age::plugin::Recipient> = Vec::new();
    for recipient in recipients {
        match recipient.key() {
            Key::Alone(key) => keys.push(Arc::clone(key) as _),
            Key::Plugin(key) => of_plugins.push(key.clone()),
        }
    }
    let mut plugins: Vec<&str> = of_plugins
        .iter()
        .map(age::plugin::Recipient::plugin)
        .collect();
    plugins.sort_unstable();
    plugins.dedup();
    for plugin in plugins {
        let asked = Asked(Arc::clone(person));
        let key = age::plugin::RecipientPluginV1::new(plugin, &of_plugins, &[], asked)
            .map_err(|_| missing_plugin(plugin, shown))?;
        keys.push(Arc::new(key));
    }
    Ok(keys)
}

/// Encrypts with a passphrase, for identity files.
pub fn seal_with_passphrase(content: &Secret, passphrase: &Secret) -> Result<Vec<u8>, Diagnostic> {
    let what = "a file with a passphrase";
    let passphrase = as_passphrase(passphrase).ok_or_else(|| {
        Diagnostic::new(Code::SecretUnreadable, "the passphrase is no text")
            .with_fix("use a passphrase of UTF-8 characters")
    })?;
    let encrypt = || {
        let mut out = age::Encryptor::with_user_passphrase(passphrase).wrap_output(Vec::new())?;
        out.write_all(content.expose())?;
        out.finish()
    };
    encrypt().map_err(|error| cannot_seal(&EncryptError::Io(error), what))
}

/// Decrypts an age file with the first identity that fits.
pub fn open(file: Sealed<'_>, identities: &Identities) -> Result<Secret, Diagnostic> {
    let bytes: Arc<[u8]> = Arc::from(file.bytes);
    let decryptor = decryptor(&bytes).map_err(|error| no_age_file(&error, file.shown))?;
    if decryptor.is_scrypt() {
        return open_asking(file, identities.person().as_ref());
    }
    let stanzas = stanzas(&bytes);
    let marks: Vec<String> = stanzas.iter().filter_map(Stanza::ssh_mark).collect();
    let lock = Lock {
        bytes,
        marks: &marks,
        person: identities.person().as_ref(),
        asked: identities.asked(),
    };
    let mut tried = Vec::new();
    for turn in Turn::ALL {
        for key in identities.keys() {
            match key.attempt(turn, &lock) {
                Attempt::NotNow => {}
                Attempt::Opened(reader) => return content(reader, file),
                Attempt::Tampered => return Err(tampered(file.shown, "its header was changed")),
                Attempt::Unfit => {
                    tried.push(format!("{}: the file is not encrypted to it", key.name));
                }
                Attempt::Failed(reason) => tried.push(format!("{}: {reason}", key.name)),
            }
        }
    }
    Err(no_identity(file, &tried, &stanzas))
}

fn decryptor(bytes: &Arc<[u8]>) -> Result<age::Decryptor<ArmoredReader<Bytes>>, DecryptError> {
    age::Decryptor::new_buffered(ArmoredReader::new(Cursor::new(Arc::clone(bytes))))
}

fn content(reader: impl Read, file: Sealed<'_>) -> Result<Secret, Diagnostic> {
    let what = format!("the content of `{}`", file.shown);
    Secret::read_at_most(reader, file.bytes.len(), &what).map_err(|fault| match fault {
        ReadFault::Io(_) => tampered(file.shown, "its content was changed or cut off"),
        ReadFault::TooLarge(fault) => fault.with_place(Place::file(file.shown)),
    })
}

/// A file that is encrypted with a passphrase: there is nothing to try but asking.
fn open_asking(file: Sealed<'_>, person: &dyn Person) -> Result<Secret, Diagnostic> {
    const ATTEMPTS: usize = 3;
    let refused = |cause: &str| {
        Diagnostic::new(
            Code::NoIdentity,
            format!("`{}` cannot be decrypted", file.shown),
        )
        .with_cause(cause)
        .with_place(Place::file(file.shown))
        .with_fix("run this on a terminal, or encrypt the file to keys instead of a passphrase")
    };
    for attempt in 0..ATTEMPTS {
        let what = format!("the passphrase of {}", file.shown);
        let passphrase = person
            .passphrase(&what, attempt > 0)
            .and_then(|passphrase| as_passphrase(&passphrase))
            .ok_or_else(|| {
                refused("it is encrypted with a passphrase, and there is nobody to ask for it")
            })?;
        match open_with_passphrase(file.bytes, passphrase) {
            Ok(Some(secret)) => return Ok(secret),
            Ok(None) => {}
            Err(reason) => return Err(tampered(file.shown, &reason)),
        }
    }
    Err(refused("the passphrase was wrong"))
}

/// Decrypts with a passphrase; `None`: it was wrong.
pub(super) fn open_with_passphrase(
    bytes: &[u8],
    passphrase: SecretString,
) -> Result<Option<Secret>, String> {
    /// As much work as the age command itself accepts without being told; a file may not ask for more.
    const WORK: u8 = 22;
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(WORK);
    let opened = age::Decryptor::new_buffered(ArmoredReader::new(bytes))
        .and_then(|decryptor| decryptor.decrypt(iter::once(&identity as &dyn age::Identity)));
    let reader = match opened {
        Ok(reader) => reader,
        Err(DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed) => return Ok(None),
        Err(DecryptError::InvalidMac) => return Err("its header was changed".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    match Secret::read_at_most(reader, bytes.len(), "the file") {
        Ok(secret) => Ok(Some(secret)),
        Err(ReadFault::Io(_)) => Err("its content was changed or cut off".to_owned()),
        Err(ReadFault::TooLarge(_)) => Err("its content is larger than 1 MiB".to_owned()),
    }
}

/// The binary form of an age file as text, for formats that hold text.
pub fn armored(bytes: &[u8]) -> Result<String, Diagnostic> {
    let write = || {
        let mut out = age::armor::ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        out.write_all(bytes)?;
        out.finish()
    };
    write()
        .map_err(|error| cannot_seal(&EncryptError::Io(error), "an armored age file"))
        .map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// A line of an age header: for whom the file is, as far as it says.
struct Stanza {
    kind: String,
    first: Option<String>,
}

impl Stanza {
    fn ssh_mark(&self) -> Option<String> {
        self.kind.starts_with("ssh-").then(|| self.first.clone())?
    }

    fn describe(&self) -> String {
        match (self.kind.as_str(), &self.first) {
            ("X25519", _) => "an age key (the file does not say which)".to_owned(),
            (kind, Some(mark)) if kind.starts_with("ssh-") => {
                format!("an {kind} key, marked {mark}")
            }
            (kind, _) => format!("a key of kind {kind}"),
        }
    }
}

/// The header's lines. Called for files whose header was already parsed in full; what it cannot read is only missing from an explanation.
fn stanzas(bytes: &Arc<[u8]>) -> Vec<Stanza> {
    /// A header of more is cut: it only serves explanations.
    const MOST: u64 = 1 << 20;
    let mut plain = Vec::new();
    let reader = ArmoredReader::new(Cursor::new(Arc::clone(bytes)));
    // The content behind a damaged armor is of no use to this, and the damage is reported when it is decrypted.
    let _ = reader.take(MOST).read_to_end(&mut plain);
    plain
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.starts_with(b"---"))
        .filter_map(|line| std::str::from_utf8(line.strip_prefix(b"-> ")?).ok())
        .map(|line| {
            let mut words = line.split(' ');
            Stanza {
                kind: words.next().unwrap_or_default().to_owned(),
                first: words.next().map(str::to_owned),
            }
        })
        // The age crate adds a line of random kind to each file, so that nobody relies on knowing all kinds.
        .filter(|stanza| !stanza.kind.ends_with("-grease"))
        .collect()
}

fn no_identity(file: Sealed<'_>, tried: &[String], stanzas: &[Stanza]) -> Diagnostic {
    let named = |stanza: &Stanza| {
        let mark = stanza.ssh_mark()?;
        let known = file.recipients.iter();
        known
            .into_iter()
            .find(|key| ssh_mark(key).as_ref() == Some(&mark))
            .cloned()
    };
    let recipients: Vec<String> = if file.recipients.is_empty() {
        stanzas
            .iter()
            .map(|stanza| named(stanza).unwrap_or_else(|| stanza.describe()))
            .collect()
    } else {
        file.recipients.to_vec()
    };
    let list = |lines: &[String]| {
        lines.iter().fold(String::new(), |all, line| {
            all + "
  " + line
        })
    };
    let (title, tried, fix) = if tried.is_empty() {
        (
            format!("`{}` cannot be decrypted: you have no identity", file.shown),
            "tried: nothing, since no identity was found".to_owned(),
            "put an age or SSH private key where it is looked for (~/.config/infra/identity, ~/.config/sops/age/keys.txt, ~/.ssh/id_ed25519), or name it with INFRA_IDENTITY",
        )
    } else {
        (
            format!(
                "`{}` cannot be decrypted: none of your identities opens it",
                file.shown
            ),
            format!("tried:{}", list(tried)),
            "name the identity of one of these recipients with INFRA_IDENTITY, or let somebody who has one rekey it (`infra secret rekey`)",
        )
    };
    Diagnostic::new(Code::NoIdentity, title)
        .with_cause(format!("{tried}\nit is encrypted to:{}", list(&recipients)))
        .with_place(Place::file(file.shown))
        .with_fix(fix)
}

pub(super) fn tampered(shown: &str, cause: &str) -> Diagnostic {
    Diagnostic::new(
        Code::SecretTampered,
        format!("`{shown}` is damaged or was tampered with"),
    )
    .with_cause(cause)
    .with_place(Place::file(shown))
    .with_fix("take the file from a version that was good (`git log -- FILE`), and find out who changed it")
}

fn no_age_file(error: &DecryptError, shown: &str) -> Diagnostic {
    let fault = Diagnostic::new(
        Code::SecretUnreadable,
        format!("`{shown}` is not an age file, or its beginning is damaged"),
    )
    .with_place(Place::file(shown));
    match error {
        DecryptError::UnknownFormat => fault
            .with_cause("it is of a version of age that infra does not know")
            .with_fix("encrypt it again with age 1.x"),
        _ => fault.with_cause("it does not begin like one").with_fix(
            "take the file from a version that was good (`git log -- FILE`), or encrypt it again",
        ),
    }
}

fn cannot_seal(error: &EncryptError, shown: &str) -> Diagnostic {
    let fault = match error {
        EncryptError::MissingRecipients => Diagnostic::new(
            Code::InvalidRecipient,
            format!("`{shown}` would be encrypted to nobody"),
        )
        .with_fix(
            "name at least one admin (`admins` in infra.toml), or a host that uses the secret",
        ),
        EncryptError::IncompatibleRecipients { .. } => Diagnostic::new(
            Code::InvalidRecipient,
            format!("`{shown}` cannot be encrypted to all of its recipients at once"),
        )
        .with_cause("some of them are post-quantum keys, which age does not mix with others")
        .with_fix("use keys of one kind for all admins and hosts"),
        error => Diagnostic::new(
            Code::SecretUnreadable,
            format!("`{shown}` could not be encrypted"),
        )
        .with_cause(crate::plain::strip_colours(&error.to_string()))
        .with_fix("see the cause; a plugin may need its token"),
    };
    fault.with_place(Place::file(shown))
}

fn missing_plugin(plugin: &str, shown: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingProgram,
        format!("`age-plugin-{plugin}` is not installed on this machine"),
    )
    .with_cause(format!(
        "`{shown}` has a recipient that only this plugin can encrypt to"
    ))
    .with_fix(format!(
        "install `age-plugin-{plugin}`, or put it into PATH"
    ))
}
