//! The only hands infra has: processes, Nix, SSH, the repository's files, its own state folder.
//!
//! Everything here does what it is told and reports what it saw, as types of `infra-model`.
//!
//! Never: decisions (what to do is settled before it gets here), printing, plans, rendering. This crate imports neither
//! `infra-plan` nor `infra-engine` nor `infra-view`.

pub mod agent;
pub mod context;
pub mod evaluator;
pub mod facts;
pub mod host;
pub mod memory;
pub mod nix;
mod plain;
pub mod plans;
pub mod poison;
pub mod process;
pub mod receipts;
pub mod recipe;
pub mod repo;
pub mod roots;
pub mod scaffold;
pub mod secret;
pub mod snapshot;
pub mod ssh;
pub mod state;
pub mod table;
mod temporary;
pub mod tree;
pub mod who;
