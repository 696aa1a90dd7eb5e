//! A saved plan: what `infra plan -o FILE` writes and `infra apply FILE` does, and nothing else.
//!
//! It leaves no choices to the moment of doing, and says what every host was when it was made. Its id is the digest of its own content, so that a
//! plan that was reviewed cannot be exchanged for another one. It holds names and digests of secrets, never a content.

use crate::answer::{HostPlan, Preview};
use crate::change::Intent;
use crate::{Code, Diagnostic, Goal, HostName, NeedName, Place, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The version of saved plans.
pub const PLAN_SCHEMA: u32 = 1;

/// Makes a short name of a text, the same for the same text and another one for any other: a cryptographic digest. It is given as an argument,
/// since the crates that have one look at the processor.
pub type Digest<'a> = &'a dyn Fn(&str) -> String;

/// A plan as it is kept in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanFile {
    /// [`PLAN_SCHEMA`]
    pub schema: u32,
    /// The digest of everything else.
    pub id: String,
    /// The release of infra that made it.
    pub infra: String,
    /// Which repository it is of: see [`PlanFile::check`].
    pub repository: String,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// Who made it: `user@machine`.
    pub by: String,
    /// What it is for.
    pub goal: Goal,
    /// What is to be done, by host.
    pub hosts: Vec<PlannedChange>,
}

/// What is to be done to one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedChange {
    /// The host.
    pub host: HostName,
    /// The tree it was evaluated from.
    pub tree: String,
    /// What builds its system.
    pub drv: StorePath,
    /// Its system.
    pub out: StorePath,
    /// The change, with the host as it was found; `null` if the host was as wanted.
    #[schemars(with = "Option<Value>")]
    pub intent: Option<Intent>,
    /// In which wave it is done, from 1.
    pub wave: Option<u32>,
    /// The values that its contract said were private, by name; `None` if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<BTreeSet<NeedName>>,
    /// What was shown of it.
    pub plan: HostPlan,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

impl PlanFile {
    /// Gives the plan its name: nothing of it may be changed afterwards.
    pub fn named(mut self, digest: Digest<'_>) -> Result<Self, Diagnostic> {
        let value = serde_json::to_value(&self).map_err(|error| unwritable(&error))?;
        self.id = digest_of(value, digest);
        Ok(self)
    }

    /// The file's content: the same plan, the same bytes.
    pub fn to_text(&self) -> Result<String, Diagnostic> {
        let value = serde_json::to_value(self).map_err(|error| unwritable(&error))?;
        let text =
            serde_json::to_string_pretty(&sorted(value)).map_err(|error| unwritable(&error))?;
        Ok(text + "\n")
    }

    /// Reads a plan. The schema is looked at first, so that a plan of another release gives a useful text.
    ///
    /// Errors, all [`Code::InvalidPlan`]: it is not whole, of another schema, was changed after it was made, or names a host twice.
    pub fn parse(file: &str, text: &str, digest: Digest<'_>) -> Result<Self, Diagnostic> {
        let broken = |error: &serde_json::Error| {
            let how = if error.is_eof() {
                "ends in the middle"
            } else {
                "cannot be read as a plan"
            };
            invalid(file, &format!("{file} {how}"))
                .with_cause(error.to_string())
                .with_fix("make it again: infra plan -o FILE")
        };
        let SchemaOnly { schema } = serde_json::from_str(text).map_err(|error| broken(&error))?;
        if schema != PLAN_SCHEMA {
            return Err(other_schema(file, schema));
        }
        let plan: Self = serde_json::from_str(text).map_err(|error| broken(&error))?;
        // What the file says, not what was understood of it: nothing may be added either.
        let said: Value = serde_json::from_str(text).map_err(|error| broken(&error))?;
        if digest_of(said, digest) != plan.id {
            return Err(invalid(
                file,
                &format!("{file} is not the plan that was made: it was changed"),
            )
            .with_cause(format!(
                "its content does not have the id it says, {}",
                plan.id
            ))
            .with_fix(
                "make it again (infra plan -o FILE), and change the repository instead of the plan",
            ));
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = plan.hosts.iter().find(|one| !seen.insert(&one.host)) {
            return Err(invalid(file, &format!("{file} names {} twice", twice.host))
                .with_fix("make it again: infra plan -o FILE"));
        }
        Ok(plan)
    }

    /// Whether it is a plan of this repository and of hosts that it has.
    pub fn check(
        &self,
        file: &str,
        repository: &str,
        has: &dyn Fn(&HostName) -> bool,
    ) -> Result<(), Vec<Diagnostic>> {
        if self.repository != repository {
            return Err(vec![
                invalid(file, &format!("{file} is a plan of another repository"))
                    .with_cause(format!(
                        "it is of {}, and this is {repository}",
                        self.repository
                    ))
                    .with_fix("apply it where it was made, or make one here: infra plan -o FILE"),
            ]);
        }
        let gone: Vec<Diagnostic> = self
            .hosts
            .iter()
            .filter(|one| !has(&one.host))
            .map(|one| {
                let title = format!(
                    "{file} names {}, which is no host of this repository",
                    one.host
                );
                invalid(file, &title)
                    .with_fix("make it again: infra plan -o FILE")
                    .with_host(&one.host)
            })
            .collect();
        if gone.is_empty() { Ok(()) } else { Err(gone) }
    }

    /// The change of one host.
    pub fn host(&self, name: &HostName) -> Option<&PlannedChange> {
        self.hosts.iter().find(|one| one.host == *name)
    }

    /// What it showed of a host.
    pub fn preview(&self, name: &HostName) -> Option<&Preview> {
        self.host(name).map(|one| &one.plan.preview)
    }
}

/// The digest of everything but the id, written in one way only.
fn digest_of(mut plan: Value, digest: Digest<'_>) -> String {
    if let Some(entries) = plan.as_object_mut() {
        entries.remove("id");
    }
    digest(&sorted(plan).to_string())
}

fn other_schema(file: &str, schema: u32) -> Diagnostic {
    let fix = if schema > PLAN_SCHEMA {
        "this command is older than the one that made it: update it, or make the plan again"
    } else {
        "make it again: infra plan -o FILE"
    };
    invalid(
        file,
        &format!("{file} is a plan of schema {schema}, this command reads {PLAN_SCHEMA}"),
    )
    .with_fix(fix)
}

fn invalid(file: &str, title: &str) -> Diagnostic {
    Diagnostic::new(Code::InvalidPlan, title).with_place(Place::file(file))
}

fn unwritable(error: &serde_json::Error) -> Diagnostic {
    Diagnostic::new(Code::Internal, "a plan cannot be written")
        .with_cause(error.to_string())
        .with_fix("this is a bug: please report it")
}

/// The same value with the keys of all tables in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(entries) => {
            let ordered: BTreeMap<String, Value> = entries
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            Value::Object(ordered.into_iter().collect())
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::{PLAN_SCHEMA, PlanFile};
    use crate::HostName;
    use crate::answer::Against;

    const GOLDEN: &str = include_str!("../tests/golden/plan.json");

    /// No digest to trust, but another one for every other text here.
    fn digest(text: &str) -> String {
        let sum = text.bytes().fold(7_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        format!("{sum:016x}")
    }

    fn parsed(text: &str) -> Result<PlanFile, crate::Diagnostic> {
        PlanFile::parse("web.plan", text, &digest)
    }

    /// The golden file with the id that this test's digest gives it.
    fn golden() -> String {
        let plan: PlanFile = serde_json::from_str(GOLDEN).expect("a plan");
        plan.named(&digest).expect("named").to_text().expect("text")
    }

    #[test]
    fn the_golden_plan_is_written_as_it_is_read() {
        let plan: PlanFile = serde_json::from_str(GOLDEN).expect("a plan");
        assert_eq!(plan.schema, PLAN_SCHEMA);
        assert_eq!(plan.to_text().expect("text"), GOLDEN);
        let text = golden();
        assert_eq!(parsed(&text).expect("valid").to_text().expect("text"), text);
    }

    #[test]
    fn a_plan_from_before_there_were_revisions_is_read() {
        let mut value: serde_json::Value = serde_json::from_str(GOLDEN).expect("JSON");
        let plan = &mut value["hosts"][0]["plan"];
        let against = plan.as_object_mut().expect("a table").remove("against");
        assert_eq!(against, Some("running".into()));
        value["id"] = super::digest_of(value.clone(), &digest).into();
        let plan = parsed(&value.to_string()).expect("valid");
        assert_eq!(plan.hosts[0].plan.against, Against::Running);
    }

    #[test]
    fn formatting_is_no_change() {
        let value: serde_json::Value = serde_json::from_str(&golden()).expect("JSON");
        assert!(parsed(&value.to_string()).is_ok());
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        let good = golden();
        let torn: String = good.chars().take(good.len() / 2).collect();
        let twice = {
            let mut plan: PlanFile = serde_json::from_str(&good).expect("a plan");
            let again = plan.hosts[0].clone();
            plan.hosts.push(again);
            plan.named(&digest).expect("named").to_text().expect("text")
        };
        let cases = [
            ("torn", torn),
            ("empty", String::new()),
            ("no plan", "[]".to_owned()),
            ("newer", good.replacen("\"schema\": 1", "\"schema\": 2", 1)),
            ("older", good.replacen("\"schema\": 1", "\"schema\": 0", 1)),
            ("unknown key", good.replacen("\"made\"", "\"maid\"", 1)),
            (
                "tampered",
                good.replace("\"goal\": \"switch\"", "\"goal\": \"test\""),
            ),
            (
                "added to",
                good.replacen(
                    "\"path\": \"hosts/web",
                    "\"x\": 1, \"path\": \"hosts/web",
                    1,
                ),
            ),
            ("another id", good.replacen("\"id\": \"", "\"id\": \"0", 1)),
            ("twice", twice),
        ];
        let told: Vec<String> = cases
            .iter()
            .map(|(name, text)| {
                let fault = parsed(text).expect_err(name);
                assert_eq!(fault.code, crate::Code::InvalidPlan, "{name}");
                format!(
                    "{name}: {} / {}",
                    fault.title,
                    fault.fix.unwrap_or_default()
                )
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        torn: web.plan ends in the middle / make it again: infra plan -o FILE
        empty: web.plan ends in the middle / make it again: infra plan -o FILE
        no plan: web.plan cannot be read as a plan / make it again: infra plan -o FILE
        newer: web.plan is a plan of schema 2, this command reads 1 / this command is older than the one that made it: update it, or make the plan again
        older: web.plan is a plan of schema 0, this command reads 1 / make it again: infra plan -o FILE
        unknown key: web.plan cannot be read as a plan / make it again: infra plan -o FILE
        tampered: web.plan is not the plan that was made: it was changed / make it again (infra plan -o FILE), and change the repository instead of the plan
        added to: web.plan is not the plan that was made: it was changed / make it again (infra plan -o FILE), and change the repository instead of the plan
        another id: web.plan is not the plan that was made: it was changed / make it again (infra plan -o FILE), and change the repository instead of the plan
        twice: web.plan names web twice / make it again: infra plan -o FILE
        ");
    }

    #[test]
    fn every_field_is_part_of_the_id() {
        let value: serde_json::Value = serde_json::from_str(&golden()).expect("JSON");
        let mut leaves = Vec::new();
        gather(&value, String::new(), &mut leaves);
        assert!(leaves.len() > 30, "{}", leaves.len());
        for leaf in leaves.iter().filter(|leaf| *leaf != "/schema") {
            let mut other = value.clone();
            let place = other.pointer_mut(leaf).expect("there");
            *place = match &*place {
                serde_json::Value::Number(number) => (number.as_u64().expect("whole") + 1).into(),
                serde_json::Value::Bool(truth) => (!truth).into(),
                serde_json::Value::String(text) => format!("{text}x").into(),
                _ => continue,
            };
            assert!(parsed(&other.to_string()).is_err(), "{leaf} can be changed");
        }
    }

    fn gather(value: &serde_json::Value, at: String, leaves: &mut Vec<String>) {
        match value {
            serde_json::Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    gather(item, format!("{at}/{number}"), leaves);
                }
            }
            serde_json::Value::Object(entries) => {
                for (key, item) in entries {
                    gather(item, format!("{at}/{}", key.replace('/', "~1")), leaves);
                }
            }
            _ => leaves.push(at),
        }
    }

    #[test]
    fn another_repository_and_hosts_that_went_are_named() {
        let plan: PlanFile = serde_json::from_str(GOLDEN).expect("a plan");
        assert!(plan.check("p", &plan.repository, &|_| true).is_ok());
        let other = plan
            .check("p", "elsewhere", &|_| true)
            .expect_err("refused");
        assert_eq!(other[0].title, "p is a plan of another repository");
        let is_db = |name: &HostName| name.as_str() == "db";
        let gone = plan
            .check("p", &plan.repository, &is_db)
            .expect_err("refused");
        assert_eq!(
            gone[0].title,
            "p names web, which is no host of this repository"
        );
    }
}
