//! `infra plan`: look and decide as a deployment does, show what would be another, and stop. Nothing is made, kept or changed but the plan's file.

mod past;
mod preview;
mod revision;
mod stored;

use super::ready::{Make, fill_all};
use super::{answer, one, refuse, warn};
use crate::args::{Global, Pace, Plan as Args};
use crate::bundles::Bundler;
use crate::contracts::Contracts;
use crate::hands::{Purpose, Wire};
use crate::opener::Opener;
use crate::run::Run;
use crate::transaction::{self, Look};
use crate::workspace::Workspace;
use infra_drive::plans;
use infra_drive::process::Stop;
use infra_drive::snapshot::is_here;
use infra_drive::who::person_at_machine;
use infra_engine::Outcome;
use infra_model::answer::{Answer, Exit, HostPlan};
use infra_model::change::Reboot;
use infra_model::plan_file::{PLAN_SCHEMA, PlanFile, PlannedChange};
use infra_model::{BuildOn, Code, Diagnostic, Goal, HostName, HostSpec, Step, StepKind};
use infra_plan::lint::{Circumstances, Subject, lint};
use infra_plan::{Decision, Known, Rollout};
use past::{Base, Past};
use preview::{Draft, Pair};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use stored::Stored;

const NAME: &str = "plan";

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    match look(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok(found) => {
            warn(global, &found.warnings);
            let text = infra_view::plan::render(&found.plans) + &found.kept;
            let told = Answer::new(NAME, found.plans, found.errors).with_warnings(found.warnings);
            answer(global, &told, &text);
            found.exit
        }
    }
}

struct Found {
    plans: Vec<HostPlan>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// Where the plan was written, in words.
    kept: String,
    exit: Exit,
}

/// A host with everything that is told of it.
struct Planned {
    spec: HostSpec,
    known: Known,
    decision: Decision,
    plan: HostPlan,
    expiring: Vec<(infra_model::NeedName, u64)>,
}

/// What hosts are looked at with.
struct Desk<'d> {
    args: &'d Args,
    goal: Goal,
    reboot: Reboot,
    workspace: Arc<Workspace>,
    contracts: Contracts,
    rollout: Rollout,
    stored: Stored,
    past: Past,
    wire: Arc<Wire>,
}

async fn look(global: &Global, args: &Args) -> Result<Found, Vec<Diagnostic>> {
    let goal: Goal = args.goal.into();
    let reboot = args.boots.with(goal).map_err(one)?;
    let workspace = Arc::new(Workspace::open(global).map_err(one)?);
    let hosts = workspace.select_to_act(&args.selection)?.hosts;
    let mut past = Past::open(&workspace, &args.against).map_err(one)?;
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    let given = (&args.fill, Make::Told);
    let contracts = fill_all(&workspace, &evaluator, &hosts, given).await?;
    let stored = Stored::look(&workspace, &evaluator).await;
    let purpose = if args.build {
        Purpose::Build
    } else {
        Purpose::Look
    };
    // One answer at the end and no stream, as with every mere question.
    let quiet = Global {
        json: false,
        ..global.clone()
    };
    let mut run = Run::begin(&quiet, None);
    if let Some(hosts) = args.parallel {
        run.at_once(hosts.into());
    }
    past.check_out(&workspace).map_err(one)?;
    let earlier = match &mut past.revision {
        Some(revision) => {
            let given = (&hosts[..], &args.fill);
            let filled = run.ask(async |stop| revision.fill(global, given, &stop).await);
            Some(filled.await?)
        }
        None => None,
    };
    let mut desk = Desk {
        args,
        goal,
        reboot,
        rollout: transaction::rollout(&workspace, &hosts, &contracts, &Pace::default())?,
        contracts,
        stored,
        past,
        wire: Arc::new(Wire::new(Arc::clone(&workspace), evaluator, purpose)),
        workspace,
    };
    if let (Some(revision), Some(filled), false) =
        (&mut desk.past.revision, earlier, run.interrupted())
    {
        let faults = revision.evaluate(&filled, args.build, &mut run).await;
        desk.past.warnings.extend(filled.warnings);
        desk.past.warnings.extend(faults);
    }
    desk.look_at(&hosts, run).await
}

fn exit_of(run: &Run, hosts: &[HostSpec], errors: &[Diagnostic]) -> Exit {
    if run.interrupted() {
        return Exit::Interrupted;
    }
    let failed = |host: &HostName| errors.iter().any(|error| error.host.as_ref() == Some(host));
    let lost = hosts.iter().filter(|host| failed(&host.name)).count();
    Exit::of_hosts(hosts.len() - lost, lost)
}

impl Desk<'_> {
    /// Asks hosts, decides on them, and tells all of it.
    async fn look_at(&self, hosts: &[HostSpec], mut run: Run) -> Result<Found, Vec<Diagnostic>> {
        let mut bundler =
            Bundler::new(&self.workspace, Opener::new(&self.workspace, Stop::never()));
        let asked: &[HostSpec] = if run.interrupted() { &[] } else { hosts };
        let (known, mut errors) = self.ask(asked, &mut run, &mut bundler).await;
        let (decisions, _) = infra_plan::deploy(&known, self.goal);
        let built = self.build(&known, &decisions, &mut run).await;
        errors.extend(built.errors.clone());
        let planned = self
            .planned(hosts, (known, decisions), (&mut run, &bundler))
            .await;
        let mut warnings = self.contracts.warnings.clone();
        warnings.extend(self.past.warnings.iter().cloned());
        warnings.extend(self.stored.warnings.iter().cloned());
        warnings.extend(self.lint(&planned));
        warnings.extend(self.wire.close().await);
        let exit = exit_of(&run, hosts, &errors);
        let kept = match &self.args.output {
            Some(file) if !planned.is_empty() && !run.interrupted() => {
                self.keep(file, &planned).await.map_err(one)?
            }
            _ => String::new(),
        };
        let mut plans: Vec<HostPlan> = planned.into_iter().map(|one| one.plan).collect();
        plans.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Found {
            plans,
            errors,
            warnings,
            kept,
            exit,
        })
    }

    /// Asks and evaluates hosts. What keeps one from being planned is told, and keeps no other.
    async fn ask(
        &self,
        hosts: &[HostSpec],
        run: &mut Run,
        bundler: &mut Bundler<'_>,
    ) -> (Vec<Known>, Vec<Diagnostic>) {
        let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
        let plan = infra_plan::survey(&names, true);
        let outcome = run.perform_open(&plan, &self.wire).await;
        let mut errors = outcome.errors.clone();
        let mut look = Look {
            hosts,
            contracts: &self.contracts,
            bundler,
            limits: transaction::limits(&self.workspace, &Pace::default()),
            reboot: self.reboot,
        };
        let mut all = Vec::new();
        for (host, seen) in transaction::seen_of(hosts, &outcome, "") {
            let known = match seen {
                Ok(seen) => look.known(seen, &outcome).await,
                Err(fault) => Some(Err(fault)),
            };
            match known {
                Some(Ok(known)) => all.push(known),
                Some(Err(fault)) => errors.push(fault.with_host(&host)),
                None => {}
            }
        }
        (all, errors)
    }

    /// Builds what is to be shown, if that was asked for. What is built on its host is not: nothing is done there.
    async fn build(&self, known: &[Known], decisions: &[Decision], run: &mut Run) -> Outcome {
        let mut plan = infra_plan::Plan::default();
        if self.args.build && !run.interrupted() {
            for (known, decision) in known.iter().zip(decisions) {
                let built = &known.system.answer.toplevel;
                // What has nothing to be done to it may still be compared with something else than what runs.
                let is_wanted = decision.includes(StepKind::Build)
                    || !(self.past.is_running() || is_here(&built.out));
                if is_wanted && known.build != BuildOn::Target {
                    let (drv, out) = (built.drv.clone(), built.out.clone());
                    plan.add(&known.name, Step::Build { drv, out }, &[]);
                }
            }
        }
        run.perform_open(&plan, &self.wire).await
    }

    /// Everything that is told of hosts. Their systems are read from disks and hosts; a host for which that was interrupted is left out.
    async fn planned(
        &self,
        hosts: &[HostSpec],
        (known, decisions): (Vec<Known>, Vec<Decision>),
        (run, bundler): (&mut Run, &Bundler<'_>),
    ) -> Vec<Planned> {
        let changing: Vec<HostName> = decisions
            .iter()
            .filter(|decision| !decision.steps.is_empty())
            .map(|decision| decision.host.clone())
            .collect();
        let stages = self.rollout.stages(&changing);
        let bases: Vec<Base> = known
            .iter()
            .map(|known| self.past.of(&known.name, &known.state))
            .collect();
        let drafts = || {
            let all = known.iter().zip(&decisions).zip(&bases);
            all.map(|((known, decision), base)| Draft {
                known,
                decision,
                base,
            })
        };
        let pairs: BTreeMap<HostName, Pair> = drafts()
            .filter_map(|draft| Some((draft.known.name.clone(), self.pair(draft)?)))
            .collect();
        let awaited: BTreeSet<HostName> = pairs.keys().cloned().collect();
        let mut read = self.read(pairs, run).await;
        let mut plans = Vec::new();
        for draft in drafts() {
            let name = &draft.known.name;
            let systems = match read.remove(name) {
                None if awaited.contains(name) && run.interrupted() => continue,
                None if awaited.contains(name) => Some(Err(broken(name))),
                read => read,
            };
            let told = bundler.told(name);
            let wave = stages.get(name).copied();
            plans.push(self.plan(draft, systems, (wave, &told)));
        }
        let all = known.into_iter().zip(decisions);
        all.filter_map(|(known, decision)| {
            let spec = hosts.iter().find(|host| host.name == known.name)?;
            let plan = plans.iter().find(|plan| plan.name == known.name)?;
            Some(Planned {
                spec: spec.clone(),
                expiring: self.stored.expiring(&known.name),
                plan: plan.clone(),
                known,
                decision,
            })
        })
        .collect()
    }

    fn lint(&self, planned: &[Planned]) -> Vec<Diagnostic> {
        let contract = |host: &HostName| self.contracts.hosts.get(host);
        let subjects: Vec<Subject<'_>> = planned
            .iter()
            .map(|one| Subject {
                spec: &one.spec,
                state: &one.known.state,
                contract: contract(&one.spec.name).map(crate::contracts::Contract::manifest),
                plan: &one.plan,
                expiring: &one.expiring,
            })
            .collect();
        let circumstances = Circumstances {
            reboot: !self.reboot.is_never(),
            now: now(),
        };
        lint(&subjects, circumstances)
    }

    /// Writes the plan, and says how to go on.
    async fn keep(&self, file: &Path, planned: &[Planned]) -> Result<String, Diagnostic> {
        let change = |one: &Planned| PlannedChange {
            host: one.spec.name.clone(),
            tree: one.known.system.tree.clone(),
            drv: one.known.system.answer.toplevel.drv.clone(),
            out: one.known.system.answer.toplevel.out.clone(),
            intent: one.decision.intent().cloned(),
            wave: one.plan.wave,
            private: Some(self.contracts.private(&one.spec.name)),
            plan: one.plan.clone(),
        };
        let plan = PlanFile {
            schema: PLAN_SCHEMA,
            id: String::new(),
            infra: env!("CARGO_PKG_VERSION").to_owned(),
            repository: plans::repository(self.workspace.repo.root(), Stop::never()).await,
            made: now(),
            by: person_at_machine(),
            goal: self.goal,
            hosts: planned.iter().map(change).collect(),
        };
        plans::write(file, &plan.named(&plans::digest)?.to_text()?)?;
        let shown = file.display();
        Ok(format!(
            "\nkept in {shown}; to do it: infra apply {shown}\n"
        ))
    }
}

fn broken(host: &HostName) -> Diagnostic {
    let title = format!("infra broke while it read the systems of {host}");
    Diagnostic::new(Code::Internal, title).with_fix("this is a bug: please report it")
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Fingerprints of secrets, by name.
type Prints = BTreeMap<String, Option<String>>;
