//! `infra deploy`: look, decide, act.

use super::ready::{Make, fill_all};
use super::refuse;
use crate::args::{Deploy, Global};
use crate::bundles::Bundler;
use crate::contracts::Contracts;
use crate::hands::{Purpose, Wire};
use crate::opener::Opener;
use crate::record::{Beginning, Came, Subject};
use crate::run::Run;
use crate::workspace::{Selected, Workspace};
use infra_drive::process::Stop;
use infra_drive::state::State;
use infra_engine::{Ending, Outcome};
use infra_model::answer::{ANSWER_SCHEMA, Answer, Exit, HostResult, Receipt};
use infra_model::{
    Diagnostic, Evaluation, Event, Finding, Goal, HostName, HostOutcome, HostSpec, HostState,
    StepKind, StorePath,
};
use infra_plan::{Decision, Known, Plan, Secrets};
use infra_view::{Screen, lines};
use std::collections::{BTreeMap, HashMap};
use std::io::IsTerminal;
use std::sync::Arc;

const NAME: &str = "deploy";

/// What the deployment is to do, once everything typed has been understood.
struct Request {
    selected: Selected,
    goal: Goal,
    dry_run: bool,
    ask: bool,
}

/// What came of the hosts so far.
#[derive(Default)]
struct Results {
    outcomes: HashMap<HostName, HostOutcome>,
    errors: Vec<Diagnostic>,
    seconds: BTreeMap<(HostName, StepKind), f64>,
    warnings: Vec<Diagnostic>,
}

pub(super) async fn run(global: &Global, args: &Deploy) -> Exit {
    let workspace = match Workspace::open(global) {
        Ok(workspace) => Arc::new(workspace),
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let selected = match workspace.select_to_act(&args.selection) {
        Ok(selected) => selected,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let evaluator = match super::evaluator(global, &workspace) {
        Ok(evaluator) => evaluator,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let make = if args.dry_run { Make::Told } else { Make::All };
    let fill = (&args.fill, make);
    let filled = fill_all(&workspace, &evaluator, &selected.hosts, fill).await;
    let contracts = match filled {
        Ok(contracts) => contracts,
        Err(faults) => return refuse(NAME, global, faults),
    };
    let beginning = Beginning::now(&workspace).await;
    let state = workspace.state();
    // Before anything is touched: a run that cannot be written down is not begun.
    let journal = match state.begin() {
        Ok(journal) => journal,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let on_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let request = Request {
        selected,
        goal: args.goal.into(),
        dry_run: args.dry_run,
        ask: on_terminal && !args.yes && !global.json,
    };
    let run = Run::begin(global, Some(journal));
    let purpose = Purpose::Deploy(run.id().to_owned());
    let wire = Arc::new(Wire::new(Arc::clone(&workspace), evaluator, purpose));
    let mut deployment = Deployment {
        request,
        run,
        wire,
        results: Results::default(),
        declined: false,
        beginning,
    };
    let mut bundler = Bundler::new(&workspace, Opener::new(&workspace, Stop::never()));
    let mut known = deployment.look().await;
    deployment.want(&mut known, &contracts, &mut bundler).await;
    let (decisions, plan) = deployment.decide(&known);
    if !deployment.request.dry_run {
        let (decisions, plan) = deployment
            .seal(decisions, plan, &contracts, &mut bundler)
            .await;
        deployment.act(&decisions, &plan).await;
    }
    deployment.results.warnings = contracts.warnings;
    let unkept = deployment.wire.close().await;
    deployment.results.warnings.extend(unkept);
    super::warn(global, &deployment.results.warnings);
    deployment.finish(global, &state, &known)
}

/// A deployment in progress.
struct Deployment {
    request: Request,
    run: Run,
    wire: Arc<Wire>,
    results: Results,
    /// Somebody was asked, and said no.
    declined: bool,
    beginning: Beginning,
}

impl Deployment {
    /// Looks at everything first: every host's state and every host's system.
    async fn look(&mut self) -> Vec<Known> {
        let hosts = &self.request.selected.hosts;
        let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
        self.run.tell(Event::RunStarted {
            run: self.run.id().to_owned(),
            command: NAME.to_owned(),
            hosts: names.clone(),
            goal: Some(self.request.goal),
        });
        for host in &self.request.selected.passed_over.clone() {
            let why = format!(
                "hosts of class {} cannot be deployed by this version",
                host.class
            );
            self.settle(&host.name, HostOutcome::Skipped, Some(why));
        }
        let plan = infra_plan::survey(&names, true);
        let mut outcome = self.run.perform(&plan, Ending::Open, &self.wire).await;
        let hosts = &self.request.selected.hosts;
        let known = hosts
            .iter()
            .filter_map(|host| known(host, &outcome))
            .collect();
        // Hosts that came through are not settled yet.
        outcome.hosts.retain(|_, came_to| !came_to.is_good());
        self.absorb(outcome);
        known
    }

    /// Adds which secrets each host is to have. A host whose secrets cannot be told fails alone.
    async fn want(
        &mut self,
        known: &mut Vec<Known>,
        contracts: &Contracts,
        bundler: &mut Bundler<'_>,
    ) {
        let mut able = Vec::new();
        for mut host in std::mem::take(known) {
            let wanted = match contracts.hosts.get(&host.name) {
                None => Ok(Secrets::default()),
                Some(contract) => bundler.wanted(&host.name, contract).await,
            };
            match wanted {
                Ok(secrets) => {
                    host.secrets = secrets;
                    able.push(host);
                }
                Err(fault) => self.fail(&host.name, fault),
            }
        }
        *known = able;
    }

    /// Opens and seals the secrets of the hosts that are to be given them. Keys are used here and nowhere else, and before anything is
    /// changed: a host whose secrets cannot be opened fails alone.
    async fn seal(
        &mut self,
        decisions: Vec<Decision>,
        plan: Plan,
        contracts: &Contracts,
        bundler: &mut Bundler<'_>,
    ) -> (Vec<Decision>, Plan) {
        let mut failed: Vec<HostName> = Vec::new();
        for decision in &decisions {
            let Some(contract) = contracts
                .hosts
                .get(&decision.host)
                .filter(|_| decision.includes(StepKind::Seal))
            else {
                continue;
            };
            let run = self.run.id().to_owned();
            match bundler.seal(&decision.host, contract, &run).await {
                Ok(sealed) => self.wire.give(&decision.host, sealed),
                Err(fault) => {
                    failed.push(decision.host.clone());
                    self.fail(&decision.host, fault);
                }
            }
        }
        if failed.is_empty() {
            return (decisions, plan);
        }
        let able: Vec<Decision> = decisions
            .into_iter()
            .filter(|decision| !failed.contains(&decision.host))
            .collect();
        let plan = infra_plan::lined_up(&able);
        (able, plan)
    }

    fn fail(&mut self, host: &HostName, fault: Diagnostic) {
        let why = fault.title.clone();
        self.results.errors.push(fault.with_host(host));
        self.settle(host, HostOutcome::Failed, Some(why));
    }

    /// Decides, and says what it came to.
    fn decide(&mut self, known: &[Known]) -> (Vec<Decision>, Plan) {
        let (decisions, plan) = infra_plan::deploy(known, self.request.goal);
        self.run.tell(Event::PlanMade {
            hosts: decisions.iter().map(Decision::summary).collect(),
        });
        for decision in &decisions {
            if decision.steps.is_empty() {
                self.wire.unchanged(&decision.host);
                self.settle(&decision.host, HostOutcome::Unchanged, None);
            } else if self.request.dry_run {
                self.settle(
                    &decision.host,
                    HostOutcome::Skipped,
                    Some("dry run".to_owned()),
                );
            }
        }
        (decisions, plan)
    }

    async fn act(&mut self, decisions: &[Decision], plan: &Plan) {
        let changing: Vec<&HostName> = decisions
            .iter()
            .filter(|decision| !decision.steps.is_empty())
            .map(|decision| &decision.host)
            .collect();
        if changing.is_empty() {
            return;
        }
        if self.run.interrupted() {
            return self.leave_alone(&changing, "interrupted");
        }
        match self.request.ask.then(|| ask(changing.len())) {
            None | Some(Reply::Yes) => {}
            Some(Reply::No) => {
                self.declined = true;
                return self.leave_alone(&changing, "not confirmed");
            }
            Some(Reply::Interrupted) => {
                self.run.interrupt();
                return self.leave_alone(&changing, "interrupted");
            }
        }
        let outcome = self.run.perform(plan, Ending::Final, &self.wire).await;
        self.absorb(outcome);
    }

    fn leave_alone(&mut self, hosts: &[&HostName], why: &str) {
        for host in hosts {
            self.settle(host, HostOutcome::Skipped, Some(why.to_owned()));
        }
    }

    /// A host whose fate is decided outside the engine.
    fn settle(&mut self, host: &HostName, outcome: HostOutcome, why: Option<String>) {
        self.results.outcomes.insert(host.clone(), outcome);
        self.run.tell(Event::HostFinished {
            host: host.clone(),
            outcome,
            why,
        });
    }

    /// Takes over what came of a plan.
    fn absorb(&mut self, outcome: Outcome) {
        self.results.seconds.extend(outcome.seconds);
        self.results.outcomes.extend(outcome.hosts);
        self.results.errors.extend(outcome.errors);
    }

    fn finish(mut self, global: &Global, state: &State, known: &[Known]) -> Exit {
        let interrupted = self.run.interrupted();
        let run_id = self.run.id().to_owned();
        let results = self.host_results(known);
        let (journal, faults, seconds) = self.run.end();
        self.results.errors.extend(faults);
        // A host that was left alone keeps the receipt of what was last done to it.
        let left_alone =
            |result: &HostResult| self.request.dry_run || result.outcome == HostOutcome::Skipped;
        for result in results.iter().filter(|result| !left_alone(result)) {
            let receipt = Receipt {
                schema: ANSWER_SCHEMA,
                run: run_id.clone(),
                result: result.clone(),
            };
            self.results
                .errors
                .extend(state.keep_receipt(&result.name, &receipt).err());
        }
        if !self.request.dry_run {
            let unkept = self.beginning.keep(&Came {
                run: &run_id,
                command: NAME,
                goal: self.request.goal,
                results: &results,
                subjects: &known
                    .iter()
                    .map(|known| (known.name.clone(), Subject::of(known)))
                    .collect(),
                errors: &self.results.errors,
            });
            self.results.errors.extend(unkept);
        }
        let outcomes: Vec<HostOutcome> = results.iter().map(|result| result.outcome).collect();
        let answer =
            Answer::new(NAME, results, self.results.errors).with_warnings(self.results.warnings);
        if let Some(journal) = journal
            && let Err(fault) = journal.finish(&answer)
        {
            Screen.errors(&[fault]);
        }
        let summary = format!("{} ({seconds:.1}s)\n", lines::tally(&outcomes));
        super::answer(global, &answer, &summary);
        if self.declined {
            return Exit::NothingDone;
        }
        if interrupted {
            return Exit::Interrupted;
        }
        exit(&outcomes, self.request.dry_run)
    }

    fn host_results(&self, known: &[Known]) -> Vec<HostResult> {
        let mut results: Vec<HostResult> = self
            .results
            .outcomes
            .iter()
            .map(|(name, outcome)| {
                let found = known.iter().find(|known| known.name == *name);
                let before = found.and_then(|known| known.state.current.clone());
                HostResult {
                    name: name.clone(),
                    outcome: *outcome,
                    after: self.system_after(*outcome, before.as_ref(), found),
                    before,
                    tree: found.map(|known| known.system.tree.clone()),
                    seconds: self.seconds_of(name),
                }
            })
            .collect();
        results.sort_by(|a, b| a.name.cmp(&b.name));
        results
    }

    /// What the host runs now, as far as this run has seen it.
    fn system_after(
        &self,
        outcome: HostOutcome,
        before: Option<&StorePath>,
        known: Option<&Known>,
    ) -> Option<StorePath> {
        match outcome {
            HostOutcome::Changed if self.request.goal.activates() => {
                known.map(|known| known.system.answer.toplevel.out.clone())
            }
            HostOutcome::Changed
            | HostOutcome::Unchanged
            | HostOutcome::Skipped
            | HostOutcome::RolledBack => before.cloned(),
            // Somewhere between: the next survey will tell.
            HostOutcome::Failed => None,
        }
    }

    fn seconds_of(&self, host: &HostName) -> BTreeMap<String, f64> {
        self.results
            .seconds
            .iter()
            .filter(|((name, _), _)| name == host)
            .map(|((_, step), seconds)| {
                (
                    step.as_str().to_owned(),
                    (seconds * 1000.0).round() / 1000.0,
                )
            })
            .collect()
    }
}

fn known(host: &HostSpec, outcome: &Outcome) -> Option<Known> {
    let finding = |kind| outcome.findings.get(&(host.name.clone(), kind));
    let state: HostState = match finding(StepKind::Survey)? {
        Finding::State(state) => (**state).clone(),
        _ => return None,
    };
    let system: Evaluation = match finding(StepKind::Evaluate)? {
        Finding::System(system) => (**system).clone(),
        _ => return None,
    };
    Some(Known {
        name: host.name.clone(),
        build: host.build.clone(),
        state,
        system,
        secrets: Secrets::default(),
    })
}

/// What somebody said when asked.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Yes,
    No,
    Interrupted,
}

fn ask(count: usize) -> Reply {
    let noun = if count == 1 { "host" } else { "hosts" };
    let answer = dialoguer::Confirm::new()
        .with_prompt(format!("Change {count} {noun}?"))
        .default(false)
        .interact();
    if answer.is_err() {
        // dialoguer leaves the terminal as it is in the middle of a question: on the line of the question, without a cursor.
        let terminal = dialoguer::console::Term::stderr();
        let _ = terminal
            .show_cursor()
            .and_then(|()| terminal.write_line(""));
    }
    reply(answer)
}

/// While a question is open the terminal tells of Ctrl-C in the answer. A terminal that cannot be asked any more has not agreed.
fn reply(answer: dialoguer::Result<bool>) -> Reply {
    match answer {
        Ok(true) => Reply::Yes,
        Ok(false) => Reply::No,
        Err(dialoguer::Error::IO(error)) => match error.kind() {
            std::io::ErrorKind::Interrupted => Reply::Interrupted,
            _ => Reply::No,
        },
    }
}

/// In a dry run a host is left alone because all that was asked of it is done.
fn exit(outcomes: &[HostOutcome], dry_run: bool) -> Exit {
    let count = |wanted: &dyn Fn(HostOutcome) -> bool| {
        outcomes.iter().filter(|outcome| wanted(**outcome)).count()
    };
    let good = count(&|outcome| outcome.is_good() || (dry_run && outcome == HostOutcome::Skipped));
    let failed = count(&|outcome| matches!(outcome, HostOutcome::Failed | HostOutcome::RolledBack));
    // Asked for hosts and able to do nothing with any of them is not success.
    if good + failed == 0 && !outcomes.is_empty() {
        return Exit::NothingDone;
    }
    Exit::of_hosts(good, failed)
}

#[cfg(test)]
mod tests {
    use super::{Reply, exit, reply};
    use infra_model::HostOutcome::{Changed, Failed, Skipped, Unchanged};
    use infra_model::answer::Exit;
    use std::io::{Error, ErrorKind};

    #[test]
    fn only_a_yes_agrees_and_ctrl_c_is_no_mere_no() {
        let broken = |kind: ErrorKind| Err(dialoguer::Error::IO(Error::from(kind)));
        assert_eq!(reply(Ok(true)), Reply::Yes);
        assert_eq!(reply(Ok(false)), Reply::No);
        assert_eq!(reply(broken(ErrorKind::Interrupted)), Reply::Interrupted);
        assert_eq!(reply(broken(ErrorKind::UnexpectedEof)), Reply::No);
    }

    #[test]
    fn exit_codes_count_what_was_asked() {
        assert_eq!(exit(&[Changed, Unchanged, Skipped], false), Exit::Ok);
        assert_eq!(exit(&[Changed, Failed], false), Exit::SomeFailed);
        assert_eq!(exit(&[Skipped, Failed], false), Exit::NothingDone);
        assert_eq!(exit(&[Skipped, Failed], true), Exit::SomeFailed);
        assert_eq!(exit(&[Skipped], true), Exit::Ok);
    }
}
