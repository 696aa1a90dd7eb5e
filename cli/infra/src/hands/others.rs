//! Probes that only another host can try: whether it reaches the one that was changed.

use super::change::Watcher;
use infra_drive::agent::{Agent, Binary};
use infra_drive::ssh::Target;
use infra_engine::Failed;
use infra_model::contract::Probe;
use infra_model::{Code, Diagnostic, HostName, NeedName, duration};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

impl Watcher<'_> {
    /// The probes that other hosts try. Answers what somebody should read.
    pub(super) async fn reached_by_others(
        &self,
        reachable: &BTreeMap<NeedName, Probe>,
    ) -> Result<Vec<String>, Failed> {
        let mut warnings = Vec::new();
        for (name, probe) in reachable {
            let Some(from) = &probe.reachable_from else {
                continue;
            };
            let saw = match self.reached_by(from, probe).await {
                Ok(Ok(())) => continue,
                Ok(Err(saw)) => saw,
                Err(fault) if fault.code == Code::Interrupted => return Err(fault.into()),
                Err(fault) => format!("{from} cannot be asked: {}", fault.title),
            };
            self.say(&format!("probe {name}: {saw}"));
            if !probe.critical {
                warnings.push(format!("probe {name}: {saw}"));
                continue;
            }
            return self
                .take_back_for(not_reached(self.host, name, from, &saw))
                .await;
        }
        Ok(warnings)
    }

    /// Whether `from` reaches this host as often in a row as it should; otherwise what it saw last.
    async fn reached_by(
        &self,
        from: &HostName,
        probe: &Probe,
    ) -> Result<Result<(), String>, Diagnostic> {
        let target = self.wire.today.target(self.wire.spec(self.host)?)?;
        let binary = Binary::find(&self.wire.spec(from)?.system)?;
        let seconds = |text: &str| duration::seconds(text).unwrap_or(1);
        let until = Instant::now() + Duration::from_secs(seconds(&probe.within));
        let every = seconds(&probe.every);
        let mut held = 0;
        loop {
            let saw = self
                .reached_once(from, (&target, &binary), every.max(1))
                .await?;
            held = if saw.is_none() { held + 1 } else { 0 };
            if held >= probe.successes {
                return Ok(Ok(()));
            }
            if Instant::now() >= until {
                return Ok(Err(
                    saw.unwrap_or_else(|| "not often enough in a row".to_owned())
                ));
            }
            tokio::time::sleep(Duration::from_secs(every)).await;
        }
    }

    /// Whether `from` reaches one of the addresses of this host, as a connection of ours would try them; otherwise what it saw.
    async fn reached_once(
        &self,
        from: &HostName,
        (target, binary): (&Target, &Binary),
        patience: u64,
    ) -> Result<Option<String>, Diagnostic> {
        let mut saw = Vec::new();
        for address in &target.addresses {
            let connection = self.wire.connection(from, self.stop.clone()).await?;
            let reached = Agent::new(&connection, from, binary)
                .reach(address, target.port, patience, self.stop.clone())
                .await?;
            if reached.holds {
                return Ok(None);
            }
            saw.push(format!("{address}: {}", reached.saw));
        }
        Ok(Some(saw.join("; ")))
    }
}

fn not_reached(host: &HostName, probe: &NeedName, from: &HostName, saw: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ProbeFailed,
        format!("{from} does not reach {host} any more (probe `{probe}`)"),
    )
    .with_cause(saw.to_owned())
    .with_fix("see what the change did to the network and the firewall of both; or set `critical = false` for the probe")
}
