//! The values of a file in the order of the file, and how they are decrypted and authenticated.

use super::cipher::{self, DataKey, Type};
use super::metadata::Metadata;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

/// One document: the entries of its top level.
pub(super) type Document = Vec<(String, Node)>;

/// A value or a group of values.
pub(super) enum Node {
    Map(Document),
    List(Vec<Node>),
    Leaf(Leaf),
    /// Neither encrypted nor authenticated.
    Null,
}

/// A single value.
pub(super) struct Leaf {
    pub(super) kind: Kind,
    /// As sops authenticates it.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    /// A number or a time: whatever prints as it is authenticated.
    Other,
}

/// With this, files whose MAC covers encrypted values only begin it, so that the one kind is never taken for the other. It is the SHA-256 of
/// `sops`.
fn only_encrypted_prefix() -> impl AsRef<[u8]> {
    sha2::Sha256::digest(b"sops")
}

/// As deep as files may nest: far more than any real one, and little enough for the stack.
pub(super) const DEEPEST: usize = 128;

impl Leaf {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Text,
            bytes: Zeroizing::new(text.into().into_bytes()),
        }
    }

    pub(super) fn int(value: i64) -> Self {
        Self::other(value.to_string())
    }

    pub(super) fn other(text: String) -> Self {
        Self {
            kind: Kind::Other,
            bytes: Zeroizing::new(text.into_bytes()),
        }
    }

    pub(super) fn bool(value: bool) -> Self {
        Self {
            kind: Kind::Bool,
            bytes: Zeroizing::new(if value {
                b"True".to_vec()
            } else {
                b"False".to_vec()
            }),
        }
    }

    pub(super) fn float(value: f64) -> Self {
        Self::other(float_text(value))
    }

    /// The value as a program wants it.
    pub(super) fn printed(&self) -> Vec<u8> {
        match self.kind {
            Kind::Bool => self.bytes.to_ascii_lowercase(),
            Kind::Text | Kind::Other => self.bytes.to_vec(),
        }
    }
}

/// A number as Go prints it: without an exponent, and with as many digits as it takes.
fn float_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

impl Node {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Leaf(leaf) => std::str::from_utf8(&leaf.bytes).ok(),
            Self::Map(_) | Self::List(_) | Self::Null => None,
        }
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, node)| node),
            Self::List(_) | Self::Leaf(_) | Self::Null => None,
        }
    }

    /// What is in a group. Names of keys are in clear in the file.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Map(entries) => names(entries),
            Self::List(items) => format!("{} values", items.len()),
            Self::Leaf(_) => "one value".to_owned(),
            Self::Null => "nothing".to_owned(),
        }
    }
}

/// The first keys of a group.
pub(super) fn names(entries: &[(String, Node)]) -> String {
    const MOST: usize = 12;
    let mut shown: Vec<String> = entries
        .iter()
        .take(MOST)
        .map(|(key, _)| format!("`{}`", key.escape_debug()))
        .collect();
    if entries.len() > MOST {
        shown.push(format!("{} more", entries.len() - MOST));
    }
    shown.join(", ")
}

/// Decrypts all values in place, and checks the MAC. The error is the cause of a diagnostic.
pub(super) fn decrypt(
    documents: &mut [Document],
    metadata: &Metadata,
    key: &DataKey,
) -> Result<(), String> {
    let mut walk = Walk {
        metadata,
        key,
        hash: Sha512::new(),
        path: Vec::new(),
    };
    if metadata.mac_only_encrypted {
        walk.hash.update(only_encrypted_prefix());
    }
    for document in documents {
        walk.map(document)?;
    }
    let computed = walk.hash.finalize();
    let stored = metadata.mac(key)?;
    let mut hex = String::with_capacity(128);
    for byte in computed {
        use std::fmt::Write;
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02X}");
    }
    if stored.as_slice() == hex.as_bytes() {
        Ok(())
    } else {
        Err("its MAC does not fit its values: some were changed, removed, added or moved without sops".to_owned())
    }
}

struct Walk<'a> {
    metadata: &'a Metadata,
    key: &'a DataKey,
    hash: Sha512,
    path: Vec<String>,
}

impl Walk<'_> {
    fn map(&mut self, entries: &mut [(String, Node)]) -> Result<(), String> {
        for (name, node) in entries {
            self.path.push(name.clone());
            self.node(node)?;
            self.path.pop();
        }
        Ok(())
    }

    fn node(&mut self, node: &mut Node) -> Result<(), String> {
        match node {
            Node::Map(entries) => self.map(entries),
            // The place in a list is not part of the path.
            Node::List(items) => items.iter_mut().try_for_each(|item| self.node(item)),
            Node::Leaf(leaf) => self.leaf(leaf),
            Node::Null => Ok(()),
        }
    }

    fn leaf(&mut self, leaf: &mut Leaf) -> Result<(), String> {
        let encrypted = self.metadata.rules.encrypts(&self.path);
        // sops does not encrypt an empty text.
        if encrypted && !(leaf.kind == Kind::Text && leaf.bytes.is_empty()) {
            *leaf = self.decrypted(leaf).map_err(|cause| {
                format!(
                    "the value of `{}`: {cause}",
                    self.path.join("/").escape_debug()
                )
            })?;
        }
        if encrypted || !self.metadata.mac_only_encrypted {
            self.hash.update(&*leaf.bytes);
        }
        Ok(())
    }

    fn decrypted(&self, leaf: &Leaf) -> Result<Leaf, String> {
        const PLAIN: &str = "it is not encrypted, though it should be";
        if leaf.kind != Kind::Text {
            return Err(PLAIN.to_owned());
        }
        let text = std::str::from_utf8(&leaf.bytes).map_err(|_| PLAIN)?;
        let mut path = self.path.join(":");
        path.push(':');
        let (kind, bytes) = cipher::decrypt(text, self.key, &path)?;
        let text = || std::str::from_utf8(&bytes).unwrap_or_default();
        match kind {
            Type::Str | Type::Bytes => Ok(Leaf {
                kind: Kind::Text,
                bytes,
            }),
            Type::Int | Type::Time => Ok(Leaf {
                kind: Kind::Other,
                bytes,
            }),
            Type::Float => match text().parse() {
                Ok(value) => Ok(Leaf::float(value)),
                Err(_) => Err("it is said to be a number and is none".to_owned()),
            },
            Type::Bool => match text() {
                "True" | "true" | "TRUE" | "T" | "t" | "1" => Ok(Leaf::bool(true)),
                "False" | "false" | "FALSE" | "F" | "f" | "0" => Ok(Leaf::bool(false)),
                _ => Err("it is said to be true or false and is neither".to_owned()),
            },
            Type::Comment => Err("it is a comment where a value belongs".to_owned()),
        }
    }
}
