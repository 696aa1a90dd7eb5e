//! The transaction: open, check and render everything; unpack beside what is in place; switch one link; tell the consumers.
//!
//! Each change on its way leaves the old generation whole until the switch, and the new one whole after it. A call that was cut off is
//! mended by the next one, whichever it is, because that compares what is in place with what should be.

mod withdraw;

pub(crate) use withdraw::withdraw;

use crate::args::{Owners, Restart};
use crate::change::{self, Alone};
use crate::fault::{cannot, refused};
use crate::folder::{Difference, Folder};
use crate::grace::{self, Opened, Previous};
use crate::host::Host;
use crate::identity::Key;
use crate::lock::Lock;
use crate::pending::{self, Pending};
use crate::place::{self, Place};
use crate::plan::{Kind, Occasion, Wanted, plan};
use crate::sealed::Sealed;
use crate::units::{self, Action};
use crate::wall;
use infra_model::bundle::{
    Applied, Bundle, Changes, Generation, Outcome, Phase, REPORT_SCHEMA, Settled, UnitReport,
};
use infra_model::{Code, Diagnostic};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

/// More than any host's secrets: whoever sends more is sending something else.
const LARGEST: u64 = 64 << 20;

/// Takes the sealed bundle on standard input.
pub(crate) fn receive(
    host: &Host,
    restart: Restart,
    owners: Owners,
) -> Result<Applied, Diagnostic> {
    let sealed = sealed_from_input()?;
    let _alone = Alone::with(host, "an agent that was given other secrets")?;
    take(host, sealed, restart, owners)
}

/// A sealed bundle, as it comes.
pub(crate) fn sealed_from_input() -> Result<Vec<u8>, Diagnostic> {
    let mut sealed = Vec::new();
    std::io::stdin()
        .take(LARGEST + 1)
        .read_to_end(&mut sealed)
        .map_err(cannot("read", Path::new("standard input")))?;
    if sealed.len() as u64 > LARGEST {
        return Err(refused("the bundle is larger than 64 MiB").with_fix(
            "secrets are small: deploy large files another way, and only their key as a secret",
        ));
    }
    Ok(sealed)
}

/// Puts a sealed bundle in place, as part of a change or with the host to ourselves.
pub(crate) fn take(
    host: &Host,
    sealed: Vec<u8>,
    restart: Restart,
    owners: Owners,
) -> Result<Applied, Diagnostic> {
    let hands = Hands::take(host)?;
    let bundle = hands.key.open(&sealed)?;
    let occasion = Occasion {
        host,
        phase: Phase::Services,
        owners,
    };
    let target = Target {
        generation: hands.target_of(&bundle),
        bundle,
        sealed,
    };
    hands.apply(&occasion, &target, Tell::of(restart))
}

/// Makes an earlier generation current again, under its own number. A change that is under way takes its secrets back by number: it must not
/// find other ones than it left.
pub(crate) fn rollback(
    host: &Host,
    to: Option<u64>,
    restart: Restart,
) -> Result<Applied, Diagnostic> {
    let _alone = Alone::with(host, "an agent that goes back to earlier secrets")?;
    let sealed = Sealed::of(host);
    let current = sealed.current();
    let earlier = || {
        sealed
            .all()
            .into_iter()
            .rev()
            .map(|one| one.number)
            .find(|number| Some(*number) < current)
    };
    let number = to.or_else(earlier).ok_or_else(|| {
        Diagnostic::new(
            Code::NoSuchGeneration,
            "this host keeps no earlier generation of its secrets",
        )
        .with_cause(sealed.kept())
        .with_fix("`--to` names one that is kept; `infra deploy` sends what the repository says")
    })?;
    back(host, number, restart, Owners::Strict)
}

/// Makes a generation current that is kept, as part of a change or with the host to ourselves.
pub(crate) fn back(
    host: &Host,
    number: u64,
    restart: Restart,
    owners: Owners,
) -> Result<Applied, Diagnostic> {
    let hands = Hands::take(host)?;
    let occasion = Occasion {
        host,
        phase: Phase::Services,
        owners,
    };
    let target = hands.kept(number)?;
    hands.apply(&occasion, &target, Tell::of(restart))
}

/// Puts the current generation in place: at boot, and when a grace is over. It must not fail for a user that an older system does not have,
/// so such files belong to root.
pub(crate) fn unpack(host: &Host, phase: Phase) -> Result<Applied, Diagnostic> {
    let occasion = Occasion {
        host,
        phase,
        owners: Owners::Later,
    };
    change::secrets_of_what_boots(host)?;
    current(&occasion, Tell::Nobody)
}

/// Tells the consumers of what has changed, after an activation: owners it was waiting for are known now.
pub(crate) fn restart(host: &Host) -> Result<Settled, Diagnostic> {
    let occasion = Occasion {
        host,
        phase: Phase::Services,
        owners: Owners::Strict,
    };
    let applied = current(&occasion, Tell::Now)?;
    Ok(Settled {
        schema: REPORT_SCHEMA,
        units: applied.units,
    })
}

fn current(occasion: &Occasion<'_>, tell: Tell) -> Result<Applied, Diagnostic> {
    let hands = Hands::take(occasion.host)?;
    match hands.sealed.current() {
        Some(number) => {
            let target = hands.kept(number)?;
            hands.apply(occasion, &target, tell)
        }
        None => Ok(Applied {
            schema: REPORT_SCHEMA,
            generation: None,
            before: None,
            outcome: Outcome::Unchanged,
            secrets: Changes::default(),
            templates: Changes::default(),
            deferred: Vec::new(),
            // What was taken away has consumers, too.
            units: hands.tell(tell)?,
        }),
    }
}

/// Who is told of a change, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    Now,
    /// `secrets restart` will.
    Later,
    /// What is new, or has got its owner, was not there for anybody; a content that changed is left to `secrets restart`.
    Nobody,
}

impl Tell {
    fn of(restart: Restart) -> Self {
        match restart {
            Restart::Now => Self::Now,
            Restart::Later => Self::Later,
        }
    }
}

/// The generation to put in place.
struct Target {
    bundle: Bundle,
    /// Its number, if it is kept already.
    generation: Option<u64>,
    /// As it came, if it is not.
    sealed: Vec<u8>,
}

/// The host's secrets, held while one call changes them.
struct Hands<'h> {
    host: &'h Host,
    sealed: Sealed,
    place: Place<'h>,
    key: Key,
    _lock: Lock,
}

impl<'h> Hands<'h> {
    fn take(host: &'h Host) -> Result<Self, Diagnostic> {
        Ok(Self {
            host,
            _lock: Lock::take(host)?,
            sealed: Sealed::of(host),
            place: Place::of(host),
            key: Key::of(host)?,
        })
    }

    /// A generation that is kept.
    fn kept(&self, number: u64) -> Result<Target, Diagnostic> {
        Ok(Target {
            bundle: self.key.open(&self.sealed.read(number)?)?,
            generation: Some(number),
            sealed: Vec::new(),
        })
    }

    /// The generation that says the same already: the current one, or the newest (which an earlier call may have kept and then been cut off).
    fn target_of(&self, bundle: &Bundle) -> Option<u64> {
        let newest = self.sealed.all().last().map(|newest| newest.number);
        let candidates = [self.sealed.current(), newest];
        candidates.into_iter().flatten().find(|number| {
            // One that cannot be opened (the host has a new key) says nothing.
            self.kept(*number)
                .is_ok_and(|kept| kept.bundle.same_as(bundle))
        })
    }

    /// All other generations, newest first, as far as they can be opened.
    fn others(&self, number: Option<u64>) -> Vec<Opened> {
        let all = self.sealed.all().into_iter().rev();
        let open = |generation: Generation| {
            let bundle = self.kept(generation.number).ok()?.bundle;
            Some(Opened { generation, bundle })
        };
        all.filter(|one| Some(one.number) != number)
            .filter_map(open)
            .collect()
    }

    /// When a generation came; one that is not kept yet comes now.
    fn received(&self, number: Option<u64>) -> u64 {
        let mut all = self.sealed.all().into_iter();
        let known = all.find(|one| Some(one.number) == number);
        known.map_or_else(|| wall::now(self.host), |one| one.received)
    }

    fn apply(
        &self,
        occasion: &Occasion<'_>,
        target: &Target,
        tell: Tell,
    ) -> Result<Applied, Diagnostic> {
        let others = self.others(target.generation);
        let older = others.iter().filter(|one| {
            target
                .generation
                .is_none_or(|number| one.generation.number < number)
        });
        let received = self.received(target.generation);
        let previous = grace::previous(&target.bundle, received, &older, wall::now(self.host));
        let wanted = plan(occasion, &target.bundle, &previous)?;
        let found = self
            .place
            .current()
            .map(|folder| Folder::read(&folder))
            .unwrap_or_default();
        let early = occasion.phase < Phase::Services && found.holds(&wanted);
        let difference = if early {
            Difference::default()
        } else {
            found.difference(&wanted)
        };
        let actions = actions_of(&target.bundle, &difference, tell);

        let before = self.sealed.current();
        let number = self.put_in_place(target, &wanted, &difference, &actions)?;
        self.clear_away(&others, &wanted, &previous)?;
        let units = self.tell(tell)?;
        grace::end_on_time(self.host, &previous);
        let changed = difference.any || before != Some(number);
        Ok(Applied {
            schema: REPORT_SCHEMA,
            generation: Some(number),
            before,
            outcome: if changed {
                Outcome::Changed
            } else {
                Outcome::Unchanged
            },
            secrets: difference.secrets,
            templates: difference.templates,
            deferred: wanted.deferred,
            units,
        })
    }

    /// Everything that changes what the host has, in the order in which it may be cut off anywhere.
    fn put_in_place(
        &self,
        target: &Target,
        wanted: &Wanted,
        difference: &Difference,
        actions: &BTreeMap<String, Action>,
    ) -> Result<u64, Diagnostic> {
        let number = match target.generation {
            Some(number) => number,
            None => self.sealed.add(&target.sealed)?,
        };
        let mut folder = None;
        let mut pending = Pending::read(self.host);
        if difference.any {
            self.place.prepare()?;
            folder = Some(self.place.unpack(number, wanted)?);
            Place::link_templates(wanted)?;
            pending.expect(actions);
            pending.write(self.host)?;
        }
        if self.sealed.current() != Some(number) {
            self.sealed.make_current(number)?;
        }
        if let Some(folder) = folder {
            self.place.switch(&folder)?;
            pending.made(actions, pending::now());
            pending.write(self.host)?;
        }
        Ok(number)
    }

    /// Removes what nothing leads to any more. Links of every other generation are looked for: a call that was cut off may have left some.
    fn clear_away(
        &self,
        others: &[Opened],
        wanted: &Wanted,
        previous: &[Previous],
    ) -> Result<(), Diagnostic> {
        let stays: BTreeSet<_> = wanted.links.iter().map(|(place, _)| place).collect();
        let places = others
            .iter()
            .flat_map(|other| &other.bundle.templates)
            .map(|template| self.host.path(&template.path));
        for place in places.filter(|place| !stays.contains(place)) {
            place::unlink_template(&place)?;
        }
        self.place.sweep()?;
        let for_graces = previous.iter().flat_map(|one| one.generations.clone());
        let needed = for_graces.chain(change::held_secrets(self.host));
        self.sealed.prune(&needed.collect())
    }

    fn tell(&self, tell: Tell) -> Result<UnitReport, Diagnostic> {
        let mut pending = Pending::read(self.host);
        if tell != Tell::Now {
            return Ok(UnitReport {
                systemd: self.host.has_systemd(),
                pending: pending.units.into_keys().collect(),
                ..UnitReport::default()
            });
        }
        let report = units::tell(self.host, &pending);
        pending.units.clear();
        pending.write(self.host)?;
        Ok(report)
    }
}

fn actions_of(bundle: &Bundle, difference: &Difference, tell: Tell) -> BTreeMap<String, Action> {
    if tell == Tell::Nobody {
        let of = |kind| {
            let rewritten = difference.rewritten.iter();
            let names = rewritten
                .filter(|(of, _)| *of == kind)
                .map(|(_, name)| name);
            names.cloned().collect::<Vec<_>>()
        };
        return units::actions(bundle, &of(Kind::Secret), &of(Kind::Template));
    }
    let names = |changes: &Changes| [changes.changed.clone(), changes.added.clone()].concat();
    units::actions(
        bundle,
        &names(&difference.secrets),
        &names(&difference.templates),
    )
}
