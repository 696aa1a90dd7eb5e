//! The clock on the wall is set in the middle of a change, by hours: no limit goes by it, and what is told of time stays sensible.

use crate::change_scene::{done, restored};
use crate::scene::Scene;
use infra_model::Code;
use infra_model::change::ChangePhase;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const HOURS: i64 = 5 * 3600;

impl Scene {
    /// Sets the clock of the host ahead, or back.
    fn set_clock_by(&self, seconds: i64) {
        fs::write(self.path("run/infra/clock-set-by"), seconds.to_string()).unwrap();
    }

    /// What a second operator is told of the first.
    fn busy(&self) -> String {
        let busy = self.try_begin("", &self.order("other", "new")).unwrap_err();
        assert_eq!(busy.code, Code::HostBusy);
        busy.cause.unwrap()
    }

    /// Since when the change is going on, as the second operator is told.
    fn busy_since(&self) -> u64 {
        let cause = self.busy();
        let (_, rest) = cause.split_once(", since ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }
}

#[test]
fn a_clock_that_is_set_changes_no_limit() {
    for by in [HOURS, -HOURS] {
        let scene = Scene::with_systems();
        let before = scene.looks();
        let mut order = scene.order_with_secrets("r1", "new");
        order.intent.limits.confirm = 4;
        scene.begin(&order);
        let waits = scene.wait_for("r1", ChangePhase::Awaiting);
        let begun = Instant::now();
        scene.set_clock_by(by);
        thread::sleep(Duration::from_millis(1500));
        let status = scene.change("r1");
        assert_eq!(status.phase, ChangePhase::Awaiting, "{by}: gone back early");
        assert!(status.remaining.is_some_and(|left| left <= 4), "{status:?}");
        // Told by the clock as it is now, so that whoever compares the two sees seconds and not hours.
        let moved = status.since.cast_signed() - waits.since.cast_signed();
        assert!((moved - by).abs() <= 2, "{by}: {moved}");
        assert!(scene.busy_since() < 60, "{by}: {}", scene.busy());
        let ended = scene.wait_for("r1", ChangePhase::Ended);
        assert_eq!(restored(&ended).code, Code::Unconfirmed);
        assert!(begun.elapsed() < Duration::from_secs(20), "{by}");
        assert_eq!(scene.looks(), before, "{by}");
    }
}

#[test]
fn a_change_is_confirmed_and_recovered_whatever_the_clock_says() {
    let scene = Scene::with_systems();
    scene.begin(&scene.order_with_secrets("r1", "new"));
    scene.wait_for("r1", ChangePhase::Awaiting);
    scene.set_clock_by(-HOURS);
    assert_eq!(done(&scene.see_through("r1")), Some(8));

    // The next one begins before the last one ended, by its clock: the last is the last all the same.
    scene.begin(&scene.order("r2", "old"));
    scene.wait_for("r2", ChangePhase::Awaiting);
    scene.set_clock_by(HOURS);
    scene.kill_supervisor("r2");
    let change = scene.recover().change.unwrap();
    assert_eq!(change.run, "r2");
    assert_eq!(restored(&change).code, Code::ChangeCutOff);
    assert_eq!(scene.looks().current, "new");
}

#[test]
fn after_a_restart_the_time_of_before_is_told() {
    let scene = Scene::with_systems();
    scene.begin(&scene.order("r1", "new"));
    let waits = scene.wait_for("r1", ChangePhase::Awaiting);
    scene.kill_supervisor("r1");
    scene.power_cut();
    // How long the machine was off is known by nobody.
    scene.set_clock_by(-HOURS);
    let status = scene.change("r1");
    assert_eq!(status.remaining, None);
    assert!(status.since.abs_diff(waits.since) <= 2);
}
