//! One attribute of a flake, counted from the root of its outputs.
//!
//! `flake#infra.x` is looked for in `packages.<system>` and `legacyPackages.<system>` first, which with nixpkgs means evaluating those.
//! `flake#.infra.x` is the root and nothing else, for Nix 2.19 and later. An older one takes the dot for part of a name and says that there is
//! no such attribute; what it then says is how we know.

use super::log::Log;
use super::run;
use crate::process::{Ended, Stop, Tool};
use infra_model::Diagnostic;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this machine's Nix knows the root. It stays the same for as long as we run.
static KNOWS_ROOT: AtomicBool = AtomicBool::new(true);

/// Asks for an attribute; `tool` makes the process for an installable.
pub(super) async fn eval(
    (flake, attribute): (&str, &str),
    tool: impl Fn(String) -> Tool,
    stop: Stop,
) -> Result<(Ended, Log), Diagnostic> {
    if KNOWS_ROOT.load(Ordering::Relaxed) {
        let rooted = tool(format!("{flake}#.{attribute}"));
        let (ended, log) = run(rooted, stop.clone(), &mut |_, _| {}).await?;
        if ended.status.success() || !took_the_dot_for_a_name(&log, attribute) {
            return Ok((ended, log));
        }
        KNOWS_ROOT.store(false, Ordering::Relaxed);
    }
    let searched = tool(format!("{flake}#{attribute}"));
    run(searched, stop, &mut |_, _| {}).await
}

/// An older Nix lists what it has tried, with the dot still there: `'packages.x86_64-linux..infra.x' … or '.infra.x'`.
fn took_the_dot_for_a_name(log: &Log, attribute: &str) -> bool {
    let complaint = log.complaint();
    complaint.contains("does not provide attribute")
        && complaint.contains(&format!("'.{attribute}'"))
}

#[cfg(test)]
mod tests {
    use super::took_the_dot_for_a_name;
    use crate::nix::log::Log;

    #[test]
    fn only_a_dot_that_was_taken_for_a_name_is_a_reason_to_ask_again() {
        let told = |text: &str| {
            let mut log = Log::default();
            let line =
                serde_json::json!({"action": "msg", "level": 0, "msg": text, "raw_msg": text});
            log.read(&format!("@nix {line}"));
            took_the_dot_for_a_name(&log, "infra.hosts.\"web\".system")
        };
        assert!(told(
            "error: flake 'git+file:///x' does not provide attribute 'packages.x86_64-linux..infra.hosts.\"web\".system', 'legacyPackages.x86_64-linux..infra.hosts.\"web\".system' or '.infra.hosts.\"web\".system'"
        ));
        // As 2.34.8 says that something is missing.
        assert!(!told(
            "error: flake 'git+file:///x' does not provide attribute 'infra.hosts.\"web\".system'\nDid you mean wex?"
        ));
        assert!(!told(
            "error: attribute '.infra.hosts.\"web\".system' missing"
        ));
    }
}
