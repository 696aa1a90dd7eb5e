//! Taking back what a run has begun.

use super::Transaction;
use infra_model::{Code, HostName, HostOutcome};
use std::sync::Arc;

impl Transaction<'_> {
    /// Has a host put back what waits for its confirmation. It is a change that has begun, and brought to its end; only whoever insists ends that.
    pub(crate) async fn take_back(&mut self, host: &HostName) {
        if self.run.interrupted() {
            return self.leave_alone(&[host], "interrupted");
        }
        let wire = Arc::clone(&self.wire);
        let taken = self
            .run
            .bring_to_its_end(async |stop| wire.take_back(host, stop).await)
            .await;
        match taken {
            Ok(()) => {
                let why = Some("taken back".to_owned());
                self.settle(host, HostOutcome::RolledBack, why);
            }
            Err(fault) if fault.code == Code::Interrupted => {
                let why = Some("interrupted while it was taken back".to_owned());
                self.settle(host, HostOutcome::Failed, why);
            }
            Err(fault) => self.fail(host, fault),
        }
    }
}
