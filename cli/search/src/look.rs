//! One search: what was looked at so far, and what was found.

use crate::pattern::{Scan, Search};
use infra_model::poison::{Form, Looked, Spot};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How much is read at once.
const CHUNK: usize = 256 << 10;
/// The least time between two reports of progress.
const PAUSE: Duration = Duration::from_secs(2);

/// A search in progress.
pub struct Look<'s> {
    pub(crate) search: &'s Search,
    /// What was looked at.
    pub looked: Looked,
    found: BTreeSet<(usize, Form, Spot)>,
    controls: Vec<Spot>,
    buffer: Vec<u8>,
    told: Instant,
    on_progress: Box<dyn FnMut(&Looked) + 's>,
}

impl<'s> Look<'s> {
    /// Nothing was looked at yet. Progress is told now and then.
    pub fn new(search: &'s Search, on_progress: impl FnMut(&Looked) + 's) -> Self {
        Self {
            search,
            looked: Looked::default(),
            found: BTreeSet::new(),
            controls: Vec::new(),
            buffer: vec![0; CHUNK],
            told: Instant::now(),
            on_progress: Box::new(on_progress),
        }
    }

    /// Reads something to its end. Each secret is told once of it: where it stands first.
    pub fn read(&mut self, from: &mut dyn Read, spot: &dyn Fn(u64) -> Spot) -> io::Result<()> {
        let search = self.search;
        let mut hits = Hits::default();
        let read = self.read_part(&mut search.scan(), from, &mut hits);
        // What was found before it broke was found.
        self.note(hits, spot);
        read
    }

    pub(crate) fn read_part(
        &mut self,
        scan: &mut Scan<'_>,
        from: &mut dyn Read,
        hits: &mut Hits,
    ) -> io::Result<()> {
        loop {
            let count = match from.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.looked.bytes += count as u64;
            let chunk = self.buffer.get(..count).unwrap_or_default();
            scan.feed(chunk, &mut |hit| {
                hits.0.entry(hit.secret).or_insert((hit.form, hit.offset));
            });
            self.progress();
        }
    }

    pub(crate) fn note(&mut self, hits: Hits, spot: &dyn Fn(u64) -> Spot) {
        for (secret, (form, offset)) in hits.0 {
            let spot = self.shown(spot(offset));
            match secret {
                None => self.controls.push(spot),
                Some(secret) => {
                    self.found.insert((secret, form, spot));
                }
            }
        }
    }

    /// A place as it may be shown.
    fn shown(&self, spot: Spot) -> Spot {
        match spot {
            Spot::File { path, offset } => Spot::File {
                path: self.search.redact(&path),
                offset,
            },
            Spot::Name { folder } => Spot::Name {
                folder: self.search.redact(&folder),
            },
            Spot::Process { pid, program, part } => {
                let program = self.search.redact(&program);
                Spot::Process { pid, program, part }
            }
            other => other,
        }
    }

    fn progress(&mut self) {
        if self.told.elapsed() >= PAUSE {
            self.told = Instant::now();
            (self.on_progress)(&self.looked);
        }
    }

    /// Something there is could not be read.
    pub(crate) fn unreadable(&mut self, error: &io::Error) {
        // What has gone meanwhile is nowhere.
        let is_gone = error.kind() == io::ErrorKind::NotFound
            || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error());
        if !is_gone {
            self.looked.unreadable += 1;
        }
    }

    /// Whether the control was found in a place like this.
    pub fn has_control(&self, is: impl Fn(&Spot) -> bool) -> bool {
        self.controls.iter().any(is)
    }

    /// What was looked at, and what was found of each secret, by its number.
    pub fn end(self) -> (Looked, Vec<(usize, Form, Spot)>) {
        (self.looked, self.found.into_iter().collect())
    }
}

/// What was found in one thing: of each secret the first occurrence.
#[derive(Debug, Default)]
pub(crate) struct Hits(BTreeMap<Option<usize>, (Form, u64)>);
