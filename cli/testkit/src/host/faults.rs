//! What can go wrong with a host, on purpose, and how it is put right again.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::{Host, HostError, base_name};
use crate::config::Store;
use crate::files;
use crate::keys;
use crate::network;
use crate::proc::ProcessId;
use crate::seed::rewrite_host_key;

/// How long the kernel may take to end a process that was killed.
const GONE: Duration = Duration::from_secs(10);

impl Host<'_> {
    /// Pulls the network cable: nothing gets in or out, and nobody is told.
    pub fn partition(&self) -> Result<(), HostError> {
        Ok(network::connect(
            &self.lab.dir().controller_net(),
            self.index,
            false,
        )?)
    }

    /// Plugs the cable in again.
    pub fn heal(&self) -> Result<(), HostError> {
        Ok(network::connect(
            &self.lab.dir().controller_net(),
            self.index,
            true,
        )?)
    }

    /// Limits what can be sent to the host, e.g. to `8mbit` a second.
    pub fn slow(&self, rate: &str) -> Result<(), HostError> {
        Ok(network::limit(
            &self.lab.dir().controller_net(),
            self.index,
            rate,
        )?)
    }

    /// Lifts that limit.
    pub fn fast(&self) -> Result<(), HostError> {
        Ok(network::unlimit(
            &self.lab.dir().controller_net(),
            self.index,
        )?)
    }

    /// Ends sshd with all its sessions. New connections are refused.
    pub fn kill_sshd(&self) -> Result<(), HostError> {
        self.refuse_machine()?;
        if self.config().has_systemd() {
            // Stopped first: else systemd starts it again. Units are remembered for `start_sshd`.
            let stopped = self.sh(
                "for unit in ssh.socket sshd.socket ssh.service sshd.service; do
                   if systemctl --quiet is-active $unit; then systemctl stop $unit; echo $unit; fi
                 done",
            )?;
            files::write(&self.stopped_units(), &stopped, 0o644)?;
        }
        // Sessions outlive the unit. Their processes are called sshd, or sshd-session since 9.8.
        let is_sshd = |process: &ProcessId| {
            base_name(process.pid).is_some_and(|name| name.starts_with("sshd"))
        };
        let killed: Vec<ProcessId> = self.processes().into_iter().filter(is_sshd).collect();
        for process in &killed {
            process.kill();
        }
        // Until they are gone nobody else can have their port.
        let until = Instant::now() + GONE;
        while killed.iter().any(|process| process.is_alive()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Starts sshd again and waits until it listens.
    pub fn start_sshd(&self) -> Result<(), HostError> {
        if !self.config().has_systemd() {
            self.sh("rm -f /run/sshd.pid
                 env -i PATH=/usr/sbin:/usr/bin /usr/sbin/sshd -E /run/sshd.log
                 until [ -e /run/sshd.pid ]; do sleep 0.01; done")?;
            return Ok(());
        }
        let units = fs::read_to_string(self.stopped_units()).unwrap_or_default();
        let units = if units.trim().is_empty() {
            "ssh.service".to_owned()
        } else {
            units
        };
        let mut words = vec!["systemctl", "start"];
        words.extend(units.split_whitespace());
        self.exec(&words)?
            .ok()
            .map_err(|source| self.process(source))?;
        Ok(())
    }

    /// Gives the host a new key, as a reinstalled (or another) machine has. Its old public key is
    /// now wrong.
    pub fn replace_host_key(&self) -> Result<(), HostError> {
        self.refuse_machine()?;
        keys::create(&self.host_key(), self.name())?;
        rewrite_host_key(&self.dir())?;
        self.lab.write_known_hosts()?;
        let secret = files::read(&self.host_key())?;
        self.sh(&format!(
            "umask 077\n\
             cat > /etc/ssh/ssh_host_ed25519_key <<'KEY'\n{secret}\nKEY\n"
        ))?;
        self.kill_sshd()?;
        self.start_sshd()
    }

    /// Fills the host's `/nix` but for this much.
    pub fn fill_disk(&self, keep_kib: u64) -> Result<(), HostError> {
        if self.config().store == Store::Dir {
            let why = "its store is a folder on the machine's own disk, which must not be filled";
            return Err(self.unsuitable(why, "use Store::Tmpfs or Store::Ext4"));
        }
        self.sh(&format!(
            "free=$(df --output=avail -k /nix | tail -1)
             [ \"$free\" -gt {keep_kib} ] || exit 0
             head -c \"$((free - {keep_kib}))K\" /dev/zero > /nix/.fill"
        ))?;
        Ok(())
    }

    /// Frees that space again.
    pub fn unfill(&self) -> Result<(), HostError> {
        self.sh("rm -f /nix/.fill")?;
        Ok(())
    }

    fn refuse_machine(&self) -> Result<(), HostError> {
        if self.config().is_machine() {
            let why = "sshd is the only way into a machine, for the test as well";
            return Err(self.unsuitable(why, "use partition(), or another kind of host"));
        }
        Ok(())
    }

    fn stopped_units(&self) -> std::path::PathBuf {
        self.dir().join("stopped-units")
    }
}
