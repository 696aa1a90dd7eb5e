//! Taking an order, and what becomes of a change whose supervisor has died.

use super::alone::{busy, refuse_if_busy, refuse_if_switching};
use super::clock::Deadline;
use super::compare;
use super::locks::{Door, Turn};
use super::phases::Shape;
use super::reboot;
use super::record::{Folder, sweep};
use super::supervise::end_unbegun;
use super::system::{self, Now};
use super::task::{own_program, started, unit_command};
use crate::fault::{cannot, refused};
use crate::files;
use crate::host::Host;
use crate::identity::Key;
use crate::process;
use crate::steps;
use infra_model::change::{
    CHANGE_SCHEMA, ChangePhase, ChangeStatus, Intent, Order, Recovered, is_run,
};
use infra_model::{Code, Diagnostic};
use serde::Deserialize;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;

/// How long a supervisor may take to say that it has taken over.
const PATIENCE: u64 = 20;
const LOOK: Duration = Duration::from_millis(20);

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

/// Reads an order.
pub(crate) fn order(json: &[u8]) -> Result<Order, Diagnostic> {
    let broken = |cause: String| {
        Diagnostic::new(
            Code::SchemaMismatch,
            "this agent does not understand the order it was given",
        )
        .with_cause(cause)
        .with_fix("use an agent of the same release as the command (it lies beside it, or INFRA_AGENT names it)")
    };
    let SchemaOnly { schema } =
        serde_json::from_slice(json).map_err(|error| broken(error.to_string()))?;
    if schema != CHANGE_SCHEMA {
        return Err(broken(format!(
            "it has schema {schema}, this agent knows {CHANGE_SCHEMA}"
        )));
    }
    let order: Order = serde_json::from_slice(json).map_err(|error| broken(error.to_string()))?;
    if !is_run(&order.run) {
        return Err(broken("its run has a name that is no file name".to_owned()));
    }
    if !Shape::is_possible(&order.intent) {
        return Err(broken("it changes nothing".to_owned()));
    }
    Ok(order)
}

/// `change begin`.
pub(crate) fn begin(host: &Host, order: Order) -> Result<ChangeStatus, Diagnostic> {
    let _door = Door::take(host)?;
    let folder = Folder::of(host, &order.run);
    if let Ok(state) = folder.state()
        && (state.phase != ChangePhase::Armed || folder.is_alive())
    {
        return go_on(host, &folder, &order);
    }
    refuse_if_busy(host)?;
    // The same run's change, armed by a call that was cut off, begins anew.
    mend(host, Some(&order.run))?;
    let Some(turn) = Turn::take(host, &format!("run {}", order.run))? else {
        return Err(busy(host));
    };
    refuse_if_switching(host)?;
    compare::expected(&order.intent.expected, &Now::of(host))?;
    check_system(host, &order.intent)?;
    check_staged(host, &folder, &order.intent)?;
    let session = std::env::var("PATH").unwrap_or_default();
    let boots = reboot::is_wanted(host, &order.intent, &session)?;
    folder.keep(host, order, boots)?;
    sweep(host);
    drop(turn);
    let mut child = start(host, &folder)?;
    wait_until_taken(&folder, &mut child)?;
    folder.status(host, None)
}

/// A host that has this run's change already.
fn go_on(host: &Host, folder: &Folder, order: &Order) -> Result<ChangeStatus, Diagnostic> {
    // It may have been gone on with by somebody else, or on a machine that is called otherwise by now.
    let kept = folder.kept()?.order;
    let same = Order {
        by: kept.by.clone(),
        ..order.clone()
    };
    if kept != same {
        return Err(Diagnostic::new(
            Code::HostMoved,
            format!(
                "the host has another change of the run {} already",
                order.run
            ),
        )
        .with_fix("begin a run of its own for it"));
    }
    if !folder.is_alive() {
        mend(host, None)?;
    }
    folder.status(host, None)
}

fn check_system(host: &Host, intent: &Intent) -> Result<(), Diagnostic> {
    let Some(target) = &intent.system else {
        return Ok(());
    };
    if system::is_there(host, &target.path) {
        return Ok(());
    }
    if host.path(target.path.as_str()).exists() {
        return Err(Diagnostic::new(
            Code::ActivationFailed,
            format!("the system {} cannot be activated", target.path),
        )
        .with_cause(format!("it has no {}", system::switch(&target.path)))
        .with_fix("leave `system.switch.enable` on for hosts that are deployed to"));
    }
    let (what, fix) = match target.generation {
        Some(number) => (
            format!("generation {number}, {},", target.path),
            "deploy it instead of going back to it",
        ),
        None => (
            format!("the system {}", target.path),
            "deploy again: that copies it once more",
        ),
    };
    Err(Diagnostic::new(
        Code::GenerationLost,
        format!("{what} is not in the host's store"),
    )
    .with_cause("it was never copied there, or the host's garbage collector has removed it")
    .with_fix(fix))
}

fn check_staged(host: &Host, folder: &Folder, intent: &Intent) -> Result<(), Diagnostic> {
    let Some(digest) = &intent.secrets else {
        return Ok(());
    };
    let path = folder.file("sealed");
    let sealed = fs::read(&path).map_err(|error| {
        cannot("read", &path)(error).with_fix("stage the secrets of this run first")
    })?;
    let bundle = Key::of(host)?.open(&sealed)?;
    if bundle.digest == *digest {
        return Ok(());
    }
    Err(
        refused("the bundle that was staged for this run is not the ordered one")
            .with_cause(format!("it is {}, not {digest}", bundle.digest))
            .with_fix("send the secrets again"),
    )
}

/// Brings a dead change to its end; whether there was one. `but` names a run whose unbegun change is left to its caller.
pub(crate) fn mend(host: &Host, but: Option<&str>) -> Result<bool, Diagnostic> {
    let Some(folder) = Folder::last(host) else {
        return Ok(false);
    };
    let (kept, state) = (folder.kept()?, folder.state()?);
    if state.phase == ChangePhase::Ended || folder.is_alive() {
        return Ok(false);
    }
    if state.phase == ChangePhase::Armed {
        if but != Some(&kept.order.run) {
            end_unbegun(&folder, state)?;
        }
        return Ok(true);
    }
    // systemd starts nothing any more. After the boot there is somebody who can.
    if system::is_going_down(host) {
        return Err(busy(host).with_cause("it is restarting"));
    }
    let boots = state.phase == ChangePhase::Booting;
    // In its new system it waits to be confirmed, and not for us.
    let is_over = |phase: ChangePhase| {
        phase == ChangePhase::Ended
            || (boots && phase >= ChangePhase::Awaiting && phase != ChangePhase::Restoring)
    };
    let mut child = start(host, &folder)?;
    // Its own limits end it; this one is for a supervisor that cannot be started.
    let limits = kept.order.intent.limits;
    let until = Deadline::after(limits.activate.saturating_mul(2).saturating_add(1500));
    let taken = Deadline::after(PATIENCE);
    while !is_over(folder.state()?.phase) {
        let died = has_ended(&mut child);
        if until.is_over() || ((died || taken.is_over()) && !folder.is_alive()) {
            if folder.state()?.phase == ChangePhase::Ended {
                break;
            }
            return Err(not_ended(&folder));
        }
        thread::sleep(LOOK);
    }
    // It still holds the host's lock for a moment.
    while folder.state()?.phase == ChangePhase::Ended && folder.is_alive() && !until.is_over() {
        thread::sleep(LOOK);
    }
    Ok(true)
}

/// `change recover`.
pub(crate) fn recover(host: &Host) -> Result<Recovered, Diagnostic> {
    let is_alive = || Folder::last(host).is_some_and(|folder| folder.is_alive());
    let mended = if host.changes().exists() && !is_alive() {
        match Door::take(host) {
            Ok(_door) => mend(host, None)?,
            // Whoever has it has started one, and waits for it.
            Err(_) if is_alive() => false,
            Err(fault) => return Err(fault),
        }
    } else {
        false
    };
    let change = match Folder::last(host) {
        Some(folder) => Some(folder.status(host, None)?),
        None => None,
    };
    Ok(Recovered {
        schema: CHANGE_SCHEMA,
        mended,
        change,
    })
}

/// Starts the supervisor, away from this connection and from everything that ends with it.
fn start(host: &Host, folder: &Folder) -> Result<Option<Child>, Diagnostic> {
    let run = folder.path.file_name().unwrap_or_default();
    let mut words: Vec<OsString> = host.words();
    words.extend(steps::for_supervisor());
    words.extend(["change".into(), "supervise".into(), run.to_owned()]);
    let failed = |why: String| cannot("start", Path::new("the supervisor of the change"))(why);
    if host.has_systemd() {
        let unit = format!("infra-change-{}.service", run.to_string_lossy());
        // One that failed to start would be in the way of the next.
        let _ = process::ask_within("systemctl", &["--quiet", "reset-failed", "--", &unit], 10);
        let mut command = unit_command(&unit, "infra: a change of this host");
        // Out of memory, it is the one that can put things right.
        command
            .arg("--property=OOMScoreAdjust=-900")
            .arg("--")
            .arg(own_program())
            .args(words);
        return started(command).map(|()| None).map_err(failed);
    }
    let mut command = process::program("/proc/self/exe", &[]);
    command.args(words).current_dir("/");
    // It is nobody's child for long: we end when it says that it has taken over.
    command
        .spawn()
        .map(Some)
        .map_err(|error| failed(error.to_string()))
}

fn wait_until_taken(folder: &Folder, child: &mut Option<Child>) -> Result<(), Diagnostic> {
    let until = Deadline::after(PATIENCE);
    loop {
        let died = has_ended(child);
        let state = folder.state()?;
        if state.taken || state.phase == ChangePhase::Ended {
            return Ok(());
        }
        if died || until.is_over() {
            // Should it come after all, it finds that it is not wanted any more.
            folder.leave("aborted")?;
            return Err(not_started(folder));
        }
        thread::sleep(LOOK);
    }
}

fn has_ended(child: &mut Option<Child>) -> bool {
    let ended = |child: &mut Child| child.try_wait().is_ok_and(|status| status.is_some());
    child.as_mut().is_some_and(ended)
}

/// The supervisor has ended, and its change has not.
fn not_ended(folder: &Folder) -> Diagnostic {
    // A disk without room for a word keeps it from writing down that it is over.
    let word = folder.leave("try");
    let _ = files::remove(&folder.file("try"));
    word.err().unwrap_or_else(|| not_started(folder))
}

fn not_started(folder: &Folder) -> Diagnostic {
    Diagnostic::new(
        Code::AgentFailed,
        "the supervisor of the change does not start on the host",
    )
    .with_cause(format!(
        "nothing has taken over {} within {PATIENCE} s",
        folder.path.display()
    ))
    .with_fix("see the host's log (journalctl -u 'infra-change-*'), then try again")
}
