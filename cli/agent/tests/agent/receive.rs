//! What a bundle becomes on the host.

use crate::scene::{MARKER, Scene, bundle, secret, template};
use infra_model::bundle::{Changes, Mode, Outcome};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn secrets_and_templates_are_put_in_place() {
    let scene = Scene::new();
    let mut sent = bundle(&[("db", "one"), ("api", "two")]);
    sent.secrets[1].mode = Mode::parse("0440").unwrap();
    sent.templates = vec![
        template(
            "conf",
            "/run/infra/templates/conf",
            "{{ secrets.db }} {{ values.port }}\n",
        ),
        template("elsewhere", "/etc/web/app.conf", "<infra:secret:api>\n"),
    ];
    let applied = scene.receive(&sent).applied();
    assert_eq!(
        (applied.generation, applied.outcome),
        (Some(1), Outcome::Changed)
    );
    assert_eq!(applied.secrets.added, ["db", "api"]);
    assert_eq!(applied.templates.added, ["conf", "elsewhere"]);
    assert!(!applied.units.systemd, "and it says so");
    assert_eq!(
        applied.units.pending,
        [
            "api.service",
            "conf.service",
            "db.service",
            "elsewhere.service"
        ]
    );

    assert_eq!(scene.read("db").unwrap(), format!("{MARKER} one"));
    assert_eq!(mode(&scene.path("run/infra/secrets/db")), 0o400);
    assert_eq!(mode(&scene.path("run/infra/secrets/api")), 0o440);
    let conf = fs::read_to_string(scene.path("run/infra/templates/conf")).unwrap();
    assert_eq!(conf, format!("{MARKER} one 8080\n"));
    // The link is what the host itself would follow; below a root of our own it leads to the host's root.
    let link = fs::read_link(scene.path("etc/web/app.conf")).unwrap();
    let elsewhere = scene.path(link.to_str().unwrap());
    assert_eq!(
        fs::read_to_string(elsewhere).unwrap(),
        format!("{MARKER} two\n")
    );

    assert_eq!(mode(&scene.path("var/lib/infra/secrets")), 0o700);
    assert_eq!(mode(&scene.path("var/lib/infra/secrets/1.age")), 0o600);
    assert_eq!(mode(&scene.path("run/infra")), 0o755);
    assert_eq!(mode(&scene.path("run/infra/secrets.d/1")), 0o711);
    let sealed = fs::read(scene.path("var/lib/infra/secrets/1.age")).unwrap();
    assert!(
        !sealed
            .windows(MARKER.len())
            .any(|part| part == MARKER.as_bytes())
    );

    let status = scene.status();
    assert_eq!(
        (&status["host"], &status["current"], &status["unpacked"]),
        (&"web".into(), &1.into(), &"1".into())
    );
    assert_eq!(status["secrets"][0]["fingerprint"], "db-3");
}

#[test]
fn an_identical_bundle_touches_nothing() {
    let scene = Scene::new();
    let mut sent = bundle(&[("db", "one")]);
    sent.templates = vec![template("elsewhere", "/etc/app.conf", "x")];
    scene.receive(&sent).applied();
    let before = scene.everything();
    sent.run = "run-2".to_owned();
    let again = scene.receive(&sent).applied();
    assert_eq!(
        (again.generation, again.outcome),
        (Some(1), Outcome::Unchanged)
    );
    assert_eq!(scene.everything(), before);
    assert!(again.units.pending.is_empty());
    // Another content under the same fingerprint is another content.
    sent.secrets = vec![secret("db", "two")];
    assert_eq!(scene.receive(&sent).applied().generation, Some(2));
    assert_ne!(scene.everything(), before, "the control");
}

#[test]
fn what_differs_is_named() {
    let scene = Scene::new();
    let mut sent = bundle(&[("same", "1"), ("other", "1"), ("gone", "1"), ("mine", "1")]);
    sent.templates = vec![
        template("t-other", "/etc/other", "{{ secrets.other }}"),
        template("t-gone", "/etc/gone", "x"),
    ];
    scene.receive(&sent).applied();
    let mut sent = bundle(&[("same", "1"), ("other", "2"), ("new", "1"), ("mine", "1")]);
    sent.secrets[3].mode = Mode::parse("0444").unwrap();
    sent.templates = vec![
        template("t-other", "/etc/other", "{{ secrets.other }}"),
        template("t-new", "/etc/new", "x"),
    ];
    let applied = scene.receive(&sent).applied();
    let changes = |added: &[&str], changed: &[&str], removed: &[&str]| Changes {
        added: names(added),
        changed: names(changed),
        removed: names(removed),
    };
    assert_eq!(
        applied.secrets,
        changes(&["new"], &["other", "mine"], &["gone"])
    );
    assert_eq!(
        applied.templates,
        changes(&["t-new"], &["t-other"], &["t-gone"])
    );
    // What is gone has no consumer that could do without it before the next activation.
    assert_eq!(
        applied.units.pending,
        [
            "mine.service",
            "new.service",
            "other.service",
            "t-new.service",
            "t-other.service"
        ]
    );
    assert_eq!(scene.read("gone"), None);
    assert!(fs::symlink_metadata(scene.path("etc/gone")).is_err());
    assert!(fs::symlink_metadata(scene.path("etc/new")).is_ok());
}

#[test]
fn consumers_can_be_left_for_later() {
    let scene = Scene::new();
    let sealed = scene.seal(&bundle(&[("a", "1")]));
    scene
        .run("secrets receive --restart later", &sealed)
        .applied();
    let sealed = scene.seal(&bundle(&[("a", "1"), ("b", "1")]));
    let applied = scene
        .run("secrets receive --restart later", &sealed)
        .applied();
    assert_eq!(applied.units.pending, ["a.service", "b.service"]);
    assert_eq!(
        scene.status()["pending"],
        serde_json::json!(["a.service", "b.service"])
    );
    let settled = scene.run("secrets restart", b"").json();
    assert_eq!(
        settled["units"]["pending"],
        serde_json::json!(["a.service", "b.service"]),
        "without systemd"
    );
    assert_eq!(scene.status()["pending"], serde_json::json!([]));
}

#[test]
fn agents_take_turns() {
    let scene = Scene::new();
    let bundles: Vec<_> = (0..6)
        .map(|number| scene.seal(&bundle(&[("db", &number.to_string())])))
        .collect();
    let running: Vec<_> = bundles
        .iter()
        .map(|sealed| scene.start("secrets receive", sealed))
        .collect();
    let mut generations: Vec<_> = running
        .into_iter()
        .map(|child| Scene::end(child).applied().generation.unwrap())
        .collect();
    let last = scene.status();
    assert_eq!(last["current"], 6);
    generations.sort_unstable();
    assert_eq!(generations, [1, 2, 3, 4, 5, 6]);
    assert_eq!(last["generations"].as_array().unwrap().len(), 3);
}
