//! What users are told, for logs that real versions of Nix wrote.

use super::Explain;
use crate::nix::log::Log;
use crate::nix::store_faults::{build, copy};
use crate::repo::Repo;
use infra_model::host::HostDefaults;
use infra_model::{Diagnostic, HostName, HostSpec, StorePath};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

const SOURCE: &str = "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-source";

fn tell(fault: &Diagnostic) -> String {
    let place = fault.place.as_ref();
    format!(
        "[{}] {}\nat {} | {}\n{}\nfix: {}",
        fault.code.name(),
        fault.title,
        place.map(ToString::to_string).unwrap_or_default(),
        place.and_then(|p| p.excerpt.clone()).unwrap_or_default(),
        fault.cause.clone().unwrap_or_default(),
        fault.fix.clone().unwrap_or_default()
    )
}

/// Host web, which lists no shared folders.
fn web() -> HostSpec {
    let name = HostName::parse("web").expect("a name");
    let text = "class = \"nixos\"\nsystem = \"x86_64-linux\"";
    HostSpec::parse(&name, "f", text, &HostDefaults::default()).expect("valid")
}

fn evaluation(lines: &[String]) -> String {
    evaluation_in("", lines)
}

/// An evaluation of a repository that is a folder of a Git work tree, or (with no folder) is one of its own.
fn evaluation_in(folder: &str, lines: &[String]) -> String {
    let tree = tempfile::tempdir().expect("a folder");
    if !folder.is_empty() {
        fs::create_dir(tree.path().join(".git")).expect("writable");
    }
    let dir = tree.path().join(folder);
    let write = |file: &str, text: &str| {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        fs::write(path, text).expect("writable");
    };
    write("flake.nix", "{ }\n");
    write(
        "hosts/web/configuration.nix",
        "{ pkgs, ... }:\n{\n  # ports = 1;\n  services.openssh.ports = \"22\";\n  imports = [ ./extra.nix ];\n}\n",
    );
    write("hosts/web/extra.nix", "{ }\n");
    write("hosts/db/secret.nix", "{ }\n");
    let repo = Repo::find(&dir).expect("a repository");
    let host = web();
    let mut log = Log::default();
    for line in lines {
        log.read(line);
    }
    let explain = Explain {
        repo: &repo,
        host: &host,
    };
    tell(&explain.evaluation(&log))
}

fn message(text: &str, own: Option<&str>, trace: &[(&str, &str)]) -> String {
    let split = |at: &str| {
        let mut parts = at.rsplitn(3, ':');
        let column: usize = parts.next().expect("a column").parse().expect("a number");
        let line: usize = parts.next().expect("a line").parse().expect("a number");
        (parts.next().expect("a file").to_owned(), line, column)
    };
    let frame = |at: &str, what: &str| {
        let (file, line, column) = split(at);
        serde_json::json!({"file": format!("{SOURCE}/{file}:{line}:{column}"), "line": line, "column": column, "raw_msg": what})
    };
    let trace: Vec<_> = trace.iter().map(|(at, what)| frame(at, what)).collect();
    let mut json = serde_json::json!({"action": "msg", "level": 0, "msg": text, "raw_msg": text, "trace": trace});
    if let Some(at) = own {
        let own = frame(at, "");
        for key in ["file", "line", "column"] {
            json[key] = own[key].clone();
        }
    }
    format!("@nix {json}")
}

#[test]
fn syntax_errors_point_at_the_users_line() {
    let log = message(
        "syntax error, unexpected ';'",
        Some("hosts/web/configuration.nix:4:3"),
        &[("lib/modules.nix:10:1", "while calling the 'import' builtin")],
    );
    insta::assert_snapshot!(evaluation(&[log]), @r#"
    [nix-syntax] a Nix file does not parse
    at hosts/web/configuration.nix:4:3 |   services.openssh.ports = "22";
    syntax error, unexpected ';'
    fix: correct the configuration at this place
    "#);
}

#[test]
fn a_repository_may_be_a_folder_of_a_work_tree_and_have_spaces() {
    let wrong_type = message(
        &format!(
            "A definition for option `services.openssh.ports' is not of type `port'. Definition values:\n- In `{SOURCE}/hosts/web/configuration.nix': \"22\""
        ),
        None,
        &[("hosts/web/extra.nix:1:1", "while calling")],
    );
    insta::assert_snapshot!(evaluation_in("my infra", &[wrong_type]), @r#"
    [nix-evaluation] the configuration of web does not evaluate
    at hosts/web/configuration.nix:4:20 |   services.openssh.ports = "22";
    A definition for option `services.openssh.ports' is not of type `port'. Definition values:
    - In `hosts/web/configuration.nix': "22"
    from hosts/web/extra.nix:1:1 while calling
    fix: give a value of the type the option asks for
    "#);
}

#[test]
fn frames_of_the_user_come_first_and_ours_not_at_all() {
    let log = message(
        "undefined variable 'foo'",
        Some("lib/strings.nix:5:5"),
        &[
            (
                "nix/eval/hosts.nix:3:3",
                "while evaluating the attribute 'system'",
            ),
            (
                "hosts/web/configuration.nix:5:3",
                "while evaluating the attribute 'imports'",
            ),
        ],
    );
    insta::assert_snapshot!(evaluation(&[log]), @"
    [nix-evaluation] the configuration of web does not evaluate
    at hosts/web/configuration.nix:5:3 |   imports = [ ./extra.nix ];
    undefined variable 'foo'
    fix: correct the name, or add it to the arguments of the file
    ");
}

#[test]
fn option_errors_find_the_line_that_sets_the_option() {
    let text = format!(
        "A definition for option `services.openssh.ports' is not of type `list of 16 bit unsigned integer'. Definition values:\n- In `{SOURCE}/hosts/web/configuration.nix': \"22\""
    );
    insta::assert_snapshot!(evaluation(&[message(&text, None, &[])]), @r#"
    [nix-evaluation] the configuration of web does not evaluate
    at hosts/web/configuration.nix:4:20 |   services.openssh.ports = "22";
    A definition for option `services.openssh.ports' is not of type `list of 16 bit unsigned integer'. Definition values:
    - In `hosts/web/configuration.nix': "22"
    fix: give a value of the type the option asks for
    "#);
}

#[test]
fn an_entry_of_a_list_is_found_where_the_list_is_set() {
    let text = format!(
        "A definition for option `services.openssh.ports.\"[definition 1-entry 1]\"' is not of type `16 bit unsigned integer'. Definition values:\n- In `{SOURCE}/hosts/web/configuration.nix': \"22\""
    );
    let told = evaluation(&[message(&text, None, &[])]);
    assert!(
        told.contains("at hosts/web/configuration.nix:4:20 "),
        "{told}"
    );
}

#[test]
fn files_outside_the_tree_say_why_and_what_to_do() {
    let missing = |file: &str| {
        let text = format!("path '{SOURCE}/{file}' does not exist");
        evaluation(&[message(
            &text,
            Some("hosts/web/configuration.nix:5:15"),
            &[],
        )])
    };
    insta::assert_snapshot!(missing("hosts/db/secret.nix"), @"
    [outside-tree] hosts/db/secret.nix is not part of what web may read
    at hosts/web/configuration.nix:5:15 |   imports = [ ./extra.nix ];
    hosts/web/configuration.nix:5:15 asks for it; it belongs to host `db`, and a host reads no other host's folder
    fix: move what both need to a shared folder, for example modules/, and import it from there in web and db
    ");
    insta::assert_snapshot!(missing("hosts/web/extra.nix"), @"
    [ignored-file] hosts/web/extra.nix exists, but Git ignores it, so no evaluation sees it
    at hosts/web/configuration.nix:5:15 |   imports = [ ./extra.nix ];
    hosts/web/configuration.nix:5:15 asks for it
    fix: take it out of .gitignore, or track it all the same: git add --force hosts/web/extra.nix
    ");
    insta::assert_snapshot!(missing("hosts/web/nowhere.nix"), @"
    [nix-evaluation] the configuration of web does not evaluate
    at hosts/web/configuration.nix:5:15 |   imports = [ ./extra.nix ];
    path 'hosts/web/nowhere.nix' does not exist
    fix: correct the configuration at this place
    ");
    let forbidden = message(
        "access to absolute path '/etc/hosts' is forbidden in pure evaluation mode (use '--impure' to override)",
        None,
        &[(
            "hosts/web/configuration.nix:5:15",
            "while calling the 'readFile' builtin",
        )],
    );
    insta::assert_snapshot!(evaluation(&[forbidden]), @"
    [outside-tree] the configuration of web reads a path outside the repository
    at hosts/web/configuration.nix:5:15 |   imports = [ ./extra.nix ];
    access to absolute path '/etc/hosts' is forbidden in pure evaluation mode (use '--impure' to override)
    fix: copy the file into the host's folder, or into a shared one such as modules/
    ");
    let lock = message(
        "flake 'x' requires lock file changes but they're not allowed due to '--no-update-lock-file'",
        None,
        &[],
    );
    insta::assert_snapshot!(evaluation(&[lock]), @"
    [lock-out-of-date] there is no flake.lock
    at flake.lock | 
    inputs are locked once, so that all evaluations agree on them; evaluations never write the lock file
    fix: nix flake lock
    ");
}

#[test]
fn a_work_tree_as_it_lies_there_has_the_users_names() {
    // The repository of this test is in a folder of its own, which `evaluation` makes; an error names it as Nix does for a dirty tree.
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join("hosts/web")).expect("writable");
    fs::write(dir.path().join("flake.nix"), "{ }").expect("writable");
    fs::write(
        dir.path().join("hosts/web/configuration.nix"),
        "{\n  a = ;\n}\n",
    )
    .expect("writable");
    let repo = Repo::find(dir.path()).expect("a repository");
    let host = web();
    let file = format!("{}/hosts/web/configuration.nix", repo.root().display());
    let mut log = Log::default();
    log.read(&format!(
        "@nix {}",
        serde_json::json!({"action": "msg", "level": 0, "msg": "x", "raw_msg": format!("syntax error in {file}"), "file": file, "line": 2, "column": 7})
    ));
    let explain = Explain {
        repo: &repo,
        host: &host,
    };
    insta::assert_snapshot!(tell(&explain.evaluation(&log)), @"
    [nix-syntax] a Nix file does not parse
    at hosts/web/configuration.nix:2:7 |   a = ;
    syntax error in hosts/web/configuration.nix
    fix: correct the configuration at this place
    ");
}

#[test]
fn what_our_own_nix_code_refuses_arrives_whole() {
    let text = "infra: host `web` has no configuration\n  cause: the file is absent\n  where: hosts/web/configuration.nix\n  fix: create it\n  code: missing-file\n\
                infra: unknown key `x` in hosts/web/host.toml\n  where: hosts/web/host.toml\n  fix: remove it\n  code: unknown-key";
    insta::assert_snapshot!(evaluation(&[message(text, None, &[])]), @"
    [missing-file] host `web` has no configuration
    at hosts/web/configuration.nix | 
    the file is absent
    also: unknown key `x` in hosts/web/host.toml (fix: remove it)
    fix: create it
    ");
    // A text that only looks like it is an ordinary error.
    let other = evaluation(&[message("infra: something of the user's own", None, &[])]);
    assert!(other.starts_with("[nix-evaluation]"), "{other}");
}

#[test]
fn sources_that_were_not_copied_have_names_too() {
    let virtual_file = |file: &str| format!("«git+file:///srv/fleet?rev=1»/{file}");
    let text = format!(
        "path '{}' does not exist (asked for by {}:5:3)",
        virtual_file("hosts/web/nowhere.nix"),
        virtual_file("hosts/web/configuration.nix")
    );
    insta::assert_snapshot!(evaluation(&[message(&text, None, &[])]), @"
    [nix-evaluation] the configuration of web does not evaluate
    at  | 
    path 'hosts/web/nowhere.nix' does not exist (asked for by hosts/web/configuration.nix:5:3)
    fix: correct the configuration
    ");
}

#[test]
fn other_failures_have_texts_of_their_own() {
    let missing = message(
        "flake 'git+file:///x' does not provide attribute 'packages.x86_64-linux.infra.hosts.\"web\".system' or 'infra.hosts.\"web\".system'",
        None,
        &[],
    );
    let offline = message(
        "unable to download 'https://x': Could not resolve hostname",
        None,
        &[],
    );
    let all = [
        evaluation(&[missing]),
        evaluation(&[offline]),
        evaluation(&["bash: something else".to_owned()]),
        evaluation(&[]),
    ];
    insta::assert_snapshot!(all.join("\n---\n"), @r#"
    [schema-mismatch] the flake has no output for host web
    at flake.nix | 
    flake 'git+file:///x' does not provide attribute 'packages.x86_64-linux.infra.hosts."web".system' or 'infra.hosts."web".system'
    fix: let flake.nix say: outputs = inputs: inputs.infra.lib.mkInfra { inherit inputs; root = ./.; }; and if it does, track the host's folder (git add)
    ---
    [nix-failure] an input of the flake cannot be fetched
    at flake.lock | 
    unable to download 'https://x': Could not resolve hostname
    fix: connect to the network once, so that Nix can fetch the inputs it does not have yet
    ---
    [nix-failure] Nix could not evaluate web
    at  | 
    bash: something else
    fix: see that Nix itself works: infra doctor
    ---
    [nix-failure] Nix could not evaluate web
    at  | 

    fix: see that Nix itself works: infra doctor
    "#);
}

#[test]
fn a_failed_build_names_what_failed_and_shows_its_last_lines() {
    let path = |name: &str| format!("/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}");
    let mut log = Log::default();
    for line in ["checking for cc... no", "the compiler says no"] {
        log.read(&format!(
            "@nix {}",
            serde_json::json!({"action": "result", "id": 7, "type": 101, "fields": [line]})
        ));
    }
    for (drv, reason) in [
        ("broken.drv", "builder failed with exit code 7"),
        ("system.drv", "1 dependency failed"),
    ] {
        let text = format!(
            "Cannot build '{}'.\nReason: {reason}.\nOutput paths:\n  x",
            path(drv)
        );
        log.read(&message(&text, None, &[]));
    }
    let drv = StorePath::parse(&path("system.drv")).expect("a store path");
    insta::assert_snapshot!(tell(&build(&drv, &log, ExitStatus::from_raw(256))), @"
    [build-failed] broken does not build
    at  | 
    checking for cc... no
    the compiler says no
    Reason: builder failed with exit code 7.
    fix: read the whole log: nix log /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-broken.drv
    ");
}

#[test]
fn copies_and_builds_fail_in_known_ways() {
    let path =
        StorePath::parse("/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-nixos-system-web-1.drv")
            .expect("a store path");
    let complaints = [
        "error: writing to file: No space left on device",
        "error: setting journal mode: database or disk is full",
        "cannot add path '/nix/store/x' because it lacks a signature by a trusted key",
        "bash: line 1: nix-daemon: command not found",
        "error: Nix daemon disconnected unexpectedly (maybe it crashed?)",
        "something new",
    ];
    let mut told = Vec::new();
    for complaint in complaints {
        let mut log = Log::default();
        log.read(complaint);
        let fault = copy(&path, &log, ExitStatus::from_raw(256));
        told.push(format!("copy [{}] {}", fault.code.name(), fault.title));
        let fault = build(&path, &log, ExitStatus::from_raw(256));
        told.push(format!("build [{}] {}", fault.code.name(), fault.title));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    copy [disk-full] the disk of the host is full
    build [disk-full] the disk of this machine is full
    copy [disk-full] the disk of the host is full
    build [disk-full] the disk of this machine is full
    copy [untrusted-user] the host's Nix does not trust the user we log in as
    build [build-failed] nixos-system-web-1 does not build
    copy [no-nix-on-host] there is no Nix on the host
    build [build-failed] nixos-system-web-1 does not build
    copy [connection-lost] the connection broke while copying
    build [build-failed] nixos-system-web-1 does not build
    copy [copy-failed] nixos-system-web-1.drv could not be copied
    build [build-failed] nixos-system-web-1 does not build
    ");
}
