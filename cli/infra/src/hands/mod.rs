//! The engine's hands: each step handed to the room that performs it.

mod change;

use crate::keeper::Keeper;
use crate::workspace::Workspace;
use change::{Changes, Watcher};
use infra_drive::agent::{Agent, Binary, Watch};
use infra_drive::evaluator::Evaluator;
use infra_drive::host;
use infra_drive::nix::{self, BuildPlace};
use infra_drive::process::Stop;
use infra_drive::roots::Roots;
use infra_drive::snapshot::{self, Systems};
use infra_drive::ssh::Connection;
use infra_engine::{Done, Failed, Hands, Report};
use infra_model::bundle::{self, UnitReport};
use infra_model::change::ChangePhase;
use infra_model::step::Interrupt;
use infra_model::{
    BuildOn, CancelStage, Code, Diagnostic, Finding, HostName, HostSpec, HostState, Step,
    StepOutcome, StorePath,
};
use infra_plan::Unit;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// A host's connection: open, or not yet. Its lock makes the steps of one host wait while it is being opened.
type Slot = Arc<Mutex<Option<Arc<Connection>>>>;

/// A host's store, for as long as Nix uses it: other steps may replace the host's connection meanwhile.
struct Store {
    url: String,
    ssh: String,
    _open: Arc<Connection>,
}

/// What systems are evaluated for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be told.
    Look,
    /// To be built.
    Build,
    /// To be deployed by this run.
    Deploy(RunName),
}

/// What tells a run from others, here and on its hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunName {
    /// Its identity.
    pub(crate) run: String,
    /// Who began it: `user@machine`.
    pub(crate) by: String,
    /// What its confirmations say: known to the run alone.
    pub(crate) nonce: String,
}

/// Performs steps on the hosts of a workspace, over one connection per host.
pub(crate) struct Wire {
    workspace: Arc<Workspace>,
    run: String,
    by: String,
    nonce: String,
    changes: Changes,
    connections: Mutex<HashMap<HostName, Slot>>,
    states: Mutex<HashMap<HostName, HostState>>,
    evaluator: Evaluator,
    /// The sealed secrets of the hosts that are to be given them.
    bundles: std::sync::Mutex<HashMap<HostName, Vec<u8>>>,
    /// `None` if systems are only looked at.
    keeper: Option<Keeper>,
}

impl Wire {
    /// Hands for one run.
    pub(crate) fn new(workspace: Arc<Workspace>, evaluator: Evaluator, purpose: Purpose) -> Self {
        let roots = Roots::of(&workspace.state());
        let (name, keeper) = match purpose {
            Purpose::Look => (None, None),
            Purpose::Build => (None, Some(Keeper::new(roots))),
            Purpose::Deploy(name) => (Some(name), Some(Keeper::new(roots))),
        };
        let (run, by, nonce) =
            name.map_or_else(Default::default, |name| (name.run, name.by, name.nonce));
        Self {
            keeper,
            workspace,
            run,
            by,
            nonce,
            changes: Changes::default(),
            evaluator,
            bundles: std::sync::Mutex::default(),
            connections: Mutex::default(),
            states: Mutex::default(),
        }
    }

    /// Ends all connections, and keeps what was learned. Answers what could not be kept.
    pub(crate) async fn close(&self) -> Vec<Diagnostic> {
        self.connections.lock().await.clear();
        self.evaluator.finish()
    }

    /// Whether there is an agent that could be sent to a host.
    pub(crate) fn has_agent(&self, name: &HostName) -> Result<(), Diagnostic> {
        Binary::find(&self.spec(name)?.system).map(|_| ())
    }

    /// Has a host put itself back, whose change waits for its confirmation, and waits until it has.
    pub(crate) async fn take_back(&self, name: &HostName) -> Result<(), Diagnostic> {
        let stop = Stop::never();
        let connection = self.connection(name, stop.clone()).await?;
        let binary = Binary::find(&self.spec(name)?.system)?;
        let agent = Agent::new(&connection, name, &binary);
        let mut status = agent.abort(&self.run, stop.clone()).await?;
        while status.phase != ChangePhase::Ended {
            let watch = Watch {
                from: status.next,
                wait: 20,
                phase: status.phase,
            };
            status = agent
                .change_status(Some(&self.run), Some(watch), stop.clone())
                .await?;
        }
        match change::ended(name, status) {
            Err(failed) if failed.restored => Ok(()),
            Err(failed) => Err(failed.error),
            Ok(_) => Err(Diagnostic::new(
                Code::HostMoved,
                format!("the change of {name} was confirmed meanwhile"),
            )
            .with_fix(format!(
                "infra rollback {name} goes back to the system before"
            ))),
        }
    }

    /// From here on the sealed secrets of a host are there to be sent.
    pub(crate) fn give(&self, host: &HostName, sealed: Vec<u8>) {
        let mut bundles = self
            .bundles
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        bundles.insert(host.clone(), sealed);
    }

    /// Sends the secrets of a host, sealed: the change that follows puts them in place.
    async fn seal(&self, name: &HostName, stop: Stop) -> Result<Done, Diagnostic> {
        let sealed = {
            let mut bundles = self
                .bundles
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            bundles.remove(name)
        };
        let sealed = sealed.ok_or_else(|| {
            Diagnostic::new(
                Code::Internal,
                format!("the secrets of {name} were not sealed"),
            )
        })?;
        let connection = self.connection(name, stop.clone()).await?;
        let binary = Binary::find(&self.spec(name)?.system)?;
        Agent::new(&connection, name, &binary)
            .stage(&self.run, &sealed, stop)
            .await?;
        Ok(Done::success())
    }

    /// Reads two systems for a plan: `after` from this machine's store, and `before` from wherever it is.
    pub(crate) async fn systems(
        &self,
        name: &HostName,
        before: Option<&StorePath>,
        after: &StorePath,
        stop: Stop,
    ) -> Result<Systems, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        snapshot::read(before, after, Some(&connection), stop).await
    }

    /// What is to be deployed was settled before this run, and nothing is evaluated.
    pub(crate) fn settled(&self, host: &HostSpec, drv: &StorePath, out: &StorePath) {
        if let Some(keeper) = &self.keeper {
            keeper.planned(host, drv, out);
        }
    }

    /// A host was found to be as wanted.
    pub(crate) fn unchanged(&self, name: &HostName) {
        if let Some(keeper) = &self.keeper {
            keeper.unchanged(name);
        }
    }

    /// A host has become what was wanted.
    async fn deployed(&self, name: &HostName, stop: Stop) -> Done {
        match &self.keeper {
            Some(keeper) => done(keeper.deployed(name, stop).await),
            None => Done::success(),
        }
    }

    fn spec(&self, name: &HostName) -> Result<&HostSpec, Diagnostic> {
        self.workspace.contents.fleet.get(name).ok_or_else(|| {
            Diagnostic::new(
                Code::Internal,
                format!("a plan names `{name}`, which is no host"),
            )
        })
    }

    /// The host's connection, opened the first time it is asked for.
    async fn connection(&self, name: &HostName, stop: Stop) -> Result<Arc<Connection>, Diagnostic> {
        let slot = {
            let mut all = self.connections.lock().await;
            Arc::clone(all.entry(name.clone()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(open) = &*slot {
            return Ok(Arc::clone(open));
        }
        let target = self.workspace.target(self.spec(name)?)?;
        let opened = Arc::new(Connection::open(&target, stop).await?);
        *slot = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// A new connection in place of the old one: the proof that the host can still be reached after a change.
    async fn reconnect(&self, name: &HostName, stop: Stop) -> Result<Arc<Connection>, Diagnostic> {
        self.forget(name).await;
        self.connection(name, stop).await
    }

    /// A connection that broke is not used again.
    async fn forget(&self, name: &HostName) {
        drop(self.connections.lock().await.remove(name));
    }

    async fn survey(&self, name: &HostName, stop: Stop) -> Result<Done, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        let state = host::survey(&connection, name, stop.clone()).await?;
        if state.nix.is_none() {
            return Err(
                Diagnostic::new(Code::NoNixOnHost, format!("there is no Nix on {name}"))
                    .with_cause(
                        "neither the PATH of SSH sessions nor the usual folders have a `nix`",
                    )
                    .with_fix("install Nix on the host, or put NixOS on it"),
            );
        }
        let state = self.mended(name, state, &connection, stop).await?;
        self.states.lock().await.insert(name.clone(), state.clone());
        Ok(Done::found(Finding::State(Box::new(state))))
    }

    /// A change that something ended in the middle (the host was restarted) is brought to its end before anything is decided about the host.
    async fn mended(
        &self,
        name: &HostName,
        state: HostState,
        connection: &Connection,
        stop: Stop,
    ) -> Result<HostState, Diagnostic> {
        let is_dead = state.open_change().is_some_and(|change| !change.alive);
        if !is_dead || self.run.is_empty() {
            return Ok(state);
        }
        let binary = Binary::find(&self.spec(name)?.system)?;
        Agent::new(connection, name, &binary)
            .recover(stop.clone())
            .await?;
        host::survey(connection, name, stop).await
    }

    async fn store(&self, name: &HostName, stop: Stop) -> Result<Store, Diagnostic> {
        // A building host need not be among those that were looked at.
        if !self.states.lock().await.contains_key(name) {
            self.survey(name, stop.clone()).await?;
        }
        let connection = self.connection(name, stop).await?;
        let states = self.states.lock().await;
        let daemon = states
            .get(name)
            .and_then(|state| state.nix_daemon.as_deref());
        Ok(Store {
            url: connection.store_url(daemon),
            ssh: connection.nix_options(),
            _open: connection,
        })
    }

    async fn evaluate(&self, name: &HostName, stop: Stop) -> Result<Done, Diagnostic> {
        let host = self.spec(name)?;
        let found = self.evaluator.evaluate(host, stop).await?;
        if let Some(keeper) = &self.keeper {
            let toplevel = &found.answer.toplevel;
            keeper.planned(host, &toplevel.drv, &toplevel.out);
        }
        let outcome = if found.remembered {
            StepOutcome::Skipped {
                why: "nothing it reads has changed".to_owned(),
            }
        } else {
            StepOutcome::Success
        };
        Ok(Done {
            outcome,
            finding: Finding::System(Box::new(found)),
        })
    }

    async fn build(
        &self,
        name: &HostName,
        drv: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let is_collected = || !Path::new(drv.as_str()).exists();
        match self.build_once(name, drv, stop.clone(), report).await {
            // Nothing protects a first derivation between its evaluation and its build.
            Err(fault) if is_collected() && fault.code != Code::Interrupted => {
                let host = self.spec(name)?;
                let again = self.evaluator.evaluate(host, stop.clone()).await?;
                if again.answer.toplevel.drv != *drv {
                    return Err(changed_meanwhile(name).with_cause(fault.title));
                }
                self.build_once(name, drv, stop, report).await
            }
            built => built,
        }
    }

    async fn build_once(
        &self,
        name: &HostName,
        drv: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let (place, _open) = self.build_place(name, stop.clone()).await?;
        let (link, unprotected) = match (&self.keeper, &place) {
            (None, _) => (None, None),
            (Some(keeper), BuildPlace::Store { .. }) => {
                (None, keeper.built_elsewhere(name, stop.clone()).await)
            }
            (Some(keeper), BuildPlace::Here | BuildPlace::Builder { .. }) => {
                match keeper.link_for_build(name) {
                    Ok(link) => (Some(link), None),
                    Err(why) => (None, Some(why)),
                }
            }
        };
        nix::build(drv, &place, link.as_deref(), stop, &mut |done, total| {
            report.progress(done, total, "derivations");
        })
        .await?;
        Ok(done(unprotected))
    }

    /// Where a host's system is built, and what has to stay open meanwhile.
    async fn build_place(
        &self,
        name: &HostName,
        stop: Stop,
    ) -> Result<(BuildPlace, Option<Store>), Diagnostic> {
        let spec = self.spec(name)?;
        Ok(match &spec.build {
            BuildOn::Local => (BuildPlace::Here, None),
            BuildOn::Target => {
                let far = self.store(name, stop).await?;
                let (url, ssh) = (far.url.clone(), far.ssh.clone());
                (BuildPlace::Store { url, ssh }, Some(far))
            }
            BuildOn::Builder(builder) => {
                let far = self.store(builder, stop).await?;
                let (url, ssh) = (far.url.clone(), far.ssh.clone());
                let system = spec.system.clone();
                (BuildPlace::Builder { url, system, ssh }, Some(far))
            }
        })
    }

    async fn copy(
        &self,
        name: &HostName,
        out: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let far = self.store(name, stop.clone()).await?;
        nix::copy(out, &far.url, &far.ssh, stop, &mut |done, total| {
            report.progress(done, total, "paths");
        })
        .await?;
        Ok(Done::success())
    }

    /// What activation would do, as the system itself says it.
    async fn preview(
        &self,
        name: &HostName,
        out: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        for line in host::preview(&connection, out, stop).await? {
            report.line(&line);
        }
        Ok(Done::success())
    }

    /// A step that may leave its host restored.
    async fn change(
        &self,
        unit: &Unit,
        stop: Stop,
        report: &Report,
    ) -> Option<Result<Done, Failed>> {
        let watcher = Watcher {
            wire: self,
            host: &unit.host,
            stop: stop.clone(),
            report,
        };
        let (came, last) = match &unit.step {
            Step::Activate { intent } => (watcher.begin(intent).await, false),
            Step::Confirm { reachable, last } => (watcher.confirm(reachable, *last).await, *last),
            Step::Commit { begin: None } => (watcher.end().await, true),
            Step::Commit {
                begin: Some(intent),
            } => (watcher.begin(intent).await, true),
            _ => return None,
        };
        Some(match came {
            Ok(done) if last => Ok(both(done, self.deployed(&unit.host, stop).await)),
            came => came,
        })
    }
}

/// The first of two that has something to say.
fn both(first: Done, second: Done) -> Done {
    if first.outcome == StepOutcome::Success {
        second
    } else {
        first
    }
}

/// Done, if need be with a warning.
fn done(unprotected: Option<String>) -> Done {
    Done {
        outcome: unprotected.map_or(StepOutcome::Success, |why| StepOutcome::Warning { why }),
        finding: Finding::Nothing,
    }
}

fn changed_meanwhile(name: &HostName) -> Diagnostic {
    Diagnostic::new(
        Code::BuildFailed,
        format!("{name} was to be built, but its files were changed and its derivation collected meanwhile"),
    )
    .with_fix("run the same command again")
}

/// Names of what differs; nothing of what it is.
pub(crate) fn changes(secrets: &bundle::Changes, templates: &bundle::Changes) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, changes) in [("secret", secrets), ("template", templates)] {
        let words = [
            ("added", &changes.added),
            ("changed", &changes.changed),
            ("removed", &changes.removed),
        ];
        for (word, names) in words {
            lines.extend(names.iter().map(|name| format!("{kind} {name} {word}")));
        }
    }
    lines
}

/// The units that have the new secrets now.
pub(crate) fn refreshed(units: &UnitReport) -> Vec<String> {
    let restarted = units
        .restarted
        .iter()
        .map(|unit| format!("restarted {unit}"));
    let reloaded = units.reloaded.iter().map(|unit| format!("reloaded {unit}"));
    restarted.chain(reloaded).collect()
}

/// The failure of a change of secrets whose consumers did not all come back.
pub(crate) fn units_failed(name: &HostName, units: &UnitReport) -> Option<Diagnostic> {
    if units.failed.is_empty() {
        return None;
    }
    let failed: Vec<&str> = units.failed.iter().map(|one| one.unit.as_str()).collect();
    let states: Vec<String> = units
        .failed
        .iter()
        .map(|one| format!("{} is {}", one.unit, one.state))
        .collect();
    Some(
        Diagnostic::new(
            Code::ActivationFailed,
            format!("units of {name} did not come back with the new secrets: {}", failed.join(" ")),
        )
        .with_cause(states.join("\n"))
        .with_fix(format!(
            "read why: infra exec {name} -- journalctl -b -u {} -n 50; the secrets before are kept on the host: infra secret rollback {name}",
            failed.join(" -u ")
        ))
        .with_host(name),
    )
}

impl Hands for Wire {
    async fn perform(
        &self,
        unit: Unit,
        report: Report,
        cancel: watch::Receiver<CancelStage>,
    ) -> Result<Done, Failed> {
        let from = match unit.step.interrupt() {
            Interrupt::Free => CancelStage::Terminating,
            Interrupt::Shielded { .. } => CancelStage::Killing,
        };
        let stop = Stop::from(from, cancel);
        if let Some(came) = self.change(&unit, stop.clone(), &report).await {
            return came;
        }
        let name = &unit.host;
        let came = match &unit.step {
            Step::Survey => self.survey(name, stop).await,
            Step::Evaluate => self.evaluate(name, stop).await,
            Step::Build { drv, out: _ } => self.build(name, drv, stop, &report).await,
            Step::Copy { out } => self.copy(name, out, stop, &report).await,
            Step::Seal { .. } => self.seal(name, stop).await,
            Step::Preview { out } => self.preview(name, out, stop, &report).await,
            // See `change`.
            Step::Activate { .. } | Step::Confirm { .. } | Step::Commit { .. } => {
                Ok(Done::success())
            }
        };
        came.map_err(Failed::from)
    }
}
