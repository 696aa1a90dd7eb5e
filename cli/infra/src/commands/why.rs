//! `infra why HOST`: the files that make a host another than it was.

use super::{answer, refuse, warn};
use crate::args::Global;
use crate::complete;
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::evaluator::Evaluator;
use infra_drive::table::cache_dir;
use infra_drive::tree::{self, AtRevision};
use infra_model::answer::{Answer, Exit, Receipt, Why};
use infra_model::{Code, Diagnostic, HostSpec, Place};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// As short as the id of a tree may be given; Git's own limit for objects.
const SHORTEST: usize = 4;

/// Arguments of `why`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    host: String,
    /// What to compare with: a revision in Git (HEAD~1, a branch, a tag), a run, or the id of a tree [default: what was last deployed from
    /// this machine, else the tree before].
    #[arg(long, value_name = "REV|RUN|TREE", add = ArgValueCandidates::new(complete::since))]
    since: Option<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    const NAME: &str = "why";
    match look(global, args) {
        Ok((why, warnings)) => {
            warn(global, &warnings);
            let text = show(&why);
            let told = Answer::new(NAME, vec![why], Vec::new()).with_warnings(warnings);
            answer(global, &told, &text);
            Exit::Ok
        }
        Err(faults) => refuse(NAME, global, faults),
    }
}

fn look(global: &Global, args: &Args) -> Result<(Why, Vec<Diagnostic>), Vec<Diagnostic>> {
    let one = |fault: Diagnostic| vec![fault];
    let workspace = Workspace::open(global).map_err(one)?;
    let host = workspace.host(&args.host)?;
    let (evaluator, mut warnings) = workspace.evaluator(global).map_err(one)?;
    let now = evaluator.tree(&host).map_err(one)?.tree;
    let since = match &args.since {
        Some(given) => Some(given_tree(&workspace, &host, &evaluator, given).map_err(one)?),
        None => earlier_tree(&workspace, &host, &evaluator, &now),
    };
    let files = match &since {
        None => Vec::new(),
        Some(since) => tree::compare(&cache_dir(), since, &now)
            .map_err(one)?
            .ok_or_else(|| vec![forgotten(&host, since)])?,
    };
    warnings.extend(evaluator.finish());
    let why = Why {
        name: host.name,
        since,
        tree_id: now,
        files,
    };
    Ok((why, warnings))
}

/// What was last deployed from this machine; else the newest tree before the one of now.
fn earlier_tree(
    workspace: &Workspace,
    host: &HostSpec,
    evaluator: &Evaluator,
    now: &str,
) -> Option<String> {
    let receipt: Option<Receipt> = workspace.state().last_receipt(&host.name);
    receipt.and_then(|receipt| receipt.result.tree).or_else(|| {
        let seen = evaluator.seen(host);
        seen.into_iter()
            .map(|(tree, _)| tree)
            .find(|tree| tree != now)
    })
}

/// The one tree that is meant: a run of this machine, (the beginning of) the id of a tree this host once had, or a revision in Git.
fn given_tree(
    workspace: &Workspace,
    host: &HostSpec,
    evaluator: &Evaluator,
    given: &str,
) -> Result<String, Diagnostic> {
    let mut found = BTreeMap::new();
    if let Some(tree) = workspace.state().tree_of_run(given, &host.name) {
        found.insert(tree, "the run".to_owned());
    }
    if given.len() >= SHORTEST {
        for (tree, _) in evaluator.seen(host) {
            if tree.starts_with(given) {
                found.insert(tree.clone(), format!("the tree {tree}"));
            }
        }
    }
    let unknown = match evaluator.tree_at(host, given) {
        Ok(AtRevision::Known(tree)) => {
            found
                .entry(tree)
                .or_insert_with(|| "the revision in Git".to_owned());
            String::new()
        }
        Ok(AtRevision::Unknown(why)) => why,
        Err(fault) if found.is_empty() => return Err(fault),
        Err(_) => String::new(),
    };
    let meant: Vec<&str> = found.values().map(String::as_str).collect();
    match meant.as_slice() {
        [_] => Ok(found.into_keys().next().unwrap_or_default()),
        [] => Err(unknown_since(workspace, host, (given, &unknown))),
        several => Err(Diagnostic::new(
            Code::Usage,
            format!("`{given}` means more than one tree of {}", host.name),
        )
        .with_cause(format!("it may be {}", several.join(", or ")))
        .with_place(Place::file("command line"))
        .with_fix(
            "give the id in full; for a branch or tag, its whole name: refs/heads/…, refs/tags/…",
        )
        .with_host(&host.name)),
    }
}

fn unknown_since(workspace: &Workspace, host: &HostSpec, (given, why): (&str, &str)) -> Diagnostic {
    let fault = if workspace.state().has_run(given) {
        Diagnostic::new(
            Code::Usage,
            format!("the run {given} did not come to {}", host.name),
        )
        .with_fix("name another run: `infra info` shows the last one")
    } else {
        Diagnostic::new(
            Code::Usage,
            format!("`{given}` is no run, no tree of {} and no revision in Git", host.name),
        )
        .with_cause(why)
        .with_fix("`infra info` shows the last run, `infra eval --json` the id of the tree, `git log` revisions")
    };
    fault
        .with_place(Place::file("command line"))
        .with_host(&host.name)
}

fn forgotten(host: &HostSpec, tree: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingFile,
        format!("the tree {tree} of {} is not kept any more", host.name),
    )
    .with_cause("the cache was cleared since, or it was too long ago: infra cache gc keeps earlier trees for 90 days")
    .with_fix("compare with a revision in Git: --since REV; or evaluate the host once more, and the next question can be answered")
    .with_host(&host.name)
}

fn show(why: &Why) -> String {
    let Some(since) = &why.since else {
        return format!("{}: there is no earlier tree to compare with\n", why.name);
    };
    if why.files.is_empty() {
        return format!("{}: nothing it reads has changed\n", why.name);
    }
    let mut text = format!("{}: {} → {}\n", why.name, short(since), short(&why.tree_id));
    for file in &why.files {
        let _ = writeln!(text, "  {:<8} {}", file.how.as_str(), file.path);
    }
    text
}

fn short(tree: &str) -> &str {
    tree.get(..12).unwrap_or(tree)
}
