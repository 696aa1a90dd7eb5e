//! What was searched and found, for people.

use infra_model::poison::{Exposure, HostSearch, Looked};
use infra_model::{Code, Diagnostic};
use infra_view::table;
use std::fmt::Write as _;

/// What was found as a table, or that nothing was; and what that is worth.
pub(super) fn show(searches: &[HostSearch], errors: &[Diagnostic]) -> String {
    let mut text = table::render(&["HOST", "SECRET", "FORM", "WHERE"], &rows(searches));
    let is_clean = text.is_empty() && errors.is_empty();
    let looked_for: usize = searches.iter().map(|search| search.searched.len()).sum();
    if is_clean && looked_for > 0 {
        text += "no secret is where it must not be\n";
    }
    for search in searches {
        let _ = match search.searched.as_slice() {
            [] => writeln!(text, "{}: no secret to look for", search.name),
            names => writeln!(text, "{}: looked for {}", search.name, names.join(", ")),
        };
        for one in &search.unsearched {
            let _ = writeln!(
                text,
                "{}: not looked for {}: {}",
                search.name, one.secret, one.why
            );
        }
        if let Some(there) = &search.there {
            text += &place(&format!("{}: on the host", search.name), there);
        }
    }
    if looked_for > 0
        && let Some(search) = searches.first()
    {
        text += &place("on this machine", &search.here);
        let is_broken = errors.iter().any(|error| error.code != Code::SecretExposed);
        if searches.iter().all(|search| search.there.is_none()) && !is_broken {
            text += "the hosts themselves were not searched: --hosts does that\n";
        }
    }
    text
}

fn rows(searches: &[HostSearch]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for search in searches {
        let row = |found: &Exposure, at: &str| {
            vec![
                search.name.to_string(),
                found.secret.clone(),
                found.form.as_str().to_owned(),
                format!("{at}: {}", found.at),
            ]
        };
        rows.extend(search.found_here.iter().map(|found| row(found, "here")));
        let on_host = format!("on {}", search.name);
        rows.extend(search.found_there.iter().map(|found| row(found, &on_host)));
    }
    rows
}

fn place(name: &str, looked: &Looked) -> String {
    let mut text = format!("{name}: searched {}", amount(looked));
    if looked.unreadable > 0 {
        let _ = write!(text, "; {} could not be read", looked.unreadable);
    }
    for one in &looked.left_out {
        let _ = write!(text, "; left out {one}");
    }
    text + "\n"
}

/// How much was looked at.
pub(super) fn amount(looked: &Looked) -> String {
    let mut text = format!("{} files", looked.files);
    for (count, what) in [
        (looked.processes, "processes"),
        (looked.objects, "Git objects"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    let _ = write!(text, ", {} MiB", looked.bytes >> 20);
    text
}
