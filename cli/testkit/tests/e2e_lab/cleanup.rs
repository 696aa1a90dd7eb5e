//! Whatever happens to the owner of a lab, the machine is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{SOON, assert_nothing_left, leftovers, ssh};
use infra_testkit::{Finished, HostKind, Lab, Run, Running, Signal, Store, e2e_wanted, process};

const PLAIN: HostKind = HostKind::Plain(Store::Dir);

fn infra_lab(words: &[&str]) -> std::process::Command {
    let mut command = process(env!("CARGO_BIN_EXE_infra-lab"));
    for variable in ["INFRA_LAB", "INFRA_NIX_PREFIX", "HOME", "XDG_CACHE_HOME"] {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    command.args(words);
    command
}

fn in_own_mount_namespace(command: &std::process::Command) -> std::process::Command {
    let mut outer = process("unshare");
    outer.args(["--mount", "--propagation", "private", "--"]);
    outer.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            outer.env(name, value);
        }
    }
    outer
}

fn sweep() -> Finished {
    infra_lab(&["sweep"]).run(SOON).unwrap().ok().unwrap()
}

/// The start of the tags of all labs of a process.
fn tag_of(running: &Running) -> String {
    format!("lab{}x", running.id())
}

#[test]
fn a_killed_owner_leaves_nothing_that_a_sweep_does_not_remove() {
    if !e2e_wanted("a_killed_owner_leaves_nothing_that_a_sweep_does_not_remove") {
        return;
    }
    let hosts = ["up", "web", "db:plain", "disk:plain,ext4=20"];
    // From its first steps to a finished lab. A whole `up` takes 0.4 s on a quiet machine.
    let moments = [5, 20, 40, 60, 90, 120, 160, 200, 250, 300, 400, 600];
    kill_the_owner_at(&hosts, &moments);
}

#[test]
fn a_killed_owner_of_a_machine_leaves_nothing_either() {
    if !e2e_wanted("a_killed_owner_of_a_machine_leaves_nothing_either") {
        return;
    }
    // While Nix is asked for the system, while the disk is made, while the machine boots.
    let moments = [100, 300, 600, 1000, 1500, 2500, 5000];
    kill_the_owner_at(&["up", "m:machine"], &moments);
}

fn kill_the_owner_at(hosts: &[&str], moments: &[u64]) {
    let mut with_leftovers = 0;
    for (number, milliseconds) in moments.iter().enumerate() {
        // Every second owner is in a mount namespace of its own, as under `checks/with-store`.
        let mut owner = infra_lab(hosts);
        if number % 2 == 1 {
            owner = in_own_mount_namespace(&owner);
        }
        let running = owner.start().unwrap();
        let tag = tag_of(&running);
        std::thread::sleep(Duration::from_millis(*milliseconds));
        running.signal(Signal::KILL).unwrap();
        running.wait(SOON).unwrap();
        with_leftovers += usize::from(!leftovers(&tag).is_empty());
        sweep();
        // At once: what only comes to its own end later was not swept.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(leftovers(&tag), [""; 0], "after {milliseconds} ms");
    }
    println!(
        "{with_leftovers} of {} kills left something to sweep",
        moments.len()
    );
    assert!(
        with_leftovers > moments.len() / 2,
        "the kills came too early to show anything"
    );
}

#[test]
fn the_next_lab_sweeps_before_it_starts() {
    if !e2e_wanted("the_next_lab_sweeps_before_it_starts") {
        return;
    }
    let running = infra_lab(&["up", "web", "db:plain"]).start().unwrap();
    let tag = tag_of(&running);
    running
        .wait_for_line(SOON, |line| line.contains("Ctrl-C"))
        .unwrap();
    running.signal(Signal::KILL).unwrap();
    running.wait(SOON).unwrap();
    assert!(!leftovers(&tag).is_empty());
    let next = Lab::builder().host("next", PLAIN).up().unwrap();
    assert_nothing_left(&tag);
    next.down().unwrap();
}

#[test]
fn a_sweep_leaves_the_living_alone() {
    if !e2e_wanted("a_sweep_leaves_the_living_alone") {
        return;
    }
    let lab = Lab::builder()
        .host("web", HostKind::Systemd)
        .host("db", PLAIN)
        .up()
        .unwrap();
    let said = sweep();
    assert!(
        said.stdout
            .contains(&format!("lab {} is in use", lab.tag())),
        "{said:?}"
    );
    for host in lab.hosts() {
        assert_eq!(ssh(&lab, host.name(), "hostname").text(), host.name());
    }
}

#[test]
fn ctrl_c_and_termination_take_the_lab_down() {
    if !e2e_wanted("ctrl_c_and_termination_take_the_lab_down") {
        return;
    }
    for (signal, early) in [
        (Signal::INT, false),
        (Signal::TERM, false),
        (Signal::INT, true),
    ] {
        let running = infra_lab(&["up", "web", "db:plain"]).start().unwrap();
        let tag = tag_of(&running);
        if early {
            std::thread::sleep(Duration::from_millis(100));
        } else {
            running
                .wait_for_line(SOON, |line| line.contains("Ctrl-C"))
                .unwrap();
        }
        running.signal(signal).unwrap();
        let finished = running.wait(SOON).unwrap();
        assert_eq!(finished.code(), Some(0), "{finished:?}");
        assert!(
            finished.stdout.ends_with("Everything is gone again.\n"),
            "{finished:?}"
        );
        assert_nothing_left(&tag);
    }
}

#[test]
fn a_failing_test_takes_its_lab_down() {
    if !e2e_wanted("a_failing_test_takes_its_lab_down") {
        return;
    }
    let lab = Lab::builder()
        .host("web", HostKind::Systemd)
        .host("db", PLAIN)
        .up()
        .unwrap();
    let tag = lab.tag().to_owned();
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let session = lab.ssh("web").arg("sleep 600").start().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(lab.host("db").address(), "wrong", "as tests do");
        drop(session);
    }));
    assert!(caught.is_err());
    assert_nothing_left(&tag);
}

#[test]
fn a_lab_that_cannot_come_up_leaves_nothing() {
    if !e2e_wanted("a_lab_that_cannot_come_up_leaves_nothing") {
        return;
    }
    // 1 MiB is too small for a file system, so one of two hosts fails after much has been made.
    let running = infra_lab(&["up", "web", "tiny:plain,ext4=0"])
        .start()
        .unwrap();
    let tag = tag_of(&running);
    let finished = running.wait(SOON).unwrap();
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("host `tiny` did not come up"),
        "{finished:?}"
    );
    assert!(finished.stderr.contains("mkfs.ext4"), "{finished:?}");
    assert_nothing_left(&tag);
}

#[test]
fn no_process_of_a_lab_is_left_unwaited_for() {
    if !e2e_wanted("no_process_of_a_lab_is_left_unwaited_for") {
        return;
    }
    let lab = Lab::builder()
        .host("web", HostKind::Systemd)
        .host("db", PLAIN)
        .up()
        .unwrap();
    let pids: Vec<String> = [
        "hosts/web/supervisor",
        "hosts/db/supervisor",
        "controller/holder",
    ]
    .iter()
    .map(|file| fs::read_to_string(lab.folder().join(file)).unwrap())
    .map(|text| text.split_once(' ').unwrap().0.to_owned())
    .collect();
    lab.down().unwrap();
    for pid in pids {
        assert!(
            !Path::new("/proc").join(&pid).exists(),
            "{pid} is left as a zombie"
        );
    }
}

#[test]
fn the_machines_own_files_and_network_are_untouched() {
    if !e2e_wanted("the_machines_own_files_and_network_are_untouched") {
        return;
    }
    // As process 1 sees them: this test may itself run where another folder is mounted over /nix.
    let listing = |folder: &str| listing(&format!("/proc/1/root{folder}"));
    let links = || fs::read_to_string("/proc/net/dev").unwrap().lines().count();
    let before = (
        listing("/etc"),
        listing("/nix"),
        listing("/root/.ssh"),
        links(),
    );
    let lab = Lab::builder()
        .host("web", HostKind::Systemd)
        .host("db", PLAIN)
        .up()
        .unwrap();
    let during = (
        listing("/etc"),
        listing("/nix"),
        listing("/root/.ssh"),
        links(),
    );
    assert_eq!(during, before);
    ssh(&lab, "web", "nix store info; touch /etc/changed")
        .ok()
        .unwrap();
    let store = lab
        .controller("nix")
        .args(["store", "add-file", "/etc/hostname"])
        .run(SOON)
        .unwrap();
    store.ok().unwrap();
    lab.host("db").power_cut().unwrap();
    lab.down().unwrap();
    let after = (
        listing("/etc"),
        listing("/nix"),
        listing("/root/.ssh"),
        links(),
    );
    assert_eq!(after, before);
}

/// Every file below a folder with size, time of change and inode: what any write would alter.
fn listing(folder: &str) -> BTreeMap<PathBuf, (u64, i64, i64, u64)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                folders.push(entry.path());
            }
            let state = (meta.size(), meta.ctime(), meta.ctime_nsec(), meta.ino());
            files.insert(entry.path(), state);
        }
    }
    files
}

#[test]
fn twenty_labs_in_a_row_leave_the_machine_as_it_was() {
    if !e2e_wanted("twenty_labs_in_a_row_leave_the_machine_as_it_was") {
        return;
    }
    let begun = Instant::now();
    for _ in 0..20 {
        let lab = Lab::builder()
            .host("web", HostKind::Systemd)
            .host("db", PLAIN)
            .up()
            .unwrap();
        let tag = lab.tag().to_owned();
        lab.down().unwrap();
        assert_nothing_left(&tag);
    }
    println!("20 labs of 2 hosts in {:.1?}", begun.elapsed());
}
