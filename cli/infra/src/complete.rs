//! Shell completion. Like listing, it reads TOML and folder names and starts nothing.

use crate::args::{Args, Shell};
use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use infra_drive::repo::Repo;
use infra_model::Fleet;
use std::path::Path;

/// Answers a shell that asks for completions (the `COMPLETE` variable is set) and ends the program then.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Args::command).complete();
}

/// The text a shell's start-up file has to evaluate.
pub(crate) fn registration(shell: Shell) -> Option<String> {
    let shells = Shells::builtins();
    let mut text = Vec::new();
    shells
        .completer(shell.name())?
        .write_registration("COMPLETE", "infra", "infra", "infra", &mut text)
        .ok()?;
    String::from_utf8(text).ok()
}

fn fleet() -> Option<Fleet> {
    Some(Repo::find(Path::new(".")).ok()?.read().fleet)
}

/// Host names.
pub(crate) fn hosts() -> Vec<CompletionCandidate> {
    let fleet = fleet();
    fleet
        .iter()
        .flat_map(Fleet::hosts)
        .map(|host| {
            let about = format!("{} {}", host.class, host.tags.join(" "));
            CompletionCandidate::new(host.name.as_str()).help(Some(about.trim().to_owned().into()))
        })
        .collect()
}

/// Revisions in Git that have names.
pub(crate) fn revisions() -> Vec<CompletionCandidate> {
    let names = infra_drive::tree::revisions(Path::new("."));
    std::iter::once("HEAD".to_owned())
        .chain(names)
        .map(CompletionCandidate::new)
        .collect()
}

/// What a plan can be compared with, as far as it has a name.
pub(crate) fn against() -> Vec<CompletionCandidate> {
    let words = ["running", "last-run"].map(CompletionCandidate::new);
    words.into_iter().chain(revisions()).collect()
}

/// Host names, and tags as `@tag`.
pub(crate) fn selectors() -> Vec<CompletionCandidate> {
    let mut candidates = hosts();
    let fleet = fleet();
    let mut tags: Vec<&str> = fleet
        .iter()
        .flat_map(Fleet::hosts)
        .flat_map(|host| host.tags.iter().map(String::as_str))
        .collect();
    tags.sort_unstable();
    tags.dedup();
    candidates.extend(
        tags.into_iter()
            .map(|tag| CompletionCandidate::new(format!("@{tag}"))),
    );
    candidates
}
