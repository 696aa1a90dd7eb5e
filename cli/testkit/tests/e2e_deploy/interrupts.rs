//! Ctrl-C at each step: exit 130, the host on exactly the old or exactly the new system, and the next deployment clean.

use crate::scene::{
    Deployed, PLAIN, SOON, Scene, WEB, begun, begun_as, processes_naming, systems, untouched,
};
use infra_testkit::{HostKind, Running, e2e_wanted};
use rustix::process::Signal;

/// Deploys web and waits until a step has begun on it.
fn deploy_until(scene: &Scene, step: &str) -> Running {
    begun(scene, &["deploy", "web", "--json"], step)
}

fn interrupted(running: Running) -> Deployed {
    let finished = running.wait(SOON).unwrap();
    assert_eq!(
        finished.code(),
        Some(130),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    Deployed::read(&finished)
}

/// Twice: the first waits for what runs, the second ends it.
fn interrupt_twice(running: Running) -> Deployed {
    running.signal(Signal::INT).unwrap();
    let asked = |line: &str| line.contains("cancelRequested");
    assert!(running.wait_for_line(SOON, asked).is_some());
    running.signal(Signal::INT).unwrap();
    interrupted(running)
}

#[test]
fn before_the_host_is_touched() {
    if !e2e_wanted("before_the_host_is_touched") {
        return;
    }
    let scene = Scene::plain();
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();

    // An evaluation that would take minutes.
    scene.add(WEB, "  networking.domain = toString (builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: builtins.foldl' (c: d: c + d) 0 (builtins.genList (y: x * y) 10000)) 100000));");
    let ended = interrupt_twice(deploy_until(&scene, "evaluate"));
    assert_eq!(ended.outcome("web"), "skipped");
    assert!(untouched(scene.web()));

    // A build that would take minutes.
    scene.repo.write(WEB, &good).unwrap();
    scene.add(
        WEB,
        "  environment.etc.slow.source = pkgs.runCommand \"slow\" { } \"sleep 600; touch $out\";",
    );
    let ended = interrupt_twice(deploy_until(&scene, "build"));
    assert_eq!(ended.outcome("web"), "skipped");
    assert!(untouched(scene.web()));

    // A copy that would take minutes.
    scene.repo.write(WEB, &good).unwrap();
    scene.add(WEB, "  environment.etc.big.source = pkgs.runCommand \"big\" { } \"head -c 30000000 /dev/urandom > $out\";");
    scene.web().slow("2mbit").unwrap();
    let ended = interrupt_twice(deploy_until(&scene, "copy"));
    assert_eq!(ended.outcome("web"), "skipped");
    scene.web().fast().unwrap();
    assert!(untouched(scene.web()));

    assert_eq!(
        scene.deploy(&["web"], 0).outcome("web"),
        "changed",
        "the next deployment is clean"
    );
    assert_eq!(
        scene.web().nix_processes(),
        Vec::<String>::new(),
        "nothing is left running on the host"
    );
}

#[test]
fn while_a_host_does_not_answer() {
    if !e2e_wanted("while_a_host_does_not_answer") {
        return;
    }
    let scene = Scene::plain();
    scene.web().partition().unwrap();
    // A folder for temporary files that is this run's alone: what is left in it, or names it, was left behind.
    let temporary = tempfile::tempdir().unwrap();
    let mut command = scene.command(&["deploy", "web", "--json"]);
    command.env("TMPDIR", temporary.path());
    let ended = interrupt_twice(begun_as(&mut command, "survey"));
    assert_eq!(ended.outcome("web"), "skipped");
    assert_eq!(processes_naming(temporary.path()), Vec::<String>::new());
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0);
    scene.web().heal().unwrap();
    assert!(untouched(scene.web()));
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");
}

#[test]
fn given_up_a_change_goes_on_on_its_host() {
    if !e2e_wanted("given_up_a_change_goes_on_on_its_host") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    scene.deploy(&["web"], 0);
    let (old, _) = systems(scene.web());
    scene.add(
        WEB,
        "  system.activationScripts.slow.text = \"${pkgs.busybox}/bin/sleep 3\";",
    );
    let words = ["deploy", "web", "--json", "--confirm-within", "3s"];
    let running = begun(&scene, &words, "activate");
    // Given up before it has begun on the host it would never happen: that is no change given up.
    let begun = "for _ in $(seq 600); do systemctl list-units --plain --no-legend 'infra-change-*' | grep -q . && exit; sleep 0.1; done; exit 1";
    scene.web().sh(begun).unwrap();
    for stage in ["draining", "terminating", "killing"] {
        running.signal(Signal::INT).unwrap();
        let asked = |line: &str| line.contains("cancelRequested") && line.contains(stage);
        assert!(running.wait_for_line(SOON, asked).is_some(), "{stage}");
    }
    let ended = interrupted(running);
    assert_eq!(
        ended.outcome("web"),
        "failed",
        "nobody knows yet what it runs"
    );
    assert_eq!(ended.host("web")["after"], serde_json::Value::Null);

    // Nobody is connected any more, and the change goes on; since nobody confirms it the host puts itself back.
    let waited = "for _ in $(seq 300); do systemctl list-units --plain --no-legend 'infra-change-*' | grep -q . || exit 0; sleep 0.1; done; exit 1";
    scene.web().sh(waited).unwrap();
    assert_eq!(systems(scene.web()), (old.clone(), old));
    let next = scene.deploy(&["web"], 0);
    let (runs, boots) = systems(scene.web());
    assert_eq!((next.outcome("web"), runs), ("changed", boots));
}

#[test]
fn in_the_middle_of_a_change_it_is_brought_to_its_end() {
    if !e2e_wanted("in_the_middle_of_a_change_it_is_brought_to_its_end") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    scene.add(
        WEB,
        "  system.activationScripts.slow.text = \"${pkgs.busybox}/bin/sleep 3\";",
    );
    // Even asked twice: a host in the middle of its change is not left there.
    let ended = interrupt_twice(deploy_until(&scene, "activate"));
    assert_eq!(ended.outcome("web"), "changed");
    let (runs, boots) = systems(scene.web());
    assert_eq!(ended.host("web")["after"], runs.as_str());
    assert_eq!(runs, boots);
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}
