//! Hosts that cannot be had, and hosts that break on the way: each has its text, harms no other, and the next deployment is clean.

use crate::scene::{PLAIN, SOON, Scene, WEB, systems, untouched};
use infra_testkit::{HostConfig, HostKind, Store, e2e_wanted};
use std::time::{Duration, Instant};

#[test]
fn hosts_that_cannot_be_reached() {
    if !e2e_wanted("hosts_that_cannot_be_reached") {
        return;
    }
    let scene = Scene::plain();
    scene.web().partition().unwrap();
    let deployed = scene.deploy(&["--all"], 1);
    deployed.expect_error("host-unreachable", "web");
    assert_eq!(
        deployed.outcome("db"),
        "changed",
        "the other host is none the worse"
    );
    scene.web().heal().unwrap();

    scene.web().kill_sshd().unwrap();
    scene
        .deploy(&["web"], 3)
        .expect_error("connection-refused", "web");
    scene.web().start_sshd().unwrap();

    // A second address is tried when the first does not answer.
    let toml =
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\naddresses = [\"10.231.255.254\", \"web\"]\n";
    scene.repo.write("hosts/web/host.toml", toml).unwrap();
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");
}

#[test]
fn hosts_that_are_silent_cost_seconds() {
    if !e2e_wanted("hosts_that_are_silent_cost_seconds") {
        return;
    }
    let scene = Scene::plain();
    scene.deploy(&["--all"], 0);
    // It hears us, and nothing that it says comes through: nobody is refused, and time limits are all there is.
    scene
        .db()
        .sh("ip route flush dev eth0; ip route add blackhole default")
        .unwrap();
    let toml = format!(
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\naddresses = [\"{}\", \"web\"]\n",
        scene.db().address()
    );
    scene.repo.write("hosts/web/host.toml", &toml).unwrap();
    scene.greet("At its second address");
    let told = scene.deploy(&["web"], 0);
    assert_eq!(told.outcome("web"), "changed");
    let survey = told.host("web")["seconds"]["survey"].as_f64().unwrap();
    assert!((3.0..6.0).contains(&survey), "{survey} s");

    // One host that never answers costs its time limit once, whoever else is in the run.
    scene.greet("Without db");
    let begun = Instant::now();
    let told = scene.deploy(&["--all"], 1);
    let took = begun.elapsed();
    told.expect_error("host-unreachable", "db");
    assert_eq!(told.outcome("web"), "changed");
    let seconds = &told.host("web")["seconds"];
    assert!(took < Duration::from_secs(18), "{took:?}: {seconds:#}");
    let begun = Instant::now();
    let status = scene.infra(&["status", "--json"]);
    assert_eq!(status.code(), Some(1), "{}", status.stdout);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(14), "{took:?}");
}

#[test]
fn keys_that_do_not_fit() {
    if !e2e_wanted("keys_that_do_not_fit") {
        return;
    }
    let scene = Scene::plain();
    let pinned = std::fs::read_to_string(scene.repo.path().join("hosts/web/host.pub")).unwrap();
    scene.repo.remove("hosts/web/host.pub").unwrap();
    scene
        .deploy(&["web"], 3)
        .expect_error("host-key-unknown", "web");

    scene.repo.write("hosts/web/host.pub", &pinned).unwrap();
    scene.web().replace_host_key().unwrap();
    for command in [
        &["deploy", "web"][..],
        &["exec", "web", "--", "true"],
        &["ssh", "web", "--", "true"],
    ] {
        let finished = scene.infra(command);
        assert_eq!(finished.code(), Some(3), "{command:?}");
        assert!(
            finished.stderr.contains("error[host-key-mismatch]"),
            "{command:?}: {}",
            finished.stderr
        );
    }
    assert!(untouched(scene.web()));
    let now = std::fs::read_to_string(scene.repo.path().join("hosts/web/host.pub")).unwrap();
    assert_eq!(now, pinned, "a key is never learned");
}

#[test]
fn a_host_behind_another() {
    if !e2e_wanted("a_host_behind_another") {
        return;
    }
    let scene = Scene::plain();
    let toml = format!(
        "class = \"nixos\"\nsystem = \"x86_64-linux\"\naddresses = [\"{}\"]\njump = \"db\"\n",
        scene.web().address()
    );
    scene.repo.write("hosts/web/host.toml", &toml).unwrap();
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");

    // The jump host is pinned and answers for itself.
    scene.db().kill_sshd().unwrap();
    let refused = scene.deploy(&["web"], 3);
    refused.expect_error("connection-refused", "web");
    assert_eq!(refused.error()["where"]["file"], "hosts/db/host.toml");
    scene.db().start_sshd().unwrap();
    scene.db().replace_host_key().unwrap();
    let stranger = scene.deploy(&["web"], 3);
    stranger.expect_error("host-key-mismatch", "web");
    assert_eq!(stranger.error()["where"]["file"], "hosts/db/host.pub");
}

#[test]
fn a_host_without_nix() {
    if !e2e_wanted("a_host_without_nix") {
        return;
    }
    let scene = Scene::with(HostConfig::from(PLAIN).without_nix(), PLAIN);
    scene
        .deploy(&["web"], 3)
        .expect_error("no-nix-on-host", "web");
}

#[test]
fn a_full_disk() {
    if !e2e_wanted("a_full_disk") {
        return;
    }
    let scene = Scene::with(HostKind::Plain(Store::Tmpfs { mib: 400 }), PLAIN);
    scene.web().fill_disk(4096).unwrap();
    scene.deploy(&["web"], 3).expect_error("disk-full", "web");
    assert!(untouched(scene.web()));
    scene.web().unfill().unwrap();
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");
}

#[test]
fn a_connection_that_breaks_while_copying() {
    if !e2e_wanted("a_connection_that_breaks_while_copying") {
        return;
    }
    let scene = Scene::plain();
    // Something to copy that takes a while on a slow line.
    scene.add(WEB, "  environment.etc.big.source = pkgs.runCommand \"big\" { } \"head -c 30000000 /dev/urandom > $out\";");
    scene.web().slow("20mbit").unwrap();
    let running =
        infra_testkit::Run::start(&mut scene.command(&["deploy", "web", "--json"])).unwrap();
    let copying = |line: &str| line.contains("\"stepStarted\"") && line.contains("\"copy\"");
    running.wait_for_line(crate::scene::SOON, copying).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    scene.web().kill_sshd().unwrap();
    let finished = running.wait(crate::scene::SOON).unwrap();
    assert_eq!(finished.code(), Some(3), "{}", finished.stdout);
    let deployed = crate::scene::Deployed::read(&finished);
    deployed.expect_error("connection-lost", "web");
    assert!(untouched(scene.web()));
    scene.web().start_sshd().unwrap();
    scene.web().fast().unwrap();
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");
}

#[test]
fn a_connection_that_breaks_while_committing() {
    if !e2e_wanted("a_connection_that_breaks_while_committing") {
        return;
    }
    let scene = Scene::plain();
    // A profile that takes its time, and then has something to say to a connection that is no more.
    let slow = r#"
        programs=$(dirname "$(command -v nix-env)")
        cp -a "$programs" /run/slow
        rm /run/slow/nix-env
        printf '#!/bin/bash\nsleep 3; echo noise >&2; exec -a nix-env "${0%%/*}/nix" "$@"\n' > /run/slow/nix-env
        chmod 755 /run/slow/nix-env
        mount --bind /run/slow "$programs""#;
    scene.web().sh(slow).unwrap();
    let running =
        infra_testkit::Run::start(&mut scene.command(&["deploy", "web", "--json"])).unwrap();
    let committing = |line: &str| line.contains("\"stepStarted\"") && line.contains("\"commit\"");
    running.wait_for_line(SOON, committing).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    scene.web().kill_sshd().unwrap();
    let (runs, boots) = systems(scene.web());
    assert_ne!(runs, boots, "the connection broke before it was done");
    // Away for longer than the commit takes: it is done when the host can be asked again, and that is what is told.
    std::thread::sleep(Duration::from_secs(4));
    scene.web().start_sshd().unwrap();
    let finished = running.wait(SOON).unwrap();
    assert_eq!(finished.code(), Some(0), "{}", finished.stdout);
    assert_eq!(systems(scene.web()), (runs.clone(), runs));
}

#[test]
fn a_unit_that_fails_is_taken_back() {
    if !e2e_wanted("a_unit_that_fails_is_taken_back") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    scene.deploy(&["web"], 0);
    let (old, _) = systems(scene.web());
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    scene.add(
        WEB,
        "  systemd.services.doomed = { wantedBy = [ \"multi-user.target\" ]; serviceConfig = { Type = \"oneshot\"; ExecStart = \"${pkgs.busybox}/bin/false\"; }; };",
    );
    let deployed = scene.deploy(&["web"], 3);
    deployed.expect_error("probe-failed", "web");
    assert!(
        deployed.error().to_string().contains("doomed.service"),
        "{:#}",
        deployed.error()
    );
    assert_eq!(deployed.outcome("web"), "rolledBack");
    assert_eq!(deployed.host("web")["after"], old.as_str());
    assert_eq!(systems(scene.web()), (old.clone(), old.clone()));
    let failed = scene
        .web()
        .sh("systemctl --failed --no-legend --plain")
        .unwrap();
    assert_eq!(failed.trim(), "", "nothing of the new system is left");

    scene.repo.write(WEB, &good).unwrap();
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}

#[test]
fn without_an_agent_to_send_nothing_is_begun() {
    if !e2e_wanted("without_an_agent_to_send_nothing_is_begun") {
        return;
    }
    let scene = Scene::plain();
    let empty = tempfile::tempdir().unwrap();
    let mut command = scene.command(&["deploy", "web", "--json"]);
    command.env("INFRA_AGENT", empty.path());
    let finished = infra_testkit::Run::run(&mut command, SOON).unwrap();
    assert_eq!(finished.code(), Some(3), "{}", finished.stdout);
    let deployed = crate::scene::Deployed::read(&finished);
    deployed.expect_error("no-agent", "web");
    assert_eq!(deployed.steps("web"), ["evaluate", "survey"]);
    assert!(untouched(scene.web()));
}
