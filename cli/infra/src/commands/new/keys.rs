//! The keys of a new host: made here, or those it has already.

use super::super::one;
use crate::opener;
use crate::workspace::Workspace;
use infra_drive::recipe;
use infra_drive::repo::public_key;
use infra_drive::scaffold::NewFile;
use infra_drive::secret::item::{Item, Scope};
use infra_drive::secret::sidecar::Notes;
use infra_drive::secret::store::{Content, Store};
use infra_drive::secret::{Recipient, Secret, own};
use infra_model::{Code, Diagnostic, HostName, Place};
use std::path::Path;

/// The SSH host key in the age store, beside the host's own secrets. No contract names it.
pub(crate) const SSH_KEY: &str = "ssh-host-key";
/// The age identity, likewise.
pub(crate) const AGE_KEY: &str = "age-identity";

/// The keys of one host.
pub(super) enum Keys {
    /// None yet.
    None,
    /// It has one, and this is the public half.
    Known(String),
    /// Made for it.
    Made(Box<Made>),
}

/// Keys that were made, and to whom the private halves are encrypted.
pub(super) struct Made {
    keys: recipe::HostKeys,
    admins: Vec<Recipient>,
}

impl Keys {
    /// Makes them; everything that could be in the way is found out now.
    pub(super) fn make(workspace: &Workspace, host: &HostName) -> Result<Self, Vec<Diagnostic>> {
        let admins = admins(workspace)?;
        let store = Store::of_repo(workspace.repo.root());
        for item in items(host).map_err(one)? {
            if store.look(&item).map_err(one)?.is_some() {
                return Err(one(Diagnostic::new(
                    Code::Usage,
                    format!("there is a {} already, and no host {host}", item.file()),
                )
                .with_place(Place::file(item.file()))
                .with_fix("if nobody uses that key any more, remove the file and its .toml; else give the host's public key: --host-key FILE")));
            }
        }
        let keys = recipe::host_keys(host).map_err(one)?;
        Ok(Self::Made(Box::new(Made { keys, admins })))
    }

    /// Reads the public key of a host that exists.
    pub(super) fn of_file(file: &Path) -> Result<Self, Diagnostic> {
        let shown = file.display().to_string();
        let fault = |cause: String| {
            Diagnostic::new(Code::UnusableKey, format!("{shown} is no SSH host key"))
                .with_cause(cause)
                .with_place(Place::file(&shown))
                .with_fix("give the host's /etc/ssh/ssh_host_ed25519_key.pub, or what ssh-keyscan -t ed25519 ADDRESS prints")
        };
        let text = std::fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
        if text.contains("PRIVATE KEY-----") {
            return Err(fault(
                "it is a private key; only the public half belongs into the repository".to_owned(),
            ));
        }
        let keys: Vec<String> = text.lines().filter_map(public_key).collect();
        let Some(key) = keys.iter().find(|key| key.starts_with("ssh-ed25519 ")) else {
            return Err(fault("there is no ssh-ed25519 public key in it".to_owned()));
        };
        Recipient::parse(key, Some(Place::file(&shown)))
            .map_err(|wrong| fault(wrong.cause.unwrap_or(wrong.title)))?;
        Ok(Self::Known(key.clone()))
    }

    /// The public halves, as files of the host's folder.
    pub(super) fn files(&self) -> Vec<NewFile> {
        let line = |path: &str, key: &str| NewFile::text(path, format!("{key}\n"));
        match self {
            Self::None => Vec::new(),
            Self::Known(key) => vec![line("host.pub", key)],
            Self::Made(made) => vec![
                line("host.pub", &made.keys.ssh_public),
                line("age.pub", &made.keys.age_public),
            ],
        }
    }

    /// The SSH host key and the age recipient, as far as they are known.
    pub(super) fn public(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::None => (None, None),
            Self::Known(key) => (Some(key.clone()), None),
            Self::Made(made) => (
                Some(made.keys.ssh_public.clone()),
                Some(made.keys.age_public.clone()),
            ),
        }
    }
}

/// Private halves that were written; they are removed again unless the host came to be.
pub(super) struct Kept<'a> {
    store: Store,
    root: &'a Path,
    host: &'a HostName,
    items: Vec<Item>,
    done: bool,
}

impl<'a> Kept<'a> {
    /// Encrypts the private halves into the age store.
    pub(super) fn write(
        root: &'a Path,
        host: &'a HostName,
        keys: &mut Keys,
    ) -> Result<Self, Diagnostic> {
        let mut kept = Self {
            store: Store::of_repo(root),
            root,
            host,
            items: Vec::new(),
            done: false,
        };
        let Keys::Made(made) = keys else {
            return Ok(kept);
        };
        let person = opener::person();
        let private = [&mut made.keys.ssh, &mut made.keys.age];
        for (item, bytes) in items(host)?.into_iter().zip(private) {
            let secret = Secret::new(std::mem::take(&mut **bytes), item.name().as_str())?;
            let content = Content {
                secret: &secret,
                recipients: &made.admins,
                person: &person,
                notes: &Notes::default(),
            };
            // Before it is written: what is half there is removed as well.
            kept.items.push(item.clone());
            kept.store.write(&item, content)?;
        }
        Ok(kept)
    }

    /// The host is there: they stay. Says which files they are.
    pub(super) fn keep(mut self) -> Vec<String> {
        self.done = true;
        let files = self.items.iter().map(|item| [item.file(), item.sidecar()]);
        files.flatten().collect()
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if self.done || self.items.is_empty() {
            return;
        }
        for item in &self.items {
            let _ = self.store.remove(item);
        }
        // Folders that somebody else has something in stay: they are not empty.
        let secrets = self.root.join("secrets");
        let hosts = secrets.join("hosts");
        for folder in [&hosts.join(self.host.as_str()), &hosts, &secrets] {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn items(host: &HostName) -> Result<Vec<Item>, Diagnostic> {
    [SSH_KEY, AGE_KEY]
        .iter()
        .map(|name| Item::parse(Scope::Host(host.clone()), name))
        .collect()
}

/// To whom private halves are encrypted.
fn admins(workspace: &Workspace) -> Result<Vec<Recipient>, Vec<Diagnostic>> {
    let place = || Place::file("infra.toml");
    let said = &workspace.contents.settings.admins;
    let mut admins = Vec::new();
    let mut faults = Vec::new();
    for text in said {
        match Recipient::parse(text, Some(place())) {
            Ok(admin) => admins.push(admin),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if !admins.is_empty() {
        return Ok(admins);
    }
    // A fix that can be pasted, if there is a key; whatever is wrong with keys at hand is no matter here.
    let own = own::public_keys().unwrap_or_default();
    let fix = own.first().map_or_else(
        || "make a key (ssh-keygen -t ed25519) and add its public half to infra.toml: admins = [\"ssh-ed25519 …\"]".to_owned(),
        |key| format!("add yours to infra.toml: admins = [\"{key}\"]"),
    );
    Err(one(Diagnostic::new(
        Code::InvalidRecipient,
        "there is nobody to encrypt the host's keys to",
    )
    .with_cause("infra.toml names no admins")
    .with_place(place())
    .with_fix(format!(
        "{fix}; or give the host no keys: --no-keys"
    ))))
}
