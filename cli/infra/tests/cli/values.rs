//! `set` and `get` with a fake nix: what is written, what is refused, and where a value comes from.

use crate::env::{Env, shows};
use serde_json::json;

fn env() -> Env {
    let env = Env::pair();
    env.contract(
        "web",
        json!({
            "values": {
                "domain": {"type": {"kind": "fqdn"}, "example": "example.org"},
                "port": {"type": {"kind": "port"}, "default": 80},
                "offset": {"type": {"kind": "int"}},
                "motd": {"default": ""},
                "realm": {"scope": "shared"},
                "pin": {"private": true},
                "key.pub": {"recipe": "ssh-ed25519"},
            },
            "secrets": {"mail-password": {}, "token": {"recipe": "password"}},
            "wants": {"database": {"from": {"host": "db"}, "export": "endpoint"}},
        }),
    );
    env.contract(
        "db",
        json!({"exports": {"endpoint": {"value": {"port": 5432}}}}),
    );
    env
}

fn file(env: &Env, name: &str) -> String {
    std::fs::read_to_string(env.repo().join(name)).unwrap_or_else(|_| "not there".to_owned())
}

#[test]
fn a_value_is_written_where_it_belongs() {
    let env = env();
    env.write("context/hosts/web.toml", "# ours\nport = 8080 # why\n");
    shows!(env, ["set", "web", "domain", "example.org"], @r#"
    exit 0
    --- stdout
    context/hosts/web.toml: domain = "example.org" (added)
    --- stderr
    "#);
    shows!(env, ["set", "web", "port", "443"], @"
    exit 0
    --- stdout
    context/hosts/web.toml: port = 443 (changed)
    --- stderr
    ");
    shows!(env, ["set", "web", "offset", "-5", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"set","hosts":[{"name":"web","need":"offset","file":"context/hosts/web.toml","change":"added","value":-5}],"errors":[]}
    --- stderr
    "#);
    shows!(env, ["set", "web", "realm", "HOME"], @r#"
    exit 0
    --- stdout
    context/shared.toml: realm = "HOME" (added)
    --- stderr
    "#);
    shows!(env, ["set", "web", "realm", "HOME"], @"
    exit 0
    --- stdout
    context/shared.toml says so already
    --- stderr
    ");
    // A secret may be said to be elsewhere.
    shows!(env, ["set", "web", "mail-password", "sops:secrets/web.yaml#mail"], @r#"
    exit 0
    --- stdout
    context/hosts/web.toml: mail-password = "sops:secrets/web.yaml#mail" (added)
    --- stderr
    "#);
    insta::assert_snapshot!(file(&env, "context/hosts/web.toml"), @r#"
    # ours
    port = 443 # why
    domain = "example.org"
    offset = -5
    mail-password = "sops:secrets/web.yaml#mail"
    "#);
    insta::assert_snapshot!(file(&env, "context/shared.toml"), @r#"realm = "HOME""#);
}

#[test]
fn a_line_is_removed() {
    let env = env();
    env.write("context/hosts/web.toml", "# ours\nport = 8080\nprot = 1\n");
    env.write("context/shared.toml", "port = 81\n");
    shows!(env, ["set", "web", "port", "--unset"], @"
    exit 0
    --- stdout
    context/hosts/web.toml: port (removed)
    --- stderr
    warning[ambiguous-need]: context/shared.toml fills `port` of all hosts
      --> context/shared.toml:1
      fix: remove the line there too, if that is not what is meant
    ");
    shows!(env, ["set", "web", "port", "--unset"], @"
    exit 0
    --- stdout
    context/hosts/web.toml does not say `port`
    --- stderr
    warning[ambiguous-need]: context/shared.toml fills `port` of all hosts
      --> context/shared.toml:1
      fix: remove the line there too, if that is not what is meant
    ");
    // What no need asks for can be removed, but not set.
    shows!(env, ["set", "web", "prot", "1"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-need]: web: `prot` is no need of web
      --> command line
      fix: did you mean `port`?
    ");
    shows!(env, ["set", "web", "prot", "--unset", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"set","hosts":[{"name":"web","need":"prot","file":"context/hosts/web.toml","change":"removed","value":null}],"errors":[]}
    --- stderr
    "#);
    shows!(env, ["set", "web", "prot", "--unset"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-need]: web: `prot` is no need of web
      --> command line
      fix: did you mean `port`?
    ");
    assert_eq!(file(&env, "context/hosts/web.toml"), "# ours\n");
}

#[test]
fn from_standard_input() {
    let env = env();
    let piped = |text: &str| {
        let script = format!("printf '{text}' | \"$@\"");
        let output = env.in_shell(&script, &["set", "web", "motd", "--stdin"]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!(
            "exit {}\n{}{}",
            output.status.code().unwrap_or(-1),
            text(&output.stdout),
            text(&output.stderr)
        )
    };
    insta::assert_snapshot!(piped("two\\nlines \"quoted\"\\n"), @r#"
    exit 0
    context/hosts/web.toml: motd = "two\nlines \"quoted\"" (added)
    "#);
    insta::assert_snapshot!(piped("\\377"), @r#"
    exit 2
    error[wrong-type]: the value cannot be read
      --> standard input
      cause: it is not UTF-8
      fix: values are texts; bytes can be a secret of format "binary"
    "#);
    insta::assert_snapshot!(file(&env, "context/hosts/web.toml"), @r#"
    motd = """
    two
    lines "quoted""""
    "#);
    let script = "head -c 1048577 /dev/zero | \"$@\"";
    let output = env.in_shell(script, &["set", "web", "motd", "--stdin"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("it is longer than 1 MiB"), "{said}");
}

#[test]
fn nothing_wrong_is_written() {
    let env = env();
    shows!(env, ["set", "web", "port", "70000"], @"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: web: the value `port` of web is not what it must be
      --> command line
      cause: expected a port (1 to 65535), found the number 70000
        asked for by hosts/web/contract.nix:1:1
      fix: give a port (1 to 65535); nothing was written
    ");
    shows!(env, ["set", "web", "domain", "exa mple"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: web: the value `domain` of web is not what it must be
      --> command line
      cause: expected a fully qualified domain name, such as git.example.org, found the text "exa mple"
        asked for by hosts/web/contract.nix:1:1
      fix: for example: infra set web domain 'example.org'
    "#);
    shows!(env, ["set", "web", "domian", "example.org"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-need]: web: `domian` is no need of web
      --> command line
      fix: did you mean `domain`?
    ");
    shows!(env, ["set", "web", "a/b", "x", "--json"], @r#"
    exit 2
    --- stdout
    {"schema":1,"command":"set","hosts":[],"errors":[{"code":"unknown-need","title":"`a/b` cannot be the name of a need: it has characters other than letters, digits and _.-","where":{"file":"command line"},"fix":"infra contract shows what hosts need"}]}
    --- stderr
    "#);
    shows!(env, ["set", "web", "..", "x"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-need]: `..` cannot be the name of a need: it begins with '.' or '-'
      --> command line
      fix: infra contract shows what hosts need
    ");
    shows!(env, ["set", "wbe", "port", "1"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-host]: there is no host `wbe`
      --> command line
      fix: did you mean `web`? `infra list` shows all hosts
    ");
    shows!(env, ["set", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <NAME>
      <VALUE>

    Usage: infra set <HOST> <NAME> <VALUE>

    For more information, try '--help'.
    ");
    shows!(env, ["set", "web", "port", "1", "--unset"], @"
    exit 2
    --- stdout
    --- stderr
    error: the argument '[VALUE]' cannot be used with '--unset'

    Usage: infra set <HOST> <NAME> <VALUE>

    For more information, try '--help'.
    ");
    assert_eq!(file(&env, "context/hosts/web.toml"), "not there");
}

#[test]
fn nothing_secret_is_written() {
    let env = env();
    // What was typed may be the secret: no error repeats it.
    shows!(env, ["set", "web", "mail-password", "hunter2"], @"
    exit 2
    --- stdout
    --- stderr
    error[misplaced-need]: web: `mail-password` of web is a secret, and context files are in clear text
      --> command line
      fix: infra secret new web mail-password keeps it encrypted; what was typed here may be in your shell's history
    ");
    shows!(env, ["set", "web", "mail-password", "sops:#x"], @"
    exit 2
    --- stdout
    --- stderr
    error[misplaced-need]: web: `mail-password` of web is a secret, and context files are in clear text
      --> command line
      cause: a reference to one looks like sops:FILE#KEY, such as sops:secrets/web.yaml#database/password
      fix: infra secret new web mail-password keeps it encrypted; what was typed here may be in your shell's history
    ");
    shows!(env, ["set", "web", "pin", "1234"], @"
    exit 2
    --- stdout
    --- stderr
    error[misplaced-need]: web: `pin` of web is private, and context files are in clear text
      --> command line
      fix: infra secret new web pin keeps it encrypted; what was typed here may be in your shell's history
    ");
    assert_eq!(file(&env, "context/hosts/web.toml"), "not there");
    assert_eq!(file(&env, "context/shared.toml"), "not there");
}

#[test]
fn a_file_that_cannot_be_read_is_not_written_over() {
    let env = env();
    env.write("context/hosts/web.toml", "port = \n");
    shows!(env, ["set", "web", "port", "1"], @"
    exit 2
    --- stdout
    --- stderr
    error[toml-syntax]: context/hosts/web.toml is not valid TOML
      --> context/hosts/web.toml:1:8
        |
      1 | port = 
        |        ^
      cause: string values must be quoted, expected literal string
      fix: correct the syntax at this place
    ");
    assert_eq!(file(&env, "context/hosts/web.toml"), "port = \n");
}

#[test]
fn a_variable_comes_before_what_is_written() {
    let env = env().set("INFRA_WEB_PORT", "81");
    shows!(env, ["set", "web", "port", "443"], @"
    exit 0
    --- stdout
    context/hosts/web.toml: port = 443 (added)
    --- stderr
    warning[ambiguous-need]: web: $INFRA_WEB_PORT is set, and comes before what was written
      --> environment
      fix: unset INFRA_WEB_PORT
    ");
    shows!(env, ["get", "web", "port"], @"
    exit 0
    --- stdout
    81
    --- stderr
    from $INFRA_WEB_PORT
    ");
}

#[test]
fn values_with_their_sources() {
    let env = env();
    env.write("context/hosts/web.toml", "domain = \"example.org\"\n");
    shows!(env, ["get", "web", "domain"], @"
    exit 0
    --- stdout
    example.org
    --- stderr
    from context/hosts/web.toml:1
    ");
    shows!(env, ["get", "web", "port", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"get","hosts":[{"name":"web","needs":[{"name":"port","kind":"value","description":"","expected":"a port (1 to 65535)","scope":"host","standing":"filled","source":{"from":"default"},"value":80,"where":{"file":"hosts/web/contract.nix","line":1,"column":1}}],"exports":[]}],"errors":[]}
    --- stderr
    "#);
    shows!(env, ["get", "web", "database"], @r#"
    exit 0
    --- stdout
    {"db":{"port":5432}}
    --- stderr
    from endpoint of db
    "#);
}

#[test]
fn what_cannot_be_printed() {
    let env = env();
    shows!(env, ["get", "web", "offset"], @"
    exit 2
    --- stdout
    --- stderr
    error[unfilled-need]: web: web needs the value `offset`, and nobody gives it
      --> hosts/web/contract.nix:1:1
      cause: expected: a whole number
      fix: infra set web offset VALUE
    ");
    shows!(env, ["get", "web", "token"], @"
    exit 2
    --- stdout
    --- stderr
    error[unfilled-need]: web: `token` of web was not made yet
      --> hosts/web/contract.nix:1:1
      cause: from recipe password
      fix: infra secret generate web token
    ");
    shows!(env, ["get", "web", "key.pub"], @"
    exit 2
    --- stdout
    --- stderr
    error[unfilled-need]: web: `key.pub` of web was not made yet
      --> hosts/web/contract.nix:1:1
      cause: from recipe ssh-ed25519
      fix: infra secret generate web
    ");
    shows!(env, ["get", "web", "prot"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-need]: web: `prot` is no need of web
      --> command line
      fix: did you mean `port`?
    ");
    env.write(
        "context/hosts/web.toml",
        "mail-password = \"agenix:x.age\"\nport = true\n",
    );
    shows!(env, ["get", "web", "mail-password", "--json"], @r#"
    exit 2
    --- stdout
    {"schema":1,"command":"get","hosts":[],"errors":[{"code":"usage","title":"`mail-password` of web is a secret: it is not printed here","cause":"from x.age","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"infra secret show web mail-password","host":"web"}]}
    --- stderr
    "#);
    shows!(env, ["get", "web", "port"], @"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: web: the value `port` of web is not what it must be (context/hosts/web.toml:2)
      --> context/hosts/web.toml:2
      cause: expected a port (1 to 65535), found the boolean true
      fix: infra set web port VALUE
    ");
    let env = env.set("INFRA_WEB_PIN", "1234");
    shows!(env, ["get", "web", "pin"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: web: `pin` of web is private: it is not printed here
      --> hosts/web/contract.nix:1:1
      cause: from $INFRA_WEB_PIN
      fix: infra secret show web pin
    ");
}

#[test]
fn what_a_host_exports() {
    let env = env();
    env.contract(
        "db",
        json!({
            "values": {
                "port": {"type": {"kind": "port"}, "default": 5432}, "pin": {"private": true},
                "motd": {"default": "two\nlines"}, "open": {},
            },
            "secrets": {"token": {"recipe": "hex"}, "spare": {"required": false}},
            "exports": {"endpoint": {"value": {"port": 5432}}, "port": {"value": 1}, "address": {}},
        }),
    );
    shows!(env, ["get", "db", "endpoint"], @r#"
    exit 0
    --- stdout
    {"port":5432}
    --- stderr
    from the exports of db
    "#);
    // A need of the same name comes first.
    shows!(env, ["get", "db", "port"], @"
    exit 0
    --- stdout
    5432
    --- stderr
    from default
    ");
    shows!(env, ["get", "db", "port", "--export"], @"
    exit 0
    --- stdout
    1
    --- stderr
    from the exports of db
    ");
    shows!(env, ["get", "db", "endpiont"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-need]: db: `endpiont` is no need of db
      --> command line
      fix: did you mean `endpoint`?
    ");
    let env = env.set("INFRA_DB_PIN", "1234");
    shows!(env, ["get", "db"], @r#"
    exit 0
    --- stdout
    NAME      KIND    VALUE          FROM
    motd      value   "two\nlines"   default
    open      value                  OPEN
    pin       value   (private)      $INFRA_DB_PIN
    port      value   5432           default
    spare     secret                 - (optional)
    token     secret                 recipe hex
    address   export                 `address` of db depends on what is not filled yet (infra contract db --gaps)
    endpoint  export  {"port":5432}
    port      export  1
    --- stderr
    "#);
    shows!(env, ["get", "db", "--export", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"get","hosts":[{"name":"db","needs":[],"exports":[{"name":"address","expected":"a text","value":null,"unknown":"`address` of db depends on what is not filled yet (infra contract db --gaps)","where":{"file":"hosts/db/contract.nix","line":1,"column":1}},{"name":"endpoint","expected":"a text","value":{"port":5432},"unknown":null,"where":{"file":"hosts/db/contract.nix","line":1,"column":1}},{"name":"port","expected":"a text","value":1,"unknown":null,"where":{"file":"hosts/db/contract.nix","line":1,"column":1}}]}],"errors":[]}
    --- stderr
    "#);
    env.write("context/hosts/db.toml", "open = \"now\"\n");
    shows!(env, ["get", "db", "address"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[unfilled-need]: db: the export `address` of db has no value
      --> hosts/db/contract.nix:1:1
      cause: `address` of db depends on what is private there (`pin`), which no other host is given
      fix: let `address` depend on nothing private; or let db say private = false, if whoever wants it may know it; or declare the value on both hosts, with scope = "shared"
    "#);
    shows!(env, ["get", "web", "--export"], @"
    exit 0
    --- stdout
    there is nothing to print of web
    --- stderr
    ");
}

#[test]
fn what_is_shared_is_right_for_all() {
    let env = Env::pair();
    let contract =
        |kind: &str| json!({"values": {"realm": {"scope": "shared", "type": {"kind": kind}}}});
    env.contract("web", contract("string"));
    env.contract("db", contract("port"));
    shows!(env, ["set", "web", "realm", "HOME"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: db: the value `realm` of db is not what it must be
      --> command line
      cause: expected a port (1 to 65535), found the text "HOME"
        asked for by hosts/db/contract.nix:1:1
      fix: give a port (1 to 65535); nothing was written
    "#);
    // 80 is a port; what is written for a text is not.
    assert!(
        env.run(&["set", "web", "realm", "80"])
            .contains("db: the value `realm` of db")
    );
    assert_eq!(file(&env, "context/shared.toml"), "not there");
    env.contract("db", contract("fqdn"));
    env.write("hosts/db/contract.nix", "{ } # another\n");
    env.write(
        "hosts/mail/host.toml",
        &std::fs::read_to_string(env.repo().join("hosts/web/host.toml")).expect("there"),
    );
    env.contract(
        "mail",
        json!({"values": {"realm": {"type": {"kind": "bool"}}}}),
    );
    env.contract("old", json!({}));
    env.write(
        "hosts/old/host.toml",
        &std::fs::read_to_string(env.repo().join("hosts/web/host.toml")).expect("there"),
    );
    std::fs::remove_file(env.repo().join("../contracts/old.json")).expect("there");
    shows!(env, ["set", "web", "realm", "a.org"], @r#"
    exit 0
    --- stdout
    context/shared.toml: realm = "a.org" (added)
    --- stderr
    warning[nix-failure]: old: Nix could not evaluate old
      cause: cat: [dir]/contracts/old.json: No such file or directory
      fix: see that Nix itself works: infra doctor
    "#);
    assert_eq!(file(&env, "context/shared.toml"), "realm = \"a.org\"\n");
}
