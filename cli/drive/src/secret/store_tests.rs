//! The age store: contents, sidecars, crashes, links, strange names.

use super::item::{Item, Scope};
use super::sealed;
use super::sidecar::{Notes, Sidecar};
use super::store::{Content, Rekeyed, Store};
use super::testing::{age_key, identities, secret, ssh_key};
use super::{Identities, Nobody, Person, Recipient, Secret};
use infra_model::{Code, HostName};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A repository with a store, and a key that may read it.
struct Scene {
    repo: TempDir,
    store: Store,
    mine: Identities,
    public: Recipient,
    item: Item,
}

impl Scene {
    fn new() -> Self {
        let repo = tempfile::tempdir().expect("a folder");
        let (private, public) = age_key();
        let host = HostName::parse("web").expect("a name");
        Self {
            store: Store::of_repo(repo.path()),
            mine: identities(&private),
            public,
            item: Item::parse(Scope::Host(host), "db-password").expect("a name"),
            repo,
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.repo.path().join(path)
    }

    fn write(&self, content: &str, notes: &Notes) -> Sidecar {
        let person: Arc<dyn Person> = Arc::new(Nobody);
        let content = Content {
            secret: &secret(content),
            recipients: std::slice::from_ref(&self.public),
            person: &person,
            notes,
        };
        self.store.write(&self.item, content).expect("writes")
    }

    fn read(&self) -> String {
        let secret = self.store.read(&self.item, &self.mine).expect("reads");
        let secret: Secret = secret.expect("is there");
        secret.expose_text().expect("text").to_owned()
    }

    /// Both files and everything else in the folder, with its bytes.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.at("secrets/hosts/web");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read(entry.path()).expect("read"))
            })
            .collect();
        files.sort();
        files
    }
}

const FILE: &str = "secrets/hosts/web/db-password.age";
const SIDECAR: &str = "secrets/hosts/web/db-password.toml";

#[test]
fn what_is_written_is_read_and_listed() {
    let scene = Scene::new();
    assert!(scene.store.list().expect("lists").stored.is_empty());
    assert_eq!(
        scene.store.read(&scene.item, &scene.mine).expect("reads"),
        None
    );
    let notes = Notes {
        recipe: Some("password".to_owned()),
        created: Some("2026-01-02T03:04:05Z".to_owned()),
        seed: Some("quote \" and\nline".to_owned()),
        ..Notes::default()
    };
    let sidecar = scene.write("hunter2", &notes);
    assert_eq!(scene.read(), "hunter2");
    assert_eq!(sidecar.recipients, [scene.public.as_str()]);
    assert_eq!(sidecar.fingerprint.len(), 26);
    let listing = scene.store.list().expect("lists");
    assert!(listing.faults.is_empty());
    assert_eq!(listing.stored.len(), 1);
    assert_eq!(listing.stored[0].item, scene.item);
    // What is read back from the file is what was written, the strange seed too.
    assert_eq!(listing.stored[0].sidecar.as_ref(), Some(&sidecar));
    let names: Vec<String> = scene.files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["db-password.age", "db-password.toml"],
        "nothing else is left"
    );
    for (name, bytes) in scene.files() {
        assert!(
            !String::from_utf8_lossy(&bytes).contains("hunter2"),
            "{name}"
        );
    }
}

#[test]
fn the_age_file_is_an_ordinary_one() {
    let scene = Scene::new();
    scene.write("plain", &Notes::default());
    let bytes = std::fs::read(scene.at(FILE)).expect("read");
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    let file = sealed::Sealed {
        bytes: &bytes,
        shown: "x",
        recipients: &[],
    };
    assert_eq!(
        sealed::open(file, &scene.mine).expect("opens").expose(),
        b"plain"
    );
}

#[test]
fn fingerprints_name_contents_and_rekeying_keeps_them() {
    let scene = Scene::new();
    let first = scene.write("same", &Notes::default());
    let second = scene.write("same", &Notes::default());
    assert_ne!(
        first.fingerprint, second.fingerprint,
        "random, not derived from the content"
    );
    let before = scene.files();
    let same = [scene.public.clone()];
    let nothing = scene
        .store
        .rekey(&scene.item, &same, &Identities::none())
        .expect("no key needed");
    assert_eq!(nothing, Rekeyed::Unchanged);
    assert_eq!(scene.files(), before, "not a byte is written");
    let (other_private, other) = age_key();
    let both = [other, scene.public.clone()];
    let Rekeyed::Done(rekeyed) = scene
        .store
        .rekey(&scene.item, &both, &scene.mine)
        .expect("rekeys")
    else {
        panic!("the recipients differ");
    };
    assert_eq!(rekeyed.fingerprint, second.fingerprint);
    assert!(rekeyed.recipients.is_sorted() && rekeyed.recipients.len() == 2);
    let read = scene
        .store
        .read(&scene.item, &identities(&other_private))
        .expect("reads");
    assert_eq!(read.expect("is there").expose(), b"same");
    assert_eq!(scene.read(), "same");
}

#[test]
fn rekeying_without_a_key_changes_nothing() {
    let scene = Scene::new();
    scene.write("x", &Notes::default());
    let before = scene.files();
    let (stranger, other) = age_key();
    let fault = scene
        .store
        .rekey(&scene.item, &[other], &identities(&stranger))
        .expect_err("no key");
    assert_eq!(fault.code, Code::NoIdentity);
    assert!(
        fault
            .cause
            .expect("a cause")
            .contains(scene.public.as_str()),
        "the sidecar's recipients are listed"
    );
    assert_eq!(scene.files(), before);
}

#[test]
fn a_grace_remembers_the_content_before() {
    let scene = Scene::new();
    let grace = || Notes {
        grace: Some("1h".to_owned()),
        ..Notes::default()
    };
    let first = scene.write("a", &grace());
    assert_eq!(first.previous, None);
    let second = scene.write("b", &grace());
    assert_eq!(second.previous.as_ref(), Some(&first.fingerprint));
    assert_eq!(scene.write("c", &Notes::default()).previous, None);
}

#[test]
fn staleness_is_seen_without_a_key() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (_, ssh) = ssh_key(folder.path(), "id", "ed25519", "");
    let sidecar = scene.write("x", &Notes::default());
    assert_eq!(sidecar.stale(std::slice::from_ref(&scene.public)), None);
    assert_eq!(
        sidecar.stale(&[scene.public.clone(), scene.public.clone()]),
        None,
        "twice is once"
    );
    let stale = sidecar.stale(std::slice::from_ref(&ssh)).expect("others");
    assert_eq!(stale.missing, [ssh.as_str()]);
    assert_eq!(stale.extra, [scene.public.as_str()]);
}

#[test]
fn a_file_that_was_changed_outside_is_told_from_one_that_was_brought() {
    let scene = Scene::new();
    scene.write("ours", &Notes::default());
    let person: Arc<dyn Person> = Arc::new(Nobody);
    let theirs = sealed::seal(
        &secret("theirs"),
        std::slice::from_ref(&scene.public),
        &person,
        "x",
    )
    .expect("encrypts");
    std::fs::write(scene.at(FILE), &theirs).expect("writes");
    for fault in [
        scene.store.read(&scene.item, &scene.mine).map(|_| ()),
        scene.store.look(&scene.item).map(|_| ()),
        scene.store.rekey(&scene.item, &[], &scene.mine).map(|_| ()),
    ] {
        let fault = fault.expect_err("changed");
        assert_eq!(fault.code, Code::SecretTampered);
        assert!(
            fault.title.contains("was changed outside of infra"),
            "{fault:?}"
        );
        assert!(fault.fix.expect("a fix").contains(SIDECAR));
    }
    let listing = scene.store.list().expect("lists");
    assert_eq!((listing.stored.len(), listing.faults.len()), (0, 1));
    // The fix of the diagnostic works: without its sidecar the file is adopted.
    std::fs::remove_file(scene.at(SIDECAR)).expect("removes");
    assert_eq!(scene.read(), "theirs");
    assert_eq!(
        scene
            .store
            .look(&scene.item)
            .expect("looks")
            .expect("there")
            .sidecar,
        None
    );
    let adopted = scene
        .store
        .rekey(
            &scene.item,
            std::slice::from_ref(&scene.public),
            &scene.mine,
        )
        .expect("adopts");
    assert!(matches!(adopted, Rekeyed::Done(_)));
    assert_eq!(scene.read(), "theirs");
    // And a new content simply replaces what was changed.
    std::fs::write(scene.at(FILE), &theirs).expect("writes");
    scene.write("new", &Notes::default());
    assert_eq!(scene.read(), "new");
}

/// Files of the item's folder, by their names.
type Laid<'a> = &'a [(&'a str, &'a [u8])];

impl Scene {
    /// Makes the folder hold these files and nothing else.
    fn lay(&self, files: Laid<'_>) {
        let folder = self.at("secrets/hosts/web");
        std::fs::remove_dir_all(&folder).expect("removes");
        std::fs::create_dir(&folder).expect("a folder");
        for (name, bytes) in files {
            std::fs::write(folder.join(name), bytes).expect("writes");
        }
    }
}

#[test]
fn a_crash_at_any_point_leaves_the_old_or_the_new() {
    let scene = Scene::new();
    scene.write("old", &Notes::default());
    let old = scene.files();
    scene.write("new", &Notes::default());
    let new = scene.files();
    let (file, sidecar, pending) = (
        "db-password.age",
        "db-password.toml",
        ".db-password.age.new",
    );
    // What lies there after each step of a write, and what it means.
    let steps: [(Laid<'_>, &str); 4] = [
        (
            &[
                (file, &old[0].1),
                (sidecar, &old[1].1),
                (pending, &new[0].1[..9]),
            ],
            "old",
        ),
        (
            &[
                (file, &old[0].1),
                (sidecar, &old[1].1),
                (pending, &new[0].1),
            ],
            "old",
        ),
        (
            &[
                (file, &old[0].1),
                (sidecar, &new[1].1),
                (pending, &new[0].1),
            ],
            "new",
        ),
        (&[(sidecar, &new[1].1), (pending, &new[0].1)], "new"),
    ];
    for (number, (files, expected)) in steps.into_iter().enumerate() {
        scene.lay(files);
        assert_eq!(scene.read(), expected, "step {number}");
        assert_eq!(
            scene.store.list().expect("lists").stored.len(),
            1,
            "step {number}"
        );
        // A change finishes what was begun, and then does its own.
        let both = [scene.public.clone(), age_key().1];
        scene
            .store
            .rekey(&scene.item, &both, &scene.mine)
            .expect("rekeys");
        assert_eq!(scene.read(), expected, "step {number}");
        scene.lay(files);
        scene.write("third", &Notes::default());
        assert_eq!(scene.read(), "third", "step {number}");
        assert_eq!(scene.files().len(), 2, "step {number}: {:?}", scene.files());
        scene.lay(files);
        assert!(scene.store.remove(&scene.item).expect("removes"));
        assert!(scene.files().is_empty(), "step {number}");
    }
}

#[test]
fn rekeying_to_the_same_finishes_what_a_crash_left() {
    let scene = Scene::new();
    scene.write("old", &Notes::default());
    let old = scene.files();
    let written = scene.write("new", &Notes::default());
    let new = scene.files();
    scene.lay(&[
        ("db-password.age", &old[0].1),
        ("db-password.toml", &new[1].1),
        (".db-password.age.new", &new[0].1),
    ]);
    let same = std::slice::from_ref(&scene.public);
    let rekeyed = scene.store.rekey(&scene.item, same, &Identities::none());
    assert_eq!(rekeyed.expect("nothing to do"), Rekeyed::Unchanged);
    assert_eq!(scene.files(), new);
    let found = scene
        .store
        .look(&scene.item)
        .expect("looks")
        .expect("there");
    assert_eq!(found.sidecar, Some(written));
}

#[test]
fn a_second_crash_does_not_lose_what_the_first_one_left() {
    let scene = Scene::new();
    scene.write("old", &Notes::default());
    let old = scene.files();
    scene.write("new", &Notes::default());
    let new = scene.files();
    scene.lay(&[
        ("db-password.age", &old[0].1),
        ("db-password.toml", &new[1].1),
        (".db-password.age.new", &new[0].1),
    ]);
    // A folder where the new sidecar would be written stops the third write in the middle.
    std::fs::create_dir(scene.at("secrets/hosts/web/.db-password.toml.new")).expect("a folder");
    let person: Arc<dyn Person> = Arc::new(Nobody);
    let content = Content {
        secret: &secret("third"),
        recipients: std::slice::from_ref(&scene.public),
        person: &person,
        notes: &Notes::default(),
    };
    assert!(scene.store.write(&scene.item, content).is_err());
    assert_eq!(scene.read(), "new");
}

#[test]
fn half_of_a_secret_is_named_as_such() {
    let scene = Scene::new();
    scene.write("x", &Notes::default());
    std::fs::remove_file(scene.at(FILE)).expect("removes");
    let fault = scene
        .store
        .read(&scene.item, &scene.mine)
        .expect_err("half");
    assert_eq!(fault.code, Code::SecretMissing);
    assert!(scene.store.remove(&scene.item).expect("removes"));
    assert!(!scene.store.remove(&scene.item).expect("nothing is there"));
    let fault = scene
        .store
        .rekey(&scene.item, &[], &scene.mine)
        .expect_err("absent");
    assert_eq!(fault.code, Code::SecretMissing);
}

#[test]
fn a_sidecar_that_cannot_be_understood_has_a_place() {
    let scene = Scene::new();
    scene.write("x", &Notes::default());
    let text = std::fs::read_to_string(scene.at(SIDECAR)).expect("read");
    let table = [
        (
            text.replace("schema = 1", "schema = 2"),
            Code::SchemaMismatch,
        ),
        (
            text.replace("schema = 1", "schema = "),
            Code::SecretUnreadable,
        ),
        (
            text.replace("fingerprint", "finger"),
            Code::SecretUnreadable,
        ),
        (format!("{text}\nmore = 1\n"), Code::SecretUnreadable),
    ];
    for (changed, code) in table {
        std::fs::write(scene.at(SIDECAR), &changed).expect("writes");
        let fault = scene.store.look(&scene.item).expect_err("refused");
        assert_eq!(fault.code, code, "{fault:?}");
        assert_eq!(fault.place.expect("a place").file, SIDECAR);
    }
    std::fs::write(scene.at(SIDECAR), [0xff, 0xfe]).expect("writes");
    assert!(scene.store.look(&scene.item).is_err());
}

#[test]
fn names_are_never_paths() {
    for (name, fault) in [
        ("", "it is empty"),
        ("..", "it begins with '.' or '-'"),
        ("-x", "it begins with '.' or '-'"),
        (
            "a/b",
            "it has characters other than letters, digits and _.-",
        ),
        (
            "a b",
            "it has characters other than letters, digits and _.-",
        ),
        ("ä", "it has characters other than letters, digits and _.-"),
        (&"a".repeat(129), "it is longer than 128 characters"),
    ] {
        let found = Item::parse(Scope::Shared, name).expect_err(name);
        assert_eq!(
            found.title,
            format!("`{name}` cannot be the name of a need: {fault}")
        );
    }
    assert!(Item::parse(Scope::Shared, &"a".repeat(128)).is_ok());
}

/// What is outside of the store must neither be read nor written through a link.
#[test]
fn links_are_not_followed() {
    let outside = tempfile::tempdir().expect("a folder");
    let bait = outside.path().join("db-password.age");
    let lay = |scene: &Scene, link: &str, to: &Path| {
        let link = scene.at(link);
        std::fs::create_dir_all(link.parent().expect("a parent")).expect("a folder");
        symlink(to, link).expect("a link");
    };
    for (link, to) in [
        ("secrets", outside.path()),
        ("secrets/hosts", outside.path()),
        ("secrets/hosts/web", outside.path()),
        (FILE, bait.as_path()),
        (SIDECAR, bait.as_path()),
    ] {
        let scene = Scene::new();
        std::fs::write(&bait, "outside").expect("writes");
        lay(&scene, link, to);
        let fault = scene.store.read(&scene.item, &scene.mine).expect_err(link);
        assert_eq!(fault.code, Code::UnreadableFile, "{fault:?}");
        assert_eq!(fault.place.expect("a place").file, link);
        let person: Arc<dyn Person> = Arc::new(Nobody);
        let content = Content {
            secret: &secret("new"),
            recipients: std::slice::from_ref(&scene.public),
            person: &person,
            notes: &Notes::default(),
        };
        let written = scene.store.write(&scene.item, content);
        let folder_is_linked = to.is_dir();
        assert_eq!(
            written.is_err(),
            folder_is_linked,
            "{link}: a linked file is replaced"
        );
        assert_eq!(std::fs::read(&bait).expect("read"), b"outside", "{link}");
        let count = std::fs::read_dir(outside.path()).expect("a folder").count();
        assert_eq!(count, 1, "{link}: nothing was written outside");
    }
}

#[test]
fn what_is_no_file_does_not_hold_us() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.at("secrets/hosts/web")).expect("a folder");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scene.at(FILE),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    let fault = scene
        .store
        .read(&scene.item, &scene.mine)
        .expect_err("a pipe");
    assert_eq!(fault.code, Code::UnreadableFile);
}

#[test]
fn strange_things_in_the_store_do_not_hide_the_rest() {
    let scene = Scene::new();
    scene.write("x", &Notes::default());
    std::fs::create_dir_all(scene.at("secrets/hosts/Not_A_Host")).expect("a folder");
    std::fs::create_dir_all(scene.at("secrets/shared")).expect("a folder");
    std::fs::write(scene.at("secrets/shared/a b.age"), "x").expect("writes");
    std::fs::write(scene.at("secrets/shared/README.md"), "x").expect("writes");
    let listing = scene.store.list().expect("lists");
    assert_eq!(listing.stored.len(), 1);
    let codes: Vec<Code> = listing.faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, [Code::Usage, Code::InvalidHostName]);
}

#[test]
fn writers_at_once_leave_one_whole_secret() {
    let scene = Scene::new();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let scene = &scene;
            scope.spawn(move || {
                for round in 0..5 {
                    scene.write(&format!("{number}-{round}"), &Notes::default());
                    scene.read();
                }
            });
        }
    });
    assert!(
        scene.read().ends_with("-4"),
        "the last write of one of them"
    );
    assert_eq!(scene.files().len(), 2);
}
