//! `status` where hosts cannot be had, and where Nix cannot tell. (How hosts stand is tested as a pure function, and on real hosts.)

use crate::env::{Env, shows};

#[test]
fn a_host_that_cannot_be_reached_is_unknown_and_keeps_nobody_else_from_being_told() {
    let env = Env::pair();
    shows!(env, ["status"], @"
    exit 3
    --- stdout
     unknown  db   the SSH key of db is not pinned
     unknown  web  web cannot be reached at web
    2 hosts: 2 unknown
    --- stderr
        failed  db  the SSH key of db is not pinned
        failed  web  web cannot be reached at web
        survey  db  failed after [time]: the SSH key of db is not pinned
        survey  web  failed after [time]: web cannot be reached at web
      evaluate  db  [time]
      evaluate  web  [time]
    error[host-key-unknown]: db: the SSH key of db is not pinned
      --> hosts/db/host.pub
      cause: there is no hosts/db/host.pub, and infra never trusts a key it has not been given
      fix: copy /etc/ssh/ssh_host_ed25519_key.pub from the host to hosts/db/host.pub; or run `ssh-keyscan -t ed25519 -p 22 192.0.2.7 > hosts/db/host.pub` and compare its fingerprint (ssh-keygen -lf) with the host's console

    error[host-unreachable]: web: web cannot be reached at web
      --> hosts/web/host.toml
      cause: ssh root@web port 22: connect to host x port 22: No route to host
      fix: check that the host is on and that `addresses` and `port` in host.toml are right
    ");
    shows!(env, ["status", "web", "--json"], @r#"
    exit 3
    --- stdout
    {"schema":1,"command":"status","hosts":[{"name":"web","standing":"unknown","reasons":["web cannot be reached at web"],"current":null,"bootDefault":null,"wanted":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web","lastRun":null,"files":[]}],"errors":[{"code":"host-unreachable","title":"web cannot be reached at web","cause":"ssh root@web port 22: connect to host x port 22: No route to host","where":{"file":"hosts/web/host.toml"},"fix":"check that the host is on and that `addresses` and `port` in host.toml are right","host":"web"}]}
    --- stderr
        failed  web  web cannot be reached at web
        survey  web  failed after [time]: web cannot be reached at web
      evaluate  web  [time]
    "#);
}

#[test]
fn a_host_is_asked_also_if_its_configuration_does_not_evaluate() {
    let env = Env::pair();
    let log = env.side_file(
        "log",
        "@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"x\",\"raw_msg\":\"undefined variable 'foo'\",\"file\":\"x\",\"line\":1,\"column\":3,\"trace\":[]}\n",
    );
    let env = env.set("FAKE_EVAL_FAILS", log);
    let told = env.run(&["status", "web"]);
    assert!(told.starts_with("exit 3"), "{told}");
    assert!(told.contains("web cannot be reached at web"), "{told}");
    assert!(env.calls().contains(&"ssh".to_owned()));
}

#[test]
fn without_nix_nothing_can_be_compared() {
    shows!(Env::pair().without_nix(), ["status"], @"
    exit 2
    --- stdout
    --- stderr
    error[missing-program]: `nix` is not installed on this machine
      cause: no `nix` in PATH
      fix: install Nix 2.18 or later, or put its `bin` folder into PATH
    ");
}
