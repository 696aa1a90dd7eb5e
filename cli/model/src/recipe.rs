//! Recipes as nouns: which built-ins there are, what they can be told, and one piece of work for whoever makes things.
//!
//! A contract's `recipes.<n>` is what a person wrote ([`crate::contract::Recipe`]). A [`Job`] is that, checked and tied to the needs it fills.

mod options;
mod said;

pub use options::{OptionKind, OptionSpec};
pub use said::Said;

use crate::contract::{Declared, Format, Prompt};
use crate::{HostName, NeedName, Place};
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a script may write at most into one output: as much as a secret may hold.
pub const OUTPUT_LIMIT: usize = 1 << 20;

/// The recipes that need no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Builtin {
    /// Random characters.
    Password,
    /// Random bytes, as hexadecimal digits.
    Hex,
    /// Random words.
    Passphrase,
    /// An OpenSSH key.
    SshEd25519,
    /// An age identity.
    Age,
    /// A `WireGuard` key, or a key shared by two peers.
    Wireguard,
    /// A certificate authority.
    X509Ca,
    /// A certificate of such an authority.
    X509Cert,
    /// A hash of a password, as in `/etc/shadow`.
    PasswordHash,
}

/// Something a built-in makes besides its main secret. Its name is the need's with this ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extra {
    /// What comes after the dot: `web-key.pub`.
    pub suffix: &'static str,
    /// Whether it is a secret; otherwise it is a value.
    pub secret: bool,
    /// What it looks like.
    pub format: Format,
}

const PUB: &[Extra] = &[Extra {
    suffix: "pub",
    secret: false,
    format: Format::Text,
}];
const CERT: &[Extra] = &[Extra {
    suffix: "cert",
    secret: false,
    format: Format::Pem,
}];
const CLEAR: &[Extra] = &[Extra {
    suffix: "password",
    secret: true,
    format: Format::Text,
}];

impl Builtin {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Password,
        Self::Hex,
        Self::Passphrase,
        Self::SshEd25519,
        Self::Age,
        Self::Wireguard,
        Self::X509Ca,
        Self::X509Cert,
        Self::PasswordHash,
    ];

    /// The word in contracts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Hex => "hex",
            Self::Passphrase => "passphrase",
            Self::SshEd25519 => "ssh-ed25519",
            Self::Age => "age",
            Self::Wireguard => "wireguard",
            Self::X509Ca => "x509-ca",
            Self::X509Cert => "x509-cert",
            Self::PasswordHash => "password-hash",
        }
    }

    /// The built-in of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|builtin| builtin.as_str() == name)
    }

    /// What the main secret looks like.
    pub fn format(self) -> Format {
        match self {
            Self::Password | Self::Hex | Self::Passphrase | Self::Wireguard => Format::Text,
            Self::SshEd25519 => Format::SshKey,
            Self::Age => Format::AgeKey,
            Self::X509Ca | Self::X509Cert => Format::Pem,
            Self::PasswordHash => Format::PasswordHash,
        }
    }

    /// What it may make besides the main secret; [`Make::extras`] says what it does make.
    pub fn extras(self) -> &'static [Extra] {
        match self {
            Self::Password | Self::Hex | Self::Passphrase => &[],
            Self::SshEd25519 | Self::Age | Self::Wireguard => PUB,
            Self::X509Ca | Self::X509Cert => CERT,
            Self::PasswordHash => CLEAR,
        }
    }

    /// The need whose main secret this built-in makes together with `need`: `web-key` for `web-key.pub`, and otherwise `need` itself.
    pub fn main_need(self, need: &NeedName) -> NeedName {
        self.extras()
            .iter()
            .filter_map(|extra| need.as_str().strip_suffix(extra.suffix)?.strip_suffix('.'))
            .find_map(|base| NeedName::parse(base).ok())
            .unwrap_or_else(|| need.clone())
    }
}

impl fmt::Display for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that a certificate is valid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AltName {
    /// A DNS name; its first label may be `*`.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// A built-in with all it was told, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Make {
    /// Random characters.
    Password {
        /// How many.
        length: usize,
        /// Of these, each as likely as any other.
        characters: Vec<char>,
    },
    /// Random bytes.
    Hex {
        /// How many; the text is twice as long.
        bytes: usize,
    },
    /// Random words.
    Passphrase {
        /// How many.
        words: usize,
        /// What is between them.
        separator: String,
    },
    /// An OpenSSH key.
    SshEd25519 {
        /// What the public key says of itself.
        comment: String,
    },
    /// An age identity.
    Age,
    /// A `WireGuard` key.
    Wireguard {
        /// Whether it is one that two peers share, which has no public part.
        preshared: bool,
    },
    /// A certificate authority.
    X509Ca {
        /// Its name.
        common_name: String,
        /// How long it is valid.
        days: u32,
    },
    /// A certificate.
    X509Cert {
        /// Its name.
        common_name: String,
        /// What it is valid for.
        names: Vec<AltName>,
        /// How long it is valid.
        days: u32,
        /// The need that holds the key of the authority; its certificate is `<ca>.cert`.
        ca: NeedName,
    },
    /// A hash of a password.
    PasswordHash(Clear),
}

/// Which password is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clear {
    /// What a person answers to this prompt.
    Prompt(NeedName),
    /// Another secret.
    Need(NeedName),
    /// One that is made with it, of this many letters and digits, and kept as `<need>.password`.
    Generated(usize),
}

impl Make {
    /// Which built-in it is.
    pub fn builtin(&self) -> Builtin {
        match self {
            Self::Password { .. } => Builtin::Password,
            Self::Hex { .. } => Builtin::Hex,
            Self::Passphrase { .. } => Builtin::Passphrase,
            Self::SshEd25519 { .. } => Builtin::SshEd25519,
            Self::Age => Builtin::Age,
            Self::Wireguard { .. } => Builtin::Wireguard,
            Self::X509Ca { .. } => Builtin::X509Ca,
            Self::X509Cert { .. } => Builtin::X509Cert,
            Self::PasswordHash(_) => Builtin::PasswordHash,
        }
    }

    /// What it makes besides the main secret.
    pub fn extras(&self) -> &'static [Extra] {
        match self {
            Self::Wireguard { preshared: true }
            | Self::PasswordHash(Clear::Prompt(_) | Clear::Need(_)) => &[],
            _ => self.builtin().extras(),
        }
    }
}

/// Whose a thing that is made is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The same for all hosts that need it.
    Shared,
    /// One host's.
    Host(HostName),
}

/// Names a [`Job`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId {
    /// Whose.
    pub owner: Owner,
    /// The need it fills, or the recipe if that fills several.
    pub name: NeedName,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Owner::Shared => write!(f, "`{}` (shared)", self.name),
            Owner::Host(host) => write!(f, "`{}` of {host}", self.name),
        }
    }
}

/// How a job is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By ourselves.
    Builtin(Make),
    /// By a script of the contract.
    Script {
        /// The script.
        script: String,
        /// Packages of nixpkgs whose programs it calls; none: the programs of this machine.
        packages: Vec<String>,
    },
}

/// One thing that a job makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// What the recipe calls it: for a script the file in `$out`.
    pub output: NeedName,
    /// Whether it is a secret; otherwise it is a value.
    pub secret: bool,
    /// What it looks like.
    pub format: Format,
}

/// One run of a recipe, for the needs it fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Which.
    pub id: JobId,
    /// The recipe, or the built-in, as the needs name it.
    pub recipe: NeedName,
    /// How it is done.
    pub how: How,
    /// What it is made from, and whose that is.
    pub needs: BTreeMap<NeedName, Owner>,
    /// What a person is asked.
    pub prompts: BTreeMap<NeedName, Prompt>,
    /// What it makes, by the need that is filled with it.
    pub products: BTreeMap<NeedName, Product>,
    /// It is made anew when one of these changes, or [`Job::seed`].
    pub watched: BTreeMap<NeedName, Owner>,
    /// It is made anew when this changes.
    pub seed: Option<String>,
    /// After so many seconds it is of no use any more.
    pub expires: Option<u64>,
    /// After so many seconds it is replaced.
    pub every: Option<u64>,
    /// Hosts that need it.
    pub hosts: BTreeSet<HostName>,
    /// Where its recipe is declared, or, of a built-in without settings, the need.
    pub declared: Vec<Declared>,
}

impl Job {
    /// Where a fault of it lies.
    pub fn place(&self) -> Option<Place> {
        self.declared.first().map(Declared::place)
    }
}

#[cfg(test)]
mod tests {
    use super::{Builtin, Clear, Make};
    use crate::NeedName;

    fn need(name: &str) -> NeedName {
        NeedName::parse(name).expect("a name")
    }

    #[test]
    fn built_ins_are_known_by_name() {
        for builtin in Builtin::ALL {
            assert_eq!(Builtin::parse(builtin.as_str()), Some(builtin));
        }
        assert_eq!(Builtin::parse("passwort"), None);
    }

    #[test]
    fn public_parts_belong_to_their_secret() {
        let main = |builtin: Builtin, name: &str| builtin.main_need(&need(name)).to_string();
        assert_eq!(main(Builtin::SshEd25519, "key.pub"), "key");
        assert_eq!(main(Builtin::SshEd25519, "key"), "key");
        assert_eq!(main(Builtin::SshEd25519, "key.cert"), "key.cert");
        assert_eq!(main(Builtin::SshEd25519, "keypub"), "keypub");
        assert_eq!(main(Builtin::X509Cert, "web.x.cert"), "web.x");
        assert_eq!(main(Builtin::Password, "a.pub"), "a.pub");
        assert_eq!(main(Builtin::PasswordHash, "ada.password"), "ada");
    }

    #[test]
    fn what_has_no_second_part_makes_none() {
        let extras = |make: &Make| make.extras().len();
        assert_eq!(extras(&Make::Wireguard { preshared: true }), 0);
        assert_eq!(extras(&Make::Wireguard { preshared: false }), 1);
        assert_eq!(extras(&Make::PasswordHash(Clear::Generated(24))), 1);
        assert_eq!(extras(&Make::PasswordHash(Clear::Prompt(need("p")))), 0);
    }
}
