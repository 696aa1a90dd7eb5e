//! Versions of programs, so that a run with nothing to do need not start one only to ask for its version.

use super::Table;
use super::checksum::Checksum;
use super::fault::Fault;
use rusqlite::OptionalExtension;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A program's file, as far as can be told without starting it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its path without symbolic links: behind a link of a Nix profile, the path alone tells versions apart.
    pub path: PathBuf,
    /// Its inode number.
    pub ino: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When its content changed, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Program {
    /// Looks at the file that `path` leads to.
    pub fn at(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let found = fs::metadata(&path)?;
        Ok(Self {
            ino: found.ino(),
            size: found.len(),
            mtime_ns: found
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(found.mtime_nsec()),
            path,
        })
    }

    fn key(&self) -> (&[u8], i64, i64, i64) {
        (
            self.path.as_os_str().as_bytes(),
            self.ino.cast_signed(),
            self.size.cast_signed(),
            self.mtime_ns,
        )
    }

    fn checksum(&self, version: &str) -> i64 {
        Checksum::new()
            .bytes(self.path.as_os_str().as_bytes())
            .number(self.ino)
            .number(self.size)
            .signed(self.mtime_ns)
            .text(version)
            .column()
    }
}

impl Table {
    /// What the program said of its version, if it is the same file still.
    pub fn program_version(&self, program: &Program) -> Option<String> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT version, checksum FROM programs
                     WHERE path = ?1 AND ino = ?2 AND size = ?3 AND mtime_ns = ?4",
                )?
                .query_row(program.key(), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((version, checksum)): Option<(String, i64)> = found else {
                return Ok(None);
            };
            if checksum == program.checksum(&version) {
                Ok(Some(version))
            } else {
                Err(Fault::Unfit("a version in it is damaged".to_owned()))
            }
        })
    }

    /// Keeps what the program said of its version.
    pub fn keep_program_version(&self, program: &Program, version: &str) {
        self.write(|transaction| {
            let (path, ino, size, mtime_ns) = program.key();
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO programs (path, ino, size, mtime_ns, version, checksum)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    path,
                    ino,
                    size,
                    mtime_ns,
                    version,
                    program.checksum(version),
                ))?;
            Ok(())
        });
    }
}

/// The path that a row was kept under.
pub(super) fn path_of(column: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(column))
}
