//! What hosts want of each other and cannot have, with a fake nix: each reason by its name.

use crate::env::{Env, shows};
use serde_json::{Value, json};

/// `web` wants the address of `db`, which has none yet.
fn env(db: Value) -> Env {
    let env = Env::pair();
    let wants = json!({"database": {"from": {"host": "db"}, "export": "address"}});
    env.contract("web", json!({"wants": wants}));
    let mut db = db;
    db["exports"] = json!({"address": {}});
    env.contract("db", db);
    env
}

#[test]
fn an_export_of_what_is_private() {
    let private = json!({"values": {"realm": {"private": true}, "port": {"default": "80"}}});
    let env = env(private).set("INFRA_DB_REALM", "hush");
    shows!(env, ["contract", "web", "--gaps"], @r#"
    exit 1
    --- stdout
    HOST  NEED      KIND  FROM  ASKED FOR BY
    web   database  want  OPEN  hosts/web/contract.nix:1:1
    --- stderr
    error[unfilled-need]: web: web wants `database` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: `address` of db depends on what is private there (`realm`), which no other host is given
      fix: let `address` depend on nothing private; or let db say private = false, if whoever wants it may know it; or declare the value on both hosts, with scope = "shared"
    "#);
    let told = env.run(&["build", "web", "--json"]);
    assert!(told.contains("what is private there (`realm`)"), "{told}");
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn an_export_of_what_a_recipe_is_to_make() {
    let key = json!({
        "secrets": {"wg": {"recipe": "wireguard"}},
        "values": {"wg.pub": {"recipe": "wireguard"}, "realm": {"private": true, "default": "x"}},
    });
    let env = env(key);
    shows!(env, ["contract", "web", "--gaps"], @"
    exit 1
    --- stdout
    HOST  NEED      KIND  FROM  ASKED FOR BY
    web   database  want  OPEN  hosts/web/contract.nix:1:1
    --- stderr
    error[unfilled-need]: web: web wants `database` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: `address` of db depends on what a recipe is to make there: `wg.pub`
      fix: infra secret generate db
    ");
}

#[test]
fn an_export_of_what_is_open_or_has_no_value() {
    let open = env(json!({"values": {"port": {}}}));
    shows!(open, ["contract", "web", "--gaps"], @"
    exit 1
    --- stdout
    HOST  NEED      KIND  FROM  ASKED FOR BY
    web   database  want  OPEN  hosts/web/contract.nix:1:1
    --- stderr
    error[unfilled-need]: web: web wants `database` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: `address` of db depends on what is not filled yet (infra contract db --gaps)
      fix: infra graph shows who offers and who wants what
    ");
    let odd = env(json!({}));
    shows!(odd, ["contract", "web", "--gaps"], @"
    exit 1
    --- stdout
    HOST  NEED      KIND  FROM  ASKED FOR BY
    web   database  want  OPEN  hosts/web/contract.nix:1:1
    --- stderr
    error[unfilled-need]: web: web wants `database` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: `address` of db has no value, although db has all it needs
      fix: see what the contract of db says of it: infra contract db
    ");
}

#[test]
fn an_export_of_a_contract_that_does_not_evaluate() {
    let env = env(json!({}));
    let log = env.side_file(
        "log",
        r#"@nix {"action":"msg","level":0,"msg":"x","raw_msg":"undefined variable 'foo'","file":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-source/hosts/db/contract.nix","line":1,"column":3,"trace":[]}
"#,
    );
    std::fs::remove_file(env.repo().join("../contracts/db.json")).expect("there");
    let env = env.set("FAKE_PLANE_FAILS", log);
    shows!(env, ["contract", "web", "--gaps"], @"
    exit 1
    --- stdout
    HOST  NEED      KIND  FROM  ASKED FOR BY
    web   database  want  OPEN  hosts/web/contract.nix:1:1
    --- stderr
    error[nix-evaluation]: db: the configuration of db does not evaluate
      --> hosts/db/contract.nix:1:3
        |
      1 | { }
        |   ^
      cause: undefined variable 'foo'
      fix: correct the name, or add it to the arguments of the file

    error[unfilled-need]: web: web wants `database` of another host, and cannot have it
      --> hosts/web/contract.nix:1:1
      cause: the contract of db does not evaluate (hosts/db/contract.nix:1:3), so what it exports is not known
      fix: mend it first: infra contract db
    ");
}
