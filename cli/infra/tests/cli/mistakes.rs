//! Wrong input of every kind: the thing, the place and the fix, a non-zero exit, and nothing done.

use crate::env::{Env, HOST, shows};

#[test]
fn not_a_repository() {
    let env = Env::new();
    shows!(env, ["list"], @"
    exit 2
    --- stdout
    --- stderr
    error[not-a-repo]: [dir]/repo is not in an infra repository
      cause: no folder from here upwards has a flake.nix and a hosts folder
      fix: change into your repository, give it with -C DIR, or begin one: infra init
    ");
    shows!(env, ["-C", "/nowhere/at/all", "list", "--json"], @r#"
    exit 2
    --- stdout
    {"schema":1,"command":"list","hosts":[],"errors":[{"code":"not-a-repo","title":"cannot enter /nowhere/at/all","cause":"No such file or directory (os error 2)","where":{"file":"command line"},"fix":"give the folder of your repository with -C DIR"}]}
    --- stderr
    "#);
}

#[test]
fn no_hosts() {
    let env = Env::new();
    env.write("flake.nix", "{ }");
    env.write("hosts/README.md", "");
    shows!(env, ["list"], @"
    exit 2
    --- stdout
    --- stderr
    error[no-hosts]: this repository has no hosts
      --> hosts
      fix: create a folder hosts/<name> with a host.toml and a configuration.nix
    ");
}

#[test]
fn unknown_hosts_tags_and_selectors() {
    let env = Env::pair();
    shows!(env, ["deploy", "wbe,@fronted"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-host]: there is no host `wbe`
      --> command line
      fix: did you mean `web`? `infra list` shows all hosts

    error[unknown-tag]: no host has the tag `fronted`
      --> command line
      fix: did you mean `@frontend`? `infra list` shows the tags of all hosts
    ");
    shows!(env, ["deploy", "class:nix"], @"
    exit 2
    --- stdout
    --- stderr
    error[invalid-selector]: `class:nix` is not a selector: there is no such class of hosts
      --> command line
      fix: did you mean `class:nixos`? classes are nixos, microvm, container, home, linux
    ");
    shows!(env, ["deploy", "web&!web"], @"
    exit 2
    --- stdout
    --- stderr
    error[nothing-selected]: `web&!web` selects no host
      --> command line
      fix: infra list shows all hosts with their tags and classes
    ");
    shows!(env, ["deploy"], @"
    exit 2
    --- stdout
    --- stderr
    error[nothing-selected]: no hosts are selected
      --> command line
      fix: name hosts (infra list shows them), or say --all
    ");
    shows!(env, ["ssh", "*"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: `*` is more than one host
      --> command line
      fix: name one host; `infra exec` runs a command on many
    ");
    assert_eq!(env.calls(), Vec::<String>::new());
}

#[test]
fn broken_files() {
    let env = Env::pair();
    env.write("hosts/web/host.toml", "class = \"nixos\nsystem = 1\n");
    env.write("hosts/db/host.toml", "class = \"nixo\"\nport = \"22\"\n");
    env.write("hosts/Upper/host.toml", HOST);
    env.write("hosts/bare/configuration.nix", "{ }");
    env.write("infra.toml", "[defaults]\nusr = \"x\"\n");
    shows!(env, ["deploy", "web"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[unknown-key]: unknown key `usr` in infra.toml
      --> infra.toml:2:1
        |
      2 | usr = "x"
        | ^
      fix: did you mean `user`?

    error[invalid-host-name]: `Upper` cannot be the name of a host: it has upper-case letters
      --> hosts/Upper
      fix: rename the folder to 1 to 63 of a-z, 0-9 and '-', or begin its name with '_' to have it ignored

    error[missing-file]: bare: host `bare` has no host.toml
      --> hosts/bare/host.toml
      fix: create it with two lines: class = "nixos" and system = "x86_64-linux"

    error[wrong-type]: db: `class` in hosts/db/host.toml must be one of nixos, microvm, container, home, linux
      --> hosts/db/host.toml:1:9
        |
      1 | class = "nixo"
        |         ^
      cause: found string "nixo"
      fix: write for example: class = "nixos"

    error[missing-key]: db: hosts/db/host.toml does not say its `system`
      --> hosts/db/host.toml
      fix: add the line: system = "x86_64-linux"

    error[wrong-type]: db: `port` in hosts/db/host.toml must be a port from 1 to 65535
      --> hosts/db/host.toml:2:8
        |
      2 | port = "22"
        |        ^
      cause: found string "22"
      fix: write for example: port = 22

    error[toml-syntax]: web: hosts/web/host.toml is not valid TOML
      --> hosts/web/host.toml:1:15
        |
      1 | class = "nixos
        |               ^
      cause: invalid basic string, expected `"`
      fix: correct the syntax at this place
    "#);
    assert_eq!(
        env.calls(),
        Vec::<String>::new(),
        "nothing is begun while a file is broken"
    );
}

#[test]
fn a_class_that_cannot_be_deployed() {
    let env = Env::pair();
    env.write(
        "hosts/guest/host.toml",
        "class = \"microvm\"\nsystem = \"x86_64-linux\"\nparent = \"web\"\n",
    );
    shows!(env, ["deploy", "guest"], @"
    exit 2
    --- stdout
    --- stderr
    error[unsupported-class]: guest: hosts of class `microvm` cannot be built or deployed by this version
      --> hosts/guest/host.toml
      fix: select hosts of class nixos: 'class:nixos'
    ");
    // Not named outright, it is passed over and said so.
    shows!(env, ["eval", "*"], @"
    exit 0
    --- stdout
    HOST  SYSTEM                                           DERIVATION
    db    /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db   /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db.drv
    web   /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web  /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web.drv
    --- stderr
      evaluate  db  [time]
      evaluate  web  [time]
    ");
}

#[test]
fn unreadable_and_unwritable_places() {
    let env = Env::pair();
    std::fs::write(env.repo().join("hosts/web/host.pub"), "not a key\n").expect("writable");
    shows!(env, ["deploy", "web"], @"
    exit 3
    --- stdout
    1 host: 1 failed ([time])
    --- stderr
        failed  web  hosts/web/host.pub holds no SSH public key
        survey  web  failed after [time]: hosts/web/host.pub holds no SSH public key
      evaluate  web  [time]
    error[host-key-unknown]: web: hosts/web/host.pub holds no SSH public key
      --> hosts/web/host.pub
      fix: put the host's /etc/ssh/ssh_host_ed25519_key.pub there
    ");
    // A file where the state folder should be: root may write anywhere, but not below a file.
    let blocked = Env::pair().set("XDG_STATE_HOME", "/dev/null/state");
    shows!(blocked, ["deploy", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error[state-unwritable]: infra cannot write its journal
      cause: /dev/null/state/infra/repos[dir]/repo/@/runs/[run]: Not a directory (os error 20)
      fix: make the folder writable, or set XDG_STATE_HOME to one that is
    ");
    assert_eq!(blocked.calls(), Vec::<String>::new());
}

#[test]
fn wrong_words() {
    let env = Env::pair();
    shows!(env, ["deplyo", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error: unrecognized subcommand 'deplyo'

      tip: some similar subcommands exist: 'apply', 'deploy'

    Usage: infra [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    shows!(env, ["deploy", "--all", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error: the argument '--all' cannot be used with '[SELECTOR]...'

    Usage: infra deploy --all [SELECTOR]...

    For more information, try '--help'.
    ");
    shows!(env, ["eval", "--jobs", "0", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error: invalid value '0' for '--jobs <N>': 0 is not in 1..=65535

    For more information, try '--help'.
    ");
    shows!(env, ["exec", "web"], @"
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <COMMAND>...

    Usage: infra exec <SELECTOR>... -- <COMMAND>...

    For more information, try '--help'.
    ");
    shows!(env, ["ssh", "web", "--json"], @r#"
    exit 2
    --- stdout
    {"schema":1,"command":"ssh","hosts":[],"errors":[{"code":"usage","title":"a session on a terminal has no JSON form","fix":"use `infra exec HOST --json -- COMMAND`"}]}
    --- stderr
    "#);
}
