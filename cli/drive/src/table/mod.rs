//! What infra remembers between runs: answers of Nix, peaks of memory, files already hashed. One SQLite file per user,
//! shared by all infra processes of this machine.
//!
//! Nothing in it is needed for a right answer. So it never fails a command: a table that cannot be read is set aside, one that
//! cannot be written is replaced by an empty one in memory, and either is told as a warning. Only answers that Nix gave are kept,
//! never errors: a mistake that was corrected elsewhere must not be remembered.

mod checksum;
mod evaluations;
mod fault;
mod files;
mod home;
mod peaks;
mod programs;
mod runs;
mod schema;
mod trees;
mod upkeep;

pub use evaluations::{Evaluation, Key};
pub use files::FileStat;
pub use peaks::Peak;
pub use programs::Program;
pub use runs::{RunRow, RunsWanted};
pub use trees::Seen;
pub use upkeep::{Info, MAX_BYTES, Removed};

use fault::Fault;
use home::{Held, Home};
use infra_model::Diagnostic;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The table. Methods without a `Result` cannot fail a command: what goes wrong in them is found in [`Table::take_warnings`].
#[derive(Debug)]
pub struct Table {
    inner: Mutex<Inner>,
    limit: u64,
}

/// A table that was opened, and what a person should know about it.
#[derive(Debug)]
pub struct Opened {
    /// The table; in memory alone if the file cannot be used.
    pub table: Table,
    /// Why it is empty although it should not be, or will not be kept.
    pub warning: Option<Diagnostic>,
}

#[derive(Debug)]
struct Inner {
    // Declared before `held`, so dropped before it: the lock is given back once the file is closed, not earlier.
    connection: Connection,
    /// The file it is kept in; `None` in memory.
    held: Option<Held>,
    warnings: Vec<Diagnostic>,
    /// One failing disk makes many failures; they are told once.
    told: bool,
}

/// The folder of the table: `$XDG_CACHE_HOME/infra`, or `~/.cache/infra`.
pub fn cache_dir() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .unwrap_or_else(|| PathBuf::from("/var/cache"))
        .join("infra")
}

impl Table {
    /// Opens the table in the folder `dir`, making both if need be. Fails only if not even memory can be had.
    pub fn open(dir: &Path) -> Result<Opened, Diagnostic> {
        let home = Home::at(dir);
        match home.clone().open(None) {
            Ok(opening) => Ok(Opened {
                table: Self::of(opening.connection, Some(opening.held)),
                warning: opening.set_aside,
            }),
            Err(fault) => Ok(Opened {
                table: Self::in_memory()?,
                warning: Some(fault.diagnostic(&home.file())),
            }),
        }
    }

    /// Whether there is one in the folder `dir` already.
    pub fn is_in(dir: &Path) -> bool {
        Home::at(dir).file().is_file()
    }

    /// An empty table that is forgotten with the process.
    pub fn in_memory() -> Result<Self, Diagnostic> {
        schema::in_memory()
            .map(|connection| Self::of(connection, None))
            .map_err(|fault| fault.diagnostic(Path::new("memory")))
    }

    fn of(connection: Connection, held: Option<Held>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                connection,
                held,
                warnings: Vec::new(),
                told: false,
            }),
            limit: MAX_BYTES,
        }
    }

    /// What went wrong since the last call, for a person to know; the command itself can go on.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.inner().warnings)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves no half-done work here: SQLite rolls back what was not committed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads; a failure is a warning and nothing found.
    fn read<T: Default>(&self, mut work: impl FnMut(&Connection) -> Result<T, Fault>) -> T {
        self.inner().forgiving(&mut |connection| work(connection))
    }

    /// Writes, all or nothing; a failure is a warning.
    fn write(&self, mut work: impl FnMut(&Transaction<'_>) -> Result<(), Fault>) {
        self.inner()
            .forgiving(&mut |connection| transact(connection, &mut work));
    }

    /// Writes, all or nothing, for a command that was asked to do just this.
    fn insist<T>(
        &self,
        mut work: impl FnMut(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Diagnostic> {
        let mut inner = self.inner();
        inner
            .attempt(&mut |connection| transact(connection, &mut work))
            .map_err(|fault| inner.diagnostic(fault))
    }
}

/// Write transactions are IMMEDIATE: they wait for each other at their beginning, where nothing is lost, instead of failing at their end.
fn transact<T>(
    connection: &mut Connection,
    work: &mut impl FnMut(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

type Work<'a, T> = &'a mut dyn FnMut(&mut Connection) -> Result<T, Fault>;

impl Inner {
    fn forgiving<T: Default>(&mut self, work: Work<'_, T>) -> T {
        self.attempt(work).unwrap_or_else(|fault| {
            if !self.told {
                self.told = true;
                let warning = self.diagnostic(fault);
                self.warnings.push(warning);
            }
            T::default()
        })
    }

    /// Does the work; if the file turns out to be damaged, once more on a new one.
    fn attempt<T>(&mut self, work: Work<'_, T>) -> Result<T, Fault> {
        match (work(&mut self.connection), self.held.take()) {
            (Err(Fault::Unfit(why)), Some(held)) => {
                self.replace(held, why)?;
                work(&mut self.connection)
            }
            (done, held) => {
                self.held = held;
                done
            }
        }
    }

    /// Leaves a damaged file for a new one, or for memory if that cannot be had.
    fn replace(&mut self, held: Held, why: String) -> Result<(), Fault> {
        // Closes the damaged file, which has to happen before its lock is given back.
        self.connection = schema::in_memory()?;
        let (home, damaged) = held.let_go(why);
        match home.clone().open(Some(&damaged)) {
            Ok(opening) => {
                self.connection = opening.connection;
                self.held = Some(opening.held);
                self.warnings.extend(opening.set_aside);
            }
            Err(fault) => self.warnings.push(fault.diagnostic(&home.file())),
        }
        Ok(())
    }

    fn diagnostic(&self, fault: Fault) -> Diagnostic {
        let file = self.held.as_ref().map(|held| held.home().file());
        fault.diagnostic(file.as_deref().unwrap_or(Path::new("memory")))
    }
}

/// Milliseconds since 1970, as times are stored. Times before that (a clock that was never set) count as 1970.
fn stored(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

fn restored(milliseconds: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The number under which a repository's rows are kept.
fn repo_id(transaction: &Transaction<'_>, repo: &str) -> Result<i64, Fault> {
    transaction
        .prepare_cached("INSERT INTO repos (path) VALUES (?1) ON CONFLICT (path) DO NOTHING")?
        .execute([repo])?;
    Ok(transaction
        .prepare_cached("SELECT id FROM repos WHERE path = ?1")?
        .query_row([repo], |row| row.get(0))?)
}

#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;
