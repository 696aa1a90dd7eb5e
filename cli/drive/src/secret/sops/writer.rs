//! Writes files as sops does, for tests: from what is written about the format, and sharing no code with the reader.

use crate::secret::testing::secret;
use crate::secret::{Nobody, Person, Recipient, sealed};
use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha512};
use std::fmt::Write;
use std::sync::Arc;

/// A value before it is encrypted.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
    Str(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
}

pub(super) fn text(text: &str) -> Value {
    Value::Str(text.to_owned())
}

pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

/// How a file is encrypted.
#[derive(Clone)]
pub(super) struct Style {
    /// The rule in the metadata: its name and its value; none is sops's default.
    pub(super) rule: Option<(&'static str, &'static str)>,
    /// The same rule for one key of a path: whether it sets what is below it apart.
    pub(super) set_apart: fn(&str) -> bool,
    /// Whether that means encrypted.
    pub(super) apart_is_encrypted: bool,
    pub(super) mac_only_encrypted: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            rule: None,
            set_apart: |key| key.ends_with("_unencrypted"),
            apart_is_encrypted: false,
            mac_only_encrypted: false,
        }
    }
}

/// A file in the making.
pub(super) struct Writer {
    style: Style,
    key: [u8; 32],
    hash: Sha512,
}

const MODIFIED: &str = "2026-03-04T05:06:07Z";

impl Writer {
    pub(super) fn new(style: Style) -> Self {
        let mut hash = Sha512::new();
        if style.mac_only_encrypted {
            // `echo -n sops | sha256sum`
            let begin = "8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69";
            for at in (0..begin.len()).step_by(2) {
                hash.update([u8::from_str_radix(&begin[at..at + 2], 16).expect("hex")]);
            }
        }
        let key = crate::secret::random().expect("random");
        Self { style, key, hash }
    }

    fn seal(&self, kind: &str, plain: &str, bound_to: &str) -> String {
        let iv: [u8; 32] = crate::secret::random().expect("random");
        let payload = Payload {
            msg: plain.as_bytes(),
            aad: bound_to.as_bytes(),
        };
        let out = AesGcm::<Aes256, U32>::new(&self.key.into())
            .encrypt(Nonce::<U32>::from_slice(&iv), payload)
            .expect("encrypts");
        let (data, tag) = out.split_at(out.len() - 16);
        let code = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        format!(
            "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{kind}]",
            code(data),
            code(&iv),
            code(tag)
        )
    }

    /// Encrypts a tree, in order.
    pub(super) fn encrypt(&mut self, value: &Value, path: &[&str]) -> Value {
        let (kind, plain) = match value {
            Value::Map(entries) => {
                let below = |(key, value): &(String, Value)| {
                    let path = [path, &[key.as_str()]].concat();
                    (key.clone(), self.encrypt(value, &path))
                };
                return Value::Map(entries.iter().map(below).collect());
            }
            Value::List(items) => {
                return Value::List(items.iter().map(|item| self.encrypt(item, path)).collect());
            }
            Value::Null => return Value::Null,
            Value::Str(text) => ("str", text.clone()),
            Value::Int(number) => ("int", number.to_string()),
            Value::Float(number) => ("float", number.to_string()),
            Value::Bool(true) => ("bool", "True".to_owned()),
            Value::Bool(false) => ("bool", "False".to_owned()),
        };
        let apart = path.iter().any(|key| (self.style.set_apart)(key));
        let encrypted = apart == self.style.apart_is_encrypted;
        if encrypted || !self.style.mac_only_encrypted {
            self.hash.update(&plain);
        }
        if !encrypted || (kind == "str" && plain.is_empty()) {
            return value.clone();
        }
        Value::Str(self.seal(kind, &plain, &format!("{}:", path.join(":"))))
    }

    /// What sops writes about the file.
    pub(super) fn metadata(&self, recipients: &[Recipient]) -> Value {
        let mac: String =
            self.hash
                .clone()
                .finalize()
                .iter()
                .fold(String::new(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02X}");
                    hex
                });
        let person: Arc<dyn Person> = Arc::new(Nobody);
        let holders = recipients.iter().map(|recipient| {
            let sealed = sealed::seal(
                &secret(self.key),
                std::slice::from_ref(recipient),
                &person,
                "it",
            );
            let sealed = sealed::armored(&sealed.expect("encrypts")).expect("armors");
            map([
                ("recipient", text(recipient.as_str())),
                ("enc", Value::Str(sealed)),
            ])
        });
        let mut entries = vec![
            ("age".to_owned(), Value::List(holders.collect())),
            ("lastmodified".to_owned(), text(MODIFIED)),
            (
                "mac".to_owned(),
                Value::Str(self.seal("str", &mac, MODIFIED)),
            ),
            ("version".to_owned(), text("3.9.0")),
        ];
        let (rule, value) = self
            .style
            .rule
            .unwrap_or(("unencrypted_suffix", "_unencrypted"));
        entries.push((rule.to_owned(), text(value)));
        if self.style.mac_only_encrypted {
            entries.push(("mac_only_encrypted".to_owned(), Value::Bool(true)));
        }
        Value::Map(entries)
    }
}

/// A whole file of several documents or one.
pub(super) fn file(
    style: Style,
    documents: &[Value],
    recipients: &[Recipient],
    print: fn(&[Value], &Value) -> String,
) -> String {
    let mut writer = Writer::new(style);
    let encrypted: Vec<Value> = documents.iter().map(|it| writer.encrypt(it, &[])).collect();
    print(&encrypted, &writer.metadata(recipients))
}

fn entries(value: &Value) -> &[(String, Value)] {
    match value {
        Value::Map(entries) => entries,
        other => panic!("{other:?} is no map"),
    }
}

fn with_metadata(document: &Value, metadata: &Value) -> Value {
    let mut all = entries(document).to_vec();
    all.push(("sops".to_owned(), metadata.clone()));
    Value::Map(all)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text")
}

pub(super) fn json(documents: &[Value], metadata: &Value) -> String {
    json_value(&with_metadata(&documents[0], metadata))
}

fn json_value(value: &Value) -> String {
    match value {
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), json_value(value)));
            format!("{{\n{}\n}}", entries.collect::<Vec<_>>().join(",\n"))
        }
        Value::List(items) => format!(
            "[{}]",
            items.iter().map(json_value).collect::<Vec<_>>().join(", ")
        ),
        Value::Str(text) => quoted(text),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Bool(it) => it.to_string(),
        Value::Null => "null".to_owned(),
    }
}

pub(super) fn yaml(documents: &[Value], metadata: &Value) -> String {
    let documents = documents.iter().map(|it| {
        let mut out = String::from("# a comment\n");
        yaml_value(&with_metadata(it, metadata), 0, &mut out);
        out
    });
    documents.collect::<Vec<_>>().join("---\n")
}

/// Block style for groups; a text of several lines as a block, too, as sops writes it.
fn yaml_value(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let _ = write!(out, "{pad}{}:", quoted(key));
                yaml_below(value, indent, out);
            }
        }
        Value::List(items) => {
            for item in items {
                let _ = write!(out, "{pad}-");
                yaml_below(item, indent, out);
            }
        }
        other => out.push_str(&json_value(other)),
    }
}

fn yaml_below(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Value::List(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Map(_) | Value::List(_) => {
            out.push('\n');
            yaml_value(value, indent + 4, out);
        }
        Value::Str(text) if text.starts_with("-----BEGIN AGE") => {
            out.push_str(" |\n");
            for line in text.lines() {
                let _ = writeln!(out, "{}{line}", " ".repeat(indent + 4));
            }
        }
        Value::Str(text) if text.starts_with("ENC[") => {
            let _ = writeln!(out, " {text} # inline");
        }
        other => {
            let _ = writeln!(out, " {}", json_value(other));
        }
    }
}

/// The metadata on one level.
fn flat(value: &Value, name: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}__map_{key}")
                };
                flat(value, &name, out);
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                flat(item, &format!("{name}__list_{at}"), out);
            }
        }
        Value::Str(text) => out.push((name.to_owned(), text.clone())),
        other => out.push((name.to_owned(), json_value(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => json_value(other),
    }
}

pub(super) fn dotenv(documents: &[Value], metadata: &Value) -> String {
    let mut lines = Vec::new();
    for (key, value) in entries(&documents[0]) {
        lines.push((key.clone(), plain(value)));
    }
    let mut about = Vec::new();
    flat(metadata, "", &mut about);
    // sops sorts them.
    about.sort();
    lines.extend(
        about
            .into_iter()
            .map(|(key, value)| (format!("sops_{key}"), value)),
    );
    lines
        .iter()
        .fold("#comment\n".to_owned(), |mut out, (key, value)| {
            let _ = writeln!(out, "{key}={}", value.replace('\n', "\\n"));
            out
        })
}

pub(super) fn ini(documents: &[Value], metadata: &Value) -> String {
    let mut out = String::new();
    for (section, keys) in entries(&documents[0]) {
        let _ = writeln!(out, "; comment\n[{section}]");
        for (key, value) in entries(keys) {
            let _ = writeln!(out, "{key} = {}", plain(value));
        }
    }
    let mut about = Vec::new();
    flat(metadata, "", &mut about);
    out.push_str("\n[sops]\n");
    // Older versions wrote them in no order.
    for (key, value) in about.iter().rev() {
        let _ = writeln!(out, "{key:28} = {}", value.replace('\n', "\\n"));
    }
    out
}
