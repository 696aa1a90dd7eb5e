//! The types of values, as the contract plane writes them down, and the check of a value against one.
//!
//! The command checks before Nix does, and comes to the same verdict: a wrong value is told with its source in milliseconds, not with a trace
//! after an evaluation. Patterns are those of Nix (`nix/lib/types/patterns.json`, POSIX extended, matched against the whole text byte by
//! byte); a property test compares both.

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// What a value must be. Serialised as `{"kind": …}`; see `nix/docs/contracts.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum Type {
    /// Any text.
    String,
    /// A text that is not only white space.
    NonEmptyString,
    /// A whole number that fits into 64 bits.
    Int,
    /// A whole number between two bounds, both included.
    IntBetween {
        /// The least, if there is one.
        min: Option<i64>,
        /// The greatest, if there is one.
        max: Option<i64>,
    },
    /// `true` or `false`.
    Bool,
    /// A number with a fraction.
    Float,
    /// A TCP or UDP port.
    Port,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A network: an address, `/`, and the length of its prefix.
    Cidr,
    /// A MAC address.
    Mac,
    /// A host name: one DNS label.
    Hostname,
    /// A fully qualified domain name.
    Fqdn,
    /// A URL with a scheme.
    Url,
    /// An e-mail address.
    Email,
    /// An SSH public key.
    SshPublicKey,
    /// An age public key.
    AgePublicKey,
    /// A length of time: a whole number and `s`, `m`, `h`, `d` or `w`.
    Duration,
    /// A size: a whole number and a unit.
    Size,
    /// An absolute path.
    Path,
    /// Anything that JSON can say.
    Anything,
    /// A text that matches a pattern as a whole.
    Matching {
        /// POSIX extended.
        pattern: String,
    },
    /// One of these.
    Enum {
        /// What it may be.
        values: Vec<Value>,
    },
    /// A list.
    ListOf {
        /// Of what.
        of: Box<Type>,
    },
    /// A table with any keys.
    AttrsOf {
        /// Of what.
        of: Box<Type>,
    },
    /// `null` or something.
    NullOr {
        /// What.
        of: Box<Type>,
    },
    /// A table with these keys.
    Submodule {
        /// By name.
        fields: BTreeMap<String, Field>,
    },
    /// Whatever fits one of these.
    Either {
        /// Which.
        types: Vec<Type>,
    },
    /// A type that only Nix can check.
    Nix {
        /// In Nix's words.
        description: String,
    },
}

/// A key of a [`Type::Submodule`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// What it must be.
    #[serde(rename = "type")]
    pub of: Type,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// What it is if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// Where and how a value is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the value: `""` for the whole, `.ports[2]` for a part.
    pub at: String,
    /// What should be there.
    pub expected: String,
    /// What is there; never the text of a secret, since secrets have no type.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "at {}: ", self.at.trim_start_matches('.'))?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

/// What a kind of text looks like.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pattern {
    expected: String,
    example: String,
    max_length: Option<usize>,
    #[serde(rename = "pattern")]
    regex: String,
}

/// The kinds of text, as Nix knows them.
static PATTERNS: LazyLock<BTreeMap<String, Pattern>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../nix/lib/types/patterns.json")).unwrap_or_default()
});

/// The compiled patterns: compiled once per process, and only those that are used.
static COMPILED: LazyLock<std::sync::Mutex<BTreeMap<String, Option<Regex>>>> =
    LazyLock::new(std::sync::Mutex::default);

/// Whether `text` as a whole matches `pattern` as Nix's `builtins.match` would say; `None` if the pattern cannot be read.
pub fn matches(pattern: &str, text: &str) -> Option<bool> {
    let mut all = COMPILED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let compiled = all
        .entry(pattern.to_owned())
        .or_insert_with(|| compile(pattern));
    compiled
        .as_ref()
        .map(|regex| regex.is_match(text.as_bytes()))
}

fn compile(pattern: &str) -> Option<Regex> {
    const LIMIT: usize = 1 << 20;
    // Bytes, and `.` for any of them: so Nix matches.
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(LIMIT)
        .build()
        .ok()
}

impl Type {
    /// Everything in which a value is not of the type. Empty: it is.
    pub fn check(&self, value: &Value) -> Vec<Mismatch> {
        let mut found = Vec::new();
        self.compare(value, "", &mut found);
        found
    }

    /// Whether a value is of the type.
    pub fn accepts(&self, value: &Value) -> bool {
        self.check(value).is_empty()
    }

    fn compare(&self, value: &Value, at: &str, found: &mut Vec<Mismatch>) {
        match (self, value) {
            (Self::ListOf { of }, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    of.compare(item, &format!("{at}[{index}]"), found);
                }
            }
            (Self::AttrsOf { of }, Value::Object(entries)) => {
                for (key, item) in entries {
                    of.compare(item, &format!("{at}.{key}"), found);
                }
            }
            (Self::Submodule { fields }, Value::Object(entries)) => {
                compare_fields(fields, entries, at, found);
            }
            (Self::NullOr { of }, value) if !value.is_null() => of.compare(value, at, found),
            // Nix takes the first whose outside fits, and judges the inside by that one alone.
            (Self::Either { types }, value) if self.outside(value) => {
                if let Some(first) = types.iter().find(|one| one.outside(value)) {
                    first.compare(value, at, found);
                }
            }
            _ if self.fits(value) => {}
            _ => found.push(Mismatch {
                at: at.to_owned(),
                expected: self.describe(),
                found: show(value),
            }),
        }
    }

    /// Whether a value is of the type as far as can be seen without looking into it.
    fn outside(&self, value: &Value) -> bool {
        match self {
            Self::ListOf { .. } => value.is_array(),
            Self::AttrsOf { .. } | Self::Submodule { .. } => value.is_object(),
            Self::NullOr { of } => value.is_null() || of.outside(value),
            Self::Either { types } => types.iter().any(|one| one.outside(value)),
            _ => self.fits(value),
        }
    }

    /// Whether a value that has no parts is of the type.
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Int => value.as_i64().is_some(),
            Self::IntBetween { min, max } => value.as_i64().is_some_and(|number| {
                min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
            }),
            Self::Bool => value.is_boolean(),
            Self::Float => value.is_f64(),
            Self::Port => value
                .as_i64()
                .is_some_and(|port| (1..=65535).contains(&port)),
            Self::Anything | Self::Nix { .. } => true,
            Self::Matching { pattern } => value
                .as_str()
                // A pattern that we cannot read is Nix's to judge.
                .is_some_and(|text| matches(pattern, text).unwrap_or(true)),
            Self::Enum { values } => values.iter().any(|one| equal(one, value)),
            Self::NullOr { .. } => value.is_null(),
            Self::ListOf { .. }
            | Self::AttrsOf { .. }
            | Self::Submodule { .. }
            | Self::Either { .. } => false,
            Self::Ipv4
            | Self::Ipv6
            | Self::Cidr
            | Self::Mac
            | Self::Hostname
            | Self::Fqdn
            | Self::Url
            | Self::Email
            | Self::SshPublicKey
            | Self::AgePublicKey
            | Self::Duration
            | Self::Size
            | Self::Path
            | Self::NonEmptyString => value.as_str().is_some_and(|text| self.matches_kind(text)),
        }
    }

    fn matches_kind(&self, text: &str) -> bool {
        PATTERNS.get(self.kind()).is_some_and(|kind| {
            kind.max_length.is_none_or(|max| text.len() <= max)
                && matches(&kind.regex, text).unwrap_or(false)
        })
    }

    /// The word in `kind`, for the kinds that have a pattern.
    fn kind(&self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Cidr => "cidr",
            Self::Mac => "mac",
            Self::Hostname => "hostname",
            Self::Fqdn => "fqdn",
            Self::Url => "url",
            Self::Email => "email",
            Self::SshPublicKey => "sshPublicKey",
            Self::AgePublicKey => "agePublicKey",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Path => "path",
            Self::NonEmptyString => "nonEmptyString",
            _ => "",
        }
    }

    /// The type in words: "a port (1 to 65535)".
    pub fn describe(&self) -> String {
        if let Some(kind) = PATTERNS.get(self.kind()) {
            return format!("{}, such as {}", kind.expected, kind.example);
        }
        let words = match self {
            Self::String => "a text",
            Self::Int => "a whole number",
            Self::Bool => "true or false",
            Self::Float => "a number with a fraction",
            Self::Port => "a port (1 to 65535)",
            Self::Anything => "anything",
            _ => return self.describe_compound(),
        };
        words.to_owned()
    }

    fn describe_compound(&self) -> String {
        let all = |types: &[Self]| types.iter().map(Self::describe).collect::<Vec<_>>();
        match self {
            Self::IntBetween { min, max } => match (min, max) {
                (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
                (Some(min), None) => format!("a whole number from {min}"),
                (None, Some(max)) => format!("a whole number up to {max}"),
                (None, None) => "a whole number".to_owned(),
            },
            Self::Matching { pattern } => format!("a text that matches {pattern}"),
            Self::Enum { values } => {
                let words: Vec<String> = values.iter().map(Value::to_string).collect();
                format!("one of {}", words.join(", "))
            }
            Self::ListOf { of } => format!("a list, each {}", of.describe()),
            Self::AttrsOf { of } => format!("a table, each value {}", of.describe()),
            Self::NullOr { of } => format!("null or {}", of.describe()),
            Self::Submodule { fields } => {
                let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                format!("a table with {}", names.join(", "))
            }
            Self::Either { types } => all(types).join(" or "),
            Self::Nix { description } => description.clone(),
            _ => String::new(),
        }
    }

    /// Reads what was typed or set in the environment: texts as they are, everything else as JSON.
    pub fn read_text(&self, text: &str) -> Value {
        let as_json = || serde_json::from_str(text).ok();
        let as_text = || Value::String(text.to_owned());
        let is_texts =
            matches!(self, Self::String | Self::Matching { .. }) || !self.kind().is_empty();
        if is_texts {
            return as_text();
        }
        match self {
            Self::Enum { values } if values.contains(&as_text()) => as_text(),
            // A text unless what it says fits better as something else.
            Self::Either { .. } | Self::NullOr { .. } => as_json()
                .filter(|value| self.accepts(value))
                .unwrap_or_else(as_text),
            _ => as_json().unwrap_or_else(as_text),
        }
    }
}

fn compare_fields(
    fields: &BTreeMap<String, Field>,
    entries: &serde_json::Map<String, Value>,
    at: &str,
    found: &mut Vec<Mismatch>,
) {
    for (key, field) in fields {
        match entries.get(key) {
            Some(value) => field.of.compare(value, &format!("{at}.{key}"), found),
            None if field.required => found.push(Mismatch {
                at: format!("{at}.{key}"),
                expected: field.of.describe(),
                found: "nothing".to_owned(),
            }),
            // Nix puts the default there, and judges it like any other value.
            None => {
                if let Some(default) = &field.default {
                    field.of.compare(default, &format!("{at}.{key}"), found);
                }
            }
        }
    }
    for key in entries.keys().filter(|key| !fields.contains_key(*key)) {
        let known: Vec<&str> = fields.keys().map(String::as_str).collect();
        found.push(Mismatch {
            at: format!("{at}.{key}"),
            expected: format!("no such key (known: {})", known.join(", ")),
            found: format!("the key `{key}`"),
        });
    }
}

/// Equal as Nix has it: there 1 and 1.0 are.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let same = a.as_f64().partial_cmp(&b.as_f64()) == Some(Ordering::Equal);
            match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => a == b,
                _ => same,
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (one, other) => one == other,
    }
}

/// A value as people see it, cut where it becomes long.
fn show(value: &Value) -> String {
    const LONG: usize = 60;
    let kind = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => "the boolean",
        Value::Number(_) => "the number",
        Value::String(_) => "the text",
        Value::Array(_) => "the list",
        Value::Object(_) => "the table",
    };
    let text = value.to_string();
    if text.chars().count() > LONG {
        let cut: String = text.chars().take(LONG).collect();
        return format!("{kind} {cut}…");
    }
    format!("{kind} {text}")
}

#[cfg(test)]
mod tests;
