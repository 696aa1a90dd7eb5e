//! What Nix answers us: schema-numbered JSON made by `nix/eval` (see `nix/docs/wire.md`).

use crate::{Code, Diagnostic, HostName, StorePath};
use serde::{Deserialize, Serialize};

/// The version of the wire this program speaks.
pub const WIRE_SCHEMA: u32 = 1;

/// The answer of `infra.hosts.<name>.system`: which derivation builds the host's system, and what it will be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SystemAnswer {
    schema: u32,
    /// The host that was evaluated.
    pub host: HostName,
    /// Its class, as Nix read it.
    pub class: String,
    /// Its Nix system.
    pub system: String,
    /// The system to deploy.
    pub toplevel: Toplevel,
}

/// A system as derivation and result. (`drv`/`out`, since Nix prints an attribute set with `outPath` as that path alone.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Toplevel {
    /// The `.drv`, already in the local store.
    pub drv: StorePath,
    /// The path that building it will yield: known before it is built.
    pub out: StorePath,
}

/// A host's system, and how it came to be known.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What Nix answered, now or once before.
    pub answer: SystemAnswer,
    /// Id of the host tree it was asked about.
    pub tree: String,
    /// Whether it was remembered, and no process was started.
    pub remembered: bool,
    /// How long the evaluation took when it was done.
    pub seconds: f64,
    /// The most memory it was seen to hold then, in bytes; `None` if it ended before anybody looked.
    pub peak_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

impl SystemAnswer {
    /// Reads the answer; the schema number is looked at first, so that a newer framework gives a useful text and not "unknown field".
    pub fn parse(json: &str) -> Result<Self, Diagnostic> {
        let broken = |error: serde_json::Error| {
            Diagnostic::new(
                Code::SchemaMismatch,
                "Nix answered something this version of infra does not understand",
            )
            .with_cause(error.to_string())
            .with_fix(
                "update the `infra` input of the repository and this command to the same release",
            )
        };
        let SchemaOnly { schema } = serde_json::from_str(json).map_err(broken)?;
        if schema != WIRE_SCHEMA {
            let which = if schema > WIRE_SCHEMA {
                "this command is older: update it"
            } else {
                "the repository's `infra` input is older: run `nix flake update infra`"
            };
            return Err(Diagnostic::new(
                Code::SchemaMismatch,
                format!(
                    "the repository speaks wire schema {schema}, this command speaks {WIRE_SCHEMA}"
                ),
            )
            .with_fix(which));
        }
        serde_json::from_str(json).map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::SystemAnswer;

    const GOOD: &str = r#"{"schema":1,"host":"web","class":"nixos","system":"x86_64-linux","toplevel":{
        "drv":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-x.drv","out":"/nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-x"}}"#;

    #[test]
    fn reads_schema_one() {
        let answer = SystemAnswer::parse(GOOD).expect("valid");
        assert_eq!(answer.host.as_str(), "web");
    }

    #[test]
    fn says_which_side_is_older() {
        let text = |json: &str| {
            let fault = SystemAnswer::parse(json).expect_err("refused");
            format!("{} / {}", fault.title, fault.fix.unwrap_or_default())
        };
        insta::assert_snapshot!(text(&GOOD.replace("\"schema\":1", "\"schema\":2")), @"the repository speaks wire schema 2, this command speaks 1 / this command is older: update it");
        insta::assert_snapshot!(text(&GOOD.replace("\"schema\":1", "\"schema\":0")), @"the repository speaks wire schema 0, this command speaks 1 / the repository's `infra` input is older: run `nix flake update infra`");
        insta::assert_snapshot!(text(&GOOD.replace("\"class\"", "\"klass\"")), @"Nix answered something this version of infra does not understand / update the `infra` input of the repository and this command to the same release");
        insta::assert_snapshot!(text("[]"), @"Nix answered something this version of infra does not understand / update the `infra` input of the repository and this command to the same release");
    }
}
