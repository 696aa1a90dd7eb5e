//! Inputs and files that an evaluation cannot have, with real Nix: which one it is, and what to do.

use crate::scene::{SOON, Scene, WEB};
use infra_testkit::{Run, e2e_wanted};
use serde_json::{Value, json};
use std::path::Path;

/// `infra eval web --json --no-cache`, whatever comes of it.
fn eval(scene: &Scene) -> Value {
    let finished = scene.infra(&["eval", "web", "--json", "--no-cache"]);
    serde_json::from_str(finished.text()).unwrap()
}

/// The one error, which must be this and name this.
fn expect(scene: &Scene, code: &str, words: &str) -> Value {
    let answer = eval(scene);
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer:#}");
    let error = errors[0].clone();
    assert_eq!(error["code"], code, "{error:#}");
    assert!(
        error["title"].as_str().unwrap().contains(words),
        "{words}: {error:#}"
    );
    assert!(error["fix"].is_string(), "{error:#}");
    error
}

fn edit_lock(scene: &Scene, change: impl FnOnce(&mut Value)) {
    let edited = |text: &str| {
        let mut lock: Value = serde_json::from_str(text).unwrap();
        change(&mut lock);
        serde_json::to_string_pretty(&lock).unwrap()
    };
    scene.repo.edit("flake.lock", edited).unwrap();
}

fn restore(scene: &Scene) {
    scene.repo.git(&["checkout", "--", "."]).unwrap();
}

#[test]
fn a_lock_file_that_does_not_fit_names_the_input() {
    if !e2e_wanted("a_lock_file_that_does_not_fit_names_the_input") {
        return;
    }
    let scene = Scene::plain();
    // Locked, and not declared any more.
    edit_lock(&scene, |lock| {
        let nixpkgs = lock["nodes"]["nixpkgs"].clone();
        lock["nodes"]["old"] = nixpkgs;
        lock["nodes"]["root"]["inputs"]["old"] = json!("old");
    });
    let error = expect(&scene, "lock-out-of-date", "input `old`");
    assert_eq!(error["fix"], "nix flake lock");
    restore(&scene);

    // Declared otherwise, and not locked at all. Nix looks both up, which it cannot here: it is the lock that is at fault.
    let declare = |from: &str, to: &str| {
        let edited = |text: &str| text.replace(from, to);
        scene.repo.edit("flake.nix", edited).unwrap();
    };
    declare(
        "inputs.infra = {",
        "inputs.disko.url = \"github:nix-community/disko\"; inputs.infra = {",
    );
    let error = expect(&scene, "lock-out-of-date", "input `disko`");
    assert!(error["cause"].as_str().unwrap().contains("not locked yet"));
    restore(&scene);
    declare("nixos-unstable", "nixos-25.11");
    expect(&scene, "lock-out-of-date", "input `nixpkgs`");
    restore(&scene);
    declare("inputs.nixpkgs.follows = \"nixpkgs\";", "");
    expect(&scene, "lock-out-of-date", "input `infra`");
    restore(&scene);

    scene.repo.edit("flake.lock", |_| "{\n".to_owned()).unwrap();
    expect(&scene, "lock-out-of-date", "cannot be read");
    restore(&scene);
    // All is well again, and doctor agrees.
    assert_eq!(eval(&scene)["errors"], json!([]));
    let doctor = scene.infra(&["doctor"]);
    assert!(
        doctor.stdout.contains("flake.lock: fits flake.nix"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn what_cannot_be_fetched_without_a_network_is_named() {
    if !e2e_wanted("what_cannot_be_fetched_without_a_network_is_named") {
        return;
    }
    // Commands run in a namespace that has the lab's network and no other.
    let scene = Scene::plain();
    let unknown = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let locked = [
        json!({ "type": "github", "owner": "NixOS", "repo": "nixpkgs", "rev": "a".repeat(40), "narHash": unknown, "lastModified": 1 }),
        json!({ "type": "tarball", "url": "https://nixpkgs.invalid/x.tar.gz", "narHash": unknown, "lastModified": 1 }),
        json!({ "type": "git", "url": "https://nixpkgs.invalid/x.git", "ref": "main", "rev": "a".repeat(40), "narHash": unknown, "lastModified": 1 }),
    ];
    for locked in locked {
        edit_lock(&scene, |lock| lock["nodes"]["nixpkgs"]["locked"] = locked);
        expect(&scene, "input-unreachable", "input `nixpkgs`");
        restore(&scene);
    }
    let fetch = format!(
        "  environment.etc.x.source = builtins.fetchurl {{ url = \"https://x.invalid/x\"; sha256 = \"{unknown}\"; }};"
    );
    scene.add(WEB, &fetch);
    let error = expect(&scene, "input-unreachable", "https://x.invalid/x");
    assert_eq!(error["where"]["file"], WEB, "{error:#}");
}

#[test]
fn inputs_that_are_folders_of_this_machine() {
    if !e2e_wanted("inputs_that_are_folders_of_this_machine") {
        return;
    }
    let scene = Scene::plain();
    let folder = tempfile::tempdir().unwrap();
    let flake = folder.path().join("flake.nix");
    std::fs::write(&flake, "{ outputs = _: { x = 1; }; }\n").unwrap();
    let url = format!("path:{}", folder.path().display());
    let declare = format!("inputs.own.url = \"{url}\"; inputs.infra = {{");
    let edited = |text: &str| {
        let text = text.replace("inputs.infra = {", &declare);
        text.replace(
            "inherit inputs;",
            "inputs = builtins.seq inputs.own.x inputs;",
        )
    };
    scene.repo.edit("flake.nix", edited).unwrap();
    let lock = |scene: &Scene| {
        let mut nix = scene.lab.controller("nix");
        nix.args(["flake", "lock"]).current_dir(scene.repo.path());
        nix.run(SOON).unwrap().ok().unwrap();
    };
    lock(&scene);
    let answer = eval(&scene);
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    let warning = &answer["warnings"][0];
    assert_eq!(warning["code"], "path-input", "{answer:#}");
    let title = warning["title"].as_str().unwrap();
    assert!(title.contains("input `own`"), "{title}");
    assert!(warning["cause"].as_str().unwrap().contains("29 bytes"));

    // Another content than was locked, and no folder at all.
    edit_lock(&scene, |lock| {
        lock["nodes"]["own"]["locked"]["narHash"] =
            json!("sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    });
    let error = expect(&scene, "lock-out-of-date", "input `own` has changed");
    let fix = error["fix"].as_str().unwrap();
    assert!(fix.contains("nix flake update own"), "{fix}");
    std::fs::remove_file(&flake).unwrap();
    drop(folder);
    expect(&scene, "input-unreachable", "input `own`");
}

/// A line for the configuration of web, the code of what it leads to, words of the title, words of the cause.
type Reaching = (String, &'static str, &'static str, &'static str);

fn reaching(scene: &Scene) -> Vec<Reaching> {
    let absolute = scene.repo.path().join("hosts/web/host.toml");
    let absolute = format!("builtins.readFile {}", absolute.display());
    let imports = |path: &str| format!("  imports = [ {path} ];");
    let text = |value: &str| format!("  environment.etc.x.text = {value};");
    let db = "belongs to host `db`";
    vec![
        (
            imports("../db/extra.nix"),
            "outside-tree",
            "hosts/db/extra.nix",
            db,
        ),
        (imports("../db"), "outside-tree", "hosts/db ", db),
        (
            imports("./link.nix"),
            "outside-tree",
            "hosts/db/extra.nix",
            "through the link hosts/web/link.nix",
        ),
        (
            text("builtins.readFile ../../secrets/shared/x.age"),
            "outside-tree",
            "secrets/shared/x.age",
            "ever read",
        ),
        (
            text("builtins.readFile ../../flake.nix.orig"),
            "outside-tree",
            "flake.nix.orig",
            "beside flake.nix",
        ),
        (
            text("builtins.readFile ./outside"),
            "outside-tree",
            "/etc/hostname",
            "through the link hosts/web/outside",
        ),
        (
            text("builtins.readFile /etc/hostname"),
            "outside-tree",
            "/etc/hostname",
            "same on every machine",
        ),
        (
            text("builtins.readFile ../../../x"),
            "outside-tree",
            "outside the repository",
            "`..`",
        ),
        (
            text(&absolute),
            "outside-tree",
            "by an absolute path",
            "a copy of the repository",
        ),
        (
            text("builtins.readFile ./dangling"),
            "nix-evaluation",
            "hosts/web/dangling is a link to hosts/web/nowhere",
            "",
        ),
    ]
}

#[test]
fn who_asks_for_a_file_out_of_reach() {
    if !e2e_wanted("who_asks_for_a_file_out_of_reach") {
        return;
    }
    let scene = Scene::plain();
    scene.repo.write("hosts/db/extra.nix", "{ }\n").unwrap();
    scene.repo.write("secrets/shared/x.age", "x\n").unwrap();
    scene.repo.write("flake.nix.orig", "x\n").unwrap();
    let link = |name: &str, target: &str| {
        let link = scene.repo.path().join("hosts/web").join(name);
        std::os::unix::fs::symlink(target, link).unwrap();
    };
    link("link.nix", "../db/extra.nix");
    link("dangling", "nowhere");
    link("outside", "/etc/hostname");
    scene.repo.commit("What is out of reach").unwrap();
    for (line, code, title, cause) in reaching(&scene) {
        scene.add(WEB, &line);
        let error = expect(&scene, code, title);
        let told = error["cause"].as_str().unwrap();
        assert!(told.contains(cause), "{line}: {error:#}");
        assert_eq!(error["where"]["file"], WEB, "{line}: {error:#}");
        let excerpt = error["where"]["excerpt"].as_str().unwrap();
        assert_eq!(excerpt, line, "{error:#}");
        restore(&scene);
    }
}

#[test]
fn a_repository_without_git_on_a_machine_without_git() {
    if !e2e_wanted("a_repository_without_git_on_a_machine_without_git") {
        return;
    }
    let scene = Scene::plain();
    let with_git = eval(&scene);
    assert_eq!(with_git["errors"], json!([]), "{with_git:#}");
    scene.repo.remove(".git").unwrap();
    let nix = scene.lab.places().nix();
    let nix = nix.parent().unwrap();
    assert!(!nix.join("git").exists());
    // A home of its own: no source, no evaluation and no tree is remembered.
    let home = tempfile::tempdir().unwrap();
    let set = |name: &str, value: &Path| format!("{name}={}", value.display());
    let finished = scene
        .lab
        .controller("env")
        .arg(set("PATH", nix))
        .arg(set("HOME", home.path()))
        .arg(set("XDG_CACHE_HOME", &home.path().join("cache")))
        .arg(infra_testkit::infra_binary())
        .arg("-C")
        .arg(scene.repo.path())
        .args(["eval", "web", "--json"])
        .run(SOON)
        .unwrap();
    let alone: Value = serde_json::from_str(finished.text()).unwrap();
    for key in ["treeId", "drvPath", "outPath"] {
        assert_eq!(
            alone["hosts"][0][key], with_git["hosts"][0][key],
            "{alone:#}"
        );
    }
    assert_eq!(alone["hosts"][0]["cached"], false);
}
