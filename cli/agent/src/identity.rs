//! Opening what was sealed to the host's SSH key.

use crate::fault::refused;
use crate::host::Host;
use age::DecryptError;
use age::ssh::Identity;
use infra_model::bundle::Bundle;
use infra_model::{Code, Diagnostic};
use std::fs;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// The host's key, read once.
pub(crate) struct Key {
    identity: Identity,
}

impl Key {
    pub(crate) fn of(host: &Host) -> Result<Self, Diagnostic> {
        let path = host.identity();
        let unusable = |why: String| unusable_key(path, why);
        let text = fs::read(path)
            .map(Zeroizing::new)
            .map_err(|error| unusable(error.to_string()))?;
        let identity = Identity::from_buffer(text.as_slice(), None)
            .map_err(|error| unusable(error.to_string()))?;
        match identity {
            Identity::Unencrypted(_) => Ok(Self { identity }),
            Identity::Encrypted(_) => Err(unusable("it has a passphrase".to_owned())),
            Identity::Unsupported(_) => {
                Err(unusable("it is of a kind that age cannot use".to_owned()))
            }
        }
    }

    /// Opens a sealed bundle and checks it.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Bundle, Diagnostic> {
        let stream = age::Decryptor::new(sealed).and_then(|decryptor| {
            decryptor.decrypt(std::iter::once(&self.identity as &dyn age::Identity))
        });
        let mut stream = stream.map_err(|error| closed(&error))?;
        // Larger than what will be in it: a buffer that grows leaves copies of secrets behind.
        let mut json = Zeroizing::new(Vec::with_capacity(sealed.len() + 1));
        stream
            .read_to_end(&mut json)
            .map_err(|error| damaged(&error.to_string()))?;
        Bundle::parse(&json)
    }
}

fn unusable_key(path: &Path, why: String) -> Diagnostic {
    Diagnostic::new(
        Code::UnusableKey,
        format!("the host's SSH key {} cannot be used to open its secrets", path.display()),
    )
    .with_cause(why)
    .with_fix("it must be there, of type ed25519 and without a passphrase (ssh-keygen -A makes one); its public half belongs in host.pub")
}

fn closed(error: &DecryptError) -> Diagnostic {
    match error {
        DecryptError::NoMatchingKeys => Diagnostic::new(
            Code::UnusableKey,
            "the bundle is not sealed to the SSH key of this host",
        )
        .with_fix("put /etc/ssh/ssh_host_ed25519_key.pub of the host into its host.pub, then send the secrets again"),
        // Not age's own texts: they come through a translation which, in a build for development, is read from where age was built.
        DecryptError::Io(error) => damaged(&error.to_string()),
        DecryptError::InvalidHeader | DecryptError::UnknownFormat => {
            damaged("its header is not one of age's")
        }
        _ => damaged("it does not have the checksum it should have"),
    }
}

fn damaged(why: &str) -> Diagnostic {
    refused("the bundle is damaged, or is no sealed bundle")
        .with_cause(why)
        .with_fix("send the secrets again")
}
