//! Looks for secrets where they must not be: in files, in what others see of processes, in streams.
//!
//! Both the command, on the machine it runs on, and the agent, on its host, look with this. What is looked for may be written in several ways
//! ([`forms`]); all of them are found in one pass over whatever is read, in memory that does not grow with it ([`Search`]).
//!
//! Every search looks for something more than the secrets: a control, which was put where it must be found. A search that does not find it proves
//! nothing.
//!
//! Never: a secret in anything that is answered; following a link; a process of its own; printing.

mod control;
pub mod files;
pub mod forms;
mod look;
mod pattern;
pub mod processes;
mod subjects;

pub use control::{Control, untrusted};
pub use look::Look;
pub use pattern::{Hit, Scan, Search};
pub use subjects::Subjects;
