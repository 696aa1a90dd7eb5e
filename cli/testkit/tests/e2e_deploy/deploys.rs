//! What a deployment does when all is well, and which part of it each goal leaves out.

use crate::scene::{DB, PLAIN, SOON, Scene, WEB, main_pid, systems};
use infra_testkit::{HostKind, Repo, Run, e2e_wanted, process};
use serde_json::Value;

#[test]
fn deploys_both_then_nothing_then_one() {
    if !e2e_wanted("deploys_both_then_nothing_then_one") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, HostKind::Systemd);
    let all_steps = [
        "evaluate", "survey", "build", "copy", "activate", "confirm", "commit",
    ];

    let first = scene.deploy(&["--all"], 0);
    for name in ["web", "db"] {
        assert_eq!(first.outcome(name), "changed");
        assert_eq!(first.steps(name), all_steps);
        let host = scene.lab.host(name);
        let (runs, boots) = systems(host);
        assert_eq!(first.host(name)["after"], runs.as_str());
        assert_eq!(runs, boots);
        // The host knows who it is.
        assert!(
            host.read_file("/etc/infra/host.json")
                .unwrap()
                .contains(name)
        );
    }
    let (web, db) = (main_pid(scene.web(), "web"), main_pid(scene.db(), "db"));

    let second = scene.deploy(&["--all"], 0);
    for name in ["web", "db"] {
        assert_eq!(second.outcome(name), "unchanged");
        assert_eq!(
            second.steps(name),
            ["evaluate", "survey"],
            "nothing is built, copied or activated"
        );
        assert_eq!(second.host(name)["before"], second.host(name)["after"]);
    }

    scene.greet("Good evening");
    let third = scene.deploy(&["web"], 0);
    assert_eq!(third.outcome("web"), "changed");
    assert!(
        third.events.iter().all(|event| event["host"] != "db"),
        "db is not even looked at"
    );
    let page = scene
        .lab
        .controller("busybox")
        .args(["wget", "-qO-", "http://web/"])
        .run(SOON)
        .unwrap();
    assert!(page.ok().unwrap().text().contains("Good evening"));
    assert_ne!(
        main_pid(scene.web(), "web"),
        web,
        "its service was restarted"
    );
    assert_eq!(main_pid(scene.db(), "db"), db, "the other host's was not");
    let generation = scene
        .web()
        .sh("readlink /nix/var/nix/profiles/system")
        .unwrap();
    assert_eq!(generation.trim(), "system-2-link");

    // What was done is remembered without asking the host.
    let info = scene.infra(&["info", "web", "--json"]).ok().unwrap();
    let info: Value = serde_json::from_str(info.text()).unwrap();
    let last = &info["hosts"][0]["lastDeployment"]["result"];
    assert_eq!(last["after"], systems(scene.web()).0.as_str());
}

#[test]
fn a_host_without_systemd_is_deployed_too() {
    if !e2e_wanted("a_host_without_systemd_is_deployed_too") {
        return;
    }
    let scene = Scene::plain();
    let deployed = scene.deploy(&["web"], 0);
    assert_eq!(deployed.outcome("web"), "changed");
    assert!(
        scene
            .web()
            .read_file("/etc/site/index.html")
            .unwrap()
            .contains("Hello from web")
    );
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "unchanged");
}

#[test]
fn goals_do_their_part_and_no_more() {
    if !e2e_wanted("goals_do_their_part_and_no_more") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    scene.deploy(&["web"], 0);
    let (old, _) = systems(scene.web());

    scene.greet("Dry");
    let dry = scene.deploy(&["web", "--goal", "dry-activate"], 0);
    assert_eq!(
        dry.steps("web"),
        ["evaluate", "survey", "build", "copy", "activate"]
    );
    let said = dry.events.iter().filter_map(|event| event["line"].as_str());
    assert!(
        said.into_iter().any(|line| line.contains("web.service")),
        "it says which unit it would restart"
    );
    assert_eq!(systems(scene.web()), (old.clone(), old.clone()));

    let test = scene.deploy(&["web", "--goal", "test"], 0);
    let (tested, boots) = systems(scene.web());
    assert_eq!(test.host("web")["after"], tested.as_str());
    assert_eq!(boots, old, "the boot default stays");

    // What was tested is made the boot default without being activated again.
    let switch = scene.deploy(&["web"], 0);
    assert_eq!(
        switch.steps("web"),
        ["evaluate", "survey", "build", "copy", "commit"]
    );
    assert_eq!(systems(scene.web()), (tested.clone(), tested.clone()));

    scene.greet("Next boot");
    scene.deploy(&["web", "--goal", "boot"], 0);
    let (runs, boots) = systems(scene.web());
    assert_eq!(runs, tested, "what runs stays");
    assert_ne!(boots, tested);

    let plan = scene.deploy(&["web", "--dry-run"], 0);
    assert_eq!(plan.steps("web"), ["evaluate", "survey"]);
    assert_eq!(systems(scene.web()), (runs, boots));
}

#[test]
fn hosts_build_for_themselves_and_for_others() {
    if !e2e_wanted("hosts_build_for_themselves_and_for_others") {
        return;
    }
    let scene = Scene::plain();
    let host = |build: &str| {
        format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\nbuild = \"{build}\"\n")
    };
    // What the host cannot get from anywhere else in this world without a network is there then.
    scene.deploy(&["web"], 0);
    scene
        .repo
        .write("hosts/web/host.toml", &host("target"))
        .unwrap();
    // The operator's store remembers what other runs built, so the greetings are this lab's own.
    let greeting = |place: &str| format!("Built on {place} for {}", scene.lab.tag());
    scene.greet(&greeting("the host"));
    let on_target = scene.deploy(&["web"], 0);
    assert_eq!(
        on_target.steps("web"),
        [
            "evaluate", "survey", "build", "activate", "confirm", "commit"
        ]
    );

    scene
        .repo
        .write("hosts/web/host.toml", &host("db"))
        .unwrap();
    scene.greet(&greeting("db"));
    let on_db = scene.deploy(&["web"], 0);
    assert_eq!(on_db.outcome("web"), "changed");
    assert!(
        scene
            .web()
            .read_file("/etc/site/index.html")
            .unwrap()
            .contains(&greeting("db"))
    );
    let built_there = scene
        .db()
        .sh("ls /nix/store | grep -c nixos-system-web")
        .unwrap();
    assert_ne!(built_there.trim(), "0", "db has what it built");
}

#[test]
fn commands_and_checks_reach_hosts() {
    if !e2e_wanted("commands_and_checks_reach_hosts") {
        return;
    }
    let scene = Scene::with(HostKind::Systemd, PLAIN);
    let exec = scene.infra(&[
        "exec",
        "--all",
        "--json",
        "--",
        "hostname;",
        "exit",
        "$(hostname | grep -c web)",
    ]);
    assert_eq!(exec.code(), Some(1), "one of two failed");
    let answer: Value = serde_json::from_str(exec.text()).unwrap();
    assert_eq!(answer["hosts"][0]["stdout"], "db\n");
    assert_eq!(
        (
            &answer["hosts"][0]["exitCode"],
            &answer["hosts"][1]["exitCode"]
        ),
        (&Value::from(0), &Value::from(1))
    );
    assert_eq!(answer["errors"][0]["host"], "web");

    let session = scene.infra(&["ssh", "web", "--", "echo over ssh; exit 0"]);
    assert_eq!((session.code(), session.text()), (Some(0), "over ssh"));

    let doctor = scene.infra(&["doctor", "--all"]);
    assert_eq!(doctor.code(), Some(0), "{}", doctor.stdout);
    assert!(
        doctor.stdout.contains("ok  web: nix: 2."),
        "{}",
        doctor.stdout
    );
}

#[test]
fn what_is_not_selected_is_not_evaluated() {
    if !e2e_wanted("what_is_not_selected_is_not_evaluated") {
        return;
    }
    let scene = Scene::plain();
    scene.repo.write(DB, "throw \"db is broken\"\n").unwrap();
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");
    // And selected together, the sound one is deployed all the same.
    scene.greet("Still here");
    let both = scene.deploy(&["--all"], 1);
    assert_eq!(
        (both.outcome("web"), both.outcome("db")),
        ("changed", "failed")
    );
    both.expect_error("nix-evaluation", "db");
    assert!(scene.repo.path().join(WEB).exists());
}

#[test]
fn listing_makes_no_process() {
    if !e2e_wanted("listing_makes_no_process") {
        return;
    }
    let repo = Repo::copy_of_example("pair").unwrap();
    // A process namespace counts from 1 and remembers its last number: every process and thread there ever was.
    let numbers = |command: &str| -> u64 {
        let script = format!("{command} >/dev/null && cat /proc/sys/kernel/ns_last_pid");
        let finished = process("unshare")
            .args(["--pid", "--fork", "--mount-proc", "sh", "-c", &script])
            .run(SOON)
            .unwrap();
        finished.ok().unwrap().text().parse().unwrap()
    };
    let infra = infra_testkit::infra_binary();
    let infra = format!("'{}' -C '{}'", infra.display(), repo.path().display());
    let one_process = numbers("/bin/true");
    for words in ["list --json", "list", "info web", "completions bash"] {
        assert_eq!(numbers(&format!("{infra} {words}")), one_process, "{words}");
    }
    assert!(
        numbers("sh -c '/bin/true; /bin/true'") > one_process,
        "the count can tell"
    );
}
