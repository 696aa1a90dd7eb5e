//! Each kind of place on this machine, with something in it to be found.

use super::{Here, git, search};
use infra_model::poison::Spot;
use infra_search::{Control, Look, Subjects};
use std::fs;
use std::path::Path;

/// Tests run side by side, and processes of one are seen by the others: each has a secret of its own.
const SECRET: &str = "a-secret-of-this-test-alone";
const PLACED: &str = "a-secret-in-files-and-objects";

fn found(here: &Here, secret: &str) -> Vec<String> {
    let control = Control::new().expect("random");
    let mut subjects = Subjects::new();
    subjects.add((), secret.as_bytes()).expect("a secret");
    let wanted = subjects.search(&control).expect("few");
    let mut look = Look::new(&wanted, |_| {});
    search(here, &control, &mut look, &|_| {}).expect("trusted");
    let (_, found) = look.end();
    found.iter().map(|(_, _, spot)| spot.to_string()).collect()
}

fn here(dir: &Path) -> Here {
    let below = |name: &str| {
        let path = dir.join(name);
        fs::create_dir_all(&path).expect("writable");
        path
    };
    Here {
        store: vec![below("store/one")],
        state: below("state"),
        cache: below("cache"),
        repository: below("repo"),
        sources: Vec::new(),
        from_environment: false,
        from_arguments: false,
    }
}

#[tokio::test]
async fn every_kind_of_place_is_searched() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut here = here(dir.path());
    let put = |file: &str| fs::write(dir.path().join(file), PLACED).expect("writable");
    assert!(found(&here, PLACED).is_empty());

    put("store/one/etc");
    put("state/events.ndjson");
    put("cache/table.sqlite");
    put("repo/token");
    let trees = dir.path().join("cache/trees");
    let store = gix::init(&trees).expect("writable");
    let id = store.write_blob(PLACED).expect("writable");
    let history = gix::init(&here.repository).expect("writable");
    history.write_blob(PLACED).expect("writable");
    here.sources = vec![here.repository.join("../repo/token")];
    let root = dir.path().display().to_string();
    let mut all: Vec<String> = found(&here, PLACED)
        .iter()
        .map(|spot| spot.replace(&root, ""))
        .collect();
    all.sort();
    assert_eq!(
        all,
        [
            "/cache/table.sqlite at byte 0".to_owned(),
            format!("/cache/trees, Git object {id}"),
            format!("/repo, Git object {id}"),
            "/state/events.ndjson at byte 0".to_owned(),
            "/store/one/etc at byte 0".to_owned(),
        ]
    );
    here.sources.clear();
    assert_eq!(found(&here, PLACED).len(), 6, "the file of the repository");
}

#[tokio::test]
async fn processes_of_this_user_are_seen() {
    let dir = tempfile::tempdir().expect("a folder");
    let here = here(dir.path());
    let secret = format!("{SECRET}-in-an-environment");
    let child = crate::process::background(std::ffi::OsStr::new("sleep"))
        .arg("60")
        .env("TOKEN", &secret)
        .spawn()
        .expect("it starts");
    let pid = child.id().expect("it runs");
    assert_eq!(
        found(&here, &secret),
        [format!("the environment of process {pid} (sleep)")]
    );
    drop(child);
}

#[test]
fn a_repository_that_cannot_be_read_is_no_clean_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = gix::init(dir.path()).expect("writable");
    let id = store.write_blob(SECRET).expect("writable").to_string();
    let object = dir
        .path()
        .join(".git/objects")
        .join(&id[..2])
        .join(&id[2..]);
    fs::remove_file(&object).expect("there");
    fs::write(&object, "damaged").expect("writable");
    let control = Control::new().expect("random");
    let wanted = Subjects::<()>::new().search(&control).expect("few");
    let mut look = Look::new(&wanted, |_| {});
    let fault = git::search(&mut look, dir.path()).expect_err("damaged");
    assert!(fault.title.contains("cannot be trusted"), "{fault:?}");
    assert!(!look.has_control(|spot| matches!(spot, Spot::Object { .. })));
}

#[test]
fn filled_contexts_belong_to_the_hosts_of_their_trees() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(super::owners(dir.path()).expect("none").is_empty());
    let root = dir.path().join("trees");
    let store = gix::init(&root).expect("writable");
    let commit = |files: &[(&str, &str)]| {
        let mut editor = store
            .edit_tree(store.empty_tree().id)
            .expect("a tree to begin with");
        for (path, text) in files {
            let blob = store.write_blob(text).expect("writable");
            let kind = gix::objs::tree::EntryKind::Blob;
            editor.upsert(*path, kind, blob).expect("a path");
        }
        let tree = editor.write().expect("writable");
        let who = gix::actor::Signature {
            name: "a".into(),
            email: "a@b".into(),
            time: gix::date::Time::new(0, 0),
        };
        let commit = gix::objs::Commit {
            tree: tree.detach(),
            parents: Vec::new().into(),
            author: who.clone(),
            committer: who,
            encoding: None,
            message: "".into(),
            extra_headers: Vec::new(),
        };
        store.write_object(commit).expect("writable");
    };
    let context = ".infra/context.json";
    commit(&[(context, "of web"), ("hosts/web/host.toml", "")]);
    commit(&[(context, "of both"), ("hosts/web/host.toml", "")]);
    commit(&[(context, "of both"), ("hosts/db/host.toml", "")]);
    // The contracts of many hosts are evaluated together, each from a tree of its own.
    commit(&[
        (".infra/plane/app/.infra/context.json", "of app"),
        (".infra/plane/app/hosts/app/contract.nix", ""),
        (".infra/plane/db/.infra/context.json", "of db"),
    ]);
    let owners = super::owners(dir.path()).expect("read");
    let of = |text: &str| {
        let id = store.write_blob(text).expect("writable").to_string();
        let hosts = owners.get(&id).into_iter().flatten();
        hosts
            .map(infra_model::HostName::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(of("of web"), "web");
    assert_eq!(of("of both"), "db web");
    assert_eq!(of("of app"), "app");
    assert_eq!(of("of db"), "db");
    assert_eq!(of("of nobody"), "");
}
