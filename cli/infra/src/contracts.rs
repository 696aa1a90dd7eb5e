//! What the selected hosts need, who gives it, and what is open: contracts, context and exports brought together.
//!
//! Contracts are asked for first, of the hosts and of whomever they want something of. Then each is filled from what everybody offers, and what
//! hosts export to each other is found in rounds, since an export may itself depend on values and on other exports.

mod exchange;

use crate::offers::Offers;
use crate::vault::Asset;
use crate::workspace::Workspace;
use infra_drive::evaluator::{Asked, Evaluator, Known};
use infra_drive::process::Stop;
use infra_model::contract::NeedScope;
use infra_model::fill::{Gap, Source, Why};
use infra_model::recipe::Owner;
use infra_model::{Diagnostic, HostContext, HostName, HostSpec, Manifest, NeedName};
use infra_plan::fill::{Filling, Flags, Secret as Kept};
use infra_plan::wants::{self, Exports, Failed, Manifests, Offered};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Answers to the wants of one host: by want, from which hosts what.
type Answers = BTreeMap<NeedName, BTreeMap<HostName, Value>>;

/// What is known of one host's contract.
#[derive(Debug)]
pub(crate) struct Contract {
    /// The contract and where it was taken from.
    pub(crate) known: Known,
    /// What fills it.
    pub(crate) filling: Filling,
    /// What other hosts export to it.
    pub(crate) answers: Answers,
}

/// What is known of the contracts of the selected hosts, and of those they lean on.
#[derive(Debug, Default)]
pub(crate) struct Contracts {
    /// By host.
    pub(crate) hosts: BTreeMap<HostName, Contract>,
    /// Hosts whose contract does not evaluate, or whose context cannot be read.
    pub(crate) faults: Vec<Diagnostic>,
    /// What stops nothing.
    pub(crate) warnings: Vec<Diagnostic>,
    /// What is exported, as far as anybody asked.
    pub(crate) exports: Exports,
    /// Why something that was asked for has no value.
    pub(crate) unknown: BTreeMap<Offered, Why>,
    /// Hosts that could not be asked for what only they know, and why not.
    pub(crate) unable: BTreeMap<HostName, Vec<Diagnostic>>,
    /// What hosts were asked, as notes.
    pub(crate) learned: Vec<Diagnostic>,
}

/// Brings together what is known of the contracts of `hosts`.
pub(crate) async fn gather(
    workspace: &Workspace,
    evaluator: &Evaluator,
    hosts: &[HostSpec],
    flags: &BTreeMap<HostName, Flags>,
    stop: &Stop,
) -> Result<Contracts, Vec<Diagnostic>> {
    let desk = (workspace, evaluator, stop);
    gather_with(desk, (hosts, BTreeSet::new()), flags).await
}

/// The same of a revision: hosts whose context cannot be read are faults of theirs, and keep nothing from the others.
pub(crate) async fn gather_apart(
    workspace: &Workspace,
    evaluator: &Evaluator,
    hosts: &[HostSpec],
    flags: &BTreeMap<HostName, Flags>,
    stop: &Stop,
) -> Result<Contracts, Vec<Diagnostic>> {
    let mut gathering = Gathering::new((workspace, evaluator, stop), BTreeSet::new());
    gathering.apart = true;
    gathering.gather(hosts, flags).await
}

/// The same of one host, with the values of all that it exports.
pub(crate) async fn gather_exports(
    workspace: &Workspace,
    evaluator: &Evaluator,
    host: &HostSpec,
    stop: &Stop,
) -> Result<Contracts, Vec<Diagnostic>> {
    let exporting = BTreeSet::from([host.name.clone()]);
    let hosts = std::slice::from_ref(host);
    let desk = (workspace, evaluator, stop);
    gather_with(desk, (hosts, exporting), &BTreeMap::new()).await
}

async fn gather_with(
    desk: (&Workspace, &Evaluator, &Stop),
    (hosts, exporting): (&[HostSpec], BTreeSet<HostName>),
    flags: &BTreeMap<HostName, Flags>,
) -> Result<Contracts, Vec<Diagnostic>> {
    Gathering::new(desk, exporting).gather(hosts, flags).await
}

impl Contracts {
    /// What each host's evaluation sees.
    pub(crate) fn contexts(&self) -> BTreeMap<HostName, HostContext> {
        self.hosts
            .iter()
            .map(|(name, contract)| (name.clone(), contract.context()))
            .collect()
    }

    /// The values of a host that are private. Without a contract it has none.
    pub(crate) fn private(&self, host: &HostName) -> BTreeSet<NeedName> {
        let contract = self.hosts.get(host);
        let values = contract.into_iter().flat_map(|one| &one.manifest().values);
        let private = values.filter(|(_, need)| need.private);
        private.map(|(name, _)| name.clone()).collect()
    }

    /// Everything that keeps these hosts from being built: contracts that do not evaluate, and what is open.
    pub(crate) fn open<'a>(&self, hosts: impl Iterator<Item = &'a HostName>) -> Vec<Diagnostic> {
        let gaps = hosts
            .filter_map(|name| self.hosts.get(name))
            .flat_map(Contract::faults);
        self.faults.iter().cloned().chain(gaps).collect()
    }
}

impl Contracts {
    /// What recipes are to make for these hosts, because nobody has it: values, and with `secrets` those as well.
    pub(crate) fn makeable<'h>(
        &self,
        hosts: impl Iterator<Item = &'h HostName>,
        secrets: bool,
    ) -> BTreeSet<Asset> {
        hosts
            .filter_map(|host| self.hosts.get(host))
            .flat_map(|contract| contract.makeable(secrets))
            .collect()
    }
}

struct Gathering<'a> {
    workspace: &'a Workspace,
    evaluator: &'a Evaluator,
    stop: &'a Stop,
    /// Hosts whose exports are asked for by whoever runs infra.
    exporting: BTreeSet<HostName>,
    /// Whether a context that cannot be read is a fault of its host alone.
    apart: bool,
    contracts: Contracts,
    manifests: Manifests,
    /// Hosts whose contracts do not evaluate, and where not.
    failed: Failed,
}

impl<'a> Gathering<'a> {
    fn new(
        (workspace, evaluator, stop): (&'a Workspace, &'a Evaluator, &'a Stop),
        exporting: BTreeSet<HostName>,
    ) -> Self {
        Self {
            workspace,
            evaluator,
            stop,
            exporting,
            apart: false,
            contracts: Contracts::default(),
            manifests: Manifests::new(),
            failed: Failed::new(),
        }
    }

    async fn gather(
        mut self,
        hosts: &[HostSpec],
        flags: &BTreeMap<HostName, Flags>,
    ) -> Result<Contracts, Vec<Diagnostic>> {
        self.ask(hosts).await.map_err(|fault| vec![fault])?;
        self.fill(flags)?;
        self.exchange().await.map_err(|fault| vec![fault])?;
        Ok(self.contracts)
    }
}

impl Gathering<'_> {
    /// Contracts of the hosts and, in turn, of whomever they want something of.
    async fn ask(&mut self, hosts: &[HostSpec]) -> Result<(), Diagnostic> {
        let fleet = &self.workspace.contents.fleet;
        let selected: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
        let nothing = HostContext::default();
        loop {
            let reached = wants::reach(fleet, &self.manifests, &selected);
            let open: Vec<Asked<'_>> = reached
                .iter()
                .filter(|name| {
                    !self.manifests.contains_key(*name) && !self.failed.contains_key(*name)
                })
                .filter_map(|name| fleet.get(name))
                .map(|host| Asked {
                    host,
                    context: &nothing,
                })
                .collect();
            if open.is_empty() {
                return Ok(());
            }
            let found = self.evaluator.contracts(&open, self.stop).await?;
            for (name, known) in found {
                match known {
                    Ok(known) => self.know(name, known),
                    Err(fault) => self.fail(&name, fault),
                }
            }
        }
    }

    fn fail(&mut self, name: &HostName, fault: Diagnostic) {
        self.failed.insert(name.clone(), fault.place.clone());
        self.contracts.faults.push(fault.with_host(name));
    }

    fn know(&mut self, name: HostName, known: Known) {
        self.contracts.warnings.extend(known.warning.clone());
        self.manifests.insert(name.clone(), known.manifest.clone());
        let contract = Contract {
            known,
            filling: Filling::default(),
            answers: Answers::new(),
        };
        self.contracts.hosts.insert(name, contract);
    }

    /// What everybody offers, and what it fills.
    fn fill(&mut self, flags: &BTreeMap<HostName, Flags>) -> Result<(), Vec<Diagnostic>> {
        let (offers, damaged) = Offers::read(self.workspace)?;
        self.contracts.warnings.extend(damaged);
        let mut broken: Vec<(HostName, Vec<Diagnostic>)> = Vec::new();
        for (name, contract) in &mut self.contracts.hosts {
            let found = match offers.of(self.workspace, name, flags.get(name)) {
                Ok(offer) => {
                    let manifest = &contract.known.manifest;
                    contract.filling = infra_plan::fill::fill(manifest, &offer);
                    infra_plan::fill::ambiguous_variables(manifest, &offer)
                }
                Err(found) => found,
            };
            if !found.is_empty() {
                broken.push((name.clone(), found));
            }
        }
        if broken.is_empty() {
            return Ok(());
        }
        if !self.apart {
            return Err(broken.into_iter().flat_map(|(_, found)| found).collect());
        }
        for (name, found) in broken {
            self.contracts.hosts.remove(&name);
            self.manifests.remove(&name);
            for fault in found {
                self.fail(&name, fault);
            }
        }
        Ok(())
    }
}

/// Whose a need is.
pub(crate) fn owner(scope: NeedScope, host: &HostName) -> Owner {
    match scope {
        NeedScope::Shared => Owner::Shared,
        NeedScope::Host => Owner::Host(host.clone()),
    }
}

impl Contract {
    /// What an evaluation of the host sees.
    pub(crate) fn context(&self) -> HostContext {
        let mut context = HostContext::default();
        context.plane = self.known.plane;
        for (name, filled) in &self.filling.values {
            // A default is the contract's own: Nix knows it already, and a tree with nothing in its context stays as it is.
            if filled.source != Source::Default {
                context.values.insert(name.clone(), filled.with.clone());
            }
        }
        context.wants.clone_from(&self.answers);
        context.secrets = self.filling.secrets.keys().cloned().collect();
        context
    }

    /// The same without what is private: what the host exports reaches others.
    fn public_context(&self) -> HostContext {
        let mut context = self.context();
        let values = &self.manifest().values;
        context
            .values
            .retain(|name, _| values.get(name).is_some_and(|need| !need.private));
        context
    }

    /// What recipes are to make, because nobody has it.
    fn makeable(&self, secrets: bool) -> impl Iterator<Item = Asset> {
        let manifest = self.manifest();
        let filling = &self.filling;
        let secret = filling
            .secrets
            .iter()
            .filter(move |_| secrets)
            .map(|(name, filled)| {
                (
                    name,
                    filled,
                    manifest.secrets.get(name).map(|need| need.scope),
                )
            });
        let values = filling.private.iter().map(|(name, filled)| {
            (
                name,
                filled,
                manifest.values.get(name).map(|need| need.scope),
            )
        });
        values
            .chain(secret)
            .filter(|(_, filled, _)| matches!(filled.with, Kept::Recipe(_)))
            .map(|(name, _, scope)| {
                (
                    owner(scope.unwrap_or_default(), &manifest.host),
                    name.clone(),
                )
            })
    }

    /// Everything that is open, as faults.
    pub(crate) fn faults(&self) -> Vec<Diagnostic> {
        let gaps = self.filling.gaps.iter().map(Gap::diagnostic);
        gaps.chain(self.filling.strangers.iter().cloned()).collect()
    }

    /// The contract itself.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.known.manifest
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, Contract, Filling};
    use infra_drive::evaluator::Known;
    use infra_model::context::Plane;
    use infra_model::fill::Source;
    use infra_model::{Manifest, NeedName};
    use infra_plan::fill::Filled;
    use serde_json::{Value, json};

    /// A variable of whoever runs infra, or a key, must not be what lets others read it.
    #[test]
    fn exports_are_evaluated_without_what_is_private() {
        let value = |private: bool| {
            json!({
                "type": {"kind": "string"}, "description": "", "private": private, "recipe": null,
                "scope": "host", "fact": null, "bind": [], "declared": [],
            })
        };
        let manifest = json!({
            "schema": 1, "host": "db", "secrets": {}, "recipes": {}, "exports": {}, "wants": {}, "templates": {},
            "values": {"realm": value(true), "port": value(false)},
            "probes": {"enable": true, "probes": {}},
        });
        let mut filling = Filling::default();
        for name in ["realm", "port"] {
            let filled = Filled {
                with: Value::from("given"),
                source: Source::Flag,
            };
            let name = NeedName::parse(name).expect("a name");
            filling.values.insert(name, filled);
        }
        let contract = Contract {
            known: Known {
                manifest: Manifest::parse(&manifest.to_string()).expect("a manifest"),
                plane: Plane::Contract,
                warning: None,
            },
            filling,
            answers: Answers::new(),
        };
        assert_eq!(contract.context().values.len(), 2);
        let public = contract.public_context().values;
        let names: Vec<&str> = public.keys().map(NeedName::as_str).collect();
        assert_eq!(names, ["port"]);
    }
}
