//! Files of agenix: plain age files, binary or armored, to age and SSH keys.

use super::sealed::{self, FILE_LIMIT, Sealed};
use super::{Identities, Secret};
use infra_model::{Code, Diagnostic, Place};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Decrypts the file; `shown` is its name for errors.
pub fn read(path: &Path, shown: &str, identities: &Identities) -> Result<Secret, Diagnostic> {
    let bytes = bytes_of(path, shown)?;
    let file = Sealed {
        bytes: &bytes,
        shown,
        recipients: &[],
    };
    sealed::open(file, identities)
}

/// The bytes of an encrypted file that a reference names.
pub(super) fn bytes_of(path: &Path, shown: &str) -> Result<Vec<u8>, Diagnostic> {
    let fault = |cause: String| {
        Diagnostic::new(Code::UnreadableFile, format!("`{shown}` cannot be read"))
            .with_cause(cause)
            .with_place(Place::file(shown))
            .with_fix("see the cause; you need the right to read it")
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(
                Diagnostic::new(Code::MissingFile, format!("there is no `{shown}`"))
                    .with_place(Place::file(shown))
                    .with_fix(
                        "correct the reference; paths are relative to the root of the repository",
                    ),
            );
        }
        Err(error) => return Err(fault(error.to_string())),
    };
    let meta = file.metadata().map_err(|error| fault(error.to_string()))?;
    if !meta.is_file() {
        return Err(fault("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fault(error.to_string()))?;
    if bytes.len() > FILE_LIMIT {
        return Err(fault(format!("it is larger than {FILE_LIMIT} bytes")));
    }
    Ok(bytes)
}
