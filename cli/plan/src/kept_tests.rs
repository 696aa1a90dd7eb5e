//! What is left of a run as a table: what was planned, what the host says → what is done.

use super::{Kept, go_on, moved};
use crate::{Decision, Known, Rollout, Secrets, deploy, expected};
use infra_model::change::Limits;
use infra_model::{BuildOn, Evaluation, Goal, HostName, HostState, StorePath, SystemAnswer};
use std::collections::BTreeMap;

const OLD: &str = "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-old";
const NEW: &str = "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-new";

fn state(runs: &str, boots: &str, change: &str) -> HostState {
    let change = match change {
        "" => String::new(),
        run => format!(
            "change {{\"schema\":1,\"run\":\"{run}\",\"by\":\"a@b\",\"since\":1,\"phase\":\"awaiting\",\"alive\":true,\"remaining\":5,\"system\":null,\"before\":null,\"probes\":[],\"end\":null,\"log\":[],\"next\":0}}\n"
        ),
    };
    HostState::parse(&format!(
        "current {runs}\ndefault {boots}\ngeneration system-1-link\nbootid b\n{change}"
    ))
}

fn decision() -> Decision {
    let path = |text: &str| StorePath::parse(text).expect("a store path");
    let json = format!(
        r#"{{"schema":1,"host":"web","class":"nixos","system":"x86_64-linux","toplevel":{{"drv":"{NEW}.drv","out":"{NEW}"}}}}"#
    );
    let known = Known {
        name: HostName::parse("web").expect("a name"),
        build: BuildOn::Local,
        state: state(OLD, OLD, ""),
        system: Evaluation {
            answer: SystemAnswer::parse(&json).expect("valid"),
            tree: "1".repeat(40),
            remembered: false,
            seconds: 1.0,
            peak_bytes: None,
        },
        secrets: Secrets::default(),
        probes: None,
        limits: Limits::default(),
        reboot: infra_model::change::Reboot::Never,
    };
    let (mut decisions, _) = deploy(&[known], Goal::Switch);
    let decision = decisions.remove(0);
    assert_eq!(decision.system(), Some(&path(NEW)));
    decision
}

#[test]
fn a_run_goes_on_where_its_hosts_are() {
    let other = "/nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-other";
    let table: Vec<String> = [
        ("nothing had begun", state(OLD, OLD, "")),
        ("it had begun", state(NEW, OLD, "r1")),
        (
            "it is done, and the host has forgotten the run",
            state(NEW, NEW, "r2"),
        ),
        ("somebody else came between", state(other, OLD, "r2")),
        ("nobody knows", HostState::default()),
    ]
    .into_iter()
    .map(|(case, state)| match go_on(&decision(), "r1", &state) {
        Ok(left) => {
            let kinds: Vec<_> = left.steps.iter().map(|s| s.kind().as_str()).collect();
            format!("{case}: {}", kinds.join(" "))
        }
        Err(fault) => format!(
            "{case}: {}; {}",
            fault.title,
            fault.cause.unwrap_or_default()
        ),
    })
    .collect();
    insta::assert_snapshot!(table.join("\n"), @"
    nothing had begun: build copy activate confirm commit
    it had begun: activate confirm commit
    it is done, and the host has forgotten the run: 
    somebody else came between: web is not any more what it was when the run was planned; its running system was /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-old and is /nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-other
    nobody knows: web is not any more what it was when the run was planned; its running system was /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-old and is nothing
    its boot default was /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-old and is nothing
    its generation was 1 and is none
    its boot id was b and is unknown
    ");
}

#[test]
fn units_that_fail_by_now_are_no_other_host() {
    let then = expected(&state(OLD, OLD, ""));
    let now = expected(&HostState {
        failed_units: vec!["a.service".to_owned()],
        ..state(OLD, OLD, "")
    });
    assert_eq!(moved(&then, &now), Vec::<String>::new());
}

#[test]
fn what_is_kept_survives_and_other_versions_are_refused() {
    let kept = Kept {
        schema: super::KEPT_SCHEMA,
        run: "r1".to_owned(),
        command: "deploy".to_owned(),
        goal: Goal::Switch,
        nonce: "n".to_owned(),
        rollout: Rollout::default(),
        decisions: vec![decision()],
        trees: BTreeMap::new(),
        private: BTreeMap::new(),
    };
    let text = serde_json::to_string(&kept).expect("JSON");
    assert_eq!(Kept::parse(&text).expect("the same"), kept);
    let later = text.replacen("\"schema\":1", "\"schema\":2", 1);
    for bad in [&text[..text.len() - 9], &later, "[]"] {
        let fault = Kept::parse(bad).expect_err("refused");
        assert!(fault.cause.is_some() && fault.fix.is_some(), "{fault:?}");
    }
}
