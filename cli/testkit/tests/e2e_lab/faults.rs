//! Every fault has its effect, and is undone without a trace.

use std::time::{Duration, Instant};

use crate::support::{SOON, operator, ssh};
use infra_testkit::{Host, HostConfig, HostKind, Lab, Run, Store, e2e_wanted};

const PLAIN: HostKind = HostKind::Plain(Store::Dir);

/// A lab with a host of each kind.
fn both() -> Lab {
    Lab::builder()
        .host("plain", PLAIN)
        .host("systemd", HostKind::Systemd)
        .up()
        .unwrap()
}

fn answers(lab: &Lab, host: Host<'_>) -> bool {
    ssh(lab, host.name(), "true").status.success()
}

#[test]
fn a_partition_cuts_and_heals() {
    if !e2e_wanted("a_partition_cuts_and_heals") {
        return;
    }
    let lab = both();
    for host in lab.hosts() {
        let session = lab
            .ssh(host.name())
            .arg("echo ready; sleep 600")
            .start()
            .unwrap();
        session.wait_for_line(SOON, |line| line == "ready").unwrap();
        host.partition().unwrap();
        let refused = ssh(&lab, host.name(), "true");
        assert_eq!(refused.code(), Some(255), "{refused:?}");
        // An open session is not told, and finds out by itself.
        assert_eq!(session.wait(SOON).unwrap().code(), Some(255));
        host.heal().unwrap();
        assert!(answers(&lab, host));
    }
}

#[test]
fn a_killed_sshd_ends_sessions_and_refuses_new_ones() {
    if !e2e_wanted("a_killed_sshd_ends_sessions_and_refuses_new_ones") {
        return;
    }
    let lab = both();
    for host in lab.hosts() {
        let session = lab
            .ssh(host.name())
            .arg("echo ready; sleep 600")
            .start()
            .unwrap();
        session.wait_for_line(SOON, |line| line == "ready").unwrap();
        host.kill_sshd().unwrap();
        assert_eq!(session.wait(SOON).unwrap().code(), Some(255));
        let refused = ssh(&lab, host.name(), "true");
        assert!(refused.stderr.contains("Connection refused"), "{refused:?}");
        host.start_sshd().unwrap();
        assert!(answers(&lab, host));
    }
}

#[test]
fn a_full_disk_takes_nothing_more() {
    if !e2e_wanted("a_full_disk_takes_nothing_more") {
        return;
    }
    let lab = Lab::builder()
        .host("tmpfs", HostKind::Plain(Store::Tmpfs { mib: 40 }))
        .host("ext4", HostKind::Plain(Store::Ext4 { mib: 40 }))
        .host(
            "systemd",
            HostConfig::from(HostKind::Systemd).store(Store::Tmpfs { mib: 40 }),
        )
        .host("dir", PLAIN)
        .up()
        .unwrap();
    let write = "head -c 1M /dev/zero > /nix/more; code=$?; rm -f /nix/more; exit $code";
    for name in ["tmpfs", "ext4", "systemd"] {
        let host = lab.host(name);
        ssh(&lab, name, write).ok().unwrap();
        host.fill_disk(64).unwrap();
        let refused = ssh(&lab, name, write);
        assert!(
            refused.stderr.contains("No space left on device"),
            "{name}: {refused:?}"
        );
        host.unfill().unwrap();
        ssh(&lab, name, write).ok().unwrap();
    }
    let error = lab.host("dir").fill_disk(64).unwrap_err().to_string();
    assert!(
        error.contains("must not be filled") && error.contains("fix: "),
        "{error}"
    );
}

#[test]
fn a_slow_network_is_slow_until_it_is_fast() {
    if !e2e_wanted("a_slow_network_is_slow_until_it_is_fast") {
        return;
    }
    let lab = both();
    let config = lab.ssh_config().display().to_string();
    for host in lab.hosts() {
        let name = host.name();
        let send = format!("head -c 2M /dev/zero | ssh -F {config} {name} 'wc -c'");
        let timed = || {
            let finished = operator(&lab, &send).ok().unwrap();
            assert_eq!(finished.text(), "2097152");
            finished.took
        };
        let before = timed();
        host.slow("8mbit").unwrap();
        let slow = timed();
        host.fast().unwrap();
        let after = timed();
        // 16 Mbit of payload at 8 Mbit a second.
        assert!(slow > Duration::from_millis(1800), "{slow:?}");
        assert!(
            slow > before * 2 && slow > after * 2,
            "{before:?} {slow:?} {after:?}"
        );
    }
}

#[test]
fn a_power_cut_keeps_the_disk_and_nothing_else() {
    if !e2e_wanted("a_power_cut_keeps_the_disk_and_nothing_else") {
        return;
    }
    let lab = Lab::builder()
        .host("plain", PLAIN)
        .host("systemd", HostKind::Systemd)
        .host("ext4", HostKind::Plain(Store::Ext4 { mib: 40 }))
        .up()
        .unwrap();
    for host in lab.hosts() {
        let boot_id = || host.sh("cat /proc/sys/kernel/random/boot_id").unwrap();
        host.sh("for f in /nix /persist /var/lib/infra /etc /root; do echo kept > $f/kept; done")
            .unwrap();
        host.sh("sync").unwrap();
        let before = boot_id();
        host.power_cut().unwrap();
        assert!(!host.is_on());
        assert_eq!(ssh(&lab, host.name(), "true").code(), Some(255));
        assert!(
            host.exec(&["true"])
                .unwrap_err()
                .to_string()
                .contains("switched off")
        );
        let begun = Instant::now();
        host.boot().unwrap();
        println!("{} boots in {:.2?}", host.name(), begun.elapsed());
        assert!(answers(&lab, host));
        assert_ne!(boot_id(), before);
        for kept in ["/nix", "/persist", "/var/lib/infra"] {
            assert_eq!(host.read_file(&format!("{kept}/kept")).unwrap(), "kept\n");
        }
        assert!(!host.has_file("/etc/kept").unwrap() && !host.has_file("/root/kept").unwrap());
        let error = host.boot().unwrap_err().to_string();
        assert!(error.contains("already running"), "{error}");
    }
}

#[test]
fn a_store_in_memory_refuses_the_power_cut() {
    if !e2e_wanted("a_store_in_memory_refuses_the_power_cut") {
        return;
    }
    let lab = Lab::builder()
        .host("h", HostKind::Plain(Store::Tmpfs { mib: 40 }))
        .up()
        .unwrap();
    let error = lab.host("h").power_cut().unwrap_err().to_string();
    assert!(
        error.contains("fix: use Store::Dir or Store::Ext4"),
        "{error}"
    );
    assert!(answers(&lab, lab.host("h")));
}

#[test]
fn a_boot_activates_the_deployed_system() {
    if !e2e_wanted("a_boot_activates_the_deployed_system") {
        return;
    }
    let lab = both();
    // The smallest thing that looks like a system: it says how it was activated.
    let deploy = "
        system=/nix/store/00000000000000000000000000000000-system
        mkdir -p $system/bin /nix/var/nix/profiles
        printf '#!/bin/sh\\necho \"$1\" > /run/activated\\n' > $system/bin/switch-to-configuration
        chmod +x $system/bin/switch-to-configuration
        ln -sfn $system /nix/var/nix/profiles/system";
    for host in lab.hosts() {
        host.sh(deploy).unwrap();
        host.power_cut().unwrap();
        host.boot().unwrap();
        // The profile is not the boot default.
        assert!(!host.has_file("/run/activated").unwrap());
        host.sh("
            mkdir -p /nix/var/nix/gcroots
            ln -sfn $(readlink /nix/var/nix/profiles/system) /nix/var/nix/gcroots/pocket-boot-default
        ").unwrap();
        host.power_cut().unwrap();
        host.boot().unwrap();
        assert_eq!(host.read_file("/run/activated").unwrap(), "test\n");
        assert!(
            host.sh("readlink /run/booted-system")
                .unwrap()
                .ends_with("-system")
        );
    }
}

#[test]
fn a_replaced_host_key_is_another_one() {
    if !e2e_wanted("a_replaced_host_key_is_another_one") {
        return;
    }
    let lab = both();
    for host in lab.hosts() {
        let pinned = lab.home().join("pinned");
        let old = host.public_key().unwrap();
        std::fs::write(&pinned, format!("{} {old}\n", host.name())).unwrap();
        let with_pin = || {
            let pin = format!("UserKnownHostsFile={}", pinned.display());
            lab.controller("ssh")
                .args([
                    "-o",
                    &pin,
                    "-o",
                    "StrictHostKeyChecking=yes",
                    host.name(),
                    "true",
                ])
                .run(SOON)
                .unwrap()
        };
        with_pin().ok().unwrap();
        host.replace_host_key().unwrap();
        assert_ne!(host.public_key().unwrap(), old);
        let refused = with_pin();
        assert!(
            refused
                .stderr
                .contains("REMOTE HOST IDENTIFICATION HAS CHANGED"),
            "{refused:?}"
        );
        // The lab itself knows the new key.
        assert!(answers(&lab, host));
        host.power_cut().unwrap();
        host.boot().unwrap();
        assert!(answers(&lab, host));
    }
}

#[test]
fn nix_on_a_host_can_be_seen() {
    if !e2e_wanted("nix_on_a_host_can_be_seen") {
        return;
    }
    let lab = both();
    for host in lab.hosts() {
        assert_eq!(host.nix_processes(), Vec::<String>::new());
        // Keeps its input open, as a copy under way does.
        let daemon = lab
            .controller("bash")
            .args([
                "-c",
                &format!(
                    "sleep 600 | ssh -F {} {} nix-daemon --stdio",
                    lab.ssh_config().display(),
                    host.name()
                ),
            ])
            .start()
            .unwrap();
        let until = Instant::now() + SOON;
        while !host
            .nix_processes()
            .iter()
            .any(|line| line.contains("nix-daemon --stdio"))
        {
            assert!(Instant::now() < until, "{:?}", host.nix_processes());
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(daemon);
    }
}
