//! One test host: what a test can ask of it, look at, and do to it.

mod faults;
mod machine;
mod power;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cgroup::Cgroup;
use crate::config::HostConfig;
use crate::files::FileError;
use crate::keys::{self, KeyError};
use crate::lab::Lab;
use crate::network::{self, NetworkError};
use crate::proc::{self, Namespace, ProcessId};
use crate::process::{Finished, ProcessError, Run, process};
use crate::seed::{Seed, host_path};
use crate::state::{self, LabDir};

/// For commands run on a host by a test; longer than any of them should take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Folders besides `/nix` that survive a power cut or a reboot. Everything else starts anew.
pub const PERSISTENT_FOLDERS: &[&str] = &["/persist", "/var/lib/infra"];

/// Why something could not be done on, or to, a host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A process failed.
    #[error("host `{host}`: {source}")]
    Process {
        /// The host.
        host: String,
        /// What happened.
        source: ProcessError,
    },
    /// A file operation of the lab failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its network could not be changed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// It has no power.
    #[error("host `{host}` is switched off\n  fix: `boot()` it first")]
    Off {
        /// The host.
        host: String,
    },
    /// It still has power.
    #[error("host `{host}` is already running")]
    On {
        /// The host.
        host: String,
    },
    /// It did not come up.
    #[error("host `{host}` did not come up: {why}{log}")]
    NotUp {
        /// The host.
        host: String,
        /// What was waited for.
        why: String,
        /// The end of its supervisor's log, ready for display.
        log: String,
    },
    /// Its processes could not be ended.
    #[error("host `{host}`: processes {left:?} could not be killed")]
    Undead {
        /// The host.
        host: String,
        /// Their numbers.
        left: Vec<u32>,
    },
    /// The fault would hit the whole machine, or lose what it must not.
    #[error("host `{host}`: {why}\n  fix: {fix}")]
    Unsuitable {
        /// The host.
        host: String,
        /// Why the fault does not fit.
        why: &'static str,
        /// How to make it fit.
        fix: &'static str,
    },
}

/// A host of a running lab.
#[derive(Debug, Clone, Copy)]
pub struct Host<'lab> {
    lab: &'lab Lab,
    index: usize,
}

impl<'lab> Host<'lab> {
    pub(crate) fn new(lab: &'lab Lab, index: usize) -> Self {
        Self { lab, index }
    }

    /// Its name, which is also what the operator's machine resolves.
    pub fn name(&self) -> &'lab str {
        &self.lab.config().hosts[self.index].0
    }

    /// What it was asked to be.
    pub fn config(&self) -> &'lab HostConfig {
        &self.lab.config().hosts[self.index].1
    }

    /// Its address in the lab's network.
    pub fn address(&self) -> String {
        network::address(self.index)
    }

    /// Its public key: the line for `host.pub`.
    pub fn public_key(&self) -> Result<String, FileError> {
        keys::public(&self.host_key())
    }

    /// Runs a program on the host to its end; without ssh, unless it is a machine. The result may be a failure.
    pub fn exec<S: AsRef<str>>(&self, words: &[S]) -> Result<Finished, HostError> {
        let (program, arguments) = words
            .split_first()
            .map_or(("true", &[][..]), |(first, rest)| (first.as_ref(), rest));
        let mut command = self.command(program)?;
        command.args(arguments.iter().map(AsRef::as_ref));
        command.run(DEADLINE).map_err(|source| self.process(source))
    }

    /// Runs a shell script on the host; a failure of it is an error. Gives its trimmed output.
    pub fn sh(&self, script: &str) -> Result<String, HostError> {
        let finished = self
            .exec(&["/bin/bash", "-euc", script])?
            .ok()
            .map_err(|source| self.process(source))?;
        Ok(finished.text().to_owned())
    }

    /// The text of a file on the host.
    pub fn read_file(&self, path: &str) -> Result<String, HostError> {
        let finished = self.exec(&["cat", "--", path])?;
        Ok(finished.ok().map_err(|source| self.process(source))?.stdout)
    }

    /// Whether there is a file (or folder, or link) on the host.
    pub fn has_file(&self, path: &str) -> Result<bool, HostError> {
        let script = "[ -e \"$1\" ] || [ -L \"$1\" ]";
        let finished = self.exec(&["/bin/sh", "-c", script, "has-file", path])?;
        Ok(finished.status.success())
    }

    /// A command that will run on the host: for one that needs input, or to be interrupted.
    ///
    /// On a machine it goes by ssh, so what the caller adds to its environment does not arrive.
    pub fn command(&self, program: &str) -> Result<Command, HostError> {
        if self.config().is_machine() {
            return if self.is_on() {
                Ok(self.machine_command(program))
            } else {
                Err(self.off())
            };
        }
        let first = self.first_process().ok_or_else(|| self.off())?;
        let mut command = process("nsenter");
        command
            .args(["--target", &first.pid.to_string()])
            .args([
                "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--",
            ])
            .arg(program)
            .env("PATH", host_path(&self.lab.places().nix_prefix))
            .env("HOME", "/root")
            .env("USER", "root");
        Ok(command)
    }

    /// The processes of Nix on the host, as command lines.
    pub fn nix_processes(&self) -> Vec<String> {
        if self.config().is_machine() {
            return self.nix_processes_of_machine();
        }
        self.processes()
            .into_iter()
            .filter(|process| base_name(process.pid).is_some_and(|name| name == "nix"))
            .map(|process| proc::arguments(process.pid).join(" "))
            .collect()
    }

    /// How often somebody has logged in by ssh since it was switched on. On a machine the test's own
    /// commands count as well.
    pub fn logins(&self) -> Result<usize, HostError> {
        let log = if self.config().has_systemd() {
            // Named sshd-session since 9.8.
            self.sh("journalctl --boot --no-pager --quiet -t sshd -t sshd-session")?
        } else {
            self.read_file("/run/sshd.log")?
        };
        Ok(log.matches("Accepted publickey").count())
    }

    /// Whether it has power.
    pub fn is_on(&self) -> bool {
        if self.config().is_machine() {
            return self.supervisor_is_alive();
        }
        self.first_process().is_some()
    }

    /// All processes of the host, its supervisor among them.
    fn processes(&self) -> Vec<ProcessId> {
        processes_of_host(self.lab.dir(), self.name())
    }

    /// Process 1 of the host. It changes with each reboot, so it is looked up and never kept.
    fn first_process(&self) -> Option<ProcessId> {
        let supervisor = state::remembered_process(&self.supervisor_file())?;
        if !supervisor.is_alive() {
            return None;
        }
        proc::children(supervisor.pid)
            .into_iter()
            .flat_map(proc::children)
            .find(|pid| proc::is_first_of_namespace(*pid))
            .and_then(ProcessId::of)
    }

    fn supervisor_is_alive(&self) -> bool {
        state::remembered_process(&self.supervisor_file()).is_some_and(ProcessId::is_alive)
    }

    fn seed(&self) -> Result<(), HostError> {
        let dir = self.dir();
        let seed = Seed {
            dir: &dir,
            name: self.name(),
            index: self.index,
            config: self.config(),
            client_key: &self.lab.dir().client_key(),
            nix_prefix: &self.lab.places().nix_prefix,
            rootfs: &self.lab.places().rootfs(),
        };
        Ok(seed.write()?)
    }

    fn dir(&self) -> PathBuf {
        self.lab.dir().host(self.name())
    }

    fn host_key(&self) -> PathBuf {
        self.dir().join("host_key")
    }

    fn net(&self) -> PathBuf {
        self.lab.dir().host_net(self.name())
    }

    fn supervisor_file(&self) -> PathBuf {
        supervisor_file(self.lab.dir(), self.name())
    }

    fn cgroup(&self) -> Cgroup {
        self.lab.dir().cgroup(self.name())
    }

    fn off(&self) -> HostError {
        let host = self.name().to_owned();
        HostError::Off { host }
    }

    fn process(&self, source: ProcessError) -> HostError {
        let host = self.name().to_owned();
        HostError::Process { host, source }
    }

    fn unsuitable(&self, why: &'static str, fix: &'static str) -> HostError {
        let host = self.name().to_owned();
        HostError::Unsuitable { host, why, fix }
    }
}

/// Where a host's supervisor is remembered.
pub(crate) fn supervisor_file(dir: &LabDir, host: &str) -> PathBuf {
    dir.host(host).join("supervisor")
}

/// Every process that belongs to a host: in its control group (the supervisor and all that it has
/// started), in its network namespace (also what a test runs there), and the supervisor itself,
/// which is remembered before it does anything.
pub(crate) fn processes_of_host(dir: &LabDir, host: &str) -> Vec<ProcessId> {
    let mut all = dir.cgroup(host).members();
    all.extend(
        Namespace::at(&dir.host_net(host))
            .into_iter()
            .flat_map(Namespace::members),
    );
    all.extend(state::remembered_process(&supervisor_file(dir, host)));
    all
}

/// The name of the program that a process runs, without its folder.
fn base_name(pid: u32) -> Option<String> {
    let program = proc::program(pid)?;
    Path::new(&program).file_name()?.to_str().map(str::to_owned)
}
