//! Editors made of shell: what they see, what they leave, and that nothing of it stays.

use super::Editor;
use crate::secret::Secret;
use infra_model::Code;
use std::path::Path;

/// A folder in memory to look into afterwards.
fn memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").expect("memory")
}

fn editor(folder: &Path, command: &str) -> Editor {
    Editor {
        command: command.into(),
        folders: vec![folder.to_owned()],
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .expect("readable")
        .next()
        .is_none()
}

async fn edited(command: &str, before: &str) -> Result<String, infra_model::Diagnostic> {
    let folder = memory();
    let before = Secret::new(before.into(), "x").expect("small");
    let after = editor(folder.path(), command).edit("token", &before).await;
    assert!(is_empty(folder.path()), "{command}: something was left");
    after.map(|after| after.expose_text().unwrap_or("not text").to_owned())
}

#[tokio::test]
async fn what_is_saved_is_returned_and_nothing_stays() {
    // As `sed -i` and many editors do: a new file takes the place of the old one, and a copy stays beside it.
    let after = edited("sed -i.bak s/old/new/", "old\n").await;
    assert_eq!(after.expect("edited"), "new\n");
    let after = edited(
        "f() { mkdir \"${1%/*}/deep\"; cp \"$1\" \"${1%/*}/deep\"; }; f",
        "same",
    )
    .await;
    assert_eq!(after.expect("left alone"), "same");
    let modes = "f() { stat -c %a \"${1%/*}\" \"$1\" >\"$1.new\"; mv \"$1.new\" \"$1\"; }; f";
    assert_eq!(edited(modes, "").await.expect("edited"), "700\n600\n");
}

#[tokio::test]
async fn an_editor_that_fails_changes_nothing_and_leaves_nothing() {
    let fault = edited("f() { echo new >\"$1\"; return 3; }; f", "old")
        .await
        .expect_err("failed");
    assert_eq!(fault.code, Code::CommandFailed);
    assert!(fault.cause.is_some_and(|cause| cause.contains('3')));
    let fault = edited("no-such-editor", "old")
        .await
        .expect_err("not there");
    assert_eq!(fault.code, Code::CommandFailed);
    let fault = edited("rm", "old").await.expect_err("gone");
    assert_eq!(fault.code, Code::SecretUnreadable);
    let large = edited("truncate -s 2M", "old")
        .await
        .expect_err("too large");
    assert_eq!(large.code, Code::SecretTooLarge);
}

#[tokio::test]
async fn a_secret_is_not_edited_on_a_disk() {
    let before = Secret::new(b"x".to_vec(), "x").expect("small");
    // Not in memory on any machine; and it could not be written either.
    let fault = editor(Path::new("/proc"), "true")
        .edit("token", &before)
        .await
        .expect_err("refused");
    assert_eq!(fault.code, Code::Unsupported);
    assert_eq!(fault.cause.as_deref(), Some("/proc is not in memory"));
    // The next folder is taken.
    let folder = memory();
    let mut both = editor(Path::new("/proc"), "true");
    both.folders.push(folder.path().to_owned());
    assert_eq!(
        both.edit("token", &before).await.expect("edited").expose(),
        b"x"
    );
}

#[tokio::test]
async fn what_was_edited_is_overwritten() {
    let folder = memory();
    let kept = memory();
    let link = kept.path().join("link");
    let command = format!("f() {{ ln \"$1\" '{}'; }}; f", link.display());
    let before = Secret::new(b"hush".to_vec(), "x").expect("small");
    let edited = editor(folder.path(), &command).edit("token", &before).await;
    assert!(edited.is_ok(), "{edited:?}");
    // The name is gone; what had it is seen through another.
    assert_eq!(std::fs::read(link).expect("linked"), [0; 4]);
}
