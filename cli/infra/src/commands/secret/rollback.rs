//! `infra secret rollback`: an earlier generation of its secrets on one host. The host keeps them sealed to its own key; nothing is read from the
//! repository, and nothing is evaluated.

use crate::args::Global;
use crate::commands::{answer, one, refuse};
use crate::complete;
use crate::hands::{changes, refreshed, units_failed};
use crate::interrupt;
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::agent::{Agent, Binary, Restart};
use infra_drive::process::Stop;
use infra_drive::ssh::Connection;
use infra_model::answer::{Answer, Exit, RolledBack};
use infra_model::bundle::{Applied, Outcome};
use infra_model::{CancelStage, Diagnostic, HostName};

const NAME: &str = "secret";

/// Arguments of `secret rollback`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    host: String,
    /// The generation. Without it: the one before the current one.
    #[arg(long, value_name = "N")]
    to: Option<u64>,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match perform(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((host, applied)) => {
            let fault = units_failed(&host, &applied.units);
            let exit = fault.as_ref().map_or(Exit::Ok, |_| Exit::SomeFailed);
            let done = told(host, applied);
            let text = show(&done);
            let told = Answer::new(NAME, vec![done], fault.into_iter().collect());
            answer(global, &told, &text);
            exit
        }
    }
}

async fn perform(global: &Global, args: &Args) -> Result<(HostName, Applied), Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let host = workspace.host(&args.host)?;
    let target = workspace.target(&host).map_err(one)?;
    let binary = Binary::find(&host.system).map_err(|fault| one(fault.with_host(&host.name)))?;
    // An agent that is cut off leaves one generation or the other whole, and the next call tells whoever was not told.
    let stage = interrupt::stage();
    let stop = Stop::from(CancelStage::Terminating, stage);
    let connection = Connection::open(&target, stop.clone()).await.map_err(one)?;
    let agent = Agent::new(&connection, &host.name, &binary);
    let applied = agent.rollback(args.to, Restart::Now, stop).await;
    Ok((host.name.clone(), applied.map_err(one)?))
}

fn told(name: HostName, applied: Applied) -> RolledBack {
    let is_another = applied.generation != applied.before;
    RolledBack {
        undone_by: is_another.then(|| format!("infra deploy {name}")),
        name,
        before: applied.before,
        generation: applied.generation,
        outcome: applied.outcome,
        secrets: applied.secrets,
        templates: applied.templates,
        units: applied.units,
    }
}

fn show(done: &RolledBack) -> String {
    let number = |generation: Option<u64>| {
        generation.map_or_else(|| "none".to_owned(), |number| number.to_string())
    };
    let (now, name) = (number(done.generation), &done.name);
    let mut lines = vec![if done.outcome == Outcome::Unchanged {
        format!("{name}: generation {now} of its secrets is in place already")
    } else if done.before == done.generation {
        format!("{name}: generation {now} of its secrets is in place again")
    } else {
        let before = number(done.before);
        format!("{name}: generation {now} of its secrets is in place, it was {before}")
    }];
    let mut more = changes(&done.secrets, &done.templates);
    more.extend(refreshed(&done.units));
    let pending = done.units.pending.iter();
    more.extend(pending.map(|unit| format!("{unit} is not restarted: the host has no systemd")));
    lines.extend(more.iter().map(|line| format!("  {line}")));
    if let Some(command) = &done.undone_by {
        lines.push(format!(
            "the next `{command}` puts the secrets of the repository in place again: change them there to keep this"
        ));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{show, told};
    use infra_model::HostName;
    use infra_model::bundle::{Applied, parse_report};
    use serde_json::json;

    /// What is said when a secret has changed, or none has, on a host with systemd or without.
    fn shown(before: u64, outcome: &str, changed: &[&str], systemd: bool) -> String {
        let unit = |is_it: bool| Vec::from_iter(is_it.then_some("page.service"));
        let is_changed = !changed.is_empty();
        let report = json!({
            "schema": 1, "generation": 2, "before": before, "outcome": outcome,
            "secrets": {"added": [], "changed": changed, "removed": []},
            "templates": {"added": [], "changed": [], "removed": []},
            "deferred": [],
            "units": {
                "systemd": systemd, "restarted": unit(is_changed && systemd), "reloaded": [], "startedSince": [],
                "notRunning": [], "pending": unit(is_changed && !systemd), "failed": [],
            },
        });
        let applied: Applied = parse_report(&report.to_string()).expect("a report");
        show(&told(HostName::parse("web").expect("a name"), applied))
    }

    #[test]
    fn what_changed_is_told_by_name_and_that_a_deployment_undoes_it() {
        let all = [
            shown(3, "changed", &["token"], true),
            shown(3, "changed", &["token"], false),
            shown(2, "changed", &[], true),
            shown(2, "unchanged", &[], true),
        ];
        insta::assert_snapshot!(all.join("---\n"), @"
        web: generation 2 of its secrets is in place, it was 3
          secret token changed
          restarted page.service
        the next `infra deploy web` puts the secrets of the repository in place again: change them there to keep this
        ---
        web: generation 2 of its secrets is in place, it was 3
          secret token changed
          page.service is not restarted: the host has no systemd
        the next `infra deploy web` puts the secrets of the repository in place again: change them there to keep this
        ---
        web: generation 2 of its secrets is in place again
        ---
        web: generation 2 of its secrets is in place already
        ");
    }
}
