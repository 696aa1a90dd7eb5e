//! One SSH connection per host and run, through the user's own OpenSSH: every key agent, hardware key and jump host works.
//!
//! We open the master ourselves on a private socket (decision 0001), hand the socket to Nix, and pin the host's key from `host.pub`.

mod addresses;
mod args;
mod config;
mod explain;
mod files;
mod master;
mod root;

pub use config::{Jump, Target, config_text, known_hosts_text};

use crate::process::{Stop, each_line, interrupted};
use files::Files;
use infra_model::{Code, Diagnostic, HostName};
use master::Master;
use openssh::{Session, Stdio};
use std::ffi::OsString;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// Without user and port: they come from the configuration, like everything else about the host. `program` serves the store there.
fn store_url(address: &str, program: Option<&str>) -> String {
    let url = if address.contains(':') {
        // The zone of a link-local address is written %25 in a URL.
        format!("ssh-ng://[{}]", address.replace('%', "%25"))
    } else {
        format!("ssh-ng://{address}")
    };
    match program {
        Some(program) => format!("{url}?remote-program={program}"),
        None => url,
    }
}

/// Called with each line a command prints; `true` if it was said on standard error.
pub type OnLine<'a> = &'a (dyn Fn(bool, &str) + Sync);

async fn read_lines(
    pipe: Option<impl AsyncRead + Unpin>,
    whole: &mut String,
    on_line: impl Fn(&str) + Sync,
) {
    let Some(pipe) = pipe else { return };
    let mut keep = |line: &str| {
        on_line(line);
        whole.push_str(line);
        whole.push('\n');
    };
    // A pipe that breaks ends the text; why it broke is told by the command's status.
    let _ = each_line(pipe, &mut keep).await;
}

/// Gives a command its input, and then its end.
async fn feed(pipe: Option<impl AsyncWrite + Unpin>, input: &[u8]) {
    if let Some(mut pipe) = pipe {
        // A command may end without having read all of it; whether that was right is told by its status.
        let _ = pipe.write_all(input).await;
        let _ = pipe.shutdown().await;
    }
}

/// An open connection to one host. It ends when it is dropped, or with the last command that still goes over it.
#[derive(Debug)]
pub struct Connection {
    host: HostName,
    user: String,
    address: String,
    session: Session,
    // In this order: the master is told to end through a socket that lies among the files.
    master: Master,
    files: Arc<Files>,
}

/// What a command on a host did.
#[derive(Debug)]
pub struct Remote {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Remote {
    /// Whether it exited with 0.
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }
}

impl Connection {
    /// Opens the connection: the addresses in order, until one answers; the next one is tried as well while one is silent. A wrong key ends the
    /// search: it is no reason to try elsewhere.
    pub async fn open(target: &Target, stop: Stop) -> Result<Self, Diagnostic> {
        if target.keys.is_empty() {
            return Err(explain::no_pinned_key(target));
        }
        let files = Arc::new(Files::write(target).await?);
        // With nothing borrowed in them: each is a task of its own.
        let mut attempts = Vec::new();
        for (number, address) in target.addresses.clone().into_iter().enumerate() {
            let (target, files, stop) = (target.clone(), Arc::clone(&files), stop.clone());
            attempts.push(async move {
                let name = format!("master-{number}");
                let master = Master::open(&target, &address, (&files, &name), stop).await?;
                Ok((master, address))
            });
        }
        let is_somebody = |fault: &Diagnostic| {
            !matches!(fault.code, Code::HostUnreachable | Code::ConnectionRefused)
        };
        match addresses::first(attempts, addresses::HEAD_START, is_somebody).await {
            Ok((master, address)) => Ok(Self {
                host: target.name.clone(),
                user: target.user.clone(),
                address,
                session: Session::resume_mux(master.socket().into(), None),
                master,
                files,
            }),
            Err(faults) => match <[Diagnostic; 1]>::try_from(faults) {
                Ok([fault]) if is_somebody(&fault) => Err(fault),
                Ok(silent) => Err(explain::no_answer(target, silent.into())),
                Err(silent) => Err(explain::no_answer(target, silent)),
            },
        }
    }

    /// Runs a POSIX shell script on the host, as root: the arguments arrive as `$1`, `$2` …, quoted by us. Not even they are in an
    /// argument of what is run (see `root.rs`); those of what the script runs are for all to see.
    pub async fn script(
        &self,
        script: &str,
        args: &[&str],
        stop: Stop,
    ) -> Result<Remote, Diagnostic> {
        self.script_with_input(script, args, &[], stop).await
    }

    /// The same, with something to read. What must not be seen by others on the host goes this way.
    pub async fn script_with_input(
        &self,
        script: &str,
        args: &[&str],
        input: &[u8],
        stop: Stop,
    ) -> Result<Remote, Diagnostic> {
        self.script_told(script, args, (input, &|_, _| {}), stop)
            .await
    }

    /// The same, with each line that it prints told as it comes.
    pub async fn script_told(
        &self,
        script: &str,
        args: &[&str],
        (input, on_line): (&[u8], OnLine<'_>),
        mut stop: Stop,
    ) -> Result<Remote, Diagnostic> {
        let input = root::input(script, args, input);
        let remote = tokio::select! {
            remote = self.finish(self.words(&root::words(&self.user)), &input, on_line) => remote?,
            () = stop.asked() => return Err(interrupted("the command on the host")),
        };
        match self.why_not_root(&remote, stop).await? {
            Some(refusal) => Err(refusal),
            None => Ok(remote),
        }
    }

    fn words(&self, words: &[&str]) -> openssh::OwningCommand<&Session> {
        let (program, rest) = words
            .split_first()
            .map_or(("true", words), |(program, rest)| (*program, rest));
        let mut command = self.session.command(program);
        command.args(rest);
        command
    }

    /// What `sudo` says against us, if it was `sudo` that failed and not what it was to run. That is asked in a call of its own, because its
    /// messages come in the language of the session, and its exit code is anybody's.
    async fn why_not_root(
        &self,
        remote: &Remote,
        mut stop: Stop,
    ) -> Result<Option<Diagnostic>, Diagnostic> {
        if self.user == "root" || !explain::may_be_refused(remote) {
            return Ok(None);
        }
        let mut words = vec!["env", "LC_ALL=C"];
        words.extend(root::SUDO);
        words.push("true");
        let asked = tokio::select! {
            asked = self.finish(self.words(&words), &[], &|_, _| {}) => asked?,
            () = stop.asked() => return Err(interrupted("the command on the host")),
        };
        if asked.succeeded() {
            return Ok(None);
        }
        Ok(Some(explain::not_root(&self.host, &self.user, &asked)))
    }

    /// Runs a command line given by the user, as the login user, through the login shell: as `ssh host words…` would. Lines go to
    /// `on_line` as they come, with whether they were said on standard error; the answer holds them all as well.
    pub async fn command(
        &self,
        words: &[String],
        mut stop: Stop,
        on_line: OnLine<'_>,
    ) -> Result<Remote, Diagnostic> {
        let command = self.session.raw_command(words.join(" "));
        tokio::select! {
            remote = self.finish(command, &[], on_line) => remote,
            () = stop.asked() => Err(interrupted("the command on the host")),
        }
    }

    async fn finish(
        &self,
        mut command: openssh::OwningCommand<&Session>,
        input: &[u8],
        on_line: OnLine<'_>,
    ) -> Result<Remote, Diagnostic> {
        let lost = |error: openssh::Error| explain::lost(&self.host, &error);
        let mut child = command
            .stdin(if input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .await
            .map_err(lost)?;
        let pipe_in = child.stdin().take();
        let (pipe_out, pipe_err) = (child.stdout().take(), child.stderr().take());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let reading_out = read_lines(pipe_out, &mut stdout, |line| on_line(false, line));
        let reading_err = read_lines(pipe_err, &mut stderr, |line| on_line(true, line));
        // What was read before a connection broke is worth nothing without the status, which then tells of the break.
        tokio::join!(feed(pipe_in, input), reading_out, reading_err);
        let code = match child.wait().await {
            Ok(status) => status.code(),
            // How the crate tells of a command that ended with 127: mostly what a shell says that does not find a program.
            Err(openssh::Error::Remote(_)) => Some(127),
            Err(error) => return Err(lost(error)),
        };
        Ok(Remote {
            code,
            stdout,
            stderr,
        })
    }

    /// The address that answered.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The host's store as Nix names it, served by root. `nix_daemon` is the program on the host where it is not in the PATH of SSH sessions.
    pub fn store_url(&self, nix_daemon: Option<&str>) -> String {
        let program = root::store_program(&self.user, nix_daemon);
        store_url(&self.address, program.as_deref())
    }

    /// For `NIX_SSHOPTS`: our configuration, and our open connection instead of a new one.
    pub fn nix_options(&self) -> String {
        args::nix(&self.files.config(), self.master.socket())
    }

    /// The arguments of `ssh` for a person's session over this connection: a shell, or the command given.
    pub fn interactive_args(&self, words: &[String]) -> Vec<OsString> {
        let to = (self.user.as_str(), self.address.as_str());
        args::session(&self.files.config(), self.master.socket(), to, words)
    }
}

#[cfg(test)]
mod tests {
    use super::store_url;

    #[test]
    fn store_urls() {
        let daemon = Some("/usr/bin/nix-daemon");
        assert_eq!(store_url("web.lan", None), "ssh-ng://web.lan");
        assert_eq!(
            store_url("10.0.0.2", daemon),
            "ssh-ng://10.0.0.2?remote-program=/usr/bin/nix-daemon"
        );
        assert_eq!(store_url("fd00::2", None), "ssh-ng://[fd00::2]");
        assert_eq!(store_url("fe80::2%br0", None), "ssh-ng://[fe80::2%25br0]");
    }
}
