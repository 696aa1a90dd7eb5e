//! The graph in Graphviz's language. How it reads that was seen with `dot -Tplain` and `dot -Tsvg` of 2.43.

use super::{dot, quoted};
use infra_model::answer::{Lean, LeanEdge, Relations, SharedWith, WantEdge};
use infra_model::fill::NeedKind;
use infra_model::{Class, HostName, NeedName};
use std::collections::BTreeMap;

#[test]
fn nothing_breaks_out_of_a_quoted_text() {
    assert_eq!(quoted("web"), r#""web""#);
    assert_eq!(quoted("a\" -> \"b"), r#""a\" -> \"b""#);
    assert_eq!(quoted("a\\"), r#""a\\""#);
    assert_eq!(quoted("a\\\""), r#""a\\\"""#);
    assert_eq!(quoted("\\N"), r#""\\N""#, "no escape of labels");
    assert_eq!(quoted("&lt;b&"), r#""&amp;lt;b&amp;""#, "no HTML");
    assert_eq!(
        quoted("<b>x</b>"),
        r#""<b>x</b>""#,
        "HTML is what is not in quotes"
    );
    assert_eq!(quoted("a\nb\u{1b}"), r#""a\nb ""#);
}

fn host(name: &str) -> HostName {
    HostName::parse(name).expect("a name")
}

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

fn bare(name: &str) -> Relations {
    Relations {
        name: host(name),
        class: Class::Nixos,
        tags: Vec::new(),
        wants: Vec::new(),
        shares: BTreeMap::new(),
        leans_on: Vec::new(),
        circle: None,
    }
}

fn wants(export: &str, of: Option<&str>) -> WantEdge {
    WantEdge {
        want: need(export),
        export: need(export),
        of: of.map(host),
        answered: of.is_some(),
        value: None,
    }
}

fn shares(kind: NeedKind, name: &str) -> BTreeMap<NeedName, SharedWith> {
    let hosts = Vec::new();
    BTreeMap::from([(need(name), SharedWith { kind, hosts })])
}

#[test]
fn names_with_dashes_words_of_the_language_and_numbers_are_names() {
    let graph = Relations {
        wants: vec![wants("end-point.x_y", Some("0-1")), wants("digraph", None)],
        shares: shares(NeedKind::Value, "re.alm"),
        leans_on: vec![LeanEdge {
            how: Lean::Jump,
            on: "me@\"bastion\\:22&lt;".to_owned(),
        }],
        ..bare("graph")
    };
    let number = Relations {
        // Of the same name as the value above, and something else.
        shares: shares(NeedKind::Secret, "re.alm"),
        ..bare("0-1")
    };
    insta::assert_snapshot!(dot(&[graph, number]), @r#"
    digraph infra {
      rankdir = LR;
      "graph" [label = "graph\nnixos"];
      "0-1" [label = "0-1\nnixos"];
      "nobody:" [label = "nobody", style = dashed];
      "graph" -> "0-1" [label = "end-point.x_y", style = solid];
      "graph" -> "nobody:" [label = "digraph", style = dashed];
      "shared:value:re.alm" [label = "value re.alm", shape = box];
      "graph" -> "shared:value:re.alm" [dir = none];
      "graph" -> "me@\"bastion\\:22&amp;lt;" [label = "reached through", color = gray];
      "shared:secret:re.alm" [label = "secret re.alm", shape = box];
      "0-1" -> "shared:secret:re.alm" [dir = none];
    }
    "#);
}

#[test]
fn a_host_may_be_called_nobody() {
    let mut nobody = bare("nobody");
    nobody.wants = vec![wants("a", Some("nobody")), wants("b", None)];
    let text = dot(&[nobody]);
    assert!(text.contains(r#""nobody" -> "nobody" ["#), "{text}");
    assert!(text.contains(r#""nobody" -> "nobody:" ["#), "{text}");
    assert!(!dot(&[bare("web")]).contains("nobody"));
}
