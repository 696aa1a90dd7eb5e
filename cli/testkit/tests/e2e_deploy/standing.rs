//! How hosts stand, and what is known of runs, on real hosts.

use crate::scene::{SOON, Scene};
use infra_testkit::Run;
use serde_json::Value;

fn answer(scene: &Scene, words: &[&str], exit: i32) -> Value {
    let finished = scene.infra(words);
    assert_eq!(
        finished.code(),
        Some(exit),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    serde_json::from_str(finished.stdout.lines().last().unwrap()).unwrap()
}

/// `host standing` of each, and all reasons.
fn status(scene: &Scene, exit: i32) -> (Vec<String>, String) {
    let answer = answer(scene, &["status", "--json"], exit);
    let hosts = answer["hosts"].as_array().unwrap();
    let standing = hosts
        .iter()
        .map(|host| format!("{} {}", host["name"], host["standing"]).replace('"', ""))
        .collect();
    let reasons = hosts
        .iter()
        .map(|host| host["reasons"].to_string() + &host["files"].to_string());
    (standing, reasons.collect::<Vec<_>>().join("\n"))
}

#[test]
fn hosts_stand_as_they_are_left_changed_and_tampered_with() {
    let scene = Scene::plain();
    let (standing, _) = status(&scene, 1);
    assert_eq!(
        standing,
        ["db behind", "web behind"],
        "nothing was ever deployed"
    );
    scene.deploy(&["--all"], 0);
    let (standing, reasons) = status(&scene, 0);
    assert_eq!(standing, ["db inSync", "web inSync"], "{reasons}");
    let again = scene.infra(&["status"]).stderr;
    let remembered = again.matches("nothing it reads has changed").count();
    assert_eq!(remembered, 2, "nothing is evaluated: {again}");

    scene.greet("hello again");
    let (standing, reasons) = status(&scene, 1);
    assert_eq!(standing, ["db inSync", "web behind"], "{reasons}");
    assert!(reasons.contains("hosts/web/configuration.nix"), "{reasons}");

    // Somebody else changes what the next boot takes.
    scene
        .db()
        .sh("ln -sfn /nonexistent/system /nix/var/nix/profiles/system")
        .unwrap();
    let (standing, reasons) = status(&scene, 1);
    assert_eq!(standing, ["db drifted", "web behind"], "{reasons}");
    assert!(reasons.contains("but would boot"), "{reasons}");

    let history = answer(&scene, &["history", "--json"], 0);
    let runs = history["hosts"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{history:#}");
    assert_eq!(runs[0]["hosts"][1]["outcome"], "changed");
    let log = scene.command(&["log", "last", "web"]).run(SOON).unwrap();
    assert_eq!(log.code(), Some(0));
    assert!(log.stdout.contains("changed  web"), "{}", log.stdout);
    assert!(!log.stdout.contains("db"), "{}", log.stdout);
}
