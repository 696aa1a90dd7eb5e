//! What a system says of units of systemd: their files with drop-ins, and who pulls in whom.

use infra_model::snapshot::{EtcKind, Snapshot, UNITS};
use std::collections::{BTreeMap, BTreeSet};

/// A unit's settings: values by section and key, drop-ins included.
pub(super) type Settings = BTreeMap<(String, String), Vec<String>>;

/// The units of one system.
pub(super) struct Units<'s> {
    /// Files by unit: its own first, drop-ins after it, in order.
    pub(super) files: BTreeMap<&'s str, Vec<(&'s str, &'s EtcKind)>>,
    /// Who is pulled in by whom: (`multi-user.target`, `web.service`).
    pulled: BTreeSet<(&'s str, &'s str)>,
}

impl<'s> Units<'s> {
    pub(super) fn of(system: &'s Snapshot) -> Self {
        let mut files: BTreeMap<&str, Vec<(&str, &EtcKind)>> = BTreeMap::new();
        let mut pulled = BTreeSet::new();
        for (path, entry) in &system.etc {
            let Some(below) = path.strip_prefix(UNITS) else {
                continue;
            };
            match below.split_once('/') {
                None => files
                    .entry(below)
                    .or_default()
                    .insert(0, (below, &entry.kind)),
                Some((folder, file)) => {
                    if let Some(unit) = folder.strip_suffix(".d") {
                        if file.strip_suffix(".conf").is_some() {
                            files.entry(unit).or_default().push((below, &entry.kind));
                        }
                    } else if let Some((by, "wants" | "requires" | "upholds")) =
                        folder.rsplit_once('.')
                    {
                        pulled.insert((by, file));
                    }
                }
            }
        }
        Self { files, pulled }
    }

    /// The unit that a name is defined by: itself, or its template.
    pub(super) fn file_of(&self, unit: &str) -> Option<String> {
        if self.files.contains_key(unit) {
            return Some(unit.to_owned());
        }
        let (template, rest) = unit.split_once('@')?;
        let (_, kind) = rest.rsplit_once('.')?;
        let template = format!("{template}@.{kind}");
        self.files
            .contains_key(template.as_str())
            .then_some(template)
    }

    pub(super) fn has_own_file(&self, unit: &str) -> bool {
        self.files
            .get(unit)
            .is_some_and(|files| files.iter().any(|(name, _)| *name == unit))
    }

    pub(super) fn is_masked(&self, unit: &str) -> bool {
        self.files.get(unit).is_some_and(|files| {
            files.iter().any(|(name, kind)| {
                *name == unit && matches!(kind, EtcKind::Link(text) if text == "/dev/null")
            })
        })
    }

    pub(super) fn is_pulled(&self, unit: &str) -> bool {
        self.pulled.iter().any(|(_, other)| *other == unit)
    }

    pub(super) fn settings(&self, unit: &str) -> Settings {
        let mut settings = Settings::new();
        for (_, kind) in self.files.get(unit).into_iter().flatten() {
            if let EtcKind::File {
                content: Some(content),
                ..
            } = kind
            {
                read(&String::from_utf8_lossy(content), &mut settings);
            }
        }
        settings
    }

    /// The digests and texts of everything that defines a unit: the same, the same unit.
    pub(super) fn identity(&self, unit: &str) -> Vec<(&str, String)> {
        let files = self.files.get(unit).into_iter().flatten();
        files
            .map(|(name, kind)| match kind {
                EtcKind::File { digest, .. } => (*name, digest.clone()),
                EtcKind::Link(text) => (*name, format!("-> {text}")),
            })
            .collect()
    }

    /// Units that something which runs, or is started with it, pulls in now and that do not run.
    pub(super) fn newly_pulled(
        &self,
        old: &Units<'_>,
        runs: &dyn Fn(&str) -> bool,
    ) -> BTreeSet<&'s str> {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        loop {
            let more: Vec<&str> = self
                .pulled
                .iter()
                .filter(|(by, unit)| {
                    // A target that is not ours is one of systemd's own; those that boot goes through are there.
                    let is_there = reached.contains(by)
                        || runs(by)
                        || (by.ends_with(".target") && !self.files.contains_key(by));
                    let is_new = !old.pulled.contains(&(*by, *unit)) || reached.contains(by);
                    is_there && is_new && !runs(unit) && !reached.contains(unit)
                })
                .map(|(_, unit)| *unit)
                .collect();
            if more.is_empty() {
                return reached;
            }
            reached.extend(more);
        }
    }
}

/// Reads a unit file. An empty value takes back what was said before it.
fn read(text: &str, settings: &mut Settings) {
    let mut section = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.clone_into(&mut section);
            continue;
        }
        let mut whole = line.to_owned();
        while let Some(open) = whole.strip_suffix('\\') {
            let next = lines.next().unwrap_or_default().trim();
            whole = format!("{open} {next}");
        }
        // When the unit is installed is told by links.
        let Some((key, value)) = whole.split_once('=').filter(|_| section != "Install") else {
            continue;
        };
        let values = settings
            .entry((section.clone(), key.trim().to_owned()))
            .or_default();
        match value.trim() {
            "" => values.clear(),
            value => values.push(value.to_owned()),
        }
    }
}

/// Whether a setting is a word for `wanted`; what is not said is not.
pub(super) fn is_set(settings: &Settings, section: &str, key: &str, wanted: bool) -> bool {
    let said = settings
        .get(&(section.to_owned(), key.to_owned()))
        .and_then(|values| values.last());
    said.is_some_and(|word| matches!(word.as_str(), "1" | "yes" | "true" | "on") == wanted)
}
