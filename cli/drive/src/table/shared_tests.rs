//! The file itself: damaged, foreign, out of reach, and in the hands of several processes at once.

use super::{Evaluation, FileStat, Key, Opened, Peak, Table};
use infra_model::{Code, Diagnostic, HostName};
use infra_testkit::process::{Run, Running, process};
use rusqlite::Connection;
use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// How many evaluations the tests keep: enough for several levels of pages.
const ROWS: u32 = 300;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn key(tree: &str) -> Key {
    Key {
        tree: tree.to_owned(),
        attribute: "infra.hosts.web.system".to_owned(),
        nix: "2.34.8".to_owned(),
        system: "x86_64-linux".to_owned(),
    }
}

fn numbered(number: u32) -> (Key, Evaluation) {
    let evaluation = Evaluation {
        answer: format!("answer {number} {}", "x".repeat(700)),
        seconds: f64::from(number),
        peak_bytes: number.into(),
    };
    (key(&format!("tree {number}")), evaluation)
}

fn web() -> HostName {
    HostName::parse("web").expect("a name")
}

fn stat(number: u32) -> FileStat {
    FileStat {
        ino: number.into(),
        size: 1,
        mtime_ns: 2,
        ctime_ns: 3,
        mode: 4,
        oid: [5; 20],
    }
}

fn file_of(dir: &Path) -> PathBuf {
    dir.join("table.sqlite")
}

fn fill(table: &Table) {
    for number in 0..ROWS {
        let (key, evaluation) = numbered(number);
        table.put(&key, &evaluation, now());
    }
    let files: Vec<_> = (0..ROWS)
        .map(|number| (format!("file {number}").into_bytes(), stat(number)))
        .collect();
    table.keep_files("/repo", &files, &[]);
}

/// Reads everything; gives how much of it is there. What is there must be right.
fn read_all(table: &Table) -> u32 {
    let mut found = 0;
    for number in 0..ROWS {
        let (key, evaluation) = numbered(number);
        if let Some(kept) = table.get(&key, now()) {
            assert_eq!(kept, evaluation);
            found += 1;
        }
    }
    for (path, kept) in table.files("/repo") {
        let number: u32 = String::from_utf8_lossy(&path)
            .strip_prefix("file ")
            .and_then(|number| number.parse().ok())
            .expect("a name of ours");
        assert_eq!(kept, stat(number));
    }
    found
}

fn open_sound(dir: &Path) -> Table {
    let Opened { table, warning } = Table::open(dir).expect("opens");
    assert_eq!(warning, None);
    assert!(table.info().expect("can be read").file.is_some());
    table
}

fn codes(warnings: &[Diagnostic]) -> Vec<Code> {
    warnings.iter().map(|warning| warning.code).collect()
}

/// Overwrites bytes of a file.
fn scribble(file: &Path, at: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(file)
        .expect("is there");
    file.write_all_at(bytes, at).expect("writable");
}

fn cut(file: &Path, length: u64) {
    fs::OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|file| file.set_len(length))
        .expect("writable");
}

fn sql(file: &Path, text: &str) {
    let connection = Connection::open(file).expect("opens");
    connection.execute_batch(text).expect("runs");
}

/// Changes the first place where `needle` stands in the file.
fn replace_bytes(file: &Path, needle: &[u8], by: &[u8]) {
    let content = fs::read(file).expect("is there");
    let at = content
        .windows(needle.len())
        .position(|window| window == needle)
        .expect("stands in the file");
    scribble(file, at as u64, by);
}

type Damage = fn(&Path);

const DAMAGES: [(&str, Damage); 17] = [
    ("cut after the first byte", |file| cut(file, 1)),
    ("cut within the header", |file| cut(file, 50)),
    ("cut after the header", |file| cut(file, 100)),
    ("cut after the first page", |file| cut(file, 4096)),
    ("cut in the middle", |file| cut(file, half(file))),
    ("cut by a page", |file| cut(file, length(file) - 4096)),
    ("garbage for a header", |file| {
        scribble(file, 0, &[0xa5; 100]);
    }),
    ("zeros for a header", |file| scribble(file, 0, &[0; 100])),
    ("garbage after the header", |file| {
        scribble(file, 100, &[0xa5; 3996]);
    }),
    ("garbage in all pages but the first", |file| {
        scribble(
            file,
            4096,
            &vec![0xa5; usize::try_from(length(file)).expect("small") - 4096],
        );
    }),
    ("a page of zeros in the middle", |file| {
        scribble(file, half(file), &[0; 4096]);
    }),
    ("a page of garbage in the middle", |file| {
        scribble(file, half(file), &[0xa5; 4096]);
    }),
    ("one digit of an answer", |file| {
        replace_bytes(file, b"answer 77 ", b"answer 76 ");
    }),
    ("one digit of a file's name", |file| {
        replace_bytes(file, b"file 299", b"file 298");
    }),
    ("another application", |file| {
        sql(file, "PRAGMA application_id = 7");
    }),
    ("a later version", |file| {
        sql(file, "PRAGMA user_version = 99");
    }),
    ("tables that are not ours", |file| {
        sql(file, "DROP TABLE evaluations");
    }),
];

fn length(file: &Path) -> u64 {
    fs::metadata(file).expect("is there").len()
}

/// The border of pages nearest to the middle.
fn half(file: &Path) -> u64 {
    length(file) / 8192 * 4096
}

#[test]
fn what_cannot_be_trusted_is_set_aside_and_begun_anew() {
    let sound = folder();
    fill(&open_sound(sound.path()));
    assert_eq!(read_all(&open_sound(sound.path())), ROWS);

    for (what, damage) in DAMAGES {
        let dir = folder();
        let file = file_of(dir.path());
        fs::copy(file_of(sound.path()), &file).expect("writable");
        damage(&file);
        let damaged = fs::read(&file).expect("is there");

        let Opened { table, warning } = Table::open(dir.path()).expect("opens");
        read_all(&table);
        let mut warnings = table.take_warnings();
        warnings.extend(warning);
        assert_eq!(
            codes(&warnings),
            [Code::CacheSetAside],
            "{what}: {warnings:?}"
        );
        let aside = dir.path().join("table.sqlite.set-aside-1");
        assert!(
            fs::read(&aside).expect("set aside") == damaged,
            "{what}: kept as it was found"
        );
        let fix = warnings[0].fix.as_deref().expect("a fix");
        assert!(fix.contains(&aside.display().to_string()), "{what}: {fix}");

        fill(&table);
        assert_eq!(read_all(&table), ROWS, "{what}");
        drop(table);
        assert_eq!(read_all(&open_sound(dir.path())), ROWS, "{what}");
    }
}

#[test]
fn files_that_are_no_database_are_set_aside_too() {
    for content in ["no database\n".to_owned(), "x".repeat(20_000)] {
        let dir = folder();
        fs::write(file_of(dir.path()), &content).expect("writable");
        let opened = Table::open(dir.path()).expect("opens");
        assert_eq!(opened.warning.expect("a warning").code, Code::CacheSetAside);
        let aside = fs::read_to_string(dir.path().join("table.sqlite.set-aside-1"));
        assert_eq!(aside.expect("set aside"), content);
    }
    // What a crash right after its creation leaves is not worth a word.
    let dir = folder();
    fs::write(file_of(dir.path()), "").expect("writable");
    fill(&open_sound(dir.path()));
}

#[test]
fn the_log_goes_with_its_file() {
    let dir = folder();
    let file = file_of(dir.path());
    drop(open_sound(dir.path()));
    sql(&file, "PRAGMA user_version = 99");
    // As a process of that version leaves it when it is killed: not all of it is in the file yet.
    let live = Connection::open(&file).expect("opens");
    live.execute_batch("INSERT INTO repos (path) VALUES ('of a later version')")
        .expect("writes");
    let crashed = folder();
    for name in ["table.sqlite", "table.sqlite-wal"] {
        fs::copy(dir.path().join(name), crashed.path().join(name)).expect("writable");
    }
    let opened = Table::open(crashed.path()).expect("opens");
    assert_eq!(opened.warning.expect("a warning").code, Code::CacheSetAside);
    opened.table.put(&key("a"), &numbered(1).1, now());
    let aside = Connection::open(crashed.path().join("table.sqlite.set-aside-1")).expect("opens");
    let path: String = aside
        .query_row("SELECT path FROM repos", [], |row| row.get(0))
        .expect("complete");
    assert_eq!(path, "of a later version");
}

#[test]
fn a_log_without_its_file_is_not_replayed_into_a_new_one() {
    let dir = folder();
    let table = open_sound(dir.path());
    table.put(&key("a"), &numbered(1).1, now());
    let log = fs::read(dir.path().join("table.sqlite-wal")).expect("not written back yet");
    assert!(!log.is_empty());
    drop(table);
    fs::remove_file(file_of(dir.path())).expect("was there");
    fs::write(dir.path().join("table.sqlite-wal"), &log).expect("writable");
    let table = open_sound(dir.path());
    assert_eq!(table.get(&key("a"), now()), None);
    assert_eq!(table.take_warnings(), []);
}

#[test]
fn a_few_files_that_were_set_aside_are_kept() {
    let dir = folder();
    for number in 1..=5 {
        fs::write(file_of(dir.path()), format!("garbage {number}")).expect("writable");
        for log in ["-wal", "-shm"] {
            fs::remove_file(dir.path().join(format!("table.sqlite{log}"))).ok();
        }
        Table::open(dir.path()).expect("opens");
    }
    let mut kept: Vec<String> = fs::read_dir(dir.path())
        .expect("is there")
        .map(|entry| {
            entry
                .expect("is there")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.contains("set-aside"))
        .collect();
    kept.sort_unstable();
    assert_eq!(
        kept,
        [3, 4, 5].map(|number| format!("table.sqlite.set-aside-{number}"))
    );
    let table = open_sound(dir.path());
    let removed = table.gc(super::MAX_BYTES).expect("can be written");
    assert_eq!(removed.set_aside, 3);
}

#[test]
fn a_file_in_use_is_not_pulled_away() {
    let dir = folder();
    let user = open_sound(dir.path());
    sql(&file_of(dir.path()), "PRAGMA user_version = 99");
    let Opened { table, warning } = Table::open(dir.path()).expect("opens");
    assert_eq!(warning.expect("a warning").code, Code::CacheUnusable);
    table.put(&key("a"), &numbered(1).1, now());
    assert!(table.get(&key("a"), now()).is_some(), "works in memory");
    assert!(!dir.path().join("table.sqlite.set-aside-1").exists());
    drop((user, table));
    let warning = Table::open(dir.path()).expect("opens").warning;
    assert_eq!(warning.expect("a warning").code, Code::CacheSetAside);
}

#[test]
fn damage_that_two_notice_is_set_aside_once_nobody_uses_the_file() {
    let dir = folder();
    fill(&open_sound(dir.path()));
    let (first, second) = (open_sound(dir.path()), open_sound(dir.path()));
    let file = file_of(dir.path());
    scribble(
        &file,
        4096,
        &vec![0xa5; usize::try_from(length(&file)).expect("small") - 4096],
    );
    read_all(&first);
    assert_eq!(
        codes(&first.take_warnings()),
        [Code::CacheUnusable],
        "the second has it open"
    );
    read_all(&second);
    assert_eq!(codes(&second.take_warnings()), [Code::CacheSetAside]);
    fill(&second);
    drop((first, second));
    assert_eq!(read_all(&open_sound(dir.path())), ROWS);
}

#[test]
fn a_place_that_cannot_be_used_is_a_warning_and_a_table_in_memory() {
    let dir = folder();
    fs::write(dir.path().join("file"), "").expect("writable");
    fs::create_dir_all(dir.path().join("folder/table.sqlite")).expect("writable");
    fs::create_dir_all(dir.path().join("locked/table.lock")).expect("writable");
    for name in ["file", "file/below", "folder", "locked"] {
        let Opened { table, warning } = Table::open(&dir.path().join(name)).expect("opens");
        let warning = warning.expect("a warning");
        assert_eq!(warning.code, Code::CacheUnusable, "{name}");
        let cause = warning.cause.expect("a cause");
        assert!(cause.contains(&format!("{name}/table.sqlite: ")), "{cause}");
        assert_eq!(table.info().expect("works").file, None);
        fill(&table);
        assert_eq!(read_all(&table), ROWS);
        assert_eq!(table.take_warnings(), []);
    }
}

#[test]
fn many_who_begin_at_once_share_one_table() {
    let dir = folder();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8 {
            let (dir, barrier) = (dir.path(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                let (key, evaluation) = numbered(number);
                open_sound(dir).put(&key, &evaluation, now());
            });
        }
    });
    assert_eq!(read_all(&open_sound(dir.path())), 8);
}

#[test]
fn one_table_serves_several_threads() {
    let dir = folder();
    let table = open_sound(dir.path());
    thread::scope(|scope| {
        for worker in 0..4 {
            let table = &table;
            scope.spawn(move || work(table, worker));
        }
    });
    assert_worked(&table, 4);
}

/// What each worker does; all of it is found by [`assert_worked`].
const TURNS: u32 = 40;

fn work(table: &Table, worker: u32) {
    for turn in 0..TURNS {
        let (key, evaluation) = numbered(worker * TURNS + turn);
        table.put(&key, &evaluation, now());
        assert_eq!(table.get(&key, now()), Some(evaluation));
        let files: Vec<_> = (0..20)
            .map(|file| (format!("{worker} {turn} {file}").into_bytes(), stat(turn)))
            .collect();
        table.keep_files("/repo", &files, &[]);
        table.keep_files("/repo", &[], &[files[0].0.clone()]);
        // The same host and the same few trees for all.
        table.keep_seen("/repo", &web(), &format!("tree {}", turn / 4), now());
        table.learn(
            "/repo",
            &web(),
            Peak {
                bytes: (1000 + turn).into(),
                seconds: 1.0,
            },
        );
    }
    assert_eq!(table.take_warnings(), []);
}

fn assert_worked(table: &Table, workers: u32) {
    for number in 0..workers * TURNS {
        let (key, evaluation) = numbered(number);
        assert_eq!(table.get(&key, now()), Some(evaluation));
    }
    assert_eq!(table.files("/repo").len(), (workers * TURNS * 19) as usize);
    let seen = table.seen("/repo", &web(), u32::MAX);
    assert!(seen.windows(2).all(|two| two[0].0 != two[1].0), "{seen:?}");
    let trees: HashSet<&str> = seen.iter().map(|(tree, _)| tree.as_str()).collect();
    assert_eq!(trees.len(), (TURNS / 4) as usize);
    let peak = table.peak("/repo", &web()).expect("learned").bytes;
    assert!((1000..1000 + u64::from(TURNS)).contains(&peak), "{peak}");
    assert_sound(table);
    assert_eq!(table.take_warnings(), []);
}

fn assert_sound(table: &Table) {
    let verdict: String = table
        .inner()
        .connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("can be checked");
    assert_eq!(verdict, "ok");
}

/// Another process of this test program, that works on the table in `dir`.
fn start_worker(dir: &Path, worker: u32, what: &str) -> Running {
    process(std::env::current_exe().expect("a path"))
        .args([
            "--exact",
            "table::shared_tests::worker",
            "--ignored",
            "--nocapture",
        ])
        .env("INFRA_TEST_TABLE", dir)
        .env("INFRA_TEST_WORKER", worker.to_string())
        .env("INFRA_TEST_WORK", what)
        .start()
        .expect("starts")
}

#[test]
#[ignore = "the other processes of the tests below"]
fn worker() {
    let Some(dir) = std::env::var_os("INFRA_TEST_TABLE").map(PathBuf::from) else {
        return;
    };
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let worker: u32 = number("INFRA_TEST_WORKER").expect("a number");
    // Opened first, while the others open it.
    let table = open_sound(&dir);
    if std::env::var_os("INFRA_TEST_WORK").is_some_and(|what| what.as_bytes() == b"forever") {
        loop {
            work(&table, worker);
            println!("round");
        }
    }
    work(&table, worker);
}

#[test]
fn four_processes_write_into_one_table() {
    let dir = folder();
    let workers: Vec<_> = (0..4)
        .map(|worker| start_worker(dir.path(), worker, "once"))
        .collect();
    for worker in workers {
        let finished = worker
            .wait(Duration::from_secs(60))
            .expect("ends")
            .ok()
            .expect("succeeds");
        assert!(finished.stdout.contains("1 passed"), "{}", finished.stdout);
    }
    assert_worked(&open_sound(dir.path()), 4);
    assert!(
        !dir.path().join("table.sqlite-wal").exists(),
        "the last one tidies up"
    );
}

#[test]
fn killed_writers_leave_a_sound_table() {
    let dir = folder();
    let workers: Vec<_> = (0..2)
        .map(|worker| start_worker(dir.path(), worker, "forever"))
        .collect();
    for worker in &workers {
        let round = worker.wait_for_line(Duration::from_secs(60), |line| line.contains("round"));
        assert!(round.is_some(), "works");
    }
    // Dropped processes are killed, in the middle of whatever they do.
    drop(workers);
    let table = open_sound(dir.path());
    assert_sound(&table);
    for number in 0..2 * TURNS {
        let (key, evaluation) = numbered(number);
        assert_eq!(table.get(&key, now()), Some(evaluation), "of a whole round");
    }
    // What they were at is completed as if nothing had been.
    for worker in 0..3 {
        work(&table, worker);
    }
    assert_worked(&table, 3);
}
