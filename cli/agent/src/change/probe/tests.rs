//! Probes tried for real, on a folder that is made to look like a host.

use super::{baseline, failure, until_they_hold, warnings};
use crate::host::Host;
use infra_model::NeedName;
use infra_model::contract::Probe;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn probes(list: &serde_json::Value) -> BTreeMap<NeedName, Probe> {
    let list = list.as_object().expect("an object").clone();
    let whole = |(name, probe): (String, serde_json::Value)| {
        let mut whole = json!({
            "within": "0s", "every": "0s", "successes": 1, "critical": true,
            "declared": [{ "file": "hosts/web/contract.nix", "line": 3 }],
        });
        for (key, value) in probe.as_object().expect("an object") {
            whole[key] = value.clone();
        }
        let probe = serde_json::from_value(whole).expect("a probe");
        (NeedName::parse(&name).expect("a name"), probe)
    };
    list.into_iter().map(whole).collect()
}

fn host(root: &std::path::Path) -> Host {
    Host::new(Some(root.to_owned()), None, true)
}

#[test]
fn each_kind_of_probe_says_what_it_saw() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("there"), "").expect("a file");
    let probes = probes(&json!({
        "a": { "command": "exit 3" },
        "b": { "command": "true\nexit 0" },
        "c": { "file": "/there" },
        "d": { "file": "/gone", "critical": false },
        "e": { "port": 443 },
        "f": { "unit": "web.service" },
        "g": { "reachableFrom": "db" },
        "h": { "command": "kill -9 $$" },
    }));
    let results = until_they_hold(&host(dir.path()), &probes, &|| false);
    let told = results.iter().map(|one| {
        let holds = one
            .holds
            .map_or("not tried".to_owned(), |holds| holds.to_string());
        format!("{} | {} | {holds} | {}", one.name, one.asks, one.saw)
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    a | command exit 3 | false | exit code 3
    b | command true … | true | exit code 0
    c | file /there | true | it is there
    d | file /gone | false | No such file or directory (os error 2)
    e | port 443 | false | nothing listens
    f | unit web.service | false | there is no systemd to ask
    g | reachable from db | not tried | the command asks that, not this host
    h | command kill -9 $$ | false | ended by signal 9
    "#);
    insta::assert_json_snapshot!(failure(&probes, &results), @r#"
    {
      "code": "probe-failed",
      "title": "the probe `a` (command exit 3) does not hold after the change, and 3 more",
      "cause": "the probe `a` (command exit 3) does not hold: exit code 3\nthe probe `e` (port 443) does not hold: nothing listens\nthe probe `f` (unit web.service) does not hold: there is no systemd to ask\nthe probe `h` (command kill -9 $$) does not hold: ended by signal 9",
      "where": {
        "file": "hosts/web/contract.nix",
        "line": 3
      },
      "fix": "correct what the probe found, or the probe, and deploy again"
    }
    "#);
    insta::assert_json_snapshot!(warnings(&results), @r#"
    [
      "the probe `d` (file /gone) does not hold: No such file or directory (os error 2)"
    ]
    "#);
    let before = baseline(&host(dir.path()), &probes);
    assert_eq!(before[0].before, Some(false));
    assert_eq!(before[2].before, Some(true));
    assert_eq!(before[6].before, None);
    assert!(before.iter().all(|one| one.holds.is_none()));
}

#[test]
fn a_probe_holds_when_it_held_often_enough_in_a_row() {
    let dir = tempfile::tempdir().expect("a folder");
    let count = dir.path().join("count");
    // Holds, fails, holds, holds, holds …
    let flaps = |successes: u32, within: &str| {
        std::fs::write(&count, "").expect("a file");
        let file = count.display();
        let script = format!("printf x >>{file}; [ \"$(wc -c <{file})\" -ne 2 ]");
        let probe = json!({ "p": { "command": script, "successes": successes, "within": within } });
        until_they_hold(&host(dir.path()), &probes(&probe), &|| false).remove(0)
    };
    assert_eq!(flaps(1, "0s").holds, Some(true));
    assert_eq!(std::fs::read(&count).expect("a file").len(), 1);
    assert_eq!(flaps(3, "30s").holds, Some(true));
    assert_eq!(
        std::fs::read(&count).expect("a file").len(),
        5,
        "x, not, x x x"
    );
    let never = json!({ "p": { "command": "true", "successes": 1_000_000, "within": "1s" } });
    let never = until_they_hold(&host(dir.path()), &probes(&never), &|| false).remove(0);
    assert_eq!(never.holds, Some(false));
    assert!(never.saw.contains("in a row of 1000000"), "{}", never.saw);
}

#[test]
fn what_hangs_is_ended_and_what_is_taken_back_stops() {
    let dir = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let hangs = probes(&json!({ "p": { "command": "sleep 60", "within": "1s" } }));
    let result = until_they_hold(&host(dir.path()), &hangs, &|| false).remove(0);
    assert_eq!(result.saw, "still running after 1 s");
    let fails = probes(&json!({ "p": { "command": "false", "within": "60s" } }));
    let result = until_they_hold(&host(dir.path()), &fails, &|| true).remove(0);
    assert_eq!(result.holds, Some(false));
    assert!(begun.elapsed() < Duration::from_secs(20));
}
