//! Context: what the files below `context/` say, and what one host's evaluation sees of it once its needs are filled.

use crate::decode;
use crate::fill::Source;
use crate::need::NeedName;
use crate::{Code, Diagnostic, HostName, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeValue;

/// A line of a context file.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What it says.
    pub value: Value,
}

impl Line {
    /// As a source of what it fills.
    pub fn source(&self) -> Source {
        Source::Context {
            file: self.file.clone(),
            line: self.line,
        }
    }
}

/// A context file: lines by the name they fill.
pub type Context = BTreeMap<String, Line>;

/// Reads `context/shared.toml` or `context/hosts/<host>.toml`: a value of any kind by the name of the need it fills.
pub fn parse_file(file: &str, text: &str) -> Result<Context, Vec<Diagnostic>> {
    let document = decode::parse(file, text).map_err(|fault| vec![fault])?;
    let mut context = Context::new();
    let mut faults = Vec::new();
    for (key, value) in document.get_ref() {
        let place = || Place::in_text(file, text, key.span().start);
        let name = key.get_ref().to_string();
        if let Err(why) = NeedName::parse(&name) {
            faults.push(
                Diagnostic::new(Code::WrongType, why.to_string())
                    .with_place(place())
                    .with_fix("name a need of a contract (infra contract shows them)"),
            );
            continue;
        }
        match json(value.get_ref()) {
            Ok(value) => {
                let line = Line {
                    file: file.to_owned(),
                    line: place().line.unwrap_or(1),
                    value,
                };
                context.insert(name, line);
            }
            Err(why) => faults.push(
                Diagnostic::new(
                    Code::WrongType,
                    format!("`{name}` in {file} cannot be a value: {why}"),
                )
                .with_place(place())
                .with_fix("write it as a text, in quotes"),
            ),
        }
    }
    if faults.is_empty() {
        return Ok(context);
    }
    faults.sort_by_key(|fault| fault.place.as_ref().and_then(|place| place.line));
    Err(faults)
}

/// What TOML says, as JSON says it.
fn json(value: &DeValue<'_>) -> Result<Value, &'static str> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| "a whole number of more than 64 bits")?,
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or("a number that JSON and Nix do not have")?,
        DeValue::Datetime(_) => return Err("Nix has no dates"),
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| json(item.get_ref()))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| Ok((key.get_ref().to_string(), json(value.get_ref())?)))
                .collect::<Result<_, &'static str>>()?,
        ),
    })
}

/// Where the context is in a host tree.
pub const CONTEXT_FILE: &str = ".infra/context.json";

/// The version of the file.
pub const CONTEXT_SCHEMA: u32 = 1;

/// Which evaluation a contract is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
    use super::{HostContext, parse_file};
    use crate::need::NeedName;
    use serde_json::json;

    #[test]
    fn files_say_anything_by_name() {
        let text = "# where\na = 1\nb = \"x\"\n'c.d' = [1.5, true]\n[e]\nf = { g = 0x10 }\n";
        let context = parse_file("f", text).expect("valid");
        let told: Vec<String> = context
            .iter()
            .map(|(name, line)| format!("{name}={} ({})", line.value, line.source()))
            .collect();
        assert_eq!(
            told,
            [
                "a=1 (f:2)",
                "b=\"x\" (f:3)",
                "c.d=[1.5,true] (f:4)",
                "e={\"f\":{\"g\":16}} (f:5)"
            ]
        );
    }

    #[test]
    fn all_faults_of_a_file_are_told() {
        let text = "ok = 1\n\"a/b\" = 1\nwhen = 2020-01-01\nnan = nan\nbig = 9223372036854775808\n";
        let faults = parse_file("f", text).expect_err("refused");
        let told: Vec<String> = faults
            .iter()
            .map(|fault| {
                format!(
                    "{} {}",
                    fault
                        .place
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                    fault.title
                )
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

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
