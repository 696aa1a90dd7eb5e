//! Orders as a table: what the repository says → who goes when.

use super::{Providers, Rollout, rollout};
use infra_model::host::HostDefaults;
use infra_model::{Fleet, HostName, HostSpec};
use std::collections::BTreeSet;

fn name(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

fn fleet() -> Fleet {
    let host = |host: &str, rest: &str| {
        let text = format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\n{rest}");
        HostSpec::parse(&name(host), "host.toml", &text, &HostDefaults::default()).expect("valid")
    };
    Fleet::new(vec![
        host("db", "tags = [\"back\"]\n"),
        host("edge", "tags = [\"front\"]\nwave = 7\n"),
        host("mail", ""),
        host("web", "tags = [\"front\"]\n"),
    ])
}

fn told(waves: &[&str], canaries: usize, wanted: &[(&str, &[&str])]) -> String {
    let fleet = fleet();
    let hosts: Vec<HostName> = ["db", "edge", "mail", "web"].map(name).to_vec();
    let waves: Vec<String> = waves.iter().map(|text| (*text).to_owned()).collect();
    let wanted: Providers = wanted
        .iter()
        .map(|(asker, of)| {
            let of: BTreeSet<HostName> = of.iter().map(|host| name(host)).collect();
            (name(asker), of)
        })
        .collect();
    match rollout(&fleet, &waves, &hosts, canaries, &wanted) {
        Ok(rollout) => {
            let waves: Vec<String> = rollout
                .waves
                .iter()
                .map(|(host, wave)| format!("{host} {wave}"))
                .collect();
            let after: Vec<String> = rollout
                .after
                .iter()
                .map(|(host, of)| format!("{host} after {of:?}"))
                .collect();
            format!("{}; {}", waves.join(", "), after.join(", "))
        }
        Err(faults) => faults
            .iter()
            .map(|fault| format!("{}: {}", fault.code.name(), fault.title))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn waves_come_from_the_host_then_from_the_settings_then_last() {
    let table = [
        told(&[], 0, &[]),
        told(&["@back", "@front"], 0, &[]),
        told(&["@back", "@front"], 1, &[]),
        told(&["web", "@front"], 2, &[]),
    ];
    insta::assert_snapshot!(table.join("\n"), @"
    db 0, edge 7, mail 0, web 0; 
    db 0, edge 7, mail 2, web 1; 
    db 0, edge 8, mail 3, web 2; 
    db 0, edge 8, mail 3, web 0;
    ");
}

#[test]
fn providers_go_first_unless_a_wave_or_a_circle_says_otherwise() {
    let table = [
        told(&[], 0, &[("web", &["db", "web", "gone"])]),
        told(&["@front"], 0, &[("web", &["db"]), ("db", &["web"])]),
        told(
            &[],
            0,
            &[("web", &["db"]), ("db", &["mail"]), ("mail", &["web"])],
        ),
    ];
    insta::assert_snapshot!(table.join("\n"), @r#"
    db 0, edge 7, mail 0, web 0; web after {HostName("db")}
    db 1, edge 7, mail 1, web 0; db after {HostName("web")}
    db 0, edge 7, mail 0, web 0; db after {HostName("mail")}, mail after {HostName("web")}, web after {}
    "#);
}

#[test]
fn waves_that_select_nothing_that_exists_are_told() {
    insta::assert_snapshot!(told(&["@frnt", "webb", "&"], 0, &[]), @"
    unknown-tag: no host has the tag `frnt`
    unknown-host: there is no host `webb`
    invalid-selector: `` is not a selector: a host name is missing
    ");
}

#[test]
fn stages_keep_waves_and_who_waits_for_whom() {
    let hosts = ["db", "edge", "mail", "web"].map(name);
    let rollout = Rollout {
        waves: [("db", 4), ("edge", 4), ("mail", 0), ("web", 4)]
            .map(|(host, wave)| (name(host), wave))
            .into(),
        // Whoever is not among the hosts is not waited for.
        after: [("web", ["db", "gone"]), ("edge", ["web", "gone"])]
            .map(|(host, of)| (name(host), of.map(name).into()))
            .into(),
        ..Rollout::default()
    };
    let stages = |hosts: &[HostName]| {
        let stages = rollout.stages(hosts).into_iter();
        let told: Vec<String> = stages
            .map(|(host, stage)| format!("{host} {stage}"))
            .collect();
        told.join(", ")
    };
    assert_eq!(stages(&hosts), "db 2, edge 4, mail 1, web 3");
    assert_eq!(stages(&hosts[..2]), "db 1, edge 1");
}

#[test]
fn hosts_that_wait_for_each_other_go_together() {
    let rollout = Rollout {
        after: [("db", ["web"]), ("web", ["db"])]
            .map(|(host, of)| (name(host), of.map(name).into()))
            .into(),
        ..Rollout::default()
    };
    let stages = rollout.stages(&["db", "web"].map(name));
    assert!(stages.values().all(|stage| *stage == 1), "{stages:?}");
}
