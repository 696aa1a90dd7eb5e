//! A host with two systems whose activation is a script, and changes of it.

use crate::scene::{Scene, bundle};
use infra_model::change::{
    CHANGE_SCHEMA, ChangeEnd, ChangePhase, ChangeStatus, Expected, Intent, Limits, Order, Reboot,
    Recovered, Target,
};
use infra_model::contract::Probe;
use infra_model::{Diagnostic, Goal, HostName, NeedName, StorePath};
use infra_testkit::process;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// What a system does to become current, and to become what is booted. `hook-test` and `hook-boot` beside it make it go wrong.
const SWITCH: &str = r#"#!/bin/sh
root=${0%%/nix/store/*}
system=${0#"$root"}
system=${system%/bin/*}
echo "$1 ${system##*-}" >>"$root/said"
hook=$root$system/hook-$1
if [ -e "$hook" ]; then . "$hook"; fi
put() { ln -s "$system" "$root$1.$$" && mv -fT "$root$1.$$" "$root$1"; }
case $1 in
  test) echo "activating ${system##*-}"; put /run/current-system ;;
  boot)
    put /nix/boot-default
    if [ -e "$root/usr/local/bin/write-menu" ]; then . "$root/usr/local/bin/write-menu"; fi ;;
esac
exit ${code:-0}
"#;

/// What of Nix is needed: generations of a profile.
const NIX_ENV: &str = r#"#!/bin/sh
root=${0%/usr/local/bin/nix-env}
profile=$root$2
if [ -e "$root/hook-nix-env" ]; then exit 1; fi
case $3 in
  --set)
    last=$(ls "${profile%/*}" | sed -n 's/^system-\([0-9]*\)-link$/\1/p' | sort -n | tail -1)
    number=$last
    if [ "$(readlink "$profile-$last-link")" != "$4" ]; then
      number=$((last + 1))
      ln -s "$4" "$profile-$number-link"
    fi ;;
  --switch-generation) number=$4 ;;
  --delete-generations) rm "$profile-$4-link"; exit ;;
esac
ln -s "system-$number-link" "$profile.$$" && mv -fT "$profile.$$" "$profile"
"#;

/// The store path of a system.
pub(crate) fn system(name: &str) -> StorePath {
    StorePath::parse(&format!(
        "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}"
    ))
    .unwrap()
}

/// Everything of a host that a change may change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Looks {
    pub(crate) current: String,
    pub(crate) profile: String,
    pub(crate) generation: u64,
    pub(crate) boots: String,
    pub(crate) secret: String,
    pub(crate) secrets: u64,
}

pub(crate) fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn link(path: &Path, target: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(path);
    symlink(target, path).unwrap();
}

pub(crate) fn target(path: PathBuf) -> String {
    let target = fs::read_link(path).unwrap();
    target.to_str().unwrap().to_owned()
}

fn name_of(path: &str) -> String {
    path.rsplit('-').next().unwrap().to_owned()
}

impl Scene {
    /// A host that runs and boots `old` in generation 7, with the secret `a`; `new` is in its store.
    pub(crate) fn with_systems() -> Self {
        let scene = Self::new();
        for name in ["old", "new"] {
            scene.add_system(name);
        }
        script(&scene.path("usr/local/bin/nix-env"), NIX_ENV);
        let profiles = "nix/var/nix/profiles/system";
        let old = system("old").to_string();
        link(&scene.path(&format!("{profiles}-7-link")), &old);
        link(&scene.path(profiles), "system-7-link");
        link(&scene.path("nix/boot-default"), &old);
        scene.boots(1);
        scene.receive(&bundle(&[("a", "old")])).applied();
        scene
    }

    pub(crate) fn add_system(&self, name: &str) {
        let program = format!("{}/bin/switch-to-configuration", system(name));
        script(&self.path(&program), SWITCH);
    }

    /// Makes an action of a system go another way: shell text that is read before it.
    pub(crate) fn hook(&self, name: &str, verb: &str, text: &str) {
        let file = format!("{}/hook-{verb}", system(name));
        fs::write(self.path(&file), text).unwrap();
    }

    /// What a boot makes: another id, and what was the default runs.
    pub(crate) fn boots(&self, number: u64) {
        let id = self.path("proc/sys/kernel/random/boot_id");
        fs::create_dir_all(id.parent().unwrap()).unwrap();
        fs::write(id, format!("boot-{number}\n")).unwrap();
        let system = self
            .boots_once()
            .unwrap_or_else(|| target(self.path("nix/boot-default")));
        link(&self.path("run/booted-system"), &system);
        link(&self.path("run/current-system"), &system);
    }

    /// A power cut and the boot after it.
    pub(crate) fn power_cut(&self) {
        self.reboot();
        self.boots(2);
        self.run("secrets unpack", b"").applied();
    }

    pub(crate) fn looks(&self) -> Looks {
        let profile = target(self.path("nix/var/nix/profiles/system"));
        let generation = profile.replace("system-", "").replace("-link", "");
        Looks {
            current: name_of(&target(self.path("run/current-system"))),
            profile: name_of(&target(
                self.path(&format!("nix/var/nix/profiles/{profile}")),
            )),
            generation: generation.parse().unwrap(),
            boots: name_of(&target(self.path("nix/boot-default"))),
            secret: self.read("a").unwrap(),
            secrets: self.status()["current"].as_u64().unwrap(),
        }
    }

    /// The host as a survey finds it.
    pub(crate) fn expected(&self) -> Expected {
        let looks = self.looks();
        let id = fs::read_to_string(self.path("proc/sys/kernel/random/boot_id")).unwrap();
        Expected {
            current: Some(system(&looks.current)),
            boot_default: Some(system(&looks.profile)),
            generation: Some(looks.generation),
            boot_id: Some(id.trim().to_owned()),
            secrets: Some(looks.secrets),
            failed_units: Vec::new(),
        }
    }

    /// An order to switch to a system; with the secrets that were staged.
    pub(crate) fn order(&self, run: &str, to: &str) -> Order {
        Order {
            schema: CHANGE_SCHEMA,
            run: run.to_owned(),
            host: HostName::parse("web").unwrap(),
            by: "ann@desk".to_owned(),
            nonce: format!("nonce-{run}"),
            intent: Intent {
                goal: Goal::Switch,
                system: Some(Target {
                    path: system(to),
                    generation: None,
                }),
                secrets: None,
                expected: self.expected(),
                probes: None,
                limits: Limits {
                    activate: 30,
                    confirm: 30,
                },
                reboot: Reboot::Never,
            },
        }
    }

    /// The same, with secrets staged for it.
    pub(crate) fn order_with_secrets(&self, run: &str, to: &str) -> Order {
        let mut sent = bundle(&[("a", to)]);
        sent.digest = format!("digest-{to}");
        let staged = self.run(&format!("change stage {run}"), &self.seal(&sent));
        assert_eq!(staged.code, Some(0), "{}", staged.stdout);
        let mut order = self.order(run, to);
        order.intent.secrets = Some(sent.digest);
        order
    }

    /// Begins; `options` go before the verb.
    pub(crate) fn try_begin(
        &self,
        options: &str,
        order: &Order,
    ) -> Result<ChangeStatus, Diagnostic> {
        let json = serde_json::to_vec(order).unwrap();
        self.ask(&format!("{options} change begin"), &json)
    }

    #[track_caller]
    pub(crate) fn begin(&self, order: &Order) -> ChangeStatus {
        self.try_begin("", order).unwrap()
    }

    pub(crate) fn ask<T: serde::de::DeserializeOwned>(
        &self,
        words: &str,
        input: &[u8],
    ) -> Result<T, Diagnostic> {
        let ended = self.run(words, input);
        match ended.code {
            Some(0) => Ok(serde_json::from_str(&ended.stdout).unwrap()),
            _ => Err(ended.fault()),
        }
    }

    pub(crate) fn change(&self, run: &str) -> ChangeStatus {
        self.ask(&format!("change status {run} --from 0"), b"")
            .unwrap()
    }

    /// Waits until the change is in a phase, or over, or its supervisor is.
    #[track_caller]
    pub(crate) fn wait_for(&self, run: &str, phase: ChangePhase) -> ChangeStatus {
        let begun = Instant::now();
        loop {
            let status = self.change(run);
            if status.phase >= phase || !status.alive {
                return status;
            }
            assert!(begun.elapsed() < SOON, "{status:?}");
            let words = format!(
                "change status {run} --wait 5 --phase {}",
                status.phase.as_str()
            );
            self.ask::<ChangeStatus>(&words, b"").unwrap();
        }
    }

    pub(crate) fn confirm(&self, run: &str) -> Result<ChangeStatus, Diagnostic> {
        let nonce = format!("nonce-{run}");
        self.ask(&format!("change confirm {run}"), nonce.as_bytes())
    }

    /// The way of a command that stays: confirms once it may, and sees it through.
    #[track_caller]
    pub(crate) fn see_through(&self, run: &str) -> ChangeStatus {
        let status = self.wait_for(run, ChangePhase::Awaiting);
        if status.phase == ChangePhase::Awaiting && status.alive {
            let _ = self.confirm(run);
        }
        let status = self.wait_for(run, ChangePhase::Ended);
        // The supervisor lives for a moment longer than its change.
        let begun = Instant::now();
        while self.change(run).alive {
            assert!(begun.elapsed() < SOON, "{status:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.change(run)
    }

    pub(crate) fn recover(&self) -> Recovered {
        self.ask("change recover", b"").unwrap()
    }

    /// Waits until nothing that a supervisor has started still runs.
    pub(crate) fn settle(&self) {
        let root = self.root().to_str().unwrap().to_owned();
        let runs = |line: &str| line.contains("carry") && line.contains(&root);
        let begun = Instant::now();
        while processes().iter().any(|(_, line)| runs(line)) {
            assert!(begun.elapsed() < SOON, "something still runs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills the supervisor, as a lack of memory does.
    pub(crate) fn kill_supervisor(&self, run: &str) {
        let root = self.root().to_str().unwrap().to_owned();
        let is_ours = |line: &str| line.contains("supervise") && line.contains(&root);
        let found = processes().into_iter().find(|(_, line)| is_ours(line));
        let (pid, _) = found.unwrap();
        let killed = process("kill").args(["-KILL", &pid]).status();
        assert!(killed.unwrap().success());
        let begun = Instant::now();
        while self.change(run).alive {
            assert!(begun.elapsed() < SOON, "it cannot be killed");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What switch-to-configuration was asked for, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("said")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Numbers and command lines of all processes.
fn processes() -> Vec<(String, String)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let pid = entry.file_name().into_string().ok()?;
            Some((pid, String::from_utf8_lossy(&line).into_owned()))
        })
        .collect()
}

/// One probe of an order.
pub(crate) fn probes(name: &str, what: &Value) -> BTreeMap<NeedName, Probe> {
    let mut probe = json!({
        "within": "0s", "every": "0s", "successes": 1, "critical": true,
        "declared": [{ "file": "hosts/web/contract.nix", "line": 3 }],
    });
    for (key, value) in what.as_object().unwrap() {
        probe[key] = value.clone();
    }
    let probe = serde_json::from_value(probe).unwrap();
    BTreeMap::from([(NeedName::parse(name).unwrap(), probe)])
}

/// Why the host was put back.
#[track_caller]
pub(crate) fn restored(status: &ChangeStatus) -> Diagnostic {
    match &status.end {
        Some(ChangeEnd::Restored { why, .. }) => why.as_ref().clone(),
        other => panic!("not restored: {other:?}\n{}", status.log.join("\n")),
    }
}

#[track_caller]
pub(crate) fn done(status: &ChangeStatus) -> Option<u64> {
    match &status.end {
        Some(ChangeEnd::Done { generation, .. }) => *generation,
        other => panic!("not done: {other:?}\n{}", status.log.join("\n")),
    }
}
