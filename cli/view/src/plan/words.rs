//! Numbers, signs and texts of others, as a plan shows them.

use crate::style::{BAD, GOOD, WARN};
use anstyle::Style;
use infra_model::answer::Difference;
use serde_json::Value;

/// Longer values are cut: enough to know them by.
const LONGEST: usize = 60;

pub(super) fn short(value: &Value) -> String {
    let text = tame(&value.to_string());
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

pub(super) fn counted(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

/// `1.5 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (bytes, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1024, whole % 1024, unit + 1);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || whole >= 100 {
        return format!("{whole} {name}");
    }
    format!("{whole}.{} {name}", rest * 10 / 1024)
}

pub(super) fn signed(bytes: i128) -> String {
    let sign = if bytes < 0 { '-' } else { '+' };
    let bytes = u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{sign}{}", size(bytes))
}

/// Without what a terminal would obey: contents of files are quoted here.
pub(super) fn tame(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect()
}

pub(super) fn sign(how: Difference) -> (Style, &'static str) {
    match how {
        Difference::Added => (GOOD, "+"),
        Difference::Removed => (BAD, "-"),
        Difference::Changed => (WARN, "~"),
    }
}
