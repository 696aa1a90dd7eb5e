//! `eval` and `build` with a fake nix: counts and failures.

use crate::env::{Env, shows};

#[test]
fn one_process_per_selected_host() {
    let env = Env::pair();
    shows!(env, ["eval", "web"], @"
    exit 0
    --- stdout
    HOST  SYSTEM                                           DERIVATION
    web   /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web  /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web.drv
    --- stderr
      evaluate  web  [time]
    ");
    assert_eq!(env.calls(), ["nix --version", "nix eval"]);
    shows!(env, ["eval", "--all", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"eval","hosts":[{"name":"db","treeId":"67c90515a81b9a148337cfa7c504cffacd0d8ef6","cached":false,"drvPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db.drv","outPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-db","seconds":[time],"peakBytes":null},{"name":"web","treeId":"7fd644d956d5ee8b761e661151a5095dfebb8da8","cached":false,"drvPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web.drv","outPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web","seconds":[time],"peakBytes":null}],"errors":[]}
    --- stderr
      evaluate  db  [time]
      evaluate  web  [time]
    "#);
    // The version is remembered; the fake's answers are not, since nothing is in the store where they say.
    let calls = env.calls();
    assert_eq!(
        calls.get(2..),
        Some(&["nix eval".to_owned(), "nix eval".to_owned()][..])
    );
}

#[test]
fn builds() {
    let env = Env::pair();
    shows!(env, ["build", "web"], @"
    exit 0
    --- stdout
    HOST  SYSTEM
    web   /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web
    --- stderr
         build  web  [time]
      evaluate  web  [time]
    ");
    assert_eq!(env.calls(), ["nix --version", "nix eval", "nix build"]);
    shows!(env, ["build", "web", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"at":[time],"event":"runStarted","run":"","command":"build","hosts":["web"]}
    {"schema":1,"at":[time],"event":"stepCompleted","host":"web","step":"build","outcome":{"kind":"success"},"seconds":[time]}
    {"schema":1,"at":[time],"event":"stepCompleted","host":"web","step":"evaluate","outcome":{"kind":"success"},"seconds":[time]}
    {"schema":1,"at":[time],"event":"stepStarted","host":"web","step":"build"}
    {"schema":1,"at":[time],"event":"stepStarted","host":"web","step":"evaluate"}
    {"schema":1,"command":"build","hosts":[{"name":"web","outPath":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web"}],"errors":[]}
    --- stderr
    "#);
}

#[test]
fn nix_is_missing() {
    shows!(Env::pair().without_nix(), ["eval", "--all"], @"
    exit 2
    --- stdout
    --- stderr
    error[missing-program]: `nix` is not installed on this machine
      cause: no `nix` in PATH
      fix: install Nix 2.18 or later, or put its `bin` folder into PATH
    ");
}

#[test]
fn nix_speaks_another_schema() {
    shows!(Env::pair().set("FAKE_SCHEMA", "2"), ["eval", "web"], @"
    exit 3
    --- stdout
    --- stderr
        failed  web  the repository speaks wire schema 2, this command speaks 1
      evaluate  web  failed after [time]: the repository speaks wire schema 2, this command speaks 1
    error[schema-mismatch]: web: the repository speaks wire schema 2, this command speaks 1
      fix: this command is older: update it
    ");
}

#[test]
fn evaluation_fails_at_the_users_line() {
    let env = Env::pair();
    let log = env.side_file(
        "log",
        r#"@nix {"action":"msg","level":0,"msg":"x","raw_msg":"undefined variable 'foo'","file":"/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-source/hosts/web/configuration.nix","line":1,"column":3,"trace":[]}
"#,
    );
    shows!(env.set("FAKE_EVAL_FAILS", log), ["eval", "--all"], @"
    exit 3
    --- stdout
    --- stderr
        failed  db  the configuration of db does not evaluate
        failed  web  the configuration of web does not evaluate
      evaluate  db  failed after [time]: the configuration of db does not evaluate
      evaluate  web  failed after [time]: the configuration of web does not evaluate
    error[nix-evaluation]: db: the configuration of db does not evaluate
      --> hosts/web/configuration.nix:1:3
        |
      1 | { }
        |   ^
      cause: undefined variable 'foo'
      fix: correct the name, or add it to the arguments of the file

    error[nix-evaluation]: web: the configuration of web does not evaluate
      --> hosts/web/configuration.nix:1:3
        |
      1 | { }
        |   ^
      cause: undefined variable 'foo'
      fix: correct the name, or add it to the arguments of the file
    ");
}

#[test]
fn build_fails() {
    let env = Env::pair().set("FAKE_BUILD_FAILS", "no such compiler");
    shows!(env, ["build", "web"], @"
    exit 3
    --- stdout
    --- stderr
         build  web  failed after [time]: web does not build
        failed  web  web does not build
      evaluate  web  [time]
    error[build-failed]: web: web does not build
      cause: builder failed: no such compiler
      fix: read the whole log: nix log /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web.drv
    ");
}

#[test]
fn why_compares_with_revisions_runs_and_trees() {
    let env = Env::pair();
    env.git(&["init", "--quiet"]);
    env.git(&["add", "--all"]);
    env.git(&["commit", "--quiet", "--message", "x"]);
    env.output(&["eval", "web"]);
    shows!(env, ["why", "web", "--since", "HEAD"], @"
    exit 0
    --- stdout
    web: nothing it reads has changed
    --- stderr
    ");
    env.write("hosts/web/configuration.nix", "{ a = 1; }\n");
    shows!(env, ["why", "web", "--since", "HEAD"], @"
    exit 0
    --- stdout
    web: 7fd644d956d5 → 95353c790eba
      changed  hosts/web/configuration.nix
    --- stderr
    ");
    // A branch with the name of a tree is the same tree here, and another one after a commit.
    env.git(&["branch", "7fd6"]);
    shows!(env, ["why", "web", "--since", "7fd6"], @"
    exit 0
    --- stdout
    web: 7fd644d956d5 → 95353c790eba
      changed  hosts/web/configuration.nix
    --- stderr
    ");
    env.git(&["commit", "--quiet", "--all", "--message", "y"]);
    env.git(&["branch", "--force", "7fd6"]);
    shows!(env, ["why", "web", "--since", "7fd6"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: web: `7fd6` means more than one tree of web
      --> command line
      cause: it may be the tree 7fd644d956d5ee8b761e661151a5095dfebb8da8, or the revision in Git
      fix: give the id in full; for a branch or tag, its whole name: refs/heads/…, refs/tags/…
    ");
    shows!(env, ["why", "web", "--since", "refs/heads/7fd6"], @"
    exit 0
    --- stdout
    web: nothing it reads has changed
    --- stderr
    ");
    shows!(env, ["why", "web", "--since", "HEAD~7"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: web: `HEAD~7` is no run, no tree of web and no revision in Git
      --> command line
      cause: this clone has no commit, branch or tag of that name
      fix: `infra info` shows the last run, `infra eval --json` the id of the tree, `git log` revisions
    ");
    shows!(env, ["why", "web", "--since", ""], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: web: `` is no run, no tree of web and no revision in Git
      --> command line
      cause: that is no name of a revision
      fix: `infra info` shows the last run, `infra eval --json` the id of the tree, `git log` revisions
    ");
}

#[test]
fn a_derivation_collected_before_its_build_is_evaluated_again() {
    // What the fake names is in no store.
    let env = Env::pair().set("FAKE_COLLECTED", "1");
    shows!(env, ["build", "web"], @"
    exit 0
    --- stdout
    HOST  SYSTEM
    web   /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-web
    --- stderr
         build  web  [time]
      evaluate  web  [time]
    ");
    assert_eq!(
        env.calls(),
        [
            "nix --version",
            "nix eval",
            "nix build",
            "nix eval",
            "nix build"
        ]
    );
}

#[test]
fn a_terminal_shows_the_same_lines_whatever_it_can_do() {
    let able = Env::pair().set("TERM", "xterm").on_terminal("eval web");
    assert!(able.contains("evaluate\u{1b}[0m  web"), "{able:?}");

    // No cursor to move and no colours, so no bars: but all that happens is told.
    let dumb = Env::pair().set("TERM", "dumb").on_terminal("eval web");
    assert!(dumb.contains("  evaluate  web  0."), "{dumb:?}");
    assert!(!dumb.contains('\u{1b}'), "{dumb:?}");

    let colourless = Env::pair()
        .set("TERM", "xterm")
        .set("NO_COLOR", "1")
        .on_terminal("eval web");
    assert!(colourless.contains("  evaluate  web  0."), "{colourless:?}");
    assert!(!colourless.contains("\u{1b}[32m"), "{colourless:?}");
}

#[test]
fn what_is_remembered_can_be_looked_at() {
    let env = Env::pair();
    env.output(&["eval", "--all"]);
    let told = env.run(&["cache", "info"]);
    assert!(told.contains("evaluations    2\n"), "{told}");
    shows!(env, ["why", "web"], @"
    exit 0
    --- stdout
    web: there is no earlier tree to compare with
    --- stderr
    ");
    env.write("hosts/web/configuration.nix", "{ a = 1; }\n");
    env.write("modules/new/default.nix", "{ }\n");
    env.write("README.md", "nothing a host reads\n");
    shows!(env, ["why", "web"], @"
    exit 0
    --- stdout
    web: 7fd644d956d5 → eea68ad157e7
      changed  hosts/web/configuration.nix
      added    modules/new/default.nix
    --- stderr
    ");
    shows!(env, ["why", "web", "--since", "nonsense"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: web: `nonsense` is no run, no tree of web and no revision in Git
      --> command line
      cause: the repository is not in Git
      fix: `infra info` shows the last run, `infra eval --json` the id of the tree, `git log` revisions
    ");
    let told = env.run(&["cache", "gc"]);
    assert!(told.contains("objects of trees (0 KiB), 0 roots"), "{told}");
    let told = env.run(&["cache", "clear"]);
    assert!(
        told.contains("evaluations    0\n")
            && told.contains("forgotten now  2 evaluations")
            && told.contains("trees          0 KiB in 0 objects\n"),
        "{told}"
    );
}

/// What Nix 2.18 makes of `flake#.attribute`, in its words.
const TAKES_DOTS_FOR_NAMES: &str = r#"
case "$last" in
  *'#.'*)
    attribute=${last#*'#'}
    echo "error: flake 'git+file:///x' does not provide attribute 'packages.x86_64-linux.$attribute', 'legacyPackages.x86_64-linux.$attribute' or '$attribute'" >&2
    exit 1 ;;
esac
echo "asked ${last##*'#'}" >> "$FAKE_LOG""#;

#[test]
fn an_attribute_is_asked_for_at_the_root_and_older_nix_as_it_can_be() {
    let asks = r#"echo "asked ${last##*'#'}" >> "$FAKE_LOG""#;
    let env = Env::pair().set("FAKE_EACH_DOES", asks);
    assert!(env.output(&["eval", "web"]).status.success());
    assert_eq!(
        env.calls(),
        [
            "nix --version",
            "nix eval",
            "asked .infra.hosts.\"web\".system"
        ]
    );
    let older = Env::pair().set("FAKE_EACH_DOES", TAKES_DOTS_FOR_NAMES);
    let output = older.output(&["eval", "web"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        older.calls(),
        [
            "nix --version",
            "nix eval",
            "nix eval",
            "asked infra.hosts.\"web\".system"
        ]
    );
}
