//! Plans on real hosts: they show what would be another and change nothing, are done as they were shown, and not at all once a host has moved.

use crate::scene::{DB, Deployed, SOON, Scene, systems, untouched};
use crate::secrets::Vault;
use infra_testkit::{Run, e2e_wanted};
use serde_json::{Value, json};
use std::time::SystemTime;

pub(crate) fn answer(scene: &Scene, words: &[&str], exit: i32) -> Value {
    let finished = scene.infra(words);
    assert_eq!(
        finished.code(),
        Some(exit),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    serde_json::from_str(finished.stdout.lines().last().unwrap()).unwrap()
}

/// The names in a list of objects or of texts.
pub(crate) fn names<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    let all = list.as_array().unwrap().iter();
    all.map(|one| one.get(key).unwrap_or(one).as_str().unwrap())
        .collect()
}

/// What no earlier test has said: the store of a lab outlives it.
pub(crate) fn moment() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_nanos()
}

/// What is kept of the newest run.
pub(crate) fn last_receipt(scene: &Scene) -> Value {
    let log = answer(scene, &["log", "last", "--json"], 0);
    let run = log["hosts"][0]["run"].as_str().unwrap();
    let file = format!("refs/infra/runs:{}/{}/{run}.json", &run[..4], &run[4..6]);
    let text = scene.repo.git(&["show", &file]).unwrap().stdout;
    serde_json::from_str(&text).unwrap()
}

fn runs(scene: &Scene) -> usize {
    let history = answer(scene, &["history", "--json"], 0);
    history["hosts"].as_array().unwrap().len()
}

#[test]
fn a_plan_shows_what_applying_it_does() {
    if !e2e_wanted("a_plan_shows_what_applying_it_does") {
        return;
    }
    let scene = Scene::plain();
    scene.deploy(&["web"], 0);
    let old = systems(scene.web());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.plan").display().to_string();
    // The lab's store outlives the lab: what was built for an earlier run of this test is there still.
    let greeting = format!("Planned at {}", moment());
    scene.greet(&greeting);

    // Nothing is built for it: what is known is which files make the difference.
    let plan = answer(&scene, &["plan", "web", "--json"], 0);
    let web = &plan["hosts"][0];
    assert_eq!(web["preview"]["level"], "evaluated", "{plan:#}");
    assert_eq!(
        names(&web["preview"]["sources"], "path"),
        ["hosts/web/configuration.nix"]
    );
    let steps = ["build", "copy", "activate", "confirm", "commit"];
    assert_eq!(names(&web["steps"], "step"), steps);
    assert_eq!(web["before"], old.0.as_str());
    assert_eq!(names(&plan["warnings"], "code"), ["no-probe"]);

    let plan = answer(
        &scene,
        &["plan", "web", "--build", "-o", &file, "--json"],
        0,
    );
    let web = &plan["hosts"][0];
    let preview = &web["preview"];
    assert_eq!(preview["level"], "built", "{plan:#}");
    assert_eq!(names(&preview["units"]["restart"], ""), ["web.service"]);
    assert_eq!(
        names(&preview["etc"]["files"], "path"),
        ["/etc/site/index.html", "/etc/systemd/system/web.service"],
        "{preview:#}"
    );
    assert!(
        preview["send"]["paths"].as_u64().unwrap() > 0,
        "{preview:#}"
    );
    assert!(
        preview["packages"]["pathsAfter"].as_u64().unwrap() > 10,
        "{preview:#}"
    );
    let patch = folder.path().join("etc.patch");
    std::fs::write(&patch, preview["etc"]["patch"].as_str().unwrap()).unwrap();
    let mut git = scene.lab.controller("git");
    git.current_dir(folder.path())
        .args(["apply", "--stat"])
        .arg(&patch);
    let stat = git.run(SOON).unwrap().ok().unwrap().stdout;
    assert!(stat.contains("etc/site/index.html"), "{stat}");
    assert!(stat.contains("2 files changed"), "{stat}");
    let shown = scene.infra(&["plan", "web"]).stdout;
    let line = format!("+<h1>{greeting}</h1>");
    assert!(shown.contains(&line), "{shown}");

    assert_eq!(systems(scene.web()), old, "a plan changes nothing");
    assert_eq!(runs(&scene), 1, "and is no run");

    // What is done is what was planned, whatever the repository says by now.
    scene.greet("Hello from later");
    let applied = scene.transact(&["apply", &file], 0);
    assert_eq!(applied.outcome("web"), "changed");
    let mut done = vec!["survey"];
    done.extend(steps);
    assert_eq!(applied.steps("web"), done, "nothing is evaluated");
    let wanted = web["after"].as_str().unwrap().to_owned();
    assert_eq!(systems(scene.web()), (wanted.clone(), wanted.clone()));

    // What was private then is not asked for again.
    let receipt = last_receipt(&scene);
    assert_eq!(receipt["hosts"][0]["private"], json!([]), "{receipt:#}");

    // Done once, it is not done again.
    let again = scene.transact(&["apply", &file], 3);
    let errors = again.answer["errors"].as_array().unwrap();
    let titles = names(&again.answer["errors"], "title").join("\n");
    assert!(errors.iter().all(|error| error["code"] == "host-moved"));
    for field in ["`current`", "`bootDefault`", "`generation`"] {
        assert!(titles.contains(field), "{titles}");
    }
    assert_eq!(again.steps("web"), ["survey"]);
    assert_eq!(systems(scene.web()), (wanted.clone(), wanted));
}

#[test]
fn one_host_that_moved_keeps_all_from_being_changed() {
    if !e2e_wanted("one_host_that_moved_keeps_all_from_being_changed") {
        return;
    }
    let scene = Scene::plain();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.plan").display().to_string();
    let plan = answer(&scene, &["plan", "--all", "-o", &file, "--json"], 0);
    assert_eq!(names(&plan["hosts"], "name"), ["db", "web"]);
    scene.deploy(&["web"], 0);
    let moved = systems(scene.web());
    let refused = scene.transact(&["apply", &file], 3);
    assert_eq!(refused.outcome("web"), "failed");
    assert_eq!(refused.outcome("db"), "skipped");
    let titles = names(&refused.answer["errors"], "title").join("\n");
    assert!(titles.contains("web runs another system"), "{titles}");
    assert!(!titles.contains("db"), "{titles}");
    assert!(untouched(scene.db()));
    assert_eq!(systems(scene.web()), moved);

    // A plan of what is left is done, whatever the repository says by then.
    let left = folder.path().join("db.plan").display().to_string();
    let plan = answer(&scene, &["plan", "db", "-o", &left, "--json"], 0);
    let wanted = plan["hosts"][0]["after"].as_str().unwrap().to_owned();
    scene.add(DB, "  environment.etc.\"later\".text = \"later\";");
    let applied = scene.transact(&["apply", &left, "--confirm-within", "30s"], 0);
    assert_eq!(applied.outcome("db"), "changed");
    assert_eq!(systems(scene.db()), (wanted.clone(), wanted));
}

#[test]
fn a_plan_with_secrets_is_applied_with_those_alone() {
    if !e2e_wanted("a_plan_with_secrets_is_applied_with_those_alone") {
        return;
    }
    let vault = Vault::new();
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan").display().to_string();
    let marker = format!("marker{}of{}", std::process::id(), vault.lab.tag());
    let marker = marker.replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let token = vault.file("page-token", &format!("{marker}token"));
    let password = vault.file("db-password", &format!("{marker}password"));
    let given = ["--secret-file", &token, "--secret-file", &password];
    let run = |words: &[&str], exit: i32| {
        let finished = vault.infra(&[words, &given[..], &["--json"]].concat());
        let (out, err) = (&finished.stdout, &finished.stderr);
        assert_eq!(finished.code(), Some(exit), "{out}\n{err}");
        assert!(!out.contains(&marker) && !err.contains(&marker));
        finished
    };
    run(&["plan", "--all", "-o", &plan], 0);
    let kept = std::fs::read_to_string(&plan).unwrap();
    assert!(kept.contains("page-token") && !kept.contains(&marker));

    // Another token than the one that was planned with: nothing is touched, and the other host is left alone.
    vault.file("page-token", &format!("{marker}other"));
    let refused = Deployed::read(&run(&["apply", &plan, "--yes"], 3));
    refused.expect_error("host-moved", "app");
    assert_eq!(refused.outcome("db"), "skipped");
    for host in ["app", "db"] {
        assert!(untouched(vault.lab.host(host)), "{host}");
    }

    vault.file("page-token", &format!("{marker}token"));
    let applied = Deployed::read(&run(&["apply", &plan, "--yes"], 0));
    for host in ["app", "db"] {
        assert_eq!(applied.outcome(host), "changed");
    }
    let app = vault.lab.host("app");
    let found = app.sh("cat /run/infra/secrets/page-token").unwrap();
    assert_eq!(found, format!("{marker}token"));
    let again = Deployed::read(&run(&["apply", &plan, "--yes"], 3));
    assert_eq!(
        again.answer["errors"][0]["code"], "host-moved",
        "a plan is done once"
    );
}

#[test]
fn a_system_that_is_only_on_its_host_is_read_there() {
    if !e2e_wanted("a_system_that_is_only_on_its_host_is_read_there") {
        return;
    }
    let scene = Scene::plain();
    // What the host cannot get from anywhere else without a network is there then.
    scene.deploy(&["web"], 0);
    let host = |build: &str| {
        format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\nbuild = \"{build}\"\n")
    };
    let toml = "hosts/web/host.toml";
    let moment = moment();
    let greeting = |place: &str| format!("Built {place} at {moment}");
    scene.repo.write(toml, &host("target")).unwrap();
    scene.greet(&greeting("there"));
    scene.deploy(&["web"], 0);
    let (runs, _) = systems(scene.web());
    let mut look = scene.lab.controller("test");
    let here = look.args(["-e", &runs]).run(SOON).unwrap();
    assert_eq!(here.code(), Some(1), "the system is on its host alone");

    scene.repo.write(toml, &host("local")).unwrap();
    scene.greet(&greeting("here"));
    let plan = answer(&scene, &["plan", "web", "--build", "--json"], 0);
    let preview = &plan["hosts"][0]["preview"];
    assert_eq!(preview["level"], "built", "{plan:#}");
    let patch = preview["etc"]["patch"].as_str().unwrap();
    for line in [
        format!("-<h1>{}</h1>", greeting("there")),
        format!("+<h1>{}</h1>", greeting("here")),
    ] {
        assert!(patch.contains(&line), "{patch}");
    }
    let files = names(&preview["etc"]["files"], "path");
    assert_eq!(
        files,
        ["/etc/site/index.html", "/etc/systemd/system/web.service"],
        "what is the same on both sides is told as the same"
    );
    let packages = &preview["packages"];
    assert_eq!(packages["changes"], serde_json::json!([]), "{packages:#}");
    assert!(packages["pathsBefore"].as_u64().unwrap() > 10);
}

/// What builds web in a plan that was kept, taken out of the store as Nix' collector does.
fn collect(scene: &Scene, file: &str) {
    let plan: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let drv = plan["hosts"][0]["drv"].as_str().unwrap();
    let mut delete = scene.lab.controller("nix-store");
    delete
        .args(["--delete", drv])
        .run(SOON)
        .unwrap()
        .ok()
        .unwrap();
    let mut look = scene.lab.controller("test");
    let there = look.args(["-e", drv]).run(SOON).unwrap();
    assert_eq!(there.code(), Some(1), "{drv} is gone");
}

#[test]
fn what_was_collected_since_is_made_again_and_has_to_be_the_same() {
    if !e2e_wanted("what_was_collected_since_is_made_again_and_has_to_be_the_same") {
        return;
    }
    let scene = Scene::plain();
    scene.deploy(&["web"], 0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.plan").display().to_string();
    let moment = moment();
    scene.greet(&format!("First at {moment}"));
    let plan = answer(&scene, &["plan", "web", "-o", &file, "--json"], 0);
    let wanted = plan["hosts"][0]["after"].as_str().unwrap().to_owned();
    collect(&scene, &file);
    let applied = scene.transact(&["apply", &file], 0);
    assert_eq!(applied.outcome("web"), "changed");
    assert!(applied.steps("web").contains(&"evaluate"));
    assert_eq!(systems(scene.web()), (wanted.clone(), wanted.clone()));

    // The repository says something else by now: what was planned cannot be made any more.
    scene.greet(&format!("Second at {moment}"));
    answer(&scene, &["plan", "web", "-o", &file, "--json"], 0);
    scene.greet(&format!("Third at {moment}"));
    collect(&scene, &file);
    let refused = scene.transact(&["apply", &file], 3);
    refused.expect_error("host-moved", "web");
    let title = refused.error()["title"].as_str().unwrap();
    assert!(title.contains("`drv`"), "{title}");
    assert_eq!(systems(scene.web()), (wanted.clone(), wanted));
}
