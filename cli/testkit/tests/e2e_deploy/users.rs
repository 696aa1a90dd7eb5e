//! Hosts that root does not log in to: an ordinary user does, who becomes root with sudo, and whom Nix does not trust.

use crate::scene::{Deployed, PLAIN, SOON, Scene, WEB, begun, systems, untouched};
use crate::secrets::{Vault, new_marker};
use infra_testkit::{Finished, Host, HostConfig, HostKind, Repo, Run, e2e_wanted};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

const CONTRACT: &str = r#"{
  infra.values.asked = {
    description = "Who asks the host";
    fact.command = [ "id" "-un" ];
  };
}
"#;

fn ann(kind: HostKind) -> HostConfig {
    HostConfig::from(kind).login("ann")
}

/// Says in a host.toml who logs in.
fn log_in_as(repo: &Repo, host: &str, user: &str) {
    let file = format!("hosts/{host}/host.toml");
    let change = |text: &str| {
        let kept = text.lines().filter(|line| !line.starts_with("user"));
        let kept: Vec<&str> = kept.collect();
        format!("{}\nuser = \"{user}\"\n", kept.join("\n"))
    };
    repo.edit(&file, change).unwrap();
}

/// A vault whose app is ann's, and the secrets that are given to its deployments.
struct Anns {
    vault: Vault,
    marker: String,
    given: Vec<String>,
}

impl Anns {
    fn new() -> Self {
        let vault = Vault::with(ann(HostKind::Systemd), PLAIN);
        log_in_as(&vault.repo, "app", "ann");
        vault
            .repo
            .write("hosts/app/contract.nix", CONTRACT)
            .unwrap();
        let marker = new_marker();
        let files = [
            vault.file("page-token", &format!("{marker}first")),
            vault.file("db-password", &format!("{marker}password")),
        ];
        let given = files.into_iter();
        let given = given.flat_map(|file| ["--secret-file".to_owned(), file]);
        Self {
            marker,
            given: given.collect(),
            vault,
        }
    }

    fn app(&self) -> Host<'_> {
        self.vault.lab.host("app")
    }

    fn with_secrets<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        let given = self.given.iter().map(String::as_str);
        words.iter().copied().chain(given).collect()
    }

    /// Runs a command that succeeds.
    fn done(&self, words: &[&str]) -> Finished {
        let finished = self.vault.infra(words);
        let said = format!("{words:?}: {}\n{}", finished.stdout, finished.stderr);
        assert_eq!(finished.code(), Some(0), "{said}");
        finished
    }

    /// Says in the host's configuration what is to be read on it.
    fn mark(&self, text: &str) {
        let lines = format!(
            "{{ config, ... }}:\n{{\n  base.enable = true;\n  system.stateVersion = \"26.05\";\n  \
             environment.etc.mark.text = \"{text} ${{config.infra.values.asked.value}}\";\n}}\n"
        );
        let file = "hosts/app/configuration.nix";
        self.vault.repo.write(file, &lines).unwrap();
    }

    fn mark_is(&self, text: &str) {
        assert_eq!(self.app().read_file("/etc/mark").unwrap(), text);
    }

    fn token_is(&self, text: &str) {
        let page = self.vault.page(&format!("{}{text}", self.marker), "/");
        assert!(page.contains("Vault"), "{text}");
    }

    /// The agent, a fact, a closure that nobody has signed, secrets, probes, and a confirmation.
    fn deploys_a_first_system(&self) {
        let first = self.vault.deploy(&self.with_secrets(&["app"]), 0);
        assert_eq!(first.outcome("app"), "changed");
        assert_eq!(
            first.steps("app"),
            [
                "evaluate", "survey", "build", "copy", "seal", "activate", "confirm", "commit"
            ]
        );
        self.mark_is("one root");
        self.token_is("first");
        let refreshed = self.done(&["facts", "app", "--refresh", "--json"]);
        let refreshed: Value = serde_json::from_str(refreshed.text()).unwrap();
        assert_eq!(refreshed["hosts"][0]["facts"][0]["need"], "asked");
    }

    /// They are the user's own, and end as theirs did.
    fn runs_commands_and_sessions(&self) {
        let exec = self
            .vault
            .infra(&["exec", "app", "--json", "--", "id -un; exit 127"]);
        let said: Value = serde_json::from_str(exec.text()).unwrap();
        assert_eq!(said["hosts"][0]["stdout"], "ann\n");
        assert_eq!(said["hosts"][0]["exitCode"], 127);
        let session = self.vault.infra(&["ssh", "app", "--", "id -un; exit 3"]);
        assert_eq!((session.code(), session.text()), (Some(3), "ann"));
    }

    fn replaces_secrets_alone_and_back(&self) {
        let second = format!("{}second", self.marker);
        self.vault.file("page-token", &second);
        let rotated = self.vault.deploy(&self.with_secrets(&["app"]), 0);
        let alone = ["evaluate", "survey", "seal", "activate", "confirm"];
        assert_eq!(rotated.steps("app"), alone);
        self.token_is("second");
        self.done(&["secret", "rollback", "app", "--json"]);
        self.token_is("first");
        self.vault.deploy(&self.with_secrets(&["app"]), 0);
    }

    /// Planned, killed in the middle, brought to its end by somebody else, looked at, and taken back.
    fn resumes_and_rolls_back(&self) {
        let one = systems(self.app());
        self.mark("two");
        let words = ["plan", "app", "--build", "--reboot", "--json"];
        let plan = self.done(&self.with_secrets(&words));
        assert!(plan.stdout.contains("etc/mark"), "{}", plan.stdout);
        let mut command = self.vault.lab.infra().unwrap();
        command.arg("-C").arg(self.vault.repo.path());
        command.args(self.with_secrets(&["deploy", "app", "--json"]));
        let running = command.start().unwrap();
        let confirms =
            |line: &str| line.contains("\"stepStarted\"") && line.contains("\"step\":\"confirm\"");
        assert!(running.wait_for_line(SOON, confirms).is_some());
        running.signal(Signal::KILL).unwrap();
        running.wait(SOON).unwrap();
        let resumed = Deployed::read(&self.done(&["resume", "--json"]));
        assert_eq!(resumed.outcome("app"), "changed");
        self.mark_is("two root");
        self.done(&self.with_secrets(&["status", "app", "--json"]));
        self.done(&["rollback", "app", "--yes", "--json"]);
        assert_eq!(systems(self.app()), one);
        self.done(&["log", "last", "app"]);
    }

    /// What is in place is for root alone, and sudo has told its log of nothing.
    fn has_shown_nothing(&self) {
        let app = self.app();
        let grep = "/usr/bin/grep -sF -f /run/marker";
        let own = "/run/infra /run/credentials /var/lib/infra";
        let seen_by = |user: &str| {
            let look = format!("runuser -u {user} -- {grep} -rl {own} || true");
            app.sh(&look).unwrap()
        };
        let marker = &self.marker;
        app.sh(&format!("printf %s {marker} >/run/marker")).unwrap();
        assert_ne!(seen_by("root"), "");
        assert_eq!(seen_by("ann"), "");
        let told = format!(
            "journalctl --no-pager -o cat | {grep} || true; {grep} -rl /etc /home /root /tmp /var || true"
        );
        assert_eq!(app.sh(&told).unwrap(), "");
        let commands = "journalctl --no-pager -o cat -t sudo | sed -n 's/.*COMMAND=//p' | sort -u";
        // Newer ones quote what has spaces in it.
        let logged = app.sh(commands).unwrap().replace('\'', "");
        let logged: Vec<&str> = logged.lines().collect();
        assert_eq!(
            logged,
            [
                "/usr/bin/sh -c IFS= read -r line && eval \"$(printf %b \"$line\")\" infra",
                "/usr/local/bin/nix-daemon --stdio",
            ]
        );
        assert_eq!(app.nix_processes(), Vec::<String>::new());
    }
}

#[test]
fn an_ordinary_user_does_all_that_root_does() {
    if !e2e_wanted("an_ordinary_user_does_all_that_root_does") {
        return;
    }
    let anns = Anns::new();
    anns.mark("one");
    // What root is given on a host must not depend on what the user has set for themselves.
    let profile = "printf 'umask 077\n' >/home/ann/.bashrc";
    anns.app().sh(profile).unwrap();
    let doctor = anns.done(&["doctor", "app"]);
    let sudo = "ok  app: sudo: ann may become root";
    assert!(doctor.stdout.contains(sudo), "{}", doctor.stdout);
    anns.deploys_a_first_system();
    anns.runs_commands_and_sessions();
    anns.replaces_secrets_alone_and_back();
    anns.resumes_and_rolls_back();
    anns.has_shown_nothing();
}

/// What sudo runs ends with the connection, in the middle of a copy as well.
fn an_interrupted_copy_leaves_nothing_behind(scene: &Scene) {
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    let big = "  environment.etc.big.source = pkgs.runCommand \"big\" { } \"head -c 30000000 /dev/urandom > $out\";";
    scene.add(WEB, big);
    scene.web().slow("2mbit").unwrap();
    let running = begun(scene, &["deploy", "web", "--json"], "copy");
    let serves = || {
        scene
            .web()
            .nix_processes()
            .iter()
            .any(|line| line.contains("--stdio"))
    };
    wait_until("Nix serves the store", &serves);
    for stage in ["draining", "terminating"] {
        running.signal(Signal::INT).unwrap();
        assert!(
            running
                .wait_for_line(SOON, |line| line.contains(stage))
                .is_some()
        );
    }
    assert_eq!(running.wait(SOON).unwrap().code(), Some(130));
    scene.web().fast().unwrap();
    let is_gone = || scene.web().nix_processes().is_empty();
    wait_until("nobody serves the store", &is_gone);
    scene.repo.write(WEB, &good).unwrap();
}

fn wait_until(what: &str, holds: &dyn Fn() -> bool) {
    let until = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_login_that_is_of_no_use_is_told_with_what_to_do() {
    if !e2e_wanted("a_login_that_is_of_no_use_is_told_with_what_to_do") {
        return;
    }
    let scene = Scene::with(ann(HostKind::Systemd), PLAIN);
    let web = scene.web();
    let is_refused = |spoil: &str, code: &str, says: &str, fix: &str| {
        web.sh(spoil).unwrap();
        let told = scene.deploy(&["web"], 3);
        told.expect_error(code, "web");
        let error = told.error();
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        assert!(text("title").contains(says), "{error:#}");
        assert!(text("fix").contains(fix), "{error:#}");
        assert_eq!(error["where"]["file"], "hosts/web/host.toml");
        let doctor = scene.infra(&["doctor", "web"]);
        assert_eq!(doctor.code(), Some(1), "{}", doctor.stdout);
        assert!(doctor.stdout.contains(&text("title")), "{}", doctor.stdout);
    };
    // Nobody says who logs in: root, who may not.
    is_refused("true", "login-refused", "log in as root", "set `user`");
    log_in_as(&scene.repo, "web", "bob");
    is_refused("true", "login-refused", "as bob", "keys of bob");
    log_in_as(&scene.repo, "web", "ann");
    let rules = "/etc/sudoers.d/ann";
    is_refused(
        &format!("cp {rules} /root/rule; echo 'Defaults requiretty' >>{rules}"),
        "root-refused",
        "wants a terminal",
        "requiretty",
    );
    is_refused(
        &format!("sed -i 's/NOPASSWD: //' {rules}; sed -i /requiretty/d {rules}"),
        "root-refused",
        "asks ann for a password",
        "wheelNeedsPassword = false",
    );
    is_refused(
        "mv /usr/bin/sudo /usr/bin/sudo.away",
        "root-refused",
        "there is no sudo",
        "security.sudo.enable",
    );
    web.sh(&format!(
        "mv /usr/bin/sudo.away /usr/bin/sudo; cp /root/rule {rules}"
    ))
    .unwrap();
    an_interrupted_copy_leaves_nothing_behind(&scene);
    assert!(untouched(web));
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");

    // A system in which the user is nobody any more: it cannot be confirmed.
    let old = systems(web);
    scene.add(
        WEB,
        &format!(
            "  systemd.services.harm = {{ wantedBy = [ \"multi-user.target\" ]; serviceConfig = {{ Type = \"oneshot\"; RemainAfterExit = true; \
             ExecStart = \"/bin/mv {rules} /run/rule\"; ExecStop = \"/bin/mv /run/rule {rules}\"; }}; }};"
        ),
    );
    let told = scene.deploy(&["web", "--confirm-within", "3s"], 3);
    told.expect_error("unconfirmed", "web");
    assert_eq!(told.outcome("web"), "rolledBack");
    let cause = told.error()["cause"].as_str().unwrap();
    assert!(cause.contains("asks ann for a password"), "{cause}");
    assert_eq!(systems(web), old);
}
