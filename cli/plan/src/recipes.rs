//! Which recipes run for which needs, and in which order.
//!
//! A recipe of a contract is a way to make something. What is made is a [`Job`]: one for each need that names a built-in or a script with one
//! output, one for all outputs of a script with several, and one for all hosts where a need is shared. Jobs come after those that make what
//! they need. All faults are found, not only the first.

mod draft;
mod order;

pub use order::circular;

use crate::wants::Manifests;
use draft::draft;
use infra_model::contract::{Declared, Manifest, NeedScope, place_of};
use infra_model::duration::seconds;
use infra_model::recipe::{Builtin, Job, JobId, Owner, Product};
use infra_model::suggest::nearest;
use infra_model::{Code, Diagnostic, HostName, NeedName};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// All jobs of some contracts.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    /// Each after all that make what it needs.
    pub order: Vec<Job>,
    /// What is wrong with them; then the order means nothing.
    pub faults: Vec<Diagnostic>,
}

/// The jobs of `manifests`, in order.
pub fn jobs(manifests: &Manifests) -> Jobs {
    let mut drafts = Drafts::default();
    for manifest in manifests.values() {
        for asked in all_asked(manifest) {
            if let Err(faults) = drafts.add(manifest, &asked) {
                drafts.complain(faults);
            }
        }
    }
    let made = drafts.made();
    for job in drafts.jobs.values_mut() {
        let place = job.place();
        for host in &job.hosts {
            let Some(manifest) = manifests.get(host) else {
                continue;
            };
            let found = connect(manifest, &made, &job.id, [&mut job.needs, &mut job.watched]);
            for mut fault in found {
                fault.place.clone_from(&place);
                if !drafts.faults.contains(&fault) {
                    drafts.faults.push(fault);
                }
            }
        }
    }
    let (order, circles) = order::in_order(&drafts.jobs, &made);
    drafts.faults.extend(circles);
    Jobs {
        order,
        faults: drafts.faults,
    }
}

/// A need that names a recipe.
struct Asked<'a> {
    need: &'a NeedName,
    recipe: &'a NeedName,
    scope: NeedScope,
    /// Whether it may be filled with a secret; a need that is a secret itself must be.
    kind: Kind,
    every: Option<u64>,
    declared: &'a [Declared],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    Value,
    PrivateValue,
}

fn all_asked(manifest: &Manifest) -> Vec<Asked<'_>> {
    let secrets = manifest.secrets.iter().filter_map(|(need, secret)| {
        Some(Asked {
            need,
            recipe: secret.recipe.as_ref()?,
            scope: secret.scope,
            kind: Kind::Secret,
            every: secret.rotate.every.as_deref().and_then(seconds),
            declared: &secret.declared,
        })
    });
    let values = manifest.values.iter().filter_map(|(need, value)| {
        Some(Asked {
            need,
            recipe: value.recipe.as_ref()?,
            scope: value.scope,
            kind: if value.private {
                Kind::PrivateValue
            } else {
                Kind::Value
            },
            every: None,
            declared: &value.declared,
        })
    });
    secrets.chain(values).collect()
}

fn owner(scope: NeedScope, host: &HostName) -> Owner {
    match scope {
        NeedScope::Shared => Owner::Shared,
        NeedScope::Host => Owner::Host(host.clone()),
    }
}

/// Who makes what.
type Made = BTreeMap<(Owner, NeedName), JobId>;

#[derive(Default)]
struct Drafts {
    jobs: BTreeMap<JobId, Job>,
    faults: Vec<Diagnostic>,
}

impl Drafts {
    fn complain(&mut self, faults: Vec<Diagnostic>) {
        for fault in faults {
            // A recipe of a shared module is wrong on each host alike.
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
    }

    /// Adds the job that fills a need, or the host to a job that is shared.
    fn add(&mut self, manifest: &Manifest, asked: &Asked<'_>) -> Result<(), Vec<Diagnostic>> {
        let job = draft(manifest, asked)?;
        let Some(product) = job.products.get(asked.need) else {
            return Err(vec![no_such_output(&job, asked, manifest)]);
        };
        fitting(product, asked, manifest).map_err(|fault| vec![fault])?;
        match self.jobs.entry(job.id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(job);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                // Two hosts may describe a shared recipe differently; `crate::shared` says how.
                if known.recipe != job.recipe && known.hosts.contains(&manifest.host) {
                    return Err(vec![made_twice(known, &job, asked.need)]);
                }
                known.hosts.extend(job.hosts);
                known.every = [known.every, job.every].into_iter().flatten().min();
            }
        }
        Ok(())
    }

    fn made(&mut self) -> Made {
        let mut made = Made::new();
        let mut twice = Vec::new();
        for job in self.jobs.values() {
            for need in job.products.keys() {
                let key = (job.id.owner.clone(), need.clone());
                if let Some(other) = made.insert(key, job.id.clone())
                    && let Some(other) = self.jobs.get(&other)
                {
                    twice.push(made_twice(other, job, need));
                }
            }
        }
        self.complain(twice);
        made
    }
}

/// A secret is filled with a secret, and a value with what may be seen.
fn fitting(product: &Product, asked: &Asked<'_>, manifest: &Manifest) -> Result<(), Diagnostic> {
    let (title, fix) = match (product.secret, asked.kind) {
        (true, Kind::Secret | Kind::PrivateValue) | (false, Kind::Value | Kind::PrivateValue) => {
            return Ok(());
        }
        (true, Kind::Value) => (
            format!(
                "the recipe `{}` makes a secret, and `{}` is a value, which Nix sees",
                asked.recipe, asked.need
            ),
            format!(
                "declare infra.secrets.\"{}\" instead; or say private = true, if whoever is on the host may read it",
                asked.need
            ),
        ),
        (false, Kind::Secret) => (
            format!(
                "the recipe `{}` makes a value, and `{}` is a secret",
                asked.recipe, asked.need
            ),
            format!(
                "declare infra.values.\"{}\" instead, or let the recipe's output be secret",
                asked.need
            ),
        ),
    };
    Err(Diagnostic::new(Code::InvalidRecipe, title)
        .with_place(place_of(asked.declared, &manifest.host))
        .with_fix(fix)
        .with_host(&manifest.host))
}

fn no_such_output(job: &Job, asked: &Asked<'_>, manifest: &Manifest) -> Diagnostic {
    let names: Vec<&str> = job.products.keys().map(NeedName::as_str).collect();
    Diagnostic::new(
        Code::InvalidRecipe,
        format!(
            "the recipe `{}` does not make `{}`",
            asked.recipe, asked.need
        ),
    )
    .with_cause(format!("it makes: {}", names.join(", ")))
    .with_place(place_of(asked.declared, &manifest.host))
    .with_fix(match nearest(asked.need.as_str(), names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name the need like one of them, or add the output to the recipe".to_owned(),
    })
    .with_host(&manifest.host)
}

fn made_twice(one: &Job, other: &Job, need: &NeedName) -> Diagnostic {
    let line = |job: &Job| {
        let place = job.place().map(|place| format!(" ({place})"));
        format!("the recipe `{}`{}", job.recipe, place.unwrap_or_default())
    };
    let mut fault = Diagnostic::new(Code::InvalidRecipe, format!("two recipes make `{need}`"))
        .with_cause(format!("{}\n{}", line(one), line(other)))
        .with_fix("rename the output of one of them");
    fault.place = other.place();
    fault
}

fn unknown_recipe(manifest: &Manifest, asked: &Asked<'_>, name: &str) -> Diagnostic {
    let known = || {
        let own = manifest.recipes.keys().map(NeedName::as_str);
        own.chain(Builtin::ALL.map(Builtin::as_str))
    };
    let fix = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known().collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::new(
        Code::InvalidRecipe,
        format!(
            "`{}` is made by the recipe `{name}`, which is not there",
            asked.need
        ),
    )
    .with_place(place_of(asked.declared, &manifest.host))
    .with_fix(fix)
}

/// Finds out whose the needs of a job are.
fn connect(
    manifest: &Manifest,
    made: &Made,
    job: &JobId,
    lists: [&mut BTreeMap<NeedName, Owner>; 2],
) -> Vec<Diagnostic> {
    let host = &manifest.host;
    let mut faults = Vec::new();
    for (need, whose) in lists.into_iter().flatten() {
        let declared = manifest.secrets.get(need).map(|secret| secret.scope);
        let declared = declared.or_else(|| manifest.values.get(need).map(|value| value.scope));
        let by_recipe = || {
            [Owner::Host(host.clone()), Owner::Shared]
                .into_iter()
                .find(|owner| made.contains_key(&(owner.clone(), need.clone())))
        };
        let Some(found) = declared.map(|scope| owner(scope, host)).or_else(by_recipe) else {
            faults.push(unknown_need(manifest, job, need));
            continue;
        };
        if job.owner == Owner::Shared && found != Owner::Shared {
            let title = format!("{job} is made from `{need}`, which each host has for itself");
            faults.push(
                Diagnostic::new(Code::InvalidRecipe, title).with_fix(format!(
                    "give `{need}` scope = \"shared\", or `{}` scope = \"host\"",
                    job.name
                )),
            );
        }
        *whose = found;
    }
    faults
}

fn unknown_need(manifest: &Manifest, job: &JobId, need: &NeedName) -> Diagnostic {
    let known = || {
        let values = manifest.values.keys();
        manifest.secrets.keys().chain(values).map(NeedName::as_str)
    };
    let fix = match nearest(need.as_str(), known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("declare infra.secrets.\"{need}\" or infra.values.\"{need}\""),
    };
    Diagnostic::new(
        Code::UnknownNeed,
        format!(
            "{job} is made from `{need}`, which is neither a secret nor a value of {}",
            manifest.host
        ),
    )
    .with_fix(fix)
    .with_host(&manifest.host)
}

#[cfg(test)]
#[path = "recipes_tests.rs"]
pub(crate) mod tests;
