//! A lab: some hosts and the operator's machine, up for as long as this value lives.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::config::{ConfigError, HostConfig, HostRequest, LabConfig};
use crate::controller::{self, ControllerError};
use crate::files::{self, FileError};
use crate::host::{Host, HostError};
use crate::keys;
use crate::places::{Places, PlacesError};
use crate::state::{LabDir, OwnerLock, StateError};
use crate::teardown::{self, TeardownError};

/// Why a lab did not come up. Whatever had been made of it is gone again.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// It was asked for something impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The machine lacks something.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// Its state could not be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The operator's machine could not be made.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// A host could not be made.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A dead lab could not be removed first.
    #[error("cannot clean up after an earlier lab")]
    Sweep(#[from] TeardownError),
    /// No such lab is running.
    #[error("no lab `{tag}` is running{known}")]
    Unknown {
        /// What was asked for.
        tag: String,
        /// Those there are, ready for display.
        known: String,
    },
    /// The program under test is not there.
    #[error("the `infra` program is not at {}\n  fix: build it, or point INFRA_BIN at it", .0.display())]
    NoInfra(PathBuf),
}

/// Says what a lab shall have.
#[derive(Debug, Clone, Default)]
pub struct LabBuilder {
    config: LabConfig,
}

impl LabBuilder {
    /// Adds a host; `HostKind::Systemd` or a changed [`HostConfig`].
    #[must_use]
    pub fn host(mut self, name: &str, config: impl Into<HostConfig>) -> Self {
        self.config.hosts.push((name.to_owned(), config.into()));
        self
    }

    /// Adds hosts as the command line describes them.
    #[must_use]
    pub fn requests(mut self, requests: impl IntoIterator<Item = HostRequest>) -> Self {
        let hosts = requests
            .into_iter()
            .map(|request| (request.name, request.config));
        self.config.hosts.extend(hosts);
        self
    }

    /// Puts a folder in front of the operator's `PATH`.
    #[must_use]
    pub fn bin_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.bin_dirs.push(folder.into());
        self
    }

    /// Makes the lab, all hosts at once, and waits until each can be reached by ssh. Labs whose
    /// owner has died are taken down on the way.
    pub fn up(self) -> Result<Lab, UpError> {
        self.up_at(Places::from_env())
    }

    /// The same with the machine's folders given.
    pub fn up_at(self, places: Places) -> Result<Lab, UpError> {
        self.config.check()?;
        places.check_for_hosts(self.has(|host| host.has_systemd() && !host.is_machine()))?;
        if self.has(|host| host.user.is_some()) {
            places.check_for_users()?;
        }
        if self.has(HostConfig::is_machine) {
            places.check_for_machines()?;
        }
        teardown::sweep(&places)?;
        let (dir, lock) = LabDir::create(&places.run(), &self.config)?;
        let lab = Lab {
            places,
            dir,
            config: self.config,
            owner: Some(lock),
            children: Mutex::default(),
        };
        // From here on, dropping `lab` takes down whatever has been made.
        controller::prepare(&lab.dir, &lab.config)?;
        lab.create_hosts()?;
        lab.write_known_hosts()?;
        lab.keep(controller::hold(&lab.dir, &lab.places)?);
        lab.wait_for_machines()?;
        Ok(lab)
    }

    fn has(&self, kind: impl Fn(&HostConfig) -> bool) -> bool {
        self.config.hosts.iter().any(|(_, host)| kind(host))
    }
}

/// A running lab. Dropping it, also by a panic, takes everything down.
#[derive(Debug)]
pub struct Lab {
    places: Places,
    dir: LabDir,
    config: LabConfig,
    /// None: attached to a lab that another process owns.
    owner: Option<OwnerLock>,
    /// Supervisors and the holder, to be collected once they have ended.
    children: Mutex<Vec<Child>>,
}

impl Lab {
    /// Starts to describe a lab.
    pub fn builder() -> LabBuilder {
        LabBuilder::default()
    }

    /// A lab that another process owns; it stays when this value is dropped.
    pub fn attach(places: Places, tag: &str) -> Result<Self, UpError> {
        let dir = LabDir::at(&places.run(), tag);
        let live = live_labs(&places)?;
        if !live.iter().any(|known| known == tag) {
            let known = match live.as_slice() {
                [] => String::new(),
                some => format!("; running: {}", some.join(", ")),
            };
            let tag = tag.to_owned();
            return Err(UpError::Unknown { tag, known });
        }
        Ok(Self {
            config: dir.config()?,
            places,
            dir,
            owner: None,
            children: Mutex::default(),
        })
    }

    /// Its name, unique on this machine.
    pub fn tag(&self) -> &str {
        self.dir.tag()
    }

    /// A host by name. A test that asks for one it did not make is wrong, so this panics.
    ///
    /// # Panics
    /// If the lab has no such host.
    pub fn host(&self, name: &str) -> Host<'_> {
        match self.find_host(name) {
            Some(host) => host,
            #[expect(
                clippy::panic,
                reason = "a mistake in the test itself, best met where it is made"
            )]
            None => panic!("this lab has no host `{name}`: {:?}", self.host_names()),
        }
    }

    /// A host by name, if there is one.
    pub fn find_host(&self, name: &str) -> Option<Host<'_>> {
        self.hosts().find(|host| host.name() == name)
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        (0..self.config.hosts.len()).map(|index| Host::new(self, index))
    }

    fn host_names(&self) -> Vec<&str> {
        self.hosts().map(|host| host.name()).collect()
    }

    /// A command that will run on the operator's machine; see the crate's documentation.
    pub fn controller(&self, program: impl AsRef<OsStr>) -> Command {
        let program = program.as_ref().to_owned();
        controller::command(&self.dir, &self.places, &self.config, program)
    }

    /// The program under test on the operator's machine: `INFRA_BIN`, or the one built beside the test.
    pub fn infra(&self) -> Result<Command, UpError> {
        let binary = infra_binary();
        if !binary.exists() {
            return Err(UpError::NoInfra(binary));
        }
        Ok(self.controller(binary))
    }

    /// `ssh` on the operator's machine, with the hosts' true keys known.
    pub fn ssh(&self, host: &str) -> Command {
        let mut command = self.controller("ssh");
        command.arg("-F").arg(self.ssh_config()).arg(host);
        command
    }

    /// The ssh client's configuration with the hosts' true keys, for `ssh -F` and `NIX_SSHOPTS`.
    pub fn ssh_config(&self) -> PathBuf {
        controller::trusting_ssh_config(&self.dir)
    }

    /// The operator's secret key.
    pub fn client_key(&self) -> PathBuf {
        self.dir.client_key()
    }

    /// The operator's home folder.
    pub fn home(&self) -> PathBuf {
        self.dir.controller().join("home")
    }

    /// The lab's own folder; it goes with the lab.
    pub fn folder(&self) -> &Path {
        self.dir.root()
    }

    /// The folders of the machine that it was made from.
    pub fn places(&self) -> &Places {
        &self.places
    }

    pub(crate) fn dir(&self) -> &LabDir {
        &self.dir
    }

    pub(crate) fn config(&self) -> &LabConfig {
        &self.config
    }

    /// Takes everything down and says what could not be.
    pub fn down(mut self) -> Result<(), TeardownError> {
        self.take_down()
    }

    fn take_down(&mut self) -> Result<(), TeardownError> {
        let Some(_lock) = self.owner.take() else {
            return Ok(());
        };
        teardown::take_down(&self.dir)?;
        self.reap();
        Ok(())
    }

    fn create_hosts(&self) -> Result<(), UpError> {
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = self
                .hosts()
                .map(|host| scope.spawn(move || host.create()))
                .collect();
            threads
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect()
        });
        for result in results {
            match result {
                Ok(created) => created?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    }

    /// Machines boot while everything else is made, and are looked at from the operator's side.
    fn wait_for_machines(&self) -> Result<(), UpError> {
        for host in self.hosts().filter(|host| host.config().is_machine()) {
            host.wait_until_up()?;
            host.refuse_failed_units()?;
        }
        Ok(())
    }

    pub(crate) fn write_known_hosts(&self) -> Result<(), FileError> {
        let mut lines = Vec::new();
        for host in self.hosts() {
            lines.push((host.name(), host.address(), host.public_key()?));
        }
        files::write(
            &controller::known_hosts(&self.dir),
            &keys::known_hosts(lines),
            0o644,
        )
    }

    /// What machines said last, before it goes with the lab: a test that failed may have failed for it.
    fn tell_consoles(&self) {
        use std::io::Write;
        for host in self.hosts().filter(|host| host.config().is_machine()) {
            let (name, end) = (host.name(), host.end_of_console());
            // Nobody to tell that there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "--- console of `{name}`, its end\n{end}");
        }
    }

    /// Keeps a child to be collected later.
    pub(crate) fn keep(&self, child: Child) {
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(child);
    }

    /// Collects the children that have ended.
    pub(crate) fn reap(&self) {
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.owner.is_some() && std::thread::panicking() {
            self.tell_consoles();
        }
        if let Err(error) = self.take_down() {
            use std::io::Write;
            // The last resort of a destructor: the next lab's sweep will try again.
            let _ = writeln!(std::io::stderr(), "infra-lab: {error}");
        }
    }
}

/// The labs whose owner lives.
pub fn live_labs(places: &Places) -> Result<Vec<String>, StateError> {
    let run = places.run();
    let mut live = Vec::new();
    if !run.exists() {
        return Ok(live);
    }
    // Trying the lock of a lab that is just being made would get in the way.
    let _registry = crate::state::registry(&run)?;
    for tag in crate::state::tags(&run) {
        if LabDir::at(&run, &tag).try_own()?.is_none() {
            live.push(tag);
        }
    }
    Ok(live)
}

/// `INFRA_BIN`, or `infra` in the folder of this program (one above for a test, which is in `deps`).
pub fn infra_binary() -> PathBuf {
    if let Some(given) = std::env::var_os("INFRA_BIN").filter(|value| !value.is_empty()) {
        return given.into();
    }
    let own = std::env::current_exe().unwrap_or_default();
    let folder = own.parent().unwrap_or(Path::new("."));
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    folder.join("infra")
}
