//! YAML, in the order of the file: all documents, without comments.

use super::tree::{DEEPEST, Document, Leaf, Node};
use super::yaml_scalar::resolve;
use infra_model::Diagnostic;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, SpannedEventReceiver, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Aliases may repeat as many values as this: a small file can ask for any number.
const MOST_REPEATED: usize = 10_000;

pub(super) fn parse(text: &str, shown: &str) -> Result<Vec<Document>, Diagnostic> {
    let mut builder = Builder::default();
    let loaded = Parser::new_from_str(text).load(&mut builder, true);
    if let Some((cause, line)) = builder.fault {
        return Err(super::syntax(shown, cause, line, None));
    }
    if let Err(error) = loaded {
        let at = error.marker();
        return Err(super::syntax(
            shown,
            error.info(),
            at.line(),
            Some(at.col() + 1),
        ));
    }
    let mut documents = Vec::new();
    for root in builder.roots {
        match root {
            Node::Map(document) => documents.push(document),
            // An empty document.
            Node::Null => documents.push(Vec::new()),
            Node::List(_) | Node::Leaf(_) => {
                return Err(super::not_sops(shown, "a document in it is not a mapping"));
            }
        }
    }
    Ok(documents)
}

/// A group that is not complete yet.
enum Open {
    Map {
        entries: Document,
        key: Option<String>,
        anchor: usize,
    },
    List {
        items: Vec<Node>,
        anchor: usize,
    },
}

#[derive(Default)]
struct Builder {
    roots: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    repeated: usize,
    fault: Option<(&'static str, usize)>,
}

impl<'input> SpannedEventReceiver<'input> for Builder {
    fn on_event(&mut self, event: Event<'input>, span: Span) {
        if self.fault.is_none()
            && let Err(cause) = self.take(event)
        {
            self.fault = Some((cause, span.start.line()));
        }
    }
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_ref())
            }
            Event::MappingStart(anchor, _) => self.begin(Open::Map {
                entries: Vec::new(),
                key: None,
                anchor,
            }),
            Event::SequenceStart(anchor, _) => self.begin(Open::List {
                items: Vec::new(),
                anchor,
            }),
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(Open::Map {
                    entries, anchor, ..
                }) => self.add(Node::Map(entries), anchor),
                Some(Open::List { items, anchor }) => self.add(Node::List(items), anchor),
                None => Err("it ends a group that did not begin"),
            },
            Event::Alias(anchor) => {
                let node = self
                    .anchors
                    .get(&anchor)
                    .ok_or("it repeats something that is not there")?;
                let copy = copied(node, &mut self.repeated)?;
                self.add(copy, 0)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, group: Open) -> Result<(), &'static str> {
        if self.open.len() >= DEEPEST {
            return Err("it is nested too deeply");
        }
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err("a key is a group; sops allows only texts");
        }
        self.open.push(group);
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
    ) -> Result<(), &'static str> {
        if let Some(Open::Map {
            entries,
            key: key @ None,
            ..
        }) = self.open.last_mut()
        {
            if entries.iter().any(|(name, _)| name == text) {
                return Err("a key stands there twice");
            }
            *key = Some(text.to_owned());
            return Ok(());
        }
        let plain = style == ScalarStyle::Plain;
        let tag = tag.map(|tag| (tag.is_yaml_core_schema(), tag.suffix.as_str()));
        let node = match tag {
            None if plain => resolve(text),
            Some((true, "str")) | None => Some(Node::Leaf(Leaf::text(text))),
            Some((true, "int" | "float" | "bool" | "null" | "timestamp")) => resolve(text),
            Some(_) => return Err("it has a tag that sops does not use"),
        };
        self.add(
            node.ok_or("it has a number that is too large for sops")?,
            anchor,
        )
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), &'static str> {
        if anchor > 0 {
            let copy = copied(&node, &mut self.repeated)?;
            self.anchors.insert(anchor, copy);
        }
        match self.open.last_mut() {
            None => self.roots.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                let key = key.take().ok_or("it repeats a group as a key")?;
                entries.push((key, node));
            }
        }
        Ok(())
    }
}

fn copied(node: &Node, repeated: &mut usize) -> Result<Node, &'static str> {
    *repeated += 1;
    if *repeated > MOST_REPEATED {
        return Err("it repeats too much through aliases");
    }
    Ok(match node {
        Node::Null => Node::Null,
        Node::Leaf(leaf) => Node::Leaf(Leaf {
            kind: leaf.kind,
            bytes: leaf.bytes.clone(),
        }),
        Node::List(items) => Node::List(
            items
                .iter()
                .map(|item| copied(item, repeated))
                .collect::<Result<_, _>>()?,
        ),
        Node::Map(entries) => Node::Map(
            entries
                .iter()
                .map(|(key, node)| Ok((key.clone(), copied(node, repeated)?)))
                .collect::<Result<_, &'static str>>()?,
        ),
    })
}
