//! Each warning, and the nearest case that has none.

use super::{Circumstances, Subject, lint};
use infra_model::answer::{EtcChange, EtcDiff, HostPlan, Pair, SecretDifference, Sending};
use infra_model::host::HostDefaults;
use infra_model::plan_file::PlanFile;
use infra_model::{Goal, HostName, HostSpec, HostState, Manifest, NeedName, StepKind, StorePath};
use std::fmt::Write as _;

/// A host, and a plan of it that nothing has to be said about.
struct Case {
    spec: HostSpec,
    state: HostState,
    contract: Manifest,
    plan: HostPlan,
    expiring: Vec<(NeedName, u64)>,
    reboot: bool,
}

const NOW: u64 = 1_795_238_160;

fn spec(name: &str, extra: &str) -> HostSpec {
    let name = HostName::parse(name).expect("a name");
    let text = format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\n{extra}");
    HostSpec::parse(&name, "f", &text, &HostDefaults::default()).expect("valid")
}

fn path(name: &str) -> Option<StorePath> {
    StorePath::parse(&format!(
        "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}"
    ))
}

impl Case {
    fn good() -> Self {
        let plan: PlanFile =
            serde_json::from_str(include_str!("../../model/tests/golden/plan.json"))
                .expect("a plan");
        let host = plan.hosts.into_iter().next().expect("a host");
        let mut contract = Manifest::empty(&host.host);
        contract.probes.probes = host
            .intent
            .and_then(|intent| intent.probes)
            .expect("probes");
        let mut case = Self {
            spec: spec("web", ""),
            state: HostState {
                current: path("a"),
                boot_default: path("a"),
                nix: Some("2.34.8".to_owned()),
                clock: Some(NOW),
                free_bytes: Some(1 << 30),
                ..HostState::default()
            },
            contract,
            plan: host.plan,
            expiring: Vec::new(),
            reboot: false,
        };
        case.plan.preview.boot = None;
        case.plan.preview.units = None;
        case
    }

    fn told(&self) -> String {
        let subject = Subject {
            spec: &self.spec,
            state: &self.state,
            contract: Some(&self.contract),
            plan: &self.plan,
            expiring: &self.expiring,
        };
        let circumstances = Circumstances {
            reboot: self.reboot,
            now: NOW,
        };
        let warnings = lint(&[subject], circumstances);
        for warning in &warnings {
            assert!(warning.fix.is_some(), "{warning:?} says what to do");
            assert!(warning.host.is_some(), "{warning:?} says where");
        }
        let lines: Vec<String> = warnings
            .iter()
            .map(|warning| format!("{}: {}", warning.code.name(), warning.title))
            .collect();
        lines.join("; ")
    }
}

type Change = (&'static str, fn(&mut Case));

fn table(changes: &[Change]) -> String {
    let mut table = String::new();
    for (name, change) in changes {
        let mut case = Case::good();
        change(&mut case);
        let _ = writeln!(table, "{name}: {}", case.told());
    }
    table
}

fn touch(case: &mut Case, path: &str) {
    case.plan.preview.etc = Some(EtcDiff {
        files: vec![EtcChange {
            path: path.to_owned(),
            how: infra_model::answer::Difference::Changed,
            added: 1,
            removed: 0,
            note: None,
        }],
        patch: String::new(),
    });
}

fn kernel(case: &mut Case) {
    let boot = case.plan.preview.boot.get_or_insert_default();
    boot.kernel = Some(Pair::default());
}

#[test]
fn changes_are_warned_of() {
    insta::assert_snapshot!(table(&[
        ("good", |_| {}),
        ("no probes", |case| case.contract.probes.probes.clear()),
        ("no probes, at boot", |case| {
            case.contract.probes.probes.clear();
            case.plan.goal = Goal::Boot;
        }),
        ("probes off", |case| case.contract.probes.enable = false),
        ("no room", |case| {
            case.plan.preview.send = Some(Sending {
                paths: 1,
                bytes: 1 << 30,
            });
        }),
        ("just enough room", |case| {
            case.plan.preview.send = Some(Sending {
                paths: 1,
                bytes: 5 << 20,
            });
            case.state.free_bytes = Some(6 << 20);
        }),
        ("room not known", |case| {
            case.plan.preview.send = Some(Sending {
                paths: 1,
                bytes: 1 << 40,
            });
            case.state.free_bytes = None;
        }),
        ("kernel", kernel),
        ("kernel, and it is booted", |case| {
            kernel(case);
            case.reboot = true;
        }),
        ("kernel, for the next boot", |case| {
            kernel(case);
            case.plan.goal = Goal::Boot;
        }),
        ("sshd", |case| touch(case, "/etc/ssh/sshd_config")),
        ("sshd, for the next boot", |case| {
            touch(case, "/etc/ssh/sshd_config");
            case.plan.goal = Goal::Boot;
        }),
        ("client of ssh", |case| touch(case, "/etc/ssh/ssh_config")),
        ("firewall", |case| {
            let units = case.plan.preview.units.get_or_insert_default();
            units.restart = vec!["firewall.service".to_owned(), "web.service".to_owned()];
        }),
        ("nothing is done", |case| {
            case.plan.steps.clear();
            case.contract.probes.enable = false;
            touch(case, "/etc/ssh/sshd_config");
            kernel(case);
        }),
    ]));
}

#[test]
fn hosts_and_secrets_are_warned_of() {
    fn unheard(case: &mut Case) {
        case.plan.preview.secrets = vec![SecretDifference {
            name: "key".to_owned(),
            how: infra_model::answer::Difference::Changed,
            before: None,
            after: None,
            units: Vec::new(),
        }];
    }
    fn expiring(case: &mut Case, left: u64) {
        let name = NeedName::parse("tls-cert").expect("a name");
        case.expiring = vec![(name, left)];
    }
    insta::assert_snapshot!(table(&[
        ("clock ahead", |case| case.state.clock = Some(NOW + 61)),
        ("clock behind", |case| case.state.clock = Some(NOW - 3600)),
        ("clock near enough", |case| case.state.clock =
            Some(NOW + 60)),
        ("old nix", |case| case.state.nix = Some("2.3.16".to_owned())),
        ("oldest nix", |case| case.state.nix =
            Some("2.18.0pre20240101".to_owned())),
        ("odd nix", |case| case.state.nix =
            Some("unknown".to_owned())),
        ("tried and not kept", |case| case.state.current = path("b")),
        ("never deployed", |case| case.state.boot_default = None),
        ("unheard secret", |case| {
            unheard(case);
            case.plan.steps = vec![StepKind::Seal, StepKind::Activate, StepKind::Confirm];
        }),
        ("secret with a system", unheard),
        ("expires next month", |case| expiring(case, 30 * 86_400)),
        ("expires this week", |case| expiring(case, 5 * 86_400)),
        ("expires today", |case| expiring(case, 600)),
        ("has expired", |case| expiring(case, 0)),
    ]));
}

#[test]
fn two_hosts_at_one_address_are_named() {
    let told = |web: &str, db: &str| {
        let mut cases = [Case::good(), Case::good()];
        cases[0].spec = spec("web", web);
        cases[1].spec = spec("db", db);
        let subjects: Vec<Subject<'_>> = cases
            .iter()
            .map(|case| Subject {
                spec: &case.spec,
                state: &case.state,
                contract: Some(&case.contract),
                plan: &case.plan,
                expiring: &case.expiring,
            })
            .collect();
        let circumstances = Circumstances {
            reboot: false,
            now: NOW,
        };
        let warnings = lint(&subjects, circumstances);
        warnings
            .into_iter()
            .map(|warning| warning.title)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let at = "addresses = [\"192.0.2.7\"]\n";
    assert_eq!(
        told(at, at),
        "web, db are all reached at 192.0.2.7, port 22"
    );
    assert_eq!(told(at, &format!("{at}port = 2222\n")), "");
    assert_eq!(told(at, &format!("{at}jump = \"gate\"\n")), "");
    assert_eq!(told("", ""), "");
}
