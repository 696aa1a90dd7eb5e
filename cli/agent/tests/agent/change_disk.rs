//! The disk that the agent keeps things on is full to the last byte, from one phase on or another: the host ends on exactly what it was, or exactly on
//! what was ordered, and says which.

use crate::change_scene::{Looks, SOON, done, probes, restored};
use crate::scene::Scene;
use infra_model::Code;
use infra_model::change::{ChangeEnd, ChangePhase, ChangeStatus, Order};
use serde_json::json;
use std::time::{Duration, Instant};

/// Larger than what a change keeps, with the room that it holds back.
const DISK: u32 = 1024;
/// Shell text that leaves no byte free, whatever is written there later by others.
const FILL: &str = "cat /dev/zero >>\"$root/var/lib/infra/full\" 2>/dev/null\n";

impl Scene {
    fn small() -> Self {
        Self::with_systems().on_a_disk_of(DISK)
    }

    fn shell(&self, text: &str) {
        let script = format!("root={}\n{text}", self.root().display());
        let ran = self.program("sh").args(["-c", &script]).status();
        ran.unwrap();
    }

    fn fill(&self) {
        self.shell(FILL);
    }

    fn free(&self) {
        self.shell("rm -f \"$root/var/lib/infra/full\"\n");
    }

    /// Fills the disk when the probes are tried.
    fn fill_while_probing(&self, order: &mut Order) {
        let fill = FILL.replace("$root", self.root().to_str().unwrap());
        // Before the change it is tried, too.
        let late = format!(
            "grep -q new {} || exit 0; {fill} true",
            self.path("said").display()
        );
        order.intent.probes = Some(probes("web", &json!({ "command": late })));
    }
}

fn is_full(fault: &infra_model::Diagnostic) {
    assert_eq!(fault.code, Code::DiskFull, "{fault:?}");
}

/// The host is as it was, as it says, and the next change is clean.
#[track_caller]
fn is_back(scene: &Scene, before: &Looks, ended: &ChangeStatus) {
    restored(ended);
    assert_eq!(scene.looks(), *before, "{}", ended.log.join("\n"));
    scene.free();
    next_is_clean(scene);
}

#[track_caller]
fn next_is_clean(scene: &Scene) {
    for verb in ["test", "boot"] {
        for name in ["old", "new"] {
            scene.hook(name, verb, "");
        }
    }
    scene.begin(&scene.order_with_secrets("next", "new"));
    assert_eq!(done(&scene.see_through("next")), Some(8));
    assert_eq!(scene.looks().secret, "s3cr3t new");
}

#[test]
fn nothing_begins_on_a_full_disk() {
    let scene = Scene::small();
    let before = scene.looks();
    let order = scene.order_with_secrets("r1", "new");
    scene.fill();
    is_full(&scene.try_begin("", &order).unwrap_err());
    // One without secrets needs less, and still more than there is.
    let order = scene.order("r2", "new");
    is_full(&scene.try_begin("", &order).unwrap_err());
    let staged = scene.run("change stage r3", &[0; 10_000]);
    is_full(&staged.fault());
    assert_eq!(scene.looks(), before);
    assert!(scene.said().is_empty());
    scene.free();
    next_is_clean(&scene);
}

#[test]
fn full_before_the_supervisor_has_begun() {
    let scene = Scene::small();
    let before = scene.looks();
    let order = scene.order_with_secrets("r1", "new");
    // The supervisor dies with the order in its hands; the disk is full when somebody looks after it.
    let _ = scene.try_begin("--stop-supervisor-after 1", &order);
    scene.settle();
    scene.fill();
    let recovered = scene.run("change recover", b"");
    assert_eq!(scene.looks(), before, "{}", recovered.stdout);
    assert!(scene.said().is_empty());
    scene.free();
    next_is_clean(&scene);
}

#[test]
fn full_while_activating() {
    let scene = Scene::small();
    let before = scene.looks();
    scene.hook("new", "test", FILL);
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let ended = scene.see_through("r1");
    is_full(&restored(&ended));
    is_back(&scene, &before, &ended);
}

#[test]
fn full_while_probing() {
    let scene = Scene::small();
    let before = scene.looks();
    let mut order = scene.order_with_secrets("r1", "new");
    scene.fill_while_probing(&mut order);
    scene.begin(&order);
    let ended = scene.see_through("r1");
    is_full(&restored(&ended));
    is_back(&scene, &before, &ended);
}

#[test]
fn full_while_it_waits_for_its_confirmation() {
    let scene = Scene::small();
    let before = scene.looks();
    let mut order = scene.order_with_secrets("r1", "new");
    order.intent.limits.confirm = 3;
    scene.begin(&order);
    scene.wait_for("r1", ChangePhase::Awaiting);
    scene.fill();
    is_full(&scene.confirm("r1").unwrap_err());
    let ended = scene.wait_for("r1", ChangePhase::Ended);
    assert_eq!(restored(&ended).code, Code::Unconfirmed);
    is_back(&scene, &before, &ended);
}

#[test]
fn full_while_committing() {
    let scene = Scene::small();
    scene.hook("new", "boot", FILL);
    scene.begin(&scene.order_with_secrets("r1", "new"));
    // The boot default is made, and its end has the room that was held back.
    let ended = scene.see_through("r1");
    assert_eq!(done(&ended), Some(8));
    let after = scene.looks();
    assert_eq!(
        (after.current.as_str(), after.boots.as_str()),
        ("new", "new")
    );
    scene.free();

    // The same, if it fails.
    let scene = Scene::small();
    let before = scene.looks();
    scene.hook("new", "boot", &format!("{FILL}exit 1\n"));
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let ended = scene.see_through("r1");
    is_back(&scene, &before, &ended);
}

#[test]
fn full_again_on_the_way_back() {
    let scene = Scene::small();
    let before = scene.looks();
    scene.hook("new", "test", &format!("{FILL}exit 1\n"));
    scene.hook("old", "test", FILL);
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let begun = Instant::now();
    while scene.looks().current != "old" || scene.said() != ["test new", "test old"] {
        assert!(begun.elapsed() < SOON, "{:?}", scene.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    // There is no byte left to write down that it is over; it tries for a while.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(scene.change("r1").phase, ChangePhase::Restoring);
    scene.free();
    let ended = scene.see_through("r1");
    is_back(&scene, &before, &ended);
}

#[test]
fn a_disk_that_stays_full_is_no_end_that_is_made_up() {
    let scene = Scene::small();
    let before = scene.looks();
    scene.hook("new", "test", &format!("{FILL}exit 1\n"));
    scene.hook("old", "test", FILL);
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let begun = Instant::now();
    while scene.change("r1").alive {
        assert!(begun.elapsed() < SOON, "it tries for ever");
        std::thread::sleep(Duration::from_millis(100));
    }
    let status = scene.change("r1");
    assert_eq!((status.phase, &status.end), (ChangePhase::Restoring, &None));
    assert_eq!(scene.looks(), before);
    // Neither does it say so later, as long as that goes on.
    is_full(&scene.run("change recover", b"").fault());
    assert_eq!(scene.looks(), before);
    scene.hook("old", "test", "");
    scene.free();
    let change = scene.recover().change.unwrap();
    assert!(matches!(change.end, Some(ChangeEnd::Restored { .. })));
    is_back(&scene, &before, &change);
}
