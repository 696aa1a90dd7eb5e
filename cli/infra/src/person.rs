//! The person at the terminal, asked for what only they know.

use dialoguer::{Confirm, Input, Password};
use infra_drive::secret::{Person, Secret};
use infra_view::Screen;
use std::io::IsTerminal as _;

/// The person left (Ctrl-C, or the terminal is gone), and wants to be asked nothing more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gone;

/// Whether somebody can be asked.
pub(crate) fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line. `None`: nothing was typed.
pub(crate) fn line(question: &str) -> Result<Option<String>, Gone> {
    let typed: String = Input::new()
        .with_prompt(question)
        .allow_empty(true)
        .interact_text()
        .map_err(|_| Gone)?;
    Ok((!typed.is_empty()).then_some(typed))
}

/// Asks for what must not be seen, twice. `None`: nothing was typed.
pub(crate) fn hidden(question: &str) -> Result<Option<Secret>, Gone> {
    let typed = Password::new()
        .with_prompt(question)
        .with_confirmation("again", "these differ: from the beginning")
        .allow_empty_password(true)
        .interact()
        .map_err(|_| Gone)?;
    if typed.is_empty() {
        return Ok(None);
    }
    Secret::new(typed.into_bytes(), question)
        .map(Some)
        .map_err(|_| Gone)
}

/// Asks on the terminal. Only made where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal;

impl Person for Terminal {
    fn passphrase(&self, what: &str, again: bool) -> Option<Secret> {
        if again {
            Screen.err("that was not it\n");
        }
        let typed = Password::new()
            .with_prompt(what)
            .allow_empty_password(true)
            .interact()
            .ok()?;
        Secret::new(typed.into_bytes(), what).ok()
    }

    fn tell(&self, message: &str) {
        Screen.err(&format!("{message}\n"));
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let no = no.unwrap_or("no");
        Confirm::new()
            .with_prompt(format!("{question} ({yes} / {no})"))
            .interact()
            .ok()
    }

    fn answer(&self, question: &str) -> Option<String> {
        Input::new().with_prompt(question).interact_text().ok()
    }
}
