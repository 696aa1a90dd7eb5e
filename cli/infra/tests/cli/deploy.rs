//! `deploy`, `exec` and `ssh` where the host cannot be had. (What happens on real hosts is tested on real hosts.)

use crate::env::{Env, shows};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

#[test]
fn an_unpinned_key_is_refused_before_anything_is_sent() {
    let env = Env::pair();
    shows!(env, ["deploy", "db"], @"
    exit 3
    --- stdout
    1 host: 1 failed ([time])
    --- stderr
        failed  db  the SSH key of db is not pinned
        survey  db  failed after [time]: the SSH key of db is not pinned
      evaluate  db  [time]
    error[host-key-unknown]: db: the SSH key of db is not pinned
      --> hosts/db/host.pub
      cause: there is no hosts/db/host.pub, and infra never trusts a key it has not been given
      fix: copy /etc/ssh/ssh_host_ed25519_key.pub from the host to hosts/db/host.pub; or run `ssh-keyscan -t ed25519 -p 22 192.0.2.7 > hosts/db/host.pub` and compare its fingerprint (ssh-keygen -lf) with the host's console
    ");
    assert_eq!(
        env.calls(),
        ["nix --version", "nix eval"],
        "no connection is tried"
    );
}

#[test]
fn a_changed_key_is_refused() {
    let env = Env::pair().set(
        "FAKE_SSH_SAYS",
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
    );
    shows!(env, ["deploy", "web"], @"
    exit 3
    --- stdout
    1 host: 1 failed ([time])
    --- stderr
        failed  web  web does not have the SSH key that is pinned for web
        survey  web  failed after [time]: web does not have the SSH key that is pinned for web
      evaluate  web  [time]
    error[host-key-mismatch]: web: web does not have the SSH key that is pinned for web
      --> hosts/web/host.pub
      cause: ssh root@web port 22: @ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @
      fix: if the host was reinstalled, put its new key into hosts/web/host.pub; if not, something else answers at this address: do not go on
    ");
}

#[test]
fn every_refusal_has_its_text() {
    for (says, code) in [
        (
            "ssh: connect to host web port 22: Connection refused",
            "connection-refused",
        ),
        (
            "ssh: Could not resolve hostname web: Name or service not known",
            "host-unreachable",
        ),
        ("root@web: Permission denied (publickey).", "login-refused"),
    ] {
        let env = Env::pair().set("FAKE_SSH_SAYS", says);
        for command in [
            &["deploy", "web"][..],
            &["exec", "web", "--", "true"],
            &["ssh", "web"],
        ] {
            let told = env.run(command);
            assert!(
                told.contains(&format!("error[{code}]")),
                "{command:?}: {told}"
            );
            assert!(told.starts_with("exit 3"), "{command:?}: {told}");
        }
    }
}

#[test]
fn the_stream_ends_with_the_answer() {
    let env = Env::pair();
    shows!(env, ["deploy", "web", "--json"], @r#"
    exit 3
    --- stdout
    {"schema":1,"at":[time],"event":"hostFinished","host":"web","outcome":"failed","why":"web cannot be reached at web"}
    {"schema":1,"at":[time],"event":"planMade","hosts":[]}
    {"schema":1,"at":[time],"event":"runStarted","run":"[run]","command":"deploy","hosts":["web"],"goal":"switch"}
    {"schema":1,"at":[time],"event":"stepCompleted","host":"web","step":"evaluate","outcome":{"kind":"success"},"seconds":[time]}
    {"schema":1,"at":[time],"event":"stepFailed","host":"web","step":"survey","error":{"code":"host-unreachable","title":"web cannot be reached at web","cause":"ssh root@web port 22: connect to host x port 22: No route to host","where":{"file":"hosts/web/host.toml"},"fix":"check that the host is on and that `addresses` and `port` in host.toml are right","host":"web"},"seconds":[time]}
    {"schema":1,"at":[time],"event":"stepStarted","host":"web","step":"evaluate"}
    {"schema":1,"at":[time],"event":"stepStarted","host":"web","step":"survey"}
    {"schema":1,"command":"deploy","hosts":[{"name":"web","outcome":"failed","before":null,"after":null,"tree":null,"seconds":{"evaluate":[time],"survey":[time]}}],"errors":[{"code":"host-unreachable","title":"web cannot be reached at web","cause":"ssh root@web port 22: connect to host x port 22: No route to host","where":{"file":"hosts/web/host.toml"},"fix":"check that the host is on and that `addresses` and `port` in host.toml are right","host":"web"}]}
    --- stderr
    "#);
}

#[test]
fn the_journal_is_the_stream() {
    let env = Env::pair();
    let output = env.output(&["deploy", "web", "--json"]);
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    let mut streamed: Vec<&str> = stdout.lines().collect();
    let answer: serde_json::Value =
        serde_json::from_str(streamed.pop().expect("an answer")).expect("JSON");
    let runs: Vec<_> = walk(&env.repo().join("../state"));
    let read = |name: &str| {
        let path = runs
            .iter()
            .find(|path| path.ends_with(name))
            .expect("written");
        std::fs::read_to_string(path).expect("readable")
    };
    assert_eq!(read("events.ndjson").lines().collect::<Vec<_>>(), streamed);
    let receipt: serde_json::Value = serde_json::from_str(&read("receipt.json")).expect("JSON");
    assert_eq!(receipt, answer);
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Connections that a killed run has left: their folder is found by a lock that nobody holds.
#[test]
fn what_a_killed_run_has_left_the_next_one_clears_up() {
    // Who calls ssh is infra.
    let env = Env::pair().set("FAKE_SSH_DOES", "kill -KILL $PPID");
    let told = env.run(&["exec", "web", "--", "true"]);
    assert!(told.starts_with("exit -1"), "{told}");
    let temporary = env.repo().with_file_name("tmp");
    let folders = || -> Vec<PathBuf> {
        let all = fs::read_dir(&temporary).expect("there");
        all.map(|entry| entry.expect("readable").path()).collect()
    };
    let [left] = &folders()[..] else {
        panic!("{:?}", folders());
    };
    let mode = fs::metadata(left).expect("there").permissions().mode();
    assert_eq!(
        mode & 0o777,
        0o700,
        "the keys of hosts and sockets are in it"
    );
    drop(UnixListener::bind(left.join("master-0")).expect("bound"));
    // That of a run that goes on.
    let needed = temporary.join("infra-connection-needed");
    fs::create_dir(&needed).expect("writable");
    let lock = File::open(&needed).expect("there");
    lock.try_lock().expect("nobody else has it");

    let asked = env.side_file("calls.asked", "");
    let env = env.set("FAKE_SSH_DOES", "echo \"$*\" >> $FAKE_LOG.asked");
    env.run(&["exec", "web", "--", "true"]);
    assert_eq!(folders(), [needed]);
    let asked = fs::read_to_string(asked).expect("there");
    let exit = format!("-S {}/master-0 -O exit", left.display());
    assert!(asked.contains(&exit), "{asked}");
}
