//! Changes on real hosts, with systemd and without: what is confirmed stays, everything else is undone, whoever can be reached.

use crate::operator::{MARKER, Operator, SOON, bundle};
use infra_model::change::{
    CHANGE_SCHEMA, ChangeEnd, ChangePhase, ChangeStatus, Expected, Intent, Limits, Order, Target,
};
use infra_model::contract::Probe;
use infra_model::{Code, Diagnostic, Goal, HostName, NeedName, StorePath};
use infra_testkit::{Host, HostKind, Lab, Store, e2e_wanted};
use serde_json::json;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// A system of one script: it has a unit where there is a systemd, and goes wrong in the way it was made for.
const SYSTEM: &str = r#"#!/bin/sh
set -eu
system=${0%/bin/*}
case $1 in
  boot) mkdir -p /nix/var/nix/gcroots; ln -sfn "$system" /nix/var/nix/gcroots/pocket-boot-default ;;
  test)
    case $system in *-hangs) (while :; do sleep 1; : hanging; done) & sleep 600 ;; esac
    if [ -d /run/systemd/system ]; then
      code=0
      case $system in *-breaks) code=1 ;; esac
      cat >/run/systemd/system/web.service <<UNIT
[Unit]
DefaultDependencies=no
[Service]
Type=exec
ExecStart=/bin/sh -c "[ $code = 0 ] && exec sleep infinity; exit 1"
UNIT
      systemctl daemon-reload
      systemctl reset-failed web || true
      systemctl restart web || true
    fi
    umask >/run/umask
    ln -sfn "$system" /run/current-system ;;
esac
"#;

/// Systems in the store of a host; it runs and boots `good`.
fn install(host: Host<'_>) -> BTreeMap<&'static str, StorePath> {
    let mut systems = BTreeMap::new();
    for name in ["good", "better", "hangs", "breaks"] {
        let script = format!(
            "mkdir -p /tmp/{name}/bin; cat >/tmp/{name}/bin/switch-to-configuration <<'SYSTEM'\n{SYSTEM}\nSYSTEM\n\
             chmod 755 /tmp/{name}/bin/switch-to-configuration; nix-store --add /tmp/{name}"
        );
        let path = host.sh(&script).unwrap();
        systems.insert(name, StorePath::parse(&path).unwrap());
    }
    let good = &systems["good"];
    host.sh(&format!(
        "nix-env -p /nix/var/nix/profiles/system --set {good}
         {good}/bin/switch-to-configuration boot; {good}/bin/switch-to-configuration test"
    ))
    .unwrap();
    systems
}

struct Scene {
    operator: Operator,
    systems: BTreeMap<&'static str, StorePath>,
}

const HOSTS: [&str; 2] = ["web", "plain"];

impl Scene {
    /// A host with systemd, and one without.
    fn new() -> Self {
        let lab = Lab::builder()
            .host("web", HostKind::Systemd)
            .host("plain", HostKind::Plain(Store::Dir))
            .up()
            .unwrap();
        let operator = Operator { lab };
        let systems = install(operator.lab.host("web"));
        assert_eq!(install(operator.lab.host("plain")), systems);
        Self { operator, systems }
    }

    fn host(&self, name: &str) -> Host<'_> {
        self.operator.lab.host(name)
    }

    fn order(&self, host: &str, run: &str, to: &str) -> Order {
        let on = self.host(host);
        let (current, boots, generation) = self.looks(host);
        Order {
            schema: CHANGE_SCHEMA,
            run: run.to_owned(),
            host: HostName::parse(host).unwrap(),
            by: "ann@desk".to_owned(),
            nonce: format!("nonce-{run}"),
            intent: Intent {
                goal: Goal::Switch,
                system: Some(Target {
                    path: self.systems[to].clone(),
                    generation: None,
                }),
                secrets: None,
                expected: Expected {
                    current: StorePath::parse(&current),
                    boot_default: StorePath::parse(&boots),
                    generation: Some(generation),
                    boot_id: Some(on.sh("cat /proc/sys/kernel/random/boot_id").unwrap()),
                    secrets: None,
                    failed_units: Vec::new(),
                },
                probes: Some(BTreeMap::new()),
                reboot: infra_model::change::Reboot::Never,
                limits: Limits {
                    activate: 30,
                    confirm: 30,
                },
            },
        }
    }

    /// What runs, what boots, and the generation of the profile.
    fn looks(&self, host: &str) -> (String, String, u64) {
        let on = self.host(host);
        let read = |link: &str| on.sh(&format!("readlink -f {link}")).unwrap();
        let profile = on.sh("readlink /nix/var/nix/profiles/system").unwrap();
        let generation = profile.replace("system-", "").replace("-link", "");
        (
            read("/run/current-system"),
            read("/nix/var/nix/gcroots/pocket-boot-default"),
            generation.parse().unwrap(),
        )
    }

    fn runs(&self, host: &str, running: &str, booting: &str, generation: u64) {
        let wanted = (
            self.systems[running].to_string(),
            self.systems[booting].to_string(),
            generation,
        );
        assert_eq!(self.looks(host), wanted, "{host}");
    }

    /// Waits, without a connection, until the host's own record says that the change is over.
    fn ends_by_itself(&self, host: &str, run: &str) {
        let file = format!("/var/lib/infra/change/{run}/state.json");
        let begun = Instant::now();
        let ended = |text: String| text.contains("\"phase\":\"ended\"");
        while !self.host(host).read_file(&file).is_ok_and(ended) {
            assert!(begun.elapsed() < SOON, "{host}: it does not end");
            thread::sleep(Duration::from_millis(200));
        }
    }
}

#[track_caller]
fn restored(status: &ChangeStatus) -> Diagnostic {
    match &status.end {
        Some(ChangeEnd::Restored { why, .. }) => why.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

fn probes(what: &serde_json::Value) -> BTreeMap<NeedName, Probe> {
    let mut probe =
        json!({ "within": "5s", "every": "1s", "successes": 1, "critical": true, "declared": [] });
    for (key, value) in what.as_object().unwrap() {
        probe[key] = value.clone();
    }
    let probe = serde_json::from_value(probe).unwrap();
    BTreeMap::from([(NeedName::parse("p").unwrap(), probe)])
}

#[test]
fn a_confirmed_change_is_committed() {
    if !e2e_wanted("a_confirmed_change_is_committed") {
        return;
    }
    let scene = Scene::new();
    for (host, probe) in HOSTS
        .into_iter()
        .zip([json!({ "unit": "web.service" }), json!({ "port": 22 })])
    {
        let mut order = scene.order(host, "r1", "better");
        order.intent.probes = Some(probes(&probe));
        let mut sent = bundle(host, &[("db", "1")]);
        "digest-1".clone_into(&mut sent.digest);
        scene.operator.stage(host, "r1", &sent);
        order.intent.secrets = Some(sent.digest);
        let begun = Instant::now();
        let begins = scene.operator.begin(&order).unwrap();
        println!("{host}: begun in {:.2?}", begun.elapsed());
        assert!(begins.alive, "{begins:?}");
        let waits = scene.operator.wait_for(host, "r1", ChangePhase::Awaiting);
        assert_eq!(waits.phase, ChangePhase::Awaiting, "{waits:?}");
        assert_eq!(waits.probes[0].holds, Some(true), "{waits:?}");
        scene.runs(host, "better", "good", 1);
        assert_eq!(
            scene.host(host).read_file("/run/umask").unwrap().trim(),
            "0022"
        );
        let busy = scene
            .operator
            .begin(&scene.order(host, "r2", "good"))
            .unwrap_err();
        assert_eq!(busy.code, Code::HostBusy, "{busy:?}");
        scene.operator.confirm(host, "r1").unwrap();
        let ended = scene.operator.wait_for(host, "r1", ChangePhase::Ended);
        assert!(
            matches!(
                ended.end,
                Some(ChangeEnd::Done {
                    generation: Some(2),
                    ..
                })
            ),
            "{ended:?}"
        );
        scene.runs(host, "better", "better", 2);
        let secret = scene.host(host).read_file("/run/infra/secrets/db").unwrap();
        assert_eq!(secret, format!("{MARKER}-1"));
    }
    let sockets = scene
        .operator
        .reach("plain", &scene.host("web").address(), 22);
    assert!(sockets.holds, "{sockets:?}");
}

#[test]
fn an_unconfirmed_change_is_undone_with_nobody_there() {
    if !e2e_wanted("an_unconfirmed_change_is_undone_with_nobody_there") {
        return;
    }
    let scene = Scene::new();
    for host in HOSTS {
        let mut order = scene.order(host, "r1", "better");
        order.intent.limits.confirm = 3;
        scene.operator.begin(&order).unwrap();
        scene.host(host).partition().unwrap();
        scene.host(host).kill_sshd().unwrap();
    }
    for host in HOSTS {
        scene.ends_by_itself(host, "r1");
        scene.host(host).start_sshd().unwrap();
        scene.host(host).heal().unwrap();
        let ended = scene.operator.change(host, "r1");
        assert_eq!(restored(&ended).code, Code::Unconfirmed);
        scene.runs(host, "good", "good", 1);
        let late = scene.operator.confirm(host, "r1").unwrap_err();
        assert_eq!(late.code, Code::Unconfirmed);
    }
}

#[test]
fn what_hangs_or_fails_is_ended_and_undone() {
    if !e2e_wanted("what_hangs_or_fails_is_ended_and_undone") {
        return;
    }
    let scene = Scene::new();
    for host in HOSTS {
        let mut order = scene.order(host, "r1", "hangs");
        order.intent.limits.activate = 2;
        scene.operator.begin(&order).unwrap();
        let ended = scene.operator.wait_for(host, "r1", ChangePhase::Ended);
        let why = restored(&ended);
        assert!(why.title.contains("did not end within 2 s"), "{why:?}");
        scene.runs(host, "good", "good", 1);
        let left = scene
            .host(host)
            .sh("pgrep -f '[s]leep 600|[s]witch-to-configuration' || true")
            .unwrap();
        assert_eq!(left, "", "{host}: nothing of it still runs");

        scene
            .operator
            .begin(&scene.order(host, "r2", "hangs"))
            .unwrap();
        scene.operator.abort(host, "r2").unwrap();
        let ended = scene.operator.wait_for(host, "r2", ChangePhase::Ended);
        assert_eq!(restored(&ended).code, Code::ChangeCutOff);
        scene.runs(host, "good", "good", 1);
    }
    // A unit that fails is noticed without any probe of the contract.
    scene
        .operator
        .begin(&scene.order("web", "r3", "breaks"))
        .unwrap();
    let ended = scene.operator.wait_for("web", "r3", ChangePhase::Ended);
    let why = restored(&ended);
    assert_eq!(why.code, Code::ProbeFailed);
    assert!(why.title.contains("`units`"), "{why:?}");
    assert!(why.cause.unwrap().contains("web.service"));
    scene.runs("web", "good", "good", 1);
    let failed = scene
        .host("web")
        .sh("systemctl --failed --no-legend --plain");
    assert_eq!(failed.unwrap(), "");
    let units = scene
        .host("web")
        .sh("systemctl list-units --all --no-legend --plain 'infra-change-*' 'infra-activate-*' 'infra-restore-*'");
    assert_eq!(units.unwrap(), "", "no unit of ours is left");
}

#[test]
fn a_power_cut_or_a_killed_supervisor_is_recovered() {
    if !e2e_wanted("a_power_cut_or_a_killed_supervisor_is_recovered") {
        return;
    }
    let scene = Scene::new();
    for host in HOSTS {
        scene
            .operator
            .begin(&scene.order(host, "r1", "better"))
            .unwrap();
        scene.operator.wait_for(host, "r1", ChangePhase::Awaiting);
        scene
            .host(host)
            .sh("pkill -KILL -f 'change supervise'")
            .unwrap();
        assert!(!scene.operator.change(host, "r1").alive);
        // The next order recovers first; and it was made for another host than that gives.
        let moved = scene
            .operator
            .begin(&scene.order(host, "r2", "better"))
            .unwrap_err();
        assert_eq!(moved.code, Code::HostMoved, "{moved:?}");
        assert_eq!(
            restored(&scene.operator.change(host, "r1")).code,
            Code::ChangeCutOff
        );
        scene.runs(host, "good", "good", 1);

        scene
            .operator
            .begin(&scene.order(host, "r3", "better"))
            .unwrap();
        scene.operator.wait_for(host, "r3", ChangePhase::Awaiting);
        scene.host(host).power_cut().unwrap();
        scene.host(host).boot().unwrap();
        scene.runs(host, "good", "good", 1);
        let recovered = scene.operator.recover(host);
        assert!(recovered.mended, "{recovered:?}");
        let why = restored(&recovered.change.unwrap());
        assert!(why.title.contains("restarted"), "{why:?}");
        scene
            .operator
            .begin(&scene.order(host, "r4", "better"))
            .unwrap();
        scene.operator.wait_for(host, "r4", ChangePhase::Awaiting);
        scene.operator.confirm(host, "r4").unwrap();
        scene.operator.wait_for(host, "r4", ChangePhase::Ended);
        scene.runs(host, "better", "better", 2);
    }
}

/// There is nothing but a console in it, which nobody sits at.
const EMERGENCY: &str = "mkdir -p /run/systemd/system/emergency.service.d
printf '[Service]\\nExecStart=\\nExecStart=sleep infinity\\nStandardInput=null\\n' >/run/systemd/system/emergency.service.d/alone.conf
systemctl daemon-reload
systemctl isolate emergency.target";

#[test]
fn a_change_is_undone_in_the_emergency_mode() {
    if !e2e_wanted("a_change_is_undone_in_the_emergency_mode") {
        return;
    }
    let scene = Scene::new();
    let web = scene.host("web");
    // With a secret that was rotated before: what it was is readable until its grace is over, which systemd ends.
    let rotated = |content: &str| {
        let mut sent = bundle("web", &[("db", content)]);
        sent.secrets[0].grace = Some(600);
        sent
    };
    scene.operator.receive("web", &rotated("1"));
    scene.operator.receive("web", &rotated("2"));
    let mut order = scene.order("web", "r1", "better");
    order.intent.expected.secrets = Some(2);
    let mut sent = rotated("3");
    "digest-3".clone_into(&mut sent.digest);
    scene.operator.stage("web", "r1", &sent);
    order.intent.secrets = Some(sent.digest);
    scene.operator.begin(&order).unwrap();
    scene.operator.wait_for("web", "r1", ChangePhase::Awaiting);
    web.sh("pkill -KILL -f 'change supervise'").unwrap();
    web.sh(EMERGENCY).unwrap();
    let state = || web.sh("systemctl is-system-running || true").unwrap();
    assert_eq!(state(), "maintenance");

    web.sh("/var/lib/infra/agent/current/infra-agent change recover")
        .unwrap();
    scene.ends_by_itself("web", "r1");
    scene.runs("web", "good", "good", 1);
    let was = |file: &str| {
        web.read_file(&format!("/run/infra/secrets/{file}"))
            .unwrap()
    };
    assert_eq!(was("db"), format!("{MARKER}-2"));
    assert_eq!(was("db.previous"), format!("{MARKER}-1"));
    let timer = web.sh("systemctl is-active infra-secrets-grace.timer || true");
    assert_eq!(timer.unwrap(), "active");
    assert_eq!(state(), "maintenance", "nothing has ended it");
}
