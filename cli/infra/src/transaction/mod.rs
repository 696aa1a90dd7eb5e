//! One run that changes hosts, whatever began it: looked at everything, decided, asked, kept, done, told (DESIGN 6).

mod look;
mod order;
mod undo;

pub(crate) use look::{Look, Seen, sealed_as_planned, seen_of};
pub(crate) use order::{limits, rollout};

use crate::args::{Global, Pace};
use crate::contracts::Contracts;
use crate::hands::{Purpose, RunName, Wire};
use crate::record::{Beginning, Came, Subject};
use crate::run::Run;
use crate::workspace::{Selected, Workspace};
use infra_drive::evaluator::Evaluator;
use infra_drive::state::{Journal, State};
use infra_drive::who;
use infra_engine::{Ending, Outcome};
use infra_model::answer::{ANSWER_SCHEMA, Answer, Exit, HostResult, Receipt};
use infra_model::{Diagnostic, Event, Goal, HostName, HostOutcome, HostSpec, StepKind, StorePath};
use infra_plan::kept::{KEPT_SCHEMA, Kept};
use infra_plan::{Decision, Plan, Rollout};
use infra_view::lines;
use std::collections::{BTreeMap, HashMap};
use std::io::IsTerminal;
use std::sync::Arc;

/// What a transaction is, before it looks at anything.
pub(crate) struct Terms<'g> {
    pub(crate) global: &'g Global,
    /// The command that began it.
    pub(crate) command: &'static str,
    pub(crate) goal: Goal,
    /// Look, decide, tell, and stop.
    pub(crate) dry_run: bool,
    /// Somebody has agreed already.
    pub(crate) yes: bool,
    /// Hosts are to be put back: one that is has become what was asked.
    pub(crate) undo: bool,
}

/// A run that changes hosts, in progress.
pub(crate) struct Transaction<'g> {
    terms: Terms<'g>,
    state: State,
    run: Run,
    nonce: String,
    pub(crate) wire: Arc<Wire>,
    pub(crate) rollout: Rollout,
    beginning: Beginning,
    results: Results,
    /// Somebody was asked, and said no.
    declined: bool,
}

/// What came of the hosts so far.
#[derive(Default)]
struct Results {
    outcomes: HashMap<HostName, HostOutcome>,
    subjects: HashMap<HostName, Subject>,
    errors: Vec<Diagnostic>,
    seconds: BTreeMap<(HostName, StepKind), f64>,
    warnings: Vec<Diagnostic>,
}

impl<'g> Transaction<'g> {
    /// Begins a run. Before anything is touched: one that cannot be written down is not begun.
    pub(crate) async fn begin(
        terms: Terms<'g>,
        workspace: Arc<Workspace>,
        evaluator: Evaluator,
        pace: &Pace,
    ) -> Result<Self, Diagnostic> {
        let journal = workspace.state().begin()?;
        let nonce = infra_drive::recipe::random::word()?;
        let kept = (journal, nonce);
        Ok(Self::go_on(terms, (workspace, evaluator), kept, pace).await)
    }

    /// Goes on with a run: its journal is there already, and its hosts know its nonce.
    pub(crate) async fn go_on(
        terms: Terms<'g>,
        (workspace, evaluator): (Arc<Workspace>, Evaluator),
        (journal, nonce): (Journal, String),
        pace: &Pace,
    ) -> Self {
        let name = RunName {
            // A run that changes nothing has no name that a host could hear of.
            run: if terms.dry_run {
                String::new()
            } else {
                journal.run().to_owned()
            },
            by: who::person_at_machine(),
            nonce: nonce.clone(),
        };
        let beginning = Beginning::now(&workspace).await;
        let mut run = Run::begin(terms.global, Some(journal));
        if let Some(hosts) = pace.parallel {
            run.at_once(hosts.into());
        }
        Self {
            state: workspace.state(),
            wire: Arc::new(Wire::new(workspace, evaluator, Purpose::Deploy(name))),
            run,
            nonce,
            rollout: Rollout::default(),
            beginning,
            results: Results::default(),
            declined: false,
            terms,
        }
    }

    /// The run's identity.
    pub(crate) fn id(&self) -> &str {
        self.run.id()
    }

    /// Says which hosts it is about.
    pub(crate) fn announce(&mut self, hosts: &[HostName]) {
        let started = Event::RunStarted {
            run: self.run.id().to_owned(),
            command: self.terms.command.to_owned(),
            hosts: hosts.to_vec(),
            goal: Some(self.terms.goal),
        };
        self.run.tell(started);
    }

    /// The same for a selection; hosts of it that were passed over are left alone, because those of their class `cannot`. Answers the others.
    pub(crate) fn announce_selected(&mut self, selected: &Selected, cannot: &str) -> Vec<HostName> {
        let names = |hosts: &[HostSpec]| hosts.iter().map(|host| host.name.clone()).collect();
        let hosts: Vec<HostName> = names(&selected.hosts);
        self.announce(&hosts);
        for host in &selected.passed_over {
            let why = format!("hosts of class {} {cannot}", host.class);
            self.settle(&host.name, HostOutcome::Skipped, Some(why));
        }
        hosts
    }

    /// Performs a plan after which more follows for the hosts that come through.
    pub(crate) async fn perform_open(&mut self, plan: &Plan) -> Outcome {
        let mut outcome = self.run.perform_open(plan, &self.wire).await;
        let findings = std::mem::take(&mut outcome.findings);
        // Hosts that came through are not settled yet.
        outcome.hosts.retain(|_, came_to| !came_to.is_good());
        let mut found = Outcome {
            findings,
            ..Outcome::default()
        };
        found.stage = outcome.stage;
        self.absorb(outcome);
        found
    }

    /// What a receipt will say of a host.
    pub(crate) fn note(&mut self, host: &HostName, subject: Subject) {
        self.results.subjects.insert(host.clone(), subject);
    }

    /// A host fails outside the engine, and alone.
    pub(crate) fn fail(&mut self, host: &HostName, fault: Diagnostic) {
        let why = fault.title.clone();
        self.results.errors.push(fault.with_host(host));
        self.settle(host, HostOutcome::Failed, Some(why));
    }

    /// The same, for several reasons.
    pub(crate) fn fail_with(&mut self, host: &HostName, faults: &[Diagnostic]) {
        let mut faults = faults.iter().cloned();
        if let Some(first) = faults.next() {
            self.fail(host, first);
        }
        self.results.errors.extend(faults);
    }

    /// A host whose fate is decided outside the engine.
    pub(crate) fn settle(&mut self, host: &HostName, outcome: HostOutcome, why: Option<String>) {
        self.results.outcomes.insert(host.clone(), outcome);
        self.run.tell(Event::HostFinished {
            host: host.clone(),
            outcome,
            why,
        });
    }

    /// Says what was decided, and is through with the hosts that nothing is done on.
    pub(crate) fn tell_decisions(&mut self, decisions: &[Decision]) {
        self.run.tell(Event::PlanMade {
            hosts: decisions.iter().map(Decision::summary).collect(),
        });
        for decision in decisions {
            if decision.steps.is_empty() {
                self.wire.unchanged(&decision.host);
                self.settle(&decision.host, HostOutcome::Unchanged, None);
            } else if self.terms.dry_run {
                let why = Some("dry run".to_owned());
                self.settle(&decision.host, HostOutcome::Skipped, why);
            }
        }
    }

    /// Asks if there is somebody to ask, keeps the plan, and performs it.
    pub(crate) async fn act(&mut self, decisions: Vec<Decision>) {
        if self.terms.dry_run {
            return;
        }
        let decisions = self.able(decisions);
        let changing: Vec<&HostName> = decisions.iter().map(|decision| &decision.host).collect();
        if changing.is_empty() {
            return;
        }
        if self.run.interrupted() {
            return self.leave_alone(&changing, "interrupted");
        }
        match self.asks().then(|| ask(changing.len())) {
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
        let failed = |(host, outcome): (&HostName, &HostOutcome)| {
            let is_failed = matches!(outcome, HostOutcome::Failed | HostOutcome::RolledBack);
            is_failed.then(|| host.clone())
        };
        let failed = self.results.outcomes.iter().filter_map(failed);
        self.rollout.failed.extend(failed);
        if let Err(fault) = self.keep(&decisions) {
            for host in &changing {
                self.fail(host, fault.clone());
            }
            return;
        }
        let plan = infra_plan::lined_up(&decisions);
        let rollout = self.rollout.clone();
        let outcome = self
            .run
            .perform(&plan, (&rollout, Ending::Final), &self.wire)
            .await;
        self.absorb(outcome);
    }

    /// The hosts on which something is to be done, and for which there is an agent to do it. Seen before anything is built for them.
    fn able(&mut self, decisions: Vec<Decision>) -> Vec<Decision> {
        let mut able = Vec::new();
        for decision in decisions {
            let has_agent = match decision.intent() {
                Some(_) => self.wire.has_agent(&decision.host),
                None => Ok(()),
            };
            match has_agent {
                Ok(()) if decision.steps.is_empty() => {}
                Ok(()) => able.push(decision),
                Err(fault) => self.fail(&decision.host, fault),
            }
        }
        able
    }

    /// Keeps the plan: whoever finds this run interrupted can bring it to its end.
    fn keep(&self, decisions: &[Decision]) -> Result<(), Diagnostic> {
        let tree = |decision: &Decision| {
            let subject = self.results.subjects.get(&decision.host)?;
            Some((decision.host.clone(), subject.tree.clone()?))
        };
        let private = |decision: &Decision| {
            let subject = self.results.subjects.get(&decision.host)?;
            Some((decision.host.clone(), subject.private.clone()?))
        };
        self.run.keep_plan(&Kept {
            schema: KEPT_SCHEMA,
            run: self.id().to_owned(),
            command: self.terms.command.to_owned(),
            goal: self.terms.goal,
            nonce: self.nonce.clone(),
            rollout: self.rollout.clone(),
            decisions: decisions.to_vec(),
            trees: decisions.iter().filter_map(tree).collect(),
            private: decisions.iter().filter_map(private).collect(),
        })
    }

    fn asks(&self) -> bool {
        let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        somebody && !self.terms.yes && !self.terms.global.json
    }

    fn leave_alone(&mut self, hosts: &[&HostName], why: &str) {
        for host in hosts {
            self.settle(host, HostOutcome::Skipped, Some(why.to_owned()));
        }
    }

    /// Takes over what came of a plan.
    fn absorb(&mut self, outcome: Outcome) {
        self.results.seconds.extend(outcome.seconds);
        self.results.outcomes.extend(outcome.hosts);
        self.results.errors.extend(outcome.errors);
    }

    /// Ends the run: receipts, and the answer.
    pub(crate) async fn finish(mut self, contracts: Option<Contracts>) -> Exit {
        if let Some(contracts) = contracts {
            self.results.warnings.extend(contracts.warnings);
        }
        let unkept = self.wire.close().await;
        self.results.warnings.extend(unkept);
        let Terms {
            global,
            command,
            goal,
            dry_run,
            undo,
            ..
        } = self.terms;
        crate::commands::warn(global, &self.results.warnings);
        let interrupted = self.run.interrupted();
        let run_id = self.run.id().to_owned();
        let results = self.results.of_hosts(goal);
        let (journal, faults, seconds) = self.run.end();
        self.results.errors.extend(faults);
        // A host that was left alone keeps the receipt of what was last done to it.
        let left_alone = |result: &HostResult| dry_run || result.outcome == HostOutcome::Skipped;
        for result in results.iter().filter(|result| !left_alone(result)) {
            let receipt = Receipt {
                schema: ANSWER_SCHEMA,
                run: run_id.clone(),
                result: result.clone(),
            };
            self.results
                .errors
                .extend(self.state.keep_receipt(&result.name, &receipt).err());
        }
        if !dry_run {
            let unkept = self.beginning.keep(&Came {
                run: &run_id,
                command,
                goal,
                results: &results,
                subjects: &self.results.subjects,
                errors: &self.results.errors,
            });
            self.results.errors.extend(unkept);
        }
        let outcomes: Vec<HostOutcome> = results.iter().map(|result| result.outcome).collect();
        let mut answer =
            Answer::new(command, results, self.results.errors).with_warnings(self.results.warnings);
        if let Some(journal) = journal
            && let Err(fault) = journal.finish(&answer)
        {
            answer.errors.push(fault);
        }
        let summary = format!("{} ({seconds:.1}s)\n", lines::tally(&outcomes));
        crate::commands::answer(global, &answer, &summary);
        if self.declined {
            return Exit::NothingDone;
        }
        if interrupted {
            return Exit::Interrupted;
        }
        exit(&outcomes, dry_run, undo)
    }
}

impl Results {
    fn of_hosts(&self, goal: Goal) -> Vec<HostResult> {
        let mut results: Vec<HostResult> = self
            .outcomes
            .iter()
            .map(|(name, outcome)| {
                let subject = self.subjects.get(name).cloned().unwrap_or_default();
                HostResult {
                    name: name.clone(),
                    outcome: *outcome,
                    after: after(*outcome, goal, &subject),
                    before: subject.before,
                    tree: subject.tree,
                    seconds: self.seconds_of(name),
                }
            })
            .collect();
        results.sort_by(|a, b| a.name.cmp(&b.name));
        results
    }

    fn seconds_of(&self, host: &HostName) -> BTreeMap<String, f64> {
        self.seconds
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

/// What the host runs now, as far as this run has seen it.
fn after(outcome: HostOutcome, goal: Goal, subject: &Subject) -> Option<StorePath> {
    match outcome {
        HostOutcome::Changed if goal.activates() => {
            subject.wanted.clone().or_else(|| subject.before.clone())
        }
        HostOutcome::Changed
        | HostOutcome::Unchanged
        | HostOutcome::Skipped
        | HostOutcome::RolledBack => subject.before.clone(),
        // Somewhere between: the next survey will tell.
        HostOutcome::Failed => None,
    }
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

/// In a dry run a host is left alone because all that was asked of it is done; where changes are taken back, that is what was asked.
fn exit(outcomes: &[HostOutcome], dry_run: bool, undo: bool) -> Exit {
    let count = |wanted: &dyn Fn(HostOutcome) -> bool| {
        outcomes.iter().filter(|outcome| wanted(**outcome)).count()
    };
    let good = count(&|outcome| match outcome {
        HostOutcome::Changed | HostOutcome::Unchanged => true,
        HostOutcome::Skipped => dry_run,
        HostOutcome::RolledBack => undo,
        HostOutcome::Failed => false,
    });
    let failed = count(&|outcome| match outcome {
        HostOutcome::Failed => true,
        HostOutcome::RolledBack => !undo,
        HostOutcome::Changed | HostOutcome::Unchanged | HostOutcome::Skipped => false,
    });
    // Asked for hosts and able to do nothing with any of them is not success.
    if good + failed == 0 && !outcomes.is_empty() {
        return Exit::NothingDone;
    }
    Exit::of_hosts(good, failed)
}

#[cfg(test)]
mod tests {
    use super::{Reply, exit, reply};
    use infra_model::HostOutcome::{Changed, Failed, RolledBack, Skipped, Unchanged};
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
        assert_eq!(exit(&[Changed, Unchanged, Skipped], false, false), Exit::Ok);
        assert_eq!(exit(&[Changed, Failed], false, false), Exit::SomeFailed);
        assert_eq!(exit(&[Skipped, Failed], false, false), Exit::NothingDone);
        assert_eq!(exit(&[Skipped, Failed], true, false), Exit::SomeFailed);
        assert_eq!(exit(&[Skipped], true, false), Exit::Ok);
        assert_eq!(exit(&[RolledBack], false, false), Exit::NothingDone);
        assert_eq!(exit(&[RolledBack], false, true), Exit::Ok);
    }
}
