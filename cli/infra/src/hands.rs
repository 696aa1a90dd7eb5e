//! The engine's hands: each step handed to the room that performs it.

use crate::keeper::Keeper;
use crate::workspace::Workspace;
use infra_drive::agent::{Agent, Binary, Owners, Restart};
use infra_drive::evaluator::Evaluator;
use infra_drive::host;
use infra_drive::nix::{self, BuildPlace};
use infra_drive::process::Stop;
use infra_drive::roots::Roots;
use infra_drive::ssh::Connection;
use infra_engine::{Done, Hands, Report};
use infra_model::bundle::{Applied, Changes, UnitReport};
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
    /// To be deployed, by the run of this name.
    Deploy(String),
}

/// Performs steps on the hosts of a workspace, over one connection per host.
pub(crate) struct Wire {
    workspace: Arc<Workspace>,
    run: String,
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
        let (run, keeper) = match purpose {
            Purpose::Look => (String::new(), None),
            Purpose::Build => (String::new(), Some(Keeper::new(roots))),
            Purpose::Deploy(run) => (run, Some(Keeper::new(roots))),
        };
        Self {
            keeper,
            workspace,
            run,
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

    /// From here on the sealed secrets of a host are there to be sent.
    pub(crate) fn give(&self, host: &HostName, sealed: Vec<u8>) {
        let mut bundles = self
            .bundles
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        bundles.insert(host.clone(), sealed);
    }

    /// Puts the secrets of a host in place. Later: whoever uses them is restarted after the activation that follows, which may make their owners
    /// as well.
    async fn seal(
        &self,
        name: &HostName,
        restart: bool,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
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
        let (restart, owners) = if restart {
            (Restart::Now, Owners::Strict)
        } else {
            (Restart::Later, Owners::Later)
        };
        let applied = Agent::new(&connection, name, &binary)
            .receive(&sealed, restart, owners, stop)
            .await?;
        tell_changes(&applied, report);
        tell_units(name, &applied.units, report)
    }

    /// Restarts what consumes secrets that have changed and has not started since.
    async fn refresh(
        &self,
        name: &HostName,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        let binary = Binary::find(&self.spec(name)?.system)?;
        let settled = Agent::new(&connection, name, &binary).restart(stop).await?;
        tell_units(name, &settled.units, report)
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
        let old = self.connections.lock().await.remove(name);
        drop(old);
        self.connection(name, stop).await
    }

    async fn survey(&self, name: &HostName, stop: Stop) -> Result<Done, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        let state = host::survey(&connection, name, stop).await?;
        if state.nix.is_none() {
            return Err(
                Diagnostic::new(Code::NoNixOnHost, format!("there is no Nix on {name}"))
                    .with_cause(
                        "neither the PATH of SSH sessions nor the usual folders have a `nix`",
                    )
                    .with_fix("install Nix on the host, or put NixOS on it"),
            );
        }
        self.states.lock().await.insert(name.clone(), state.clone());
        Ok(Done::found(Finding::State(Box::new(state))))
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
            keeper.planned(host, &found);
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

    async fn activate(
        &self,
        name: &HostName,
        (out, dry): (&StorePath, bool),
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        let activated = host::activate(&connection, out, dry, &self.run, stop)
            .await
            .map_err(|fault| match fault.code {
                Code::ConnectionLost => fault.with_fix(format!(
                    "the activation goes on on the host by itself, its log is /run/infra/activate-{}.log; deploy again to see what the host runs",
                    self.run
                )),
                _ => fault,
            })?;
        for line in &activated.lines {
            report.line(line);
        }
        let outcome = if activated.units_failed {
            StepOutcome::Warning {
                why: "activation says that units failed".to_owned(),
            }
        } else {
            StepOutcome::Success
        };
        Ok(Done {
            outcome,
            finding: Finding::Nothing,
        })
    }

    async fn verify(
        &self,
        name: &HostName,
        out: &StorePath,
        failed_before: &[String],
        stop: Stop,
    ) -> Result<Done, Diagnostic> {
        let connection = self.reconnect(name, stop.clone()).await?;
        let read = host::verify(&connection, out, failed_before, stop).await?;
        if read.newly_failed.is_empty() {
            return Ok(Done::success());
        }
        let units = read.newly_failed.join(" ");
        Err(Diagnostic::new(
            Code::VerificationFailed,
            format!("units failed on {name}: {units}"),
        )
        .with_cause("they had not failed before this deployment")
        .with_fix(format!(
            "read why: infra exec {name} -- journalctl -b -u {} -n 50; the boot default is unchanged, so a reboot brings back the system before",
            read.newly_failed.join(" -u ")
        )))
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

fn tell_changes(applied: &Applied, report: &Report) {
    for line in changes(&applied.secrets, &applied.templates) {
        report.line(&line);
    }
}

/// Names of what differs; nothing of what it is.
pub(crate) fn changes(secrets: &Changes, templates: &Changes) -> Vec<String> {
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

/// Says what became of the units that consume what changed. One that did not come back is a failure.
fn tell_units(name: &HostName, units: &UnitReport, report: &Report) -> Result<Done, Diagnostic> {
    for line in refreshed(units) {
        report.line(&line);
    }
    units_failed(name, units).map_or_else(|| Ok(Done::success()), Err)
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
    ) -> Result<Done, Diagnostic> {
        let from = match unit.step.kind().interrupt() {
            Interrupt::Free => CancelStage::Terminating,
            Interrupt::Shielded { .. } => CancelStage::Killing,
        };
        let stop = Stop::from(from, cancel);
        let name = &unit.host;
        match &unit.step {
            Step::Survey => self.survey(name, stop).await,
            Step::Evaluate => self.evaluate(name, stop).await,
            Step::Build { drv, out: _ } => self.build(name, drv, stop, &report).await,
            Step::Copy { out } => self.copy(name, out, stop, &report).await,
            Step::Seal { restart, .. } => self.seal(name, *restart, stop, &report).await,
            Step::Refresh => self.refresh(name, stop, &report).await,
            Step::Activate { out, dry } => self.activate(name, (out, *dry), stop, &report).await,
            Step::Verify { out, failed_before } => {
                self.verify(name, out, failed_before, stop.clone()).await?;
                Ok(self.deployed(name, stop).await)
            }
            Step::Commit { out } => {
                let connection = self.connection(name, stop.clone()).await?;
                host::commit(&connection, out, &self.run, stop.clone()).await?;
                Ok(self.deployed(name, stop).await)
            }
        }
    }
}
