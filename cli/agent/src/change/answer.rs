//! What is asked and said about a change that is under way. Nothing here carries anything out: words are left for its supervisor.

use super::begin::mend;
use super::clock::Deadline;
use super::locks::Door;
use super::record::Folder;
use crate::args::Watch;
use crate::host::Host;
use infra_model::change::{CHANGE_SCHEMA, ChangeEnd, ChangePhase, ChangeStatus, Staged};
use infra_model::{Code, Diagnostic};
use std::fs;
use std::thread;
use std::time::Duration;

/// How long the supervisor may take to hear a word.
const PATIENCE: u64 = 20;
const LOOK: Duration = Duration::from_millis(20);
/// As long as one call waits, whatever it asks for.
const LONGEST: u64 = 600;

/// `change stage`.
pub(crate) fn stage(host: &Host, run: &str, sealed: &[u8]) -> Result<Staged, Diagnostic> {
    let _door = Door::take(host)?;
    let folder = Folder::of(host, run);
    if let Ok(state) = folder.state()
        && (state.phase != ChangePhase::Armed || folder.is_alive())
    {
        return Err(Diagnostic::new(
            Code::HostMoved,
            format!("the change of the run {run} has begun already"),
        )
        .with_fix("begin a run of its own for other secrets"));
    }
    folder.stage(sealed)?;
    Ok(Staged {
        schema: CHANGE_SCHEMA,
        run: run.to_owned(),
        bytes: sealed.len() as u64,
    })
}

fn found(host: &Host, run: Option<&str>) -> Result<Folder, Diagnostic> {
    let folder = match run {
        Some(run) => Some(Folder::of(host, run)).filter(|folder| folder.has("state.json")),
        None => Folder::last(host),
    };
    folder.ok_or_else(|| {
        let title = match run {
            Some(run) => format!("this host knows no change of the run {run}"),
            None => "this host knows no change".to_owned(),
        };
        Diagnostic::new(Code::UnknownRun, title)
            .with_fix("it has not come to that, or it was long ago: only the last few are kept")
    })
}

/// `change status`.
pub(crate) fn status(
    host: &Host,
    run: Option<&str>,
    watch: &Watch,
) -> Result<ChangeStatus, Diagnostic> {
    let until = Deadline::after(watch.wait.min(LONGEST));
    let log = |folder: &Folder| fs::metadata(folder.file("log")).map_or(0, |file| file.len());
    let folder = found(host, run)?;
    loop {
        let size = log(&folder);
        let status = folder.status(host, watch.from)?;
        let news = watch.phase.is_some_and(|phase| phase != status.phase)
            || !status.log.is_empty()
            || !status.alive;
        if news || until.is_over() {
            return Ok(status);
        }
        // Only what changes is read again.
        while log(&folder) == size && !until.is_over() {
            thread::sleep(LOOK);
            let phase = folder.state()?.phase;
            if phase != status.phase || !folder.is_alive() {
                break;
            }
        }
    }
}

fn is_done(status: &ChangeStatus) -> bool {
    status.phase == ChangePhase::Committing || matches!(status.end, Some(ChangeEnd::Done { .. }))
}

/// `change confirm`: the answer says that it counts, or why it does not.
pub(crate) fn confirm(host: &Host, run: &str, nonce: &str) -> Result<ChangeStatus, Diagnostic> {
    let folder = found(host, Some(run))?;
    if folder.kept()?.order.nonce != nonce.trim() {
        return Err(Diagnostic::new(
            Code::Unconfirmed,
            "this is not what the confirmation of the change has to say",
        )
        .with_fix("only the run that ordered a change confirms it"));
    }
    let status = folder.status(host, None)?;
    if is_done(&status) {
        return Ok(status);
    }
    if status.phase < ChangePhase::Awaiting {
        return Err(Diagnostic::new(
            Code::Unconfirmed,
            format!(
                "the change does not wait for its confirmation yet: it is {}",
                status.phase.as_str()
            ),
        )
        .with_fix("wait until it is awaiting"));
    }
    if status.phase == ChangePhase::Awaiting && status.alive {
        folder.leave("confirmed")?;
        wait_while(&folder, &[ChangePhase::Awaiting])?;
    }
    let status = folder.status(host, None)?;
    if is_done(&status) {
        return Ok(status);
    }
    Err(Diagnostic::new(
        Code::Unconfirmed,
        "the confirmation came too late: the host puts itself back, or has done so",
    )
    .with_cause(match &status.end {
        Some(
            ChangeEnd::Restored { why, .. }
            | ChangeEnd::Left { why, .. }
            | ChangeEnd::Stuck { why, .. },
        ) => why.title.clone(),
        _ => format!("the change is {}", status.phase.as_str()),
    })
    .with_fix("deploy again"))
}

/// `change abort`.
pub(crate) fn abort(host: &Host, run: &str) -> Result<ChangeStatus, Diagnostic> {
    let folder = found(host, Some(run))?;
    let status = folder.status(host, None)?;
    if is_done(&status) {
        return Err(Diagnostic::new(
            Code::HostMoved,
            "it is too late to take the change back: it was confirmed",
        )
        .with_cause(format!("it is {}", status.phase.as_str()))
        .with_fix("go back to the system before (infra rollback)"));
    }
    match (status.phase, status.alive) {
        (ChangePhase::Restoring | ChangePhase::Ended, true) | (ChangePhase::Ended, false) => {}
        (_, false) => {
            let _door = Door::take(host)?;
            // One that has just come up in its new system would go on.
            folder.leave("aborted")?;
            mend(host, None)?;
        }
        (_, true) => {
            folder.leave("aborted")?;
            let going = [
                ChangePhase::Armed,
                ChangePhase::Activating,
                ChangePhase::Booting,
                ChangePhase::Probing,
                ChangePhase::Awaiting,
            ];
            wait_while(&folder, &going)?;
        }
    }
    folder.status(host, None)
}

fn wait_while(folder: &Folder, phases: &[ChangePhase]) -> Result<(), Diagnostic> {
    let until = Deadline::after(PATIENCE);
    while phases.contains(&folder.state()?.phase) && folder.is_alive() && !until.is_over() {
        thread::sleep(LOOK);
    }
    Ok(())
}
