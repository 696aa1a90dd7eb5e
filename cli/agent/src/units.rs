//! Consumers of secrets: which of them must hear of a change, and telling them.

use crate::host::Host;
use crate::pending::{Due, Pending};
use crate::process;
use infra_model::bundle::{Bundle, UnitFault, UnitReport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

/// How long units may take to come back, together. systemd itself waits for ever for one that only has something to do once (`Type=oneshot`), and
/// whoever waits here holds the host.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a unit is asked to do. A restart is more than a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    Reload,
    Restart,
}

/// Which units consume these secrets and templates, and what they must do about a change.
pub(crate) fn actions(
    bundle: &Bundle,
    secrets: &[String],
    templates: &[String],
) -> BTreeMap<String, Action> {
    let of_secrets = bundle
        .secrets
        .iter()
        .filter(|one| secrets.contains(&one.name));
    let of_templates = bundle
        .templates
        .iter()
        .filter(|one| templates.contains(&one.name));
    let consumers = of_secrets
        .map(|one| [&one.units, &one.restart_units, &one.reload_units])
        .chain(of_templates.map(|one| [&one.units, &one.restart_units, &one.reload_units]));
    let mut actions = BTreeMap::new();
    for [units, restart, reload] in consumers {
        let restart = units
            .iter()
            .chain(restart)
            .map(|unit| (unit, Action::Restart));
        let reload = reload.iter().map(|unit| (unit, Action::Reload));
        for (unit, action) in restart.chain(reload) {
            let known = actions.entry(full_name(unit)).or_insert(action);
            *known = action.max(*known);
        }
    }
    actions
}

/// `web` and `web.service` are one unit, and it hears of a change once.
fn full_name(unit: &str) -> String {
    const KINDS: [&str; 11] = [
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    ];
    match unit.rsplit_once('.') {
        Some((_, kind)) if KINDS.contains(&kind) => unit.to_owned(),
        _ => format!("{unit}.service"),
    }
}

/// What is to be done about a unit, seeing its state.
#[derive(Debug, PartialEq, Eq)]
enum Todo {
    Tell,
    StartedSince,
    NotRunning,
}

/// What systemd says of a unit.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    /// `active`, `failed` …
    active: String,
    /// When it last began to start, in microseconds since boot.
    started: u64,
}

impl State {
    fn ask(unit: &str) -> Self {
        // Not when it became active: a slow starter was given its credentials at the beginning.
        let answer = process::ask(
            "systemctl",
            &[
                "show",
                "--property=ActiveState,InactiveExitTimestampMonotonic",
                "--",
                unit,
            ],
        );
        Self::parse(&answer.unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        Self {
            active: field("ActiveState").unwrap_or("unknown").to_owned(),
            started: field("InactiveExitTimestampMonotonic")
                .and_then(|number| number.parse().ok())
                .unwrap_or_default(),
        }
    }

    fn runs(&self) -> bool {
        ["active", "activating", "reloading", "refreshing"].contains(&self.active.as_str())
    }

    fn todo(&self, since: Option<u64>) -> Todo {
        if !self.runs() {
            Todo::NotRunning
        } else if since.is_some_and(|since| self.started > since) {
            Todo::StartedSince
        } else {
            Todo::Tell
        }
    }
}

/// Tells every unit that is due, all at once: systemd knows in which order they can restart.
pub(crate) fn tell(host: &Host, pending: &Pending) -> UnitReport {
    let mut report = UnitReport {
        systemd: host.has_systemd(),
        ..UnitReport::default()
    };
    if !report.systemd {
        report.pending = pending.units.keys().cloned().collect();
        return report;
    }
    let mut told: Vec<(&String, Due)> = Vec::new();
    for (unit, due) in &pending.units {
        match State::ask(unit).todo(due.since) {
            Todo::Tell => told.push((unit, *due)),
            Todo::StartedSince => report.started_since.push(unit.clone()),
            Todo::NotRunning => report.not_running.push(unit.clone()),
        }
    }
    let commands = told
        .iter()
        .map(|(unit, due)| command(unit, due.action))
        .collect();
    for ((unit, due), succeeded) in told.iter().zip(process::all(commands, PATIENCE)) {
        let state = State::ask(unit).active;
        if !succeeded || state == "failed" {
            let unit = (*unit).clone();
            report.failed.push(UnitFault { unit, state });
        } else {
            match due.action {
                Action::Restart => report.restarted.push((*unit).clone()),
                Action::Reload => report.reloaded.push((*unit).clone()),
            }
        }
    }
    report
}

fn command(unit: &str, action: Action) -> Command {
    let verb = match action {
        Action::Restart => "try-restart",
        Action::Reload => "try-reload-or-restart",
    };
    process::program("systemctl", &["--quiet", verb, "--", unit])
}

#[cfg(test)]
mod tests {
    use super::{Action, State, Todo, actions};
    use infra_model::HostName;
    use infra_model::bundle::{Bundle, Mode, Phase, Plain, Secret, Template};

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn secret(name: &str, [units, restart, reload]: [&[&str]; 3]) -> Secret {
        Secret {
            name: name.to_owned(),
            fingerprint: String::new(),
            phase: Phase::Services,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: Mode::parse("0400").expect("a mode"),
            units: names(units),
            restart_units: names(restart),
            reload_units: names(reload),
            grace: None,
            content: Plain::new(Vec::new()),
        }
    }

    #[test]
    fn exactly_the_consumers_of_what_changed_each_once() {
        let template = Template {
            name: "conf".to_owned(),
            path: "/run/infra/templates/conf".to_owned(),
            source: String::new(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: Mode::parse("0400").expect("a mode"),
            units: names(&["proxy"]),
            restart_units: Vec::new(),
            reload_units: names(&["web.service"]),
            values: std::collections::BTreeMap::new(),
        };
        let secrets = vec![
            secret(
                "a",
                [&["web"], &["web.service", "backup.timer"], &["nginx"]],
            ),
            secret("b", [&["db"], &[], &["web"]]),
            secret("c", [&[], &["nginx.service"], &["db@1"]]),
        ];
        let host = HostName::parse("web").expect("a name");
        let bundle = Bundle::new(host, String::new(), secrets, vec![template]);
        let told = |secrets: &[&str], templates: &[&str]| {
            let actions = actions(&bundle, &names(secrets), &names(templates));
            let told = actions
                .iter()
                .map(|(unit, action)| format!("{action:?} {unit}"));
            told.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(told(&[], &[]), "");
        assert_eq!(
            told(&["a"], &[]),
            "Restart backup.timer, Reload nginx.service, Restart web.service"
        );
        assert_eq!(told(&["b"], &[]), "Restart db.service, Reload web.service");
        assert_eq!(
            told(&["b"], &["conf"]),
            "Restart db.service, Restart proxy.service, Reload web.service"
        );
        assert_eq!(
            told(&["a", "b", "c"], &[]),
            "Restart backup.timer, Restart db.service, Reload db@1.service, Restart nginx.service, Restart web.service"
        );
        assert_eq!(told(&["gone"], &["gone"]), "");
        assert_eq!(Action::Reload.max(Action::Restart), Action::Restart);
    }

    #[test]
    fn units_that_have_started_since_are_left_alone() {
        let todo = |active: &str, since| {
            State::parse(&format!(
                "ActiveState={active}\nInactiveExitTimestampMonotonic=100\n"
            ))
            .todo(since)
        };
        assert_eq!(todo("active", Some(100)), Todo::Tell);
        assert_eq!(todo("active", Some(99)), Todo::StartedSince);
        assert_eq!(
            todo("active", None),
            Todo::Tell,
            "the change was interrupted: nobody knows"
        );
        assert_eq!(todo("activating", Some(200)), Todo::Tell);
        for stopped in ["inactive", "failed", "deactivating", "maintenance"] {
            assert_eq!(todo(stopped, None), Todo::NotRunning, "{stopped}");
        }
        assert_eq!(State::parse("").todo(None), Todo::NotRunning);
    }
}
