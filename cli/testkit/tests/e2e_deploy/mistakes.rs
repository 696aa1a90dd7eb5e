//! Mistakes in a repository, with real Nix: the user's own file and line, and no host touched.

use crate::scene::{Scene, WEB, untouched};
use infra_testkit::{Run, e2e_wanted};

/// The first line with the text, counted from 1.
fn line_of(scene: &Scene, file: &str, text: &str) -> u64 {
    let content = std::fs::read_to_string(scene.repo.path().join(file)).unwrap();
    let at = content
        .lines()
        .position(|line| line.contains(text))
        .unwrap();
    at as u64 + 1
}

#[test]
fn errors_of_nix_point_at_the_users_file_and_line() {
    if !e2e_wanted("errors_of_nix_point_at_the_users_file_and_line") {
        return;
    }
    let scene = Scene::plain();
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    // name, lines added to the configuration, code, words of the cause
    let cases = [
        (
            "syntax",
            "  networking.domain = ;",
            "nix-syntax",
            "syntax error",
        ),
        (
            "variable",
            "  time.timeZone = nowhere;",
            "nix-evaluation",
            "undefined variable",
        ),
        (
            "throw",
            "  networking.domain = throw \"not yet decided\";",
            "nix-evaluation",
            "not yet decided",
        ),
        (
            "unknown option",
            "  services.openssh.prots = [ 22 ];",
            "nix-evaluation",
            "services.openssh.prots",
        ),
        (
            "type",
            "  networking.firewall.allowedUDPPorts = [ \"ntp\" ];",
            "nix-evaluation",
            "is not of type",
        ),
        (
            "assertion",
            "  assertions = [ { assertion = false; message = \"web needs a certificate\"; } ];",
            "nix-evaluation",
            "web needs a certificate",
        ),
    ];
    for (name, lines, code, words) in cases {
        scene.repo.write(WEB, &good).unwrap();
        scene.add(WEB, lines);
        let deployed = scene.deploy(&["web"], 3);
        deployed.expect_error(code, "web");
        let error = deployed.error();
        assert!(
            error["cause"].as_str().unwrap().contains(words),
            "{name}: {error:#}"
        );
        // Neither an unknown option nor an assertion knows a line of its own in every version of nixpkgs; the others do.
        if ["syntax", "variable", "throw", "type"].contains(&name) {
            assert_eq!(error["where"]["file"], WEB, "{name}: {error:#}");
            assert_eq!(
                error["where"]["line"],
                line_of(&scene, WEB, lines.trim()),
                "{name}: {error:#}"
            );
        }
        assert!(
            !error["cause"].as_str().unwrap().contains("-source/hosts"),
            "{name}: {error:#}"
        );
    }
    assert!(untouched(scene.web()));
}

#[test]
fn files_outside_the_hosts_tree() {
    if !e2e_wanted("files_outside_the_hosts_tree") {
        return;
    }
    let scene = Scene::plain();
    let good = std::fs::read_to_string(scene.repo.path().join(WEB)).unwrap();
    scene.repo.write("hosts/db/extra.nix", "{ }\n").unwrap();
    scene.add(WEB, "  imports = [ ../db/extra.nix ];");
    let deployed = scene.deploy(&["web"], 3);
    deployed.expect_error("outside-tree", "web");
    assert!(
        deployed.error()["fix"]
            .as_str()
            .unwrap()
            .contains("modules/"),
        "{:#}",
        deployed.error()
    );

    scene.repo.write(WEB, &good).unwrap();
    scene.add(
        WEB,
        "  environment.etc.outside.text = builtins.readFile /etc/hostname;",
    );
    scene
        .deploy(&["web"], 3)
        .expect_error("outside-tree", "web");

    scene.repo.write(WEB, &good).unwrap();
    scene.repo.write(".gitignore", "*.secret.nix\n").unwrap();
    scene
        .repo
        .write_untracked("hosts/web/my.secret.nix", "{ }\n")
        .unwrap();
    scene.add(WEB, "  imports = [ ./my.secret.nix ];");
    scene
        .deploy(&["web"], 3)
        .expect_error("ignored-file", "web");

    // A file that Git has merely not been told of is a file like any other.
    scene.repo.write(WEB, &good).unwrap();
    scene
        .repo
        .write_untracked("hosts/web/extra.nix", "{ }\n")
        .unwrap();
    scene.add(WEB, "  imports = [ ./extra.nix ];");
    assert_eq!(scene.deploy(&["web"], 0).outcome("web"), "changed");
}

#[test]
fn a_build_that_fails() {
    if !e2e_wanted("a_build_that_fails") {
        return;
    }
    let scene = Scene::plain();
    scene.add(
        WEB,
        "  environment.etc.broken.source = pkgs.runCommand \"broken\" { } \"echo the compiler says no; exit 7\";",
    );
    let deployed = scene.deploy(&["--all"], 1);
    assert_eq!(
        (deployed.outcome("web"), deployed.outcome("db")),
        ("failed", "changed")
    );
    deployed.expect_error("build-failed", "web");
    assert!(
        deployed.error()["cause"]
            .as_str()
            .unwrap()
            .contains("the compiler says no"),
        "{:#}",
        deployed.error()
    );
    assert!(untouched(scene.web()));
}

#[test]
fn a_repository_that_cannot_be_written() {
    if !e2e_wanted("a_repository_that_cannot_be_written") {
        return;
    }
    let scene = Scene::plain();
    // Nothing of a deployment is written into the repository.
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && ! touch \"$1/x\" 2>/dev/null && exec \"$2\" -C \"$1\" deploy web --json";
    let finished = scene
        .lab
        .controller("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(scene.repo.path())
        .arg(infra_testkit::infra_binary())
        .run(crate::scene::SOON)
        .unwrap();
    assert_eq!(
        finished.code(),
        Some(0),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    assert!(!untouched(scene.web()));
}

#[test]
fn nix_is_missing_on_this_machine() {
    if !e2e_wanted("nix_is_missing_on_this_machine") {
        return;
    }
    let scene = Scene::plain();
    let finished = scene
        .command(&["deploy", "web"])
        .env("PATH", "/usr/bin:/bin")
        .run(crate::scene::SOON)
        .unwrap();
    assert_eq!(finished.code(), Some(2));
    assert!(
        finished
            .stderr
            .contains("error[missing-program]: `nix` is not installed"),
        "{}",
        finished.stderr
    );
    assert!(untouched(scene.web()));
}
