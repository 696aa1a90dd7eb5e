//! Keys and people for tests. Every key is made by the test that uses it.

use super::identity::Places;
use super::{Identities, Person, Recipient, Secret};
use age::secrecy::ExposeSecret;
use infra_testkit::process::process;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(super) fn secret(bytes: impl AsRef<[u8]>) -> Secret {
    Secret::new(bytes.as_ref().to_vec(), "a test").expect("small enough")
}

/// A new age key: its private and its public text.
pub(super) fn age_key() -> (String, Recipient) {
    let key = age::x25519::Identity::generate();
    let public = Recipient::parse(&key.to_public().to_string(), None).expect("a public key");
    (key.to_string().expose_secret().to_owned(), public)
}

/// The identities of one private text.
pub(super) fn identities(private: &str) -> Identities {
    Identities::of_text(&secret(private), "the test's key")
}

/// A new SSH key in a folder: the private file and the public half.
pub(super) fn ssh_key(
    folder: &Path,
    name: &str,
    kind: &str,
    passphrase: &str,
) -> (PathBuf, Recipient) {
    let file = folder.join(name);
    let bits: &[&str] = if kind == "rsa" { &["-b", "2048"] } else { &[] };
    let done = process("ssh-keygen")
        .args([
            "-q",
            "-t",
            kind,
            "-N",
            passphrase,
            "-C",
            "somebody@somewhere",
        ])
        .args(bits)
        .arg("-f")
        .arg(&file)
        .output()
        .expect("ssh-keygen runs");
    assert!(done.status.success(), "{done:?}");
    let public = std::fs::read_to_string(folder.join(format!("{name}.pub"))).expect("written");
    (file, Recipient::parse(&public, None).expect("a public key"))
}

/// The identities in a file, with somebody to ask.
pub(super) fn identities_in(file: &Path, person: Arc<dyn Person>) -> Identities {
    Identities::load(&Places::only(file.to_owned()), person).expect("a key")
}

/// Somebody who gives these passphrases, one after the other, and counts how often they are asked.
#[derive(Default)]
pub(super) struct Scripted {
    answers: Mutex<Vec<String>>,
    pub(super) asked: AtomicUsize,
    pub(super) questions: Mutex<Vec<String>>,
}

impl Scripted {
    pub(super) fn with(answers: &[&str]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|it| (*it).to_owned()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers),
            ..Self::default()
        })
    }

    pub(super) fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Person for Scripted {
    fn passphrase(&self, what: &str, again: bool) -> Option<Secret> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let question = format!("{what}{}", if again { " (again)" } else { "" });
        self.questions.lock().expect("not poisoned").push(question);
        let answer = self.answers.lock().expect("not poisoned").pop()?;
        Some(secret(answer))
    }
}
