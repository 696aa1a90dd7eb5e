//! What can go wrong with the file, by what follows from it.

use infra_model::{Code, Diagnostic};
use rusqlite::ErrorCode;
use std::io;
use std::path::Path;

/// Why the file, or a row of it, cannot be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is none yet: make one.
    Absent,
    /// It is damaged, or not ours: set it aside.
    Unfit(String),
    /// The place or the moment is wrong, not the file (rights, space, a lock): leave it as it is.
    Unusable(String),
}

impl Fault {
    /// The warning (or, for a command about the table itself, the error) about `file`.
    pub(super) fn diagnostic(self, file: &Path) -> Diagnostic {
        let why = match self {
            Self::Absent => "there is no such file".to_owned(),
            Self::Unfit(why) | Self::Unusable(why) => why,
        };
        Diagnostic::new(
            Code::CacheUnusable,
            "infra cannot keep what it remembers between runs",
        )
        .with_cause(format!("{}: {why}", file.display()))
        .with_fix("make the folder writable with some space left, or set XDG_CACHE_HOME to one that is; until then hosts are evaluated again")
    }
}

/// The warning that a file was set aside.
pub(super) fn set_aside(file: &Path, aside: &Path, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::CacheSetAside,
        "what infra remembered between runs cannot be used and was set aside",
    )
    .with_cause(format!("{}: {why}", file.display()))
    .with_fix(format!(
        "nothing: hosts are evaluated again and remembered anew; the old file is {}, and `infra cache gc` deletes it",
        aside.display()
    ))
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let why = error.to_string();
        match &error {
            E::SqliteFailure(inner, _) | E::SqlInputError { error: inner, .. } => {
                match inner.code {
                    // `Unknown` is SQLite's plain "SQL error": our statements are tested, so the tables are not ours.
                    ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::TypeMismatch
                    | ErrorCode::Unknown => Self::Unfit(why),
                    _ => Self::Unusable(why),
                }
            }
            // A column holds what we never wrote.
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::Utf8Error(..)
            | E::InvalidColumnType(..)
            | E::InvalidColumnIndex(_)
            | E::QueryReturnedNoRows => Self::Unfit(why),
            _ => Self::Unusable(why),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}
