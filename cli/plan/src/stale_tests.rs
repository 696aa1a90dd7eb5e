//! When things are made anew, reason by reason.

use super::{Reason, Record, State, Watched, due, mark, reasons};
use crate::recipes::jobs;
use crate::recipes::tests::manifest;
use infra_model::NeedName;
use infra_model::recipe::{Job, JobId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Short, and of no use but here.
fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

const DAY: u64 = 86_400;
const MADE: u64 = 1_700_000_000;

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

fn all(parts: &[(&str, &str, Value)]) -> Vec<Job> {
    let jobs = jobs(&BTreeMap::from([manifest("web", parts)]));
    assert!(jobs.faults.is_empty(), "{:?}", jobs.faults);
    jobs.order
}

fn job(said: &Value) -> Job {
    let secret = json!({"recipe": "r", "rotate": {"every": said["every"], "grace": null}});
    let mut recipe = json!({"builtin": "hex"});
    for key in ["seed", "expires", "regenerateOn"] {
        if !said[key].is_null() {
            recipe[key] = said[key].clone();
        }
    }
    let mut order = all(&[
        ("secrets", "a", secret),
        ("recipes", "r", recipe),
        ("values", "v", json!({})),
        ("values", "w", json!({})),
    ]);
    order.pop().expect("one job")
}

fn watched<'a>(texts: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> Watched {
    let pair = |(name, text): &(&str, &str)| Some((need(name), (*text).to_owned()));
    texts.into_iter().map(pair).collect()
}

/// The state of something that `job` made at `MADE`, with these values then.
fn made(job: &Job, then: &[(&str, &str)]) -> State {
    State {
        record: Some(Record {
            mark: Some(mark(job, &watched(then), &digest)),
            created: Some(MADE),
            expires: None,
        }),
        watched: watched(then),
        ..State::default()
    }
}

fn why(job: &Job, state: &State, now: u64) -> Vec<Reason> {
    reasons(job, state, now, &digest).into_iter().collect()
}

#[test]
fn what_is_there_and_unchanged_is_kept() {
    let job = job(&json!({}));
    assert_eq!(why(&job, &made(&job, &[]), u64::MAX), []);
    // Somebody gave it: nothing is known about it.
    assert_eq!(why(&job, &State::default(), u64::MAX), []);
    let missing = State {
        missing: BTreeSet::from([need("a")]),
        ..State::default()
    };
    assert_eq!(why(&job, &missing, 0), [Reason::Missing(need("a"))]);
}

#[test]
fn another_seed_makes_it_anew() {
    let (one, two) = (job(&json!({"seed": "1"})), job(&json!({"seed": "2"})));
    assert_eq!(why(&one, &made(&one, &[]), MADE), []);
    assert_eq!(why(&two, &made(&one, &[]), MADE), [Reason::SeedChanged]);
    assert_eq!(
        why(&job(&json!({})), &made(&one, &[]), MADE),
        [Reason::SeedChanged]
    );
}

#[test]
fn a_watched_value_that_changes_makes_it_anew() {
    let job = job(&json!({"regenerateOn": ["v", "w"]}));
    let then = [("v", "\"a\""), ("w", "\"b\"")];
    let changed = |now: &[(&str, &str)]| {
        let mut state = made(&job, &then);
        state.watched = watched(now);
        why(&job, &state, MADE)
    };
    assert_eq!(changed(&then), []);
    for other in [
        &[("v", "\"a\""), ("w", "\"c\"")][..],
        &[("v", "\"b\""), ("w", "\"a\"")],
        &[("v", "\"a\"\"b\""), ("w", "")],
        &[("v", "\"a\"")],
    ] {
        assert_eq!(changed(other), [Reason::WatchedChanged], "{other:?}");
    }
    // Of one of them it cannot be told, now or then: nothing follows from that, and the seed still counts.
    let mut state = made(&job, &then);
    state.watched = None;
    assert_eq!(why(&job, &state, MADE), []);
    let mut other = job.clone();
    other.seed = Some("2".to_owned());
    assert_eq!(why(&other, &state, MADE), [Reason::SeedChanged]);
    state.record = Some(Record {
        mark: Some(mark(&job, &None, &digest)),
        ..Record::default()
    });
    state.watched = watched(&then);
    assert_eq!(why(&job, &state, MADE), []);
    // An unknown value and an empty one are two things.
    assert_ne!(
        mark(&job, &watched(&[("v", "x")]), &digest),
        mark(&job, &watched(&[("v", "x"), ("w", "")]), &digest)
    );
}

#[test]
fn the_mark_does_not_repeat_what_it_was_made_of() {
    let job = job(&json!({"seed": "my-seed", "regenerateOn": ["v"]}));
    let mark = mark(&job, &watched(&[("v", "some-value")]), &digest);
    assert_eq!(mark.len(), 33, "{mark}");
    assert!(mark.bytes().all(|b| b.is_ascii_hexdigit() || b == b'.'));
}

#[test]
fn age_makes_it_anew() {
    let ends = job(&json!({"expires": "10d"}));
    let state = made(&ends, &[]);
    assert_eq!(why(&ends, &state, MADE + 10 * DAY - 1), []);
    assert_eq!(
        why(&ends, &state, MADE + 10 * DAY),
        [Reason::Expired(MADE + 10 * DAY)]
    );
    let turns = job(&json!({"every": "2w"}));
    assert_eq!(why(&turns, &made(&turns, &[]), MADE + 14 * DAY - 1), []);
    assert_eq!(
        why(&turns, &made(&turns, &[]), MADE + 14 * DAY),
        [Reason::Old(MADE + 14 * DAY)]
    );
    // A record that does not say when it was made says at least when it ends.
    let plain = job(&json!({}));
    let mut old = made(&plain, &[]);
    old.record = Some(Record {
        expires: Some(MADE + 5),
        ..Record::default()
    });
    assert_eq!(why(&plain, &old, MADE + 4), []);
    assert_eq!(why(&plain, &old, MADE + 5), [Reason::Expired(MADE + 5)]);
}

#[test]
fn a_certificate_follows_its_authority() {
    let order = all(&[
        ("secrets", "ca", json!({"recipe": "ca"})),
        ("recipes", "ca", json!({"builtin": "x509-ca", "seed": "2"})),
        ("secrets", "tls", json!({"recipe": "tls"})),
        (
            "recipes",
            "tls",
            json!({"builtin": "x509-cert", "options": {"ca": "ca"}}),
        ),
        ("secrets", "token", json!({"recipe": "token"})),
        (
            "recipes",
            "token",
            json!({"script": "x", "needs": ["tls"], "outputs": {"token": {"secret": true, "format": "text"}}}),
        ),
    ]);
    let mut states: BTreeMap<JobId, State> = BTreeMap::new();
    for job in &order {
        let mut before = job.clone();
        before.seed = None;
        states.insert(job.id.clone(), made(&before, &[]));
    }
    let names = |states: &BTreeMap<JobId, State>| -> Vec<(String, Vec<Reason>)> {
        due(&order, states, MADE, &digest)
            .into_iter()
            .map(|(job, reasons)| (job.id.name.to_string(), reasons.into_iter().collect()))
            .collect()
    };
    assert_eq!(
        names(&states),
        [
            ("ca".to_owned(), vec![Reason::SeedChanged]),
            (
                "tls".to_owned(),
                vec![
                    Reason::WatchedMade(need("ca")),
                    Reason::WatchedMade(need("ca.cert"))
                ]
            ),
        ],
        "a token is made from the certificate, but does not ask to follow it"
    );
    // A certificate that somebody gave stays.
    let tls = order[1].id.clone();
    states.insert(tls, State::default());
    assert_eq!(names(&states).len(), 1);
}
