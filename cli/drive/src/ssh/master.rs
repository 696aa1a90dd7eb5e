//! The master: the one `ssh` process that a connection consists of, and the socket it is reached by.

use super::files::{Files, unwritable};
use super::{Jump, Target, addresses, args, explain};
use crate::process::{Stop, Tool};
use infra_model::Diagnostic;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A master in the background. Dropped, it takes nothing new and ends with the last command that goes over it.
#[derive(Debug)]
pub(super) struct Master {
    socket: PathBuf,
}

/// Why there is no master.
enum NoLogin {
    /// ssh says so.
    Said(String),
    /// Nobody was asked.
    Fault(Diagnostic),
}

impl From<Diagnostic> for NoLogin {
    fn from(fault: Diagnostic) -> Self {
        Self::Fault(fault)
    }
}

impl Master {
    /// Logs in at one address of a host. `own` is what its files are called among those of the connection.
    pub(super) async fn open(
        target: &Target,
        address: &str,
        (files, own): (&Files, &str),
        stop: Stop,
    ) -> Result<Self, Diagnostic> {
        let login = Self::log_in(address, (files, own), stop.clone());
        let Some(Jump::Host(jump)) = &target.jump else {
            return login.await.map_err(|not| match not {
                NoLogin::Said(said) => explain::connect(target, address, &said),
                NoLogin::Fault(fault) => fault,
            });
        };
        // ssh keeps to itself what went wrong on the way there, so the jump host is asked on its own.
        let (alias, aside) = (jump.alias(), format!("{own}-jump"));
        let login_there = Self::log_in(&alias, (files, &aside), stop);
        match addresses::or_ask(login, login_there, addresses::HEAD_START).await {
            Ok(master) => Ok(master),
            Err((NoLogin::Said(said), Ok(_))) => {
                let fault = explain::connect(target, address, &said);
                Err(explain::behind(jump, fault))
            }
            Err((NoLogin::Said(_), Err(NoLogin::Said(said)))) => {
                let address = jump.addresses.first().map_or("", String::as_str);
                Err(explain::connect(jump, address, &said).with_host(&target.name))
            }
            Err((NoLogin::Fault(fault), _) | (_, Err(NoLogin::Fault(fault)))) => Err(fault),
        }
    }

    /// A master for a name in the configuration.
    ///
    /// Started by ourselves and not by the `openssh` crate, so that it is a process like any other: a Ctrl-C on the terminal does not reach
    /// it while it logs in, and an interrupted run ends it.
    async fn log_in(name: &str, (files, own): (&Files, &str), stop: Stop) -> Result<Self, NoLogin> {
        let log_file = files.path(&format!("{own}.log"));
        let log = File::create(&log_file).map_err(|error| unwritable(&error))?;
        // Before ssh is started: it may be in the background already when we are told to stop.
        let master = Self {
            socket: files.path(own),
        };
        let status = Tool::new("ssh")
            .args(args::master(&files.config(), &master.socket, name))
            .launch(log, stop)
            .await?;
        if status.success() {
            return Ok(master);
        }
        let said = fs::read_to_string(&log_file).unwrap_or_default();
        Err(NoLogin::Said(said))
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        // If it is gone already, or never came to be, that is what was wanted.
        let _ = openssh_mux_client::shutdown_mux_master(&self.socket);
    }
}

/// Ends a master whose infra was killed, and all that still goes over it. Answers whether there is none any more.
pub(super) async fn end_left(socket: &Path) -> bool {
    /// It is asked through a socket of this machine; one that does not answer by then is stopped, or hangs.
    const PATIENCE: Duration = Duration::from_secs(5);
    let ssh = Tool::new("ssh").args(args::exit(socket));
    let mut ignore = |_: &str| {};
    let asked = ssh.run(Stop::never(), &mut ignore);
    // It says no if nobody listens there, which is what was wanted.
    matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(_)))
}
