//! What the table keeps, finds and forgets.

use super::{Evaluation, FileStat, Info, Key, MAX_BYTES, Opened, Peak, Program, Removed, Table};
use infra_model::{Code, HostName};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

const MIB: u64 = 1024 * 1024;
const HOUR: Duration = Duration::from_secs(3600);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The table below `dir`, which nothing may be wrong with.
fn open(dir: &Path) -> Table {
    let Opened { table, warning } = Table::open(dir).expect("opens");
    assert_eq!(warning, None);
    table
}

fn at(hours: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + HOUR * hours
}

fn key(tree: &str) -> Key {
    Key {
        tree: tree.to_owned(),
        attribute: "infra.hosts.web.system".to_owned(),
        nix: "2.34.8".to_owned(),
        system: "x86_64-linux".to_owned(),
    }
}

fn answer(text: &str) -> Evaluation {
    Evaluation {
        answer: text.to_owned(),
        seconds: 1.25,
        peak_bytes: 300 * MIB,
    }
}

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

fn stat(number: u8) -> FileStat {
    FileStat {
        ino: u64::from(number),
        size: 12,
        mtime_ns: 1_800_000_000_123_456_789,
        ctime_ns: 1_800_000_000_987_654_321,
        mode: 0o100_644,
        oid: [number; 20],
    }
}

fn info(table: &Table) -> Info {
    table.info().expect("can be read")
}

#[test]
fn an_answer_is_found_by_all_of_its_key_and_by_nothing_less() {
    let dir = folder();
    let kept = key("a1");
    open(dir.path()).put(&kept, &answer("{}"), at(0));

    let table = open(dir.path());
    assert_eq!(table.get(&kept, at(0)), Some(answer("{}")));
    let other = |change: fn(&mut Key)| {
        let mut key = kept.clone();
        change(&mut key);
        key
    };
    for key in [
        other(|key| key.tree = "a2".to_owned()),
        other(|key| key.attribute.push('s')),
        other(|key| key.nix = "2.35.0".to_owned()),
        other(|key| key.system = "aarch64-linux".to_owned()),
    ] {
        assert_eq!(table.get(&key, at(0)), None, "{key:?}");
    }
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn a_later_answer_takes_the_place_of_an_earlier_one() {
    let dir = folder();
    let table = open(dir.path());
    table.put(&key("a"), &answer("old"), at(0));
    let new = Evaluation {
        answer: "new \0 \u{1f980}".to_owned(),
        seconds: 0.5,
        peak_bytes: u64::MAX,
    };
    table.put(&key("a"), &new, at(1));
    assert_eq!(table.get(&key("a"), at(1)), Some(new));
    assert_eq!(info(&table).evaluations, 1);

    let unmeasured = Evaluation {
        seconds: f64::NAN,
        ..answer("x")
    };
    table.put(&key("a"), &unmeasured, at(1));
    let found = table.get(&key("a"), at(1)).expect("kept");
    assert_eq!((found.seconds, found.answer.as_str()), (0.0, "x"));
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn reading_writes_the_time_of_last_use_once_an_hour_only() {
    let dir = folder();
    let table = open(dir.path());
    table.put(&key("a"), &answer("{}"), at(10));
    let used_after = |now| {
        table.get(&key("a"), now).expect("kept");
        info(&table).oldest.expect("there is one")
    };
    assert_eq!(used_after(at(10) + HOUR / 2), at(10));
    assert_eq!(
        used_after(at(11)),
        at(10),
        "an hour is not more than an hour"
    );
    assert_eq!(used_after(at(12)), at(12));
    assert_eq!(
        used_after(at(5)),
        at(5),
        "a clock that was wrong is set right"
    );
}

#[test]
fn a_reader_does_not_wait_for_a_writer() {
    let dir = folder();
    let (table, writer) = (open(dir.path()), open(dir.path()));
    table.put(&key("a"), &answer("{}"), at(0));
    let began = Instant::now();
    let mut inner = writer.inner();
    let writing = inner
        .connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .expect("begins");
    writing
        .execute("DELETE FROM evaluations", [])
        .expect("deletes");
    assert_eq!(table.get(&key("a"), at(9)), Some(answer("{}")));
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn a_peak_is_a_maximum_that_slowly_forgets() {
    let dir = folder();
    let table = open(dir.path());
    let (web, db) = (host("web"), host("db"));
    let peak = |bytes, seconds| Peak { bytes, seconds };
    assert_eq!(table.peak("/repo", &web), None);

    table.learn("/repo", &web, peak(800, 2.0));
    assert_eq!(table.peak("/repo", &web), Some(peak(800, 2.0)));
    table.learn("/repo", &web, peak(1600, 1.0));
    assert_eq!(
        table.peak("/repo", &web),
        Some(peak(1600, 1.875)),
        "more is believed at once, less takes an eighth off; each for itself"
    );
    for _ in 0..5 {
        table.learn("/repo", &web, peak(800, 1.0));
    }
    let half = table.peak("/repo", &web).expect("known").bytes;
    assert!((1150..1250).contains(&half), "{half}");
    for _ in 0..40 {
        table.learn("/repo", &web, peak(800, 1.0));
    }
    let forgotten = table.peak("/repo", &web).expect("known").bytes;
    assert!((800..810).contains(&forgotten), "{forgotten}");

    assert_eq!(table.peak("/repo", &db), None);
    assert_eq!(table.peak("/elsewhere", &web), None);
    table.learn("/elsewhere", &web, peak(u64::MAX, f64::NAN));
    assert_eq!(
        table.peak("/elsewhere", &web),
        Some(peak(i64::MAX.unsigned_abs(), 0.0))
    );
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn files_are_kept_for_each_repository() {
    let dir = folder();
    let strange = FileStat {
        ino: u64::MAX,
        size: u64::MAX,
        mtime_ns: -1,
        ctime_ns: i64::MIN,
        mode: u32::MAX,
        oid: [0xff; 20],
    };
    let name = |text: &[u8]| text.to_vec();
    {
        let table = open(dir.path());
        assert!(table.files("/repo").is_empty());
        table.keep_files(
            "/repo",
            &[
                (name(b"flake.nix"), stat(1)),
                (name(b"a b\n\xff"), strange),
                (name(b"old"), stat(3)),
            ],
            &[],
        );
        table.keep_files("/other", &[(name(b"old"), stat(4))], &[]);
        table.keep_files(
            "/repo",
            &[(name(b"flake.nix"), stat(2))],
            &[name(b"old"), name(b"never there")],
        );
        table.keep_files("/repo", &[], &[]);
    }
    let table = open(dir.path());
    let files = table.files("/repo");
    assert_eq!(files.len(), 2);
    assert_eq!(files[b"flake.nix".as_slice()], stat(2));
    assert_eq!(files[b"a b\n\xff".as_slice()], strange);
    assert_eq!(table.files("/other")[b"old".as_slice()], stat(4));
    assert_eq!(info(&table).files, 3);
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn a_version_is_believed_while_the_program_is_the_same_file() {
    let dir = folder();
    let table = open(dir.path());
    let real = dir.path().join("nix-2.34.8");
    fs::write(&real, "program").expect("writable");
    symlink(&real, dir.path().join("nix")).expect("writable");
    let program = Program::at(&dir.path().join("nix")).expect("is there");
    assert_eq!(program, Program::at(&real).expect("is there"));
    assert!(Program::at(&dir.path().join("absent")).is_err());

    assert_eq!(table.program_version(&program), None);
    table.keep_program_version(&program, "nix (Nix) 2.34.8");
    assert_eq!(
        table.program_version(&program).as_deref(),
        Some("nix (Nix) 2.34.8")
    );
    let other = |change: fn(&mut Program)| {
        let mut program = program.clone();
        change(&mut program);
        program
    };
    for program in [
        other(|program| program.ino += 1),
        other(|program| program.size += 1),
        other(|program| program.mtime_ns += 1),
        other(|program| program.path.push("x")),
    ] {
        assert_eq!(table.program_version(&program), None, "{program:?}");
    }
    let replaced = other(|program| program.ino += 1);
    table.keep_program_version(&replaced, "nix (Nix) 2.35.0");
    assert_eq!(table.program_version(&program), None, "one row for a path");
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn the_history_of_hosts_is_kept() {
    let dir = folder();
    let (web, db) = (host("web"), host("db"));
    {
        let table = open(dir.path());
        assert_eq!(table.seen("/repo", &web, 9), []);
        for (tree, hours) in [("t1", 0), ("t1", 1), ("t2", 2), ("t1", 1), ("t1", 4)] {
            table.keep_seen("/repo", &web, tree, at(hours));
        }
        table.keep_seen("/repo", &db, "t9", at(0));
        table.keep_seen("/other", &web, "t8", at(0));
    }
    let table = open(dir.path());
    let t = |tree: &str, hours| (tree.to_owned(), at(hours));
    assert_eq!(
        table.seen("/repo", &web, 9),
        [t("t1", 1), t("t2", 2), t("t1", 0)],
        "newest first, even if the clock went backwards"
    );
    assert_eq!(table.seen("/repo", &web, 1), [t("t1", 1)]);
    assert_eq!(table.seen("/repo", &db, 9), [t("t9", 0)]);
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn gc_drops_the_least_recently_used_until_the_file_fits() {
    let dir = folder();
    let table = open(dir.path());
    let large = "x".repeat(100_000);
    for number in 0..60 {
        table.put(&key(&number.to_string()), &answer(&large), at(number));
    }
    // The oldest of all is used again.
    table.get(&key("0"), at(100)).expect("kept");
    let before = info(&table);
    assert!(before.bytes > 6 * MIB, "{before:?}");
    assert_eq!(before.oldest, Some(at(1)));

    let removed = table.gc(2 * MIB).expect("can be written");
    let after = info(&table);
    assert!(after.bytes <= 2 * MIB, "{after:?}");
    assert!(
        after.bytes > MIB + MIB / 2,
        "no more than needed: {after:?}"
    );
    assert_eq!(removed.bytes, before.bytes - after.bytes);
    assert_eq!(removed.evaluations + after.evaluations, 60);
    assert!(table.get(&key("0"), at(100)).is_some());
    let kept: Vec<bool> = (1..60)
        .map(|number: u32| table.get(&key(&number.to_string()), at(100)).is_some())
        .collect();
    assert!(kept.is_sorted(), "older ones go first: {kept:?}");
    let again = table.gc(2 * MIB).expect("can be written");
    assert_eq!(Removed { bytes: 0, ..again }, Removed::default());
    let all = table.gc(0).expect("can be written");
    assert_eq!(all.evaluations, after.evaluations);
}

#[test]
fn gc_forgets_what_is_no_longer_there() {
    let dir = folder();
    let table = open(&dir.path().join("cache"));
    let (here, gone) = (dir.path().join("here"), dir.path().join("gone"));
    fs::create_dir(&here).expect("writable");
    let (here, gone) = (here.to_string_lossy(), gone.to_string_lossy());
    let web = host("web");
    for repo in [&*here, &*gone] {
        table.keep_files(repo, &[(b"f".to_vec(), stat(1))], &[]);
        table.learn(
            repo,
            &web,
            Peak {
                bytes: 1,
                seconds: 1.0,
            },
        );
        table.keep_seen(repo, &web, &format!("seen in {repo}"), at(0));
    }
    table.put(&key("evaluated"), &answer("{}"), at(0));
    let nix = |name: &str| Program {
        path: dir.path().join(name),
        ino: 1,
        size: 1,
        mtime_ns: 1,
    };
    table.keep_program_version(&nix("here"), "1");
    table.keep_program_version(&nix("gone"), "1");

    let removed = table.gc(MAX_BYTES).expect("can be written");
    let expected = Removed {
        repos: 1,
        programs: 1,
        ..Removed::default()
    };
    assert_eq!(
        Removed {
            bytes: 0,
            ..removed
        },
        expected
    );
    assert_eq!(table.files(&here).len(), 1);
    assert_eq!(table.files(&gone).len(), 0);
    assert_eq!(table.peak(&gone, &web), None);
    assert_eq!(table.seen(&gone, &web, 9), []);
    assert_eq!(table.seen(&here, &web, 9).len(), 1);
    assert!(table.program_version(&nix("here")).is_some());
    assert_eq!(info(&table).files, 1);
}

#[test]
fn gc_shortens_histories() {
    let dir = folder();
    let table = open(dir.path());
    let (repo, web) = (dir.path().to_string_lossy(), host("web"));
    table.keep_seen(&repo, &host("db"), "t", at(0));
    for number in 0..510 {
        table.keep_seen(&repo, &web, &number.to_string(), at(number));
    }
    let removed = table.gc(MAX_BYTES).expect("can be written");
    assert_eq!(removed.seen, 10);
    let seen = table.seen(&repo, &web, u32::MAX);
    assert_eq!(seen.len(), 500);
    assert_eq!(seen[0].0, "509");
    assert_eq!(table.seen(&repo, &host("db"), 9).len(), 1);
}

#[test]
fn the_table_keeps_itself_within_its_limit() {
    let dir = folder();
    let mut table = open(dir.path());
    table.limit = MIB;
    let large = "x".repeat(50_000);
    for number in 0..100 {
        table.put(&key(&number.to_string()), &answer(&large), at(number));
        assert!(
            table.get(&key(&number.to_string()), at(number)).is_some(),
            "the newest is never the one that goes"
        );
    }
    assert_eq!(table.take_warnings(), []);
    drop(table);
    let kept = info(&open(dir.path()));
    assert!(kept.bytes < MIB + MIB / 2, "{kept:?}");
    assert!(kept.evaluations >= 10, "{kept:?}");
}

#[test]
fn clearing_leaves_an_empty_small_file() {
    let dir = folder();
    let table = open(dir.path());
    let web = host("web");
    table.put(&key("a"), &answer(&"x".repeat(1_000_000)), at(0));
    table.keep_files("/repo", &[(b"f".to_vec(), stat(1))], &[]);
    table.learn(
        "/repo",
        &web,
        Peak {
            bytes: 1,
            seconds: 1.0,
        },
    );
    table.keep_seen("/repo", &web, "a", at(0));
    fs::write(dir.path().join("table.sqlite.set-aside-4"), "old").expect("writable");
    let before = info(&table);
    assert_eq!(before.set_aside_bytes, 3);
    assert_eq!(
        (before.evaluations, before.files, before.oldest),
        (1, 1, Some(at(0)))
    );
    assert_eq!(before.file, Some(dir.path().join("table.sqlite")));

    let removed = table.clear().expect("can be written");
    assert!(removed.bytes > 1_000_000, "{removed:?}");
    let expected = Removed {
        evaluations: 1,
        seen: 1,
        repos: 1,
        set_aside: 1,
        ..Removed::default()
    };
    assert_eq!(
        Removed {
            bytes: 0,
            ..removed
        },
        expected
    );
    let after = info(&table);
    assert!(after.bytes < 100_000, "{after:?}");
    assert_eq!((after.evaluations, after.files, after.oldest), (0, 0, None));
    assert_eq!(after.set_aside_bytes, 0);
    assert_eq!(table.peak("/repo", &web), None);
    table.put(&key("a"), &answer("{}"), at(0));
    assert_eq!(table.get(&key("a"), at(0)), Some(answer("{}")));
}

#[test]
fn a_table_in_memory_does_the_same_and_is_forgotten() {
    let table = Table::in_memory().expect("there is memory");
    table.put(&key("a"), &answer("{}"), at(0));
    assert_eq!(table.get(&key("a"), at(9)), Some(answer("{}")));
    assert_eq!(info(&table).file, None);
    table.gc(MAX_BYTES).expect("works");
    assert_eq!(table.clear().expect("works").evaluations, 1);
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn a_full_disk_is_one_warning_and_no_failure() {
    let dir = folder();
    let table = open(dir.path());
    table.put(&key("before"), &answer("{}"), at(0));
    // SQLite's own limit fails as a full disk does.
    let pages: i64 = table
        .inner()
        .connection
        .query_row("PRAGMA max_page_count = 1", [], |row| row.get(0))
        .expect("set");
    assert!(pages > 1, "not below what is there");
    let large = answer(&"x".repeat(100_000));
    table.put(&key("too large"), &large, at(0));
    table.put(&key("too large"), &large, at(0));
    assert_eq!(table.get(&key("too large"), at(0)), None);
    assert_eq!(table.get(&key("before"), at(0)), Some(answer("{}")));
    let warnings = table.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].code, Code::CacheUnusable);
    let cause = warnings[0].cause.as_deref().expect("a cause");
    assert!(cause.contains("full"), "{cause}");
    assert!(cause.contains("table.sqlite"), "{cause}");
    drop(table);
    assert_eq!(
        open(dir.path()).get(&key("before"), at(0)),
        Some(answer("{}"))
    );
}

#[test]
#[ignore = "measures: run it alone, with --release, --ignored and --nocapture"]
fn opening_and_loading_are_fast() {
    let dir = folder();
    let best = |what: &str, work: &mut dyn FnMut()| {
        let best = (0..20)
            .map(|_| {
                let began = Instant::now();
                work();
                began.elapsed()
            })
            .min()
            .expect("measured");
        println!("{what}: {best:?}");
        best
    };
    let made = Instant::now();
    let table = open(dir.path());
    println!("making: {:?}", made.elapsed());
    let files: Vec<_> = (0..2000)
        .map(|number| {
            let path = format!("modules/folder-{}/some-file-{number}.nix", number % 40);
            (path.into_bytes(), stat(7))
        })
        .collect();
    best("writing 2000 files", &mut || {
        table.keep_files("/repo", &files, &[]);
    });
    let text = "x".repeat(20_000);
    for number in 0..1000 {
        table.put(&key(&number.to_string()), &answer(&text), at(0));
    }
    drop(table);
    let opened = best("opening and closing", &mut || drop(open(dir.path())));
    assert!(opened < Duration::from_millis(2), "{opened:?}");
    let table = open(dir.path());
    let loaded = best("loading 2000 files", &mut || {
        assert_eq!(table.files("/repo").len(), 2000);
    });
    assert!(loaded < Duration::from_millis(3), "{loaded:?}");
    best("100 answers of 20 kB", &mut || {
        for number in 0..100 {
            assert!(table.get(&key(&number.to_string()), at(0)).is_some());
        }
    });
    best("one put", &mut || {
        table.put(&key("new"), &answer(&text), at(0));
    });
    best("open, put, close", &mut || {
        open(dir.path()).put(&key("new"), &answer(&text), at(0));
    });
    drop(table);
    best("open, put, close, alone", &mut || {
        open(dir.path()).put(&key("new"), &answer(&text), at(0));
    });
    best("open, load, close, alone", &mut || {
        assert_eq!(open(dir.path()).files("/repo").len(), 2000);
    });
}
