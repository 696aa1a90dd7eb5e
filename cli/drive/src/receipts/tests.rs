//! Receipts in real Git repositories, and the index of them.

use super::git::{Ledger, Moved, REF};
use super::{Opened, Receipts, keep, origin};
use crate::process::{Stop, Tool};
use crate::state::State;
use crate::table::RunsWanted;
use infra_model::receipt::RunReceipt;
use infra_model::{Code, HostName, HostOutcome};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use tempfile::TempDir;

/// Some clones beside each other, each with a state folder.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a folder"),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().canonicalize().expect("exists").join(name);
        fs::create_dir_all(&dir).expect("writable");
        dir
    }

    /// A repository with one commit.
    async fn repo(&self, name: &str) -> PathBuf {
        let root = self.at(name);
        fs::write(root.join("flake.nix"), "{ }\n").expect("writable");
        git(&root, &["init", "--quiet"]).await;
        git(&root, &["add", "--all"]).await;
        git(&root, &["commit", "--quiet", "--message", "x"]).await;
        root
    }

    fn state(&self, name: &str) -> State {
        State::in_folder(self.at(&format!("{name}.state")))
    }

    fn keep(&self, name: &str, receipt: &RunReceipt) {
        let faults = keep(&self.at(name), &self.state(name), receipt.clone());
        assert_eq!(faults, []);
    }

    fn open(&self, name: &str) -> Opened {
        let cache = self.at(&format!("{name}.cache"));
        Receipts::open(&self.at(name), &cache, self.state(name)).expect("opens")
    }

    /// The runs, newest first, by the last letter of their names.
    fn runs(&self, name: &str) -> String {
        let opened = self.open(name);
        assert_eq!(opened.warnings, []);
        letters(&opened.receipts, &RunsWanted::default())
    }
}

fn letters(receipts: &Receipts, wanted: &RunsWanted) -> String {
    let found = receipts.find(wanted).expect("readable");
    found
        .iter()
        .filter_map(|receipt| receipt.run.chars().last())
        .collect()
}

async fn git(dir: &Path, words: &[&str]) -> String {
    let identity = ["user.name=a", "user.email=a@b", "init.defaultBranch=main"];
    let ended = Tool::new("git")
        .arg("-C")
        .arg(dir)
        .args(identity.iter().flat_map(|setting| ["-c", setting]))
        .args(words.iter().copied())
        .run(Stop::never(), &mut |line| println!("{line}"))
        .await
        .expect("git runs");
    assert!(ended.status.success(), "git {words:?}");
    ended.stdout
}

/// A receipt whose run was begun in that second of a minute.
fn receipt(second: u32, letter: char, hosts: &[&str]) -> RunReceipt {
    let hosts: Vec<serde_json::Value> = hosts
        .iter()
        .map(|name| serde_json::json!({"name": name, "outcome": "changed", "before": null, "after": null, "seconds": {}}))
        .collect();
    let text = serde_json::json!({
        "schema": 1, "run": format!("20261121T0516{second:02}Z-0000000{letter}"), "command": "deploy", "by": "ann@desk",
        "begun": 1_795_238_160 + second, "ended": 1_795_238_200, "infra": "0.1.0", "commit": null, "dirty": null,
        "hosts": hosts, "errors": [],
    });
    RunReceipt::parse(&text.to_string()).expect("a receipt")
}

#[tokio::test]
async fn a_receipt_touches_nothing_else_of_the_repository() {
    let scene = Scene::new();
    let root = scene.repo("a").await;
    fs::write(root.join("flake.nix"), "{ a = 1; }\n").expect("writable");
    let seen = async || {
        let refs = git(&root, &["for-each-ref", "--exclude=refs/infra"]).await;
        let status = git(&root, &["--no-optional-locks", "status", "--porcelain"]).await;
        let file = |name: &str| fs::read(root.join(".git").join(name)).expect("readable");
        (refs, status, file("index"), file("HEAD"), file("config"))
    };
    let before = seen().await;
    scene.keep("a", &receipt(1, 'a', &["web"]));
    scene.keep("a", &receipt(2, 'b', &["db"]));
    assert_eq!(seen().await, before);
    let files = git(&root, &["ls-tree", "-r", "--name-only", REF]).await;
    assert_eq!(
        files,
        "2026/11/20261121T051601Z-0000000a.json\n2026/11/20261121T051602Z-0000000b.json\n"
    );
    let told = git(&root, &["log", "--format=%an <%ae> %p %s", REF]).await;
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.starts_with("ann@desk <ann@desk> "), "{told}");
    git(&root, &["fsck", "--strict"]).await;
    let shown = format!("{REF}:2026/11/20261121T051601Z-0000000a.json");
    let text = git(&root, &["show", &shown]).await;
    assert_eq!(RunReceipt::parse(&text), Ok(receipt(1, 'a', &["web"])));
}

#[tokio::test]
async fn what_is_checked_out_is_told() {
    let scene = Scene::new();
    assert_eq!(origin(&scene.at("none"), Stop::never()).await.commit, None);
    let root = scene.repo("a").await;
    let head = git(&root, &["rev-parse", "HEAD"]).await;
    let clean = origin(&root, Stop::never()).await;
    assert_eq!(clean.commit.as_deref(), Some(head.trim()));
    assert_eq!((clean.dirty, clean.folder.as_str()), (Some(false), ""));
    let below = root.join("infra");
    fs::create_dir(&below).expect("writable");
    fs::write(root.join("new"), "").expect("writable");
    assert_eq!(origin(&root, Stop::never()).await.dirty, Some(true));
    let inner = origin(&below, Stop::never()).await;
    assert_eq!((inner.dirty, inner.folder.as_str()), (Some(false), "infra"));
}

#[tokio::test]
async fn nothing_is_lost_when_many_write_at_once() {
    const WRITERS: usize = 4;
    const EACH: usize = 8;
    let scene = Scene::new();
    let root = scene.repo("a").await;
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    let shared = &scene;
    thread::scope(|threads| {
        for writer in letters.chunks(EACH).take(WRITERS) {
            threads.spawn(move || {
                for letter in writer {
                    shared.keep("a", &receipt(1, *letter, &["web"]));
                }
            });
        }
    });
    assert_eq!(scene.runs("a").len(), WRITERS * EACH);
    // Each in a commit of its own, one after the other.
    let count = git(&root, &["rev-list", "--count", "--first-parent", REF]).await;
    assert_eq!(count.trim(), (WRITERS * EACH).to_string());
}

#[tokio::test]
async fn two_machines_come_to_the_same_history() {
    let scene = Scene::new();
    let bare = scene.at("bare");
    git(&bare, &["init", "--quiet", "--bare"]).await;
    let remote = bare.display().to_string();
    for name in ["a", "b"] {
        scene.repo(name).await;
    }
    let stop = Stop::never();
    let none = scene.open("a").receipts.push(&remote, &stop).await;
    assert_eq!(none, Ok(false), "there is nothing to push");
    let none = scene.open("a").receipts.fetch(&remote, &stop).await;
    assert_eq!(none, Ok(false), "nor to fetch");

    scene.keep("a", &receipt(1, 'a', &["web"]));
    scene.keep("b", &receipt(2, 'b', &["web"]));
    assert_eq!(
        scene.open("a").receipts.push(&remote, &stop).await,
        Ok(true)
    );
    assert_eq!(
        scene.open("b").receipts.push(&remote, &stop).await,
        Ok(true)
    );
    assert_eq!(
        scene.open("a").receipts.fetch(&remote, &stop).await,
        Ok(true)
    );
    assert_eq!(
        scene.open("a").receipts.fetch(&remote, &stop).await,
        Ok(false)
    );
    assert_eq!(
        scene.open("a").receipts.push(&remote, &stop).await,
        Ok(false)
    );
    assert_eq!(
        (scene.runs("a"), scene.runs("b")),
        ("ba".to_owned(), "ba".to_owned())
    );
    let refs = git(
        &scene.at("a"),
        &["for-each-ref", "refs/infra", "--format=%(refname)"],
    )
    .await;
    assert_eq!(refs.trim(), REF, "nothing stays behind");
    let parents = git(&scene.at("b"), &["log", "-1", "--format=%p", REF]).await;
    assert_eq!(parents.split_whitespace().count(), 2, "a merge: {parents}");
    git(&bare, &["fsck", "--strict"]).await;
}

#[tokio::test]
async fn two_receipts_of_one_run_are_an_error_that_names_it() {
    let scene = Scene::new();
    let bare = scene.at("bare");
    git(&bare, &["init", "--quiet", "--bare"]).await;
    for (name, host) in [("a", "web"), ("b", "db")] {
        scene.repo(name).await;
        scene.keep(name, &receipt(1, 'a', &[host]));
    }
    let remote = bare.display().to_string();
    let stop = Stop::never();
    assert_eq!(
        scene.open("a").receipts.push(&remote, &stop).await,
        Ok(true)
    );
    let before = Ledger::find(&scene.at("b")).expect("Git").tip();
    for fault in [
        scene.open("b").receipts.fetch(&remote, &stop).await,
        scene.open("b").receipts.push(&remote, &stop).await,
    ] {
        let fault = fault.expect_err("they differ");
        assert_eq!(fault.code, Code::ReceiptDiffers);
        assert!(
            fault.title.contains("20261121T051601Z-0000000a.json"),
            "{fault:?}"
        );
    }
    let ledger = Ledger::find(&scene.at("b")).expect("Git");
    assert_eq!(ledger.tip(), before);
    assert_eq!(
        ledger.tip_of(&format!("refs/infra/incoming-{}", std::process::id())),
        Ok(None)
    );
    let missing = scene.at("no-repository").display().to_string();
    let fault = scene.open("b").receipts.fetch(&missing, &stop).await;
    assert_eq!(fault.expect_err("nothing there").code, Code::ReceiptUnkept);
}

/// What the receipt of the one run says: how often it was resumed, and of whom.
fn told(receipts: &Receipts) -> (u32, String) {
    let found = receipts.find(&RunsWanted::default()).expect("readable");
    let [receipt] = found.as_slice() else {
        unreachable!("{found:?}")
    };
    let hosts = receipt.hosts.iter().map(|host| {
        let outcome = host.result.outcome.as_str();
        format!("{} {outcome}", host.result.name)
    });
    (receipt.resumed, hosts.collect::<Vec<_>>().join(", "))
}

/// The receipt of a run that had lost web, and the one of its resumption.
fn lost_and_resumed() -> [RunReceipt; 2] {
    let mut lost = receipt(1, 'a', &["db", "web"]);
    lost.hosts[1].result.outcome = HostOutcome::Failed;
    let mut resumed = receipt(1, 'a', &["web"]);
    resumed.begun += 600;
    [lost, resumed]
}

#[tokio::test]
async fn a_run_that_is_resumed_is_told_as_it_came_out_in_the_end() {
    let scene = Scene::new();
    let bare = scene.at("bare");
    git(&bare, &["init", "--quiet", "--bare"]).await;
    let remote = bare.display().to_string();
    let stop = Stop::never();
    for name in ["a", "b"] {
        scene.repo(name).await;
    }
    let [lost, resumed] = lost_and_resumed();
    let before = (0, "db changed, web failed".to_owned());
    let after = (1, "db changed, web changed".to_owned());
    scene.keep("a", &lost);
    assert_eq!(told(&scene.open("a").receipts), before);
    let a = scene.open("a").receipts;
    assert_eq!(a.push(&remote, &stop).await, Ok(true));
    let b = scene.open("b").receipts;
    assert_eq!(b.fetch(&remote, &stop).await, Ok(true));
    assert_eq!(told(&scene.open("b").receipts), before);

    scene.keep("a", &resumed);
    let begun = scene.open("a").receipts.of_run(&lost.run).expect("one");
    assert_eq!(begun.map(|receipt| receipt.begun), Some(lost.begun));
    assert_eq!(told(&scene.open("a").receipts), after);
    // Whichever way it comes, the later one stands.
    scene.keep("b", &receipt(2, 'b', &["db"]));
    let b = scene.open("b").receipts;
    assert_eq!(b.push(&remote, &stop).await, Ok(true));
    assert_eq!(a.push(&remote, &stop).await, Ok(true));
    assert_eq!(a.fetch(&remote, &stop).await, Ok(false));
    assert_eq!(b.fetch(&remote, &stop).await, Ok(true));
    for name in ["a", "b"] {
        let of_run = scene.open(name).receipts.of_run(&lost.run);
        assert_eq!(of_run.expect("one").map(|one| one.resumed), Some(1));
    }
    git(&bare, &["fsck", "--strict"]).await;
}

#[tokio::test]
async fn a_remote_that_took_receipts_away_takes_none_from_here() {
    let scene = Scene::new();
    let root = scene.repo("a").await;
    scene.keep("a", &receipt(1, 'a', &["web"]));
    let first = Ledger::find(&root)
        .expect("Git")
        .tip()
        .expect("readable")
        .expect("there");
    let empty = git(&root, &["hash-object", "-t", "tree", "-w", "/dev/null"]).await;
    let first = first.to_string();
    let less = git(
        &root,
        &["commit-tree", empty.trim(), "-p", &first, "-m", "less"],
    )
    .await;
    let less = gix::ObjectId::from_hex(less.trim().as_bytes()).expect("an id");
    let ledger = Ledger::find(&root).expect("Git");
    assert_eq!(ledger.merge(less, "ann@desk"), Ok(Moved::Yes));
    assert_eq!(scene.runs("a"), "a");
}

#[tokio::test]
async fn the_index_follows_what_is_there() {
    let scene = Scene::new();
    let root = scene.repo("a").await;
    assert_eq!(scene.runs("a"), "");
    for (second, letter) in [(1, 'a'), (3, 'c'), (2, 'b')] {
        scene.keep("a", &receipt(second, letter, &["web", "db"]));
        assert!(scene.runs("a").contains(letter));
    }
    scene.keep("a", &receipt(4, 'd', &["db"]));
    let receipts = scene.open("a").receipts;
    let find = |wanted: RunsWanted| letters(&receipts, &wanted);
    assert_eq!(find(RunsWanted::default()), "dcba");
    let limit = RunsWanted {
        limit: Some(2),
        ..RunsWanted::default()
    };
    assert_eq!(find(limit), "dc");
    let since = RunsWanted {
        since: Some("20261121T051603Z".to_owned()),
        ..RunsWanted::default()
    };
    assert_eq!(find(since), "dc");
    let web = HostName::parse("web").expect("a name");
    let found = receipts.of_host(&web, 2).expect("readable");
    let found: Vec<&str> = found.iter().map(|one| &one.run[24..]).collect();
    assert_eq!(found, ["c", "b"]);

    // Both places: what Git loses is still in the state folder, and what both lose is gone.
    git(&root, &["update-ref", "-d", REF]).await;
    assert_eq!(scene.runs("a"), "dcba");
    fs::remove_dir_all(scene.at("a.state/runs/20261121T051604Z-0000000d")).expect("there");
    assert_eq!(scene.runs("a"), "cba");
    // What only the state folder has is pushed.
    let bare = scene.at("bare");
    git(&bare, &["init", "--quiet", "--bare"]).await;
    let remote = bare.display().to_string();
    assert_eq!(
        scene.open("a").receipts.push(&remote, &Stop::never()).await,
        Ok(true)
    );
    assert_eq!(git(&bare, &["ls-tree", "-r", REF]).await.lines().count(), 3);
}

#[tokio::test]
async fn an_index_that_cannot_be_kept_or_believed_is_made_anew() {
    let scene = Scene::new();
    scene.repo("a").await;
    scene.keep("a", &receipt(1, 'a', &["web"]));
    assert_eq!(scene.runs("a"), "a");
    // A byte changed within a receipt.
    let file = scene.at("a.cache").join("table.sqlite");
    let connection = rusqlite::Connection::open(&file).expect("opens");
    let changed = connection
        .execute(
            "UPDATE runs SET receipt = replace(receipt, 'ann', 'bob')",
            [],
        )
        .expect("writable");
    assert_eq!(changed, 1);
    drop(connection);
    let opened = scene.open("a");
    assert_eq!(letters(&opened.receipts, &RunsWanted::default()), "a");
    let by = &opened
        .receipts
        .find(&RunsWanted::default())
        .expect("readable")[0]
        .by;
    assert_eq!(by, "ann@desk");
    // No folder to keep it in.
    let nowhere = scene.at("file").join("x");
    fs::write(&nowhere, "").expect("writable");
    let opened = Receipts::open(&scene.at("a"), &nowhere, scene.state("a")).expect("opens");
    assert_eq!(letters(&opened.receipts, &RunsWanted::default()), "a");
    assert_eq!(opened.warnings.len(), 1);
}

#[tokio::test]
async fn receipts_of_other_versions_and_other_folders_are_left_out() {
    let scene = Scene::new();
    let root = scene.repo("a").await;
    scene.keep("a", &receipt(1, 'a', &["web"]));
    let ledger = Ledger::find(&root).expect("Git");
    let mut elsewhere = receipt(2, 'b', &["web"]);
    "other".clone_into(&mut elsewhere.folder);
    let elsewhere = serde_json::to_string(&elsewhere).expect("serialisable");
    let later = serde_json::to_string(&receipt(3, 'c', &["web"])).expect("serialisable");
    let files = [
        (
            "2026/11/20261121T051602Z-0000000b.json".to_owned(),
            elsewhere,
        ),
        (
            "2026/11/20261121T051603Z-0000000c.json".to_owned(),
            later.replace("\"schema\":1", "\"schema\":2"),
        ),
    ];
    ledger.append(&files, "ann@desk").expect("written");
    for _ in 0..2 {
        let opened = scene.open("a");
        assert_eq!(letters(&opened.receipts, &RunsWanted::default()), "a");
        let warnings: Vec<Code> = opened.warnings.iter().map(|one| one.code).collect();
        assert_eq!(warnings, [Code::UnknownSchema], "told each time");
    }
}

#[tokio::test]
async fn without_git_the_state_folder_is_all_there_is() {
    let scene = Scene::new();
    scene.keep("plain", &receipt(1, 'a', &["web"]));
    scene.keep("plain", &receipt(2, 'b', &["web"]));
    assert_eq!(scene.runs("plain"), "ba");
    let [lost, resumed] = lost_and_resumed();
    scene.keep("alone", &lost);
    let before = (0, "db changed, web failed".to_owned());
    assert_eq!(told(&scene.open("alone").receipts), before);
    scene.keep("alone", &resumed);
    let after = (1, "db changed, web changed".to_owned());
    assert_eq!(told(&scene.open("alone").receipts), after);
    let fault = scene
        .open("plain")
        .receipts
        .fetch("origin", &Stop::never())
        .await;
    assert_eq!(fault.expect_err("no Git").code, Code::Usage);
}

#[tokio::test]
async fn runs_are_named_by_their_beginning_and_those_without_a_receipt_too() {
    let scene = Scene::new();
    let named = |name: &str| {
        scene
            .open("plain")
            .receipts
            .named(name)
            .map_err(|fault| fault.title)
    };
    assert_eq!(named("last"), Err("there was no run yet".to_owned()));
    scene.keep("plain", &receipt(1, 'a', &["web"]));
    scene.keep("plain", &receipt(2, 'b', &["web"]));
    let newest = "20261121T051602Z-0000000b".to_owned();
    assert_eq!(named("last"), Ok(newest.clone()));
    assert_eq!(named("20261121T051602"), Ok(newest));
    let twice = "`20261121` is the beginning of 2 runs".to_owned();
    assert_eq!(named("20261121"), Err(twice));
    assert_eq!(named("x"), Err("there is no run `x`".to_owned()));

    let journal = scene.state("plain").begin().expect("begins");
    let run = journal.run().to_owned();
    let unfinished = |alive: bool| {
        let found = scene.open("plain").unfinished;
        assert_eq!(found.len(), 1);
        (found[0].run.clone(), found[0].alive) == (run.clone(), alive)
    };
    assert!(unfinished(true), "its process lives");
    drop(journal);
    assert!(unfinished(false), "its process is gone");
    assert_eq!(named(&run), Ok(run.clone()));
}
