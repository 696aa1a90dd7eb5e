//! `infra status`: how hosts stand to what they should be, and to what was last done to them.

use super::{answer, history, one, refuse, warn};
use crate::args::{Evaluate, Global};
use crate::bundles::Bundler;
use crate::contracts::Contracts;
use crate::hands::{Purpose, Wire};
use crate::opener::Opener;
use crate::run::Run;
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_drive::table::cache_dir;
use infra_drive::tree;
use infra_engine::Outcome;
use infra_model::answer::{Answer, DifferingFile, Exit, HostStanding, HostStands, OpenChange};
use infra_model::receipt::RunReceipt;
use infra_model::{Diagnostic, Evaluation, Finding, HostName, HostSpec, HostState, StepKind};
use infra_plan::Secrets;
use infra_plan::standing::{self, Facts, Wanted};
use infra_view::style::{BAD, BUSY, FAINT, GOOD, WARN, paint};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

const NAME: &str = "status";

/// Of each host so many receipts are looked at: enough to find the one that put there what runs.
const RECEIPTS: u32 = 50;

/// So many files are named to a person.
const FILES: usize = 5;

pub(super) async fn run(global: &Global, args: &Evaluate) -> Exit {
    match look(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok(found) => {
            warn(global, &found.warnings);
            let exit = exit(&found);
            let text = show(&found.hosts);
            let told = Answer::new(NAME, found.hosts, found.errors).with_warnings(found.warnings);
            answer(global, &told, &text);
            exit
        }
    }
}

struct Found {
    hosts: Vec<HostStanding>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    interrupted: bool,
}

/// What the repository wants of a host, and from which tree.
struct Aim {
    wanted: Wanted,
    tree: String,
}

async fn look(global: &Global, args: &Evaluate) -> Result<Found, Vec<Diagnostic>> {
    let workspace = Arc::new(Workspace::open(global).map_err(one)?);
    let hosts = select(&workspace, args)?;
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    let contracts = super::fill(&workspace, &evaluator, &hosts, &args.fill).await?;
    let opened = history::open(&workspace).map_err(one)?;
    let wire = Arc::new(Wire::new(Arc::clone(&workspace), evaluator, Purpose::Look));
    // One answer at the end and no stream, as with every mere question.
    let quiet = Global {
        json: false,
        ..global.clone()
    };
    let mut run = Run::begin(&quiet, None);
    let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
    let plan = infra_plan::survey(&names, true);
    let outcome = run.perform_open(&plan, &wire).await;
    let mut warnings = contracts.warnings.clone();
    warnings.extend(opened.warnings);
    warnings.extend(wire.close().await);
    let mut bundler = Bundler::new(&workspace, Opener::new(&workspace, Stop::never()));
    let mut found = Vec::new();
    for host in &hosts {
        let aim = aim(host, &outcome, &contracts, &mut bundler).await;
        let receipts = opened.receipts.of_host(&host.name, RECEIPTS);
        let receipts = receipts.map_err(one)?;
        found.push(standing_of(host, &outcome, aim, &receipts));
    }
    let mut errors = workspace.contents.faults.clone();
    // What is open keeps a host from being built, so nobody can say that it is as it should be.
    errors.extend(contracts.open(names.iter()));
    errors.extend(outcome.errors.clone());
    Ok(Found {
        hosts: found,
        errors,
        warnings,
        interrupted: run.interrupted(),
    })
}

/// The hosts that are asked for: all, if none are. Of a class that cannot be deployed there is nothing to tell, unless one is named.
fn select(workspace: &Workspace, args: &Evaluate) -> Result<Vec<HostSpec>, Vec<Diagnostic>> {
    let selection = &args.selection;
    if selection.selectors.is_empty() {
        let all = workspace.contents.fleet.hosts().iter();
        return Ok(all
            .filter(|host| host.class.is_deployable())
            .cloned()
            .collect());
    }
    Ok(workspace.select_to_act(selection)?.hosts)
}

/// What the repository wants of a host; else why that cannot be told.
async fn aim(
    host: &HostSpec,
    outcome: &Outcome,
    contracts: &Contracts,
    bundler: &mut Bundler<'_>,
) -> Result<Aim, String> {
    let finding = outcome
        .findings
        .get(&(host.name.clone(), StepKind::Evaluate));
    let Some(Finding::System(system)) = finding else {
        return Err(why_not(host, outcome, contracts));
    };
    let system: &Evaluation = system;
    let secrets = match contracts.hosts.get(&host.name) {
        None => Ok(Secrets::default()),
        Some(contract) => bundler
            .wanted(&host.name, contract)
            .await
            .map_err(|fault| fault.title),
    };
    Ok(Aim {
        wanted: Wanted {
            system: system.answer.toplevel.out.clone(),
            secrets,
        },
        tree: system.tree.clone(),
    })
}

fn why_not(host: &HostSpec, outcome: &Outcome, contracts: &Contracts) -> String {
    let errors = outcome.errors.iter().chain(&contracts.faults);
    errors
        .filter(|error| error.host.as_ref() == Some(&host.name))
        .map(|error| error.title.clone())
        .next()
        .unwrap_or_else(|| "it was not evaluated".to_owned())
}

fn standing_of(
    host: &HostSpec,
    outcome: &Outcome,
    aim: Result<Aim, String>,
    receipts: &[RunReceipt],
) -> HostStanding {
    let finding = outcome.findings.get(&(host.name.clone(), StepKind::Survey));
    let Some(Finding::State(state)) = finding else {
        let why = outcome
            .errors
            .iter()
            .find(|error| error.host.as_ref() == Some(&host.name));
        let why = why.map_or("it was not asked", |error| &error.title);
        return HostStanding {
            name: host.name.clone(),
            standing: HostStands::Unknown,
            reasons: vec![why.to_owned()],
            current: None,
            boot_default: None,
            wanted: aim.ok().map(|aim| aim.wanted.system),
            last_run: receipts.first().map(|receipt| receipt.run.clone()),
            files: Vec::new(),
            change: None,
        };
    };
    let state: &HostState = state;
    let stands = standing::of(&Facts {
        host: &host.name,
        state,
        wanted: aim.as_ref().map(|aim| &aim.wanted).map_err(String::as_str),
        receipts,
    });
    let files = match (&aim, &stands.tree) {
        (Ok(aim), Some(tree)) if state.current.as_ref() != Some(&aim.wanted.system) => {
            // A tree that was forgotten, or is another machine's, is no reason to say less about the host.
            tree::compare(&cache_dir(), tree, &aim.tree)
                .ok()
                .flatten()
                .unwrap_or_default()
        }
        _ => Vec::new(),
    };
    HostStanding {
        name: host.name.clone(),
        standing: stands.stands,
        reasons: stands.reasons,
        current: state.current.clone(),
        boot_default: state.boot_default.clone(),
        wanted: aim.ok().map(|aim| aim.wanted.system),
        last_run: stands.last_run,
        files,
        change: state.open_change().map(|change| OpenChange {
            run: change.run.clone(),
            by: change.by.clone(),
            since: change.since,
            phase: change.phase,
        }),
    }
}

/// All in sync; some not; or nothing could be told at all.
fn exit(found: &Found) -> Exit {
    let all = |stands: HostStands| found.hosts.iter().all(|host| host.standing == stands);
    if found.interrupted {
        Exit::Interrupted
    } else if all(HostStands::InSync) && found.errors.is_empty() {
        Exit::Ok
    } else if all(HostStands::Unknown) {
        Exit::NothingDone
    } else {
        Exit::SomeFailed
    }
}

fn show(hosts: &[HostStanding]) -> String {
    let width = hosts
        .iter()
        .map(|host| host.name.as_str().len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for host in hosts {
        let style = match host.standing {
            HostStands::InSync => GOOD,
            HostStands::Behind => WARN,
            HostStands::Drifted => BAD,
            HostStands::Changing => BUSY,
            HostStands::Unknown => FAINT,
        };
        let word = paint(style, &format!("{:>8}", host.standing.as_str()));
        let mut reasons = host.reasons.iter();
        let first = reasons.next().map_or("", String::as_str);
        let line = format!("{word}  {:<width$}  {first}", host.name);
        let _ = writeln!(text, "{}", line.trim_end());
        let indent = " ".repeat(8 + 2 + width + 2);
        for reason in reasons {
            let _ = writeln!(text, "{indent}{reason}");
        }
        for file in named(&host.files) {
            let _ = writeln!(text, "{indent}{}", paint(FAINT, &file));
        }
    }
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    for host in hosts {
        *tally.entry(host.standing.as_str()).or_default() += 1;
    }
    let noun = if hosts.len() == 1 { "host" } else { "hosts" };
    let parts: Vec<String> = tally
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let _ = writeln!(text, "{} {noun}: {}", hosts.len(), parts.join(", "));
    text
}

/// The first few files, and how many more there are.
fn named(files: &[DifferingFile]) -> Vec<String> {
    let mut told: Vec<String> = files
        .iter()
        .take(FILES)
        .map(|file| format!("{:<8} {}", file.how.as_str(), file.path))
        .collect();
    if files.len() > FILES {
        told.push(format!("and {} more", files.len() - FILES));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::{Found, exit, show};
    use HostStands::{Behind, InSync, Unknown};
    use infra_model::answer::{Difference, DifferingFile, Exit, HostStanding, HostStands};
    use infra_model::{Code, Diagnostic, HostName};

    fn host(name: &str, standing: HostStands, reasons: &[&str], files: usize) -> HostStanding {
        HostStanding {
            name: HostName::parse(name).expect("a name"),
            standing,
            reasons: reasons.iter().map(|one| (*one).to_owned()).collect(),
            current: None,
            boot_default: None,
            wanted: None,
            last_run: None,
            files: (0..files)
                .map(|number| DifferingFile {
                    path: format!("modules/{number}.nix"),
                    how: Difference::Changed,
                })
                .collect(),
            change: None,
        }
    }

    #[test]
    fn hosts_are_shown_with_every_reason() {
        let hosts = [
            host("web", HostStands::InSync, &[], 0),
            host(
                "database",
                HostStands::Drifted,
                &["runs x", "the repository wants y"],
                7,
            ),
            host("db", HostStands::Behind, &["the repository wants y"], 1),
            host("off", HostStands::Unknown, &["off cannot be reached"], 0),
            host("busy", HostStands::Changing, &["ann is changing it"], 0),
        ];
        let text = show(&hosts);
        // Colours are taken out where it is printed.
        let plain: String = text
            .split('\u{1b}')
            .enumerate()
            .map(|(at, part)| match at {
                0 => part,
                _ => part.split_once('m').map_or(part, |(_, rest)| rest),
            })
            .collect();
        insta::assert_snapshot!(plain);
    }

    #[test]
    fn exit_codes_tell_all_some_and_nothing() {
        let found = |hosts: &[HostStands], error: bool| Found {
            hosts: hosts
                .iter()
                .map(|stands| host("web", *stands, &[], 0))
                .collect(),
            errors: error
                .then(|| Diagnostic::new(Code::Internal, "x"))
                .into_iter()
                .collect(),
            warnings: Vec::new(),
            interrupted: false,
        };
        assert_eq!(exit(&found(&[InSync, InSync], false)), Exit::Ok);
        assert_eq!(exit(&found(&[], false)), Exit::Ok);
        assert_eq!(exit(&found(&[InSync, Behind], false)), Exit::SomeFailed);
        assert_eq!(exit(&found(&[Behind], false)), Exit::SomeFailed);
        assert_eq!(exit(&found(&[InSync, Unknown], true)), Exit::SomeFailed);
        assert_eq!(exit(&found(&[InSync], true)), Exit::SomeFailed);
        assert_eq!(exit(&found(&[Unknown, Unknown], true)), Exit::NothingDone);
    }
}
