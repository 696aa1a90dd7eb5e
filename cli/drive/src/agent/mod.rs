//! The agent on a host: sent there when it is not there yet, and asked over the host's one connection.

mod binary;
mod change;
mod seal;

pub use binary::Binary;
pub use change::Watch;
pub use seal::seal;

use crate::process::Stop;
use crate::ssh::{Connection, Remote};
use infra_model::bundle::{Applied, Hello, SecretSearch, Settled, Status, parse_report};
use infra_model::{Code, Diagnostic, HostName};
use serde::de::DeserializeOwned;

const RUN: &str = include_str!("run.sh");
const INSTALL: &str = include_str!("install.sh");

/// Exit code of `run.sh` when the host does not have the agent (`EX_UNAVAILABLE`).
const ABSENT: i32 = 69;
/// Exit code of a shell that finds a program and cannot run it.
const NOT_EXECUTABLE: i32 = 126;

/// When the consumers of what changed are restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// At once.
    Now,
    /// By [`Agent::restart`], after the activation that follows.
    Later,
}

impl Restart {
    fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Later => "later",
        }
    }
}

/// What an owner that the host does not know means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// The bundle is refused.
    Strict,
    /// The file is root's until [`Agent::restart`]: the activation that follows makes the user.
    Later,
}

impl Owners {
    fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Later => "later",
        }
    }
}

/// The agent of one host.
#[derive(Debug, Clone, Copy)]
pub struct Agent<'c> {
    connection: &'c Connection,
    host: &'c HostName,
    binary: &'c Binary,
}

impl<'c> Agent<'c> {
    /// Nothing is sent or asked yet.
    pub fn new(connection: &'c Connection, host: &'c HostName, binary: &'c Binary) -> Self {
        Self {
            connection,
            host,
            binary,
        }
    }

    /// Makes sure that it is there and runs.
    pub async fn hello(&self, stop: Stop) -> Result<Hello, Diagnostic> {
        self.ask(&["hello"], b"", stop).await
    }

    /// What the host keeps, and what of it is in place.
    pub async fn status(&self, stop: Stop) -> Result<Status, Diagnostic> {
        self.ask(&["secrets", "status"], b"", stop).await
    }

    /// Hands a sealed bundle over.
    pub async fn receive(
        &self,
        sealed: &[u8],
        restart: Restart,
        owners: Owners,
        stop: Stop,
    ) -> Result<Applied, Diagnostic> {
        let (restart, owners) = (restart.word(), owners.word());
        let words = [
            "secrets",
            "receive",
            "--restart",
            restart,
            "--owners",
            owners,
        ];
        self.ask(&words, sealed, stop).await
    }

    /// Restarts or reloads what consumes secrets that have changed, and has not started since.
    pub async fn restart(&self, stop: Stop) -> Result<Settled, Diagnostic> {
        self.ask(&["secrets", "restart"], b"", stop).await
    }

    /// Makes an earlier generation current: this one, or the one before.
    pub async fn rollback(
        &self,
        to: Option<u64>,
        restart: Restart,
        stop: Stop,
    ) -> Result<Applied, Diagnostic> {
        let to = to.map(|number| number.to_string());
        let mut words = vec!["secrets", "rollback", "--restart", restart.word()];
        if let Some(number) = &to {
            words.extend(["--to", number]);
        }
        self.ask(&words, b"", stop).await
    }

    /// Looks for the host's secrets on the host, where they must not be; how far it is, is told now and then.
    pub async fn search(
        &self,
        whole_store: bool,
        on_progress: &(dyn Fn(&str) + Sync),
        stop: Stop,
    ) -> Result<SecretSearch, Diagnostic> {
        // The agent is brought there first: the search is long, and what it says on the way is shown.
        self.hello(stop.clone()).await?;
        let mut args = vec![self.binary.folder(), "secrets", "search", "--progress"];
        if whole_store {
            args.push("--whole-store");
        }
        let on_line = |is_error: bool, line: &str| {
            if is_error {
                on_progress(line);
            }
        };
        let remote = self
            .connection
            .script_told(RUN, &args, (b"", &on_line), stop)
            .await?;
        answer(self.host, &remote)
    }

    /// One round trip where the agent is there already, which only the first call of a release finds otherwise.
    async fn ask<T: DeserializeOwned>(
        &self,
        words: &[&str],
        input: &[u8],
        stop: Stop,
    ) -> Result<T, Diagnostic> {
        let mut args = vec![self.binary.folder()];
        args.extend(words);
        let mut remote = self.call(RUN, &args, input, stop.clone()).await?;
        if remote.code == Some(ABSENT) {
            self.install(stop.clone()).await?;
            remote = self.call(RUN, &args, input, stop).await?;
        }
        answer(self.host, &remote)
    }

    async fn install(&self, stop: Stop) -> Result<(), Diagnostic> {
        let size = self.binary.bytes().len().to_string();
        let args = [self.binary.folder(), &size, self.binary.sha256()];
        let remote = self.call(INSTALL, &args, self.binary.bytes(), stop).await?;
        if remote.succeeded() {
            return Ok(());
        }
        Err(
            failed(self.host, &remote, "infra-agent cannot be put on the host")
                .with_fix("the host needs room in /var/lib/infra"),
        )
    }

    async fn call(
        &self,
        script: &str,
        args: &[&str],
        input: &[u8],
        stop: Stop,
    ) -> Result<Remote, Diagnostic> {
        self.connection
            .script_with_input(script, args, input, stop)
            .await
    }
}

/// What the agent answered, or its own diagnostic.
fn answer<T: DeserializeOwned>(host: &HostName, remote: &Remote) -> Result<T, Diagnostic> {
    match remote.code {
        Some(0) => parse_report(&remote.stdout).map_err(|fault| fault.with_host(host)),
        Some(NOT_EXECUTABLE) => Err(failed(host, remote, "infra-agent is on the host and cannot be run there")
            .with_fix("mount /var/lib/infra without `noexec`; an agent for another architecture cannot run either: check `system` in host.toml")),
        _ => Err(match serde_json::from_str::<Diagnostic>(&remote.stdout) {
            Ok(own) => own.with_host(host),
            Err(_) => failed(host, remote, "infra-agent failed on the host")
                .with_fix("look for what ended it in the host's kernel log (`journalctl -k`); if there is nothing, this is a bug of infra"),
        }),
    }
}

fn failed(host: &HostName, remote: &Remote, title: &str) -> Diagnostic {
    let ended = match remote.code {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    };
    let said = format!("{}\n{}", remote.stdout.trim(), remote.stderr.trim());
    let cause = format!("{}\n{ended}", said.trim());
    Diagnostic::new(Code::AgentFailed, title)
        .with_cause(cause.trim_start())
        .with_host(host)
}

#[cfg(test)]
mod tests {
    use super::answer;
    use crate::ssh::Remote;
    use infra_model::bundle::Hello;
    use infra_model::{Code, Diagnostic, HostName};

    fn fault(code: Option<i32>, stdout: &str, stderr: &str) -> Diagnostic {
        let remote = Remote {
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        let host = HostName::parse("web").expect("a name");
        let fault = answer::<Hello>(&host, &remote).expect_err("a fault");
        assert_eq!(fault.host, Some(host));
        assert!(fault.fix.is_some(), "{fault:?}");
        fault
    }

    #[test]
    fn what_the_agent_says_is_passed_on() {
        let own = r#"{"code":"bundle-refused","title":"the owner `x` …","fix":"make it"}"#;
        assert_eq!(fault(Some(1), own, "").code, Code::BundleRefused);
        let broken = fault(Some(101), "", "thread 'main' panicked\n");
        assert_eq!(
            (broken.code, broken.cause.as_deref()),
            (
                Code::AgentFailed,
                Some("thread 'main' panicked\nexit code 101")
            )
        );
        assert!(
            fault(Some(126), "", "Permission denied")
                .fix
                .expect("a fix")
                .contains("noexec")
        );
        assert_eq!(
            fault(None, "", "").cause.as_deref(),
            Some("ended by a signal")
        );
        assert_eq!(fault(Some(0), "Welcome!", "").code, Code::SchemaMismatch);
        assert_eq!(
            fault(Some(0), r#"{"schema":2}"#, "").code,
            Code::SchemaMismatch
        );
    }
}
