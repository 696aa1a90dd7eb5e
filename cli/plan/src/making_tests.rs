//! Which jobs an extent covers, and what is refused.

use super::{Asset, Extent, Known, Task, tasks};
use crate::recipes::jobs;
use crate::recipes::tests::manifest;
use crate::stale::{Reason, Record, State, mark};
use infra_model::fill::Source;
use infra_model::recipe::{Job, JobId, Owner};
use infra_model::{Diagnostic, HostName, NeedName};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const DAY: u64 = 86_400;
const NOW: u64 = 1_700_000_000;

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

fn digest(text: &str) -> String {
    text.replace('.', ",")
}

/// A shared authority that `db` declares, a certificate of it for `web`, and a token of each host.
fn fleet() -> Vec<Job> {
    let ca = json!({"recipe": "x509-ca", "scope": "shared", "deploy": false});
    let cert = json!({"recipe": "x509-ca", "scope": "shared"});
    let both = [
        ("secrets", "ca", ca),
        ("values", "ca.cert", cert),
        ("secrets", "token", json!({"recipe": "hex"})),
    ];
    let mut web = both.to_vec();
    web.push(("secrets", "tls", json!({"recipe": "tls"})));
    web.push(("values", "tls.cert", json!({"recipe": "tls"})));
    let said = json!({"builtin": "x509-cert", "options": {"ca": "ca"}});
    web.push(("recipes", "tls", said));
    let made = jobs(&BTreeMap::from([
        manifest("web", &web),
        manifest("db", &both),
    ]));
    assert!(made.faults.is_empty(), "{:?}", made.faults);
    made.order
}

type States = BTreeMap<JobId, State>;

/// Everything was made a day ago.
fn all_made(jobs: &[Job]) -> States {
    jobs.iter()
        .map(|job| {
            let watched = Some(BTreeMap::new());
            let file = "secrets/x.age".to_owned();
            let there = |need: &NeedName| (need.clone(), Source::Store { file: file.clone() });
            let state = State {
                present: job.products.keys().map(there).collect(),
                record: Some(Record {
                    mark: Some(mark(job, &watched, &digest)),
                    created: Some(NOW - DAY),
                    expires: None,
                }),
                watched,
                ..State::default()
            };
            (job.id.clone(), state)
        })
        .collect()
}

fn state<'s>(states: &'s mut States, owner: Option<&str>, name: &str) -> &'s mut State {
    let owner = owner.map_or(Owner::Shared, |name| Owner::Host(host(name)));
    let id = JobId {
        owner,
        name: need(name),
    };
    states.get_mut(&id).expect("a job")
}

fn lose(state: &mut State, names: &[&str]) {
    for name in names {
        state.present.remove(&need(name));
        state.missing.insert(need(name));
    }
    if state.present.is_empty() {
        state.record = None;
    }
}

fn due(hosts: &[&str], missing: &[(Option<&str>, &str)]) -> Extent {
    Extent::Due {
        missing: assets(missing),
        hosts: hosts.iter().map(|name| host(name)).collect(),
        only: None,
    }
}

fn assets(names: &[(Option<&str>, &str)]) -> BTreeSet<Asset> {
    let asset = |(owner, name): &(Option<&str>, &str)| {
        let owner = owner.map_or(Owner::Shared, |name| Owner::Host(host(name)));
        (owner, need(name))
    };
    names.iter().map(asset).collect()
}

fn run(states: &States, extent: &Extent) -> Result<Vec<Task>, Vec<Diagnostic>> {
    let jobs = fleet();
    let known = Known {
        jobs: &jobs,
        states,
        now: NOW,
        digest: &digest,
    };
    tasks(known, extent)
}

fn names(states: &States, extent: &Extent) -> Vec<String> {
    let tasks = run(states, extent).expect("tasks");
    tasks.iter().map(|task| task.job.id.to_string()).collect()
}

#[test]
fn what_is_there_and_not_due_is_left_alone() {
    let states = all_made(&fleet());
    let nothing: [&str; 0] = [];
    assert_eq!(names(&states, &due(&["web", "db"], &[])), nothing);
    assert_eq!(names(&states, &Extent::Missing(BTreeSet::new())), nothing);
}

#[test]
fn what_is_due_of_other_hosts_waits_for_them() {
    let mut states = all_made(&fleet());
    for owner in ["web", "db"] {
        let record = &mut state(&mut states, Some(owner), "token").record;
        record.as_mut().expect("made").mark = Some("other.".to_owned());
    }
    assert_eq!(names(&states, &due(&["web"], &[])), ["`token` of web"]);
    assert_eq!(names(&states, &due(&["db"], &[])), ["`token` of db"]);
    let both = names(&states, &due(&["web", "db"], &[]));
    assert_eq!(both, ["`token` of db", "`token` of web"]);
    // Only what is missing was asked for.
    assert!(names(&states, &Extent::Missing(BTreeSet::new())).is_empty());
    // Building needs no secrets, only values.
    let only = Extent::Due {
        missing: BTreeSet::new(),
        hosts: BTreeSet::from([host("web")]),
        only: Some(assets(&[(Some("web"), "tls.cert")])),
    };
    assert!(names(&states, &only).is_empty());
}

#[test]
fn an_authority_that_is_due_takes_its_certificates_along() {
    let mut states = all_made(&fleet());
    let record = &mut state(&mut states, None, "ca").record;
    record.as_mut().expect("made").mark = Some("other.".to_owned());
    let found = run(&states, &due(&["web"], &[])).expect("tasks");
    let reasons: Vec<Vec<Reason>> = found
        .iter()
        .map(|task| task.reasons.iter().cloned().collect())
        .collect();
    let follows = |name: &str| Reason::WatchedMade(need(name));
    assert_eq!(
        reasons,
        [
            vec![Reason::SeedChanged],
            vec![follows("ca"), follows("ca.cert")]
        ]
    );
    assert!(found.iter().all(Task::is_renewal));
    assert!(found[1].only_follows(&[found[0].job.clone()]));
    assert!(!found[1].only_follows(&[]));
    // By name it is made anew alone; its certificates follow when it is their turn.
    let named = Extent::Anew(assets(&[(None, "ca")]));
    assert_eq!(names(&states, &named), ["`ca` (shared)"]);
}

#[test]
fn what_something_is_made_from_comes_first_and_is_made_only_for_it() {
    let mut states = all_made(&fleet());
    lose(state(&mut states, None, "ca"), &["ca", "ca.cert"]);
    let mut lost = states.clone();
    lose(state(&mut lost, Some("web"), "tls"), &["tls", "tls.cert"]);
    let named = Extent::Anew(assets(&[(Some("web"), "tls")]));
    let both = ["`ca` (shared)", "`tls` of web"];
    assert_eq!(names(&lost, &named), both);
    let missing = Extent::Missing(assets(&[(Some("web"), "tls")]));
    assert_eq!(names(&lost, &missing), both);
    // The certificate is there: an authority that web does not ask for is kept somewhere else, or is no more.
    assert!(names(&states, &due(&["web"], &[])).is_empty());
}

#[test]
fn a_part_of_what_is_made_together_is_not_made_alone() {
    let mut states = all_made(&fleet());
    lose(state(&mut states, Some("web"), "tls"), &["tls.cert"]);
    let lost = [(Some("web"), "tls.cert")];
    for extent in [due(&["web"], &lost), Extent::Missing(assets(&lost))] {
        let faults = run(&states, &extent).expect_err("refused");
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}");
        };
        assert_eq!(fault.code.name(), "partly-made");
        assert_eq!(
            fault.cause.as_deref(),
            Some("`tls` is there: secrets/x.age\n`tls.cert` is missing")
        );
        assert_eq!(
            fault.fix.as_deref(),
            Some(
                "give what is missing: infra set web tls.cert VALUE; or, if what is there may be lost: infra secret generate web tls makes all of it anew"
            )
        );
    }
    // Who asks for it means it, and what is due is replaced anyway.
    let named = Extent::Anew(assets(&[(Some("web"), "tls")]));
    assert_eq!(names(&states, &named), ["`tls` of web"]);
    let record = &mut state(&mut states, Some("web"), "tls").record;
    record.as_mut().expect("made").created = Some(NOW - 365 * DAY);
    assert_eq!(names(&states, &due(&["web"], &lost)), ["`tls` of web"]);
}

#[test]
fn an_authority_whose_key_is_elsewhere_is_not_replaced_for_a_certificate() {
    let mut states = all_made(&fleet());
    lose(state(&mut states, None, "ca"), &["ca"]);
    let named = Extent::Anew(assets(&[(Some("web"), "tls")]));
    let faults = run(&states, &named).expect_err("refused");
    assert!(faults[0].title.contains("`ca` (shared)"), "{faults:?}");
}

#[test]
fn what_comes_before_the_store_is_to_be_given_no_more() {
    let mut states = all_made(&fleet());
    let tls = state(&mut states, Some("web"), "tls");
    lose(tls, &["tls.cert"]);
    let variable = "INFRA_WEB_TLS".to_owned();
    let source = Source::Environment { variable };
    tls.present.insert(need("tls"), source);
    tls.record = None;
    let faults = run(&states, &due(&["web"], &[(Some("web"), "tls.cert")])).expect_err("refused");
    let fix = faults[0].fix.clone().expect("a fix");
    assert!(fix.contains("give `tls` ($INFRA_WEB_TLS) no more"), "{fix}");
}
