//! Trees of real folders and real Git repositories.

use super::{HostTree, Trees};
use crate::process::{Stop, Tool};
use crate::repo::Repo;
use crate::table::{FileStat, Table};
use infra_model::{Diagnostic, HostName};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
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
        self.look(root, host).0
    }

    fn look(&self, root: &Path, host: &str) -> (HostTree, Vec<Diagnostic>) {
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
        (tree, trees.take_warnings())
    }

    /// What is told of the files that web reads: code, file and fix.
    fn told(&self) -> Vec<String> {
        let (_, warnings) = self.look(&self.root(), "web");
        let text = |warning: &Diagnostic| {
            let place = warning.place.as_ref().map(ToString::to_string);
            let fix = warning.fix.clone().unwrap_or_default();
            format!(
                "{} {} | {fix}",
                warning.code.name(),
                place.unwrap_or_default()
            )
        };
        let mut told: Vec<String> = warnings.iter().map(text).collect();
        told.sort_unstable();
        told
    }
}

pub(super) async fn git_in(dir: &Path, words: &[&str]) {
    said_by_git(dir, words).await;
}

async fn said_by_git(dir: &Path, words: &[&str]) -> String {
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
    ended.stdout
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
async fn links_beside_the_flake_stand_for_shared_folders() {
    let scene = Scene::new();
    let at = |file: &str| scene.root().join(file);
    // A shared folder may lie elsewhere in the repository, a host's even elsewhere on the machine.
    fs::create_dir(at("nixos")).expect("writable");
    fs::rename(at("modules"), at("nixos/modules")).expect("there");
    let without = scene.id("web");
    symlink("nixos/modules", at("modules")).expect("writable");
    let with = scene.id("web");
    assert_ne!(with, without);
    let store = scene.dir.path().join("cache/trees");
    let listed = said_by_git(&store, &["ls-tree", &with]).await;
    assert!(listed.contains("120000 blob"), "{listed}");
    // It is narrowed like any shared folder.
    scene.write(
        "hosts/web/host.toml",
        &format!("{HOST}shared = [\"nixos\"]\n"),
    );
    let narrowed = scene.id("web");
    let listed = said_by_git(&store, &["ls-tree", &narrowed]).await;
    assert!(!listed.contains("120000 blob"), "{listed}");
    // What stands for nothing that is shared stays out.
    scene.write("hosts/web/host.toml", HOST);
    symlink("hosts/db", at("_other")).expect("writable");
    symlink("README.md", at("readme")).expect("writable");
    symlink("secrets", at("dangling")).expect("writable");
    assert_eq!(scene.id("web"), with);
    // A host's folder is read through the link.
    let plain = scene.id("db");
    fs::rename(at("hosts/db"), scene.dir.path().join("db")).expect("there");
    symlink("../../db", at("hosts/db")).expect("writable");
    assert_eq!(scene.id("db"), plain);
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
fn files_that_are_gone_are_forgotten() {
    let scene = Scene::new();
    scene.write("modules/base/more.nix", "{ }\n");
    scene.write("hosts/web/more.nix", "{ }\n");
    std::thread::sleep(std::time::Duration::from_millis(150));
    scene.id("web");
    scene.id("db");
    let db = b"hosts/db/host.toml".as_slice();
    let more = [b"modules/base/more.nix".as_slice(), b"hosts/web/more.nix"];
    let has = |path: &[u8]| scene.known().contains_key(path);
    assert!(has(db) && more.iter().all(|path| has(path)));
    for path in ["modules/base/more.nix", "hosts/web/more.nix"] {
        fs::remove_file(scene.root().join(path)).expect("there");
    }
    scene.id("web");
    assert!(
        !more.iter().any(|path| has(path)),
        "{:?}",
        scene.known().keys()
    );
    assert!(
        has(db),
        "nobody looked whether the files of db are still there"
    );
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

#[test]
fn what_no_tree_can_hold_is_left_out_and_told() {
    let scene = Scene::new();
    let before = scene.id("web");
    let at = |file: &str| scene.root().join(file);
    rustix::fs::mkfifoat(rustix::fs::CWD, at("hosts/web/pipe"), 0o600.into()).expect("writable");
    let _socket = UnixListener::bind(at("modules/socket")).expect("writable");
    assert_eq!(scene.id("web"), before);
    let told = scene.told();
    assert_eq!(
        told,
        [
            "unreadable-file hosts/web/pipe | move it out of the repository, or add it to .gitignore",
            "unreadable-file modules/socket | move it out of the repository, or add it to .gitignore",
        ]
    );
}

#[test]
fn a_pointer_of_git_lfs_is_told_each_time() {
    let scene = Scene::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    scene.write("modules/logo.png", pointer);
    let with_pointer = scene.id("web");
    std::thread::sleep(std::time::Duration::from_millis(150));
    let pull = "lfs-pointer modules/logo.png | git lfs pull";
    assert_eq!(scene.told(), [pull]);
    // Also when everything else is remembered.
    assert_eq!(scene.told(), [pull]);
    scene.write("modules/logo.png", "the content itself\n");
    assert!(scene.told().is_empty());
    assert_ne!(scene.id("web"), with_pointer, "what lies there counts");
    // A text about pointers is none.
    scene.write(
        "modules/logo.png",
        &format!("{pointer}{}", "x".repeat(2000)),
    );
    assert!(scene.told().is_empty());
}

#[tokio::test]
async fn large_files_are_streamed() {
    let scene = Scene::new();
    scene.git(&["init", "--quiet"]).await;
    // Larger than what is held in memory, and not all the same byte.
    let mut large = String::new();
    for number in 0..1_000_000 {
        let _ = writeln!(large, "{number}");
    }
    scene.write("modules/large", &large);
    let id = scene.id("web");
    assert!(scene.told().is_empty());
    let store = scene.dir.path().join("cache/trees");
    let as_git = said_by_git(&scene.root(), &["hash-object", "modules/large"]).await;
    let held = said_by_git(&store, &["ls-tree", &id, "modules/large"]).await;
    assert!(held.contains(as_git.trim()), "{held} {as_git}");
    let size = said_by_git(&store, &["cat-file", "-s", as_git.trim()]).await;
    assert_eq!(size.trim(), large.len().to_string());
}

#[test]
fn huge_files_are_told_about_whether_they_are_read_or_remembered() {
    let scene = Scene::new();
    // An id that the store has, though another file's: what is not there would be read.
    std::thread::sleep(std::time::Duration::from_millis(150));
    scene.id("db");
    let known = scene.known()[b"hosts/db/host.toml".as_slice()].oid;
    // A hole takes no room, and what is remembered takes no time to read.
    let path = scene.root().join("modules/huge");
    let huge = fs::File::create(&path).expect("writable");
    huge.set_len(65 << 20).expect("writable");
    let meta = fs::symlink_metadata(&path).expect("there");
    let root = scene.root().canonicalize().expect("exists");
    let mut stat = super::walk::stat_of(&meta);
    stat.oid = known;
    let known = (b"modules/huge".to_vec(), stat);
    scene
        .table
        .keep_files(&root.to_string_lossy(), &[known], &[]);
    let told = scene.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("large-file modules/huge | "),
        "{told:?}"
    );
    huge.set_len(64 << 20).expect("writable");
    let meta = fs::symlink_metadata(&path).expect("there");
    assert_eq!(
        super::content::too_large(&path, &meta),
        None,
        "not yet huge"
    );
}

#[tokio::test]
async fn work_trees_of_a_bare_clone() {
    let scene = Scene::new();
    let plain = scene.id("web");
    scene.write(".gitignore", "*.log\n");
    scene.git_init().await;
    // The layout that people use: project/.bare, project/.git that points there, and a work tree a branch.
    let project = scene.dir.path().join("project");
    fs::create_dir(&project).expect("writable");
    let from = scene.root();
    let from = from.to_str().expect("UTF-8");
    git_in(&project, &["clone", "--quiet", "--bare", from, ".bare"]).await;
    fs::write(project.join(".git"), "gitdir: ./.bare\n").expect("writable");
    let fault = Repo::find(&project).expect_err("no files here");
    assert!(fault.title.contains("bare Git repository"), "{fault:?}");
    let fix = fault.fix.unwrap_or_default();
    assert!(fix.contains("worktree add"), "{fix}");
    git_in(&project, &["worktree", "add", "--quiet", "trunk"]).await;
    let trunk = project.join("trunk");
    fs::write(trunk.join("hosts/web/x.log"), "ignored").expect("writable");
    assert_eq!(scene.id_at(&trunk, "web"), plain);
    let fix = Repo::find(&project).expect_err("no files here").fix;
    assert!(fix.is_some_and(|fix| fix.contains("project/trunk")));
    let inside = Repo::find(&project.join(".bare")).expect_err("no files here");
    assert!(inside.title.contains("bare Git repository"), "{inside:?}");
}

#[tokio::test]
async fn jj_repositories_with_and_without_git_beside_them() {
    let scene = Scene::new();
    let plain = scene.id("web");
    scene.write(".gitignore", "*.log\n");
    scene.write("hosts/web/x.log", "ignored");
    let noise = |scene: &Scene| {
        scene.write(&[".jj", "working_copy", "checkout"].join("/"), "jj's own");
        scene.write("hosts/web/.jj/x", "another's");
    };
    noise(&scene);
    let counted = scene.id("web");
    assert_ne!(counted, plain, "nobody says yet what is ignored");
    // jj keeps a bare Git repository in its own folder.
    let store = scene.root().join(".jj/repo/store");
    fs::create_dir_all(&store).expect("writable");
    git_in(&store, &["init", "--quiet", "--bare", "git"]).await;
    fs::write(store.join("git_target"), "git").expect("writable");
    assert_eq!(scene.id("web"), plain, "jj alone");
    // A second workspace says where the first one's repository is.
    let second = scene.dir.path().join("second");
    fs::create_dir_all(second.join(".jj")).expect("writable");
    for folder in ["hosts", "modules"] {
        copy_tree(&scene.root().join(folder), &second.join(folder));
    }
    for file in ["flake.nix", ".gitignore"] {
        fs::copy(scene.root().join(file), second.join(file)).expect("writable");
    }
    fs::write(second.join(".jj/repo"), "../../repo/.jj/repo").expect("writable");
    assert_eq!(scene.id_at(&second, "web"), plain, "a second workspace");
    // Colocated: Git lies beside, and its index says what is tracked.
    fs::remove_dir_all(store.join("git")).expect("there");
    scene.git(&["init", "--quiet"]).await;
    fs::write(store.join("git_target"), "../../../.git").expect("writable");
    assert_eq!(scene.id("web"), plain, "colocated");
    scene.git(&["add", "--force", "hosts/web/x.log"]).await;
    assert_ne!(scene.id("web"), plain, "tracked, so it counts");
    // What lies around the repository does not speak for it.
    let outer = scene.dir.path();
    fs::remove_dir_all(scene.root().join(".git")).expect("there");
    git_in(&store, &["init", "--quiet", "--bare", "git"]).await;
    fs::write(store.join("git_target"), "git").expect("writable");
    git_in(outer, &["init", "--quiet"]).await;
    fs::write(outer.join(".gitignore"), "*.nix\n").expect("writable");
    assert_eq!(scene.id("web"), plain, "inside another's work tree");
}

#[tokio::test]
async fn the_rule_that_ignores_a_file_is_named() {
    let scene = Scene::new();
    scene.git_init().await;
    scene.write(".gitignore", "# comment\n*.log\nbuilt/\n");
    scene.write("hosts/.gitignore", "web/own\n!x.log\n");
    let rule = |file: &str| super::ignored_by(&scene.root().canonicalize().ok()?, Path::new(file));
    let named = |text: &str| Some(text.to_owned());
    assert_eq!(rule("modules/x.log"), named("`*.log` (.gitignore:2)"));
    assert_eq!(rule("modules/built/x"), named("`built/` (.gitignore:3)"));
    assert_eq!(
        rule("hosts/web/own"),
        named("`web/own` (hosts/.gitignore:1)")
    );
    assert_eq!(rule("hosts/web/x.log"), None, "taken back");
    assert_eq!(rule("flake.nix"), None);
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("writable");
        }
    }
}
