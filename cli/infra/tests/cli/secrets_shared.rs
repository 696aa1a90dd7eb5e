//! Secrets that hosts share, edited and imported with a fake nix and real keys: one file, for all who need it.

use crate::env::{Env, shows};
use serde_json::json;
use std::fs;

/// Keys of whoever runs infra and of each host, all different.
const KEYS: &str = r#"
mkdir -p "$HOME/.ssh" ../keys && for key in "$HOME/.ssh/id_ed25519" ../keys/web ../keys/db; do
  ssh-keygen -qt ed25519 -N '' -C '' -f "$key" || exit
done
cp ../keys/web.pub hosts/web/host.pub && cp ../keys/db.pub hosts/db/host.pub &&
printf 'admins = ["%s"]\n' "$(cat "$HOME/.ssh/id_ed25519.pub")" >infra.toml
"#;

fn env() -> Env {
    let env = Env::pair();
    let shared = json!({"secrets": {"both": {"scope": "shared", "check": {"minLength": 4}}}});
    env.contract("web", shared.clone());
    env.contract("db", shared);
    let made = env.in_shell(KEYS, &[]);
    assert!(made.status.success(), "{made:?}");
    env
}

/// What a host reads with its own key.
fn read_by(env: &Env, host: &str) -> String {
    let script = format!("HOME=/none INFRA_IDENTITY=../keys/{host} exec \"$@\"");
    let output = env.in_shell(&script, &["secret", "show", host, "both"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn kept(env: &Env) -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["shared", "hosts/web", "hosts/db"] {
        let dir = fs::read_dir(env.repo().join("secrets").join(folder));
        for entry in dir.into_iter().flatten().flatten() {
            names.push(format!("{folder}/{}", entry.file_name().display()));
        }
    }
    names.sort();
    names
}

#[test]
fn what_is_shared_is_edited_by_any_host_that_needs_it() {
    let env = env().set("EDITOR", "f() { eval \"$(cat ../does)\"; }; f");
    env.side_file("does", "echo hunter2 >$1");
    shows!(env, ["secret", "edit", "db", "both", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"secret","hosts":[{"name":null,"secret":"both","file":"secrets/shared/both.age","change":"written","due":[]}],"errors":[]}
    --- stderr
    "#);
    assert_eq!(kept(&env), ["shared/both.age", "shared/both.toml"]);
    assert_eq!([read_by(&env, "web"), read_by(&env, "db")], ["hunter2"; 2]);
    // The other host edits the same one, and sees what is there.
    env.side_file("does", "cp $1 ../seen; echo hunter3 >$1");
    shows!(env, ["secret", "edit", "web", "both"], @"
    exit 0
    --- stdout
    replaced   secrets/shared/both.age
    --- stderr
    ");
    let seen = fs::read_to_string(env.repo().join("../seen")).expect("seen");
    assert_eq!(seen, "hunter2");
    assert_eq!([read_by(&env, "web"), read_by(&env, "db")], ["hunter3"; 2]);
    env.side_file("does", "echo abc >$1");
    assert!(
        env.run(&["secret", "edit", "web", "both"])
            .contains("is shorter than 4 bytes")
    );
    // Who else needs it is not known: nothing is written that they could not read.
    fs::remove_file(env.repo().join("../contracts/db.json")).expect("there");
    env.write("hosts/db/contract.nix", "{ } # another\n");
    env.side_file("does", "echo hunter4 >$1");
    shows!(env, ["secret", "edit", "web", "both"], @"
    exit 3
    --- stdout
    --- stderr
    error[nix-failure]: db: Nix could not evaluate db
      cause: cat: [dir]/contracts/db.json: No such file or directory
      fix: see that Nix itself works: infra doctor
    ");
    assert_eq!(read_by(&env, "web"), "hunter3");
}

#[test]
fn what_is_shared_is_imported_once_for_all() {
    let env = env();
    env.side_file("old", "from elsewhere");
    let import = ["secret", "import", "web", "both", "--from", "../old"];
    shows!(env, import, @"
    exit 0
    --- stdout
    written    secrets/shared/both.age
    --- stderr
    ");
    assert_eq!(kept(&env), ["shared/both.age", "shared/both.toml"]);
    assert_eq!(
        [read_by(&env, "web"), read_by(&env, "db")],
        ["from elsewhere"; 2]
    );
    // For the other host it is there already.
    shows!(env, ["secret", "import", "db", "both", "--from", "../old"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: db: the repository has the secret `both` of db already
      --> secrets/shared/both.age
      fix: add --replace if it is to be replaced
    ");
    env.side_file("old", "anew");
    shows!(env, ["secret", "import", "db", "both", "--from", "../old", "--replace", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"secret","hosts":[{"name":null,"secret":"both","file":"secrets/shared/both.age","change":"replaced","due":[]}],"errors":[]}
    --- stderr
    "#);
    assert_eq!([read_by(&env, "web"), read_by(&env, "db")], ["anew"; 2]);
}
