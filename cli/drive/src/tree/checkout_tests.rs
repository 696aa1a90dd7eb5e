//! What is never written where a revision is checked out. (That a checkout has the trees of its revision is tested with those.)

use super::tests::Scene;
use super::{AtRevision, check_out, commit_of};
use crate::repo::Repo;
use gix::objs::tree::{Entry, EntryKind};
use std::fs;
use std::path::Path;

/// No Git writes such trees; whoever makes them by hand must not get at files outside.
#[tokio::test]
async fn a_tree_that_leads_out_of_its_folder_is_not_checked_out() {
    let scene = Scene::new();
    scene.git_init().await;
    let git = gix::open(scene.root()).expect("a repository");
    let outside = scene.dir.path().join("outside");
    fs::create_dir(&outside).expect("writable");
    let blob = git.write_blob(b"x").expect("written").detach();
    let link = git.write_blob(outside.to_str().expect("UTF-8").as_bytes());
    let link = link.expect("written").detach();
    let tree = |entries: &[(&str, EntryKind, gix::ObjectId)]| {
        let entries = entries
            .iter()
            .map(|(name, kind, oid)| Entry {
                mode: (*kind).into(),
                filename: (*name).into(),
                oid: *oid,
            })
            .collect();
        let tree = git.write_object(gix::objs::Tree { entries });
        tree.expect("written").detach()
    };
    let file = [("file", EntryKind::Blob, blob)];
    let below = tree(&file);
    let cases = [
        tree(&[("..", EntryKind::Tree, below)]),
        tree(&[(".git", EntryKind::Tree, below)]),
        tree(&[("a/b", EntryKind::Blob, blob)]),
        // Through a link of the same name.
        tree(&[("a", EntryKind::Link, link), ("a", EntryKind::Tree, below)]),
        tree(&[("a", EntryKind::Link, link), ("a", EntryKind::Blob, blob)]),
        // It is whole, but no such repository.
        tree(&file),
    ];
    let repo = Repo::find(&scene.root()).expect("a repository");
    let told: Vec<String> = cases
        .into_iter()
        .map(|tree| {
            let commit = git.write_object(commit_of(tree)).expect("written");
            let fault = check_out(&repo, &commit.to_string()).expect_err("refused");
            fault.title.replace(&commit.to_string(), "REV")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    .. cannot be read as it was in `REV`
    .git cannot be read as it was in `REV`
    a/b cannot be read as it was in `REV`
    a revision cannot be written into the folder for temporary files
    a revision cannot be written into the folder for temporary files
    in `REV` there is no such folder as this repository's
    ");
    assert_eq!(fs::read_dir(&outside).expect("there").count(), 0);
}

/// A commit with a blob or a link at each path: `path`, or `path -> target`.
fn commit(git: &gix::Repository, paths: &[&str]) -> String {
    let empty = git.empty_tree().id;
    let mut tree = git.edit_tree(empty).expect("a tree");
    for path in paths {
        let (path, kind, text) = match path.split_once(" -> ") {
            Some((path, target)) => (path, EntryKind::Link, target),
            None => (*path, EntryKind::Blob, "x"),
        };
        let id = git.write_blob(text.as_bytes()).expect("written");
        tree.upsert(path, kind, id).expect("a path");
    }
    let tree = tree.write().expect("written").detach();
    let commit = git.write_object(commit_of(tree)).expect("written");
    commit.to_string()
}

/// What infra reads of it itself could be any file of this machine otherwise.
#[tokio::test]
async fn what_is_read_of_a_revision_is_the_revisions_own() {
    let scene = Scene::new();
    scene.git_init().await;
    let git = gix::open(scene.root()).expect("a repository");
    let outside = scene.dir.path().join("outside");
    fs::create_dir(&outside).expect("writable");
    fs::write(outside.join("host.toml"), "x").expect("writable");
    let file = outside.join("host.toml").display().to_string();
    let outside = outside.display().to_string();
    let repo = Repo::find(&scene.root()).expect("a repository");
    let told = |links: &[&str]| {
        let links = links.iter().map(|link| {
            let link = link.replace("FILE", &file);
            link.replace("OUTSIDE", &outside)
        });
        let links: Vec<String> = links.collect();
        let mut all: Vec<&str> = links.iter().map(String::as_str).collect();
        all.extend(["flake.nix", "hosts/db/host.toml"]);
        let commit = commit(&git, &all);
        match check_out(&repo, &commit) {
            Ok(AtRevision::Known(checkout)) => Ok(checkout),
            Ok(AtRevision::Unknown(why)) => panic!("{why}"),
            Err(fault) => Err(fault.title.replace(&commit, "REV")),
        }
    };
    let refused = |links: &[&str]| told(links).expect_err("refused");
    let all = [
        refused(&["infra.toml -> FILE"]),
        refused(&["flake.lock -> FILE"]),
        refused(&["hosts/web -> OUTSIDE"]),
        refused(&["hosts/web/host.toml -> FILE"]),
        refused(&["hosts/web/host.pub -> FILE"]),
        // Behind a link that stays in it.
        refused(&[
            "hosts/web -> ../machines/web",
            "machines/web/host.toml -> FILE",
        ]),
        refused(&["context -> OUTSIDE"]),
        refused(&["context/hosts/web.toml -> FILE"]),
        refused(&["secrets/hosts/web -> OUTSIDE"]),
        refused(&["secrets/shared/token.age -> FILE"]),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    infra.toml leads out of the repository, and `REV` does not know what was there
    flake.lock leads out of the repository, and `REV` does not know what was there
    hosts/web leads out of the repository, and `REV` does not know what was there
    hosts/web/host.toml leads out of the repository, and `REV` does not know what was there
    hosts/web/host.pub leads out of the repository, and `REV` does not know what was there
    hosts/web/host.toml leads out of the repository, and `REV` does not know what was there
    context leads out of the repository, and `REV` does not know what was there
    context/hosts/web.toml leads out of the repository, and `REV` does not know what was there
    secrets/hosts/web leads out of the repository, and `REV` does not know what was there
    secrets/shared/token.age leads out of the repository, and `REV` does not know what was there
    ");

    // What is not read, what stays in it, what leads to nothing, and a circle.
    let checkout = told(&[
        "modules/link -> FILE",
        "hosts/web/host.toml",
        "hosts/web/data -> FILE",
        "hosts/mail -> ../machines/mail",
        "machines/mail/host.toml",
        "secrets/gone -> OUTSIDE/gone",
        "context/round -> ../context",
    ]);
    let checkout = checkout.expect("checked out");
    let then = &checkout.repo;
    std::os::unix::fs::symlink(&file, scene.root().join("modules/link")).expect("writable");
    for (repo, may) in [(&repo, true), (then, false)] {
        assert_eq!(repo.may_read(Path::new("modules/link")), may);
        assert!(repo.may_read(Path::new("flake.nix")));
    }
    assert!(then.peek("flake.nix").is_some());
    assert_eq!(then.peek("hosts/web/data"), None);
}
