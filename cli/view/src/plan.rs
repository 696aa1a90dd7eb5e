//! A plan as people review it: what would be done to each host, and what would be another then.

mod systems;
mod words;

pub use systems::patch;

use crate::style::{BUSY, FAINT, HEAD, WARN, paint};
use infra_model::answer::{
    Against, Difference, HostPlan, Level, Preview, SecretDifference, ValueChange,
};
use infra_model::{NeedName, StorePath};
use serde_json::Value;
use std::fmt::Write as _;
use systems::systems;
use words::{short, sign, tame};

/// So much of a commit's id tells it from others.
const COMMIT: usize = 12;

/// Whole plans, host by host, with what is idle at the end: in a line each, unless there is more to tell.
pub fn render(hosts: &[HostPlan]) -> String {
    let (idle, changing): (Vec<&HostPlan>, Vec<&HostPlan>) =
        hosts.iter().partition(|host| host.is_idle());
    let mut text = String::new();
    for host in changing {
        text += &head(host);
        text += &details(host);
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
        text += &details(host);
    }
    text
}

fn head(host: &HostPlan) -> String {
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
    text
}

fn details(host: &HostPlan) -> String {
    let mut text = String::new();
    let preview = &host.preview;
    against(&mut text, &host.against);
    let differs = host.before != host.after;
    if let Some(after) = host.after.as_ref().filter(|_| differs || !host.is_idle()) {
        let none = if host.unknown {
            "none known"
        } else {
            "nothing"
        };
        let before = host.before.as_ref();
        let before = before.map_or_else(|| none.to_owned(), StorePath::short);
        let _ = writeln!(text, "  system    {before} → {}", after.short());
        if preview.level == Level::Evaluated {
            let hint = if preview.buildable {
                "; --build shows packages, files and units"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  level     evaluated: not both systems are built here{hint}"
            );
        }
    }
    if preview.level == Level::Evaluated {
        sources(&mut text, host);
    }
    systems(&mut text, preview);
    values(&mut text, &preview.values);
    secrets(&mut text, &preview.secrets);
    if !preview.rekeys.is_empty() {
        let names: Vec<&str> = preview.rekeys.iter().map(NeedName::as_str).collect();
        let _ = writeln!(text, "  rekey     {}: {}", names.len(), names.join(", "));
    }
    if !host.is_idle() {
        probes(&mut text, preview);
    }
    for note in &preview.notes {
        let _ = writeln!(
            text,
            "  {}",
            paint(WARN, &format!("note      {}", tame(note)))
        );
    }
    if let Some(etc) = &preview.etc {
        systems::etc(&mut text, etc);
    }
    text
}

/// What it is compared with, unless that is what runs.
fn against(text: &mut String, against: &Against) {
    let what = match against {
        Against::Running => return,
        Against::LastRun => "what the last run left".to_owned(),
        Against::Run(run) => format!("what the run {run} left"),
        Against::Revision { name, commit } => {
            let commit: String = commit.chars().take(COMMIT).collect();
            format!("the revision {} ({commit})", tame(name))
        }
    };
    let _ = writeln!(text, "  against   {what}");
}

fn sources(text: &mut String, host: &HostPlan) {
    let Some(files) = host
        .preview
        .sources
        .as_ref()
        .filter(|files| !files.is_empty())
    else {
        return;
    };
    let since = match &host.against {
        Against::Running | Against::LastRun => "the last run".to_owned(),
        Against::Run(run) => format!("the run {run}"),
        Against::Revision { name, .. } => tame(name),
    };
    let _ = writeln!(text, "  files of the repository, since {since}");
    for file in files {
        let (style, sign) = sign(file.how);
        let _ = writeln!(text, "    {} {}", paint(style, sign), tame(&file.path));
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

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
