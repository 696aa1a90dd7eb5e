//! `infra fill`: everything that is open, made by recipes or asked of whoever is there.

use super::set::plain;
use super::{answer, contract, one, refuse, warn};
use crate::args::{Global, Selection};
use crate::contracts::{self, Contract};
use crate::making;
use crate::person;
use crate::vault::Vault;
use crate::workspace::Workspace;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, HostFilled, NeedState, Standing};
use infra_model::fill::{Gap, Source};
use infra_model::{Diagnostic, HostName, HostSpec};
use infra_plan::making::Extent;
use std::fmt::Write as _;

mod asking;

const NAME: &str = "fill";

/// Arguments of `fill`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    let done = match perform(global, args).await {
        Err(faults) => return refuse(NAME, global, faults),
        Ok(done) => done,
    };
    warn(global, &done.warnings);
    let some = done
        .hosts
        .iter()
        .any(|host| !host.made.is_empty() || !host.filled.is_empty());
    let exit = match (done.faults.is_empty(), some) {
        (true, _) => Exit::Ok,
        (false, true) => Exit::SomeFailed,
        (false, false) => Exit::NothingDone,
    };
    let text = show(&done.hosts);
    let told = Answer::new(NAME, done.hosts, done.faults).with_warnings(done.warnings);
    answer(global, &told, &text);
    exit
}

struct Done {
    hosts: Vec<HostFilled>,
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

async fn perform(global: &Global, args: &Args) -> Result<Done, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let hosts = workspace.select_strictly(&args.selection)?;
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    let never = Stop::never();
    let before = Vault::open(&workspace, &evaluator, &never).await?;
    let mut unmade = make(&before, &evaluator, &hosts).await;
    let mut after = Vault::open(&workspace, &evaluator, &never).await?;
    let (given, mut faults) = if person::is_there() {
        asking::ask(&after, &hosts)
    } else {
        (false, Vec::new())
    };
    if given {
        after = Vault::open(&workspace, &evaluator, &never).await?;
        // What was given may be what a recipe lacked.
        unmade = make(&after, &evaluator, &hosts).await;
        after = Vault::open(&workspace, &evaluator, &never).await?;
    }
    faults.extend(unmade);
    let mut warnings = after.contracts.warnings.clone();
    // A host that nobody asked about may be broken; what it shares with these is another question, which is why it is told.
    let is_ours = |fault: &Diagnostic| match &fault.host {
        Some(host) => hosts.iter().any(|one| one.name == *host),
        None => true,
    };
    let (ours, others): (Vec<_>, Vec<_>) =
        after.contracts.faults.iter().cloned().partition(is_ours);
    faults.extend(ours);
    warnings.extend(others);
    warnings.extend(evaluator.finish());
    let mut filled = Vec::new();
    for host in &hosts {
        let now = after.contracts.hosts.get(&host.name);
        let (Some(was), Some(now)) = (before.contracts.hosts.get(&host.name), now) else {
            continue;
        };
        faults.extend(now.filling.gaps.iter().map(Gap::diagnostic));
        warnings.extend(now.filling.strangers.iter().cloned());
        filled.push(compare(&host.name, was, now));
    }
    Ok(Done {
        hosts: filled,
        faults,
        warnings,
    })
}

/// Makes what recipes make and these hosts lack. What fails is told, and stops no person from giving the rest.
async fn make(vault: &Vault<'_>, evaluator: &Evaluator, hosts: &[HostSpec]) -> Vec<Diagnostic> {
    let names = hosts.iter().map(|host| &host.name);
    let missing = vault.contracts.makeable(names, true);
    if missing.is_empty() {
        return Vec::new();
    }
    let tasks = match making::tasks(vault, &Extent::Missing(missing)) {
        Ok(tasks) => tasks,
        Err(faults) => return faults,
    };
    let made = making::generate(vault, evaluator, (&tasks, false), &Stop::never()).await;
    made.err().unwrap_or_default()
}

/// What became of a host: what was there before is no part of it.
fn compare(host: &HostName, was: &Contract, now: &Contract) -> HostFilled {
    let mut filled = HostFilled {
        name: host.clone(),
        made: Vec::new(),
        filled: Vec::new(),
        open: Vec::new(),
    };
    let before = contract::needs_of(host, was);
    for need in contract::needs_of(host, now) {
        let same = |old: &&NeedState| old.name == need.name && old.kind == need.kind;
        let stood = before.iter().find(same).map(|old| old.standing);
        match (stood, need.standing) {
            (_, Standing::Open) => filled.open.push(need),
            (Some(Standing::Makeable), Standing::Filled) => filled.made.push(need),
            (Some(Standing::Open), Standing::Filled) => filled.filled.push(need),
            _ => {}
        }
    }
    filled
}

fn show(hosts: &[HostFilled]) -> String {
    let mut text = String::new();
    for host in hosts {
        for (needs, verb) in [(&host.made, "made"), (&host.filled, "filled")] {
            for need in needs {
                let place = need
                    .source
                    .as_ref()
                    .map(Source::to_string)
                    .unwrap_or_default();
                // Writing to a text cannot fail.
                let _ = writeln!(text, "{}: {} {verb} ({place})", host.name, need.name);
            }
        }
    }
    if text.is_empty() && hosts.iter().all(|host| host.open.is_empty()) {
        text.push_str("nothing is open\n");
    }
    text
}
