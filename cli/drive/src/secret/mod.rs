//! Secrets at rest: the age store of the repository, sops and agenix files, and commands that print a secret.
//!
//! A [`Secret`] is held as bytes that are wiped when they are dropped. It has no way into text by accident: no `Display`, no `Serialize`, and
//! a `Debug` that prints its length. Diagnostics made here name files, keys and recipients, never content.
//!
//! Reading is synchronous, except for [`command`]: what is slow here is a person with a passphrase, or a plugin.

pub mod agenix;
pub mod command;
pub mod editor;
mod folder;
pub mod identity;
pub mod item;
pub mod keyed;
pub mod own;
pub mod person;
pub mod recipient;
pub mod sealed;
pub mod sidecar;
pub mod sops;
pub mod store;

pub use identity::Identities;
pub use person::{Nobody, Person};
pub use recipient::Recipient;

use infra_model::{Code, Diagnostic};
use std::fmt;
use std::io::{self, Read};
use zeroize::Zeroizing;

/// The largest secret, in bytes. Whatever is larger is a file to be shipped some other way: every secret of a host travels in one bundle that
/// is held in memory on both sides.
pub const LIMIT: usize = 1 << 20;

/// The bytes of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(<{} bytes>)", self.0.len())
    }
}

impl Secret {
    /// Takes the bytes over; `what` names them in the error of one that is too large.
    pub fn new(bytes: Vec<u8>, what: &str) -> Result<Self, Diagnostic> {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() > LIMIT {
            return Err(too_large(what));
        }
        Ok(Self(bytes))
    }

    /// Reads until the end, but never more than the limit. The buffer does not grow on the way: growing leaves copies behind.
    pub fn read(from: impl Read, what: &str) -> Result<Self, ReadFault> {
        Self::read_at_most(from, LIMIT, what)
    }

    /// The same, where the content is known to have at most `expected` bytes, so that a small secret takes a small buffer.
    pub(crate) fn read_at_most(
        from: impl Read,
        expected: usize,
        what: &str,
    ) -> Result<Self, ReadFault> {
        // One more than allowed shows that there is more; the rest is room that `read_to_end` wants to see before it asks for the end.
        let most = expected.min(LIMIT) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(most + 64));
        from.take(most as u64)
            .read_to_end(&mut bytes)
            .map_err(ReadFault::Io)?;
        if bytes.len() > LIMIT {
            return Err(ReadFault::TooLarge(Box::new(too_large(what))));
        }
        Ok(Self(bytes))
    }

    /// The content. The only way to it, and easy to search for.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The content as text, if it is UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Without one line end: programs print one that does not belong to what they print.
    #[must_use]
    pub fn without_line_end(mut self) -> Self {
        if self.0.last() == Some(&b'\n') {
            self.0.pop();
            if self.0.last() == Some(&b'\r') {
                self.0.pop();
            }
        }
        self
    }
}

/// Why [`Secret::read`] failed.
#[derive(Debug)]
pub enum ReadFault {
    /// The source broke.
    Io(io::Error),
    /// There is more than the limit.
    TooLarge(Box<Diagnostic>),
}

fn too_large(what: &str) -> Diagnostic {
    Diagnostic::new(
        Code::SecretTooLarge,
        format!("{what} is larger than a secret may be"),
    )
    .with_cause(format!("the limit is {LIMIT} bytes (1 MiB)"))
    .with_fix("keep large files elsewhere, encrypted, and make only their key a secret")
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Diagnostic> {
    use rustix::rand::{GetRandomFlags, getrandom};
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        // Up to 256 bytes come at once, unless a signal interrupts.
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(
                    Diagnostic::new(Code::Internal, "the system gives no random numbers")
                        .with_cause(error.to_string()),
                );
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod identity_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
