//! `graph` with a fake nix.

use crate::env::{Env, HOST, shows};
use serde_json::json;

fn env() -> Env {
    let env = Env::pair();
    env.write("hosts/web/host.toml", &format!("{HOST}jump = \"db\"\n"));
    env.write("hosts/alone/host.toml", HOST);
    env.contract(
        "web",
        json!({
            "values": {"realm": {"scope": "shared", "default": "HOME"}, "pin": {"private": true}},
            "wants": {
                "database": {"from": {"host": "db"}, "export": "endpoint"},
                "nothing": {"from": {"host": "db"}, "export": "endpiont"},
            },
            "exports": {"page": {"value": "pin is 1234"}},
        }),
    );
    env.contract(
        "db",
        json!({
            "secrets": {"realm-key": {"scope": "shared", "recipe": "hex"}},
            "values": {"realm": {"scope": "shared", "default": "HOME"}},
            "wants": {"page": {"from": {"host": "web"}, "export": "page"}},
            "exports": {"endpoint": {"value": "say \"db\":5432"}},
        }),
    );
    env.set("INFRA_WEB_PIN", "1234")
}

#[test]
fn who_depends_on_whom() {
    let env = env();
    shows!(env, ["graph"], @r#"
    exit 0
    --- stdout
    HOST  HOW              WHOM         WHAT
    db    wants of         web          page (private)
    db    shares with      web          value realm
    db    shares with      nobody else  secret realm-key
    web   wants of         db           endpoint as database = "say \"db\":5432"
    web   wants of         db           endpiont as nothing (OPEN)
    web   shares with      db           value realm
    web   reached through  db
    circle of wants: db → web → db
    --- stderr
    warning[unfilled-need]: web: web wants `nothing` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: db exports no `endpiont`
      fix: infra graph shows who offers and who wants what
    "#);
    shows!(env, ["graph", "db"], @r#"
    exit 0
    --- stdout
    HOST  HOW              WHOM         WHAT
    db    wants of         web          page (private)
    db    shares with      web          value realm
    db    shares with      nobody else  secret realm-key
    web   wants of         db           endpoint as database = "say \"db\":5432"
    web   wants of         db           endpiont as nothing (OPEN)
    web   reached through  db
    circle of wants: db → web → db
    --- stderr
    "#);
    shows!(env, ["graph", "alone"], @"
    exit 0
    --- stdout
    these hosts depend on nobody
    --- stderr
    ");
    shows!(env, ["graph", "web", "--format", "dot"], @r#"
    exit 0
    --- stdout
    digraph infra {
      rankdir = LR;
      "db" [label = "db\nnixos"];
      "web" [label = "web\nnixos"];
      "db" -> "web" [label = "page", style = solid];
      "web" -> "db" [label = "endpoint", style = solid];
      "web" -> "db" [label = "endpiont", style = dashed];
      "shared:value:realm" [label = "value realm", shape = box];
      "web" -> "shared:value:realm" [dir = none];
      "web" -> "db" [label = "reached through", color = gray];
    }
    --- stderr
    warning[unfilled-need]: web: web wants `nothing` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: db exports no `endpiont`
      fix: infra graph shows who offers and who wants what
    "#);
    shows!(env, ["graph", "web", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"graph","hosts":[{"name":"db","class":"nixos","tags":["backend"],"wants":[{"want":"page","export":"page","of":"web","answered":true}],"shares":{},"leansOn":[],"circle":["db","web"]},{"name":"web","class":"nixos","tags":[],"wants":[{"want":"database","export":"endpoint","of":"db","answered":true,"value":"say \"db\":5432"},{"want":"nothing","export":"endpiont","of":"db","answered":false}],"shares":{"realm":{"kind":"value","hosts":["db"]}},"leansOn":[{"how":"jump","on":"db"}],"circle":["db","web"]}],"errors":[],"warnings":[{"code":"unfilled-need","title":"web wants `nothing` of another host, and cannot have it","cause":"db exports no `endpiont`","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"infra graph shows who offers and who wants what","host":"web"}]}
    --- stderr
    "#);
    let both = [&["graph", "--json"][..], &["graph", "--format", "json"]];
    let [one, other] = both.map(|args| env.run(args));
    assert_eq!(one, other);
}

#[test]
fn a_graph_that_is_not_whole() {
    let env = env();
    env.write("hosts/broken/host.toml", "class = \n");
    std::fs::remove_file(env.repo().join("../contracts/db.json")).expect("there");
    shows!(env, ["graph", "web"], @"
    exit 1
    --- stdout
    HOST  HOW              WHOM         WHAT
    web   wants of         db           endpoint as database (OPEN)
    web   wants of         db           endpiont as nothing (OPEN)
    web   shares with      nobody else  value realm
    web   reached through  db
    --- stderr
    warning[nix-failure]: db: Nix could not evaluate db
      cause: cat: [dir]/contracts/db.json: No such file or directory
      fix: see that Nix itself works: infra doctor

    warning[unfilled-need]: web: web wants `database` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: the contract of db does not evaluate, so what it exports is not known
      fix: mend it first: infra contract db

    warning[unfilled-need]: web: web wants `nothing` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: the contract of db does not evaluate, so what it exports is not known
      fix: mend it first: infra contract db

    error[toml-syntax]: broken: hosts/broken/host.toml is not valid TOML
      --> hosts/broken/host.toml:1:9
        |
      1 | class = 
        |         ^
      cause: string values must be quoted, expected literal string
      fix: correct the syntax at this place
    ");
    shows!(env, ["graph", "wbe"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-host]: there is no host `wbe`
      --> command line
      fix: did you mean `web`? `infra list` shows all hosts
    ");
    shows!(env, ["graph", "--format", "svg"], @"
    exit 2
    --- stdout
    --- stderr
    error: invalid value 'svg' for '--format <FORMAT>'
      [possible values: text, dot, json]

    For more information, try '--help'.
    ");
}
