//! The key in a reference: `a/b/0`, or as sops writes it, `["a"]["b"][0]`.

use super::tree::{self, Document, Node};
use infra_model::{Code, Diagnostic};
use std::fmt;

/// Where a value stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath {
    parts: Vec<Part>,
    shown: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A key; in a list, a place.
    Either(String),
    Key(String),
    Place(usize),
}

impl KeyPath {
    /// Parses the key of a reference.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let parts = if text.starts_with('[') {
            bracketed(text)
        } else {
            slashed(text)
        };
        match parts {
            Some(parts) => Ok(Self {
                parts,
                shown: text.to_owned(),
            }),
            None => Err(Diagnostic::new(
                Code::Usage,
                format!("`{}` is not a key of a sops file", text.escape_debug()),
            )
            .with_fix("write `a/b/0`, or `[\"a\"][\"b\"][0]` for keys that have a slash in them")),
        }
    }

    /// A key of the top level.
    pub(super) fn one(key: &str) -> Self {
        Self {
            parts: vec![Part::Key(key.to_owned())],
            shown: key.to_owned(),
        }
    }

    /// The value at this path; the error says what is there instead.
    pub(super) fn find<'a>(&self, document: &'a Document) -> Result<&'a Node, String> {
        let mut parts = self.parts.iter();
        let mut at = match parts.next() {
            Some(Part::Either(key) | Part::Key(key)) => document
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node)
                .ok_or_else(|| format!("its keys are {}", tree::names(document)))?,
            Some(Part::Place(_)) | None => return Err("its top level is not a list".to_owned()),
        };
        let mut way = Vec::new();
        way.extend(self.parts.first());
        for part in parts {
            at = step(at, part).ok_or_else(|| {
                let way: Vec<String> = way.iter().map(ToString::to_string).collect();
                format!("`{}` is {}", way.join("/"), at.describe())
            })?;
            way.push(part);
        }
        Ok(at)
    }
}

fn step<'a>(node: &'a Node, part: &Part) -> Option<&'a Node> {
    match (node, part) {
        (Node::Map(_), Part::Either(key) | Part::Key(key)) => node.entry(key),
        (Node::List(items), Part::Either(place)) => items.get(place.parse::<usize>().ok()?),
        (Node::List(items), Part::Place(place)) => items.get(*place),
        _ => None,
    }
}

fn slashed(text: &str) -> Option<Vec<Part>> {
    text.split('/')
        .map(|part| (!part.is_empty()).then(|| Part::Either(part.to_owned())))
        .collect()
}

fn bracketed(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        rest = rest.strip_prefix('[')?;
        let quote = rest.chars().next()?;
        if quote == '"' || quote == '\'' {
            let (key, after) = rest[1..].split_once(quote)?;
            parts.push(Part::Key(key.to_owned()));
            rest = after.strip_prefix(']')?;
        } else {
            let (place, after) = rest.split_once(']')?;
            parts.push(Part::Place(place.parse().ok()?));
            rest = after;
        }
    }
    (!parts.is_empty()).then_some(parts)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Either(key) | Self::Key(key) => write!(f, "{}", key.escape_debug()),
            Self::Place(place) => write!(f, "{place}"),
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shown.escape_debug())
    }
}
