//! The one place where processes are made.
//!
//! Policy that must hold for each of them stands here once: a process group of its own (a Ctrl-C on the terminal reaches infra, and infra
//! decides), no standard input unless given, untranslated messages, an orderly end when the run is stopped.

use infra_model::{CancelStage, Code, Diagnostic};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long a process may take to clean up after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// When a process has to give way to an interrupted run.
#[derive(Debug, Clone)]
pub struct Stop {
    stage: watch::Receiver<CancelStage>,
    from: CancelStage,
}

impl Stop {
    /// Ends the process once the run has come to stage `from`.
    pub fn from(from: CancelStage, stage: watch::Receiver<CancelStage>) -> Self {
        Self { stage, from }
    }

    /// Nothing ever stops the process.
    pub fn never() -> Self {
        Self {
            stage: watch::channel(CancelStage::Running).1,
            from: CancelStage::Killing,
        }
    }

    /// Returns when it is time to stop; never, if nobody can ask any more.
    pub async fn asked(&mut self) {
        self.reached(self.from).await;
    }

    async fn reached(&mut self, stage: CancelStage) {
        if self.stage.wait_for(|now| *now >= stage).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Ends this process as a power cut does.
#[cfg(debug_assertions)]
pub fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
}

/// The diagnostic of a step that was stopped.
pub fn interrupted(what: &str) -> Diagnostic {
    Diagnostic::new(Code::Interrupted, format!("{what} was interrupted"))
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Tool {
    program: &'static str,
    args: Vec<OsString>,
    envs: Vec<(&'static str, OsString)>,
    first_to_go: bool,
}

/// How a program ended, with what it printed on standard output.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// Its standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// The most memory the process itself was seen to hold; `None` if it ended before anybody looked.
    pub peak_bytes: Option<u64>,
}

impl Tool {
    /// A program found in `PATH`.
    pub fn new(program: &'static str) -> Self {
        Self {
            program,
            args: Vec::new(),
            envs: Vec::new(),
            first_to_go: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.envs.push((name, value.into()));
        self
    }

    /// When memory runs out, the kernel is to end this program and what it starts before others: it can be run again.
    #[must_use]
    pub fn first_to_go(mut self) -> Self {
        self.first_to_go = true;
        self
    }

    fn command(&self) -> Command {
        let mut command = new_command(OsStr::new(self.program));
        command
            .args(&self.args)
            .envs(self.envs.iter().map(|(name, value)| (name, value)));
        command
    }

    fn in_background(&self) -> Command {
        let mut command = background(OsStr::new(self.program));
        command
            .args(&self.args)
            .envs(self.envs.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end. Lines of standard error go to `on_line` as they come. What it leaves in the background (a master of ssh, a
    /// helper of git that remembers passwords) may keep its pipes, and is not waited for.
    pub async fn run(
        &self,
        mut stop: Stop,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Ended, Diagnostic> {
        let mut child = self
            .in_background()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.cannot_start(&error))?;
        if self.first_to_go {
            offer_to_the_kernel(child.id());
        }
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (mut bytes, mut rest) = (Vec::new(), Vec::new());
        let reading = async {
            let read_out = async {
                if let Some(mut pipe) = stdout {
                    pipe.read_to_end(&mut bytes).await?;
                }
                io::Result::Ok(())
            };
            let read_err = async {
                if let Some(pipe) = stderr {
                    each_line_until(pipe, &mut rest, &mut *on_line).await?;
                }
                io::Result::Ok(())
            };
            tokio::try_join!(read_out, read_err).map(drop)
        };
        let mut peak = None;
        let watching = watch_memory(child.id(), &mut peak);
        let status = tokio::select! {
            status = read_to_the_end(&mut child, reading) => status,
            never = watching => match never {},
            () = stop.asked() => {
                end(&mut child, &mut stop).await;
                return Err(interrupted(self.program));
            }
        };
        let status = status.map_err(|error| self.broke(&error))?;
        if !rest.is_empty() {
            tell(&rest, on_line);
        }
        Ok(Ended {
            status,
            stdout: String::from_utf8_lossy(&bytes).into_owned(),
            peak_bytes: peak,
        })
    }

    /// Runs a program that leaves a part of itself in the background. What it says on standard error goes to a file: a pipe would be held
    /// open by what stays behind.
    pub async fn launch(&self, log: File, mut stop: Stop) -> Result<ExitStatus, Diagnostic> {
        let mut child = self
            .in_background()
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| self.cannot_start(&error))?;
        tokio::select! {
            status = child.wait() => status.map_err(|error| self.broke(&error)),
            () = stop.asked() => {
                end(&mut child, &mut stop).await;
                Err(interrupted(self.program))
            }
        }
    }

    /// Runs the program on the terminal infra itself runs on, which is the program's until it ends.
    pub async fn run_on_terminal(&self) -> Result<ExitStatus, Diagnostic> {
        self.command()
            .status()
            .await
            .map_err(|error| self.cannot_start(&error))
    }

    fn cannot_start(&self, error: &io::Error) -> Diagnostic {
        if error.kind() == io::ErrorKind::NotFound {
            missing(self.program)
        } else {
            self.broke(error)
        }
    }

    fn broke(&self, error: &io::Error) -> Diagnostic {
        Diagnostic::new(
            Code::Internal,
            format!("`{}` could not be run", self.program),
        )
        .with_cause(error.to_string())
    }
}

/// The diagnostic of a program that is nowhere in `PATH`.
pub(crate) fn missing(program: &str) -> Diagnostic {
    let fix = match program {
        "nix" => "install Nix 2.18 or later, or put its `bin` folder into PATH",
        "ssh" => "install the OpenSSH client, or put it into PATH",
        _ => "install it, or put it into PATH",
    };
    Diagnostic::new(
        Code::MissingProgram,
        format!("`{program}` is not installed on this machine"),
    )
    .with_cause(format!("no `{program}` in PATH"))
    .with_fix(fix)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one constructor that the lint points everybody to"
)]
fn new_command(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    command.kill_on_drop(true);
    command
}

/// The command for a program that is not the terminal's: in a process group of its own, and without anybody to ask.
pub(crate) fn background(program: &OsStr) -> Command {
    let mut command = new_command(program);
    command
        // Messages are shown, never matched; but in one language they can be looked up.
        .env("LC_ALL", "C.UTF-8")
        // Nix fetches inputs through git and ssh. A question of theirs on the terminal would stop them there, unseen and for ever, since the
        // terminal is not theirs. With `force` ssh asks through the desktop, if there is one.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("SSH_ASKPASS_REQUIRE", "force")
        .stdin(Stdio::null())
        .process_group(0);
    command
}

/// Waits for a program and what it says, and not for what it leaves behind.
async fn read_to_the_end(
    child: &mut Child,
    reading: impl Future<Output = io::Result<()>>,
) -> io::Result<ExitStatus> {
    /// Longer than it takes to read what is in the pipes already. What is there is read before anybody looks at the clock.
    const LEFT_BEHIND: Duration = Duration::from_millis(250);
    tokio::pin!(reading);
    let status = tokio::select! {
        biased;
        read = &mut reading => {
            read?;
            return child.wait().await;
        }
        status = child.wait() => status?,
    };
    tokio::select! {
        biased;
        read = &mut reading => read?,
        () = tokio::time::sleep(LEFT_BEHIND) => {}
    }
    Ok(status)
}

/// Calls `on_line` with each line, without its end; bytes that are no UTF-8 are replaced.
pub(crate) async fn each_line(
    pipe: impl tokio::io::AsyncRead + Unpin,
    on_line: &mut (dyn FnMut(&str) + Send),
) -> io::Result<()> {
    each_line_until(pipe, &mut Vec::new(), on_line).await
}

/// The same; `rest` has what was read of the last line if nobody waits for the end of it.
async fn each_line_until(
    pipe: impl tokio::io::AsyncRead + Unpin,
    rest: &mut Vec<u8>,
    on_line: &mut (dyn FnMut(&str) + Send),
) -> io::Result<()> {
    let mut reader = BufReader::new(pipe);
    while reader.read_until(b'\n', rest).await? > 0 {
        tell(rest, on_line);
        rest.clear();
    }
    Ok(())
}

fn tell(line: &[u8], on_line: &mut (dyn FnMut(&str) + Send)) {
    on_line(String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']));
}

/// Raises how gladly the kernel kills a process when memory runs out, which anybody may do to their own.
fn offer_to_the_kernel(id: Option<u32>) {
    /// As if it held half of the memory more than it does: before infra, the shell and the desktop, and the largest of its kind first.
    const GLADLY: &str = "500";
    if let Some(id) = id {
        // It may have ended already; and where there is no such file, the kernel chooses by size alone.
        let _ = std::fs::write(format!("/proc/{id}/oom_score_adj"), GLADLY);
    }
}

/// Looks at a process's peak memory (`VmHWM`) again and again, until dropped.
async fn watch_memory(id: Option<u32>, peak: &mut Option<u64>) -> std::convert::Infallible {
    const LONGEST_PAUSE: Duration = Duration::from_millis(50);
    // Often at first: something small is over soon.
    let mut pause = Duration::from_millis(4);
    let file = id.map(|id| format!("/proc/{id}/status"));
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let status = file
            .as_ref()
            .and_then(|file| std::fs::read_to_string(file).ok());
        let kib = status.as_deref().and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        });
        *peak = (*peak).max(kib.map(|kib| kib * 1024));
    }
}

/// Where a program lies in `PATH`.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Ends a process and everything it started: asks, waits, insists.
pub(crate) async fn end(child: &mut Child, stop: &mut Stop) {
    let signal = |child: &Child, signal| {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = pid.and_then(Pid::from_raw) {
            // It may have ended a moment ago; then there is nothing to signal.
            let _ = kill_process_group(group, signal);
        }
    };
    signal(child, Signal::TERM);
    tokio::select! {
        _ = child.wait() => {}
        () = tokio::time::sleep(GRACE) => {}
        () = stop.reached(CancelStage::Killing) => {}
    }
    signal(child, Signal::KILL);
    let _ = child.wait().await;
}

#[cfg(test)]
mod tests {
    use super::{Pid, Signal, Stop, Tool};
    use infra_model::{CancelStage, Code};
    use rustix::process::kill_process;
    use std::time::{Duration, Instant};
    use tokio::sync::watch;

    #[tokio::test]
    async fn collects_output_and_lines() {
        let mut lines = Vec::new();
        let ended = Tool::new("sh")
            .args(["-c", "echo out; printf 'a\\r\\nb' >&2; exit 3"])
            .run(Stop::never(), &mut |line| lines.push(line.to_owned()))
            .await
            .expect("sh runs");
        assert_eq!(
            (ended.stdout.as_str(), ended.status.code()),
            ("out\n", Some(3))
        );
        assert_eq!(lines, ["a", "b"]);
    }

    #[tokio::test]
    async fn what_is_left_in_the_background_is_not_waited_for() {
        // More than a pipe holds, and a last line without its end.
        let script = "sleep 300 & echo $!; seq 50000; echo a >&2; printf b >&2; exit 3";
        let mut lines = Vec::new();
        let begun = Instant::now();
        let ended = Tool::new("sh")
            .args(["-c", script])
            .run(Stop::never(), &mut |line| lines.push(line.to_owned()))
            .await
            .expect("sh runs");
        let (pid, numbers) = ended.stdout.split_once('\n').expect("lines");
        let pid = pid.parse().ok().and_then(Pid::from_raw).expect("a number");
        // It still runs, so it was not waited for; and it is nobody's any more.
        kill_process(pid, Signal::KILL).expect("it runs");
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(numbers.lines().count(), 50_000);
        assert!(numbers.ends_with("\n50000\n"));
        assert_eq!(lines, ["a", "b"]);
    }

    #[tokio::test]
    async fn a_program_that_has_said_all_can_be_stopped() {
        let (ask, stage) = watch::channel(CancelStage::Running);
        let tool = Tool::new("sh").args(["-c", "exec sleep 600 >&- 2>&-"]);
        let mut ignore = |_: &str| {};
        let running = tool.run(Stop::from(CancelStage::Terminating, stage), &mut ignore);
        let asking = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ask.send(CancelStage::Terminating).expect("open");
        };
        let (result, ()) = tokio::join!(running, asking);
        assert_eq!(result.expect_err("stopped").code, Code::Interrupted);
    }

    #[tokio::test]
    async fn what_can_be_run_again_is_offered_to_the_kernel() {
        // Written while it already runs, so it may have to look twice.
        let script = "for i in $(seq 500); do read -r score < /proc/$$/oom_score_adj; [ \"$score\" = 500 ] && exit 0; sleep 0.01; done; exit 1";
        let sh = Tool::new("sh").args(["-c", script]).first_to_go();
        let ended = sh.run(Stop::never(), &mut |_| {}).await.expect("sh runs");
        assert!(ended.status.success());
    }

    #[tokio::test]
    async fn a_missing_program_is_named_with_its_fix() {
        let fault = Tool::new("no-such-program")
            .run(Stop::never(), &mut |_| {})
            .await
            .expect_err("not installed");
        assert_eq!(fault.code, Code::MissingProgram);
        assert!(fault.title.contains("no-such-program") && fault.fix.is_some());
    }

    #[tokio::test]
    async fn nobody_is_asked_in_the_background_and_a_session_keeps_its_locale() {
        let ended = Tool::new("sh")
            .args([
                "-c",
                "echo $LC_ALL $GIT_TERMINAL_PROMPT $SSH_ASKPASS_REQUIRE",
            ])
            .run(Stop::never(), &mut |_| {})
            .await
            .expect("sh runs");
        assert_eq!(ended.stdout, "C.UTF-8 0 force\n");
        // A session on the terminal takes the user's language to the host.
        let status = Tool::new("sh")
            .args(["-c", "[ \"${LC_ALL-}\" = \"$WANTED\" ]"])
            .env("WANTED", std::env::var_os("LC_ALL").unwrap_or_default())
            .run_on_terminal()
            .await
            .expect("sh runs");
        assert!(status.success());
    }

    #[tokio::test]
    async fn what_is_launched_is_in_a_group_of_its_own_and_may_leave_something_behind() {
        // The fifth word of `stat` is the process group; a terminal signals the group of infra.
        let script =
            "read -r pid _ _ _ group _ < /proc/$$/stat; sleep 25 & [ \"$pid\" = \"$group\" ]";
        let begun = Instant::now();
        let status = Tool::new("sh")
            .args(["-c", script])
            .launch(tempfile::tempfile().expect("a file"), Stop::never())
            .await
            .expect("sh runs");
        assert!(status.success() && begun.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn launching_can_be_stopped() {
        let (ask, stage) = watch::channel(CancelStage::Running);
        ask.send(CancelStage::Terminating).expect("open");
        let fault = Tool::new("sleep")
            .arg("600")
            .launch(
                tempfile::tempfile().expect("a file"),
                Stop::from(CancelStage::Terminating, stage),
            )
            .await
            .expect_err("stopped");
        assert_eq!(fault.code, Code::Interrupted);
    }

    #[tokio::test]
    async fn stopping_ends_the_whole_group() {
        let (ask, stage) = watch::channel(CancelStage::Running);
        let stop = Stop::from(CancelStage::Terminating, stage);
        let dir = tempfile::tempdir().expect("a folder");
        let pid_file = dir.path().join("pid");
        // The grandchild ignores nothing and would sleep on; its pid is written so that we can look for it.
        let script = format!("sleep 600 & echo $! > '{}'; wait", pid_file.display());
        let tool = Tool::new("sh").arg("-c").arg(script);
        let mut ignore = |_: &str| {};
        let running = tool.run(stop, &mut ignore);
        let asking = async {
            while !pid_file.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            ask.send(CancelStage::Draining).expect("open");
            tokio::time::sleep(Duration::from_millis(20)).await;
            ask.send(CancelStage::Terminating).expect("open");
        };
        let begun = Instant::now();
        let (result, ()) = tokio::join!(running, asking);
        assert_eq!(result.expect_err("stopped").code, Code::Interrupted);
        assert!(begun.elapsed() < Duration::from_secs(60));
        let pid = std::fs::read_to_string(&pid_file).expect("written");
        // It has been killed; whoever adopts it may be slow to reap it, so a zombie is gone as well.
        let runs = || {
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
                .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
        };
        while runs() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the grandchild still runs"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
