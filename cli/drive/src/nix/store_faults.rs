//! Why a build or a copy failed: from what Nix and the far side say to what the user needs to know.

use super::log::Log;
use infra_model::{Code, Diagnostic, StorePath};
use std::process::ExitStatus;

/// How many lines of a failed build or copy are told.
const TAIL: usize = 25;

/// Why a build failed.
pub(crate) fn build(drv: &StorePath, log: &Log, status: ExitStatus) -> Diagnostic {
    let complaint = log.complaint();
    if let Some(full) = disk_full(&complaint, "this machine") {
        return full;
    }
    // The first error is the derivation that failed; those after it only depend on it.
    let first = log
        .errors
        .first()
        .map(|error| error.text.as_str())
        .unwrap_or_default();
    let failed = first
        .split('\'')
        .find_map(|part| StorePath::parse(part).filter(StorePath::is_derivation))
        .unwrap_or_else(|| drv.clone());
    let reason = first
        .lines()
        .find(|line| line.trim_start().starts_with("Reason:"));
    let mut cause: Vec<&str> = log.build_lines.iter().map(String::as_str).collect();
    cause.extend(reason.map(str::trim));
    let cause = match (cause.is_empty(), complaint.is_empty()) {
        (false, _) => cause.join("\n"),
        (true, false) => tail(&complaint),
        (true, true) => status.to_string(),
    };
    let name = failed.name();
    let name = name.strip_suffix(".drv").unwrap_or(name);
    Diagnostic::new(Code::BuildFailed, format!("{name} does not build"))
        .with_cause(cause)
        .with_fix(format!("read the whole log: nix log {failed}"))
}

/// Why nothing was built on a builder, if it did not come to building. With a daemon on this machine it is the daemon that logs in there, as
/// root and without what we know of the host; and it takes a builder from those alone whom it trusts.
pub(crate) fn builder(url: &str, log: &Log) -> Option<Diagnostic> {
    let complaint = log.complaint();
    let says = |sign: &str| complaint.contains(sign);
    // The second is what Nix said until 2.30 or so.
    if !says("local builds are disabled") && !says("unable to start any build") {
        return None;
    }
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    let address = address.trim_start_matches("ssh-ng://");
    let own = "`build = \"local\"` or `build = \"target\"` in host.toml needs none";
    let fix = if says("setting 'builders'") {
        format!(
            "add yourself to trusted-users in the nix.conf of this machine (on NixOS: nix.settings.trusted-users); {own}"
        )
    } else {
        format!(
            "if Nix has a daemon on this machine, let its root log in to {address} without being asked (`sudo ssh {address}` shows what is missing), or run infra as root; {own}"
        )
    };
    Some(
        Diagnostic::new(
            Code::NoBuilder,
            format!("this machine's Nix does not build on {address}"),
        )
        .with_cause(tail(&complaint))
        .with_fix(fix),
    )
}

/// Why a copy failed.
pub(crate) fn copy(path: &StorePath, log: &Log, status: ExitStatus) -> Diagnostic {
    let complaint = log.complaint();
    let says = |sign: &str| complaint.contains(sign);
    if let Some(full) = disk_full(&complaint, "the host") {
        return full;
    }
    if says("lacks a signature by a trusted key")
        || says("you are not privileged")
        || says("not allowed to")
    {
        return Diagnostic::new(
            Code::UntrustedUser,
            "the host's Nix takes no unsigned paths from root",
        )
        .with_cause(tail(&complaint))
        .with_fix("add root to nix.settings.trusted-users on the host, where it is by default");
    }
    if says("nix-daemon: not found")
        || says("nix-daemon: command not found")
        || says("nix-daemon: No such file")
    {
        return Diagnostic::new(Code::NoNixOnHost, "there is no Nix on the host")
            .with_cause(tail(&complaint))
            .with_fix("install Nix on the host, or add its folder to the PATH of SSH sessions");
    }
    let lost = [
        "Broken pipe",
        "Nix daemon disconnected",
        "unexpected end-of-file",
        "Connection reset",
        "not responding",
        "failed to start SSH",
    ];
    if lost.iter().any(|sign| says(sign)) {
        return Diagnostic::new(Code::ConnectionLost, "the connection broke while copying")
            .with_cause(tail(&complaint))
            .with_fix("run the same command again: what has arrived is kept");
    }
    Diagnostic::new(
        Code::CopyFailed,
        format!("{} could not be copied", path.name()),
    )
    .with_cause(if complaint.is_empty() {
        status.to_string()
    } else {
        tail(&complaint)
    })
    .with_fix("correct what Nix complains about, then run the same command again: what has arrived is kept")
}

/// A full disk shows in several ways; the daemon cannot even open its database then.
fn disk_full(complaint: &str, whose: &str) -> Option<Diagnostic> {
    let full = complaint.contains("No space left on device")
        || complaint.contains("database or disk is full");
    full.then(|| {
        Diagnostic::new(Code::DiskFull, format!("the disk of {whose} is full"))
            .with_cause(tail(complaint))
            .with_fix(format!(
                "free space where /nix is on {whose}: nix-collect-garbage, or delete other files; then run the same command again"
            ))
    })
}

pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL);
    lines.get(from..).unwrap_or_default().join("\n")
}
