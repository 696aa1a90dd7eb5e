//! How a change that is over came out, as the command tells it.

use infra_engine::{Done, Failed};
use infra_model::change::{ChangeEnd, ChangeStatus, ProbeResult};
use infra_model::{Code, Diagnostic, Finding, HostName, StepOutcome};

/// What failed, with what stays of it on a host that had no system before.
fn left_of(mut why: Diagnostic, left: &Diagnostic, warnings: &[String]) -> Diagnostic {
    let warnings = warnings.join("; ");
    let told = [
        why.cause.take(),
        Some(left.title.clone()),
        left.cause.clone(),
    ];
    let mut cause: Vec<String> = told.into_iter().flatten().collect();
    if !warnings.is_empty() {
        cause.push(warnings);
    }
    why.cause = Some(cause.join("\n"));
    why.fix = why.fix.or_else(|| left.fix.clone());
    why
}

/// Done, with what somebody should read besides.
pub(super) fn with(done: Done, mut warnings: Vec<String>) -> Done {
    if warnings.is_empty() {
        return done;
    }
    if let StepOutcome::Warning { why } = done.outcome {
        warnings.push(why);
    }
    Done {
        finding: done.finding,
        ..warned(&warnings)
    }
}

fn warned(warnings: &[String]) -> Done {
    Done {
        outcome: StepOutcome::Warning {
            why: warnings.join("; "),
        },
        finding: Finding::Nothing,
    }
}

/// A host that was not confirmed, with what kept us from that the last time.
pub(super) fn kept_out(told: Result<Done, Failed>, by: Option<String>) -> Result<Done, Failed> {
    told.map_err(|mut failed| {
        if let (Code::Unconfirmed, Some(by)) = (failed.error.code, by) {
            let causes = [failed.error.cause.take(), Some(by)];
            let causes: Vec<String> = causes.into_iter().flatten().collect();
            failed.error.cause = Some(causes.join("\n"));
        }
        failed
    })
}

/// How a change that is over came out.
pub(super) fn ended(host: &HostName, status: ChangeStatus) -> Result<Done, Failed> {
    let unheld: Vec<String> = status
        .probes
        .iter()
        .filter(|probe| !probe.critical && probe.holds == Some(false))
        .map(|probe: &ProbeResult| format!("probe {} does not hold: {}", probe.name, probe.saw))
        .collect();
    match status.end {
        Some(ChangeEnd::Done { mut warnings, .. }) => {
            warnings.extend(unheld);
            Ok(if warnings.is_empty() {
                Done::success()
            } else {
                warned(&warnings)
            })
        }
        Some(ChangeEnd::Restored { why, warnings }) => {
            let mut error = *why;
            if !warnings.is_empty() {
                let cause = error.cause.take().unwrap_or_default();
                error =
                    error.with_cause(format!("{cause}\non the way back: {}", warnings.join("; ")));
            }
            Err(Failed {
                error,
                restored: true,
            })
        }
        Some(ChangeEnd::Left {
            why,
            left,
            warnings,
        }) => Err(left_of(*why, &left, &warnings).into()),
        Some(ChangeEnd::Stuck { why, then }) => {
            let cause = format!("{}\nthen: {}", why.title, then.title);
            let cause = [Some(cause), then.cause.clone()].into_iter().flatten();
            let error = Diagnostic::new(
                Code::RestoreFailed,
                format!("{host} could not be put back after a change that failed"),
            )
            .with_cause(cause.collect::<Vec<_>>().join("\n"));
            Err(error
                .with_fix(
                    then.fix
                        .unwrap_or_else(|| format!("look at it: infra ssh {host}")),
                )
                .into())
        }
        None => Err(Diagnostic::new(
            Code::AgentFailed,
            format!("{host} says that its change is over, and not how"),
        )
        .with_fix(format!("see what it runs: infra status {host}"))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{ended, kept_out, warned, with};
    use infra_engine::Done;
    use infra_model::HostName;
    use infra_model::change::ChangeStatus;
    use serde_json::{Value, json};

    fn told(end: &Value) -> String {
        told_by(end, None)
    }

    fn told_by(end: &Value, by: Option<&str>) -> String {
        let status: ChangeStatus = serde_json::from_value(json!({
            "schema": 1, "run": "r1", "by": "ann@desk", "since": 0, "phase": "ended", "alive": false, "remaining": null,
            "system": null, "before": null, "probes": [], "end": end, "log": [], "next": 0,
        }))
        .expect("a status");
        let host = HostName::parse("web").expect("a name");
        match kept_out(ended(&host, status), by.map(str::to_owned)) {
            Ok(done) => format!("{:?}", done.outcome),
            Err(failed) => format!(
                "restored: {}\n{}",
                failed.restored,
                serde_json::to_string_pretty(&failed.error).expect("JSON")
            ),
        }
    }

    #[test]
    fn who_could_not_confirm_is_told_why() {
        let why =
            json!({ "code": "unconfirmed", "title": "nobody confirmed it", "cause": "within 3s" });
        let end = json!({ "kind": "restored", "why": why, "warnings": [] });
        let by = Some("sudo wants a password");
        insta::assert_snapshot!(told_by(&end, by), @r#"
        restored: true
        {
          "code": "unconfirmed",
          "title": "nobody confirmed it",
          "cause": "within 3s\nsudo wants a password"
        }
        "#);
        assert_eq!(told_by(&end, None), told(&end));
        // Anything else has its own reason.
        let end = end.to_string().replace("unconfirmed", "probe-failed");
        let end = serde_json::from_str(&end).expect("JSON");
        assert_eq!(told_by(&end, by), told(&end));
    }

    #[test]
    fn no_warning_takes_the_place_of_another() {
        let told = |done, warnings: &[&str]| {
            let warnings = warnings.iter().map(|text| (*text).to_owned()).collect();
            format!("{:?}", with(done, warnings).outcome)
        };
        let slow = || warned(&["slow".to_owned()]);
        assert_eq!(told(Done::success(), &[]), "Success");
        assert_eq!(told(slow(), &[]), r#"Warning { why: "slow" }"#);
        assert_eq!(told(Done::success(), &["far"]), r#"Warning { why: "far" }"#);
        assert_eq!(told(slow(), &["far"]), r#"Warning { why: "far; slow" }"#);
    }

    #[test]
    fn a_first_system_that_failed_is_no_way_back_that_failed() {
        let why = json!({ "code": "probe-failed", "title": "probe page does not hold", "cause": "connection refused", "fix": "see the unit" });
        let left = json!({ "code": "probe-failed", "title": "it was the first system of the host, so there is none to go back to",
            "cause": "nothing was made the boot default", "fix": "correct the configuration" });
        insta::assert_snapshot!(told(&json!({ "kind": "left", "why": why, "left": left, "warnings": ["a unit failed"] })), @r#"
        restored: false
        {
          "code": "probe-failed",
          "title": "probe page does not hold",
          "cause": "connection refused\nit was the first system of the host, so there is none to go back to\nnothing was made the boot default\na unit failed",
          "fix": "see the unit"
        }
        "#);
        let then = json!({ "code": "restore-failed", "title": "it could not be put back", "cause": "exit code 1", "fix": "log in" });
        insta::assert_snapshot!(told(&json!({ "kind": "stuck", "why": why, "then": then })), @r#"
        restored: false
        {
          "code": "restore-failed",
          "title": "web could not be put back after a change that failed",
          "cause": "probe page does not hold\nthen: it could not be put back\nexit code 1",
          "fix": "log in"
        }
        "#);
        insta::assert_snapshot!(told(&json!({ "kind": "restored", "why": why, "warnings": ["a unit failed"] })), @r#"
        restored: true
        {
          "code": "probe-failed",
          "title": "probe page does not hold",
          "cause": "connection refused\non the way back: a unit failed",
          "fix": "see the unit"
        }
        "#);
        insta::assert_snapshot!(told(&json!({ "kind": "done", "generation": 1, "warnings": [] })), @"Success");
    }
}
