//! A host that is a machine: an emulated one with firmware, boot loader, kernel and a disk of its own.
//!
//! It boots as a computer does, so what only acts at boot can be tried on it. It is slow (half a minute
//! until it can be reached), and everything done on it goes by ssh: there is no other way in.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Host, HostError};
use crate::config::Store;
use crate::files::{self, failed};
use crate::keys;
use crate::network;
use crate::places::Places;
use crate::process::{ProcessError, Run, process};
use crate::repo::machine_hardware;
use crate::seed::host_path;

/// The first machine of a stand-in for nixpkgs has its kernel and its programs built first.
const IMAGE_DEADLINE: Duration = Duration::from_secs(600);

/// Half a minute on two quiet cores, and several times that on busy ones.
const BOOT_DEADLINE: Duration = Duration::from_secs(300);

/// What it has while nothing but a deployment happens on it.
const MEMORY_MIB: u32 = 1024;

/// How much of the console a failure shows.
const CONSOLE_LINES: usize = 60;

impl Host<'_> {
    /// Makes the disk, the firmware's memory and the cable, and switches the machine on. It is up only
    /// after [`Host::wait_until_up`].
    pub(super) fn create_machine(&self) -> Result<(), HostError> {
        let dir = self.dir();
        files::folder(&dir, 0o755)?;
        keys::create(&self.host_key(), self.name())?;
        self.seed()?;
        self.cgroup().create()?;
        network::create_machine(&self.lab.dir().controller_net(), self.index)?;
        let hardware = dir.join("hardware.nix");
        files::write(&hardware, &machine_hardware(self.config()), 0o644)?;
        self.image()
            .run(IMAGE_DEADLINE)
            .and_then(crate::process::Finished::ok)
            .map_err(|source| self.process(source))?;
        // A copy for each: it is where the firmware and the boot loader remember things.
        let (from, to) = (Places::firmware_variables(), dir.join("vars.fd"));
        fs::copy(from, &to).map_err(failed("copy the firmware's memory to", &to))?;
        self.switch_on()
    }

    fn image(&self) -> Command {
        let (dir, places) = (self.dir(), self.lab.places());
        let Store::Ext4 { mib } = self.config().store else {
            unreachable!("checked with the configuration")
        };
        let mut command = process("unshare");
        command
            .args(["--mount", "--propagation", "private", "--"])
            .arg("/bin/bash")
            .arg(self.lab.dir().script("machine-image.sh"))
            // It takes seconds: should the owner die meanwhile, it must end with the lab.
            .env("DOORS", self.cgroup().doors_as_words())
            .env("MACHINE_DIR", &dir)
            .env("SEED", dir.join("seed"))
            .env("CACHE", places.machines())
            .env("HARDWARE", dir.join("hardware.nix"))
            .env("BASE", self.lab.dir().script("machine-base.nix"))
            .env("STORE", places.store())
            .env("NIXPKGS", places.nixpkgs())
            .env("NIX_PREFIX", &places.nix_prefix)
            .env("NIX_CONF_DIR", places.nix_conf_dir())
            .env("HOME", self.lab.dir().controller().join("home"))
            .env("ROOT_MIB", mib.to_string());
        command
    }

    pub(super) fn machine_supervisor(&self) -> Result<Command, HostError> {
        let dir = self.dir();
        let log_path = dir.join("log");
        let log = File::create(&log_path).map_err(failed("create", &log_path))?;
        let errors = log.try_clone().map_err(failed("share", &log_path))?;
        let mut command = network::inside(&self.lab.dir().controller_net(), "/bin/sh");
        command
            .arg(self.lab.dir().script("machine-start.sh"))
            .env("MACHINE_DIR", &dir)
            .env("MACHINE", self.lab.dir().machine(self.index))
            .env("PORT", network::port(self.index))
            .env("MAC", network::hardware_address(self.index))
            .env("FIRMWARE", Places::firmware())
            .env("MEMORY_MIB", MEMORY_MIB.to_string())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        Ok(command)
    }

    pub(super) fn machine_command(&self, program: &str) -> Command {
        let mut command = self.lab.controller("/bin/bash");
        command
            .arg(self.lab.dir().script("machine-exec.sh"))
            .arg(self.lab.ssh_config())
            .arg(self.name())
            .arg(host_path(&self.lab.places().nix_prefix))
            .arg(program);
        command
    }

    pub(super) fn wait_until_machine_is_up(&self) -> Result<(), HostError> {
        let until = Instant::now() + BOOT_DEADLINE;
        loop {
            if !self.is_on() {
                return Err(self.not_up("the emulator ended".to_owned()));
            }
            let answer = match self.exec(&["systemctl", "is-system-running", "--wait"]) {
                Ok(finished) => match finished.text() {
                    "running" | "degraded" => return Ok(()),
                    "" => finished.stderr,
                    state => format!("systemd says `{state}`"),
                },
                // It goes down, or takes its time.
                Err(HostError::Process {
                    source: error @ ProcessError::Deadline { .. },
                    ..
                }) => error.to_string(),
                Err(error) => return Err(error),
            };
            if Instant::now() > until {
                let why = format!("within {BOOT_DEADLINE:?} ssh got no further than: {answer}");
                return Err(self.not_up(why));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    pub(super) fn nix_processes_of_machine(&self) -> Vec<String> {
        let script = "for process in /proc/[0-9]*; do
             case $(readlink \"$process/exe\") in
               */bin/nix) tr '\\0' ' ' < \"$process/cmdline\"; echo ;;
             esac
           done";
        let found = self.sh(script).unwrap_or_default();
        found
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// What came out of the serial port of a machine since it was made, over all boots.
    pub fn console(&self) -> String {
        let bytes = fs::read(self.dir().join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// The end of the console, for messages.
    pub(crate) fn end_of_console(&self) -> String {
        let console = self.console();
        let lines: Vec<_> = console.lines().collect();
        let from = lines.len().saturating_sub(CONSOLE_LINES);
        lines[from..].join("\n")
    }

    /// Waits until the machine has gone down from the boot with this id, and has come up again.
    pub fn wait_for_another_boot(&self, before: &str) -> Result<(), HostError> {
        let until = Instant::now() + BOOT_DEADLINE;
        // No answer is what is expected for a while.
        while self.boot_id().map_or(true, |now| now == before) {
            if !self.is_on() || Instant::now() > until {
                return Err(self.not_up(format!("still no other boot than {before}")));
            }
            thread::sleep(Duration::from_millis(500));
        }
        self.wait_until_up()
    }

    /// What a boot is told apart by: the same as long as the host is not booted again.
    pub fn boot_id(&self) -> Result<String, HostError> {
        Ok(self
            .read_file("/proc/sys/kernel/random/boot_id")?
            .trim()
            .to_owned())
    }
}
