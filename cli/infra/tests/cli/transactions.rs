//! What is said before a transaction begins, and of runs that cannot be gone on with. (What happens on hosts is tested on real hosts.)

use crate::env::{Env, shows};

#[test]
fn there_is_nothing_to_resume() {
    let env = Env::pair();
    shows!(env, ["resume"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: no run was left unfinished on this machine
      --> command line
      fix: there is nothing to resume; `infra deploy` begins a new run
    ");
    shows!(env, ["resume", "20261121T000000Z-00000000"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: there is no run [run] on this machine
      --> command line
      fix: no run was left unfinished on this machine; one of another machine is resumed there
    ");
    shows!(env, ["resume", "../../etc"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: there is no run ../../etc on this machine
      --> command line
      fix: no run was left unfinished on this machine; one of another machine is resumed there
    ");
}

#[test]
fn a_run_that_failed_before_its_plan_cannot_be_resumed() {
    let env = Env::pair().set(
        "FAKE_SSH_SAYS",
        "ssh: connect to host web port 22: Connection refused",
    );
    let told = env.run(&["deploy", "web"]);
    assert!(told.starts_with("exit 3"), "{told}");
    shows!(env, ["resume"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: no run was left unfinished on this machine
      --> command line
      fix: there is nothing to resume; `infra deploy` begins a new run
    ");
}

#[test]
fn a_host_that_cannot_be_reached_is_not_rolled_back() {
    let env = Env::pair().set(
        "FAKE_SSH_SAYS",
        "ssh: connect to host web port 22: Connection refused",
    );
    shows!(env, ["rollback", "web", "--to", "3"], @"
    exit 3
    --- stdout
    1 host: 1 failed ([time])
    --- stderr
        failed  web  web refuses SSH connections on port 22
        survey  web  failed after [time]: web refuses SSH connections on port 22
    error[connection-refused]: web: web refuses SSH connections on port 22
      --> hosts/web/host.toml
      cause: ssh root@web port 22: connect to host web port 22: Connection refused
      fix: start sshd on the host, or set `port` in host.toml
    ");
}

#[test]
fn a_pace_that_cannot_be_kept() {
    let env = Env::pair();
    for words in [
        ["deploy", "web", "--confirm-within", "0s"],
        ["deploy", "web", "--activate-within", "soon"],
        ["deploy", "web", "--max-unavailable", "0"],
        ["deploy", "web", "--parallel", "0"],
        ["rollback", "web", "--to", "last"],
    ] {
        let told = env.run(&words);
        assert!(told.starts_with("exit 2"), "{words:?}: {told}");
    }
    env.write(
        "infra.toml",
        "waves = [\"@cannary\"]\n[deploy]\ncanaries = -1\n",
    );
    shows!(env, ["deploy", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: `canaries` in infra.toml must be a whole number
      --> infra.toml:3:12
        |
      3 | canaries = -1
        |            ^
      cause: found integer -1
      fix: write for example: canaries = 1
    ");
    env.write("infra.toml", "waves = [\"@cannary\"]\n");
    shows!(env, ["deploy", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-tag]: no host has the tag `cannary`
      --> infra.toml
      fix: `infra list` shows the tags of all hosts
    ");
}
