//! Changes by a boot: once into the new system, proven there, and then for good.

use crate::change_scene::{done, probes, restored, system};
use crate::reboot_scene::Loader;
use crate::scene::Scene;
use infra_model::Code;
use infra_model::change::{ChangeEnd, ChangePhase, Reboot};
use serde_json::json;
use std::fs;

const LOADERS: [Loader; 3] = [Loader::Hook, Loader::SystemdBoot, Loader::Grub];

#[test]
fn a_host_is_booted_once_proven_and_then_for_good() {
    for loader in LOADERS {
        let scene = Scene::that_boots(loader);
        let mut order = scene.order_to_boot("r1", "new");
        order.intent.probes = Some(probes("file", &json!({ "file": "/etc/passwd" })));
        scene.begin(&order);
        scene.restart("r1", 1);
        let up = scene.looks();
        assert_eq!(
            (up.current.as_str(), up.boots.as_str(), up.generation),
            ("new", "old", 7),
            "{loader:?}: the default is not moved"
        );
        assert_eq!(up.secret, "s3cr3t new", "{loader:?}");
        let early = scene.confirm("r1").unwrap_err();
        assert_eq!(early.code, Code::Unconfirmed, "{loader:?}");

        assert_eq!(scene.comes_up("r1"), ChangePhase::Awaiting, "{loader:?}");
        // Another boot from here on would be of the old system.
        assert_eq!(scene.looks().boots, "old");
        let ended = scene.see_through("r1");
        assert_eq!(done(&ended), Some(8), "{loader:?}");
        let after = scene.looks();
        assert_eq!(
            (
                after.boots.as_str(),
                after.profile.as_str(),
                after.generation,
                after.secrets
            ),
            ("new", "new", 8, 2),
            "{loader:?}"
        );
        assert_eq!(scene.restarts(), 1);
        assert!(
            scene.said().iter().all(|said| said != "test new"),
            "{loader:?}: {:?}",
            scene.said()
        );
    }
}

#[test]
fn a_boot_is_for_what_only_a_boot_exchanges() {
    let scene = Scene::that_boots(Loader::Hook);
    scene.set_params("new", "  quiet\n");
    scene.begin(&scene.order_to_boot("r1", "new"));
    assert_eq!(done(&scene.see_through("r1")), Some(8));
    assert_eq!(
        (scene.restarts(), scene.said()),
        (0, vec!["test new".to_owned(), "boot new".to_owned()])
    );

    // What was booted counts, and not what runs: a command line that waits for its boot gets it now.
    scene.set_params("new", "quiet panic=5");
    let mut order = scene.order("r2", "new");
    order.intent.reboot = Reboot::Needed;
    scene.begin(&order);
    scene.restart("r2", 1);
    assert_eq!(scene.comes_up("r2"), ChangePhase::Awaiting);
    assert_eq!(done(&scene.see_through("r2")), Some(8));

    // Kernels are compared as links.
    let mut order = scene.order("r3", "new");
    order.intent.reboot = Reboot::Needed;
    scene.begin(&order);
    assert_eq!(done(&scene.see_through("r3")), Some(8));
    assert_eq!(scene.restarts(), 1, "nothing differs");
    order = scene.order("r4", "new");
    order.intent.reboot = Reboot::Always;
    scene.begin(&order);
    scene.restart("r4", 2);
    assert_eq!(scene.comes_up("r4"), ChangePhase::Awaiting);
    done(&scene.see_through("r4"));
}

#[test]
fn what_nixos_does_not_exchange_while_it_runs_is_booted() {
    let scene = Scene::that_boots(Loader::Hook);
    scene.set_params("new", "quiet");
    // As NixOS' own check does: names that only one of them has say nothing.
    scene.inhibit("old", r#"{ "dbus": "dbus", "only-old": "1" }"#);
    scene.inhibit("new", r#"{ "dbus": "broker", "only-new": "1" }"#);
    scene.hook("new", "test", "exit 1");
    scene.begin(&scene.order("r1", "new"));
    let refused = restored(&scene.see_through("r1"));
    assert_eq!(refused.code, Code::ActivationFailed);
    let fix = "NixOS does not exchange this while the host runs: dbus; deploy with --reboot";
    assert_eq!(refused.fix.as_deref(), Some(fix));

    scene.begin(&scene.order_to_boot("r2", "new"));
    scene.restart("r2", 1);
    assert_eq!(scene.comes_up("r2"), ChangePhase::Awaiting);
    assert_eq!(done(&scene.see_through("r2")), Some(8));

    // Nothing differs, or what is there is no such file: nobody is restarted, and what fails is the system's own fault.
    scene.hook("new", "test", "");
    for (number, text) in [r#"{ "dbus": "broker" }"#, "", "[1]"].iter().enumerate() {
        scene.inhibit("old", text);
        let back = format!("back-{number}");
        scene.begin(&scene.order_to_boot(&back, "old"));
        assert!(done(&scene.see_through(&back)).is_some());
        let again = format!("again-{number}");
        scene.begin(&scene.order_to_boot(&again, "new"));
        assert!(done(&scene.see_through(&again)).is_some());
        assert_eq!(scene.restarts(), 1, "{text}");
    }
    scene.hook("old", "test", "exit 1");
    scene.begin(&scene.order("r3", "old"));
    let refused = restored(&scene.see_through("r3"));
    let fix = "correct the configuration and deploy again";
    assert_eq!(refused.fix.as_deref(), Some(fix));
}

#[test]
fn what_does_not_prove_itself_is_booted_back() {
    for loader in LOADERS {
        // A probe that fails, nobody who confirms, somebody who takes it back.
        for why in [Code::ProbeFailed, Code::Unconfirmed, Code::ChangeCutOff] {
            let scene = Scene::that_boots(loader);
            let before = scene.looks();
            let mut order = scene.order_to_boot("r1", "new");
            if why == Code::ProbeFailed {
                order.intent.probes = Some(probes("file", &json!({ "file": "/never" })));
            }
            order.intent.limits.confirm = if why == Code::Unconfirmed { 1 } else { 30 };
            scene.begin(&order);
            scene.restart("r1", 1);
            scene.start_recovery();
            if why == Code::ChangeCutOff {
                while scene.change("r1").phase != ChangePhase::Awaiting {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                let _ = scene.run("change abort r1", b"");
            }
            scene.restart("r1", 2);
            assert_eq!(scene.comes_up("r1"), ChangePhase::Ended);
            assert_eq!(restored(&scene.change("r1")).code, why, "{loader:?}");
            assert_eq!(scene.looks(), before, "{loader:?} {why:?}");
            let generation = scene.path("nix/var/nix/profiles/system-8-link");
            assert!(
                !generation.is_symlink(),
                "{loader:?}: nothing is left of it"
            );
            // And the next one is clean.
            let order = scene.order_to_boot("r2", "new");
            scene.begin(&order);
            scene.restart("r2", 3);
            assert_eq!(scene.comes_up("r2"), ChangePhase::Awaiting);
            assert_eq!(done(&scene.see_through("r2")), Some(8));
        }
    }
}

#[test]
fn a_system_that_does_not_come_up_is_told() {
    for loader in LOADERS {
        let scene = Scene::that_boots(loader);
        let before = scene.looks();
        scene.begin(&scene.order_to_boot("r1", "new"));
        scene.restart("r1", 1);
        // It hung, and somebody switched the machine off and on.
        scene.goes_down(2);
        assert_eq!(
            scene.looks().secret,
            "s3cr3t old",
            "before anybody looks after the change"
        );
        assert_eq!(scene.comes_up("r1"), ChangePhase::Ended);
        let why = restored(&scene.change("r1"));
        assert_eq!(why.code, Code::BootFailed, "{loader:?}");
        assert!(why.cause.unwrap().contains("has booted /nix/store/"));
        assert_eq!(scene.looks(), before, "{loader:?}");
        assert_eq!(scene.restarts(), 1, "it is where it was");
    }
}

#[test]
fn a_boot_loader_that_boots_the_wrong_system_again_is_no_loop() {
    let scene = Scene::that_boots(Loader::SystemdBoot);
    let mut order = scene.order_to_boot("r1", "new");
    order.intent.probes = Some(probes("file", &json!({ "file": "/never" })));
    scene.begin(&order);
    scene.restart("r1", 1);
    scene.start_recovery();
    scene.wait_for_restart("r1", 2);
    scene.kill_supervisor("r1");
    scene.boots_next("new");
    scene.goes_down(2);
    assert_eq!(scene.comes_up("r1"), ChangePhase::Ended);
    let end = scene.change("r1").end;
    assert!(
        matches!(&end, Some(ChangeEnd::Stuck { why, then }) if why.code == Code::ProbeFailed && then.code == Code::RestoreFailed),
        "{end:?}"
    );
    assert_eq!(scene.restarts(), 2);
}

#[test]
fn a_host_that_cannot_boot_once_is_not_touched() {
    let refused = |scene: &Scene| {
        let before = scene.looks();
        let order = scene.order_to_boot("r1", "new");
        let fault = scene.try_begin("", &order).unwrap_err();
        assert_eq!(fault.code, Code::NoBootOnce, "{fault:?}");
        let _ = fs::remove_dir_all(scene.path("var/lib/infra/change"));
        assert_eq!(scene.looks(), before);
        assert_eq!(scene.restarts(), 0);
        fault.cause.unwrap()
    };
    let scene = Scene::that_boots(Loader::Hook);
    scene.forget_boot_loader();
    assert_eq!(
        refused(&scene),
        "it has neither systemd-boot nor a GRUB that reads `next_entry`"
    );

    let scene = Scene::that_boots(Loader::Grub);
    scene.root_is_on("btrfs");
    let why = refused(&scene);
    assert!(why.contains("would never forget"), "{why}");
    scene.root_is_on("ext4");
    fs::remove_file(scene.path("usr/local/bin/grub-editenv")).unwrap();
    assert_eq!(
        refused(&scene),
        "it has GRUB, and no grub-editenv to tell it"
    );

    let scene = Scene::that_boots(Loader::SystemdBoot);
    fs::remove_file(scene.path("usr/local/bin/bootctl")).unwrap();
    assert_eq!(
        refused(&scene),
        "it has systemd-boot, and no bootctl to tell it"
    );

    let scene = Scene::that_boots(Loader::Hook);
    let unit = format!("{}/etc/systemd/system/infra-change.service", system("new"));
    fs::remove_file(scene.path(&unit)).unwrap();
    let why = refused(&scene);
    assert!(why.contains("nobody would see to it"), "{why}");

    // A boot of what is not activated makes no sense, whoever asks for it.
    let mut order = scene.order_to_boot("r1", "new");
    order.intent.goal = infra_model::Goal::Boot;
    assert_eq!(
        scene.try_begin("", &order).unwrap_err().code,
        Code::SchemaMismatch
    );
}

#[test]
fn firmware_that_forgets_is_found_out_before_the_restart() {
    let scene = Scene::that_boots(Loader::SystemdBoot);
    let before = scene.looks();
    fs::write(scene.path("forgetful"), "").unwrap();
    scene.begin(&scene.order_to_boot("r1", "new"));
    let why = restored(&scene.see_through("r1"));
    assert_eq!(why.code, Code::NoBootOnce);
    assert_eq!(
        why.cause.as_deref(),
        Some(
            "its firmware did not keep the entry to boot next: none instead of nixos-generation-8.conf"
        )
    );
    assert_eq!((scene.restarts(), scene.looks()), (0, before));
    assert!(
        !scene
            .path("nix/var/nix/profiles/system-8-link")
            .is_symlink()
    );
}

#[test]
fn a_boot_to_an_earlier_generation_keeps_its_number() {
    let scene = Scene::that_boots(Loader::SystemdBoot);
    scene.begin(&scene.order_to_boot("r1", "new"));
    scene.restart("r1", 1);
    scene.comes_up("r1");
    done(&scene.see_through("r1"));
    let mut back = scene.order("r2", "old");
    back.intent.system.as_mut().unwrap().generation = Some(7);
    back.intent.reboot = Reboot::Needed;
    scene.begin(&back);
    scene.restart("r2", 2);
    assert_eq!(scene.comes_up("r2"), ChangePhase::Awaiting);
    assert_eq!(scene.looks().generation, 8);
    assert_eq!(done(&scene.see_through("r2")), Some(7));
    assert!(
        scene
            .path("nix/var/nix/profiles/system-8-link")
            .is_symlink()
    );
}

#[test]
fn a_boot_menu_that_loses_the_default_is_not_booted() {
    let ways = [
        (Loader::SystemdBoot, "one-entry"),
        (Loader::SystemdBoot, "newest"),
        (Loader::Grub, "newest"),
    ];
    for (loader, what) in ways {
        let scene = Scene::that_boots(loader);
        let before = scene.looks();
        fs::write(scene.path(what), "").unwrap();
        scene.begin(&scene.order_to_boot("r1", "new"));
        let why = restored(&scene.see_through("r1"));
        assert_eq!(why.code, Code::NoBootOnce, "{what}: {why:?}");
        assert_eq!((scene.restarts(), scene.looks()), (0, before), "{what}");
        let menu = fs::read_to_string(scene.path("boot/loader/loader.conf")).unwrap();
        assert_eq!(
            menu, "default nixos-generation-7.conf\n",
            "{what}: as it was"
        );
        assert_eq!(scene.boots_once(), None);
    }
}

#[test]
fn every_mirror_of_grubs_folder_is_told() {
    let scene = Scene::that_boots(Loader::Grub);
    scene.mirror("/boot-2", "vfat");
    scene.begin(&scene.order_to_boot("r1", "new"));
    scene.restart("r1", 1);
    let set = ["/boot set next_entry=1>1", "/boot-2 set next_entry=1>1"];
    assert_eq!(scene.told_grub(), set);
    assert_eq!(scene.comes_up("r1"), ChangePhase::Awaiting);
    // The one that was not booted from would boot it another time.
    let cleared = ["/boot unset next_entry", "/boot-2 unset next_entry"];
    assert_eq!(scene.told_grub()[2..], cleared);
    done(&scene.see_through("r1"));

    // One that cannot forget is one too many, and so is one that knows nothing of the new system.
    let scene = Scene::that_boots(Loader::Grub);
    scene.mirror("/boot-2", "btrfs");
    let fault = scene.try_begin("", &scene.order_to_boot("r1", "new"));
    let cause = fault.unwrap_err().cause.unwrap();
    assert!(cause.contains("/boot-2/grub/grubenv (btrfs on"), "{cause}");
    let scene = Scene::that_boots(Loader::Grub);
    scene.mirror("/boot-2", "vfat");
    fs::write(scene.path("stale"), "").unwrap();
    scene.begin(&scene.order_to_boot("r1", "new"));
    let why = restored(&scene.see_through("r1"));
    let cause = why.cause.unwrap();
    assert!(cause.contains("/boot-2/grub/grub.cfg"), "{cause}");
    assert_eq!(scene.restarts(), 0);
    assert_eq!(scene.boots_once(), None);
    assert!(scene.told_grub().ends_with(&cleared.map(str::to_owned)));
}

#[test]
fn a_third_system_is_booted_back_as_well() {
    let scene = Scene::that_boots(Loader::SystemdBoot);
    let before = scene.looks();
    scene.add_system("third");
    scene.begin(&scene.order_to_boot("r1", "new"));
    scene.wait_for_restart("r1", 1);
    scene.kill_supervisor("r1");
    scene.boots_next("third");
    scene.goes_down(1);
    assert_eq!(scene.looks().secret, before.secret);
    scene.start_recovery();
    scene.restart("r1", 2);
    assert_eq!(scene.comes_up("r1"), ChangePhase::Ended);
    assert_eq!(restored(&scene.change("r1")).code, Code::BootFailed);
    assert_eq!(scene.looks(), before);
}

#[test]
fn a_new_system_that_cannot_write_its_boot_menu_is_booted_back() {
    let scene = Scene::that_boots(Loader::SystemdBoot);
    let before = scene.looks();
    let mut order = scene.order_to_boot("r1", "new");
    order.intent.probes = Some(probes("file", &json!({ "file": "/never" })));
    scene.begin(&order);
    // /boot is not mounted there, and bootctl is gone.
    let only_in_the_old =
        "case $(readlink \"$root/run/booted-system\") in *-old) ;; *) exit 1 ;; esac\n";
    scene.hook("old", "boot", only_in_the_old);
    scene.wait_for_restart("r1", 1);
    let bootctl = scene.path("usr/local/bin/bootctl");
    let aside = scene.path("usr/local/bin/bootctl.aside");
    fs::rename(&bootctl, &aside).unwrap();
    scene.kill_supervisor("r1");
    scene.goes_down(1);
    scene.start_recovery();
    scene.wait_for_restart("r1", 2);
    fs::rename(&aside, &bootctl).unwrap();
    scene.restart("r1", 2);
    assert_eq!(scene.comes_up("r1"), ChangePhase::Ended);
    assert_eq!(restored(&scene.change("r1")).code, Code::ProbeFailed);
    assert_eq!(scene.looks(), before);
}

#[test]
fn a_system_that_was_the_default_already_has_no_way_back() {
    let scene = Scene::that_boots(Loader::Hook);
    scene.begin(&scene.order_with_secrets("r1", "new"));
    done(&scene.see_through("r1"));
    let mut order = scene.order("r2", "new");
    order.intent.reboot = Reboot::Needed;
    order.intent.probes = Some(probes("file", &json!({ "file": "/never" })));
    scene.begin(&order);
    scene.restart("r2", 1);
    assert_eq!(scene.comes_up("r2"), ChangePhase::Ended);
    let end = scene.change("r2").end;
    assert!(
        matches!(&end, Some(ChangeEnd::Left { why, left, .. }) if why.code == Code::ProbeFailed && left.title.contains("boot default already")),
        "{end:?}"
    );
    assert_eq!((scene.restarts(), scene.looks().boots.as_str()), (1, "new"));
}

#[test]
fn whoever_comes_second_to_recover_finds_it_done() {
    let scene = Scene::that_boots(Loader::Hook);
    scene.begin(&scene.order_to_boot("r1", "new"));
    scene.restart("r1", 1);
    let both = [
        scene.start("change recover", b""),
        scene.start("change recover", b""),
    ];
    for child in both {
        assert_eq!(Scene::end(child).code, Some(0));
    }
    assert_eq!(done(&scene.see_through("r1")), Some(8));
}
