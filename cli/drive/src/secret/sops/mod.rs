//! Files of sops: YAML, JSON, dotenv, INI and binary, with age recipients.
//!
//! Such a file keeps its keys readable and encrypts its values one by one, each bound to its path, with one data key that is encrypted to the
//! recipients. A MAC over all values in the order of the file keeps them from being swapped, removed or added. It is checked before any value
//! is handed out.

mod cipher;
mod dotenv;
mod ini;
mod json;
mod metadata;
mod path;
mod rules;
mod tree;
mod yaml;
mod yaml_scalar;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;

pub use path::KeyPath;

use super::agenix::bytes_of;
use super::sealed::{self, Sealed, tampered};
use super::{Identities, Secret};
use cipher::DataKey;
use infra_model::{Code, Diagnostic, Place};
use metadata::Metadata;
use std::path::Path;
use tree::{Document, Node};

/// How a file is written. sops decides by its name, and so do we.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.yaml`, `.yml`
    Yaml,
    /// `.json`
    Json,
    /// `.env`
    Dotenv,
    /// `.ini`
    Ini,
    /// Everything else: one value, wrapped in JSON.
    Binary,
}

impl Format {
    /// The format of a file of this name.
    pub fn of_name(name: &str) -> Self {
        let ends = |ending: &str| name.ends_with(ending);
        if ends(".yaml") || ends(".yml") {
            Self::Yaml
        } else if ends(".json") {
            Self::Json
        } else if ends(".env") {
            Self::Dotenv
        } else if ends(".ini") {
            Self::Ini
        } else {
            Self::Binary
        }
    }
}

/// A sops file that was decrypted and whose MAC was right.
pub struct Opened {
    shown: String,
    format: Format,
    documents: Vec<Document>,
}

/// The text of a sops file, before it is decrypted.
struct Parsed {
    documents: Vec<Document>,
    metadata: Metadata,
}

/// Reads, decrypts and verifies a file; `shown` is its name for errors.
pub fn open(path: &Path, shown: &str, identities: &Identities) -> Result<Opened, Diagnostic> {
    let bytes = bytes_of(path, shown)?;
    open_bytes(&bytes, Format::of_name(shown), shown, identities)
}

/// The public keys that a file names as its recipients; no key is needed.
pub fn recipients(path: &Path, shown: &str) -> Result<Vec<String>, Diagnostic> {
    let bytes = bytes_of(path, shown)?;
    Ok(parse(&bytes, Format::of_name(shown), shown)?
        .metadata
        .recipients())
}

fn open_bytes(
    bytes: &[u8],
    format: Format,
    shown: &str,
    identities: &Identities,
) -> Result<Opened, Diagnostic> {
    let Parsed {
        mut documents,
        metadata,
    } = parse(bytes, format, shown)?;
    let key = data_key(&metadata, shown, identities)?;
    tree::decrypt(&mut documents, &metadata, &key).map_err(|cause| tampered(shown, &cause))?;
    Ok(Opened {
        shown: shown.to_owned(),
        format,
        documents,
    })
}

fn parse(bytes: &[u8], format: Format, shown: &str) -> Result<Parsed, Diagnostic> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| not_sops(shown, "it is no UTF-8 text").with_place(Place::file(shown)))?;
    let (documents, metadata) = match format {
        Format::Yaml => yaml::parse(text, shown).map(metadata::take_nested)?,
        Format::Json | Format::Binary => json::parse(text, shown).map(metadata::take_nested)?,
        Format::Dotenv => dotenv::parse(text, shown).map(metadata::take_prefixed)?,
        Format::Ini => ini::parse(text, shown).map(metadata::take_section)?,
    };
    let Some(metadata) = metadata else {
        return Err(not_sops(
            shown,
            "it has no `sops` metadata: it is not encrypted",
        ));
    };
    let metadata = Metadata::of(&metadata).map_err(|fault| fault.at(shown))?;
    Ok(Parsed {
        documents,
        metadata,
    })
}

/// The first data key that an identity opens.
fn data_key(
    metadata: &Metadata,
    shown: &str,
    identities: &Identities,
) -> Result<DataKey, Diagnostic> {
    let recipients = metadata.recipients();
    let mut fault = None;
    for holder in &metadata.holders {
        let file = Sealed {
            bytes: holder.sealed.as_bytes(),
            shown,
            recipients: &recipients,
        };
        match sealed::open(file, identities) {
            Ok(key) => {
                return DataKey::of(&key).ok_or_else(|| {
                    tampered(
                        shown,
                        &format!("the data key for {} has a wrong length", holder.recipient),
                    )
                });
            }
            // A damaged part for one recipient is no reason not to try the next; but it is worth more than that no key fits.
            Err(other) if other.code == Code::NoIdentity => {
                fault.get_or_insert(other);
            }
            Err(other) => fault = Some(other),
        }
    }
    Err(fault.unwrap_or_else(|| no_age(metadata, shown)))
}

impl Opened {
    /// One value.
    pub fn get(&self, key: &KeyPath) -> Result<Secret, Diagnostic> {
        let mut fault = None;
        for document in &self.documents {
            match key.find(document) {
                Ok(node) => return self.value(node, key),
                Err(missing) => {
                    fault.get_or_insert(missing);
                }
            }
        }
        let cause = fault.unwrap_or_else(|| "it has no keys at all".to_owned());
        Err(Diagnostic::new(
            Code::SecretMissing,
            format!("`{}` has no `{key}`", self.shown),
        )
        .with_cause(cause)
        .with_place(Place::file(&self.shown))
        .with_fix(format!(
            "correct the reference, or add the key: `sops {}`",
            self.shown
        )))
    }

    /// The whole content, for formats that are one value: binary files and dotenv files.
    pub fn whole(&self) -> Result<Secret, Diagnostic> {
        match self.format {
            Format::Binary => self.get(&KeyPath::one("data")),
            Format::Dotenv => {
                let text = dotenv::print(&self.documents);
                Secret::new(text, &format!("`{}`", self.shown))
            }
            Format::Yaml | Format::Json | Format::Ini => Err(Diagnostic::new(
                Code::Usage,
                format!("a reference to `{}` must name a key in it", self.shown),
            )
            .with_place(Place::file(&self.shown))
            .with_fix(format!(
                "write `sops:{}#key`, or `#a/b/0` for a key inside others",
                self.shown
            ))),
        }
    }

    fn value(&self, node: &Node, key: &KeyPath) -> Result<Secret, Diagnostic> {
        let refused = |what: String, fix: &str| {
            Diagnostic::new(
                Code::WrongType,
                format!("`{key}` in `{}` is {what}, not one value", self.shown),
            )
            .with_place(Place::file(&self.shown))
            .with_fix(fix)
        };
        match node {
            Node::Leaf(leaf) => {
                Secret::new(leaf.printed(), &format!("`{key}` in `{}`", self.shown))
            }
            Node::Null => Err(refused(
                "null".to_owned(),
                "give it a value, or leave the reference out",
            )),
            Node::Map(_) | Node::List(_) => Err(refused(
                format!("a group of {}", node.describe()),
                "name one of them, as in `#a/b` or `#a/0`",
            )),
        }
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({})", self.shown)
    }
}

pub(super) fn not_sops(shown: &str, cause: &str) -> Diagnostic {
    Diagnostic::new(
        Code::SecretUnreadable,
        format!("`{shown}` is not a file that sops encrypted"),
    )
    .with_cause(cause)
    .with_place(Place::file(shown))
    .with_fix(format!("encrypt it with `sops encrypt --in-place {shown}`; if it was in Git unencrypted, replace what it holds"))
}

/// The fault of a file that cannot be parsed. The line is not repeated: part of it may be in clear.
pub(super) fn syntax(shown: &str, cause: &str, line: usize, column: Option<usize>) -> Diagnostic {
    Diagnostic::new(Code::SecretUnreadable, format!("`{shown}` does not parse"))
        .with_cause(cause)
        .with_place(Place::position(shown, line, column))
        .with_fix("correct the file with `sops`, or take it from a version that was good (`git log -- FILE`)")
}

fn no_age(metadata: &Metadata, shown: &str) -> Diagnostic {
    let others = metadata.others.join(", ");
    Diagnostic::new(
        Code::Unsupported,
        format!("`{shown}` is not encrypted to any age key"),
    )
    .with_cause(if others.is_empty() {
        "it names no recipients at all".to_owned()
    } else {
        format!("its recipients are of kind {others}; infra reads sops files through age")
    })
    .with_place(Place::file(shown))
    .with_fix("add an age recipient to .sops.yaml and run `sops updatekeys FILE`")
}
