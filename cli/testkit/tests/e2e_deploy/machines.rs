//! Deployments to a machine with firmware, boot loader and kernel of its own: what a container cannot show. Booting one takes half a minute, so
//! each test asks much of one.

use crate::scene::{Deployed, PLAIN, SOON, Scene, WEB, main_pid, systems};
use infra_testkit::{Host, HostConfig, HostKind, Run, e2e_wanted};
use std::time::Duration;

const REBOOT: [&str; 4] = ["deploy", "web", "--reboot", "--json"];
/// There and back, on two busy cores.
const TWO_BOOTS: Duration = Duration::from_secs(480);

/// Web is this machine, and its folder says so.
fn scene(web: impl Into<HostConfig>) -> Scene {
    let scene = Scene::with(web, PLAIN);
    scene.repo.onto_machine(scene.web()).unwrap();
    scene
}

fn page(scene: &Scene) -> String {
    let mut command = scene.lab.controller("busybox");
    command.args(["wget", "-qO-", "http://web/"]);
    command.run(SOON).unwrap().ok().unwrap().stdout
}

/// What the boot menu starts if nobody chooses: the system of its default entry.
fn boot_default(host: Host<'_>) -> String {
    if host.config().grub {
        return host
            .sh("sed -n 's/^ *linux .*init=\\([^ ]*\\)\\/init.*/\\1/p' /boot/grub/grub.cfg | head -n 1")
            .unwrap();
    }
    host.sh("entry=$(sed -n 's/^default //p' /boot/loader/loader.conf)
         sed -n 's/^options .*init=\\([^ ]*\\)\\/init.*/\\1/p' /boot/loader/entries/$entry")
        .unwrap()
}

fn booted(host: Host<'_>) -> String {
    host.sh("readlink -f /run/booted-system").unwrap()
}

#[test]
fn an_ordinary_change_reboots_nothing_and_is_booted_later() {
    if !e2e_wanted("an_ordinary_change_reboots_nothing_and_is_booted_later") {
        return;
    }
    let scene = scene(HostKind::Machine);
    let web = scene.web();
    let (installed, boot) = (booted(web), web.boot_id().unwrap());
    assert_eq!(boot_default(web), installed);

    let first = scene.deploy(&["web"], 0);
    assert_eq!(first.outcome("web"), "changed");
    let (runs, boots) = systems(web);
    assert_eq!(runs, boots);
    assert_ne!(runs, installed);
    assert_eq!(boot_default(web), runs, "the boot menu follows the profile");
    assert!(page(&scene).contains("Hello from web"));

    scene.greet("No reboot for this");
    let (site, sshd) = (main_pid(web, "web"), main_pid(web, "sshd"));
    let second = scene.deploy(&["web"], 0);
    assert_eq!(second.outcome("web"), "changed");
    assert!(page(&scene).contains("No reboot for this"));
    assert_ne!(main_pid(web, "web"), site);
    assert_eq!(main_pid(web, "sshd"), sshd, "nothing else was restarted");
    assert_eq!(web.boot_id().unwrap(), boot, "nor the machine");
    let (runs, _) = systems(web);

    // Not committed, and the power fails: the system before is booted.
    scene.greet("Never seen");
    scene.deploy(&["web", "--goal", "test"], 0);
    assert_ne!(systems(web).0, runs);
    web.power_cut().unwrap();
    web.boot().unwrap();
    assert_eq!(booted(web), runs);
    assert!(page(&scene).contains("No reboot for this"));

    // Committed for the next boot, and the power fails.
    scene.greet("After the next boot");
    scene.deploy(&["web", "--goal", "boot"], 0);
    assert!(page(&scene).contains("No reboot for this"));
    let next = boot_default(web);
    assert_ne!(next, runs);
    web.power_cut().unwrap();
    web.boot().unwrap();
    assert_eq!(booted(web), next);
    assert!(page(&scene).contains("After the next boot"));
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}

/// Changes a word of the kernel's command line, and adds lines; what an earlier call has added goes.
fn boot_with(scene: &Scene, word: &str, lines: &str) {
    scene
        .repo
        .edit(WEB, |text| {
            let text = text.split("  # Booted.").next().unwrap();
            let text = text.trim_end().trim_end_matches('}');
            format!("{text}  # Booted.\n  boot.kernelParams = [ {word:?} ];\n{lines}\n}}\n")
        })
        .unwrap();
}

/// How often it has come so far as to start systemd.
fn boots(host: Host<'_>) -> usize {
    host.console().matches("stage 2: starting systemd").count()
}

fn command_line(host: Host<'_>) -> String {
    host.read_file("/proc/cmdline").unwrap()
}

/// Runs `deploy web --reboot` to its end, which is two boots away if it does not prove itself.
fn deploy_by_boot(scene: &Scene, exit: i32) -> Deployed {
    let finished = scene.command(&REBOOT).run(TWO_BOOTS).unwrap();
    let said = format!("{}\n{}", finished.stdout, finished.stderr);
    assert_eq!(finished.code(), Some(exit), "{said}");
    Deployed::read(&finished)
}

/// The machine is on this system in every respect, and will be after its next boot.
fn assert_settled(host: Host<'_>, system: &str) {
    let (runs, boots) = systems(host);
    let all = [booted(host), runs, boots, boot_default(host)];
    assert_eq!(all, [system, system, system, system]);
    let variables = host.sh("ls /sys/firmware/efi/efivars").unwrap();
    assert!(!variables.contains("LoaderEntryOneShot"), "{variables}");
    if host.config().grub {
        let environment = host.sh("grub-editenv /boot/grub/grubenv list").unwrap();
        assert!(!environment.contains("next_entry"), "{environment}");
        assert!(!variables.contains("LoaderInfo"), "{variables}");
    }
}

/// A machine that runs a first system of its own, booted once into a second.
fn booted_once(web: impl Into<HostConfig>) -> (Scene, String) {
    let scene = scene(web);
    scene.deploy(&["web"], 0);
    let web = scene.web();
    let (old, before) = (systems(web).0, web.boot_id().unwrap());
    boot_with(&scene, "marked=one", "");
    let told = deploy_by_boot(&scene, 0);
    assert_eq!(told.outcome("web"), "changed", "{:#}", told.answer);
    assert_ne!(web.boot_id().unwrap(), before);
    let new = systems(web).0;
    assert_ne!(new, old);
    assert_eq!(told.host("web")["after"], new.as_str());
    assert!(command_line(web).contains("marked=one"));
    assert_settled(web, &new);
    (scene, new)
}

#[test]
fn a_machine_with_grub_is_booted_once_and_back_if_it_does_not_prove_itself() {
    if !e2e_wanted("a_machine_with_grub_is_booted_once_and_back_if_it_does_not_prove_itself") {
        return;
    }
    let (scene, old) = booted_once(HostConfig::from(HostKind::Machine).with_grub());
    let web = scene.web();
    let boot = web.boot_id().unwrap();

    // A page needs no boot.
    scene.greet("No boot for this");
    let told = deploy_by_boot(&scene, 0);
    assert_eq!(told.outcome("web"), "changed");
    assert_eq!(web.boot_id().unwrap(), boot);
    assert!(page(&scene).contains("No boot for this"));
    let page_only = systems(web).0;
    assert_ne!(page_only, old);

    // The kernel finds no init and no root file system: it panics, and restarts the machine. GRUB has forgotten what it booted, or it would
    // boot it for ever.
    let panics = web.console().matches("Kernel panic").count();
    boot_with(&scene, "rdinit=/missing", "");
    let told = deploy_by_boot(&scene, 3);
    assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
    told.expect_error("boot-failed", "web");
    assert_eq!(web.console().matches("Kernel panic").count(), panics + 1);
    assert!(command_line(web).contains("marked=one"));
    assert_settled(web, &page_only);

    // It boots, and a unit fails there that had not failed before. It sees what GRUB has left, before the change is undone.
    let booted_before = boots(web);
    let bad = "  systemd.services.bad = { wantedBy = [ \"multi-user.target\" ]; script = \"\n    \
               grep -a ^next_entry /boot/grub/grubenv >/root/left; exit 1\"; };";
    boot_with(&scene, "marked=two", bad);
    let told = deploy_by_boot(&scene, 3);
    assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
    told.expect_error("probe-failed", "web");
    assert_eq!(boots(web), booted_before + 2, "there and back");
    assert_ne!(web.boot_id().unwrap(), boot);
    assert_eq!(web.read_file("/root/left").unwrap(), "next_entry=\n");
    assert!(command_line(web).contains("marked=one"));
    assert_settled(web, &page_only);
}

#[test]
fn a_machine_that_dies_in_its_new_system_boots_the_old() {
    if !e2e_wanted("a_machine_that_dies_in_its_new_system_boots_the_old") {
        return;
    }
    let (scene, old) = booted_once(HostKind::Machine);
    let web = scene.web();

    // A disk is missing: it boots into its emergency mode, where nobody can log in.
    let missing = "  fileSystems.\"/missing\" = { device = \"/dev/disk/by-label/missing\"; fsType = \"ext4\"; \
                   options = [ \"x-systemd.device-timeout=5s\" ]; };";
    let booted_before = boots(web);
    boot_with(&scene, "marked=two", missing);
    let told = deploy_by_boot(&scene, 3);
    assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
    told.expect_error("boot-failed", "web");
    let said = told.answer.to_string();
    assert!(said.contains("emergency mode"), "{said}");
    assert_eq!(boots(web), booted_before + 2, "there and back");
    assert!(command_line(web).contains("marked=one"));
    assert_settled(web, &old);

    // It boots, and loses its power while it is being tried.
    let contract = "{ infra.probes.never = { file = \"/no/such\"; within = \"5m\"; }; }\n";
    scene
        .repo
        .write("hosts/web/contract.nix", contract)
        .unwrap();
    boot_with(&scene, "marked=three", "");
    let before = web.boot_id().unwrap();
    let running = scene.command(&REBOOT).start().unwrap();
    web.wait_for_another_boot(&before).unwrap();
    assert!(command_line(web).contains("marked=three"));
    assert_eq!(boot_default(web), old);
    web.power_cut().unwrap();
    web.boot().unwrap();
    let told = Deployed::read(&running.wait(TWO_BOOTS).unwrap());
    assert_eq!(told.outcome("web"), "rolledBack", "{:#}", told.answer);
    assert!(command_line(web).contains("marked=one"));
    assert_settled(web, &old);
}
