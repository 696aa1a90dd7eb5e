//! `infra resume`: brings a run to its end that something ended in the middle: this machine, its network, a person.
//!
//! A host on which the change has begun is asked how it came out, or confirmed if it still waits for that. One on which nothing has begun is
//! changed as the run had planned it, if it still is what it was then. Of a run that had ended only the hosts are asked that it had lost: what
//! became of the others was told, and may be another by now.

use super::ready::{Make, fill_all};
use super::{one, refuse};
use crate::args::{Global, Pace, Resume};
use crate::bundles::Bundler;
use crate::contracts::Contracts;
use crate::opener::Opener;
use crate::record::Subject;
use crate::transaction::{self, Terms, Transaction};
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_drive::state::State;
use infra_model::answer::Exit;
use infra_model::{Code, Diagnostic, HostName, HostOutcome, HostSpec, HostState, Place, StepKind};
use infra_plan::{Decision, Kept};
use std::collections::BTreeSet;
use std::sync::Arc;

const NAME: &str = "resume";

pub(super) async fn run(global: &Global, args: &Resume) -> Exit {
    match perform(global, args).await {
        Ok(exit) => exit,
        Err(faults) => refuse(NAME, global, faults),
    }
}

async fn perform(global: &Global, args: &Resume) -> Result<Exit, Vec<Diagnostic>> {
    let workspace = Arc::new(Workspace::open(global).map_err(one)?);
    let kept = find(&workspace.state(), args.run.as_deref()).map_err(one)?;
    let hosts = hosts(&workspace, &kept).map_err(one)?;
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    // Only for secrets that were not sent yet.
    let seals = |decision: &Decision| decision.includes(StepKind::Seal);
    let contracts = if kept.decisions.iter().any(seals) && !args.undo {
        let fill = crate::args::Fill::default();
        fill_all(&workspace, &evaluator, &hosts, (&fill, Make::Told)).await?
    } else {
        Contracts::default()
    };
    let journal = workspace.state().reopen(&kept.run).map_err(one)?;
    let terms = Terms {
        global,
        command: NAME,
        goal: kept.goal,
        dry_run: false,
        // Whoever began the run has agreed.
        yes: true,
        undo: args.undo,
    };
    let mut transaction = Transaction::go_on(
        terms,
        (Arc::clone(&workspace), evaluator),
        (journal, kept.nonce.clone()),
        &Pace::default(),
    )
    .await;
    transaction.rollout = kept.rollout.clone();
    let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
    transaction.announce(&names);
    let outcome = transaction.perform_open(&infra_plan::ask(&names)).await;
    let mut decisions = Vec::new();
    let mut begun = BTreeSet::new();
    for seen in transaction.seen(&hosts, &outcome) {
        let name = seen.spec.name;
        let Some(decision) = kept.decisions.iter().find(|one| one.host == name) else {
            continue;
        };
        transaction.note(
            &name,
            Subject {
                wanted: decision.system().cloned(),
                wanted_secrets: decision.digest().cloned(),
                tree: kept.trees.get(&name).cloned(),
                private: kept.private.get(&name).cloned(),
                ..before(decision, &seen.state)
            },
        );
        if infra_plan::kept::has_begun(&kept.run, &seen.state) {
            begun.insert(name.clone());
        }
        match infra_plan::kept::go_on(decision, &kept.run, &seen.state) {
            Ok(decision) => decisions.push(decision),
            Err(fault) => transaction.fail(&name, fault),
        }
    }
    if args.undo {
        undo(&mut transaction, decisions, &begun).await;
    } else {
        transaction.tell_decisions(&decisions);
        let mut bundler = Bundler::new(&workspace, Opener::new(&workspace, Stop::never()));
        let decisions =
            sealed_as_planned(&mut transaction, decisions, &contracts, &mut bundler).await;
        let decisions = transaction.seal(decisions, &contracts, &mut bundler).await;
        transaction.act(decisions).await;
    }
    Ok(transaction.finish(Some(contracts)).await)
}

/// Takes back what waits for its confirmation, and begins nothing.
async fn undo(
    transaction: &mut Transaction<'_>,
    decisions: Vec<Decision>,
    begun: &BTreeSet<HostName>,
) {
    for decision in decisions {
        if !begun.contains(&decision.host) {
            let why = Some("nothing of it had begun".to_owned());
            transaction.settle(&decision.host, HostOutcome::Skipped, why);
            continue;
        }
        transaction.take_back(&decision.host).await;
    }
}

/// Hosts whose secrets are still those the run had planned with.
async fn sealed_as_planned(
    transaction: &mut Transaction<'_>,
    decisions: Vec<Decision>,
    contracts: &Contracts,
    bundler: &mut Bundler<'_>,
) -> Vec<Decision> {
    let mut able = Vec::new();
    for decision in decisions {
        match transaction::sealed_as_planned(&decision, contracts, bundler).await {
            Ok(()) => able.push(decision),
            Err(fault) => transaction.fail(&decision.host, fault),
        }
    }
    able
}

/// What was there before the run: what it was planned with.
fn before(decision: &Decision, state: &HostState) -> Subject {
    let seen = Subject::seen(state);
    match decision.intent() {
        Some(intent) => Subject {
            before: intent.expected.current.clone(),
            boot: intent.expected.boot_default.clone(),
            ..seen
        },
        None => seen,
    }
}

/// The run that was named, or the newest that was cut off; with the hosts of it that were not brought to an end.
fn find(state: &State, run: Option<&str>) -> Result<Kept, Diagnostic> {
    let mut unfinished = state.unfinished();
    // Those that go on right now need nobody.
    unfinished.retain(|one| run == Some(one.as_str()) || !state.is_alive(one));
    let run = match run {
        Some(run) => run.to_owned(),
        None => unfinished.last().cloned().ok_or_else(|| {
            Diagnostic::new(
                Code::UnknownRun,
                "no run was left unfinished on this machine",
            )
            .with_place(Place::file("command line"))
            .with_fix("there is nothing to resume; `infra deploy` begins a new run")
        })?,
    };
    if !state.has_run(&run) {
        return Err(unknown(&run, &unfinished));
    }
    let text = state.plan_of(&run).ok_or_else(|| {
        Diagnostic::new(
            Code::UnknownRun,
            format!("run {run} had not come to changing anything"),
        )
        .with_place(Place::file("command line"))
        .with_fix("deploy again: infra deploy")
    })?;
    // A run that lost a host in the middle has ended without knowing how that came out.
    let ended = || {
        Diagnostic::new(Code::UnknownRun, format!("run {run} has ended"))
            .with_place(Place::file("command line"))
            .with_fix("there is nothing left to do; `infra deploy` begins a new run")
    };
    let lost = state.lost_hosts(&run);
    if lost.as_ref().is_some_and(Vec::is_empty) {
        return Err(ended());
    }
    let mut kept = Kept::parse(&text)?;
    if let Some(lost) = lost {
        let is_lost = |host: &HostName| lost.iter().any(|one| one == host.as_str());
        kept.decisions.retain(|decision| is_lost(&decision.host));
        if kept.decisions.is_empty() {
            return Err(ended());
        }
    }
    Ok(kept)
}

fn unknown(run: &str, unfinished: &[String]) -> Diagnostic {
    let fix = if unfinished.is_empty() {
        "no run was left unfinished on this machine; one of another machine is resumed there"
            .to_owned()
    } else {
        format!("unfinished on this machine: {}", unfinished.join(", "))
    };
    Diagnostic::new(
        Code::UnknownRun,
        format!("there is no run {run} on this machine"),
    )
    .with_place(Place::file("command line"))
    .with_fix(fix)
}

/// The hosts of the run, as the repository has them now.
fn hosts(workspace: &Workspace, kept: &Kept) -> Result<Vec<HostSpec>, Diagnostic> {
    let found = kept.decisions.iter().map(|decision| {
        workspace
            .contents
            .fleet
            .get(&decision.host)
            .cloned()
            .ok_or_else(|| {
                Diagnostic::new(
                    Code::UnknownHost,
                    format!(
                        "the run is about {}, which is no host of this repository any more",
                        decision.host
                    ),
                )
                .with_fix(format!(
                    "put hosts/{} back to resume the run",
                    decision.host
                ))
            })
    });
    found.collect()
}
