//! The supervisor: it outlives every connection, holds the host's lock for its whole life, and brings its change to an end.

use super::alone::refuse_if_switching;
use super::locks::Turn;
use super::phases::{Came, Found, Next, Shape, next, resume};
use super::record::{Folder, State};
use super::system::{self, Now};
use super::work::Work;
use super::{compare, record};
use crate::host::Host;
use infra_model::change::{ChangeEnd, ChangePhase};
use infra_model::{Code, Diagnostic, StorePath};
use std::thread;
use std::time::Duration;

/// Every program that a change may have started.
const TASKS: [&str; 8] = [
    "activate", "profile", "menu", "once", "not-once", "commit", "uncommit", "restore",
];

/// `change supervise`. Whatever comes of the change is written down; what this returns is for nobody.
pub(crate) fn supervise(host: &Host, run: &str) -> Result<(), Diagnostic> {
    // Who started us leads a session already if systemd did.
    let _ = rustix::process::setsid();
    let folder = Folder::of(host, run);
    let _life = folder.take_life()?;
    let mut turn = None;
    for _ in 0..100 {
        turn = Turn::take(host, &format!("run {run}"))?;
        if turn.is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let _turn = turn.ok_or_else(|| {
        Diagnostic::new(
            Code::HostBusy,
            "somebody else is changing this host right now",
        )
        .with_cause(Turn::who(host))
        .with_fix("wait until the other run has ended, then deploy again")
    })?;
    let (kept, state) = (folder.kept()?, folder.state()?);
    let work = Work {
        host,
        folder,
        kept,
        state,
        until: None,
    };
    Supervisor { work }.run();
    Ok(())
}

struct Supervisor<'s> {
    work: Work<'s>,
}

impl Supervisor<'_> {
    fn run(&mut self) {
        let kept = &self.work.kept;
        let shape = Shape::of(&kept.order.intent, kept.boots);
        if self.work.state.phase == ChangePhase::Ended {
            return;
        }
        let mut step = if self.work.state.taken {
            self.take_over(shape)
        } else {
            Next::Phase(ChangePhase::Armed)
        };
        loop {
            let phase = match step {
                Next::Phase(phase) => phase,
                Next::Done | Next::Restored | Next::Stuck => return self.end(step, None),
            };
            match self.work.enter(phase) {
                // The way back does not depend on being written down.
                Err(fault) if phase != ChangePhase::Restoring => {
                    self.fail(fault);
                    step = next(shape, phase, Came::Badly);
                    continue;
                }
                Ok(()) | Err(_) => {}
            }
            let came = match self.perform(phase) {
                Ok(generation) if phase == ChangePhase::Committing => {
                    return self.end(next(shape, phase, Came::Well), generation);
                }
                Ok(_) => Came::Well,
                Err(fault) if phase == ChangePhase::Restoring => return self.stuck(fault),
                Err(fault) => {
                    self.fail(fault);
                    Came::Badly
                }
            };
            step = next(shape, phase, came);
        }
    }

    /// What an earlier supervisor left: nothing it has started may still run beside us.
    fn take_over(&mut self, shape: Shape) -> Next {
        let (work, target) = (&self.work, self.work.kept.order.intent.system.as_ref());
        let same_boot = work.same_boot();
        if same_boot {
            for task in TASKS {
                work.tasks().end(task);
            }
        }
        let booted = system::system(work.host, system::BOOTED);
        let found = Found {
            phase: work.state.phase,
            confirmed: work.folder.has("confirmed"),
            same_boot,
            booted_new: booted.is_some() && booted.as_ref() == target.map(|target| &target.path),
        };
        let step = resume(shape, found);
        let what = if same_boot {
            "its supervisor was ended"
        } else {
            "the host was restarted"
        };
        if step != Next::Phase(ChangePhase::Booting) {
            work.folder
                .log(&format!("{what} while it was {}", found.phase.as_str()));
        }
        if step == Next::Phase(ChangePhase::Restoring) {
            self.fail(died(found, booted));
        }
        step
    }

    fn perform(&mut self, phase: ChangePhase) -> Result<Option<u64>, Diagnostic> {
        let work = &mut self.work;
        match phase {
            ChangePhase::Armed => Self::arm(work)?,
            ChangePhase::Activating => work.activate()?,
            ChangePhase::Booting => work.boot()?,
            ChangePhase::Probing => work.probe()?,
            ChangePhase::Awaiting => work.await_confirmation()?,
            ChangePhase::Committing => {
                Self::check_that_it_runs(work)?;
                return work.commit();
            }
            ChangePhase::Restoring => work.restore()?,
            ChangePhase::Ended => {}
        }
        Ok(None)
    }

    /// Between the order and us somebody can have come who does not ask the agent.
    fn arm(work: &Work<'_>) -> Result<(), Diagnostic> {
        let intent = &work.kept.order.intent;
        refuse_if_switching(work.host)?;
        compare::expected(&intent.expected, &Now::of(work.host))?;
        if work.folder.has("aborted") {
            return Err(Diagnostic::new(
                Code::ChangeCutOff,
                "the change was taken back before it began",
            )
            .with_fix("deploy again"));
        }
        let new = intent.system.as_ref().map(|target| &target.path);
        system::hold(work.host, "before", intent.expected.current.as_ref());
        system::hold(work.host, "system", new);
        Ok(())
    }

    /// What has proven itself becomes the boot default, and nothing else: somebody who does not ask the agent can have activated another system since.
    fn check_that_it_runs(work: &Work<'_>) -> Result<(), Diagnostic> {
        let intent = &work.kept.order.intent;
        let target = intent.system.as_ref().map(|target| &target.path);
        // What was begun is finished.
        if !intent.goal.activates() || work.state.committed {
            return Ok(());
        }
        let now = system::system(work.host, system::CURRENT);
        if now.as_ref() == target {
            return Ok(());
        }
        let now = now.map_or_else(|| "none".to_owned(), |path| path.to_string());
        Err(Diagnostic::new(
            Code::HostMoved,
            "somebody else has activated another system before the change was confirmed",
        )
        .with_cause(format!("it runs {now}"))
        .with_fix("look at it (infra ssh), then deploy again"))
    }

    /// What failed first is what is told; later faults are of the way back.
    fn fail(&mut self, fault: Diagnostic) {
        self.work.folder.log(&fault.title);
        self.work.state.why.get_or_insert(fault);
    }

    fn why(&mut self) -> Box<Diagnostic> {
        let why = self.work.state.why.take().unwrap_or_else(|| {
            Diagnostic::new(
                Code::Internal,
                "the change was restored and nobody knows why",
            )
        });
        Box::new(why)
    }

    fn end(&mut self, step: Next, generation: Option<u64>) {
        let warnings = std::mem::take(&mut self.work.state.warnings);
        let end = if step == Next::Done {
            ChangeEnd::Done {
                generation,
                warnings,
            }
        } else {
            match self.work.left() {
                Some(left) => ChangeEnd::Left {
                    why: self.why(),
                    left: Box::new(left),
                    warnings,
                },
                None => ChangeEnd::Restored {
                    why: self.why(),
                    warnings,
                },
            }
        };
        self.write_end(end);
    }

    fn stuck(&mut self, mut then: Diagnostic) {
        self.work.folder.log(&then.title);
        // Whoever puts the host right should know these, too.
        let warnings = std::mem::take(&mut self.work.state.warnings);
        let told = then.cause.take().into_iter().chain(warnings);
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            then.cause = Some(told.join("\n"));
        }
        let end = ChangeEnd::Stuck {
            why: self.why(),
            then: Box::new(then),
        };
        self.write_end(end);
    }

    /// The host is what it is by now; a disk that stays full leaves it to the next call to find that out again.
    fn write_end(&mut self, end: ChangeEnd) {
        const TRIES: usize = 10;
        self.work.state.phase = ChangePhase::Ended;
        self.work.state.until = None;
        self.work.state.end = Some(end);
        self.work.folder.give_room();
        self.work.folder.log("ended");
        for _ in 0..TRIES {
            if self.work.save().is_ok() {
                self.work.clear_away();
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
    }
}

fn died(found: Found, booted: Option<StorePath>) -> Diagnostic {
    let phase = found.phase.as_str();
    if found.phase == ChangePhase::Booting && !found.same_boot {
        let with = booted.map_or_else(|| "another one".to_owned(), |path| path.to_string());
        return Diagnostic::new(
            Code::BootFailed,
            "the host did not come up with its new system",
        )
        .with_cause(format!(
            "it was told to boot it once, and has booted {with}: the new system did not get far enough, its boot loader did not do it, or somebody restarted the host"
        ))
        .with_fix("see its console, or its journal of that boot (journalctl -b -1), correct the configuration and deploy again");
    }
    if found.same_boot {
        Diagnostic::new(
            Code::ChangeCutOff,
            format!("the supervisor of the change was ended while it was {phase}"),
        )
        .with_cause("something on the host killed infra-agent: a lack of memory, or a person")
        .with_fix("see the host's log for what did, then deploy again")
    } else {
        Diagnostic::new(
            Code::ChangeCutOff,
            format!("the host was restarted while the change was {phase}"),
        )
        .with_cause("it has booted what was its boot default before the change")
        .with_fix("see why it went down, then deploy again")
    }
}

/// A change that was armed and that nobody carries out: nothing was touched.
pub(crate) fn end_unbegun(folder: &Folder, mut state: State) -> Result<(), Diagnostic> {
    let why = Diagnostic::new(
        Code::ChangeCutOff,
        "the change was ordered, and its supervisor ended before it began",
    )
    .with_fix("deploy again");
    state.phase = ChangePhase::Ended;
    state.end = Some(ChangeEnd::Restored {
        why: Box::new(why),
        warnings: Vec::new(),
    });
    folder.write_state(&state)?;
    record::clear(folder);
    Ok(())
}
