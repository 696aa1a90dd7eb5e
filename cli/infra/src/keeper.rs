//! Keeps the systems a run is about from Nix's garbage collector: planned ones from their evaluation on, deployed ones until the next.
//!
//! Nothing here can fail a host: a system that is not protected is built or evaluated again one day.

use infra_drive::nix;
use infra_drive::process::Stop;
use infra_drive::roots::{Root, Roots, System};
use infra_model::{BuildOn, HostName, HostSpec, StorePath};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The roots of the hosts of one run.
#[derive(Debug)]
pub(crate) struct Keeper {
    roots: Roots,
    systems: Mutex<HashMap<HostName, System>>,
}

impl Keeper {
    pub(crate) fn new(roots: Roots) -> Self {
        Self {
            roots,
            systems: Mutex::default(),
        }
    }

    /// A host was evaluated, to be built. From here on its derivation is protected, if a link to the planned one before is there to be moved;
    /// the first one ever is made by the build.
    pub(crate) fn planned(&self, host: &HostSpec, drv: &StorePath, out: &StorePath) {
        let system = System {
            drv: drv.clone(),
            // What is built on the host stays there, and is a root there.
            out: (host.build != BuildOn::Target).then(|| out.clone()),
        };
        // If it cannot be moved the build makes it anew, and says so if that fails, too.
        let _ = self.roots.point(&host.name, Root::Planned, &system);
        self.systems
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(host.name.clone(), system);
    }

    /// The link for Nix to make while it builds here; why there can be none.
    pub(crate) fn link_for_build(&self, host: &HostName) -> Result<PathBuf, String> {
        self.roots
            .link(host, Root::Planned)
            .map_err(|error| unprotected(&error))
    }

    /// A host is about to be built elsewhere: its derivation has to stay here. Answers why it may not.
    pub(crate) async fn built_elsewhere(&self, host: &HostName, stop: Stop) -> Option<String> {
        self.protect(host, Root::Planned, stop).await
    }

    /// A host now runs, or will boot, its planned system. Answers why that is not protected.
    pub(crate) async fn deployed(&self, host: &HostName, stop: Stop) -> Option<String> {
        self.protect(host, Root::Deployed, stop).await
    }

    /// A host ran its planned system all along. Starts no process for it.
    pub(crate) fn unchanged(&self, host: &HostName) {
        if let Some(system) = self.system(host) {
            // Where there is no link to move, the next deployment makes one.
            let _ = self.roots.point(host, Root::Deployed, &system);
        }
    }

    fn system(&self, host: &HostName) -> Option<System> {
        let systems = self.systems.lock().unwrap_or_else(PoisonError::into_inner);
        systems.get(host).cloned()
    }

    async fn protect(&self, host: &HostName, root: Root, stop: Stop) -> Option<String> {
        let system = self.system(host)?;
        match self.roots.point(host, root, &system) {
            Ok(true) => None,
            Ok(false) => self.make(host, root, (&system, stop)).await,
            Err(error) => Some(unprotected(&error)),
        }
    }

    /// Has Nix make the links: one process, the first time only.
    async fn make(
        &self,
        host: &HostName,
        root: Root,
        (system, stop): (&System, Stop),
    ) -> Option<String> {
        let (paths, link) = match &system.out {
            Some(out) => (vec![out, &system.drv], self.roots.link(host, root)),
            None => (vec![&system.drv], self.roots.drv_link(host, root)),
        };
        let link = match link {
            Ok(link) => link,
            Err(error) => return Some(unprotected(&error)),
        };
        let made = nix::keep(&paths, &link, stop).await;
        made.err()
            .map(|fault| unprotected(&fault.cause.unwrap_or(fault.title)))
    }
}

fn unprotected(why: &impl std::fmt::Display) -> String {
    format!("not protected from Nix's garbage collector on this machine: {why}")
}
