//! A saved plan's change as a decision again: the same steps, with the operands that the plan holds.

use crate::{Decision, Verdict, reachable};
use infra_model::change::Limits;
use infra_model::plan_file::PlannedChange;
use infra_model::{Code, Diagnostic, Step, StepKind};

/// What is done to one host, and nothing else. `secrets` are the names of what it is sent, if it is sent any.
///
/// Errors: its steps do not fit together, which no plan that infra made is like.
pub fn decision(saved: &PlannedChange, secrets: &[String]) -> Result<Decision, Diagnostic> {
    let mut steps = Vec::new();
    for kind in &saved.plan.steps {
        steps.push(step(saved, *kind, secrets).ok_or_else(|| odd(saved, *kind))?);
    }
    let verdict = if steps.is_empty() {
        Verdict::Unchanged
    } else {
        Verdict::Change
    };
    Ok(Decision {
        host: saved.host.clone(),
        verdict,
        reasons: saved.plan.reasons.clone(),
        steps,
    })
}

fn step(saved: &PlannedChange, kind: StepKind, secrets: &[String]) -> Option<Step> {
    let intent = saved.intent.as_ref()?;
    let has = |kind: StepKind| saved.plan.steps.contains(&kind);
    let out = || Some(intent.system.as_ref()?.path.clone()).filter(|path| *path == saved.out);
    Some(match kind {
        StepKind::Build => Step::Build {
            drv: saved.drv.clone(),
            out: out()?,
        },
        StepKind::Copy => Step::Copy { out: out()? },
        StepKind::Seal => Step::Seal {
            digest: intent.secrets.clone()?,
            secrets: secrets.to_vec(),
        },
        StepKind::Activate => Step::Activate {
            intent: Box::new(intent.clone()),
        },
        StepKind::Confirm if has(StepKind::Activate) => Step::Confirm {
            reachable: reachable(intent.probes.as_ref()),
            last: !has(StepKind::Commit),
        },
        StepKind::Commit => Step::Commit {
            begin: (!has(StepKind::Activate)).then(|| Box::new(intent.clone())),
        },
        StepKind::Survey | StepKind::Evaluate | StepKind::Confirm => return None,
    })
}

fn odd(saved: &PlannedChange, kind: StepKind) -> Diagnostic {
    Diagnostic::new(
        Code::InvalidPlan,
        format!(
            "the plan has a step `{kind}` of {} that does not fit",
            saved.host
        ),
    )
    .with_fix("make it again: infra plan -o FILE")
    .with_host(&saved.host)
}

/// The same change with other limits, as far as they are given.
pub fn within(saved: &mut PlannedChange, activate: Option<u64>, confirm: Option<u64>) {
    if let Some(intent) = &mut saved.intent {
        let Limits {
            activate: long,
            confirm: wait,
        } = intent.limits;
        intent.limits = Limits {
            activate: activate.unwrap_or(long),
            confirm: confirm.unwrap_or(wait),
        };
    }
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
