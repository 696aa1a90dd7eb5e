//! Inputs of the flake and its lock file.

use super::*;

const LOCK: &str = r#"{"nodes":{
  "nixpkgs":{"locked":{"type":"github","owner":"NixOS","repo":"nixpkgs","rev":"aaaa"},"original":{"type":"github","owner":"NixOS","repo":"nixpkgs"}},
  "own":{"locked":{"type":"path","path":"/srv/own","narHash":"sha256-d"},"original":{"type":"path","path":"/srv/own"}},
  "root":{"inputs":{"nixpkgs":"nixpkgs","own":"own"}}},"root":"root","version":7}"#;

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
