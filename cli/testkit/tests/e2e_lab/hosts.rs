//! Hosts come up, are what they seem, and go; the operator's machine is private.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::support::{SOON, assert_nothing_left, operator, ssh};
use infra_testkit::{HostConfig, HostKind, Lab, Run, Signal, Store, e2e_wanted};

const PLAIN: HostKind = HostKind::Plain(Store::Dir);
const BOTH: [HostKind; 2] = [PLAIN, HostKind::Systemd];

fn lab_of(count: usize, config: impl Into<HostConfig>) -> Lab {
    let config = config.into();
    (0..count)
        .fold(Lab::builder(), |lab, number| {
            lab.host(&format!("h{number}"), config.clone())
        })
        .up()
        .unwrap()
}

#[test]
fn hosts_come_up_answer_by_name_and_go() {
    if !e2e_wanted("hosts_come_up_answer_by_name_and_go") {
        return;
    }
    for kind in BOTH {
        for count in [1, 2, 8] {
            let begun = Instant::now();
            let lab = lab_of(count, kind);
            let up = begun.elapsed();
            for host in lab.hosts() {
                let answer = ssh(&lab, host.name(), "hostname; nix --version")
                    .ok()
                    .unwrap();
                let expected = format!("{}\nnix (Nix) ", host.name());
                assert!(answer.stdout.starts_with(&expected), "{answer:?}");
            }
            let tag = lab.tag().to_owned();
            let begun = Instant::now();
            lab.down().unwrap();
            println!(
                "{count} x {kind:?}: up {up:.2?}, down {:.2?}",
                begun.elapsed()
            );
            assert_nothing_left(&tag);
        }
    }
}

#[test]
fn logins_are_counted() {
    if !e2e_wanted("logins_are_counted") {
        return;
    }
    for kind in BOTH {
        let lab = lab_of(1, kind);
        let host = lab.host("h0");
        let before = host.logins().unwrap();
        for _ in 0..2 {
            ssh(&lab, "h0", "true").ok().unwrap();
        }
        assert_eq!(host.logins().unwrap() - before, 2, "{kind:?}");
    }
}

#[test]
fn a_systemd_host_is_healthy_and_reboots() {
    if !e2e_wanted("a_systemd_host_is_healthy_and_reboots") {
        return;
    }
    let lab = lab_of(1, HostKind::Systemd);
    let host = lab.host("h0");
    assert_eq!(host.sh("systemctl is-system-running").unwrap(), "running");
    assert_eq!(host.sh("cat /proc/1/comm").unwrap(), "systemd");
    host.sh("systemd-run --wait --quiet touch /nix/by-a-unit")
        .unwrap();
    let boot =
        |host: infra_testkit::Host<'_>| host.sh("cat /proc/sys/kernel/random/boot_id").unwrap();
    let before = boot(host);
    ssh(&lab, "h0", "systemctl reboot");
    let until = Instant::now() + SOON;
    // Between the boots there is nothing to enter, or something that is just going down.
    while host
        .sh("cat /proc/sys/kernel/random/boot_id")
        .map_or(true, |id| id == before)
    {
        assert!(Instant::now() < until, "the host does not come back");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    while !ssh(&lab, "h0", "test -e /nix/by-a-unit").status.success() {
        assert!(Instant::now() < until, "sshd does not come back");
    }
    assert_ne!(boot(host), before);
}

#[test]
fn each_host_has_its_own_world() {
    if !e2e_wanted("each_host_has_its_own_world") {
        return;
    }
    let lab = Lab::builder()
        .host("web", HostKind::Systemd)
        .host("db", PLAIN)
        .up()
        .unwrap();
    let (web, db) = (lab.host("web"), lab.host("db"));
    web.sh("touch /nix/mine /tmp/mine /etc/mine").unwrap();
    for file in ["/nix/mine", "/tmp/mine", "/etc/mine"] {
        assert!(
            web.has_file(file).unwrap() && !db.has_file(file).unwrap(),
            "{file}"
        );
    }
    let seen = |what: &str| {
        [
            web.sh(what).unwrap(),
            db.sh(what).unwrap(),
            operator(&lab, what).text().to_owned(),
        ]
        .into_iter()
        .collect::<BTreeSet<_>>()
        .len()
    };
    assert_eq!(seen("cat /proc/sys/kernel/random/boot_id"), 3);
    assert_eq!(seen("readlink /proc/self/ns/net"), 3);
    assert_eq!(
        [seen("cat /etc/machine-id || echo"), seen("hostname")],
        [3, 3]
    );
    // Each is the master of its own network: firewalls and addresses can be set.
    for host in [web, db] {
        host.sh("ip address add 192.0.2.1/32 dev lo").unwrap();
    }
    // They reach each other, and nothing else: there is no way out of the lab.
    let address = db.address();
    web.sh(&format!("bash -c 'exec 3<>/dev/tcp/{address}/22'"))
        .unwrap();
    assert_eq!(web.sh("ip route").unwrap().lines().count(), 1);
    assert_eq!(operator(&lab, "ip route").text().lines().count(), 1);
}

#[test]
fn the_operators_machine_is_private() {
    if !e2e_wanted("the_operators_machine_is_private") {
        return;
    }
    let lab = Lab::builder()
        .host("web", PLAIN)
        .bin_dir("/opt/some/bin")
        .up()
        .unwrap();
    let text = |script: &str| operator(&lab, script).ok().unwrap().text().to_owned();
    assert_eq!(
        text("getent hosts web"),
        format!("{:<15} web", lab.host("web").address())
    );
    assert_eq!(text("echo $HOME"), lab.home().display().to_string());
    assert!(text("echo $PATH").contains("/opt/some/bin"));
    assert!(text("nix --version").starts_with("nix (Nix) "));
    assert_eq!(text("env | grep -c CARGO || true"), "0");
    // Its own configuration of ssh has the lab's key, and trusts no host by itself.
    let key = lab.client_key().display().to_string();
    assert!(text("ssh -G web").contains(&format!("identityfile {key}")));
    assert_ne!(
        operator(&lab, "ssh -o BatchMode=yes web true").code(),
        Some(0)
    );
    // A file in its /nix is in the lab's store and not on the machine.
    text("touch /nix/operator-was-here && rm /nix/operator-was-here");
    let store = operator(&lab, "stat -c %i /nix").text().to_owned();
    let machine = infra_testkit::process("stat")
        .args(["-c", "%i", "/proc/1/root/nix"])
        .run(SOON)
        .unwrap();
    assert_ne!(store, machine.text());
}

#[test]
fn programs_on_the_operators_machine_keep_folder_input_signals_and_status() {
    if !e2e_wanted("programs_on_the_operators_machine_keep_folder_input_signals_and_status") {
        return;
    }
    let lab = lab_of(1, PLAIN);
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("here"), "input").unwrap();
    let input = std::fs::File::open(temp.path().join("here")).unwrap();
    let finished = lab
        .controller("bash")
        .args(["-c", "pwd; cat; cat here; echo $NAME; exit 5"])
        .current_dir(temp.path())
        .env("NAME", "value")
        .stdin(input)
        .run(SOON)
        .unwrap();
    let expected = format!("{}\ninputinputvalue\n", temp.path().display());
    assert_eq!((finished.code(), finished.stdout), (Some(5), expected));

    let script = "trap 'exit 9' INT; echo ready; while :; do sleep 0.02; done";
    let running = lab.controller("bash").args(["-c", script]).start().unwrap();
    running.wait_for_line(SOON, |line| line == "ready").unwrap();
    running.signal(Signal::INT).unwrap();
    assert_eq!(running.wait(SOON).unwrap().code(), Some(9));
}

#[test]
fn hosts_build_in_a_sandbox_and_check_signatures() {
    if !e2e_wanted("hosts_build_in_a_sandbox_and_check_signatures") {
        return;
    }
    let lab = Lab::builder()
        .host("web", HostKind::Systemd)
        .host("db", PLAIN)
        .host("lax", HostConfig::from(PLAIN).accepts_unsigned())
        .up()
        .unwrap();
    let derivation = r#"derivation { name = "n"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "ls / > $out" ]; }"#;
    let build = format!("nix build --impure --no-link --print-out-paths --expr '{derivation}'");
    for host in lab.hosts() {
        let path = host.sh(&build).unwrap();
        let seen = host.read_file(&path).unwrap();
        assert!(
            seen.contains("build") && !seen.contains("root"),
            "no sandbox: {seen}"
        );
    }
    let unique = derivation.replace("\"n\"", &format!("\"n-{}\"", lab.tag()));
    let build = format!("nix build --impure --no-link --print-out-paths --expr '{unique}'");
    let path = operator(&lab, &build).ok().unwrap().text().to_owned();
    let options = format!("-F {}", lab.ssh_config().display());
    let copy = |host: &str| {
        let script = format!("NIX_SSHOPTS='{options}' nix copy --to ssh-ng://root@{host} {path}");
        operator(&lab, &script)
    };
    for strict in ["web", "db"] {
        let refused = copy(strict);
        assert!(
            refused
                .stderr
                .contains("lacks a signature by a trusted key"),
            "{refused:?}"
        );
        assert!(!lab.host(strict).has_file(&path).unwrap());
    }
    copy("lax").ok().unwrap();
    assert!(lab.host("lax").has_file(&path).unwrap());
}

#[test]
fn a_host_without_nix_has_none() {
    if !e2e_wanted("a_host_without_nix_has_none") {
        return;
    }
    let lab = BOTH
        .iter()
        .enumerate()
        .fold(Lab::builder(), |lab, (number, kind)| {
            lab.host(&format!("h{number}"), HostConfig::from(*kind).without_nix())
        })
        .up()
        .unwrap();
    for host in lab.hosts() {
        let answer = ssh(&lab, host.name(), "nix-store --version");
        assert_eq!(answer.code(), Some(127), "{answer:?}");
        assert!(!host.has_file("/nix/store").unwrap());
    }
}

#[test]
fn labs_live_side_by_side() {
    if !e2e_wanted("labs_live_side_by_side") {
        return;
    }
    let labs = [lab_of(2, PLAIN), lab_of(2, HostKind::Systemd)];
    assert_ne!(labs[0].tag(), labs[1].tag());
    for (number, lab) in labs.iter().enumerate() {
        lab.host("h0")
            .sh(&format!("echo {number} > /nix/number"))
            .unwrap();
    }
    for (number, lab) in labs.iter().enumerate() {
        assert_eq!(ssh(lab, "h0", "cat /nix/number").text(), number.to_string());
    }
    let [first, second] = labs;
    let tag = first.tag().to_owned();
    first.down().unwrap();
    assert_nothing_left(&tag);
    assert_eq!(ssh(&second, "h1", "hostname").text(), "h1");
}
