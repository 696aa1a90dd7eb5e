//! A host that is a machine: it boots as a computer does, and is handled like every other host.

use std::time::Instant;

use crate::support::{assert_nothing_left, ssh};
use infra_testkit::{HostKind, Lab, e2e_wanted};

#[test]
fn a_machine_boots_reboots_and_loses_its_power() {
    if !e2e_wanted("a_machine_boots_reboots_and_loses_its_power") {
        return;
    }
    let begun = Instant::now();
    let lab = Lab::builder().host("m", HostKind::Machine).up().unwrap();
    println!("a machine is up after {:.1?}", begun.elapsed());
    let host = lab.host("m");
    let answer = ssh(&lab, "m", "nix --version").ok().unwrap();
    assert!(answer.stdout.starts_with("nix (Nix) "), "{answer:?}");
    let words = ["printf", "<%s>", "a b", "$HOME", "it's", "two\nlines"];
    assert_eq!(
        host.exec(&words).unwrap().stdout,
        "<a b><$HOME><it's><two\nlines>"
    );
    assert!(host.has_file("/sys/firmware/efi/efivars").unwrap());
    assert!(host.console().contains("stage 2: starting systemd"));

    // What was flushed outlives a power cut; what was not may not.
    host.sh("echo kept > /root/kept; sync").unwrap();
    let first = host.boot_id().unwrap();
    host.power_cut().unwrap();
    assert!(!host.is_on());
    assert!(
        host.exec(&["true"])
            .unwrap_err()
            .to_string()
            .contains("switched off")
    );
    let begun = Instant::now();
    host.boot().unwrap();
    println!("it boots in {:.1?}", begun.elapsed());
    assert_eq!(host.read_file("/root/kept").unwrap(), "kept\n");
    let second = host.boot_id().unwrap();
    assert_ne!(first, second);

    host.partition().unwrap();
    assert_ne!(ssh(&lab, "m", "true").code(), Some(0));
    host.heal().unwrap();
    ssh(&lab, "m", "true").ok().unwrap();

    // The boot loader is asked for another entry once. (That it forgets it is seen where deployments are booted once.)
    host.sh("cd /boot/loader/entries
         sed 's/^options .*/& asked-for-once/' nixos-generation-1.conf > once.conf
         bootctl set-oneshot once.conf
         systemctl reboot")
        .unwrap();
    let begun = Instant::now();
    host.wait_for_another_boot(&second).unwrap();
    println!("it reboots in {:.1?}", begun.elapsed());
    let line = host.read_file("/proc/cmdline").unwrap();
    assert!(line.contains("asked-for-once"), "{line}");

    let tag = lab.tag().to_owned();
    lab.down().unwrap();
    assert_nothing_left(&tag);
}
