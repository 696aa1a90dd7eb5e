//! `infra secret`: the secrets that are kept in the repository.

mod edit;
mod generate;
mod import;
mod list;
mod new;
mod rekey;
mod show;
mod writing;

use super::one;
use crate::args::{Global, Selection};
use crate::complete;
use crate::contracts;
use crate::vault::{Asset, Vault};
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_model::answer::Exit;
use infra_model::contract::SecretNeed;
use infra_model::{Diagnostic, HostName, HostSpec, NeedName};
use infra_plan::fill::unknown_need;

/// Verbs of `secret`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Secret {
    /// List secrets: where each is kept, who can read it, and whether anything is wrong with it. Needs no key.
    List(Selection),
    /// Write a secret, encrypted to the hosts that need it and to the admins.
    New(new::Args),
    /// Edit a secret: in $VISUAL or $EDITOR, in memory only.
    Edit(edit::Args),
    /// Take a secret from elsewhere into the repository: from sops, agenix, a command or a file.
    Import(import::Args),
    /// Print a secret, wherever it comes from.
    Show(show::Args),
    /// Make what recipes make and nobody gives; with a NAME that alone, anew.
    Generate(generate::Args),
    /// Replace a secret; the one before stays accepted on the host for as long as its contract says (`rotate.grace`).
    Rotate(new::Rotate),
    /// Encrypt secrets to those who are to read them now: after a host or an admin came or went.
    Rekey(rekey::Args),
}

/// Which secret of which host. One that is shared is addressed by any host that needs it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Which {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    pub(super) host: String,
    /// The secret: `infra contract HOST` shows them.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
}

pub(super) async fn run(global: &Global, verb: &Secret) -> Exit {
    match verb {
        Secret::List(selection) => list::run(global, selection).await,
        Secret::New(args) => new::run(global, args).await,
        Secret::Rotate(args) => new::rotate(global, args).await,
        Secret::Edit(args) => edit::run(global, args).await,
        Secret::Import(args) => import::run(global, args).await,
        Secret::Show(args) => show::run(global, args).await,
        Secret::Generate(args) => generate::run(global, args).await,
        Secret::Rekey(args) => rekey::run(global, args).await,
    }
}

/// What every verb needs: the repository, what evaluates it, and the contracts of the whole fleet.
pub(super) struct Room {
    pub(super) workspace: Workspace,
    pub(super) evaluator: Evaluator,
}

impl Room {
    pub(super) fn open(global: &Global) -> Result<Self, Vec<Diagnostic>> {
        let workspace = Workspace::open(global).map_err(one)?;
        let evaluator = super::evaluator(global, &workspace).map_err(one)?;
        Ok(Self {
            workspace,
            evaluator,
        })
    }

    pub(super) async fn vault(&self) -> Result<Vault<'_>, Vec<Diagnostic>> {
        Vault::open(&self.workspace, &self.evaluator, &Stop::never()).await
    }
}

/// A secret that a contract asks for.
pub(super) struct Meant {
    pub(super) host: HostSpec,
    pub(super) name: NeedName,
    pub(super) need: SecretNeed,
    pub(super) asset: Asset,
}

/// Finds the secret in the host's contract. What is wrong with that contract is told instead of "unknown".
pub(super) fn meant(vault: &Vault<'_>, which: &Which) -> Result<Meant, Vec<Diagnostic>> {
    let host = vault.workspace().host(&which.host)?;
    let name = super::need_name(&which.name).map_err(one)?;
    let Some(contract) = vault.contracts.hosts.get(&host.name) else {
        return Err(of_host(&vault.contracts.faults, &host.name));
    };
    let manifest = contract.manifest();
    let Some(need) = manifest.secrets.get(&name) else {
        let known = manifest.secrets.keys().map(NeedName::as_str);
        return Err(one(unknown_need(&host.name, name.as_str(), known)
            .with_place(infra_model::Place::file("command line"))));
    };
    Ok(Meant {
        asset: (contracts::owner(need.scope, &host.name), name.clone()),
        need: need.clone(),
        host,
        name,
    })
}

fn of_host(faults: &[Diagnostic], host: &HostName) -> Vec<Diagnostic> {
    faults
        .iter()
        .filter(|fault| fault.host.as_ref() == Some(host))
        .cloned()
        .collect()
}
