//! A plan as people review it: what would be done to each host, and what would be another then.

use crate::style::{BAD, BUSY, FAINT, GOOD, HEAD, WARN, paint};
use anstyle::Style;
use infra_model::answer::{
    BootChanges, Difference, EtcDiff, HostPlan, Level, PackageChange, PackageDiff, Pair, Preview,
    SecretDifference, UnitChanges, ValueChange,
};
use infra_model::{NeedName, StorePath};
use serde_json::Value;
use std::fmt::Write as _;

/// Longer values are cut: enough to know them by.
const LONGEST: usize = 60;

/// Whole plans, host by host, with what is idle in a line each at the end.
pub fn render(hosts: &[HostPlan]) -> String {
    let (idle, changing): (Vec<&HostPlan>, Vec<&HostPlan>) =
        hosts.iter().partition(|host| host.is_idle());
    let mut text = String::new();
    for host in changing {
        text += &one(host);
        text.push('\n');
    }
    for host in idle {
        let why = tame(&host.reasons.join(", "));
        let _ = writeln!(
            text,
            "{}  {}",
            paint(HEAD, host.name.as_str()),
            paint(FAINT, &format!("nothing to do: {why}"))
        );
    }
    text
}

fn one(host: &HostPlan) -> String {
    let steps: Vec<&str> = host.steps.iter().map(|step| step.as_str()).collect();
    let wave = host
        .wave
        .map_or_else(String::new, |wave| format!(", wave {wave}"));
    let mut text = format!(
        "{}  {} {}\n",
        paint(HEAD, host.name.as_str()),
        paint(BUSY, &steps.join(" → ")),
        paint(FAINT, &format!("({}{wave})", host.goal.as_str())),
    );
    for reason in &host.reasons {
        let _ = writeln!(text, "  {}", paint(FAINT, &tame(reason)));
    }
    if let Some(after) = &host.after {
        let before = host
            .before
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), StorePath::short);
        let _ = writeln!(text, "  system    {before} → {}", after.short());
    }
    text + &preview(&host.preview, host.after.is_some())
}

fn preview(preview: &Preview, has_system: bool) -> String {
    let mut text = String::new();
    if has_system && preview.level == Level::Evaluated {
        text += "  level     evaluated: the new system is not built here; --build shows packages, files and units\n";
    }
    if preview.level == Level::Evaluated {
        sources(&mut text, preview);
    }
    if let Some(packages) = &preview.packages {
        self::packages(&mut text, packages);
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
        self::units(&mut text, units);
    }
    if let Some(boot) = preview.boot.as_ref().filter(|boot| !boot.is_empty()) {
        self::boot(&mut text, boot);
    }
    values(&mut text, &preview.values);
    secrets(&mut text, &preview.secrets);
    if !preview.rekeys.is_empty() {
        let names: Vec<&str> = preview.rekeys.iter().map(NeedName::as_str).collect();
        let _ = writeln!(text, "  rekey     {}: {}", names.len(), names.join(", "));
    }
    probes(&mut text, preview);
    for note in &preview.notes {
        let _ = writeln!(
            text,
            "  {}",
            paint(WARN, &format!("note      {}", tame(note)))
        );
    }
    if let Some(etc) = &preview.etc {
        self::etc(&mut text, etc);
    }
    text
}

fn sources(text: &mut String, preview: &Preview) {
    let Some(files) = preview.sources.as_ref().filter(|files| !files.is_empty()) else {
        return;
    };
    text.push_str("  files of the repository, since the last run\n");
    for file in files {
        let (style, sign) = sign(file.how);
        let _ = writeln!(text, "    {} {}", paint(style, sign), tame(&file.path));
    }
}

fn sign(how: Difference) -> (Style, &'static str) {
    match how {
        Difference::Added => (GOOD, "+"),
        Difference::Removed => (BAD, "-"),
        Difference::Changed => (WARN, "~"),
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

fn values(text: &mut String, values: &[ValueChange]) {
    if values.is_empty() {
        return;
    }
    text.push_str("  values\n");
    for value in values {
        let (style, sign) = sign(value.how);
        let from = value
            .from
            .as_ref()
            .map_or_else(String::new, |host| format!(" of {host}"));
        let said = |side: &Option<Value>| side.as_ref().map_or_else(|| "none".to_owned(), short);
        let what = if value.private {
            "private".to_owned()
        } else {
            format!("{} → {}", said(&value.before), said(&value.after))
        };
        let _ = writeln!(
            text,
            "    {} {}{from}: {what}",
            paint(style, sign),
            value.name
        );
    }
}

fn secrets(text: &mut String, secrets: &[SecretDifference]) {
    if secrets.is_empty() {
        return;
    }
    text.push_str("  secrets, by fingerprint\n");
    for secret in secrets {
        let (style, sign) = sign(secret.how);
        let print = |side: &Option<String>| {
            let known = side
                .as_deref()
                .map(|print| print.chars().take(12).collect());
            known.unwrap_or_else(|| "?".to_owned())
        };
        let prints = match secret.how {
            Difference::Added => print(&secret.after),
            Difference::Removed => print(&secret.before),
            Difference::Changed => format!("{} → {}", print(&secret.before), print(&secret.after)),
        };
        let told = if secret.units.is_empty() {
            String::new()
        } else {
            format!(" (for {})", secret.units.join(", "))
        };
        let line = format!("{}: {prints}{told}", secret.name);
        let _ = writeln!(text, "    {} {}", paint(style, sign), tame(&line));
    }
}

fn probes(text: &mut String, preview: &Preview) {
    let Some(probes) = &preview.probes else {
        text.push_str("  probes    off, on purpose\n");
        return;
    };
    text.push_str("  probes    a new connection, no unit newly failed");
    for probe in probes {
        let weight = if probe.critical { "" } else { ", not critical" };
        let _ = write!(
            text,
            "; {}: {} (within {}{weight})",
            probe.name,
            tame(&probe.asks),
            probe.within
        );
    }
    text.push('\n');
}

/// The patch as Git would colour it.
fn etc(text: &mut String, etc: &EtcDiff) {
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

fn short(value: &Value) -> String {
    let text = tame(&value.to_string());
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn counted(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

/// `1.5 MiB`.
fn size(bytes: u64) -> String {
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

fn signed(bytes: i128) -> String {
    let sign = if bytes < 0 { '-' } else { '+' };
    let bytes = u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{sign}{}", size(bytes))
}

/// Without what a terminal would obey: contents of files are quoted here.
fn tame(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{patch, render, signed, size};
    use infra_model::answer::{HostPlan, Level, Preview};
    use infra_model::plan_file::PlanFile;

    fn planned() -> HostPlan {
        let file: PlanFile =
            serde_json::from_str(include_str!("../../model/tests/golden/plan.json"))
                .expect("a plan");
        file.hosts.into_iter().next().expect("a host").plan
    }

    fn plain(hosts: &[HostPlan]) -> String {
        anstream::adapter::strip_str(&render(hosts)).to_string()
    }

    #[test]
    fn a_plan_shows_all_that_changes() {
        insta::assert_snapshot!(plain(&[planned()]));
    }

    #[test]
    fn what_is_not_built_says_so_and_names_what_changed() {
        let mut host = planned();
        host.preview = Preview {
            level: Level::Evaluated,
            sources: host.preview.sources,
            notes: vec!["the host could\u{1b}[2J not be asked".to_owned()],
            ..Preview::default()
        };
        let mut idle = planned();
        idle.steps.clear();
        idle.reasons = vec!["already runs this system".to_owned()];
        insta::assert_snapshot!(plain(&[idle, host]));
    }

    #[test]
    fn a_terminal_obeys_no_file() {
        let shown = patch("+a\u{1b}[2Jb\n- c\n");
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert_eq!(shown, "+a[2Jb\n- c\n");
        assert_eq!(patch(""), "");
    }

    #[test]
    fn sizes() {
        let cases = [0, 1023, 1024, 1536, 102_400, 5_000_000, 3 << 30, u64::MAX].map(size);
        assert_eq!(
            cases.join(", "),
            "0 bytes, 1023 bytes, 1.0 KiB, 1.5 KiB, 100 KiB, 4.7 MiB, 3.0 GiB, 16777215 TiB"
        );
        assert_eq!(signed(-1536), "-1.5 KiB");
        assert_eq!(signed(0), "+0 bytes");
    }
}
