//! Which tree a host had when.

use super::fault::Fault;
use super::{Table, repo_id, restored, stored};
use infra_model::HostName;
use rusqlite::Connection;
use std::path::PathBuf;
use std::time::SystemTime;

impl Table {
    /// Adds to a host's history that it now has this tree, if the last one it had is another.
    pub fn keep_seen(&self, repo: &str, host: &HostName, tree: &str, now: SystemTime) {
        // Nearly always the same one again: looked up without making writers wait.
        if self.read(|connection| is_last(connection, repo, host, tree)) {
            return;
        }
        self.write(|transaction| {
            if !is_last(transaction, repo, host, tree)? {
                let repo = repo_id(transaction, repo)?;
                transaction
                    .prepare_cached(
                        "INSERT INTO seen (repo, host, tree, at) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute((repo, host.as_str(), tree, stored(now)))?;
            }
            Ok(())
        });
    }

    /// The trees that a host had, with the time each was first seen, newest first, `limit` at most.
    pub fn seen(&self, repo: &str, host: &HostName, limit: u32) -> Vec<(String, SystemTime)> {
        self.read(|connection| last(connection, repo, host, limit))
    }

    /// The histories of all hosts of all repositories, newest first: each host's last tree, and every one first seen since `since`.
    pub fn history(&self, since: SystemTime) -> Vec<Seen> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT path, host, tree, seen.id IN (SELECT max(id) FROM seen GROUP BY repo, host) AS last
                 FROM seen JOIN repos ON repos.id = repo WHERE last OR at >= ?1 ORDER BY seen.id DESC",
            )?;
            let rows = statement.query_map([stored(since)], |row| {
                Ok(Seen {
                    repo: row.get::<_, String>(0)?.into(),
                    host: row.get(1)?,
                    tree: row.get(2)?,
                    is_last: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// A tree that a host had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The host's repository.
    pub repo: PathBuf,
    /// The host.
    pub host: String,
    /// The tree.
    pub tree: String,
    /// Whether it has had no other since.
    pub is_last: bool,
}

fn is_last(
    connection: &Connection,
    repo: &str,
    host: &HostName,
    tree: &str,
) -> Result<bool, Fault> {
    let last = last(connection, repo, host, 1)?;
    Ok(last.first().is_some_and(|(last, _)| last == tree))
}

fn last(
    connection: &Connection,
    repo: &str,
    host: &HostName,
    limit: u32,
) -> Result<Vec<(String, SystemTime)>, Fault> {
    // By number, not by time: clocks go backwards.
    let mut statement = connection.prepare_cached(
        "SELECT tree, at FROM seen
         WHERE repo = (SELECT id FROM repos WHERE path = ?1) AND host = ?2
         ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((repo, host.as_str(), limit), |row| {
        Ok((row.get(0)?, restored(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
