//! Boots: what is there when.

use crate::scene::{Scene, bundle, template};
use infra_model::bundle::{Bundle, Outcome, Phase};
use std::os::unix::fs::MetadataExt;

/// One secret for each phase, and a template.
fn sent() -> Bundle {
    let mut sent = bundle(&[("disk", "1"), ("password", "1"), ("db", "1")]);
    sent.secrets[0].phase = Phase::Initrd;
    sent.secrets[1].phase = Phase::Users;
    sent.templates = vec![template("conf", "/etc/conf", "{{ secrets.db }}")];
    sent
}

#[test]
fn a_boot_unpacks_what_it_needs_when_it_needs_it() {
    let scene = Scene::new();
    assert_eq!(
        scene.run("secrets unpack", b"").applied().generation,
        None,
        "never sent any"
    );
    let mut sent = sent();
    sent.secrets[1].owner = "not-yet".to_owned();
    scene
        .run("secrets receive --owners later", &scene.seal(&sent))
        .applied();
    scene.reboot();

    scene.run("secrets unpack --phase initrd", b"").applied();
    assert!(scene.read("disk").is_some() && scene.read("password").is_none());
    let users = scene.run("secrets unpack --phase users", b"").applied();
    assert_eq!(users.deferred, ["password"], "nobody has been made yet");
    assert!(scene.read("password").is_some() && scene.read("db").is_none());
    assert!(!scene.path("run/infra/templates/conf").exists());
    let all = scene.run("secrets unpack", b"").applied();
    assert_eq!(all.secrets.added, ["db"]);
    assert_eq!(
        all.deferred,
        ["password"],
        "a system without that user boots all the same"
    );
    assert!(scene.read("disk").is_some() && scene.read("db").is_some());
    assert!(scene.path("run/infra/templates/conf").exists());
    assert!(
        all.units.pending.is_empty(),
        "nobody can have used what was not there"
    );

    // The user is made, and gets the file. Nobody is told: it was nobody's until then.
    let passwd = std::fs::read_to_string(scene.path("etc/passwd")).unwrap();
    std::fs::write(scene.path("etc/passwd"), passwd + "not-yet:x:777:777::/:\n").unwrap();
    let complete = scene.run("secrets unpack", b"").applied();
    assert!(complete.deferred.is_empty() && complete.units.pending.is_empty());
    let owner = std::fs::metadata(scene.path("run/infra/secrets/password"))
        .unwrap()
        .uid();
    let me = std::fs::metadata(scene.root()).unwrap().uid();
    assert_eq!(
        owner,
        if me == 0 { 777 } else { me },
        "only root can give files away"
    );

    let before = scene.everything();
    for phase in [
        "",
        " --phase users",
        " --phase install",
        " --phase services",
    ] {
        let again = scene.run(&format!("secrets unpack{phase}"), b"").applied();
        assert_eq!(again.outcome, Outcome::Unchanged, "{phase}");
        assert_eq!(scene.everything(), before, "{phase}");
    }
}

#[test]
fn what_was_changed_by_hand_is_put_right() {
    let scene = Scene::new();
    scene.receive(&sent()).applied();
    let file = scene.path("run/infra/secrets/db");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "mine").unwrap();
    let applied = scene.run("secrets unpack", b"").applied();
    assert_eq!(applied.secrets.changed, ["db"]);
    assert_eq!(
        applied.units.pending,
        ["db.service"],
        "who was told that is due to be told"
    );
    assert_eq!(scene.read("db").unwrap(), "s3cr3t 1");
}
