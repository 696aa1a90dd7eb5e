//! The one place where the agent makes processes: with a small known environment and nothing to read.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where the programs of a NixOS and of any other distribution are: what starts us may know neither.
pub(crate) const PATH: &str =
    "/run/current-system/sw/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[expect(
    clippy::disallowed_methods,
    reason = "this is the agent's one constructor; infra_drive's needs a runtime"
)]
pub(crate) fn program(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// What a program prints that only has to look something up; `None` if it is not there, fails, or hangs: whoever supervises a change must not.
pub(crate) fn ask(name: &str, args: &[&str]) -> Option<String> {
    const PATIENCE: u64 = 60;
    ask_within(name, args, PATIENCE)
}

/// What a program prints; `None` if it is not there, fails, or does not end in so many seconds.
pub(crate) fn ask_within(name: &str, args: &[&str], seconds: u64) -> Option<String> {
    let (status, text) = told_within(program(name, args), Duration::from_secs(seconds))?;
    status.success().then_some(text)
}

/// How a program ended and what it printed; `None` if it is not there or does not end in time: then it is killed, with all it has started.
pub(crate) fn told_within(mut command: Command, limit: Duration) -> Option<(ExitStatus, String)> {
    let mut child = command
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .ok()?;
    let pipe = child.stdout.take();
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks ends the text; the status says the rest.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    });
    let status = wait(&mut child, limit)?;
    let text = reading.join().ok()?;
    Some((status, String::from_utf8_lossy(&text).into_owned()))
}

/// Waits for the leader of a process group; one that does not end in time is killed, with its group.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(10)),
            Ok(None) | Err(_) => {
                kill_group(child.id(), Signal::KILL);
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// Signals a process group that we made.
pub(crate) fn kill_group(leader: u32, signal: Signal) {
    let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(leader) = leader {
        // It may have ended by itself.
        let _ = kill_process_group(leader, signal);
    }
}

/// Runs programs at the same time; whether each succeeded. One that does not end in time is killed, and has not.
pub(crate) fn all(commands: Vec<Command>, limit: Duration) -> Vec<bool> {
    let until = Instant::now() + limit;
    let started: Vec<_> = commands
        .into_iter()
        .map(|mut command| command.process_group(0).spawn())
        .collect();
    let left = || until.saturating_duration_since(Instant::now());
    started
        .into_iter()
        .map(|child| wait(&mut child.ok()?, left()))
        .map(|status| status.is_some_and(|status| status.success()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{all, program};
    use std::time::{Duration, Instant};

    #[test]
    fn who_hangs_is_waited_for_no_longer_than_that_and_keeps_nobody_else_from_ending() {
        let commands = || {
            let words: [&[&str]; 3] = [&["sleep", "600"], &["true"], &["false"]];
            words.map(|words| program(words[0], &words[1..])).into()
        };
        let begun = Instant::now();
        assert_eq!(
            all(commands(), Duration::from_secs(2)),
            [false, true, false]
        );
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
