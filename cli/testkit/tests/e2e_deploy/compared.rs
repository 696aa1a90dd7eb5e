//! What plans are compared with, and what they show of it: revisions and runs, private values, secrets to be encrypted anew, many hosts at once.

use crate::plans::{answer, moment, names};
use crate::scene::{DB, SOON, Scene, WEB, systems};
use crate::secrets::{Vault, new_marker};
use infra_testkit::{Host, Run, e2e_wanted};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Instant;

/// The plan of web, as a program reads it.
fn plan(scene: &Scene, words: &[&str]) -> Value {
    let all = [&["plan", "web", "--json"], words].concat();
    answer(scene, &all, 0)["hosts"][0].clone()
}

fn patch(plan: &Value) -> &str {
    let patch = &plan["preview"]["etc"]["patch"];
    assert!(patch.is_string(), "{plan:#}");
    patch.as_str().unwrap()
}

/// Whether a patch turns one greeting into another.
fn turns(patch: &str, old: &str, new: &str) -> bool {
    let line = |sign: char, greeting: &str| format!("{sign}<h1>{greeting}</h1>");
    patch.contains(&line('-', old)) && patch.contains(&line('+', new))
}

#[test]
fn a_plan_is_compared_with_a_revision() {
    if !e2e_wanted("a_plan_is_compared_with_a_revision") {
        return;
    }
    let scene = Scene::plain();
    let moment = moment();
    let [one, two, three] = ["One", "Two", "Three"].map(|number| format!("{number} at {moment}"));
    scene.greet(&one);
    scene.repo.commit("One").unwrap();
    scene.deploy(&["web"], 0);
    let (runs, _) = systems(scene.web());
    scene.greet(&two);
    scene.repo.commit("Two").unwrap();
    scene.greet(&three);
    let status = || scene.repo.git(&["status", "--porcelain"]).unwrap().stdout;
    let untouched = status();

    // It was never built here, and nothing is built for a plan.
    let evaluated = plan(&scene, &["--against", "main"]);
    let head = scene.repo.git(&["rev-parse", "HEAD"]).unwrap().stdout;
    let against = json!({"revision": {"name": "main", "commit": head.trim()}});
    assert_eq!(evaluated["against"], against);
    assert_eq!(evaluated["preview"]["level"], "evaluated");
    assert_eq!(evaluated["preview"]["buildable"], true);
    let sources = &evaluated["preview"]["sources"];
    assert_eq!(names(sources, "path"), [WEB]);
    assert_ne!(evaluated["before"], runs.as_str());
    assert_eq!(
        names(&evaluated["steps"], "step"),
        names(&plan(&scene, &[])["steps"], "step")
    );

    let built = plan(&scene, &["--against", "main", "--build"]);
    assert_eq!(built["before"], evaluated["before"]);
    assert_ne!(built["preview"]["buildable"], true);
    assert!(turns(patch(&built), &two, &three), "{built:#}");
    let shown = scene.infra(&["plan", "web", "--against", "main"]).stdout;
    assert!(shown.contains("against   the revision main ("), "{shown}");
    assert!(turns(&shown, &two, &three), "{shown}");

    // What is deployed is what that commit makes.
    let earlier = plan(&scene, &["--against", "HEAD~1"]);
    assert_eq!(earlier["before"], runs.as_str());
    assert!(turns(patch(&earlier), &one, &three), "{earlier:#}");

    // A word that is the beginning of a run's name as well is the run.
    scene.repo.git(&["tag", "20", "main"]).unwrap();
    let run = plan(&scene, &["--against", "20"]);
    assert!(run["against"]["run"].is_string(), "{run:#}");
    assert_eq!(run["before"], runs.as_str());

    // What has nothing to be done to it is compared all the same.
    scene.deploy(&["web"], 0);
    let idle = plan(&scene, &["--against", "HEAD~1"]);
    assert_eq!(idle["steps"], json!([]));
    assert!(turns(patch(&idle), &one, &three), "{idle:#}");
    let idle = plan(&scene, &[]);
    assert_eq!(idle["preview"]["etc"], Value::Null, "{idle:#}");
    assert_eq!(status(), untouched);

    // Somebody changes the host: what the last run left is another thing than what runs.
    let (last, _) = systems(scene.web());
    scene
        .web()
        .sh(&format!("ln -sfn {runs} /run/current-system"))
        .unwrap();
    assert_eq!(plan(&scene, &[])["before"], runs.as_str());
    scene.greet(&two);
    let left = plan(&scene, &["--against", "last-run", "--build"]);
    assert_eq!(
        (&left["against"], &left["before"]),
        (&json!("lastRun"), &json!(last))
    );
    assert!(turns(patch(&left), &three, &two), "{left:#}");
}

const CONTRACT: &str = r#"
{ infra, ... }:
{
  infra.values.site = {
    type = infra.types.nonEmptyStr;
    description = "What the site is called";
  };
  infra.values.pin = {
    type = infra.types.nonEmptyStr;
    description = "Who may change it";
    private = true;
  };
}
"#;

const SETTINGS: &str = r#"
  environment.etc."pin.conf".text = "${config.infra.values.site.value} ${config.infra.values.pin.value}\n";
  environment.etc."site.conf".text = "${config.infra.values.site.value}\n";
"#;

#[test]
fn private_values_are_shown_nowhere() {
    if !e2e_wanted("private_values_are_shown_nowhere") {
        return;
    }
    let scene = Scene::plain();
    let marker = new_marker();
    let pin = |number: &str| format!("web:pin={marker}{number}");
    let (first, second) = (pin("first"), pin("second"));
    scene
        .repo
        .write("hosts/web/contract.nix", CONTRACT)
        .unwrap();
    scene
        .repo
        .write("context/hosts/web.toml", "site = \"one\"\n")
        .unwrap();
    scene.add(WEB, SETTINGS);
    scene.repo.commit("One").unwrap();
    scene.deploy(&["web", "--set", &first], 0);
    scene
        .repo
        .write("context/hosts/web.toml", "site = \"two\"\n")
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.plan").display().to_string();
    let planned = |words: &[&str]| {
        let all = [&["plan", "web", "--build", "--set", &second], words].concat();
        let finished = scene.infra(&all);
        let (out, err) = (finished.stdout, finished.stderr);
        assert!(
            !out.contains(&marker) && !err.contains(&marker),
            "{out}\n{err}"
        );
        out
    };
    let read = |text: &str| -> Value {
        let answer: Value = serde_json::from_str(text).unwrap();
        answer["hosts"][0].clone()
    };
    let web = read(&planned(&["-o", &file, "--json"]));
    assert!(patch(&web).contains("-one\n+two"), "{web:#}");
    let files = names(&web["preview"]["etc"]["files"], "path");
    assert!(files.contains(&"/etc/pin.conf"), "{files:?}");
    assert!(patch(&web).contains("etc/pin.conf"), "{web:#}");
    let private = &web["preview"]["values"][0];
    assert_eq!(private["name"], "pin", "{web:#}");
    assert_eq!(
        (&private["private"], &private["before"]),
        (&json!(true), &Value::Null)
    );
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("pin.conf") && !kept.contains(&marker));
    assert!(planned(&[]).contains("pin: private"));

    // A revision is filled with what it has, and with what is given now.
    let then = read(&planned(&["--against", "HEAD", "--json"]));
    assert!(patch(&then).contains("-one\n+two"), "{then:#}");
    assert_eq!(names(&then["preview"]["values"], "name"), ["site"]);

    // It is private no more; what runs has it from a time when it was.
    let open = |text: &str| text.replace("private = true", "private = false");
    scene.repo.edit("hosts/web/contract.nix", open).unwrap();
    let opened = read(&planned(&["--json"]));
    assert!(patch(&opened).contains("-one\n+two"), "{opened:#}");
    let before = &opened["preview"]["values"][0];
    assert_eq!(
        (&before["name"], &before["private"]),
        (&json!("pin"), &json!(true)),
        "{opened:#}"
    );

    // Which private values it had before is not known any more: then nothing is shown, whether there are any now or there were.
    let cleared = scene.infra(&["cache", "clear"]);
    assert_eq!(cleared.code(), Some(0), "{}", cleared.stderr);
    for _ in ["private then", "private now"] {
        let blind = read(&planned(&["--json"]));
        assert_eq!(patch(&blind), "");
        assert!(names(&blind["preview"]["etc"]["files"], "path").contains(&"/etc/pin.conf"));
        scene
            .repo
            .write("hosts/web/contract.nix", CONTRACT)
            .unwrap();
    }
}

#[test]
fn secrets_to_be_encrypted_anew_are_announced() {
    if !e2e_wanted("secrets_to_be_encrypted_anew_are_announced") {
        return;
    }
    let vault = Vault::new();
    let key = vault.admin();
    let infra = |words: &[&str]| {
        let mut command = vault.lab.infra().unwrap();
        command.env("INFRA_IDENTITY", &key);
        command.arg("-C").arg(vault.repo.path()).args(words);
        let finished = command.run(SOON).unwrap();
        assert_eq!(
            finished.code(),
            Some(0),
            "{}\n{}",
            finished.stdout,
            finished.stderr
        );
        finished.stdout
    };
    let rekeys = || {
        let answer: Value = serde_json::from_str(&infra(&["plan", "app", "--json"])).unwrap();
        answer["hosts"][0]["preview"]["rekeys"].clone()
    };
    infra(&["secret", "generate", "app", "page-token"]);
    assert_eq!(rekeys(), json!([]));
    // Somebody comes who is to read it as well.
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let other = vault.secrets.path().join("other");
    let mut make = vault.lab.controller("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&other);
    make.run(SOON).unwrap().ok().unwrap();
    let other = std::fs::read_to_string(other.with_extension("pub")).unwrap();
    let admins = |text: &str| {
        let one = format!("\"{}\"", public.trim());
        text.replace(&one, &format!("{one}, \"{}\"", other.trim()))
    };
    vault.repo.edit("infra.toml", admins).unwrap();
    assert_eq!(rekeys(), json!(["page-token"]));
    let shown = infra(&["plan", "app"]);
    assert!(shown.contains("rekey     1: page-token"), "{shown}");
    infra(&["secret", "rekey"]);
    assert_eq!(rekeys(), json!([]));
}

/// While there is a gate, the host does not say what it lacks, which is the first that is asked when systems are read.
const GATE: &str = r#"
  environment.systemPackages = [
    (pkgs.writeShellScriptBin "nix-store" ''
      PATH=''${PATH#*:}
      case "$*" in
        *--print-invalid*)
          [ -e /run/gate ] && : >/run/reading
          while [ -e /run/gate ]; do sleep 0.1; done ;;
      esac
      exec nix-store "$@"
    '')
  ];
"#;

fn until_read(hosts: [Host<'_>; 2]) {
    let begun = Instant::now();
    while !hosts
        .iter()
        .all(|host| host.has_file("/run/reading").unwrap())
    {
        assert!(
            begun.elapsed() < SOON,
            "both are read, and neither is through"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn hosts_are_read_at_once_until_somebody_asks_to_stop() {
    if !e2e_wanted("hosts_are_read_at_once_until_somebody_asks_to_stop") {
        return;
    }
    let scene = Scene::plain();
    let both = || [scene.web(), scene.db()];
    let on_both = |script: &str| {
        for host in both() {
            host.sh(script).unwrap();
        }
    };
    scene.add(WEB, GATE);
    scene.add(DB, GATE);
    scene.deploy(&["--all"], 0);
    let other = format!("  environment.etc.other.text = \"{}\";", moment());
    scene.add(WEB, &other);
    scene.add(DB, &other);

    on_both("touch /run/gate");
    let plan = ["plan", "--all", "--build", "--json"];
    let running = scene.command(&plan).start().unwrap();
    until_read(both());
    on_both("rm /run/gate /run/reading");
    let finished = running.wait(SOON).unwrap();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    for host in answer["hosts"].as_array().unwrap() {
        assert_eq!(host["preview"]["level"], "built", "{answer:#}");
        assert!(host["preview"]["send"].is_object(), "{answer:#}");
    }

    // The gates stay where they are.
    on_both("touch /run/gate");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.plan");
    let kept = file.display().to_string();
    let running = scene
        .command(&[&plan[..], &["-o", &kept]].concat())
        .start()
        .unwrap();
    until_read(both());
    running.signal(Signal::INT).unwrap();
    let finished = running.wait(SOON).unwrap();
    on_both("rm /run/gate");
    assert_eq!(finished.code(), Some(130), "{}", finished.stderr);
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(answer["hosts"], json!([]), "what was not read is not told");
    assert!(!file.exists());
}
