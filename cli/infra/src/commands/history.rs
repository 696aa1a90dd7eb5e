//! `infra history`: which runs there were, newest first.

use super::{answer, one, refuse, wait, warn};
use crate::args::{Global, Selection};
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_drive::receipts::{Opened, Receipts, Unfinished};
use infra_drive::state::State;
use infra_drive::table::{RunsWanted, cache_dir};
use infra_drive::who::person_at_machine;
use infra_model::answer::{Answer, Exit, PastHost, PastRun, RunStanding};
use infra_model::event::Line;
use infra_model::{Diagnostic, Event, Goal, HostName, HostOutcome};
use infra_view::lines::{style_of, tally};
use infra_view::style::{BUSY, WARN, paint};
use infra_view::{Screen, table};
use std::time::{Duration, SystemTime};

const NAME: &str = "history";

/// Of more hosts than these, only how many came out how is shown.
const NAMED: usize = 4;

/// Arguments of `history`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Show the newest N runs.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show runs begun since then: a time ago (2h, 3days), a day (2026-11-20) or a time (2026-11-20T08:00:00Z), both in UTC.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<SystemTime>,
    /// First take over the receipts that a Git remote has.
    #[arg(long, value_name = "REMOTE")]
    fetch: Option<String>,
    /// First exchange receipts with a Git remote: take over what it has, and give it what it has not.
    #[arg(long, value_name = "REMOTE")]
    push: Option<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    match look(global, args) {
        Err(faults) => refuse(NAME, global, faults),
        Ok((runs, shown, warnings)) => {
            warn(global, &warnings);
            let text = show(&runs, shown.as_deref());
            let told = Answer::new(NAME, runs, Vec::new()).with_warnings(warnings);
            answer(global, &told, &text);
            Exit::Ok
        }
    }
}

type Looked = (Vec<PastRun>, Option<Vec<HostName>>, Vec<Diagnostic>);

fn look(global: &Global, args: &Args) -> Result<Looked, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let state = workspace.state();
    let mut opened = open(&workspace).map_err(one)?;
    if args.fetch.is_some() || args.push.is_some() {
        let mut exit = Ok(());
        // A runtime is only made where a process is waited for.
        wait(async {
            exit = exchange(global, &opened.receipts, args).await;
            Exit::Ok
        });
        exit.map_err(one)?;
        opened = open(&workspace).map_err(one)?;
    }
    let hosts = selected(&workspace, &opened.receipts, &args.selection)?;
    let since = args.since.map(infra_drive::state::run_begun_at);
    let mut runs: Vec<PastRun> = opened
        .unfinished
        .iter()
        .filter(|run| since.as_ref().is_none_or(|since| run.run >= *since))
        .map(|run| unfinished(&state, run))
        .filter(|run| {
            hosts
                .as_ref()
                .is_none_or(|hosts| run.hosts.iter().any(|host| hosts.contains(&host.name)))
        })
        .collect();
    let wanted = RunsWanted {
        hosts: hosts
            .as_ref()
            .map(|hosts| hosts.iter().map(ToString::to_string).collect()),
        since,
        run: None,
        limit: Some(args.limit),
    };
    let receipts = opened.receipts.find(&wanted).map_err(one)?;
    runs.extend(receipts.into_iter().map(|receipt| {
        let journal = state.has_events(&receipt.run);
        PastRun::of(receipt, journal)
    }));
    runs.sort_by(|a, b| b.run.cmp(&a.run));
    runs.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    Ok((runs, hosts, opened.warnings))
}

/// The receipts of a repository.
pub(super) fn open(workspace: &Workspace) -> Result<Opened, Diagnostic> {
    Receipts::open(workspace.repo.root(), &cache_dir(), workspace.state())
}

async fn exchange(global: &Global, receipts: &Receipts, args: &Args) -> Result<(), Diagnostic> {
    let stop = Stop::never();
    let say = |text: String| {
        if !global.json {
            Screen.err(&text);
        }
    };
    if let Some(remote) = &args.fetch {
        let new = receipts.fetch(remote, &stop).await?;
        let what = if new {
            "there were new receipts"
        } else {
            "there was nothing new"
        };
        say(format!("fetched from {remote}: {what}\n"));
    }
    if let Some(remote) = &args.push {
        let new = receipts.push(remote, &stop).await?;
        let what = if new {
            "it has all receipts now"
        } else {
            "it had all receipts"
        };
        say(format!("pushed to {remote}: {what}\n"));
    }
    Ok(())
}

/// The hosts that are asked for; all of them, also those that are no more, if none are. A host that is no more can be asked for by its name.
fn selected(
    workspace: &Workspace,
    receipts: &Receipts,
    selection: &Selection,
) -> Result<Option<Vec<HostName>>, Vec<Diagnostic>> {
    if selection.selectors.is_empty() {
        return Ok(None);
    }
    let mut gone = Vec::new();
    let mut rest = Vec::new();
    for word in &selection.selectors {
        match HostName::parse(word) {
            Ok(name)
                if workspace.contents.fleet.get(&name).is_none()
                    && !receipts.of_host(&name, 1).map_err(one)?.is_empty() =>
            {
                gone.push(name);
            }
            _ => rest.push(word.clone()),
        }
    }
    if !rest.is_empty() {
        let selection = Selection {
            selectors: rest,
            all: false,
        };
        let hosts = workspace.select_to_look(&selection)?;
        gone.extend(hosts.into_iter().map(|host| host.name));
    }
    Ok(Some(gone))
}

/// A run that has not ended, from the journal that it has written so far.
pub(super) fn unfinished(state: &State, run: &Unfinished) -> PastRun {
    let mut past = PastRun {
        run: run.run.clone(),
        standing: if run.alive {
            RunStanding::Running
        } else {
            RunStanding::Interrupted
        },
        command: None,
        goal: None,
        by: person_at_machine(),
        begun: infra_drive::state::begin_of_run(&run.run),
        ended: None,
        infra: None,
        commit: None,
        dirty: None,
        hosts: Vec::new(),
        errors: Vec::new(),
        journal: true,
    };
    let text = state.events(&run.run).unwrap_or_default();
    for line in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok())
    {
        match line.event {
            Event::RunStarted {
                command,
                hosts,
                goal,
                ..
            } => {
                past.command = Some(command);
                past.goal = goal;
                past.hosts = hosts.into_iter().map(unsettled).collect();
            }
            Event::HostFinished { host, outcome, .. } => {
                if let Some(found) = past.hosts.iter_mut().find(|one| one.name == host) {
                    found.outcome = Some(outcome);
                }
            }
            _ => {}
        }
    }
    past.hosts.sort_by(|a, b| a.name.cmp(&b.name));
    past
}

/// A run that came to its end and touched no host: a dry run, say.
pub(super) fn untouched(state: &State, run: &str) -> PastRun {
    let ended = Unfinished {
        run: run.to_owned(),
        alive: false,
    };
    PastRun {
        standing: RunStanding::Finished,
        ..unfinished(state, &ended)
    }
}

fn unsettled(name: HostName) -> PastHost {
    PastHost {
        name,
        outcome: None,
        before: None,
        after: None,
        tree: None,
    }
}

fn show(runs: &[PastRun], hosts: Option<&[HostName]>) -> String {
    if runs.is_empty() {
        return "there was no run yet that touched hosts\n".to_owned();
    }
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            vec![
                run.run.clone(),
                when(run.begun),
                run.by.clone(),
                command(run),
                outcomes(run, hosts),
            ]
        })
        .collect();
    table::render(&["RUN", "BEGUN", "BY", "COMMAND", "HOSTS"], &rows)
}

/// A time, as people read it; UTC, as the names of runs.
pub(super) fn when(seconds: Option<u64>) -> String {
    let time = seconds
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    // The year 10000 is where its formatting ends.
    time.filter(|time| *time < SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800))
        .map_or_else(
            || "-".to_owned(),
            |time| {
                humantime::format_rfc3339_seconds(time)
                    .to_string()
                    .replace('T', " ")
            },
        )
}

/// What was typed, as far as it matters.
pub(super) fn command(run: &PastRun) -> String {
    let command = run.command.as_deref().unwrap_or("-");
    match run.goal {
        None | Some(Goal::Switch) => command.to_owned(),
        Some(goal) => format!("{command} --goal {}", goal.as_str()),
    }
}

fn outcomes(run: &PastRun, hosts: Option<&[HostName]>) -> String {
    let open = match run.standing {
        RunStanding::Finished => "",
        RunStanding::Running => "running",
        RunStanding::Interrupted => "interrupted",
    };
    let shown: Vec<&PastHost> = run
        .hosts
        .iter()
        .filter(|host| hosts.is_none_or(|hosts| hosts.contains(&host.name)))
        .collect();
    let told = if shown.len() > NAMED {
        let settled: Vec<HostOutcome> = shown.iter().filter_map(|host| host.outcome).collect();
        let unsettled = shown.len() - settled.len();
        let rest = (unsettled > 0).then(|| format!(", {unsettled} {open}"));
        tally(&settled) + &rest.unwrap_or_default()
    } else {
        let words: Vec<String> = shown
            .iter()
            .map(|host| match host.outcome {
                Some(outcome) => format!(
                    "{} {}",
                    host.name,
                    paint(style_of(outcome), outcome.as_str())
                ),
                None => host.name.to_string(),
            })
            .collect();
        words.join(", ")
    };
    match run.standing {
        RunStanding::Finished => told,
        RunStanding::Running => format!("{}: {told}", paint(BUSY, open)),
        RunStanding::Interrupted => format!("{}: {told}", paint(WARN, open)),
    }
}

fn since(text: &str) -> Result<SystemTime, String> {
    let at = |text: &str| humantime::parse_rfc3339_weak(text).ok();
    let ago = || SystemTime::now().checked_sub(humantime::parse_duration(text).ok()?);
    at(text)
        .or_else(|| at(&format!("{text}T00:00:00")))
        .or_else(ago)
        .ok_or_else(|| {
            "write a time ago (2h, 3days), a day (2026-11-20) or a time (2026-11-20T08:00:00Z)"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::{since, when};
    use std::time::{Duration, SystemTime};

    #[test]
    fn times_are_given_as_people_do() {
        let at = |seconds| Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(since("2026-11-21"), at(1_795_219_200));
        assert_eq!(since("2026-11-21T05:16:00Z"), at(1_795_238_160));
        assert_eq!(since("2026-11-21 05:16:00"), at(1_795_238_160));
        let ago = since("2days").expect("a time").elapsed().expect("ago");
        assert!(ago.as_secs() - 2 * 86_400 < 60, "{ago:?}");
        assert!(since("yesterday").is_err());
    }

    #[test]
    fn times_of_other_clocks_are_shown_or_left_out() {
        assert_eq!(when(Some(1_795_238_160)), "2026-11-21 05:16:00Z");
        assert_eq!(when(Some(u64::MAX)), "-");
        assert_eq!(when(Some(253_402_300_800)), "-");
        assert_eq!(when(None), "-");
    }
}
