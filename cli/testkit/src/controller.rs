//! The operator's machine: a network and mount namespace in which commands under test run.
//!
//! There `/nix` is the lab's own store, host names resolve to the lab's hosts, ssh offers the lab's key
//! and no other, and the home folder is private. Everything else is the machine's own.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::LabConfig;
use crate::files::{self, FileError, failed};
use crate::keys::{self, KeyError};
use crate::network::{self, NetworkError};
use crate::places::Places;
use crate::proc::ProcessId;
use crate::process::{ProcessError, SYSTEM_PATH, process};
use crate::state::{self, LabDir};

const DEADLINE: Duration = Duration::from_secs(30);

/// Why the operator's machine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The lab's key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its network could not be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A process could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its mounts could not be made.
    #[error("the operator's machine did not come up: {log}")]
    NotUp {
        /// What its holder said.
        log: String,
    },
}

/// Where the process that holds the operator's namespaces is remembered.
pub(crate) fn holder_file(dir: &LabDir) -> PathBuf {
    dir.controller().join("holder")
}

/// The ssh client's configuration for programs under test.
pub(crate) fn ssh_config(dir: &LabDir) -> PathBuf {
    dir.controller().join("ssh_config")
}

/// The same for people, with the hosts' true keys.
pub(crate) fn trusting_ssh_config(dir: &LabDir) -> PathBuf {
    dir.controller().join("ssh_config.trusting")
}

pub(crate) fn known_hosts(dir: &LabDir) -> PathBuf {
    dir.controller().join("known_hosts")
}

/// Makes the key, the network and the files. Hosts can be made after this.
pub(crate) fn prepare(dir: &LabDir, config: &LabConfig) -> Result<(), ControllerError> {
    let folder = dir.controller();
    files::folder(&folder.join("home"), 0o700)?;
    files::folder(&folder.join("home/.ssh"), 0o700)?;
    keys::create(&dir.client_key(), "lab")?;
    let client = keys::client_config(&dir.client_key());
    files::write(&ssh_config(dir), &client, 0o644)?;
    let trusting = keys::trusting_config(&ssh_config(dir), &known_hosts(dir));
    files::write(&trusting_ssh_config(dir), &trusting, 0o644)?;
    let git = "[user]\n\tname = Operator\n\temail = operator@lab.invalid\n[init]\n\tdefaultBranch = main\n";
    files::write(&folder.join("home/.gitconfig"), git, 0o644)?;
    let mut hosts = String::from("127.0.0.1 localhost\n");
    for (index, (name, _)) in config.hosts.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(hosts, "{} {name}", network::address(index));
    }
    files::write(&folder.join("hosts"), &hosts, 0o644)?;
    Ok(network::create_controller(&dir.controller_net())?)
}

/// Starts the process that holds the namespaces, and waits until they are complete.
pub(crate) fn hold(dir: &LabDir, places: &Places) -> Result<std::process::Child, ControllerError> {
    let folder = dir.controller();
    let log_path = folder.join("log");
    let log = File::create(&log_path).map_err(failed("create", &log_path))?;
    files::folder(&places.store(), 0o755)?;
    // Slave: folders that are mounted on the machine later are seen here too, not the reverse.
    let mut child = network::inside(&dir.controller_net(), "unshare")
        .args(["--mount", "--propagation", "slave", "--"])
        .arg("/bin/sh")
        .arg(dir.script("controller-hold.sh"))
        .env("STORE", places.store())
        .env("CONTROLLER_DIR", &folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(|source| ProcessError::Start {
            command: "the holder of the operator's machine".to_owned(),
            source,
        })?;
    if let Some(id) = ProcessId::of(child.id()) {
        state::remember_process(&holder_file(dir), id)?;
    }
    dir.controller_cgroup().create_with(child.id())?;
    if let Some(mut input) = child.stdin.take() {
        input
            .write_all(b"go\n")
            .map_err(failed("release the holder in", &folder))?;
    }
    let until = Instant::now() + DEADLINE;
    while !folder.join("ready").exists() {
        let ended = !matches!(child.try_wait(), Ok(None));
        if ended || Instant::now() > until {
            let log = files::read(&log_path)?;
            return Err(ControllerError::NotUp { log });
        }
        thread::sleep(Duration::from_millis(3));
    }
    Ok(child)
}

/// A command that will run on the operator's machine.
///
/// Same process from start to end: signals, terminal and exit status are the program's. It starts in the
/// caller's working folder (or [`Command::current_dir`]) with a small known environment, to which
/// [`Command::env`] adds.
pub(crate) fn command(
    dir: &LabDir,
    places: &Places,
    config: &LabConfig,
    program: OsString,
) -> Command {
    // A holder that is gone leaves no number; 0 makes `nsenter` say so.
    let holder = state::remembered_process(&holder_file(dir)).map_or(0, |id| id.pid);
    let doors = dir.controller_cgroup().doors_as_words();
    let mut path = OsString::from(places.nix_prefix.join("bin"));
    for folder in &config.bin_dirs {
        path.push(":");
        path.push(folder);
    }
    path.push(":");
    path.push(SYSTEM_PATH);
    let mut command = process("/bin/sh");
    command
        .arg(dir.script("controller-enter.sh"))
        .arg(holder.to_string())
        .arg(doors)
        .arg(program)
        .env("PATH", path)
        .env("HOME", dir.controller().join("home"))
        .env("USER", "root")
        .env("LOGNAME", "root")
        .env("TERM", "dumb")
        .env("NIX_CONF_DIR", places.nix_conf_dir())
        .env("INFRA_SSH_CONFIG", ssh_config(dir));
    command
}
