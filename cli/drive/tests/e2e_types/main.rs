//! The verdict of the command on values is that of Nix: on hundreds of generated types and values, in one evaluation.
//!
//! Needs `INFRA_E2E=1` and what `checks/setup` makes (`checks/test e2e`). `INFRA_SEED` repeats a run; a failure prints its seed.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its scene should panic there"
)]

mod generated;

use infra_model::types::Type;
use infra_testkit::Places;
use infra_testkit::{e2e_wanted, process};
use serde_json::{Value, json};
use std::path::Path;

/// How many pairs are compared.
const CASES: usize = 600;

#[derive(serde::Deserialize)]
struct Verdict {
    accepts: bool,
    data: Value,
}

/// Asks Nix about all cases at once.
fn nix(cases: &[(Value, Value)]) -> Vec<Verdict> {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("cases.json");
    let list: Vec<Value> = cases
        .iter()
        .map(|(of, value)| json!({"type": of, "value": value}))
        .collect();
    std::fs::write(&file, Value::from(list).to_string()).expect("written");
    let places = Places::from_env();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expression = format!(
        "import {} {{ nixpkgs = {}; infra = {}; cases = {}; }}",
        here.join("tests/e2e_types/verdicts.nix").display(),
        places.nixpkgs().display(),
        here.join("../..").canonicalize().expect("there").display(),
        file.display()
    );
    let output = process(places.nix())
        .env("NIX_CONF_DIR", places.nix_conf_dir())
        .env("HOME", dir.path())
        .args(["--extra-experimental-features", "nix-command", "--offline"])
        .args(["eval", "--impure", "--json", "--expr", &expression])
        .output()
        .expect("nix runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("verdicts")
}

/// Whether a field without a default must be there depends on the nixpkgs; the rest of a type does not.
fn without_required(data: Value) -> Value {
    match data {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(key, value)| key != "required" || !value.is_boolean())
            .map(|(key, value)| (key, without_required(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_required).collect(),
        plain => plain,
    }
}

#[test]
fn verdicts_on_generated_values_are_those_of_nix() {
    if !e2e_wanted("verdicts_on_generated_values_are_those_of_nix") {
        return;
    }
    let seed = generated::seed();
    let cases = generated::cases(seed, CASES);
    let verdicts = nix(&cases);
    assert_eq!(verdicts.len(), cases.len());
    let mut differing = Vec::new();
    let mut accepted = 0;
    for ((data, value), nix) in cases.iter().zip(&verdicts) {
        // As the command gets it: written down by Nix.
        let of: Type = serde_json::from_value(nix.data.clone()).expect("a type");
        let ours = of.check(value);
        accepted += usize::from(nix.accepts);
        if ours.is_empty() != nix.accepts {
            let said: Vec<String> = ours.iter().map(ToString::to_string).collect();
            differing.push(format!(
                "{data}\n  of {value}\n  Nix accepts it: {}; we say: {said:?}",
                nix.accepts
            ));
        }
        let again = [data, &nix.data].map(|data| {
            let said = without_required(data.clone());
            serde_json::from_value::<Type>(said).expect("a type")
        });
        if again[0] != again[1] {
            differing.push(format!("{data}\n  is written down as {}", nix.data));
        }
    }
    assert!(
        differing.is_empty(),
        "{} of {CASES} (INFRA_SEED={seed}):\n{}",
        differing.len(),
        differing.join("\n")
    );
    // A generator that makes only one kind of verdict compares nothing.
    let share = accepted * 100 / CASES;
    assert!(
        (20..80).contains(&share),
        "{share} % accepted (INFRA_SEED={seed})"
    );
}
