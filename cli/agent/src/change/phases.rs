//! The change as a state machine: what comes after what. Pure; each phase is one thing to do, and what came of it decides on the next.

use infra_model::Goal;
use infra_model::change::{ChangePhase, Intent};

/// What of an intent decides on the way it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whether the host is booted into the system instead of activating it.
    pub(crate) boots: bool,
    /// Whether anything of the running host changes: a system is activated, or secrets alone are replaced.
    pub(crate) acts: bool,
    /// Whether profile and boot loader are set.
    pub(crate) commits: bool,
}

impl Shape {
    pub(crate) fn of(intent: &Intent, boots: bool) -> Self {
        Self {
            boots,
            acts: intent.system.is_none() || intent.goal.activates(),
            commits: intent.system.is_some() && intent.goal.persists(),
        }
    }

    /// Whether it is a goal that can be a change at all.
    pub(crate) fn is_possible(intent: &Intent) -> bool {
        let something = intent.system.is_some() || intent.secrets.is_some();
        let can_boot = intent.system.is_some() && intent.goal.activates();
        something && intent.goal != Goal::DryActivate && (can_boot || intent.reboot.is_never())
    }
}

/// What came of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It did what it is for.
    Well,
    /// It failed, took too long, or was taken back.
    Badly,
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Phase(ChangePhase),
    /// The host is as it was ordered.
    Done,
    /// The host is as it was.
    Restored,
    /// The way back failed.
    Stuck,
}

/// What follows a phase.
pub(crate) fn next(shape: Shape, phase: ChangePhase, came: Came) -> Next {
    use ChangePhase::{
        Activating, Armed, Awaiting, Booting, Committing, Ended, Probing, Restoring,
    };
    match (phase, came) {
        (Armed, Came::Well) if shape.boots => Next::Phase(Booting),
        (Armed, Came::Well) if shape.acts => Next::Phase(Activating),
        (Armed | Awaiting, Came::Well) => confirmed(shape),
        (Armed, Came::Badly) | (Restoring | Ended, Came::Well) => Next::Restored,
        (Activating | Booting, Came::Well) => Next::Phase(Probing),
        (Probing, Came::Well) => Next::Phase(Awaiting),
        (Committing, Came::Well) => Next::Done,
        (Activating | Booting | Probing | Awaiting | Committing, Came::Badly) => {
            Next::Phase(Restoring)
        }
        (Restoring | Ended, Came::Badly) => Next::Stuck,
    }
}

/// What follows the confirmation.
fn confirmed(shape: Shape) -> Next {
    if shape.commits {
        Next::Phase(ChangePhase::Committing)
    } else {
        Next::Done
    }
}

/// What a supervisor finds that takes over from one that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where the change was.
    pub(crate) phase: ChangePhase,
    /// Whether it was confirmed.
    pub(crate) confirmed: bool,
    /// Whether the host has not been restarted since.
    pub(crate) same_boot: bool,
    /// Whether the host was booted into the new system.
    pub(crate) booted_new: bool,
}

/// Where it goes on. What was confirmed is what was ordered, and is finished as long as it still runs; everything else goes back.
pub(crate) fn resume(shape: Shape, found: Found) -> Next {
    use ChangePhase::{
        Activating, Armed, Awaiting, Booting, Committing, Ended, Probing, Restoring,
    };
    match found.phase {
        Armed => Next::Restored,
        // The boot that was asked for, and the system as well.
        Booting if !found.same_boot && found.booted_new => Next::Phase(Booting),
        Awaiting if found.confirmed && found.same_boot => confirmed(shape),
        Committing if found.same_boot || found.booted_new => Next::Phase(Committing),
        Activating | Booting | Probing | Awaiting | Committing | Restoring => {
            Next::Phase(Restoring)
        }
        Ended => Next::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::{Came, Found, Next, Shape, next, resume};
    use infra_model::change::ChangePhase::{
        self, Activating, Armed, Awaiting, Booting, Committing, Ended, Probing, Restoring,
    };

    const SWITCH: Shape = Shape {
        boots: false,
        acts: true,
        commits: true,
    };
    const TEST: Shape = Shape {
        boots: false,
        acts: true,
        commits: false,
    };
    const BOOT: Shape = Shape {
        boots: false,
        acts: false,
        commits: true,
    };
    const REBOOT: Shape = Shape {
        boots: true,
        ..SWITCH
    };

    /// The phases of a change in which everything goes well, or goes badly once.
    fn way(shape: Shape, fails_in: Option<ChangePhase>) -> (Vec<ChangePhase>, Next) {
        let mut way = vec![Armed];
        loop {
            let phase = *way.last().expect("a phase");
            let came = if Some(phase) == fails_in {
                Came::Badly
            } else {
                Came::Well
            };
            match next(shape, phase, came) {
                Next::Phase(phase) => way.push(phase),
                end => return (way, end),
            }
        }
    }

    #[test]
    fn every_way_a_change_can_take() {
        let whole = vec![Armed, Activating, Probing, Awaiting, Committing];
        assert_eq!(way(SWITCH, None), (whole.clone(), Next::Done));
        let booted = vec![Armed, Booting, Probing, Awaiting, Committing];
        assert_eq!(way(REBOOT, None), (booted.clone(), Next::Done));
        for (at, phase) in booted.iter().enumerate().skip(1) {
            let back = [&booted[..=at], &[Restoring]].concat();
            assert_eq!(way(REBOOT, Some(*phase)), (back, Next::Restored));
        }
        assert_eq!(way(TEST, None), (whole[..4].to_vec(), Next::Done));
        assert_eq!(way(BOOT, None), (vec![Armed, Committing], Next::Done));
        assert_eq!(way(SWITCH, Some(Armed)), (vec![Armed], Next::Restored));
        for (at, phase) in whole.iter().enumerate().skip(1) {
            let back = [&whole[..=at], &[Restoring]].concat();
            assert_eq!(way(SWITCH, Some(*phase)), (back, Next::Restored));
        }
        assert_eq!(
            way(BOOT, Some(Committing)),
            (vec![Armed, Committing, Restoring], Next::Restored)
        );
        assert_eq!(next(SWITCH, Restoring, Came::Badly), Next::Stuck);
    }

    #[test]
    fn what_becomes_of_a_change_without_supervisor() {
        let found = |phase, [confirmed, same_boot, booted_new]: [bool; 3]| Found {
            phase,
            confirmed,
            same_boot,
            booted_new,
        };
        let any = |mask: u8| [mask & 1 != 0, mask & 2 != 0, mask & 4 != 0];
        let back = Next::Phase(Restoring);
        for facts in (0..8).map(any) {
            let [confirmed, same_boot, booted_new] = facts;
            for shape in [SWITCH, TEST, BOOT, REBOOT] {
                let on = |phase| resume(shape, found(phase, facts));
                assert_eq!(on(Armed), Next::Restored);
                assert_eq!(on(Activating), back);
                let arrived = !same_boot && booted_new;
                let booting = if arrived { Next::Phase(Booting) } else { back };
                assert_eq!(on(Booting), booting, "{facts:?}");
                assert_eq!(on(Probing), back);
                assert_eq!(on(Restoring), back);
                assert_eq!(on(Ended), Next::Done);
                let finish = same_boot || booted_new;
                let committing = if finish {
                    Next::Phase(Committing)
                } else {
                    back
                };
                assert_eq!(on(Committing), committing, "{facts:?}");
                let awaiting = match (confirmed && same_boot, shape.commits) {
                    (false, _) => back,
                    (true, true) => Next::Phase(Committing),
                    (true, false) => Next::Done,
                };
                assert_eq!(on(Awaiting), awaiting, "{facts:?}");
            }
        }
    }
}
