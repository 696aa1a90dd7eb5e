//! The command is killed: whatever it had come to, the host ends on exactly the old or exactly the new system, and what the command has left
//! is cleared up by the next one.

use crate::plans::last_receipt;
use crate::scene::{Deployed, PLAIN, SOON, Scene, begun_as, processes_naming, settled};
use crate::transactions::{deployed, wait_for_its_end};
use infra_testkit::{Finished, Run, e2e_wanted};
use rustix::process::Signal;
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

const DEPLOY: [&str; 5] = ["deploy", "web", "--json", "--confirm-within", "4s"];

/// Deploys and dies after so many records of its journal. `None`: it came to its end before.
fn die_after(scene: &Scene, record: usize) -> Option<Finished> {
    let mut command = scene.command(&DEPLOY);
    command.env("INFRA_CRASH_AFTER", record.to_string());
    let finished = command.run(SOON).unwrap();
    finished.code().is_none().then_some(finished)
}

#[test]
fn killed_at_every_record_and_resumed() {
    if !e2e_wanted("killed_at_every_record_and_resumed") {
        return;
    }
    let (scene, mut old) = deployed(PLAIN);
    let mut kept = 0;
    let mut record = 1;
    loop {
        scene.greet(&format!("Record {record}"));
        if die_after(&scene, record).is_none() {
            break;
        }
        let resumed = scene.infra(&["resume", "--json"]);
        if resumed.code() == Some(0) {
            // It had come to making a plan: that is done now.
            kept += 1;
            let resumed = Deployed::read(&resumed);
            assert_ne!(resumed.outcome("web"), "failed", "after record {record}");
            if kept == 1 {
                let receipt = last_receipt(&scene);
                assert_eq!(receipt["hosts"][0]["private"], json!([]), "{receipt:#}");
            }
        } else {
            assert!(resumed.stdout.contains("unknown-run"), "{}", resumed.stdout);
            assert_eq!(settled(&scene), old, "after record {record}");
        }
        let next = scene.deploy(&["web"], 0);
        let new = settled(&scene);
        assert_ne!(new, old, "after record {record}");
        let wanted = if resumed.code() == Some(0) {
            "unchanged"
        } else {
            "changed"
        };
        assert_eq!(next.outcome("web"), wanted, "after record {record}");
        old = new;
        record += 1;
    }
    assert!(record > 15, "a deployment has more than {record} records");
    assert!(kept > 8, "most of them come after the plan");
}

#[test]
fn killed_at_every_record_and_deployed_anew() {
    if !e2e_wanted("killed_at_every_record_and_deployed_anew") {
        return;
    }
    let (scene, mut old) = deployed(PLAIN);
    let mut record = 1;
    loop {
        scene.greet(&format!("Record {record}"));
        if die_after(&scene, record).is_none() {
            break;
        }
        // Nobody resumes it: the host confirms nothing to itself, and puts itself back.
        wait_for_its_end(&scene);
        let before = settled(&scene);
        let next = scene.deploy(&["web"], 0);
        let new = settled(&scene);
        assert_ne!(new, old, "after record {record}");
        let wanted = if before == old {
            "changed"
        } else {
            "unchanged"
        };
        assert_eq!(next.outcome("web"), wanted, "after record {record}");
        old = new;
        record += 1;
    }
    assert!(record > 15, "a deployment has more than {record} records");
}

#[test]
fn a_killed_run_is_taken_back() {
    if !e2e_wanted("a_killed_run_is_taken_back") {
        return;
    }
    let (scene, old) = deployed(PLAIN);
    scene.greet("Taken back");
    // Where connections of these runs are, and no others.
    let sockets = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let with_sockets = |words: &[&str]| {
        let mut command = scene.command(words);
        command.env("XDG_RUNTIME_DIR", sockets.path());
        command
    };
    let folders = || sockets.path().read_dir().unwrap().count();
    let masters = || processes_naming(sockets.path());
    let running = begun_as(&mut with_sockets(&["deploy", "web", "--json"]), "confirm");
    running.signal(Signal::KILL).unwrap();
    running.wait(SOON).unwrap();
    // Its connection outlives it, until somebody connects again.
    assert_eq!((folders(), masters().is_empty()), (1, false));
    let next = with_sockets(&["exec", "web", "--", "true"]).run(SOON);
    assert_eq!(next.unwrap().code(), Some(0));
    assert_eq!(folders(), 0);
    // Long before it would go by itself.
    let until = Instant::now() + Duration::from_secs(20);
    while !masters().is_empty() {
        assert!(Instant::now() < until, "{:?}", masters());
        std::thread::sleep(Duration::from_millis(50));
    }
    let busy = scene.deploy(&["web"], 3);
    let undone = if busy.answer["errors"][0]["code"] == "host-busy" {
        busy.expect_error("host-busy", "web");
        scene.transact(&["resume", "--undo"], 0)
    } else {
        panic!("{:#}", busy.answer)
    };
    assert_eq!(undone.outcome("web"), "rolledBack", "{:#}", undone.answer);
    assert_eq!(settled(&scene), old);

    // An order or a confirmation that was heard counts, also if the answer to it is none: what is told is how the change came out.
    scene.web().sh(DEAF).unwrap();
    let heard = scene.deploy(&["web"], 0);
    assert_eq!(heard.outcome("web"), "changed", "{:#}", heard.answer);
    assert_ne!(settled(&scene), old);
}

/// Makes the agent of a host do what it is told, and answer nothing to orders and confirmations.
const DEAF: &str = r#"
    agent=$(readlink -f /var/lib/infra/agent/current)/infra-agent
    mv "$agent" "$agent.real"
    cat >"$agent" <<'END'
#!/bin/sh
answer=$("$0.real" "$@")
code=$?
case $2 in begin | confirm) exit 1 ;; esac
printf '%s\n' "$answer"
exit $code
END
    chmod 700 "$agent""#;
