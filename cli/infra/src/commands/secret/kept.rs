//! Secrets of the repository's store as the verbs that go through all of them see them: whose each is, and who can and who is to read it.

use super::Room;
use crate::args::Selection;
pub(super) use crate::vault::asset_of;
use crate::vault::{Asset, Vault};
use infra_drive::secret::store::Stored;
use infra_model::answer::{Access, ReaderKind, SecretReader};
use infra_model::recipe::Owner;
use infra_model::{Diagnostic, HostName};
use std::collections::{BTreeMap, BTreeSet};

/// The hosts that were asked about; nobody asked about any: all that is kept, also of hosts that are no more.
pub(super) struct Concerned(Option<BTreeSet<HostName>>);

impl Concerned {
    pub(super) fn of(room: &Room, selection: &Selection) -> Result<Self, Vec<Diagnostic>> {
        let hosts = room.workspace.select_to_look(selection)?;
        let some = !selection.selectors.is_empty();
        Ok(Self(some.then(|| {
            hosts.into_iter().map(|host| host.name).collect()
        })))
    }

    /// Whether a secret belongs to one of them or is sent to one.
    pub(super) fn has(&self, vault: &Vault<'_>, asset: &Asset) -> bool {
        let Some(hosts) = &self.0 else {
            return true;
        };
        matches!(&asset.0, Owner::Host(host) if hosts.contains(host))
            || vault
                .readers(asset)
                .iter()
                .any(|host| hosts.contains(*host))
    }
}

/// Everybody who can or is to read a secret: admins, hosts, then keys that are nobody's any more.
pub(super) fn readers(vault: &Vault<'_>, stored: &Stored) -> Vec<SecretReader> {
    let asset = asset_of(&stored.item);
    let have: Option<BTreeSet<&str>> = stored
        .sidecar
        .as_ref()
        .map(|sidecar| sidecar.recipients.iter().map(String::as_str).collect());
    let wanted = |kind, host: Option<&HostName>, key: Option<String>| SecretReader {
        kind,
        host: host.cloned(),
        access: match (&have, &key) {
            (None, Some(_)) => Access::Unknown,
            (Some(have), Some(key)) if have.contains(key.as_str()) => Access::Reads,
            _ => Access::Cannot,
        },
        key,
    };
    let mut all: Vec<SecretReader> = vault
        .admins()
        .iter()
        .map(|key| wanted(ReaderKind::Admin, None, Some(key.as_str().to_owned())))
        .collect();
    for host in vault.readers(&asset) {
        let key = vault.key_of(host).ok().map(|key| key.as_str().to_owned());
        all.push(wanted(ReaderKind::Host, Some(host), key));
    }
    let known: BTreeSet<String> = all.iter().filter_map(|one| one.key.clone()).collect();
    let others = have
        .into_iter()
        .flatten()
        .filter(|key| !known.contains(*key));
    let owners = owners_of_keys(vault);
    all.extend(others.map(|key| left_over(vault, &asset, key, owners.get(key).copied())));
    all
}

/// A key that the file is encrypted to, and that is not to read it as far as is known.
fn left_over(vault: &Vault<'_>, asset: &Asset, key: &str, host: Option<&HostName>) -> SecretReader {
    // A host whose contract does not evaluate may need it.
    let may_need = host.is_some_and(|host| {
        let may_own = match &asset.0 {
            Owner::Shared => true,
            Owner::Host(one) => one == host,
        };
        may_own && !vault.contracts.hosts.contains_key(host)
    });
    SecretReader {
        kind: host.map_or(ReaderKind::Nobody, |_| ReaderKind::Host),
        host: host.cloned(),
        key: Some(key.to_owned()),
        access: if may_need {
            Access::Unknown
        } else {
            Access::NoLonger
        },
    }
}

fn owners_of_keys<'v>(vault: &'v Vault<'_>) -> BTreeMap<String, &'v HostName> {
    let hosts = vault.workspace().contents.fleet.hosts();
    hosts
        .iter()
        .filter_map(|host| {
            Some((
                vault.key_of(&host.name).ok()?.as_str().to_owned(),
                &host.name,
            ))
        })
        .collect()
}
