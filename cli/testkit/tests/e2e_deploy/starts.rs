//! Units that were started often lately: systemd refuses to start them again, and neither a deployment nor the way back may fail for that.

use crate::scene::{PLAIN, Scene, WEB, main_pid, systems};
use crate::secrets::Vault;
use infra_testkit::{Host, HostKind, e2e_wanted};

const QUICK: [&str; 3] = ["web", "--confirm-within", "10s"];

fn state(host: Host<'_>, unit: &str) -> String {
    host.sh(&format!(
        "systemctl show -P ActiveState -P Result {unit} | paste -sd' '"
    ))
    .unwrap()
}

fn greeting(host: Host<'_>) -> String {
    host.sh(
        "for try in 1 2 3 4 5; do busybox wget -qO- http://127.0.0.1/ && break; sleep 0.2; done",
    )
    .unwrap()
}

#[test]
fn quick_deployments_are_not_refused_for_each_other() {
    if !e2e_wanted("quick_deployments_are_not_refused_for_each_other") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    // Three starts in an hour are too many for the fourth: as five in ten seconds, on a machine of any speed.
    scene.add(
        WEB,
        "  systemd.services.web.startLimitIntervalSec = 3600; systemd.services.web.startLimitBurst = 3;",
    );
    for number in 1..=6 {
        scene.greet(&format!("Number {number}"));
        let deployed = scene.deploy(&QUICK, 0);
        assert_eq!(deployed.outcome("web"), "changed", "{:#}", deployed.answer);
        assert_eq!(state(scene.web(), "web"), "success active", "{number}");
    }
    assert!(greeting(scene.web()).contains("Number 6"));
    let (old, _) = systems(scene.web());
    // What had failed by itself is still seen to have failed.
    let fell = "systemd-run --quiet --unit=fell --property=RemainAfterExit=no false; \
                for try in 1 2 3 4 5 6 7 8 9; do [ \"$(systemctl is-failed fell)\" = failed ] && break; sleep 0.1; done";
    scene.web().sh(fell).unwrap();

    // The new one falls until it may not be started any more; the old one may. Most of the time it is on its way up, which is no sign that it is well.
    scene.greet("Falls");
    scene.add(
        WEB,
        "  systemd.services.web.preStart = \"${pkgs.busybox}/bin/sleep 1; exit 7\"; systemd.services.web.serviceConfig.RestartSec = \"100ms\";",
    );
    let deployed = scene.deploy(&QUICK, 3);
    deployed.expect_error("probe-failed", "web");
    assert_eq!(deployed.outcome("web"), "rolledBack");
    assert_eq!(systems(scene.web()), (old.clone(), old));
    assert_eq!(state(scene.web(), "web"), "success active");
    assert!(greeting(scene.web()).contains("Number 6"));
    assert_eq!(
        scene
            .web()
            .sh("systemctl --failed --no-legend --plain | cut -d' ' -f1")
            .unwrap()
            .trim(),
        "fell.service"
    );
}

#[test]
fn a_service_that_falls_again_and_again_has_not_come_up() {
    if !e2e_wanted("a_service_that_falls_again_and_again_has_not_come_up") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    let service = |name: &str, runs: &str| {
        format!(
            "  systemd.services.{name} = {{ wantedBy = [ \"multi-user.target\" ]; startLimitIntervalSec = 0; \
             serviceConfig = {{ ExecStart = \"/bin/sh -c '{runs}'\"; Restart = \"always\"; RestartSec = \"300ms\"; }}; }};"
        )
    };
    // One does its work and is started again, for ever. One stumbles once, and stays up.
    scene.add(WEB, &service("polls", "exit 0"));
    let stumbles = "test -e /run/stumbled || { touch /run/stumbled; exit 1; }; exec sleep 1d";
    scene.add(WEB, &service("stumbles", stumbles));
    scene.deploy(&QUICK, 0);
    let (old, _) = systems(scene.web());
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    let refused = |service: &str, why: &str| {
        scene.add(WEB, service);
        let deployed = scene.deploy(&QUICK, 3);
        deployed.expect_error("probe-failed", "web");
        let error = deployed.error().to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(deployed.outcome("web"), "rolledBack");
        assert_eq!(systems(scene.web()), (old.clone(), old.clone()));
        scene.repo.write(WEB, &good).unwrap();
    };
    let falls = service("falls", "exit 1");
    refused(&falls, "fall again and again: falls.service");
    // It has come up when the activation ends, and is never started again.
    let brief = service("brief", "sleep 0.6; exit 1").replace("always", "no");
    refused(&brief, "failed: brief.service");
}

#[test]
fn what_ran_before_runs_again() {
    if !e2e_wanted("what_ran_before_runs_again") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    // Nothing wants it: a person has started it.
    let by_hand = |text: &str| {
        format!(
            "  systemd.services.by-hand = {{ serviceConfig.ExecStart = \"${{pkgs.busybox}}/bin/busybox {text}\"; }};"
        )
    };
    scene.add(WEB, &by_hand("sleep 1d"));
    scene.deploy(&["web"], 0);
    scene.web().sh("systemctl start by-hand").unwrap();
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    let bad = good.replace("busybox sleep 1d", "busybox false");
    assert_ne!(good, bad);
    scene.repo.write(WEB, &bad).unwrap();
    let deployed = scene.deploy(&["web"], 3);
    deployed.expect_error("probe-failed", "web");
    assert_eq!(deployed.outcome("web"), "rolledBack");
    main_pid(scene.web(), "by-hand");
    let failed = scene
        .web()
        .sh("systemctl --failed --no-legend --plain")
        .unwrap();
    assert_eq!(failed.trim(), "");
}

#[test]
fn a_consumer_that_fell_for_its_secret_runs_again() {
    if !e2e_wanted("a_consumer_that_fell_for_its_secret_runs_again") {
        return;
    }
    let vault = Vault::new();
    // It does not start with this secret, whatever else.
    vault
        .repo
        .edit("hosts/app/configuration.nix", |text| {
            let end = text.rfind('}').unwrap();
            format!(
                "{}  systemd.services.page.preStart = \"if grep -rq wrong \\\"$CREDENTIALS_DIRECTORY\\\"; then exit 7; fi\";\n\
                 \x20 systemd.services.page.startLimitIntervalSec = 3600; systemd.services.page.startLimitBurst = 2;\n}}\n",
                &text[..end]
            )
        })
        .unwrap();
    let probe = "{ infra.probes.page.within = \"3s\"; }\n";
    vault.repo.write("hosts/app/contract.nix", probe).unwrap();
    let token = vault.file("page-token", "right");
    let password = vault.file("db-password", "password");
    let given = ["--secret-file", &token, "--secret-file", &password];
    vault.deploy(&[&["--all"], &given[..]].concat(), 0);
    let app = vault.lab.host("app");
    for content in ["right 2", "right 3", "right 4"] {
        vault.file("page-token", content);
        let deployed = vault.deploy(&[&["app"], &given[..]].concat(), 0);
        assert_eq!(
            deployed.steps("app"),
            ["evaluate", "survey", "seal", "activate", "confirm"]
        );
    }
    vault.file("page-token", "wrong");
    let deployed = vault.deploy(&[&["app"], &given[..]].concat(), 3);
    deployed.expect_error("probe-failed", "app");
    assert_eq!(deployed.outcome("app"), "rolledBack");
    assert_eq!(
        app.sh("cat /run/infra/secrets/page-token").unwrap(),
        "right 4"
    );
    main_pid(app, "page");
    assert_eq!(state(app, "page"), "success active");
}
