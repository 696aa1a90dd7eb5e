//! The tables and how a connection is set up.

use super::fault::Fault;
use rusqlite::Connection;
use std::time::Duration;

/// "infr": marks the file as ours, also to `file(1)`.
pub(super) const APPLICATION: i32 = 0x696e_6672;

/// Raised with every change of the tables or of the meaning of a row. There are no migrations: everything can be had again.
pub(super) const VERSION: i32 = 3;

/// How long a statement waits for another process to finish writing.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// All statements we have, prepared once per connection.
const STATEMENTS: usize = 50;

/// Large or rarely read columns come last in a row: a scan of the ones before does not touch their pages.
const TABLES: &str = "
CREATE TABLE repos (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE evaluations (
  id INTEGER PRIMARY KEY,
  created INTEGER NOT NULL,
  used INTEGER NOT NULL,
  tree TEXT NOT NULL,
  attribute TEXT NOT NULL,
  nix TEXT NOT NULL,
  system TEXT NOT NULL,
  seconds REAL NOT NULL,
  peak_bytes INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  answer TEXT NOT NULL,
  UNIQUE (tree, attribute, nix, system)
) STRICT;
CREATE TABLE peaks (
  repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE,
  host TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (repo, host)
) STRICT, WITHOUT ROWID;
CREATE TABLE files (
  repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE,
  path BLOB NOT NULL,
  ino INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  mode INTEGER NOT NULL,
  oid BLOB NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (repo, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE programs (
  path BLOB NOT NULL PRIMARY KEY,
  ino INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  version TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE seen (
  id INTEGER PRIMARY KEY,
  repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE,
  host TEXT NOT NULL,
  tree TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX seen_of_host ON seen (repo, host, id);
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE,
  run TEXT NOT NULL,
  blob TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  receipt TEXT NOT NULL,
  UNIQUE (repo, run)
) STRICT;
CREATE TABLE run_hosts (
  host TEXT NOT NULL,
  id INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  PRIMARY KEY (host, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hosts_of_run ON run_hosts (id);
CREATE TABLE run_states (
  repo INTEGER NOT NULL PRIMARY KEY REFERENCES repos ON DELETE CASCADE,
  state TEXT NOT NULL
) STRICT;
";

/// All tables, those first that others refer to.
pub(super) const NAMES: [&str; 9] = [
    "repos",
    "evaluations",
    "peaks",
    "files",
    "programs",
    "seen",
    "runs",
    "run_hosts",
    "run_states",
];

/// Makes the tables in an empty database.
pub(super) fn create(connection: &mut Connection) -> Result<(), Fault> {
    // Only possible before the first table: lets `gc` give space back without copying the whole file.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Sets up a connection; needed each time, none of it is kept in the file.
pub(super) fn set_up(connection: &Connection) -> Result<(), Fault> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(
        // With a write-ahead log NORMAL survives a crash of the machine undamaged; only the last writes may be lost.
        "PRAGMA synchronous = NORMAL;
         PRAGMA foreign_keys = ON;
         PRAGMA cell_size_check = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;",
    )?;
    Ok(())
}

/// Whether the file is one that this version of infra wrote.
pub(super) fn vet(connection: &Connection) -> Result<(), Fault> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = number("application_id")?;
    if application != APPLICATION {
        return Err(Fault::Unfit("it is a file of another program".to_owned()));
    }
    let version = number("user_version")?;
    if version != VERSION {
        return Err(Fault::Unfit(format!(
            "another version of infra wrote it (its format is {version}, ours is {VERSION})"
        )));
    }
    Ok(())
}

/// An empty table without a file.
pub(super) fn in_memory() -> Result<Connection, Fault> {
    let mut connection = Connection::open_in_memory()?;
    set_up(&connection)?;
    create(&mut connection)?;
    Ok(connection)
}
