//! Files below `/etc` that differ, as `git diff` writes it: people know how to read it, and `git apply --stat` does.

use infra_model::answer::{Difference, EtcChange, EtcDiff};
use infra_model::snapshot::{EtcEntry, EtcKind, SHOWN, Snapshot, differing};
use serde_json::Value;
use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};
use std::fmt::Write as _;

/// Files with more lines are named and not shown: comparing them takes time that grows with the square of what differs.
const LINES: usize = 4_000;
/// Lines around each difference.
const CONTEXT: usize = 3;

/// Texts that no difference may show: private values. A file that holds one is named, but not shown.
#[derive(Clone, Default)]
pub struct Hidden(Vec<String>);

impl Hidden {
    /// What shorter texts are found in says nothing about them.
    const SHORTEST: usize = 4;

    /// What is in private values, however deep: their texts and numbers. Those of fewer than four characters are not looked for.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut texts = Vec::new();
        let mut open: Vec<&Value> = values.into_iter().collect();
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => {
                    // As a whole, and by line: a file may indent it.
                    texts.push(text.clone());
                    texts.extend(text.lines().map(|line| line.trim().to_owned()));
                }
                Value::Number(number) => texts.push(number.to_string()),
                Value::Array(items) => open.extend(items),
                Value::Object(entries) => open.extend(entries.values()),
                Value::Null | Value::Bool(_) => {}
            }
        }
        texts.retain(|text| text.chars().count() >= Self::SHORTEST);
        texts.sort_unstable();
        texts.dedup();
        Self(texts)
    }

    fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|hidden| text.contains(hidden.as_str()))
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hidden({})", self.0.len())
    }
}

/// How two `/etc` differ. Files whose contents were not read are named with a note.
pub fn etc(before: &Snapshot, after: &Snapshot, hidden: &Hidden) -> EtcDiff {
    let mut diff = EtcDiff::default();
    for name in differing(before, after) {
        let (old, new) = (before.etc.get(&name), after.etc.get(&name));
        let mut change = EtcChange {
            path: format!("/etc/{name}"),
            how: match (old, new) {
                (None, _) => Difference::Added,
                (_, None) => Difference::Removed,
                _ => Difference::Changed,
            },
            added: 0,
            removed: 0,
            note: None,
        };
        let path = format!("etc/{name}");
        match (old, new) {
            // Git has no way to say that a file becomes a link: it goes, and a link comes.
            (Some(old), Some(new)) if is_link(old) != is_link(new) => {
                one(
                    &mut diff.patch,
                    &path,
                    (Some(old), None),
                    hidden,
                    &mut change,
                );
                one(
                    &mut diff.patch,
                    &path,
                    (None, Some(new)),
                    hidden,
                    &mut change,
                );
            }
            both => one(&mut diff.patch, &path, both, hidden, &mut change),
        }
        diff.files.push(change);
    }
    diff
}

fn is_link(entry: &EtcEntry) -> bool {
    matches!(entry.kind, EtcKind::Link(_))
}

/// The mode as Git writes it. Of a file that is copied with a mode of its own: that.
fn mode(entry: &EtcEntry) -> String {
    match (&entry.kind, &entry.mode, entry.executable) {
        (EtcKind::Link(_), ..) => "120000".to_owned(),
        (_, Some(mode), _) => format!("100{:0>3}", mode.trim_start_matches('0')),
        (_, None, true) => "100755".to_owned(),
        (_, None, false) => "100644".to_owned(),
    }
}

/// What Git has no word for: a file is copied instead of linked, or with another mode.
fn mode_note(old: Option<&EtcEntry>, new: Option<&EtcEntry>) -> Option<String> {
    let word = |entry: &EtcEntry| entry.mode.clone().unwrap_or_else(|| "linked".to_owned());
    let (old, new) = (word(old?), word(new?));
    (old != new).then(|| format!("mode {old} → {new}"))
}

/// Enough of a digest to tell contents apart.
fn short(entry: &EtcEntry) -> String {
    match &entry.kind {
        EtcKind::File { digest, .. } => digest
            .chars()
            .filter(char::is_ascii_hexdigit)
            .chain("0000000".chars())
            .take(7)
            .collect(),
        EtcKind::Link(_) => "0000000".to_owned(),
    }
}

type Both<'e> = (Option<&'e EtcEntry>, Option<&'e EtcEntry>);

fn one(
    text: &mut String,
    path: &str,
    (old, new): Both<'_>,
    hidden: &Hidden,
    change: &mut EtcChange,
) {
    let (a, b) = (quoted(&format!("a/{path}")), quoted(&format!("b/{path}")));
    let body = body((old, new), hidden);
    if let Err(why) = &body {
        // What stands before a header is passed over by Git, and read by people.
        let _ = writeln!(text, "# /{}: {why}", tame(path));
    }
    let _ = writeln!(text, "diff --git {a} {b}");
    match (old.map(mode), new.map(mode)) {
        (None, Some(mode)) => _ = writeln!(text, "new file mode {mode}"),
        (Some(mode), None) => _ = writeln!(text, "deleted file mode {mode}"),
        (Some(old), Some(new)) if old != new => {
            let _ = writeln!(text, "old mode {old}\nnew mode {new}");
        }
        _ => {}
    }
    let side = |there: bool, name: &str| {
        if there {
            name.to_owned()
        } else {
            "/dev/null".to_owned()
        }
    };
    let (a, b) = (side(old.is_some(), &a), side(new.is_some(), &b));
    match body {
        Err(why) => {
            if let (Some(old), Some(new)) = (old, new) {
                // Git sees a binary file only if its header says more than its name.
                let _ = writeln!(text, "index {}..{}", short(old), short(new));
            }
            let _ = writeln!(text, "Binary files {a} and {b} differ");
            change.note = Some(why);
        }
        Ok(body) if body.hunks.is_empty() => {
            change.note = change.note.take().or(mode_note(old, new));
        }
        Ok(body) => {
            // A name with a space is ended by a tab, so that it can be told from what follows.
            let end = |name: &str| if name.contains(' ') { "\t" } else { "" };
            let _ = writeln!(text, "--- {a}{}\n+++ {b}{}", end(&a), end(&b));
            text.push_str(&body.hunks);
            change.added += body.added;
            change.removed += body.removed;
        }
    }
}

/// What differs in the content of a file.
#[derive(Default)]
struct Body {
    hunks: String,
    added: u64,
    removed: u64,
}

/// The hunks, or why they are not shown.
fn body((old, new): Both<'_>, hidden: &Hidden) -> Result<Body, String> {
    if let (Some(old), Some(new)) = (old, new)
        && same_content(old, new)
    {
        return Ok(Body::default());
    }
    let (old, new) = (text(old)?, text(new)?);
    if hidden.is_in(old) || hidden.is_in(new) {
        return Err("holds private values, which are not shown".to_owned());
    }
    let (old, new) = (lines(old), lines(new));
    if old.len().max(new.len()) > LINES {
        return Err(format!("has more than {LINES} lines"));
    }
    Ok(hunks(&old, &new))
}

fn same_content(old: &EtcEntry, new: &EtcEntry) -> bool {
    match (&old.kind, &new.kind) {
        (EtcKind::File { digest: a, .. }, EtcKind::File { digest: b, .. })
        | (EtcKind::Link(a), EtcKind::Link(b)) => a == b,
        _ => false,
    }
}

/// What a file says, or why that is not shown. What is not there says nothing; a link says where it leads.
fn text(entry: Option<&EtcEntry>) -> Result<&str, String> {
    let Some(entry) = entry else { return Ok("") };
    let (content, bytes) = match &entry.kind {
        EtcKind::Link(text) => return Ok(text),
        EtcKind::File { content, bytes, .. } => (content.as_deref(), *bytes),
    };
    if bytes > SHOWN {
        return Err(format!("is larger than {} KiB", SHOWN >> 10));
    }
    let content = content.ok_or("was not read")?;
    match std::str::from_utf8(content) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err("is binary".to_owned()),
    }
}

/// Lines as Git has them: ended by `\n` and nothing else.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn hunks(old: &[&str], new: &[&str]) -> Body {
    let mut body = Body::default();
    let ops = capture_diff_slices(Algorithm::Myers, old, new);
    for group in group_diff_ops(ops, CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let _ = writeln!(
            body.hunks,
            "@@ -{} +{} @@",
            span(first.old_range().start, last.old_range().end),
            span(first.new_range().start, last.new_range().end)
        );
        for op in &group {
            body.write(op, old, new);
        }
    }
    body
}

/// `3,2`: from the third line on two. Of no lines: the line before, and 0.
fn span(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        count => format!("{},{count}", start + 1),
    }
}

impl Body {
    fn write(&mut self, op: &DiffOp, old: &[&str], new: &[&str]) {
        let (tag, before, after) = op.as_tag_tuple();
        let before = old.get(before).unwrap_or_default();
        let after = new.get(after).unwrap_or_default();
        if tag == DiffTag::Equal {
            for text in before {
                self.line(' ', text);
            }
            return;
        }
        for text in before {
            self.line('-', text);
        }
        for text in after {
            self.line('+', text);
        }
        self.removed += before.len() as u64;
        self.added += after.len() as u64;
    }

    fn line(&mut self, sign: char, text: &str) {
        self.hunks.push(sign);
        self.hunks.push_str(text);
        if !text.ends_with('\n') {
            self.hunks.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// A path as Git writes it: in quotes, with escapes, if it has anything that could be misread.
fn quoted(path: &str) -> String {
    let is_plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    if path.bytes().all(is_plain) {
        return path.to_owned();
    }
    let mut text = String::from('"');
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            byte if is_plain(byte) => text.push(char::from(byte)),
            byte => _ = write!(text, "\\{byte:03o}"),
        }
    }
    text.push('"');
    text
}

/// Without what ends a line.
fn tame(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).collect()
}
