//! A deployment proves itself or leaves the host as it was, whatever dies in between (DESIGN 6). Each test ends with the host on exactly the old
//! or exactly the new system, an answer that says which, and a next deployment that is clean.

use crate::scene::{Deployed, PLAIN, SOON, Scene, WEB, begun, settled, systems};
use infra_testkit::{HostKind, Run, Store, e2e_wanted};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A scene on which web runs a first system.
pub(crate) fn deployed(web: HostKind) -> (Scene, String) {
    let scene = Scene::with(web, PLAIN);
    scene.deploy(&["web"], 0);
    let old = settled(&scene);
    (scene, old)
}

/// The change on the host is over.
pub(crate) fn wait_for_its_end(scene: &Scene) {
    let until = Instant::now() + SOON;
    let over = || {
        let asked = scene
            .web()
            .sh("/var/lib/infra/agent/current/infra-agent change status || true")
            .unwrap();
        let status: Value = serde_json::from_str(&asked).unwrap_or_default();
        status["phase"] == "ended" || status["phase"].is_null()
    };
    while !over() {
        assert!(Instant::now() < until, "the change does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn sshd_dies_at_each_step() {
    if !e2e_wanted("sshd_dies_at_each_step") {
        return;
    }
    let (scene, mut old) = deployed(HostKind::Systemd);
    // A change that takes its time, so that it can be hit in the middle.
    scene.add(
        WEB,
        "  system.activationScripts.slow.text = \"${pkgs.busybox}/bin/sleep 1\";",
    );
    scene.deploy(&["web"], 0);
    assert_ne!(settled(&scene), old);
    old = settled(&scene);
    for step in ["copy", "activate", "confirm", "commit"] {
        scene.greet(&format!("Cut at {step}"));
        let running = begun(&scene, &["deploy", "web", "--json"], step);
        scene.web().kill_sshd().unwrap();
        std::thread::sleep(Duration::from_secs(2));
        scene.web().start_sshd().unwrap();
        let finished = running.wait(SOON).unwrap();
        let told = Deployed::read(&finished);
        wait_for_its_end(&scene);
        let now = settled(&scene);
        match told.outcome("web") {
            "changed" => assert_eq!(told.host("web")["after"], now.as_str(), "{step}"),
            "failed" | "rolledBack" => assert_eq!(now, old, "{step}: {:#}", told.answer),
            other => panic!("{step}: {other}"),
        }
        if step != "copy" {
            assert_eq!(told.outcome("web"), "changed", "{step}: {:#}", told.answer);
        }
        scene.deploy(&["web"], 0);
        old = settled(&scene);
    }
}

/// A system that does its host harm is taken back: `lines` are added to its configuration.
fn is_taken_back(scene: &Scene, lines: &str, more: &[&str]) -> Deployed {
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    let old = settled(scene);
    scene.add(WEB, lines);
    let mut words = vec!["web", "--confirm-within", "3s"];
    words.extend(more);
    let deployed = scene.deploy(&words, 3);
    assert_eq!(
        deployed.outcome("web"),
        "rolledBack",
        "{:#}",
        deployed.answer
    );
    assert_eq!(deployed.host("web")["after"], old.as_str());
    assert_eq!(settled(scene), old);
    scene.repo.write(WEB, &good).unwrap();
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
    deployed
}

#[test]
fn systems_that_do_harm_are_taken_back() {
    if !e2e_wanted("systems_that_do_harm_are_taken_back") {
        return;
    }
    let (scene, _) = deployed(HostKind::Systemd);
    let activation = |text: &str| format!("  system.activationScripts.harm.text = \"{text}\";");
    let unit = |name: &str, start: &str, stop: &str| {
        format!(
            "  systemd.services.{name} = {{ wantedBy = [ \"multi-user.target\" ]; serviceConfig = {{ Type = \"oneshot\"; RemainAfterExit = true; \
             ExecStart = \"/bin/sh -c '{start}'\"; ExecStop = \"/bin/sh -c '{stop}'\"; }}; }};"
        )
    };
    is_taken_back(&scene, &activation("exit 9"), &[]).expect_error("activation-failed", "web");
    is_taken_back(
        &scene,
        &activation("${pkgs.busybox}/bin/sleep 600"),
        &["--activate-within", "4s"],
    )
    .expect_error("activation-failed", "web");
    // The agent's own files go with the new system: what runs goes on, and the next one is sent anew.
    is_taken_back(
        &scene,
        &activation("rm -rf /var/lib/infra/agent; exit 9"),
        &[],
    )
    .expect_error("activation-failed", "web");
    is_taken_back(
        &scene,
        &unit(
            "no-sshd",
            "systemctl stop ssh.socket ssh.service",
            "systemctl start ssh.service",
        ),
        &[],
    )
    .expect_error("unconfirmed", "web");
    is_taken_back(
        &scene,
        &unit("no-network", "ip link set eth0 down", "ip link set eth0 up"),
        &[],
    )
    .expect_error("unconfirmed", "web");
}

#[test]
fn probes_decide() {
    if !e2e_wanted("probes_decide") {
        return;
    }
    let (scene, _) = deployed(HostKind::Systemd);
    let contract = |probes: &str| format!("{{ infra.probes = {{ {probes} }}; }}\n");
    let is_refused = |probes: &str, saw: &str| {
        scene
            .repo
            .write("hosts/web/contract.nix", &contract(probes))
            .unwrap();
        let told = is_taken_back(&scene, "  networking.domain = \"example.org\";", &[]);
        told.expect_error("probe-failed", "web");
        let error = told.error().to_string();
        assert!(error.contains(saw), "{error}");
    };
    is_refused("gone = { file = \"/no/such\"; within = \"1s\"; };", "gone");
    is_refused("port = { port = 4711; within = \"1s\"; };", "4711");
    // Holds every other time: never three times in a row.
    is_refused(
        "flaps = { command = \"if [ -e /run/flap ]; then rm /run/flap; else touch /run/flap; exit 1; fi\"; successes = 3; within = \"5s\"; };",
        "flaps",
    );
    // db does not know web by name.
    let toml = format!(
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\naddresses = [\"web\", \"{}\"]\n",
        scene.web().address()
    );
    scene.repo.write("hosts/web/host.toml", &toml).unwrap();
    // What holds lets the change through, and so does what may fail.
    let good = "page = { http = \"http://localhost/\"; within = \"10s\"; }; web = { unit = \"web.service\"; port = 80; };";
    scene
        .repo
        .write("hosts/web/contract.nix", &contract(good))
        .unwrap();
    assert_eq!(
        scene.infra(&["build", "web"]).code(),
        Some(3),
        "a probe asks one thing"
    );
    let good = "page = { http = \"http://localhost/\"; within = \"10s\"; }; web.unit = \"web.service\"; \
                db = { reachableFrom = \"db\"; within = \"10s\"; }; gone = { file = \"/no/such\"; within = \"1s\"; critical = false; };";
    scene
        .repo
        .write("hosts/web/contract.nix", &contract(good))
        .unwrap();
    scene.greet("Probed");
    let told = scene.deploy(&["web"], 0);
    assert_eq!(told.outcome("web"), "changed");
    let events = Value::from(told.events.clone()).to_string();
    assert!(events.contains("gone does not hold"), "{events}");
    // A host that does not reach it is one more probe.
    scene.greet("Not reached");
    let old = settled(&scene);
    let blackhole = format!("ip route add blackhole {}", scene.web().address());
    scene.db().sh(&blackhole).unwrap();
    let told = scene.deploy(&["web"], 3);
    told.expect_error("probe-failed", "web");
    assert_eq!(told.outcome("web"), "rolledBack");
    assert_eq!(settled(&scene), old);
}

#[test]
fn the_power_fails_before_and_after_the_commit() {
    if !e2e_wanted("the_power_fails_before_and_after_the_commit") {
        return;
    }
    let (scene, old) = deployed(HostKind::Systemd);
    scene.add(
        WEB,
        "  system.activationScripts.slow.text = \"${pkgs.busybox}/bin/sleep 3\";",
    );
    let running = begun(&scene, &["deploy", "web", "--json"], "activate");
    std::thread::sleep(Duration::from_secs(1));
    scene.web().power_cut().unwrap();
    scene.web().boot().unwrap();
    let told = Deployed::read(&running.wait(SOON).unwrap());
    assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
    assert_eq!(settled(&scene), old);

    // The change itself is sound: it is deployed as if nothing had been.
    let told = scene.deploy(&["web"], 0);
    assert_eq!(told.outcome("web"), "changed");
    let new = settled(&scene);
    assert_ne!(new, old);
    scene.web().power_cut().unwrap();
    scene.web().boot().unwrap();
    assert_eq!(settled(&scene), new);
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}

#[test]
fn a_second_operator_is_told_and_changes_nothing() {
    if !e2e_wanted("a_second_operator_is_told_and_changes_nothing") {
        return;
    }
    let (scene, old) = deployed(HostKind::Systemd);
    scene.add(
        WEB,
        "  system.activationScripts.slow.text = \"${pkgs.busybox}/bin/sleep 4\";",
    );
    let first = begun(&scene, &["deploy", "web", "--json"], "activate");
    std::thread::sleep(Duration::from_secs(1));
    let second = scene.deploy(&["web"], 3);
    second.expect_error("host-busy", "web");
    assert!(second.error()["cause"].as_str().unwrap().contains("run "));
    let first = Deployed::read(&first.wait(SOON).unwrap());
    assert_eq!(first.outcome("web"), "changed");
    assert_ne!(settled(&scene), old);
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}

#[test]
fn back_and_forth() {
    if !e2e_wanted("back_and_forth") {
        return;
    }
    let (scene, a) = deployed(PLAIN);
    let original = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    scene.greet("B");
    scene.deploy(&["web"], 0);
    let b = settled(&scene);
    // A → B → A by the repository.
    scene.repo.write(WEB, &original).unwrap();
    scene.deploy(&["web"], 0);
    assert_eq!(settled(&scene), a);
    let same = scene.deploy(&["web"], 0);
    assert_eq!(same.steps("web"), ["evaluate", "survey"]);

    // And by generations: the newest before it that is another system.
    let dry = scene.transact(&["rollback", "web", "--dry-run"], 0);
    assert_eq!(settled(&scene), a);
    assert_eq!(dry.steps("web"), ["survey"]);
    // Killed before the host has heard of it: there is nothing to take back.
    let mut killed = scene.command(&["rollback", "web", "--json"]);
    killed.env("INFRA_CRASH_AFTER", "5");
    assert_eq!(killed.run(SOON).unwrap().code(), None);
    let undone = scene.transact(&["resume", "--undo"], 3);
    assert_eq!(undone.outcome("web"), "skipped", "{:#}", undone.answer);
    assert_eq!(settled(&scene), a);
    let back = scene.transact(&["rollback", "web"], 0);
    assert_eq!(back.outcome("web"), "changed");
    assert_eq!(back.host("web")["after"], b.as_str());
    assert_eq!(settled(&scene), b);
    let generation = scene
        .web()
        .sh("readlink /nix/var/nix/profiles/system")
        .unwrap();
    assert_eq!(generation.trim(), "system-2-link", "no new generation");
    scene.transact(&["rollback", "web", "--to", "1"], 0);
    assert_eq!(settled(&scene), a);
    scene
        .transact(&["rollback", "web", "--to", "9"], 3)
        .expect_error("no-such-generation", "web");

    // A target that is not there any more. It still is a root here: forcing it is what a broken disk would do.
    scene
        .web()
        .sh(&format!("chmod -R u+w {b}; rm -rf {b}"))
        .unwrap();
    scene
        .transact(&["rollback", "web", "--to", "2"], 3)
        .expect_error("generation-lost", "web");
    assert_eq!(settled(&scene), a);
}

#[test]
fn the_disk_is_full_while_activating() {
    if !e2e_wanted("the_disk_is_full_while_activating") {
        return;
    }
    let (scene, old) = deployed(HostKind::Plain(Store::Ext4 { mib: 600 }));
    scene.add(
        WEB,
        "  system.activationScripts.full.text = \"head -c 900M /dev/zero > /nix/.fill || exit 9\";",
    );
    let told = scene.deploy(&["web", "--confirm-within", "3s"], 3);
    assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
    assert_eq!(settled(&scene), old);
    scene.web().unfill().unwrap();
}

#[test]
fn waves_stop_where_one_fails() {
    if !e2e_wanted("waves_stop_where_one_fails") {
        return;
    }
    let scene = Scene::plain();
    scene.deploy(&["--all"], 0);
    let (web, db) = (systems(scene.web()), systems(scene.db()));
    scene.greet("Wave");
    scene.add(
        crate::scene::DB,
        "  system.activationScripts.harm.text = \"exit 9\";",
    );
    let told = scene.deploy(&["--all", "--canary", "1"], 3);
    assert_eq!(told.outcome("db"), "rolledBack");
    assert_eq!(told.outcome("web"), "skipped", "{:#}", told.answer);
    assert_eq!((systems(scene.web()), systems(scene.db())), (web, db));
    // A canary that cannot be reached has proven nothing either.
    scene.db().kill_sshd().unwrap();
    let told = scene.deploy(&["--all", "--canary", "1"], 3);
    told.expect_error("connection-refused", "db");
    assert_eq!(told.outcome("web"), "skipped", "{:#}", told.answer);
    scene.db().start_sshd().unwrap();
    // In one wave they do not care for each other.
    let told = scene.deploy(&["--all"], 1);
    assert_eq!(
        (told.outcome("db"), told.outcome("web")),
        ("rolledBack", "changed")
    );
}
