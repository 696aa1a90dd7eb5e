//! A repository, a home and tools of our own; nothing of the machine's environment.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// A fake `nix`: answers evaluations with a made-up system, and writes down each call.
const NIX: &str = r#"#!/bin/sh
echo "nix $1" >> "$FAKE_LOG"
case "$1" in
  --version) echo "nix (Nix) 2.34.8" ;;
  eval)
    case " $* " in *" --file "*) printf '%s' "${FAKE_DECLARED:-{\}}"; exit 0 ;; esac
    for last; do :; done
    case "$last" in
      *'#.infra.planes')
        comma=
        printf '{"schema":1,"hosts":{'
        for manifest in "$FAKE_CONTRACTS"/*.json; do
          name=${manifest##*/}
          printf '%s"%s":{"ok":true,"manifest":%s}' "$comma" "${name%.json}" "$(cat "$manifest")"
          comma=,
        done
        printf '}}'; exit 0 ;;
      *'#.infra.plane."'*)
        eval "$FAKE_PLANE_DOES"
        name=${last##*plane.\"}
        if [ -n "$FAKE_PLANE_FAILS" ] && ! [ -e "$FAKE_CONTRACTS/${name%\"}.json" ]; then
          cat "$FAKE_PLANE_FAILS" >&2; exit 1
        fi
        cat "$FAKE_CONTRACTS/${name%\"}.json"; exit $? ;;
    esac
    host=${last##*hosts.\"}; host=${host%%\"*}
    eval "$FAKE_EACH_DOES"
    if [ "$host" = "$FAKE_ODD_HOST" ]; then eval "$FAKE_ODD_DOES"; fi
    if [ -n "$FAKE_EVAL_FAILS" ]; then
      cat "$FAKE_EVAL_FAILS" >&2; exit 1
    fi
    hash=1ymw2907bm1s9n6n8lsmbb267gch9dhj
    printf '{"schema":%s,"host":"%s","class":"nixos","system":"x86_64-linux","toplevel":{"drv":"/nix/store/%s-%s.drv","out":"/nix/store/%s-%s"}}' \
      "${FAKE_SCHEMA:-1}" "$host" $hash "$host" $hash "$host" ;;
  path-info) eval "$FAKE_CLOSURE" ;;
  build)
    if [ -n "$FAKE_COLLECTED" ] && ! [ -e "$FAKE_LOG.collected" ]; then
      : > "$FAKE_LOG.collected"; echo "error: path is required, but there is no substituter that can build it" >&2; exit 1
    fi
    [ -z "$FAKE_BUILD_FAILS" ] || { echo "builder failed: $FAKE_BUILD_FAILS" >&2; exit 1; } ;;
esac
"#;

/// A fake `ssh` that can only refuse, in the words of the real one.
const SSH: &str = r#"#!/bin/sh
echo "ssh" >> "$FAKE_LOG"
eval "$FAKE_SSH_DOES"
while [ $# -gt 0 ]; do
  if [ "$1" = -E ]; then log=$2; shift; fi
  shift
done
printf '%s\n' "${FAKE_SSH_SAYS:-ssh: connect to host x port 22: No route to host}" >> "${log:-/dev/stderr}"
exit 255
"#;

pub(crate) const HOST: &str = "class = \"nixos\"\nsystem = \"x86_64-linux\"\n";
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvVJJ1SEPOSPEoXJx4eRJEkCvXVDgxaqMuA2gkWSPbt root@web\n";

pub(crate) struct Env {
    dir: TempDir,
    vars: Vec<(&'static str, String)>,
}

impl Env {
    /// An empty repository.
    pub(crate) fn new() -> Self {
        let env = Self {
            dir: tempfile::tempdir().expect("a folder"),
            vars: Vec::new(),
        };
        for (name, text) in [("nix", NIX), ("ssh", SSH)] {
            let path = env.dir.path().join("bin").join(name);
            Self::write_at(&path, text);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        }
        for name in ["repo", "tmp"] {
            fs::create_dir_all(env.dir.path().join(name)).expect("writable");
        }
        env
    }

    /// A repository with `web` (tag frontend, key pinned) and `db` (tag backend).
    pub(crate) fn pair() -> Self {
        let env = Self::new();
        env.write("flake.nix", "{ outputs = _: { }; }\n");
        env.write(
            "hosts/web/host.toml",
            &format!("{HOST}tags = [\"frontend\"]\n"),
        );
        env.write("hosts/web/configuration.nix", "{ }\n");
        env.write("hosts/web/host.pub", KEY);
        env.write(
            "hosts/db/host.toml",
            &format!("{HOST}tags = [\"backend\"]\naddresses = [\"192.0.2.7\"]\n"),
        );
        env
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        Self::write_at(&self.repo().join(file), text);
    }

    fn write_at(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    /// Sets a variable for the fakes or for infra.
    pub(crate) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.vars.push((name, value.into()));
        self
    }

    /// What the fake `nix` answers for the contract of a host, and an empty contract file, without which it would not be asked. `said` is a
    /// manifest in which everything may be left out that a contract may leave out.
    pub(crate) fn contract(&self, host: &str, said: serde_json::Value) {
        self.write(&format!("hosts/{host}/contract.nix"), "{ }\n");
        let manifest = crate::manifest::whole(host, said);
        self.side_file(&format!("contracts/{host}.json"), &manifest.to_string());
    }

    /// A file beside the repository, for the fakes.
    pub(crate) fn side_file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        Self::write_at(&path, text);
        path.display().to_string()
    }

    pub(crate) fn without_nix(self) -> Self {
        fs::remove_file(self.dir.path().join("bin/nix")).expect("there");
        self
    }

    /// How often the fakes were called, one word each.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.output_of(env!("CARGO_BIN_EXE_infra"), args)
    }

    /// What a terminal shows of a run: both streams, with all escape sequences. The terminal is made by `script` of util-linux.
    pub(crate) fn on_terminal(&self, args: &str) -> String {
        let infra = env!("CARGO_BIN_EXE_infra");
        let line = format!("'{infra}' {args}");
        let output = self.output_of("script", &["-qec", &line, "/dev/null"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Git in the repository, with an identity of its own.
    pub(crate) fn git(&self, words: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let branch = ["-c", "init.defaultBranch=main"];
        let output = self.output_of("git", &[&identity[..], &branch, words].concat());
        assert!(output.status.success(), "git {words:?}: {output:?}");
    }

    /// `infra` with words that a shell reads; a pipe fails if any part of it does.
    pub(crate) fn shell(&self, words: &str) -> Output {
        let line = format!("set -o pipefail; '{}' {words}", env!("CARGO_BIN_EXE_infra"));
        self.output_of("bash", &["-c", &line])
    }

    /// Runs a shell script that is told how to call infra: `"$@"`.
    pub(crate) fn in_shell(&self, script: &str, args: &[&str]) -> Output {
        let mut all = vec!["-c", script, "sh", env!("CARGO_BIN_EXE_infra")];
        all.extend(args);
        self.output_of("sh", &all)
    }

    fn output_of(&self, program: &str, args: &[&str]) -> Output {
        self.command(program, args).output().expect("infra runs")
    }

    /// `infra`, to be talked with while it runs; ended with the test.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut command = self.command(env!("CARGO_BIN_EXE_infra"), args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("infra runs");
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            // The test may have ended.
            for line in stdout.lines() {
                let _ = send.send(line.expect("UTF-8"));
            }
        });
        Running { child, lines }
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let path = |name: &str| self.dir.path().join(name);
        #[expect(
            clippy::disallowed_methods,
            reason = "the program under test; nothing of the room that makes processes is meant here"
        )]
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.repo())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", path("bin").display()))
            .env("HOME", path("home"))
            .env("XDG_STATE_HOME", path("state"))
            .env("TMPDIR", path("tmp"))
            .env("FAKE_LOG", path("calls"))
            .env("FAKE_CONTRACTS", path("contracts"))
            .envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Exit code and both streams as one text, with what differs from run to run made the same.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let whole = format!(
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            output.status.code().unwrap_or(-1),
            text(&output.stdout),
            text(&output.stderr)
        );
        let whole = in_any_order(&whole);
        let root = self.dir.path().canonicalize().expect("exists");
        whole
            .replace(&root.display().to_string(), "[dir]")
            .replace(&self.dir.path().display().to_string(), "[dir]")
    }
}

/// An `infra` that runs.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    /// The next line on standard output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        let line = self.lines.recv_timeout(Duration::from_secs(60));
        line.expect("a line")
    }

    /// Whether it says nothing for a while.
    pub(crate) fn is_silent(&self) -> bool {
        let line = self.lines.recv_timeout(Duration::from_millis(600));
        line == Err(mpsc::RecvTimeoutError::Timeout)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end: the exit code, what it had not said yet, and standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let rest = self.lines.iter().collect();
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        stderr.read_to_string(&mut said).expect("UTF-8");
        (self.child.wait().expect("ours").code(), rest, said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind; what has ended was waited for.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What happens at the same time may be told in either order: sorts the lines of events, and drops their numbers.
fn in_any_order(text: &str) -> String {
    let is_event = |line: &&str| {
        line.starts_with("{\"schema\":1,\"seq\"")
            || line.starts_with("    ")
            || line.starts_with("  evaluate")
    };
    let numberless = |line: &str| match (line.split_once("\"seq\":"), line.split_once("\"at\":")) {
        (Some((before, _)), Some((_, after))) => format!("{before}\"at\":{after}"),
        _ => line.to_owned(),
    };
    let mut whole = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if !is_event(&line) {
            whole.push(line.to_owned());
            continue;
        }
        let mut events = vec![numberless(line)];
        while let Some(next) = lines.next_if(is_event) {
            events.push(numberless(next));
        }
        events.sort_unstable_by_key(|event| {
            event
                .split_once("\"event\"")
                .map_or(event.clone(), |(_, after)| after.to_owned())
        });
        whole.extend(events);
    }
    whole.join("\n") + "\n"
}

/// Replaces what no two runs have in common.
pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+\.\d+s", "[time]");
    settings.add_filter(r#""at":[\d.e-]+"#, r#""at":[time]"#);
    settings.add_filter(
        r#""(seconds|evaluate|survey|build)":[\d.e-]+"#,
        r#""$1":[time]"#,
    );
    // A fake may be over before anybody looks at what it holds.
    settings.add_filter(r#""peakBytes":\d+"#, r#""peakBytes":null"#);
    settings.add_filter(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "[run]");
    settings
}

/// Asserts a snapshot of a run.
macro_rules! shows {
    ($env:expr, $args:expr, @$expected:literal) => {
        $crate::env::settings().bind(|| insta::assert_snapshot!($env.run(&$args), @$expected));
    };
}
pub(crate) use shows;
