//! Keeping the table small, and saying what is in it.

use super::fault::Fault;
use super::programs::path_of;
use super::schema;
use super::{Table, restored};
use infra_model::Diagnostic;
use rusqlite::{Connection, Transaction};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the table may take on disk: some ten thousand evaluations.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What a row of an evaluation takes beside its answer, about.
const ROW_BYTES: u64 = 300;

/// How much of a host's history is kept.
const SEEN_KEPT: u32 = 500;

/// What is in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its file; `None` if it is in memory alone.
    pub file: Option<PathBuf>,
    /// Its size, with its log.
    pub bytes: u64,
    /// How many evaluations it has.
    pub evaluations: u64,
    /// Of how many files it knows the content.
    pub files: u64,
    /// When the evaluation that goes first was last used, to the hour.
    pub oldest: Option<SystemTime>,
    /// The size of files that could not be used and were set aside.
    pub set_aside_bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Evaluations.
    pub evaluations: u64,
    /// Old entries of hosts' histories.
    pub seen: u64,
    /// Repositories, with all that was known of their files and hosts.
    pub repos: u64,
    /// Programs.
    pub programs: u64,
    /// Files that had been set aside.
    pub set_aside: u64,
    /// What that gave back on disk.
    pub bytes: u64,
}

impl Table {
    /// What is in the table.
    pub fn info(&self) -> Result<Info, Diagnostic> {
        let mut inner = self.inner();
        inner
            .attempt(&mut |connection| info(connection))
            .and_then(|found| match &inner.held {
                None => Ok(found),
                Some(held) => {
                    let (bytes, set_aside_bytes) = held.home().sizes()?;
                    Ok(Info {
                        file: Some(held.home().file()),
                        bytes,
                        set_aside_bytes,
                        ..found
                    })
                }
            })
            .map_err(|fault| inner.diagnostic(fault))
    }

    /// Removes what can no longer be of use, and then the least recently used evaluations until the file is no larger than `max_bytes`.
    pub fn gc(&self, max_bytes: u64) -> Result<Removed, Diagnostic> {
        let before = self.info()?;
        let mut removed = self.insist(|transaction| {
            Ok(Removed {
                repos: remove_lost_repos(transaction)?,
                programs: remove_lost_programs(transaction)?,
                seen: remove_old_history(transaction)?,
                evaluations: remove_down_to(transaction, max_bytes)?,
                ..Removed::default()
            })
        })?;
        removed.set_aside = self.give_back()?;
        removed.bytes = self.freed_since(&before)?;
        Ok(removed)
    }

    /// Empties the table.
    pub fn clear(&self) -> Result<Removed, Diagnostic> {
        let before = self.info()?;
        let mut removed = self.insist(|transaction| {
            let mut counts = [0; schema::NAMES.len()];
            // Those that others refer to come last.
            for (count, name) in counts.iter_mut().zip(schema::NAMES).rev() {
                *count = transaction.execute(&format!("DELETE FROM {name}"), [])? as u64;
            }
            let [repos, evaluations, _, _, programs, seen, ..] = counts;
            Ok(Removed {
                evaluations,
                seen,
                repos,
                programs,
                ..Removed::default()
            })
        })?;
        removed.set_aside = self.give_back()?;
        removed.bytes = self.freed_since(&before)?;
        Ok(removed)
    }

    /// Gives free pages and set-aside files back to the file system; says how many files.
    fn give_back(&self) -> Result<u64, Diagnostic> {
        let mut inner = self.inner();
        inner
            .attempt(&mut |connection| shrink(connection))
            .and_then(|()| match &inner.held {
                Some(held) => Ok(held.home().remove_set_aside()?),
                None => Ok(0),
            })
            .map_err(|fault| inner.diagnostic(fault))
    }

    fn freed_since(&self, before: &Info) -> Result<u64, Diagnostic> {
        let after = self.info()?;
        Ok((before.bytes + before.set_aside_bytes)
            .saturating_sub(after.bytes + after.set_aside_bytes))
    }
}

/// Removes evaluations if there are too many: enough of them that this is rare.
pub(super) fn keep_within(transaction: &Transaction<'_>, max_bytes: u64) -> Result<(), Fault> {
    if content_bytes(transaction)? > max_bytes {
        remove_down_to(transaction, max_bytes / 4 * 3)?;
    }
    Ok(())
}

fn info(connection: &Connection) -> Result<Info, Fault> {
    let count = |table: &str| count(connection, &format!("SELECT count(*) FROM {table}"));
    let oldest: Option<i64> =
        connection.query_row("SELECT min(used) FROM evaluations", [], |row| row.get(0))?;
    Ok(Info {
        file: None,
        bytes: content_bytes(connection)?,
        evaluations: count("evaluations")?,
        files: count("files")?,
        oldest: oldest.map(restored),
        set_aside_bytes: 0,
    })
}

fn count(connection: &Connection, query: &str) -> Result<u64, Fault> {
    let count: i64 = connection
        .prepare_cached(query)?
        .query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The size of all pages that are in use.
fn content_bytes(connection: &Connection) -> Result<u64, Fault> {
    let pragma = |name: &str| count(connection, &format!("PRAGMA {name}"));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(pages.saturating_mul(pragma("page_size")?))
}

/// Removes the least recently used evaluations until the pages in use fit; gives how many.
fn remove_down_to(transaction: &Transaction<'_>, max_bytes: u64) -> Result<u64, Fault> {
    let mut removed = 0;
    // In steps: a row's answer tells only about how many pages are free without it.
    loop {
        let excess = content_bytes(transaction)?.saturating_sub(max_bytes);
        if excess == 0 {
            return Ok(removed);
        }
        let step = transaction
            .prepare_cached(
                "DELETE FROM evaluations WHERE id IN (
                   SELECT id FROM (
                     SELECT id, sum(octet_length(answer) + ?2) OVER (ORDER BY used, id)
                       - octet_length(answer) - ?2 AS earlier
                     FROM evaluations)
                   WHERE earlier < ?1)",
            )?
            .execute([excess.cast_signed(), ROW_BYTES.cast_signed()])?;
        if step == 0 {
            return Ok(removed);
        }
        removed += step as u64;
    }
}

fn remove_lost_repos(transaction: &Transaction<'_>) -> Result<u64, Fault> {
    let repos = transaction
        .prepare("SELECT id, path FROM repos")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, String)>, _>>()?;
    let mut removed = 0;
    for (id, path) in repos {
        if is_lost(Path::new(&path)) {
            // With all rows that refer to it.
            removed += transaction.execute("DELETE FROM repos WHERE id = ?1", [id])? as u64;
        }
    }
    Ok(removed)
}

fn remove_lost_programs(transaction: &Transaction<'_>) -> Result<u64, Fault> {
    let paths = transaction
        .prepare("SELECT path FROM programs")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<Vec<u8>>, _>>()?;
    let mut removed = 0;
    for path in paths {
        if is_lost(path_of(&path)) {
            removed += transaction.execute("DELETE FROM programs WHERE path = ?1", [path])? as u64;
        }
    }
    Ok(removed)
}

/// Whether there certainly is nothing at the path; one that cannot be looked at may come back.
fn is_lost(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

fn remove_old_history(transaction: &Transaction<'_>) -> Result<u64, Fault> {
    let removed = transaction.execute(
        "DELETE FROM seen WHERE id IN (
           SELECT id FROM (
             SELECT id, row_number() OVER (PARTITION BY repo, host ORDER BY id DESC) AS age FROM seen)
           WHERE age > ?1)",
        [SEEN_KEPT],
    )?;
    Ok(removed as u64)
}

fn shrink(connection: &Connection) -> Result<(), Fault> {
    // A page for each step, so it has to be read to its end, although it gives no rows.
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    // The file itself only shrinks when the log is written back. Readers may keep some of it; the next one to close writes it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
