//! Power cuts, boots, going back, and a grace that systemd ends.

use crate::consumers::UNITS;
use crate::operator::{MARKER, Operator, bundle};
use infra_model::bundle::Bundle;
use infra_testkit::{Host, HostKind, Lab, e2e_wanted};
use std::time::{Duration, Instant};

/// What the host boots with: a system of one script, which unpacks secrets by a unit before their consumer starts.
fn install_system(host: Host<'_>) {
    let system = format!(
        r"
mkdir -p /nix/e2e-system/bin /nix/var/nix/gcroots
cat >/nix/e2e-system/bin/switch-to-configuration <<'SYSTEM'
#!/bin/sh
set -eu
cat >/run/systemd/system/infra-secrets.service <<'UNIT'
[Unit]
Before=reader.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/var/lib/infra/agent/current/infra-agent secrets unpack --phase users
ExecStart=/var/lib/infra/agent/current/infra-agent secrets unpack
UNIT
{UNITS}
mkdir -p reader.service.d
printf '[Unit]\nRequires=infra-secrets.service\n' >reader.service.d/secrets.conf
systemctl daemon-reload
systemctl start reader
SYSTEM
chmod +x /nix/e2e-system/bin/switch-to-configuration
ln -sfn /nix/e2e-system /nix/var/nix/gcroots/pocket-boot-default
/nix/e2e-system/bin/switch-to-configuration
"
    );
    host.sh(&system).unwrap();
}

fn sent(db: &str) -> Bundle {
    let mut bundle = bundle("web", &[("db", db)]);
    bundle.secrets[0].units = vec!["reader.service".to_owned()];
    bundle
}

fn reboot(host: Host<'_>) {
    host.power_cut().unwrap();
    host.boot().unwrap();
}

#[test]
fn secrets_survive_power_cuts_and_go_back() {
    if !e2e_wanted("secrets_survive_power_cuts_and_go_back") {
        return;
    }
    let operator = Operator {
        lab: Lab::builder().host("web", HostKind::Systemd).up().unwrap(),
    };
    let web = operator.lab.host("web");
    let got = || web.read_file("/run/reader.got").unwrap();
    operator.receive("web", &sent("1"));
    operator.receive("web", &sent("2"));
    install_system(web);
    assert_eq!(got(), format!("{MARKER}-2"));

    reboot(web);
    assert_eq!(
        got(),
        format!("{MARKER}-2"),
        "unpacked at boot, before its consumer"
    );
    assert_eq!(
        web.sh("findmnt -no FSTYPE /run/infra/secrets.d").unwrap(),
        "ramfs"
    );
    let status = operator.status("web");
    assert_eq!((status.current, status.pending.len()), (Some(2), 0));

    let back = operator.rollback("web", None);
    assert_eq!(
        (back.generation, back.units.restarted.as_slice()),
        (Some(1), &["reader.service".to_owned()][..])
    );
    assert_eq!(got(), format!("{MARKER}-1"));
    reboot(web);
    assert_eq!(got(), format!("{MARKER}-1"), "and it boots with that");
    let forward = operator.rollback("web", Some(2));
    assert_eq!(forward.generation, Some(2));
    assert_eq!(got(), format!("{MARKER}-2"));
    assert_eq!(
        web.sh("systemctl --failed --no-legend --plain").unwrap(),
        ""
    );
}

#[test]
fn systemd_ends_a_grace() {
    if !e2e_wanted("systemd_ends_a_grace") {
        return;
    }
    let operator = Operator {
        lab: Lab::builder().host("web", HostKind::Systemd).up().unwrap(),
    };
    let web = operator.lab.host("web");
    let rotated = |content: &str, grace: u64| {
        let mut bundle = sent(content);
        bundle.secrets[0].grace = Some(grace);
        operator.receive("web", &bundle)
    };
    rotated("1", 600);
    rotated("2", 600);
    assert_eq!(
        web.read_file("/run/infra/secrets/db.previous").unwrap(),
        format!("{MARKER}-1")
    );
    assert_eq!(
        web.sh("systemctl is-active infra-secrets-grace.timer")
            .unwrap(),
        "active"
    );
    // A shorter one takes the place of the one that waits.
    rotated("3", 4);
    assert_eq!(
        web.read_file("/run/infra/secrets/db.previous").unwrap(),
        format!("{MARKER}-2")
    );
    let until = Instant::now() + Duration::from_secs(60);
    while web.has_file("/run/infra/secrets/db.previous").unwrap() {
        assert!(Instant::now() < until, "its grace does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        web.read_file("/run/infra/secrets/db").unwrap(),
        format!("{MARKER}-3")
    );
    assert_eq!(operator.status("web").secrets[0].previous_until, None);
}
