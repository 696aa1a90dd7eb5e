//! Builds and copies that fail.

use super::*;
use crate::nix::store_faults::{build, builder, copy};
use infra_model::StorePath;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

#[test]
fn a_failed_build_names_what_failed_and_shows_its_last_lines() {
    let path = |name: &str| format!("/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}");
    let mut log = Log::default();
    for line in ["checking for cc... no", "the compiler says no"] {
        log.read(&format!(
            "@nix {}",
            serde_json::json!({"action": "result", "id": 7, "type": 101, "fields": [line]})
        ));
    }
    for (drv, reason) in [
        ("broken.drv", "builder failed with exit code 7"),
        ("system.drv", "1 dependency failed"),
    ] {
        let text = format!(
            "Cannot build '{}'.\nReason: {reason}.\nOutput paths:\n  x",
            path(drv)
        );
        log.read(&message(&text, None, &[]));
    }
    let drv = StorePath::parse(&path("system.drv")).expect("a store path");
    insta::assert_snapshot!(tell(&build(&drv, &log, ExitStatus::from_raw(256))), @"
    [build-failed] broken does not build
    at  | 
    checking for cc... no
    the compiler says no
    Reason: builder failed with exit code 7.
    fix: read the whole log: nix log /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-broken.drv
    ");
}

/// As Nix 2.34 says it where it has a daemon.
#[test]
fn a_builder_that_the_daemon_does_not_use_is_told() {
    let url = "ssh-ng://10.0.0.3?remote-program=/usr/bin/nix-daemon";
    let nothing = "Cannot build '/nix/store/mh3rz2qzm0lrcxk22g2b1kifak7q2nj9-x.drv'.\nReason: local builds are disabled (max-jobs = 0)";
    let told = [
        "warning: ignoring the client-specified setting 'builders', because it is a restricted setting and you are not a trusted user",
        "cannot build on 'ssh-ng://10.0.0.3': error: failed to start SSH connection to '10.0.0.3'",
    ]
    .map(|why| {
        let mut log = Log::default();
        for text in [why, nothing] {
            log.read(&message(text, None, &[]));
        }
        tell(&builder(url, &log).expect("a fault"))
    });
    insta::assert_snapshot!(told.join("\n\n"), @r#"
    [no-builder] this machine's Nix does not build on 10.0.0.3
    at  | 
    warning: ignoring the client-specified setting 'builders', because it is a restricted setting and you are not a trusted user
    Cannot build '/nix/store/mh3rz2qzm0lrcxk22g2b1kifak7q2nj9-x.drv'.
    Reason: local builds are disabled (max-jobs = 0)
    fix: add yourself to trusted-users in the nix.conf of this machine (on NixOS: nix.settings.trusted-users); `build = "local"` or `build = "target"` in host.toml needs none

    [no-builder] this machine's Nix does not build on 10.0.0.3
    at  | 
    cannot build on 'ssh-ng://10.0.0.3': error: failed to start SSH connection to '10.0.0.3'
    Cannot build '/nix/store/mh3rz2qzm0lrcxk22g2b1kifak7q2nj9-x.drv'.
    Reason: local builds are disabled (max-jobs = 0)
    fix: if Nix has a daemon on this machine, let its root log in to 10.0.0.3 without being asked (`sudo ssh 10.0.0.3` shows what is missing), or run infra as root; `build = "local"` or `build = "target"` in host.toml needs none
    "#);
    let mut log = Log::default();
    log.read(&message("builder failed with exit code 7", None, &[]));
    assert!(builder(url, &log).is_none(), "it did build there");
}

#[test]
fn copies_and_builds_fail_in_known_ways() {
    let path =
        StorePath::parse("/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-nixos-system-web-1.drv")
            .expect("a store path");
    let complaints = [
        "error: writing to file: No space left on device",
        "error: setting journal mode: database or disk is full",
        "cannot add path '/nix/store/x' because it lacks a signature by a trusted key",
        "bash: line 1: nix-daemon: command not found",
        "error: Nix daemon disconnected unexpectedly (maybe it crashed?)",
        "something new",
    ];
    let mut told = Vec::new();
    for complaint in complaints {
        let mut log = Log::default();
        log.read(complaint);
        let fault = copy(&path, &log, ExitStatus::from_raw(256));
        told.push(format!("copy [{}] {}", fault.code.name(), fault.title));
        let fault = build(&path, &log, ExitStatus::from_raw(256));
        told.push(format!("build [{}] {}", fault.code.name(), fault.title));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    copy [disk-full] the disk of the host is full
    build [disk-full] the disk of this machine is full
    copy [disk-full] the disk of the host is full
    build [disk-full] the disk of this machine is full
    copy [untrusted-user] the host's Nix takes no unsigned paths from root
    build [build-failed] nixos-system-web-1 does not build
    copy [no-nix-on-host] there is no Nix on the host
    build [build-failed] nixos-system-web-1 does not build
    copy [connection-lost] the connection broke while copying
    build [build-failed] nixos-system-web-1 does not build
    copy [copy-failed] nixos-system-web-1.drv could not be copied
    build [build-failed] nixos-system-web-1 does not build
    ");
}
