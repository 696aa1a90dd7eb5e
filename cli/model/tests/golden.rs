//! Both halves of infra read the same files and must say the same about them. The goldens are made by the Nix half (`checks/nix/run --write`).

#![expect(
    clippy::expect_used,
    reason = "a test may say what it takes for granted"
)]

use infra_model::host::HostDefaults;
use infra_model::{Diagnostic, HostName, HostSpec, SystemAnswer};
use serde_json::{Map, Value};

fn golden(text: &str) -> Value {
    serde_json::from_str(text).expect("a golden is JSON")
}

/// The parts of a fault that do not depend on line numbers, which Nix does not know.
fn parts(fault: Diagnostic) -> Value {
    let parts = [
        ("code", Some(fault.code.name())),
        ("title", Some(fault.title)),
        ("cause", fault.cause),
        ("fix", fault.fix),
    ];
    let said = parts
        .into_iter()
        .filter_map(|(part, text)| Some((part.to_owned(), Value::String(text?))));
    Value::Object(said.collect::<Map<_, _>>())
}

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a host name")
}

#[test]
fn the_same_hosts_are_refused_in_the_same_words() {
    let golden = golden(include_str!("../../../checks/golden/host-toml.json"));
    let file = golden["file"].as_str().expect("a file name");
    let cases = golden["cases"].as_array().expect("a list of cases");
    assert!(!cases.is_empty());
    for case in cases {
        let toml = case["toml"].as_str().expect("the text of a host.toml");
        let faults = HostSpec::parse(&host("web"), file, toml, &HostDefaults::default())
            .err()
            .unwrap_or_default();
        let said: Vec<Value> = faults.into_iter().map(parts).collect();
        assert_eq!(Value::Array(said), case["faults"], "{}", case["name"]);
    }
}

#[test]
fn the_same_defaults_are_filled_in() {
    let golden = golden(include_str!("../../../checks/golden/pair.json"));
    let files = golden["hostToml"].as_object().expect("texts by host");
    assert_eq!(files.len(), 2);
    for (name, toml) in files {
        let toml = toml.as_str().expect("the text of a host.toml");
        let spec = HostSpec::parse(&host(name), "host.toml", toml, &HostDefaults::default())
            .expect("a valid host.toml");
        let mut said = serde_json::to_value(spec).expect("a host is JSON");
        let own_name = said.as_object_mut().and_then(|host| host.remove("name"));
        assert_eq!(own_name, Some(Value::String(name.clone())));
        assert_eq!(said, golden["index"][name]);
    }
}

#[test]
fn the_answers_of_nix_are_understood() {
    let golden = golden(include_str!("../../../checks/golden/pair.json"));
    let hosts = golden["hosts"].as_object().expect("hosts by name");
    assert_eq!(hosts.len(), 2);
    for (name, host) in hosts {
        let answer = SystemAnswer::parse(&host["system"].to_string()).expect("understood");
        assert_eq!(answer.host.as_str(), name);
        assert_eq!(answer.class, "nixos");
    }
}
