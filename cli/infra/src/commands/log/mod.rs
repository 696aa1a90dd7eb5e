//! `infra log`: what happened in a run, from its journal.

mod follow;

use super::{answer, history, one, refuse, wait, warn};
use crate::args::Global;
use crate::complete;
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::receipts::Opened;
use infra_drive::state::State;
use infra_model::answer::{Answer, Exit, PastRun, RunStanding};
use infra_model::event::Line;
use infra_model::{Code, Diagnostic, HostName, Place};
use infra_view::lines;
use infra_view::style::{FAINT, HEAD, paint};
use infra_view::{Screen, table};
use serde_json::Value;
use std::fmt::Write as _;

const NAME: &str = "log";

/// Arguments of `log`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The run, or the beginning of its name; `last` is the newest.
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    run: String,
    /// Only what happened to this host.
    #[arg(value_name = "HOST", value_parser = host_name, add = ArgValueCandidates::new(complete::hosts))]
    host: Option<HostName>,
    /// Show what happens as it happens, until the run has ended. Only what this machine writes down is read; no host is asked. One whose process
    /// is gone is told as interrupted (exit code 1).
    #[arg(short, long)]
    follow: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    if args.follow {
        return wait(follow::run(global, args));
    }
    match look(global, args) {
        Err(faults) => refuse(NAME, global, faults),
        Ok(found) => tell(global, found, None),
    }
}

/// Shows all that is known of a run, and what is wrong with it.
fn tell(global: &Global, found: Found, fault: Option<Diagnostic>) -> Exit {
    warn(global, &found.warnings);
    let text = if global.json {
        for event in &found.events {
            Screen.json(event);
        }
        String::new()
    } else {
        show(&found)
    };
    let exit = fault.as_ref().map_or(Exit::Ok, |_| Exit::SomeFailed);
    let told = Answer::new(NAME, vec![found.run], fault.into_iter().collect());
    answer(global, &told.with_warnings(found.warnings), &text);
    exit
}

struct Found {
    run: PastRun,
    /// Its events; of another machine's run there are none.
    events: Vec<Value>,
    warnings: Vec<Diagnostic>,
}

fn look(global: &Global, args: &Args) -> Result<Found, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let state = workspace.state();
    let opened = history::open(&workspace).map_err(one)?;
    let name = opened.receipts.named(&args.run).map_err(one)?;
    let journal = state.events(&name);
    let mut run = known(&state, &opened, &name).map_err(one)?;
    let mut warnings = opened.warnings;
    let mut events = Vec::new();
    match &journal {
        Some(text) => {
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect();
            events.extend(
                lines
                    .iter()
                    .filter_map(|line| serde_json::from_str(line).ok()),
            );
            // A power cut may have torn the last one.
            warnings.extend((events.len() < lines.len()).then(|| torn(&name)));
        }
        None => warnings.push(elsewhere(&run)),
    }
    if let Some(host) = &args.host {
        cut_to(&mut run, host).map_err(one)?;
        events.retain_mut(|event| concerns(event, host));
    }
    Ok(Found {
        run,
        events,
        warnings,
    })
}

/// What is known of a run beside its events.
fn known(state: &State, opened: &Opened, name: &str) -> Result<PastRun, Diagnostic> {
    Ok(match opened.receipts.of_run(name)? {
        Some(receipt) => PastRun::of(receipt, state.has_events(name)),
        None => match opened.unfinished.iter().find(|open| open.run == name) {
            Some(open) => history::unfinished(state, open),
            // It came to its end without having touched a host.
            None => history::untouched(state, name),
        },
    })
}

/// Leaves one host of a run.
fn cut_to(run: &mut PastRun, host: &HostName) -> Result<(), Diagnostic> {
    if !run.hosts.iter().any(|one| one.name == *host) {
        return Err(not_in(&run.run, host));
    }
    run.hosts.retain(|one| one.name == *host);
    Ok(())
}

/// Whether an event is about a host, or about the whole run. The plan is cut to what it says about the host.
fn concerns(event: &mut Value, host: &HostName) -> bool {
    let is = |value: Option<&Value>| value.and_then(Value::as_str) == Some(host.as_str());
    match event.get_mut("hosts").and_then(Value::as_array_mut) {
        // A plan names them with what is done to each, a beginning by their names alone.
        Some(hosts) => hosts.retain(|one| is(Some(one)) || is(one.get("host"))),
        None => return event.get("host").is_none() || is(event.get("host")),
    }
    true
}

fn show(found: &Found) -> String {
    let run = &found.run;
    let mut text = head(run);
    if !run.journal {
        let rows: Vec<Vec<String>> = run
            .hosts
            .iter()
            .map(|host| {
                let system = |path: &Option<infra_model::StorePath>| {
                    path.as_ref()
                        .map_or_else(|| "-".to_owned(), ToString::to_string)
                };
                vec![
                    host.name.to_string(),
                    host.outcome
                        .map_or("-", |outcome| outcome.as_str())
                        .to_owned(),
                    system(&host.before),
                    system(&host.after),
                ]
            })
            .collect();
        return text + &table::render(&["HOST", "OUTCOME", "BEFORE", "AFTER"], &rows);
    }
    text.extend(found.events.iter().map(shown));
    text
}

/// Which run it is, and how far.
fn head(run: &PastRun) -> String {
    let standing = match (run.standing, run.ended) {
        (RunStanding::Finished, ended) => format!("ended {}", history::when(ended)),
        (RunStanding::Running, _) => "goes on".to_owned(),
        (RunStanding::Interrupted, _) => "was interrupted".to_owned(),
    };
    let mut text = paint(HEAD, &format!("{} {}", run.run, history::command(run))) + "\n";
    let about = format!(
        "by {}, begun {}, {standing}",
        run.by,
        history::when(run.begun)
    );
    let _ = writeln!(text, "{}", paint(FAINT, &about));
    if let Some(commit) = &run.commit {
        let dirty = match run.dirty {
            Some(true) => ", with changes that are not committed",
            Some(false) | None => "",
        };
        let _ = writeln!(
            text,
            "{}",
            paint(FAINT, &format!("from commit {commit}{dirty}"))
        );
    }
    text
}

/// The line for an event.
fn shown(event: &Value) -> String {
    let line = serde_json::from_value::<Line>(event.clone());
    line.map_or_else(
        |_| unknown(event),
        |line| lines::render(&line.event).unwrap_or_default(),
    )
}

/// A later version of infra had more to tell.
fn unknown(event: &Value) -> String {
    let name = event.get("event").and_then(Value::as_str).unwrap_or("?");
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    paint(FAINT, &format!("({name}: not known to this version)")) + "\n"
}

fn torn(run: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnreadableFile,
        format!("not every line of the journal of {run} can be read"),
    )
    .with_cause("its last lines are torn when this machine loses power")
}

fn elsewhere(run: &PastRun) -> Diagnostic {
    Diagnostic::new(
        Code::MissingFile,
        format!(
            "the journal of {} is not on this machine, only its receipt is known",
            run.run
        ),
    )
    .with_cause(format!("{} ran it", run.by))
    .with_fix(format!("ask there for its events: infra log {}", run.run))
}

fn not_in(run: &str, host: &HostName) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownHost,
        format!("{host} is not among the hosts of run {run}"),
    )
    .with_place(Place::file("command line"))
    .with_fix(format!("infra log {run} shows all of it"))
}

fn host_name(text: &str) -> Result<HostName, String> {
    HostName::parse(text).map_err(|error| error.to_string())
}
