//! What everybody offers to fill needs with: the environment, context files, and the names in the age store.

use crate::workspace::Workspace;
use infra_drive::context;
use infra_drive::secret::item::Scope;
use infra_drive::secret::store::Store;
use infra_model::context::Context;
use infra_model::{Diagnostic, HostName};
use infra_plan::fill::{Flags, Offer};
use std::collections::{BTreeMap, BTreeSet};

/// What is offered, as far as it is the same for all hosts.
pub(crate) struct Offers {
    environment: BTreeMap<String, String>,
    shared: Context,
    shared_secrets: BTreeSet<String>,
    secrets: BTreeMap<HostName, BTreeSet<String>>,
}

impl Offers {
    /// Reads it; with what is wrong in the age store, which stops nothing that does not need it.
    pub(crate) fn read(workspace: &Workspace) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("INFRA_"))
            .collect();
        let shared = context::read(&workspace.repo, context::SHARED)?;
        let listing = Store::of_repo(workspace.repo.root())
            .list()
            .map_err(|fault| vec![fault])?;
        let mut offers = Self {
            environment,
            shared,
            shared_secrets: BTreeSet::new(),
            secrets: BTreeMap::new(),
        };
        for stored in listing.stored {
            let name = stored.item.name().to_string();
            match stored.item.scope() {
                Scope::Shared => offers.shared_secrets.insert(name),
                Scope::Host(host) => offers.secrets.entry(host.clone()).or_default().insert(name),
            };
        }
        for fault in &listing.faults {
            offers.count_damaged(fault);
        }
        Ok((offers, listing.faults))
    }

    /// What is damaged is not missing: it must be told when it is opened, and nothing may be made in its place.
    fn count_damaged(&mut self, fault: &Diagnostic) {
        let path = fault.place.as_ref().map_or("", |place| place.file.as_str());
        let mut parts = path.split('/').skip(1);
        let host = match (parts.next(), parts.next()) {
            (Some("shared"), Some(file)) => return self.damaged(None, file),
            (Some("hosts"), Some(host)) => host,
            _ => return,
        };
        if let (Ok(host), Some(file)) = (HostName::parse(host), parts.next()) {
            self.damaged(Some(host), file);
        }
    }

    fn damaged(&mut self, host: Option<HostName>, file: &str) {
        let Some((name, _)) = file.rsplit_once('.') else {
            return;
        };
        let names = match host {
            None => &mut self.shared_secrets,
            Some(host) => self.secrets.entry(host).or_default(),
        };
        names.insert(name.to_owned());
    }

    /// What is offered to one host.
    pub(crate) fn of(
        &self,
        workspace: &Workspace,
        host: &HostName,
        flags: Option<&Flags>,
    ) -> Result<Offer, Vec<Diagnostic>> {
        Ok(Offer {
            flags: flags.cloned().unwrap_or_default(),
            environment: self.environment.clone(),
            own: context::read(&workspace.repo, &context::own(host))?,
            shared: self.shared.clone(),
            facts: context::read(&workspace.repo, &context::facts(host))?,
            own_secrets: self.secrets.get(host).cloned().unwrap_or_default(),
            shared_secrets: self.shared_secrets.clone(),
        })
    }
}
