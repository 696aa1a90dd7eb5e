//! `infra doctor`: what commonly goes wrong, looked for before it does.

use super::refuse;
use crate::args::{Global, Selection};
use crate::workspace::Workspace;
use infra_drive::process::{Stop, Tool};
use infra_drive::ssh::{Connection, Target};
use infra_drive::{host, nix};
use infra_model::answer::{ANSWER_SCHEMA, Exit};
use infra_model::{Diagnostic, HostSpec, HostState};
use infra_view::Screen;
use infra_view::style::{BAD, GOOD, WARN, paint};
use serde::Serialize;

/// Nix before this has flakes that behave differently.
const OLDEST_NIX: (u64, u64) = (2, 18);
/// Less free space than this makes deployments fail in the middle.
const LITTLE_SPACE: u64 = 1 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(rename = "check")]
    about: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    schema: u32,
    command: &'static str,
    hosts: Vec<String>,
    checks: Vec<Check>,
    errors: Vec<Diagnostic>,
}

impl Check {
    fn new(check: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self {
            host: None,
            about: check,
            verdict,
            found: found.into(),
            fix: None,
        }
    }

    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, found)
    }

    fn of_fault(check: &'static str, fault: &Diagnostic) -> Self {
        Self {
            fix: fault.fix.clone(),
            ..Self::new(check, Verdict::Failed, fault.title.clone())
        }
    }

    fn fix(mut self, fix: &str) -> Self {
        self.fix = Some(fix.to_owned());
        self
    }

    fn on(mut self, host: &HostSpec) -> Self {
        self.host = Some(host.name.to_string());
        self
    }
}

pub(super) async fn run(global: &Global, selection: &Selection) -> Exit {
    const NAME: &str = "doctor";
    let mut checks = vec![
        check_nix().await,
        check_tool("ssh", &["-V"]).await,
        check_tool("git", &["--version"]).await,
    ];
    let workspace = match Workspace::open(global) {
        Ok(workspace) => workspace,
        // Without a repository there is still this machine to look at.
        Err(fault) if selection.selectors.is_empty() && !selection.all => {
            checks.push(Check {
                verdict: Verdict::Warning,
                ..Check::of_fault("repository", &fault)
            });
            return tell(global, Vec::new(), checks);
        }
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    checks.extend(check_repository(&workspace));
    let mut names = Vec::new();
    if selection.all || !selection.selectors.is_empty() {
        match workspace.select_strictly(selection) {
            Ok(hosts) => {
                for host in &hosts {
                    names.push(host.name.to_string());
                    checks.extend(
                        check_host(&workspace, host)
                            .await
                            .into_iter()
                            .map(|check| check.on(host)),
                    );
                }
            }
            Err(faults) => return refuse(NAME, global, faults),
        }
    }
    tell(global, names, checks)
}

fn tell(global: &Global, hosts: Vec<String>, checks: Vec<Check>) -> Exit {
    let failed = checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .count();
    let exit = Exit::of_hosts(checks.len() - failed, failed);
    if global.json {
        Screen.json(&Report {
            schema: ANSWER_SCHEMA,
            command: "doctor",
            hosts,
            checks,
            errors: Vec::new(),
        });
        return exit;
    }
    for check in &checks {
        let word = match check.verdict {
            Verdict::Ok => paint(GOOD, "     ok"),
            Verdict::Warning => paint(WARN, "warning"),
            Verdict::Failed => paint(BAD, " failed"),
        };
        let host = check
            .host
            .as_ref()
            .map(|host| format!("{host}: "))
            .unwrap_or_default();
        Screen.out(&format!("{word}  {host}{}: {}\n", check.about, check.found));
        if let Some(fix) = check.fix.as_ref().filter(|_| check.verdict != Verdict::Ok) {
            Screen.out(&format!("         fix: {fix}\n"));
        }
    }
    exit
}

async fn check_nix() -> Check {
    const NAME: &str = "nix";
    match nix::version().await {
        Err(fault) => Check::of_fault(NAME, &fault),
        Ok(version) => match version_numbers(&version) {
            Some(numbers) if numbers < OLDEST_NIX => {
                Check::new(NAME, Verdict::Failed, format!("{version} is too old"))
                    .fix("install Nix 2.18 or later")
            }
            Some(_) => Check::ok(NAME, version),
            None => Check::new(
                NAME,
                Verdict::Warning,
                format!("cannot read the version in `{version}`"),
            )
            .fix("see that `nix --version` prints one"),
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
        Err(fault) => Check::of_fault(program, &fault),
        Ok(ended) if said.is_empty() => Check::ok(program, ended.stdout.trim()),
        Ok(_) => Check::ok(program, said),
    }
}

fn check_repository(workspace: &Workspace) -> Vec<Check> {
    let root = workspace.repo.root().display();
    let count = workspace.contents.fleet.hosts().len();
    let mut checks: Vec<Check> = workspace
        .contents
        .faults
        .iter()
        .map(|fault| Check::of_fault("repository", fault))
        .collect();
    if checks.is_empty() {
        checks.push(Check::ok("repository", format!("{root}, {count} hosts")));
    }
    checks.push(match workspace.repo.peek("flake.lock") {
        Some(_) => Check::ok("flake.lock", "present"),
        None => Check::new(
            "flake.lock",
            Verdict::Warning,
            "absent: inputs are looked up anew in every evaluation",
        )
        .fix("nix flake lock"),
    });
    for host in workspace.contents.fleet.hosts() {
        let unpinned = workspace
            .repo
            .host_keys(&host.name)
            .map(|keys| keys.is_empty());
        match unpinned {
            Ok(false) => {}
            Ok(true) => checks.push(
                Check::new(
                    "host key",
                    Verdict::Warning,
                    "not pinned: there is no host.pub",
                )
                .fix("put the host's /etc/ssh/ssh_host_ed25519_key.pub into its folder as host.pub")
                .on(host),
            ),
            Err(fault) => checks.push(Check::of_fault("host key", &fault).on(host)),
        }
    }
    checks
}

async fn check_host(workspace: &Workspace, spec: &HostSpec) -> Vec<Check> {
    let target = match workspace.target(spec) {
        Ok(target) => target,
        Err(fault) => return vec![Check::of_fault("ssh", &fault)],
    };
    match look(&target).await {
        Err(fault) => vec![Check::of_fault("ssh", &fault)],
        Ok((address, state)) => {
            let mut checks = vec![Check::ok("ssh", format!("{} at {address}", target.user))];
            checks.push(match &state.nix {
                Some(version) => Check::ok("nix", version.clone()),
                None => Check::new("nix", Verdict::Failed, "there is none on the host")
                    .fix("install Nix on the host"),
            });
            checks.extend(check_space(&state));
            checks.push(match state.failed_units.as_slice() {
                [] => Check::ok("units", "none failed"),
                units => Check::new(
                    "units",
                    Verdict::Warning,
                    format!("failed: {}", units.join(" ")),
                )
                .fix("look at them: systemctl status UNIT"),
            });
            checks
        }
    }
}

async fn look(target: &Target) -> Result<(String, HostState), Diagnostic> {
    let connection = Connection::open(target, Stop::never()).await?;
    let state = host::survey(&connection, &target.name, Stop::never()).await;
    let address = connection.address().to_owned();
    connection.close().await;
    Ok((address, state?))
}

fn check_space(state: &HostState) -> Option<Check> {
    let free = state.free_bytes?;
    let found = format!("{} MiB free for /nix/store", free >> 20);
    Some(if free < LITTLE_SPACE {
        Check::new("disk", Verdict::Warning, found).fix("nix-collect-garbage on the host")
    } else {
        Check::ok("disk", found)
    })
}

#[cfg(test)]
mod tests {
    use super::version_numbers;

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
