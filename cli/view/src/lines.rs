//! Events as lines for people: who, what, how it went.

use crate::style::{BAD, BUSY, FAINT, GOOD, WARN, paint};
use anstyle::Style;
use infra_model::event::PlannedHost;
use infra_model::{CancelStage, Diagnostic, Event, HostName, HostOutcome, StepOutcome};

/// Width of the first column: the longest word in it is "unchanged".
const LABEL: usize = 10;

fn line(style: Style, label: &str, host: &HostName, rest: &str) -> String {
    let label = paint(style, &format!("{label:>LABEL$}"));
    format!("{label}  {host}  {rest}").trim_end().to_owned() + "\n"
}

/// The line for an event; `None` if it has nothing to say to a person who sees only lines.
pub fn render(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted { .. } | Event::StepStarted { .. } | Event::StepProgressed { .. } => {
            return None;
        }
        Event::PlanMade { hosts } => hosts.iter().map(plan).collect(),
        Event::StepOutput {
            host,
            step: _,
            line: said,
        } => line(FAINT, "|", host, &paint(FAINT, said)),
        Event::StepCompleted {
            host,
            step,
            outcome,
            seconds,
        } => completed(host, step.as_str(), outcome, *seconds),
        Event::StepFailed {
            host,
            step,
            error,
            seconds,
        } => failed(host, step.as_str(), error, *seconds),
        Event::CancelRequested { stage } => cancel(*stage),
        Event::HostFinished { host, outcome, why } => line(
            style_of(*outcome),
            outcome.as_str(),
            host,
            why.as_deref().unwrap_or_default(),
        ),
    })
}

fn plan(planned: &PlannedHost) -> String {
    let reasons = planned.reasons.join(", ");
    if planned.steps.is_empty() {
        return line(
            FAINT,
            "plan",
            &planned.host,
            &format!("nothing to do: {reasons}"),
        );
    }
    let steps: Vec<&str> = planned.steps.iter().map(|step| step.as_str()).collect();
    line(
        BUSY,
        "plan",
        &planned.host,
        &format!("{} ({reasons})", steps.join(", ")),
    )
}

fn completed(host: &HostName, step: &str, outcome: &StepOutcome, seconds: f64) -> String {
    let time = format!("{seconds:.1}s");
    match outcome {
        StepOutcome::Success => line(GOOD, step, host, &paint(FAINT, &time)),
        StepOutcome::Warning { why } => line(WARN, step, host, &format!("warning: {why}")),
        StepOutcome::Skipped { why } => line(FAINT, step, host, &format!("skipped: {why}")),
    }
}

fn failed(host: &HostName, step: &str, error: &Diagnostic, seconds: f64) -> String {
    line(
        BAD,
        step,
        host,
        &format!("failed after {seconds:.1}s: {}", error.title),
    )
}

fn cancel(stage: CancelStage) -> String {
    let text = match stage {
        CancelStage::Running => return String::new(),
        CancelStage::Draining => {
            "interrupted: starting nothing new, waiting for what runs; once more ends it"
        }
        CancelStage::Terminating => {
            "interrupted again: ending what can be ended; hosts in the middle of a change are brought to its end; once more gives up on them"
        }
        CancelStage::Killing => {
            "interrupted a third time: giving up at once; changes already begun go on on their hosts"
        }
    };
    paint(WARN, text) + "\n"
}

/// The style that goes with an outcome; the word itself says it too.
pub fn style_of(outcome: HostOutcome) -> Style {
    match outcome {
        HostOutcome::Changed => GOOD,
        HostOutcome::Unchanged | HostOutcome::Skipped => FAINT,
        HostOutcome::Failed => BAD,
        HostOutcome::RolledBack => WARN,
    }
}

/// "2 hosts: 1 changed, 1 unchanged"
pub fn tally(outcomes: &[HostOutcome]) -> String {
    const ORDER: [HostOutcome; 5] = [
        HostOutcome::Changed,
        HostOutcome::Unchanged,
        HostOutcome::Failed,
        HostOutcome::RolledBack,
        HostOutcome::Skipped,
    ];
    let parts: Vec<String> = ORDER
        .into_iter()
        .filter_map(|kind| {
            let count = outcomes.iter().filter(|outcome| **outcome == kind).count();
            (count > 0).then(|| format!("{count} {}", kind.as_str()))
        })
        .collect();
    let noun = if outcomes.len() == 1 { "host" } else { "hosts" };
    format!("{} {noun}: {}", outcomes.len(), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{render, tally};
    use infra_model::event::PlannedHost;
    use infra_model::{
        CancelStage, Code, Diagnostic, Event, HostName, HostOutcome, StepKind, StepOutcome,
    };

    #[test]
    fn every_event_a_person_needs_has_its_line() {
        let host = || HostName::parse("web").expect("a name");
        let completed = |step, outcome| Event::StepCompleted {
            host: host(),
            step,
            outcome,
            seconds: 1.25,
        };
        let planned = |steps| Event::PlanMade {
            hosts: vec![PlannedHost {
                host: host(),
                reasons: vec!["runs old".to_owned()],
                steps,
            }],
        };
        let events = [
            planned(vec![StepKind::Build, StepKind::Copy]),
            planned(Vec::new()),
            Event::StepStarted {
                host: host(),
                step: StepKind::Build,
            },
            completed(StepKind::Build, StepOutcome::Success),
            completed(
                StepKind::Copy,
                StepOutcome::Skipped {
                    why: "there already".to_owned(),
                },
            ),
            completed(
                StepKind::Activate,
                StepOutcome::Warning {
                    why: "units failed".to_owned(),
                },
            ),
            Event::StepOutput {
                host: host(),
                step: StepKind::Activate,
                line: "restarting web.service".to_owned(),
            },
            Event::StepFailed {
                host: host(),
                step: StepKind::Confirm,
                error: Box::new(Diagnostic::new(
                    Code::VerificationFailed,
                    "web.service failed",
                )),
                seconds: 0.1,
            },
            Event::CancelRequested {
                stage: CancelStage::Draining,
            },
            Event::HostFinished {
                host: host(),
                outcome: HostOutcome::Failed,
                why: Some("web.service failed".to_owned()),
            },
            Event::HostFinished {
                host: host(),
                outcome: HostOutcome::Unchanged,
                why: None,
            },
        ];
        let text: String = events.iter().filter_map(render).collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @"
              plan  web  build, copy (runs old)
              plan  web  nothing to do: runs old
             build  web  1.2s
              copy  web  skipped: there already
          activate  web  warning: units failed
                 |  web  restarting web.service
           confirm  web  failed after 0.1s: web.service failed
        interrupted: starting nothing new, waiting for what runs; once more ends it
            failed  web  web.service failed
         unchanged  web
        ");
    }

    #[test]
    fn tallies() {
        use HostOutcome::{Changed, Failed, Unchanged};
        assert_eq!(
            tally(&[Unchanged, Changed, Unchanged]),
            "3 hosts: 1 changed, 2 unchanged"
        );
        assert_eq!(tally(&[Failed]), "1 host: 1 failed");
    }
}
