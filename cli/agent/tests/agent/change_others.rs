//! Changes beside others who change the host without asking the agent: activations by hand or by a timer, collectors, checks of the systems
//! themselves.

use crate::change_scene::{link, restored, system};
use crate::scene::Scene;
use infra_model::Code;
use infra_model::change::{ChangeEnd, ChangePhase, ChangeStatus};
use std::fs;
use std::time::Duration;

#[test]
fn who_activates_without_us_is_waited_for() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    let lock = scene.path("run/nixos/switch-to-configuration.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let theirs = fs::File::create(&lock).unwrap();
    theirs.lock().unwrap();
    let busy = scene.try_begin("", &scene.order("r1", "new")).unwrap_err();
    assert_eq!(busy.code, Code::HostBusy);
    assert!(
        busy.cause
            .unwrap()
            .contains("switch-to-configuration.lock is locked")
    );
    assert!(scene.said().is_empty(), "nothing was touched");
    drop(theirs);

    // Somebody comes in the middle: what cannot be activated meanwhile is not a way back that fails.
    let held = format!("flock -n {} true || exit 11\n", lock.display());
    scene.hook("old", "test", &held);
    scene.begin(&scene.order("r2", "new"));
    scene.wait_for("r2", ChangePhase::Awaiting);
    let theirs = fs::File::create(&lock).unwrap();
    theirs.lock().unwrap();
    scene.ask::<ChangeStatus>("change abort r2", b"").unwrap();
    assert_eq!(scene.change("r2").phase, ChangePhase::Restoring);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(scene.change("r2").phase, ChangePhase::Restoring);
    drop(theirs);
    restored(&scene.see_through("r2"));
    assert_eq!(scene.looks(), before);
}

#[test]
fn no_check_of_the_system_before_keeps_a_host_from_going_back() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    // As `system.preSwitchChecks` do, of which one fails with the new system's network.
    for verb in ["test", "boot"] {
        scene.hook("old", verb, "[ \"$NIXOS_NO_CHECK\" = 1 ] || exit 1\n");
    }
    let refuses = "[ -z \"$NIXOS_NO_CHECK\" ] || exit 3; exit 1\n";
    scene.hook("new", "boot", refuses);
    scene.begin(&scene.order("r1", "new"));
    let why = restored(&scene.see_through("r1"));
    assert_eq!(why.cause.as_deref(), Some("activating new\nexit code 1"));
    assert_eq!(scene.looks(), before);
    // On the way there they count.
    scene.hook("new", "test", refuses);
    scene.begin(&scene.order("r2", "new"));
    let why = restored(&scene.see_through("r2"));
    assert_eq!(why.cause.as_deref(), Some("exit code 1"));
    assert_eq!(scene.looks(), before);
}

#[test]
fn what_somebody_else_has_activated_is_not_made_the_boot_default_for_ours() {
    let scene = Scene::with_systems();
    scene.add_system("other");
    scene.begin(&scene.order("r1", "new"));
    scene.wait_for("r1", ChangePhase::Awaiting);
    link(&scene.path("run/current-system"), system("other").as_str());
    // It may be told that it was heard, or that it was too late.
    let _ = scene.confirm("r1");
    let ended = scene.see_through("r1");
    let Some(ChangeEnd::Stuck { why, then }) = &ended.end else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (why.code, then.code),
        (Code::HostMoved, Code::RestoreFailed)
    );
    let after = scene.looks();
    assert_eq!(
        (
            after.current.as_str(),
            after.boots.as_str(),
            after.generation
        ),
        ("other", "old", 7)
    );
    assert_eq!(scene.said(), ["test new"]);
}

#[test]
fn a_generation_that_is_gone_keeps_no_host_from_going_back() {
    let scene = Scene::with_systems();
    let profiles = scene.path("nix/var/nix/profiles");
    // As a collector does that removes old generations, while the boot loader is installed.
    let collects = format!("rm {}/system-7-link; exit 1\n", profiles.display());
    scene.hook("new", "boot", &collects);
    scene.begin(&scene.order("r1", "new"));
    let why = restored(&scene.see_through("r1"));
    assert_eq!(why.code, Code::ActivationFailed);
    let after = scene.looks();
    assert_eq!(
        (
            after.current.as_str(),
            after.profile.as_str(),
            after.boots.as_str()
        ),
        ("old", "old", "old")
    );
    let mut left: Vec<_> = fs::read_dir(profiles)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["system", "system-9-link"], "and nothing of the new");
}

#[test]
fn who_confirms_and_who_takes_back_in_the_last_moment_are_told_the_same() {
    for round in 0..4 {
        let scene = Scene::with_systems();
        let before = scene.looks();
        let mut order = scene.order_with_secrets("r1", "new");
        order.intent.limits.confirm = 1;
        scene.begin(&order);
        scene.wait_for("r1", ChangePhase::Awaiting);
        // Both at once, somewhere around the end of its time.
        std::thread::sleep(Duration::from_millis(850 + round * 50));
        let (confirmed, aborted) = std::thread::scope(|scope| {
            let abort = || scene.ask::<ChangeStatus>("change abort r1", b"");
            let other = scope.spawn(abort);
            (scene.confirm("r1"), other.join().unwrap())
        });
        let ended = scene.see_through("r1");
        let after = scene.looks();
        match &ended.end {
            Some(ChangeEnd::Done { .. }) => {
                assert!(confirmed.is_ok(), "{confirmed:?}");
                let now = (after.current.as_str(), after.boots.as_str());
                assert_eq!((now, after.generation), (("new", "new"), 8));
                let late = aborted.err().map(|fault| fault.code);
                assert!(late.is_none_or(|code| code == Code::HostMoved));
            }
            Some(ChangeEnd::Restored { .. }) => {
                let late = confirmed.unwrap_err();
                assert_eq!(late.code, Code::Unconfirmed, "{late:?}");
                assert!(aborted.is_ok(), "{aborted:?}");
                assert_eq!(after, before);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn scripts_of_earlier_releases_and_changes_exclude_each_other() {
    let scene = Scene::with_systems();
    let lock = scene.path("run/infra/lock");
    fs::write(scene.path("run/infra/lock.who"), "run old-1, since then\n").unwrap();
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let busy = scene.try_begin("", &scene.order("r1", "new")).unwrap_err();
    assert_eq!(
        (busy.code, busy.cause.as_deref()),
        (Code::HostBusy, Some("run old-1, since then"))
    );
    drop(held);
    scene.begin(&scene.order("r1", "new"));
    let held = fs::File::create(&lock).unwrap();
    assert!(held.try_lock().is_err(), "the supervisor has it");
    scene.see_through("r1");
    held.lock().unwrap();
}
