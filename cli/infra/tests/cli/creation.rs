//! `new host`: what is made, what is refused, and that nothing is left of what failed.

use crate::env::{Env, HOST, KEY, shows};
use infra_drive::secret::identity::Places;
use infra_drive::secret::item::{Item, Scope};
use infra_drive::secret::store::Store;
use infra_drive::secret::{Identities, Nobody, Secret};
use infra_model::HostName;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The admins of these tests; the private half is nowhere.
fn admins() -> String {
    format!("admins = [\"{}\"]\n", KEY.trim())
}

fn env() -> Env {
    let env = Env::pair();
    env.write("infra.toml", &admins());
    env
}

/// All files below a folder, sorted; without those of Git.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            if path.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            if path.is_dir() {
                open.push(path.clone());
            }
            let inside = path.strip_prefix(folder).expect("inside");
            found.push(inside.display().to_string());
        }
    }
    found.sort();
    found
}

fn keyless(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_inclusive([' ', '"', '\n']) {
        if word.starts_with("AAAA") {
            words.push("[key]".to_owned() + &word[word.trim_end_matches([' ', '"', '\n']).len()..]);
        } else if word.starts_with("age1") {
            words.push("[age]".to_owned() + &word[word.trim_end_matches([' ', '"', '\n']).len()..]);
        } else {
            words.push(word.to_owned());
        }
    }
    words.concat()
}

#[test]
fn a_new_host_with_keys() {
    let env = env();
    let said = env.run(&[
        "new",
        "host",
        "mail",
        "--address",
        "192.0.2.9",
        "--tag",
        "a",
        "--tag",
        "b",
    ]);
    insta::assert_snapshot!(keyless(&said), @"
    exit 0
    --- stdout
    made the host mail
      hosts/mail/configuration.nix
      hosts/mail/host.toml
      hosts/mail/host.pub
      hosts/mail/age.pub
      secrets/hosts/mail/ssh-host-key.age
      secrets/hosts/mail/ssh-host-key.toml
      secrets/hosts/mail/age-identity.age
      secrets/hosts/mail/age-identity.toml
    next:
      edit hosts/mail/configuration.nix
      infra contract mail --gaps
    --- stderr
    ");
    let read = |file: &str| fs::read_to_string(env.repo().join(file)).expect("there");
    insta::assert_snapshot!(read("hosts/mail/host.toml"), @r#"
    class = "nixos"
    system = "x86_64-linux"
    addresses = ["192.0.2.9"]
    tags = ["a", "b"]
    "#);
    insta::assert_snapshot!(keyless(&read("hosts/mail/host.pub")), @"ssh-ed25519 [key] root@mail");
    let sidecar = read("secrets/hosts/mail/ssh-host-key.toml");
    assert!(
        sidecar.contains(KEY.trim().trim_end_matches(" root@web")),
        "{sidecar}"
    );
    for name in ["ssh-host-key", "age-identity"] {
        let text =
            fs::read(env.repo().join(format!("secrets/hosts/mail/{name}.age"))).expect("there");
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.starts_with("age-encryption.org/v1\n"), "{text}");
        assert!(!text.contains("PRIVATE KEY") && !text.contains("AGE-SECRET-KEY"));
    }
    assert!(
        !files(&env.repo())
            .iter()
            .any(|file| file.contains(".infra-new"))
    );
    let list = env.run(&["list", "mail"]);
    assert!(list.contains("192.0.2.9"), "{list}");
    let again = env.run(&["new", "host", "mail"]);
    insta::assert_snapshot!(again, @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: mail: there is a hosts/mail already
      --> hosts/mail
      fix: take another name; nothing was changed
    ");
    let said = env.run(&["new", "host", "wiki", "--json"]);
    insta::assert_snapshot!(keyless(&said), @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"new","hosts":[{"name":"wiki","class":"nixos","system":"x86_64-linux","files":["hosts/wiki/configuration.nix","hosts/wiki/host.toml","hosts/wiki/host.pub","hosts/wiki/age.pub","secrets/hosts/wiki/ssh-host-key.age","secrets/hosts/wiki/ssh-host-key.toml","secrets/hosts/wiki/age-identity.age","secrets/hosts/wiki/age-identity.toml"],"hostKey":"ssh-ed25519 [key] root@wiki","ageKey":"[age]"}],"errors":[]}
    --- stderr
    "#);
}

#[test]
fn the_private_halves_are_those_of_the_public_ones() {
    // An admin whose private half is there.
    let env = env();
    let key = env.side_file("home/.ssh/id_ed25519", "");
    fs::remove_file(&key).expect("ours");
    let made = env.in_shell(
        &format!("ssh-keygen -q -t ed25519 -N '' -C me -f '{key}'"),
        &[],
    );
    assert!(made.status.success(), "{made:?}");
    let public = fs::read_to_string(format!("{key}.pub")).expect("there");
    env.write("infra.toml", "");
    // Somebody without admins is given the line to add.
    let said = env.run(&["new", "host", "mail"]);
    assert!(
        said.contains(&format!("admins = [\"{}\"]", public.trim())),
        "{said}"
    );
    env.write("infra.toml", &format!("admins = [\"{}\"]\n", public.trim()));
    let said = env.run(&["new", "host", "mail"]);
    assert!(said.starts_with("exit 0"), "{said}");
    let read = |name: &str| {
        let scope = Scope::Host(HostName::parse("mail").expect("a name"));
        let item = Item::parse(scope, name).expect("a name");
        let places = Places::only(PathBuf::from(&key));
        let identities = Identities::load(&places, Arc::new(Nobody)).expect("a key");
        let secret = Store::of_repo(&env.repo()).read(&item, &identities);
        let secret = secret.expect("decrypted").expect("there");
        secret.expose_text().expect("text").to_owned()
    };
    let public = |file: &str| fs::read_to_string(env.repo().join(file)).expect("there");
    let age = Identities::of_text(
        &Secret::new(read("age-identity").into_bytes(), "it").expect("short"),
        "it",
    );
    let recipients: Vec<String> = age.recipients().iter().map(ToString::to_string).collect();
    assert_eq!(recipients, [public("hosts/mail/age.pub").trim()]);
    let ssh = env.side_file("ssh", &read("ssh-host-key"));
    let derived = env.in_shell(
        &format!("chmod 600 '{ssh}' && ssh-keygen -y -f '{ssh}'"),
        &[],
    );
    let derived = String::from_utf8(derived.stdout).expect("text");
    assert_eq!(derived, public("hosts/mail/host.pub"));
}

#[test]
fn hosts_that_exist_have_keys_of_their_own() {
    let env = Env::pair();
    shows!(env, ["new", "host", "old", "--no-keys", "--class", "linux"], @"
    exit 0
    --- stdout
    made the host old
      hosts/old/host.toml
    next:
      edit hosts/old/host.toml
      ssh-keyscan -t ed25519 ADDRESS > hosts/old/host.pub   # pins its key: compare it with the host's own
      infra contract old --gaps
    --- stderr
    ");
    assert!(!env.repo().join("secrets").exists());
    let file = env.side_file("key.pub", KEY);
    let said = env.run(&["new", "host", "older", "--host-key", &file]);
    insta::assert_snapshot!(keyless(&said), @"
    exit 0
    --- stdout
    made the host older
      hosts/older/configuration.nix
      hosts/older/host.toml
      hosts/older/host.pub
    next:
      edit hosts/older/configuration.nix
      infra contract older --gaps
    --- stderr
    ");
    let private = env.side_file("key", "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n");
    shows!(env, ["new", "host", "oldest", "--host-key", &private], @"
    exit 3
    --- stdout
    --- stderr
    error[unusable-key]: [dir]/key is no SSH host key
      --> [dir]/key
      cause: it is a private key; only the public half belongs into the repository
      fix: give the host's /etc/ssh/ssh_host_ed25519_key.pub, or what ssh-keyscan -t ed25519 ADDRESS prints
    ");
    shows!(env, ["new", "host", "oldest", "--host-key", "nowhere"], @"
    exit 3
    --- stdout
    --- stderr
    error[unusable-key]: nowhere is no SSH host key
      --> nowhere
      cause: No such file or directory (os error 2)
      fix: give the host's /etc/ssh/ssh_host_ed25519_key.pub, or what ssh-keyscan -t ed25519 ADDRESS prints
    ");
    assert!(!env.repo().join("hosts/oldest").exists());
}

#[test]
fn templates_of_the_repository() {
    let env = env();
    env.write(
        "hosts/_template/host.toml",
        "# ours\nclass = \"nixos\"\nsystem = \"aarch64-linux\"\n",
    );
    env.write("hosts/_template/configuration.nix", "{ ours = true; }\n");
    env.write("hosts/_template/host.pub", "another host's");
    env.write("hosts/_small/x/y.nix", "{ }\n");
    shows!(env, ["new", "host", "one", "--no-keys", "--tag", "t"], @"
    exit 0
    --- stdout
    made the host one
      hosts/one/configuration.nix
      hosts/one/host.toml
    next:
      edit hosts/one/configuration.nix
      ssh-keyscan -t ed25519 ADDRESS > hosts/one/host.pub   # pins its key: compare it with the host's own
      infra contract one --gaps
    --- stderr
    ");
    let read = |file: &str| fs::read_to_string(env.repo().join(file)).expect("there");
    insta::assert_snapshot!(read("hosts/one/host.toml"), @r#"
    # ours
    class = "nixos"
    system = "aarch64-linux"
    tags = ["t"]
    "#);
    assert_eq!(read("hosts/one/configuration.nix"), "{ ours = true; }\n");
    shows!(env, ["new", "host", "two", "--no-keys", "--from", "small"], @"
    exit 0
    --- stdout
    made the host two
      hosts/two/host.toml
      hosts/two/x/y.nix
    next:
      edit hosts/two/host.toml
      ssh-keyscan -t ed25519 ADDRESS > hosts/two/host.pub   # pins its key: compare it with the host's own
      infra contract two --gaps
    --- stderr
    ");
    shows!(env, ["new", "host", "three", "--no-keys", "--from", "smal"], @"
    exit 2
    --- stdout
    --- stderr
    error[missing-file]: there is no template hosts/_smal
      --> command line
      fix: did you mean `small`?
    ");
    env.write("hosts/_small/host.toml", "class = \"nixos\"\nsystem = 1\n");
    shows!(env, ["new", "host", "three", "--no-keys", "--from", "small"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: three: `system` in hosts/three/host.toml must be a Nix system such as "x86_64-linux"
      --> command line or hosts/_small/host.toml
      cause: found integer 1
      fix: write for example: system = "x86_64-linux"
    "#);
    std::os::unix::fs::symlink("/etc/passwd", env.repo().join("hosts/_small/link")).expect("made");
    shows!(env, ["new", "host", "three", "--no-keys", "--from", "small"], @"
    exit 2
    --- stdout
    --- stderr
    error[unreadable-file]: hosts/_small/link is neither a file nor a folder
      --> hosts/_small/link
      fix: put a file in its place
    ");
    assert!(!env.repo().join("hosts/three").exists());
}

#[test]
fn nothing_is_left_of_a_host_that_could_not_be_made() {
    let env = Env::pair();
    let before = files(&env.repo());
    shows!(env, ["new", "host", "mail"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[invalid-recipient]: there is nobody to encrypt the host's keys to
      --> infra.toml
      cause: infra.toml names no admins
      fix: make a key (ssh-keygen -t ed25519) and add its public half to infra.toml: admins = ["ssh-ed25519 …"]; or give the host no keys: --no-keys
    "#);
    shows!(env, ["new", "host", "Mail_1"], @"
    exit 2
    --- stdout
    --- stderr
    error[invalid-host-name]: `Mail_1` cannot be the name of a host: it has upper-case letters
      --> command line
      fix: take 1 to 63 of a-z, 0-9 and '-'
    ");
    shows!(env, ["new", "host", "../x"], @"
    exit 2
    --- stdout
    --- stderr
    error[invalid-host-name]: `../x` cannot be the name of a host: it has characters other than a-z, 0-9 and '-'
      --> command line
      fix: take 1 to 63 of a-z, 0-9 and '-'
    ");
    shows!(env, ["new", "host"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: the new host has no name
      --> command line
      fix: infra new host NAME
    ");
    assert_eq!(files(&env.repo()), before);
}

#[test]
fn settings_that_no_host_can_have() {
    let env = Env::pair();
    let before = files(&env.repo());
    shows!(env, ["new", "host", "mail", "--no-keys", "--class", "nixso"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: mail: `class` in hosts/mail/host.toml must be one of nixos, microvm, container, home, linux
      --> command line or the template/host.toml
      cause: found string "nixso"
      fix: write for example: class = "nixos"
    "#);
    shows!(env, ["new", "host", "mail", "--no-keys", "--system", "x86", "--address", "a b"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: mail: `system` in hosts/mail/host.toml must be a Nix system such as "x86_64-linux"
      --> command line or the template/host.toml
      cause: found string "x86"
      fix: write for example: system = "x86_64-linux"

    error[wrong-type]: mail: `addresses` in hosts/mail/host.toml must be a list of host names or IP addresses
      --> command line or the template/host.toml
      cause: found array ["a b"]
      fix: write for example: addresses = ["10.0.0.2"]
    "#);
    shows!(env, ["new", "host", "mail", "--no-keys", "--class", "microvm"], @"
    exit 2
    --- stdout
    --- stderr
    error[missing-key]: mail is a microvm, and needs a host that runs it
      --> command line
      fix: add --parent HOST
    ");
    shows!(env, ["new", "host", "mail", "--no-keys", "--class", "microvm", "--parent", "wbe"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-host]: there is no host `wbe` that could run mail
      --> command line
      fix: did you mean `web`?
    ");
    assert_eq!(files(&env.repo()), before);
}

#[test]
fn admins_that_cannot_be_encrypted_to() {
    let env = Env::pair();
    env.write("infra.toml", "admins = [\"age1nonsense\"]\n");
    shows!(env, ["new", "host", "mail"], @"
    exit 2
    --- stdout
    --- stderr
    error[invalid-recipient]: `age1nonsense` is not a recipient
      --> infra.toml
      cause: it is no age public key: invalid Bech32 encoding
      fix: a recipient is an age public key (age1…), an SSH public key (ssh-ed25519 or ssh-rsa), or that of an age plugin (age1name1…)
    ");
    env.write("infra.toml", "admins = 1\n");
    shows!(env, ["new", "host", "mail"], @r#"
    exit 2
    --- stdout
    --- stderr
    error[wrong-type]: `admins` in infra.toml must be a list of age or SSH public keys
      --> infra.toml:1:10
        |
      1 | admins = 1
        |          ^
      cause: found integer 1
      fix: write for example: admins = ["age1…"]
    "#);
    // Where the age store should be, there is a link to elsewhere: the folder of the host is not made either.
    env.write("infra.toml", &admins());
    fs::create_dir(env.repo().join("elsewhere")).expect("made");
    std::os::unix::fs::symlink("elsewhere", env.repo().join("secrets")).expect("made");
    let before = files(&env.repo());
    shows!(env, ["new", "host", "mail"], @"
    exit 2
    --- stdout
    --- stderr
    error[unreadable-file]: `secrets` is not a folder of the repository
      --> secrets
      cause: it is a symbolic link or a file, and secrets are never read or written through links
      fix: put a real folder in its place
    ");
    assert_eq!(files(&env.repo()), before);
}

#[test]
fn what_was_begun_is_taken_back() {
    let env = env();
    // The second of the two secrets cannot be written: a folder has its name.
    fs::create_dir_all(
        env.repo()
            .join("secrets/hosts/mail/.age-identity.age.new/x"),
    )
    .expect("made");
    let before = files(&env.repo());
    shows!(env, ["new", "host", "mail"], @"
    exit 2
    --- stdout
    --- stderr
    error[state-unwritable]: `secrets/hosts/mail/.age-identity.age.new` cannot be written
      --> secrets/hosts/mail/.age-identity.age.new
      cause: Is a directory (os error 21)
      fix: see the cause; you need the right to write there, and room on the disk
    ");
    assert_eq!(files(&env.repo()), before);
    // A key that is there already may be in use.
    env.write(
        "secrets/hosts/wiki/ssh-host-key.age",
        "age-encryption.org/v1\n",
    );
    let before = files(&env.repo());
    shows!(env, ["new", "host", "wiki"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: there is a secrets/hosts/wiki/ssh-host-key.age already, and no host wiki
      --> secrets/hosts/wiki/ssh-host-key.age
      fix: if nobody uses that key any more, remove the file and its .toml; else give the host's public key: --host-key FILE
    ");
    assert_eq!(files(&env.repo()), before);
}

#[test]
fn guests_and_hosts_of_an_empty_repository() {
    let env = Env::new();
    env.write("flake.nix", "{ outputs = _: { }; }\n");
    env.write("infra.toml", "");
    shows!(env, ["new", "host", "first", "--no-keys"], @"
    exit 0
    --- stdout
    made the host first
      hosts/first/configuration.nix
      hosts/first/host.toml
    next:
      edit hosts/first/configuration.nix
      ssh-keyscan -t ed25519 ADDRESS > hosts/first/host.pub   # pins its key: compare it with the host's own
      infra contract first --gaps
    --- stderr
    ");
    shows!(env, ["new", "host", "guest", "--no-keys", "--class", "microvm", "--parent", "first"], @"
    exit 0
    --- stdout
    made the host guest
      hosts/guest/configuration.nix
      hosts/guest/host.toml
    next:
      edit hosts/guest/configuration.nix
      ssh-keyscan -t ed25519 ADDRESS > hosts/guest/host.pub   # pins its key: compare it with the host's own
      infra contract guest --gaps
    --- stderr
    ");
    let read = |file: &str| fs::read_to_string(env.repo().join(file)).expect("there");
    insta::assert_snapshot!(read("hosts/guest/host.toml"), @r#"
    class = "microvm"
    system = "x86_64-linux"
    parent = "first"
    "#);
    env.write("hosts/first/host.toml", HOST);
    assert!(env.run(&["list"]).starts_with("exit 0"));
}

#[test]
fn who_sits_at_a_terminal_is_asked_for_the_name() {
    let env = Env::pair();
    let script = "printf 'mail\\n' | script -qec \"'$1' new host --no-keys\" /dev/null";
    let output = env.in_shell(script, &[]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("the name of the host"), "{shown}");
    assert!(shown.contains("made the host mail"), "{shown}");
    assert!(env.repo().join("hosts/mail/host.toml").exists());
}
