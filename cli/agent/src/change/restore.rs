//! The way back: everything to what it was, as far as the change has come, and what cannot be put back said truthfully.

use super::clock::Deadline;
use super::starts;
use super::system::{self, Now};
use super::task::Ran;
use super::work::{COMMIT, UNITS_FAILED, Work, how};
use crate::apply;
use crate::args::{Owners, Restart};
use crate::files;
use infra_model::{Code, Diagnostic, StorePath};

/// The way back may take as long as the way there, and no less than this.
const RESTORE: u64 = 120;

impl Work<'_> {
    /// Everything back to what it was, as far as the change has come.
    pub(crate) fn restore(&mut self) -> Result<(), Diagnostic> {
        let mut fault = None;
        let mut note = |result: Result<(), Diagnostic>| {
            if let Err(failed) = result {
                fault.get_or_insert(failed);
            }
        };
        // One thing that cannot be put back is no reason to leave the others.
        let elsewhere = self.is_elsewhere();
        // What only knows of the new system is put right once the host is back; a boot default that was moved would be booted.
        if self.state.committed || (self.state.reboot.offered && !elsewhere) {
            note(self.put_boot_default_back());
        }
        note(self.forget_once());
        if elsewhere {
            return fault.map_or_else(|| self.boot_back(), Err);
        }
        let same_boot = self.kept.boot == system::boot_id(self.host);
        if same_boot {
            let known = &self.intent().expected.failed_units;
            starts::before_the_way_back(self.host, &self.folder, known);
        }
        note(self.put_secrets_back());
        if self.state.activated && same_boot && !self.kept.boots {
            note(self.put_system_back());
        }
        if self.intent().secrets.is_some() && self.intent().goal.activates() {
            match apply::restart(self.host) {
                Ok(settled) => self.warn_of_units(&settled.units),
                Err(failed) => note(Err(failed)),
            }
        }
        if same_boot {
            starts::revive(self.host, &self.folder);
        } else {
            // It may be in the middle of its boot, and be nothing yet. One that takes longer is looked at as it is.
            let _ = system::booted_state(self.host, Deadline::after(RESTORE));
        }
        note(self.verify_restored(same_boot));
        if self.state.activated || self.intent().secrets.is_some() {
            self.warn_of_failed_units();
        }
        fault.map_or(Ok(()), Err)
    }

    fn put_boot_default_back(&mut self) -> Result<(), Diagnostic> {
        let expected = self.intent().expected.clone();
        let Some(before) = expected.boot_default else {
            self.state.warnings.push(
                "the host had no boot default before; its boot loader may know the new system now"
                    .to_owned(),
            );
            return files::remove(&self.host.path(system::PROFILE));
        };
        self.folder
            .log(&format!("making {before} the boot default again"));
        self.profile_back(&before)?;
        for made in self.made_generations() {
            self.nix_env(&["--delete-generations", &made.to_string()])?;
        }
        // Its boot loader may be half written, whatever the profile says.
        let until = Deadline::after(COMMIT);
        system::wait_for_switching(self.host, until);
        match self.switch("uncommit", &before, "boot", until)? {
            Ran::Ended(Some(0)) => Ok(()),
            ran => Err(not_back(
                &format!("its boot default could not be made {before} again"),
                how(ran),
                format!("log in, and run {} boot", system::switch(&before)),
            )),
        }
    }

    /// The system profile to what it was; its boot loader does not know yet.
    pub(super) fn profile_back(&self, before: &StorePath) -> Result<(), Diagnostic> {
        let expected = &self.intent().expected;
        let now = Now::of(self.host);
        match expected.generation {
            _ if now.generation == expected.generation
                && now.boot_default.as_ref() == Some(before) =>
            {
                Ok(())
            }
            Some(generation)
                if system::of_generation(self.host, generation).as_ref() == Some(before) =>
            {
                self.nix_env(&["--switch-generation", &generation.to_string()])
            }
            // Somebody has removed old generations in the meantime. Its system is still there: it gets another number.
            _ => self.nix_env(&["--set", before.as_str()]),
        }
    }

    fn put_secrets_back(&mut self) -> Result<(), Diagnostic> {
        if self.intent().secrets.is_none() {
            return Ok(());
        }
        let now = Now::of(self.host).secrets;
        match self.intent().expected.secrets {
            Some(before) if now.is_some() => {
                self.folder
                    .log(&format!("putting generation {before} of the secrets back"));
                apply::back(self.host, before, Restart::Later, Owners::Later).map(|_| ())
            }
            None => {
                if apply::withdraw(self.host)? {
                    self.folder.log("its secrets were taken away again");
                }
                Ok(())
            }
            // Somebody else has taken them away.
            Some(before) => Err(not_back(
                &format!("generation {before} of its secrets is not current any more, and none is"),
                "somebody has taken its secrets away in the meantime",
                "deploy again: that sends them anew".to_owned(),
            )),
        }
    }

    fn put_system_back(&mut self) -> Result<(), Diagnostic> {
        let Some(before) = self.intent().expected.current.clone() else {
            // What is left of a host's first system is told at the end.
            return Ok(());
        };
        let limit = self.intent().limits.activate.max(RESTORE);
        let until = Deadline::after(limit);
        system::wait_for_switching(self.host, until);
        let now = system::system(self.host, system::CURRENT);
        let new = self.intent().system.as_ref().map(|target| &target.path);
        if now.as_ref() != Some(&before) && now.as_ref() != new {
            return Err(not_back(
                "somebody else has activated another system in the meantime",
                now.map_or_else(|| "it runs none".to_owned(), |now| format!("it runs {now}")),
                "look at it (infra ssh), then deploy again".to_owned(),
            ));
        }
        if !system::is_there(self.host, &before) {
            return Err(Diagnostic::new(
                Code::GenerationLost,
                format!("the system before, {before}, is not in the host's store any more"),
            )
            .with_cause("something has removed it while the change was going on")
            .with_fix("deploy the revision before again, or correct the new one"));
        }
        self.folder.log(&format!("activating {before} again"));
        match self.switch("restore", &before, "test", until)? {
            Ran::Ended(Some(0 | UNITS_FAILED)) => Ok(()),
            ran => Err(not_back(
                &format!("the activation of {before} failed, too"),
                self.cause(how(ran)),
                format!(
                    "log in, and run {} test; or reboot it: its boot default is {}",
                    system::switch(&before),
                    Now::of(self.host)
                        .boot_default
                        .map_or_else(|| "unknown".to_owned(), |path| path.to_string())
                ),
            )),
        }
    }

    /// By the links, whatever was done.
    fn verify_restored(&mut self, same_boot: bool) -> Result<(), Diagnostic> {
        let (now, expected) = (Now::of(self.host), self.intent().expected.clone());
        // After a restart the host runs what it boots by default.
        let wanted = if same_boot {
            expected.current
        } else {
            expected.boot_default.clone()
        };
        let mut differs = Vec::new();
        let mut compare = |what: &str, now: &Option<StorePath>, wanted: &Option<StorePath>| {
            if wanted.is_some() && now != wanted {
                let text = |path: &Option<StorePath>| {
                    path.as_ref()
                        .map_or_else(|| "none".to_owned(), ToString::to_string)
                };
                differs.push(format!("{what} is {}, not {}", text(now), text(wanted)));
            }
        };
        if self.state.activated {
            compare("its current system", &now.current, &wanted);
        }
        if self.state.committed || self.state.reboot.offered {
            compare(
                "its boot default",
                &now.boot_default,
                &expected.boot_default,
            );
        }
        if differs.is_empty() {
            return Ok(());
        }
        Err(not_back(
            "it is not what it was before",
            differs.join("\n"),
            "look at it (infra ssh), then deploy again".to_owned(),
        ))
    }

    fn warn_of_failed_units(&mut self) {
        let known = &self.kept.order.intent.expected.failed_units;
        let mut failed: Vec<_> = system::settled_failed_units(self.host)
            .into_iter()
            .filter(|unit| !known.contains(unit))
            .collect();
        // Of a unit that only the new system had, nothing is left but that it failed.
        failed.retain(|unit| !system::forget(self.host, unit));
        if !failed.is_empty() {
            self.state.warnings.push(format!(
                "units failed on the way back: {}",
                failed.join(", ")
            ));
        }
    }
}

fn not_back(what: &str, cause: impl AsRef<str>, fix: String) -> Diagnostic {
    Diagnostic::new(
        Code::RestoreFailed,
        format!("the host could not be put back: {what}"),
    )
    .with_cause(cause.as_ref())
    .with_fix(fix)
}
