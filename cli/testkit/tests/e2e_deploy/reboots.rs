//! Changes by a boot, on hosts whose systemd boots: once into the new system, proven there, and back if it is not.

use crate::scene::{Deployed, PLAIN, SOON, Scene, WEB, begun, settled};
use infra_testkit::{HostKind, e2e_wanted};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// The boot loader of these hosts is the lab's: infra does not know it, and is told how to speak to it.
const LOADER: &str = r#"
  infra.boot.once = pkgs.writeShellScript "boot-once" ''
    case $1 in
      set) [ -e /nix/forgetful ] || ${pkgs.busybox}/bin/busybox ln -sfn "$2" /nix/var/nix/gcroots/lab-boot-once ;;
      clear) ${pkgs.busybox}/bin/busybox rm -f /nix/var/nix/gcroots/lab-boot-once ;;
    esac
  '';
"#;

fn deployed() -> (Scene, String) {
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    scene.add(WEB, LOADER);
    scene.deploy(&["web"], 0);
    let old = settled(&scene);
    (scene, old)
}

fn booted(scene: &Scene) -> String {
    let link = scene.web().sh("readlink -f /run/booted-system || true");
    link.unwrap().trim().to_owned()
}

fn boot_id(scene: &Scene) -> String {
    scene
        .web()
        .sh("cat /proc/sys/kernel/random/boot_id")
        .unwrap()
}

/// Something that acts at a boot alone.
fn panic_after(scene: &Scene, seconds: u32) {
    scene
        .repo
        .edit(WEB, |text| {
            let kept = text.lines().filter(|line| !line.contains("panic="));
            let text = kept.collect::<Vec<_>>().join("\n");
            let text = text.trim_end().trim_end_matches('}');
            format!("{text}  boot.kernelParams = [ \"panic={seconds}\" ];\n}}\n")
        })
        .unwrap();
}

fn wait_for_another_boot(scene: &Scene, before: &str) {
    let until = Instant::now() + SOON;
    let is_another = || {
        let id = scene.web().sh("cat /proc/sys/kernel/random/boot_id");
        id.is_ok_and(|id| id != before)
    };
    while !is_another() {
        assert!(Instant::now() < until, "it does not boot again");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The namespace is there before its sshd.
fn wait_for_ssh(scene: &Scene) {
    let until = Instant::now() + SOON;
    while scene.infra(&["exec", "web", "--", "true"]).code() != Some(0) {
        assert!(Instant::now() < until, "nobody can log in");
    }
}

/// Waits for a boot after this one, to the end of the change on the host.
fn wait_for_its_end(scene: &Scene, before: &str) {
    let until = Instant::now() + SOON;
    let over = || {
        let asked = scene.web().sh(
            "cat /proc/sys/kernel/random/boot_id; /var/lib/infra/agent/current/infra-agent change status || true",
        );
        asked.is_ok_and(|told| !told.starts_with(before.trim()) && told.contains("\"ended\""))
    };
    while !over() {
        assert!(Instant::now() < until, "the change does not end");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_host_is_booted_for_what_only_a_boot_exchanges() {
    if !e2e_wanted("a_host_is_booted_for_what_only_a_boot_exchanges") {
        return;
    }
    let (scene, old) = deployed();
    let first = boot_id(&scene);
    // The stand-in of a boot loader did not boot the host with it yet.
    panic_after(&scene, 5);
    scene.greet("Booted");
    let told = scene.deploy(&["web", "--reboot"], 0);
    assert_eq!(told.outcome("web"), "changed", "{:#}", told.answer);
    assert_eq!(
        boot_id(&scene),
        first,
        "it was never booted by infra's means, and so not compared"
    );
    let activated = settled(&scene);
    assert_ne!(activated, old);

    let told = scene.deploy(&["web", "--reboot=always"], 0);
    assert_eq!(told.outcome("web"), "changed", "{:#}", told.answer);
    let second = boot_id(&scene);
    assert_ne!(second, first);
    assert_eq!(
        (booted(&scene), settled(&scene)),
        (activated.clone(), activated.clone())
    );

    // Now it is known what it was booted with.
    scene.greet("Another page");
    let told = scene.deploy(&["web", "--reboot"], 0);
    assert_eq!(told.outcome("web"), "changed");
    assert_eq!(boot_id(&scene), second, "a page needs no boot");
    panic_after(&scene, 7);
    let file = scene.repo.path().join("by-boot.plan");
    let file = file.to_str().unwrap();
    let planned = scene.infra(&["plan", "web", "--reboot", "-o", file]);
    assert_eq!(planned.code(), Some(0), "{}", planned.stderr);
    assert!(
        planned.stdout.contains("to be booted if kernel"),
        "{}",
        planned.stdout
    );
    assert!(
        !planned.stderr.contains("needs-reboot"),
        "{}",
        planned.stderr
    );
    let told = scene.transact(&["apply", file], 0);
    assert_eq!(told.outcome("web"), "changed", "{:#}", told.answer);
    let new = settled(&scene);
    assert_eq!(told.host("web")["after"], new.as_str());
    assert_ne!(boot_id(&scene), second);
    assert_eq!(booted(&scene), new);
    let page = scene
        .web()
        .sh("busybox wget -qO- http://127.0.0.1/")
        .unwrap();
    assert!(page.contains("Another page"), "{page}");

    let told = scene.deploy(&["web", "--reboot"], 0);
    assert_eq!(told.outcome("web"), "unchanged", "{:#}", told.answer);

    // What was activated without a boot is booted into when somebody asks for it.
    panic_after(&scene, 9);
    let third = boot_id(&scene);
    scene.deploy(&["web"], 0);
    assert_eq!(boot_id(&scene), third);
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
    let told = scene.deploy(&["web", "--reboot"], 0);
    assert_eq!(told.outcome("web"), "changed");
    assert_ne!(boot_id(&scene), third);
    assert_eq!(booted(&scene), settled(&scene));

    // And back, by a boot.
    let told = scene.transact(&["rollback", "web", "--reboot"], 0);
    assert_eq!(told.outcome("web"), "changed", "{:#}", told.answer);
    assert_eq!((booted(&scene), settled(&scene)), (new.clone(), new));
}

#[test]
fn what_does_not_prove_itself_is_booted_back() {
    if !e2e_wanted("what_does_not_prove_itself_is_booted_back") {
        return;
    }
    let (scene, _) = deployed();
    scene.deploy(&["web", "--reboot=always"], 0);
    let old = settled(&scene);
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    let is_booted_back = |lines: &str, code: &str| {
        panic_after(&scene, 5);
        scene.add(WEB, lines);
        let told = scene.deploy(&["web", "--reboot", "--confirm-within", "5s"], 3);
        assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
        told.expect_error(code, "web");
        assert_eq!(
            (booted(&scene), settled(&scene)),
            (old.clone(), old.clone())
        );
        std::fs::write(scene.repo.path().join(WEB), &good).unwrap();
    };
    // A unit that fails while the host boots.
    is_booted_back(
        "  systemd.services.bad = { wantedBy = [ \"multi-user.target\" ]; serviceConfig.ExecStart = \"${pkgs.busybox}/bin/false\"; };",
        "probe-failed",
    );
    // A system that nobody can reach.
    is_booted_back(
        "  systemd.services.no-sshd = { wantedBy = [ \"multi-user.target\" ]; after = [ \"ssh.service\" ]; path = [ \"/usr\" ]; script = \"systemctl stop ssh.socket ssh.service\"; serviceConfig = { Type = \"oneshot\"; RemainAfterExit = true; }; };",
        "unconfirmed",
    );
    // A boot loader that does not do as it was told.
    scene.web().sh("touch /nix/forgetful").unwrap();
    is_booted_back("", "boot-failed");
    scene.web().sh("rm /nix/forgetful").unwrap();
    scene.greet("Good again");
    panic_after(&scene, 5);
    let told = scene.deploy(&["web", "--reboot"], 0);
    assert_eq!(told.outcome("web"), "changed", "{:#}", told.answer);
    assert_eq!(booted(&scene), settled(&scene));
}

#[test]
fn a_host_needs_nobody_to_boot_back() {
    if !e2e_wanted("a_host_needs_nobody_to_boot_back") {
        return;
    }
    let (scene, _) = deployed();
    scene.deploy(&["web", "--reboot=always"], 0);
    let old = settled(&scene);
    let words = [
        "deploy",
        "web",
        "--json",
        "--reboot",
        "--confirm-within",
        "4s",
    ];

    // The operator is gone while the host boots.
    panic_after(&scene, 5);
    let first = boot_id(&scene);
    let running = begun(&scene, &words, "activate");
    wait_for_another_boot(&scene, &first);
    running.signal(Signal::KILL).unwrap();
    running.wait(SOON).unwrap();
    wait_for_its_end(&scene, &first);
    assert_eq!(
        (booted(&scene), settled(&scene)),
        (old.clone(), old.clone())
    );
    let told = scene.transact(&["resume"], 3);
    assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
    told.expect_error("unconfirmed", "web");

    // Somebody takes it back, once it is up.
    let before = boot_id(&scene);
    let patient = ["deploy", "web", "--json", "--reboot"];
    let running = begun(&scene, &patient, "activate");
    wait_for_another_boot(&scene, &before);
    running.signal(Signal::KILL).unwrap();
    running.wait(SOON).unwrap();
    wait_for_ssh(&scene);
    let undone = scene.transact(&["resume", "--undo"], 0);
    assert_eq!(undone.outcome("web"), "rolledBack", "{:#}", undone.answer);
    assert_eq!(
        (booted(&scene), settled(&scene)),
        (old.clone(), old.clone())
    );

    // A power cut after the boot, before anybody has confirmed.
    let second = boot_id(&scene);
    let slow = ["deploy", "web", "--json", "--reboot"];
    let running = begun(&scene, &slow, "confirm");
    scene.web().power_cut().unwrap();
    scene.web().boot().unwrap();
    let told = Deployed::read(&running.wait(SOON).unwrap());
    let now = settled(&scene);
    assert_eq!(booted(&scene), now);
    match told.outcome("web") {
        "rolledBack" => assert_eq!(now, old, "{:#}", told.answer),
        "changed" => assert_ne!(now, old, "{:#}", told.answer),
        other => panic!("{other}: {:#}", told.answer),
    }
    assert_ne!(boot_id(&scene), second);
    scene.deploy(&["web", "--reboot"], 0);
    assert_eq!(booted(&scene), settled(&scene));
}

#[test]
fn a_host_that_cannot_be_booted_once_is_left_alone() {
    if !e2e_wanted("a_host_that_cannot_be_booted_once_is_left_alone") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    scene.deploy(&["web"], 0);
    let old = settled(&scene);
    let first = boot_id(&scene);
    scene.greet("Never");
    let told = scene.deploy(&["web", "--reboot=always"], 3);
    assert_eq!(told.outcome("web"), "failed", "{:#}", told.answer);
    told.expect_error("no-boot-once", "web");
    assert_eq!((settled(&scene), boot_id(&scene)), (old, first));
    for goal in ["boot", "dry-activate"] {
        let finished = scene.infra(&["deploy", "web", "--reboot", "--goal", goal]);
        assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
        assert!(
            finished.stderr.contains("--reboot does not go with"),
            "{}",
            finished.stderr
        );
    }
}
