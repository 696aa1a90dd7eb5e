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

#[test]
fn shared_needs_are_described_alike() {
    let env = Env::pair();
    let realm = |kind: &str| json!({"values": {"realm": {"scope": "shared", "default": "1", "type": {"kind": kind}}}});
    env.contract("web", realm("string"));
    env.contract("db", realm("nonEmptyString"));
    shows!(env, ["contract"], @r#"
    exit 1
    --- stdout
    HOST  NEED   KIND   FROM     ASKED FOR BY
    db    realm  value  default  hosts/db/contract.nix:1:1
    web   realm  value  default  hosts/web/contract.nix:1:1
    --- stderr
    error[shared-differs]: db and web share `realm`, and their contracts describe it differently
      --> hosts/web/contract.nix:1:1
      cause: db: hosts/db/contract.nix:1:1
        type: {"kind":"nonEmptyString"} and {"kind":"string"}
        web: hosts/web/contract.nix:1:1
      fix: declare it once, in a shared module (modules/<m>/contract.nix), or give it scope = "host"
    "#);
    shows!(env, ["contract", "web"], @"
    exit 0
    --- stdout
    HOST  NEED   KIND   FROM     ASKED FOR BY
    web   realm  value  default  hosts/web/contract.nix:1:1
    --- stderr
    ");
    shows!(env, ["contract", "--json"], @r#"
    exit 1
    --- stdout
    {"schema":1,"command":"contract","hosts":[{"name":"db","plane":"contract","needs":[{"name":"realm","kind":"value","description":"","expected":"a text that is not blank, such as text","scope":"shared","standing":"filled","source":{"from":"default"},"value":"1","where":{"file":"hosts/db/contract.nix","line":1,"column":1}}],"exports":[],"open":0},{"name":"web","plane":"contract","needs":[{"name":"realm","kind":"value","description":"","expected":"a text","scope":"shared","standing":"filled","source":{"from":"default"},"value":"1","where":{"file":"hosts/web/contract.nix","line":1,"column":1}}],"exports":[],"open":0}],"errors":[{"code":"shared-differs","title":"db and web share `realm`, and their contracts describe it differently","cause":"db: hosts/db/contract.nix:1:1\nweb: hosts/web/contract.nix:1:1\ntype: {\"kind\":\"nonEmptyString\"} and {\"kind\":\"string\"}","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"declare it once, in a shared module (modules/<m>/contract.nix), or give it scope = \"host\""}]}
    --- stderr
    "#);
}

#[test]
fn what_nobody_asks_for() {
    let env = Env::pair();
    env.contract(
        "web",
        json!({
            "values": {"realm": {"scope": "shared"}},
            "secrets": {"login": {"recipe": "password-hash"}, "token": {}},
        }),
    );
    let age = "age-encryption.org/v1\n";
    for name in [
        "login",
        "login.password",
        "token",
        "tokne",
        "ssh-host-key",
        "age-identity",
    ] {
        env.write(&format!("secrets/hosts/web/{name}.age"), age);
    }
    env.write("secrets/hosts/db/gone.age", age);
    env.write("secrets/shared/old.age", age);
    env.write("secrets/hosts/no-more/x.age", age);
    env.write(
        "context/shared.toml",
        "relam = 1\nrealm = \"HOME\"\nquite-else = 2\n",
    );
    shows!(env, ["contract"], @"
    exit 0
    --- stdout
    HOST  NEED   KIND    FROM                         ASKED FOR BY
    web   realm  value   context/shared.toml:2        hosts/web/contract.nix:1:1
    web   login  secret  secrets/hosts/web/login.age  hosts/web/contract.nix:1:1
    web   token  secret  secrets/hosts/web/token.age  hosts/web/contract.nix:1:1
    --- stderr
    warning[unknown-need]: no host needs `quite-else`
      --> context/shared.toml:3
      fix: remove the line, or let a contract ask for it

    warning[unknown-need]: no host needs `relam`
      --> context/shared.toml:1
      fix: did you mean `realm`?

    warning[unneeded-secret]: no contract asks for the secret old
      --> secrets/shared/old.age
      fix: remove it if nothing else uses it (git rm secrets/shared/old.age secrets/shared/old.toml), or let a contract ask for it

    warning[unneeded-secret]: db: no contract asks for the secret gone of db
      --> secrets/hosts/db/gone.age
      fix: remove it if nothing else uses it (git rm secrets/hosts/db/gone.age secrets/hosts/db/gone.toml), or let a contract ask for it

    warning[unneeded-secret]: no-more: no contract asks for the secret x of no-more
      --> secrets/hosts/no-more/x.age
      fix: remove it if nothing else uses it (git rm secrets/hosts/no-more/x.age secrets/hosts/no-more/x.toml), or let a contract ask for it

    warning[unneeded-secret]: web: no contract asks for the secret tokne of web
      --> secrets/hosts/web/tokne.age
      fix: remove it if nothing else uses it (git rm secrets/hosts/web/tokne.age secrets/hosts/web/tokne.toml), or let a contract ask for it
    ");
    // Who looks at one host does not know what the others need.
    shows!(env, ["contract", "web"], @"
    exit 0
    --- stdout
    HOST  NEED   KIND    FROM                         ASKED FOR BY
    web   realm  value   context/shared.toml:2        hosts/web/contract.nix:1:1
    web   login  secret  secrets/hosts/web/login.age  hosts/web/contract.nix:1:1
    web   token  secret  secrets/hosts/web/token.age  hosts/web/contract.nix:1:1
    --- stderr
    warning[unneeded-secret]: web: no contract asks for the secret tokne of web
      --> secrets/hosts/web/tokne.age
      fix: remove it if nothing else uses it (git rm secrets/hosts/web/tokne.age secrets/hosts/web/tokne.toml), or let a contract ask for it
    ");
    // Nor does it anybody while a host cannot be read.
    env.write("hosts/broken/host.toml", "class = \n");
    shows!(env, ["contract", "--json"], @r#"
    exit 1
    --- stdout
    {"schema":1,"command":"contract","hosts":[{"name":"db","plane":"contract","needs":[],"exports":[],"open":0},{"name":"web","plane":"contract","needs":[{"name":"realm","kind":"value","description":"","expected":"a text","scope":"shared","standing":"filled","source":{"from":"context","file":"context/shared.toml","line":2},"value":"HOME","where":{"file":"hosts/web/contract.nix","line":1,"column":1}},{"name":"login","kind":"secret","description":"","expected":"a secret of format text","scope":"host","standing":"filled","source":{"from":"store","file":"secrets/hosts/web/login.age"},"where":{"file":"hosts/web/contract.nix","line":1,"column":1}},{"name":"token","kind":"secret","description":"","expected":"a secret of format text","scope":"host","standing":"filled","source":{"from":"store","file":"secrets/hosts/web/token.age"},"where":{"file":"hosts/web/contract.nix","line":1,"column":1}}],"exports":[],"open":0}],"errors":[{"code":"toml-syntax","title":"hosts/broken/host.toml is not valid TOML","cause":"string values must be quoted, expected literal string","where":{"file":"hosts/broken/host.toml","line":1,"column":9,"excerpt":"class = "},"fix":"correct the syntax at this place","host":"broken"}],"warnings":[{"code":"unneeded-secret","title":"no contract asks for the secret gone of db","where":{"file":"secrets/hosts/db/gone.age"},"fix":"remove it if nothing else uses it (git rm secrets/hosts/db/gone.age secrets/hosts/db/gone.toml), or let a contract ask for it","host":"db"},{"code":"unneeded-secret","title":"no contract asks for the secret tokne of web","where":{"file":"secrets/hosts/web/tokne.age"},"fix":"remove it if nothing else uses it (git rm secrets/hosts/web/tokne.age secrets/hosts/web/tokne.toml), or let a contract ask for it","host":"web"}]}
    --- stderr
    "#);
}
