//! Fingerprints of contents that nobody wrote a fingerprint down for: what a program prints, say.
//!
//! They are made with a key that never leaves this machine, so that a fingerprint tells nothing of a content, however easy it were to guess.
//! Another machine makes others: then the same content is sent once more, and the host finds that nothing has changed.

use super::Secret;
use infra_model::{Code, Diagnostic, Place};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

const KEY: usize = 32;

/// Makes fingerprints.
pub struct Fingerprints {
    key: Zeroizing<[u8; KEY]>,
}

impl Fingerprints {
    /// Reads this machine's key from the folder, making it if it is not there.
    pub fn of_machine(folder: &Path) -> Result<Self, Diagnostic> {
        let file = folder.join("fingerprint.key");
        let unusable = |error: &io::Error| {
            Diagnostic::new(
                Code::StateUnwritable,
                format!("{} cannot be used", file.display()),
            )
            .with_cause(error.to_string())
            .with_place(Place::file(file.display().to_string()))
            .with_fix("make it a file of 32 bytes that only you may read, or remove it: another one is made")
        };
        match std::fs::read(&file) {
            Ok(bytes) => Self::of_bytes(&Zeroizing::new(bytes)).map_err(|error| unusable(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(folder, &file).map_err(|error| unusable(&error))?;
                // Whoever made it: two processes may do this at once, and one key wins.
                let bytes = std::fs::read(&file).map_err(|error| unusable(&error))?;
                Self::of_bytes(&Zeroizing::new(bytes)).map_err(|error| unusable(&error))
            }
            Err(error) => Err(unusable(&error)),
        }
    }

    fn of_bytes(bytes: &[u8]) -> io::Result<Self> {
        let key: [u8; KEY] = bytes
            .try_into()
            .map_err(|_| io::Error::other(format!("it has {} bytes", bytes.len())))?;
        Ok(Self {
            key: Zeroizing::new(key),
        })
    }

    /// The fingerprint of a content: 128 bits in hexadecimal.
    pub fn of(&self, secret: &Secret) -> String {
        let mut hash = Sha256::new();
        hash.update(*self.key);
        hash.update(secret.expose());
        short(&hash.finalize())
    }
}

/// A short name of bytes that are not secret (an encrypted file): 128 bits of their SHA-256.
pub fn of_public(bytes: &[u8]) -> String {
    short(&Sha256::digest(bytes))
}

fn short(digest: &[u8]) -> String {
    digest
        .iter()
        .take(16)
        .fold(String::new(), |mut text, byte| {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn make(folder: &Path, file: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut key = Zeroizing::new([0_u8; KEY]);
    rustix::rand::getrandom(key.as_mut_slice(), rustix::rand::GetRandomFlags::empty())?;
    let mut whole = tempfile::Builder::new()
        .prefix(".key-")
        .make_in(folder, |path| {
            std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
        })?;
    whole.write_all(key.as_slice())?;
    whole.as_file().sync_all()?;
    match whole.persist_noclobber(file) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprints;
    use crate::secret::Secret;
    use std::os::unix::fs::PermissionsExt as _;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec(), "x").expect("small")
    }

    #[test]
    fn a_machine_knows_a_content_again_and_another_does_not() {
        let (here, there) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        let of = |dir: &tempfile::TempDir, text: &str| {
            Fingerprints::of_machine(dir.path())
                .expect("a key")
                .of(&secret(text))
        };
        assert_eq!(of(&here, "a"), of(&here, "a"));
        assert_ne!(of(&here, "a"), of(&here, "b"));
        assert_ne!(of(&here, "a"), of(&there, "a"));
        let file = here.path().join("fingerprint.key");
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&file, "short").expect("written");
        let fault = Fingerprints::of_machine(here.path())
            .err()
            .expect("refused");
        assert!(fault.cause.expect("a cause").contains("5 bytes"));
    }
}
