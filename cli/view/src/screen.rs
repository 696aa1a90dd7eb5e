//! The two output streams: the one place where anything is printed.

use crate::diagnostic;
use infra_model::Diagnostic;
use serde::Serialize;
use std::io::{self, Write};

/// Standard output for what was asked for, standard error for everything said about it. A reader that went away is no error.
#[derive(Debug, Default)]
pub struct Screen;

impl Screen {
    /// Prints an answer.
    pub fn out(&self, text: &str) {
        write_to(anstream::stdout(), text);
    }

    /// Says something about it.
    pub fn err(&self, text: &str) {
        write_to(anstream::stderr(), text);
    }

    /// Prints one JSON object on one line.
    pub fn json(&self, value: &impl Serialize) {
        // Our own types always serialise: their maps have text keys and they hold no floats that are not finite.
        if let Ok(text) = serde_json::to_string(value) {
            self.out(&(text + "\n"));
        }
    }

    /// Tells errors.
    pub fn errors(&self, errors: &[Diagnostic]) {
        for error in errors {
            self.err(&diagnostic::render(error, "error"));
        }
    }
}

/// Best effort: `infra list | head` must not end in an error about a closed pipe.
fn write_to(mut stream: impl Write, text: &str) {
    let result: io::Result<()> = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
    drop(result);
}
