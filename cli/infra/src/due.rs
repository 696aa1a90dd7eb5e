//! What is known of what recipes made, without any key: whether it is there, and what was written down when it was made.

use crate::contracts::{self, Contract, Contracts};
use crate::vault::{Asset, item};
use infra_drive::recipe;
use infra_drive::secret::sidecar::Sidecar;
use infra_drive::secret::store::{Store, Stored};
use infra_model::answer::{Due, DueWhy};
use infra_model::fill::Source;
use infra_model::recipe::{Job, JobId, Owner};
use infra_model::{Code, Diagnostic, HostName, NeedName};
use infra_plan::fill::{Filled, Secret as Kept};
use infra_plan::making::{Extent, Known, Task};
use infra_plan::stale::{Reason, Record, State, Watched};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// Contracts with what fills them, and the store.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) contracts: &'a Contracts,
    pub(crate) store: &'a Store,
}

/// What tells whether a need has changed.
enum Told {
    Text(String),
    /// Nobody has it.
    Absent,
    /// It is somewhere where it cannot be told without opening it, or only for this run.
    Unknown,
}

impl Look<'_> {
    /// The tasks of an extent.
    pub(crate) fn tasks(self, jobs: &[Job], extent: &Extent) -> Result<Vec<Task>, Vec<Diagnostic>> {
        let states = self.states(jobs);
        let known = Known {
            jobs,
            states: &states,
            now: now(),
            digest: &recipe::digest,
        };
        infra_plan::making::tasks(known, extent)
    }

    /// Why each job is due.
    pub(crate) fn due(self, jobs: &[Job]) -> Vec<(&Job, BTreeSet<Reason>)> {
        infra_plan::stale::due(jobs, &self.states(jobs), now(), &recipe::digest)
    }

    fn states(self, jobs: &[Job]) -> BTreeMap<JobId, State> {
        jobs.iter()
            .map(|job| (job.id.clone(), self.state(job)))
            .collect()
    }

    fn state(self, job: &Job) -> State {
        let mut state = State {
            watched: self.watched(job, &BTreeMap::new()),
            ..State::default()
        };
        let mut records = Vec::new();
        // What somebody else gave would be lost.
        let mut is_ours = true;
        for (need, product) in &job.products {
            let asset = (job.id.owner.clone(), need.clone());
            let sources: Vec<&Source> = self.sources(&asset).collect();
            // One that is shared may be given to one host alone, by a variable.
            if sources.iter().any(|it| matches!(it, Source::Recipe { .. })) {
                state.missing.insert(need.clone());
                continue;
            }
            let source = sources.first().copied();
            let stored = if product.secret || self.is_private(&asset) {
                self.stored(&asset)
            } else {
                Ok(None)
            };
            match (source, stored) {
                (Some(Source::Store { .. }) | None, Ok(Some(stored))) => {
                    let made = stored.sidecar.filter(|sidecar| sidecar.recipe.is_some());
                    is_ours &= made.is_some();
                    records.extend(made.as_ref().map(record));
                    let file = stored.item.file();
                    state.present.insert(need.clone(), Source::Store { file });
                }
                // Damaged: it is there, and nobody knows what it is.
                (Some(Source::Store { .. }) | None, Err(_)) => {
                    is_ours = false;
                    let file = item(&asset).file();
                    state.present.insert(need.clone(), Source::Store { file });
                }
                (Some(source), _) => {
                    // A line of a context file does not tell who wrote it; it belongs to the secret that was made with it.
                    is_ours &= matches!(source, Source::Context { .. }) && !product.secret;
                    state.present.insert(need.clone(), source.clone());
                }
                (None, Ok(None)) => {}
            }
        }
        state.record = records.into_iter().min_by_key(|record| record.created);
        state.record = state.record.filter(|_| is_ours);
        state
    }

    /// What fills a need for the hosts that declare it.
    fn sources<'s>(self, asset: &'s Asset) -> impl Iterator<Item = &'s Source>
    where
        Self: 's,
    {
        self.declaring(asset).filter_map(|contract| {
            let filling = &contract.filling;
            let kept = filling
                .secrets
                .get(&asset.1)
                .or(filling.private.get(&asset.1));
            let plain = filling.values.get(&asset.1).map(|filled| &filled.source);
            plain.or(kept.map(|filled| &filled.source))
        })
    }

    fn is_private(self, asset: &Asset) -> bool {
        self.declaring(asset).any(|contract| {
            let need = contract.manifest().values.get(&asset.1);
            need.is_some_and(|need| need.private)
        })
    }

    /// The contracts that ask for something of this owner.
    fn declaring<'s>(self, asset: &'s Asset) -> impl Iterator<Item = &'s Contract>
    where
        Self: 's,
    {
        let (owner, name) = asset;

        self.contracts
            .hosts
            .iter()
            .filter_map(move |(host, contract)| {
                let manifest = contract.manifest();
                let secret = manifest.secrets.get(name).map(|need| need.scope);
                let scope = secret.or(manifest.values.get(name).map(|need| need.scope))?;
                (contracts::owner(scope, host) == *owner).then_some(contract)
            })
    }

    fn stored(self, asset: &Asset) -> Result<Option<Stored>, Diagnostic> {
        self.store.look(&item(asset))
    }

    /// What tells whether the needs that a job watches have changed. `written`: values that were just made, which the contracts do not know yet.
    pub(crate) fn watched(self, job: &Job, written: &BTreeMap<Asset, String>) -> Watched {
        let mut watched = BTreeMap::new();
        for (name, owner) in &job.watched {
            let asset = (owner.clone(), name.clone());
            let told = match written.get(&asset) {
                Some(text) => Told::Text(text.clone()),
                None => self.told(&asset),
            };
            match told {
                Told::Text(text) => {
                    watched.insert(name.clone(), text);
                }
                Told::Absent => {}
                Told::Unknown => return None,
            }
        }
        Some(watched)
    }

    fn told(self, asset: &Asset) -> Told {
        let (_, name) = asset;
        let is_private = self.is_private(asset);
        let of_contract = self.declaring(asset).find_map(|contract| {
            let filling = &contract.filling;
            let plain = filling.values.get(name).filter(|_| !is_private);
            let kept = filling.secrets.get(name).or(filling.private.get(name));
            match (plain, kept) {
                (Some(plain), _) => Some(match plain.source {
                    Source::Flag | Source::Environment { .. } => Told::Unknown,
                    _ => Told::Text(plain.with.to_string()),
                }),
                (None, Some(Filled { with, .. })) => match with {
                    Kept::Store(_) | Kept::Recipe(_) => None,
                    Kept::File(_) | Kept::Variable(_) | Kept::Reference(_) => Some(Told::Unknown),
                },
                (None, None) => filling.values.get(name).map(|_| Told::Unknown),
            }
        });
        // A file without a sidecar has no fingerprint, and one that is damaged has none that can be believed.
        of_contract.unwrap_or_else(|| match self.stored(asset) {
            Ok(None) => Told::Absent,
            Ok(Some(stored)) => stored
                .sidecar
                .map_or(Told::Unknown, |sidecar| Told::Text(sidecar.fingerprint)),
            Err(_) => Told::Unknown,
        })
    }
}

fn record(sidecar: &Sidecar) -> Record {
    let seconds = |text: &Option<String>| {
        let time = humantime::parse_rfc3339(text.as_deref()?).ok()?;
        Some(since_1970(time))
    };
    Record {
        mark: sidecar.seed.clone(),
        created: seconds(&sidecar.created),
        expires: seconds(&sidecar.expires),
    }
}

fn now() -> u64 {
    since_1970(SystemTime::now())
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Reasons for an answer. What is missing or was asked for is not due.
pub(crate) fn told(reasons: &BTreeSet<Reason>) -> Vec<Due> {
    let date = |at: u64| {
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))?;
        Some(humantime::format_rfc3339_seconds(time).to_string())
    };
    let due = |why, need: Option<&NeedName>, since: Option<u64>| Due {
        why,
        need: need.cloned(),
        since: since.and_then(date),
    };
    reasons
        .iter()
        .filter_map(|reason| match reason {
            Reason::Asked | Reason::Missing(_) => None,
            Reason::SeedChanged => Some(due(DueWhy::Seed, None, None)),
            Reason::WatchedChanged => Some(due(DueWhy::Watched, None, None)),
            Reason::WatchedMade(need) => Some(due(DueWhy::Followed, Some(need), None)),
            Reason::Expired(at) => Some(due(DueWhy::Expired, None, Some(*at))),
            Reason::Old(at) => Some(due(DueWhy::Rotation, None, Some(*at))),
        })
        .collect()
}

/// The same in words, one a line.
pub(crate) fn in_words(due: &[Due]) -> String {
    let lines: Vec<String> = due.iter().map(Due::describe).collect();
    lines.join("\n")
}

/// Whose something is, for people.
pub(crate) fn whose(owner: &Owner) -> String {
    match owner {
        Owner::Shared => "for all hosts that need it".to_owned(),
        Owner::Host(host) => format!("of {host}"),
    }
}

/// A task that is only spoken of.
pub(crate) fn announced(task: &Task) -> Diagnostic {
    let Task { job, reasons } = task;
    let (name, whose, recipe) = (&job.id.name, whose(&job.id.owner), &job.recipe);
    let due = told(reasons);
    let mut note = if due.is_empty() {
        let title = format!("`{name}` {whose} is to be made by the recipe {recipe}");
        Diagnostic::new(Code::DueSecret, title)
    } else {
        let title = format!("`{name}` {whose} is to be made anew by the recipe {recipe}");
        Diagnostic::new(Code::DueSecret, title).with_cause(in_words(&due))
    };
    note.place = job.place();
    note.with_fix("nothing was made: without --dry-run it is")
}

/// A task that was not done, since what it makes is there and cannot be made anew now.
pub(crate) fn put_off(task: &Task, fault: &Diagnostic) -> Diagnostic {
    let Task { job, reasons } = task;
    let (name, whose) = (&job.id.name, whose(&job.id.owner));
    let why = in_words(&told(reasons));
    let cause = [Some(fault.title.as_str()), fault.cause.as_deref()];
    let cause: Vec<&str> = cause.into_iter().flatten().collect();
    let title =
        format!("`{name}` {whose} is to be made anew, and cannot be: what is there is used");
    let mut note =
        Diagnostic::new(Code::DueSecret, title).with_cause(format!("{why}\n{}", cause.join("\n")));
    note.place = job.place();
    let host = job.hosts.first().map_or("HOST", HostName::as_str);
    let generate = format!("infra secret generate {host}, by somebody who can");
    note.with_fix(
        fault
            .fix
            .as_ref()
            .map_or(generate.clone(), |fix| format!("{fix}; then: {generate}")),
    )
}

/// The values that contracts of these hosts ask for.
pub(crate) fn values_of<'h>(
    contracts: &Contracts,
    hosts: impl Iterator<Item = &'h HostName>,
) -> BTreeSet<Asset> {
    hosts
        .filter_map(|host| Some((host, contracts.hosts.get(host)?)))
        .flat_map(|(host, contract)| {
            let values = contract.manifest().values.iter();
            values.map(move |(name, need)| (contracts::owner(need.scope, host), name.clone()))
        })
        .collect()
}
