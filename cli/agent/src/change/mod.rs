//! Changes of the host: kept on disk, carried out by a supervisor that outlives every connection.

use crate::args::Change;
use crate::host::Host;
use infra_model::{Code, Diagnostic};

/// Answers `change …`.
pub(crate) fn perform(_host: &Host, change: &Change) -> Result<String, Diagnostic> {
    Err(Diagnostic::new(
        Code::Unsupported,
        format!("this agent does not carry out changes yet ({change:?})"),
    ))
}
