//! Trees of revisions: the ids that a checkout of them would have.

use super::tests::{Scene, git_in};
use super::{AtRevision, Trees, check_out, compare};
use crate::repo::Repo;
use infra_model::{Diagnostic, HostName};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

impl Scene {
    fn at(&self, revision: &str) -> Result<AtRevision, Diagnostic> {
        let repo = Repo::find(&self.root()).expect("a repository");
        let contents = repo.read();
        let mut trees =
            Trees::open(&self.cache(), &repo, &contents.settings, &self.table).expect("opens");
        let web = HostName::parse("web").expect("a name");
        trees.at_revision(contents.fleet.get(&web).expect("a host"), revision)
    }

    fn tree_at(&self, revision: &str) -> String {
        let tree = self.tree_only_at(revision);
        assert_eq!(self.checked_out_at(revision), tree, "{revision}");
        tree
    }

    fn tree_only_at(&self, revision: &str) -> String {
        match self.at(revision) {
            Ok(AtRevision::Known(tree)) => tree,
            other => panic!("{revision}: {other:?}"),
        }
    }

    /// The tree of web in a folder into which the revision was checked out.
    fn checked_out_at(&self, revision: &str) -> String {
        let repo = Repo::find(&self.root()).expect("a repository");
        let checkout = match check_out(&repo, revision) {
            Ok(AtRevision::Known(checkout)) => checkout,
            other => panic!("{revision}: {other:?}"),
        };
        let contents = checkout.repo.read();
        let settings = &contents.settings;
        let mut trees = Trees::open(&self.cache(), &checkout.repo, settings, &self.table);
        let trees = trees.as_mut().expect("opens");
        let web = HostName::parse("web").expect("a name");
        let host = contents.fleet.get(&web).expect("a host");
        let nothing = infra_model::HostContext::default();
        trees.host(host, &nothing).expect("a tree").tree
    }

    /// The files that differ from a revision.
    fn since(&self, revision: &str) -> Vec<String> {
        self.differing_from(&self.tree_at(revision))
    }

    fn differing_from(&self, then: &str) -> Vec<String> {
        let now = self.id("web");
        compare(&self.cache(), then, &now)
            .expect("readable")
            .expect("both are there")
            .into_iter()
            .map(|file| format!("{} {}", file.how.as_str(), file.path))
            .collect()
    }
}

#[tokio::test]
async fn a_revision_has_the_tree_of_its_checkout() {
    let scene = Scene::new();
    scene.write("modules/a b/ü\n.nix", "{ }\n");
    scene.write("modules/run.sh", "true\n");
    let script = scene.root().join("modules/run.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
    symlink("/etc/absolute", scene.root().join("modules/link")).expect("writable");
    scene.write("infra.toml", "[defaults]\nuser = \"deploy\"\n");
    scene.write("secrets/shared/x.age", "secret");
    scene.write("_old/x.nix", "{ }");
    scene.git_init().await;
    let first = scene.id("web");
    assert_eq!(scene.tree_at("HEAD"), first);

    scene.write("hosts/web/configuration.nix", "{ a = 1; }\n");
    assert_eq!(scene.since("HEAD"), ["changed hosts/web/configuration.nix"]);
    scene.write("hosts/db/configuration.nix", "{ b = 1; }\n");
    scene.write("modules/new.nix", "{ }\n");
    fs::remove_file(scene.root().join("modules/link")).expect("there");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).expect("ours");
    scene.write("infra.toml", "[defaults]\nuser = \"other\"\n");
    assert_eq!(
        scene.since("HEAD"),
        [
            "changed hosts/web/configuration.nix",
            "changed infra.toml",
            "removed modules/link",
            "added modules/new.nix",
            "changed modules/run.sh"
        ]
    );
    scene.commit().await;
    let second = scene.id("web");
    scene
        .git(&["tag", "--annotate", "--message", "x", "v2"])
        .await;
    for revision in ["HEAD", "main", "v2", "refs/tags/v2", "@", "HEAD^0"] {
        assert_eq!(scene.tree_at(revision), second, "{revision}");
        assert_eq!(scene.since(revision), [""; 0], "{revision}");
    }
    assert_eq!(scene.tree_at("HEAD~1"), first);
    // Packed objects and packed references are found, too.
    scene.git(&["gc", "--quiet"]).await;
    assert_eq!(scene.tree_at("v2~1"), first);
    scene.git(&["checkout", "--quiet", "HEAD~1"]).await;
    assert_eq!((scene.tree_at("main"), scene.id("web")), (second, first));
}

#[tokio::test]
async fn links_beside_the_flake_are_then_what_they_are_now() {
    let scene = Scene::new();
    let at = |file: &str| scene.root().join(file);
    fs::create_dir(at("nixos")).expect("writable");
    fs::rename(at("modules"), at("nixos/modules")).expect("there");
    scene.git_init().await;
    let moved = scene.id("web");
    symlink("nixos/modules", at("modules")).expect("writable");
    // These stand for no folder, or for one that is not shared.
    scene.write("README.md", "read me\n");
    symlink("README.md", at("readme")).expect("writable");
    symlink("nowhere", at("dangling")).expect("writable");
    symlink("round", at("round")).expect("writable");
    symlink("nixos/modules", at("_hidden")).expect("writable");
    // A link to a link is one; and what leads out of the repository is judged by where it leads.
    symlink("modules/", at("again")).expect("writable");
    let outside = scene.dir.path().join("outside");
    fs::create_dir(&outside).expect("writable");
    symlink(&outside, at("outside")).expect("writable");
    symlink("./nixos/../../outside", at("over")).expect("writable");
    assert_eq!(
        scene.since("HEAD"),
        [
            "added again",
            "added modules",
            "added outside",
            "added over"
        ]
    );
    scene.commit().await;
    // `over` leads out of the repository, and so to nothing from where that was checked out. (No evaluation may read what is there.)
    let then = scene.tree_only_at("HEAD");
    assert_eq!(then, scene.id("web"));
    assert_ne!(then, scene.checked_out_at("HEAD"));
    assert_eq!(scene.tree_at("HEAD~1"), moved);
    // The folder that the link led to then is what counts, not what lies there now.
    fs::rename(at("nixos"), at("nix")).expect("there");
    fs::remove_file(at("modules")).expect("there");
    symlink("nix/modules", at("modules")).expect("writable");
    assert_eq!(
        scene.differing_from(&scene.tree_only_at("HEAD")),
        [
            "changed modules",
            "added nix/modules/base/default.nix",
            "removed nixos/modules/base/default.nix",
            "removed over",
        ]
    );
    // A file of the shared folder is named where it lies.
    scene.commit().await;
    scene.write("nix/modules/base/default.nix", "{ a = 1; }\n");
    assert_eq!(
        scene.since("HEAD"),
        ["changed nix/modules/base/default.nix"]
    );
}

#[tokio::test]
async fn a_host_behind_a_link_had_a_tree_then() {
    let scene = Scene::new();
    let at = |file: &str| scene.root().join(file);
    fs::create_dir(at("_machines")).expect("writable");
    fs::rename(at("hosts/web"), at("_machines/web")).expect("there");
    symlink("../_machines/web", at("hosts/web")).expect("writable");
    scene.git_init().await;
    assert_eq!(scene.since("HEAD"), [""; 0]);
    scene.write("_machines/web/configuration.nix", "{ a = 2; }\n");
    assert_eq!(scene.since("HEAD"), ["changed hosts/web/configuration.nix"]);
    // Outside of the repository no revision knows what was there.
    fs::rename(at("_machines/web"), scene.dir.path().join("elsewhere")).expect("there");
    fs::remove_file(at("hosts/web")).expect("there");
    symlink("../../elsewhere", at("hosts/web")).expect("writable");
    scene.commit().await;
    let fault = scene.at("HEAD").expect_err("unknown");
    assert!(
        fault.title.contains("leads out of the repository"),
        "{fault:?}"
    );
}

#[tokio::test]
async fn the_settings_of_then_decide_what_was_shared() {
    let scene = Scene::new();
    scene.write("homes/ann/home.nix", "{ }\n");
    scene.write(
        "hosts/web/host.toml",
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\nshared = [\"homes\"]\n",
    );
    scene.git_init().await;
    let then = scene.id("web");
    scene.write(
        "hosts/web/host.toml",
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\n",
    );
    assert_eq!(scene.tree_at("HEAD"), then);
    assert_eq!(
        scene.since("HEAD"),
        [
            "changed hosts/web/host.toml",
            "added modules/base/default.nix"
        ]
    );
}

#[tokio::test]
async fn what_filters_make_of_files_is_no_change() {
    let scene = Scene::new();
    // What Git LFS and line endings do: other bytes in the commit than in the work tree.
    scene.write(
        ".gitattributes",
        "*.big filter=shout\n*.crlf text eol=crlf\n",
    );
    scene.write("modules/a.big", "a large file\n");
    scene.write("modules/b.crlf", "one\r\ntwo\r\n");
    scene.write("modules/c.big", "another\n");
    scene.git(&["init", "--quiet"]).await;
    scene
        .git(&["config", "filter.shout.clean", "tr a-z A-Z"])
        .await;
    scene
        .git(&["config", "filter.shout.smudge", "tr A-Z a-z"])
        .await;
    // The index must be newer than the files, as it is when people work.
    tokio::time::sleep(Duration::from_millis(50)).await;
    scene.commit().await;
    let first = scene.id("web");
    assert_eq!(scene.since("HEAD"), [""; 0]);
    assert_eq!(scene.tree_at("HEAD"), first);
    scene.write("modules/a.big", "a larger file\n");
    assert_eq!(scene.since("HEAD"), ["changed modules/a.big"]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    scene.commit().await;
    assert_eq!(scene.since("HEAD"), [""; 0]);
    assert_eq!(scene.since("HEAD~1"), ["changed modules/a.big"]);
}

#[tokio::test]
async fn submodules_are_as_their_commit_says() {
    let scene = Scene::new();
    scene.git_init().await;
    let other = scene.dir.path().join("other");
    fs::create_dir_all(&other).expect("writable");
    fs::write(other.join("default.nix"), "{ }\n").expect("writable");
    git_in(&other, &["init", "--quiet"]).await;
    git_in(&other, &["add", "--all"]).await;
    git_in(&other, &["commit", "--quiet", "--message", "x"]).await;
    let url = other.to_str().expect("UTF-8");
    scene
        .git(&["submodule", "--quiet", "add", url, "modules/sub"])
        .await;
    scene.commit().await;
    assert_eq!(scene.since("HEAD"), [""; 0]);
    assert_eq!(scene.since("HEAD~1"), ["added modules/sub/default.nix"]);
    scene.write("modules/sub/default.nix", "{ a = 1; }\n");
    assert_eq!(scene.since("HEAD"), ["changed modules/sub/default.nix"]);
    // Not checked out: as absent then as now.
    scene
        .git(&["submodule", "--quiet", "deinit", "--force", "modules/sub"])
        .await;
    assert_eq!(scene.since("HEAD"), [""; 0]);
}

#[tokio::test]
async fn files_a_sparse_checkout_leaves_out_are_absent() {
    let scene = Scene::new();
    scene.write("modules/rare/default.nix", "{ }\n");
    scene.git_init().await;
    scene
        .git(&[
            "sparse-checkout",
            "set",
            "--no-cone",
            "/*",
            "!/modules/rare",
        ])
        .await;
    assert!(!scene.root().join("modules/rare").exists());
    assert_eq!(scene.since("HEAD"), [""; 0]);
}

#[tokio::test]
async fn a_repository_below_the_work_tree_is_found_in_revisions() {
    let scene = Scene::new();
    let top = scene.dir.path();
    fs::write(top.join(".gitignore"), "/cache\n").expect("writable");
    git_in(top, &["init", "--quiet"]).await;
    fs::write(top.join("README"), "before the repository was here\n").expect("writable");
    git_in(top, &["add", "README", ".gitignore"]).await;
    git_in(top, &["commit", "--quiet", "--message", "x"]).await;
    git_in(top, &["add", "--all"]).await;
    git_in(top, &["commit", "--quiet", "--message", "x"]).await;
    assert_eq!(scene.since("HEAD"), [""; 0]);
    scene.write("modules/base/default.nix", "{ a = 1; }\n");
    assert_eq!(scene.since("HEAD"), ["changed modules/base/default.nix"]);
    let fault = scene.at("HEAD~1").expect_err("not there yet");
    assert!(fault.title.contains("no such folder"), "{fault:?}");
}

#[tokio::test]
async fn bad_revisions_say_why() {
    let scene = Scene::new();
    let unknown = |revision: &str| match scene.at(revision) {
        Ok(AtRevision::Unknown(why)) => why,
        other => panic!("{revision}: {other:?}"),
    };
    assert_eq!(unknown("HEAD"), "the repository is not in Git");
    scene.git(&["init", "--quiet"]).await;
    // No commit yet.
    assert!(!unknown("HEAD").is_empty());
    scene.write("hosts/_web/x", "");
    scene.git(&["add", "README.md"]).await;
    scene.git(&["commit", "--quiet", "--message", "x"]).await;
    let fault = scene.at("HEAD").expect_err("only README");
    assert_eq!(fault.title, "there is no host web in `HEAD`");
    scene.write("hosts/web/host.toml", "class = \"spaceship\"\n");
    scene.commit().await;
    scene.write(
        "hosts/web/host.toml",
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\n",
    );
    let fault = scene.at("HEAD").expect_err("unreadable settings");
    assert!(
        fault.title.contains("settings in `HEAD`") && fault.cause.is_some(),
        "{fault:?}"
    );
    for revision in [
        "",
        "-x",
        "nonsense",
        "HEAD~99",
        "main..HEAD",
        "HEAD:x",
        "0000000",
    ] {
        assert!(!unknown(revision).is_empty(), "{revision}");
    }
    let fault = scene.at("HEAD:README.md").expect_err("a file");
    assert!(fault.title.contains("cannot be compared"), "{fault:?}");
}
