//! What is written of files below `/etc`, kind by kind, and that it leads from the old to the new.

use super::{Hidden, etc};
use infra_model::answer::EtcDiff;
use infra_model::snapshot::{EtcEntry, EtcKind, Snapshot};
use proptest::prelude::*;
use serde_json::json;

fn file(content: &[u8]) -> EtcEntry {
    let mut entry = EtcEntry::file(format!("{content:?}"), content.len() as u64, false);
    if let EtcKind::File { content: read, .. } = &mut entry.kind {
        *read = Some(content.to_vec());
    }
    entry
}

fn snapshot(entries: Vec<(&str, EtcEntry)>) -> Snapshot {
    Snapshot {
        etc: entries
            .into_iter()
            .map(|(path, entry)| (path.to_owned(), entry))
            .collect(),
        ..Snapshot::default()
    }
}

fn compared(before: Vec<(&str, EtcEntry)>, after: Vec<(&str, EtcEntry)>) -> EtcDiff {
    etc(&snapshot(before), &snapshot(after), &Hidden::default())
}

#[test]
fn it_is_written_as_git_does() {
    let copied = EtcEntry {
        mode: Some("0600".to_owned()),
        ..file(b"same\n")
    };
    let runnable = EtcEntry {
        executable: true,
        ..file(b"same\n")
    };
    let before = vec![
        ("a b", file(b"1\n")),
        ("bin", file(b"\0\x01")),
        ("copied", file(b"same\n")),
        ("gone", file(b"x")),
        ("link", EtcEntry::link("../a")),
        ("long", file(b"1\n2\n3\n4\n5\n6\n7\n8\n9\n")),
        ("mode", file(b"same\n")),
        ("same", file(b"same\n")),
        ("turned", file(b"text\n")),
    ];
    let after = vec![
        ("a b", file(b"2\n")),
        ("bin", file(b"\0\x02")),
        ("copied", copied),
        ("empty", file(b"")),
        ("link", EtcEntry::link("../b")),
        ("long", file(b"1\n2\n3\n4\nfive\n6\n7\n8\n9")),
        ("mode", runnable),
        ("new/\u{e9}", file(b"y\n")),
        ("same", file(b"same\n")),
        ("turned", EtcEntry::link("/dev/null")),
        ("unread", EtcEntry::file("0", 5, false)),
        ("vast", EtcEntry::file("0", 5_000_000, false)),
    ];
    let diff = compared(before, after);
    insta::assert_snapshot!(diff.patch);
    let told: Vec<String> = diff
        .files
        .iter()
        .map(|file| {
            format!(
                "{} {} +{} -{} {}",
                file.how.as_str(),
                file.path,
                file.added,
                file.removed,
                file.note.as_deref().unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_the_same_is_not_told() {
    let same = || vec![("a", file(b"1\n")), ("b", EtcEntry::link("x"))];
    assert_eq!(compared(same(), same()), EtcDiff::default());
}

#[test]
fn private_values_are_not_shown() {
    let hidden = Hidden::of(&[json!({ "a": ["s3cret-token", 123_456], "b": "ab" })]);
    let before = snapshot(vec![
        ("x", file(b"old\n")),
        ("y", file(b"no 123456\n")),
        ("z", file(b"ab\n")),
    ]);
    let after = snapshot(vec![
        ("x", file(b"key = s3cret-token\n")),
        ("y", file(b"yes\n")),
        ("z", file(b"abc\n")),
    ]);
    let diff = etc(&before, &after, &hidden);
    assert!(
        !diff.patch.contains("s3cret") && !diff.patch.contains("123456"),
        "{}",
        diff.patch
    );
    assert!(diff.patch.contains("+abc"), "short ones are not looked for");
    assert_eq!(
        diff.files.iter().filter(|file| file.note.is_some()).count(),
        2
    );
    assert_eq!(format!("{hidden:?}"), "Hidden(2)");
}

/// Applies the hunks of one file.
fn applied(old: &str, patch: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut at, mut new) = (0, String::new());
    let mut lines = patch.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("@@ -") {
            let span = rest.split(' ').next().expect("a span");
            let (start, count) = span.split_once(',').unwrap_or((span, "1"));
            let start: usize = start.parse().expect("a number");
            let start = if count == "0" { start } else { start - 1 };
            new.extend(old[at..start].iter().copied());
            at = start;
            continue;
        }
        let Some(sign) = line.chars().next().filter(|_| patch.contains("@@ -")) else {
            continue;
        };
        let ended = lines.peek().is_some_and(|next| next.starts_with('\\'));
        let text = &line[1..line.len() - usize::from(ended)];
        match sign {
            ' ' => {
                new.push_str(text);
                at += 1;
            }
            '-' if !line.starts_with("--- ") => at += 1,
            '+' if !line.starts_with("+++ ") => new.push_str(text),
            _ => {}
        }
    }
    new.extend(old[at..].iter().copied());
    new
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_written_leads_from_one_to_the_other(
        old in "([ab\r]{0,2}\n){0,12}[ab]{0,1}",
        new in "([ab\r]{0,2}\n){0,12}[ab]{0,1}",
    ) {
        let diff = compared(vec![("f", file(old.as_bytes()))], vec![("f", file(new.as_bytes()))]);
        prop_assert_eq!(applied(&old, &diff.patch), new);
    }
}
