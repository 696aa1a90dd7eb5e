//! What hosts export to each other, found in rounds; and why something cannot be had.

use super::{Contract, Gathering};
use infra_drive::evaluator::Asked;
use infra_model::fill::{Gap, NeedKind, Why};
use infra_model::{Diagnostic, HostContext, HostName, NeedName};
use infra_plan::fill::Secret as Kept;
use infra_plan::wants::{self, Exports, Known, Manifests, Offered};
use std::collections::{BTreeMap, BTreeSet};

/// Who is asked, by which host and want.
type AskedFor = BTreeMap<HostName, BTreeMap<NeedName, Vec<Offered>>>;

impl Gathering<'_> {
    /// What hosts export to each other, in rounds: each round evaluates the exports whose hosts have all they want.
    pub(super) async fn exchange(&mut self) -> Result<(), Diagnostic> {
        let asked = self.asked();
        let mut exports = wants::exports(&self.manifests);
        let mut tried: BTreeSet<HostName> = BTreeSet::new();
        loop {
            self.answer(&asked, &exports);
            let ready: Vec<HostName> = self
                .waited_for(&asked, &exports)
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
        for offered in self.sought(&exports) {
            let why = self.why(&offered, &asked, &exports);
            self.contracts.unknown.insert(offered, why);
        }
        self.contracts.exports = exports;
        Ok(())
    }

    /// Hosts that have exports others wait for, or whoever runs infra.
    fn waited_for(&self, asked: &AskedFor, exports: &Exports) -> BTreeSet<HostName> {
        let by_hosts = asked
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .filter(|offered| !exports.contains_key(offered))
            .map(|offered| offered.host.clone());
        let by_us = self.sought(exports).into_iter();
        by_hosts.chain(by_us.map(|offered| offered.host)).collect()
    }

    /// Exports without a value that whoever runs infra asked for.
    fn sought(&self, exports: &Exports) -> Vec<Offered> {
        let all = self.exporting.iter().flat_map(|host| {
            let manifest = self.manifests.get(host);
            let names = manifest.into_iter().flat_map(|it| it.exports.keys());
            names.map(|export| Offered {
                host: host.clone(),
                export: export.clone(),
            })
        });
        all.filter(|offered| !exports.contains_key(offered))
            .collect()
    }

    /// Who is asked by which want; wants that nobody can answer become gaps.
    fn asked(&mut self) -> AskedFor {
        let fleet = &self.workspace.contents.fleet;
        let known = Known {
            manifests: &self.manifests,
            failed: &self.failed,
        };
        let mut all: AskedFor = BTreeMap::new();
        for (name, manifest) in &self.manifests {
            let Some(host) = fleet.get(name) else {
                continue;
            };
            for want in &manifest.wants {
                match wants::offered(fleet, known, host, want) {
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
            .filter_map(|name| {
                let contract = self.contracts.hosts.get(name)?;
                Some((name.clone(), contract.public_context()))
            })
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
                Err(fault) => self.fail(&name, fault),
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
                    let why = self.why(one, asked, exports);
                    self.unanswered((name, want), one, why);
                }
            }
        }
        if let Some(circle) = wants::circle(&waiting) {
            self.contracts.faults.push(wants::circular(&circle));
        }
    }

    /// Why an export has no value, and what to do about it.
    fn why(&self, one: &Offered, asked: &AskedFor, exports: &Exports) -> Why {
        let Offered { host, export } = one;
        if let Some(place) = self.failed.get(host) {
            return wants::unknown(host, place.as_ref());
        }
        let of_host = self.contracts.hosts.get(host);
        let lacks = |contract: &&Contract| {
            !contract.filling.gaps.is_empty() || !has_all_it_wants(host, asked, exports)
        };
        let Some(contract) = of_host.filter(|contract| !lacks(contract)) else {
            return Why::Unavailable {
                how: format!(
                    "`{export}` of {host} depends on what is not filled yet (infra contract {host} --gaps)"
                ),
                fix: None,
            };
        };
        let values = &contract.manifest().values;
        let unmade = contract.filling.private.iter().filter(|(name, filled)| {
            let private = values.get(*name).is_some_and(|need| need.private);
            matches!(filled.with, Kept::Recipe(_)) && !private
        });
        let unmade = list(unmade.map(|(name, _)| name));
        if !unmade.is_empty() {
            return Why::Unavailable {
                how: format!(
                    "`{export}` of {host} depends on what a recipe is to make there: {unmade}"
                ),
                fix: Some(format!("infra secret generate {host}")),
            };
        }
        let private = values.iter().filter(|(_, need)| need.private);
        let private = list(private.map(|(name, _)| name));
        if private.is_empty() {
            return Why::Unavailable {
                how: format!("`{export}` of {host} has no value, although {host} has all it needs"),
                fix: Some(format!(
                    "see what the contract of {host} says of it: infra contract {host}"
                )),
            };
        }
        Why::Unavailable {
            how: format!(
                "`{export}` of {host} depends on what is private there ({private}), which no other host is given"
            ),
            fix: Some(format!(
                "let `{export}` depend on nothing private; or let {host} say private = false, if whoever wants it may know it; or declare the value on both hosts, with scope = \"shared\""
            )),
        }
    }

    fn unanswered(&mut self, (name, want): (&HostName, &NeedName), offered: &Offered, why: Why) {
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
            why,
        });
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

fn list<'n>(names: impl Iterator<Item = &'n NeedName>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
