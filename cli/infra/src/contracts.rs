//! What the selected hosts need, who gives it, and what is open: contracts, context and exports brought together.
//!
//! Contracts are asked for first, of the hosts and of whomever they want something of. Then each is filled from what everybody offers, and what
//! hosts export to each other is found in rounds, since an export may itself depend on values and on other exports.

use crate::offers::Offers;
use crate::vault::Asset;
use crate::workspace::Workspace;
use infra_drive::evaluator::{Asked, Evaluator, Known};
use infra_drive::process::Stop;
use infra_model::contract::NeedScope;
use infra_model::fill::{Gap, NeedKind, Source, Why};
use infra_model::recipe::Owner;
use infra_model::{Diagnostic, HostContext, HostName, HostSpec, Manifest, NeedName};
use infra_plan::fill::{Filling, Flags, Secret as Kept};
use infra_plan::wants::{self, Exports, Manifests, Offered};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Answers to the wants of one host: by want, from which hosts what.
type Answers = BTreeMap<NeedName, BTreeMap<HostName, Value>>;

/// Who is asked, by which host and want.
type AskedFor = BTreeMap<HostName, BTreeMap<NeedName, Vec<Offered>>>;

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
    let mut gathering = Gathering {
        workspace,
        evaluator,
        stop,
        contracts: Contracts::default(),
        manifests: Manifests::new(),
        failed: BTreeSet::new(),
    };
    gathering.ask(hosts).await.map_err(|fault| vec![fault])?;
    gathering.fill(flags)?;
    gathering.exchange().await.map_err(|fault| vec![fault])?;
    Ok(gathering.contracts)
}

impl Contracts {
    /// What each host's evaluation sees.
    pub(crate) fn contexts(&self) -> BTreeMap<HostName, HostContext> {
        self.hosts
            .iter()
            .map(|(name, contract)| (name.clone(), contract.context()))
            .collect()
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
    contracts: Contracts,
    manifests: Manifests,
    failed: BTreeSet<HostName>,
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
                .filter(|name| !self.manifests.contains_key(*name) && !self.failed.contains(*name))
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
                    Err(fault) => {
                        self.contracts.faults.push(fault.with_host(&name));
                        self.failed.insert(name);
                    }
                }
            }
        }
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
        let mut faults = Vec::new();
        for (name, contract) in &mut self.contracts.hosts {
            match offers.of(self.workspace, name, flags.get(name)) {
                Ok(offer) => {
                    let manifest = &contract.known.manifest;
                    contract.filling = infra_plan::fill::fill(manifest, &offer);
                    faults.extend(infra_plan::fill::ambiguous_variables(manifest, &offer));
                }
                Err(found) => faults.extend(found),
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    /// What hosts export to each other, in rounds: each round evaluates the exports whose hosts have all they want.
    async fn exchange(&mut self) -> Result<(), Diagnostic> {
        let asked = self.asked();
        let mut exports = wants::exports(&self.manifests);
        let mut tried: BTreeSet<HostName> = BTreeSet::new();
        loop {
            self.answer(&asked, &exports);
            let ready: Vec<HostName> = waited_for(&asked, &exports)
                .into_iter()
                .filter(|host| !tried.contains(host) && has_all_it_wants(host, &asked, &exports))
                .collect();
            if ready.is_empty() {
                break;
            }
            tried.extend(ready.iter().cloned());
            exports.extend(self.evaluate_exports(&ready).await?);
        }
        self.report_missing(&asked, &exports);
        Ok(())
    }

    /// Who is asked by which want; wants that nobody can answer become gaps.
    fn asked(&mut self) -> AskedFor {
        let fleet = &self.workspace.contents.fleet;
        let mut all: AskedFor = BTreeMap::new();
        for (name, manifest) in &self.manifests {
            let Some(host) = fleet.get(name) else {
                continue;
            };
            for want in &manifest.wants {
                match wants::offered(fleet, &self.manifests, host, want) {
                    Ok(offered) => {
                        let of_host = all.entry(name.clone()).or_default();
                        of_host.insert(want.0.clone(), offered);
                    }
                    Err(gap) => {
                        if let Some(contract) = self.contracts.hosts.get_mut(name) {
                            contract.filling.gaps.push(*gap);
                        }
                    }
                }
            }
        }
        all
    }

    /// Writes down the answers that are known.
    fn answer(&mut self, asked: &AskedFor, exports: &Exports) {
        for (name, contract) in &mut self.contracts.hosts {
            for (want, offered) in asked.get(name).into_iter().flatten() {
                let answers = contract.answers.entry(want.clone()).or_default();
                for one in offered {
                    if let Some(value) = exports.get(one) {
                        answers.insert(one.host.clone(), value.clone());
                    }
                }
            }
        }
    }

    /// Evaluates the contracts of hosts once more, now that they are filled, for the exports that depend on it.
    async fn evaluate_exports(&mut self, hosts: &[HostName]) -> Result<Exports, Diagnostic> {
        let fleet = &self.workspace.contents.fleet;
        let contexts: Vec<(HostName, HostContext)> = hosts
            .iter()
            .filter_map(|name| Some((name.clone(), self.contracts.hosts.get(name)?.context())))
            .collect();
        let asked: Vec<Asked<'_>> = contexts
            .iter()
            .filter_map(|(name, context)| {
                Some(Asked {
                    host: fleet.get(name)?,
                    context,
                })
            })
            .collect();
        let mut filled = Manifests::new();
        for (name, known) in self.evaluator.contracts(&asked, self.stop).await? {
            match known {
                Ok(known) => {
                    filled.insert(name, known.manifest);
                }
                Err(fault) => self.contracts.faults.push(fault.with_host(&name)),
            }
        }
        Ok(wants::exports(&filled))
    }

    /// Exports that stayed unknown: hosts that wait for each other, or whose own needs are open.
    fn report_missing(&mut self, asked: &AskedFor, exports: &Exports) {
        let mut waiting: BTreeMap<HostName, BTreeSet<HostName>> = BTreeMap::new();
        for (name, wanted) in asked {
            for (want, offered) in wanted {
                for one in offered.iter().filter(|one| !exports.contains_key(one)) {
                    waiting
                        .entry(name.clone())
                        .or_default()
                        .insert(one.host.clone());
                    self.unanswered(name, want, one);
                }
            }
        }
        if let Some(circle) = wants::circle(&waiting) {
            self.contracts.faults.push(wants::circular(&circle));
        }
    }

    fn unanswered(&mut self, name: &HostName, want: &NeedName, offered: &Offered) {
        let Some(contract) = self.contracts.hosts.get_mut(name) else {
            return;
        };
        let declared = contract
            .known
            .manifest
            .wants
            .get(want)
            .map(|want| want.declared.clone())
            .unwrap_or_default();
        contract.filling.gaps.push(Gap {
            host: name.clone(),
            name: want.clone(),
            kind: NeedKind::Want,
            expected: format!("the export `{}`", offered.export),
            description: String::new(),
            declared,
            private: false,
            why: Why::Unavailable {
                how: format!(
                    "`{}` of {} depends on what is not filled yet (infra contract {} --gaps)",
                    offered.export, offered.host, offered.host
                ),
            },
        });
    }
}

/// Whose a need is.
pub(crate) fn owner(scope: NeedScope, host: &HostName) -> Owner {
    match scope {
        NeedScope::Shared => Owner::Shared,
        NeedScope::Host => Owner::Host(host.clone()),
    }
}

/// Whether everything a host wants of others is known.
fn has_all_it_wants(host: &HostName, asked: &AskedFor, exports: &Exports) -> bool {
    asked
        .get(host)
        .into_iter()
        .flat_map(BTreeMap::values)
        .flatten()
        .all(|offered| exports.contains_key(offered))
}

/// Hosts that have exports others wait for.
fn waited_for(asked: &AskedFor, exports: &Exports) -> BTreeSet<HostName> {
    asked
        .values()
        .flat_map(BTreeMap::values)
        .flatten()
        .filter(|offered| !exports.contains_key(offered))
        .map(|offered| offered.host.clone())
        .collect()
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
