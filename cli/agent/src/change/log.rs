//! The log of a change, as it is told: lines without anything that a terminal would obey.

use std::fs;
use std::path::Path;

/// As many lines as one answer has.
const MOST: usize = 2000;
/// Characters of a line.
const LONGEST: usize = 4000;

/// The lines from one on, and the number of the line after those. Without `from`, none, and the number of all. A line that is still being
/// written counts once it is whole, or once nobody writes any more.
pub(crate) fn lines(path: &Path, from: Option<u64>, ended: bool) -> (Vec<String>, u64) {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let whole = match text.rfind('\n') {
        _ if ended => text.as_ref(),
        Some(end) => text.get(..=end).unwrap_or_default(),
        None => "",
    };
    let Some(from) = from else {
        return (Vec::new(), count(whole.lines().count()));
    };
    let skip = usize::try_from(from).unwrap_or(usize::MAX);
    let lines: Vec<String> = whole.lines().skip(skip).take(MOST).map(plain).collect();
    let next = from.saturating_add(count(lines.len()));
    (lines, next)
}

fn count(lines: usize) -> u64 {
    u64::try_from(lines).unwrap_or(u64::MAX)
}

/// Takes out escape sequences (`ESC [ … letter`) and control characters.
pub(crate) fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len().min(LONGEST));
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                chars.by_ref().find(char::is_ascii_alphabetic);
            }
            '\t' => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
        if plain.len() > LONGEST {
            plain.push('…');
            break;
        }
    }
    plain
}

/// What activation said last, for a diagnostic.
pub(crate) fn tail(path: &Path, most: usize) -> String {
    let (lines, _) = lines(path, Some(0), true);
    let said: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with("infra: ") && !line.trim().is_empty())
        .collect();
    let from = said.len().saturating_sub(most);
    said.iter()
        .skip(from)
        .map(|line| line.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, lines, plain, tail};

    #[test]
    fn lines_are_numbered_and_plain() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("log");
        std::fs::write(
            &log,
            "infra: go\n\u{1b}[31mred\u{1b}[0m\r\n\nbell\u{7}\nhal",
        )
        .expect("a log");
        let all = ["infra: go", "red", "", "bell"].map(str::to_owned);
        assert_eq!(lines(&log, Some(0), false), (all.to_vec(), 4));
        assert_eq!(lines(&log, Some(3), false), (vec!["bell".to_owned()], 4));
        assert_eq!(lines(&log, Some(4), false), (Vec::new(), 4));
        assert_eq!(lines(&log, Some(4), true), (vec!["hal".to_owned()], 5));
        assert_eq!(lines(&log, None, false), (Vec::new(), 4));
        assert_eq!(lines(&log, Some(99), true), (Vec::new(), 99));
        assert_eq!(tail(&log, 2), "bell\nhal");
        assert_eq!(
            lines(&dir.path().join("none"), Some(0), true),
            (Vec::new(), 0)
        );
    }

    #[test]
    fn a_line_has_an_end() {
        assert_eq!(plain(&"x".repeat(9000)).chars().count(), LONGEST + 2);
    }
}
