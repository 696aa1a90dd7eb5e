//! What a saved plan does is what was decided when it was made.

use super::{decision, within};
use infra_model::StepKind;
use infra_model::plan_file::PlanFile;

fn saved() -> infra_model::plan_file::PlannedChange {
    let file: PlanFile =
        serde_json::from_str(include_str!("../../model/tests/golden/plan.json")).expect("a plan");
    let mut saved = file.hosts.into_iter().next().expect("a host");
    saved.plan.steps = vec![
        StepKind::Build,
        StepKind::Copy,
        StepKind::Seal,
        StepKind::Activate,
        StepKind::Confirm,
        StepKind::Commit,
    ];
    saved
}

#[test]
fn steps_have_the_operands_of_the_plan() {
    let saved = saved();
    let decided = decision(&saved, &["tls-key".to_owned()]).expect("steps");
    let kinds: Vec<StepKind> = decided.steps.iter().map(infra_model::Step::kind).collect();
    assert_eq!(kinds, saved.plan.steps);
    assert_eq!(decided.intent(), saved.intent.as_ref());
    assert_eq!(decided.system(), Some(&saved.out));
    assert_eq!(
        decided.digest(),
        saved
            .intent
            .as_ref()
            .and_then(|intent| intent.secrets.as_ref())
    );
}

#[test]
fn a_plan_to_do_nothing_does_nothing() {
    let mut saved = saved();
    saved.plan.steps.clear();
    saved.intent = None;
    assert!(decision(&saved, &[]).expect("steps").steps.is_empty());
}

#[test]
fn steps_that_do_not_fit_are_refused() {
    let none = |steps: &[StepKind], change: bool| {
        let mut saved = saved();
        saved.plan.steps = steps.to_vec();
        if !change {
            saved.intent = None;
        }
        decision(&saved, &[]).expect_err("refused").code
    };
    let invalid = infra_model::Code::InvalidPlan;
    assert_eq!(none(&[StepKind::Build], false), invalid);
    assert_eq!(none(&[StepKind::Survey], true), invalid);
    assert_eq!(none(&[StepKind::Confirm, StepKind::Commit], true), invalid);
    let mut other = saved();
    other.out = other.plan.before.clone().expect("a system");
    assert!(
        decision(&other, &[]).is_err(),
        "what is built is what is activated"
    );
}

#[test]
fn limits_that_are_given_count() {
    let mut one = saved();
    within(&mut one, None, Some(7));
    let limits = one.intent.expect("a change").limits;
    assert_eq!((limits.activate, limits.confirm), (600, 7));
}
