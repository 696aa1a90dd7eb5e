//! One SSH connection per host and run, through the user's own OpenSSH: every key agent, hardware key and jump host works.
//!
//! We open the master ourselves on a private socket (decision 0001), hand the socket to Nix, and pin the host's key from `host.pub`.

mod config;
mod explain;

pub use config::{Jump, Target, config_text, known_hosts_text};

use crate::process::{Stop, each_line, interrupted};
use infra_model::{Code, Diagnostic, HostName};
use openssh::{ControlPersist, KnownHosts, Session, SessionBuilder, Stdio};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::io::AsyncRead;

/// A master whose infra was killed goes away by itself after this long without use.
const LINGER_SECONDS: usize = 60;

/// Files a connection needs: configuration and pinned keys. Gone when dropped.
#[derive(Debug)]
pub struct Files {
    dir: TempDir,
}

impl Files {
    /// Writes configuration and pinned keys for `target`.
    pub fn write(target: &Target) -> Result<Self, Diagnostic> {
        let unwritable = |error: std::io::Error| {
            Diagnostic::new(
                Code::StateUnwritable,
                "cannot write the files an SSH connection needs",
            )
            .with_cause(error.to_string())
            .with_fix("make the folder for temporary files (TMPDIR, /tmp) writable")
        };
        // Not TMPDIR if it is deep: a socket's path must stay under 108 bytes, and Nix splits ssh's options at spaces.
        let base = std::env::temp_dir();
        let base = if base.as_os_str().len() > 40 || base.to_string_lossy().contains(' ') {
            PathBuf::from("/tmp")
        } else {
            base
        };
        let dir = tempfile::Builder::new()
            .prefix("infra-ssh-")
            .tempdir_in(base)
            .map_err(unwritable)?;
        let files = Self { dir };
        std::fs::write(files.known_hosts(), known_hosts_text(target)).map_err(unwritable)?;
        let text = config_text(target, &files.known_hosts(), &user_configs());
        std::fs::write(files.config(), text).map_err(unwritable)?;
        Ok(files)
    }

    /// For `ssh -F`.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    fn known_hosts(&self) -> PathBuf {
        self.dir.path().join("known_hosts")
    }
}

/// The user's own ssh configuration, read after ours: `INFRA_SSH_CONFIG` instead of `~/.ssh/config` if it is set, then the system's.
fn user_configs() -> Vec<PathBuf> {
    let own = match std::env::var_os("INFRA_SSH_CONFIG") {
        Some(file) => Some(PathBuf::from(file)),
        None => std::env::home_dir().map(|home| home.join(".ssh/config")),
    };
    own.into_iter()
        .chain([PathBuf::from("/etc/ssh/ssh_config")])
        .filter(|file| file.is_file())
        .collect()
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

/// An open connection to one host.
#[derive(Debug)]
pub struct Connection {
    host: HostName,
    user: String,
    address: String,
    session: Session,
    files: Files,
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
    /// Opens the connection: the addresses in order, until one answers. A wrong key ends the search: it is no reason to try elsewhere.
    pub async fn open(target: &Target, mut stop: Stop) -> Result<Self, Diagnostic> {
        if target.keys.is_empty() {
            return Err(explain::no_pinned_key(target));
        }
        let files = Files::write(target)?;
        let mut last = None;
        for address in &target.addresses {
            let opening = open_address(target, address, &files);
            let opened = tokio::select! {
                opened = opening => opened,
                () = stop.asked() => return Err(interrupted("connecting")),
            };
            match opened {
                Ok(session) => {
                    return Ok(Self {
                        host: target.name.clone(),
                        user: target.user.clone(),
                        address: address.clone(),
                        session,
                        files,
                    });
                }
                Err(fault) if fault.code == Code::HostUnreachable => last = Some(fault),
                Err(fault) if fault.code == Code::ConnectionRefused => last = Some(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(last.unwrap_or_else(|| explain::no_pinned_key(target)))
    }

    /// Runs a POSIX shell script on the host, as root: the arguments arrive as `$1`, `$2` …, quoted by us.
    pub async fn script(
        &self,
        script: &str,
        args: &[&str],
        mut stop: Stop,
    ) -> Result<Remote, Diagnostic> {
        let mut command = if self.user == "root" {
            self.session.command("sh")
        } else {
            let mut command = self.session.command("sudo");
            command.args(["-n", "--", "sh"]);
            command
        };
        command.args(["-c", script, "infra"]).args(args);
        tokio::select! {
            remote = self.finish(command, &|_, _| {}) => remote,
            () = stop.asked() => Err(interrupted("the command on the host")),
        }
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
            remote = self.finish(command, on_line) => remote,
            () = stop.asked() => Err(interrupted("the command on the host")),
        }
    }

    async fn finish(
        &self,
        mut command: openssh::OwningCommand<&Session>,
        on_line: OnLine<'_>,
    ) -> Result<Remote, Diagnostic> {
        let lost = |error: openssh::Error| explain::lost(&self.host, &error);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .await
            .map_err(lost)?;
        let (pipe_out, pipe_err) = (child.stdout().take(), child.stderr().take());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let reading_out = read_lines(pipe_out, &mut stdout, |line| on_line(false, line));
        let reading_err = read_lines(pipe_err, &mut stderr, |line| on_line(true, line));
        // What was read before a connection broke is worth nothing without the status, which then tells of the break.
        tokio::join!(reading_out, reading_err);
        let status = child.wait().await.map_err(lost)?;
        Ok(Remote {
            code: status.code(),
            stdout,
            stderr,
        })
    }

    /// The address that answered.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The host's store as Nix names it. `nix_daemon` is the program on the host where it is not in the PATH of SSH sessions.
    pub fn store_url(&self, nix_daemon: Option<&str>) -> String {
        let address = if self.address.contains(':') {
            format!("[{}]", self.address.trim_matches(['[', ']']))
        } else {
            self.address.clone()
        };
        let url = format!("ssh-ng://{}@{address}", self.user);
        match nix_daemon {
            Some(program) => format!("{url}?remote-program={program}"),
            None => url,
        }
    }

    /// For `NIX_SSHOPTS`: our configuration, and our open connection instead of a new one.
    pub fn nix_options(&self) -> String {
        format!(
            "-F {} -o ControlPath={} -o ControlMaster=no",
            self.files.config().display(),
            self.session.control_socket().display()
        )
    }

    /// The socket of the connection, for a further session over it.
    pub fn control_socket(&self) -> PathBuf {
        self.session.control_socket().to_path_buf()
    }

    /// Ends the connection.
    pub async fn close(self) {
        // If it is gone already, that is what was wanted.
        let _ = self.session.close().await;
    }
}

async fn open_address(
    target: &Target,
    address: &str,
    files: &Files,
) -> Result<Session, Diagnostic> {
    let mut builder = SessionBuilder::default();
    builder
        .known_hosts_check(KnownHosts::Strict)
        .config_file(files.config())
        .control_directory(files.dir.path())
        .control_persist(match NonZeroUsize::new(LINGER_SECONDS) {
            Some(seconds) => ControlPersist::IdleFor(seconds),
            None => ControlPersist::ClosedAfterInitialConnection,
        });
    // The address alone: user and port come from the configuration, so that "user@" in an address cannot mean something else.
    builder
        .connect_mux(address)
        .await
        .map_err(|error| explain::connect(target, address, &error))
}

/// The command line for a person's session over the connection already open: `ssh -F … -S … address`.
pub fn interactive_args(
    target: &Target,
    (files, socket): (&Files, &Path),
    address: &str,
    words: &[String],
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-F".into(), files.config().into()];
    args.extend(["-S".into(), socket.into()]);
    args.extend(["-l", &target.user, "--", address].map(OsString::from));
    args.extend(words.iter().map(OsString::from));
    args
}
