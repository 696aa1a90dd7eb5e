//! Runs a plan: what may start now, what must wait, what is over, what an interrupt does.
//!
//! The heart is [`Machine`], synchronous and without effects: inputs in, orders out, tested as a table. [`run`] is the shell around it
//! that waits for things; how a step is performed is somebody else's business ([`Hands`]).
//!
//! Never: ssh, nix, processes, printing. This crate imports neither `infra-drive` nor `infra-view`.

mod limits;
mod machine;
mod rollout;
mod run;

pub use limits::Limits;
pub use machine::{Ending, Input, Machine, Order, Phase};
pub use run::{Done, Failed, Hands, Outcome, Pace, Report, run};
