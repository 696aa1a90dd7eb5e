//! `infra log --follow`: runs that go on while somebody looks. Their journals are written here, line by line.

use crate::env::{Env, Running};
use crate::history::{env, filters, json, runs_dir};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A run whose process is this test.
struct Going {
    folder: PathBuf,
    journal: File,
    /// The events of a real run of the same hosts, as its journal has them.
    events: Vec<String>,
}

impl Going {
    /// After a real run of both hosts another one has begun, and has not said anything yet.
    fn of(env: &Env) -> Self {
        env.output(&["deploy", "--all"]);
        let real = fs::read_dir(runs_dir(env)).expect("there").next();
        let real = real.expect("one").expect("readable").path();
        let text = fs::read_to_string(real.join("events.ndjson")).expect("readable");
        let folder = runs_dir(env).join("20300101T000000Z-00000000");
        fs::create_dir(&folder).expect("writable");
        let journal = File::create(folder.join("events.ndjson")).expect("writable");
        journal.lock().expect("ours");
        let events = text.lines().map(str::to_owned).collect();
        Self {
            folder,
            journal,
            events,
        }
    }

    fn write(&mut self, text: &str) {
        self.journal.write_all(text.as_bytes()).expect("writable");
    }

    /// The event of a host, as the journal has it.
    fn event(&self, words: &[&str]) -> String {
        let has = |line: &&String| words.iter().all(|word| line.contains(word));
        self.events.iter().find(has).expect("such an event").clone() + "\n"
    }

    fn begins(&mut self) {
        let first = self.event(&["runStarted"]);
        self.write(&first);
    }

    fn says(&mut self, words: &[&str]) {
        let event = self.event(words);
        self.write(&event);
    }

    /// Its answer, and the end of its process.
    fn ends(self) {
        fs::write(self.folder.join("receipt.json"), "{}\n").expect("writable");
    }
}

/// As a person sees it.
fn shown(lines: &[String]) -> String {
    lines.iter().map(|line| line.clone() + "\n").collect()
}

const WEB: [&str; 3] = ["stepFailed", "\"web\"", "\"survey\""];
const DB: [&str; 3] = ["stepFailed", "\"db\"", "\"survey\""];

/// How long a process has worked, in hundredths of a second.
fn worked(running: &Running) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/stat", running.id())).expect("it runs");
    let (_, fields) = text.rsplit_once(')').expect("a name");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| fields[at].parse::<u64>().expect("a number");
    number(11) + number(12)
}

#[test]
fn a_run_is_shown_as_it_goes_on_until_it_ends() {
    let env = env();
    let mut going = Going::of(&env);
    let calls = env.calls();
    let follower = env.start(&["log", "last", "-f"]);
    assert!(follower.is_silent(), "it is not known yet what was begun");
    going.begins();
    let mut lines: Vec<String> = (0..2).map(|_| follower.line()).collect();
    let at_rest = (Instant::now(), worked(&follower));
    going.says(&WEB);
    lines.push(follower.line());
    // A line is told once it is whole.
    let event = going.event(&DB);
    let (half, rest) = event.split_at(30);
    going.write(half);
    assert!(follower.is_silent());
    going.write(rest);
    lines.push(follower.line());
    assert!(follower.is_silent() && follower.is_silent());
    let (time, work) = (at_rest.0.elapsed(), worked(&follower) - at_rest.1);
    assert!(
        time > Duration::from_secs(1) && u128::from(work) < time.as_millis() / 50,
        "it waits, and does not look all the time: {work} hundredths in {time:?}"
    );
    going.says(&["hostFinished", "\"web\""]);
    going.says(&["hostFinished", "\"db\""]);
    going.ends();
    let (code, rest, said) = follower.end();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    lines.extend(rest);
    filters().bind(|| {
        insta::assert_snapshot!(shown(&lines), @"
        [run] deploy
        by ann@desk, begun [when], goes on
            survey  web  failed after [time]: web cannot be reached at web
            survey  db  failed after [time]: the SSH key of db is not pinned
            failed  web  web cannot be reached at web
            failed  db  the SSH key of db is not pinned
        ended; 2 hosts: 2 failed
        ");
    });
    assert_eq!(
        env.calls(),
        calls,
        "no host is asked, and nothing evaluated"
    );
}

#[test]
fn programs_read_the_events_as_they_come_and_the_run_last() {
    let env = env();
    let mut going = Going::of(&env);
    going.begins();
    let follower = env.start(&["log", "last", "web", "--follow", "--json"]);
    let mut lines = vec![follower.line()];
    going.says(&DB);
    going.write("\n{\"torn\n");
    going.says(&WEB);
    lines.push(follower.line());
    going.ends();
    let (code, rest, said) = follower.end();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    lines.extend(rest);
    let told: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [began, failed, answer] = told.as_slice() else {
        unreachable!("{told:?}")
    };
    assert_eq!(began["hosts"], serde_json::json!(["web"]), "{began}");
    assert_eq!(failed["host"], "web");
    assert_eq!(answer["command"], "log");
    assert_eq!(answer["hosts"][0]["standing"], "finished");
    assert_eq!(answer["hosts"][0]["hosts"][0]["name"], "web");
    assert_eq!(answer["warnings"][0]["code"], "unreadable-file");
}

#[test]
fn a_host_that_is_not_in_the_run_is_told_once_that_is_known() {
    let env = env();
    let mut going = Going::of(&env);
    let follower = env.start(&["log", "last", "mail", "-f"]);
    assert!(follower.is_silent());
    // Who leaves before that is told nothing.
    let early = env.start(&["log", "last", "mail", "-f"]);
    assert!(early.is_silent());
    let line = format!("kill -TERM {}", early.id());
    assert!(env.in_shell(&line, &[]).status.success());
    assert_eq!(early.end(), (Some(130), Vec::new(), String::new()));
    going.begins();
    let (code, rest, said) = follower.end();
    assert_eq!((code, rest.len()), (Some(2), 0));
    assert!(
        said.contains("mail is not among the hosts of run"),
        "{said}"
    );
}

#[test]
fn a_run_whose_process_dies_is_interrupted() {
    let env = env();
    let mut going = Going::of(&env);
    going.begins();
    let follower = env.start(&["log", "last", "-f"]);
    let mut lines: Vec<String> = (0..2).map(|_| follower.line()).collect();
    fs::write(going.folder.join("plan.json"), "{}").expect("writable");
    // What it wrote with its last breath.
    going.says(&WEB);
    going.write("{\"torn");
    drop(going);
    let (code, rest, said) = follower.end();
    lines.extend(rest);
    let code = code.unwrap_or(-1);
    let whole = format!("exit {code}\n{}--- stderr\n{said}", shown(&lines));
    filters().bind(|| insta::assert_snapshot!(whole, @"
    exit 1
    [run] deploy
    by ann@desk, begun [when], goes on
        survey  web  failed after [time]: web cannot be reached at web
    --- stderr
    warning[unreadable-file]: not every line of the journal of [run] can be read
      cause: its last lines are torn when this machine loses power

    error[interrupted]: run [run] was interrupted: its process is gone
      fix: bring it to its end: infra resume [run]; or take back what waits for its confirmation: infra resume [run] --undo
    "));
    // Whoever comes later is told the same.
    let later = env.run(&["log", "last", "-f"]);
    assert!(later.starts_with("exit 1\n"), "{later}");
    assert!(
        later.contains("infra resume 20300101T000000Z-00000000;"),
        "{later}"
    );
    let answer = json(&env, &["log", "last", "-f", "--json"]).pop();
    let answer = answer.expect("an answer");
    assert_eq!(answer["errors"][0]["code"], "interrupted");
    assert_eq!(answer["hosts"][0]["standing"], "interrupted");
    assert!(env.run(&["log", "last"]).starts_with("exit 0\n"));
}

#[test]
fn a_run_that_had_not_come_to_its_plan_has_nothing_to_resume() {
    let env = env().set("INFRA_CRASH_AFTER", "2");
    let crashed = env.output(&["deploy", "web"]);
    assert!(crashed.status.signal().is_some(), "{crashed:?}");
    let told = env.run(&["log", "last", "-f"]);
    assert!(told.starts_with("exit 1\n"), "{told}");
    assert!(told.contains("deploy again: infra deploy"), "{told}");
}

#[test]
fn a_run_that_is_resumed_and_dies_again_is_interrupted_whatever_it_came_to_before() {
    let env = env();
    let mut going = Going::of(&env);
    going.begins();
    fs::write(going.folder.join("receipt.json"), "{}\n").expect("writable");
    let follower = env.start(&["log", "last", "-f"]);
    follower.line();
    fs::write(going.folder.join("resumed"), "").expect("writable");
    going.begins();
    drop(going);
    let (code, _, said) = follower.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("was interrupted: its process is gone"),
        "{said}"
    );
}

#[test]
fn a_run_that_has_ended_is_shown_and_that_is_all() {
    let env = env();
    env.output(&["deploy", "web"]);
    assert_eq!(env.run(&["log", "last", "-f"]), env.run(&["log", "last"]));
    assert_eq!(
        env.run(&["log", "last", "web", "-f", "--json"]),
        env.run(&["log", "last", "web", "--json"])
    );
    // And so is one of another machine.
    fs::remove_dir_all(runs_dir(&env)).expect("there");
    let elsewhere = env.run(&["log", "last", "-f"]);
    assert_eq!(elsewhere, env.run(&["log", "last"]));
    assert!(elsewhere.contains("is not on this machine"), "{elsewhere}");
    let unknown = env.run(&["log", "1999", "-f"]);
    assert!(unknown.starts_with("exit 2\n"), "{unknown}");
}

#[test]
fn who_follows_leaves_the_run_alone_and_may_go() {
    let env = env();
    let mut going = Going::of(&env);
    going.begins();
    for (args, last) in [
        (&["log", "last", "-f"][..], "the run goes on"),
        (&["log", "last", "-f", "--json"], "\"standing\":\"running\""),
    ] {
        let follower = env.start(args);
        follower.line();
        let line = format!("kill -INT {}", follower.id());
        assert!(env.in_shell(&line, &[]).status.success());
        let (code, rest, said) = follower.end();
        assert_eq!((code, said.as_str()), (Some(130), ""));
        assert!(rest.last().expect("an answer").contains(last), "{rest:?}");
    }
    let other = File::open(going.folder.join("events.ndjson")).expect("there");
    assert!(other.try_lock_shared().is_err(), "the test has it still");
    // A reader who has heard enough.
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| env.shell("log last -f | head -1"));
        while !waiting.is_finished() {
            going.says(&WEB);
            std::thread::sleep(Duration::from_millis(100));
        }
        waiting.join().expect("no panic")
    });
    assert!(waiting.status.success(), "{waiting:?}");
    let heard = String::from_utf8(waiting.stdout).expect("UTF-8");
    assert_eq!(heard.lines().count(), 1, "{heard}");
}

#[test]
fn a_deployment_is_followed_from_its_first_moment() {
    let env = env().set("FAKE_EACH_DOES", "sleep 1");
    let run = env.start(&["deploy", "web", "--json"]);
    let begun = Instant::now();
    // What comes to the folder is a whole beginning, whenever it is looked at.
    while !runs_dir(&env).read_dir().is_ok_and(|mut runs| {
        runs.any(|run| {
            !run.expect("readable")
                .file_name()
                .to_string_lossy()
                .starts_with('.')
        })
    }) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no run begins");
    }
    let follower = env.start(&["log", "last", "-f", "--json"]);
    let (code, mut told, said) = follower.end();
    assert_eq!(code, Some(0), "{said}");
    let (_, mut events, _) = run.end();
    let (answer, outcome) = (told.pop(), events.pop());
    let parsed = |lines: &[String]| -> Vec<Value> {
        let lines = lines.iter();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    assert_eq!(parsed(&told), parsed(&events));
    assert!(outcome.expect("one").contains("\"outcome\":\"failed\""));
    assert!(answer.expect("one").contains("\"standing\":\"finished\""));
}
