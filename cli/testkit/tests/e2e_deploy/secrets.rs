//! Secrets on real hosts: sealed on the way, in place before the services that use them, rotated without evaluation or build, and nowhere else.

use crate::scene::{Deployed, SOON, main_pid};
use infra_testkit::{HostConfig, HostKind, Lab, Repo, Run, e2e_wanted};
use serde_json::Value;
use std::path::PathBuf;

/// Two hosts and a copy of `examples/vault` for them.
pub(crate) struct Vault {
    pub(crate) lab: Lab,
    pub(crate) repo: Repo,
    pub(crate) secrets: tempfile::TempDir,
}

impl Vault {
    pub(crate) fn new() -> Self {
        Self::with(HostKind::Systemd, HostKind::Systemd)
    }

    pub(crate) fn with(app: impl Into<HostConfig>, db: impl Into<HostConfig>) -> Self {
        let lab = Lab::builder().host("app", app).host("db", db).up().unwrap();
        let repo = Repo::from_example(&lab, "vault").unwrap();
        // Hosts of a lab do not know each other's names; db exports its address to app.
        let address = lab.host("db").address();
        repo.edit("hosts/db/host.toml", |text| {
            format!("{text}addresses = [\"{address}\"]\n")
        })
        .unwrap();
        let secrets = tempfile::tempdir().unwrap();
        std::fs::write(secrets.path().join("since"), "").unwrap();
        Self { lab, repo, secrets }
    }

    /// A file with a secret in it, as `--secret-file` takes it.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path: PathBuf = self.secrets.path().join(name);
        std::fs::write(&path, content).unwrap();
        format!("{name}={}", path.display())
    }

    /// A key that may read every secret, as infra.toml then says.
    pub(crate) fn admin(&self) -> PathBuf {
        let key = self.secrets.path().join("admin");
        let mut make = self.lab.controller("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
        make.run(SOON).unwrap().ok().unwrap();
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let admins = format!("admins = [\"{}\"]", public.trim());
        self.repo
            .edit("infra.toml", |text| text.replace("admins = []", &admins))
            .unwrap();
        key
    }

    pub(crate) fn infra(&self, words: &[&str]) -> infra_testkit::Finished {
        let mut command = self.lab.infra().unwrap();
        command.arg("-C").arg(self.repo.path()).args(words);
        command.run(SOON).unwrap()
    }

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

    /// What the page answers to somebody with this token.
    pub(crate) fn page(&self, token: &str, path: &str) -> String {
        let url = format!("http://reader:{token}@app{path}");
        let got = self
            .lab
            .controller("busybox")
            .args(["wget", "-qO-", &url])
            .run(SOON)
            .unwrap();
        got.stdout
    }
}

#[test]
fn secrets_arrive_sealed_and_rotate_alone() {
    if !e2e_wanted("secrets_arrive_sealed_and_rotate_alone") {
        return;
    }
    let vault = Vault::new();
    let marker = new_marker();
    let (first_token, second_token) = (format!("{marker}first"), format!("{marker}second"));
    let token = vault.file("page-token", &first_token);
    let password = vault.file("db-password", &format!("{marker}password"));
    let given = ["--secret-file", &token, "--secret-file", &password];

    let first = vault.deploy(&[&["--all"], &given[..]].concat(), 0);
    for name in ["app", "db"] {
        assert_eq!(first.outcome(name), "changed");
        assert_eq!(
            first.steps(name),
            [
                "evaluate", "survey", "build", "copy", "seal", "activate", "confirm", "commit"
            ]
        );
    }
    assert!(vault.page(&first_token, "/").contains("Vault"));
    assert_eq!(vault.page("wrong", "/"), "", "nobody else gets in");
    assert_eq!(vault.page(&first_token, "/cgi-bin/readers").trim(), "1");
    let app = vault.lab.host("app");
    let mode = app
        .sh("stat -Lc '%a %U %G' /run/infra/secrets/page-token")
        .unwrap();
    assert_eq!(mode.trim(), "400 root root");

    // Nothing changed: nothing is sealed, and no key is needed for it.
    let pids = (main_pid(app, "page"), main_pid(vault.lab.host("db"), "db"));
    let second = vault.deploy(&[&["--all"], &given[..]].concat(), 0);
    for name in ["app", "db"] {
        assert_eq!(second.outcome(name), "unchanged", "{:#}", second.answer);
        assert_eq!(second.steps(name), ["evaluate", "survey"]);
    }

    // One secret of one host: it alone is sent, and its consumer alone restarted. No system is evaluated, built or switched.
    let before = app
        .sh("readlink /run/current-system; readlink /run/infra/secrets")
        .unwrap();
    vault.file("page-token", &second_token);
    let third = vault.deploy(&[&["--all"], &given[..]].concat(), 0);
    assert_eq!(
        third.steps("app"),
        ["evaluate", "survey", "seal", "activate", "confirm"]
    );
    assert_eq!(third.steps("db"), ["evaluate", "survey"]);
    assert_eq!(third.outcome("db"), "unchanged");
    assert!(vault.page(&second_token, "/").contains("Vault"));
    assert_eq!(vault.page(&first_token, "/"), "");
    let after = app
        .sh("readlink /run/current-system; readlink /run/infra/secrets")
        .unwrap();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&before)[0], lines(&after)[0], "the same system");
    assert_ne!(
        lines(&before)[1],
        lines(&after)[1],
        "another generation of secrets"
    );
    assert_ne!(main_pid(app, "page"), pids.0, "its consumer was restarted");
    assert_eq!(
        main_pid(vault.lab.host("db"), "db"),
        pids.1,
        "nobody else was"
    );
    nowhere(&vault, &marker);
}

#[test]
fn a_host_goes_back_to_the_secrets_before_and_a_deployment_forward_again() {
    if !e2e_wanted("a_host_goes_back_to_the_secrets_before_and_a_deployment_forward_again") {
        return;
    }
    let vault = Vault::new();
    let token = vault.file("page-token", "first-token");
    let password = vault.file("db-password", "the-password");
    let given = ["--all", "--secret-file", &token, "--secret-file", &password];
    vault.deploy(&given, 0);
    vault.file("page-token", "second-token");
    vault.deploy(&given, 0);
    let (app, db) = (vault.lab.host("app"), vault.lab.host("db"));
    let pids = (main_pid(app, "page"), main_pid(db, "db"));

    let back = vault.infra(&["secret", "rollback", "app", "--json"]);
    assert_eq!(back.code(), Some(0), "{}\n{}", back.stdout, back.stderr);
    let answer: Value = serde_json::from_str(&back.stdout).unwrap();
    let done = &answer["hosts"][0];
    assert_eq!(
        (&done["before"], &done["generation"]),
        (&2.into(), &1.into())
    );
    assert_eq!(
        done["secrets"]["changed"],
        serde_json::json!(["page-token"])
    );
    assert_eq!(
        done["units"]["restarted"],
        serde_json::json!(["page.service"])
    );
    assert_eq!(done["undoneBy"], "infra deploy app");
    assert!(!back.stdout.contains("first-token"));
    assert!(vault.page("first-token", "/").contains("Vault"));
    assert_eq!(vault.page("second-token", "/"), "");
    assert_ne!(main_pid(app, "page"), pids.0);
    assert_eq!(main_pid(db, "db"), pids.1, "another host is not touched");

    // As it says: the next deployment puts the wanted ones in place.
    let again = vault.deploy(&given, 0);
    assert_eq!(
        again.steps("app"),
        ["evaluate", "survey", "seal", "activate", "confirm"]
    );
    assert_eq!(again.outcome("db"), "unchanged");
    assert!(vault.page("second-token", "/").contains("Vault"));

    // In words; to one that is named; and where there is none.
    let named = vault.infra(&["secret", "rollback", "app", "--to", "1"]);
    let said =
        "app: generation 1 of its secrets is in place, it was 2\n  secret page-token changed\n";
    assert!(named.stdout.starts_with(said), "{}", named.stdout);
    for (words, title) in [
        (
            &["secret", "rollback", "app"][..],
            "keeps no earlier generation",
        ),
        (
            &["secret", "rollback", "app", "--to", "7"],
            "keeps no generation 7",
        ),
        (&["secret", "rollback", "db"], "keeps no earlier generation"),
    ] {
        let refused = vault.infra(words);
        assert_eq!(refused.code(), Some(3), "{words:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("no-such-generation") && refused.stderr.contains(title),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("it keeps 1 (current)"),
            "{}",
            refused.stderr
        );
    }
}

/// Secrets are on the hosts, below /run, and in the files of whoever typed them; nowhere else on either side.
fn nowhere(vault: &Vault, marker: &str) {
    let state = vault.infra(&["info", "--json", "app"]);
    assert!(!state.stdout.contains(marker) && !state.stderr.contains(marker));
    let answer: Value = serde_json::from_str(&state.stdout).unwrap();
    assert!(answer["hosts"][0]["lastDeployment"].is_object());
    assert_eq!(places_with(vault, marker), Vec::<String>::new());
}

/// Where on either side a text is found that must be nowhere.
pub(crate) fn places_with(vault: &Vault, marker: &str) -> Vec<String> {
    let mut places = Vec::new();
    let mut look = |place: String, found: &str| {
        if !found.is_empty() {
            places.push(format!("{place}: {}", found.trim()));
        }
    };
    // The text comes from a file, or the search would find its own arguments; and it is the machine's grep that searches, which is faster than
    // that of the system.
    let grep = "/usr/bin/grep -sF -f /run/marker";
    for name in ["app", "db"] {
        let host = vault.lab.host(name);
        let sh = |script: &str| host.sh(script).unwrap();
        sh(&format!("printf %s {marker} >/run/marker"));
        let files = format!("{grep} -rl /nix/store /nix/var /etc /var /root /tmp /home || true");
        look(format!("files of {name}"), &sh(&files));
        let journal = format!("journalctl --no-pager -o cat | {grep} || true");
        look(format!("the journal of {name}"), &sh(&journal));
        let processes = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null";
        let processes = format!("{processes} | tr '\\0' '\\n' | {grep} || true");
        look(format!("processes of {name}"), &sh(&processes));
    }
    // The store of the lab is large; what the test made in it is not.
    let since = vault.secrets.path().display();
    let repo = vault.repo.path().display();
    let (head, tail) = marker.split_at(1);
    let own = format!(
        "{{ find /nix/store -maxdepth 1 -cnewer {since}/since; echo \"$HOME\"; echo {repo}; }} | xargs grep -rls '[{head}]{tail}' || true"
    );
    let own = vault
        .lab
        .controller("sh")
        .args(["-c", &own])
        .run(SOON)
        .unwrap();
    look(
        "this machine's store, state, cache and repository".to_owned(),
        &own.stdout,
    );
    places
}

/// Made now, so that nothing on this machine can have it from elsewhere.
pub(crate) fn new_marker() -> String {
    let text = format!(
        "marker{}x{:?}",
        std::process::id(),
        std::time::Instant::now()
    );
    text.replace(|c: char| !c.is_ascii_alphanumeric(), "")
}

#[test]
fn recipes_make_what_nobody_gives() {
    if !e2e_wanted("recipes_make_what_nobody_gives") {
        return;
    }
    let vault = Vault::new();
    // Nobody could read what is made: told before anything is.
    let refused = vault.infra(&["deploy", "--all", "--json"]);
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr);
    assert!(
        refused.stdout.contains("names no admins"),
        "{}",
        refused.stdout
    );

    let key = vault.admin();
    let as_admin = |words: &[&str]| {
        let mut command = vault.lab.infra().unwrap();
        command.env("INFRA_IDENTITY", &key);
        command.arg("-C").arg(vault.repo.path()).args(words);
        command.run(SOON).unwrap()
    };

    let looked = as_admin(&["deploy", "--all", "--json", "--dry-run"]);
    assert_eq!(
        looked.code(),
        Some(0),
        "{}\n{}",
        looked.stdout,
        looked.stderr
    );
    assert!(
        !vault.repo.path().join("secrets").exists(),
        "a dry run makes nothing"
    );

    let first = as_admin(&["deploy", "--all", "--json"]);
    assert_eq!(first.code(), Some(0), "{}\n{}", first.stdout, first.stderr);
    let first = Deployed::read(&first);
    let notes = first.answer["warnings"].as_array().unwrap();
    let made: Vec<&str> = notes
        .iter()
        .filter(|note| note["code"] == "made-by-recipe")
        .map(|note| note["where"]["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        made,
        [
            "secrets/shared/db-password.age",
            "secrets/hosts/app/page-token.age"
        ]
    );
    // One password for both hosts, and the readers are counted behind it.
    let on = |host: &str, name: &str| {
        vault
            .lab
            .host(host)
            .sh(&format!("cat /run/infra/secrets/{name}"))
            .unwrap()
    };
    assert_eq!(on("app", "db-password"), on("db", "db-password"));
    let token = on("app", "page-token");
    assert_eq!(vault.page(&token, "/cgi-bin/readers").trim(), "1");

    // From here on it is in the repository: nobody's key is needed to see that nothing is to be done.
    let second = vault.deploy(&["--all"], 0);
    assert_eq!(
        (second.outcome("app"), second.outcome("db")),
        ("unchanged", "unchanged")
    );

    // Making needs public keys alone. But the host gets all its secrets in one piece, and the others cannot be opened without a key: the host
    // stays as it is.
    vault.repo.remove("secrets/hosts/app").unwrap();
    let without = vault.deploy(&["app"], 3);
    without.expect_error("no-identity", "app");
    assert_eq!(on("app", "page-token"), token);
    let with = as_admin(&["deploy", "app", "--json"]);
    assert_eq!(
        Deployed::read(&with).steps("app"),
        ["evaluate", "survey", "seal", "activate", "confirm"]
    );
    assert_ne!(on("app", "page-token"), token);
    nowhere(&vault, &on("app", "page-token"));
}
