//! Where keys are found, in which order they are tried, and who is asked for what.

use super::identity::Places;
use super::sealed::{self, Sealed};
use super::testing::{Scripted, age_key, identities_in, secret, ssh_key};
use super::{Identities, Nobody, Person, Recipient, Secret};
use infra_model::{Code, Diagnostic};
use infra_testkit::process::process;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

fn nobody() -> Arc<dyn Person> {
    Arc::new(Nobody)
}

fn seal(recipients: &[Recipient]) -> Vec<u8> {
    sealed::seal(&secret("content"), recipients, &nobody(), "a.age").expect("encrypts")
}

fn open(bytes: &[u8], identities: &Identities) -> Result<Secret, Diagnostic> {
    let file = Sealed {
        bytes,
        shown: "a.age",
        recipients: &[],
    };
    sealed::open(file, identities)
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, content).expect("writes");
}

/// The places of somebody whose home is this folder, with these variables.
fn places(home: &Path, more: &[(&str, OsString)]) -> Places {
    let home = home.as_os_str().to_owned();
    Places::of(|name| {
        let set = more.iter().find(|(variable, _)| *variable == name);
        set.map(|(_, value)| value.clone())
            .or_else(|| (name == "HOME").then(|| home.clone()))
    })
}

#[test]
fn keys_are_found_where_they_are_kept_and_tried_in_that_order() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |path: &str| home.path().join(path);
    let keys: Vec<(String, Recipient)> = (0..6).map(|_| age_key()).collect();
    write(&at("named"), &keys[0].0);
    write(&at("named2"), &keys[1].0);
    write(&at(".config/infra/identity"), &keys[2].0);
    write(
        &at(".config/infra/identity-work.txt"),
        format!("# work\n{}\n", keys[3].0),
    );
    write(&at(".config/infra/notes.txt"), "not a key");
    write(
        &at(".config/sops/age/keys.txt"),
        format!("{}\n{}\n", keys[4].0, keys[5].0),
    );
    std::fs::create_dir(at(".ssh")).expect("a folder");
    let (_, ed) = ssh_key(&at(".ssh"), "id_ed25519", "ed25519", "");
    let (_, rsa) = ssh_key(&at(".ssh"), "id_rsa", "rsa", "locked");
    let named = std::env::join_paths([at("named"), at("named2")]).expect("paths");
    let places = places(home.path(), &[("INFRA_IDENTITY", named)]);
    let found = Identities::load(&places, nobody())
        .expect("loads")
        .recipients();
    let mut expected: Vec<Recipient> = keys.into_iter().map(|(_, public)| public).collect();
    expected.extend([ed, rsa]);
    assert_eq!(found, expected);
}

#[test]
fn variables_move_the_places() {
    let home = tempfile::tempdir().expect("a folder");
    let (own, own_public) = age_key();
    let (sops, sops_public) = age_key();
    write(&home.path().join("xdg/infra/identity.txt"), own);
    write(&home.path().join("elsewhere.txt"), sops);
    let places = places(
        home.path(),
        &[
            ("XDG_CONFIG_HOME", home.path().join("xdg").into()),
            (
                "SOPS_AGE_KEY_FILE",
                home.path().join("elsewhere.txt").into(),
            ),
        ],
    );
    let found = Identities::load(&places, nobody())
        .expect("loads")
        .recipients();
    assert_eq!(found, [own_public, sops_public]);
}

#[test]
fn nothing_anywhere_is_no_error_until_a_key_is_needed() {
    let home = tempfile::tempdir().expect("a folder");
    let identities = Identities::load(&places(home.path(), &[]), nobody()).expect("loads");
    assert!(identities.recipients().is_empty());
    let fault = open(&seal(&[age_key().1]), &identities).expect_err("no key");
    assert_eq!(fault.code, Code::NoIdentity);
    assert!(fault.title.contains("you have no identity"), "{fault:?}");
}

#[test]
fn a_file_that_was_named_must_be_a_key() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |path: &str| home.path().join(path);
    let (private, _) = age_key();
    let damaged = format!("{}x", &private[..40]);
    write(&at("damaged"), format!("# mine\n{damaged}\n"));
    write(&at("empty"), "# nothing\n");
    write(
        &at("pem"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    );
    let table = [
        ("absent", Code::MissingFile, "does not exist"),
        ("damaged", Code::NoIdentity, "line 2 is no identity"),
        ("empty", Code::NoIdentity, "there is no identity in it"),
        ("pem", Code::NoIdentity, "it is no SSH private key"),
        (".", Code::UnreadableFile, "it is not a file"),
    ];
    for (name, code, text) in table {
        let named = places(home.path(), &[("INFRA_IDENTITY", at(name).into())]);
        let fault = Identities::load(&named, nobody())
            .map(|_| ())
            .expect_err(name);
        let shown = format!("{fault:?}");
        assert_eq!(fault.code, code, "{shown}");
        assert!(shown.contains(text) && fault.fix.is_some(), "{shown}");
        assert!(!shown.contains(&damaged[20..40]), "{shown}");
    }
    // In its usual place the same is only mentioned when no other key fits.
    write(
        &at(".ssh/id_ed25519"),
        std::fs::read(at("pem")).expect("read"),
    );
    let identities = Identities::load(&places(home.path(), &[]), nobody()).expect("loads");
    let fault = open(&seal(&[age_key().1]), &identities).expect_err("no key");
    let cause = fault.cause.expect("a cause");
    assert!(
        cause.contains("id_ed25519: it is no SSH private key"),
        "{cause}"
    );
}

#[test]
fn a_passphrase_is_asked_for_only_if_the_key_fits_and_only_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, public) = ssh_key(folder.path(), "id", "ed25519", "opensesame");
    let person = Scripted::with(&["opensesame"]);
    let identities = identities_in(&file, person.clone());
    assert!(open(&seal(&[age_key().1]), &identities).is_err());
    assert_eq!(
        person.count(),
        0,
        "the header says that the key does not fit"
    );
    let sealed = seal(&[age_key().1, public]);
    for _ in 0..2 {
        let opened = open(&sealed, &identities).expect("opens");
        assert_eq!(opened.expose_text(), Some("content"));
    }
    assert_eq!(person.count(), 1);
    let question = person.questions.lock().expect("unpoisoned").join("");
    assert_eq!(question, format!("the passphrase of {}", file.display()));
}

#[test]
fn keys_without_a_passphrase_come_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let (locked, locked_public) = ssh_key(folder.path(), "locked", "ed25519", "x-x-x");
    let (private, public) = age_key();
    write(&folder.path().join("free"), private);
    let person = Scripted::with(&[]);
    let both = std::env::join_paths([locked, folder.path().join("free")]).expect("paths");
    let named = places(folder.path(), &[("INFRA_IDENTITY", both)]);
    let identities = Identities::load(&named, person.clone()).expect("loads");
    assert!(open(&seal(&[locked_public, public]), &identities).is_ok());
    assert_eq!(person.count(), 0);
}

#[test]
fn wrong_passphrases_and_nobody_to_ask_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, public) = ssh_key(folder.path(), "id", "rsa", "opensesame");
    let sealed = seal(&[public]);
    let person = Scripted::with(&["Wr0ng-one", "Wr0ng-two", "Wr0ng-three", "opensesame"]);
    let fault = open(&sealed, &identities_in(&file, person.clone())).expect_err("wrong");
    assert_eq!(person.count(), 3, "three attempts");
    let shown = format!("{fault:?}");
    assert!(
        shown.contains("the passphrase was wrong") && !shown.contains("Wr0ng"),
        "{shown}"
    );
    let fault = open(&sealed, &identities_in(&file, nobody())).expect_err("nobody");
    assert!(
        format!("{fault:?}").contains("there is nobody to ask"),
        "{fault:?}"
    );
    let person = Scripted::with(&["Wr0ng-one", "opensesame"]);
    assert!(open(&sealed, &identities_in(&file, person)).is_ok());
}

#[test]
fn a_file_of_keys_may_have_a_passphrase() {
    let folder = tempfile::tempdir().expect("a folder");
    let (private, public) = age_key();
    let file = folder.path().join("identity");
    let sealed =
        sealed::seal_with_passphrase(&secret(&private), &secret("pass")).expect("encrypts");
    let armored = sealed::armored(&sealed).expect("armors");
    for bytes in [sealed.as_slice(), armored.as_bytes()] {
        write(&file, bytes);
        let person = Scripted::with(&["wrong", "pass"]);
        let identities = identities_in(&file, person.clone());
        for _ in 0..2 {
            assert!(open(&seal(std::slice::from_ref(&public)), &identities).is_ok());
        }
        assert_eq!(person.count(), 2, "wrong once, then never again");
    }
    // A secret that is encrypted with a passphrase itself.
    let identities = identities_in(&file, Scripted::with(&["pass"]));
    assert_eq!(
        open(&sealed, &identities).expect("opens").expose_text(),
        Some(private.as_str())
    );
    let fault = open(&sealed, &identities_in(&file, nobody())).expect_err("nobody");
    assert_eq!(fault.code, Code::NoIdentity);
}

/// A plugin that encrypts to everybody: its stanza is the file key itself.
const PLUGIN: &str = r#"#!/bin/sh
key=
while IFS= read -r line; do
  case "$line" in
    '-> wrap-file-key'* | '-> recipient-stanza 0 infratest') IFS= read -r key ;;
    '-> done') IFS= read -r _; break ;;
  esac
done
say() { printf -- "$@"; IFS= read -r _; IFS= read -r _; }
case "$1" in
  --age-plugin=recipient-v1) say '-> recipient-stanza 0 infratest\n%s\n' "$key" ;;
  --age-plugin=identity-v1) [ -z "$key" ] || say '-> file-key 0\n%s\n' "$key" ;;
esac
printf -- '-> done\n\n'
"#;
const PLUGIN_RECIPIENT: &str = "age1infratest1qqqsyqcyq5rqwwmxxu7";
const PLUGIN_IDENTITY: &str = "AGE-PLUGIN-INFRATEST-1QQQSYQCYQ5RQWKGWLPK";

#[test]
fn plugins_are_found_in_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugin = folder.path().join("age-plugin-infratest");
    write(&plugin, PLUGIN);
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).expect("executable");
    // PATH is the process's, so another process does it: this test binary, with the plugin in front.
    let me = std::env::current_exe().expect("this binary");
    let path = format!(
        "{}:{}",
        folder.path().display(),
        infra_testkit::process::SYSTEM_PATH
    );
    let done = process(me)
        .args([
            "--ignored",
            "--exact",
            "secret::identity_tests::with_a_plugin_in_path",
        ])
        .env("PATH", path)
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run by plugins_are_found_in_path, which puts the plugin into PATH"]
fn with_a_plugin_in_path() {
    let plugin = Recipient::parse(PLUGIN_RECIPIENT, None).expect("parses");
    let (other, other_public) = age_key();
    let sealed = seal(&[plugin, other_public]);
    let opens = |private: &str| {
        let identities = Identities::of_text(&secret(private), "the test's key");
        open(&sealed, &identities).is_ok()
    };
    assert!(opens(PLUGIN_IDENTITY) && opens(&other));
}

#[test]
fn a_plugin_that_is_not_there_is_named() {
    let identities = Identities::of_text(&secret(PLUGIN_IDENTITY), "the test's key");
    let fault = open(&seal(&[age_key().1]), &identities).expect_err("no plugin");
    let cause = fault.cause.expect("a cause");
    assert!(
        cause.contains("`age-plugin-infratest` is not in PATH"),
        "{cause}"
    );
}
