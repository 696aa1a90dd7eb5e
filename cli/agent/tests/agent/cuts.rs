//! A power cut after every single change that the agent makes: the host has the old or the new, whole, and the next call mends the rest.

use crate::scene::{Scene, bundle, template};
use infra_model::bundle::Bundle;
use std::fs;

fn sent(content: &str) -> Bundle {
    let mut sent = bundle(&[("a", content), ("b", content), ("c", content)]);
    sent.secrets[0].grace = Some(3600);
    sent.templates = vec![
        template(
            "conf",
            "/run/infra/templates/conf",
            "{{ secrets.a }} {{ secrets.b }}",
        ),
        template(
            "elsewhere",
            &format!("/etc/{content}.conf"),
            "{{ secrets.c }}",
        ),
    ];
    sent
}

/// Which generation is in place: all of its files, and nothing of another.
#[track_caller]
fn in_place(scene: &Scene) -> Option<String> {
    let first = scene.read("a")?;
    for name in ["b", "c"] {
        assert_eq!(scene.read(name).as_ref(), Some(&first), "{name}");
    }
    let conf = fs::read_to_string(scene.path("run/infra/templates/conf")).unwrap();
    assert_eq!(conf, format!("{first} {first}"));
    let content = first.rsplit(' ').next().unwrap().to_owned();
    let elsewhere = fs::read_link(scene.path(&format!("etc/{content}.conf"))).unwrap();
    let elsewhere = fs::read_to_string(scene.path(elsewhere.to_str().unwrap())).unwrap();
    assert_eq!(elsewhere, first);
    Some(content)
}

/// Cuts a call after each of its changes, on a fresh copy of the host each time. Gives the number of cuts.
fn cut_everywhere(start: &Scene, words: &str, input: &[u8], check: impl Fn(&Scene, u64)) -> u64 {
    for cut in 1..200 {
        let scene = start.fork();
        let ended = scene.run(&format!("--stop-after {cut} {words}"), input);
        if !ended.killed {
            assert_eq!(ended.code, Some(0), "{}", ended.stdout);
            return cut - 1;
        }
        check(&scene, cut);
    }
    panic!("the agent never comes to an end");
}

#[test]
fn receiving_is_cut() {
    let start = Scene::new();
    start.receive(&sent("old")).applied();
    let new = start.seal(&sent("new"));
    let mut seen = std::collections::BTreeSet::new();
    let seen_in = std::cell::RefCell::new(&mut seen);
    let cuts = cut_everywhere(&start, "secrets receive", &new, |scene, cut| {
        let now = in_place(scene).unwrap_or_else(|| panic!("cut {cut}: there is nothing"));
        // The machine comes back: what it boots with is whole, too, and no older than what it had.
        let rebooted = scene.fork();
        rebooted.reboot();
        rebooted.run("secrets unpack", b"").applied();
        let booted = in_place(&rebooted).unwrap();
        assert!(
            now == "old" || booted == "new",
            "cut {cut}: {now}, then {booted}"
        );
        seen_in.borrow_mut().insert((now, booted));
        for scene in [scene, &rebooted] {
            let mended = scene.run("secrets receive", &new).applied();
            assert_eq!(
                mended.generation,
                Some(2),
                "cut {cut}: no generation too many"
            );
            assert_eq!(in_place(scene).as_deref(), Some("new"), "cut {cut}");
            assert_eq!(
                scene.read("a.previous").as_deref(),
                Some("s3cr3t old"),
                "cut {cut}"
            );
            let folders = fs::read_dir(scene.path("run/infra/secrets.d"))
                .unwrap()
                .count();
            assert_eq!(folders, 1, "cut {cut}: nothing is left over in memory");
            let stale = fs::symlink_metadata(scene.path("etc/old.conf"));
            assert!(stale.is_err(), "cut {cut}: no link is left over");
        }
    });
    assert!(cuts >= 15, "only {cuts} changes");
    let both = |now: &str, booted: &str| (now.to_owned(), booted.to_owned());
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [both("new", "new"), both("old", "new"), both("old", "old")],
        "cuts before, within and after the switch were among them"
    );
}

#[test]
fn consumers_are_told_after_any_cut() {
    let start = Scene::new();
    start.receive(&sent("old")).applied();
    let new = start.seal(&sent("new"));
    let words = "secrets receive --restart later";
    cut_everywhere(&start, words, &new, |scene, cut| {
        let mended = scene.run(words, &new).applied();
        let expected = [
            "a.service",
            "b.service",
            "c.service",
            "conf.service",
            "elsewhere.service",
        ];
        assert_eq!(mended.units.pending, expected, "cut {cut}");
    });
}

#[test]
fn the_first_bundle_is_cut() {
    let start = Scene::new();
    let new = start.seal(&sent("new"));
    let cuts = cut_everywhere(&start, "secrets receive", &new, |scene, cut| {
        let now = in_place(scene);
        assert!(now.is_none() || now.as_deref() == Some("new"), "cut {cut}");
        assert_eq!(
            scene.run("secrets receive", &new).applied().generation,
            Some(1),
            "cut {cut}"
        );
        assert_eq!(in_place(scene).as_deref(), Some("new"), "cut {cut}");
    });
    assert!(cuts >= 15, "only {cuts} changes");
}

#[test]
fn going_back_and_booting_are_cut() {
    let start = Scene::new();
    start.receive(&sent("old")).applied();
    start.receive(&sent("new")).applied();
    cut_everywhere(&start, "secrets rollback --to 1", b"", |scene, cut| {
        in_place(scene).unwrap_or_else(|| panic!("cut {cut}: there is nothing"));
        scene.run("secrets rollback --to 1", b"").applied();
        assert_eq!(in_place(scene).as_deref(), Some("old"), "cut {cut}");
    });
    start.reboot();
    let cuts = cut_everywhere(&start, "secrets unpack", b"", |scene, cut| {
        let now = in_place(scene);
        assert!(now.is_none() || now.as_deref() == Some("new"), "cut {cut}");
        scene.run("secrets unpack", b"").applied();
        assert_eq!(in_place(scene).as_deref(), Some("new"), "cut {cut}");
    });
    assert!(cuts >= 10, "only {cuts} changes");
}
