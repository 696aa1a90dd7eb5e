//! What a plan tells of the secrets that the repository keeps: which are to be encrypted to others than they are, and which end soon.

use crate::vault::{Vault, asset_of};
use crate::workspace::Workspace;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_drive::secret::store::Store;
use infra_model::{Diagnostic, HostName, NeedName};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// By host that reads them. Needs no key.
#[derive(Debug, Default)]
pub(super) struct Stored {
    rekeys: BTreeMap<HostName, Vec<NeedName>>,
    expiring: BTreeMap<HostName, Vec<(NeedName, u64)>>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Stored {
    /// Goes through the store, if there is anything in it. What cannot be told is a warning: a plan changes no secret.
    pub(super) async fn look(workspace: &Workspace, evaluator: &Evaluator) -> Self {
        let mut found = Self::default();
        let listing = match Store::of_repo(workspace.repo.root()).list() {
            Ok(listing) => listing,
            Err(fault) => {
                found.warnings.push(fault);
                return found;
            }
        };
        if listing.stored.is_empty() {
            return found;
        }
        let vault = match Vault::open(workspace, evaluator, &Stop::never()).await {
            Ok(vault) => vault,
            Err(faults) => {
                found.warnings.extend(faults);
                return found;
            }
        };
        for stored in listing.stored {
            let asset = asset_of(&stored.item);
            let Some(sidecar) = &stored.sidecar else {
                continue;
            };
            // Who is to read it cannot be told while a contract does not evaluate, which is told where that host is planned.
            let stale = vault
                .recipients(&asset)
                .is_ok_and(|wanted| sidecar.stale(&wanted).is_some());
            let left = sidecar.expires.as_deref().and_then(left);
            for host in vault.readers(&asset) {
                if stale {
                    let names = found.rekeys.entry(host.clone()).or_default();
                    names.push(asset.1.clone());
                }
                if let Some(left) = left {
                    let all = found.expiring.entry(host.clone()).or_default();
                    all.push((asset.1.clone(), left));
                }
            }
        }
        found
    }

    pub(super) fn rekeys(&self, host: &HostName) -> Vec<NeedName> {
        self.rekeys.get(host).cloned().unwrap_or_default()
    }

    /// With the seconds left.
    pub(super) fn expiring(&self, host: &HostName) -> Vec<(NeedName, u64)> {
        self.expiring.get(host).cloned().unwrap_or_default()
    }
}

/// The seconds until a time; none if it is over.
fn left(time: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(time).ok()?;
    let left = time.duration_since(SystemTime::now());
    Some(left.unwrap_or(Duration::ZERO).as_secs())
}
