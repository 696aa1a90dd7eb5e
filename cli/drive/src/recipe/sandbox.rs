//! Where scripts of recipes run: namespaces of their own, made by `unshare` (decision 0020).
//!
//! Inside are programs, the script, what it is made from, and two folders in memory. Outside of it nothing of them ever is in a file, an
//! argument or a variable.

mod said;
mod tools;

use super::{Bytes, Given, fault, need_of, said as named};
use crate::process::{self, Stop};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_model::recipe::{Job, OUTPUT_LIMIT};
use infra_model::{Code, Diagnostic, NeedName};
use rustix::process::{Pid, Signal, kill_process_group};
use said::Said;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

const SETUP: &str = include_str!("sandbox.sh");

/// As much of what a script prints as is kept: its end.
const SAID_LIMIT: usize = 64 * 1024;

/// How the namespaces are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// We are root: no namespace of users; the script runs as nobody.
    Root,
    /// We are not: in a namespace of users where we are root, until the script begins.
    User,
    /// The same, in a test that is root.
    #[cfg(test)]
    Somebody,
}

impl Mode {
    fn of_this_process() -> Self {
        let root = rustix::process::geteuid().is_root();
        let users = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        if root && has_nobody(&users) {
            Self::Root
        } else {
            Self::User
        }
    }

    /// The command that makes the namespaces, as far as it depends on who we are.
    fn command(self, tools: &tools::Tools) -> Command {
        let unshare = tools.unshare.as_os_str();
        match self {
            Self::Root => process::background(unshare),
            Self::User => {
                let mut command = process::background(unshare);
                command.args(["--user", "--map-root-user"]);
                command
            }
            #[cfg(test)]
            Self::Somebody => {
                let mut command = process::background("setpriv".as_ref());
                command
                    .args(["--reuid=65533", "--regid=65533", "--clear-groups"])
                    .arg(unshare)
                    .args(["--user", "--map-root-user"]);
                command
            }
        }
    }
}

/// Whether root of this user namespace can become the user 65534.
fn has_nobody(uid_map: &str) -> bool {
    uid_map.lines().any(|line| {
        let mut words = line.split_whitespace().map(str::parse::<u64>);
        match (words.next(), words.nth(1)) {
            (Some(Ok(first)), Some(Ok(count))) => first <= 65_534 && 65_534 < first + count,
            _ => false,
        }
    })
}

/// Runs the script of a job. The answer is all of its outputs, by their own names.
pub(super) async fn run(
    job: &Job,
    script: &str,
    given: &Given,
    stop: Stop,
) -> Result<BTreeMap<NeedName, Bytes>, Diagnostic> {
    run_in(Mode::of_this_process(), (job, script, given), stop).await
}

async fn run_in(
    mode: Mode,
    (job, script, given): (&Job, &str, &Given),
    mut stop: Stop,
) -> Result<BTreeMap<NeedName, Bytes>, Diagnostic> {
    let tools = tools::find()?;
    let shell = tools::interpreter(job, &tools, &given.packages)?;
    let input = input(job, script, given)?;
    let mut command = mode.command(&tools);
    command
        .args([
            "--mount",
            "--net",
            "--pid",
            "--ipc",
            "--uts",
            "--fork",
            "--kill-child",
        ])
        .arg(&tools.sh)
        .args(["-c", SETUP, "sandbox"])
        .args(arguments(mode, job, given, &shell))
        // What infra was told in its environment is nobody else's affair.
        .env_clear()
        .env("PATH", &tools.path)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| no_sandbox(&error.to_string()))?;
    let talked = tokio::select! {
        talked = talk(&mut child, &input, job.products.len()) => talked.map_err(Ending::Broke),
        () = tokio::time::sleep(given.timeout) => Err(Ending::Late),
        () = stop.asked() => Err(Ending::Stopped),
    };
    kill(&mut child).await;
    match talked {
        Ok((answer, stderr)) => judge(job, given, &answer, &stderr),
        Err(Ending::Stopped) => Err(process::interrupted(&named(job))),
        Err(Ending::Broke(error)) => Err(no_sandbox(&error.to_string())),
        Err(Ending::Late) => Err(late(job, given.timeout)),
    }
}

/// How a script did not come to its end.
enum Ending {
    Late,
    Stopped,
    Broke(io::Error),
}

fn arguments(mode: Mode, job: &Job, given: &Given, shell: &tools::Shell) -> Vec<OsString> {
    let drop = if mode == Mode::Root { "yes" } else { "no" };
    // Room for a script that writes more than it should, so that it is told which output is too large.
    let size = (job.products.len() + 1) * (OUTPUT_LIMIT + 64 * 1024);
    let seconds = given.timeout.as_secs() + 5;
    vec![
        drop.into(),
        seconds.to_string().into(),
        shell.path.clone(),
        shell.program.clone().into(),
        shell.flags.into(),
        size.to_string().into(),
        OUTPUT_LIMIT.to_string().into(),
    ]
}

/// Everything the sandbox is told, in the lines that `sandbox.sh` reads.
fn input(job: &Job, script: &str, given: &Given) -> Result<Bytes, Diagnostic> {
    let mut lines: Vec<(&str, &str, &[u8])> = vec![("script", "-", script.as_bytes())];
    for need in job.needs.keys() {
        lines.push(("in", need.as_str(), need_of(job, given, need)?));
    }
    for prompt in job.prompts.keys() {
        let Some(answer) = given.prompts.get(prompt) else {
            let title = format!("{} asks for `{prompt}`, and nobody answered", named(job));
            return Err(fault(job, title).with_fix("run it on a terminal"));
        };
        lines.push(("prompts", prompt.as_str(), answer));
    }
    let size = lines
        .iter()
        .map(|(_, name, content)| name.len() + content.len() * 4 / 3 + 32);
    // A buffer that grows would leave copies behind.
    let mut input = Zeroizing::new(Vec::with_capacity(size.sum::<usize>() + 8));
    for (kind, name, content) in lines {
        input.extend_from_slice(format!("{kind} {name} ").as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(content));
        input.extend_from_slice(encoded.as_bytes());
        input.push(b'\n');
    }
    input.extend_from_slice(b"go\n");
    Ok(input)
}

/// Gives the sandbox its input and takes what it says until it has ended.
async fn talk(child: &mut Child, input: &Bytes, outputs: usize) -> io::Result<(Bytes, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let tell = async {
        if let Some(mut pipe) = stdin {
            // A sandbox that could not be made has gone; what it said of that is in its standard error.
            match pipe.write_all(input).await {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        Ok(())
    };
    let hear = async {
        // Each output as base64, and a line for each of a thousand files that should not be there.
        let most = (outputs + 2) * OUTPUT_LIMIT * 3 / 2 + 512 * 1024;
        let mut answer = Zeroizing::new(Vec::with_capacity(4096));
        if let Some(pipe) = stdout {
            pipe.take(most as u64).read_to_end(&mut answer).await?;
        }
        Ok(answer)
    };
    let listen = async {
        match stderr {
            Some(pipe) => the_end(pipe).await,
            None => Ok(Vec::new()),
        }
    };
    let ((), answer, said) = tokio::try_join!(tell, hear, listen)?;
    child.wait().await?;
    Ok((answer, said))
}

/// Reads all and keeps the end.
async fn the_end(mut pipe: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = pipe.read(&mut buffer).await?;
        if count == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if kept.len() > 2 * SAID_LIMIT {
            kept.drain(..kept.len() - SAID_LIMIT);
        }
    }
}

/// Ends the sandbox at once: with its first process all others in it end, wherever they went. Nothing in it has anything to clean up.
async fn kill(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = pid.and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait().await;
}

fn judge(
    job: &Job,
    given: &Given,
    answer: &[u8],
    stderr: &[u8],
) -> Result<BTreeMap<NeedName, Bytes>, Diagnostic> {
    let said = Said::read(answer);
    let told = || {
        let inputs = given.needs.values().chain(given.prompts.values());
        said::blotted(stderr, inputs.chain(said.files.values()))
    };
    if !said.ready {
        return Err(no_sandbox(&told()));
    }
    let Some(code) = said.code else {
        return Err(fault(job, format!("{} was killed", named(job)))
            .with_cause(told())
            .with_fix("give this machine more memory, or let the script use less"));
    };
    if code != 0 {
        let cause = match told() {
            text if text.is_empty() => format!("exit code {code}, and it printed nothing"),
            text => format!("{text}\nexit code {code}"),
        };
        return Err(fault(job, format!("{} failed", named(job)))
            .with_cause(cause)
            .with_fix("correct its script; it runs without network and home, and with no programs but those of `packages`, if that names any"));
    }
    let declared: Vec<&NeedName> = job.products.values().map(|made| &made.output).collect();
    said.faults(job, &declared)?;
    Ok(said.files)
}

fn late(job: &Job, timeout: Duration) -> Diagnostic {
    let seconds = timeout.as_secs_f64();
    fault(job, format!("{} did not end in {seconds} s", named(job)))
        .with_cause("it and all that it started were ended")
        .with_fix(
            "it may wait for an input or for the network; it has neither, only $in and $prompts",
        )
}

fn no_sandbox(cause: &str) -> Diagnostic {
    Diagnostic::new(
        Code::NoSandbox,
        "this machine does not let infra make the sandbox that scripts of recipes run in",
    )
    .with_cause(cause)
    .with_fix(
        "run infra as root, or allow namespaces of users (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
         kernel.apparmor_restrict_unprivileged_userns; a container needs CAP_SYS_ADMIN); or use a built-in recipe, or give the secret yourself: \
         infra secret new",
    )
}

#[cfg(test)]
#[path = "sandbox_tests.rs"]
mod tests;
