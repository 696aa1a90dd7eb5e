//! Whatever is written is read, and no text does harm.

use super::*;
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "\\PC{0,40}".prop_map(Value::Str),
        any::<i64>().prop_map(Value::Int),
        (-1e9..1e9_f64).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::List),
            prop::collection::btree_map("[a-zA-Z0-9 :._-]{1,12}", inner, 1..4)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read(value in any_value(), word in "\\PC{1,40}", mac_only_encrypted: bool) {
        let style = Style { mac_only_encrypted, ..Style::default() };
        let documents = [map([("word", text(&word)), ("rest", value.clone()), ("open_unencrypted", value)])];
        for (format, print) in [(Format::Yaml, writer::yaml as Print), (Format::Json, writer::json)] {
            let (file, identities) = made(style.clone(), &documents, print);
            let opened = open(&file, format, &identities).unwrap_or_else(|fault| panic!("{fault:?}\n{file}"));
            prop_assert_eq!(&get(&opened, "word").expect("there"), &word);
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in "\\PC{0,200}", lines in prop::collection::vec("[\\[\\]a-c=:\"'`\\\\#; \\-&*{}|>!]{0,12}", 0..12)) {
        for text in [text, lines.join("\n")] {
            for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary] {
                let _ = open(&text, format, &Identities::none());
            }
            let _ = KeyPath::parse(&text);
        }
    }
}
