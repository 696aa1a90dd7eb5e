//! When what a recipe made is to be made anew.

use infra_model::NeedName;
use infra_model::fill::Source;
use infra_model::recipe::{Job, JobId, Owner};
use std::collections::{BTreeMap, BTreeSet};

/// What was written down when a job was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// [`mark`] at that time.
    pub mark: Option<String>,
    /// When, in seconds since 1970.
    pub created: Option<u64>,
    /// When it ends, in seconds since 1970; asked only if it is not written down when it was made.
    pub expires: Option<u64>,
}

/// What is known about the products of a job.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Which of the needs that want them are filled by nobody.
    pub missing: BTreeSet<NeedName>,
    /// Which of them are there, and where.
    pub present: BTreeMap<NeedName, Source>,
    /// The record of the last time. `None`: it never ran, or somebody else gave what it makes.
    pub record: Option<Record>,
    /// What tells whether a watched need has changed.
    pub watched: Watched,
}

/// What tells whether a watched need has changed: of a value its JSON, of a secret (or a private value) its fingerprint, never anything that
/// follows from its content. A need that is not filled is not here. `None`: of one of them it cannot be told, so nothing is concluded from any.
pub type Watched = Option<BTreeMap<NeedName, String>>;

/// Why a job has to be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Somebody asked for it.
    Asked,
    /// Nobody gives this need.
    Missing(NeedName),
    /// The recipe's `seed` is another.
    SeedChanged,
    /// Something it watches is another.
    WatchedChanged,
    /// Something it watches is about to be made anew.
    WatchedMade(NeedName),
    /// It ended at this time.
    Expired(u64),
    /// It was to be replaced at this time.
    Old(u64),
}

/// Makes a short name of a text, the same for the same text and another one for any other: a cryptographic digest. It is given as an argument,
/// since the crates that have one look at the processor.
pub type Digest<'a> = &'a dyn Fn(&str) -> String;

/// What the sidecar of a secret holds as `seed`: the recipe's seed and what it watches, each as a digest. What cannot be told leaves its half empty.
pub fn mark(job: &Job, watched: &Watched, digest: Digest<'_>) -> String {
    // Debug texts are quoted: no two lists have the same one.
    let seed = digest(&format!("{:?}", job.seed));
    let Some(watched) = watched else {
        return format!("{seed}.");
    };
    let others: Vec<(&NeedName, Option<&String>)> = job
        .watched
        .keys()
        .map(|need| (need, watched.get(need)))
        .collect();
    format!("{seed}.{}", digest(&format!("{others:?}")))
}

/// Why `job` has to be done at `now` (seconds since 1970); nothing: what it made is kept.
pub fn reasons(job: &Job, state: &State, now: u64, digest: Digest<'_>) -> BTreeSet<Reason> {
    let mut reasons: BTreeSet<Reason> =
        state.missing.iter().cloned().map(Reason::Missing).collect();
    let Some(record) = &state.record else {
        return reasons;
    };
    let current = mark(job, &state.watched, digest);
    if let (Some((seed, watched)), Some((seed_then, watched_then))) = (
        current.split_once('.'),
        record.mark.as_deref().and_then(|mark| mark.split_once('.')),
    ) {
        if seed != seed_then {
            reasons.insert(Reason::SeedChanged);
        }
        if watched != watched_then && !watched.is_empty() && !watched_then.is_empty() {
            reasons.insert(Reason::WatchedChanged);
        }
    }
    let after = |seconds: Option<u64>| Some(record.created?.saturating_add(seconds?));
    // The contract is asked first: whoever lengthens `expires` there means what is there already, too.
    let ends = after(job.expires).or(record.expires.filter(|_| record.created.is_none()));
    if let Some(at) = ends.filter(|at| *at <= now) {
        reasons.insert(Reason::Expired(at));
    }
    if let Some(at) = after(job.every).filter(|at| *at <= now) {
        reasons.insert(Reason::Old(at));
    }
    reasons
}

/// The jobs of `order` that have to be done at `now`, with those that follow from them. A job without a state is kept.
pub fn due<'a>(
    order: &'a [Job],
    states: &BTreeMap<JobId, State>,
    now: u64,
    digest: Digest<'_>,
) -> Vec<(&'a Job, BTreeSet<Reason>)> {
    let mut due: Vec<(&Job, BTreeSet<Reason>)> = Vec::new();
    for job in order {
        let Some(state) = states.get(&job.id) else {
            continue;
        };
        let mut reasons = reasons(job, state, now, digest);
        // What somebody else gave is not made anew because something changes.
        if state.record.is_some() {
            let remade = |(need, owner): &(&NeedName, &Owner)| {
                due.iter().any(|(other, _)| {
                    other.id.owner == **owner && other.products.contains_key(*need)
                })
            };
            let follows = job.watched.iter().filter(remade);
            reasons.extend(follows.map(|(need, _)| Reason::WatchedMade(need.clone())));
        }
        if !reasons.is_empty() {
            due.push((job, reasons));
        }
    }
    due
}

#[cfg(test)]
#[path = "stale_tests.rs"]
mod tests;
