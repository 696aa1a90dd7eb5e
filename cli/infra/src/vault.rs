//! Who may read which secret, and writing it down for them.

use crate::commands::new;
use crate::contracts::{self, Contracts};
use crate::due::Look;
use crate::opener;
use crate::workspace::Workspace;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_drive::secret::item::{Item, Scope};
use infra_drive::secret::sidecar::Notes;
use infra_drive::secret::store::{Content, Store};
use infra_drive::secret::{Person, Recipient, Secret};
use infra_model::recipe::{Job, Owner};
use infra_model::{Code, Diagnostic, HostName, Place};
use infra_plan::recipes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The contracts of the whole fleet, and the keys of everybody in it.
pub(crate) struct Vault<'a> {
    workspace: &'a Workspace,
    /// Of every host that has one; a shared secret is read by all that name it, selected or not.
    pub(crate) contracts: Contracts,
    admins: Vec<Recipient>,
    store: Store,
    person: Arc<dyn Person>,
}

pub(crate) use infra_plan::making::Asset;

impl<'a> Vault<'a> {
    /// Evaluates the contracts of all hosts (remembered ones cost nothing) and reads the keys of the admins.
    pub(crate) async fn open(
        workspace: &'a Workspace,
        evaluator: &Evaluator,
        stop: &Stop,
    ) -> Result<Self, Vec<Diagnostic>> {
        let hosts = workspace.contents.fleet.hosts();
        let none = BTreeMap::new();
        let contracts = contracts::gather(workspace, evaluator, hosts, &none, stop).await?;
        Ok(Self {
            admins: admins(workspace)?,
            workspace,
            contracts,
            store: Store::of_repo(workspace.repo.root()),
            person: opener::person(),
        })
    }

    /// Everybody who may read a secret: the admins, and the hosts whose contracts name it and to which it is sent.
    pub(crate) fn recipients(&self, asset: &Asset) -> Result<Vec<Recipient>, Diagnostic> {
        if self.admins.is_empty() {
            return Err(Diagnostic::new(
                Code::MissingKey,
                "nobody could read secrets any more: infra.toml names no admins",
            )
            .with_place(Place::file("infra.toml"))
            .with_fix("add your own public key to infra.toml: admins = [\"age1…\"] or [\"ssh-ed25519 AAAA…\"]"));
        }
        // A host whose contract does not evaluate may need it: without knowing, it would be left out.
        if let (Owner::Shared, Some(fault)) = (&asset.0, self.contracts.faults.first()) {
            return Err(fault.clone());
        }
        let mut all = self.admins.clone();
        for host in self.readers(asset) {
            all.push(self.key_of(host)?);
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// The hosts a secret is sent to.
    pub(crate) fn readers(&self, (owner, name): &Asset) -> Vec<&HostName> {
        self.contracts
            .hosts
            .iter()
            .filter(|(host, _)| match owner {
                Owner::Shared => true,
                Owner::Host(one) => one == *host,
            })
            .filter(|(_, contract)| {
                let need = contract.manifest().secrets.get(name);
                need.is_some_and(|need| {
                    need.deploy && contracts::owner(need.scope, &contract.manifest().host) == *owner
                })
            })
            .map(|(host, _)| host)
            .collect()
    }

    /// Whether any contract asks for something, or it is one of a host's own keys.
    pub(crate) fn is_needed(&self, asset: &Asset) -> bool {
        let (owner, name) = asset;
        let of_host = |host: &HostName| match owner {
            Owner::Shared => true,
            Owner::Host(one) => one == host,
        };
        let own = [new::keys::SSH_KEY, new::keys::AGE_KEY];
        matches!(owner, Owner::Host(host) if self.workspace.contents.fleet.get(host).is_some())
            && own.contains(&name.as_str())
            || self.contracts.hosts.iter().any(|(host, contract)| {
                let manifest = contract.manifest();
                // What belongs to a need is named after it: `<need>.password`.
                let base = name.as_str().rsplit_once('.').map_or("", |(base, _)| base);
                of_host(host)
                    && (manifest.secrets.contains_key(name)
                        || manifest.values.contains_key(name)
                        || manifest.secrets.contains_key(base))
            })
    }

    /// The key that a host's secrets are encrypted to: the ed25519 key in its `host.pub`.
    pub(crate) fn key_of(&self, host: &HostName) -> Result<Recipient, Diagnostic> {
        let file = format!("hosts/{host}/host.pub");
        let keys = self.workspace.repo.host_keys(host)?;
        let key = keys.iter().find(|key| key.starts_with("ssh-ed25519 "));
        match key {
            Some(key) => Recipient::parse(key, Some(Place::file(&file))),
            None => Err(Diagnostic::new(
                Code::UnusableKey,
                format!("secrets of {host} cannot be encrypted to it: {file} has no ed25519 key"),
            )
            .with_place(Place::file(&file))
            .with_fix(format!(
                "copy /etc/ssh/ssh_host_ed25519_key.pub from the host to {file}; for a host that does not exist yet: infra new host"
            ))
            .with_host(host)),
        }
    }

    /// Writes a secret for everybody who may read it.
    pub(crate) fn keep(
        &self,
        asset: &Asset,
        secret: &Secret,
        notes: &Notes,
    ) -> Result<String, Diagnostic> {
        let item = item(asset);
        let recipients = self.recipients(asset)?;
        let content = Content {
            secret,
            recipients: &recipients,
            person: &self.person,
            notes,
        };
        self.store.write(&item, content)?;
        Ok(item.file())
    }

    /// The keys of the admins.
    pub(crate) fn admins(&self) -> &[Recipient] {
        &self.admins
    }

    /// The repository.
    pub(crate) fn workspace(&self) -> &'a Workspace {
        self.workspace
    }

    /// Whoever can be asked.
    pub(crate) fn person(&self) -> &dyn Person {
        self.person.as_ref()
    }

    /// The store.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What is known of what recipes made.
    pub(crate) fn look(&self) -> Look<'_> {
        Look {
            contracts: &self.contracts,
            store: &self.store,
        }
    }

    /// All jobs, in order.
    pub(crate) fn jobs(&self) -> Result<Vec<Job>, Vec<Diagnostic>> {
        let manifests = self
            .contracts
            .hosts
            .iter()
            .map(|(host, contract)| (host.clone(), contract.manifest().clone()))
            .collect();
        let jobs = recipes::jobs(&manifests);
        let mut faults = jobs.faults;
        faults.extend(infra_plan::shared::disagreements(&manifests));
        if faults.is_empty() {
            Ok(jobs.order)
        } else {
            Err(faults)
        }
    }
}

/// The admins' keys.
fn admins(workspace: &Workspace) -> Result<Vec<Recipient>, Vec<Diagnostic>> {
    let mut keys = Vec::new();
    let mut faults = Vec::new();
    for text in &workspace.contents.settings.admins {
        match Recipient::parse(text, Some(Place::file("infra.toml"))) {
            Ok(key) => keys.push(key),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok(keys)
    } else {
        Err(faults)
    }
}

/// The file of the store that holds something.
pub(crate) fn item((owner, name): &Asset) -> Item {
    let scope = match owner {
        Owner::Shared => Scope::Shared,
        Owner::Host(host) => Scope::Host(host.clone()),
    };
    Item::new(scope, name.clone())
}

/// Whose it is, and its name.
pub(crate) fn asset_of(item: &Item) -> Asset {
    let owner = match item.scope() {
        Scope::Shared => Owner::Shared,
        Scope::Host(host) => Owner::Host(host.clone()),
    };
    (owner, item.name().clone())
}
