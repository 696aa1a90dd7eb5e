//! Many byte strings looked for at once, in a stream of which only a little is held.

use crate::control::Control;
use crate::forms;
use aho_corasick::{AhoCorasick, MatchKind};
use infra_model::poison::Form;
use infra_model::{Code, Diagnostic};
use std::fmt;

/// What is looked for: secrets, by the order in which they were given, and a control.
pub struct Search {
    automaton: AhoCorasick,
    /// Of which secret each pattern is; the control has none.
    meaning: Vec<(Option<usize>, Form)>,
    longest: usize,
}

/// Its patterns are secrets.
impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Search(<{} patterns>)", self.meaning.len())
    }
}

/// Something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Which secret, by the order in which they were given; `None`: the control.
    pub secret: Option<usize>,
    /// How it is written.
    pub form: Form,
    /// The byte it begins at.
    pub offset: u64,
}

impl Search {
    /// Looks for these secrets and for the control.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = &'a [u8]>,
        control: &Control,
    ) -> Result<Self, Diagnostic> {
        let mut meaning = vec![(None, Form::Plain)];
        let mut patterns = vec![control.text().as_bytes().to_vec()];
        for (number, secret) in secrets.into_iter().enumerate() {
            for (form, bytes) in forms::of(secret) {
                meaning.push((Some(number), form));
                patterns.push(bytes);
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&patterns)
            .map_err(|error| {
                Diagnostic::new(
                    Code::Internal,
                    "so many secrets cannot be looked for at once",
                )
                .with_cause(error.to_string())
                .with_fix("select fewer hosts")
            })?;
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        Ok(Self {
            automaton,
            meaning,
            longest,
        })
    }

    /// Begins a stream.
    pub fn scan(&self) -> Scan<'_> {
        Scan {
            search: self,
            window: Vec::new(),
            at: 0,
        }
    }

    /// Everything in a text that is at hand whole.
    pub fn all_in(&self, bytes: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.scan().feed(bytes, &mut |hit| hits.push(hit));
        hits
    }

    /// A text to be shown, without any secret: a file may be named after one.
    pub fn redact(&self, text: &str) -> String {
        let is_secret = |found: &aho_corasick::Match| {
            self.meaning
                .get(found.pattern().as_usize())
                .is_some_and(|(secret, _)| secret.is_some())
        };
        let found = self.automaton.find_overlapping_iter(text).filter(is_secret);
        let mut ranges: Vec<(usize, usize)> =
            found.map(|found| (found.start(), found.end())).collect();
        ranges.sort_unstable();
        let mut shown = String::new();
        let mut from = 0;
        for (start, end) in ranges {
            if start >= from {
                shown += text.get(from..start).unwrap_or_default();
                shown += "[secret]";
            }
            from = from.max(end);
        }
        shown + text.get(from..).unwrap_or_default()
    }
}

/// A stream that is being read.
#[derive(Debug)]
pub struct Scan<'s> {
    search: &'s Search,
    /// The end of what was read, as long as something may begin in it and go on.
    window: Vec<u8>,
    /// Where in the stream the window begins.
    at: u64,
}

impl Scan<'_> {
    /// Reads on. Each occurrence is told once, when its last byte has come.
    pub fn feed(&mut self, chunk: &[u8], on_hit: &mut dyn FnMut(Hit)) {
        let known = self.window.len();
        self.window.extend_from_slice(chunk);
        for found in self.search.automaton.find_overlapping_iter(&self.window) {
            if found.end() <= known {
                continue;
            }
            if let Some((secret, form)) = self.search.meaning.get(found.pattern().as_usize()) {
                let offset = self.at + found.start() as u64;
                on_hit(Hit {
                    secret: *secret,
                    form: *form,
                    offset,
                });
            }
        }
        let gone = self
            .window
            .len()
            .saturating_sub(self.search.longest.saturating_sub(1));
        self.window.drain(..gone);
        self.at += gone as u64;
    }

    /// Goes on elsewhere: there is a hole in the file.
    pub fn skip_to(&mut self, offset: u64) {
        self.window.clear();
        self.at = offset;
    }
}
