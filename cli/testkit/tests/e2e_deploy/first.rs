//! The first system of a host fails: there is nothing to go back to, which is told, and is no way back that failed.

use crate::scene::{PLAIN, Scene, WEB, systems};
use infra_testkit::{HostKind, e2e_wanted};

const CONTRACT: &str = "hosts/web/contract.nix";

fn with_gone(scene: &Scene) {
    let probe = "{ infra.probes.gone = { file = \"/no/such\"; within = \"1s\"; }; }\n";
    scene.repo.write(CONTRACT, probe).unwrap();
}

#[test]
fn a_first_system_that_does_not_prove_itself() {
    if !e2e_wanted("a_first_system_that_does_not_prove_itself") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    with_gone(&scene);
    for again in [false, true] {
        let told = scene.deploy(&["web"], 3);
        told.expect_error("probe-failed", "web");
        let cause = told.error()["cause"].as_str().unwrap();
        if again {
            // Now there was one before it: the same one.
            assert_eq!(told.outcome("web"), "rolledBack");
        } else {
            assert_eq!(told.outcome("web"), "failed");
            assert!(
                cause.contains("it was the first system of the host"),
                "{cause}"
            );
            assert!(
                cause.contains("nothing was made the boot default"),
                "{cause}"
            );
        }
        let (runs, boots) = systems(scene.web());
        assert!(runs.starts_with("/nix/store/"), "{runs}");
        assert!(!boots.starts_with("/nix/store/"), "{boots}");
        assert!(
            !scene
                .web()
                .has_file("/nix/var/nix/gcroots/pocket-boot-default")
                .unwrap(),
            "it boots what it was"
        );
    }
    // It runs it already, and has to prove itself all the same.
    let told = scene.deploy(&["web"], 3);
    told.expect_error("probe-failed", "web");
    let human = scene.infra(&["deploy", "web", "--dry-run"]);
    assert!(
        human.stderr.contains("has not proven itself")
            || human.stdout.contains("has not proven itself"),
        "{}{}",
        human.stdout,
        human.stderr
    );
    scene.repo.remove(CONTRACT).unwrap();
    let told = scene.deploy(&["web"], 0);
    assert_eq!(
        told.steps("web"),
        [
            "evaluate", "survey", "build", "copy", "activate", "confirm", "commit"
        ]
    );
    let (runs, boots) = systems(scene.web());
    assert_eq!(runs, boots);
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}

#[test]
fn the_first_secrets_go_away_with_a_first_system_that_nobody_confirms() {
    if !e2e_wanted("the_first_secrets_go_away_with_a_first_system_that_nobody_confirms") {
        return;
    }
    let scene = Scene::plain();
    let contract = "{ infra.secrets.token = { }; }\n";
    scene.repo.write(CONTRACT, contract).unwrap();
    scene.add(
        WEB,
        "  system.activationScripts.lonely.text = \"rm -f /run/sshd.pid; ${pkgs.busybox}/bin/busybox ip link set eth0 down\";",
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cr3t").unwrap();
    let given = format!("token={}", file.path().display());
    let words = ["web", "--confirm-within", "2s", "--secret-file", &given];
    let mut all = vec!["deploy", "--json"];
    all.extend(words);
    let running = infra_testkit::Run::start(&mut scene.command(&all)).unwrap();
    // It takes its secrets away by itself; then somebody comes with a cable.
    let agent = "/var/lib/infra/agent/current/infra-agent";
    let over = format!("{agent} change status | grep -q '\"phase\":\"ended\"'");
    scene
        .web()
        .sh(&format!("for try in $(seq 300); do {over} && break; sleep 0.1; done; {over}; ip link set eth0 up"))
        .unwrap();
    let finished = running.wait(crate::scene::SOON).unwrap();
    let told = crate::scene::Deployed::read(&finished);
    told.expect_error("unconfirmed", "web");
    assert_eq!(told.outcome("web"), "failed");
    let cause = told.error()["cause"].as_str().unwrap();
    assert!(
        cause.contains("its secrets were taken away again"),
        "{cause}"
    );
    let left = scene
        .web()
        .sh("ls -A /var/lib/infra/secrets /run/infra/secrets /run/infra/secrets.d 2>/dev/null || true")
        .unwrap();
    assert!(!left.contains(".age") && !left.contains("token"), "{left}");
}
