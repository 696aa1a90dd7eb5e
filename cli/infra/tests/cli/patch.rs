//! What a plan writes as a patch, Git itself reads.

use crate::env::Env;
use infra_model::snapshot::{EtcEntry, EtcKind, Snapshot};
use infra_plan::diff::{Hidden, etc};

fn file(content: &str) -> EtcEntry {
    let mut entry = EtcEntry::file(content, content.len() as u64, false);
    if let EtcKind::File { content: read, .. } = &mut entry.kind {
        *read = Some(content.as_bytes().to_vec());
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

#[test]
fn git_reads_every_kind_of_difference() {
    let env = Env::new();
    let runnable = EtcEntry {
        executable: true,
        ..file("same\n")
    };
    let before = snapshot(vec![
        ("a b", file("1\n")),
        ("binary", file("\0one")),
        ("gone", file("x")),
        ("link", EtcEntry::link("../a")),
        ("mode", file("same\n")),
        ("turned", file("text\n")),
    ]);
    let after = snapshot(vec![
        ("a b", file("2")),
        ("binary", file("\0two")),
        ("empty", file("")),
        ("link", EtcEntry::link("../b")),
        ("mode", runnable),
        ("new/\u{e9}\"", file("y\n")),
        ("turned", EtcEntry::link("/dev/null")),
        ("vast", EtcEntry::file("0", 5_000_000, false)),
    ]);
    let diff = etc(&before, &after, &Hidden::default());
    let patch = env.side_file("plan.patch", &diff.patch);
    let output = env.in_shell("git apply --stat --summary \"$2\"", &[&patch]);
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
}

#[test]
fn git_makes_the_new_out_of_the_old() {
    let env = Env::new();
    let lines: Vec<String> = (1..60).map(|line| line.to_string()).collect();
    let old = lines.join("\n") + "\n";
    let new = old
        .replace("\n7\n", "\nseven\n")
        .replace("\n40\n", "\n")
        .replace("59\n", "59\nlast");
    let before = snapshot(vec![("list", file(&old)), ("gone", file("x\n"))]);
    let after = snapshot(vec![("list", file(&new)), ("made/new", file("y"))]);
    env.write("etc/list", &old);
    env.write("etc/gone", "x\n");
    let diff = etc(&before, &after, &Hidden::default());
    let patch = env.side_file("plan.patch", &diff.patch);
    let script = "git apply \"$2\" && cat etc/list etc/made/new && ! [ -e etc/gone ]";
    let output = env.in_shell(script, &[&patch]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{new}y"));
}
