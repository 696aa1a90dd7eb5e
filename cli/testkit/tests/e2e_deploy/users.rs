//! Hosts that root does not log in to: an ordinary user does, who becomes root with sudo, and whom Nix does not trust.

use crate::scene::{Deployed, PLAIN, SOON, Scene, WEB, systems, untouched};
use crate::secrets::{Vault, new_marker, places_with};
use infra_testkit::{HostConfig, HostKind, Run, e2e_wanted};
use rustix::process::Signal;
use serde_json::Value;

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
fn log_in_as(repo: &infra_testkit::Repo, host: &str, user: &str) {
    let file = format!("hosts/{host}/host.toml");
    let change = |text: &str| {
        let kept = text.lines().filter(|line| !line.starts_with("user"));
        let kept: Vec<&str> = kept.collect();
        format!("{}\nuser = \"{user}\"\n", kept.join("\n"))
    };
    repo.edit(&file, change).unwrap();
}

fn answer(vault: &Vault, words: &[&str]) -> Value {
    let finished = vault.infra(words);
    let (code, text) = (finished.code(), &finished.stdout);
    assert_eq!(code, Some(0), "{words:?}: {text}\n{}", finished.stderr);
    serde_json::from_str(text).expect(text)
}

/// What is to be read of a host's own changes, by text.
fn mark(vault: &Vault, text: &str) {
    let file = "hosts/app/configuration.nix";
    let lines = format!(
        "{{ config, ... }}:\n{{\n  base.enable = true;\n  system.stateVersion = \"26.05\";\n  \
         environment.etc.mark.text = \"{text} ${{config.infra.values.asked.value}}\";\n}}\n"
    );
    vault.repo.write(file, &lines).unwrap();
}

#[test]
fn an_ordinary_user_does_all_that_root_does() {
    if !e2e_wanted("an_ordinary_user_does_all_that_root_does") {
        return;
    }
    let vault = Vault::with(ann(HostKind::Systemd), PLAIN);
    let app = vault.lab.host("app");
    log_in_as(&vault.repo, "app", "ann");
    vault
        .repo
        .write("hosts/app/contract.nix", CONTRACT)
        .unwrap();
    mark(&vault, "one");
    let marker = new_marker();
    let token = vault.file("page-token", &format!("{marker}first"));
    let password = vault.file("db-password", &format!("{marker}password"));
    let given = ["--secret-file", &token, "--secret-file", &password];
    let with_secrets = |words: &[&'static str]| [words, &given[..]].concat();
    // What root is given on a host must not depend on what the user has set for themselves.
    app.sh("printf 'umask 077\\n' >/home/ann/.bashrc").unwrap();

    let doctor = vault.infra(&["doctor", "app"]);
    assert_eq!(doctor.code(), Some(0), "{}", doctor.stdout);
    let sudo = "ok  app: sudo: ann may become root";
    assert!(doctor.stdout.contains(sudo), "{}", doctor.stdout);

    // A first deployment: the agent, a fact, a closure that nobody has signed, secrets, probes, and a confirmation.
    let first = vault.deploy(&with_secrets(&["app"]), 0);
    assert_eq!(first.outcome("app"), "changed");
    assert_eq!(
        first.steps("app"),
        [
            "evaluate", "survey", "build", "copy", "seal", "activate", "confirm", "commit"
        ]
    );
    assert_eq!(app.read_file("/etc/mark").unwrap(), "one root");
    let token_is = |text: &str| {
        vault
            .page(&format!("{marker}{text}"), "/")
            .contains("Vault")
    };
    assert!(token_is("first"));
    let refreshed = answer(&vault, &["facts", "app", "--refresh", "--json"]);
    assert_eq!(refreshed["hosts"][0]["facts"][0]["need"], "asked");

    // Commands and sessions are the user's own, and end as theirs did.
    let exec = vault.infra(&["exec", "app", "--json", "--", "id -un; exit 127"]);
    let said: Value = serde_json::from_str(exec.text()).unwrap();
    assert_eq!(said["hosts"][0]["stdout"], "ann\n");
    assert_eq!(said["hosts"][0]["exitCode"], 127);
    let session = vault.infra(&["ssh", "app", "--", "id -un; exit 3"]);
    assert_eq!((session.code(), session.text()), (Some(3), "ann"));

    // Only secrets differ, and back.
    vault.file("page-token", &format!("{marker}second"));
    let rotated = vault.deploy(&with_secrets(&["app"]), 0);
    let alone = ["evaluate", "survey", "seal", "activate", "confirm"];
    assert_eq!(rotated.steps("app"), alone);
    assert!(token_is("second"));
    answer(&vault, &["secret", "rollback", "app", "--json"]);
    assert!(token_is("first"));
    vault.deploy(&with_secrets(&["app"]), 0);
    let one = systems(app);

    // Planned, killed in the middle, and brought to its end by somebody else.
    mark(&vault, "two");
    let plan = answer(
        &vault,
        &with_secrets(&["plan", "app", "--build", "--reboot", "--json"]),
    );
    let preview = plan["hosts"][0]["preview"].to_string();
    assert!(preview.contains("etc/mark"), "{plan:#}");
    let mut command = vault.lab.infra().unwrap();
    command.arg("-C").arg(vault.repo.path());
    command.args(with_secrets(&["deploy", "app", "--json"]));
    let running = command.start().unwrap();
    let confirms =
        |line: &str| line.contains("\"stepStarted\"") && line.contains("\"step\":\"confirm\"");
    assert!(running.wait_for_line(SOON, confirms).is_some());
    running.signal(Signal::KILL).unwrap();
    running.wait(SOON).unwrap();
    let resumed = vault.infra(&["resume", "--json"]);
    assert_eq!(
        resumed.code(),
        Some(0),
        "{}{}",
        resumed.stdout,
        resumed.stderr
    );
    assert_eq!(Deployed::read(&resumed).outcome("app"), "changed");
    assert_eq!(app.read_file("/etc/mark").unwrap(), "two root");
    let status = vault.infra(&with_secrets(&["status", "app", "--json"]));
    assert_eq!(status.code(), Some(0), "{}", status.stdout);
    let rolled = vault.infra(&["rollback", "app", "--yes", "--json"]);
    assert_eq!(rolled.code(), Some(0), "{}", rolled.stdout);
    assert_eq!(systems(app), one);
    let log = vault.infra(&["log", "last", "app"]);
    assert_eq!(log.code(), Some(0), "{}", log.stderr);

    // What is in place is for root alone, and sudo has told its log of nothing.
    let find =
        "/usr/bin/grep -rlsF -f /run/marker /run/infra /run/credentials /var/lib/infra || true";
    let seen_by = |user: &str| {
        let look = format!(
            "printf %s {marker} >/run/marker; runuser -u {user} -- sh -c '{find}'; rm /run/marker"
        );
        app.sh(&look).unwrap()
    };
    assert_ne!(seen_by("root"), "");
    assert_eq!(seen_by("ann"), "");
    assert_eq!(places_with(&vault, &marker), Vec::<String>::new());
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
    assert!(untouched(web));
    web.sh(&format!(
        "mv /usr/bin/sudo.away /usr/bin/sudo; cp /root/rule {rules}"
    ))
    .unwrap();
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
