//! The trees that contracts are evaluated from: those of hosts without the files of the system plane.

use super::build::Folder;
use super::{HostTree, Trees};
use infra_model::tree::{self, Scope};
use infra_model::{Diagnostic, HostContext, HostSpec};

/// What contracts see of the shared folders.
pub(super) struct Shared {
    folder: Folder,
    /// The contracts in it.
    contracts: Vec<String>,
}

impl Trees {
    fn shared_plane(&self) -> &Shared {
        self.shared_plane.get_or_init(|| Shared {
            folder: self.shared.keeping(&|path| !tree::is_system_plane(path)),
            contracts: self.shared.paths(&tree::is_contract),
        })
    }

    /// Whether a host has any contract at all, in its own folder or in a shared one that it reads.
    pub fn has_contract(&mut self, host: &HostSpec) -> Result<bool, Diagnostic> {
        let scope = Scope::of(host);
        let shared = &self.shared_plane().contracts;
        if shared.iter().any(|path| scope.judge(path).is_ok()) {
            return Ok(true);
        }
        let own = self.walked.host(&self.store, host.name.as_str())?;
        Ok(own.find(b"contract.nix").is_some())
    }

    /// The id of the tree that a host's contract is evaluated from.
    pub fn plane(&mut self, host: &HostSpec, context: &HostContext) -> Result<String, Diagnostic> {
        let root = self.plane_of(host, context)?;
        Ok(root.write(&self.store)?.to_string())
    }

    /// Writes the tree that one host's contract is evaluated from, to be asked alone.
    pub fn one_plane(
        &mut self,
        host: &HostSpec,
        context: &HostContext,
    ) -> Result<HostTree, Diagnostic> {
        self.publish(&|trees| trees.plane_of(host, context))
    }

    /// Writes one tree with those of many hosts' contracts below [`tree::PLANES`], each whole: none finds another by a path of its own.
    pub fn planes(&mut self, hosts: &[(&HostSpec, &HostContext)]) -> Result<HostTree, Diagnostic> {
        self.publish(&|trees| {
            let mut planes = Folder::default();
            for (host, context) in hosts {
                let plane = trees.plane_of(host, context)?;
                planes.insert_folder(host.name.as_str().as_bytes(), plane);
            }
            // The flake itself: what evaluates the planes, and the inputs.
            let mut root = trees.shared.keeping(&|path| !path.contains('/'));
            root.insert_below(tree::PLANES, planes);
            Ok(root)
        })
    }

    fn plane_of(&mut self, host: &HostSpec, context: &HostContext) -> Result<Folder, Diagnostic> {
        let name = host.name.as_str();
        let own = self.walked.host(&self.store, name)?;
        // Judged by their places in the repository.
        let mut hosts = Folder::default();
        hosts.insert_below(&format!("hosts/{name}"), own);
        let own = hosts.keeping(&|path| !tree::is_system_plane(path));
        let own = own.below(&["hosts", name]).unwrap_or_default();
        let shared = self.shared_plane().folder.within(&Scope::of(host));
        let mut root = self.compose(host, shared, own)?;
        // Also if it is empty: it says that this is a part of a repository, in which folders may be missing.
        self.add_context(&mut root, context)?;
        Ok(root)
    }
}
