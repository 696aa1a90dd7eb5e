//! `infra secret`: the secrets that are kept in the repository.

mod edit;
mod generate;
mod import;
mod kept;
mod list;
mod new;
mod recipients;
mod rekey;
mod rollback;
mod show;
mod writing;

use super::{answer, one, warn};
use crate::args::{Global, Selection};
use crate::complete;
use crate::contracts;
use crate::vault::{Asset, Vault};
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, SecretDone};
use infra_model::contract::{Format, NeedScope, SecretNeed, ValueNeed, place_of};
use infra_model::recipe::Owner;
use infra_model::{Code, Diagnostic, HostName, HostSpec, NeedName, Place};
use infra_plan::fill::{Secret as Kept, unknown_need};
use std::fmt::Write as _;

/// Verbs of `secret`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Secret {
    /// List secrets: where each is kept, who can read it, and whether anything is wrong with it. Needs no key.
    List(Selection),
    /// Say who can read each secret, who should, and who no longer should. Needs no key.
    Recipients(recipients::Args),
    /// Write a secret, encrypted to the hosts that need it and to the admins.
    New(new::Args),
    /// Edit a secret: in $VISUAL or $EDITOR, in memory only.
    Edit(edit::Args),
    /// Take a secret from elsewhere into the repository: from sops, agenix, a command or a file.
    Import(import::Args),
    /// Print a secret, wherever it comes from.
    Show(show::Args),
    /// Make what recipes make: what nobody gives, and what is to be made anew; with a NAME that alone, anew.
    Generate(generate::Args),
    /// Replace a secret; the one before stays accepted on the host for as long as its contract says (`rotate.grace`).
    Rotate(new::Rotate),
    /// Encrypt secrets to those who are to read them now: after a host or an admin came or went.
    Rekey(rekey::Args),
    /// Put an earlier generation of its secrets in place on a host, and restart what consumes what changes.
    Rollback(rollback::Args),
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
        Secret::Recipients(args) => recipients::run(global, args).await,
        Secret::New(args) => new::run(global, args).await,
        Secret::Rotate(args) => new::rotate(global, args).await,
        Secret::Edit(args) => edit::run(global, args).await,
        Secret::Import(args) => import::run(global, args).await,
        Secret::Show(args) => show::run(global, args).await,
        Secret::Generate(args) => generate::run(global, args).await,
        Secret::Rekey(args) => rekey::run(global, args).await,
        Secret::Rollback(args) => rollback::run(global, args).await,
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

/// Something that a contract asks for and the store keeps: a secret, or a value that is private.
pub(super) enum Need {
    Secret(Box<SecretNeed>),
    Value(Box<ValueNeed>),
}

/// What was meant on the command line.
pub(super) struct Meant {
    pub(super) host: HostSpec,
    pub(super) name: NeedName,
    pub(super) need: Need,
    pub(super) asset: Asset,
}

impl Meant {
    /// Whose it is; `None`: hosts share it.
    pub(super) fn whose(&self) -> Option<HostName> {
        match &self.asset.0 {
            Owner::Shared => None,
            Owner::Host(host) => Some(host.clone()),
        }
    }

    /// The recipe that makes it.
    pub(super) fn recipe(&self) -> Option<&NeedName> {
        match &self.need {
            Need::Secret(need) => need.recipe.as_ref(),
            Need::Value(need) => need.recipe.as_ref(),
        }
    }

    /// How long the one before stays accepted.
    pub(super) fn grace(&self) -> Option<String> {
        match &self.need {
            Need::Secret(need) => need.rotate.grace.clone(),
            Need::Value(_) => None,
        }
    }

    pub(super) fn is_text(&self) -> bool {
        !matches!(&self.need, Need::Secret(need) if need.format == Format::Binary)
    }

    /// Whether it is one line by its nature, so that a line end after it belongs to whatever wrote it.
    pub(super) fn is_line(&self) -> bool {
        match &self.need {
            Need::Secret(need) => matches!(need.format, Format::Text | Format::PasswordHash),
            Need::Value(_) => true,
        }
    }

    pub(super) fn scope(&self) -> NeedScope {
        match &self.need {
            Need::Secret(need) => need.scope,
            Need::Value(need) => need.scope,
        }
    }

    /// Where the contract asks for it.
    pub(super) fn place(&self) -> Place {
        let declared = match &self.need {
            Need::Secret(need) => &need.declared,
            Need::Value(need) => &need.declared,
        };
        place_of(declared, &self.host.name)
    }

    /// Where it is kept now, if anybody has it.
    pub(super) fn kept(&self, vault: &Vault<'_>) -> Option<Kept> {
        let filling = &vault.contracts.hosts.get(&self.host.name)?.filling;
        let filled = match self.need {
            Need::Secret(_) => filling.secrets.get(&self.name),
            Need::Value(_) => filling.private.get(&self.name),
        };
        filled
            .map(|filled| filled.with.clone())
            .filter(|kept| !matches!(kept, Kept::Recipe(_)))
    }

    pub(super) fn without_recipe(&self) -> Diagnostic {
        Diagnostic::new(
            Code::Usage,
            format!("no recipe makes `{}` of {}", self.name, self.host.name),
        )
        .with_place(self.place())
        .with_fix(format!(
            "write it yourself: infra secret new {} {}; or name a `recipe` in its contract",
            self.host.name, self.name
        ))
    }
}

/// Finds what is meant in the host's contract. What is wrong with that contract is told instead of "unknown".
pub(super) fn meant(vault: &Vault<'_>, which: &Which) -> Result<Meant, Vec<Diagnostic>> {
    let host = vault.workspace().host(&which.host)?;
    let name = super::set::need_name(&which.name).map_err(one)?;
    let Some(contract) = vault.contracts.hosts.get(&host.name) else {
        return Err(of_host(&vault.contracts.faults, &host.name));
    };
    let manifest = contract.manifest();
    let private = || manifest.values.get(&name).filter(|need| need.private);
    let (need, scope) = if let Some(need) = manifest.secrets.get(&name) {
        (Need::Secret(Box::new(need.clone())), need.scope)
    } else if let Some(need) = private() {
        (Need::Value(Box::new(need.clone())), need.scope)
    } else {
        let known = manifest.secrets.keys().map(NeedName::as_str);
        let place = Place::file("command line");
        return Err(one(
            unknown_need(&host.name, name.as_str(), known).with_place(place)
        ));
    };
    Ok(Meant {
        asset: (contracts::owner(scope, &host.name), name.clone()),
        need,
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

/// Says what was done.
pub(super) fn done(global: &Global, all: Vec<SecretDone>, warnings: Vec<Diagnostic>) -> Exit {
    warn(global, &warnings);
    let mut text = String::new();
    for one in &all {
        let _ = writeln!(text, "{:<9}  {}", one.change.as_str(), one.file);
    }
    if all.is_empty() {
        text.push_str("nothing to do\n");
    }
    let told = Answer::new("secret", all, Vec::new()).with_warnings(warnings);
    answer(global, &told, &text);
    Exit::Ok
}
