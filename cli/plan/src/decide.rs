//! What to do with each host, given what was found.

use crate::Plan;
use infra_model::event::PlannedHost;
use infra_model::{BuildOn, Evaluation, Goal, HostName, HostState, Step, StepKind};
use serde::Serialize;

/// Everything that is known of one host before it is decided on.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The host.
    pub name: HostName,
    /// Where its system is to be built.
    pub build: BuildOn,
    /// Its state, as surveyed.
    pub state: HostState,
    /// Its system, as evaluated.
    pub system: Evaluation,
    /// Its secrets, as its contract wants them.
    pub secrets: Secrets,
}

/// The secrets that a host is to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// What they are called together: another name if any of them, or how it is to be put, is another.
    pub digest: String,
    /// Their names. None: the host needs none.
    pub names: Vec<String>,
}

impl Secrets {
    /// What they are called together; `None` if there are none.
    pub fn name(&self) -> Option<&str> {
        (!self.names.is_empty()).then_some(self.digest.as_str())
    }

    /// What the secrets of a host are called together; `None` if it has none.
    pub fn held_by(state: &HostState) -> Option<&str> {
        let held = state.secrets.as_ref()?;
        held.digest.as_deref().filter(|_| !held.names.is_empty())
    }

    pub(crate) fn differ_from(&self, state: &HostState) -> bool {
        match &state.secrets {
            // A host that was never given any needs no agent to have none.
            None => !self.names.is_empty(),
            Some(has) if self.names.is_empty() => !has.names.is_empty(),
            Some(has) => has.digest.as_deref() != Some(&self.digest) || !has.in_place,
        }
    }

    /// Why they are put in place: which are new and which are to go, by name.
    pub(crate) fn reason(&self, state: &HostState) -> String {
        let has = state.secrets.as_ref();
        let old: &[String] = has.map_or(&[], |has| has.names.as_slice());
        let only = |of: &[String], and: &[String]| {
            let names: Vec<&str> = of
                .iter()
                .filter(|name| !and.contains(name))
                .map(String::as_str)
                .collect();
            names.join(", ")
        };
        let (added, removed) = (only(&self.names, old), only(old, &self.names));
        match (added.as_str(), removed.as_str()) {
            ("", "") if has.is_some_and(|has| has.digest.as_deref() == Some(&self.digest)) => {
                "has its secrets, but not in place".to_owned()
            }
            ("", "") => "secrets changed".to_owned(),
            (added, "") => format!("secrets to add: {added}"),
            ("", removed) => format!("secrets to remove: {removed}"),
            (added, removed) => format!("secrets to add: {added}; to remove: {removed}"),
        }
    }

    /// Before the system that uses them is activated, so that it finds them; what still runs with the ones before is restarted after it. Alone,
    /// they are put in place and their consumers restarted at once.
    fn take_their_place(&self, steps: &mut Vec<Step>) {
        let position = |kind| steps.iter().position(|step| step.kind() == kind);
        let activate = position(StepKind::Activate);
        let commit = position(StepKind::Commit);
        let seal = Step::Seal {
            digest: self.digest.clone(),
            secrets: self.names.clone(),
            restart: activate.is_none() && commit.is_none(),
        };
        match activate.or(commit) {
            None => steps.push(seal),
            Some(at) => {
                steps.insert(at, seal);
                if activate.is_some() {
                    steps.insert(at + 2, Step::Refresh);
                }
            }
        }
    }
}

/// Whether anything has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The host is already as wanted.
    Unchanged,
    /// The host has to be changed.
    Change,
}

/// The decision on one host: what, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The host.
    pub host: HostName,
    /// Whether anything has to be done.
    pub verdict: Verdict,
    /// Why, in words; never empty.
    pub reasons: Vec<String>,
    /// What will be done, in order.
    pub steps: Vec<Step>,
}

impl Decision {
    /// The decision as it is told in the event stream.
    pub fn summary(&self) -> PlannedHost {
        PlannedHost {
            host: self.host.clone(),
            reasons: self.reasons.clone(),
            steps: self.steps.iter().map(Step::kind).collect(),
        }
    }

    /// Whether `kind` is among the steps.
    pub fn includes(&self, kind: StepKind) -> bool {
        self.steps.iter().any(|step| step.kind() == kind)
    }
}

/// Decides on every host and lines up the work: hosts independent of each other, steps of one host in order.
pub fn deploy(known: &[Known], goal: Goal) -> (Vec<Decision>, Plan) {
    let decisions: Vec<Decision> = known.iter().map(|host| decide(host, goal)).collect();
    let plan = lined_up(&decisions);
    (decisions, plan)
}

/// The work of some decisions: hosts independent of each other, steps of one host in order.
pub fn lined_up(decisions: &[Decision]) -> Plan {
    let mut plan = Plan::default();
    for decision in decisions {
        plan.chain(&decision.host, decision.steps.iter().cloned());
    }
    plan
}

fn decide(known: &Known, goal: Goal) -> Decision {
    let mut reasons = reasons_to_change(known, goal);
    // Nothing of the system differs: then nothing of it is built or copied either.
    let system = !reasons.is_empty();
    let secrets = goal != Goal::DryActivate && known.secrets.differ_from(&known.state);
    if secrets {
        reasons.push(known.secrets.reason(&known.state));
    }
    let (verdict, reasons, steps) = if reasons.is_empty() {
        let why = match goal {
            Goal::Boot => "will already boot this system",
            Goal::Switch | Goal::Test | Goal::DryActivate => "already runs this system",
        };
        (Verdict::Unchanged, vec![why.to_owned()], Vec::new())
    } else {
        let mut steps = if system {
            steps(known, goal)
        } else {
            Vec::new()
        };
        if secrets {
            known.secrets.take_their_place(&mut steps);
        }
        (Verdict::Change, reasons, steps)
    };
    Decision {
        host: known.name.clone(),
        verdict,
        reasons,
        steps,
    }
}

/// What differs from what is wanted; nothing if the host is settled.
fn reasons_to_change(known: &Known, goal: Goal) -> Vec<String> {
    let wanted = &known.system.answer.toplevel.out;
    let state = &known.state;
    let mut reasons = Vec::new();
    if goal != Goal::Boot && state.current.as_ref() != Some(wanted) {
        reasons.push(match &state.current {
            Some(current) => format!("runs {}", current.short()),
            None => "runs no system of infra or NixOS yet".to_owned(),
        });
    }
    if goal.persists() && state.boot_default.as_ref() != Some(wanted) {
        reasons.push(match &state.boot_default {
            Some(boot) => format!("would boot {}", boot.short()),
            None => "has no system profile yet".to_owned(),
        });
    }
    reasons
}

fn steps(known: &Known, goal: Goal) -> Vec<Step> {
    let drv = known.system.answer.toplevel.drv.clone();
    let out = known.system.answer.toplevel.out.clone();
    let mut steps = vec![Step::Build {
        drv,
        out: out.clone(),
    }];
    // What is built on the host is there already.
    if known.build != BuildOn::Target {
        steps.push(Step::Copy { out: out.clone() });
    }
    if goal == Goal::DryActivate {
        steps.push(Step::Activate { out, dry: true });
        return steps;
    }
    // A host that runs the system already (its boot default was moved) keeps running it untouched.
    if goal.activates() && known.state.current.as_ref() != Some(&out) {
        steps.push(Step::Activate {
            out: out.clone(),
            dry: false,
        });
        steps.push(Step::Verify {
            out: out.clone(),
            failed_before: known.state.failed_units.clone(),
        });
    }
    if goal.persists() {
        steps.push(Step::Commit { out });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{Known, Secrets, Verdict, deploy};
    use infra_model::state::HostSecrets;
    use infra_model::{
        BuildOn, Evaluation, Goal, HostName, HostState, Step, StorePath, SystemAnswer,
    };

    fn path(name: &str) -> StorePath {
        StorePath::parse(&format!(
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}"
        ))
        .expect("a store path")
    }

    fn known(current: Option<&str>, boot: Option<&str>, build: BuildOn) -> Known {
        let json = format!(
            r#"{{"schema":1,"host":"web","class":"nixos","system":"x86_64-linux","toplevel":{{"drv":"{}","out":"{}"}}}}"#,
            path("new.drv"),
            path("new")
        );
        Known {
            name: HostName::parse("web").expect("a name"),
            build,
            state: HostState {
                current: current.map(path),
                boot_default: boot.map(path),
                failed_units: vec!["old.service".to_owned()],
                ..HostState::default()
            },
            system: Evaluation {
                answer: SystemAnswer::parse(&json).expect("valid"),
                tree: "1".repeat(40),
                remembered: false,
                seconds: 1.0,
                peak_bytes: None,
            },
            secrets: Secrets::default(),
        }
    }

    #[test]
    fn secrets_go_before_the_system_that_uses_them() {
        let has = |digest: &str, names: &[&str], in_place| {
            Some(HostSecrets {
                digest: Some(digest.to_owned()),
                generation: Some(3),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                in_place,
            })
        };
        let cases = [
            (None, vec![], Some("new"), Goal::Switch),
            (None, vec!["a"], Some("old"), Goal::Switch),
            (None, vec!["a"], Some("old"), Goal::Boot),
            (None, vec!["a"], Some("old"), Goal::DryActivate),
            (has("d", &["a"], true), vec!["a"], Some("new"), Goal::Switch),
            (
                has("d", &["a"], false),
                vec!["a"],
                Some("new"),
                Goal::Switch,
            ),
            (has("e", &["a"], true), vec!["a"], Some("new"), Goal::Switch),
            (has("e", &["b"], true), vec!["a"], Some("new"), Goal::Test),
            (has("e", &["b"], true), vec![], Some("new"), Goal::Switch),
            (has("e", &[], true), vec![], Some("new"), Goal::Switch),
        ];
        let told: Vec<String> = cases
            .into_iter()
            .map(|(has, wanted, runs, goal)| {
                let mut host = known(runs, runs, BuildOn::Local);
                host.state.secrets = has;
                host.secrets = Secrets {
                    digest: "d".to_owned(),
                    names: wanted.into_iter().map(str::to_owned).collect(),
                };
                let (decisions, _) = deploy(&[host], goal);
                let steps: Vec<String> = decisions[0]
                    .steps
                    .iter()
                    .map(|step| match step {
                        Step::Seal { restart: true, .. } => "seal+restart".to_owned(),
                        step => step.kind().to_string(),
                    })
                    .collect();
                format!("{}: {}", decisions[0].reasons.join(" & "), steps.join(" "))
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn decides() {
        // name: runs, boots, wanted for
        let cases = "settled: new new switch; ordinary change: old old switch; never deployed: - - switch; \
                     tested but not committed: new old switch; committed but not running: old new switch; \
                     test: old old test; test of what runs: new old test; boot: old old boot; \
                     boot of the default: old new boot; dry: old old dry; dry on settled: new new dry; \
                     built on the host: old old switch";
        let mut table = Vec::new();
        for case in cases.split("; ") {
            let (name, rest) = case.split_once(": ").expect("a name");
            let words: Vec<_> = rest.split(' ').collect();
            let found = |word| Some(word).filter(|word| *word != "-");
            let goal = match words[2] {
                "switch" => Goal::Switch,
                "test" => Goal::Test,
                "boot" => Goal::Boot,
                _ => Goal::DryActivate,
            };
            let build = match name {
                "built on the host" => BuildOn::Target,
                _ => BuildOn::Local,
            };
            let (decisions, plan) = deploy(&[known(found(words[0]), found(words[1]), build)], goal);
            let decision = &decisions[0];
            let summary = decision.summary();
            let steps: Vec<_> = summary.steps.iter().map(|s| s.as_str()).collect();
            assert_eq!(plan.units().len(), steps.len());
            assert_eq!(decision.verdict == Verdict::Unchanged, steps.is_empty());
            assert!(!decision.reasons.is_empty(), "a decision says why");
            let reasons = decision.reasons.join(", ");
            table.push(format!("{name}: {} <- {reasons}", steps.join(" ")));
        }
        insta::assert_snapshot!(table.join("\n"), @"
        settled:  <- already runs this system
        ordinary change: build copy activate verify commit <- runs 1ymw2907…-old, would boot 1ymw2907…-old
        never deployed: build copy activate verify commit <- runs no system of infra or NixOS yet, has no system profile yet
        tested but not committed: build copy commit <- would boot 1ymw2907…-old
        committed but not running: build copy activate verify commit <- runs 1ymw2907…-old
        test: build copy activate verify <- runs 1ymw2907…-old
        test of what runs:  <- already runs this system
        boot: build copy commit <- would boot 1ymw2907…-old
        boot of the default:  <- will already boot this system
        dry: build copy activate <- runs 1ymw2907…-old
        dry on settled:  <- already runs this system
        built on the host: build activate verify commit <- runs 1ymw2907…-old, would boot 1ymw2907…-old
        ");
    }

    #[test]
    fn steps_of_a_host_wait_for_each_other_and_hosts_do_not() {
        let mut db = known(Some("old"), Some("old"), BuildOn::Local);
        db.name = HostName::parse("db").expect("a name");
        let web = known(Some("old"), Some("old"), BuildOn::Local);
        let (_, plan) = deploy(&[db, web], Goal::Switch);
        let waits: Vec<_> = plan
            .units()
            .iter()
            .map(|unit| unit.after.iter().map(|id| id.0).collect::<Vec<_>>())
            .collect();
        let expected: Vec<Vec<usize>> = vec![
            vec![],
            vec![0],
            vec![1],
            vec![2],
            vec![3],
            vec![],
            vec![5],
            vec![6],
            vec![7],
            vec![8],
        ];
        assert_eq!(waits, expected);
    }
}
