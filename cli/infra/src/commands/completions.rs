//! `infra completions SHELL`

use crate::args::Shell;
use crate::complete;
use infra_model::answer::Exit;
use infra_view::Screen;

pub(super) fn run(shell: Shell) -> Exit {
    match complete::registration(shell) {
        Some(text) => {
            Screen.out(&text);
            Exit::Ok
        }
        None => Exit::NothingDone,
    }
}
