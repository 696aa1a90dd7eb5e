//! Which jobs are to be done, and why: what nobody has, what is due, or what somebody asked for.
//!
//! A job makes all its products at once. If some of them are there and others are not, making the missing ones would replace the others, which
//! may be the only ones of their kind: that is refused unless somebody asks for it by name.

use crate::stale::{self, Digest, Reason, State};
use infra_model::fill::Source;
use infra_model::recipe::{Job, JobId, Owner};
use infra_model::{Code, Diagnostic, HostName, NeedName};
use std::collections::{BTreeMap, BTreeSet};

/// A need of one owner.
pub type Asset = (Owner, NeedName);

/// How much is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// What nobody has.
    Missing(BTreeSet<Asset>),
    /// That, and what is due of what these hosts have.
    Due {
        /// What nobody has.
        missing: BTreeSet<Asset>,
        /// The hosts.
        hosts: BTreeSet<HostName>,
        /// Only jobs that make one of these, and what those are made from. `None`: all.
        only: Option<BTreeSet<Asset>>,
    },
    /// These, whether they are there or not.
    Anew(BTreeSet<Asset>),
}

impl Extent {
    /// What is to be made without looking at its age.
    fn assets(&self) -> &BTreeSet<Asset> {
        match self {
            Self::Missing(assets) | Self::Anew(assets) => assets,
            Self::Due { missing, .. } => missing,
        }
    }
}

/// What is known of all jobs.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// All of them, in order.
    pub jobs: &'a [Job],
    /// What is known of their products.
    pub states: &'a BTreeMap<JobId, State>,
    /// Seconds since 1970.
    pub now: u64,
    /// See [`Digest`].
    pub digest: Digest<'a>,
}

/// A job that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The job.
    pub job: Job,
    /// Why.
    pub reasons: BTreeSet<Reason>,
}

impl Task {
    /// Whether what it makes is there already, so that it could also be kept: it is done because of its age or of what it follows.
    pub fn is_renewal(&self) -> bool {
        let must = |reason: &Reason| matches!(reason, Reason::Missing(_) | Reason::Asked);
        !self.reasons.iter().any(must)
    }

    /// Whether it is done only because what these jobs make was to be another.
    pub fn only_follows(&self, others: &[Job]) -> bool {
        self.reasons.iter().all(|reason| match reason {
            Reason::WatchedMade(need) => others.iter().any(|other| {
                self.job.watched.get(need) == Some(&other.id.owner)
                    && other.products.contains_key(need)
            }),
            _ => false,
        })
    }
}

/// The jobs that have to be done for `extent`, in order, with those that make what these need and nobody has. The error: recipes of which only
/// a part of what they make is there.
pub fn tasks(known: Known<'_>, extent: &Extent) -> Result<Vec<Task>, Vec<Diagnostic>> {
    let mut reasons: BTreeMap<&JobId, BTreeSet<Reason>> = match extent {
        Extent::Anew(assets) => makers(known.jobs, assets)
            .map(|job| (&job.id, BTreeSet::from([Reason::Asked])))
            .collect(),
        Extent::Missing(assets) => makers(known.jobs, assets)
            .map(|job| (&job.id, missing(job, assets)))
            .collect(),
        Extent::Due { .. } => due(known, extent),
    };
    // From the last to the first: what makes a need may need something itself.
    for job in known.jobs.iter().rev() {
        if !reasons.contains_key(&job.id) {
            continue;
        }
        for (need, owner) in &job.needs {
            let maker = known
                .jobs
                .iter()
                .find(|maker| maker.id.owner == *owner && maker.products.contains_key(need));
            let lacks = |job: &&Job| {
                let state = known.states.get(&job.id);
                state.is_some_and(|state| state.missing.contains(need))
            };
            if let Some(maker) = maker.filter(lacks) {
                let why = Reason::Missing(need.clone());
                reasons.entry(&maker.id).or_default().insert(why);
            }
        }
    }
    let tasks: Vec<Task> = known
        .jobs
        .iter()
        .filter_map(|job| {
            let reasons = reasons.remove(&job.id)?;
            let job = job.clone();
            Some(Task { job, reasons })
        })
        .collect();
    let torn: Vec<Diagnostic> = tasks
        .iter()
        .filter_map(|task| torn(task, known.states.get(&task.job.id)?))
        .collect();
    if torn.is_empty() {
        Ok(tasks)
    } else {
        Err(torn)
    }
}

fn makers<'a>(jobs: &'a [Job], assets: &'a BTreeSet<Asset>) -> impl Iterator<Item = &'a Job> {
    jobs.iter().filter(|job| !missing(job, assets).is_empty())
}

fn missing(job: &Job, assets: &BTreeSet<Asset>) -> BTreeSet<Reason> {
    job.products
        .keys()
        .filter(|need| assets.contains(&(job.id.owner.clone(), (*need).clone())))
        .map(|need| Reason::Missing(need.clone()))
        .collect()
}

/// What is missing or due of some hosts. What their things are made from is looked at as well, but made only if it is due: what is missing
/// there is nobody's business until something is made from it.
fn due<'a>(known: Known<'a>, extent: &Extent) -> BTreeMap<&'a JobId, BTreeSet<Reason>> {
    let Extent::Due { hosts, only, .. } = extent else {
        return BTreeMap::new();
    };
    let mut covered: BTreeSet<&JobId> = BTreeSet::new();
    let mut leant_on: BTreeSet<Asset> = BTreeSet::new();
    for job in known.jobs.iter().rev() {
        let wanted = only
            .as_ref()
            .is_none_or(|only| !missing(job, only).is_empty());
        let theirs = wanted && !job.hosts.is_disjoint(hosts);
        if !theirs && missing(job, &leant_on).is_empty() && missing(job, extent.assets()).is_empty()
        {
            continue;
        }
        covered.insert(&job.id);
        let of = job.needs.iter().chain(&job.watched);
        leant_on.extend(of.map(|(need, owner)| (owner.clone(), need.clone())));
    }
    let states: BTreeMap<JobId, State> = known
        .jobs
        .iter()
        .filter(|job| covered.contains(&job.id))
        .filter_map(|job| {
            let mut state = known.states.get(&job.id)?.clone();
            let asked = missing(job, extent.assets());
            state
                .missing
                .retain(|need| asked.contains(&Reason::Missing(need.clone())));
            Some((job.id.clone(), state))
        })
        .collect();
    stale::due(known.jobs, &states, known.now, known.digest)
        .into_iter()
        .map(|(job, reasons)| (&job.id, reasons))
        .collect()
}

/// Why a job must not be done: something that it makes is missing, and what it would replace is there.
fn torn(task: &Task, state: &State) -> Option<Diagnostic> {
    let Task { job, reasons } = task;
    if state.present.is_empty() || !reasons.iter().all(|why| matches!(why, Reason::Missing(_))) {
        return None;
    }
    let lacking: Vec<&NeedName> = reasons
        .iter()
        .filter_map(|why| match why {
            Reason::Missing(need) => Some(need),
            _ => None,
        })
        .collect();
    let there = state
        .present
        .iter()
        .map(|(need, source)| format!("`{need}` is there: {source}"));
    let gone = lacking.iter().map(|need| format!("`{need}` is missing"));
    let lines: Vec<String> = there.chain(gone).collect();
    let mut fault = Diagnostic::new(
        Code::PartlyMade,
        format!(
            "the recipe {} makes {} and all that belongs to it together, and only a part of that is there",
            job.recipe, job.id
        ),
    )
    .with_cause(lines.join("\n"))
    .with_fix(mend(job, state, &lacking));
    fault.place = job.place();
    if let Owner::Host(host) = &job.id.owner {
        fault = fault.with_host(host);
    }
    Some(fault)
}

fn mend(job: &Job, state: &State, lacking: &[&NeedName]) -> String {
    let host = job.hosts.first().map_or("HOST", HostName::as_str);
    let is_secret = |need: &NeedName| job.products.get(need).is_some_and(|it| it.secret);
    let give: Vec<String> = lacking
        .iter()
        .map(|need| {
            if is_secret(need) {
                format!("infra secret new {host} {need}")
            } else {
                format!("infra set {host} {need} VALUE")
            }
        })
        .collect();
    let give = give.join("; ");
    // What comes before the store or a context file stays before what would be made.
    let outside: Vec<String> = state
        .present
        .iter()
        .filter(|(_, source)| !matches!(source, Source::Store { .. } | Source::Context { .. }))
        .map(|(need, source)| format!("`{need}` ({source})"))
        .collect();
    let mut all = lacking.iter().copied().chain(state.present.keys());
    let anew = if let Some(need) = all.find(|need| is_secret(need)) {
        format!("infra secret generate {host} {need} makes all of it anew")
    } else {
        let lines: Vec<String> = state.present.keys().map(|it| format!("`{it}`")).collect();
        format!("without {} all of it is made anew", lines.join(", "))
    };
    if outside.is_empty() {
        format!("give what is missing: {give}; or, if what is there may be lost: {anew}")
    } else {
        let outside = outside.join(", ");
        format!("give what is missing: {give}; or give {outside} no more, and then: {anew}")
    }
}

#[cfg(test)]
#[path = "making_tests.rs"]
mod tests;
