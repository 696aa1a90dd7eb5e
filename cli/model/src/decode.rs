//! Reading TOML tables key by key, so that every fault can say its file, line, column, value, and the nearest valid key.
//!
//! Serde's derive stops at the first fault and forgets where it was; a person who edits `host.toml` wants all of them.

use crate::suggest::nearest;
use crate::{Code, Diagnostic, Place};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A TOML document being taken apart. Keys that were never asked for are faults when it is finished.
#[derive(Debug)]
pub struct Table<'a> {
    file: &'a str,
    text: &'a str,
    entries: Vec<(String, usize, &'a Spanned<DeValue<'a>>)>,
    asked: Vec<&'static str>,
    faults: Vec<Diagnostic>,
}

/// Parses the document; a syntax error is the only fault then.
pub fn parse<'a>(file: &str, text: &'a str) -> Result<Spanned<DeTable<'a>>, Diagnostic> {
    DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(text.len(), |span| span.start);
        Diagnostic::new(Code::TomlSyntax, format!("{file} is not valid TOML"))
            .with_cause(error.message().to_owned())
            .with_place(Place::in_text(file, text, offset))
            .with_fix("correct the syntax at this place")
    })
}

impl<'a> Table<'a> {
    /// Starts reading `table`, part of `text`, the content of `file` (as it is shown to the user).
    pub fn new(file: &'a str, text: &'a str, table: &'a DeTable<'a>) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), key.span().start, value))
            .collect();
        Self {
            file,
            text,
            entries,
            asked: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        self.entries
            .iter()
            .find(|(name, ..)| name == key)
            .map(|&(_, _, value)| value)
    }

    /// Records that `value` under `key` is not what it should be.
    fn wrong(&mut self, key: &str, value: &Spanned<DeValue<'a>>, expected: &str, example: &str) {
        let place = Place::in_text(self.file, self.text, value.span().start);
        let found = self.text.get(value.span()).unwrap_or_default().trim();
        self.faults.push(
            Diagnostic::new(
                Code::WrongType,
                format!("`{key}` in {} must be {expected}", self.file),
            )
            .with_cause(format!("found {} {found}", value.get_ref().type_str()))
            .with_place(place)
            .with_fix(format!("write for example: {key} = {example}")),
        );
    }

    /// An optional value that `read` understands.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        shape: Shape<'_>,
        read: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let parsed = read(value.get_ref());
        if parsed.is_none() {
            self.wrong(key, value, shape.expected, shape.example);
        }
        parsed
    }

    /// A required value; its absence is a fault.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        shape: Shape<'_>,
        read: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        if !self.entries.iter().any(|(name, ..)| name == key) {
            self.asked.push(key);
            self.faults.push(
                Diagnostic::new(
                    Code::MissingKey,
                    format!("{} does not say its `{key}`", self.file),
                )
                .with_place(Place::file(self.file))
                .with_fix(format!("add the line: {key} = {}", shape.example)),
            );
            return None;
        }
        self.optional(key, shape, read)
    }

    /// The table under `key`, to be read in turn; anything but a table is a fault.
    pub fn table(&mut self, key: &'static str, example: &str) -> Option<&'a DeTable<'a>> {
        let value = self.take(key)?;
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        self.wrong(key, value, "a table", example);
        None
    }

    /// Adds a fault found outside (in a nested table).
    pub fn add(&mut self, faults: Vec<Diagnostic>) {
        self.faults.extend(faults);
    }

    /// Ends the reading: what was not asked for is unknown.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        let unknown: Vec<Diagnostic> = self
            .entries
            .iter()
            .filter(|(name, ..)| !self.asked.iter().any(|asked| asked == name))
            .map(|(name, offset, _)| self.unknown_key(name, *offset))
            .collect();
        self.faults.extend(unknown);
        self.faults
    }

    fn unknown_key(&self, name: &str, offset: usize) -> Diagnostic {
        let fix = match nearest(name, self.asked.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("known keys: {}", self.asked.join(", ")),
        };
        Diagnostic::new(
            Code::UnknownKey,
            format!("unknown key `{name}` in {}", self.file),
        )
        .with_place(Place::in_text(self.file, self.text, offset))
        .with_fix(fix)
    }
}

/// How a value must look, in words and as an example in TOML.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'e> {
    /// "a list of strings"
    pub expected: &'e str,
    /// `["a", "b"]`
    pub example: &'e str,
}

/// A string.
pub fn string(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A list of strings.
pub fn strings(value: &DeValue<'_>) -> Option<Vec<String>> {
    value
        .as_array()?
        .iter()
        .map(|item| string(item.get_ref()))
        .collect()
}

/// A TCP port, 1 to 65535.
pub fn port(value: &DeValue<'_>) -> Option<u16> {
    let integer = value.as_integer()?;
    u16::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|&port| port != 0)
}

/// A whole number from 0.
pub fn count(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(integer.as_str(), integer.radix()).ok()
}
