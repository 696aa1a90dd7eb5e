//! The filled context of one host: what its evaluation sees of the values, and nothing of the secrets but their names.

use crate::need::NeedName;
use crate::{Code, Diagnostic, HostName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where the context is in a host tree.
pub const CONTEXT_FILE: &str = ".infra/context.json";

/// The version of the file.
pub const CONTEXT_SCHEMA: u32 = 1;

/// Which evaluation a contract is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// The contract plane: `lib` alone.
    #[default]
    Contract,
    /// The whole system; for contracts that depend on options of the operating system.
    System,
}

/// `.infra/context.json` of one host tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostContext {
    schema: u32,
    /// Where the contract was taken from.
    pub plane: Plane,
    /// Values by need.
    pub values: BTreeMap<NeedName, Value>,
    /// What other hosts export, by want and host.
    pub wants: BTreeMap<NeedName, BTreeMap<HostName, Value>>,
    /// Names of secrets that are filled.
    pub secrets: BTreeSet<NeedName>,
}

impl Default for HostContext {
    fn default() -> Self {
        Self {
            schema: CONTEXT_SCHEMA,
            plane: Plane::default(),
            values: BTreeMap::new(),
            wants: BTreeMap::new(),
            secrets: BTreeSet::new(),
        }
    }
}

impl HostContext {
    /// Whether there is nothing in it, so that the tree need not hold it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The content of the file: the same context, the same bytes.
    pub fn to_text(&self) -> Result<String, Diagnostic> {
        // Sorted here rather than trusted to be: serde_json keeps the order of keys if any crate of the program asks it to.
        serde_json::to_value(self)
            .map(|value| format!("{}\n", sorted(value)))
            .map_err(|error| {
                Diagnostic::new(Code::Internal, "a context cannot be written")
                    .with_cause(error.to_string())
                    .with_fix("this is a bug: please report it")
            })
    }
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
    use super::HostContext;
    use crate::need::NeedName;
    use serde_json::json;

    #[test]
    fn the_same_context_is_the_same_text() {
        let mut context = HostContext::default();
        assert!(context.is_empty());
        for name in ["b", "a"] {
            let name = NeedName::parse(name).expect("a name");
            context
                .values
                .insert(name, json!({"z": 1, "y": [true, null]}));
        }
        insta::assert_snapshot!(context.to_text().expect("text"), @r#"{"plane":"contract","schema":1,"secrets":[],"values":{"a":{"y":[true,null],"z":1},"b":{"y":[true,null],"z":1}},"wants":{}}"#);
    }
}
