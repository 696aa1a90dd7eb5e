//! Where private values may be: in the trees and the systems of the hosts that read them, and nowhere else.

use crate::workspace::Workspace;
use infra_drive::nix::{self, ClosureKind};
use infra_drive::poison::Owners;
use infra_drive::process::Stop;
use infra_drive::roots::Roots;
use infra_model::poison::Spot;
use infra_model::{Diagnostic, HostName, HostSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The systems that were built or deployed from here with all they need, and what they were built from: a secret in a derivation is in the
/// store. Each path with the hosts it is for.
#[derive(Debug, Default)]
pub(super) struct Closures {
    hosts: BTreeMap<PathBuf, BTreeSet<HostName>>,
}

impl Closures {
    /// Asks Nix for what the protected systems of these hosts need; for all at once unless whose each is must be told apart.
    pub(super) async fn read(
        workspace: &Workspace,
        hosts: &[HostSpec],
        apart: bool,
    ) -> Result<Self, Diagnostic> {
        let roots = Roots::of(&workspace.state());
        let mut closures = Self::default();
        let groups = if apart {
            hosts.chunks(1)
        } else {
            hosts.chunks(hosts.len().max(1))
        };
        for group in groups {
            let kept = group.iter().flat_map(|host| roots.kept(&host.name));
            let (derivations, built): (Vec<PathBuf>, Vec<PathBuf>) =
                kept.partition(|path| path.extension().is_some_and(|end| end == "drv"));
            let mut paths = nix::closure(&built, ClosureKind::Built, Stop::never()).await?;
            paths.extend(nix::closure(&derivations, ClosureKind::Derivation, Stop::never()).await?);
            for path in paths {
                let of_path = closures.hosts.entry(path).or_default();
                of_path.extend(group.iter().map(|host| host.name.clone()));
            }
        }
        Ok(closures)
    }

    /// All of them.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.hosts.keys().cloned().collect()
    }

    /// Whether a place is part of what is made for these hosts, and for nobody else.
    pub(super) fn is_theirs(
        &self,
        readers: &BTreeSet<HostName>,
        at: &Spot,
        (trees, owners): (&str, &Owners),
    ) -> bool {
        let hosts = match at {
            Spot::File { path, .. } => self.of(Path::new(path)),
            Spot::Name { folder } => self.of(Path::new(folder)),
            Spot::Object { repository, id } if repository == trees => owners.get(id),
            Spot::Object { .. } | Spot::Process { .. } | Spot::Journal => None,
        };
        hosts.is_some_and(|hosts| !hosts.is_empty() && hosts.is_subset(readers))
    }

    fn of(&self, path: &Path) -> Option<&BTreeSet<HostName>> {
        path.ancestors().find_map(|above| self.hosts.get(above))
    }
}
