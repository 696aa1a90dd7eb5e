//! Facts on real hosts: asked once, before the evaluation that reads them, kept in the repository, and asked again only on request.

use crate::scene::{PLAIN, Scene, WEB};
use infra_testkit::e2e_wanted;
use serde_json::Value;

const FACTS: &str = "context/facts/web.toml";

/// Leaves a mark each time it is asked.
const CONTRACT: &str = r#"{ infra, lib, ... }:
{
  infra.values = {
    name.fact = "hostname";
    kernel.fact = "kernel";
    memory = {
      type = lib.types.ints.positive;
      fact = "memory";
    };
    links = {
      type = lib.types.listOf lib.types.str;
      fact = "interfaces";
    };
    rack = {
      type = lib.types.int;
      fact.command = [ "sh" "-c" "echo asked >> /root/asked; cat \"$1\"" "rack" "/root/the rack" ];
    };
    label = {
      fact = "virtualisation";
      default = "nobody knows";
    };
  };
}
"#;

fn facts(scene: &Scene, words: &[&str], exit: i32) -> Value {
    let finished = scene.infra(&[&["facts", "--json"], words].concat());
    assert_eq!(
        finished.code(),
        Some(exit),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    serde_json::from_str(&finished.stdout).expect("an answer")
}

/// What became of one fact of web.
fn fact<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let facts = answer["hosts"][0]["facts"].as_array().unwrap();
    facts.iter().find(|fact| fact["need"] == name).expect(name)
}

fn times_asked(scene: &Scene) -> usize {
    scene
        .web()
        .sh("cat /root/asked || true")
        .unwrap()
        .lines()
        .count()
}

#[test]
fn facts_are_asked_once_and_kept() {
    if !e2e_wanted("facts_are_asked_once_and_kept") {
        return;
    }
    let scene = Scene::with(PLAIN, PLAIN);
    scene.web().sh("echo 4 > '/root/the rack'").unwrap();
    std::fs::write(scene.repo.path().join("hosts/web/contract.nix"), CONTRACT).unwrap();
    scene.add(
        WEB,
        "environment.etc.facts.text = builtins.toJSON (builtins.mapAttrs (_: value: value.value) config.infra.values);",
    );

    // Nobody builds what only the host knows.
    let build = scene.infra(&["build", "web"]);
    assert!(
        build
            .stderr
            .contains("web was not asked yet for the value `rack`"),
        "{}",
        build.stderr
    );
    assert_eq!(times_asked(&scene), 0);

    let first = scene.deploy(&["--all"], 0);
    assert_eq!(
        (first.outcome("web"), first.outcome("db")),
        ("changed", "changed")
    );
    let on_host: Value = serde_json::from_str(&scene.web().sh("cat /etc/facts").unwrap()).unwrap();
    let said = |command: &str| scene.web().sh(command).unwrap().trim().to_owned();
    assert_eq!(on_host["name"], said("cat /proc/sys/kernel/hostname"));
    assert_eq!(on_host["kernel"], said("uname -r"));
    assert_eq!(on_host["rack"], 4);
    assert!(
        on_host["memory"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1 << 20),
        "{on_host}"
    );
    assert!(on_host["links"].is_array(), "{on_host}");
    let kept = std::fs::read_to_string(scene.repo.path().join(FACTS)).unwrap();
    assert!(
        kept.contains("name = { fact = \"hostname\", value = "),
        "{kept}"
    );
    assert!(
        !scene.repo.path().join("context/facts/db.toml").exists(),
        "who has no such need is not asked"
    );
    let warnings = first.answer["warnings"].to_string();
    assert!(warnings.contains("learned-fact"), "{warnings}");
    assert_eq!(times_asked(&scene), 1);

    // The world moves; what was written down does not.
    scene.web().sh("echo 5 > '/root/the rack'").unwrap();
    let second = scene.deploy(&["--all"], 0);
    assert_eq!(
        (second.outcome("web"), second.outcome("db")),
        ("unchanged", "unchanged")
    );
    let known = facts(&scene, &["web"], 0);
    assert_eq!(fact(&known, "rack")["change"], "known");
    assert_eq!(times_asked(&scene), 1);

    let fresh = facts(&scene, &["web", "--refresh"], 0);
    let rack = fact(&fresh, "rack");
    assert_eq!(
        (&rack["change"], &rack["before"], &rack["value"]),
        (&"changed".into(), &4.into(), &5.into())
    );
    assert_eq!(fact(&fresh, "kernel")["change"], "unchanged");
    assert_eq!(times_asked(&scene), 2);
    // What one host answered is no part of another.
    let third = scene.deploy(&["--all"], 0);
    assert_eq!(
        (third.outcome("web"), third.outcome("db")),
        ("changed", "unchanged")
    );

    a_wrong_answer_is_not_kept(&scene);
}

fn a_wrong_answer_is_not_kept(scene: &Scene) {
    scene
        .web()
        .sh("echo 'top left' > '/root/the rack'")
        .unwrap();
    let kept = std::fs::read_to_string(scene.repo.path().join(FACTS)).unwrap();
    let wrong = facts(scene, &["web", "--refresh"], 3);
    let error = &wrong["errors"][0];
    assert_eq!(
        (&error["code"], &error["host"]),
        (&"wrong-type".into(), &"web".into())
    );
    for part in ["top left", "rack", "web"] {
        assert!(error["title"].as_str().unwrap().contains(part), "{error}");
    }
    assert_eq!(
        std::fs::read_to_string(scene.repo.path().join(FACTS)).unwrap(),
        kept
    );
}
