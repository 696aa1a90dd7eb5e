//! `infra new`: things that are made in the repository.

mod host;
pub(crate) mod keys;

use crate::args::Global;
use infra_model::answer::Exit;

/// What can be made.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum New {
    /// Make a host: its folder, an SSH host key and an age identity. The private halves are encrypted to the admins in infra.toml.
    Host(Box<host::Args>),
}

pub(super) fn run(global: &Global, what: &New) -> Exit {
    match what {
        New::Host(args) => host::run(global, args),
    }
}
