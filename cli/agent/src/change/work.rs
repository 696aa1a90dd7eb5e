//! What the phases do: put secrets in place, activate, prove, commit, and the way back.

use super::clock::Deadline;
use super::probe;
use super::record::{Folder, Kept, State};
use super::system;
use super::task::{Ran, Task, Tasks, find};
use super::{falls, inhibitors, log, record, starts};
use crate::apply;
use crate::args::{Owners, Restart};
use crate::fault::cannot;
use crate::files;
use crate::host::Host;
use infra_model::bundle::UnitReport;
use infra_model::change::{ChangeEnd, ChangePhase, Intent, Target};
use infra_model::{Code, Diagnostic, StorePath};
use std::fs;
use std::thread;

/// `switch-to-configuration` has switched, and units failed: that is for the probes to judge.
pub(super) const UNITS_FAILED: i32 = 4;
/// A boot loader's installer is short, and is not ended early.
pub(super) const COMMIT: u64 = 600;
/// Lines of what activation said last, in a diagnostic.
const TAIL: usize = 30;

/// One change, with what is needed to work on it.
pub(crate) struct Work<'w> {
    pub(crate) host: &'w Host,
    pub(crate) folder: Folder,
    pub(crate) kept: Kept,
    pub(crate) state: State,
    /// When the phase is over in any case.
    pub(crate) until: Option<Deadline>,
}

impl Work<'_> {
    pub(super) fn intent(&self) -> &Intent {
        &self.kept.order.intent
    }

    pub(crate) fn tasks(&self) -> Tasks<'_> {
        Tasks {
            host: self.host,
            folder: &self.folder,
            run: &self.kept.order.run,
            path: &self.kept.path,
        }
    }

    pub(crate) fn same_boot(&self) -> bool {
        record::is_boot_of(&self.kept, &self.state, self.host)
    }

    /// Begins a phase: on disk, with its limit, before anything of it is done.
    pub(crate) fn enter(&mut self, phase: ChangePhase) -> Result<(), Diagnostic> {
        let limits = self.intent().limits;
        let seconds = match phase {
            // Asking what holds before it is not part of the activation.
            ChangePhase::Activating | ChangePhase::Booting => {
                self.state.probes = self.state.probes_before(self.host, &self.kept);
                Some(limits.activate)
            }
            ChangePhase::Probing => self.intent().probes.as_ref().map(probe::longest),
            ChangePhase::Awaiting => Some(limits.confirm),
            ChangePhase::Armed
            | ChangePhase::Committing
            | ChangePhase::Restoring
            | ChangePhase::Ended => None,
        };
        self.until = seconds.map(Deadline::after);
        self.state.until = self.until.map(Deadline::seconds);
        self.state.phase = phase;
        self.state.taken = true;
        if phase == ChangePhase::Restoring {
            self.folder.give_room();
        }
        self.folder.log(phase.as_str());
        self.save()
    }

    /// The new system, and its secrets before it.
    pub(crate) fn activate(&mut self) -> Result<(), Diagnostic> {
        let limit = || Deadline::after(self.intent().limits.activate);
        let until = self.until.unwrap_or_else(limit);
        self.refuse_if_aborted()?;
        starts::before(self.host, &self.folder)?;
        self.take_secrets()?;
        if let Some(target) = self.intent().system.clone() {
            self.state.activated = true;
            self.save()?;
            self.folder.log(&format!("activating {}", target.path));
            let ran = self.switch("activate", &target.path, "test", until)?;
            self.judge_activation(&target, ran)?;
        }
        if self.intent().secrets.is_some() {
            let settled = apply::restart(self.host)?;
            self.warn_of_units(&settled.units);
        }
        Ok(())
    }

    fn judge_activation(&mut self, target: &Target, ran: Ran) -> Result<(), Diagnostic> {
        match ran {
            Ran::Ended(Some(0)) => {}
            Ran::Ended(Some(UNITS_FAILED)) => self
                .state
                .warnings
                .push("activation says that units failed".to_owned()),
            Ran::Ended(code) => {
                return Err(Diagnostic::new(
                    Code::ActivationFailed,
                    "activation failed on the host",
                )
                .with_cause(self.cause(ended(code)))
                .with_fix(self.how_to_mend(target)));
            }
            Ran::TooLong => {
                let limit = self.intent().limits.activate;
                return Err(Diagnostic::new(
                    Code::ActivationFailed,
                    format!("activation did not end within {limit} s, and was ended"),
                )
                .with_cause(self.cause("it was still running"))
                .with_fix("see what it waits for; if it is right to take longer, give it more time and deploy again"));
            }
            Ran::Aborted => return Err(self.aborted()),
        }
        let now = system::system(self.host, system::CURRENT);
        if now.as_ref() == Some(&target.path) {
            return Ok(());
        }
        let runs = now.map_or_else(|| "no system".to_owned(), |path| path.to_string());
        Err(Diagnostic::new(
            Code::VerificationFailed,
            "the host does not run the system that was just activated",
        )
        .with_cause(format!("it runs {runs}\ninstead of {}", target.path))
        .with_fix("somebody else may be changing it; look at it (infra ssh), then deploy again"))
    }

    /// A system that may not be switched to is sound, and can be booted.
    fn how_to_mend(&self, target: &Target) -> String {
        let differing = inhibitors::differing(self.host, &target.path);
        if differing.is_empty() {
            return "correct the configuration and deploy again".to_owned();
        }
        format!(
            "NixOS does not exchange this while the host runs: {}; deploy with --reboot",
            differing.join(", ")
        )
    }

    /// Puts the staged bundle in place; its consumers hear of it later.
    pub(super) fn take_secrets(&mut self) -> Result<(), Diagnostic> {
        if self.intent().secrets.is_none() {
            return Ok(());
        }
        let path = self.folder.file("sealed");
        let sealed = fs::read(&path).map_err(cannot("read", &path))?;
        self.folder.log("putting secrets in place");
        apply::take(self.host, sealed, Restart::Later, Owners::Later).map(|_| ())
    }

    pub(crate) fn probe(&mut self) -> Result<(), Diagnostic> {
        let Some(probes) = self.intent().probes.clone() else {
            self.folder.log("nothing is tried, on purpose");
            return Ok(());
        };
        let (host, folder) = (self.host, &self.folder);
        let abort = || folder.has("aborted");
        let (mut results, falling) = thread::scope(|scope| {
            let falling = scope.spawn(|| falls::since(host, folder, &abort));
            let results = probe::until_they_hold(host, &probes, &abort);
            (results, falling.join().unwrap_or_default())
        });
        // Last, so that what fails while the others are tried is seen, too.
        let units = probe::units(host, &self.intent().expected.failed_units, &falling);
        let before = std::mem::take(&mut self.state.probes);
        for result in &mut results {
            let earlier = before.iter().find(|one| one.name == result.name);
            result.before = earlier.and_then(|one| one.before);
        }
        results.extend(units);
        self.state.probes = results;
        self.refuse_if_aborted()?;
        for result in &self.state.probes {
            let holds = match result.holds {
                Some(true) => "holds",
                Some(false) => "does not hold",
                None => "is not asked here",
            };
            self.folder.log(&format!(
                "probe {} ({}) {holds}: {}",
                result.name, result.asks, result.saw
            ));
        }
        self.save()?;
        let warnings = probe::warnings(&self.state.probes);
        self.state.warnings.extend(warnings);
        probe::failure(&probes, &self.state.probes).map_or(Ok(()), Err)
    }

    /// Until it is confirmed, taken back, or nobody has come.
    pub(crate) fn await_confirmation(&mut self) -> Result<(), Diagnostic> {
        let limit = self.intent().limits.confirm;
        loop {
            self.refuse_if_aborted()?;
            if self.folder.has("confirmed") {
                return Ok(());
            }
            if self.until.is_none_or(Deadline::is_over) {
                return Err(Diagnostic::new(
                    Code::Unconfirmed,
                    format!("nobody confirmed the change within {limit} s"),
                )
                .with_cause("the host can have become unreachable with the new system, or whoever deployed has gone away")
                .with_fix("see whether the new system keeps its network and SSH, then deploy again"));
            }
            thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Profile and boot loader. What a cut leaves half done is done again.
    pub(crate) fn commit(&mut self) -> Result<Option<u64>, Diagnostic> {
        let Some(target) = self.intent().system.clone() else {
            return Ok(None);
        };
        if !self.intent().goal.activates() {
            self.take_secrets()?;
        }
        self.note_generations();
        // Nix leaves it to the kernel when a path's content comes to the disk. A boot default must be there before it is one.
        files::flush(&self.host.path(system::STORE))?;
        self.state.committed = true;
        self.save()?;
        self.folder
            .log(&format!("making {} the boot default", target.path));
        self.set_profile(&target)?;
        let until = Deadline::after(COMMIT);
        let ran = self.switch("commit", &target.path, "boot", until)?;
        if ran != Ran::Ended(Some(0)) {
            return Err(Diagnostic::new(
                Code::ActivationFailed,
                "the system could not be made the boot default",
            )
            .with_cause(self.cause(how(ran)))
            .with_fix("correct what its boot loader complains about, and deploy again"));
        }
        // Whoever is told that it is the boot default may switch the host off.
        for folder in [system::PROFILES, system::BOOT] {
            files::flush(&self.host.path(folder))?;
        }
        Ok(system::generation(self.host))
    }

    /// Which generations are not of this change, before it makes one.
    pub(super) fn note_generations(&mut self) {
        let last = || system::generations(self.host).into_iter().max();
        if self.state.last_generation.is_none() {
            self.state.last_generation = Some(last().unwrap_or_default());
        }
    }

    /// The generations that this change has made.
    pub(super) fn made_generations(&self) -> Vec<u64> {
        let target = self.intent().system.as_ref().map(|target| &target.path);
        let is_made = |number: &u64| {
            self.state
                .last_generation
                .is_some_and(|last| *number > last)
                && system::of_generation(self.host, *number).as_ref() == target
        };
        let mut made = system::generations(self.host);
        made.retain(is_made);
        made
    }

    fn set_profile(&mut self, target: &Target) -> Result<(), Diagnostic> {
        let number = target.generation.or(self.state.reboot.generation);
        let numbered = number.filter(|number| {
            system::of_generation(self.host, *number).as_ref() == Some(&target.path)
        });
        let is_set = system::system(self.host, system::PROFILE).as_ref() == Some(&target.path);
        match numbered {
            Some(number) if system::generation(self.host) == Some(number) => {}
            // The identical system again is no generation of its own.
            None if is_set => {}
            Some(number) => self.nix_env(&["--switch-generation", &number.to_string()])?,
            None => self.nix_env(&["--set", target.path.as_str()])?,
        }
        let now = system::system(self.host, system::PROFILE);
        if now.as_ref() == Some(&target.path) {
            return Ok(());
        }
        Err(Diagnostic::new(
            Code::VerificationFailed,
            "the system profile is not the one that was just set",
        )
        .with_cause(format!(
            "it is {}\ninstead of {}",
            now.map_or_else(|| "none".to_owned(), |path| path.to_string()),
            target.path
        ))
        .with_fix("somebody else may be changing the host; deploy again"))
    }

    pub(super) fn nix_env(&self, words: &[&str]) -> Result<(), Diagnostic> {
        let failed = |cause: String| {
            Diagnostic::new(
                Code::ActivationFailed,
                "the system profile of the host cannot be set",
            )
            .with_cause(cause)
            .with_fix("the host needs Nix (nix-env) and room in /nix/var/nix/profiles")
        };
        let program = find(self.host, "nix-env", &self.kept.path)
            .ok_or_else(|| failed("there is no nix-env on the host".to_owned()))?;
        let words = [&["-p", system::PROFILE], words].concat();
        let task = Task {
            name: "profile",
            program: &program,
            words: &words,
            until: Deadline::after(COMMIT),
            may_be_aborted: false,
        };
        match self.tasks().run(&task)? {
            Ran::Ended(Some(0)) => Ok(()),
            ran => Err(failed(self.cause(how(ran)))),
        }
    }

    pub(super) fn warn_of_units(&mut self, report: &UnitReport) {
        for fault in &report.failed {
            self.state.warnings.push(format!(
                "{} did not come back with its new secrets: it is {}",
                fault.unit, fault.state
            ));
        }
    }

    pub(super) fn switch(
        &self,
        name: &'static str,
        to: &StorePath,
        verb: &str,
        until: Deadline,
    ) -> Result<Ran, Diagnostic> {
        self.tasks().run(&Task {
            name,
            program: &system::switch(to),
            words: &[verb],
            until,
            may_be_aborted: name == "activate",
        })
    }

    pub(super) fn refuse_if_aborted(&self) -> Result<(), Diagnostic> {
        if self.folder.has("aborted") {
            return Err(self.aborted());
        }
        Ok(())
    }

    fn aborted(&self) -> Diagnostic {
        let by = fs::read_to_string(self.folder.file("aborted")).unwrap_or_default();
        Diagnostic::new(Code::ChangeCutOff, "the change was taken back")
            .with_cause(match by.trim() {
                "" => "somebody asked for it (change abort)".to_owned(),
                by => by.to_owned(),
            })
            .with_fix("deploy again")
    }

    /// What was said last, and how it ended.
    pub(super) fn cause(&self, ended: impl AsRef<str>) -> String {
        let said = log::tail(&self.folder.file("log"), TAIL);
        format!("{said}\n{}", ended.as_ref())
            .trim_start()
            .to_owned()
    }

    /// What is on disk before what it names is done.
    pub(crate) fn save(&self) -> Result<(), Diagnostic> {
        self.folder.write_state(&self.state)
    }

    /// What was only needed on the way.
    pub(crate) fn clear_away(&self) {
        record::clear(&self.folder);
        self.tasks().clear();
        // A person who puts the host right may need either.
        if matches!(
            self.state.end,
            Some(ChangeEnd::Stuck { .. } | ChangeEnd::Left { .. })
        ) {
            return;
        }
        for name in ["before", "system"] {
            system::hold(self.host, name, None);
        }
    }
}

impl State {
    /// What holds before anything is changed; known already if an earlier supervisor asked.
    fn probes_before(&self, host: &Host, kept: &Kept) -> Vec<infra_model::change::ProbeResult> {
        match &kept.order.intent.probes {
            Some(probes) if self.probes.is_empty() => probe::baseline(host, probes),
            _ => self.probes.clone(),
        }
    }
}

pub(super) fn how(ran: Ran) -> String {
    match ran {
        Ran::Ended(code) => ended(code),
        Ran::TooLong => "it took too long, and was ended".to_owned(),
        Ran::Aborted => "it was taken back".to_owned(),
    }
}

fn ended(code: Option<i32>) -> String {
    match code {
        Some(code) => format!("exit code {code}"),
        None => "it was ended from outside".to_owned(),
    }
}
