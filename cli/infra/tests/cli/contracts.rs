//! `contract` with a fake nix: what hosts need, who gives it, what is open.

use crate::env::{Env, shows};
use serde_json::json;

#[test]
fn needs_and_who_gives_them() {
    let env = Env::pair();
    env.contract(
        "web",
        json!({
            "values": {"domain": {"type": {"kind": "fqdn"}, "description": "Where it answers."}},
            "secrets": {"mail-password": {"required": false}},
            "wants": {"database": {"from": {"host": "db"}, "export": "endpoint"}},
        }),
    );
    env.contract("db", json!({"exports": {"endpoint": {"value": "db:5432"}}}));
    env.write("context/hosts/web.toml", "domain = \"example.org\"\n");
    shows!(env, ["contract", "web"], @"
    exit 0
    --- stdout
    HOST  NEED           KIND    FROM                      ASKED FOR BY
    web   domain         value   context/hosts/web.toml:1  hosts/web/contract.nix:1:1
    web   mail-password  secret  - (optional)              hosts/web/contract.nix:1:1
    web   database       want    endpoint of db            hosts/web/contract.nix:1:1
    --- stderr
    ");
    // What web wants leads to db, whose contract is asked for after it.
    assert_eq!(env.calls(), ["nix --version", "nix eval", "nix eval"]);
}
