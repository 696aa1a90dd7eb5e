//! How hosts stand, as a table.

use super::{Facts, Wanted, of};
use crate::Secrets;
use infra_model::change::ChangeStatus;
use infra_model::receipt::RunReceipt;
use infra_model::state::HostSecrets;
use infra_model::{HostName, HostState, StorePath};
use serde_json::{Value, json};

fn path(name: &str) -> StorePath {
    StorePath::parse(&format!(
        "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}"
    ))
    .expect("a store path")
}

fn found(word: &str) -> Option<StorePath> {
    Some(word).filter(|word| *word != "-").map(path)
}

/// `outcome goal before wanted after boot secrets`
fn receipt(number: usize, text: &str) -> RunReceipt {
    let words: Vec<&str> = text.split(' ').collect();
    let system = |at: usize| found(words[at]).map_or(Value::Null, |path| json!(path));
    let secrets = Some(words[6].trim_end_matches('-')).filter(|word| *word != "?");
    let json = json!({
        "schema": 1, "run": format!("run-{number}"), "command": "deploy", "goal": words[1], "by": "ann@desk", "begun": 0, "ended": 0,
        "infra": "", "commit": null, "dirty": null, "errors": [],
        "hosts": [{"name": "web", "outcome": words[0], "before": system(2), "wanted": system(3), "after": system(4), "boot": system(5),
            "secrets": secrets, "tree": format!("tree-{number}"), "seconds": {}}],
    });
    RunReceipt::parse(&json.to_string()).expect("a receipt")
}

/// `current boot secrets/place`
fn state(text: &str) -> HostState {
    let words: Vec<&str> = text.split(' ').collect();
    let secrets = words.get(2).map(|word| HostSecrets {
        digest: Some(word.trim_end_matches('!').to_owned()),
        generation: Some(1),
        fingerprints: std::collections::BTreeMap::new(),
        names: vec!["a".to_owned()],
        in_place: !word.ends_with('!'),
    });
    HostState {
        current: found(words[0]),
        boot_default: found(words[1]),
        secrets,
        clock: Some(1042),
        ..HostState::default()
    }
}

fn told(state: &HostState, wanted: Result<&Wanted, &str>, receipts: &[RunReceipt]) -> String {
    let host = HostName::parse("web").expect("a name");
    let standing = of(&Facts {
        host: &host,
        state,
        wanted,
        receipts,
    });
    let run = standing.last_run.unwrap_or_default();
    let tree = standing.tree.unwrap_or_default();
    format!(
        "{} [{run} {tree}] {}",
        standing.stands.as_str(),
        standing.reasons.join(" & ")
    )
}

fn wanting(system: &str, secrets: &str) -> Wanted {
    let names: Vec<String> = Some("a".to_owned())
        .filter(|_| secrets != "-")
        .into_iter()
        .collect();
    Wanted {
        system: path(system),
        secrets: Ok(Secrets {
            digest: secrets.to_owned(),
            names,
        }),
    }
}

/// Name: what the host is; what is wanted; receipts, newest first.
const CASES: &str = "\
as deployed: b b; b -; changed switch a b b b -
as wanted, nobody knows why: b b; b -
files changed: b b; c -; changed switch a b b b -
files changed, and back on the one before: a a; c -; changed switch a b b b -; changed switch - a a a -
never deployed: - -; c -
of somebody else: x x; c -
changed by hand: x x; b -; changed switch a b b b -
boot default changed by hand: b a; b -; changed switch a b b b -
tested: b a; b -; changed test a b b a -
tested, then rebooted: a a; b -; changed test a b b a -
left to the next boot: a b; b -; changed boot a b a b -
left to the next boot, which came: b b; c -; changed boot a b a b -
rolled back: a a; b -; rolledBack switch a b a a -
failed, on the side before: a a; c -; failed switch a b - - -
failed, on the other side: b a; c -; failed switch a b - - -
failed, and neither: x x; c -; failed switch a b - - -
a failure that never came to it: b b; c -; failed switch - - - - -; changed switch a b b b -
a look and a skip say nothing: b b; c -; changed dry-activate b c b b -; skipped switch b c b b -; changed switch a b b b -
secrets as left: b b s; b s; changed switch a b b b s
secrets rotated: b b s; b t; changed switch a b b b s
secrets of somebody else: b b x; b s; changed switch a b b b s
secrets gone: b b; b s; changed switch a b b b s
secrets not in place: b b s!; b s; changed switch a b b b s
secrets that nobody wrote down: b b s; b t; changed switch a b b b ?
secrets to come: b b; b s; changed switch a b b b -";

#[test]
fn stands() {
    let table: Vec<String> = CASES
        .lines()
        .map(|case| {
            let (name, rest) = case.split_once(": ").expect("a name");
            let parts: Vec<&str> = rest.split("; ").collect();
            let (system, secrets) = parts[1].split_once(' ').expect("both");
            let receipts: Vec<RunReceipt> = parts[2..]
                .iter()
                .enumerate()
                .map(|(at, text)| receipt(parts.len() - 2 - at, text))
                .collect();
            let wanted = wanting(system, secrets);
            format!("{name}: {}", told(&state(parts[0]), Ok(&wanted), &receipts))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn what_cannot_be_told_hides_no_drift() {
    let receipts = [receipt(1, "changed switch a b b b -")];
    let mut wanted = wanting("b", "-");
    wanted.secrets = Err("pass is not installed".to_owned());
    let table = [
        told(&state("b b"), Err("it does not evaluate"), &receipts),
        told(&state("x x"), Err("it does not evaluate"), &receipts),
        told(&state("b b"), Ok(&wanted), &receipts),
    ];
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn a_change_goes_before_everything() {
    let receipts = [receipt(1, "changed switch a b b b -")];
    let change = |phase: &str, alive: bool| -> ChangeStatus {
        serde_json::from_value(json!({
            "schema": 1, "run": "run-2", "by": "bob@laptop", "since": 1000, "phase": phase, "alive": alive, "remaining": null,
            "system": null, "before": null, "probes": [], "end": null, "log": [], "next": 0,
        }))
        .expect("a change")
    };
    let table: Vec<String> = [("awaiting", true), ("activating", false), ("ended", false)]
        .into_iter()
        .map(|(phase, alive)| {
            let mut state = state("c b");
            state.change = Some(change(phase, alive));
            told(&state, Ok(&wanting("c", "-")), &receipts)
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn a_boot_that_is_waited_for_is_told_and_no_drift() {
    let receipts = [receipt(1, "changed switch a b b b -")];
    let mut waits = state("b b");
    waits.boot_pending = true;
    // It waits for what it runs, which is not always what it would boot.
    let tested = [receipt(2, "changed test b c c b -")];
    let mut divided = state("c b");
    divided.boot_pending = true;
    let table = [
        told(&waits, Ok(&wanting("b", "-")), &receipts),
        told(&divided, Ok(&wanting("c", "-")), &tested),
    ];
    insta::assert_snapshot!(table.join("\n"));
}
