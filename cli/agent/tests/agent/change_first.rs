//! The first change of a host: nothing ran before it, and no secrets were there. If it fails, what can go away does, what stays is told, and that is
//! no way back that failed.

use crate::change_scene::{done, probes, restored, system};
use crate::scene::Scene;
use infra_model::change::{ChangeEnd, ChangePhase, ChangeStatus, Expected, Order};
use infra_model::{Code, Diagnostic};
use serde_json::json;
use std::fs;
use std::path::Path;

impl Scene {
    /// A host with `new` in its store, and nothing that anybody has ever put there.
    fn without_system() -> Self {
        let scene = Self::with_systems();
        for gone in [
            "run",
            "var/lib/infra",
            "nix/var/nix/profiles",
            "nix/boot-default",
        ] {
            let path = scene.path(gone);
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        fs::create_dir_all(scene.path("nix/var/nix/profiles")).unwrap();
        scene
    }

    fn first(&self, run: &str, secrets: bool) -> Order {
        // `order` looks at links that are not there.
        let mut order = Self::with_systems().order(run, "new");
        order.intent.expected = Expected {
            boot_id: Some("boot-1".to_owned()),
            ..Expected::default()
        };
        if secrets {
            let mut sent = crate::scene::bundle(&[("a", "new")]);
            "digest-new".clone_into(&mut sent.digest);
            let staged = self.run(&format!("change stage {run}"), &self.seal(&sent));
            assert_eq!(staged.code, Some(0), "{}", staged.stdout);
            order.intent.secrets = Some(sent.digest);
        }
        order
    }

    /// Nothing of secrets is on the host, unpacked or kept.
    #[track_caller]
    fn has_no_secrets(&self, what: &str) {
        assert_eq!(self.status()["current"], json!(null), "{what}");
        assert_eq!(self.status()["generations"], json!([]), "{what}");
        for gone in ["run/infra/secrets", "run/infra/templates"] {
            assert!(!is_there(&self.path(gone)), "{what}: {gone}");
        }
        let unpacked = fs::read_dir(self.path("run/infra/secrets.d"));
        assert_eq!(unpacked.into_iter().flatten().count(), 0, "{what}");
    }

    fn boots_nothing(&self) -> bool {
        !is_there(&self.path("nix/var/nix/profiles/system"))
            && !is_there(&self.path("nix/boot-default"))
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[track_caller]
fn left(status: &ChangeStatus) -> (Diagnostic, Diagnostic) {
    match &status.end {
        Some(ChangeEnd::Left { why, left, .. }) => (why.as_ref().clone(), left.as_ref().clone()),
        other => panic!("nothing is left: {other:?}\n{}", status.log.join("\n")),
    }
}

#[test]
fn a_first_system_that_fails_is_told_as_what_it_is() {
    let scene = Scene::without_system();
    let mut order = scene.first("r1", true);
    order.intent.probes = Some(probes("web", &json!({ "file": "/gone" })));
    scene.begin(&order);
    let (why, left) = left(&scene.see_through("r1"));
    assert_eq!(why.code, Code::ProbeFailed);
    assert_eq!(left.code, Code::ProbeFailed);
    let new = system("new");
    assert_eq!(
        left.cause.unwrap(),
        format!(
            "no system of infra or NixOS ran on the host before: what activation has done until then is still done (files, accounts, units)\n\
             /run/current-system leads to {new}, which has not proven itself\n\
             nothing was made the boot default\n\
             its secrets were taken away again"
        )
    );
    assert!(left.fix.unwrap().contains("deploy again"));
    assert!(scene.boots_nothing());
    scene.has_no_secrets("after a probe");
    assert_eq!(scene.said(), ["test new"], "there is nothing to go back to");

    // Corrected, it is a change like any other. The first one is what ran before it.
    let mut order = scene.first("r2", true);
    order.intent.expected.current = Some(new);
    scene.begin(&order);
    assert_eq!(done(&scene.see_through("r2")), Some(1));
    assert_eq!(scene.read("a").unwrap(), "s3cr3t new");
}

#[test]
fn a_first_system_that_was_not_begun_leaves_nothing() {
    let scene = Scene::without_system();
    let mut order = scene.first("r1", true);
    order.intent.secrets = None;
    order.intent.expected.generation = Some(1);
    assert_eq!(
        scene.try_begin("", &order).unwrap_err().code,
        Code::HostMoved
    );
    // Unknown owners are refused before anything is activated.
    let order = scene.first("r2", true);
    fs::remove_file(scene.path("etc/ssh/ssh_host_ed25519_key")).unwrap();
    let refused = scene.try_begin("", &order).unwrap_err();
    assert_ne!(refused.code, Code::RestoreFailed, "{refused:?}");
    assert!(scene.said().is_empty());
}

#[test]
fn a_boot_default_that_cannot_be_made_is_no_default() {
    let scene = Scene::without_system();
    scene.hook("new", "boot", "echo no boot loader; exit 1\n");
    scene.begin(&scene.first("r1", true));
    let (why, left) = left(&scene.see_through("r1"));
    assert!(why.cause.unwrap().contains("no boot loader"));
    assert!(
        left.cause
            .unwrap()
            .contains("nothing was made the boot default")
    );
    assert!(scene.boots_nothing());
    scene.has_no_secrets("after a commit");
}

#[test]
fn first_secrets_alone_go_away_again() {
    let scene = Scene::with_systems();
    fs::remove_dir_all(scene.path("var/lib/infra")).unwrap();
    fs::remove_dir_all(scene.path("run/infra")).unwrap();
    let mut order = scene.first("r1", true);
    let of = |scene: &Scene| fs::read_link(scene.path("run/current-system")).unwrap();
    let before = of(&scene);
    order.intent.expected = Scene::with_systems().expected();
    order.intent.expected.secrets = None;
    order.intent.system = None;
    order.intent.probes = Some(probes("web", &json!({ "command": "false" })));
    scene.begin(&order);
    assert_eq!(restored(&scene.see_through("r1")).code, Code::ProbeFailed);
    scene.has_no_secrets("after a probe");
    assert_eq!(of(&scene), before);
}

#[test]
fn a_first_system_that_fails_is_cut() {
    let start = Scene::without_system();
    start.hook(
        "new",
        "test",
        "ln -sfn \"$system\" \"$root/run/current-system\"; exit 1\n",
    );
    let order = start.first("r1", true);
    for cut in 1..300 {
        let scene = start.fork();
        let what = format!("cut {cut}");
        let begun = scene.try_begin(&format!("--stop-supervisor-after {cut}"), &order);
        let whole = begun.is_ok() && scene.see_through("r1").phase == ChangePhase::Ended;
        scene.settle();
        let change = scene.recover().change.unwrap();
        match &change.end {
            Some(ChangeEnd::Left { .. }) => assert!(scene.boots_nothing(), "{what}"),
            // It had not come to activating.
            Some(ChangeEnd::Restored { .. }) => assert!(scene.said().is_empty(), "{what}"),
            other => panic!("{what}: {other:?}\n{}", change.log.join("\n")),
        }
        scene.has_no_secrets(&what);
        if whole && !scene.path("var/lib/infra/change/r1/room").exists() && cut > 40 {
            return;
        }
    }
    panic!("the supervisor never comes to an end");
}
