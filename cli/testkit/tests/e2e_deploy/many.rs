//! Many hosts, and what it costs to find that nothing is to be done: one login per host, no process of Nix.

use crate::scene::{Deployed, PLAIN, SOON, Scene, systems};
use infra_testkit::{Lab, Repo, Run, e2e_wanted};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const HOSTS: usize = 20;
const AGENT: &str = "/var/lib/infra/agent";

fn name(number: usize) -> String {
    format!("host-{number:02}")
}

/// A repository of as many hosts as there are in the lab, each with little to build and to copy.
fn fleet(count: usize) -> Scene {
    let lab = (0..count)
        .fold(Lab::builder(), |lab, number| lab.host(&name(number), PLAIN))
        .up()
        .unwrap();
    let repo = Repo::from_example(&lab, "pair").unwrap();
    let hardware =
        std::fs::read_to_string(repo.path().join("hosts/db/hardware-configuration.nix")).unwrap();
    repo.remove("hosts").unwrap();
    for number in 0..count {
        let host = name(number);
        let file = |file: &str, text: &str| {
            repo.write_untracked(&format!("hosts/{host}/{file}"), text)
                .unwrap();
        };
        file(
            "host.toml",
            "class = \"nixos\"\nsystem = \"x86_64-linux\"\n",
        );
        file("hardware-configuration.nix", &hardware);
        file(
            "configuration.nix",
            &format!(
                "{{\n  environment.etc.motd.text = \"{host}\";\n  system.stateVersion = \"26.05\";\n}}\n"
            ),
        );
    }
    repo.pin(&lab).unwrap();
    repo.commit("Many hosts").unwrap();
    Scene { lab, repo }
}

/// Each host's outcome, but for that of one.
fn outcomes_but<'d>(deployed: &'d Deployed, left_out: &str) -> Vec<&'d str> {
    (0..HOSTS)
        .map(name)
        .filter(|host| host != left_out)
        .map(|host| deployed.outcome(&host))
        .collect()
}

#[test]
fn one_of_twenty_hosts_is_dead() {
    if !e2e_wanted("one_of_twenty_hosts_is_dead") {
        return;
    }
    let scene = fleet(HOSTS);
    let dead = name(7);
    scene.lab.host(&dead).partition().unwrap();

    let deployed = scene.deploy(&["--all"], 1);
    deployed.expect_error("host-unreachable", &dead);
    assert_eq!(deployed.outcome(&dead), "failed");
    assert_eq!(outcomes_but(&deployed, &dead), ["changed"; HOSTS - 1]);

    let again = scene.deploy(&["--all"], 1);
    again.expect_error("host-unreachable", &dead);
    assert_eq!(again.outcome(&dead), "failed");
    assert_eq!(outcomes_but(&again, &dead), ["unchanged"; HOSTS - 1]);
    for host in (0..HOSTS).map(name) {
        let mut steps = again.steps(&host);
        steps.sort_unstable();
        assert_eq!(steps, ["evaluate", "survey"], "{host}");
        if host != dead {
            let (runs, boots) = systems(scene.lab.host(&host));
            assert_eq!(again.host(&host)["after"], runs.as_str(), "{host}");
            assert_eq!(runs, boots, "{host}");
        }
    }

    scene.lab.host(&dead).heal().unwrap();
    let healed = scene.deploy(&["--all"], 0);
    assert_eq!(healed.outcome(&dead), "changed");
    assert_eq!(outcomes_but(&healed, &dead), ["unchanged"; HOSTS - 1]);
}

/// An agent as protocol 3 had it: it knows of secrets, and not what a change is.
const OLD_AGENT: &str = r#"#!/bin/sh
echo "$*" >> /run/old-agent
case "$1 $2" in
  "hello ") echo '{"schema":1,"agent":"0.0.1","protocol":3}' ;;
  "secrets status") echo '{"schema":1,"host":null,"run":null,"digest":null,"current":null,"generations":[],"unpacked":null,"storage":null,"secrets":[],"templates":[],"pending":[],"systemd":false}' ;;
  *) printf 'usage: infra-agent VERB\n  hello\n  secrets status\n' && exit 2 ;;
esac
"#;

#[test]
fn an_old_agent_is_replaced() {
    if !e2e_wanted("an_old_agent_is_replaced") {
        return;
    }
    let scene = Scene::plain();
    let install = format!(
        "mkdir -p {AGENT}/0123456789abcdef
         ln -s 0123456789abcdef {AGENT}/current
         cat > {AGENT}/current/infra-agent <<'END'\n{OLD_AGENT}END
         chmod 700 {AGENT}/current/infra-agent"
    );
    scene.web().sh(&install).unwrap();

    let deployed = scene.deploy(&["web"], 0);
    assert_eq!(deployed.outcome("web"), "changed");
    let asked = scene.web().read_file("/run/old-agent").unwrap();
    let asked: Vec<_> = asked.lines().collect();
    assert_eq!(
        asked,
        ["secrets status", "change status"],
        "it is asked how the host is, and nothing is ordered of it"
    );
    let agents = scene.web().sh(&format!("ls {AGENT}")).unwrap();
    let agents: Vec<_> = agents.lines().collect();
    assert_eq!(agents.len(), 2, "the old one is gone: {agents:?}");
    assert!(!agents.contains(&"0123456789abcdef"), "{agents:?}");
    let status = scene
        .web()
        .sh(&format!("{AGENT}/current/infra-agent change status"))
        .unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["phase"], "ended");
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}

/// A `nix` that writes down that it was called.
struct Counter {
    folder: tempfile::TempDir,
}

impl Counter {
    fn new(scene: &Scene) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nix = scene.lab.places().nix_prefix.join("bin/nix");
        let counter = Self { folder };
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{}'\nexec '{}' \"$@\"\n",
            counter.file().display(),
            nix.display()
        );
        let program = counter.folder.path().join("nix");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        counter
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("calls")
    }

    /// Makes a command find it first.
    fn put_before(&self, command: &mut Command) {
        let path = command
            .get_envs()
            .find(|(key, _)| *key == "PATH")
            .and_then(|(_, value)| value)
            .unwrap()
            .to_owned();
        let mut whole = self.folder.path().as_os_str().to_owned();
        whole.push(":");
        whole.push(path);
        command.env("PATH", whole);
    }

    /// What it was called with since this was last asked.
    fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.file()).unwrap_or_default();
        std::fs::write(self.file(), "").unwrap();
        calls.lines().map(str::to_owned).collect()
    }
}

/// How often each host was logged in at.
fn logins(scene: &Scene) -> Vec<usize> {
    scene
        .lab
        .hosts()
        .map(|host| host.logins().unwrap())
        .collect()
}

#[test]
fn nothing_to_do_costs_one_login_per_host_and_no_nix() {
    if !e2e_wanted("nothing_to_do_costs_one_login_per_host_and_no_nix") {
        return;
    }
    let scene = Scene::plain();
    let counter = Counter::new(&scene);
    let deploy = |words: &[&str]| {
        let before = logins(&scene);
        let mut all = vec!["deploy", "--all", "--json"];
        all.extend(words);
        let mut command = scene.command(&all);
        counter.put_before(&mut command);
        let finished = command.run(SOON).unwrap().ok().unwrap();
        let after = logins(&scene);
        let each: Vec<_> = after
            .iter()
            .zip(before)
            .map(|(now, then)| now - then)
            .collect();
        (Deployed::read(&finished), each, counter.calls())
    };

    let (deployed, each, calls) = deploy(&[]);
    assert_eq!(deployed.outcome("web"), "changed");
    // The second is the proof that the host can still be reached.
    assert_eq!(each, [2, 2]);
    assert!(!calls.is_empty(), "the count can tell");

    for words in [&["--dry-run"][..], &[]] {
        let (deployed, each, calls) = deploy(words);
        assert_eq!(deployed.outcome("web"), "unchanged");
        assert_eq!(deployed.outcome("db"), "unchanged");
        assert_eq!(each, [1, 1], "{words:?}");
        assert_eq!(calls, [""; 0], "{words:?}");
    }
}
