//! Faults of the host itself: what could not be done to which file.

use infra_model::{Code, Diagnostic};
use std::any::Any;
use std::fmt::Display;
use std::io;
use std::path::Path;

/// For `map_err`: "cannot WHAT PATH".
pub(crate) fn cannot<E: Display + 'static>(
    what: &str,
    path: &Path,
) -> impl FnOnce(E) -> Diagnostic {
    let title = format!("the agent cannot {what} {}", path.display());
    move |error| {
        let cause = error.to_string();
        if is_full(&error) {
            return Diagnostic::new(Code::DiskFull, title)
                .with_cause(cause)
                .with_fix(
                    "make room on the host, then try again; what was in place before still is",
                );
        }
        Diagnostic::new(Code::AgentFailed, title)
            .with_cause(cause)
            .with_fix("make room or give permission for it on the host, then try again; what was in place before still is")
    }
}

fn is_full(error: &dyn Any) -> bool {
    let kind = error.downcast_ref().map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    )
}

/// A bundle that cannot be put in place.
pub(crate) fn refused(title: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::BundleRefused, title)
}
