//! Generations that are kept, going back, and the grace of rotated secrets.

use crate::scene::{Scene, bundle};
use infra_model::Code;
use infra_model::bundle::{Bundle, Outcome};
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

fn numbers(scene: &Scene) -> Vec<u64> {
    let status = scene.status();
    let list = status["generations"].as_array().unwrap();
    list.iter()
        .map(|one| one["number"].as_u64().unwrap())
        .collect()
}

fn with_grace(content: &str, grace: u64) -> Bundle {
    let mut bundle = bundle(&[("db", content)]);
    bundle.secrets[0].grace = Some(grace);
    bundle
}

/// Lets a generation have come some time ago.
fn age(scene: &Scene, number: u64, seconds: u64) {
    let path = scene
        .path("var/lib/infra/secrets")
        .join(format!("{number}.age"));
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
        .unwrap();
}

#[test]
fn the_last_three_are_kept_and_can_come_back() {
    let scene = Scene::new();
    let nothing = scene.run("secrets rollback", b"").fault();
    assert_eq!(nothing.code, Code::NoSuchGeneration);
    assert_eq!(nothing.cause.as_deref(), Some("it keeps none"));
    for content in ["1", "2", "3", "4"] {
        scene.receive(&bundle(&[("db", content)])).applied();
    }
    assert_eq!(numbers(&scene), [2, 3, 4]);
    let back = scene.run("secrets rollback", b"").applied();
    assert_eq!((back.generation, back.outcome), (Some(3), Outcome::Changed));
    assert_eq!(back.before, Some(4));
    assert_eq!(back.secrets.changed, ["db"]);
    assert_eq!(back.units.pending, ["db.service"]);
    assert_eq!(scene.read("db").unwrap(), "s3cr3t 3");
    assert_eq!(
        scene.run("secrets rollback", b"").applied().generation,
        Some(2)
    );
    assert_eq!(
        scene.run("secrets rollback", b"").fault().code,
        Code::NoSuchGeneration
    );
    assert_eq!(scene.read("db").unwrap(), "s3cr3t 2");
    let fault = scene.run("secrets rollback --to 1", b"").fault();
    assert_eq!(fault.cause.as_deref(), Some("it keeps 2 (current), 3, 4"));

    // Forward again, under its own number; and what comes next is new, with the current one kept although it is the oldest.
    assert_eq!(
        scene
            .run("secrets rollback --to 4", b"")
            .applied()
            .generation,
        Some(4)
    );
    assert_eq!(
        scene.run("secrets rollback --to 4", b"").applied().outcome,
        Outcome::Unchanged
    );
    scene.run("secrets rollback --to 2", b"").applied();
    scene.reboot();
    scene.run("secrets unpack", b"").applied();
    assert_eq!(scene.read("db").unwrap(), "s3cr3t 2", "also after a reboot");
    assert_eq!(
        scene.receive(&bundle(&[("db", "5")])).applied().generation,
        Some(5)
    );
    assert_eq!(numbers(&scene), [3, 4, 5]);
}

#[test]
fn a_bundle_that_came_before_is_sent_again() {
    let scene = Scene::new();
    scene.receive(&bundle(&[("db", "1")])).applied();
    scene.receive(&bundle(&[("db", "2")])).applied();
    scene.run("secrets rollback", b"").applied();
    // The newest says the same: no third one.
    assert_eq!(
        scene.receive(&bundle(&[("db", "2")])).applied().generation,
        Some(2)
    );
    assert_eq!(scene.read("db").unwrap(), "s3cr3t 2");
}

#[test]
fn the_content_before_a_rotation_stays_for_its_grace() {
    let scene = Scene::new();
    scene.receive(&with_grace("old", 3600)).applied();
    assert_eq!(scene.read("db.previous"), None);
    let rotated = scene.receive(&with_grace("new", 3600)).applied();
    assert_eq!(rotated.secrets.changed, ["db"]);
    assert!(
        rotated.secrets.added.is_empty(),
        "the one before is no secret of its own"
    );
    assert_eq!(scene.read("db").unwrap(), "s3cr3t new");
    assert_eq!(scene.read("db.previous").unwrap(), "s3cr3t old");
    age(&scene, 2, 100);
    let until = scene.status()["secrets"][0]["previousUntil"]
        .as_u64()
        .unwrap();

    // Neither a reboot nor other generations change when it is over.
    scene.reboot();
    scene.run("secrets unpack", b"").applied();
    assert_eq!(scene.read("db.previous").unwrap(), "s3cr3t old");
    for number in 0..5 {
        let mut more = with_grace("new", 3600);
        more.secrets
            .extend(bundle(&[("more", &number.to_string())]).secrets);
        scene.receive(&more).applied();
    }
    assert_eq!(scene.read("db.previous").unwrap(), "s3cr3t old");
    assert_eq!(
        scene.status()["secrets"][0]["previousUntil"].as_u64(),
        Some(until)
    );
    assert_eq!(
        numbers(&scene),
        [1, 2, 5, 6, 7],
        "the content before must be kept for that, and when it was rotated"
    );
}

#[test]
fn a_grace_that_is_over_ends_with_the_next_call() {
    let scene = Scene::new();
    scene.receive(&with_grace("old", 3600)).applied();
    scene.receive(&with_grace("new", 3600)).applied();
    age(&scene, 2, 3700);
    let ended = scene.run("secrets unpack", b"").applied();
    assert_eq!(ended.outcome, Outcome::Changed);
    assert!(ended.secrets.changed.is_empty() && ended.secrets.removed.is_empty());
    assert!(
        ended.units.pending.is_empty(),
        "no unit is restarted for that"
    );
    assert_eq!(scene.read("db.previous"), None);
    assert_eq!(scene.read("db").unwrap(), "s3cr3t new");
    assert_eq!(
        scene.run("secrets unpack", b"").applied().outcome,
        Outcome::Unchanged
    );
    let folders = fs::read_dir(scene.path("run/infra/secrets.d"))
        .unwrap()
        .count();
    assert_eq!(folders, 1, "nothing of it is left in memory");
}
