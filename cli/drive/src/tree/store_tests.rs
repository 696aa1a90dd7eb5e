//! The store of trees as it is cleaned, and what relies on it meanwhile.

use super::store::{self, Stored};
use super::tests::Scene;
use super::{Trees, compare};
use crate::table::Table;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

impl Scene {
    fn objects(&self) -> PathBuf {
        self.cache().join("trees/.git/objects")
    }

    fn keep(&self, wanted: &[&str], others: &[&str], max_bytes: u64) -> Stored {
        let owned =
            |trees: &[&str]| -> Vec<String> { trees.iter().map(|&tree| tree.to_owned()).collect() };
        store::keep(&self.cache(), (&owned(wanted), &owned(others)), max_bytes).expect("cleaned")
    }

    /// Whether Git finds the host's tree complete, down to every file.
    async fn assert_complete(&self, host: &str) {
        let written = self.host_tree(host);
        self.git_in_store(&["fsck", "--strict", "--no-dangling"])
            .await;
        self.git_in_store(&[
            "archive",
            "--output=/dev/null",
            "--format=tar",
            &written.commit,
        ])
        .await;
    }

    async fn git_in_store(&self, words: &[&str]) {
        super::tests::git_in(&self.cache().join("trees"), words).await;
    }
}

#[tokio::test]
async fn what_is_wanted_stays_whole_and_the_rest_goes() {
    let scene = Scene::new();
    scene.write("modules/large", &"large ".repeat(1000));
    let old = scene.id("web");
    fs::remove_file(scene.root().join("modules/large")).expect("there");
    let new = scene.id("web");
    let db = scene.id("db");
    fs::write(scene.objects().join(".tmpKilled"), "half an object").expect("writable");
    let before = store::info(&scene.cache()).expect("readable");

    let swept = scene.keep(&[&new, &db, "nonsense"], &[], 0);
    // The file, the folders above it that it alone made another (the root, modules), and the commit.
    assert_eq!(swept.removed_objects, 4);
    assert_eq!(swept.objects, before.objects - 4);
    assert_eq!(swept.bytes, before.bytes - swept.removed_bytes);
    assert_eq!(
        store::info(&scene.cache()).expect("readable"),
        Stored {
            objects: swept.objects,
            bytes: swept.bytes,
            ..Stored::default()
        }
    );
    assert!(!scene.objects().join(".tmpKilled").exists());
    assert_eq!(compare(&scene.cache(), &old, &new), Ok(None), "gone");
    assert!(
        compare(&scene.cache(), &db, &new)
            .expect("readable")
            .is_some()
    );
    scene.assert_complete("web").await;
    scene.assert_complete("db").await;
}

#[test]
fn a_cleaning_that_breaks_off_leaves_no_tree_that_only_looks_whole() {
    let scene = Scene::new();
    let written = scene.host_tree("web");
    // What is no file cannot be removed as one: everything after it is left.
    let stone = scene
        .objects()
        .join("ff/00000000000000000000000000000000000000");
    fs::create_dir_all(&stone).expect("writable");
    let before = store::info(&scene.cache()).expect("readable").objects;
    store::keep(&scene.cache(), (&[], &[]), 0).expect_err("broken off");
    let (folder, name) = written.commit.split_at(2);
    let has_commit = scene.objects().join(folder).join(name).exists();
    let gone = before - store::info(&scene.cache()).expect("readable").objects;
    assert_eq!(gone, u64::from(!has_commit), "nothing but the commit");
    fs::remove_dir(&stone).expect("there");
    assert_eq!(scene.host_tree("web"), written);
}

#[test]
fn earlier_trees_stay_while_there_is_room() {
    let scene = Scene::new();
    let ids = [1, 2, 3, 4].map(|number: u32| {
        scene.write("modules/number", &number.to_string());
        scene.id("web")
    });
    let [first, second, third, last] = ids.each_ref().map(String::as_str);
    let all = scene.keep(&[last], &[third, second, first], u64::MAX);
    assert_eq!(all.removed_objects, 0);
    let some = scene.keep(&[last], &[third, second, first], all.bytes - 1);
    assert_eq!(
        some.removed_objects, 0,
        "the last one may go over the limit"
    );
    let one = scene.keep(&[last], &[third, second, first], 1);
    assert_eq!(one.removed_objects, 3 * 4);
    assert_eq!(compare(&scene.cache(), third, last), Ok(None));
}

#[tokio::test]
async fn files_that_were_cleaned_away_are_read_again() {
    let scene = Scene::new();
    scene.write("hosts/web/own.nix", "{ own = true; }\n");
    let first = scene.id("web");
    std::thread::sleep(Duration::from_millis(150));
    // Read once more, so that all are remembered as read; then the store forgets them, and the table does not.
    assert_eq!(scene.id("web"), first);
    assert!(!scene.known().is_empty());
    scene.keep(&[], &[], 0);
    assert_eq!(store::info(&scene.cache()).expect("readable").objects, 0);
    assert_eq!(scene.id("web"), first);
    scene.assert_complete("web").await;
    // What is shared is still there, and the host's own folder is not.
    let db = scene.id("db");
    scene.keep(&[&db], &[], 0);
    assert_eq!(scene.id("web"), first);
    scene.assert_complete("web").await;
    // The same if somebody removed the store by hand.
    fs::remove_dir_all(scene.cache().join("trees")).expect("there");
    assert_eq!(scene.id("web"), first);
    scene.assert_complete("web").await;
}

#[test]
fn nothing_goes_while_somebody_evaluates() {
    let scene = Scene::new();
    let repo = crate::repo::Repo::find(&scene.root()).expect("a repository");
    let contents = repo.read();
    let trees =
        Trees::open(&scene.cache(), &repo, &contents.settings, &scene.table).expect("opens");
    for fault in [
        store::gc(&scene.cache(), &scene.table, SystemTime::now()).expect_err("in use"),
        store::clear(&scene.cache()).expect_err("in use"),
    ] {
        assert!(fault.title.contains("other infra processes"), "{fault:?}");
    }
    // Others may evaluate at the same time.
    assert!(Trees::open(&scene.cache(), &repo, &contents.settings, &scene.table).is_ok());
    drop(trees);
    store::clear(&scene.cache()).expect("cleared");
}

#[test]
fn the_last_tree_of_a_host_stays_for_as_long_as_there_is_the_host() {
    let scene = Scene::new();
    let table = Table::in_memory().expect("opens");
    let day = |day: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(day * 24 * 3600);
    let repo = scene.root().to_string_lossy().into_owned();
    let see = |host: &str, at| {
        let id = scene.id(host);
        let name = infra_model::HostName::parse(host).expect("a name");
        table.keep_seen(&repo, &name, &id, at);
        id
    };
    let old = see("web", day(0));
    let db = see("db", day(0));
    scene.write("hosts/web/configuration.nix", "{ a = 1; }\n");
    let recent = see("web", day(90));
    scene.write("hosts/web/configuration.nix", "{ a = 2; }\n");
    let last = see("web", day(91));
    store::gc(&scene.cache(), &table, day(120)).expect("cleaned");
    let is_there = |id: &str| {
        compare(&scene.cache(), id, &last)
            .expect("readable")
            .is_some()
    };
    assert!(is_there(&recent) && is_there(&db));
    assert!(!is_there(&old), "120 days");
    fs::remove_dir_all(scene.root().join("hosts/db")).expect("there");
    store::gc(&scene.cache(), &table, day(300)).expect("cleaned");
    assert!(is_there(&last) && !is_there(&recent) && !is_there(&db));
}

#[test]
fn whoever_writes_finds_all_of_it_whatever_is_cleaned_meanwhile() {
    const TURNS: u32 = 60;
    let scene = Scene::new();
    let repo = crate::repo::Repo::find(&scene.root()).expect("a repository");
    let contents = repo.read();
    std::thread::sleep(Duration::from_millis(150));
    let work = |name: &str| {
        let web = infra_model::HostName::parse(name).expect("a name");
        for _ in 0..TURNS {
            let mut trees = Trees::open(&scene.cache(), &repo, &contents.settings, &scene.table)
                .expect("its turn comes");
            let spec = contents.fleet.get(&web).expect("a host");
            trees
                .host(spec, &infra_model::HostContext::default())
                .expect("a tree");
            trees.remember(&scene.table);
            let folder = trees.folder_of(spec).expect("readable");
            assert!(folder.is_whole(&trees.store));
        }
    };
    let cleaned = std::thread::scope(|scope| {
        let workers = [scope.spawn(|| work("web")), scope.spawn(|| work("db"))];
        let mut cleaned = 0;
        while !workers
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            if let Ok(swept) = store::keep(&scene.cache(), (&[], &[]), 0) {
                cleaned += swept.removed_objects;
            }
        }
        cleaned
    });
    assert!(cleaned > 0, "they did meet");
}
