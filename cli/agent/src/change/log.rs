//! The log of a change, as it is told: lines without anything that a terminal would obey.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// As many lines as one answer has.
const MOST: usize = 2000;
/// Characters of a line.
const LONGEST: usize = 4000;
/// Bytes of a line that are looked at: an activation may say anything, and a log of any size is told without being held as a whole.
const READ: usize = 16 << 10;
/// Bytes at the end in which what was said last is looked for.
const TAIL: u64 = 256 << 10;

/// The lines from one on, and the number of the line after those. Without `from`, none, and the number of all. A line that is still being
/// written counts once it is whole, or once nobody writes any more.
pub(crate) fn lines(path: &Path, from: Option<u64>, ended: bool) -> (Vec<String>, u64) {
    let mut lines = Vec::new();
    let mut number = 0_u64;
    if let Ok(file) = File::open(path) {
        let mut log = BufReader::new(file);
        while let Some((line, is_whole)) = next_line(&mut log)
            && (is_whole || ended)
            && lines.len() < MOST
        {
            if from.is_some_and(|from| number >= from) {
                lines.push(plain(&line));
            }
            number += 1;
        }
    }
    let next = from.map_or(number, |from| from.max(number));
    (lines, next)
}

/// The next line, as far as it is looked at, and whether it was ended.
fn next_line(log: &mut impl BufRead) -> Option<(String, bool)> {
    let mut line = Vec::new();
    let mut begun = false;
    loop {
        let bytes = log.fill_buf().ok()?;
        if bytes.is_empty() {
            return begun.then(|| (String::from_utf8_lossy(&line).into_owned(), false));
        }
        begun = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = READ.saturating_sub(line.len()).min(part.len());
        line.extend_from_slice(part.get(..room).unwrap_or_default());
        let read = part.len() + usize::from(end.is_some());
        log.consume(read);
        if end.is_some() {
            return Some((String::from_utf8_lossy(&line).into_owned(), true));
        }
    }
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
    let lines: Vec<String> = end_of(path).lines().map(plain).collect();
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

/// The last lines of a log, whole ones.
fn end_of(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let skipped = file.metadata()?.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(skipped))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        std::io::Result::Ok((bytes, skipped > 0))
    };
    let Ok((bytes, is_cut)) = read() else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    match text.split_once('\n') {
        Some((_, rest)) if is_cut => rest.to_owned(),
        _ => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST, READ, TAIL, lines, plain, tail};

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
    fn what_was_said_last_is_found_however_much_was_said_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("log");
        let mut text = String::new();
        while text.len() < usize::try_from(TAIL).expect("small") * 2 {
            text.push_str("setting up\n");
        }
        text.push_str("no such user\ninfra: ended\n");
        std::fs::write(&log, &text).expect("a log");
        assert_eq!(tail(&log, 1), "no such user");
        assert_eq!(tail(&log, 2), "setting up\nno such user");
        let all = u64::try_from(text.lines().count()).expect("few");
        assert_eq!(lines(&log, None, true), (Vec::new(), all));
        let (first, next) = lines(&log, Some(5), true);
        assert_eq!((first.len(), next), (MOST, 5 + MOST as u64));
        // A line that never ends is not held as a whole, and counts once.
        std::fs::write(&log, "x".repeat(READ * 3) + "\nlast\n").expect("a log");
        let (both, next) = lines(&log, Some(0), false);
        assert_eq!((both.len(), next), (2, 2));
        assert_eq!(both[1], "last");
    }

    #[test]
    fn a_line_has_an_end() {
        assert_eq!(plain(&"x".repeat(9000)).chars().count(), LONGEST + 2);
    }
}
