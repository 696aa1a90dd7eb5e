//! What must be found: proof that a search can find anything.

use infra_model::{Code, Diagnostic};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fmt::Write as _;

/// A text made for one search, which is nowhere but where the search puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control(String);

impl Control {
    /// A new one.
    pub fn new() -> Result<Self, Diagnostic> {
        let mut bytes = [0_u8; 16];
        // So few bytes come at once or not at all.
        let count = getrandom(&mut bytes, GetRandomFlags::empty()).unwrap_or_default();
        if count < bytes.len() {
            return Err(Diagnostic::new(
                Code::Internal,
                "the system gives no random numbers",
            ));
        }
        let mut text = "infra-control-".to_owned();
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// The text, which is no secret.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The error of a search that did not find its control.
pub fn untrusted(place: &str, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::SearchUntrusted,
        format!("the search cannot be trusted: what was put into {place} to be found was not found"),
    )
    .with_cause(why)
    .with_fix("that no secret was found says nothing until this is mended; if nothing keeps infra from reading there, this is a bug of infra")
}
