//! A change by a boot: the host is booted once into its new system, comes up, and proves itself there. Its boot default is the system before
//! until it has, so a machine that hangs, panics or loses power comes back with that one.

use super::clock::Deadline;
use super::inhibitors;
use super::once::{self, Once};
use super::starts;
use super::system::{self, Now};
use super::task::Ran;
use super::work::{COMMIT, Work, how};
use crate::apply;
use crate::files;
use crate::host::Host;
use crate::process;
use infra_model::change::{Intent, Reboot, Target};
use infra_model::{Code, Diagnostic, StorePath};
use std::thread;
use std::time::Duration;

/// What has to be in the new system, so that it proves itself or is booted back when nobody comes to ask (modules/changes).
const UNIT: &str = "etc/systemd/system/infra-change.service";
/// How long systemd may take to end us, once it was asked for a restart.
const GOING_DOWN: u64 = 300;

/// Whether this change boots the host. Refused, before anything is touched, if the host cannot be booted once.
pub(crate) fn is_wanted(host: &Host, intent: &Intent, session: &str) -> Result<bool, Diagnostic> {
    let Some(target) = &intent.system else {
        return Ok(false);
    };
    let is_wanted = match intent.reboot {
        Reboot::Never => false,
        Reboot::Needed => {
            once::needs_boot(host, &target.path)
                || !inhibitors::differing(host, &target.path).is_empty()
        }
        Reboot::Always => true,
    };
    if is_wanted {
        check(host, intent, target, session)?;
    }
    Ok(is_wanted)
}

fn check(host: &Host, intent: &Intent, target: &Target, session: &str) -> Result<(), Diagnostic> {
    let refused = |why: String, fix: &str| {
        Err(Diagnostic::new(
            Code::NoBootOnce,
            "this host is not booted into its new system",
        )
        .with_cause(why)
        .with_fix(fix))
    };
    if host.is_this_machine() && !host.has_systemd() {
        return refused(
            "it has no systemd that could restart it".to_owned(),
            "leave out --reboot, and boot it yourself",
        );
    }
    if !host.path(&format!("{}/{UNIT}", target.path)).exists() {
        return refused(
            format!(
                "{} has no {UNIT}: after the boot nobody would see to it that it proves itself",
                target.path
            ),
            "its modules come with infra's for NixOS; leave out --reboot to activate it without a boot",
        );
    }
    let Some(default) = &intent.expected.boot_default else {
        return refused(
            "it has no boot default that it could come back to".to_owned(),
            "deploy it without --reboot once",
        );
    };
    if *default != target.path {
        Once::of(host, session)?;
    }
    Ok(())
}

impl Work<'_> {
    /// The phase, which two supervisors see: one before the boot and one after it.
    pub(crate) fn boot(&mut self) -> Result<(), Diagnostic> {
        if self.kept.boot == system::boot_id(self.host) {
            self.go_down()
        } else {
            self.arrive()
        }
    }

    fn go_down(&mut self) -> Result<(), Diagnostic> {
        let Some(target) = self.intent().system.clone() else {
            return Ok(());
        };
        self.refuse_if_aborted()?;
        starts::before(self.host, &self.folder)?;
        self.take_secrets()?;
        self.state.reboot.secrets = Now::of(self.host).secrets;
        // As before a commit: what is to be booted is on the disk.
        files::flush(&self.host.path(system::STORE))?;
        self.state.activated = true;
        self.save()?;
        // What boots by default needs no word.
        if let Some(default) = self.intent().expected.boot_default.clone()
            && default != target.path
        {
            let once = Once::of(self.host, &self.kept.path)?;
            if once.has_menu() {
                self.offer(&target, &default)?;
                self.check_default(once, &default)?;
            }
            self.state.reboot.told = Some(once);
            self.save()?;
            self.set_once(once, &target.path)?;
        }
        self.refuse_if_aborted()?;
        self.folder.log(&format!("restarting into {}", target.path));
        self.restart()
    }

    /// Boot loaders know the generations of the profile: the new system gets its one, and the default stays.
    fn offer(&mut self, target: &Target, default: &StorePath) -> Result<(), Diagnostic> {
        self.note_generations();
        self.state.reboot.offered = true;
        self.save()?;
        if target.generation.is_none() {
            self.nix_env(&["--set", target.path.as_str()])?;
            self.state.reboot.generation = system::generation(self.host);
            self.save()?;
            self.profile_back(default)?;
        }
        self.folder.log(&format!(
            "writing the boot menu, with {default} as its default"
        ));
        let ran = self.switch("menu", default, "boot", Deadline::after(COMMIT))?;
        if ran == Ran::Ended(Some(0)) {
            return Ok(());
        }
        Err(
            Diagnostic::new(Code::ActivationFailed, "the boot menu could not be written")
                .with_cause(self.cause(how(ran)))
                .with_fix("correct what its boot loader complains about, and deploy again"),
        )
    }

    /// Asks for a restart and waits to be ended by it.
    fn restart(&self) -> Result<(), Diagnostic> {
        const PATIENCE: u64 = 30;
        let program = self.host.path(&self.systemctl()?);
        let words = ["--no-block", "--no-wall", "reboot"];
        let asked = process::ask_within(&program.to_string_lossy(), &words, PATIENCE);
        let until = Deadline::after(GOING_DOWN);
        while asked.is_some() && (!until.is_over() || system::is_going_down(self.host)) {
            thread::sleep(Duration::from_millis(100));
        }
        Err(
            Diagnostic::new(Code::BootFailed, "the host does not restart")
                .with_cause(match asked {
                    None => "systemctl reboot failed".to_owned(),
                    Some(_) => format!("it is still up {GOING_DOWN} s after it was asked to"),
                })
                .with_fix("log in and see what keeps it (systemctl list-jobs), then deploy again"),
        )
    }

    /// The new system has booted; its units are given the time to start.
    fn arrive(&mut self) -> Result<(), Diagnostic> {
        self.refuse_if_aborted()?;
        self.folder.log("the host is up again, in its new system");
        if self.intent().secrets.is_some() && self.state.reboot.secrets.is_none() {
            return Err(Diagnostic::new(
                Code::BootFailed,
                "the host was restarted before its secrets were in place",
            )
            .with_cause("somebody else restarted it, or it lost its power")
            .with_fix("deploy again"));
        }
        let limit = self.intent().limits.activate;
        let until = self.until.unwrap_or_else(|| Deadline::after(limit));
        let failed = |title: String| {
            Err(Diagnostic::new(Code::BootFailed, title)
                .with_fix("see its journal of that boot (journalctl -b -1), correct the configuration and deploy again"))
        };
        match system::booted_state(self.host, until) {
            Some(state) if state == "maintenance" => {
                return failed("the new system came up in its emergency mode".to_owned());
            }
            Some(_) => {}
            None => return failed(format!("the new system did not come up within {limit} s")),
        }
        let now = system::system(self.host, system::CURRENT);
        let target = self.intent().system.as_ref().map(|target| &target.path);
        if now.as_ref() != target {
            let runs = now.map_or_else(|| "no system".to_owned(), |path| path.to_string());
            return failed(format!("the host booted the new system and runs {runs}"));
        }
        if self.intent().secrets.is_some() {
            // They are there since the boot; whose owner or consumer there is not, is told as after an activation.
            let settled = apply::restart(self.host)?;
            self.warn_of_units(&settled.units);
        }
        // A mirror that was not booted from still waits for its turn.
        self.forget_once()?;
        self.state.reboot.boot = system::boot_id(self.host);
        Ok(())
    }

    /// Whether the host has to be booted to be what it was: since it was told to boot once it came up with something else than its boot default.
    pub(super) fn is_elsewhere(&self) -> bool {
        let before = self.intent().expected.boot_default.as_ref();
        let booted = system::system(self.host, system::BOOTED);
        self.state.reboot.told.is_some()
            && self.kept.boot != system::boot_id(self.host)
            && booted.is_some()
            && booted.as_ref() != before
    }

    /// Whether there is nothing to go back to: the new system was the boot default already, and has been booted.
    pub(super) fn is_its_own_way_back(&self) -> bool {
        let new = self.intent().system.as_ref().map(|target| &target.path);
        self.kept.boots
            && self.kept.boot != system::boot_id(self.host)
            && self.intent().expected.boot_default.as_ref() == new
    }

    /// Boots the host's default again. Returns only if that does not happen.
    pub(super) fn boot_back(&mut self) -> Result<(), Diagnostic> {
        let before = self.intent().expected.boot_default.clone();
        let before = before.map_or_else(|| "its default".to_owned(), |path| path.to_string());
        let boot = system::boot_id(self.host);
        if self.state.reboot.back.is_some() && self.state.reboot.back != boot {
            return Err(Diagnostic::new(
                Code::RestoreFailed,
                "the host could not be put back: it was restarted for that, and did not boot its default",
            )
            .with_cause(format!("its boot loader was to boot {before}"))
            .with_fix("choose that in its boot menu, and see why its boot loader does not"));
        }
        self.state.reboot.back = boot;
        // A disk that is full is no reason to stay.
        let _ = self.save();
        self.folder.log(&format!("restarting into {before}"));
        self.restart()
    }

    /// A boot that did not come to be waits for the next one. One that did has used it up; should the boot loader not have forgotten it, it is
    /// told once more, as well as it can be.
    pub(super) fn forget_once(&self) -> Result<(), Diagnostic> {
        let Some(once) = self.state.reboot.told else {
            return Ok(());
        };
        let cleared = self.clear_once(once);
        if self.kept.boot == system::boot_id(self.host) {
            return cleared;
        }
        if let Err(fault) = cleared {
            self.folder.log(&fault.title);
        }
        Ok(())
    }
}
