//! Secrets on real hosts: sealed on the way, in place before the services that use them, rotated without evaluation or build, and nowhere else.

use crate::scene::{Deployed, SOON, main_pid};
use infra_testkit::{HostKind, Lab, Repo, Run, e2e_wanted};
use serde_json::Value;
use std::path::PathBuf;

/// Two hosts and a copy of `examples/vault` for them.
pub(crate) struct Vault {
    pub(crate) lab: Lab,
    pub(crate) repo: Repo,
    secrets: tempfile::TempDir,
}

impl Vault {
    pub(crate) fn new() -> Self {
        let lab = Lab::builder()
            .host("app", HostKind::Systemd)
            .host("db", HostKind::Systemd)
            .up()
            .unwrap();
        let repo = Repo::from_example(&lab, "vault").unwrap();
        // Hosts of a lab do not know each other's names; db exports its address to app.
        let address = lab.host("db").address();
        repo.edit("hosts/db/host.toml", |text| {
            format!("{text}addresses = [\"{address}\"]\n")
        })
        .unwrap();
        let secrets = tempfile::tempdir().unwrap();
        Self { lab, repo, secrets }
    }

    /// A file with a secret in it, as `--secret-file` takes it.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path: PathBuf = self.secrets.path().join(name);
        std::fs::write(&path, content).unwrap();
        format!("{name}={}", path.display())
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
    fn page(&self, token: &str, path: &str) -> String {
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
    let token = vault.file("page-token", "marker-first-token");
    let password = vault.file("db-password", "marker-password");
    let given = ["--secret-file", &token, "--secret-file", &password];

    let first = vault.deploy(&[&["--all"], &given[..]].concat(), 0);
    for name in ["app", "db"] {
        assert_eq!(first.outcome(name), "changed");
        assert_eq!(
            first.steps(name),
            [
                "evaluate", "survey", "build", "copy", "seal", "activate", "refresh", "verify",
                "commit"
            ]
        );
    }
    assert!(vault.page("marker-first-token", "/").contains("Vault"));
    assert_eq!(vault.page("wrong", "/"), "", "nobody else gets in");
    assert_eq!(
        vault.page("marker-first-token", "/cgi-bin/readers").trim(),
        "1"
    );
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
    vault.file("page-token", "marker-second-token");
    let third = vault.deploy(&[&["--all"], &given[..]].concat(), 0);
    assert_eq!(third.steps("app"), ["evaluate", "survey", "seal"]);
    assert_eq!(third.steps("db"), ["evaluate", "survey"]);
    assert_eq!(third.outcome("db"), "unchanged");
    assert!(vault.page("marker-second-token", "/").contains("Vault"));
    assert_eq!(vault.page("marker-first-token", "/"), "");
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
    nowhere(&vault, "marker-");
}

/// Secrets are on the hosts, below /run, and in the files of whoever typed them; nowhere else on either side.
fn nowhere(vault: &Vault, marker: &str) {
    let state = vault.infra(&["info", "--json", "app"]);
    assert!(!state.stdout.contains(marker) && !state.stderr.contains(marker));
    let answer: Value = serde_json::from_str(&state.stdout).unwrap();
    assert!(answer["hosts"][0]["lastDeployment"].is_object());
    let search =
        format!("grep -rlsF {marker} /nix/store /nix/var /etc /var /root /tmp /home || true");
    for name in ["app", "db"] {
        let host = vault.lab.host(name);
        assert_eq!(host.sh(&search).unwrap(), "", "files of {name}");
        let found = host
            .sh(&format!(
                "grep -rlsF {marker} /run/infra/secrets.d | head -1"
            ))
            .unwrap();
        assert_ne!(found, "", "the search can find them where they are");
        let told = host
            .sh(&format!(
                "journalctl --no-pager -o cat | grep -F {marker} || true"
            ))
            .unwrap();
        assert_eq!(told, "", "the journal of {name}");
        let processes = format!(
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -vF grep | grep -F {marker} || true"
        );
        assert_eq!(
            host.sh(&processes).unwrap(),
            "",
            "arguments and environments on {name}"
        );
    }
    let own = vault
        .lab
        .controller("sh")
        .args([
            "-c",
            &format!(
                "grep -rlsF {marker} /nix/store \"$HOME\" {} || true",
                vault.repo.path().display()
            ),
        ])
        .run(SOON)
        .unwrap();
    assert_eq!(
        own.stdout, "",
        "this machine's store, state, cache and repository"
    );
}
