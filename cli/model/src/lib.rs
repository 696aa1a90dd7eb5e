//! The nouns of infra: hosts, selectors, steps, events, answers, diagnostics.
//!
//! Text from outside (TOML, Nix, a host) becomes a type here exactly once and is trusted from then on.
//!
//! Never: files, processes, threads, clocks, environment variables, async. Everything here is a pure function of its arguments.

pub mod answer;
pub mod bundle;
pub mod cancel;
pub mod change;
pub mod context;
pub mod contract;
pub mod decode;
pub mod diagnostic;
pub mod duration;
pub mod event;
pub mod fact;
pub mod fill;
pub mod fleet;
pub mod host;
pub mod lock;
pub mod name;
pub mod need;
pub mod plan_file;
pub mod poison;
pub mod receipt;
pub mod recipe;
pub mod selector;
pub mod snapshot;
pub mod state;
pub mod step;
pub mod store_path;
pub mod suggest;
pub mod tree;
pub mod types;
pub mod wire;

pub use cancel::CancelStage;
pub use context::HostContext;
pub use contract::Manifest;
pub use diagnostic::{Code, Diagnostic, Place};
pub use event::{Event, HostOutcome, StepOutcome};
pub use fleet::{Fleet, Settings};
pub use host::{BuildOn, Class, HostSpec, Platform};
pub use name::HostName;
pub use need::NeedName;
pub use selector::Selector;
pub use state::HostState;
pub use step::{Finding, Goal, Step, StepKind};
pub use store_path::StorePath;
pub use wire::{Evaluation, SystemAnswer};
