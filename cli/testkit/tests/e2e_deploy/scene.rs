//! A lab, a repository in it, and the command run on it.

use infra_testkit::{Finished, Host, HostConfig, HostKind, Lab, Repo, Run, Running, Store};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longer than anything here takes on two busy cores.
pub(crate) const SOON: Duration = Duration::from_secs(180);
pub(crate) const PLAIN: HostKind = HostKind::Plain(Store::Dir);
pub(crate) const WEB: &str = "hosts/web/configuration.nix";
pub(crate) const DB: &str = "hosts/db/configuration.nix";

/// Two hosts and a copy of `examples/pair` for them.
pub(crate) struct Scene {
    pub(crate) lab: Lab,
    pub(crate) repo: Repo,
}

impl Scene {
    pub(crate) fn with(web: impl Into<HostConfig>, db: impl Into<HostConfig>) -> Self {
        let lab = Lab::builder().host("web", web).host("db", db).up().unwrap();
        let repo = Repo::from_example(&lab, "pair").unwrap();
        Self { lab, repo }
    }

    /// Both hosts without systemd: enough for whatever is not about units.
    pub(crate) fn plain() -> Self {
        Self::with(PLAIN, PLAIN)
    }

    pub(crate) fn web(&self) -> Host<'_> {
        self.lab.host("web")
    }

    pub(crate) fn db(&self) -> Host<'_> {
        self.lab.host("db")
    }

    /// `infra -C REPO words…`, not yet run.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.lab.infra().unwrap();
        command.arg("-C").arg(self.repo.path()).args(words);
        command
    }

    /// Runs it to its end.
    pub(crate) fn infra(&self, words: &[&str]) -> Finished {
        self.command(words).run(SOON).unwrap()
    }

    /// Deploys as a program does, and expects an exit code.
    pub(crate) fn deploy(&self, words: &[&str], exit: i32) -> Deployed {
        let mut all = vec!["deploy", "--json"];
        all.extend(words);
        let finished = self.infra(&all);
        assert_eq!(
            finished.code(),
            Some(exit),
            "{}\n{}",
            finished.stdout,
            finished.stderr
        );
        Deployed::read(&finished)
    }

    /// The same for any other command that changes hosts.
    pub(crate) fn transact(&self, words: &[&str], exit: i32) -> Deployed {
        let mut all = words.to_vec();
        all.push("--json");
        let finished = self.infra(&all);
        assert_eq!(
            finished.code(),
            Some(exit),
            "{}\n{}",
            finished.stdout,
            finished.stderr
        );
        Deployed::read(&finished)
    }

    /// Changes the page that web serves.
    pub(crate) fn greet(&self, greeting: &str) {
        self.repo
            .edit(WEB, |text| {
                let (before, rest) = text.split_once("<h1>").unwrap();
                let (_, after) = rest.split_once("</h1>").unwrap();
                format!("{before}<h1>{greeting}</h1>{after}")
            })
            .unwrap();
    }

    /// Adds lines to the configuration of a host.
    pub(crate) fn add(&self, file: &str, lines: &str) {
        self.repo
            .edit(file, |text| {
                let end = text.rfind('}').unwrap();
                format!("{}{lines}\n}}\n", &text[..end])
            })
            .unwrap();
    }
}

/// What `deploy --json` said.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) events: Vec<Value>,
    pub(crate) answer: Value,
}

impl Deployed {
    pub(crate) fn read(finished: &Finished) -> Self {
        let mut lines: Vec<Value> = finished
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        let answer = lines.pop().unwrap();
        assert_eq!(answer["schema"], 1);
        let first = lines
            .first()
            .map_or(0, |line| line["seq"].as_u64().unwrap());
        for (line, number) in lines.iter().zip(first..) {
            assert_eq!(line["seq"], number, "events are numbered without holes");
        }
        Self {
            events: lines,
            answer,
        }
    }

    pub(crate) fn host(&self, name: &str) -> &Value {
        let hosts = self.answer["hosts"].as_array().unwrap();
        hosts.iter().find(|host| host["name"] == name).expect(name)
    }

    pub(crate) fn outcome(&self, name: &str) -> &str {
        self.host(name)["outcome"].as_str().unwrap()
    }

    /// The steps that were begun on a host, in order.
    pub(crate) fn steps(&self, name: &str) -> Vec<&str> {
        self.events
            .iter()
            .filter(|event| event["event"] == "stepStarted" && event["host"] == name)
            .map(|event| event["step"].as_str().unwrap())
            .collect()
    }

    /// The one error, for tests that expect one.
    pub(crate) fn error(&self) -> &Value {
        let errors = self.answer["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        &errors[0]
    }

    /// Expects one error with this code, about this host, with a fix.
    pub(crate) fn expect_error(&self, code: &str, host: &str) {
        let error = self.error();
        assert_eq!(
            (error["code"].as_str(), error["host"].as_str()),
            (Some(code), Some(host)),
            "{error:#}"
        );
        assert!(error["fix"].is_string(), "{error:#}");
    }
}

/// What a host runs and what it will boot, as text.
pub(crate) fn systems(host: Host<'_>) -> (String, String) {
    let read = |link: &str| {
        host.sh(&format!("readlink -f {link} || true"))
            .unwrap()
            .trim()
            .to_owned()
    };
    (
        read("/run/current-system"),
        read("/nix/var/nix/profiles/system"),
    )
}

/// What web runs, which is what it boots.
pub(crate) fn settled(scene: &Scene) -> String {
    let (runs, boots) = systems(scene.web());
    assert_eq!(runs, boots, "the host is in between");
    runs
}

/// Begins a run, up to a step of it.
pub(crate) fn begun(scene: &Scene, words: &[&str], step: &str) -> Running {
    begun_as(&mut scene.command(words), step)
}

pub(crate) fn begun_as(command: &mut Command, step: &str) -> Running {
    let running = command.start().unwrap();
    let wanted = format!("\"step\":\"{step}\"");
    let started = |line: &str| line.contains("\"stepStarted\"") && line.contains(&wanted);
    assert!(running.wait_for_line(SOON, started).is_some(), "{step}");
    running
}

/// Command lines on this machine with a path in them.
pub(crate) fn processes_naming(path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&path))
        .collect()
}

/// Whether nothing was ever deployed to a host.
pub(crate) fn untouched(host: Host<'_>) -> bool {
    !host.has_file("/run/current-system").unwrap()
        && !host.has_file("/nix/var/nix/profiles/system").unwrap()
}

/// The main process of a unit.
pub(crate) fn main_pid(host: Host<'_>, unit: &str) -> String {
    let pid = host
        .sh(&format!("systemctl show -P MainPID {unit}"))
        .unwrap();
    assert_ne!(pid.trim(), "0", "{unit} runs");
    pid
}
