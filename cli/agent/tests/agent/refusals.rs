//! Bundles that are refused leave the host as it was.

use crate::scene::{Scene, bundle, make_key, recipient_of, template};
use infra_model::Code;
use std::fs;

/// A host with one generation in place.
fn settled() -> Scene {
    let scene = Scene::new();
    scene.receive(&bundle(&[("db", "one")])).applied();
    scene
}

#[track_caller]
fn refused(scene: &Scene, sealed: &[u8], code: Code) -> String {
    let before = scene.everything();
    let fault = scene.run("secrets receive", sealed).fault();
    assert_eq!(fault.code, code, "{fault:?}");
    assert_eq!(scene.everything(), before, "nothing was touched");
    format!("{} | {}", fault.title, fault.cause.unwrap_or_default())
}

#[test]
fn unknown_owners_are_named_all_at_once() {
    let scene = settled();
    let mut sent = bundle(&[("db", "two"), ("api", "one"), ("tls", "one")]);
    sent.secrets[0].owner = "postgres".to_owned();
    sent.secrets[1].group = "nobody-here".to_owned();
    let told = refused(&scene, &scene.seal(&sent), Code::BundleRefused);
    assert_eq!(
        told,
        "the owner `postgres` of the secret `db` is not known on this host | neither is: the group `nobody-here` of the secret `api`"
    );
    // Before an activation that makes them they may wait.
    let applied = scene
        .run("secrets receive --owners later", &scene.seal(&sent))
        .applied();
    assert_eq!(applied.deferred, ["api", "db"]);
    assert_eq!(scene.read("db").unwrap(), "s3cr3t two");
    let fault = scene.run("secrets restart", b"").fault();
    assert_eq!(
        fault.code,
        Code::BundleRefused,
        "the activation did not make them"
    );
    let passwd = fs::read_to_string(scene.path("etc/passwd")).unwrap();
    let own = passwd.lines().last().unwrap().replace("web:", "postgres:");
    fs::write(scene.path("etc/passwd"), format!("{passwd}{own}\n")).unwrap();
    let own = fs::read_to_string(scene.path("etc/group")).unwrap();
    fs::write(
        scene.path("etc/group"),
        own.clone() + &own.lines().last().unwrap().replace("web:", "nobody-here:"),
    )
    .unwrap();
    scene.run("secrets restart", b"").json();
}

#[test]
fn templates_that_cannot_be_rendered_or_placed() {
    let scene = settled();
    let with = |path: &str, source: &str| {
        let mut sent = bundle(&[("db", "two")]);
        sent.templates = vec![template("conf", path, source)];
        scene.seal(&sent)
    };
    let own = "/run/infra/templates/conf";
    let mut told = vec![
        refused(&scene, &with(own, "{{ secrets.bd }}"), Code::BundleRefused),
        refused(&scene, &with(own, "{{ secrets.db"), Code::BundleRefused),
        refused(
            &scene,
            &with("/run/infra/secrets/db", "x"),
            Code::BundleRefused,
        ),
        refused(&scene, &with("/etc/passwd", "x"), Code::BundleRefused),
        refused(&scene, &with("/etc/passwd/x", "x"), Code::BundleRefused),
    ];
    std::os::unix::fs::symlink("/etc/elsewhere", scene.path("etc/link")).unwrap();
    told.push(refused(
        &scene,
        &with("/etc/link", "x"),
        Code::BundleRefused,
    ));
    insta::assert_snapshot!(told.join("\n"), @"
    the template `conf` uses `secrets.bd`, which this host does not have | line 1 of its `source`
    the template `conf` cannot be rendered | line 1: syntax error: unexpected end of input, expected end of variable block
    the template `conf` cannot be found at /run/infra/secrets/db: that is a place of infra's own | 
    the template `conf` cannot be found at /etc/passwd: there is something else | 
    the template `conf` cannot be found at /etc/passwd/x: it is below something that is no folder | 
    the template `conf` cannot be found at /etc/link: there is a link to /etc/elsewhere |
    ");
}

#[test]
fn bundles_for_others_and_damaged_ones() {
    let scene = settled();
    let sealed = scene.seal(&bundle(&[("db", "two")]));
    let other = Scene::new().seal(&bundle(&[("db", "two")]));
    let mut told = vec![
        refused(&scene, &other, Code::UnusableKey),
        refused(&scene, b"", Code::BundleRefused),
        refused(&scene, b"hello", Code::BundleRefused),
        refused(&scene, &sealed[..sealed.len() - 1], Code::BundleRefused),
        refused(&scene, &scene.seal_text("not json"), Code::SchemaMismatch),
        refused(
            &scene,
            &scene.seal_text(r#"{"schema":2}"#),
            Code::SchemaMismatch,
        ),
        refused(
            &scene,
            &scene.seal_text(r#"{"schema":1,"host":"../x"}"#),
            Code::SchemaMismatch,
        ),
    ];
    // Every byte counts: the header and the payload are authenticated.
    for at in (0..sealed.len()).step_by(sealed.len() / 12) {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        let before = scene.everything();
        let ended = scene.run("secrets receive", &damaged);
        assert_eq!(ended.code, Some(1), "byte {at}");
        assert_eq!(scene.everything(), before);
    }
    told.dedup();
    insta::assert_snapshot!(told.join("\n"), @"
    the bundle is not sealed to the SSH key of this host | 
    the bundle is damaged, or is no sealed bundle | failed to fill whole buffer
    the bundle is damaged, or is no sealed bundle | decryption error
    the bundle is not one that this agent understands | it is wrong at line 1, column 2
    the bundle has schema 2, this agent understands 1 | 
    the bundle is not one that this agent understands | it is wrong at line 1, column 26
    ");
}

#[test]
fn keys_that_cannot_open_anything() {
    let scene = settled();
    let sealed = scene.seal(&bundle(&[("db", "two")]));
    let key = scene.path("etc/ssh/ssh_host_ed25519_key");
    let told = |code| {
        let fault = scene.run("secrets receive", &sealed).fault();
        assert_eq!(fault.code, code);
        fault.cause.unwrap_or_default()
    };
    make_key(&key, &["-t", "rsa", "-b", "2048"]);
    told(Code::UnusableKey);
    make_key(&key, &["-t", "ed25519", "-N", "passphrase"]);
    assert_eq!(told(Code::UnusableKey), "it has a passphrase");
    make_key(&key, &["-t", "ecdsa"]);
    told(Code::UnusableKey);
    fs::write(&key, "nonsense").unwrap();
    told(Code::UnusableKey);
    fs::remove_file(&key).unwrap();
    assert!(told(Code::UnusableKey).contains("No such file"));
    // A new key: what was kept is lost, but new secrets can come.
    make_key(&key, &["-t", "ed25519"]);
    let new = recipient_of(&key);
    let sealed = age::encrypt(&new, &bundle(&[("db", "three")]).to_json().unwrap()).unwrap();
    assert_eq!(
        scene.run("secrets receive", &sealed).applied().generation,
        Some(2)
    );
    assert_eq!(scene.read("db").unwrap(), "s3cr3t three");
}

#[test]
fn secrets_are_not_written_to_a_disk_unasked() {
    let scene = Scene::new();
    let mut command = infra_testkit::process(env!("CARGO_BIN_EXE_infra-agent"));
    command
        .arg("--root")
        .arg(scene.root())
        .args(["secrets", "receive"]);
    let sealed = scene.path("sealed");
    fs::write(&sealed, scene.seal(&bundle(&[("db", "one")]))).unwrap();
    let output = command
        .stdin(fs::File::open(&sealed).unwrap())
        .output()
        .unwrap();
    let kind = infra_testkit::process("stat")
        .args(["-f", "-c", "%T"])
        .arg(scene.root())
        .output()
        .unwrap();
    let in_memory =
        ["tmpfs\n", "ramfs\n"].contains(&String::from_utf8(kind.stdout).unwrap().as_str());
    assert_eq!(
        output.status.success(),
        in_memory,
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(scene.read("db").is_some(), in_memory);
}
