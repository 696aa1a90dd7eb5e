//! sops files: those of other programs, those of our own writer, and everything that must not be believed.

mod formats;
mod others;
mod refusals;
mod tampering;
mod whatever;

use super::writer::{self, Style, Value, map, text};
use super::{Format, KeyPath, Opened, open_bytes};
use crate::secret::Identities;
use crate::secret::testing::{age_key, identities};
use infra_model::Diagnostic;

/// A printer of the writer's.
type Print = fn(&[Value], &Value) -> String;

fn open(text: &str, format: Format, identities: &Identities) -> Result<Opened, Diagnostic> {
    open_bytes(text.as_bytes(), format, "secrets.yaml", identities)
}

fn get(opened: &Opened, key: &str) -> Result<String, Diagnostic> {
    let secret = opened.get(&KeyPath::parse(key)?)?;
    Ok(secret.expose_text().expect("text").to_owned())
}

/// A file with the given style, and what opens it.
fn made(style: Style, documents: &[Value], print: Print) -> (String, Identities) {
    let (private, public) = age_key();
    (
        writer::file(style, documents, &[public], print),
        identities(&private),
    )
}

fn tree() -> Value {
    map([
        ("name", text("väl\"ue: #1")),
        (
            "db",
            map([
                ("password", text("two\nlines\n")),
                ("port", Value::Int(-5432)),
                ("ratio", Value::Float(0.1)),
                ("tls", Value::Bool(false)),
                ("nothing", Value::Null),
                ("empty", text("")),
                (
                    "hosts",
                    Value::List(vec![text("a"), map([("deep", text("b"))])]),
                ),
            ]),
        ),
        ("port_unencrypted", Value::Int(80)),
        ("when_unencrypted", text("2026-01-02")),
        (
            "many_unencrypted",
            Value::List(vec![Value::Float(1.5), Value::Bool(true), text("x")]),
        ),
    ])
}
