//! Builds and copies that fail.

use super::*;
use crate::nix::store_faults::{build, copy};
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
    copy [untrusted-user] the host's Nix does not trust the user we log in as
    build [build-failed] nixos-system-web-1 does not build
    copy [no-nix-on-host] there is no Nix on the host
    build [build-failed] nixos-system-web-1 does not build
    copy [connection-lost] the connection broke while copying
    build [build-failed] nixos-system-web-1 does not build
    copy [copy-failed] nixos-system-web-1.drv could not be copied
    build [build-failed] nixos-system-web-1 does not build
    ");
}
