//! Who depends on whom, as lines for people and as DOT for Graphviz.

use crate::table;
use infra_model::HostName;
use infra_model::answer::{Relations, WantEdge};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A line for each relation, then the circles.
pub fn text(hosts: &[Relations]) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |host: &HostName, how: &str, whom: &str, what: String| {
        rows.push(vec![
            host.to_string(),
            how.to_owned(),
            whom.to_owned(),
            what,
        ]);
    };
    for host in hosts {
        for edge in &host.wants {
            let whom = edge.of.as_ref().map_or("nobody", HostName::as_str);
            add(&host.name, "wants of", whom, wanted(edge));
        }
        for (need, shared) in &host.shares {
            let others: Vec<&str> = shared.hosts.iter().map(HostName::as_str).collect();
            let others = if others.is_empty() {
                "nobody else".to_owned()
            } else {
                others.join(", ")
            };
            let what = format!("{} {need}", shared.kind.as_str());
            add(&host.name, "shares with", &others, what);
        }
        for edge in &host.leans_on {
            add(&host.name, edge.how.as_str(), &edge.on, String::new());
        }
    }
    if rows.is_empty() {
        return "these hosts depend on nobody\n".to_owned();
    }
    let mut text = table::render(&["HOST", "HOW", "WHOM", "WHAT"], &rows);
    for circle in circles(hosts) {
        let _ = writeln!(text, "circle of wants: {}", named(circle));
    }
    text
}

fn wanted(edge: &WantEdge) -> String {
    let name = if edge.want == edge.export {
        edge.want.to_string()
    } else {
        format!("{} as {}", edge.export, edge.want)
    };
    match (&edge.value, edge.answered) {
        (Some(value), _) => format!("{name} = {}", short(&value.to_string())),
        (None, true) => format!("{name} (private)"),
        (None, false) => format!("{name} (OPEN)"),
    }
}

/// Enough of a value to know it by.
fn short(value: &str) -> String {
    const MOST: usize = 48;
    match value.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", value.get(..at).unwrap_or_default()),
        None => value.to_owned(),
    }
}

fn circles(hosts: &[Relations]) -> BTreeSet<&Vec<HostName>> {
    hosts
        .iter()
        .filter_map(|host| host.circle.as_ref())
        .collect()
}

fn named(circle: &[HostName]) -> String {
    let mut names: Vec<&str> = circle.iter().map(HostName::as_str).collect();
    names.extend(names.first().copied());
    names.join(" → ")
}

/// The graph in the language of Graphviz. Arrows lead to whom somebody depends on; what is shared is a box of its own.
pub fn dot(hosts: &[Relations]) -> String {
    let mut text = "digraph infra {\n  rankdir = LR;\n".to_owned();
    for host in hosts {
        let label = format!("{}\n{}", host.name, host.class);
        let _ = writeln!(
            text,
            "  {} [label = {}];",
            quoted(host.name.as_str()),
            quoted(&label)
        );
    }
    // No host has a colon in its name, so that these are nobody's.
    let nobody = quoted("nobody:");
    if hosts
        .iter()
        .any(|host| host.wants.iter().any(|edge| edge.of.is_none()))
    {
        let _ = writeln!(text, "  {nobody} [label = \"nobody\", style = dashed];");
    }
    let mut shared = BTreeSet::new();
    for host in hosts {
        let from = quoted(host.name.as_str());
        for edge in &host.wants {
            let style = if edge.answered { "solid" } else { "dashed" };
            let to = edge.of.as_ref().map(|host| quoted(host.as_str()));
            let to = to.as_ref().unwrap_or(&nobody);
            let _ = writeln!(
                text,
                "  {from} -> {to} [label = {}, style = {style}];",
                quoted(edge.export.as_str())
            );
        }
        for (need, with) in &host.shares {
            // A secret of some hosts and a value of others may have the same name, and have nothing in common.
            let kind = with.kind.as_str();
            let node = quoted(&format!("shared:{kind}:{need}"));
            let label = quoted(&format!("{kind} {need}"));
            if shared.insert((kind, need)) {
                let _ = writeln!(text, "  {node} [label = {label}, shape = box];");
            }
            let _ = writeln!(text, "  {from} -> {node} [dir = none];");
        }
        for edge in &host.leans_on {
            let _ = writeln!(
                text,
                "  {from} -> {} [label = {}, color = gray];",
                quoted(&edge.on),
                quoted(edge.how.as_str())
            );
        }
    }
    text + "}\n"
}

/// A text in DOT: only the quote ends it. Backslashes begin escapes of labels, so that they are doubled; a line end becomes one.
fn quoted(text: &str) -> String {
    let mut whole = String::with_capacity(text.len() + 2);
    whole.push('"');
    for character in text.chars() {
        match character {
            '"' => whole.push_str("\\\""),
            // Else `&lt;` would be read as HTML reads it, also in quotes.
            '&' => whole.push_str("&amp;"),
            '\\' => whole.push_str("\\\\"),
            '\n' => whole.push_str("\\n"),
            character if character.is_control() => whole.push(' '),
            character => whole.push(character),
        }
    }
    whole.push('"');
    whole
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
