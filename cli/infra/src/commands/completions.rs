//! `infra completions SHELL`

use crate::complete;
use clap::ValueEnum;
use infra_model::answer::Exit;
use infra_view::Screen;

/// Shells that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
}

impl Shell {
    /// The name completion knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

pub(super) fn run(shell: Shell) -> Exit {
    match complete::registration(shell) {
        Some(text) => {
            Screen.out(&text);
            Exit::Ok
        }
        None => Exit::NothingDone,
    }
}
