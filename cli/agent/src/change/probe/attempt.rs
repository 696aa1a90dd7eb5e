//! One try of one probe.

use super::{Seen, http, listening};
use crate::host::Host;
use crate::process;
use infra_model::contract::Probe;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

/// Its question, in words.
pub(crate) fn asks(probe: &Probe) -> String {
    let words = [
        probe.unit.as_ref().map(|unit| format!("unit {unit}")),
        probe.port.map(|port| format!("port {port}")),
        probe.http.as_ref().map(|url| format!("http {url}")),
        probe
            .command
            .as_ref()
            .map(|command| format!("command {}", first_line(command))),
        probe.file.as_ref().map(|file| format!("file {file}")),
        probe
            .reachable_from
            .as_ref()
            .map(|host| format!("reachable from {host}")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    match lines.next() {
        Some(_) => format!("{first} …"),
        None => first.to_owned(),
    }
}

/// Tries it, in no more than this time; `None` if it is not for this host to try.
pub(crate) fn attempt(host: &Host, probe: &Probe, limit: Duration) -> Option<Seen> {
    if let Some(unit) = &probe.unit {
        return Some(unit_is_active(host, unit, limit));
    }
    if let Some(port) = probe.port {
        return Some(listening::on(host, port));
    }
    if let Some(url) = &probe.http {
        return Some(http::get(url, limit));
    }
    if let Some(command) = &probe.command {
        return Some(command_succeeds(command, limit));
    }
    if let Some(file) = &probe.file {
        return Some(match host.path(file).metadata() {
            Ok(_) => Seen::yes("it is there"),
            Err(error) => Seen::no(error.to_string()),
        });
    }
    None
}

fn unit_is_active(host: &Host, unit: &str, limit: Duration) -> Seen {
    if !host.has_systemd() {
        return Seen::no("there is no systemd to ask");
    }
    let asked = process::program("systemctl", &["is-active", "--", unit]);
    match process::told_within(asked, limit) {
        Some((status, state)) if status.success() => Seen::yes(state.trim()),
        Some((_, state)) if state.trim().is_empty() => Seen::no("systemd says nothing"),
        Some((_, state)) => Seen::no(state.trim()),
        None => Seen::no("systemd does not answer"),
    }
}

/// Only how it ends is told: what it prints can be a secret.
fn command_succeeds(command: &str, limit: Duration) -> Seen {
    // What it makes is for everybody to read, as with any other shell; only we keep things to ourselves.
    let words = ["-c", "umask 022; eval \"$1\"", "probe", command];
    let mut asked = process::program("sh", &words);
    let started = std::os::unix::process::CommandExt::process_group(&mut asked, 0).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Seen::no(format!("sh: {error}")),
    };
    match process::wait(&mut child, limit) {
        Some(status) if status.success() => Seen::yes("exit code 0"),
        Some(status) => Seen::no(match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("ended by signal {}", signal.unwrap_or_default()),
        }),
        None => Seen::no(format!("still running after {} s", limit.as_secs())),
    }
}
