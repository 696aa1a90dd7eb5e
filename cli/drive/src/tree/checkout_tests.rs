//! What is never written where a revision is checked out. (That a checkout has the trees of its revision is tested with those.)

use super::tests::Scene;
use super::{check_out, commit_of};
use crate::repo::Repo;
use gix::objs::tree::{Entry, EntryKind};
use std::fs;

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
