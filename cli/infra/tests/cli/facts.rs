//! Facts as far as they go without a host: what is told before it was asked, and when it cannot be. (Answers come from real hosts.)

use crate::env::{Env, shows};
use serde_json::json;

fn env() -> Env {
    let env = Env::pair();
    env.contract(
        "web",
        json!({
            "values": {
                "address": {"type": {"kind": "ipv4"}, "fact": {"builtin": "ipv4"}},
                "cores": {"type": {"kind": "int"}, "fact": {"builtin": "cpus"}, "default": 1},
                "serial": {"fact": {"command": ["cat", "/sys/class/dmi/id/product_serial"]}},
                "port": {"type": {"kind": "port"}, "default": 80},
            },
        }),
    );
    env
}

fn known(env: &Env) {
    env.write(
        "context/facts/web.toml",
        "address = { fact = \"ipv4\", value = \"192.0.2.9\" }\ncores = { fact = \"cpus\", value = 4 }\n",
    );
    env.write("context/hosts/web.toml", "serial = \"0815\"\n");
}

#[test]
fn what_was_never_asked_is_open() {
    let env = env();
    shows!(env, ["contract", "web", "--gaps"], @"
    exit 1
    --- stdout
    HOST  NEED     KIND   FROM  ASKED FOR BY
    web   address  value  OPEN  hosts/web/contract.nix:1:1
    web   serial   value  OPEN  hosts/web/contract.nix:1:1
    --- stderr
    error[unfilled-need]: web: web was not asked yet for the value `address`
      --> hosts/web/contract.nix:1:1
      cause: expected: an IPv4 address, such as 192.0.2.1
        the host is asked: ipv4
      fix: infra facts web   (infra deploy asks first; or say it yourself: infra set web address VALUE)

    error[unfilled-need]: web: web was not asked yet for the value `serial`
      --> hosts/web/contract.nix:1:1
      cause: expected: a text
        the host is asked: cat /sys/class/dmi/id/product_serial
      fix: infra facts web   (infra deploy asks first; or say it yourself: infra set web serial VALUE)
    ");
    shows!(env, ["build", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[unfilled-need]: web: web was not asked yet for the value `address`
      --> hosts/web/contract.nix:1:1
      cause: expected: an IPv4 address, such as 192.0.2.1
        the host is asked: ipv4
      fix: infra facts web   (infra deploy asks first; or say it yourself: infra set web address VALUE)

    error[unfilled-need]: web: web was not asked yet for the value `serial`
      --> hosts/web/contract.nix:1:1
      cause: expected: a text
        the host is asked: cat /sys/class/dmi/id/product_serial
      fix: infra facts web   (infra deploy asks first; or say it yourself: infra set web serial VALUE)
    ");
    assert!(
        !env.calls().contains(&"ssh".to_owned()),
        "{:?}",
        env.calls()
    );
}

#[test]
fn a_host_that_cannot_be_asked_fails_alone() {
    let env = env();
    env.write("hosts/db/configuration.nix", "{ }\n");
    let told = env.run(&["deploy", "web", "db"]);
    assert!(told.contains("web cannot be reached at web"), "{told}");
    assert!(told.contains("the SSH key of db is not pinned"), "{told}");
    assert!(told.contains("2 hosts: 2 failed"), "{told}");
    assert!(!told.contains("was not asked yet"), "{told}");
    // Nothing was evaluated for it: its values are not known.
    assert!(!told.contains("evaluate  web"), "{told}");
}

#[test]
fn a_default_that_a_host_might_correct_is_told() {
    let env = env();
    env.write(
        "context/facts/web.toml",
        "address = { fact = \"ipv4\", value = \"192.0.2.9\" }\n",
    );
    env.write("context/hosts/web.toml", "serial = \"0815\"\n");
    let told = env.run(&["build", "web"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(
        told.contains("web was not asked yet for the value `cores`, and its default is taken"),
        "{told}"
    );
}

#[test]
fn a_dry_run_asks_nobody() {
    let env = env();
    let told = env.run(&["deploy", "web", "--dry-run"]);
    assert!(
        told.contains("web was not asked yet for the value `address`"),
        "{told}"
    );
    assert!(
        !env.calls().contains(&"ssh".to_owned()),
        "{:?}",
        env.calls()
    );
}

#[test]
fn what_the_host_once_answered_is_used() {
    let env = env();
    known(&env);
    shows!(env, ["contract", "web"], @"
    exit 0
    --- stdout
    HOST  NEED     KIND   FROM                      ASKED FOR BY
    web   address  value  context/facts/web.toml:1  hosts/web/contract.nix:1:1
    web   cores    value  context/facts/web.toml:2  hosts/web/contract.nix:1:1
    web   port     value  default                   hosts/web/contract.nix:1:1
    web   serial   value  context/hosts/web.toml:1  hosts/web/contract.nix:1:1
    --- stderr
    ");
    shows!(env, ["get", "web", "cores"], @"
    exit 0
    --- stdout
    4
    --- stderr
    from context/facts/web.toml:2
    ");
    shows!(env, ["facts", "web"], @r#"
    exit 0
    --- stdout
    HOST  NEED     FACT                                  VALUE
    web   address  ipv4                                  "192.0.2.9"                 known
    web   cores    cpus                                  4                           known
    web   serial   cat /sys/class/dmi/id/product_serial  (context/hosts/web.toml:1)  overridden
    --- stderr
    "#);
    shows!(env, ["facts", "web", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"facts","hosts":[{"name":"web","file":"context/facts/web.toml","facts":[{"need":"address","fact":"ipv4","change":"known","before":"192.0.2.9","value":"192.0.2.9","source":null},{"need":"cores","fact":"cpus","change":"known","before":4,"value":4,"source":null},{"need":"serial","fact":["cat","/sys/class/dmi/id/product_serial"],"change":"overridden","before":null,"value":null,"source":{"from":"context","file":"context/hosts/web.toml","line":1}}]}],"errors":[]}
    --- stderr
    "#);
    assert!(
        !env.calls().contains(&"ssh".to_owned()),
        "{:?}",
        env.calls()
    );
    // Nobody has to be asked, so nobody is, before the survey.
    let told = env.run(&["deploy", "web"]);
    assert!(told.contains("survey  web  failed"), "{told}");
    assert!(told.contains("evaluate  web  "), "{told}");
}

#[test]
fn a_wrong_answer_in_the_file_is_told_with_its_line() {
    let env = env();
    known(&env);
    env.write(
        "context/facts/web.toml",
        "address = { fact = \"ipv4\", value = \"here\" }\n",
    );
    shows!(env, ["contract", "web", "--gaps"], @r#"
    exit 1
    --- stdout
    HOST  NEED     KIND   FROM  ASKED FOR BY
    web   address  value  OPEN  hosts/web/contract.nix:1:1
    --- stderr
    error[wrong-type]: web: the value `address` of web is not what it must be (context/facts/web.toml:1)
      --> context/facts/web.toml:1
      cause: expected an IPv4 address, such as 192.0.2.1, found the text "here"
      fix: infra facts web --refresh
    "#);
}

#[test]
fn what_nobody_asks_any_more_is_forgotten() {
    let env = env();
    known(&env);
    env.write(
        "context/facts/web.toml",
        "address = { fact = \"ipv4\", value = \"192.0.2.9\" }\nold = { fact = \"kernel\", value = \"6\" }\ncores = { fact = \"cpus\", value = 4 }\n",
    );
    shows!(env, ["facts", "web"], @r#"
    exit 0
    --- stdout
    HOST  NEED     FACT                                  VALUE
    web   address  ipv4                                  "192.0.2.9"                 known
    web   cores    cpus                                  4                           known
    web   old                                            "6" →                       forgotten
    web   serial   cat /sys/class/dmi/id/product_serial  (context/hosts/web.toml:1)  overridden
    --- stderr
    "#);
    let left = std::fs::read_to_string(env.repo().join("context/facts/web.toml")).expect("there");
    assert!(!left.contains("old"), "{left}");
}

#[test]
fn a_host_that_does_not_answer_loses_nothing() {
    let env = env();
    known(&env);
    let before = std::fs::read_to_string(env.repo().join("context/facts/web.toml")).expect("there");
    shows!(env, ["facts", "web", "--refresh"], @r#"
    exit 3
    --- stdout
    HOST  NEED     FACT                                  VALUE
    web   address  ipv4                                  "192.0.2.9"                 failed
    web   cores    cpus                                  4                           failed
    web   serial   cat /sys/class/dmi/id/product_serial  (context/hosts/web.toml:1)  overridden
    --- stderr
    error[host-unreachable]: web: web cannot be reached at web
      --> hosts/web/host.toml
      cause: ssh root@web port 22: connect to host x port 22: No route to host
      fix: check that the host is on and that `addresses` and `port` in host.toml are right
    "#);
    let after = std::fs::read_to_string(env.repo().join("context/facts/web.toml")).expect("there");
    assert_eq!(after, before);
    env.contract("db", json!({}));
    shows!(env, ["facts", "db"], @"
    exit 0
    --- stdout
    these hosts are asked for nothing
    --- stderr
    ");
}
