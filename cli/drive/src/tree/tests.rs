//! Trees of real folders and real Git repositories.

use super::{HostTree, Trees};
use crate::process::{Stop, Tool};
use crate::repo::Repo;
use crate::table::{FileStat, Table};
use infra_model::HostName;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HOST: &str = "class = \"nixos\"\nsystem = \"x86_64-linux\"\n";

/// A repository with web and db, a cache folder, and a table.
pub(super) struct Scene {
    pub(super) dir: TempDir,
    pub(super) table: Table,
}

impl Scene {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let table = Table::open(&dir.path().join("cache")).expect("opens").table;
        let scene = Self { dir, table };
        scene.write("flake.nix", "{ }\n");
        scene.write("README.md", "hello\n");
        for host in ["web", "db"] {
            scene.write(&format!("hosts/{host}/host.toml"), HOST);
            scene.write(&format!("hosts/{host}/configuration.nix"), "{ }\n");
        }
        scene.write("modules/base/default.nix", "{ }\n");
        scene
    }

    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    pub(super) async fn git(&self, words: &[&str]) {
        git_in(&self.root(), words).await;
    }

    pub(super) async fn git_init(&self) {
        self.git(&["init", "--quiet"]).await;
        self.commit().await;
    }

    pub(super) async fn commit(&self) {
        self.git(&["add", "--all"]).await;
        self.git(&["commit", "--quiet", "--message", "x"]).await;
    }

    pub(super) fn id(&self, host: &str) -> String {
        self.id_at(&self.root(), host)
    }

    fn id_at(&self, root: &Path, host: &str) -> String {
        self.host_tree_at(root, host).tree
    }

    pub(super) fn host_tree(&self, host: &str) -> HostTree {
        self.host_tree_at(&self.root(), host)
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// The files of which is remembered what is in them.
    pub(super) fn known(&self) -> HashMap<Vec<u8>, FileStat> {
        let root = self.root().canonicalize().expect("exists");
        self.table.files(&root.to_string_lossy())
    }

    fn host_tree_at(&self, root: &Path, host: &str) -> HostTree {
        let repo = Repo::find(root).expect("a repository");
        let contents = repo.read();
        let cache = self.dir.path().join("cache");
        let mut trees = Trees::open(&cache, &repo, &contents.settings, &self.table).expect("opens");
        let name = HostName::parse(host).expect("a name");
        let spec = contents.fleet.get(&name).expect("a host");
        let tree = trees
            .host(spec, &infra_model::HostContext::default())
            .expect("a tree");
        trees.remember(&self.table);
        tree
    }
}

pub(super) async fn git_in(dir: &Path, words: &[&str]) {
    let identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "protocol.file.allow=always",
    ];
    let tool = Tool::new("git")
        .arg("-C")
        .arg(dir)
        .args(identity)
        .args(words.iter().copied());
    let mut said = String::new();
    let ended = tool
        .run(Stop::never(), &mut |line| said.push_str(line))
        .await
        .expect("git runs");
    assert!(ended.status.success(), "git {words:?}: {said}");
}

#[tokio::test]
async fn same_content_same_id_however_git_sees_it() {
    let scene = Scene::new();
    let bare = scene.id("web");
    scene.git(&["init", "--quiet"]).await;
    assert_eq!(scene.id("web"), bare, "untracked");
    scene.commit().await;
    assert_eq!(scene.id("web"), bare, "committed");
    scene.write("hosts/web/configuration.nix", "{ a = 1; }\n");
    let edited = scene.id("web");
    assert_ne!(edited, bare, "dirty");
    scene.commit().await;
    assert_eq!(scene.id("web"), edited, "the edit committed");
    scene
        .git(&["checkout", "--quiet", "--detach", "HEAD~1"])
        .await;
    assert_eq!(scene.id("web"), bare, "a detached HEAD");
    let linked = scene.dir.path().join("linked");
    let linked_text = linked.to_str().expect("UTF-8");
    scene
        .git(&["worktree", "add", "--quiet", linked_text, "main"])
        .await;
    assert_eq!(scene.id_at(&linked, "web"), edited, "a linked work tree");
}

#[tokio::test]
async fn what_is_elsewhere_changes_nothing() {
    let scene = Scene::new();
    scene.git_init().await;
    let (web, db) = (scene.id("web"), scene.id("db"));
    assert_ne!(web, db);
    scene.write("README.md", "changed\n");
    scene.write("hosts/db/configuration.nix", "{ b = 2; }\n");
    scene.write("hosts/new/host.toml", HOST);
    scene.write("secrets/shared/x.age", "secret");
    scene.write("context/shared.toml", "a = 1\n");
    scene.write("infra.toml", "waves = [\"web\"] # a comment\n");
    scene.write(".github/ci.yml", "x");
    assert_eq!(scene.id("web"), web);
    assert_ne!(scene.id("db"), db);
    scene.write("infra.toml", "[defaults]\nuser = \"deploy\"\n");
    assert_ne!(scene.id("web"), web, "defaults that matter");
    scene.write("infra.toml", "# nothing\n");
    scene.write("modules/base/default.nix", "{ c = 3; }\n");
    assert_ne!(scene.id("web"), web, "a shared folder");
}

#[tokio::test]
async fn ignored_files_stay_out_unless_they_are_tracked() {
    let scene = Scene::new();
    scene.git_init().await;
    let before = scene.id("web");
    scene.write(".gitignore", "*.log\nbuilt/\n");
    scene.write("hosts/web/x.log", "noise");
    scene.write("modules/built/x", "noise");
    assert_eq!(scene.id("web"), before);
    scene
        .git(&["add", "--force", "hosts/web/x.log", "modules/built/x"])
        .await;
    let tracked = scene.id("web");
    assert_ne!(tracked, before);
    scene.write("modules/built/y", "noise beside a tracked file");
    assert_eq!(scene.id("web"), tracked);
    // Without Git there are no rules.
    fs::remove_dir_all(scene.root().join(".git")).expect("there");
    assert_ne!(scene.id("web"), tracked);
}

#[tokio::test]
async fn a_repository_may_be_a_folder_of_a_larger_work_tree() {
    let scene = Scene::new();
    let alone = scene.id("web");
    // The scene's own folder becomes the work tree; its cache must not be looked at.
    let top = scene.dir.path();
    fs::write(top.join(".gitignore"), "/cache\n*.log\n").expect("writable");
    git_in(top, &["init", "--quiet"]).await;
    git_in(top, &["add", "--all"]).await;
    git_in(top, &["commit", "--quiet", "--message", "x"]).await;
    assert_eq!(scene.id("web"), alone);
    scene.write("hosts/web/x.log", "ignored from above");
    assert_eq!(scene.id("web"), alone);
}

#[tokio::test]
async fn every_kind_of_file_has_its_meaning() {
    let scene = Scene::new();
    let mut last = scene.id("web");
    let mut differs = |what: &str| {
        let id = scene.id("web");
        assert_ne!(id, last, "{what}");
        last = id;
    };
    let script = scene.root().join("modules/run.sh");
    scene.write("modules/run.sh", "true\n");
    differs("a new file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
    differs("the executable bit");
    symlink("../nowhere", scene.root().join("modules/dangling")).expect("writable");
    differs("a dangling link");
    fs::remove_file(scene.root().join("modules/dangling")).expect("there");
    symlink("/etc/absolute", scene.root().join("modules/dangling")).expect("writable");
    differs("where a link points");
    for name in ["a b", "new\nline", "Case", "case", "-dash", "ümläut"] {
        scene.write(&format!("modules/{name}"), name);
        differs(name);
    }
    fs::create_dir_all(scene.root().join("modules/empty")).expect("writable");
    let with_empty = scene.id("web");
    assert_eq!(with_empty, last, "an empty folder is none");
}

#[tokio::test]
async fn a_submodules_files_count_like_any_others() {
    let scene = Scene::new();
    scene.git_init().await;
    let other = scene.dir.path().join("other");
    fs::create_dir_all(&other).expect("writable");
    fs::write(other.join("default.nix"), "{ }\n").expect("writable");
    git_in(&other, &["init", "--quiet"]).await;
    git_in(&other, &["add", "--all"]).await;
    git_in(&other, &["commit", "--quiet", "--message", "x"]).await;
    let other = other.to_str().expect("UTF-8");
    scene
        .git(&["submodule", "--quiet", "add", other, "modules/sub"])
        .await;
    let with = scene.id("web");
    scene.write("modules/sub/default.nix", "{ a = 1; }\n");
    assert_ne!(scene.id("web"), with);
    // And the same files without any Git are the same tree.
    let edited = scene.id("web");
    fs::remove_file(scene.root().join("modules/sub/.git")).expect("there");
    fs::remove_dir_all(scene.root().join(".git")).expect("there");
    assert_eq!(scene.id("web"), edited);
}

#[test]
fn unchanged_files_are_not_read_again() {
    let scene = Scene::new();
    let first = scene.id("web");
    std::thread::sleep(std::time::Duration::from_millis(150));
    assert_eq!(scene.id("web"), first);
    let known = scene.known();
    assert!(
        known.contains_key(b"hosts/web/configuration.nix".as_slice()),
        "{:?}",
        known.keys()
    );
    // A file that cannot be read any more, but has not changed, need not be. (Root may read anything, so content is hidden instead: a
    // remembered id that is not the file's own shows that the memory was used.)
    let path = b"modules/base/default.nix".to_vec();
    let mut stat = known[&path];
    stat.oid = known[b"hosts/web/host.toml".as_slice()].oid;
    let repo = scene.root().canonicalize().expect("exists");
    scene
        .table
        .keep_files(&repo.to_string_lossy(), &[(path, stat)], &[]);
    assert_ne!(scene.id("web"), first, "what is remembered is believed");
    scene.write("modules/base/default.nix", "{ }\n\n");
    scene.write("modules/base/default.nix", "{ }\n");
    assert_eq!(scene.id("web"), first, "a touched file is read again");
}

#[test]
fn an_unreadable_file_is_named() {
    let scene = Scene::new();
    // Root may read what it likes, but nobody can read a folder as a file.
    let repo = Repo::find(&scene.root()).expect("a repository");
    let contents = repo.read();
    fs::remove_dir_all(scene.root().join("hosts/web")).expect("there");
    let cache = scene.dir.path().join("cache");
    let mut trees = Trees::open(&cache, &repo, &contents.settings, &scene.table).expect("opens");
    let web = HostName::parse("web").expect("a name");
    let fault = trees
        .host(
            contents.fleet.get(&web).expect("read before"),
            &infra_model::HostContext::default(),
        )
        .expect_err("gone");
    assert!(fault.title.contains("hosts/web"), "{fault:?}");
}
