//! A plan as it is shown.

use super::words::{signed, size};
use super::{patch, render};
use infra_model::answer::{Against, HostPlan, Level, Preview};
use infra_model::plan_file::PlanFile;

fn planned() -> HostPlan {
    let file: PlanFile =
        serde_json::from_str(include_str!("../../model/tests/golden/plan.json")).expect("a plan");
    file.hosts.into_iter().next().expect("a host").plan
}

fn plain(hosts: &[HostPlan]) -> String {
    anstream::adapter::strip_str(&render(hosts)).to_string()
}

#[test]
fn a_plan_shows_all_that_changes() {
    insta::assert_snapshot!(plain(&[planned()]));
}

#[test]
fn what_is_not_built_says_so_and_names_what_changed() {
    let mut host = planned();
    host.preview = Preview {
        level: Level::Evaluated,
        buildable: true,
        sources: host.preview.sources,
        notes: vec!["the host could\u{1b}[2J not be asked".to_owned()],
        ..Preview::default()
    };
    let mut idle = planned();
    idle.steps.clear();
    idle.before = idle.after.clone();
    idle.preview = Preview::default();
    idle.reasons = vec!["already runs this system".to_owned()];
    insta::assert_snapshot!(plain(&[idle, host]));
}

#[test]
fn what_it_is_compared_with_is_said() {
    let revision = Against::Revision {
        name: "v1".to_owned(),
        commit: "4f2a9c0d".repeat(5),
    };
    let mut built = planned();
    built.against = revision.clone();
    built.preview.etc = None;
    let mut evaluated = planned();
    evaluated.against = revision;
    evaluated.before = None;
    evaluated.preview = Preview {
        buildable: true,
        sources: evaluated.preview.sources,
        ..Preview::default()
    };
    let mut left = evaluated.clone();
    left.unknown = true;
    left.preview.buildable = false;
    left.against = Against::Run("20261121T051600Z-4f2a9c0d".to_owned());
    // Nothing is to be done, but it is not what it was then; or it is.
    let mut other = built.clone();
    other.steps.clear();
    other.against = Against::LastRun;
    other.reasons = vec!["already runs this system".to_owned()];
    let mut same = other.clone();
    same.before = same.after.clone();
    same.preview = Preview::default();
    insta::assert_snapshot!(plain(&[built, evaluated, left, other, same]));
}

#[test]
fn what_is_to_be_encrypted_anew_is_said_of_idle_hosts_as_well() {
    let mut host = planned();
    host.steps.clear();
    host.before = host.after.clone();
    host.reasons = vec!["already runs this system".to_owned()];
    host.preview = Preview {
        rekeys: host.preview.rekeys,
        probes: Some(Vec::new()),
        ..Preview::default()
    };
    insta::assert_snapshot!(plain(&[host]), @"
    web  nothing to do: already runs this system
      rekey     1: backup-key
    ");
}

#[test]
fn a_terminal_obeys_no_file() {
    let shown = patch("+a\u{1b}[2Jb\n- c\n");
    let shown = anstream::adapter::strip_str(&shown).to_string();
    assert_eq!(shown, "+a[2Jb\n- c\n");
    assert_eq!(patch(""), "");
}

#[test]
fn sizes() {
    let cases = [0, 1023, 1024, 1536, 102_400, 5_000_000, 3 << 30, u64::MAX].map(size);
    assert_eq!(
        cases.join(", "),
        "0 bytes, 1023 bytes, 1.0 KiB, 1.5 KiB, 100 KiB, 4.7 MiB, 3.0 GiB, 16777215 TiB"
    );
    assert_eq!(signed(-1536), "-1.5 KiB");
    assert_eq!(signed(0), "+0 bytes");
}
