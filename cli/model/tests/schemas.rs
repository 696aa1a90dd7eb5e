//! The JSON schemas in `nix/docs/schemas` are generated from the types, and this test says when they are not up to date.
//! `INFRA_WRITE_SCHEMAS=1 cargo test -p infra-model --test schemas` writes them.

use infra_model::HostSpec;
use infra_model::answer::{
    Answer, Built, CacheState, Evaluated, Executed, HostContract, HostFacts, HostFilled, HostInfo,
    HostMade, HostPlan, HostResult, HostStanding, KeptSecret, PastRun, Patient, Relations,
    RepositoryMade, RolledBack, SecretDone, SecretReaders, ValueGot, ValueSet, Why,
};
use infra_model::event::Line;
use infra_model::plan_file::PlanFile;
use infra_model::poison::HostSearch;
use infra_model::receipt::RunReceipt;
use schemars::{Schema, schema_for};
use std::path::Path;

#[test]
fn published_schemas_are_those_of_the_types() {
    let all: [(&str, Schema); 28] = [
        ("list", schema_for!(Answer<HostSpec>)),
        ("info", schema_for!(Answer<HostInfo>)),
        ("eval", schema_for!(Answer<Evaluated>)),
        ("build", schema_for!(Answer<Built>)),
        ("deploy", schema_for!(Answer<HostResult>)),
        ("exec", schema_for!(Answer<Executed>)),
        ("why", schema_for!(Answer<Why>)),
        ("cache", schema_for!(Answer<CacheState>)),
        ("check", schema_for!(Answer<HostSearch>)),
        ("doctor", schema_for!(Answer<Patient>)),
        ("contract", schema_for!(Answer<HostContract>)),
        ("set", schema_for!(Answer<ValueSet>)),
        ("get", schema_for!(Answer<ValueGot>)),
        ("graph", schema_for!(Answer<Relations>)),
        ("new", schema_for!(Answer<HostMade>)),
        ("init", schema_for!(Answer<RepositoryMade>)),
        ("secret-list", schema_for!(Answer<KeptSecret>)),
        ("secret-recipients", schema_for!(Answer<SecretReaders>)),
        ("secret-rollback", schema_for!(Answer<RolledBack>)),
        ("secret", schema_for!(Answer<SecretDone>)),
        ("facts", schema_for!(Answer<HostFacts>)),
        ("fill", schema_for!(Answer<HostFilled>)),
        ("history", schema_for!(Answer<PastRun>)),
        ("status", schema_for!(Answer<HostStanding>)),
        ("receipt", schema_for!(RunReceipt)),
        ("plan", schema_for!(Answer<HostPlan>)),
        ("plan-file", schema_for!(PlanFile)),
        ("event", schema_for!(Line)),
    ];
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nix/docs/schemas");
    for (name, schema) in all {
        let file = dir.join(format!("{name}.json"));
        let wanted = serde_json::to_string_pretty(&schema).expect("serialisable") + "\n";
        if std::env::var_os("INFRA_WRITE_SCHEMAS").is_some() {
            std::fs::create_dir_all(&dir).expect("writable");
            std::fs::write(&file, &wanted).expect("writable");
        }
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            found,
            wanted,
            "{} is out of date: see the head of this test",
            file.display()
        );
    }
}
