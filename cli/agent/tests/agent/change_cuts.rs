//! The supervisor is killed after every single change that it makes, with and without a power cut: the host becomes exactly what it was or
//! exactly what was ordered, its end says which, and the next change is clean.

use crate::change_scene::{Looks, done};
use crate::scene::Scene;
use infra_model::change::{ChangeEnd, ChangePhase, Order};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

fn old() -> Looks {
    Looks {
        current: "old".to_owned(),
        profile: "old".to_owned(),
        generation: 7,
        boots: "old".to_owned(),
        secret: "s3cr3t old".to_owned(),
        secrets: 1,
    }
}

fn new() -> Looks {
    Looks {
        current: "new".to_owned(),
        profile: "new".to_owned(),
        generation: 8,
        boots: "new".to_owned(),
        secret: "s3cr3t new".to_owned(),
        secrets: 2,
    }
}

/// Brings it to its end, and looks whether that is what it says.
fn mended(scene: &Scene, what: &str) -> &'static str {
    let recovered = scene.recover();
    let Some(change) = recovered.change else {
        assert_eq!(scene.looks(), old(), "{what}: it was never ordered");
        return "never";
    };
    let ended = match &change.end {
        Some(ChangeEnd::Done { .. }) => "done",
        Some(ChangeEnd::Restored { .. }) => "restored",
        other => panic!("{what}: {other:?}\n{}", scene.change("r1").log.join("\n")),
    };
    let wanted = if ended == "done" { new() } else { old() };
    let log = scene.change("r1").log.join("\n");
    assert_eq!(scene.looks(), wanted, "{what}, {ended}\n{log}");
    assert_eq!(change.phase, ChangePhase::Ended);
    ended
}

fn next_is_clean(scene: &Scene, what: &str) {
    for hook in ["hook-test", "hook-boot"] {
        let file = format!("{}/{hook}", crate::change_scene::system("new"));
        let _ = std::fs::remove_file(scene.path(&file));
    }
    let order = scene.order_with_secrets("r2", "new");
    scene
        .try_begin("", &order)
        .unwrap_or_else(|fault| panic!("{what}: {fault:?}"));
    assert_eq!(done(&scene.see_through("r2")), Some(8), "{what}");
    assert_eq!(scene.looks(), new(), "{what}");
    let changes = scene.path("var/lib/infra/change");
    for left in ["room", "sealed", "confirmed", "aborted"] {
        assert!(!changes.join("r2").join(left).exists(), "{what}: {left}");
    }
}

fn cut(start: &Scene, order: &Order, cut: u64) -> Option<Vec<String>> {
    let scene = start.fork();
    let begun = scene.try_begin(&format!("--stop-supervisor-after {cut}"), order);
    if begun.is_ok() {
        let ended = scene.see_through("r1");
        if ended.phase == ChangePhase::Ended && !scene.change_was_cut("r1") {
            return None;
        }
    }
    scene.settle();
    let rebooted = scene.fork();
    let same = mended(&scene, &format!("cut {cut}"));
    next_is_clean(&scene, &format!("cut {cut}"));
    rebooted.power_cut();
    let boots = rebooted.looks();
    let what = format!("cut {cut} with power");
    assert!(
        boots.secret == "s3cr3t old" || boots.boots == "new",
        "{what}: a system boots with secrets of another: {boots:?}"
    );
    let power = mended(&rebooted, &what);
    if cut.is_multiple_of(4) {
        next_is_clean(&rebooted, &what);
    }
    Some(vec![format!("{same} {power}")])
}

impl Scene {
    /// Whether something is left to do: the supervisor came to its end otherwise.
    fn change_was_cut(&self, run: &str) -> bool {
        self.path(&format!("var/lib/infra/change/{run}/sealed"))
            .exists()
            || self
                .path(&format!("var/lib/infra/change/{run}/room"))
                .exists()
    }
}

/// Cuts everywhere, several hosts at a time; what became of them, without and with a power cut.
fn cut_everywhere(prepare: impl Fn(&Scene) + Sync) -> BTreeSet<String> {
    let start = Scene::with_systems();
    prepare(&start);
    let order = start.order_with_secrets("r1", "new");
    let (number, over) = (AtomicU64::new(1), AtomicBool::new(false));
    let seen = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let at = number.fetch_add(1, Ordering::Relaxed);
                    assert!(at < 500, "the supervisor never comes to an end");
                    match cut(&start, &order, at) {
                        Some(became) => seen.lock().unwrap().extend(became),
                        None => over.store(true, Ordering::Relaxed),
                    }
                }
            });
        }
    });
    let cuts = number.into_inner();
    assert!(cuts >= 40, "only {cuts} changes");
    seen.into_inner().unwrap()
}

fn words(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|one| (*one).to_owned()).collect()
}

#[test]
fn a_change_that_goes_well_is_cut() {
    let seen = cut_everywhere(|_| {});
    // Confirmed: finished where the host still runs it; with the power goes what was not yet in the boot loader.
    let wanted = ["restored restored", "done restored", "done done"];
    assert_eq!(seen, words(&wanted));
}

#[test]
fn an_activation_that_fails_is_cut() {
    let fails = "ln -sfn \"$system\" \"$root/run/current-system\"; exit 1\n";
    let seen = cut_everywhere(|start| start.hook("new", "test", fails));
    assert_eq!(seen, words(&["restored restored"]));
}

#[test]
fn a_commit_that_fails_is_cut() {
    let seen = cut_everywhere(|start| start.hook("new", "boot", "exit 1\n"));
    assert_eq!(seen, words(&["restored restored"]));
}

#[test]
fn taking_an_order_is_cut() {
    let start = Scene::with_systems();
    let order = start.order_with_secrets("r1", "new");
    for cut in 1..200 {
        let scene = start.fork();
        let json = serde_json::to_vec(&order).unwrap();
        let ended = scene.run(&format!("--stop-after {cut} change begin"), &json);
        if !ended.killed {
            assert_eq!(ended.code, Some(0), "{}", ended.stdout);
            scene.see_through("r1");
            assert!(cut > 8, "only {cut} changes");
            return;
        }
        // The same run may go on, another may begin; and nothing was touched.
        let other = scene.fork();
        assert_eq!(scene.looks(), old(), "cut {cut}");
        let order = scene.order_with_secrets("r1", "new");
        scene
            .try_begin("", &order)
            .unwrap_or_else(|fault| panic!("cut {cut}: {fault:?}"));
        done(&scene.see_through("r1"));
        assert_eq!(scene.looks(), new(), "cut {cut}");
        next_is_clean(&other, &format!("cut {cut}"));
    }
    panic!("the agent never comes to an end");
}
