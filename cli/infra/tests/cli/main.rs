//! The command as a person or a script meets it: both output streams and the exit code of the real binary, in a hermetic environment with
//! fake `nix` and `ssh` that count how often they are called.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its scene should panic there"
)]

mod beginning;
mod check;
mod contracts;
mod creation;
mod deploy;
mod doctor;
mod env;
mod evaluate;
mod facts;
mod fleet;
mod following;
mod help;
mod history;
mod listing;
mod manifest;
mod memory;
mod mistakes;
mod patch;
mod plans;
mod relations;
mod secrets;
mod secrets_due;
mod secrets_fill;
mod secrets_formats;
mod secrets_readers;
mod secrets_rollback;
mod secrets_shared;
mod status;
mod transactions;
mod values;
mod wants;
mod warnings;
