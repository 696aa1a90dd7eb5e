//! Whether the world is still the one that a saved plan was made for.

use crate::expected;
use infra_model::change::Expected;
use infra_model::plan_file::PlannedChange;
use infra_model::{Code, Diagnostic, HostName, HostState, StorePath};

/// What a host is now.
#[derive(Debug, Clone, Copy)]
pub struct Now<'n> {
    /// As it was just surveyed.
    pub state: &'n HostState,
    /// What builds its system, as it was just evaluated; `None` if the plan is to be done whatever the repository says today.
    pub drv: Option<&'n StorePath>,
}

/// Something that is another than when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The host.
    pub host: HostName,
    /// What: a field of `expected` in the plan, or `drv`.
    pub field: &'static str,
    /// What it was.
    pub then: String,
    /// What it is.
    pub now: String,
}

impl Drift {
    /// Why the plan is not applied.
    pub fn diagnostic(&self) -> Diagnostic {
        let what = match self.field {
            "current" => "runs another system",
            "bootDefault" => "would boot another system",
            "generation" => "has another generation of its system profile",
            "bootId" => "was booted",
            "secrets" => "has another generation of secrets",
            "failedUnits" => "has units that failed",
            _ => "would be built otherwise",
        };
        let since = if self.field == "drv" {
            "the repository, or what fills its contract, has changed"
        } else {
            "somebody, or the host itself, changed it"
        };
        Diagnostic::new(
            Code::HostMoved,
            format!(
                "{} {what} since the plan was made (`{}`)",
                self.host, self.field
            ),
        )
        .with_cause(format!("then: {}\nnow: {}\n{since}", self.then, self.now))
        .with_fix("look at what changed, and make the plan again: infra plan -o FILE")
        .with_host(&self.host)
    }
}

/// Everything that is another than `saved` says. Of a host to which nothing is to be done: nothing.
pub fn drift(saved: &PlannedChange, now: Now<'_>) -> Vec<Drift> {
    let Some(intent) = &saved.intent else {
        return Vec::new();
    };
    let (then, state) = (&intent.expected, now.state);
    let drift = |(field, then, now): Field| Drift {
        host: saved.host.clone(),
        field,
        then: said(then),
        now: said(now),
    };
    let mut found: Vec<Drift> = fields(then, &expected(state))
        .into_iter()
        .map(drift)
        .collect();
    // One that works again is no reason to refuse; one that failed since would be taken for a fault of the change.
    let failed: Vec<&str> = state
        .failed_units
        .iter()
        .filter(|unit| !then.failed_units.contains(unit))
        .map(String::as_str)
        .collect();
    if !failed.is_empty() {
        found.push(drift(("failedUnits", None, Some(failed.join(", ")))));
    }
    if let Some(drv) = now.drv.filter(|drv| **drv != saved.drv) {
        let (then, now) = (saved.drv.to_string(), drv.to_string());
        found.push(drift(("drv", Some(then), Some(now))));
    }
    found
}

/// A field of a pre-image, what it was and what it is.
pub(crate) type Field = (&'static str, Option<String>, Option<String>);

/// The fields of a pre-image that are another by now, but for the units that have failed.
pub(crate) fn fields(then: &Expected, now: &Expected) -> Vec<Field> {
    let path = |path: &Option<StorePath>| path.as_ref().map(ToString::to_string);
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let all = [
        ("current", path(&then.current), path(&now.current)),
        (
            "bootDefault",
            path(&then.boot_default),
            path(&now.boot_default),
        ),
        (
            "generation",
            number(then.generation),
            number(now.generation),
        ),
        ("bootId", then.boot_id.clone(), now.boot_id.clone()),
        ("secrets", number(then.secrets), number(now.secrets)),
    ];
    let differs = |(_, then, now): &Field| then != now;
    all.into_iter().filter(differs).collect()
}

fn said(value: Option<String>) -> String {
    value.unwrap_or_else(|| "none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Now, drift};
    use infra_model::plan_file::PlanFile;
    use infra_model::state::HostSecrets;
    use infra_model::{HostState, StorePath};

    fn saved() -> PlanFile {
        serde_json::from_str(include_str!("../../model/tests/golden/plan.json")).expect("a plan")
    }

    fn as_planned(plan: &PlanFile) -> HostState {
        let expected = plan.hosts[0].intent.clone().expect("a change").expected;
        HostState {
            current: expected.current,
            boot_default: expected.boot_default,
            generation: expected.generation,
            boot_id: expected.boot_id,
            failed_units: expected.failed_units,
            secrets: Some(HostSecrets {
                generation: expected.secrets,
                ..HostSecrets::default()
            }),
            ..HostState::default()
        }
    }

    type Change = (&'static str, fn(&mut HostState, Option<StorePath>));

    #[test]
    fn each_field_that_moved_is_named() {
        let plan = saved();
        let other = StorePath::parse("/nix/store/3ymw2907bm1s9n6n8lsmbb267gch9dhj-other");
        let changes: [Change; 7] = [
            ("current", |state, other| state.current = other),
            ("bootDefault", |state, other| state.boot_default = other),
            ("generation", |state, _| state.generation = Some(13)),
            ("bootId", |state, _| state.boot_id = None),
            ("secrets", |state, _| state.secrets = None),
            ("failedUnits", |state, _| {
                state.failed_units.push("new.service".to_owned());
            }),
            ("", |state, _| state.failed_units.clear()),
        ];
        for (field, change) in changes {
            let mut state = as_planned(&plan);
            change(&mut state, other.clone());
            let now = Now {
                state: &state,
                drv: Some(&plan.hosts[0].drv),
            };
            let found: Vec<&str> = drift(&plan.hosts[0], now)
                .iter()
                .map(|one| one.field)
                .collect();
            assert_eq!(found.join(" "), field);
        }
    }

    #[test]
    fn a_system_that_would_be_built_otherwise_is_another() {
        let plan = saved();
        let state = as_planned(&plan);
        let drv =
            StorePath::parse("/nix/store/3ymw2907bm1s9n6n8lsmbb267gch9dhj-x.drv").expect("a path");
        let found = drift(
            &plan.hosts[0],
            Now {
                state: &state,
                drv: Some(&drv),
            },
        );
        insta::assert_json_snapshot!(found[0].diagnostic(), @r#"
        {
          "code": "host-moved",
          "title": "web would be built otherwise since the plan was made (`drv`)",
          "cause": "then: /nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-nixos-system-web.drv\nnow: /nix/store/3ymw2907bm1s9n6n8lsmbb267gch9dhj-x.drv\nthe repository, or what fills its contract, has changed",
          "fix": "look at what changed, and make the plan again: infra plan -o FILE",
          "host": "web"
        }
        "#);
        assert_eq!(
            drift(
                &plan.hosts[0],
                Now {
                    state: &state,
                    drv: None
                }
            ),
            []
        );
    }

    #[test]
    fn a_host_that_stays_may_be_anything() {
        let mut plan = saved();
        plan.hosts[0].intent = None;
        let state = HostState::default();
        assert_eq!(
            drift(
                &plan.hosts[0],
                Now {
                    state: &state,
                    drv: None
                }
            ),
            []
        );
    }
}
