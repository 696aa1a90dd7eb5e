//! Types, and values that are of them, nearly of them, or of any other kind.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

/// Kinds of text, each with texts of it and texts that are nearly of it.
const TEXTS: [(&str, &[&str]); 14] = [
    (
        "ipv4",
        &[
            "192.0.2.1",
            "0.0.0.0",
            "255.255.255.255",
            "1.2.3.256",
            "01.2.3.4",
        ],
    ),
    (
        "ipv6",
        &[
            "2001:db8::1",
            "::",
            "::1",
            "1:2:3:4:5:6:7:8",
            "::ffff:192.0.2.1",
            "1::2::3",
        ],
    ),
    (
        "cidr",
        &[
            "10.0.0.0/8",
            "2001:db8::/32",
            "10.0.0.0/33",
            "::/128",
            "::/129",
        ],
    ),
    (
        "mac",
        &["02:00:00:14:00:0f", "02:00:00:14:00:0G", "02:00:00:14:00"],
    ),
    ("hostname", &["web", "a-b.c", "-a", "a-", "a..b", "web_1"]),
    ("fqdn", &["git.example.org", "example", "a.b-c.d1", "a.1"]),
    (
        "url",
        &[
            "https://example.org/",
            "redis://[::1]:6379",
            "https://",
            "a b://c",
        ],
    ),
    ("email", &["anna@example.org", "a@b", "a@", "@b", "a@b@c"]),
    (
        "sshPublicKey",
        &[
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefgh anna@laptop",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB",
            "ssh-ed25519 short",
        ],
    ),
    (
        "agePublicKey",
        &[
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "age1yubikey1qwertyuasdfgh",
            "age1",
        ],
    ),
    ("duration", &["90d", "1h", "0s", "1h30m", "90"]),
    ("size", &["512MiB", "1B", "1 GB", "GiB"]),
    ("path", &["/var/lib", "/", "var", "/a\nb"]),
    ("nonEmptyString", &["text", " x", " ", "\t\n", "\u{a0}"]),
];

/// POSIX extended patterns, with texts that match or nearly do.
const PATTERNS: [(&str, &[&str]); 6] = [
    ("[a-z]+", &["abc", "", "aB"]),
    ("a|bc", &["a", "bc", "abc", "ab"]),
    ("x{2,3}", &["x", "xx", "xxx", "xxxx"]),
    ("[^\n]*", &["", "ü", "a\nb"]),
    (".{2}", &["ab", "ü", "a\n", "abc"]),
    ("(a.c)?[.]", &["abc.", ".", "a\nc.", "abcd"]),
];

/// The seed of this run.
pub(crate) fn seed() -> u64 {
    std::env::var("INFRA_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| u64::from(now.subsec_nanos()))
        })
}

/// That many pairs of a type and a value.
pub(crate) fn cases(seed: u64, count: usize) -> Vec<(Value, Value)> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let pairs = types().prop_flat_map(|of| {
        let value = prop_oneof![3 => value_of(&of), 2 => nearly(value_of(&of)), 1 => any_value()];
        (Just(of), value)
    });
    let mut make = || pairs.new_tree(&mut runner).expect("a case").current();
    (0..count).map(|_| make()).collect()
}

fn types() -> impl Strategy<Value = Value> {
    let plain = prop::sample::select(vec!["string", "int", "bool", "float", "port", "anything"]);
    let text: Vec<&str> = TEXTS.iter().map(|(kind, _)| *kind).collect();
    let patterns: Vec<&str> = PATTERNS.iter().map(|(pattern, _)| *pattern).collect();
    let leaf = prop_oneof![
        plain.prop_map(|kind| json!({"kind": kind})),
        prop::sample::select(text).prop_map(|kind| json!({"kind": kind})),
        prop::sample::select(patterns).prop_map(|it| json!({"kind": "matching", "pattern": it})),
        (-3_i64..3, 0_i64..5)
            .prop_map(|(min, more)| json!({"kind": "intBetween", "min": min, "max": min + more})),
        (0..=1).prop_map(|min| json!({"kind": "intBetween", "min": min, "max": null})),
        vec(scalar(), 1..4).prop_map(|values| json!({"kind": "enum", "values": distinct(values)})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let wrapped = |kind: &'static str| {
            inner
                .clone()
                .prop_map(move |of| json!({"kind": kind, "of": of}))
        };
        prop_oneof![
            wrapped("listOf"),
            wrapped("attrsOf"),
            wrapped("nullOr"),
            // Either in either is written down as one.
            vec(inner.clone(), 2..4).prop_map(|types| {
                let flat = types.into_iter().flat_map(|of| match of["kind"].as_str() {
                    Some("either") => of["types"].as_array().cloned().unwrap_or_default(),
                    _ => vec![of],
                });
                json!({"kind": "either", "types": flat.collect::<Vec<_>>()})
            }),
            btree_map("[a-c]", field(inner), 1..3)
                .prop_map(|fields| json!({"kind": "submodule", "fields": fields})),
        ]
    })
}

/// A field that must be there, or one with a default.
fn field(of: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    of.prop_flat_map(|of| {
        let with = of.clone();
        prop_oneof![
            Just(json!({"type": of.clone(), "required": true})),
            value_of(&of).prop_map(
                move |default| json!({"type": with, "required": false, "default": default})
            ),
        ]
    })
}

/// Values that are of a type, but for a few texts and defaults.
fn value_of(of: &Value) -> BoxedStrategy<Value> {
    let inner = || value_of(&of["of"]);
    let from = |texts: &[&str]| {
        let texts: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
        prop::sample::select(texts).boxed()
    };
    let kind = of["kind"].as_str().unwrap_or_default();
    if let Some((_, texts)) = TEXTS.iter().find(|(name, _)| *name == kind) {
        return from(texts);
    }
    match kind {
        "string" => text().prop_map(Value::from).boxed(),
        "int" => prop_oneof![any::<i64>(), -9_i64..9]
            .prop_map(Value::from)
            .boxed(),
        "bool" => any::<bool>().prop_map(Value::from).boxed(),
        "float" => float().boxed(),
        "port" => prop::sample::select(vec![0, 1, 22, 65535, 65536])
            .prop_map(Value::from)
            .boxed(),
        "intBetween" => {
            let least = of["min"].as_i64().unwrap_or(0);
            (least - 1..least + 6).prop_map(Value::from).boxed()
        }
        "matching" => {
            let pattern = of["pattern"].as_str().unwrap_or_default();
            let known = PATTERNS.iter().find(|(name, _)| *name == pattern);
            from(known.map_or(&["x"], |(_, texts)| texts))
        }
        "enum" => {
            let values = of["values"].as_array().cloned().unwrap_or_default();
            prop::sample::select(values).boxed()
        }
        "listOf" => vec(inner(), 0..3).prop_map(Value::from).boxed(),
        "attrsOf" => btree_map(key(), inner(), 0..3)
            .prop_map(|entries| json!(entries))
            .boxed(),
        "nullOr" => prop_oneof![1 => Just(Value::Null), 2 => inner()].boxed(),
        "either" => {
            let types = of["types"].as_array().cloned().unwrap_or_default();
            prop::sample::select(types)
                .prop_flat_map(|of| value_of(&of))
                .boxed()
        }
        "submodule" => table_of(of),
        _ => any_value().boxed(),
    }
}

/// A table with all required fields and some of the others.
fn table_of(of: &Value) -> BoxedStrategy<Value> {
    let fields = of["fields"].as_object().cloned().unwrap_or_default();
    let mut all = Just(Map::new()).boxed();
    for (name, field) in fields {
        let required = field["required"] == json!(true);
        let value = (value_of(&field["type"]), any::<bool>());
        all = (all, value)
            .prop_map(move |(mut table, (value, there))| {
                if required || there {
                    table.insert(name.clone(), value);
                }
                table
            })
            .boxed();
    }
    all.prop_map(Value::Object).boxed()
}

/// The same with one thing changed.
fn nearly(value: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    (value, any::<u8>(), scalar()).prop_map(|(value, how, scalar)| changed(value, how, scalar))
}

fn changed(value: Value, how: u8, scalar: Value) -> Value {
    match value {
        Value::String(mut text) => {
            match how % 6 {
                0 => text.push('x'),
                1 => drop(text.pop()),
                2 => text.insert(0, ' '),
                3 => text.push('\n'),
                4 => text = text.to_uppercase(),
                _ => text = text.repeat(2),
            }
            Value::String(text)
        }
        Value::Number(number) => match (number.as_i64(), how % 3) {
            (Some(whole), 0) => json!(whole.wrapping_add(1)),
            // As exact as the number itself: those of few digits.
            #[expect(clippy::cast_precision_loss, reason = "only small numbers")]
            (Some(whole), 1) if whole.abs() < 1 << 20 => json!(whole as f64),
            (Some(whole), _) => json!(whole.to_string()),
            (None, _) => json!(1),
        },
        Value::Array(mut items) => {
            match (items.pop(), how % 2) {
                (Some(item), 0) => items.push(changed(item, how / 2, scalar)),
                _ => items.push(scalar),
            }
            Value::Array(items)
        }
        Value::Object(mut entries) => {
            let first = entries.keys().next().cloned();
            match (first, how % 3) {
                (Some(key), 0) => drop(entries.remove(&key)),
                (Some(key), 1) => {
                    let old = entries.remove(&key).unwrap_or_default();
                    entries.insert(key, changed(old, how / 3, scalar));
                }
                _ => drop(entries.insert("d".to_owned(), scalar)),
            }
            Value::Object(entries)
        }
        Value::Null | Value::Bool(_) => scalar,
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(key(), inner, 0..3).prop_map(|entries| json!(entries)),
        ]
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    let texts: Vec<&str> = TEXTS
        .iter()
        .flat_map(|(_, texts)| texts.iter().copied())
        .collect();
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..5).prop_map(Value::from),
        float(),
        text().prop_map(Value::from),
        prop::sample::select(texts).prop_map(Value::from),
    ]
}

/// Without NUL, which Nix cannot hold.
fn text() -> impl Strategy<Value = String> {
    "[ -~üß€\n\t]{0,6}"
}

/// Of few digits: both sides read them alike.
fn float() -> impl Strategy<Value = Value> {
    (-64_i32..64).prop_map(|number| json!(f64::from(number) / 8.0))
}

/// Not those that begin with `_`, which mean something to the module system.
fn key() -> impl Strategy<Value = String> {
    "[a-d][a-z -]{0,2}"
}

/// Nix does not mind a value twice, but its description would be another.
fn distinct(values: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}
