//! What was planned and deployed stays in this machine's store, and no longer than it is wanted.

use crate::scene::{SOON, Scene};
use infra_testkit::{Run, e2e_wanted};
use serde_json::Value;

/// A host's derivation and system, as they are in this machine's store now.
fn paths(scene: &Scene, host: &str) -> [String; 2] {
    let finished = scene.infra(&["eval", "--json", host]).ok().unwrap();
    let answer: Value = serde_json::from_str(finished.text()).unwrap();
    ["drvPath", "outPath"].map(|key| answer["hosts"][0][key].as_str().unwrap().to_owned())
}

/// Whether Nix keeps all of these, or else gives up each.
fn are_kept(scene: &Scene, paths: &[String]) -> bool {
    // Results first: as long as one is there, Nix keeps what it was built from.
    let kept: Vec<bool> = paths
        .iter()
        .rev()
        .map(|path| {
            let deleted = scene
                .lab
                .controller("nix")
                .args(["store", "delete", path])
                .run(SOON)
                .unwrap();
            let refused = deleted.stderr.contains("still alive");
            assert_ne!(refused, deleted.status.success(), "{}", deleted.stderr);
            refused
        })
        .collect();
    assert!(kept.iter().all(|one| *one == kept[0]), "{paths:?} {kept:?}");
    kept[0]
}

fn cache(scene: &Scene, action: &str) -> (u64, u64) {
    let finished = scene.infra(&["cache", action, "--json"]).ok().unwrap();
    let answer: Value = serde_json::from_str(finished.text()).unwrap();
    let number = |key: &str| answer["hosts"][0][key].as_u64().unwrap();
    (number("roots"), number("removedRoots"))
}

#[test]
fn planned_and_deployed_systems_survive_the_collector() {
    if !e2e_wanted("planned_and_deployed_systems_survive_the_collector") {
        return;
    }
    let scene = Scene::plain();
    // The store outlives the lab: what is asked about must be this lab's own.
    let greet = |words: &str| scene.greet(&format!("{words} in {}", scene.lab.tag()));
    greet("First");
    let evaluated = paths(&scene, "web");
    assert!(!are_kept(&scene, &evaluated[..1]), "looking keeps nothing");
    scene.infra(&["build", "web"]).ok().unwrap();
    let first = paths(&scene, "web");
    assert_eq!(first, evaluated);
    assert!(are_kept(&scene, &first));
    assert_eq!(cache(&scene, "info"), (2, 0));

    scene.deploy(&["web", "--goal", "boot"], 0);
    assert_eq!(cache(&scene, "info"), (4, 0));
    greet("Second");
    // A dry run plans it, without a process that could make a link: the one there is moves.
    scene.deploy(&["web", "--dry-run"], 0);
    let second = paths(&scene, "web");
    assert!(are_kept(&scene, &second[..1]), "planned");
    assert!(are_kept(&scene, &first), "deployed");
    scene.deploy(&["web", "--goal", "boot"], 0);
    assert!(are_kept(&scene, &second));
    assert!(!are_kept(&scene, &first), "another was deployed since");

    greet("Third");
    scene.infra(&["build", "web"]).ok().unwrap();
    let third = paths(&scene, "web");
    assert_eq!(cache(&scene, "clear"), (2, 2));
    assert!(are_kept(&scene, &second), "still deployed");
    assert!(!are_kept(&scene, &third), "planned no more");
    // Moved links are gone; the next build makes them anew.
    scene.infra(&["build", "web"]).ok().unwrap();
    assert!(are_kept(&scene, &third));

    scene.repo.remove("hosts/web").unwrap();
    assert_eq!(cache(&scene, "gc"), (0, 4));
    assert!(!are_kept(&scene, &second) && !are_kept(&scene, &third));
}

#[test]
fn what_is_built_on_the_host_keeps_its_derivation_here() {
    if !e2e_wanted("what_is_built_on_the_host_keeps_its_derivation_here") {
        return;
    }
    let scene = Scene::plain();
    // What the host cannot get from anywhere else in this world without a network is there then.
    scene.deploy(&["web", "--goal", "boot"], 0);
    scene.infra(&["cache", "clear"]).ok().unwrap();
    scene
        .repo
        .edit("hosts/web/host.toml", |text| {
            format!("{text}build = \"target\"\n")
        })
        .unwrap();
    scene.greet(&format!("Far away in {}", scene.lab.tag()));
    let built = scene.deploy(&["web", "--goal", "boot"], 0);
    assert_eq!(built.outcome("web"), "changed");
    let [drv, out] = paths(&scene, "web");
    assert!(are_kept(&scene, &[drv]));
    assert_eq!(
        cache(&scene, "info"),
        (2, 0),
        "planned and deployed, each the derivation alone"
    );
    assert!(
        !scene
            .lab
            .controller("test")
            .args(["-e", &out])
            .run(SOON)
            .unwrap()
            .status
            .success()
    );
}
