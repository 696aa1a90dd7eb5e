//! Sealing and opening, recipients, limits: and that no secret shows where it should not.

use super::sealed::{self, Sealed};
use super::testing::{age_key, identities, secret, ssh_key};
use super::{Identities, LIMIT, Nobody, Person, ReadFault, Recipient, Secret, agenix};
use infra_model::{Code, Place};
use proptest::prelude::*;
use std::sync::Arc;

fn nobody() -> Arc<dyn Person> {
    Arc::new(Nobody)
}

fn seal(content: &Secret, recipients: &[Recipient]) -> Vec<u8> {
    sealed::seal(content, recipients, &nobody(), "secrets/shared/a.age").expect("encrypts")
}

fn file<'a>(bytes: &'a [u8], recipients: &'a [String]) -> Sealed<'a> {
    Sealed {
        bytes,
        shown: "secrets/shared/a.age",
        recipients,
    }
}

#[test]
fn a_secret_shows_its_length_alone() {
    let secret = secret("hunter2 hunter2");
    assert_eq!(format!("{secret:?}"), "Secret(<15 bytes>)");
    assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret(<15 bytes>))");
}

#[test]
fn one_line_end_is_taken_off() {
    for (from, to) in [
        ("a\n", "a"),
        ("a\n\n", "a\n"),
        ("a\r\n", "a"),
        ("a", "a"),
        ("\n", ""),
        ("a\r", "a\r"),
    ] {
        assert_eq!(
            secret(from).without_line_end().expose(),
            to.as_bytes(),
            "{from:?}"
        );
    }
}

#[test]
fn a_secret_has_a_limit() {
    assert!(Secret::new(vec![0; LIMIT], "it").is_ok());
    let fault = Secret::new(vec![0; LIMIT + 1], "`db`").expect_err("too large");
    assert_eq!(fault.code, Code::SecretTooLarge);
    assert!(
        fault.title.contains("`db`") && fault.fix.is_some(),
        "{fault:?}"
    );
    assert_eq!(
        Secret::read(&vec![7; LIMIT][..], "it").expect("fits").len(),
        LIMIT
    );
    // A source without an end is left as soon as it is too much.
    assert!(matches!(
        Secret::read(std::io::repeat(7), "it"),
        Err(ReadFault::TooLarge(_))
    ));
}

#[test]
fn recipients_of_each_kind_have_one_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, age) = age_key();
    let (_, ed) = ssh_key(folder.path(), "ed", "ed25519", "");
    let (_, rsa) = ssh_key(folder.path(), "rsa", "rsa", "");
    for key in [&age, &ed, &rsa] {
        assert_eq!(Recipient::parse(key.as_str(), None).expect("parses"), *key);
        let spaced = format!("  {}   \n", key.as_str());
        assert_eq!(Recipient::parse(&spaced, None).expect("parses"), *key);
    }
    let commented = format!("{} ada@laptop and more", ed.as_str());
    let parsed = Recipient::parse(&commented, None).expect("parses");
    assert_eq!(parsed.as_str(), ed.as_str());
    assert!(!parsed.as_str().contains("somebody"), "{parsed}");
    let plugin = "age1infratest1qqqsyqcyq5rqwwmxxu7";
    assert_eq!(
        Recipient::parse(plugin, None).expect("parses").as_str(),
        plugin
    );
}

#[test]
fn what_is_no_recipient_is_refused_with_its_place() {
    let (_, age) = age_key();
    let mistyped = age.as_str().replace(&age.as_str()[20..22], "qq");
    let table = [
        ("", "is not a recipient"),
        ("ada", "is not a recipient"),
        ("age1", "is not a recipient"),
        (mistyped.as_str(), "is not a recipient"),
        ("ssh-ed25519", "is not a recipient"),
        ("ssh-ed25519 AAAA", "is not a recipient"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAA==", "is not a recipient"),
        (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAI",
            "is not a recipient",
        ),
    ];
    for (text, title) in table {
        let place = Place::position("infra.toml", 3, Some(11));
        let fault = Recipient::parse(text, Some(place)).expect_err(text);
        assert_eq!(fault.code, Code::InvalidRecipient, "{text}");
        assert!(fault.title.contains(title), "{fault:?}");
        assert_eq!(fault.place.expect("a place").to_string(), "infra.toml:3:11");
        assert!(fault.fix.is_some() && fault.cause.is_some(), "{text}");
    }
}

#[test]
fn garbage_behind_a_key_is_not_ignored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, ed) = ssh_key(folder.path(), "ed", "ed25519", "");
    assert!(Recipient::parse(&format!("{}!!!", ed.as_str()), None).is_err());
}

#[test]
fn a_private_key_in_the_wrong_place_is_not_repeated() {
    let (private, _) = age_key();
    for text in [
        private.as_str(),
        &private.to_lowercase(),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabcdef",
    ] {
        let mut place = Place::position("infra.toml", 1, None);
        place.excerpt = Some(text.to_owned());
        let fault = Recipient::parse(text, Some(place)).expect_err("private");
        let shown = format!("{fault:?}").to_lowercase();
        assert!(shown.contains("a private key stands where"), "{shown}");
        assert!(!shown.contains(&private[20..40].to_lowercase()), "{shown}");
        assert!(!shown.contains("abcdef"), "{shown}");
    }
}

#[test]
fn each_kind_of_key_opens_what_was_sealed_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (age_private, age) = age_key();
    let (ed_file, ed) = ssh_key(folder.path(), "ed", "ed25519", "");
    let (rsa_file, rsa) = ssh_key(folder.path(), "rsa", "rsa", "");
    let private = |file| std::fs::read_to_string(file).expect("written");
    let content = secret([0_u8, 255, 10, 13]);
    let sealed = seal(&content, &[age, ed, rsa]);
    for private in [age_private, private(ed_file), private(rsa_file)] {
        let opened = sealed::open(file(&sealed, &[]), &identities(&private)).expect("opens");
        assert_eq!(opened, content);
    }
}

#[test]
fn agenix_files_are_read_armored_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ssh_file, ssh) = ssh_key(folder.path(), "ed", "ed25519", "");
    let sealed = seal(&secret("from agenix"), &[ssh]);
    let identities = identities(&std::fs::read_to_string(ssh_file).expect("written"));
    let armored = sealed::armored(&sealed).expect("armors");
    assert!(armored.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    for bytes in [sealed.as_slice(), armored.as_bytes()] {
        let path = folder.path().join("a.age");
        std::fs::write(&path, bytes).expect("writes");
        let read = agenix::read(&path, "a.age", &identities).expect("reads");
        assert_eq!(read.expose_text(), Some("from agenix"));
    }
    let fault =
        agenix::read(&folder.path().join("b.age"), "b.age", &identities).expect_err("absent");
    assert_eq!(fault.code, Code::MissingFile);
    let fault = agenix::read(folder.path(), "folder", &identities).expect_err("a folder");
    assert_eq!(fault.code, Code::UnreadableFile);
}

#[test]
fn nobody_is_no_recipient() {
    let fault = sealed::seal(&secret("x"), &[], &nobody(), "a.age").expect_err("to nobody");
    assert_eq!(fault.code, Code::InvalidRecipient);
    assert!(fault.fix.expect("a fix").contains("admins"));
}

#[test]
fn a_missing_plugin_is_named() {
    let plugin = Recipient::parse("age1infratest1qqqsyqcyq5rqwwmxxu7", None).expect("parses");
    let fault = sealed::seal(&secret("x"), &[plugin], &nobody(), "a.age").expect_err("no plugin");
    assert_eq!(fault.code, Code::MissingProgram);
    assert!(fault.title.contains("`age-plugin-infratest`"), "{fault:?}");
}

#[test]
fn no_byte_of_a_sealed_file_can_be_changed() {
    let (private, age) = age_key();
    let sealed = seal(&secret("the content"), &[age]);
    let identities = identities(&private);
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let fault = sealed::open(file(&changed, &[]), &identities).expect_err("was changed");
        let expected = [
            Code::SecretTampered,
            Code::SecretUnreadable,
            Code::NoIdentity,
        ];
        assert!(expected.contains(&fault.code), "byte {at}: {fault:?}");
        assert!(
            fault.fix.is_some() && fault.place.is_some(),
            "byte {at}: {fault:?}"
        );
    }
    for length in 0..sealed.len() {
        assert!(
            sealed::open(file(&sealed[..length], &[]), &identities).is_err(),
            "cut to {length}"
        );
    }
    // What follows the header is what was encrypted: there, no doubt is left.
    let mut changed = sealed;
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    let fault = sealed::open(file(&changed, &[]), &identities).expect_err("was changed");
    assert_eq!(fault.code, Code::SecretTampered);
}

#[test]
fn wrong_identities_are_listed_with_the_recipients() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, age) = age_key();
    let (_, ssh) = ssh_key(folder.path(), "ed", "ed25519", "");
    let (other, _) = age_key();
    let sealed = seal(&secret("x"), &[age.clone(), ssh.clone()]);
    let cause = |identities: &Identities, recipients: &[String]| {
        let fault = sealed::open(file(&sealed, recipients), identities).expect_err("not ours");
        assert_eq!(fault.code, Code::NoIdentity);
        assert!(
            fault
                .fix
                .as_ref()
                .expect("a fix")
                .contains("INFRA_IDENTITY")
        );
        fault.cause.expect("a cause")
    };
    let known = [age.as_str().to_owned(), ssh.as_str().to_owned()];
    let text = cause(&identities(&other), &known);
    assert!(
        text.contains("the test's key: the file is not encrypted to it"),
        "{text}"
    );
    assert!(
        text.contains(age.as_str()) && text.contains(ssh.as_str()),
        "{text}"
    );
    // Without a sidecar the file itself says what it can.
    let text = cause(&identities(&other), &[]);
    assert!(
        text.contains("an age key (the file does not say which)"),
        "{text}"
    );
    assert!(text.contains("an ssh-ed25519 key, marked "), "{text}");
    let text = cause(&Identities::none(), &known);
    assert!(text.contains("no identity was found"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sealed_is_opened(bytes in prop::collection::vec(any::<u8>(), 0..70_000)) {
        let (private, age) = age_key();
        let content = secret(&bytes);
        let sealed = seal(&content, &[age]);
        let opened = sealed::open(file(&sealed, &[]), &identities(&private)).expect("opens");
        prop_assert_eq!(opened, content);
    }

    #[test]
    fn no_input_makes_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (private, _) = age_key();
        let mut sealed = b"age-encryption.org/v1\n-> ".to_vec();
        sealed.extend_from_slice(&bytes);
        prop_assert!(sealed::open(file(&sealed, &[]), &identities(&private)).is_err());
        prop_assert!(sealed::open(file(&bytes, &[]), &identities(&private)).is_err());
        let _ = Recipient::parse(&String::from_utf8_lossy(&bytes), None);
    }
}
