//! What is said before a transaction begins, and of runs that cannot be gone on with. (What happens on hosts is tested on real hosts.)

use crate::env::{Env, shows};
use crate::history::{env, json, runs_dir};
use serde_json::{Value, json};

#[test]
fn there_is_nothing_to_resume() {
    let env = Env::pair();
    shows!(env, ["resume"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: no run was left unfinished on this machine
      --> command line
      fix: there is nothing to resume; `infra deploy` begins a new run
    ");
    shows!(env, ["resume", "20261121T000000Z-00000000"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: there is no run [run] on this machine
      --> command line
      fix: no run was left unfinished on this machine; one of another machine is resumed there
    ");
    shows!(env, ["resume", "../../etc"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: there is no run ../../etc on this machine
      --> command line
      fix: no run was left unfinished on this machine; one of another machine is resumed there
    ");
}

#[test]
fn a_run_that_failed_before_its_plan_cannot_be_resumed() {
    let env = Env::pair().set(
        "FAKE_SSH_SAYS",
        "ssh: connect to host web port 22: Connection refused",
    );
    let told = env.run(&["deploy", "web"]);
    assert!(told.starts_with("exit 3"), "{told}");
    shows!(env, ["resume"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: no run was left unfinished on this machine
      --> command line
      fix: there is nothing to resume; `infra deploy` begins a new run
    ");
}

/// The plan of a run that was to change hosts, as it is kept.
fn plan_of(run: &str, hosts: &[&str]) -> String {
    let decisions: Vec<Value> = hosts
        .iter()
        .map(|host| {
            let intent = json!({
                "goal": "switch", "system": null, "secrets": "digest", "probes": null,
                "expected": { "current": null, "bootDefault": null, "generation": null, "bootId": null, "secrets": null, "failedUnits": [] },
                "limits": { "activate": 600, "confirm": 60 },
            });
            let steps = json!([{ "step": "activate", "intent": intent }, { "step": "confirm", "reachable": {}, "last": true }]);
            json!({ "host": host, "verdict": "change", "reasons": ["secrets changed"], "steps": steps })
        })
        .collect();
    let rollout = json!({ "waves": {}, "after": {}, "maxUnavailable": null, "maxFailures": null });
    json!({
        "schema": 1, "run": run, "command": "deploy", "goal": "switch", "nonce": "n", "rollout": rollout,
        "decisions": decisions, "trees": {},
    })
    .to_string()
}

#[test]
fn of_a_run_that_ended_what_it_had_lost_is_resumed() {
    let env = env();
    env.output(&["deploy", "--all"]);
    let folder = std::fs::read_dir(runs_dir(&env)).expect("there").next();
    let folder = folder.expect("one").expect("readable").path();
    let run = folder.file_name().expect("a name").to_str().expect("text");
    std::fs::write(folder.join("plan.json"), plan_of(run, &["db", "web"])).expect("ours");
    let answer = folder.join("receipt.json");
    let text = std::fs::read_to_string(&answer).expect("readable");
    let mut ended: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(ended["hosts"][0]["name"], "db");
    ended["hosts"][0]["outcome"] = "changed".into();
    std::fs::write(&answer, ended.to_string()).expect("ours");

    let told = json(&env, &["resume", run, "--json"]).pop();
    let told = told.expect("an answer");
    let hosts: Vec<&Value> = told["hosts"].as_array().expect("a list").iter().collect();
    assert_eq!(hosts.len(), 1, "db had come to its end: {told:#}");
    assert_eq!(
        (&hosts[0]["name"], &hosts[0]["outcome"]),
        (&json!("web"), &json!("failed"))
    );
    let codes: Vec<&Value> = told["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| &error["code"])
        .collect();
    assert_eq!(codes, ["host-unreachable"], "and its receipt is kept");
    let past = json(&env, &["history", "--json"]).pop().expect("an answer");
    let past = past["hosts"].as_array().expect("a list").clone();
    assert_eq!(past.len(), 1);
    assert_eq!(
        (
            &past[0]["command"],
            &past[0]["hosts"][0]["name"],
            &past[0]["hosts"][1]["name"]
        ),
        (&json!("resume"), &json!("db"), &json!("web"))
    );

    // Nothing of it was lost.
    ended["hosts"][1]["outcome"] = "changed".into();
    std::fs::write(&answer, ended.to_string()).expect("ours");
    let told = env.run(&["resume", run]);
    assert!(
        told.contains("has ended") && told.starts_with("exit 2"),
        "{told}"
    );
}

#[test]
fn a_run_that_goes_on_is_not_resumed_for_another() {
    let env = env();
    env.output(&["deploy", "--all"]);
    for (run, goes_on) in [
        ("20300101T000000Z-00000000", false),
        ("20300102T000000Z-00000000", true),
    ] {
        let folder = runs_dir(&env).join(run);
        std::fs::create_dir(&folder).expect("ours");
        std::fs::write(folder.join("plan.json"), plan_of(run, &["web"])).expect("ours");
        let journal = std::fs::File::create(folder.join("events.ndjson")).expect("ours");
        if goes_on {
            journal.lock().expect("ours");
            let told = json(&env, &["resume", "--json"]);
            assert_eq!(told[0]["run"], "20300101T000000Z-00000000", "{told:?}");
            let busy = env.run(&["resume", run]);
            assert!(busy.contains("error[host-busy]"), "{busy}");
        }
    }
}

#[test]
fn a_host_that_cannot_be_reached_is_not_rolled_back() {
    let env = Env::pair().set(
        "FAKE_SSH_SAYS",
        "ssh: connect to host web port 22: Connection refused",
    );
    shows!(env, ["rollback", "web", "--to", "3"], @"
    exit 3
    --- stdout
    1 host: 1 failed ([time])
    --- stderr
        failed  web  web refuses SSH connections on port 22
        survey  web  failed after [time]: web refuses SSH connections on port 22
    error[connection-refused]: web: web refuses SSH connections on port 22
      --> hosts/web/host.toml
      cause: ssh root@web port 22: connect to host web port 22: Connection refused
      fix: start sshd on the host, or set `port` in host.toml
    ");
}

#[test]
fn a_pace_that_cannot_be_kept() {
    let env = Env::pair();
    for words in [
        ["deploy", "web", "--confirm-within", "0s"],
        ["deploy", "web", "--activate-within", "soon"],
        ["deploy", "web", "--max-unavailable", "0"],
        ["deploy", "web", "--parallel", "0"],
        ["rollback", "web", "--to", "last"],
    ] {
        let told = env.run(&words);
        assert!(told.starts_with("exit 2"), "{words:?}: {told}");
    }
    env.write(
        "infra.toml",
        "waves = [\"@cannary\"]\n[deploy]\ncanaries = -1\n",
    );
    shows!(env, ["deploy", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: `canaries` in infra.toml must be a whole number
      --> infra.toml:3:12
        |
      3 | canaries = -1
        |            ^
      cause: found integer -1
      fix: write for example: canaries = 1
    ");
    env.write("infra.toml", "waves = [\"@cannary\"]\n");
    shows!(env, ["deploy", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-tag]: no host has the tag `cannary`
      --> infra.toml
      fix: `infra list` shows the tags of all hosts
    ");
}
