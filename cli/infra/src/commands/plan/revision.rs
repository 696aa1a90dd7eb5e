//! What hosts were in a revision: checked out beside the repository, filled from what was in it, and evaluated.
//!
//! A revision may be anybody's (a branch that was fetched to be looked at): it is evaluated and built as Nix does that, and nothing else of it is
//! trusted. No command that it names is run, and no host is reached and no builder used but as today's repository says. Secrets are compared by what is written down of them. What a host was and cannot be told any more is a warning, and keeps nothing
//! from being planned.

use super::Prints;
use super::past::Base;
use crate::args::{Fill, Global};
use crate::bundles::Bundler;
use crate::commands::private;
use crate::contracts::{self, Contracts};
use crate::fill_flags;
use crate::hands::Wire;
use crate::opener::Opener;
use crate::run::Run;
use crate::workspace::Workspace;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_drive::snapshot::is_here;
use infra_drive::tree::Checkout;
use infra_model::{
    BuildOn, Code, Diagnostic, Evaluation, Finding, HostName, HostSpec, NeedName, Place, Step,
    StepKind,
};
use infra_plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A revision of the repository.
pub(super) struct Revision {
    name: String,
    workspace: Arc<Workspace>,
    /// What says how hosts are reached, and where their systems are built.
    today: Arc<Workspace>,
    hosts: BTreeMap<HostName, Then>,
    // Held, so that its files are there.
    _checkout: Checkout,
}

/// What is known of a host in it.
#[derive(Debug, Default)]
struct Then {
    /// The tree it was evaluated from.
    tree: Option<String>,
    system: Option<Evaluation>,
    /// Which content its secrets had; `None` if its contract is not known.
    secrets: Option<Prints>,
    /// Its private values.
    private: BTreeSet<NeedName>,
}

/// A revision whose hosts can be evaluated.
pub(super) struct Filled {
    wire: Arc<Wire>,
    hosts: Vec<HostSpec>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Revision {
    /// Reads what was checked out.
    pub(super) fn open(
        checkout: Checkout,
        name: &str,
        today: &Arc<Workspace>,
    ) -> Result<Self, Diagnostic> {
        let workspace = Workspace::read(checkout.repo.clone());
        let is_general = |fault: &&Diagnostic| {
            let file = fault.place.as_ref().map(|place| place.file.as_str());
            file == Some("infra.toml")
        };
        // What it says is true of all hosts.
        if let Some(fault) = workspace.contents.faults.iter().find(is_general) {
            let title = format!("the settings in `{name}` cannot be read");
            return Err(Diagnostic::new(Code::Usage, title)
                .with_cause(fault.title.clone())
                .with_place(Place::file(format!("--against {name}")))
                .with_fix("name a later revision"));
        }
        Ok(Self {
            name: name.to_owned(),
            workspace: Arc::new(workspace),
            today: Arc::clone(today),
            hosts: BTreeMap::new(),
            _checkout: checkout,
        })
    }

    /// Fills the contracts that hosts had then, from what filled them then and what is given now.
    pub(super) async fn fill(
        &mut self,
        global: &Global,
        (hosts, given): (&[HostSpec], &Fill),
        stop: &Stop,
    ) -> Result<Filled, Vec<Diagnostic>> {
        let workspace = Arc::clone(&self.workspace);
        let (evaluator, _) = workspace.evaluator(global).map_err(|fault| vec![fault])?;
        let mut warnings = Vec::new();
        let mut there = Vec::new();
        for host in hosts {
            let faults = &workspace.contents.faults;
            match workspace.contents.fleet.get(&host.name) {
                Some(spec) => there.push(spec.clone()),
                // It was there, and cannot be read.
                None => warnings.extend(
                    of_host(faults, &host.name).map(|fault| self.unknown(&host.name, fault)),
                ),
            }
        }
        let flags = fill_flags::by_host(given, hosts)?;
        let gathered = contracts::gather_apart(&workspace, &evaluator, &there, &flags, stop);
        let mut contracts = gathered.await.unwrap_or_else(|faults| {
            // It is true of all hosts, and told once.
            warnings.extend(faults.iter().map(|fault| self.all_unknown(fault)));
            there.clear();
            Contracts::default()
        });
        let mut lost = self.keep_able(&mut there, |host| faults_of(&contracts, &host.name));
        let opened = private::open(&workspace, &there, &mut contracts, stop).await;
        let closed = opened.err().unwrap_or_default();
        lost.extend(self.keep_able(&mut there, |host| {
            of_host(&closed, &host.name).cloned().collect()
        }));
        warnings.extend(lost);
        evaluator
            .fill(contracts.contexts())
            .map_err(|fault| vec![fault])?;
        self.note(&evaluator, &contracts, &there);
        let today = Arc::clone(&self.today);
        Ok(Filled {
            wire: Arc::new(Wire::of_revision(workspace, evaluator, today)),
            hosts: there,
            warnings,
        })
    }

    /// Keeps the hosts that nothing is wrong with, and tells of the others.
    fn keep_able(
        &self,
        hosts: &mut Vec<HostSpec>,
        faults: impl Fn(&HostSpec) -> Vec<Diagnostic>,
    ) -> Vec<Diagnostic> {
        let mut told = Vec::new();
        hosts.retain(|host| {
            let faults = faults(host);
            told.extend(faults.iter().map(|fault| self.unknown(&host.name, fault)));
            faults.is_empty()
        });
        told
    }

    /// What is known of hosts before they are evaluated. Of those that could not be filled nothing is: compared with a tree without a context,
    /// everything would be told as new.
    fn note(&mut self, evaluator: &Evaluator, contracts: &Contracts, hosts: &[HostSpec]) {
        let workspace = Arc::clone(&self.workspace);
        let bundler = Bundler::new(&workspace, Opener::new(&workspace, Stop::never()));
        for host in hosts {
            let contract = contracts.hosts.get(&host.name);
            let then = Then {
                private: contracts.private(&host.name),
                tree: evaluator.tree(host).ok().map(|tree| tree.tree),
                secrets: contract.map(|contract| bundler.all_written(&host.name, contract)),
                system: None,
            };
            self.hosts.insert(host.name.clone(), then);
        }
    }

    /// Evaluates the hosts, and builds their systems if that was asked for: where today's repository says, whatever the revision does. (What is
    /// built on its host is not: nothing is done there.) Answers what could not be told.
    pub(super) async fn evaluate(
        &mut self,
        filled: &Filled,
        build: bool,
        run: &mut Run,
    ) -> Vec<Diagnostic> {
        let mut plan = Plan::default();
        for host in &filled.hosts {
            plan.add(&host.name, Step::Evaluate, &[]);
        }
        let mut outcome = run.perform_aside(&plan, &filled.wire).await;
        let mut faults = std::mem::take(&mut outcome.errors);
        let mut plan = Plan::default();
        for host in &filled.hosts {
            let key = (host.name.clone(), StepKind::Evaluate);
            let Some(Finding::System(system)) = outcome.findings.remove(&key) else {
                continue;
            };
            let (drv, out) = (
                system.answer.toplevel.drv.clone(),
                system.answer.toplevel.out.clone(),
            );
            if build && self.is_buildable(&host.name) && !is_here(&out) {
                plan.add(&host.name, Step::Build { drv, out }, &[]);
            }
            if let Some(then) = self.hosts.get_mut(&host.name) {
                then.system = Some(*system);
            }
        }
        if !run.interrupted() {
            let outcome = run.perform_aside(&plan, &filled.wire).await;
            faults.extend(outcome.errors);
        }
        let told = |fault: &Diagnostic| match &fault.host {
            Some(host) => self.unknown(host, fault),
            None => fault.clone(),
        };
        faults.iter().map(told).collect()
    }

    fn is_buildable(&self, host: &HostName) -> bool {
        let spec = self.today.contents.fleet.get(host);
        spec.is_some_and(|spec| spec.build != BuildOn::Target)
    }

    fn all_unknown(&self, fault: &Diagnostic) -> Diagnostic {
        let title = format!(
            "no host can be compared with what it was in `{}`: {}",
            self.name, fault.title
        );
        Diagnostic {
            title,
            ..fault.clone()
        }
    }

    fn unknown(&self, host: &HostName, fault: &Diagnostic) -> Diagnostic {
        let title = format!(
            "{host} cannot be compared with what it was in `{}`: {}",
            self.name, fault.title
        );
        Diagnostic {
            title,
            ..fault.clone()
        }
        .with_host(host)
    }

    /// What a host is compared with.
    pub(super) fn of(&self, host: &HostName) -> Base {
        let name = &self.name;
        let contents = &self.workspace.contents;
        if contents.fleet.get(host).is_none() && of_host(&contents.faults, host).next().is_none() {
            return Base {
                note: Some(format!("there was no host {host} in `{name}`")),
                ..Base::default()
            };
        }
        let then = self.hosts.get(host);
        let tree = then.and_then(|then| then.tree.clone());
        let system = then.and_then(|then| then.system.as_ref());
        let system = system.map(|system| system.answer.toplevel.out.clone());
        let is_unknown = system.is_none();
        Base {
            is_buildable: self.is_buildable(host),
            private: then.map(|then| then.private.clone()),
            is_unknown,
            note: is_unknown.then(|| format!("the system of {host} in `{name}` is not known")),
            system,
            files: tree.clone(),
            tree,
            secrets: then.and_then(|then| then.secrets.clone()),
        }
    }
}

fn of_host<'d>(
    faults: &'d [Diagnostic],
    host: &'d HostName,
) -> impl Iterator<Item = &'d Diagnostic> {
    faults
        .iter()
        .filter(move |fault| fault.host.as_ref() == Some(host))
}

/// What keeps a host from being evaluated.
fn faults_of(contracts: &Contracts, host: &HostName) -> Vec<Diagnostic> {
    let mut faults: Vec<Diagnostic> = of_host(&contracts.faults, host).cloned().collect();
    if let Some(contract) = contracts.hosts.get(host) {
        faults.extend(contract.faults());
    }
    faults
}
