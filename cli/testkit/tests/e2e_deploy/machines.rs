//! Deployments to a machine with firmware, boot loader and kernel of its own: what a container cannot show. Booting one takes half a minute, so
//! each test asks much of one.

use crate::scene::{PLAIN, SOON, Scene, main_pid, systems};
use infra_testkit::{Host, HostKind, Run, e2e_wanted};

/// Web is a machine, and its folder says so.
fn scene() -> Scene {
    let scene = Scene::with(HostKind::Machine, PLAIN);
    scene.repo.onto_machine("web").unwrap();
    scene
}

fn page(scene: &Scene) -> String {
    let mut command = scene.lab.controller("busybox");
    command.args(["wget", "-qO-", "http://web/"]);
    command.run(SOON).unwrap().ok().unwrap().stdout
}

/// What the boot menu starts if nobody chooses: the system of its default entry.
fn boot_default(host: Host<'_>) -> String {
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
    let scene = scene();
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
