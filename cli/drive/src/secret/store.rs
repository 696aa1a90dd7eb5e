//! The age store: `secrets/{shared,hosts/<host>}/<name>.age`, with a sidecar beside each.
//!
//! A secret and its sidecar change together. The new encrypted file is written under a name of its own first; then the new sidecar, which
//! says its digest, takes the place of the old one: from there on the change is made, and whoever comes next finishes it if need be. So a
//! crash at any point leaves either the old secret or the new one.

use super::folder::Folder;
use super::identity::Identities;
use super::item::{Item, Scope};
use super::person::Person;
use super::sealed::{self, FILE_LIMIT, Sealed};
use super::sidecar::{self, Notes, Sidecar};
use super::{Recipient, Secret};
use infra_model::{Code, Diagnostic, HostName, Place};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest sidecar that is read.
const SIDECAR_LIMIT: usize = 1 << 20;

/// The store of one repository.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A content to be written.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// The secret.
    pub secret: &'a Secret,
    /// To whom it is encrypted.
    pub recipients: &'a [Recipient],
    /// Whom a plugin may ask.
    pub person: &'a Arc<dyn Person>,
    /// What is written down about it.
    pub notes: &'a Notes,
}

/// A secret of the store, as far as it can be known without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Which one.
    pub item: Item,
    /// The sidecar. `None`: an age file that the user made; it can be used, and infra adopts it when it next encrypts it.
    pub sidecar: Option<Sidecar>,
}

/// What a listing found.
#[derive(Debug, Default)]
pub struct Listing {
    /// What can be used, in order.
    pub stored: Vec<Stored>,
    /// What lies there and cannot.
    pub faults: Vec<Diagnostic>,
}

/// What came of rekeying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rekeyed {
    /// It was encrypted to exactly these already; nothing was written.
    Unchanged,
    /// It was encrypted again; the content and its fingerprint are the same.
    Done(Box<Sidecar>),
}

/// The bytes of both files, which belong together.
struct Pair {
    ciphertext: Vec<u8>,
    sidecar: Option<Sidecar>,
    /// The encrypted file still has the name it was written under.
    pending: bool,
}

impl Store {
    /// The store of the repository at `root`.
    pub fn of_repo(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Everything in the store. What is damaged does not hide the rest.
    pub fn list(&self) -> Result<Listing, Diagnostic> {
        let mut listing = Listing::default();
        let Some(secrets) = self.secrets(false)? else {
            return Ok(listing);
        };
        if let Some(shared) = secrets.child("shared")? {
            list_folder(&shared, &Scope::Shared, &mut listing)?;
        }
        if let Some(hosts) = secrets.child("hosts")? {
            for name in hosts.names()? {
                if name.starts_with(['.', '_']) {
                    continue;
                }
                match HostName::parse(&name) {
                    Ok(host) => {
                        if let Some(folder) = hosts.child(&name)? {
                            list_folder(&folder, &Scope::Host(host), &mut listing)?;
                        }
                    }
                    Err(_) => listing.faults.push(no_host(&name)),
                }
            }
        }
        Ok(listing)
    }

    /// The sidecar of a secret, without any key; `None` if the secret is not there.
    pub fn look(&self, item: &Item) -> Result<Option<Stored>, Diagnostic> {
        let pair = match self.folder(item, false)? {
            Some((_lock, folder)) => read_pair(&folder, item)?,
            None => None,
        };
        Ok(pair.map(|pair| Stored {
            item: item.clone(),
            sidecar: pair.sidecar,
        }))
    }

    /// Decrypts a secret; `None` if it is not there.
    pub fn read(&self, item: &Item, identities: &Identities) -> Result<Option<Secret>, Diagnostic> {
        let pair = match self.folder(item, false)? {
            Some((_lock, folder)) => read_pair(&folder, item)?,
            None => None,
        };
        pair.map(|pair| pair.open(item, identities)).transpose()
    }

    /// Encrypts a new content, which gets a new fingerprint. What is there, damaged or not, is replaced; a grace, though, can only be
    /// granted to a content before that is what its sidecar says.
    pub fn write(&self, item: &Item, content: Content<'_>) -> Result<Sidecar, Diagnostic> {
        let Content {
            secret,
            recipients,
            person,
            notes,
        } = content;
        let ciphertext = sealed::seal(secret, recipients, person, &item.file())?;
        let (_lock, folder) = self.folder_or_new(item)?;
        let before = match &notes.grace {
            Some(_) => read_pair(&folder, item)?.and_then(|pair| pair.sidecar),
            None => None,
        };
        let sidecar =
            Sidecar::of_content(notes.clone(), before.as_ref())?.in_file(&ciphertext, recipients);
        put(&folder, item, &ciphertext, &sidecar)?;
        Ok(sidecar)
    }

    /// Encrypts the same content to other recipients. A file without a sidecar is adopted: it gets one.
    pub fn rekey(
        &self,
        item: &Item,
        recipients: &[Recipient],
        identities: &Identities,
    ) -> Result<Rekeyed, Diagnostic> {
        let Some((_lock, folder)) = self.folder(item, true)? else {
            return Err(absent(item));
        };
        let pair = read_pair(&folder, item)?.ok_or_else(|| absent(item))?;
        if let Some(sidecar) = &pair.sidecar
            && sidecar.stale(recipients).is_none()
        {
            pair.finish(&folder, item)?;
            return Ok(Rekeyed::Unchanged);
        }
        let secret = pair.open(item, identities)?;
        let ciphertext = sealed::seal(&secret, recipients, identities.person(), &item.file())?;
        let content = match pair.sidecar {
            Some(sidecar) => sidecar,
            None => Sidecar::of_content(Notes::default(), None)?,
        };
        let sidecar = content.in_file(&ciphertext, recipients);
        put(&folder, item, &ciphertext, &sidecar)?;
        Ok(Rekeyed::Done(Box::new(sidecar)))
    }

    /// Removes a secret and its sidecar; says whether there was one.
    pub fn remove(&self, item: &Item) -> Result<bool, Diagnostic> {
        let Some((_lock, folder)) = self.folder(item, true)? else {
            return Ok(false);
        };
        // The sidecar last: until then a half-removed secret is seen as such, and removing it again works.
        let mut found = folder.remove(&pending_name(item))?;
        found |= folder.remove(&file_name(item))?;
        found |= folder.remove(&sidecar_name(item))?;
        folder.sync()?;
        Ok(found)
    }

    /// The folder `secrets`, locked for reading or, `alone`, for changing; `None` if it is not there.
    fn secrets(&self, alone: bool) -> Result<Option<Folder>, Diagnostic> {
        let secrets = Folder::root(&self.root)?.child("secrets")?;
        if let Some(secrets) = &secrets {
            secrets.lock(alone)?;
        }
        Ok(secrets)
    }

    /// The locked `secrets` and the folder of an item in it, if both are there.
    fn folder(&self, item: &Item, alone: bool) -> Result<Option<(Folder, Folder)>, Diagnostic> {
        let Some(secrets) = self.secrets(alone)? else {
            return Ok(None);
        };
        let mut folder: Option<Folder> = None;
        for name in item.folders() {
            folder = folder.as_ref().unwrap_or(&secrets).child(name)?;
            if folder.is_none() {
                return Ok(None);
            }
        }
        Ok(folder.map(|folder| (secrets, folder)))
    }

    fn folder_or_new(&self, item: &Item) -> Result<(Folder, Folder), Diagnostic> {
        let secrets = Folder::root(&self.root)?.child_or_new("secrets")?;
        secrets.lock(true)?;
        let mut names = item.folders().into_iter();
        let mut folder = secrets.child_or_new(names.next().unwrap_or("shared"))?;
        for name in names {
            folder = folder.child_or_new(name)?;
        }
        Ok((secrets, folder))
    }
}

impl Pair {
    fn open(&self, item: &Item, identities: &Identities) -> Result<Secret, Diagnostic> {
        let recipients = self
            .sidecar
            .as_ref()
            .map_or(&[][..], |sidecar| &sidecar.recipients);
        let file = Sealed {
            bytes: &self.ciphertext,
            shown: &item.file(),
            recipients,
        };
        sealed::open(file, identities)
    }

    /// Finishes a change that was interrupted.
    fn finish(&self, folder: &Folder, item: &Item) -> Result<(), Diagnostic> {
        if self.pending {
            folder.rename(&pending_name(item), &file_name(item))?;
            folder.sync()?;
        }
        Ok(())
    }
}

fn file_name(item: &Item) -> String {
    format!("{}.age", item.name())
}

fn sidecar_name(item: &Item) -> String {
    format!("{}.toml", item.name())
}

/// Hidden, and no name of a need begins with a dot.
fn pending_name(item: &Item) -> String {
    format!(".{}.age.new", item.name())
}

fn put(
    folder: &Folder,
    item: &Item,
    ciphertext: &[u8],
    sidecar: &Sidecar,
) -> Result<(), Diagnostic> {
    let pending = pending_name(item);
    let sidecar_pending = format!(".{}.toml.new", item.name());
    // If an earlier change was interrupted after its sidecar, the file under the pending name is the secret: it must not be lost before the
    // sidecar is replaced.
    if let Some(pair) = read_pair(folder, item).ok().flatten() {
        pair.finish(folder, item)?;
    }
    folder.write(&pending, ciphertext)?;
    folder.write(&sidecar_pending, sidecar.to_text()?.as_bytes())?;
    folder.sync()?;
    folder.rename(&sidecar_pending, &sidecar_name(item))?;
    folder.sync()?;
    folder.rename(&pending, &file_name(item))?;
    folder.sync()
}

/// Both files of an item, checked to belong together; `None` if there is no secret.
fn read_pair(folder: &Folder, item: &Item) -> Result<Option<Pair>, Diagnostic> {
    let ciphertext = folder.read(&file_name(item), FILE_LIMIT)?;
    let sidecar = match folder.read(&sidecar_name(item), SIDECAR_LIMIT)? {
        Some(bytes) => {
            let text = String::from_utf8(bytes)
                .map_err(|_| sidecar::unreadable(&item.sidecar(), "it is not UTF-8"))?;
            Some(Sidecar::parse(&text, &item.sidecar())?)
        }
        None => None,
    };
    let Some(sidecar) = sidecar else {
        return Ok(ciphertext.map(|ciphertext| Pair {
            ciphertext,
            sidecar: None,
            pending: false,
        }));
    };
    let changed = ciphertext.is_some();
    if let Some(ciphertext) = ciphertext
        && sidecar.belongs_to(&ciphertext)
    {
        return Ok(Some(Pair {
            ciphertext,
            sidecar: Some(sidecar),
            pending: false,
        }));
    }
    match folder.read(&pending_name(item), FILE_LIMIT)? {
        Some(ciphertext) if sidecar.belongs_to(&ciphertext) => Ok(Some(Pair {
            ciphertext,
            sidecar: Some(sidecar),
            pending: true,
        })),
        _ if changed => Err(changed_outside(item)),
        _ => Err(lost(item)),
    }
}

fn list_folder(folder: &Folder, scope: &Scope, listing: &mut Listing) -> Result<(), Diagnostic> {
    let mut names: Vec<String> = folder
        .names()?
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .filter_map(|name| {
            let stem = name
                .strip_suffix(".age")
                .or_else(|| name.strip_suffix(".toml"));
            stem.map(str::to_owned)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let found = Item::parse(scope.clone(), &name)
            .and_then(|item| Ok(read_pair(folder, &item)?.map(|pair| (item, pair.sidecar))));
        match found {
            Ok(Some((item, sidecar))) => listing.stored.push(Stored { item, sidecar }),
            Ok(None) => {}
            Err(fault) => listing.faults.push(fault),
        }
    }
    Ok(())
}

fn changed_outside(item: &Item) -> Diagnostic {
    Diagnostic::new(
        Code::SecretTampered,
        format!("`{}` was changed outside of infra", item.file()),
    )
    .with_cause(format!(
        "`{}` belongs to another encrypted file: its digest differs, so what it says of recipients and fingerprint cannot be believed",
        item.sidecar()
    ))
    .with_place(Place::file(item.file()))
    .with_fix(format!(
        "if you encrypted it yourself, remove `{}` and infra takes the file as it is; else take both files from a version that was good (`git log -- {}`)",
        item.sidecar(),
        item.file()
    ))
}

fn lost(item: &Item) -> Diagnostic {
    Diagnostic::new(
        Code::SecretMissing,
        format!("`{}` is gone, but its sidecar is there", item.file()),
    )
    .with_place(Place::file(item.sidecar()))
    .with_fix(format!(
        "bring it back (`git checkout -- {}`), or remove the sidecar as well",
        item.file()
    ))
}

fn absent(item: &Item) -> Diagnostic {
    Diagnostic::new(
        Code::SecretMissing,
        format!("there is no `{}`", item.file()),
    )
    .with_place(Place::file(item.file()))
    .with_fix(format!(
        "make it with `infra set {}` or `infra fill`",
        item.name()
    ))
}

fn no_host(name: &str) -> Diagnostic {
    let shown = format!("secrets/hosts/{name}");
    Diagnostic::new(
        Code::InvalidHostName,
        format!("`{}` is not named like a host", shown.escape_debug()),
    )
    .with_place(Place::file(shown))
    .with_fix("name the folder like the host below `hosts/`, or remove it")
}
