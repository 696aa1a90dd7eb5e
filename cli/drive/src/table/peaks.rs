//! What evaluating a host took before: how many evaluators fit into memory at once is decided by it.

use super::{Table, repo_id};
use infra_model::HostName;
use rusqlite::OptionalExtension;

/// What evaluating a host takes, as far as learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// The most memory the evaluator holds.
    pub bytes: u64,
    /// How long it runs.
    pub seconds: f64,
}

impl Table {
    /// What was learned of a host of the repository at `repo`.
    pub fn peak(&self, repo: &str, host: &HostName) -> Option<Peak> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT bytes, seconds FROM peaks
                     WHERE repo = (SELECT id FROM repos WHERE path = ?1) AND host = ?2",
                )?
                .query_row((repo, host.as_str()), |row| {
                    Ok(Peak {
                        bytes: row.get::<_, i64>(0)?.cast_unsigned(),
                        seconds: row.get(1)?,
                    })
                })
                .optional()?;
            Ok(found)
        })
    }

    /// Learns from an evaluation: a maximum that slowly forgets.
    ///
    /// More than what is known is believed at once, for too low a guess makes the kernel kill somebody. Less takes an eighth off the
    /// difference each time: after five cheaper evaluations half of it is left, after twenty nothing to speak of. Bytes and seconds
    /// are learned apart from each other.
    pub fn learn(&self, repo: &str, host: &HostName, peak: Peak) {
        self.write(|transaction| {
            // In SQL, so that two processes that learn at the same time both count.
            transaction
                .prepare_cached(
                    "INSERT INTO peaks (repo, host, bytes, seconds) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (repo, host) DO UPDATE SET
                       bytes = max(excluded.bytes, bytes - (bytes - excluded.bytes) / 8),
                       seconds = max(excluded.seconds, seconds - (seconds - excluded.seconds) / 8)",
                )?
                .execute((
                    repo_id(transaction, repo)?,
                    host.as_str(),
                    i64::try_from(peak.bytes).unwrap_or(i64::MAX),
                    // SQLite stores what is no number as NULL.
                    peak.seconds.max(0.0),
                ))?;
            Ok(())
        });
    }
}
