//! The table's file: opening it, making it, setting it aside, with other processes doing the same.
//!
//! SQLite itself keeps readers and writers apart, but a file must not be renamed while somebody has it open: SQLite finds the log
//! and the shared memory by name. So whoever has the table open holds a shared lock on a file beside it, and whoever makes or
//! renames one holds that lock alone. This protocol must never change: other versions of infra follow it, too.

use super::fault::{self, Fault};
use super::schema;
use infra_model::Diagnostic;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often to look whether others have closed the table, before it is made or set aside; with the pause, for about a second.
const ROUNDS: u32 = 200;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// How many files that were set aside are kept. A disk that damages one damages the next, and must not be filled by it.
const KEPT_ASIDE: usize = 3;

/// SQLite's own files beside a database. Renamed before the database itself: a log without its database is harmless, a log that
/// meets another database of the same name is replayed into it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The folder that the table is in.
#[derive(Debug, Clone)]
pub(super) struct Home {
    dir: PathBuf,
}

/// A file of the table that is open: nobody renames it meanwhile.
#[derive(Debug)]
pub(super) struct Held {
    home: Home,
    identity: Identity,
    // Held, not read.
    _lock: Lock,
}

/// What opening gives.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) connection: Connection,
    pub(super) held: Held,
    /// The warning that there was another file before.
    pub(super) set_aside: Option<Diagnostic>,
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    dev: u64,
    ino: u64,
}

/// A file that was found damaged while it was used, which opening it does not show.
#[derive(Debug)]
pub(super) struct Damaged {
    identity: Identity,
    why: String,
}

impl Held {
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Gives the lock back, to have the file replaced. Its connection must be closed before.
    pub(super) fn let_go(self, why: String) -> (Home, Damaged) {
        let identity = self.identity;
        (self.home, Damaged { identity, why })
    }
}

impl Home {
    pub(super) fn at(dir: &Path) -> Self {
        // A relative path that begins with `file:` would be a URL to SQLite.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
        Self { dir }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.join("table.sqlite")
    }

    /// Opens the file. If there is none, or none that can be trusted, makes one first.
    pub(super) fn open(self, damaged: Option<&Damaged>) -> Result<Opening, Fault> {
        // Answers of Nix are no secrets, but nobody else's business either.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        let lock = Lock::at(&self.dir.join("table.lock"))?;
        let mut set_aside = None;
        for _ in 0..ROUNDS {
            if lock.share()? {
                match self.open_existing(damaged) {
                    Ok((connection, identity)) => {
                        let held = Held {
                            home: self,
                            identity,
                            _lock: lock,
                        };
                        return Ok(Opening {
                            connection,
                            held,
                            set_aside,
                        });
                    }
                    Err(fault @ Fault::Unusable(_)) => return Err(fault),
                    Err(Fault::Absent | Fault::Unfit(_)) => {}
                }
            }
            if lock.own()? {
                set_aside = self.renew(damaged)?.or(set_aside);
            } else {
                thread::sleep(PAUSE);
            }
        }
        let why = "it has to be made anew, but other infra processes are using it";
        Err(Fault::Unusable(why.to_owned()))
    }

    fn open_existing(&self, damaged: Option<&Damaged>) -> Result<(Connection, Identity), Fault> {
        let file = self.file();
        let identity = match fs::metadata(&file) {
            Ok(found) if !found.is_file() => {
                return Err(Fault::Unusable("it is not a file".to_owned()));
            }
            Ok(found) if found.len() == 0 => return Err(Fault::Absent),
            Ok(found) => Identity {
                dev: found.dev(),
                ino: found.ino(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Fault::Absent),
            Err(error) => return Err(error.into()),
        };
        if let Some(damaged) = damaged.filter(|damaged| damaged.identity == identity) {
            return Err(Fault::Unfit(damaged.why.clone()));
        }
        let connection = connect(&file, OpenFlags::empty())?;
        schema::vet(&connection)?;
        Ok((connection, identity))
    }

    /// Makes a new file in place of one that is not there or cannot be used. Only for the sole owner of the lock.
    fn renew(&self, damaged: Option<&Damaged>) -> Result<Option<Diagnostic>, Fault> {
        // Looked at once more: another process may have been faster.
        let warning = match self.open_existing(damaged) {
            Ok(_) => return Ok(None),
            Err(Fault::Absent) => None,
            Err(Fault::Unfit(why)) => Some(self.set_aside(&why)?),
            Err(fault) => return Err(fault),
        };
        self.create()?;
        Ok(warning)
    }

    /// Makes an empty table under another name, so that it appears whole or not at all.
    fn create(&self) -> Result<(), Fault> {
        let new = self.dir.join("table.sqlite.new");
        remove_database(&new)?;
        let mut connection = connect(&new, OpenFlags::SQLITE_OPEN_CREATE)?;
        // Nobody knows the file yet: synced once, below.
        connection.pragma_update(None, "synchronous", "OFF")?;
        schema::create(&mut connection)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        connection.close().map_err(|(_, error)| error)?;
        if mode != "wal" {
            let why = "its file system cannot share memory between processes";
            return Err(Fault::Unusable(why.to_owned()));
        }
        File::open(&new)?.sync_all()?;
        // Left over if somebody deleted the database alone.
        let file = self.file();
        for companion in COMPANIONS {
            remove(&beside(&file, companion))?;
        }
        Ok(fs::rename(&new, &file)?)
    }

    fn set_aside(&self, why: &str) -> Result<Diagnostic, Fault> {
        let earlier = self.set_aside_numbers()?;
        for number in earlier.iter().rev().skip(KEPT_ASIDE - 1) {
            remove_database(&self.aside(*number))?;
        }
        let file = self.file();
        let aside = self.aside(earlier.last().map_or(1, |last| last.saturating_add(1)));
        for companion in COMPANIONS {
            match fs::rename(beside(&file, companion), beside(&aside, companion)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        fs::rename(&file, &aside)?;
        Ok(fault::set_aside(&file, &aside, why))
    }

    fn aside(&self, number: u32) -> PathBuf {
        beside(&self.file(), &format!(".set-aside-{number}"))
    }

    /// The numbers of the files that were set aside, oldest first.
    fn set_aside_numbers(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let number: Option<u32> = name
                .to_str()
                .and_then(|name| name.strip_prefix("table.sqlite.set-aside-"))
                .and_then(|number| number.parse().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Deletes the files that were set aside; gives how many.
    pub(super) fn remove_set_aside(&self) -> io::Result<u64> {
        let numbers = self.set_aside_numbers()?;
        for number in &numbers {
            remove_database(&self.aside(*number))?;
        }
        Ok(numbers.len() as u64)
    }

    /// The size of the table with its log, and that of the files that were set aside.
    pub(super) fn sizes(&self) -> io::Result<(u64, u64)> {
        let mut aside = 0;
        for number in self.set_aside_numbers()? {
            aside += database_size(&self.aside(number));
        }
        Ok((database_size(&self.file()), aside))
    }
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, Fault> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    schema::set_up(&connection)?;
    Ok(connection)
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_database(file: &Path) -> io::Result<()> {
    for companion in COMPANIONS {
        remove(&beside(file, companion))?;
    }
    remove(file)
}

/// What a database takes on disk with its log. The shared memory is none of it: it goes with the last process.
fn database_size(file: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|suffix| fs::metadata(beside(file, suffix)).ok())
        .map(|found| found.len())
        .sum()
}

/// The lock beside the table. Given back when dropped, also when the process is killed.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn at(path: &Path) -> io::Result<Self> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map(Self)
    }

    /// Whether we hold it now, with others.
    fn share(&self) -> Result<bool, Fault> {
        self.take(FlockOperation::NonBlockingLockShared)
    }

    /// Whether we hold it now, alone. If not, we do not hold it at all: two who share it and both want it alone must not wait for each other.
    fn own(&self) -> Result<bool, Fault> {
        let got = self.take(FlockOperation::NonBlockingLockExclusive)?;
        if !got {
            self.take(FlockOperation::Unlock)?;
        }
        Ok(got)
    }

    fn take(&self, operation: FlockOperation) -> Result<bool, Fault> {
        match flock(&self.0, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(error) => Err(Fault::Unusable(format!("it cannot be locked: {error}"))),
        }
    }
}
