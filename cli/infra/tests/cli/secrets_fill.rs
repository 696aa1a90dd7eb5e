//! `fill`, `secret edit` and `secret import` with a fake nix and real keys: what is written, what is refused, and that no content is told.

use crate::env::{Env, shows};
use serde_json::{Value, json};

/// Makes a key of whoever runs infra, which is the host's as well, so that what is written can be read back.
const KEYS: &str = r#"
mkdir -p "$HOME/.ssh" && ssh-keygen -qt ed25519 -N '' -C '' -f "$HOME/.ssh/id_ed25519" &&
cp "$HOME/.ssh/id_ed25519.pub" hosts/web/host.pub && cp hosts/web/host.pub hosts/db/host.pub &&
printf 'admins = ["%s"]\n' "$(cat hosts/web/host.pub)" >infra.toml
"#;

fn env(contract: Value) -> Env {
    let env = Env::pair();
    env.contract("web", contract);
    env.contract("db", json!({}));
    let made = env.in_shell(KEYS, &[]);
    assert!(made.status.success(), "{made:?}");
    env
}

/// What an editor finds, which leaves it as it is.
fn content(env: &Env, name: &str) -> String {
    let script = r#"EDITOR='f() { cp "$1" "$HOME/seen"; }; f'; export EDITOR; "$1" secret edit web "$2" && cat "$HOME/seen""#;
    let output = env.in_shell(script, &[name]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let file = format!("unchanged  secrets/hosts/web/{name}.age\n");
    text.strip_prefix(&file).map_or_else(
        || format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
        str::to_owned,
    )
}

fn store(env: &Env) -> Vec<String> {
    let dir = std::fs::read_dir(env.repo().join("secrets/hosts/web"));
    let mut names: Vec<String> = dir
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn a_secret_is_edited() {
    let env =
        env(json!({"secrets": {"token": {"check": {"minLength": 4}}, "conf": {"format": "json"}}}))
            .set("EDITOR", "f() { eval \"$(cat ../does)\"; }; f");
    env.side_file("does", "echo hunter2 >$1");
    shows!(env, ["secret", "edit", "web", "token"], @"
    exit 0
    --- stdout
    written    secrets/hosts/web/token.age
    --- stderr
    ");
    // The editor ended the line, and the contract asks for one line.
    assert_eq!(content(&env, "token"), "hunter2");
    shows!(env, ["secret", "edit", "web", "token", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"secret","hosts":[{"name":"web","secret":"token","file":"secrets/hosts/web/token.age","change":"unchanged","due":[]}],"errors":[]}
    --- stderr
    "#);
    env.side_file("does", "echo abc >$1");
    shows!(env, ["secret", "edit", "web", "token"], @"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: web: this is not the secret `token` of web: it is shorter than 4 bytes (check.minLength)
      --> editor
      cause: asked for by hosts/web/contract.nix:1:1
      fix: give another content; nothing was written
    ");
    env.side_file("does", "echo another >$1; exit 4");
    shows!(env, ["secret", "edit", "web", "token"], @r#"
    exit 3
    --- stdout
    --- stderr
    error[command-failed]: web: the editor failed, and nothing was written: f() { eval "$(cat ../does)"; }; f
      --> environment
      cause: exit status: 4
      fix: set VISUAL or EDITOR to an editor that waits until the file is closed
    "#);
    env.side_file("does", ":");
    shows!(env, ["secret", "edit", "web", "conf"], @"
    exit 0
    --- stdout
    unchanged  secrets/hosts/web/conf.age
    --- stderr
    ");
    env.side_file("does", "echo '{} hush' >$1");
    shows!(env, ["secret", "edit", "web", "conf"], @"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: web: this is not the secret `conf` of web: it is no secret of format json: line 1, column 4 is not JSON
      --> editor
      cause: asked for by hosts/web/contract.nix:1:1
      fix: give another content; nothing was written
    ");
    assert_eq!(content(&env, "token"), "hunter2");
    assert_eq!(store(&env), ["token.age", "token.toml"]);
}

#[test]
fn what_is_kept_elsewhere_is_edited_there() {
    let env = env(json!({"secrets": {"token": {}}})).set("EDITOR", "false");
    env.write("context/hosts/web.toml", "token = \"sops:web.yaml#a/b\"\n");
    shows!(env, ["secret", "edit", "web", "token"], @"
    exit 2
    --- stdout
    --- stderr
    error[misplaced-need]: web: `token` of web is not kept by infra: a context file says sops:web.yaml#a/b
      --> context
      fix: edit it there (sops web.yaml); or take it into the repository: infra secret import web token --from sops:web.yaml#a/b, then infra set web token --unset
    ");
}

#[test]
fn a_secret_is_imported() {
    let env = env(json!({"secrets": {
        "token": {}, "copy": {}, "hash": {"format": "password-hash"},
    }}));
    let file = env.side_file("old", "from elsewhere\n");
    shows!(env, ["secret", "import", "web", "token", "--from", "../old"], @"
    exit 0
    --- stdout
    written    secrets/hosts/web/token.age
    --- stderr
    ");
    assert_eq!(content(&env, "token"), "from elsewhere\n");
    env.side_file("old", "anew");
    shows!(env, ["secret", "import", "web", "token", "--from", "../old"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: web: the repository has the secret `token` of web already
      --> secrets/hosts/web/token.age
      fix: add --replace if it is to be replaced
    ");
    assert_eq!(content(&env, "token"), "from elsewhere\n");
    shows!(env, ["secret", "import", "web", "token", "--from", "../old", "--replace", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"secret","hosts":[{"name":"web","secret":"token","file":"secrets/hosts/web/token.age","change":"replaced","due":[]}],"errors":[]}
    --- stderr
    "#);
    assert_eq!(content(&env, "token"), "anew");
    // Any age file that our key opens; and what a context file says comes before it.
    env.write(
        "context/hosts/web.toml",
        "copy = \"agenix:secrets/hosts/web/token.age\"\n",
    );
    shows!(env, ["secret", "import", "web", "copy", "--from", "agenix:secrets/hosts/web/token.age"], @"
    exit 0
    --- stdout
    written    secrets/hosts/web/copy.age
    --- stderr
    warning[ambiguous-need]: web: `copy` is still taken from secrets/hosts/web/token.age, which comes before the repository's store
      --> context
      fix: infra set web copy --unset
    ");
    env.write("context/hosts/web.toml", "");
    assert_eq!(content(&env, "copy"), "anew");
    shows!(env, ["secret", "import", "web", "hash", "--from", &file], @"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: web: this is not the secret `hash` of web: it is no secret of format password-hash: it does not look like $id$…, as mkpasswd prints it
      --> [dir]/old
      cause: asked for by hosts/web/contract.nix:1:1
      fix: give another content; nothing was written
    ");
    shows!(env, ["secret", "import", "web", "hash", "--from", "../none"], @"
    exit 3
    --- stdout
    --- stderr
    error[secret-unreadable]: web: the file of `hash` cannot be read: ../none
      --> command line
      cause: No such file or directory (os error 2)
      fix: give --from a file that is there and that you may read
    ");
    shows!(env, ["secret", "import", "web", "hash", "--from", "sops:#x"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: --from cannot be read: sops:#x
      --> command line
      fix: write sops:FILE#KEY, such as sops:secrets/web.yaml#database/password
    ");
    assert_eq!(
        store(&env),
        ["copy.age", "copy.toml", "token.age", "token.toml"]
    );
}

fn open() -> Value {
    json!({
        "values": {
            "port": {"type": {"kind": "port"}, "description": "Where it listens.", "example": 80},
            "realm": {"scope": "shared"},
            "pin": {"private": true, "type": {"kind": "int"}},
        },
        "secrets": {"made": {"recipe": "password"}, "mail": {"check": {"minLength": 4}}, "key": {"format": "pem"}},
        "recipes": {"password": {"builtin": "password"}},
    })
}

#[test]
fn without_a_person_recipes_fill_what_they_can() {
    let env = env(open());
    shows!(env, ["fill", "web"], @"
    exit 1
    --- stdout
    web: made made (secrets/hosts/web/made.age)
    --- stderr
    error[unfilled-need]: web: web needs the value `pin`, and nobody gives it
      --> hosts/web/contract.nix:1:1
      cause: expected: a whole number
      fix: infra secret new web pin

    error[unfilled-need]: web: web needs the value `port`, and nobody gives it
      --> hosts/web/contract.nix:1:1
      cause: Where it listens.
        expected: a port (1 to 65535)
      fix: infra set web port VALUE

    error[unfilled-need]: web: web needs the value `realm`, and nobody gives it
      --> hosts/web/contract.nix:1:1
      cause: expected: a text
      fix: infra set web realm VALUE

    error[unfilled-need]: web: web needs the secret `key`, and nobody gives it
      --> hosts/web/contract.nix:1:1
      cause: expected: a secret of format pem
      fix: infra secret new web key

    error[unfilled-need]: web: web needs the secret `mail`, and nobody gives it
      --> hosts/web/contract.nix:1:1
      cause: expected: a secret of format text
      fix: infra secret new web mail
    ");
    assert_eq!(store(&env), ["made.age", "made.toml"]);
    let before = content(&env, "made");
    shows!(env, ["fill", "web", "--json"], @r#"
    exit 3
    --- stdout
    {"schema":1,"command":"fill","hosts":[{"name":"web","made":[],"filled":[],"open":[{"name":"pin","kind":"value","description":"","expected":"a whole number","scope":"host","standing":"open","source":null,"where":{"file":"hosts/web/contract.nix","line":1,"column":1}},{"name":"port","kind":"value","description":"Where it listens.","expected":"a port (1 to 65535)","scope":"host","standing":"open","source":null,"where":{"file":"hosts/web/contract.nix","line":1,"column":1}},{"name":"realm","kind":"value","description":"","expected":"a text","scope":"shared","standing":"open","source":null,"where":{"file":"hosts/web/contract.nix","line":1,"column":1}},{"name":"key","kind":"secret","description":"","expected":"a secret of format pem","scope":"host","standing":"open","source":null,"where":{"file":"hosts/web/contract.nix","line":1,"column":1}},{"name":"mail","kind":"secret","description":"","expected":"a secret of format text","scope":"host","standing":"open","source":null,"where":{"file":"hosts/web/contract.nix","line":1,"column":1}}]}],"errors":[{"code":"unfilled-need","title":"web needs the value `pin`, and nobody gives it","cause":"expected: a whole number","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"infra secret new web pin","host":"web"},{"code":"unfilled-need","title":"web needs the value `port`, and nobody gives it","cause":"Where it listens.\nexpected: a port (1 to 65535)","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"infra set web port VALUE","host":"web"},{"code":"unfilled-need","title":"web needs the value `realm`, and nobody gives it","cause":"expected: a text","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"infra set web realm VALUE","host":"web"},{"code":"unfilled-need","title":"web needs the secret `key`, and nobody gives it","cause":"expected: a secret of format pem","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"infra secret new web key","host":"web"},{"code":"unfilled-need","title":"web needs the secret `mail`, and nobody gives it","cause":"expected: a secret of format text","where":{"file":"hosts/web/contract.nix","line":1,"column":1},"fix":"infra secret new web mail","host":"web"}]}
    --- stderr
    "#);
    // What is there is not made again.
    assert_eq!(content(&env, "made"), before);
    shows!(env, ["fill", "db"], @"
    exit 0
    --- stdout
    nothing is open
    --- stderr
    ");
    shows!(env, ["fill"], @"
    exit 2
    --- stdout
    --- stderr
    error[nothing-selected]: no hosts are selected
      --> command line
      fix: name hosts (infra list shows them), or say --all
    ");
}

/// Answers each prompt when it is there: what was typed before would be lost while the terminal changes its mode.
const TALK: &str = r#"
mkfifo ../in; : >../log
script -qefc "'$1' fill web" ../log <../in >/dev/null &
exec 3>../in
answer() {
  i=0; until [ "$(grep -oF -- "$1" ../log | wc -l)" -ge "$2" ]; do
    i=$((i + 1)); [ $i -lt 200 ] || { cat ../log; echo "no prompt: $1"; break; }; sleep 0.05
  done
  sleep 0.1; printf '%s\r' "$3" >&3
}
answer 'pin:' 1 hush-no-number; answer 'again:' 1 hush-no-number
answer 'pin:' 2 4711; answer 'again:' 2 4711
answer 'port:' 1 many; answer 'port:' 2 8080
answer 'realm:' 1 HOME
answer 'mail:' 1 abc; answer 'again:' 3 abc
answer 'mail:' 2 hunter2; answer 'again:' 4 hunter2
wait $!; echo "exit $?"; cat ../log
"#;

#[test]
fn a_person_is_asked_until_it_fits() {
    let env = env(open());
    let output = env.in_shell(TALK, &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("exit 1"), "{text}");
    for said in [
        "web needs the value `port`",
        "Where it listens.",
        "for example: 80",
        "asked for by hosts/web/contract.nix:1:1",
        "is shorter than 4 bytes",
        "infra secret edit web key",
        "web: made made",
        "web: port filled",
        "web: mail filled",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    for hidden in ["hunter2", "4711", "hush"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    let read = |file: &str| std::fs::read_to_string(env.repo().join(file)).unwrap_or_default();
    assert_eq!(read("context/hosts/web.toml"), "port = 8080\n");
    assert_eq!(read("context/shared.toml"), "realm = \"HOME\"\n");
    assert_eq!(content(&env, "mail"), "hunter2");
    assert_eq!(
        store(&env),
        [
            "made.age",
            "made.toml",
            "mail.age",
            "mail.toml",
            "pin.age",
            "pin.toml"
        ]
    );
}
