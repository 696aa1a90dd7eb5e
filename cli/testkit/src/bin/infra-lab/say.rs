//! The one place where this program prints.

use std::error::Error;
use std::io::Write;

/// Says something on standard output.
pub(crate) fn line(text: impl AsRef<str>) {
    // Nobody listening is no reason to leave hosts behind: a broken pipe is not an error here.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
    let _ = out.flush();
}

/// Says why a command failed, with all causes, on standard error.
pub(crate) fn failure(error: &dyn Error) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = writeln!(err, "  because: {error}");
        cause = error.source();
    }
}
