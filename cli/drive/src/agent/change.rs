//! Changes of a host: the supervisor there carries them out, whatever becomes of this connection. Each call is one round trip.

use super::Agent;
use crate::process::Stop;
use infra_model::change::{ChangePhase, ChangeStatus, Order, Reached, Recovered, Staged};
use infra_model::{Code, Diagnostic};

/// What [`Agent::change_status`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The first line of the log that is wanted.
    pub from: u64,
    /// How long the host may wait with its answer, in seconds.
    pub wait: u64,
    /// It answers at once in any other phase.
    pub phase: ChangePhase,
}

impl Agent<'_> {
    /// Lays a sealed bundle down on the host for the change of this run. Nothing of it is in place yet.
    pub async fn stage(&self, run: &str, sealed: &[u8], stop: Stop) -> Result<Staged, Diagnostic> {
        self.ask(&["change", "stage", run], sealed, stop).await
    }

    /// Orders a change. The answer comes when its supervisor has it: from then on it needs nobody here, but its confirmation. A host that
    /// has this run's change already goes on with it.
    pub async fn begin(&self, order: &Order, stop: Stop) -> Result<ChangeStatus, Diagnostic> {
        let json = serde_json::to_vec(order).map_err(|error| {
            Diagnostic::new(Code::Internal, "an order cannot be written as JSON")
                .with_cause(error.to_string())
        })?;
        self.ask(&["change", "begin"], &json, stop).await
    }

    /// How the change of a run goes, or the last one of the host; [`Code::UnknownRun`] if there is none. With `watch` the answer comes when
    /// the change is in another phase, when its log has such a line, or when the time is over; without, at once and without log.
    pub async fn change_status(
        &self,
        run: Option<&str>,
        watch: Option<Watch>,
        stop: Stop,
    ) -> Result<ChangeStatus, Diagnostic> {
        let mut words = vec!["change", "status"];
        words.extend(run);
        let numbers = watch.map(|watch| (watch.from.to_string(), watch.wait.to_string()));
        if let (Some((from, wait)), Some(watch)) = (&numbers, watch) {
            words.extend(["--from", from, "--wait", wait]);
            words.extend(["--phase", watch.phase.as_str()]);
        }
        self.ask(&words, b"", stop).await
    }

    /// Confirms a change with its nonce, which is not for all to see. To be called over a connection that did not exist before the change.
    pub async fn confirm(
        &self,
        run: &str,
        nonce: &str,
        stop: Stop,
    ) -> Result<ChangeStatus, Diagnostic> {
        self.ask(&["change", "confirm", run], nonce.as_bytes(), stop)
            .await
    }

    /// Lets the host put itself back. The answer does not wait until it has; once the commit has begun it is too late.
    pub async fn abort(&self, run: &str, stop: Stop) -> Result<ChangeStatus, Diagnostic> {
        self.ask(&["change", "abort", run], b"", stop).await
    }

    /// Brings a change to its end whose supervisor has died, and waits for that. [`Agent::begin`] does so by itself.
    pub async fn recover(&self, stop: Stop) -> Result<Recovered, Diagnostic> {
        self.ask(&["change", "recover"], b"", stop).await
    }

    /// Whether this host can open a TCP connection to an address, within so many seconds.
    pub async fn reach(
        &self,
        address: &str,
        port: u16,
        seconds: u64,
        stop: Stop,
    ) -> Result<Reached, Diagnostic> {
        let (port, seconds) = (port.to_string(), seconds.to_string());
        self.ask(&["change", "reach", address, &port, &seconds], b"", stop)
            .await
    }
}
