//! Answers of Nix. Sound to keep, because an evaluation of a tree is pure: the tree contains all it reads, the lock file included.

use super::checksum::Checksum;
use super::fault::Fault;
use super::{Table, stored, upkeep};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::time::{Duration, SystemTime};

/// How stale the time of last use may be. Reads stay reads: only the first of an hour writes.
const USED_STALE: Duration = Duration::from_secs(3600);

/// What an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The id of the host's tree.
    pub tree: String,
    /// What was asked for in it.
    pub attribute: String,
    /// The version of Nix that was asked.
    pub nix: String,
    /// The system it ran on.
    pub system: String,
}

/// An answer of Nix and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The JSON text that Nix gave.
    pub answer: String,
    /// How long it took.
    pub seconds: f64,
    /// The most memory the evaluator held.
    pub peak_bytes: u64,
}

impl Key {
    fn columns(&self) -> [&str; 4] {
        [&self.tree, &self.attribute, &self.nix, &self.system]
    }

    fn checksum(&self, answer: &str) -> i64 {
        self.columns()
            .iter()
            .fold(Checksum::new(), |sum, column| sum.text(column))
            .text(answer)
            .column()
    }
}

impl Table {
    /// The answer that was kept for `key`.
    pub fn get(&self, key: &Key, now: SystemTime) -> Option<Evaluation> {
        let now = stored(now);
        self.read(|connection| {
            let Some((id, used, evaluation)) = find(connection, key)? else {
                return Ok(None);
            };
            // Either way: a time in the future (the clock was wrong then) would keep the row forever.
            if u128::from(now.abs_diff(used)) > USED_STALE.as_millis() {
                touch(connection, id, now)?;
            }
            Ok(Some(evaluation))
        })
    }

    /// Keeps an answer. Only of an evaluation that succeeded.
    pub fn put(&self, key: &Key, evaluation: &Evaluation, now: SystemTime) {
        self.write(|transaction| {
            insert(transaction, key, evaluation, stored(now))?;
            upkeep::keep_within(transaction, self.limit)
        });
    }
}

fn find(connection: &Connection, key: &Key) -> Result<Option<(i64, i64, Evaluation)>, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT id, used, seconds, peak_bytes, checksum, answer FROM evaluations
             WHERE tree = ?1 AND attribute = ?2 AND nix = ?3 AND system = ?4",
        )?
        .query_row(key.columns(), |row| {
            let evaluation = Evaluation {
                answer: row.get("answer")?,
                seconds: row.get("seconds")?,
                peak_bytes: row.get::<_, i64>("peak_bytes")?.cast_unsigned(),
            };
            let checksum: i64 = row.get("checksum")?;
            Ok((row.get("id")?, row.get("used")?, evaluation, checksum))
        })
        .optional()?;
    match found {
        None => Ok(None),
        Some((id, used, evaluation, checksum)) if checksum == key.checksum(&evaluation.answer) => {
            Ok(Some((id, used, evaluation)))
        }
        Some(_) => Err(Fault::Unfit("an evaluation in it is damaged".to_owned())),
    }
}

/// Remembers that a row was used, if that can be had at once: a reader does not wait for a writer, and may have no right to write.
fn touch(connection: &Connection, id: i64, now: i64) -> Result<(), Fault> {
    connection.busy_timeout(Duration::ZERO)?;
    let touched = connection
        .prepare_cached("UPDATE evaluations SET used = ?2 WHERE id = ?1")
        .and_then(|mut statement| statement.execute([id, now]))
        .map_err(Fault::from);
    connection.busy_timeout(super::schema::PATIENCE)?;
    match touched {
        Ok(_) | Err(Fault::Unusable(_)) => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn insert(
    transaction: &Transaction<'_>,
    key: &Key,
    evaluation: &Evaluation,
    now: i64,
) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT INTO evaluations
               (tree, attribute, nix, system, created, used, seconds, peak_bytes, checksum, answer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (tree, attribute, nix, system) DO UPDATE SET
               created = excluded.created, used = excluded.used, seconds = excluded.seconds,
               peak_bytes = excluded.peak_bytes, checksum = excluded.checksum, answer = excluded.answer",
        )?
        .execute((
            &key.tree,
            &key.attribute,
            &key.nix,
            &key.system,
            now,
            // SQLite stores what is no number as NULL.
            evaluation.seconds.max(0.0),
            evaluation.peak_bytes.cast_signed(),
            key.checksum(&evaluation.answer),
            &evaluation.answer,
        ))?;
    Ok(())
}
