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
        stale: &[],
    };
    tell(&explain.evaluation(&log))
}

/// A failure of a repository with this lock file, while Nix was doing these things.
fn input_failure(lock: &str, text: &str, doing: &[&str]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join("hosts/web")).expect("writable");
    fs::write(dir.path().join("flake.nix"), "{ }").expect("writable");
    if !lock.is_empty() {
        fs::write(dir.path().join("flake.lock"), lock).expect("writable");
    }
    let repo = Repo::find(dir.path()).expect("a repository");
    let trace: Vec<_> = doing
        .iter()
        .map(
            |what| serde_json::json!({"file": null, "line": null, "column": null, "raw_msg": what}),
        )
        .collect();
    let mut log = Log::default();
    log.read(&format!(
        "@nix {}",
        serde_json::json!({"action": "msg", "level": 0, "msg": text, "raw_msg": text, "trace": trace})
    ));
    let host = web();
    let explain = Explain {
        repo: &repo,
        host: &host,
        stale: &[],
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
    [outside-tree] the configuration of web reads /etc/hosts, outside the repository
    at hosts/web/configuration.nix:5:15 |   imports = [ ./extra.nix ];
    hosts/web/configuration.nix:5:15 asks for it; an evaluation reads what is in the repository, so that it comes out the same on every machine
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
        stale: &[],
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
    [input-unreachable] the configuration of web needs https://x, which cannot be fetched
    at  | 
    unable to download 'https://x': Could not resolve hostname
    fix: connect to the network once, so that Nix can fetch what is not in its store yet (all inputs at once: nix flake archive)
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

const LOCK: &str = r#"{"nodes":{
  "nixpkgs":{"locked":{"type":"github","owner":"NixOS","repo":"nixpkgs","rev":"aaaa"},"original":{"type":"github","owner":"NixOS","repo":"nixpkgs"}},
  "own":{"locked":{"type":"path","path":"/srv/own","narHash":"sha256-d"},"original":{"type":"path","path":"/srv/own"}},
  "root":{"inputs":{"nixpkgs":"nixpkgs","own":"own"}}},"root":"root","version":7}"#;

/// Texts of Nix 2.34.8, made shorter.
#[test]
fn locks_that_do_not_fit_name_the_input() {
    let offline = "unable to download 'https://x/commits/HEAD': Could not resolve hostname (6) Could not resolve host: x";
    let locking = [
        "while fetching the input 'github:nix-community/disko'",
        "while updating the flake input 'disko/nixpkgs'",
        "while updating the lock file of flake 'git+file:///x?rev=1'",
    ];
    let unreadable = "Could not parse '«git+file:///x»/flake.lock': parse error";
    let changed = "NAR hash mismatch in input 'path:/srv/own?narHash=sha256-d', expected 'sha256-e' but got 'sha256-d'";
    let all = [
        input_failure(LOCK, offline, &locking),
        input_failure("", offline, &locking),
        input_failure("{\n", unreadable, &[]),
        input_failure(LOCK, changed, &[]),
    ];
    insta::assert_snapshot!(all.join("\n---\n"), @"
    [lock-out-of-date] flake.lock does not fit flake.nix: input `disko`
    at flake.lock | 
    input `disko` is not locked yet; evaluations never write the lock file
    Nix tried to look it up, and: unable to download 'https://x/commits/HEAD': Could not resolve hostname (6) Could not resolve host: x
    fix: nix flake lock, with a network
    ---
    [lock-out-of-date] there is no flake.lock
    at flake.lock | 
    inputs are locked once, so that all evaluations agree on them; evaluations never write the lock file
    Nix tried to look it up, and: unable to download 'https://x/commits/HEAD': Could not resolve hostname (6) Could not resolve host: x
    fix: nix flake lock, with a network
    ---
    [lock-out-of-date] flake.lock cannot be read
    at flake.lock:2 | 
    EOF while parsing an object at line 2 column 0
    fix: resolve a merge that went wrong (git checkout HEAD -- flake.lock), or remove the file and lock anew: nix flake lock
    ---
    [lock-out-of-date] input `own` has changed since it was locked
    at flake.lock | 
    NAR hash mismatch in input 'path:/srv/own?narHash=sha256-d', expected 'sha256-e' but got 'sha256-d'
    fix: take what is there now: nix flake update own
    ");
}

#[test]
fn inputs_that_cannot_be_had_are_named() {
    let archive = "Failed to open archive (Source threw exception: error: unable to download 'https://x/aaaa.tar.gz': Could not resolve hostname)";
    let fetching = |text: &str, reference: &str| {
        let doing = format!("while fetching the input '{reference}'");
        input_failure(LOCK, text, &[&doing])
    };
    let all = [
        fetching(archive, "github:NixOS/nixpkgs/aaaa?narHash=sha256-x"),
        fetching(
            "Failed to fetch git repository 'ssh://git@x/y.git'",
            "git+ssh://git@x/y.git?rev=1&shallow=1",
        ),
        fetching("HTTP error 404", "github:NixOS/nixpkgs/aaaa"),
        fetching(
            "path '//srv/own' does not exist",
            "path:/srv/own?narHash=sha256-d",
        ),
        input_failure(LOCK, "executing 'git': No such file or directory", &[]),
    ];
    insta::assert_snapshot!(all.join("\n---\n"), @"
    [input-unreachable] input `nixpkgs` of the flake cannot be fetched
    at flake.lock | 
    Failed to open archive (Source threw exception: error: unable to download 'https://x/aaaa.tar.gz': Could not resolve hostname)
    fix: connect to the network once, so that Nix can fetch what is not in its store yet (all inputs at once: nix flake archive)
    ---
    [input-unreachable] input git+ssh://git@x/y.git of the flake cannot be fetched
    at flake.lock | 
    Failed to fetch git repository 'ssh://git@x/y.git'
    fix: connect to the network once, so that Nix can fetch what is not in its store yet (all inputs at once: nix flake archive)
    ---
    [input-unreachable] input `nixpkgs` of the flake cannot be fetched
    at flake.lock | 
    HTTP error 404
    fix: see that its address is right and that you may read it
    ---
    [input-unreachable] input `own` cannot be read: it is the folder /srv/own of the machine it was locked on
    at flake.lock | 
    path '//srv/own' does not exist
    fix: move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///srv/own or git+ssh://…)
    ---
    [missing-program] this Nix needs `git`, which is not installed on this machine
    at  | 
    executing 'git': No such file or directory
    fix: install git, or Nix 2.20 or later, which reads Git repositories itself
    ");
}

#[test]
fn a_nix_that_only_prints_that_git_is_missing() {
    let told = evaluation(&["error: executing 'git': No such file or directory".to_owned()]);
    assert!(
        told.starts_with("[missing-program] this Nix needs `git`"),
        "{told}"
    );
}

#[test]
fn links_absolute_paths_and_empty_folders_are_seen_through() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().canonicalize().expect("exists");
    let own = root.join("hosts/web");
    fs::create_dir_all(own.join("empty")).expect("writable");
    fs::create_dir_all(root.join("hosts/db")).expect("writable");
    fs::write(root.join("flake.nix"), "{ }").expect("writable");
    fs::write(root.join("hosts/db/x.nix"), "{ }").expect("writable");
    std::os::unix::fs::symlink("../db/x.nix", own.join("l.nix")).expect("writable");
    std::os::unix::fs::symlink("nowhere", own.join("d.nix")).expect("writable");
    let configuration = format!(
        "[\n ./l.nix\n ./d.nix\n ./empty\n {0}/hosts/web/configuration.nix\n {0}/hosts/db/x.nix\n]\n",
        root.display()
    );
    fs::write(own.join("configuration.nix"), configuration).expect("writable");
    let repo = Repo::find(&root).expect("a repository");
    let host = web();
    let explain = Explain {
        repo: &repo,
        host: &host,
        stale: &[],
    };
    let told = |text: &str| {
        let mut log = Log::default();
        log.read(&message(text, None, &[]));
        let told = tell(&explain.evaluation(&log));
        told.replace(&*root.to_string_lossy(), "[repo]")
    };
    let missing = |file: &str| told(&format!("path '{SOURCE}/{file}' does not exist"));
    let forbidden = |file: &str| {
        let path = root.join(file);
        told(&format!(
            "access to absolute path '{}' is forbidden in pure evaluation mode",
            path.display()
        ))
    };
    let all = [
        missing("hosts/db/x.nix"),
        missing("hosts/web/nowhere"),
        missing("hosts/web/empty"),
        forbidden("hosts/web/configuration.nix"),
        told("access to absolute path '/nix/store/outside' is forbidden in pure evaluation mode"),
    ];
    insta::assert_snapshot!(all.join("\n---\n"), @"
    [outside-tree] hosts/db/x.nix is not part of what web may read
    at hosts/web/configuration.nix:2:2 |  ./l.nix
    hosts/web/configuration.nix:2:2 asks for it through the link hosts/web/l.nix; it belongs to host `db`, and a host reads no other host's folder
    fix: move what both need to a shared folder, for example modules/, and import it from there in web and db
    ---
    [nix-evaluation] hosts/web/d.nix is a link to hosts/web/nowhere, which does not exist
    at hosts/web/configuration.nix:3:2 |  ./d.nix
    hosts/web/configuration.nix:3:2 asks for it
    fix: let the link point at a file that exists, or put the file there
    ---
    [outside-tree] the folder hosts/web/empty is empty, and host trees (as Git) have no empty folders
    at hosts/web/configuration.nix:4:2 |  ./empty
    hosts/web/configuration.nix:4:2 asks for it
    fix: put a file into it, for example hosts/web/empty/.keep
    ---
    [outside-tree] hosts/web/configuration.nix is asked for by an absolute path
    at hosts/web/configuration.nix:5:2 |  [repo]/hosts/web/configuration.nix
    hosts/web/configuration.nix:5:2 asks for it; an evaluation reads a copy of the repository, not the folder on this machine
    fix: write the path relative to the file (or the link) that it stands in
    ---
    [outside-tree] the configuration of web reads a path outside the repository
    at  | 
    a path with `..` leads out of the repository
    fix: copy the file into the host's folder, or into a shared one such as modules/
    ");
    std::os::unix::fs::symlink("../elsewhere", root.join("modules")).expect("writable");
    let climbs =
        told("access to absolute path '/nix/store/elsewhere' is forbidden in pure evaluation mode");
    assert!(climbs.contains("the link modules leads out"), "{climbs}");
    let other = forbidden("hosts/db/x.nix");
    assert!(other.contains("it belongs to host `db`"), "{other}");
}
