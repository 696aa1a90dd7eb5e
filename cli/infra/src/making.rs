//! Making what recipes make: in order, from what is there or was just made, and written down where everybody finds it.

use crate::contracts::Contract;
use crate::due;
use crate::opener::{Opener, Wanted};
use crate::vault::{Asset, Vault, item};
use infra_drive::context;
use infra_drive::evaluator::Evaluator;
use infra_drive::nix;
use infra_drive::process::Stop;
use infra_drive::recipe::{self, Bytes, Given};
use infra_drive::secret::Secret;
use infra_drive::secret::sidecar::Notes;
use infra_model::answer::{Due, SecretChange, SecretDone};
use infra_model::recipe::{How, Job, Owner, Product};
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use infra_plan::making::{Extent, Task};
use infra_plan::stale;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Something that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Whose.
    pub(crate) owner: Owner,
    /// What.
    pub(crate) name: NeedName,
    /// How.
    pub(crate) recipe: NeedName,
    /// Where it was written, from the root of the repository.
    pub(crate) file: String,
    /// Whether something was there before.
    pub(crate) replaced: bool,
    /// Why it was made anew, unless somebody asked for just that.
    pub(crate) due: Vec<Due>,
}

impl Made {
    /// As an answer of `infra secret`.
    pub(crate) fn told(&self) -> SecretDone {
        SecretDone {
            name: match &self.owner {
                Owner::Shared => None,
                Owner::Host(host) => Some(host.clone()),
            },
            secret: self.name.clone(),
            file: self.file.clone(),
            change: if self.replaced {
                SecretChange::Replaced
            } else {
                SecretChange::Made
            },
            due: self.due.clone(),
        }
    }

    /// As something a person should know: a file of the repository is another.
    pub(crate) fn note(&self) -> Diagnostic {
        let anew = if self.replaced { " anew" } else { "" };
        let (name, whose, recipe) = (&self.name, due::whose(&self.owner), &self.recipe);
        let title = format!("`{name}` {whose} was made{anew} by the recipe {recipe}");
        let note = Diagnostic::new(Code::MadeByRecipe, title)
            .with_place(Place::file(&self.file))
            .with_fix(format!("commit {}, so that everybody has it", self.file));
        if self.due.is_empty() {
            note
        } else {
            note.with_cause(due::in_words(&self.due))
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What was made.
    pub(crate) made: Vec<Made>,
    /// What was to be made anew and was kept.
    pub(crate) put_off: Vec<Diagnostic>,
}

/// What is to be made, and why. Nothing is made yet.
pub(crate) fn tasks(vault: &Vault<'_>, extent: &Extent) -> Result<Vec<Task>, Vec<Diagnostic>> {
    vault.look().tasks(&vault.jobs()?, extent)
}

/// Makes what is to be made, one after the other. `forgiving`: what is only to be made anew is kept, and told, if there is no key to open what
/// it is made from, or nobody to ask.
pub(crate) async fn generate(
    vault: &Vault<'_>,
    evaluator: &Evaluator,
    (tasks, forgiving): (&[Task], bool),
    stop: &Stop,
) -> Result<Done, Vec<Diagnostic>> {
    let one = |fault: Diagnostic| vec![fault];
    let mut making = Making {
        vault,
        evaluator,
        opener: Opener::new(vault.workspace(), stop.clone()),
        stop,
        fresh: BTreeMap::new(),
        written: BTreeMap::new(),
    };
    let mut done = Done::default();
    let mut kept: Vec<Job> = Vec::new();
    for task in tasks {
        if task.only_follows(&kept) {
            kept.push(task.job.clone());
            continue;
        }
        match making.prepare(&task.job).await {
            Ok(given) => done
                .made
                .extend(making.run(task, &given).await.map_err(one)?),
            Err(fault) if forgiving && task.is_renewal() => {
                done.put_off.push(due::put_off(task, &fault));
                kept.push(task.job.clone());
            }
            Err(fault) => return Err(one(fault)),
        }
    }
    Ok(done)
}

struct Making<'v, 'a> {
    vault: &'v Vault<'a>,
    evaluator: &'v Evaluator,
    opener: Opener<'a>,
    stop: &'v Stop,
    /// What was just made, for what is made from it.
    fresh: BTreeMap<Asset, Bytes>,
    /// Values that were just written, as JSON: the contracts know those before.
    written: BTreeMap<Asset, String>,
}

impl Making<'_, '_> {
    /// Everything that can be missing before anything is made.
    async fn prepare(&mut self, job: &Job) -> Result<Given, Diagnostic> {
        for (name, product) in &job.products {
            let asset = (job.id.owner.clone(), name.clone());
            if product.secret {
                self.vault.recipients(&asset)?;
            }
        }
        Ok(Given {
            needs: self.inputs(job).await?,
            prompts: self.answers(job)?,
            packages: self.packages(job).await?,
            now: SystemTime::now(),
            timeout: recipe::TIMEOUT,
        })
    }

    async fn run(&mut self, task: &Task, given: &Given) -> Result<Vec<Made>, Diagnostic> {
        let job = &task.job;
        let contents = recipe::make(job, given, self.stop.clone()).await?;
        let notes = self.notes(job);
        let mut made = Vec::new();
        for (name, content) in contents {
            let Some(product) = job.products.get(&name) else {
                continue;
            };
            let asset = (job.id.owner.clone(), name);
            let written = self.write(&asset, product, &content, &notes)?;
            self.fresh.insert(asset.clone(), content);
            // A value that no contract asks for has no place: it is there for what else is made now.
            let Some((file, replaced)) = written else {
                continue;
            };
            made.push(Made {
                owner: asset.0,
                name: asset.1,
                recipe: job.recipe.clone(),
                file,
                replaced,
                due: due::told(&task.reasons),
            });
        }
        Ok(made)
    }

    /// Writes one product; says where, and whether something was there.
    fn write(
        &mut self,
        asset: &Asset,
        product: &Product,
        content: &Bytes,
        notes: &Notes,
    ) -> Result<Option<(String, bool)>, Diagnostic> {
        let need = |contract: &Contract| contract.manifest().values.get(&asset.1).cloned();
        let value_need = self
            .of_owner(asset)
            .find_map(|(_, contract)| need(contract));
        let is_private = value_need.as_ref().is_some_and(|need| need.private);
        if product.secret || is_private {
            let secret = Secret::new(content.to_vec(), asset.1.as_str())?;
            let mut notes = notes.clone();
            // What is damaged is there, too: whether the one before can be accepted is for the store to say.
            let replaced = !matches!(self.vault.store().look(&item(asset)), Ok(None));
            if replaced {
                notes.grace = self
                    .of_owner(asset)
                    .find_map(|(_, contract)| contract.manifest().secrets.get(&asset.1))
                    .and_then(|need| need.rotate.grace.clone());
            }
            let file = self.vault.keep(asset, &secret, &notes)?;
            return Ok(Some((file, replaced)));
        }
        let Some(need) = value_need else {
            return Ok(None);
        };
        let value = need.of.read_text(&String::from_utf8_lossy(content));
        let file = match &asset.0 {
            Owner::Shared => context::SHARED.to_owned(),
            Owner::Host(host) => context::own(host),
        };
        let change = context::set(&self.vault.workspace().repo, &file, &asset.1, Some(&value))
            .map_err(|mut faults| {
                faults
                    .pop()
                    .unwrap_or_else(|| Diagnostic::new(Code::Internal, "a value was not written"))
            })?;
        self.written.insert(asset.clone(), value.to_string());
        Ok(Some((file, change != context::Change::Added)))
    }

    /// The contracts in which something can be declared.
    fn of_owner<'s>(
        &'s self,
        asset: &'s Asset,
    ) -> impl Iterator<Item = (&'s HostName, &'s Contract)> {
        self.vault
            .contracts
            .hosts
            .iter()
            .filter(move |(host, _)| match &asset.0 {
                Owner::Shared => true,
                Owner::Host(one) => one == *host,
            })
    }

    /// What a job is made from: just made, or opened.
    async fn inputs(&mut self, job: &Job) -> Result<BTreeMap<NeedName, Bytes>, Diagnostic> {
        let mut inputs = BTreeMap::new();
        for (name, owner) in &job.needs {
            let asset = (owner.clone(), name.clone());
            let content = match self.fresh.get(&asset) {
                Some(fresh) => fresh.clone(),
                None => self.existing(job, &asset).await?,
            };
            inputs.insert(name.clone(), content);
        }
        Ok(inputs)
    }

    async fn existing(&mut self, job: &Job, asset: &Asset) -> Result<Bytes, Diagnostic> {
        let found = self
            .vault
            .contracts
            .hosts
            .iter()
            .find_map(|(host, contract)| {
                let is_theirs = job.hosts.contains(host);
                let filling = &contract.filling;
                let kept = filling
                    .secrets
                    .get(&asset.1)
                    .or(filling.private.get(&asset.1));
                let plain = filling.values.get(&asset.1);
                (is_theirs && (kept.is_some() || plain.is_some())).then_some((host, kept, plain))
            });
        match found {
            Some((_, _, Some(plain))) => Ok(Bytes::new(as_text(&plain.with).into_bytes())),
            Some((host, Some(kept), None)) => {
                let wanted = Wanted {
                    host,
                    name: &asset.1,
                    text: true,
                };
                let opened = self.opener.open(wanted, &kept.with).await?;
                Ok(Bytes::new(opened.expose().to_vec()))
            }
            _ => {
                let mut fault = Diagnostic::new(
                    Code::SecretMissing,
                    format!("{} is made from `{}`, which nobody has", job.id, asset.1),
                )
                .with_fix("infra contract --gaps");
                fault.place = job.place();
                Err(fault)
            }
        }
    }

    /// What a person is asked; without one, a recipe that asks cannot run.
    fn answers(&self, job: &Job) -> Result<BTreeMap<NeedName, Bytes>, Diagnostic> {
        let mut answers = BTreeMap::new();
        for (name, prompt) in &job.prompts {
            let question = format!("{} ({})", prompt.description, job.id);
            let answer = if prompt.secret {
                self.vault
                    .person()
                    .passphrase(&question, false)
                    .map(|secret| Bytes::new(secret.expose().to_vec()))
            } else {
                self.vault
                    .person()
                    .answer(&question)
                    .map(|text| Bytes::new(text.into_bytes()))
            };
            let Some(answer) = answer else {
                let mut fault = Diagnostic::new(
                    Code::RecipeFailed,
                    format!("the recipe of {} asks for `{name}`, and there is nobody to ask", job.id),
                )
                .with_fix("run infra fill on a terminal, or give the secret another way: infra secret new");
                fault.place = job.place();
                return Err(fault);
            };
            answers.insert(name.clone(), answer);
        }
        Ok(answers)
    }

    async fn packages(&self, job: &Job) -> Result<Vec<PathBuf>, Diagnostic> {
        let How::Script { packages, .. } = &job.how else {
            return Ok(Vec::new());
        };
        let spec = job
            .hosts
            .iter()
            .find_map(|host| self.vault.workspace().contents.fleet.get(host));
        let (Some(spec), false) = (spec, packages.is_empty()) else {
            return Ok(Vec::new());
        };
        let tree = self.evaluator.tree(spec)?;
        nix::packages(&tree.flake, packages, self.stop.clone()).await
    }

    /// What is written down beside a secret, so that it can be told later whether it is still what the recipe would make.
    fn notes(&self, job: &Job) -> Notes {
        let watched = self.vault.look().watched(job, &self.written);
        let now = SystemTime::now();
        let date = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string();
        Notes {
            recipe: Some(job.recipe.to_string()),
            created: Some(date(now)),
            expires: job
                .expires
                .map(|seconds| date(now + Duration::from_secs(seconds))),
            seed: Some(stale::mark(job, &watched, &recipe::digest)),
            grace: None,
        }
    }
}

/// A value as a recipe reads it: a text as it is, everything else as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
