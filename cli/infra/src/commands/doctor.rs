//! `infra doctor`: what commonly goes wrong, looked for before it does.

use super::{answer, refuse};
use crate::args::{Global, Selection};
use crate::workspace::Workspace;
use infra_drive::process::{Stop, Tool};
use infra_drive::ssh::{Connection, Target};
use infra_drive::{host, nix};
use infra_model::answer::{Answer, Check, Exit, Patient, Verdict};
use infra_model::{Code, Diagnostic, HostName, HostSpec, HostState, StorePath};
use infra_view::style::{BAD, GOOD, WARN, paint};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Nix before this has flakes that behave differently.
const OLDEST_NIX: (u64, u64) = (2, 18);
/// What `--recheck` looks at.
const REMEMBERED: &str = "remembered evaluation";
/// How an ordinary user becomes root on a host.
const SUDO: &str = "sudo";
/// Less free space than this makes deployments fail in the middle.
const LITTLE_SPACE: u64 = 1 << 30;
/// Hosts looked at at once: mostly waiting.
const AT_ONCE: usize = 32;

fn found(about: &str, verdict: Verdict, found: impl Into<String>) -> Check {
    Check {
        about: about.to_owned(),
        verdict,
        found: found.into(),
        fix: None,
    }
}

fn fine(about: &str, what: impl Into<String>) -> Check {
    found(about, Verdict::Ok, what)
}

fn faulty(about: &str, fault: &Diagnostic) -> Check {
    Check {
        fix: fault.fix.clone(),
        ..found(about, Verdict::Failed, fault.title.clone())
    }
}

/// A check that asks for something to be done.
fn mend(check: Check, fix: &str) -> Check {
    Check {
        fix: Some(fix.to_owned()),
        ..check
    }
}

/// Arguments of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Evaluate N remembered hosts anew and compare: the selected ones, or any.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    recheck: Option<u16>,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    const NAME: &str = "doctor";
    let selection = &args.selection;
    let mut own = Patient {
        name: None,
        checks: vec![
            check_nix().await,
            check_tool("ssh", &["-V"]).await,
            check_git().await,
        ],
    };
    let workspace = match Workspace::open(global) {
        Ok(workspace) => workspace,
        // Without a repository there is still this machine to look at.
        Err(fault) if selection.selectors.is_empty() && !selection.all => {
            own.checks.push(Check {
                verdict: Verdict::Warning,
                ..faulty("repository", &fault)
            });
            return tell(global, vec![own]);
        }
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    own.checks.extend(check_repository(&workspace));
    own.checks.extend(check_inputs(&workspace).await);
    let mut asked = Vec::new();
    if selection.all || !selection.selectors.is_empty() {
        let hosts = match workspace.select_strictly(selection) {
            Ok(hosts) => hosts,
            Err(faults) => return refuse(NAME, global, faults),
        };
        own.checks.extend(check_keys(&workspace, &hosts));
        asked = check_hosts(&workspace, &hosts).await;
    } else {
        let all = workspace.contents.fleet.hosts();
        own.checks.extend(check_keys(&workspace, all));
    }
    let mut patients = vec![own];
    patients.extend(asked);
    if let Some(count) = args.recheck {
        match recheck(global, &workspace, selection, usize::from(count)).await {
            Ok(checked) => patients.extend(checked),
            Err(faults) => return refuse(NAME, global, faults),
        }
    }
    tell(global, patients)
}

/// Evaluates remembered hosts anew and compares. Which, if there are more than enough, is left to chance: over time all come up.
async fn recheck(
    global: &Global,
    workspace: &Workspace,
    selection: &Selection,
    count: usize,
) -> Result<Vec<Patient>, Vec<Diagnostic>> {
    let mut hosts = workspace.select_to_look(selection)?;
    hosts.retain(|host| host.class.is_deployable());
    let (evaluator, _) = workspace.evaluator(global).map_err(|fault| vec![fault])?;
    let turn = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_micros() as usize);
    if !hosts.is_empty() {
        let turn = turn % hosts.len();
        hosts.rotate_left(turn);
    }
    let mut patients = Vec::new();
    for host in hosts {
        if patients.len() == count {
            break;
        }
        let check = match evaluator.recheck(&host, Stop::never()).await {
            Ok(None) => continue,
            Ok(Some((known, anew))) => compared(&known, &anew),
            Err(fault) => faulty(REMEMBERED, &fault),
        };
        patients.push(Patient {
            name: Some(host.name.clone()),
            checks: vec![check],
        });
    }
    if patients.is_empty() {
        patients.push(Patient {
            name: None,
            checks: vec![found(
                REMEMBERED,
                Verdict::Warning,
                "nothing is remembered of these hosts yet",
            )],
        });
    }
    Ok(patients)
}

fn compared(known: &StorePath, anew: &StorePath) -> Check {
    if known == anew {
        return fine(REMEMBERED, "evaluated anew, the same comes out");
    }
    mend(
        found(
            REMEMBERED,
            Verdict::Failed,
            format!("remembered {known}, but {anew} comes out"),
        ),
        "infra cache clear; and report it: an evaluation depends on something it must not",
    )
}

fn tell(global: &Global, patients: Vec<Patient>) -> Exit {
    let all: Vec<&Check> = patients
        .iter()
        .flat_map(|patient| &patient.checks)
        .collect();
    let failed = all
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .count();
    let exit = Exit::of_hosts(all.len() - failed, failed);
    let text: String = patients
        .iter()
        .flat_map(|patient| {
            patient
                .checks
                .iter()
                .map(|check| show(patient.name.as_ref(), check))
        })
        .collect();
    answer(global, &Answer::new("doctor", patients, Vec::new()), &text);
    exit
}

fn show(host: Option<&HostName>, check: &Check) -> String {
    let word = match check.verdict {
        Verdict::Ok => paint(GOOD, "     ok"),
        Verdict::Warning => paint(WARN, "warning"),
        Verdict::Failed => paint(BAD, " failed"),
    };
    let host = host.map(|host| format!("{host}: ")).unwrap_or_default();
    let line = format!("{word}  {host}{}: {}\n", check.about, check.found);
    match &check.fix {
        Some(fix) if check.verdict != Verdict::Ok => format!("{line}         fix: {fix}\n"),
        _ => line,
    }
}

async fn check_nix() -> Check {
    const NAME: &str = "nix";
    match nix::version().await {
        Err(fault) => faulty(NAME, &fault),
        Ok(version) => match version_numbers(&version) {
            Some(numbers) if numbers < OLDEST_NIX => mend(
                found(NAME, Verdict::Failed, format!("{version} is too old")),
                "install Nix 2.18 or later",
            ),
            Some(_) => fine(NAME, version),
            None => mend(
                found(
                    NAME,
                    Verdict::Warning,
                    format!("cannot read the version in `{version}`"),
                ),
                "see that `nix --version` prints one",
            ),
        },
    }
}

/// "nix (Nix) 2.34.8", "nix (Lix, like Nix) 2.93.0", "nix (Determinate Nix 3.1) 2.28.1": the last word counts.
fn version_numbers(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split_whitespace().last()?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor: String = numbers
        .next()?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Some((major, minor.parse().ok()?))
}

async fn check_tool(program: &'static str, args: &[&'static str]) -> Check {
    let mut said = String::new();
    let tool = Tool::new(program).args(args.iter().copied());
    match tool
        .run(Stop::never(), &mut |line| line.clone_into(&mut said))
        .await
    {
        Err(fault) => faulty(program, &fault),
        Ok(ended) if said.is_empty() => fine(program, ended.stdout.trim()),
        Ok(_) => fine(program, said),
    }
}

/// Nothing of ours needs it, and neither does Nix, unless it is an older one or has to fetch an input with it.
async fn check_git() -> Check {
    let check = check_tool("git", &["--version"]).await;
    match check.verdict {
        Verdict::Failed => mend(
            found(
                "git",
                Verdict::Warning,
                format!(
                    "{}: Nix cannot fetch inputs of type git, and before 2.20 cannot evaluate at all",
                    check.found
                ),
            ),
            "install git, unless no input needs it",
        ),
        Verdict::Ok | Verdict::Warning => check,
    }
}

/// The lock file against flake.nix, and inputs that cost.
async fn check_inputs(workspace: &Workspace) -> Vec<Check> {
    const LOCK: &str = "flake.lock";
    let mut checks = vec![match nix::check_lock(&workspace.repo).await {
        Ok(inputs) => fine(LOCK, format!("fits flake.nix, inputs locked: {inputs}")),
        Err(fault) if fault.code == Code::MissingProgram => found(
            LOCK,
            Verdict::Warning,
            "not compared with flake.nix: there is no Nix",
        ),
        Err(fault) => faulty(LOCK, &fault),
    }];
    checks.extend(
        nix::path_inputs(&workspace.repo)
            .into_iter()
            .map(|warning| Check {
                verdict: Verdict::Warning,
                ..faulty("inputs", &warning)
            }),
    );
    checks
}

fn check_repository(workspace: &Workspace) -> Vec<Check> {
    let root = workspace.repo.root().display();
    let count = workspace.contents.fleet.hosts().len();
    let mut checks: Vec<Check> = workspace
        .contents
        .faults
        .iter()
        .map(|fault| faulty("repository", fault))
        .collect();
    if checks.is_empty() {
        checks.push(fine("repository", format!("{root}, {count} hosts")));
    }
    checks
}

/// What keeps the keys of these hosts from being trusted.
fn check_keys(workspace: &Workspace, hosts: &[HostSpec]) -> Vec<Check> {
    let check = |host: &HostSpec| {
        let about = format!("key of {}", host.name);
        match workspace.repo.host_keys(&host.name) {
            Ok(keys) if keys.is_empty() => Some(mend(
                found(&about, Verdict::Warning, "not pinned: there is no host.pub"),
                "put the host's /etc/ssh/ssh_host_ed25519_key.pub into its folder as host.pub",
            )),
            Ok(_) => None,
            Err(fault) => Some(faulty(&about, &fault)),
        }
    };
    hosts.iter().filter_map(check).collect()
}

/// Looks at hosts, many at once: one that does not answer takes its time and nobody else's.
async fn check_hosts(workspace: &Workspace, hosts: &[HostSpec]) -> Vec<Patient> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut looking = JoinSet::new();
    let mut checks: Vec<Vec<Check>> = Vec::new();
    for (at, host) in hosts.iter().enumerate() {
        checks.push(Vec::new());
        let target = workspace.target(host);
        let room = Arc::clone(&room);
        looking.spawn(async move {
            let checks = match target {
                Err(fault) => vec![faulty("ssh", &fault)],
                Ok(target) => {
                    // Nobody closes it; without room there would be no limit, and no other harm.
                    let _room = room.acquire().await;
                    check_host(&target).await
                }
            };
            (at, checks)
        });
    }
    while let Some(looked) = looking.join_next().await {
        if let Ok((at, found)) = looked
            && let Some(slot) = checks.get_mut(at)
        {
            *slot = found;
        }
    }
    let named = hosts.iter().zip(checks);
    named
        .map(|(host, checks)| Patient {
            name: Some(host.name.clone()),
            checks,
        })
        .collect()
}

async fn check_host(target: &Target) -> Vec<Check> {
    let connection = match Connection::open(target, Stop::never()).await {
        Err(fault) => return vec![faulty("ssh", &fault)],
        Ok(connection) => connection,
    };
    let (user, address) = (&target.user, connection.address());
    let mut checks = vec![fine("ssh", format!("{user} at {address}"))];
    match host::survey(&connection, &target.name, Stop::never()).await {
        Err(fault) if fault.code == Code::RootRefused => checks.push(faulty(SUDO, &fault)),
        Err(fault) => checks.push(faulty("host", &fault)),
        Ok(state) => {
            if user != "root" {
                checks.push(fine(SUDO, format!("{user} may become root")));
            }
            checks.extend(check_state(&state));
        }
    }
    checks
}

fn check_state(state: &HostState) -> Vec<Check> {
    let mut checks = vec![match &state.nix {
        Some(version) => fine("nix", version.clone()),
        None => mend(
            found("nix", Verdict::Failed, "there is none on the host"),
            "install Nix on the host",
        ),
    }];
    checks.extend(check_space(state));
    checks.push(match state.failed_units.as_slice() {
        [] => fine("units", "none failed"),
        units => mend(
            found(
                "units",
                Verdict::Warning,
                format!("failed: {}", units.join(" ")),
            ),
            "look at them: systemctl status UNIT",
        ),
    });
    checks
}

fn check_space(state: &HostState) -> Option<Check> {
    let free = state.free_bytes?;
    let space = format!("{} MiB free for /nix/store", free >> 20);
    Some(if free < LITTLE_SPACE {
        mend(
            found("disk", Verdict::Warning, space),
            "nix-collect-garbage on the host",
        )
    } else {
        fine("disk", space)
    })
}

#[cfg(test)]
mod tests {
    use super::{compared, version_numbers};
    use infra_model::StorePath;
    use infra_model::answer::Verdict;

    #[test]
    fn another_derivation_than_remembered_is_a_loud_failure() {
        let path = |name: &str| {
            StorePath::parse(&format!(
                "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}.drv"
            ))
            .expect("a store path")
        };
        assert_eq!(compared(&path("a"), &path("a")).verdict, Verdict::Ok);
        let check = compared(&path("a"), &path("b"));
        assert_eq!(check.verdict, Verdict::Failed);
        assert!(
            check.found.contains("-a.drv") && check.found.contains("-b.drv") && check.fix.is_some()
        );
    }

    #[test]
    fn reads_the_versions_of_all_flavours() {
        let cases = [
            ("nix (Nix) 2.34.8", Some((2, 34))),
            ("nix (Lix, like Nix) 2.93.0", Some((2, 93))),
            ("nix (Determinate Nix 3.11.2) 2.31.1", Some((2, 31))),
            ("nix (Nix) 2.19pre20231113_abc", Some((2, 19))),
            ("nix", None),
        ];
        for (text, expected) in cases {
            assert_eq!(version_numbers(text), expected, "{text}");
        }
    }
}
