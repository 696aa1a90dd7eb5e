//! Contracts of hosts: remembered, else evaluated with `lib` alone, many in one process.

use super::{Evaluator, poisoned};
use crate::nix;
use crate::process::Stop;
use crate::table::{self, Key};
use infra_model::context::Plane;
use infra_model::{Code, Diagnostic, HostContext, HostName, HostSpec, Manifest};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::Poll;
use std::time::SystemTime;

/// How many contracts one process evaluates at least before a second one is worth its start.
const FEW: usize = 8;

/// A host whose contract is asked for, with what is filled of it so far.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The host.
    pub host: &'a HostSpec,
    /// Its context: empty while only its needs are of interest.
    pub context: &'a HostContext,
}

/// A host's contract, and the plane it was taken from.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The contract.
    pub manifest: Manifest,
    /// The contract plane, unless the contract reads options of the operating system.
    pub plane: Plane,
    /// Why it was not the contract plane: what a person should change to have it cheaper.
    pub warning: Option<Diagnostic>,
}

impl Known {
    fn cheap(manifest: Manifest) -> Self {
        Self {
            manifest,
            plane: Plane::Contract,
            warning: None,
        }
    }
}

/// Contracts by host, or why one cannot be known.
pub type Contracts = BTreeMap<HostName, Result<Known, Diagnostic>>;

impl Evaluator {
    /// The contracts of hosts. A host without contract files has an empty one, and costs nothing.
    pub async fn contracts(
        &self,
        asked: &[Asked<'_>],
        stop: &Stop,
    ) -> Result<Contracts, Diagnostic> {
        let mut all = Contracts::new();
        let mut open: Vec<(Asked<'_>, Key)> = Vec::new();
        for one in asked {
            let name = &one.host.name;
            if !self.with_trees(|trees| trees.has_contract(one.host))? {
                let empty = Manifest::empty(name);
                all.insert(name.clone(), Ok(Known::cheap(empty)));
                continue;
            }
            let key = self.plane_key(*one).await?;
            match self.remembered_contract(&key) {
                Some(known) => {
                    all.insert(name.clone(), Ok(known));
                }
                None => open.push((*one, key)),
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let each = open.len().div_ceil(cores).max(FEW);
        let chunks = open
            .chunks(each)
            .map(|chunk| self.evaluate_contracts(chunk, stop));
        for found in at_once(chunks).await {
            all.extend(found?);
        }
        Ok(all)
    }

    fn with_trees<T>(
        &self,
        work: impl FnOnce(&mut crate::tree::Trees) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        work(&mut *self.trees.lock().map_err(|_| poisoned())?)
    }

    async fn plane_key(&self, asked: Asked<'_>) -> Result<Key, Diagnostic> {
        Ok(Key {
            tree: self.with_trees(|trees| trees.plane(asked.host, asked.context))?,
            attribute: nix::plane_attribute(&asked.host.name),
            nix: self.version().await?,
            system: asked.host.system.clone(),
        })
    }

    fn remembered_contract(&self, key: &Key) -> Option<Known> {
        if !self.settings.use_table {
            return None;
        }
        let found = self.table.get(key, SystemTime::now())?;
        Manifest::parse(&found.answer).ok().map(Known::cheap)
    }

    fn remember_contract(&self, key: &Key, manifest: &str) {
        let evaluation = table::Evaluation {
            answer: manifest.to_owned(),
            seconds: 0.0,
            peak_bytes: 0,
        };
        self.table.put(key, &evaluation, SystemTime::now());
    }

    /// One process for all of them; those that fail in it are asked again alone, for their errors.
    async fn evaluate_contracts(
        &self,
        chunk: &[(Asked<'_>, Key)],
        stop: &Stop,
    ) -> Result<Contracts, Diagnostic> {
        let mut all = Contracts::new();
        let together = if let [_, _, ..] = chunk {
            let hosts: Vec<_> = chunk
                .iter()
                .map(|(one, _)| (one.host, one.context))
                .collect();
            let tree = self.with_trees(|trees| trees.planes(&hosts))?;
            // A process that fails as a whole told nothing of any host.
            nix::planes(&tree.flake, stop.clone())
                .await
                .unwrap_or_default()
        } else {
            BTreeMap::new()
        };
        for (one, key) in chunk {
            let name = &one.host.name;
            let found = match together.get(name.as_str()) {
                Some(manifest) => self.read_contract(key, manifest),
                None => self.evaluate_contract(*one, key, stop).await,
            };
            all.insert(name.clone(), found);
        }
        Ok(all)
    }

    fn read_contract(&self, key: &Key, text: &str) -> Result<Known, Diagnostic> {
        let manifest = Manifest::parse(text)?;
        self.remember_contract(key, text);
        Ok(Known::cheap(manifest))
    }

    /// One contract alone: through its plane, or through the system if it reads the system's options.
    async fn evaluate_contract(
        &self,
        asked: Asked<'_>,
        key: &Key,
        stop: &Stop,
    ) -> Result<Known, Diagnostic> {
        let Asked { host, context } = asked;
        let tree = self.with_trees(|trees| trees.one_plane(host, context))?;
        let attribute = nix::plane_attribute(&host.name);
        match nix::ask(&self.repo, host, (&tree.flake, &attribute), stop.clone()).await {
            Ok(text) => self.read_contract(key, &text),
            Err(fault) if fault.code == Code::OptionOutsideContract => {
                self.through_the_system(asked, fault, stop).await
            }
            Err(fault) => Err(fault),
        }
    }

    async fn through_the_system(
        &self,
        asked: Asked<'_>,
        mut why: Diagnostic,
        stop: &Stop,
    ) -> Result<Known, Diagnostic> {
        let host = asked.host;
        let mut context = asked.context.clone();
        context.plane = Plane::System;
        let tree = self.with_trees(|trees| trees.host(host, &context))?;
        let attribute = nix::manifest_attribute(&host.name);
        let key = Key {
            tree: tree.tree.clone(),
            attribute: attribute.clone(),
            nix: self.version().await?,
            system: host.system.clone(),
        };
        let manifest = if let Some(known) = self.remembered_contract(&key) {
            known.manifest
        } else {
            let text = nix::ask(&self.repo, host, (&tree.flake, &attribute), stop.clone()).await?;
            self.read_contract(&key, &text)?.manifest
        };
        why.cause = Some(format!(
            "{}\nso the whole system was evaluated for it, which takes much longer",
            why.cause.unwrap_or_default()
        ));
        Ok(Known {
            manifest,
            plane: Plane::System,
            warning: Some(why),
        })
    }
}

/// Something being done, and what came of it.
type Doing<F> = (Pin<Box<F>>, Option<<F as Future>::Output>);

/// Does all of it at once, in one task.
async fn at_once<F: Future>(work: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut open: Vec<Doing<F>> = work.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut waits = false;
        for (future, output) in open.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(ready) => *output = Some(ready),
                Poll::Pending => waits = true,
            }
        }
        if waits {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    open.into_iter().filter_map(|(_, output)| output).collect()
}
