//! Switching a host on and off.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Host, HostError};
use crate::config::Store;
use crate::files::{self, failed};
use crate::keys;
use crate::network;
use crate::proc::ProcessId;
use crate::process::ProcessError;
use crate::state;
use crate::teardown;

/// A systemd host needs half a second; eight of them on two busy cores take a while.
const BOOT_DEADLINE: Duration = Duration::from_secs(90);

impl Host<'_> {
    /// Makes the host from nothing and waits until it can be reached by ssh. A machine boots on.
    pub(crate) fn create(&self) -> Result<(), HostError> {
        if self.config().is_machine() {
            return self.create_machine();
        }
        let dir = self.dir();
        files::folder(&dir, 0o755)?;
        keys::create(&self.host_key(), self.name())?;
        self.seed()?;
        network::create_host(&self.lab.dir().controller_net(), &self.net(), self.index)?;
        self.switch_on()?;
        self.wait_until_up()?;
        self.refuse_failed_units()
    }

    /// Kills the host as a power cut does: no process gets to say a word. `/nix` and the
    /// [persistent folders](super::PERSISTENT_FOLDERS) stay.
    pub fn power_cut(&self) -> Result<(), HostError> {
        if matches!(self.config().store, Store::Tmpfs { .. }) {
            let why = "its store is in memory and would be lost with the power";
            return Err(self.unsuitable(why, "use Store::Dir or Store::Ext4"));
        }
        teardown::kill_all(|| self.processes()).map_err(|left| HostError::Undead {
            host: self.name().to_owned(),
            left,
        })?;
        self.lab.reap();
        Ok(())
    }

    /// Switches the host on again, and waits until it can be reached by ssh. If a system was
    /// deployed to it, that is activated as a boot would. Units may have failed: look for yourself.
    pub fn boot(&self) -> Result<(), HostError> {
        if self.is_on() {
            let host = self.name().to_owned();
            return Err(HostError::On { host });
        }
        self.switch_on()?;
        self.wait_until_up()
    }

    pub(super) fn switch_on(&self) -> Result<(), HostError> {
        let mut supervisor = if self.config().is_machine() {
            self.machine_supervisor()?
        } else {
            self.supervisor()?
        };
        let mut child = supervisor.spawn().map_err(|source| {
            self.process(ProcessError::Start {
                command: "the supervisor of the host".to_owned(),
                source,
            })
        })?;
        let released = self.release(&mut child);
        self.lab.keep(child);
        released
    }

    /// Writes down who the supervisor is, and only then lets it go on.
    fn release(&self, child: &mut Child) -> Result<(), HostError> {
        if let Some(id) = ProcessId::of(child.id()) {
            state::remember_process(&self.supervisor_file(), id)?;
        }
        self.cgroup().create_with(child.id())?;
        if let Some(mut input) = child.stdin.take() {
            let path = self.supervisor_file();
            input
                .write_all(b"go\n")
                .map_err(failed("release the supervisor in", &path))?;
        }
        Ok(())
    }

    fn supervisor(&self) -> Result<Command, HostError> {
        let (dir, places, config) = (self.dir(), self.lab.places(), self.config());
        let log_path = dir.join("log");
        let log = File::create(&log_path).map_err(failed("create", &log_path))?;
        let errors = log.try_clone().map_err(failed("share", &log_path))?;
        let (store, mib) = match config.store {
            Store::Dir => ("dir", 0),
            Store::Tmpfs { mib } => ("tmpfs", mib),
            Store::Ext4 { mib } => ("ext4", mib),
        };
        let nix_prefix = if config.nix {
            places.nix_prefix.as_path()
        } else {
            Path::new("")
        };
        let mut command = network::inside(&self.net(), "unshare");
        command
            .args(["--mount", "--propagation", "private", "--"])
            .arg("/bin/sh")
            .arg(self.lab.dir().script("host-start.sh"))
            .env("HOST_DIR", &dir)
            .env("ROOTFS", places.rootfs())
            .env("NIX_PREFIX", nix_prefix)
            .env("STORE_KIND", store)
            .env("STORE_MIB", mib.to_string())
            .env("SYSTEMD", if config.has_systemd() { "1" } else { "" })
            .env("HOSTNAME", self.name())
            .env("MACHINE", self.lab.dir().machine(self.index))
            .env("NET_FILE", self.net())
            .env("PLAIN_INIT", self.lab.dir().script("plain-init.sh"))
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C is for the owner, who then takes the host down.
            .process_group(0);
        Ok(command)
    }

    /// Waits until the host can be reached by ssh and has done what it does at boot: for one that boots by
    /// itself.
    pub fn wait_until_up(&self) -> Result<(), HostError> {
        if self.config().is_machine() {
            return self.wait_until_machine_is_up();
        }
        let until = Instant::now() + BOOT_DEADLINE;
        let marker = if self.config().has_systemd() {
            "run/systemd/private"
        } else {
            "run/infra-lab-ready"
        };
        while !self.has_marker(marker) {
            if !self.supervisor_is_alive() {
                return Err(self.not_up("its supervisor ended".to_owned()));
            }
            if Instant::now() > until {
                return Err(self.not_up(format!("no /{marker} within {BOOT_DEADLINE:?}")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        if self.config().has_systemd() {
            self.wait_for_boot(until)?;
        }
        Ok(())
    }

    fn has_marker(&self, marker: &str) -> bool {
        self.first_process()
            .is_some_and(|first| Path::new(&format!("/proc/{}/root/{marker}", first.pid)).exists())
    }

    /// Waits for systemd to have no job left. The answer is `running`, or `degraded` when a unit
    /// has failed: a broken deployment may well do that, so it does not count as "not up" here.
    fn wait_for_boot(&self, until: Instant) -> Result<(), HostError> {
        loop {
            let finished = self.exec(&["systemctl", "is-system-running", "--wait"])?;
            match finished.text() {
                "running" | "degraded" => return Ok(()),
                state if Instant::now() > until => {
                    return Err(self.not_up(format!("systemd says `{state}`")));
                }
                // Asked before the manager listens, the command ends at once.
                _ => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// A host that nothing was deployed to must be healthy: else the root file system is at fault.
    pub(crate) fn refuse_failed_units(&self) -> Result<(), HostError> {
        if !self.config().has_systemd() {
            return Ok(());
        }
        let failed = self.sh("systemctl --failed --no-legend --plain")?;
        if failed.is_empty() {
            return Ok(());
        }
        Err(self.not_up(format!(
            "units failed (with many hosts, raise fs.inotify.max_user_instances):\n{failed}"
        )))
    }

    pub(super) fn not_up(&self, why: String) -> HostError {
        let mut log = fs::read_to_string(self.dir().join("log")).unwrap_or_default();
        if self.config().is_machine() {
            log.push_str(&self.end_of_console());
        }
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        let tail: Vec<_> = lines.into_iter().rev().collect();
        HostError::NotUp {
            host: self.name().to_owned(),
            why,
            log: if tail.is_empty() {
                String::new()
            } else {
                format!("\n{}", tail.join("\n"))
            },
        }
    }
}
