//! The person at the terminal, asked for what only they know.

use dialoguer::{Confirm, Input, Password};
use infra_drive::secret::{Person, Secret};
use infra_view::Screen;

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
