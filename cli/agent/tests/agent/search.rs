//! Secrets where they must not be, on a folder that looks like a host.

use crate::scene::{MARKER, Scene, bundle};
use infra_model::bundle::SecretSearch;
use infra_model::poison::{Form, Part, Spot};
use std::fs;

fn search(scene: &Scene) -> SecretSearch {
    let ended = scene.run("secrets search", b"");
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn put(scene: &Scene, path: &str, content: &str) {
    let path = scene.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Where each secret was found, without the folder that stands for the host.
fn found(scene: &Scene) -> Vec<(String, Form, String)> {
    let root = scene.root().display().to_string();
    let all = search(scene).found.into_iter();
    all.map(|one| (one.secret, one.form, one.at.to_string().replace(&root, "")))
        .collect()
}

#[test]
fn secrets_in_their_place_are_found_nowhere() {
    let scene = Scene::new();
    let none = search(&scene);
    assert!(none.searched.is_empty() && none.looked.files == 0);
    scene
        .receive(&bundle(&[
            ("db", "password-of-db"),
            ("api", "token-of-api"),
        ]))
        .applied();
    put(&scene, "etc/motd", "nothing to see");
    let clean = search(&scene);
    assert_eq!(clean.searched, ["api", "db"]);
    assert_eq!(clean.found, []);
    assert_eq!(clean.looked.unreadable, 0);
    // The key of the host, users, groups, motd, the sealed generation, …
    assert!(clean.looked.files >= 6, "{:?}", clean.looked);
    let left: Vec<_> = fs::read_dir(scene.path("run/infra"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("search"))
        .collect();
    assert!(left.is_empty(), "the control is gone again");
}

#[test]
fn wherever_they_are_besides_they_are_found() {
    let scene = Scene::new();
    scene
        .receive(&bundle(&[
            ("db", "password-of-db"),
            ("api", "token-of-api"),
        ]))
        .applied();
    let secret = format!("{MARKER} password-of-db");
    put(&scene, "etc/db.conf", &format!("pass = {secret}\n"));
    put(&scene, "var/log/app.log", "login c2VjcmV0");
    put(&scene, "home/notes", &format!("{secret:?}"));
    put(
        &scene,
        "nix/store/abc-unit/db.service",
        &format!("Environment=P={}", secret.replace(' ', "%20")),
    );
    put(&scene, "proc/42/comm", "db\n");
    put(
        &scene,
        "proc/42/cmdline",
        &format!("db\0--password\0{secret}\0"),
    );
    put(&scene, "proc/42/environ", "");
    let db = |form, place: &str| ("db".to_owned(), form, place.to_owned());
    assert_eq!(
        found(&scene),
        [
            db(Form::Plain, "/etc/db.conf at byte 7"),
            db(Form::Plain, "/home/notes at byte 1"),
            db(Form::Plain, "the arguments of process 42 (db)"),
            db(Form::Percent, "/nix/store/abc-unit/db.service at byte 14"),
        ]
    );
    let all = search(&scene).found;
    assert!(all.iter().any(|one| matches!(
        &one.at,
        Spot::Process { pid: 42, program, part: Part::Arguments } if program == "db"
    )));
}

#[test]
fn what_cannot_be_looked_for_is_told() {
    let scene = Scene::new();
    let mut bundle = bundle(&[("db", "password-of-db"), ("pin", "")]);
    bundle.secrets[1].content = infra_model::bundle::Plain::new(b"1234".to_vec());
    scene.receive(&bundle).applied();
    put(&scene, "etc/pins", "1234");
    let report = search(&scene);
    assert_eq!(report.searched, ["db"]);
    assert_eq!(report.unsearched.len(), 1);
    assert_eq!(report.unsearched[0].secret, "pin");
    assert!(report.found.is_empty());
    // After a boot that has not come to its secrets yet there is nothing to look for, which is not the same as nothing found.
    scene.reboot();
    let fault = scene.run("secrets search", b"").fault();
    assert!(fault.title.contains("not in place"), "{fault:?}");
}

#[test]
fn what_was_rotated_is_a_secret_for_its_grace_and_no_longer() {
    let scene = Scene::new();
    let with_grace = |content: &str| {
        let mut bundle = bundle(&[("db", content)]);
        bundle.secrets[0].grace = Some(3600);
        bundle
    };
    scene.receive(&with_grace("before-the-rotation")).applied();
    scene.receive(&with_grace("after-the-rotation")).applied();
    let leaked = format!("{MARKER} before-the-rotation");
    put(&scene, "var/log/app.log", &format!("login {leaked}"));
    assert_eq!(search(&scene).searched, ["db", "db.previous"]);
    assert_eq!(
        found(&scene),
        [(
            "db.previous".to_owned(),
            Form::Plain,
            "/var/log/app.log at byte 6".to_owned()
        )]
    );
    // That is how a leak ends: nobody accepts it any more, wherever it lies.
    let second = scene.path("var/lib/infra/secrets/2.age");
    let file = fs::File::options().write(true).open(second).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3700))
        .unwrap();
    scene.run("secrets unpack", b"").applied();
    assert_eq!(search(&scene).searched, ["db"]);
    assert!(found(&scene).is_empty());
}
