//! Host trees: the commit each was written as, and which one a host had when.

use super::checksum::Checksum;
use super::fault::Fault;
use super::{Table, repo_id, restored, stored};
use infra_model::HostName;
use rusqlite::{Connection, OptionalExtension};
use std::time::SystemTime;

impl Table {
    /// The commit that a tree was written as. Whether the object store still has it is for the caller to see.
    pub fn tree_commit(&self, tree: &str) -> Option<String> {
        self.read(|connection| {
            let found = connection
                .prepare_cached("SELECT written, checksum FROM trees WHERE tree = ?1")?
                .query_row([tree], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((commit, checksum)): Option<(String, i64)> = found else {
                return Ok(None);
            };
            if checksum == checksum_of(tree, &commit) {
                Ok(Some(commit))
            } else {
                Err(Fault::Unfit("a tree in it is damaged".to_owned()))
            }
        })
    }

    /// Keeps the commit that a tree was written as.
    pub fn keep_tree(&self, tree: &str, commit: &str, now: SystemTime) {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO trees (tree, created, written, checksum) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((tree, stored(now), commit, checksum_of(tree, commit)))?;
            Ok(())
        });
    }

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
}

fn checksum_of(tree: &str, commit: &str) -> i64 {
    Checksum::new().text(tree).text(commit).column()
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
