//! The two output streams: the one place where anything is printed.

use crate::diagnostic;
use infra_model::{Code, Diagnostic, Place};
use serde::Serialize;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why something that was asked for could not be given: the first time it happened. One for the process, as its standard output is.
static UNGIVEN: OnceLock<String> = OnceLock::new();

/// Whether whoever read standard output went away.
static HUNG_UP: AtomicBool = AtomicBool::new(false);

/// Standard output for what was asked for, standard error for everything said about it. A reader that went away is no error.
#[derive(Debug, Default)]
pub struct Screen;

impl Screen {
    /// Prints an answer.
    pub fn out(&self, text: &str) {
        match write_to(anstream::stdout(), text) {
            Ok(Heard::Yes) => {}
            Ok(Heard::No) => HUNG_UP.store(true, Ordering::Relaxed),
            Err(error) => {
                let _ = UNGIVEN.set(error.to_string());
            }
        }
    }

    /// Whether whoever read the answer went away, which is found out by writing to them. What goes on only to be told may end then.
    pub fn hung_up(&self) -> bool {
        HUNG_UP.load(Ordering::Relaxed)
    }

    /// Prints bytes as they are: a secret is not text that may be recoloured.
    pub fn bytes(&self, bytes: &[u8]) {
        let mut stdout = io::stdout();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            let _ = UNGIVEN.set(error.to_string());
        }
    }

    /// Why an answer, or part of it, did not get where standard output leads, if so.
    pub fn ungiven(&self) -> Option<Diagnostic> {
        UNGIVEN.get().map(|why| {
            Diagnostic::new(Code::OutputLost, "the answer could not be written")
                .with_cause(why)
                .with_place(Place::file("standard output"))
                .with_fix("make room where the output goes, then ask again; what was done is done")
        })
    }

    /// Says something about it.
    pub fn err(&self, text: &str) {
        // There is nobody left to tell.
        let _ = write_to(anstream::stderr(), text);
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

/// Whether somebody was there to read it.
enum Heard {
    Yes,
    No,
}

/// `infra list | head` must not end in an error about a closed pipe: who hung up has heard enough.
fn write_to(mut stream: impl Write, text: &str) -> io::Result<Heard> {
    let written = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
    match written {
        Ok(()) => Ok(Heard::Yes),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Heard::No),
        Err(error) => Err(error),
    }
}
