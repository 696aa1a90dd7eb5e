//! An index of receipts, so that the newest are found without reading all. It is made of the user's repository and the state folder, and says
//! of which state of them: whoever asks compares, and brings it up to date first.

use super::checksum::Checksum;
use super::fault::Fault;
use super::{Table, repo_id};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::collections::HashMap;

/// A receipt to be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its run.
    pub run: String,
    /// What it was read from: the id of its file in Git, or, if it is in the state folder alone, what tells it from an earlier one there.
    pub blob: String,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// All of it.
    pub receipt: String,
}

/// Which receipts are asked for; all of these must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunsWanted {
    /// Those with one of these hosts.
    pub hosts: Option<Vec<String>>,
    /// Those whose run has a name of at least this, and so was begun no earlier.
    pub since: Option<String>,
    /// That of this run.
    pub run: Option<String>,
    /// The newest so many of them.
    pub limit: Option<u32>,
}

impl Table {
    /// The state that the index is of; `None` if there is none.
    pub fn runs_state(&self, repo: &str) -> Option<String> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT state FROM run_states JOIN repos ON repos.id = repo WHERE path = ?1",
                )?
                .query_row([repo], |row| row.get(0))
                .optional()?)
        })
    }

    /// The runs in the index, each with what it was read from.
    pub fn runs_indexed(&self, repo: &str) -> HashMap<String, String> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT run, blob FROM runs JOIN repos ON repos.id = repo WHERE path = ?1",
            )?;
            let rows = statement.query_map([repo], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Brings the index to a state: all or nothing.
    pub fn index_runs(&self, repo: &str, state: &str, add: &[RunRow], remove: &[String]) {
        self.write(|transaction| {
            let repo = repo_id(transaction, repo)?;
            for run in remove {
                forget(transaction, repo, run)?;
            }
            for row in add {
                forget(transaction, repo, &row.run)?;
                insert(transaction, repo, row)?;
            }
            transaction
                .prepare_cached("INSERT OR REPLACE INTO run_states (repo, state) VALUES (?1, ?2)")?
                .execute((repo, state))?;
            Ok(())
        });
    }

    /// Receipts, newest first.
    pub fn runs(&self, repo: &str, wanted: &RunsWanted) -> Vec<String> {
        self.read(|connection| find(connection, repo, wanted))
    }
}

fn find(connection: &Connection, repo: &str, wanted: &RunsWanted) -> Result<Vec<String>, Fault> {
    let hosts = wanted
        .hosts
        .as_ref()
        .map(|hosts| serde_json::Value::from(hosts.clone()).to_string());
    // Run names sort by time.
    let mut statement = connection.prepare_cached(
        "SELECT run, checksum, receipt FROM runs
         WHERE repo = (SELECT id FROM repos WHERE path = ?1)
           AND run >= ?2 AND (?5 IS NULL OR run = ?5)
           AND (?3 IS NULL OR id IN (SELECT id FROM run_hosts WHERE host IN (SELECT value FROM json_each(?3))))
         ORDER BY run DESC LIMIT ?4",
    )?;
    let rows = statement.query_map(
        (
            repo,
            wanted.since.as_deref().unwrap_or_default(),
            hosts,
            wanted.limit.map_or(-1, i64::from),
            wanted.run.as_deref(),
        ),
        |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
            ))
        },
    )?;
    let mut found = Vec::new();
    for row in rows {
        let (run, sum, receipt) = row?;
        if sum != checksum(&run, &receipt) {
            return Err(Fault::Unfit("a receipt in it is damaged".to_owned()));
        }
        found.push(receipt);
    }
    Ok(found)
}

fn forget(transaction: &Transaction<'_>, repo: i64, run: &str) -> Result<(), Fault> {
    // Its hosts go with it.
    transaction
        .prepare_cached("DELETE FROM runs WHERE repo = ?1 AND run = ?2")?
        .execute((repo, run))?;
    Ok(())
}

fn insert(transaction: &Transaction<'_>, repo: i64, row: &RunRow) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT INTO runs (repo, run, blob, checksum, receipt) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            repo,
            &row.run,
            &row.blob,
            checksum(&row.run, &row.receipt),
            &row.receipt,
        ))?;
    let id = transaction.last_insert_rowid();
    let mut statement =
        transaction.prepare_cached("INSERT OR IGNORE INTO run_hosts (host, id) VALUES (?1, ?2)")?;
    for host in &row.hosts {
        statement.execute((host, id))?;
    }
    Ok(())
}

fn checksum(run: &str, receipt: &str) -> i64 {
    Checksum::new().text(run).text(receipt).column()
}
