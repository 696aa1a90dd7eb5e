//! INI files, as the Go library reads them that sops uses: what is not encrypted is authenticated as that library understands it.

use super::tree::{Document, Leaf, Node};
use infra_model::Diagnostic;

/// Where keys in front of the first section go.
const DEFAULT: &str = "DEFAULT";

pub(super) fn parse(text: &str, shown: &str) -> Result<Vec<Document>, Diagnostic> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut document: Document = vec![(DEFAULT.to_owned(), Node::Map(Vec::new()))];
    let mut lines = text.split('\n').enumerate();
    while let Some((number, raw)) = lines.next() {
        let fault = |cause: &str| super::syntax(shown, cause, number + 1, None);
        let line = raw.trim_start();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            let end = section
                .rfind(']')
                .ok_or_else(|| fault("the section has no `]`"))?;
            let name = section[..end].trim();
            if name.is_empty() {
                return Err(fault("the section has no name"));
            }
            document.push((name.to_owned(), Node::Map(Vec::new())));
            continue;
        }
        let (key, rest) =
            key_of(line).ok_or_else(|| fault("the line has no key with `=` or `:`"))?;
        let value =
            value_of(rest, &mut lines).ok_or_else(|| fault("the quoted value has no end"))?;
        if let Some((_, Node::Map(entries))) = document.last_mut() {
            put(entries, key, value);
        }
    }
    Ok(vec![document])
}

/// A key again in the same section replaces the value, at the first one's place.
fn put(entries: &mut Document, key: &str, value: String) {
    let key = match key {
        "-" => format!(
            "#{}",
            entries
                .iter()
                .filter(|(key, _)| key.starts_with('#'))
                .count()
                + 1
        ),
        key => key.to_owned(),
    };
    let node = Node::Leaf(Leaf::text(value));
    match entries.iter_mut().find(|(name, _)| *name == key) {
        Some((_, before)) => *before = node,
        None => entries.push((key, node)),
    }
}

fn key_of(line: &str) -> Option<(&str, &str)> {
    let quote = ["\"\"\"", "\"", "`"]
        .into_iter()
        .find(|quote| line.starts_with(quote) && (*quote != "\"\"\"" || line.len() > 6));
    if let Some(quote) = quote {
        let (key, rest) = line[quote.len()..].split_once(quote)?;
        let at = rest.find(['=', ':'])?;
        return Some((key.trim(), &rest[at + 1..]));
    }
    let at = line.find(['=', ':'])?;
    (at > 0).then(|| (line[..at].trim(), &line[at + 1..]))
}

/// The value behind the `=`, which may go on in the lines that follow. `None`: a quote does not end.
fn value_of<'a>(
    first: &'a str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Option<String> {
    let line = first.trim_start();
    for quote in ["\"\"\"", "`"] {
        let Some(inner) = line.strip_prefix(quote) else {
            continue;
        };
        if quote.len() == 3 && line.len() <= 3 {
            continue;
        }
        return match inner.rfind(quote) {
            Some(end) => Some(inner[..end].to_owned()),
            None => quoted_lines(inner, quote, lines),
        };
    }
    let line = line.trim();
    if let Some(begun) = line.strip_suffix('\\') {
        let mut value = begun.to_owned();
        for (_, next) in lines.by_ref() {
            let next = next.trim();
            if next.is_empty() {
                break;
            }
            let Some(part) = next.strip_suffix('\\') else {
                value.push_str(next);
                break;
            };
            value.push_str(part);
        }
        return Some(value);
    }
    let line = match line.find(['#', ';']) {
        Some(at) => line[..at].trim(),
        None => line,
    };
    let bare = ['\'', '"'].into_iter().find_map(|quote| {
        let inner = line.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    });
    Some(bare.unwrap_or(line).to_owned())
}

fn quoted_lines<'a>(
    first: &str,
    quote: &str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Option<String> {
    let mut value = format!("{first}\n");
    for (_, line) in lines {
        if let Some(end) = line.rfind(quote) {
            value.push_str(&line[..end]);
            return Some(value);
        }
        value.push_str(line);
        value.push('\n');
    }
    None
}
