//! What does not fit together across hosts: shared needs that are described differently, and what is kept that nobody asks for.

use super::super::new::keys::{AGE_KEY, SSH_KEY};
use super::super::one;
use crate::contracts::Contracts;
use crate::workspace::Workspace;
use infra_drive::context;
use infra_drive::secret::item::{Item, Scope};
use infra_drive::secret::store::Store;
use infra_model::recipe::Owner;
use infra_model::suggest::nearest;
use infra_model::{Code, Diagnostic, HostName, HostSpec, Manifest, Place};
use infra_plan::wants::Manifests;
use infra_plan::{recipes, shared};
use std::collections::BTreeSet;

/// What was found.
pub(super) struct Unfit {
    pub(super) faults: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// Looks at the contracts that are known, as far as they concern `hosts`.
pub(super) fn look(
    workspace: &Workspace,
    contracts: &Contracts,
    hosts: &[HostSpec],
) -> Result<Unfit, Vec<Diagnostic>> {
    let manifests: Manifests = contracts
        .hosts
        .iter()
        .map(|(name, contract)| (name.clone(), contract.manifest().clone()))
        .collect();
    let fleet = workspace.contents.fleet.hosts();
    // Only who knows what all hosts need knows that something is needed by none.
    let knows_all = workspace.contents.faults.is_empty()
        && fleet.iter().all(|host| manifests.contains_key(&host.name));
    let mut warnings = Vec::new();
    if knows_all {
        warnings.extend(unneeded_lines(workspace, &manifests)?);
    }
    let selected: BTreeSet<&HostName> = hosts
        .iter()
        .map(|host| &host.name)
        .filter(|name| manifests.contains_key(*name))
        .collect();
    let stored = Store::of_repo(workspace.repo.root()).list().map_err(one)?;
    let needed = needed(&manifests);
    for item in stored.stored.into_iter().map(|stored| stored.item) {
        let concerns = match item.scope() {
            Scope::Shared => knows_all,
            // Also those of hosts that are no more.
            Scope::Host(host) => {
                selected.contains(host) || (knows_all && !manifests.contains_key(host))
            }
        };
        if concerns && !needed.contains(&key_of(&item)) {
            warnings.push(unneeded_secret(&item));
        }
    }
    Ok(Unfit {
        faults: shared::disagreements(&manifests),
        warnings,
    })
}

/// Whose something is (`None`: shared), and its name.
type Key = (Option<HostName>, String);

fn key_of(item: &Item) -> Key {
    let host = match item.scope() {
        Scope::Shared => None,
        Scope::Host(host) => Some(host.clone()),
    };
    (host, item.name().to_string())
}

/// Everything that may be in the age store: what hosts need, what recipes make besides, and the keys of hosts.
fn needed(manifests: &Manifests) -> BTreeSet<Key> {
    let mut all = BTreeSet::new();
    for (host, manifest) in manifests {
        for (name, scope) in needs(manifest) {
            let owner = (!scope).then(|| host.clone());
            all.insert((owner, name.to_owned()));
        }
        for key in [SSH_KEY, AGE_KEY] {
            all.insert((Some(host.clone()), key.to_owned()));
        }
    }
    for job in recipes::jobs(manifests).order {
        let owner = match &job.id.owner {
            Owner::Shared => None,
            Owner::Host(host) => Some(host.clone()),
        };
        let products = job.products.keys();
        all.extend(products.map(|name| (owner.clone(), name.to_string())));
    }
    all
}

/// Names of the needs of a host, and whether they are shared.
fn needs(manifest: &Manifest) -> impl Iterator<Item = (&str, bool)> {
    use infra_model::contract::NeedScope::Shared;
    let secrets = manifest.secrets.iter();
    let secrets = secrets.map(|(name, need)| (name.as_str(), need.scope == Shared));
    let values = manifest.values.iter();
    secrets.chain(values.map(|(name, need)| (name.as_str(), need.scope == Shared)))
}

/// Lines of the context of all hosts that no host asks for.
fn unneeded_lines(
    workspace: &Workspace,
    manifests: &Manifests,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let known: BTreeSet<&str> = manifests
        .values()
        .flat_map(|manifest| needs(manifest).map(|(name, _)| name))
        .collect();
    let lines = context::read(&workspace.repo, context::SHARED)?;
    let unneeded = lines
        .iter()
        .filter(|(name, _)| !known.contains(name.as_str()));
    Ok(unneeded
        .map(|(name, line)| {
            let fix = nearest(name, known.iter().copied()).map_or_else(
                || "remove the line, or let a contract ask for it".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Diagnostic::new(Code::UnknownNeed, format!("no host needs `{name}`"))
                .with_place(Place::position(&line.file, line.line, None))
                .with_fix(fix)
        })
        .collect())
}

fn unneeded_secret(item: &Item) -> Diagnostic {
    let (file, sidecar) = (item.file(), item.sidecar());
    let fault = Diagnostic::new(
        Code::UnneededSecret,
        format!("no contract asks for the secret {item}"),
    )
    .with_place(Place::file(&file))
    .with_fix(format!(
        "remove it if nothing else uses it (git rm {file} {sidecar}), or let a contract ask for it"
    ));
    match item.scope() {
        Scope::Shared => fault,
        Scope::Host(host) => fault.with_host(host),
    }
}
