//! `secret rollback` where the host cannot be had, with a fake ssh. (What it does on a host is tested on a real one.)

use crate::env::{Env, shows};

/// As much of a program as is looked at before it is sent: a static one for the host's architecture.
fn with_agent() -> Env {
    let head = format!("\u{7f}ELF\u{2}\u{1}{}>{}", "\0".repeat(12), "\0".repeat(45));
    let env = Env::pair();
    let agent = env.side_file("agent", &head);
    env.set("INFRA_AGENT", agent)
}

#[test]
fn a_host_that_does_not_answer_stays_as_it_is() {
    let env = with_agent();
    shows!(env, ["secret", "rollback", "web"], @"
    exit 3
    --- stdout
    --- stderr
    error[host-unreachable]: web: web cannot be reached at web
      --> hosts/web/host.toml
      cause: ssh root@web port 22: connect to host x port 22: No route to host
      fix: check that the host is on and that `addresses` and `port` in host.toml are right
    ");
    shows!(env, ["secret", "rollback", "web", "--to", "2", "--json"], @r#"
    exit 3
    --- stdout
    {"schema":1,"command":"secret","hosts":[],"errors":[{"code":"host-unreachable","title":"web cannot be reached at web","cause":"ssh root@web port 22: connect to host x port 22: No route to host","where":{"file":"hosts/web/host.toml"},"fix":"check that the host is on and that `addresses` and `port` in host.toml are right","host":"web"}]}
    --- stderr
    "#);
    assert!(
        !env.calls().iter().any(|call| call.starts_with("nix")),
        "nothing is evaluated"
    );
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_sent() {
    let env = with_agent();
    shows!(env, ["secret", "rollback", "db"], @"
    exit 3
    --- stdout
    --- stderr
    error[host-key-unknown]: db: the SSH key of db is not pinned
      --> hosts/db/host.pub
      cause: there is no hosts/db/host.pub, and infra never trusts a key it has not been given
      fix: copy /etc/ssh/ssh_host_ed25519_key.pub from the host to hosts/db/host.pub; or run `ssh-keyscan -t ed25519 -p 22 192.0.2.7 > hosts/db/host.pub` and compare its fingerprint (ssh-keygen -lf) with the host's console
    ");
    shows!(env, ["secret", "rollback", "wbe"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-host]: there is no host `wbe`
      --> command line
      fix: did you mean `web`? `infra list` shows all hosts
    ");
    shows!(env, ["secret", "rollback", "web", "--to", "last"], @"
    exit 2
    --- stdout
    --- stderr
    error: invalid value 'last' for '--to <N>': invalid digit found in string

    For more information, try '--help'.
    ");
    let env = Env::pair().set("INFRA_AGENT", "nowhere");
    shows!(env, ["secret", "rollback", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[no-agent]: web: there is no infra-agent for x86_64-linux that could be sent to the host
      cause: nowhere: No such file or directory (os error 2)
      fix: `checks/build-agent` in a checkout of infra makes one (its --target is for other architectures); or let INFRA_AGENT name one, or a folder of them
    ");
    assert_eq!(env.calls(), Vec::<String>::new());
}
