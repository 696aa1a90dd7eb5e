//! Processes: the one constructor, and running one to its end within a deadline.
//!
//! Every child starts from an empty environment, so what a test sees does not depend on who
//! started it. Output is collected by threads that outlive the child: a grandchild which keeps the
//! pipe open (an ssh connection left in the background, say) must not hang a test.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Where the lab's own tools (`ip`, `nsenter`, `mount` ...) are looked for.
pub const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long output may still trickle in after the child itself has ended.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// A command with an empty environment (but `PATH` and a UTF-8 locale) and no standard input.
///
/// This is the only place of the testkit where a process can come from.
pub fn process(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one constructor that the lint points to"
    )]
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", SYSTEM_PATH)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// Why a process gave no usable result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started at all.
    #[error("cannot start `{command}`")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It did not end in time and was killed, with everything in its process group.
    #[error("`{command}` did not end within {deadline:?} and was killed{output}")]
    Deadline {
        /// The command line.
        command: String,
        /// The time it was given.
        deadline: Duration,
        /// What it had said until then, ready for display.
        output: String,
    },
    /// It ended, but with a failure.
    #[error("`{command}` failed ({status}){output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said, ready for display.
        output: String,
    },
    /// It can no longer be waited for or signalled.
    #[error("lost track of `{command}`")]
    Lost {
        /// The command line.
        command: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// A process that has ended: what it said, how it ended and how long it took.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

impl Finished {
    /// Its exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Itself, if it succeeded; else an error that shows both of its streams.
    pub fn ok(self) -> Result<Self, ProcessError> {
        if self.status.success() {
            return Ok(self);
        }
        Err(ProcessError::Failed {
            output: both_streams(&self.stdout, &self.stderr),
            command: self.command,
            status: self.status,
        })
    }

    /// Its standard output without the white space around it.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }
}

/// Running commands to their end. Implemented for [`Command`].
pub trait Run {
    /// Starts it in its own process group, with both output streams collected.
    fn start(&mut self) -> Result<Running, ProcessError>;

    /// Runs it to its end; past the deadline it is killed together with its process group.
    fn run(&mut self, deadline: Duration) -> Result<Finished, ProcessError>;
}

impl Run for Command {
    fn start(&mut self) -> Result<Running, ProcessError> {
        let command = command_line(self);
        let begun = Instant::now();
        let spawned = self
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        match spawned {
            Ok(mut child) => Ok(Running {
                stdout: Collected::from(child.stdout.take()),
                stderr: Collected::from(child.stderr.take()),
                command,
                begun,
                child,
                ended: None,
            }),
            Err(source) => Err(ProcessError::Start { command, source }),
        }
    }

    fn run(&mut self, deadline: Duration) -> Result<Finished, ProcessError> {
        self.start()?.wait(deadline)
    }
}

/// A process under way. Dropping it kills its process group: a failing test leaves nothing behind.
#[derive(Debug)]
pub struct Running {
    command: String,
    begun: Instant,
    child: Child,
    stdout: Collected,
    stderr: Collected,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process alone, as `kill` would.
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        kill_process(self.pid()?, signal).map_err(|errno| self.lost(errno.into()))
    }

    /// Sends a signal to its whole process group, as a terminal does on Ctrl-C.
    pub fn signal_group(&self, signal: Signal) -> Result<(), ProcessError> {
        kill_process_group(self.pid()?, signal).map_err(|errno| self.lost(errno.into()))
    }

    /// Waits until a line of its standard output is wanted, and gives that line.
    /// `None`: the stream ended or the deadline passed without one.
    pub fn wait_for_line(
        &self,
        deadline: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.stdout.wait_for_line(deadline, wanted)
    }

    /// The same for its standard error.
    pub fn wait_for_error_line(
        &self,
        deadline: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.stderr.wait_for_line(deadline, wanted)
    }

    /// Waits for its end; past the deadline it is killed together with its process group.
    pub fn wait(mut self, deadline: Duration) -> Result<Finished, ProcessError> {
        let until = Instant::now() + deadline;
        let mut pause = Duration::from_millis(1);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() >= until => return Err(self.overdue(deadline)),
                Ok(None) => thread::sleep(pause),
                Err(source) => return Err(self.lost(source)),
            }
            pause = (pause * 2).min(Duration::from_millis(10));
        };
        self.ended = Some(status);
        let took = self.begun.elapsed();
        let grace = Instant::now() + OUTPUT_GRACE;
        Ok(Finished {
            command: self.command.clone(),
            status,
            stdout: self.stdout.all_until(grace),
            stderr: self.stderr.all_until(grace),
            took,
        })
    }

    fn overdue(&mut self, deadline: Duration) -> ProcessError {
        self.kill();
        let grace = Instant::now() + OUTPUT_GRACE;
        ProcessError::Deadline {
            command: self.command.clone(),
            deadline,
            output: both_streams(&self.stdout.all_until(grace), &self.stderr.all_until(grace)),
        }
    }

    fn kill(&mut self) {
        // Errors mean that it has just ended by itself: nothing left to do.
        let _ = self.signal_group(Signal::KILL);
        self.ended = self.child.wait().ok();
    }

    fn pid(&self) -> Result<Pid, ProcessError> {
        i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| self.lost(std::io::ErrorKind::InvalidData.into()))
    }

    fn lost(&self, source: std::io::Error) -> ProcessError {
        ProcessError::Lost {
            command: self.command.clone(),
            source,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
        }
    }
}

/// A stream that a thread reads into memory.
#[derive(Debug, Default, Clone)]
struct Collected {
    shared: Arc<(Mutex<Stream>, Condvar)>,
}

#[derive(Debug, Default)]
struct Stream {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collected {
    fn from(source: Option<impl Read + Send + 'static>) -> Self {
        let collected = Self::default();
        let writer = collected.clone();
        thread::spawn(move || {
            let mut buffer = [0_u8; 8192];
            if let Some(mut source) = source {
                while let Ok(count @ 1..) = source.read(&mut buffer) {
                    writer.lock().bytes.extend_from_slice(&buffer[..count]);
                    writer.shared.1.notify_all();
                }
            }
            writer.lock().ended = true;
            writer.shared.1.notify_all();
        });
        collected
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All there is once the stream has ended, or whatever there is at `until`.
    fn all_until(&self, until: Instant) -> String {
        let mut stream = self.lock();
        while !stream.ended {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                break;
            };
            stream = self.wait(stream, left);
        }
        String::from_utf8_lossy(&stream.bytes).into_owned()
    }

    fn wait_for_line(&self, deadline: Duration, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let until = Instant::now() + deadline;
        let mut seen = 0;
        let mut stream = self.lock();
        loop {
            while let Some(length) = stream.bytes[seen..].iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&stream.bytes[seen..seen + length]);
                if wanted(&line) {
                    return Some(line.into_owned());
                }
                seen += length + 1;
            }
            let left = until.checked_duration_since(Instant::now())?;
            if stream.ended {
                return None;
            }
            stream = self.wait(stream, left);
        }
    }

    fn wait<'a>(&self, stream: MutexGuard<'a, Stream>, left: Duration) -> MutexGuard<'a, Stream> {
        self.shared
            .1
            .wait_timeout(stream, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// The command line as a person would read it (for messages, never for a shell). Scripts handed
/// to a shell are left out.
pub fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words
        .map(|word| word.to_string_lossy())
        .map(|word| {
            if word.contains('\n') {
                "…".into()
            } else {
                word
            }
        })
        .collect();
    words.join(" ")
}

fn both_streams(stdout: &str, stderr: &str) -> String {
    let mut shown = String::new();
    for (name, text) in [("standard output", stdout), ("standard error", stderr)] {
        if !text.trim().is_empty() {
            shown = shown + "\n--- " + name + "\n" + text.trim_end();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn sh(script: &str) -> Command {
        let mut command = process("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_child_sees_no_environment_of_ours() {
        let finished = process("env").run(SOON).unwrap();
        let mut lines: Vec<_> = finished.text().lines().collect();
        lines.sort_unstable();
        let path = format!("PATH={SYSTEM_PATH}");
        assert_eq!(lines, ["LC_ALL=C.UTF-8", path.as_str()]);
    }

    #[test]
    fn a_failure_shows_both_streams_and_the_code() {
        let finished = sh("echo out; echo err >&2; exit 3").run(SOON).unwrap();
        assert_eq!(finished.code(), Some(3));
        let text = finished.ok().unwrap_err().to_string();
        assert!(text.contains("--- standard output\nout"), "{text}");
        assert!(text.contains("--- standard error\nerr"), "{text}");
    }

    #[test]
    fn past_its_deadline_the_whole_group_dies() {
        let error = sh("sleep 600 & echo $!; wait")
            .run(Duration::from_millis(200))
            .unwrap_err();
        let text = error.to_string();
        let ProcessError::Deadline { output, .. } = error else {
            panic!("{text}");
        };
        let grandchild = output.lines().last().unwrap().to_owned();
        thread::sleep(Duration::from_millis(50));
        let state = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
        assert!(
            state.as_ref().map_or(true, |stat| stat.contains(") Z ")),
            "the grandchild {grandchild} lives on: {state:?}"
        );
    }

    #[test]
    fn a_background_process_that_keeps_the_pipe_does_not_hang_us() {
        let finished = sh("sleep 3 & echo done").run(SOON).unwrap();
        assert_eq!(finished.text(), "done");
        assert!(finished.took < Duration::from_secs(2));
    }

    #[test]
    fn lines_can_be_waited_for_and_signals_arrive() {
        let running =
            sh("trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.02; done")
                .start()
                .unwrap();
        let ready = running.wait_for_line(SOON, |line| line == "ready");
        assert_eq!(ready.as_deref(), Some("ready"));
        running.signal(Signal::INT).unwrap();
        let finished = running.wait(SOON).unwrap();
        assert_eq!(finished.code(), Some(7));
        assert_eq!(finished.stdout, "ready\ncaught\n");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = process("no-such-program").run(SOON).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }
}
