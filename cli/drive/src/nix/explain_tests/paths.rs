//! Files that an evaluation does not see: outside the tree, ignored, behind links; and the names that files have in errors.

use super::*;

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
