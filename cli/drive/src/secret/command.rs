//! Secrets that a program prints (`pass`, `op`, `bw`, …).

use super::{LIMIT, Secret};
use crate::plain::strip_colours;
use crate::process::{self, Stop};
use infra_model::{Code, Diagnostic};
use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// A store that is a command, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCommand {
    /// Its name in infra.toml.
    pub name: String,
    /// The program and its arguments; `{name}` and `{path}` in them stand for what is asked for.
    pub command: Vec<String>,
    /// How long it may take. A person may have to unlock something meanwhile.
    pub timeout: Duration,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The name of the need.
    pub name: &'a str,
    /// Where the store keeps it.
    pub path: &'a str,
    /// Whether it is text: then one line end at the end is the program's and not the secret's.
    pub text: bool,
}

/// As much of standard error as an error repeats.
const STDERR_LIMIT: usize = 4096;

/// What a program did.
struct Done {
    status: ExitStatus,
    stdout: Secret,
    stderr: Vec<u8>,
}

impl StoreCommand {
    /// Runs the command and takes the secret from its standard output. The secret is in no argument and no variable of anything.
    pub async fn read(&self, asked: Asked<'_>, mut stop: Stop) -> Result<Secret, Diagnostic> {
        let words: Vec<String> = self
            .command
            .iter()
            .map(|word| filled(word, asked))
            .collect();
        let Some((program, args)) = words.split_first() else {
            return Err(self
                .fault(Code::MissingKey, "has no command")
                .with_fix("give it one: `command = [\"pass\", \"show\", \"{path}\"]`"));
        };
        let mut child = process::background(OsStr::new(program))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.cannot_start(program, &error))?;
        let pipes = (child.stdout.take(), child.stderr.take());
        let ended = tokio::select! {
            ended = collect(&mut child, pipes) => ended,
            () = tokio::time::sleep(self.timeout) => Err(Ending::Late),
            () = stop.asked() => Err(Ending::Stopped),
        };
        match ended {
            Ok(done) => self.judge(done, asked),
            Err(ending) => {
                process::end(&mut child, &mut stop).await;
                Err(self.ended_early(&ending, asked))
            }
        }
    }

    fn judge(&self, done: Done, asked: Asked<'_>) -> Result<Secret, Diagnostic> {
        if !done.status.success() {
            return Err(self
                .fault(
                    Code::SecretUnreadable,
                    &format!("did not give `{}`: {}", asked.name, done.status),
                )
                .with_cause(said(&done))
                .with_fix(format!(
                    "run the command by hand: `{}`",
                    self.as_typed(asked)
                )));
        }
        let secret = if asked.text {
            done.stdout.without_line_end()
        } else {
            done.stdout
        };
        if secret.is_empty() {
            return Err(self
                .fault(
                    Code::SecretUnreadable,
                    &format!("printed nothing for `{}`", asked.name),
                )
                .with_fix(format!(
                    "run the command by hand: `{}`; it must print the secret on standard output",
                    self.as_typed(asked)
                )));
        }
        Ok(secret)
    }

    fn ended_early(&self, ending: &Ending, asked: Asked<'_>) -> Diagnostic {
        match ending {
            Ending::Late => self
                .fault(
                    Code::SecretUnreadable,
                    &format!(
                        "took longer than {} s for `{}`",
                        self.timeout.as_secs_f64(),
                        asked.name
                    ),
                )
                .with_cause(
                    "it may be waiting for somebody to unlock it; nobody can answer it here",
                )
                .with_fix("unlock it first, then run this again"),
            Ending::Stopped => process::interrupted(&format!("the store `{}`", self.name)),
            Ending::TooMuch => {
                self.fault(
                    Code::SecretTooLarge,
                    &format!("printed more for `{}` than a secret may have", asked.name),
                )
                .with_cause(format!("the limit is {LIMIT} bytes (1 MiB)"))
                .with_fix("keep large files elsewhere, encrypted, and make only their key a secret")
            }
            Ending::Broken(error) => self
                .fault(
                    Code::Internal,
                    &format!("could not be read for `{}`", asked.name),
                )
                .with_cause(error.clone()),
        }
    }

    fn cannot_start(&self, program: &str, error: &std::io::Error) -> Diagnostic {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Diagnostic::new(
                Code::MissingProgram,
                format!("`{program}` is not installed on this machine"),
            )
            .with_cause(format!("the store `{}` in infra.toml runs it", self.name))
            .with_fix("install it, or put it into PATH");
        }
        self.fault(
            Code::SecretUnreadable,
            &format!("could not start `{program}`"),
        )
        .with_cause(error.to_string())
        .with_fix("correct `command` of this store in infra.toml")
    }

    fn fault(&self, code: Code, what: &str) -> Diagnostic {
        Diagnostic::new(code, format!("the store `{}` {what}", self.name))
    }

    fn as_typed(&self, asked: Asked<'_>) -> String {
        let words: Vec<String> = self
            .command
            .iter()
            .map(|word| filled(word, asked))
            .collect();
        words.join(" ")
    }
}

/// Why a command was ended before it was done.
enum Ending {
    Late,
    Stopped,
    TooMuch,
    Broken(String),
}

fn filled(word: &str, asked: Asked<'_>) -> String {
    // In one pass: what is filled in is not searched for placeholders again.
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("{name}") {
            out.push_str(asked.name);
            rest = after;
        } else if let Some(after) = from.strip_prefix("{path}") {
            out.push_str(asked.path);
            rest = after;
        } else {
            out.push('{');
            rest = &from[1..];
        }
    }
    out.push_str(rest);
    out
}

async fn collect(
    child: &mut tokio::process::Child,
    (stdout, stderr): (
        Option<tokio::process::ChildStdout>,
        Option<tokio::process::ChildStderr>,
    ),
) -> Result<Done, Ending> {
    let broken = |error: std::io::Error| Ending::Broken(error.to_string());
    let out = async {
        match stdout {
            Some(pipe) => read_secret(pipe).await,
            None => Err(Ending::Broken("it has no standard output".to_owned())),
        }
    };
    let err = async {
        match stderr {
            Some(pipe) => read_end(pipe).await.map_err(broken),
            None => Ok(Vec::new()),
        }
    };
    let (stdout, stderr) = tokio::try_join!(out, err)?;
    let status = child.wait().await.map_err(broken)?;
    Ok(Done {
        status,
        stdout,
        stderr,
    })
}

/// Everything, in a buffer that never grows, so that nothing is left behind elsewhere.
async fn read_secret(mut pipe: impl AsyncRead + Unpin) -> Result<Secret, Ending> {
    let mut buffer = Zeroizing::new(vec![0; LIMIT + 1]);
    let mut filled = 0;
    while filled < buffer.len() {
        let count = pipe
            .read(&mut buffer[filled..])
            .await
            .map_err(|error| Ending::Broken(error.to_string()))?;
        if count == 0 {
            return Secret::new(buffer[..filled].to_vec(), "the output")
                .map_err(|_| Ending::TooMuch);
        }
        filled += count;
    }
    Err(Ending::TooMuch)
}

/// The last of what a program says; all of it is read, or the program would wait.
async fn read_end(mut pipe: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut said = Vec::new();
    let mut buffer = vec![0; STDERR_LIMIT];
    loop {
        let count = pipe.read(&mut buffer).await?;
        if count == 0 {
            return Ok(said);
        }
        said.extend_from_slice(&buffer[..count]);
        let surplus = said.len().saturating_sub(STDERR_LIMIT);
        said.drain(..surplus);
    }
}

/// What a program said on standard error, without what it printed: some repeat the one on the other when they fail.
fn said(done: &Done) -> String {
    /// Shorter lines occur by chance.
    const SHORTEST: usize = 4;
    let printed = String::from_utf8_lossy(done.stdout.expose());
    let secrets: Vec<&str> = printed
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST)
        .collect();
    let text = strip_colours(&String::from_utf8_lossy(&done.stderr));
    let lines: Vec<&str> = text
        .trim()
        .lines()
        .map(|line| {
            if secrets.iter().any(|secret| line.contains(secret)) {
                "(a line that repeats its standard output is left out)"
            } else {
                line
            }
        })
        .collect();
    if lines.is_empty() {
        "it said nothing on standard error".to_owned()
    } else {
        lines.join("\n")
    }
}
