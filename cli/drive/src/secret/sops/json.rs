//! JSON, in the order of the file. `serde_json`'s own values would sort the keys.

use super::tree::{Document, Leaf, Node};
use infra_model::Diagnostic;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

pub(super) fn parse(text: &str, shown: &str) -> Result<Vec<Document>, Diagnostic> {
    let node: Node = serde_json::from_str(text).map_err(|error| {
        // Its message may quote a value.
        let cause = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Data => "it has a key twice, or a number that is none",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                "it is not JSON"
            }
        };
        super::syntax(
            shown,
            cause,
            error.line().max(1),
            Some(error.column().max(1)),
        )
    })?;
    match node {
        Node::Map(document) => Ok(vec![document]),
        _ => Err(super::not_sops(shown, "its top level is not an object")),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(Leaf::bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(Leaf::int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "sops, too, takes integers beyond 64 signed bits for floating numbers"
        )]
        let leaf = match i64::try_from(value) {
            Ok(value) => Leaf::int(value),
            Err(_) => Leaf::float(value as f64),
        };
        Ok(Node::Leaf(leaf))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Leaf(Leaf::float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(Leaf::text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map: Document = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, node)) = entries.next_entry::<String, Node>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom("twice"));
            }
            map.push((key, node));
        }
        Ok(Node::Map(map))
    }
}
