//! Files whose content was hashed before: one whose status did not change since is not read again.

use super::checksum::Checksum;
use super::fault::Fault;
use super::{Table, repo_id};
use rusqlite::{Row, Transaction};
use std::collections::HashMap;

/// A file's status when it was hashed, and its Git object id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Its inode number.
    pub ino: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When its content changed, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// When its status changed, in nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Its type and permissions, as the system gives them.
    pub mode: u32,
    /// The id of the blob with its content.
    pub oid: [u8; 20],
}

impl FileStat {
    fn checksum(&self, path: &[u8]) -> i64 {
        Checksum::new()
            .bytes(path)
            .number(self.ino)
            .number(self.size)
            .signed(self.mtime_ns)
            .signed(self.ctime_ns)
            .number(self.mode.into())
            .bytes(&self.oid)
            .column()
    }
}

impl Table {
    /// All files known of the repository at `repo`, by their path in it.
    pub fn files(&self, repo: &str) -> HashMap<Vec<u8>, FileStat> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT path, ino, size, mtime_ns, ctime_ns, mode, oid, checksum FROM files
                 WHERE repo = (SELECT id FROM repos WHERE path = ?1)",
            )?;
            let mut rows = statement.query([repo])?;
            let mut files = HashMap::new();
            while let Some(row) = rows.next()? {
                let (path, stat) = read(row)?;
                files.insert(path, stat);
            }
            Ok(files)
        })
    }

    /// Keeps the files of `changed` and forgets those of `gone`, all of them or none.
    pub fn keep_files(&self, repo: &str, changed: &[(Vec<u8>, FileStat)], gone: &[Vec<u8>]) {
        if changed.is_empty() && gone.is_empty() {
            return;
        }
        self.write(|transaction| {
            let repo = repo_id(transaction, repo)?;
            insert(transaction, repo, changed)?;
            let mut delete =
                transaction.prepare_cached("DELETE FROM files WHERE repo = ?1 AND path = ?2")?;
            for path in gone {
                delete.execute((repo, path))?;
            }
            Ok(())
        });
    }
}

fn read(row: &Row<'_>) -> Result<(Vec<u8>, FileStat), Fault> {
    let path: Vec<u8> = row.get(0)?;
    let stat = FileStat {
        ino: row.get::<_, i64>(1)?.cast_unsigned(),
        size: row.get::<_, i64>(2)?.cast_unsigned(),
        mtime_ns: row.get(3)?,
        ctime_ns: row.get(4)?,
        mode: row.get(5)?,
        oid: row.get(6)?,
    };
    if row.get::<_, i64>(7)? == stat.checksum(&path) {
        Ok((path, stat))
    } else {
        Err(Fault::Unfit("a file's status in it is damaged".to_owned()))
    }
}

fn insert(
    transaction: &Transaction<'_>,
    repo: i64,
    changed: &[(Vec<u8>, FileStat)],
) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO files
           (repo, path, ino, size, mtime_ns, ctime_ns, mode, oid, checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (path, stat) in changed {
        insert.execute((
            repo,
            path,
            stat.ino.cast_signed(),
            stat.size.cast_signed(),
            stat.mtime_ns,
            stat.ctime_ns,
            stat.mode,
            stat.oid,
            stat.checksum(path),
        ))?;
    }
    Ok(())
}
