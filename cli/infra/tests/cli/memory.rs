//! Evaluations that run out of memory: theirs alone to fail, told with what helps, and given more room the next time.

use crate::env::{Env, settings};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

/// `eval --all` of `db`, which is fine, and `web`, whose evaluation does this instead.
fn eval_while_web(does: &str) -> Env {
    Env::pair()
        .set("FAKE_ODD_HOST", "web")
        .set("FAKE_ODD_DOES", does)
}

fn answer(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).expect(&text)
}

/// The error of `web`, with `db` having come through and numbers of this machine made the same.
fn only_web_fails(output: &Output) -> String {
    let answer = answer(output);
    assert_eq!(output.status.code(), Some(1), "{answer}");
    assert_eq!(answer["hosts"][0]["name"], "db", "{answer}");
    let errors = answer["errors"].as_array().expect("a list");
    assert_eq!(errors.len(), 1, "{answer}");
    let error = &errors[0];
    assert_eq!(error["host"], "web");
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    format!(
        "[{}] {}\n{}\nfix: {}",
        text("code"),
        text("title"),
        text("cause"),
        text("fix")
    )
}

macro_rules! tells {
    ($told:expr, @$expected:literal) => {
        let mut settings = settings();
        settings.add_filter(r"\d+ MiB", "[n] MiB");
        settings.add_filter(r"less than \d+", "less than [n]");
        settings.add_filter(r"line \d+: \d+", "line");
        settings.bind(|| insta::assert_snapshot!($told, @$expected));
    };
}

#[test]
fn a_killed_evaluation_fails_its_host_alone() {
    let env = eval_while_web("kill -9 $$");
    let told = only_web_fails(&env.output(&["eval", "--all", "--json"]));
    // Whether the kernel killed somebody meanwhile is the machine's business, not ours.
    assert!(
        told.contains("killed (signal 9)") || told.contains("the kernel killed it"),
        "{told}"
    );
    assert!(told.contains("--jobs 1"), "{told}");
    // Not remembered: mended, it evaluates.
    let mended = env.set("FAKE_ODD_DOES", ":");
    let again = mended.output(&["eval", "web"]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
}

#[test]
fn nix_says_itself_that_memory_ran_out() {
    // Long enough for somebody to look at what it holds.
    let says = r#"sleep 0.3; echo "GC Warning: Out of Memory! Heap size: 512 MiB. Returning NULL!" >&2; echo '@nix {"action":"msg","level":0,"msg":"error: out of memory"}' >&2; exit 1"#;
    let told = only_web_fails(&eval_while_web(says).output(&["eval", "--all", "--json"]));
    tells!(told, @"
    [out-of-memory] the evaluation of web ran out of memory
    Nix says: out of memory (so it does within a limit of its own, too: ulimit -v); it had taken [n] MiB; [n] MiB of the [n] MiB for all evaluations were kept for it
    fix: again: the next evaluation of web runs alone; if others fail as well, let fewer run at once (--jobs 1, or --memory MIB with less than [n]), or add memory or swap
    ");
}

#[test]
fn a_stack_overflow_is_no_want_of_memory() {
    let says = "echo 'error: stack overflow (possible infinite recursion)' >&2; exit 1";
    let told = only_web_fails(&eval_while_web(says).output(&["eval", "--all", "--json"]));
    tells!(told, @"
    [nix-evaluation] the evaluation of web recurses without end
    Nix says: stack overflow (possible infinite recursion)
    fix: look for a function or a value that needs itself in what was changed last (infra why web); if it only nests deeply, a larger stack helps: ulimit -s
    ");
}

#[test]
fn what_ran_out_of_memory_runs_alone_the_next_time() {
    // Evaluations write down when they begin and end; with 2000 MiB two unknown ones run side by side.
    let says = r#"echo "begin $host" >> "$FAKE_LOG"; sleep 0.3; echo "end $host" >> "$FAKE_LOG""#;
    let fails = format!("{says}; echo 'GC Warning: Out of Memory! Returning NULL!' >&2; exit 1");
    let env = Env::pair()
        .set(
            "FAKE_EACH_DOES",
            r#"[ "$host" = "$FAKE_ODD_HOST" ] || { "#.to_owned() + says + "; }",
        )
        .set("FAKE_ODD_HOST", "web")
        .set("FAKE_ODD_DOES", fails);
    let words = ["eval", "--all", "--json", "--jobs", "2", "--memory", "2000"];
    let told = only_web_fails(&env.output(&words));
    assert!(
        told.contains("the next evaluation of web runs alone"),
        "{told}"
    );
    assert_eq!(order(&env), ["begin", "begin", "end", "end"]);

    let env = env.set("FAKE_EACH_DOES", says).set("FAKE_ODD_HOST", "");
    assert_eq!(env.output(&words).status.code(), Some(0));
    assert_eq!(order(&env)[4..], ["begin", "end", "begin", "end"]);
}

/// When evaluations began and ended.
fn order(env: &Env) -> Vec<String> {
    let words = env.calls().into_iter().filter_map(|call| {
        let (word, _) = call.split_once(' ')?;
        (word != "nix").then(|| word.to_owned())
    });
    words.collect()
}

/// A control group with a limit, removed when dropped.
struct Limited(PathBuf);

impl Limited {
    /// `None`, and a line that says so, where none can be made: it takes root and a hierarchy that counts memory.
    fn to(mib: u64, test: &str) -> Option<Self> {
        let mount = Path::new("/sys/fs/cgroup");
        let (top, limit) = if mount.join("cgroup.controllers").exists() {
            (mount.to_path_buf(), "memory.max")
        } else {
            (mount.join("memory"), "memory.limit_in_bytes")
        };
        let group = Self(top.join(format!("infra-{test}-{}", std::process::id())));
        let made = std::fs::create_dir(&group.0)
            .and_then(|()| std::fs::write(group.0.join(limit), (mib << 20).to_string()));
        if let Err(error) = made {
            let _ = writeln!(
                std::io::stderr(),
                "not run: {test} needs root and a control group that limits memory ({error})"
            );
            return None;
        }
        // Where there is swap, the limit would only make the machine swap.
        for swap in ["memory.swap.max", "memory.swappiness"] {
            let _ = std::fs::write(group.0.join(swap), "0");
        }
        Some(group)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // Killed processes take a moment to leave.
        for _ in 0..200 {
            if std::fs::remove_dir(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn the_kernel_kills_the_evaluation_and_not_infra() {
    let Some(group) = Limited::to(128, "the_kernel_kills_the_evaluation_and_not_infra") else {
        return;
    };
    // Takes a little for long enough to be seen, then all there is; should the limit not hold, it ends before the machine does.
    let env = eval_while_web(
        "ulimit -v 1000000; x=$(head -c 10000000 /dev/zero | tr '\\0' x); sleep 0.3; exec tail /dev/zero",
    );
    let script = format!(
        "echo $$ > '{}' && exec \"$@\"",
        group.0.join("cgroup.procs").display()
    );
    let output = env.in_shell(&script, &["eval", "--all", "--json"]);
    let told = only_web_fails(&output);
    let taken = told
        .split_once("it had taken ")
        .and_then(|(_, rest)| rest.split_once(" MiB")?.0.parse::<u64>().ok());
    assert!(taken.is_some_and(|mib| (10..=128).contains(&mib)), "{told}");
    // Alone, since the budget is what the group leaves and not what the machine has.
    tells!(told, @"
    [out-of-memory] the evaluation of web ran out of memory
    the kernel killed it (signal 9), since there was no memory left; it had taken [n] MiB; no other evaluation ran beside it
    fix: add memory or swap, or raise the limit of infra's control group if it has one; if web took less before, see what changed: infra why web
    ");
}
