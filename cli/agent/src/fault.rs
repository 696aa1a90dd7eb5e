//! Faults of the host itself: what could not be done to which file.

use infra_model::{Code, Diagnostic};
use std::fmt::Display;
use std::path::Path;

/// For `map_err`: "cannot WHAT PATH".
pub(crate) fn cannot<E: Display>(what: &str, path: &Path) -> impl FnOnce(E) -> Diagnostic {
    let title = format!("the agent cannot {what} {}", path.display());
    move |error| {
        Diagnostic::new(Code::AgentFailed, title)
            .with_cause(error.to_string())
            .with_fix("make room or give permission for it on the host, then try again; what was in place before still is")
    }
}

/// A bundle that cannot be put in place.
pub(crate) fn refused(title: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::BundleRefused, title)
}
