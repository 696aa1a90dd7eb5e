//! The repository a command works on, and the hosts it is about.

use crate::args::{Global, Selection};
use infra_drive::evaluator::{Evaluations, Evaluator};
use infra_drive::repo::{Contents, Repo};
use infra_drive::ssh::{Jump, Target};
use infra_drive::state::State;
use infra_drive::table::cache_dir;
use infra_model::{Code, Diagnostic, HostName, HostSpec, Place, Selector};
use std::path::Path;
use std::time::Duration;

/// A repository, read once.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) repo: Repo,
    pub(crate) contents: Contents,
}

/// What a selection came to.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// The hosts to work on.
    pub(crate) hosts: Vec<HostSpec>,
    /// Hosts that were matched, but not named, and that this version cannot build or deploy.
    pub(crate) passed_over: Vec<HostSpec>,
}

impl Workspace {
    /// Finds and reads the repository.
    pub(crate) fn open(global: &Global) -> Result<Self, Diagnostic> {
        let start = global.directory.as_deref().unwrap_or(Path::new("."));
        Ok(Self::read(Repo::find(start)?))
    }

    /// Reads a repository that was found.
    pub(crate) fn read(repo: Repo) -> Self {
        let contents = repo.read();
        Self { repo, contents }
    }

    /// What evaluates the repository's hosts; with warnings that stop nothing.
    pub(crate) fn evaluator(
        &self,
        global: &Global,
    ) -> Result<(Evaluator, Vec<Diagnostic>), Diagnostic> {
        Evaluator::open(
            &cache_dir(),
            &self.repo,
            &self.contents.settings,
            Evaluations {
                use_table: !global.no_cache,
                memory_mib: global.memory,
                timeout: Duration::from_secs(global.timeout),
            },
        )
    }

    /// The state folder of this repository.
    pub(crate) fn state(&self) -> State {
        State::of(self.repo.root())
    }

    /// Hosts for a command that only looks: all of them, if none are selected.
    pub(crate) fn select_to_look(
        &self,
        selection: &Selection,
    ) -> Result<Vec<HostSpec>, Vec<Diagnostic>> {
        if selection.selectors.is_empty() {
            return Ok(self.contents.fleet.hosts().to_vec());
        }
        self.select(selection)
    }

    /// Hosts for a command that does something with their systems. Everything in the repository must be readable, hosts must be selected
    /// on purpose, and hosts named outright must be of a class that can be deployed.
    pub(crate) fn select_to_act(&self, selection: &Selection) -> Result<Selected, Vec<Diagnostic>> {
        let hosts = self.select_strictly(selection)?;
        let selector = Selector::parse(&selection.selectors).ok();
        let (deployable, others): (Vec<_>, Vec<_>) = hosts
            .into_iter()
            .partition(|host| host.class.is_deployable());
        let named: Vec<Diagnostic> = others
            .iter()
            .filter(|host| selector.as_ref().is_some_and(|s| s.names(&host.name)))
            .map(unsupported_class)
            .collect();
        if !named.is_empty() {
            return Err(named);
        }
        Ok(Selected {
            hosts: deployable,
            passed_over: others,
        })
    }

    /// Hosts for a command that talks to them, of whatever class.
    pub(crate) fn select_strictly(
        &self,
        selection: &Selection,
    ) -> Result<Vec<HostSpec>, Vec<Diagnostic>> {
        if !self.contents.faults.is_empty() {
            return Err(self.contents.faults.clone());
        }
        if selection.all {
            return Ok(self.contents.fleet.hosts().to_vec());
        }
        if selection.selectors.is_empty() {
            return Err(vec![
                Diagnostic::new(Code::NothingSelected, "no hosts are selected")
                    .with_place(Place::file("command line"))
                    .with_fix("name hosts (infra list shows them), or say --all"),
            ]);
        }
        self.select(selection)
    }

    fn select(&self, selection: &Selection) -> Result<Vec<HostSpec>, Vec<Diagnostic>> {
        let selector = Selector::parse(&selection.selectors).map_err(|fault| vec![fault])?;
        let hosts: Vec<HostSpec> = selector
            .select(&self.contents.fleet)?
            .into_iter()
            .cloned()
            .collect();
        if hosts.is_empty() {
            return Err(vec![
                Diagnostic::new(
                    Code::NothingSelected,
                    format!("`{}` selects no host", selection.selectors.join(" ")),
                )
                .with_place(Place::file("command line"))
                .with_fix("infra list shows all hosts with their tags and classes"),
            ]);
        }
        Ok(hosts)
    }

    /// One host by name.
    pub(crate) fn host(&self, name: &str) -> Result<HostSpec, Vec<Diagnostic>> {
        let selection = Selection {
            selectors: vec![name.to_owned()],
            all: false,
        };
        let mut hosts = self.select_strictly(&selection)?;
        match (hosts.pop(), hosts.is_empty()) {
            (Some(host), true) => Ok(host),
            _ => Err(vec![
                Diagnostic::new(Code::Usage, format!("`{name}` is more than one host"))
                    .with_place(Place::file("command line"))
                    .with_fix("name one host; `infra exec` runs a command on many"),
            ]),
        }
    }

    /// How to reach a host, with its pinned keys, through its jump host if it has one.
    pub(crate) fn target(&self, host: &HostSpec) -> Result<Target, Diagnostic> {
        let keys = self.repo.host_keys(&host.name)?;
        let jump = match &host.jump {
            None => None,
            Some(jump) => Some(self.jump(jump)?),
        };
        Ok(Target::new(host, keys, jump))
    }

    fn jump(&self, jump: &str) -> Result<Jump, Diagnostic> {
        let own = HostName::parse(jump)
            .ok()
            .and_then(|name| self.contents.fleet.get(&name));
        match own {
            // One jump is followed; a chain of them belongs into the user's own ssh configuration.
            Some(host) => {
                let keys = self.repo.host_keys(&host.name)?;
                Ok(Jump::Host(Box::new(Target::new(host, keys, None))))
            }
            None => Ok(Jump::Other(jump.to_owned())),
        }
    }
}

fn unsupported_class(host: &HostSpec) -> Diagnostic {
    Diagnostic::new(
        Code::UnsupportedClass,
        format!(
            "hosts of class `{}` cannot be built or deployed by this version",
            host.class
        ),
    )
    .with_place(Place::file(format!("hosts/{}/host.toml", host.name)))
    .with_fix("select hosts of class nixos: 'class:nixos'")
    .with_host(&host.name)
}
