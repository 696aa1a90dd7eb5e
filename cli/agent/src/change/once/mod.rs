//! How a host is made to boot a system once, while its boot default stays what it is. So whatever becomes of that boot, the one after it
//! brings the system before.

mod grub;
mod systemd_boot;

use super::clock::Deadline;
use super::system;
use super::task::{Ran, Task, find};
use super::work::{Work, how};
use crate::host::Host;
use infra_model::{Code, Diagnostic, StorePath};
use serde::{Deserialize, Serialize};

/// A program of the running system that does it where we do not know the boot loader: `boot-once set SYSTEM`, `boot-once clear`.
const HOOK: &str = "/etc/infra/boot-once";
/// Setting one variable, or one line of a file.
const PATIENCE: u64 = 60;

/// By what it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Once {
    /// [`HOOK`]
    Hook,
    /// The EFI variable `LoaderEntryOneShot`.
    SystemdBoot,
    /// `next_entry` in GRUB's environment blocks.
    Grub,
}

impl Once {
    /// What this host has.
    pub(crate) fn of(host: &Host, session: &str) -> Result<Self, Diagnostic> {
        if host.path(HOOK).exists() {
            return Ok(Self::Hook);
        }
        if systemd_boot::is_there(host) {
            return match find(host, "bootctl", session) {
                Some(_) => Ok(Self::SystemdBoot),
                None => Err(cannot("it has systemd-boot, and no bootctl to tell it")),
            };
        }
        match grub::is_there(host) {
            Some(Ok(())) => match find(host, "grub-editenv", session) {
                Some(_) => Ok(Self::Grub),
                None => Err(cannot("it has GRUB, and no grub-editenv to tell it")),
            },
            Some(Err(why)) => Err(cannot(&why)),
            None => Err(cannot(
                "it has neither systemd-boot nor a GRUB that reads `next_entry`",
            )),
        }
    }

    /// Whether it boots what stands in the boot loader's menu alone.
    pub(crate) fn has_menu(self) -> bool {
        self != Self::Hook
    }
}

fn cannot(why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::NoBootOnce,
        "this host cannot be told to boot a system once",
    )
    .with_cause(why)
    .with_fix("leave out --reboot, or make it the boot default unproven (--goal boot) and boot it yourself; for another boot loader set infra.boot.once to a program that tells it")
}

impl Work<'_> {
    /// That the boot loader's default is this system, whatever its installer made of a new entry.
    pub(super) fn check_default(&self, once: Once, system: &StorePath) -> Result<(), Diagnostic> {
        match once {
            Once::Hook => Ok(()),
            Once::SystemdBoot => {
                let program = self.loader_program("bootctl")?;
                systemd_boot::check_default(self.host, &program, system)
            }
            Once::Grub => grub::check_default(self.host, system),
        }
    }

    /// From here on the next boot is of this system; the one after it is not.
    pub(super) fn set_once(&self, once: Once, system: &StorePath) -> Result<(), Diagnostic> {
        match once {
            Once::Hook => self.tell_loader("once", HOOK, &["set", system.as_str()]),
            Once::SystemdBoot => {
                let program = self.loader_program("bootctl")?;
                let entry = systemd_boot::entry(self.host, &program, system)?;
                self.tell_loader("once", &program, &["set-oneshot", &entry])?;
                systemd_boot::check(self.host, &entry)
            }
            Once::Grub => {
                let program = self.loader_program("grub-editenv")?;
                let entries = grub::entries(self.host, system)?;
                entries.iter().try_for_each(|(environment, entry)| {
                    let words = [environment, "set", &format!("next_entry={entry}")];
                    self.tell_loader("once", &program, &words)
                })
            }
        }
    }

    /// The next boot is of the boot default again.
    pub(super) fn clear_once(&self, once: Once) -> Result<(), Diagnostic> {
        let name = "not-once";
        match once {
            Once::Hook => self.tell_loader(name, HOOK, &["clear"]),
            // A boot has used it up.
            Once::SystemdBoot if !systemd_boot::is_set(self.host) => Ok(()),
            Once::SystemdBoot => {
                let program = self.loader_program("bootctl")?;
                self.tell_loader(name, &program, &["set-oneshot", ""])
            }
            Once::Grub => {
                let program = self.loader_program("grub-editenv")?;
                let mut told = Ok(());
                for environment in grub::environments(self.host) {
                    let words = [&environment, "unset", "next_entry"];
                    told = told.and(self.tell_loader(name, &program, &words));
                }
                told
            }
        }
    }

    fn loader_program(&self, name: &str) -> Result<String, Diagnostic> {
        find(self.host, name, &self.kept.path)
            .ok_or_else(|| cannot(&format!("there is no {name} on it any more")))
    }

    fn tell_loader(
        &self,
        name: &'static str,
        program: &str,
        words: &[&str],
    ) -> Result<(), Diagnostic> {
        let task = Task {
            name,
            program,
            words,
            until: Deadline::after(PATIENCE),
            may_be_aborted: false,
        };
        match self.tasks().run(&task)? {
            Ran::Ended(Some(0)) => Ok(()),
            ran => Err(cannot(&self.cause(how(ran)))),
        }
    }

    /// The program by which the host's systemd is asked.
    pub(super) fn systemctl(&self) -> Result<String, Diagnostic> {
        find(self.host, "systemctl", &self.kept.path)
            .ok_or_else(|| cannot("there is no systemd on it that could restart it"))
    }
}

/// Whether anything that only a boot exchanges differs between what was booted and a system.
pub(crate) fn needs_boot(host: &Host, to: &StorePath) -> bool {
    const LINKS: [&str; 3] = ["kernel", "initrd", "kernel-modules"];
    let Some(booted) = system::system(host, system::BOOTED) else {
        return false;
    };
    let link =
        |of: &StorePath, name: &str| std::fs::read_link(host.path(&format!("{of}/{name}"))).ok();
    let words = |of: &StorePath| {
        let text = std::fs::read_to_string(host.path(&format!("{of}/kernel-params"))).ok()?;
        Some(
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    };
    booted != *to
        && (words(&booted) != words(to)
            || LINKS
                .iter()
                .any(|name| link(&booted, name) != link(to, name)))
}
