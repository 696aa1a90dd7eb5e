//! `infra check --poison`: no secret is where it must not be.

mod allowed;
mod gather;
mod hosts;
mod show;

use super::{answer, refuse};
use crate::args::{Fill, Global, Selection};
use crate::contracts;
use crate::workspace::Workspace;
use allowed::Closures;
use gather::Gathered;
use infra_drive::evaluator::Evaluator;
use infra_drive::poison::{self, Here, Owners};
use infra_drive::process::Stop;
use infra_drive::roots::Roots;
use infra_drive::state;
use infra_drive::table::cache_dir;
use infra_model::answer::{Answer, Exit};
use infra_model::poison::{Exposure, HostSearch, Looked};
use infra_model::{Code, Diagnostic, HostName, HostSpec, NeedName, Place};
use infra_search::{Control, Look};
use infra_view::Screen;
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "check";

/// What was found on this machine.
#[derive(Debug, Default)]
struct Seen {
    looked: Looked,
    found: BTreeMap<HostName, Vec<Exposure>>,
}

/// Arguments of `check`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    fill: Fill,
    /// Search this machine for the secrets of the hosts, in all forms they may have been written in: what was built and what it was built
    /// from, what infra remembers, the repository and its history, arguments and environments of processes. Needs the keys that open them.
    #[arg(long)]
    poison: bool,
    /// Search the hosts as well, each for its own secrets: processes, the journal, files, the running system.
    #[arg(long, requires = "poison")]
    hosts: bool,
    /// On the hosts search all of the Nix store, and not only what the running system needs of it.
    #[arg(long, requires = "hosts")]
    whole_store: bool,
}

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    if !args.poison {
        return refuse(NAME, global, vec![unnamed()]);
    }
    match perform(global, args).await {
        Ok((searches, errors, warnings)) => tell(global, searches, errors, warnings),
        Err(faults) => refuse(NAME, global, faults),
    }
}

fn unnamed() -> Diagnostic {
    Diagnostic::new(Code::Usage, "it is not said what to check")
        .with_place(Place::file("command line"))
        .with_fix("say --poison: no secret of the selected hosts is where it must not be (infra doctor looks for what commonly goes wrong)")
}

type Performed = (Vec<HostSearch>, Vec<Diagnostic>, Vec<Diagnostic>);

async fn perform(global: &Global, args: &Args) -> Result<Performed, Vec<Diagnostic>> {
    let one = |fault: Diagnostic| vec![fault];
    let workspace = Workspace::open(global).map_err(one)?;
    let selected = workspace.select_strictly(&args.selection)?;
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    let contracts = super::fill(&workspace, &evaluator, &selected, &args.fill).await?;
    let mut gathered = gather::open(&workspace, &selected, &contracts, args.hosts).await;
    if !gathered.shared.is_empty() {
        share(&workspace, &evaluator, &mut gathered).await?;
    }
    let mut warnings = contracts.warnings;
    let mut errors = contracts.faults;
    errors.append(&mut gathered.faults);
    let say = |text: &str| {
        if !global.json {
            Screen.err(&format!("  searching  {text}\n"));
        }
    };
    // Before any host is spoken to: what that starts has the environment that infra has.
    let mut seen = search_here(&workspace, &gathered, &say)
        .await
        .map_err(one)?;
    if !gathered.subjects.is_empty() {
        warnings.extend(
            gathered
                .hosts
                .iter()
                .filter_map(|host| unbuilt(&workspace, host)),
        );
    }
    let mut there = if args.hosts {
        hosts::search(&workspace, &gathered.hosts, args.whole_store, &say).await
    } else {
        BTreeMap::new()
    };
    let mut searches = Vec::new();
    for host in &gathered.hosts {
        let name = &host.name;
        let (there, found_there) = match there.remove(name) {
            None => (None, Vec::new()),
            Some(Ok(report)) => (Some(report.looked), report.found),
            Some(Err(fault)) => {
                errors.push(fault.with_host(name));
                (None, Vec::new())
            }
        };
        searches.push(HostSearch {
            name: name.clone(),
            searched: gathered.searched.remove(name).unwrap_or_default(),
            unsearched: gathered.unsearched.remove(name).unwrap_or_default(),
            here: seen.looked.clone(),
            there,
            found_here: seen.found.remove(name).unwrap_or_default(),
            found_there,
        });
    }
    let private: BTreeSet<&str> = gathered
        .private
        .keys()
        .map(|(_, name)| name.as_str())
        .collect();
    errors.extend(
        searches
            .iter()
            .filter_map(|search| exposed(search, &private)),
    );
    warnings.extend(evaluator.finish());
    Ok((searches, errors, warnings))
}

/// Searches this machine for the secrets of all hosts at once.
async fn search_here(
    workspace: &Workspace,
    gathered: &Gathered,
    say: &dyn Fn(&str),
) -> Result<Seen, Diagnostic> {
    if gathered.subjects.is_empty() {
        return Ok(Seen::default());
    }
    // What belongs to other hosts says where private values must not be.
    let all = workspace.contents.fleet.hosts();
    let hosts = if gathered.private.is_empty() {
        gathered.hosts.as_slice()
    } else {
        all
    };
    let closures = Closures::read(workspace, hosts, !gathered.private.is_empty()).await?;
    let here = Here {
        store: closures.paths(),
        state: state::folder(),
        cache: cache_dir(),
        repository: workspace.repo.root().to_owned(),
        sources: gathered.sources.clone(),
        from_environment: gathered.from_environment,
        from_arguments: gathered.from_arguments,
    };
    let control = Control::new()?;
    let search = gathered.subjects.search(&control)?;
    let mut look = Look::new(&search, |looked| say(&show::amount(looked)));
    poison::search(&here, &control, &mut look, say)?;
    let (looked, found) = look.end();
    let owners = if gathered.private.is_empty() {
        Owners::new()
    } else {
        poison::owners(&here.cache)?
    };
    let trees = here.cache.join("trees").display().to_string();
    let mut seen = Seen {
        looked,
        ..Seen::default()
    };
    for ((host, secret), form, at) in gathered.subjects.named(&found) {
        let subject = (host, secret);
        let readers = gathered.private.get(&subject);
        if readers.is_some_and(|readers| closures.is_theirs(readers, &at, (&trees, &owners))) {
            continue;
        }
        let (host, secret) = subject;
        let secret = NeedName::to_string(&secret);
        let of_host = seen.found.entry(host).or_default();
        of_host.push(Exposure { secret, form, at });
    }
    for found in seen.found.values_mut() {
        found.sort();
    }
    Ok(seen)
}

/// Who shares the private values of these hosts: that stands in the contracts of all.
async fn share(
    workspace: &Workspace,
    evaluator: &Evaluator,
    gathered: &mut Gathered,
) -> Result<(), Vec<Diagnostic>> {
    let hosts = workspace.contents.fleet.hosts();
    let none = BTreeMap::new();
    let fleet = contracts::gather(workspace, evaluator, hosts, &none, &Stop::never()).await?;
    let manifests = fleet
        .hosts
        .iter()
        .map(|(host, contract)| (host.clone(), contract.manifest()))
        .collect();
    gathered.share(&manifests);
    Ok(())
}

/// A host of which there is nothing in the store: that it is clean says less.
fn unbuilt(workspace: &Workspace, host: &HostSpec) -> Option<Diagnostic> {
    let roots = Roots::of(&workspace.state());
    let is_known = !roots.kept(&host.name).is_empty();
    (!is_known).then(|| {
        Diagnostic::new(
            Code::MissingFile,
            "no system of the host is in this machine's store, so that none was searched",
        )
        .with_fix(format!("build it first: infra build {}", host.name))
        .with_host(&host.name)
    })
}

/// The error of a host whose secrets were found.
fn exposed(search: &HostSearch, private: &BTreeSet<&str>) -> Option<Diagnostic> {
    let found: Vec<&Exposure> = search
        .found_here
        .iter()
        .chain(&search.found_there)
        .collect();
    let mut names: Vec<&str> = found.iter().map(|one| one.secret.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let first = names.first()?;
    let what = if names.iter().all(|name| private.contains(name)) {
        "private values"
    } else {
        "secrets"
    };
    let title = format!("{what} are where they must not be: {}", names.join(", "));
    let verb = if private.contains(first) {
        "new"
    } else {
        "rotate"
    };
    let more = if names.len() > 1 { ", and so on" } else { "" };
    Some(
        Diagnostic::new(Code::SecretExposed, title)
            .with_cause(format!("found in {}", counted(found.len(), "place")))
            .with_fix(format!(
                "see what put them there and end it; then they are no secrets any more: infra secret {verb} {} {first}{more}",
                search.name
            ))
            .with_host(&search.name),
    )
}

fn counted(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

fn tell(
    global: &Global,
    searches: Vec<HostSearch>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
) -> Exit {
    let is_found = errors.iter().any(|error| error.code == Code::SecretExposed);
    let exit = if is_found {
        Exit::SomeFailed
    } else {
        let failed = |search: &&HostSearch| {
            let of_it = |error: &Diagnostic| error.host.as_ref() == Some(&search.name);
            errors.iter().any(of_it)
        };
        let good = searches.len() - searches.iter().filter(failed).count();
        Exit::of_hosts(good, errors.len())
    };
    super::warn(global, &warnings);
    let text = show::show(&searches, &errors);
    let told = Answer::new(NAME, searches, errors).with_warnings(warnings);
    answer(global, &told, &text);
    exit
}
