//! Opens secrets, wherever they are kept, with the keys of whoever runs infra.

use crate::contracts;
use crate::person::Terminal;
use crate::vault;
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_drive::repo::Repo;
use infra_drive::secret::command::{Asked, StoreCommand};
use infra_drive::secret::item::Item;
use infra_drive::secret::sops::{self, KeyPath, Opened};
use infra_drive::secret::store::Store;
use infra_drive::secret::{Identities, Nobody, Person, Secret, agenix};
use infra_model::contract::NeedScope;
use infra_model::fill::Reference;
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use infra_plan::fill::Secret as Kept;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Opens secrets. Keys are read when the first secret needs one, and files that hold many secrets are opened once.
pub(crate) struct Opener<'a> {
    workspace: &'a Workspace,
    person: Arc<dyn Person>,
    identities: Option<Identities>,
    sops: BTreeMap<String, Opened>,
    stop: Stop,
}

/// Whose secret is opened, and what it looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The host.
    pub(crate) host: &'a HostName,
    /// The need.
    pub(crate) name: &'a NeedName,
    /// Whether it is text, so that one line end at the end of what a program prints is the program's.
    pub(crate) text: bool,
}

impl Wanted<'_> {
    /// Where it is in the age store.
    pub(crate) fn item(&self, scope: NeedScope) -> Item {
        vault::item(&(contracts::owner(scope, self.host), self.name.clone()))
    }
}

/// Whoever can be asked for passphrases: the person at the terminal, if there is one.
pub(crate) fn person() -> Arc<dyn Person> {
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        Arc::new(Terminal)
    } else {
        Arc::new(Nobody)
    }
}

impl<'a> Opener<'a> {
    /// Nothing is read yet.
    pub(crate) fn new(workspace: &'a Workspace, stop: Stop) -> Self {
        Self {
            workspace,
            person: person(),
            identities: None,
            sops: BTreeMap::new(),
            stop,
        }
    }

    /// The keys of whoever runs infra.
    pub(crate) fn identities(&mut self) -> Result<&Identities, Diagnostic> {
        if self.identities.is_none() {
            let places = infra_drive::secret::identity::Places::of_environment();
            self.identities = Some(Identities::load(&places, Arc::clone(&self.person))?);
        }
        self.identities.as_ref().ok_or_else(|| {
            Diagnostic::new(Code::Internal, "keys that were just read are not there")
                .with_fix("this is a bug: please report it")
        })
    }

    /// Opens one secret. What a recipe is to make is not there to be opened.
    pub(crate) async fn open(
        &mut self,
        wanted: Wanted<'_>,
        kept: &Kept,
    ) -> Result<Secret, Diagnostic> {
        let opened = match kept {
            Kept::File(file) => read_file(file, wanted),
            Kept::Variable(variable) => read_variable(variable, wanted),
            Kept::Reference(reference) => self.refer(wanted, reference).await,
            Kept::Store(scope) => self.stored(wanted, *scope),
            Kept::Recipe(recipe) => Err(Diagnostic::new(
                Code::SecretMissing,
                format!("`{}` of {} was not made yet", wanted.name, wanted.host),
            )
            .with_cause(format!("the recipe {recipe} makes it"))
            .with_fix(format!(
                "infra secret generate {} {}",
                wanted.host, wanted.name
            ))),
        };
        opened.map_err(|fault| fault.with_host(wanted.host))
    }

    fn stored(&mut self, wanted: Wanted<'_>, scope: NeedScope) -> Result<Secret, Diagnostic> {
        let item = wanted.item(scope);
        let store = Store::of_repo(self.workspace.repo.root());
        store.read(&item, self.identities()?)?.ok_or_else(|| {
            Diagnostic::new(Code::SecretMissing, format!("{} is gone", item.file()))
                .with_place(Place::file(item.file()))
                .with_fix("put it back, or make it anew: infra secret new")
        })
    }

    async fn refer(
        &mut self,
        wanted: Wanted<'_>,
        reference: &Reference,
    ) -> Result<Secret, Diagnostic> {
        match reference {
            Reference::Agenix { file } => {
                let path = self.inside(file)?;
                agenix::read(&path, file, self.identities()?)
            }
            Reference::Sops { file, key } => {
                if !self.sops.contains_key(file) {
                    let path = self.inside(file)?;
                    let opened = sops::open(&path, file, self.identities()?)?;
                    self.sops.insert(file.clone(), opened);
                }
                let Some(opened) = self.sops.get(file) else {
                    return Err(Diagnostic::new(
                        Code::Internal,
                        "an opened file is not there",
                    ));
                };
                if key.is_empty() {
                    opened.whole()
                } else {
                    opened.get(&KeyPath::parse(key)?)
                }
            }
            Reference::Command { store, path } => {
                let command = self.command(store)?;
                let asked = Asked {
                    name: wanted.name.as_str(),
                    path,
                    text: wanted.text,
                };
                command.read(asked, self.stop.clone()).await
            }
        }
    }

    fn command(&self, store: &str) -> Result<StoreCommand, Diagnostic> {
        let stores = &self.workspace.contents.settings.stores;
        stores
            .get(store)
            .map(|spec| StoreCommand {
                name: store.to_owned(),
                command: spec.command.clone(),
                timeout: spec.timeout,
            })
            .ok_or_else(|| {
                let near = infra_model::suggest::nearest(store, stores.keys().map(String::as_str));
                let fix = near.map_or_else(
                    || format!("add to infra.toml: [stores.{store}] with command = [\"pass\", \"show\", \"{{path}}\"]"),
                    |near| format!("did you mean `{near}`?"),
                );
                Diagnostic::new(
                    Code::SecretMissing,
                    format!("a context names the store `{store}`, and infra.toml has none of that name"),
                )
                .with_place(Place::file("infra.toml"))
                .with_fix(fix)
            })
    }

    fn inside(&self, file: &str) -> Result<PathBuf, Diagnostic> {
        inside(&self.workspace.repo, file)
    }
}

/// A file of the repository. A context must not name what lies outside of it.
pub(crate) fn inside(repo: &Repo, file: &str) -> Result<PathBuf, Diagnostic> {
    let path = Path::new(file);
    let mut parts = path.components();
    if parts.all(|part| matches!(part, Component::Normal(_))) && repo.may_read(path) {
        return Ok(repo.root().join(path));
    }
    Err(Diagnostic::new(
        Code::MisplacedNeed,
        format!("`{file}` is not a file of the repository"),
    )
    .with_place(Place::file("context"))
    .with_fix("name it from the root of the repository, without `..`"))
}

fn read_file(file: &str, wanted: Wanted<'_>) -> Result<Secret, Diagnostic> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Diagnostic::new(
            Code::SecretUnreadable,
            format!("the file of `{}` cannot be read: {file}", wanted.name),
        )
        .with_cause(error.to_string())
        .with_place(Place::file("command line"))
        .with_fix("give --secret-file a file that is there and that you may read")
    };
    let open = std::fs::File::open(file).map_err(|error| unreadable(&error))?;
    Secret::read(open, file).map_err(|fault| match fault {
        infra_drive::secret::ReadFault::Io(error) => unreadable(&error),
        infra_drive::secret::ReadFault::TooLarge(fault) => *fault,
    })
}

fn read_variable(variable: &str, wanted: Wanted<'_>) -> Result<Secret, Diagnostic> {
    use std::os::unix::ffi::OsStringExt as _;
    let content = std::env::var_os(variable).unwrap_or_default().into_vec();
    Secret::new(content, &format!("`{}` in ${variable}", wanted.name))
}
