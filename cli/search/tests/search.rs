//! Whatever is planted is found, wherever it lies and however it is read.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its scene should panic there"
)]

use infra_model::poison::{Form, Part, Spot};
use infra_search::{Control, Hit, Look, Search, Subjects, files, forms, processes};
use proptest::prelude::*;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

const SECRET: &str = "correct-horse-battery";

fn search(secrets: &[&[u8]]) -> (Search, Control) {
    let control = Control::new().expect("random numbers");
    (
        Search::new(secrets.iter().copied(), &control).expect("few"),
        control,
    )
}

/// A secret that is one.
fn secret() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 8..400)
        .prop_filter("a secret", |bytes| forms::too_common(bytes).is_none())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn planted_anywhere_it_is_found_across_any_chunks(
        secret in secret(),
        which in any::<prop::sample::Index>(),
        before in prop::collection::vec(any::<u8>(), 0..700),
        after in prop::collection::vec(any::<u8>(), 0..50),
        cuts in prop::collection::vec(1_usize..300, 1..40),
    ) {
        let (search, _) = search(&[&secret]);
        let all = forms::of(&secret);
        let (form, planted) = which.get(&all);
        let text = [before.as_slice(), planted, &after].concat();
        let mut hits = Vec::new();
        let mut scan = search.scan();
        let mut rest = text.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, left) = rest.split_at(rest.len().min(*cut));
            scan.feed(chunk, &mut |hit| hits.push(hit));
            rest = left;
        }
        let wanted = Hit { secret: Some(0), form: *form, offset: before.len() as u64 };
        prop_assert_eq!(hits.iter().filter(|hit| **hit == wanted).count(), 1, "{:?}", hits);
        let mut whole = search.all_in(&text);
        whole.sort_unstable();
        hits.sort_unstable();
        prop_assert_eq!(hits, whole);
    }

    #[test]
    fn encodings_within_longer_texts_are_found(secret in secret(), before in 0_usize..9, after in 0_usize..9) {
        use base64::Engine as _;
        let (search, _) = search(&[&secret]);
        let text = [&b"a:b@c\0xyz"[..before], &secret, &b"/tail\n\n.."[..after]].concat();
        for engine in [base64::engine::general_purpose::STANDARD, base64::engine::general_purpose::URL_SAFE] {
            prop_assert!(!search.all_in(engine.encode(&text).as_bytes()).is_empty());
        }
    }

    #[test]
    fn what_is_shown_has_no_secret(before in "[a-z/]{0,9}", after in "[a-z/]{0,9}") {
        let (search, _) = search(&[SECRET.as_bytes(), b"horse-battery-staple", b"correct-horse"]);
        let shown = search.redact(&format!("{before}{SECRET}-staple{after}"));
        prop_assert_eq!(shown, format!("{before}[secret]{after}"));
    }
}

#[test]
fn every_secret_of_several_is_found_also_within_another() {
    let (search, control) = search(&[b"inner-secret", b"an-inner-secret-too"]);
    let hits = search.all_in(format!("an-inner-secret-too {}", control.text()).as_bytes());
    let secrets: Vec<_> = hits.iter().map(|hit| (hit.secret, hit.offset)).collect();
    assert_eq!(secrets, [(Some(0), 3), (Some(1), 0), (None, 20)]);
    assert_eq!(format!("{search:?}").find("secret"), None);
}

fn found_below(root: &Path, skip: &dyn Fn(&Path) -> bool) -> (u64, Vec<(String, u64)>) {
    let (search, _) = search(&[SECRET.as_bytes()]);
    let mut look = Look::new(&search, |_| {});
    files::search(&mut look, root, skip);
    let (looked, found) = look.end();
    let spots = found.into_iter().map(|(_, _, spot)| match spot {
        Spot::File { path, offset } => (path.replace(&root.display().to_string(), ""), offset),
        other => (
            other.to_string().replace(&root.display().to_string(), ""),
            0,
        ),
    });
    (looked.files, spots.collect())
}

#[test]
fn files_by_content_and_name_but_not_through_links() {
    let dir = tempfile::tempdir().expect("a folder");
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("f"), SECRET).expect("writable");
    let root = dir.path();
    fs::create_dir_all(root.join("a/b")).expect("writable");
    fs::create_dir_all(root.join("skipped")).expect("writable");
    fs::write(root.join("a/b/f"), format!("12345{SECRET} and {SECRET}")).expect("writable");
    fs::write(root.join("skipped/f"), SECRET).expect("writable");
    fs::write(root.join(format!("a/{SECRET}.txt")), SECRET).expect("writable");
    symlink(outside.path(), root.join("folder")).expect("writable");
    symlink(outside.path().join("f"), root.join("file")).expect("writable");
    let (files, found) = found_below(root, &|path| path.ends_with("skipped"));
    assert_eq!(files, 2);
    assert_eq!(
        found,
        [
            ("/a/[secret].txt".to_owned(), 0),
            ("/a/b/f".to_owned(), 5),
            ("the name of something in /a".to_owned(), 0),
        ]
    );
}

#[test]
fn holes_are_not_read_and_what_is_between_them_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut file = fs::File::create(dir.path().join("sparse")).expect("writable");
    // Larger than could be read.
    let far: u64 = 1 << 42;
    file.write_all(b"begin").expect("writable");
    file.seek(SeekFrom::Start(far)).expect("seekable");
    file.write_all(format!("xyz{SECRET}").as_bytes())
        .expect("room");
    file.set_len(far + (1 << 40)).expect("room");
    let (_, found) = found_below(dir.path(), &|_| false);
    assert_eq!(found, [("/sparse".to_owned(), far + 3)]);
}

#[test]
fn processes_by_argument_and_environment() {
    let proc = tempfile::tempdir().expect("a folder");
    for (pid, cmdline, environ) in [
        ("7", "sleep\0correct-horse-battery\0", "A=b\0"),
        ("8", "cat\0", "A=b\0TOKEN=Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5\0"),
        ("self", SECRET, SECRET),
    ] {
        let folder = proc.path().join(pid);
        fs::create_dir(&folder).expect("writable");
        fs::write(folder.join("comm"), "correct-horse-battery\n").expect("writable");
        fs::write(folder.join("cmdline"), cmdline).expect("writable");
        fs::write(folder.join("environ"), environ).expect("writable");
    }
    let (search, _) = search(&[SECRET.as_bytes()]);
    let found = |skip: &dyn Fn(u32, Part) -> bool| {
        let mut look = Look::new(&search, |_| {});
        processes::search(&mut look, proc.path(), None, skip);
        let (looked, found) = look.end();
        assert_eq!(looked.processes, 2);
        found
            .iter()
            .map(|(_, form, spot)| format!("{spot}, {}", form.as_str()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(&|_, _| false),
        [
            "the arguments of process 7 ([secret]), as it is",
            "the environment of process 8 ([secret]), in Base64"
        ]
    );
    assert_eq!(
        found(&|pid, part| (pid, part) == (7, Part::Arguments)).len(),
        1
    );
}

#[test]
fn controls_are_no_findings() {
    let dir = tempfile::tempdir().expect("a folder");
    let (search, control) = search(&[SECRET.as_bytes()]);
    fs::write(dir.path().join("f"), control.text()).expect("writable");
    let mut look = Look::new(&search, |_| {});
    files::search(&mut look, dir.path(), &|_| false);
    assert!(look.has_control(|spot| matches!(spot, Spot::File { offset: 0, .. })));
    assert!(!look.has_control(|spot| matches!(spot, Spot::Process { .. })));
    assert!(look.end().1.is_empty());
    assert_ne!(Control::new().expect("random"), control);
    assert_eq!(Form::Plain.as_str(), "as it is");
}

#[test]
fn one_content_is_looked_for_once_and_told_under_all_its_names() {
    let mut subjects = Subjects::new();
    assert_eq!(subjects.add("a", SECRET.as_bytes()), Ok(()));
    assert_eq!(subjects.add("b", SECRET.as_bytes()), Ok(()));
    assert!(subjects.add("c", b"short").is_err());
    let search = subjects
        .search(&Control::new().expect("random"))
        .expect("few");
    let mut look = Look::new(&search, |_| {});
    look.read(&mut SECRET.as_bytes(), &|_| Spot::Journal)
        .expect("memory");
    let told = subjects.named(&look.end().1);
    let names: Vec<_> = told.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["a", "b"]);
}
