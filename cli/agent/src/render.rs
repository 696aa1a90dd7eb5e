//! Templates: text with secrets and values filled in, in Jinja's syntax.
//!
//! An error says which name is unknown and where, and never what a value is.

use crate::fault::refused;
use infra_model::Diagnostic;
use infra_model::bundle::{Plain, Template};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Serde};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// How a secret stands in a text that Nix made, where it knows the name alone: `<infra:secret:NAME>`.
const PLACEHOLDER: &str = "<infra:secret:";

/// Marks in a text, each with what it stands for.
type Marks<'s> = Vec<(String, &'s str)>;

/// Renders a template.
pub(crate) fn render(
    template: &Template,
    secrets: &BTreeMap<&str, &Plain>,
) -> Result<Plain, Diagnostic> {
    let (source, marks) = mark_placeholders(template, secrets)?;
    let secret_names = Names::new(
        "secrets",
        secrets.iter().map(|(name, content)| {
            // What is no text cannot be part of one.
            (*name, std::str::from_utf8(content).ok().map(Value::from))
        }),
    );
    let value_names = Names::new(
        "values",
        template
            .values
            .iter()
            .map(|(name, value)| (name.as_str(), Some(Value::from(Serde(value))))),
    );
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|error| refused(error.to_string()))?);
    let both = Value::from_pairs([
        ("secrets", Value::from_dyn_object(secret_names.clone())),
        ("values", Value::from_dyn_object(value_names.clone())),
    ]);
    let rendered = environment
        .template_from_str(&source)
        .and_then(|compiled| compiled.render(both).map(Zeroizing::new));
    let mut text = rendered.map_err(|error| {
        let mut missing = secret_names.missing();
        missing.extend(value_names.missing());
        explain(
            template,
            &error,
            &missing,
            &environment_names(&environment, &source),
        )
    })?;
    for (mark, content) in marks {
        text = Zeroizing::new(text.replace(&mark, content));
    }
    Ok(Plain::new(std::mem::take(&mut *text).into_bytes()))
}

/// Replaces placeholders by marks that occur nowhere else, and says what each stands for. Putting the secrets in before rendering would
/// let a secret be read as a template; looking for placeholders after it would find them in secrets, too.
fn mark_placeholders<'s>(
    template: &Template,
    secrets: &BTreeMap<&str, &'s Plain>,
) -> Result<(String, Marks<'s>), Diagnostic> {
    let mut source = template.source.clone();
    let mut marks = Vec::new();
    let values = serde_json::to_string(&template.values).unwrap_or_default();
    let mut salt = 0_u32;
    let taken = |salt: u32| {
        let start = mark_start(salt);
        template.source.contains(&start)
            || values.contains(&start)
            || secrets.values().any(|one| {
                one.windows(start.len())
                    .any(|part| part == start.as_bytes())
            })
    };
    while taken(salt) {
        salt += 1;
    }
    while let Some((before, rest)) = source.split_once(PLACEHOLDER) {
        let Some((name, after)) = rest.split_once('>') else {
            break;
        };
        let content = secrets
            .get(name)
            .ok_or_else(|| unknown(template, &format!("secrets.{name}"), line_of(before)))?;
        let text = std::str::from_utf8(content).map_err(|_| binary(template, name))?;
        let mark = format!("{}{}/", mark_start(salt), marks.len());
        source = format!("{before}{mark}{after}");
        marks.push((mark, text));
    }
    Ok((source, marks))
}

fn mark_start(salt: u32) -> String {
    format!("/infra-mark-{salt}-")
}

fn line_of(before: &str) -> usize {
    before.matches('\n').count() + 1
}

/// `secrets` or `values` as a template sees it; remembers what was asked for and is not there.
#[derive(Debug)]
struct Names {
    of: &'static str,
    known: BTreeMap<String, Option<Value>>,
    missing: Mutex<Vec<String>>,
}

impl Names {
    fn new<'n>(
        of: &'static str,
        known: impl Iterator<Item = (&'n str, Option<Value>)>,
    ) -> Arc<Self> {
        Arc::new(Self {
            of,
            known: known
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            missing: Mutex::default(),
        })
    }

    fn missing(&self) -> Vec<String> {
        let names = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        names.clone()
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let value = self.known.get(name).cloned();
        if !matches!(value, Some(Some(_))) {
            let known = if value.is_some() {
                " (which is binary)"
            } else {
                ""
            };
            let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            missing.push(format!("{}.{name}{known}", self.of));
        }
        value.flatten()
    }
}

/// Names used in a template beside ours: what somebody may have meant as a secret or a value.
fn environment_names(environment: &Environment<'_>, source: &str) -> Vec<String> {
    let Ok(compiled) = environment.template_from_str(source) else {
        return Vec::new();
    };
    let mut names: Vec<String> = compiled
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !["secrets", "values"].contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

fn explain(
    template: &Template,
    error: &minijinja::Error,
    missing: &[String],
    others: &[String],
) -> Diagnostic {
    let line = error.line().unwrap_or(1);
    if error.kind() == ErrorKind::UndefinedError {
        // The last one asked for is the one it stopped at; earlier ones may have been asked for with a default.
        let name = missing.last().cloned().unwrap_or_else(|| match others {
            [] => "a part of a value".to_owned(),
            some => some.join(", "),
        });
        if let Some(name) = name.strip_suffix(" (which is binary)") {
            return binary(template, name.trim_start_matches("secrets."));
        }
        return unknown(template, &name, line);
    }
    let fault = refused(format!(
        "the template `{}` cannot be rendered",
        template.name
    ));
    let kind = error.kind();
    // Other details may quote what a variable holds.
    let detail = match kind {
        ErrorKind::SyntaxError
        | ErrorKind::UnknownFilter
        | ErrorKind::UnknownTest
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownMethod => error.detail(),
        _ => None,
    };
    let why = detail.map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"));
    fault
        .with_cause(format!("line {line}: {why}"))
        .with_fix("correct its `source`")
}

fn unknown(template: &Template, name: &str, line: usize) -> Diagnostic {
    refused(format!(
        "the template `{}` uses `{name}`, which this host does not have",
        template.name
    ))
    .with_cause(format!("line {line} of its `source`"))
    .with_fix(
        "name it in `needs` of the template (`secrets.NAME`, `values.NAME`), or correct the name",
    )
}

fn binary(template: &Template, secret: &str) -> Diagnostic {
    refused(format!(
        "the template `{}` uses the secret `{secret}`, which is not text",
        template.name
    ))
    .with_fix("encode the secret (Base64, say), or let the program read it from a file of its own")
}

#[cfg(test)]
mod tests {
    use super::render;
    use infra_model::bundle::{Mode, Plain, Template};
    use std::collections::BTreeMap;

    fn template(source: &str) -> Template {
        let values = serde_json::json!({ "port": 8080, "names": ["a", "b"], "on": true, "deep": { "er": "x" } });
        Template {
            name: "conf".to_owned(),
            path: "/run/infra/templates/conf".to_owned(),
            source: source.to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: Mode::parse("0400").expect("a mode"),
            units: Vec::new(),
            restart_units: Vec::new(),
            reload_units: Vec::new(),
            values: serde_json::from_value(values).expect("an object"),
        }
    }

    fn rendered(source: &str) -> Result<String, String> {
        let plain = |text: &[u8]| Plain::new(text.to_vec());
        let db = plain(b"pa{{ss}}<infra:secret:db-2>");
        let (db2, raw) = (plain(b"second\n"), plain(&[0xff, 0]));
        let secrets = BTreeMap::from([("db", &db), ("db-2", &db2), ("raw", &raw)]);
        match render(&template(source), &secrets) {
            Ok(text) => Ok(String::from_utf8(text.to_vec()).expect("text")),
            Err(fault) => {
                let shown = format!("{}; {}", fault.title, fault.cause.unwrap_or_default());
                assert!(
                    !shown.contains("second") && !shown.contains("pa{{"),
                    "{shown}"
                );
                Err(shown)
            }
        }
    }

    #[test]
    fn secrets_and_values_are_filled_in_as_they_are() {
        let is = |source: &str, text: &str| assert_eq!(rendered(source).as_deref(), Ok(text));
        is("plain\n", "plain\n");
        is("{{ secrets.db }}\n", "pa{{ss}}<infra:secret:db-2>\n");
        is("{{ secrets['db-2'] }}:{{ values.port }}", "second\n:8080");
        is(
            "{% for n in values.names %}{{ n }};{% endfor %}{{ values.deep.er }}",
            "a;b;x",
        );
        is(
            "{% if values.on %}<{{ secrets.db|length }}>{% endif %}",
            "<27>",
        );
        is("{{ secrets.nope|default('none') }}{{ '<&>' }}", "none<&>");
    }

    #[test]
    fn placeholders_are_filled_in_and_secrets_are_not_read_as_text() {
        let is = |source: &str, text: &str| assert_eq!(rendered(source).as_deref(), Ok(text));
        is(
            "a <infra:secret:db>\nb <infra:secret:db-2>",
            "a pa{{ss}}<infra:secret:db-2>\nb second\n",
        );
        is(
            "{% raw %}{{<infra:secret:db-2>}}{% endraw %}",
            "{{second\n}}",
        );
        is(
            "/infra-mark-0-0/ <infra:secret:db-2>",
            "/infra-mark-0-0/ second\n",
        );
        is("<infra:secret:", "<infra:secret:");
    }

    #[test]
    fn what_is_unknown_is_named_and_nothing_is_shown() {
        let refusals = [
            "x\n{{ secrets.nope }}",
            "x\n<infra:secret:nope>",
            "{{ secrets.maybe|default('') }}{{ values.nope }}",
            "{{ values.deep.nope.er }}",
            "{{ nope }}",
            "{{ secrets.raw }}",
            "<infra:secret:raw>",
            "{{ secrets.db",
            "{{ secrets.db|nope }}",
            "{{ secrets['db-2']|int }}",
            "{{ secrets['db-2'] + 1 }}",
            "{% include secrets['db-2'] %}",
        ];
        let told: Vec<String> = refusals
            .iter()
            .map(|source| rendered(source).expect_err(source))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        the template `conf` uses `secrets.nope`, which this host does not have; line 2 of its `source`
        the template `conf` uses `secrets.nope`, which this host does not have; line 2 of its `source`
        the template `conf` uses `values.nope`, which this host does not have; line 1 of its `source`
        the template `conf` uses `a part of a value`, which this host does not have; line 1 of its `source`
        the template `conf` uses `nope`, which this host does not have; line 1 of its `source`
        the template `conf` uses the secret `raw`, which is not text; 
        the template `conf` uses the secret `raw`, which is not text; 
        the template `conf` cannot be rendered; line 1: syntax error: unexpected end of input, expected end of variable block
        the template `conf` cannot be rendered; line 1: unknown filter: filter nope is unknown
        the template `conf` cannot be rendered; line 1: invalid operation
        the template `conf` cannot be rendered; line 1: invalid operation
        the template `conf` cannot be rendered; line 1: template not found
        ");
    }
}
