//! A change of a host as this side sees it: ordered, watched over connections that may break, confirmed over one that is new, seen to its end.
//!
//! The supervisor on the host does it all and needs nobody here but for the confirmation. So whatever breaks on the way is no reason to fail:
//! the host is asked again until it tells how the change came out, or has been silent for longer than it may need.

use super::Wire;
use super::ended::{ended, kept_out, with};
use infra_drive::agent::{Agent, Binary, Watch};
use infra_drive::process::Stop;
use infra_engine::{Done, Failed, Report};
use infra_model::change::{CHANGE_SCHEMA, ChangePhase, ChangeStatus, Intent, Limits, Order};
use infra_model::contract::Probe;
use infra_model::{Code, Diagnostic, HostName, NeedName};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// How long one question may stay open on the host: shorter than what firewalls forget connections after.
const POLL: u64 = 20;
/// Between two tries to reach a host that is away.
const PAUSE: Duration = Duration::from_millis(500);
/// What a host may need beyond its own limits to come back and tell: restoring the network, restarting sshd.
const PATIENCE: Duration = Duration::from_secs(90);

/// What firmware and kernel may need, there and back, before anything of the host counts its own limits.
const BOOTS: Duration = Duration::from_secs(600);

/// The changes of one run.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    hosts: std::sync::Mutex<HashMap<HostName, Open>>,
}

/// What is known of a host's change.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// The first line of its log that was not told yet.
    next: u64,
    limits: Limits,
    /// Whether it may be booted for it.
    boots: bool,
}

impl Changes {
    fn get(&self, host: &HostName) -> Open {
        self.lock().get(host).copied().unwrap_or(Open {
            next: 0,
            limits: Limits::default(),
            boots: true,
        })
    }

    fn set(&self, host: &HostName, open: Open) {
        self.lock().insert(host.clone(), open);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<HostName, Open>> {
        self.hosts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Who watches: which host, for whom, until when.
#[derive(Clone)]
pub(super) struct Watcher<'w> {
    pub(super) wire: &'w Wire,
    pub(super) host: &'w HostName,
    pub(super) stop: Stop,
    /// Who hears what the host says; `None`: nobody.
    pub(super) report: Option<&'w Report>,
}

impl Watcher<'_> {
    /// Begins a change, and watches it until it waits for its confirmation or is over.
    pub(super) async fn begin(&self, intent: &Intent) -> Result<Done, Failed> {
        let open = Open {
            next: 0,
            limits: intent.limits,
            boots: !intent.reboot.is_never(),
        };
        self.wire.changes.set(self.host, open);
        let order = Order {
            schema: CHANGE_SCHEMA,
            run: self.wire.run.clone(),
            host: self.host.clone(),
            by: self.wire.by.clone(),
            nonce: self.wire.nonce.clone(),
            intent: intent.clone(),
        };
        let binary = self.binary()?;
        // Nothing has begun while the order has not arrived: no limit of the change is waited for.
        let away = Away::before_it_begins();
        loop {
            let begun = match self.wire.connection(self.host, self.stop.clone()).await {
                Ok(connection) => {
                    Agent::new(&connection, self.host, &binary)
                        .begin(&order, self.stop.clone())
                        .await
                }
                Err(fault) => Err(fault),
            };
            match begun {
                Ok(_) => break,
                // The order may have arrived or not: given again it is the same one.
                Err(fault) if is_of_the_way(&fault) => {
                    self.wire.forget(self.host).await;
                    self.wait(&away, fault).await?;
                }
                // It has, whatever became of the answer, and the host is on its way.
                Err(fault) if self.has_our_change(&binary, fault.code).await => break,
                Err(fault) => return Err(fault.into()),
            }
        }
        let until = if intent.goal.activates() {
            ChangePhase::Awaiting
        } else {
            ChangePhase::Ended
        };
        self.until(until).await
    }

    /// Confirms over a new connection, once the hosts that have to reach this one do. With `last` the change is over then.
    pub(super) async fn confirm(
        &self,
        reachable: &BTreeMap<NeedName, Probe>,
        last: bool,
    ) -> Result<Done, Failed> {
        let warnings = self.reached_by_others(reachable).await?;
        let binary = self.binary()?;
        let open = self.wire.changes.get(self.host);
        let away = Away::since(open);
        let mut by = None;
        loop {
            let confirmed = match self.wire.reconnect(self.host, self.stop.clone()).await {
                Ok(connection) => {
                    Agent::new(&connection, self.host, &binary)
                        .confirm(&self.wire.run, &self.wire.nonce, self.stop.clone())
                        .await
                }
                Err(fault) => Err(fault),
            };
            match confirmed {
                Ok(_) => break,
                Err(fault) if is_away(&fault, open) => {
                    by = Some(fault.title.clone());
                    self.wait(&away, fault).await?;
                }
                Err(fault) if fault.code == Code::Interrupted => return Err(fault.into()),
                // Too late, or heard and not answered: how it came out says which.
                Err(_) => {
                    kept_out(self.until(ChangePhase::Ended).await, by)?;
                    break;
                }
            }
        }
        let done = if last {
            self.until(ChangePhase::Ended).await?
        } else {
            Done::success()
        };
        Ok(with(done, warnings))
    }

    /// Watches until the change is over.
    pub(super) async fn end(&self) -> Result<Done, Failed> {
        self.until(ChangePhase::Ended).await
    }

    /// Watches, through connections that break, until the change has come to this phase or is over.
    async fn until(&self, phase: ChangePhase) -> Result<Done, Failed> {
        let binary = self.binary()?;
        let mut seen = ChangePhase::Armed;
        let mut open = self.wire.changes.get(self.host);
        let mut away = Away::since(open);
        let mut by = None;
        loop {
            let watch = Watch {
                from: open.next,
                wait: POLL,
                phase: seen,
            };
            let status = match self.wire.connection(self.host, self.stop.clone()).await {
                Ok(connection) => {
                    Agent::new(&connection, self.host, &binary)
                        .change_status(Some(&self.wire.run), Some(watch), self.stop.clone())
                        .await
                }
                Err(fault) => Err(fault),
            };
            let status = match status {
                Ok(status) => status,
                Err(fault) if is_away(&fault, open) => {
                    by = Some(fault.title.clone());
                    self.wire.forget(self.host).await;
                    self.wait(&away, fault).await?;
                    continue;
                }
                Err(fault) => return Err(fault.into()),
            };
            if status.alive {
                away = Away::since(open);
            }
            for line in status.log.iter().filter(|line| !is_phase(line)) {
                self.say(line);
            }
            open.next = status.next;
            seen = status.phase;
            self.wire.changes.set(self.host, open);
            if status.phase == ChangePhase::Ended {
                return kept_out(ended(self.host, status), by);
            }
            if !status.alive {
                match self.recovered(&binary).await {
                    Ok(Some(status)) => return ended(self.host, status),
                    Ok(None) => {}
                    // On its way down or up, it does not take it over from us.
                    Err(fault) if is_away(&fault, open) || fault.code == Code::HostBusy => {
                        self.wire.forget(self.host).await;
                        self.wait(&away, fault).await?;
                    }
                    Err(fault) => return Err(fault.into()),
                }
                continue;
            }
            if status.phase >= phase && status.phase != ChangePhase::Restoring {
                return Ok(Done::success());
            }
        }
    }

    /// The host was restarted in the middle of its change, or something ended the supervisor: it is brought to an end, or, if the restart
    /// was part of it, goes on.
    async fn recovered(&self, binary: &Binary) -> Result<Option<ChangeStatus>, Diagnostic> {
        let connection = self.wire.connection(self.host, self.stop.clone()).await?;
        let recovered = Agent::new(&connection, self.host, binary)
            .recover(self.stop.clone())
            .await?;
        match recovered.change {
            Some(status) if status.run == self.wire.run => {
                Ok(Some(status).filter(|status| status.phase == ChangePhase::Ended))
            }
            _ => Err(Diagnostic::new(
                Code::AgentFailed,
                format!(
                    "{} knows nothing of the change that was begun on it",
                    self.host
                ),
            )
            .with_fix(format!("see what it runs: infra status {}", self.host))),
        }
    }

    /// A host that is away is asked again in a moment, unless it has been away for longer than it may need.
    async fn wait(&self, away: &Away, fault: Diagnostic) -> Result<(), Failed> {
        if Instant::now() < away.until {
            tokio::time::sleep(PAUSE).await;
            return Ok(());
        }
        let name = self.host;
        let (title, what) = if away.begun {
            (
                "went away in the middle of its change and has not come back",
                "its",
            )
        } else {
            (
                "went away before it said whether it has the order to change",
                "if it has, its",
            )
        };
        Err(Diagnostic::new(Code::ConnectionLost, format!("{name} {title}"))
        .with_cause(format!(
            "{}\n{what} supervisor does not need this connection: unconfirmed, it puts the host back by itself; until it is confirmed, the boot default stays what it was",
            fault.cause.unwrap_or(fault.title)
        ))
        .with_fix(format!(
            "once it answers again: infra resume {}, which tells how the change came out",
            self.wire.run
        ))
        .into())
    }

    /// Has the host put itself back, and waits until it has, through the boot that this may take.
    pub(super) async fn take_back(&self) -> Result<(), Failed> {
        let binary = self.binary()?;
        let open = self.wire.changes.get(self.host);
        let away = Away::since(open);
        loop {
            let asked = match self.wire.connection(self.host, self.stop.clone()).await {
                Ok(connection) => {
                    Agent::new(&connection, self.host, &binary)
                        .abort(&self.wire.run, self.stop.clone())
                        .await
                }
                Err(fault) => Err(fault),
            };
            match asked {
                Ok(_) => break,
                // Heard or not: said again it is the same.
                Err(fault) if is_away(&fault, open) || fault.code == Code::HostBusy => {
                    self.wire.forget(self.host).await;
                    self.wait(&away, fault).await?;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        match self.until(ChangePhase::Ended).await {
            Err(Failed { restored: true, .. }) => Ok(()),
            Err(failed) => Err(failed),
            Ok(_) => Err(Diagnostic::new(
                Code::HostMoved,
                format!("the change of {} was confirmed meanwhile", self.host),
            )
            .with_fix(format!(
                "infra rollback {} goes back to the system before",
                self.host
            ))
            .into()),
        }
    }

    /// The same, for what was found here.
    pub(super) async fn take_back_for<T>(&self, why: Diagnostic) -> Result<T, Failed> {
        match self.take_back().await {
            Ok(()) => Err(Failed {
                error: why,
                restored: true,
            }),
            // A host that had no system before is not back on it: what stays of this one is told with what was found here.
            Err(failed) if failed.error.code == Code::ChangeCutOff => {
                let causes = [why.cause.clone(), failed.error.cause];
                let causes: Vec<String> = causes.into_iter().flatten().collect();
                Err(why.with_cause(causes.join("\n")).into())
            }
            Err(failed) => Err(failed),
        }
    }

    /// Whether the host has this run's change, although it was not said that it has taken the order.
    async fn has_our_change(&self, binary: &Binary, fault: Code) -> bool {
        if !matches!(fault, Code::HostBusy | Code::AgentFailed) {
            return false;
        }
        let Ok(connection) = self.wire.connection(self.host, self.stop.clone()).await else {
            return false;
        };
        Agent::new(&connection, self.host, binary)
            .change_status(Some(&self.wire.run), None, self.stop.clone())
            .await
            .is_ok_and(|status| fault == Code::HostBusy || status.alive)
    }

    pub(super) fn say(&self, line: &str) {
        if let Some(report) = self.report {
            report.line(line);
        }
    }

    fn binary(&self) -> Result<Binary, Diagnostic> {
        Binary::find(&self.wire.spec(self.host)?.system)
    }
}

/// Until when a host may be away.
struct Away {
    until: Instant,
    /// Whether the change is known to have begun.
    begun: bool,
}

impl Away {
    /// From now on, in the worst case: all of its own limits, and the way back.
    fn since(open: Open) -> Self {
        let limits = open.limits;
        let own = Duration::from_secs(limits.activate.saturating_add(limits.confirm));
        let boots = if open.boots { BOOTS } else { Duration::ZERO };
        Self {
            until: Instant::now() + own + boots + PATIENCE,
            begun: true,
        }
    }

    /// No limit of the change is waited for.
    fn before_it_begins() -> Self {
        Self {
            until: Instant::now() + PATIENCE,
            begun: false,
        }
    }
}

/// The supervisor's log says each phase; whoever watches sees them as steps.
fn is_phase(line: &str) -> bool {
    line.strip_prefix("infra: ")
        .is_some_and(|word| ChangePhase::parse(word).is_some())
}

/// Faults of the way to a host, which say nothing of the host.
fn is_of_the_way(fault: &Diagnostic) -> bool {
    matches!(
        fault.code,
        Code::ConnectionLost | Code::HostUnreachable | Code::ConnectionRefused
    )
}

/// The same of a host in the middle of its change, which may shut us out: unconfirmed, it lets us in again. In a boot, another SSH server can answer
/// from its initial ramdisk, with another key, too; nothing is said to whoever answers.
fn is_away(fault: &Diagnostic, open: Open) -> bool {
    let is_shut = matches!(fault.code, Code::LoginRefused | Code::RootRefused);
    let is_early = open.boots && fault.code == Code::HostKeyMismatch;
    is_of_the_way(fault) || is_shut || is_early
}
