//! Styles by meaning. They are stripped where the reader is no terminal, or asked for no colour.

use anstyle::{AnsiColor, Style};

/// Something failed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something wants attention.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Something is as wanted.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something goes on.
pub const BUSY: Style = AnsiColor::Cyan.on_default().bold();
/// Something of secondary interest.
pub const FAINT: Style = Style::new().dimmed();
/// A heading.
pub const HEAD: Style = Style::new().bold();

/// `text` in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
