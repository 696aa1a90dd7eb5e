//! `history` and `log`: what is kept of runs, shown, and exchanged between machines. The hosts of these tests cannot be had.

use crate::env::{Env, settings};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

/// Replaces what no two machines and times have in common.
macro_rules! shows {
    ($env:expr, $args:expr, @$expected:literal) => {
        filters().bind(|| insta::assert_snapshot!($env.run(&$args), @$expected));
    };
}

pub(crate) fn filters() -> insta::Settings {
    let mut settings = settings();
    settings.add_filter(r"ann@[\w.-]+", "ann@desk");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "[when]");
    settings.add_filter(r#""(begun|ended)":\d+"#, r#""$1":[when]"#);
    settings.add_filter(r"\b[0-9a-f]{40}\b", "[id]");
    // Columns are as wide as what was replaced.
    settings.add_filter(r"(\S) {2,}", "$1  ");
    settings
}

pub(crate) fn env() -> Env {
    let env = Env::pair().set("USER", "ann");
    env.git(&["init", "--quiet"]);
    env.git(&["add", "--all"]);
    env.git(&["commit", "--quiet", "--message", "x"]);
    env
}

pub(crate) fn json(env: &Env, args: &[&str]) -> Vec<Value> {
    let output = env.output(args);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn runs(env: &Env, args: &[&str]) -> Vec<Value> {
    let all = [&["history", "--json"], args].concat();
    let answer = json(env, &all).pop().expect("an answer");
    answer["hosts"].as_array().expect("a list").clone()
}

/// The folder of the state of this repository's runs.
pub(crate) fn runs_dir(env: &Env) -> PathBuf {
    let root = env.repo().canonicalize().expect("there");
    let below = root.strip_prefix("/").expect("absolute");
    env.repo()
        .join("../state/infra/repos")
        .join(below)
        .join("@/runs")
}

#[test]
fn runs_are_listed_with_who_and_what_became_of_hosts() {
    let env = env();
    shows!(env, ["history"], @"
    exit 0
    --- stdout
    there was no run yet that touched hosts
    --- stderr
    ");
    env.output(&["deploy", "db"]);
    env.output(&["deploy", "--all", "--goal", "test"]);
    // Nobody was touched.
    env.output(&["deploy", "db", "--dry-run"]);
    shows!(env, ["history"], @"
    exit 0
    --- stdout
    RUN  BEGUN  BY  COMMAND  HOSTS
    [run]  [when]  ann@desk  deploy --goal test  db failed, web failed
    [run]  [when]  ann@desk  deploy  db failed
    --- stderr
    ");
    shows!(env, ["history", "web", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"history","hosts":[{"run":"[run]","standing":"finished","command":"deploy","goal":"test","by":"ann@desk","begun":[when],"ended":[when],"infra":"0.1.0","commit":"[id]","dirty":false,"hosts":[{"name":"db","outcome":"failed","before":null,"after":null,"tree":null},{"name":"web","outcome":"failed","before":null,"after":null,"tree":null}],"errors":[{"code":"host-key-unknown","host":"db"},{"code":"host-unreachable","host":"web"}],"journal":true}],"errors":[]}
    --- stderr
    "#);
    assert_eq!(runs(&env, &["--limit", "1"]).len(), 1);
    assert_eq!(runs(&env, &["db"]).len(), 2);
    assert_eq!(runs(&env, &["--since", "1h"]).len(), 2);
    assert_eq!(runs(&env, &["--since", "2099-01-01"]).len(), 0);
    // The host is gone from the repository, its history is not.
    fs::remove_dir_all(env.repo().join("hosts/db")).expect("there");
    assert_eq!(runs(&env, &["db"]).len(), 2);
    let told = env.run(&["history", "dbb"]);
    assert!(told.starts_with("exit 2"), "{told}");
}

#[test]
fn files_that_are_not_committed_are_told() {
    let env = env();
    env.output(&["deploy", "web"]);
    env.write("hosts/web/configuration.nix", "{ a = 1; }\n");
    env.output(&["deploy", "web"]);
    let dirty: Vec<Value> = runs(&env, &[])
        .iter()
        .map(|run| run["dirty"].clone())
        .collect();
    assert_eq!(dirty, [true, false]);
}

#[test]
fn a_log_is_what_the_terminal_showed() {
    let env = env();
    env.output(&["deploy", "--all"]);
    shows!(env, ["log", "last"], @"
    exit 0
    --- stdout
    [run] deploy
    by ann@desk, begun [when], ended [when]
    from commit [id]
        failed  db  the SSH key of db is not pinned
        failed  web  web cannot be reached at web
        survey  db  failed after [time]: the SSH key of db is not pinned
        survey  web  failed after [time]: web cannot be reached at web
      evaluate  db  [time]
      evaluate  web  [time]
    --- stderr
    ");
    shows!(env, ["log", "last", "web"], @"
    exit 0
    --- stdout
    [run] deploy
    by ann@desk, begun [when], ended [when]
    from commit [id]
        failed  web  web cannot be reached at web
        survey  web  failed after [time]: web cannot be reached at web
      evaluate  web  [time]
    --- stderr
    ");
    let streamed = json(&env, &["deploy", "web", "--json"]);
    let mut told = json(&env, &["log", "last", "--json"]);
    let answer = told.pop().expect("an answer");
    assert_eq!(told, streamed[..streamed.len() - 1]);
    assert_eq!(answer["command"], "log");
    assert_eq!(answer["hosts"][0]["hosts"][0]["outcome"], "failed");
    shows!(env, ["log", "last", "db"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-host]: db is not among the hosts of run [run]
      --> command line
      fix: infra log [run] shows all of it
    ");
    shows!(env, ["log", "1999"], @"
    exit 2
    --- stdout
    --- stderr
    error[unknown-run]: there is no run `1999`
      --> command line
      fix: infra history shows runs; those of other machines are fetched: infra history --fetch REMOTE
    ");
    let told = env.run(&["log", "20"]);
    assert!(told.contains("is the beginning of 2 runs"), "{told}");
}

#[test]
fn runs_without_an_end_are_shown_as_what_they_are() {
    let env = env();
    env.output(&["deploy", "web"]);
    let finished = fs::read_dir(runs_dir(&env)).expect("there").next();
    let journal = fs::read_to_string(
        finished
            .expect("one")
            .expect("readable")
            .path()
            .join("events.ndjson"),
    )
    .expect("readable");
    let folder = runs_dir(&env).join("20300101T000000Z-00000000");
    fs::create_dir(&folder).expect("writable");
    let first: String = journal
        .lines()
        .take(1)
        .map(|line| line.to_owned() + "\n")
        .collect();
    let mut file = fs::File::create(folder.join("events.ndjson")).expect("writable");
    file.write_all(first.as_bytes()).expect("writable");
    file.write_all(b"{\"torn").expect("writable");
    file.lock().expect("ours");
    shows!(env, ["history"], @"
    exit 0
    --- stdout
    RUN  BEGUN  BY  COMMAND  HOSTS
    [run]  [when]  ann@desk  deploy  running: web
    [run]  [when]  ann@desk  deploy  web failed
    --- stderr
    ");
    drop(file);
    shows!(env, ["history", "web"], @"
    exit 0
    --- stdout
    RUN  BEGUN  BY  COMMAND  HOSTS
    [run]  [when]  ann@desk  deploy  interrupted: web
    [run]  [when]  ann@desk  deploy  web failed
    --- stderr
    ");
    shows!(env, ["log", "last"], @"
    exit 0
    --- stdout
    [run] deploy
    by ann@desk, begun [when], was interrupted
    --- stderr
    warning[unreadable-file]: not every line of the journal of [run] can be read
      cause: its last lines are torn when this machine loses power
    ");
    assert_eq!(runs(&env, &["db"]).len(), 0);
}

#[test]
fn another_machine_knows_the_receipt_and_says_where_the_journal_is() {
    let env = env();
    let bare = env.side_file("remote/x", "").replace("/x", "");
    env.git(&["init", "--quiet", "--bare", &bare]);
    env.git(&["remote", "add", "origin", &bare]);
    env.output(&["deploy", "web"]);
    let pushed = env.run(&["history", "--push", "origin"]);
    assert!(pushed.starts_with("exit 0"), "{pushed}");
    assert!(
        pushed.contains("pushed to origin: it has all receipts now"),
        "{pushed}"
    );
    // The other machine: another state, another cache, a clone without the ref.
    env.git(&["update-ref", "-d", "refs/infra/runs"]);
    fs::remove_dir_all(env.repo().join("../state")).expect("there");
    fs::remove_dir_all(env.repo().join("../home")).expect("there");
    assert_eq!(runs(&env, &[]).len(), 0);
    let fetched = env.run(&["history", "--fetch", "origin"]);
    assert!(
        fetched.contains("fetched from origin: there were new receipts"),
        "{fetched}"
    );
    assert_eq!(runs(&env, &[]).len(), 1);
    shows!(env, ["log", "last"], @"
    exit 0
    --- stdout
    [run] deploy
    by ann@desk, begun [when], ended [when]
    from commit [id]
    HOST  OUTCOME  BEFORE  AFTER
    web  failed  -  -
    --- stderr
    warning[missing-file]: the journal of [run] is not on this machine, only its receipt is known
      cause: ann@desk ran it
      fix: ask there for its events: infra log [run]
    ");
    let answer = json(&env, &["log", "last", "--json"]);
    assert_eq!(answer.len(), 1, "no events");
    assert_eq!(answer[0]["warnings"][0]["code"], "missing-file");
    let refused = env.run(&["history", "--fetch", "nowhere"]);
    assert!(refused.starts_with("exit 3"), "{refused}");
    assert!(refused.contains("error[receipt-unkept]"), "{refused}");
}

#[test]
fn a_receipt_that_cannot_be_kept_changes_no_outcome() {
    let env = env();
    let outcome = |output: &std::process::Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer: Value =
            serde_json::from_str(text.lines().last().expect("an answer")).expect("JSON");
        let codes: Vec<String> = answer["errors"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|error| error["code"].as_str().unwrap_or_default().to_owned())
            .collect();
        (
            output.status.code(),
            answer["hosts"][0]["outcome"].clone(),
            codes,
        )
    };
    let (code, came_to, codes) = outcome(&env.output(&["deploy", "web", "--json"]));
    assert_eq!(codes, ["host-unreachable"]);
    // The ref leads elsewhere than to a commit.
    env.git(&["symbolic-ref", "refs/infra/runs", "refs/heads/none"]);
    let (broken_code, broken_outcome, codes) = outcome(&env.output(&["deploy", "web", "--json"]));
    assert_eq!((broken_code, broken_outcome), (code, came_to));
    assert_eq!(codes, ["host-unreachable", "receipt-unkept"]);
}

#[test]
fn without_git_the_state_folder_is_the_history() {
    let env = Env::pair().set("USER", "ann");
    env.output(&["deploy", "web"]);
    let found = runs(&env, &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["commit"], &found[0]["dirty"]),
        (&Value::Null, &Value::Null)
    );
    let refused = env.run(&["history", "--push", "origin"]);
    assert!(refused.starts_with("exit 2"), "{refused}");
}
