//! Secrets on their way to a host, and what is told of those that have arrived.

use super::Wire;
use infra_drive::agent::{Agent, Binary};
use infra_drive::process::Stop;
use infra_engine::Done;
use infra_model::bundle::{self, UnitReport};
use infra_model::{Code, Diagnostic, HostName};

impl Wire {
    /// From here on the sealed secrets of a host are there to be sent.
    pub(crate) fn give(&self, host: &HostName, sealed: Vec<u8>) {
        let mut bundles = self
            .bundles
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        bundles.insert(host.clone(), sealed);
    }

    /// Sends the secrets of a host, sealed: the change that follows puts them in place.
    pub(super) async fn seal(&self, name: &HostName, stop: Stop) -> Result<Done, Diagnostic> {
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
