//! What stops nothing, but should be known: for people on standard error, for programs in the answer.

use crate::env::{Env, shows};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
const LOCK: &str = r#"{"nodes":{
  "own":{"locked":{"type":"path","path":"/nowhere/own","narHash":"sha256-d"},"original":{"type":"path","path":"/nowhere/own"}},
  "root":{"inputs":{"own":"own"}}},"root":"root","version":7}"#;

#[test]
fn files_and_inputs_that_cost_are_told_once_for_all_hosts() {
    let env = Env::pair();
    env.write("modules/logo.png", POINTER);
    env.write("flake.lock", LOCK);
    shows!(env, ["eval", "--all"], @"
    exit 0
    --- stdout
    HOST  SYSTEM                                           DERIVATION
    db    /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db   /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db.drv
    web   /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web  /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web.drv
    --- stderr
      evaluate  db  [time]
      evaluate  web  [time]
    warning[path-input]: input `own` is a folder of this machine: /nowhere/own
      --> flake.nix
      cause: Nix reads all of it in every evaluation of every host, other machines do not have it, and what changes in it counts only after `nix flake update own`
      fix: move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///nowhere/own or git+ssh://…)

    warning[lfs-pointer]: modules/logo.png is a pointer of Git LFS, not the file it stands for
      --> modules/logo.png
      cause: it was never fetched; an evaluation reads the pointer as it lies there
      fix: git lfs pull
    ");
    shows!(env, ["eval", "--all", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"eval","hosts":[{"name":"db","treeId":"25be5422fc156a9b7f4894d21c51ddf74abee9e8","cached":false,"drvPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db.drv","outPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db","seconds":[time],"peakBytes":null},{"name":"web","treeId":"082500b2a0c5c3cb0b09a5c2bd9701f18280bb1a","cached":false,"drvPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web.drv","outPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web","seconds":[time],"peakBytes":null}],"errors":[],"warnings":[{"code":"path-input","title":"input `own` is a folder of this machine: /nowhere/own","cause":"Nix reads all of it in every evaluation of every host, other machines do not have it, and what changes in it counts only after `nix flake update own`","where":{"file":"flake.nix"},"fix":"move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///nowhere/own or git+ssh://…)"},{"code":"lfs-pointer","title":"modules/logo.png is a pointer of Git LFS, not the file it stands for","cause":"it was never fetched; an evaluation reads the pointer as it lies there","where":{"file":"modules/logo.png"},"fix":"git lfs pull"}]}
    --- stderr
      evaluate  db  [time]
      evaluate  web  [time]
    "#);
    // The streams of a build and a deployment end with them, too.
    for command in ["build", "deploy"] {
        let told = env.run(&[command, "web", "--json"]);
        let answer = format!(r#""command":"{command}","hosts":[{{"#);
        let last = told
            .lines()
            .find(|line| line.contains(&answer) && line.contains(r#""errors""#));
        assert!(
            last.is_some_and(|line| line.contains(r#""warnings":[{"code":"path-input""#)),
            "{told}"
        );
    }
}

/// The lines of `infra doctor` about inputs.
fn doctor(env: &Env) -> String {
    let told = env.run(&["doctor"]);
    let lines: Vec<&str> = told.lines().collect();
    let about = ["flake.lock:", "inputs:", "git:"];
    let mut kept = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if about.iter().any(|word| line.contains(&format!(" {word}"))) {
            kept.push(*line);
            kept.extend(lines.get(at + 1).filter(|next| next.contains("fix: ")));
        }
    }
    kept.retain(|line| !line.contains("git version"));
    kept.join("\n")
}

#[test]
fn doctor_compares_the_lock_with_the_flake() {
    let declared = |text: &str| {
        let env = Env::pair().set("FAKE_DECLARED", text);
        env.write("flake.lock", LOCK);
        doctor(&env)
    };
    let own =
        r#""own":{"ref":{"type":"path","path":"/nowhere/own"},"follows":null,"overrides":{}}"#;
    let disko = r#""disko":{"ref":null,"follows":null,"overrides":{}}"#;
    let broken = Env::pair();
    broken.write("flake.lock", "{\n<<<<<<< HEAD\n");
    let all = [
        declared(&format!("{{{own}}}")),
        declared(&format!("{{{own},{disko}}}")),
        declared("{}"),
        declared("nonsense"),
        doctor(&Env::pair()),
        doctor(&broken),
        {
            let env = Env::pair().without_nix();
            env.write("flake.lock", &LOCK.replace("/nowhere/own", "./own"));
            doctor(&env)
        },
    ];
    insta::assert_snapshot!(all.join("\n---\n"), @"
         ok  flake.lock: fits flake.nix, inputs locked: 1
    warning  inputs: input `own` is a folder of this machine: /nowhere/own
             fix: move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///nowhere/own or git+ssh://…)
    ---
     failed  flake.lock: flake.lock does not fit flake.nix: input `disko`
             fix: nix flake lock
    warning  inputs: input `own` is a folder of this machine: /nowhere/own
             fix: move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///nowhere/own or git+ssh://…)
    ---
     failed  flake.lock: flake.lock does not fit flake.nix: input `own`
             fix: nix flake lock
    warning  inputs: input `own` is a folder of this machine: /nowhere/own
             fix: move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///nowhere/own or git+ssh://…)
    ---
     failed  flake.lock: the inputs that flake.nix declares cannot be read
             fix: see what Nix says: nix flake metadata
    warning  inputs: input `own` is a folder of this machine: /nowhere/own
             fix: move it into a shared folder of the repository (path:./modules/own), or keep it in Git (git+file:///nowhere/own or git+ssh://…)
    ---
     failed  flake.lock: there is no flake.lock
             fix: nix flake lock
    ---
     failed  flake.lock: flake.lock cannot be read
             fix: resolve a merge that went wrong (git checkout HEAD -- flake.lock), or remove the file and lock anew: nix flake lock
    ---
    warning  flake.lock: not compared with flake.nix: there is no Nix
    ");
}
