//! What differs between two systems.

use super::words::{counted, sign, signed, size, tame};
use crate::style::{BAD, BUSY, FAINT, GOOD, HEAD, WARN, paint};
use infra_model::answer::{
    BootChanges, Difference, EtcDiff, PackageChange, PackageDiff, Pair, Preview, UnitChanges,
};
use std::fmt::Write as _;

/// Everything but `/etc`, which is shown last.
pub(super) fn systems(text: &mut String, preview: &Preview) {
    if let Some(packages) = &preview.packages {
        self::packages(text, packages);
    }
    if let Some(send) = preview.send {
        let _ = writeln!(
            text,
            "  send      {} in {}",
            size(send.bytes),
            counted(send.paths, "path")
        );
    }
    if let Some(units) = &preview.units {
        self::units(text, units);
    }
    if let Some(boot) = preview.boot.as_ref().filter(|boot| !boot.is_empty()) {
        self::boot(text, boot);
    }
}

fn packages(text: &mut String, diff: &PackageDiff) {
    let grown = i128::from(diff.bytes_after) - i128::from(diff.bytes_before);
    let _ = writeln!(
        text,
        "  closure   {} → {} ({}), {} → {} paths",
        size(diff.bytes_before),
        size(diff.bytes_after),
        signed(grown),
        diff.paths_before,
        diff.paths_after
    );
    if diff.changes.is_empty() && diff.rebuilt == 0 {
        return;
    }
    text.push_str("  packages\n");
    let width = diff
        .changes
        .iter()
        .map(|one| one.name.chars().count())
        .max()
        .unwrap_or_default();
    for change in &diff.changes {
        let (style, sign) = sign(change.how);
        let grown = i128::from(change.bytes_after) - i128::from(change.bytes_before);
        let _ = writeln!(
            text,
            "    {} {:<width$}  {}  {}",
            paint(style, sign),
            change.name,
            versions(change),
            paint(FAINT, &signed(grown))
        );
    }
    if diff.rebuilt > 0 {
        let line = format!(
            "and {} built anew in the same version",
            counted(diff.rebuilt, "package")
        );
        let _ = writeln!(text, "    {}", paint(FAINT, &line));
    }
}

fn versions(change: &PackageChange) -> String {
    let list = |versions: &[String]| {
        let named: Vec<&str> = versions
            .iter()
            .map(|version| {
                if version.is_empty() {
                    "(no version)"
                } else {
                    version
                }
            })
            .collect();
        named.join(", ")
    };
    match change.how {
        Difference::Added => list(&change.after),
        Difference::Removed => list(&change.before),
        Difference::Changed if change.before == change.after => {
            format!("{}, built anew", list(&change.after))
        }
        Difference::Changed => format!("{} → {}", list(&change.before), list(&change.after)),
    }
}

fn units(text: &mut String, units: &UnitChanges) {
    if units.is_empty() {
        text.push_str("  units     none is touched, likely\n");
        return;
    }
    text.push_str("  units, likely (activation decides)\n");
    let lists = [
        (BAD, "stop", &units.stop),
        (WARN, "restart", &units.restart),
        (BUSY, "reload", &units.reload),
        (GOOD, "start", &units.start),
        (FAINT, "leave as they run", &units.keep),
    ];
    for (style, what, names) in lists {
        if !names.is_empty() {
            let _ = writeln!(
                text,
                "    {} {}",
                paint(style, what),
                tame(&names.join(", "))
            );
        }
    }
}

fn boot(text: &mut String, boot: &BootChanges) {
    let _ = writeln!(text, "  {}", paint(WARN, "at the next boot"));
    let parts = [
        ("kernel", &boot.kernel),
        ("initrd", &boot.initrd),
        ("modules", &boot.modules),
        ("command line", &boot.params),
    ];
    for (name, pair) in parts {
        if let Some(Pair { before, after }) = pair {
            let said =
                |side: &Option<String>| side.as_deref().map_or_else(|| "none".to_owned(), tame);
            let _ = writeln!(text, "    {name}: {} → {}", said(before), said(after));
        }
    }
}

/// The patch as Git would colour it.
pub(super) fn etc(text: &mut String, etc: &EtcDiff) {
    if etc.files.is_empty() {
        text.push_str("  /etc      the same\n");
        return;
    }
    let (added, removed) = etc.files.iter().fold((0, 0), |(added, removed), file| {
        (added + file.added, removed + file.removed)
    });
    let _ = writeln!(
        text,
        "  /etc      {}, {} {}",
        counted(etc.files.len() as u64, "file"),
        paint(GOOD, &format!("+{added}")),
        paint(BAD, &format!("-{removed}"))
    );
    text.push_str(&patch(&etc.patch));
}

/// A patch, coloured and harmless to a terminal. Without colour it is the patch itself, line by line.
pub fn patch(patch: &str) -> String {
    let mut text = String::new();
    for line in patch.split('\n') {
        let style = match line {
            line if line.starts_with("diff ")
                || line.starts_with("--- ")
                || line.starts_with("+++ ") =>
            {
                Some(HEAD)
            }
            line if line.starts_with("@@ ") => Some(BUSY),
            line if line.starts_with('+') => Some(GOOD),
            line if line.starts_with('-') => Some(BAD),
            line if line.starts_with('#') => Some(FAINT),
            _ => None,
        };
        let line = tame(line);
        match style {
            Some(style) => text += &paint(style, &line),
            None => text += &line,
        }
        text.push('\n');
    }
    // The last line end of a patch ends its last line, and begins none.
    if patch.ends_with('\n') || patch.is_empty() {
        text.pop();
    }
    text
}
