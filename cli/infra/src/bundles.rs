//! What a host gets of secrets and templates: named without opening more than need be, and sealed once it is to be sent.

use crate::contracts::Contract;
use crate::opener::{self, Opener, Wanted};
use crate::workspace::Workspace;
use infra_drive::agent;
use infra_drive::secret::keyed::{self, Fingerprints};
use infra_drive::secret::store::Store;
use infra_drive::state;
use infra_model::bundle::{Bundle, Mode, Phase, Plain, Secret, Template};
use infra_model::contract::{self, Format, SecretNeed};
use infra_model::fill::Reference;
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use infra_plan::Secrets;
use infra_plan::fill::{Filled, Secret as Kept};
use std::collections::BTreeMap;

/// Makes the bundles of hosts.
pub(crate) struct Bundler<'a> {
    workspace: &'a Workspace,
    opener: Opener<'a>,
    fingerprints: Option<Fingerprints>,
    /// By host: which content each of its secrets has.
    told: BTreeMap<HostName, BTreeMap<String, Option<String>>>,
}

/// How it is said that a recipe is still to make a secret, instead of which content it has.
const TO_BE_MADE: &str = "to be made by ";

impl<'a> Bundler<'a> {
    /// Nothing is read yet.
    pub(crate) fn new(workspace: &'a Workspace, opener: Opener<'a>) -> Self {
        Self {
            workspace,
            opener,
            fingerprints: None,
            told: BTreeMap::new(),
        }
    }

    /// What the secrets of a host are called together, and one by one.
    pub(crate) async fn wanted(
        &mut self,
        host: &HostName,
        contract: &Contract,
    ) -> Result<Secrets, Diagnostic> {
        let draft = self.draft(host, contract).await?;
        let known = |one: &Secret| {
            let print = Some(one.fingerprint.clone());
            (
                one.name.clone(),
                print.filter(|print| !print.starts_with(TO_BE_MADE)),
            )
        };
        let told = draft.secrets.iter().map(known).collect();
        self.told.insert(host.clone(), told);
        Ok(Secrets {
            digest: digest(&draft)?,
            names: draft.secrets.iter().map(|one| one.name.clone()).collect(),
        })
    }

    /// Which content each secret of a host has, for which [`Bundler::wanted`] was asked; `None`: it is still to be made.
    pub(crate) fn told(&self, host: &HostName) -> BTreeMap<String, Option<String>> {
        self.told.get(host).cloned().unwrap_or_default()
    }

    /// The secrets of a host, opened and sealed to its key.
    pub(crate) async fn seal(
        &mut self,
        host: &HostName,
        contract: &Contract,
        run: &str,
    ) -> Result<Vec<u8>, Diagnostic> {
        let mut bundle = self.draft(host, contract).await?;
        let name = digest(&bundle)?;
        for secret in &mut bundle.secrets {
            let Some((need_name, need, filled)) =
                sent(contract).find(|(name, ..)| name.as_str() == secret.name)
            else {
                continue;
            };
            let wanted = wanted(host, need_name, need);
            let opened = self.opener.open(wanted, &filled.with).await?;
            secret.content = Plain::new(opened.expose().to_vec());
        }
        run.clone_into(&mut bundle.run);
        let keys = self.workspace.repo.host_keys(host)?;
        agent::seal(&bundle.named(name), &keys)
    }

    /// Everything but the contents.
    async fn draft(&mut self, host: &HostName, contract: &Contract) -> Result<Bundle, Diagnostic> {
        let mut secrets = Vec::new();
        for (name, need, filled) in sent(contract) {
            let fingerprint = self
                .fingerprint(wanted(host, name, need), need, filled)
                .await
                .map_err(|fault| fault.with_host(host))?;
            secrets.push(secret(host, (name, need), fingerprint)?);
        }
        let manifest = contract.manifest();
        let mut templates = Vec::new();
        for (name, template) in &manifest.templates {
            let open = template.needs.iter().any(|need| {
                manifest.secrets.contains_key(need) && !contract.filling.secrets.contains_key(need)
            });
            // A template of a secret that the host can do without, and has not: Nix leaves it out as well.
            if !open {
                templates.push(of_template(host, contract, (name, template))?);
            }
        }
        Ok(Bundle::new(host.clone(), String::new(), secrets, templates))
    }

    /// Which content it is, from what is written down about it if anything is.
    async fn fingerprint(
        &mut self,
        wanted: Wanted<'_>,
        need: &SecretNeed,
        filled: &Filled<Kept>,
    ) -> Result<String, Diagnostic> {
        if let Some(written) = self.written(wanted, need, filled)? {
            return Ok(written);
        }
        // Only in a dry run: else it has been made by now.
        if let Kept::Recipe(recipe) = &filled.with {
            return Ok(format!("{TO_BE_MADE}{recipe}"));
        }
        let opened = self.opener.open(wanted, &filled.with).await?;
        if self.fingerprints.is_none() {
            self.fingerprints = Some(Fingerprints::of_machine(&state::folder())?);
        }
        Ok(self
            .fingerprints
            .as_ref()
            .map_or_else(String::new, |all| all.of(&opened)))
    }

    /// Which content a secret has, where that is written down in the repository: nothing is opened for it.
    fn written(
        &self,
        wanted: Wanted<'_>,
        need: &SecretNeed,
        filled: &Filled<Kept>,
    ) -> Result<Option<String>, Diagnostic> {
        let print = match &filled.with {
            Kept::Store(_) => {
                let item = wanted.item(need.scope);
                let stored = Store::of_repo(self.workspace.repo.root()).look(&item)?;
                match stored.and_then(|stored| stored.sidecar) {
                    Some(sidecar) => sidecar.fingerprint,
                    None => self.of_file(&item.file(), "")?,
                }
            }
            Kept::Reference(Reference::Agenix { file }) => self.of_file(file, "")?,
            Kept::Reference(Reference::Sops { file, key }) => self.of_file(file, key)?,
            Kept::Reference(Reference::Command { .. })
            | Kept::File(_)
            | Kept::Variable(_)
            | Kept::Recipe(_) => return Ok(None),
        };
        Ok(Some(print))
    }

    /// Which content each secret of a host has, as far as that is written down in the repository. Needs no key and starts nothing.
    pub(crate) fn all_written(
        &self,
        host: &HostName,
        contract: &Contract,
    ) -> BTreeMap<String, Option<String>> {
        sent(contract)
            .map(|(name, need, filled)| {
                // What cannot be read is as unknown as what is not written down.
                let written = self.written(wanted(host, name, need), need, filled);
                (name.to_string(), written.ok().flatten())
            })
            .collect()
    }

    /// An encrypted file that changes when its content does; that it also changes without it costs one bundle, and no restart.
    fn of_file(&self, file: &str, part: &str) -> Result<String, Diagnostic> {
        let path = opener::inside(&self.workspace.repo, file)?;
        let mut bytes = std::fs::read(path).map_err(|error| {
            Diagnostic::new(Code::SecretUnreadable, format!("{file} cannot be read"))
                .with_cause(error.to_string())
                .with_place(Place::file(file))
                .with_fix("put the file back, or fill the secret another way: infra secret new")
        })?;
        bytes.extend(part.as_bytes());
        Ok(keyed::of_public(&bytes))
    }
}

/// The secrets that are sent to the host, with what fills each.
fn sent(contract: &Contract) -> impl Iterator<Item = (&NeedName, &SecretNeed, &Filled<Kept>)> {
    contract
        .manifest()
        .secrets
        .iter()
        .filter(|(_, need)| need.deploy)
        .filter_map(|(name, need)| Some((name, need, contract.filling.secrets.get(name)?)))
}

fn wanted<'w>(host: &'w HostName, name: &'w NeedName, need: &SecretNeed) -> Wanted<'w> {
    Wanted {
        host,
        name,
        text: need.format != Format::Binary,
    }
}

fn secret(
    host: &HostName,
    (name, need): (&NeedName, &SecretNeed),
    fingerprint: String,
) -> Result<Secret, Diagnostic> {
    let place = || contract::place_of(&need.declared, host);
    Ok(Secret {
        name: name.to_string(),
        fingerprint,
        phase: match need.phase {
            contract::Phase::Install => Phase::Install,
            contract::Phase::Initrd => Phase::Initrd,
            contract::Phase::Users => Phase::Users,
            contract::Phase::Services => Phase::Services,
        },
        owner: need.owner.clone(),
        group: need.group.clone(),
        mode: mode(&need.mode, place)?,
        units: need.units.clone(),
        restart_units: need.restart_units.clone(),
        reload_units: need.reload_units.clone(),
        grace: need
            .rotate
            .grace
            .as_deref()
            .and_then(infra_model::duration::seconds),
        content: Plain::new(Vec::new()),
    })
}

fn of_template(
    host: &HostName,
    contract: &Contract,
    (name, template): (&NeedName, &contract::Template),
) -> Result<Template, Diagnostic> {
    let values: BTreeMap<String, serde_json::Value> = template
        .needs
        .iter()
        .filter_map(|need| {
            let filled = contract.filling.values.get(need)?;
            Some((need.to_string(), filled.with.clone()))
        })
        .collect();
    Ok(Template {
        name: name.to_string(),
        path: template.path.clone(),
        source: template.source.clone(),
        owner: template.owner.clone(),
        group: template.group.clone(),
        mode: mode(&template.mode, || {
            contract::place_of(&template.declared, host)
        })?,
        units: template.units.clone(),
        restart_units: template.restart_units.clone(),
        reload_units: template.reload_units.clone(),
        values,
    })
}

fn mode(text: &str, place: impl FnOnce() -> Place) -> Result<Mode, Diagnostic> {
    Mode::parse(text).ok_or_else(|| {
        Diagnostic::new(Code::WrongType, format!("`{text}` is no mode of a file"))
            .with_place(place())
            .with_fix("write three octal digits, such as 0400")
    })
}

/// The name of everything in a bundle but the contents themselves, for which their fingerprints stand.
fn digest(draft: &Bundle) -> Result<String, Diagnostic> {
    Ok(keyed::of_public(&draft.to_json()?))
}
