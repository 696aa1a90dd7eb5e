//! Changes of a host: what goes well, what goes wrong, who may say what.

use crate::change_scene::{SOON, done, probes, restored, system};
use crate::scene::{Scene, bundle};
use infra_model::change::{ChangeEnd, ChangePhase, ChangeStatus, Reached};
use infra_model::{Code, Goal};
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn a_change_is_proven_confirmed_and_committed() {
    let scene = Scene::with_systems();
    let mut order = scene.order_with_secrets("r1", "new");
    order.intent.probes = Some(probes("file", &json!({ "file": "/said" })));
    let begun = scene.begin(&order);
    assert!(begun.alive && begun.phase < ChangePhase::Ended, "{begun:?}");
    assert_eq!(begun.by, "ann@desk");
    let waits = scene.wait_for("r1", ChangePhase::Awaiting);
    assert_eq!(waits.phase, ChangePhase::Awaiting, "{waits:?}");
    assert!(waits.remaining.is_some_and(|left| left <= 30), "{waits:?}");
    let probe = &waits.probes[0];
    assert_eq!((probe.before, probe.holds), (Some(false), Some(true)));
    let before = scene.looks();
    assert_eq!(
        (
            before.current.as_str(),
            before.boots.as_str(),
            before.generation
        ),
        ("new", "old", 7),
        "nothing is committed before it is confirmed"
    );
    assert_eq!(before.secret, "s3cr3t new");

    // The same order again goes on with it; another run has to wait, and hears for whom.
    assert_eq!(scene.begin(&order).phase, ChangePhase::Awaiting);
    let busy = scene.try_begin("", &scene.order("r2", "new")).unwrap_err();
    assert_eq!(busy.code, Code::HostBusy);
    let cause = busy.cause.unwrap();
    assert!(cause.starts_with("run r1 by ann@desk, since "), "{cause}");
    assert!(
        cause.contains("is awaiting, ") && cause.ends_with(" s left"),
        "{cause}"
    );
    // So does one that is given by somebody else, or by a machine that has another name by now.
    let mut renamed = order.clone();
    "root@desk-2".clone_into(&mut renamed.by);
    let same = scene.begin(&renamed);
    assert_eq!(
        (same.phase, same.by.as_str()),
        (ChangePhase::Awaiting, "ann@desk")
    );
    let mut other = order.clone();
    "other".clone_into(&mut other.nonce);
    assert_eq!(
        scene.try_begin("", &other).unwrap_err().code,
        Code::HostMoved
    );

    let wrong = scene.ask::<()>("change confirm r1", b"guess").unwrap_err();
    assert_eq!(wrong.code, Code::Unconfirmed);
    let confirmed = scene.confirm("r1").unwrap();
    assert!(confirmed.phase >= ChangePhase::Committing);
    let ended = scene.see_through("r1");
    assert_eq!(done(&ended), Some(8));
    let after = scene.looks();
    assert_eq!(
        (
            after.boots.as_str(),
            after.profile.as_str(),
            after.generation,
            after.secrets
        ),
        ("new", "new", 8, 2)
    );
    assert!(
        ended.log.iter().any(|line| line == "activating new"),
        "{:?}",
        ended.log
    );
    scene.confirm("r1").unwrap();
    let late = scene.ask::<()>("change abort r1", b"").unwrap_err();
    assert_eq!(late.code, Code::HostMoved);
    assert_eq!(done(&scene.begin(&order)), Some(8), "and is not done again");
    assert_eq!(scene.said(), ["test new", "boot new"]);

    // A → B → A, by the generation that A has already.
    let mut back = scene.order("r3", "old");
    back.intent.system.as_mut().unwrap().generation = Some(7);
    scene.begin(&back);
    assert_eq!(done(&scene.see_through("r3")), Some(7));
    // And the identical system again.
    scene.begin(&scene.order("r4", "old"));
    assert_eq!(done(&scene.see_through("r4")), Some(7));
    assert_eq!(scene.looks().boots, "old");
}

#[test]
fn what_is_not_confirmed_is_undone() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    let mut order = scene.order_with_secrets("r1", "new");
    order.intent.limits.confirm = 1;
    scene.begin(&order);
    let ended = scene.wait_for("r1", ChangePhase::Ended);
    assert_eq!(restored(&ended).code, Code::Unconfirmed);
    assert_eq!(scene.looks(), before);
    assert_eq!(scene.said(), ["test new", "test old"]);
    let late = scene.confirm("r1").unwrap_err();
    assert!(late.title.contains("too late"), "{late:?}");
    // The boot default was never another.
    assert_eq!(before.generation, 7);
}

#[test]
fn an_activation_that_fails_or_hangs_is_undone() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    scene.hook("new", "test", "echo no such user; exit 2\n");
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let why = restored(&scene.see_through("r1"));
    assert_eq!(why.code, Code::ActivationFailed);
    assert_eq!(why.cause.as_deref(), Some("no such user\nexit code 2"));
    assert_eq!(scene.looks(), before);

    // It hangs, and so does what it has started.
    let file = scene.path("alive");
    let hangs = format!(
        "(while :; do date >{}; sleep 0.05; done) &\nsleep 600\n",
        file.display()
    );
    scene.hook("new", "test", &hangs);
    let mut order = scene.order("r2", "new");
    order.intent.limits.activate = 1;
    let begun = Instant::now();
    scene.begin(&order);
    let why = restored(&scene.see_through("r2"));
    assert!(why.title.contains("did not end within 1 s"), "{why:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(scene.looks(), before);
    fs::remove_file(&file).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!file.exists(), "nothing of it still runs");

    // Exit code 4: it has switched, and units failed. That alone is a warning.
    scene.hook("new", "test", "code=4\n");
    scene.begin(&scene.order("r3", "new"));
    let ended = scene.see_through("r3");
    done(&ended);
    let Some(ChangeEnd::Done { warnings, .. }) = ended.end else {
        unreachable!()
    };
    assert_eq!(warnings, ["activation says that units failed"]);
}

#[test]
fn an_activation_that_leaves_another_system_is_undone() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    scene.hook("new", "test", "exit 0\n");
    scene.begin(&scene.order("r1", "new"));
    let why = restored(&scene.see_through("r1"));
    assert_eq!(why.code, Code::VerificationFailed);
    assert_eq!(scene.looks(), before);
}

#[test]
fn a_probe_that_does_not_hold_undoes_it() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    let mut order = scene.order_with_secrets("r1", "new");
    let holds_in_old =
        json!({ "command": format!("! grep -q new {}", scene.path("said").display()) });
    order.intent.probes = Some(probes("web", &holds_in_old));
    scene.begin(&order);
    let ended = scene.see_through("r1");
    let why = restored(&ended);
    assert_eq!(why.code, Code::ProbeFailed);
    assert_eq!(why.place.unwrap().to_string(), "hosts/web/contract.nix:3");
    let cause = why.cause.unwrap();
    assert!(cause.contains("it held before the change"), "{cause}");
    assert_eq!(ended.probes[0].before, Some(true));
    assert_eq!(scene.looks(), before);

    let mut order = scene.order("r2", "new");
    order.intent.probes = Some(probes(
        "web",
        &json!({ "file": "/gone", "critical": false }),
    ));
    scene.begin(&order);
    let ended = scene.see_through("r2");
    done(&ended);
    let Some(ChangeEnd::Done { warnings, .. }) = ended.end else {
        unreachable!()
    };
    assert!(
        warnings[0].contains("it did not hold before the change either"),
        "{warnings:?}"
    );
}

#[test]
fn a_commit_that_fails_is_undone() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    scene.hook("new", "boot", "echo boot loader is full; exit 1\n");
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let why = restored(&scene.see_through("r1"));
    assert!(why.cause.unwrap().contains("boot loader is full"));
    assert_eq!(scene.looks(), before);
    assert_eq!(
        scene.said(),
        ["test new", "boot new", "boot old", "test old"]
    );

    // With `boot` nothing runs differently at any time.
    let mut order = scene.order("r2", "new");
    order.intent.goal = Goal::Boot;
    scene.begin(&order);
    restored(&scene.see_through("r2"));
    assert_eq!(scene.looks(), before);
    fs::remove_file(scene.path(&format!("{}/hook-boot", system("new")))).unwrap();
    fs::write(scene.path("hook-nix-env"), "").unwrap();
    order.run = "r3".to_owned();
    scene.begin(&order);
    let why = restored(&scene.see_through("r3"));
    assert!(why.title.contains("profile"), "{why:?}");
    assert_eq!(scene.looks(), before);
    fs::remove_file(scene.path("hook-nix-env")).unwrap();
    order.run = "r4".to_owned();
    scene.begin(&order);
    assert_eq!(done(&scene.see_through("r4")), Some(8));
    let after = scene.looks();
    assert_eq!(
        (after.current.as_str(), after.boots.as_str()),
        ("old", "new")
    );
}

#[test]
fn test_commits_nothing_and_secrets_alone_are_a_change() {
    let scene = Scene::with_systems();
    let mut order = scene.order("r1", "new");
    order.intent.goal = Goal::Test;
    scene.begin(&order);
    assert_eq!(done(&scene.see_through("r1")), None);
    let after = scene.looks();
    assert_eq!(
        (
            after.current.as_str(),
            after.boots.as_str(),
            after.generation
        ),
        ("new", "old", 7)
    );

    let said = scene.said();
    let mut order = scene.order_with_secrets("r2", "next");
    order.intent.system = None;
    scene.begin(&order);
    done(&scene.see_through("r2"));
    assert_eq!(scene.looks().secret, "s3cr3t next");
    let mut order = scene.order_with_secrets("r3", "bad");
    order.intent.system = None;
    order.intent.probes = Some(probes("web", &json!({ "command": "false" })));
    scene.begin(&order);
    restored(&scene.see_through("r3"));
    let after = scene.looks();
    assert_eq!((after.secret.as_str(), after.secrets), ("s3cr3t next", 2));
    assert_eq!(scene.said(), said, "no system was activated for it");
}

#[test]
fn a_change_is_taken_back() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    scene.begin(&scene.order_with_secrets("r1", "new"));
    scene.wait_for("r1", ChangePhase::Awaiting);
    let aborted = scene.run("change abort r1", b"").json();
    assert_ne!(aborted["phase"], "awaiting");
    assert_eq!(restored(&scene.see_through("r1")).code, Code::ChangeCutOff);
    assert_eq!(scene.looks(), before);
    scene.run("change abort r1", b"").json();

    // In the middle of an activation.
    scene.hook("new", "test", "sleep 600\n");
    scene.begin(&scene.order("r2", "new"));
    scene.wait_for("r2", ChangePhase::Activating);
    scene.run("change abort r2", b"").json();
    restored(&scene.see_through("r2"));
    assert_eq!(scene.looks(), before);
}

#[test]
fn what_a_killed_supervisor_has_started_is_ended() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    let file = scene.path("alive");
    let hangs = format!("while :; do date >{}; sleep 0.05; done\n", file.display());
    scene.hook("new", "test", &hangs);
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let begun = Instant::now();
    while !file.exists() {
        assert!(begun.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(5));
    }
    scene.kill_supervisor("r1");
    let recovered = scene.recover();
    assert!(recovered.mended);
    let why = restored(&recovered.change.unwrap());
    assert_eq!(why.code, Code::ChangeCutOff);
    assert!(why.title.ends_with("while it was activating"), "{why:?}");
    assert_eq!(scene.looks(), before);
    fs::remove_file(&file).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!file.exists(), "nothing of it still runs");
}

#[test]
fn a_host_that_has_moved_is_not_touched() {
    let scene = Scene::with_systems();
    let before = scene.looks();
    let mut order = scene.order("r1", "new");
    order.intent.expected.generation = Some(6);
    order.intent.expected.boot_id = Some("boot-0".to_owned());
    let moved = scene.try_begin("", &order).unwrap_err();
    assert_eq!(moved.code, Code::HostMoved);
    assert_eq!(
        moved.cause.as_deref(),
        Some("generation: expected 6, found 7\nbootId: expected boot-0, found boot-1")
    );
    // A system that is not there, or not any more.
    let gone = scene.try_begin("", &scene.order("r1", "gone")).unwrap_err();
    assert_eq!(gone.code, Code::GenerationLost);
    fs::create_dir_all(scene.path(system("image").as_str())).unwrap();
    let image = scene
        .try_begin("", &scene.order("r1", "image"))
        .unwrap_err();
    assert_eq!(image.code, Code::ActivationFailed);
    assert!(
        image
            .cause
            .unwrap()
            .ends_with("/bin/switch-to-configuration")
    );
    // Secrets that were not staged, and others than the ordered ones.
    let mut order = scene.order("r1", "new");
    order.intent.secrets = Some("digest-x".to_owned());
    assert_eq!(
        scene.try_begin("", &order).unwrap_err().code,
        Code::AgentFailed
    );
    let mut order = scene.order_with_secrets("r1", "new");
    order.intent.secrets = Some("digest-x".to_owned());
    assert_eq!(
        scene.try_begin("", &order).unwrap_err().code,
        Code::BundleRefused
    );
    let unknown = scene.ask::<()>("change status r1", b"").unwrap_err();
    assert_eq!(unknown.code, Code::UnknownRun);
    // Orders that are none.
    let mut order = scene.order("r1", "new");
    order.intent.goal = Goal::DryActivate;
    assert_eq!(
        scene.try_begin("", &order).unwrap_err().code,
        Code::SchemaMismatch
    );
    let mut order = scene.order("../r1", "new");
    assert_eq!(
        scene.try_begin("", &order).unwrap_err().code,
        Code::SchemaMismatch
    );
    "r1".clone_into(&mut order.run);
    order.schema = 2;
    assert_eq!(
        scene.try_begin("", &order).unwrap_err().code,
        Code::SchemaMismatch
    );
    assert_eq!(scene.looks(), before);
    assert!(scene.said().is_empty());
    assert!(!scene.recover().mended);
}

#[test]
fn a_way_back_that_fails_says_what_to_do() {
    let scene = Scene::with_systems();
    scene.hook(
        "new",
        "test",
        "ln -sfn \"$system\" \"$root/run/current-system\"; exit 1\n",
    );
    scene.hook("old", "test", "echo cannot; exit 1\n");
    scene.begin(&scene.order_with_secrets("r1", "new"));
    let ended = scene.see_through("r1");
    let Some(ChangeEnd::Stuck { why, then }) = &ended.end else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (why.code, then.code),
        (Code::ActivationFailed, Code::RestoreFailed)
    );
    assert!(then.cause.as_ref().unwrap().contains("cannot"), "{then:?}");
    assert!(
        then.fix
            .as_ref()
            .unwrap()
            .contains("switch-to-configuration test"),
        "{then:?}"
    );
    assert_eq!(
        scene.looks().secret,
        "s3cr3t old",
        "what can be put back is"
    );

    // The system before is gone from the store.
    let scene = Scene::with_systems();
    let old = scene.path(system("old").as_str());
    let removes = format!("rm -r {}; code=4\n", old.display());
    scene.hook("new", "test", &removes);
    let mut order = scene.order("r1", "new");
    order.intent.probes = Some(probes("web", &json!({ "command": "false" })));
    scene.begin(&order);
    let ended = scene.see_through("r1");
    let Some(ChangeEnd::Stuck { why, then }) = &ended.end else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (why.code, then.code),
        (Code::ProbeFailed, Code::GenerationLost)
    );
    let cause = then.cause.as_deref().unwrap();
    assert!(
        cause.ends_with("\nactivation says that units failed"),
        "{cause}"
    );
}

#[test]
fn the_earlier_secrets_are_kept_as_long_as_they_may_be_needed() {
    let scene = Scene::with_systems();
    for content in ["x", "y", "z"] {
        scene.receive(&bundle(&[("a", content)])).applied();
    }
    // The oldest of those that are kept is current.
    scene.run("secrets rollback --to 2", b"").applied();
    let before = scene.looks();
    let mut order = scene.order_with_secrets("r1", "new");
    order.intent.limits.confirm = 1;
    scene.begin(&order);
    restored(&scene.wait_for("r1", ChangePhase::Ended));
    assert_eq!(scene.looks(), before);
}

#[test]
fn secrets_are_not_changed_beside_a_change() {
    let scene = Scene::with_systems();
    scene.receive(&bundle(&[("a", "newer")])).applied();
    let before = scene.looks();
    assert_eq!(
        (before.secret.as_str(), before.secrets),
        ("s3cr3t newer", 2)
    );
    scene.begin(&scene.order_with_secrets("r1", "new"));
    scene.wait_for("r1", ChangePhase::Awaiting);
    let during = scene.looks();
    let other = scene.seal(&bundle(&[("a", "other")]));
    for (words, input) in [
        ("secrets rollback", &b""[..]),
        ("secrets rollback --to 1", b""),
        ("secrets receive", &other),
    ] {
        let busy = scene.run(words, input).fault();
        assert_eq!(busy.code, Code::HostBusy, "{words}");
        let cause = busy.cause.unwrap();
        assert!(cause.starts_with("run r1 by ann@desk, since "), "{cause}");
        assert!(cause.contains(" s, is awaiting, "), "{cause}");
        assert!(busy.fix.unwrap().ends_with("then try again"));
        assert_eq!(scene.looks(), during, "{words}");
    }
    // What a boot or the end of a grace asks for is no other secret, and goes on.
    assert_eq!(
        scene.run("secrets unpack", b"").applied().generation,
        Some(3)
    );
    scene.ask::<ChangeStatus>("change abort r1", b"").unwrap();
    restored(&scene.see_through("r1"));
    assert_eq!(scene.looks(), before);

    // Nobody is in the way any more: the generation before the one of before.
    let applied = scene.run("secrets rollback", b"").applied();
    assert_eq!((applied.before, applied.generation), (Some(2), Some(1)));
    assert_eq!(scene.looks().secret, "s3cr3t old");
    let held = fs::File::create(scene.path("run/infra/lock")).unwrap();
    held.try_lock().unwrap();
    fs::write(scene.path("run/infra/lock.who"), "run old-1, since then\n").unwrap();
    let busy = scene.run("secrets rollback --to 2", b"").fault();
    assert_eq!(
        (busy.code, busy.cause.as_deref()),
        (Code::HostBusy, Some("run old-1, since then"))
    );
}

#[test]
fn a_dead_change_is_ended_before_secrets_are_changed() {
    let scene = Scene::with_systems();
    scene.receive(&bundle(&[("a", "newer")])).applied();
    let before = scene.looks();
    scene.begin(&scene.order_with_secrets("r1", "new"));
    scene.wait_for("r1", ChangePhase::Awaiting);
    scene.kill_supervisor("r1");
    assert_eq!(scene.looks().secrets, 3);
    // Somebody else has the host: the dead change is left to them, and nobody waits for what cannot begin.
    let held = fs::File::create(scene.path("run/infra/lock")).unwrap();
    held.lock().unwrap();
    let busy = scene.run("secrets rollback", b"").fault();
    assert_eq!(busy.code, Code::HostBusy, "{busy:?}");
    drop(held);
    // The one before the secrets that the way back has put in place, not the one before those of the change.
    let applied = scene.run("secrets rollback", b"").applied();
    assert_eq!((applied.before, applied.generation), (Some(2), Some(1)));
    let why = restored(&scene.change("r1"));
    assert_eq!(why.code, Code::ChangeCutOff);
    let after = scene.looks();
    assert_eq!(after.secret, "s3cr3t old");
    assert_eq!(
        (after.current, after.boots, after.generation),
        (before.current, before.boots, before.generation)
    );

    // A boot has its secrets, whatever is left of a change; that is ended by whoever changes the host next.
    scene.begin(&scene.order_with_secrets("r2", "new"));
    scene.wait_for("r2", ChangePhase::Awaiting);
    scene.kill_supervisor("r2");
    scene.power_cut();
    assert_eq!(scene.looks().secret, "s3cr3t old");
    assert_eq!(scene.change("r2").phase, ChangePhase::Awaiting);
    let sent = scene.receive(&bundle(&[("a", "sent")])).applied();
    assert_eq!(sent.before, Some(1));
    restored(&scene.change("r2"));
}

#[test]
fn only_the_last_changes_are_kept() {
    let scene = Scene::with_systems();
    for number in 1..=7 {
        let run = format!("r{number}");
        let mut order = scene.order(&run, "new");
        order.intent.goal = Goal::Boot;
        scene.begin(&order);
        scene.see_through(&run);
        let staged = scene.run(&format!("change stage s{number}"), b"sealed");
        assert_eq!(staged.json()["bytes"], 6);
    }
    let mut kept: Vec<_> = fs::read_dir(scene.path("var/lib/infra/change"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('r') || name.starts_with('s'))
        .collect();
    kept.sort();
    // What was staged after the last order came is swept by the next.
    assert_eq!(
        kept,
        ["r3", "r4", "r5", "r6", "r7", "s3", "s4", "s5", "s6", "s7"]
    );
}

#[test]
fn whether_something_can_be_reached() {
    let scene = Scene::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reach = |port: u16| -> Reached {
        let words = format!("change reach localhost {port} 2");
        scene.ask(&words, b"").unwrap()
    };
    assert!(reach(port).holds);
    drop(listener);
    assert!(!reach(port).holds);
}
