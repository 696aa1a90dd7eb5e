//! Shell completion. Like listing, it reads TOML and names of files and starts nothing. A person waits for it.

use crate::args::Args;
use crate::commands::completions::Shell;
use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use infra_drive::receipts;
use infra_drive::repo::Repo;
use infra_drive::state::State;
use infra_drive::table::cache_dir;
use infra_model::event::Line;
use infra_model::{Event, Fleet, HostName};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Of the newest so many runs it is told what they were.
const TOLD: usize = 20;

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

/// The folder that the command line to be completed is about.
fn start() -> PathBuf {
    directory(std::env::args_os().skip(1)).unwrap_or_else(|| PathBuf::from("."))
}

/// What `-C` says on a command line that is handed over as `-- infra WORD...`: candidates are asked for before anything is parsed.
fn directory(words: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let words: Vec<String> = words
        .skip_while(|word| word != "--")
        .skip(2)
        // What comes after is a command of a host.
        .take_while(|word| word != "--")
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut found = None;
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let long = word.strip_prefix("--directory");
        let value = match (word.strip_prefix("-C"), long) {
            (Some(""), _) | (_, Some("")) => rest.next().map(String::as_str),
            (Some(value), _) => Some(value),
            (_, Some(value)) => value.strip_prefix('='),
            (None, None) => continue,
        };
        // Bash hands an `=` over as a word of its own.
        let value = if value == Some("=") {
            rest.next().map(String::as_str)
        } else {
            value
        };
        let value = value.filter(|value| !value.is_empty());
        found = value.map(path).or(found);
    }
    found
}

/// A path as it is typed: shells hand words over as they stand on the line.
fn path(word: &str) -> PathBuf {
    let below_home = word
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let (mut path, word) = match (below_home, std::env::home_dir()) {
        (Some(rest), Some(home)) => (home, rest.trim_start_matches('/')),
        _ => (PathBuf::new(), word),
    };
    let mut plain = String::new();
    let mut quote = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => plain.extend(letters.next()),
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            _ => plain.push(letter),
        }
    }
    path.push(plain);
    path
}

fn fleet() -> Option<Fleet> {
    Some(Repo::find(&start()).ok()?.read().fleet)
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

/// Revisions in Git that have names, and runs.
pub(crate) fn since() -> Vec<CompletionCandidate> {
    let names = infra_drive::tree::revisions(&start());
    let revisions = std::iter::once("HEAD".to_owned())
        .chain(names)
        .map(CompletionCandidate::new);
    ordered(revisions.chain(all_runs()))
}

/// Runs, and the word for the newest.
pub(crate) fn runs() -> Vec<CompletionCandidate> {
    let last = CompletionCandidate::new("last").help(Some("the newest".into()));
    ordered(std::iter::once(last).chain(all_runs()))
}

/// What a plan can be compared with.
pub(crate) fn against() -> Vec<CompletionCandidate> {
    let words = [
        ("running", "what runs on the host"),
        ("last-run", "what the last run left there"),
    ]
    .map(|(word, about)| CompletionCandidate::new(word).help(Some(about.into())));
    ordered(words.into_iter().chain(since()))
}

/// Runs that can be resumed.
pub(crate) fn resumable() -> Vec<CompletionCandidate> {
    let state = state(&start()).map(|(_, state)| state);
    let runs = state.map(|state| told(&state, state.resumable(TOLD)));
    ordered(runs.into_iter().flatten())
}

fn state(start: &Path) -> Option<(Repo, State)> {
    let repo = Repo::find(start).ok()?;
    let state = State::of(repo.root());
    Some((repo, state))
}

fn all_runs() -> Vec<CompletionCandidate> {
    state(&start()).map_or_else(Vec::new, |(repo, state)| {
        let names = receipts::names(repo.root(), &cache_dir(), &state);
        told(&state, names)
    })
}

/// The newest with what they were, the others by their names alone: each is a file to read.
fn told(state: &State, names: Vec<String>) -> Vec<CompletionCandidate> {
    let candidates = names.into_iter().enumerate().map(|(place, name)| {
        let about = (place < TOLD).then(|| about(state, &name)).flatten();
        CompletionCandidate::new(name).help(about.map(Into::into))
    });
    candidates.collect()
}

fn about(state: &State, run: &str) -> Option<String> {
    let line: Line = serde_json::from_str(&state.first_event(run)?).ok()?;
    let Event::RunStarted { command, hosts, .. } = line.event else {
        return None;
    };
    let hosts: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
    Some(match hosts.as_slice() {
        [first, second, third, _, ..] => {
            let more = hosts.len() - 3;
            format!("{command} {first}, {second}, {third} and {more} more")
        }
        few => format!("{command} {}", few.join(", ")),
    })
}

/// In this order, and not by the alphabet.
fn ordered(candidates: impl Iterator<Item = CompletionCandidate>) -> Vec<CompletionCandidate> {
    candidates
        .enumerate()
        .map(|(place, candidate)| candidate.display_order(Some(place)))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::{directory, path};
    use std::ffi::OsString;
    use std::path::PathBuf;

    #[test]
    fn the_folder_of_a_line_that_is_being_typed() {
        let of = |line: &str| {
            let words = line.split_whitespace().map(OsString::from);
            directory(words).map(|path| path.display().to_string())
        };
        let at = |dir: &str| Some(dir.to_owned());
        assert_eq!(of("-- infra -C a log"), at("a"));
        assert_eq!(of("-- infra log -Ca"), at("a"));
        assert_eq!(of("-- infra --directory a log"), at("a"));
        assert_eq!(of("-- infra --directory=a log"), at("a"));
        assert_eq!(of("-- infra --directory = a log"), at("a"));
        assert_eq!(of("-- infra log web"), None);
        assert_eq!(of("-- infra --directory-of a log"), None);
        assert_eq!(of("-- infra log -C"), None);
        assert_eq!(of("-- infra -C a log -C"), at("a"));
        assert_eq!(of("-- infra exec web -- make -C a"), None);
        assert_eq!(of("-C a -- infra list"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn paths_as_they_are_typed() {
        assert_eq!(path("a b"), PathBuf::from("a b"));
        assert_eq!(path(r"a\ b/'c d'/\\"), PathBuf::from(r"a b/c d/\"));
        assert_eq!(path(r#""it's"/'a\b'"#), PathBuf::from(r"it's/a\b"));
        assert_eq!(path("~x/y"), PathBuf::from("~x/y"));
        if let Some(home) = std::env::home_dir() {
            assert_eq!(path("~/infra"), home.join("infra"));
            assert_eq!(path("~"), home);
            assert_eq!(path("~//~x"), home.join("~x"));
            assert_eq!(path("'~'/a"), PathBuf::from("~/a"));
        }
    }
}
