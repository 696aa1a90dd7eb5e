//! What people and programs read: events, diagnostics and tables as text, bars and JSON.
//!
//! Rendering is pure ([`diagnostic`], [`table`], [`lines`]): data in, text out. Only [`Screen`] and the [`Reader`]s write it anywhere.
//! No meaning is in colour alone.
//!
//! Never: effects on anything but the two output streams, decisions, plans to run. This crate imports neither `infra-engine` nor `infra-drive`.

pub mod diagnostic;
pub mod graph;
pub mod lines;
pub mod plan;
mod readers;
mod screen;
pub mod style;
pub mod table;

pub use readers::{Ndjson, Reader, for_people};
pub use screen::Screen;
