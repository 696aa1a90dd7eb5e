//! How hosts are reached: one connection for all steps of a host, what it was found as, and its store.

use super::Wire;
use infra_drive::agent::{Agent, Binary};
use infra_drive::host;
use infra_drive::process::Stop;
use infra_drive::ssh::Connection;
use infra_engine::Done;
use infra_model::{Code, Diagnostic, Finding, HostName, HostState};
use std::sync::Arc;
use tokio::sync::Mutex;

/// A host's connection: open, or not yet. Its lock makes the steps of one host wait while it is being opened.
pub(super) type Slot = Arc<Mutex<Option<Arc<Connection>>>>;

/// A host's store, for as long as Nix uses it: other steps may replace the host's connection meanwhile.
pub(super) struct Store {
    pub(super) url: String,
    pub(super) ssh: String,
    _open: Arc<Connection>,
}

impl Wire {
    /// The host's connection, opened the first time it is asked for.
    pub(super) async fn connection(
        &self,
        name: &HostName,
        stop: Stop,
    ) -> Result<Arc<Connection>, Diagnostic> {
        let slot = {
            let mut all = self.connections.lock().await;
            Arc::clone(all.entry(name.clone()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(open) = &*slot {
            return Ok(Arc::clone(open));
        }
        let target = self.today.target(self.spec(name)?)?;
        let opened = Arc::new(Connection::open(&target, stop).await?);
        *slot = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// A new connection in place of the old one: the proof that the host can still be reached after a change.
    pub(super) async fn reconnect(
        &self,
        name: &HostName,
        stop: Stop,
    ) -> Result<Arc<Connection>, Diagnostic> {
        self.forget(name).await;
        self.connection(name, stop).await
    }

    /// A connection that broke is not used again.
    pub(super) async fn forget(&self, name: &HostName) {
        drop(self.connections.lock().await.remove(name));
    }

    pub(super) async fn survey(&self, name: &HostName, stop: Stop) -> Result<Done, Diagnostic> {
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

    pub(super) async fn store(&self, name: &HostName, stop: Stop) -> Result<Store, Diagnostic> {
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
}
