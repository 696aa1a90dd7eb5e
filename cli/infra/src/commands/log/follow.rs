//! `infra log --follow`: a run of this machine that is still going, as its journal grows.

use super::{Args, NAME, concerns, cut_to, head, known, look, shown, tell, torn};
use crate::args::Global;
use crate::commands::{answer, history, one, refuse, warn};
use crate::interrupt;
use crate::workspace::Workspace;
use infra_drive::receipts::Unfinished;
use infra_drive::state::{State, Tail};
use infra_model::answer::{Answer, Exit, PastRun, RunStanding};
use infra_model::{Code, Diagnostic, HostName, HostOutcome};
use infra_view::Screen;
use infra_view::lines::tally;
use infra_view::style::{FAINT, paint};
use serde_json::Value;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Between two looks at the journal: soon enough for people, and nothing for a machine. (A file system of another machine tells nobody when a
/// file grows, so nothing quicker can be relied on.)
const PAUSE: Duration = Duration::from_millis(150);

pub(super) async fn run(global: &Global, args: &Args) -> Exit {
    let mut interrupts = interrupt::listen();
    let came = match Follower::of(global, args) {
        Ok(Found::GoesOn(mut follower)) => match follower.until_the_end(&mut interrupts).await {
            Ok(end) => follower.finish(end),
            Err(faults) => Err(faults),
        },
        Ok(Found::Settled(run)) => settled(global, args, run),
        Err(faults) => Err(faults),
    };
    came.unwrap_or_else(|faults| refuse(NAME, global, faults))
}

/// The run that was named.
enum Found<'a> {
    GoesOn(Box<Follower<'a>>),
    /// It does not go on, or goes on elsewhere.
    Settled(String),
}

/// There is nothing to wait for. The run is named in full: by now another one may be the last.
fn settled(global: &Global, args: &Args, run: String) -> Result<Exit, Vec<Diagnostic>> {
    let args = Args {
        run,
        ..args.clone()
    };
    let found = look(global, &args)?;
    let state = Workspace::open(global).map_err(one)?.state();
    let is_cut_off = found.run.standing == RunStanding::Interrupted;
    let fault = is_cut_off.then(|| interrupted(&state, &found.run.run));
    Ok(tell(global, found, fault))
}

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process of the run is gone.
    Process,
    /// Somebody has asked us to stop.
    Interrupt,
    /// Nobody reads on.
    HungUp,
}

struct Follower<'a> {
    global: &'a Global,
    host: Option<&'a HostName>,
    workspace: Workspace,
    state: State,
    run: String,
    tail: Tail,
    /// What came before it was known which run that is.
    held: Vec<Value>,
    /// Whether it was said which run it is.
    begun: bool,
    warnings: Vec<Diagnostic>,
}

impl<'a> Follower<'a> {
    fn of(global: &'a Global, args: &'a Args) -> Result<Found<'a>, Vec<Diagnostic>> {
        let workspace = Workspace::open(global).map_err(one)?;
        let state = workspace.state();
        let opened = history::open(&workspace).map_err(one)?;
        let run = opened.receipts.named(&args.run).map_err(one)?;
        let Some(tail) = state.follow(&run).filter(Tail::is_alive) else {
            return Ok(Found::Settled(run));
        };
        Ok(Found::GoesOn(Box::new(Self {
            global,
            host: args.host.as_ref(),
            workspace,
            state,
            run,
            tail,
            held: Vec::new(),
            begun: false,
            warnings: opened.warnings,
        })))
    }

    async fn until_the_end(
        &mut self,
        interrupts: &mut UnboundedReceiver<()>,
    ) -> Result<End, Vec<Diagnostic>> {
        loop {
            // In this order: what is read after the process was gone is all that there is.
            let alive = self.tail.is_alive();
            self.read().map_err(one)?;
            if !alive {
                return Ok(End::Process);
            }
            if Screen.hung_up() {
                return Ok(End::HungUp);
            }
            tokio::select! {
                Some(()) = interrupts.recv() => return Ok(End::Interrupt),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Shows what came since the last time.
    fn read(&mut self) -> Result<(), Diagnostic> {
        let lines = self.tail.lines().map_err(|error| self.unreadable(&error))?;
        let lines = lines.iter().filter(|line| !line.trim().is_empty());
        for line in lines {
            match serde_json::from_str(line) {
                Ok(event) => self.held.push(event),
                // A run that was resumed has the torn line of its first process in it.
                Err(_) => self.warn_of_torn(),
            }
        }
        if !self.begun && !self.held.is_empty() {
            let so_far = Unfinished {
                run: self.run.clone(),
                alive: true,
            };
            let mut run = history::unfinished(&self.state, &so_far);
            // It says so with its first event.
            if run.command.is_some() {
                self.begin(&mut run)?;
            }
        }
        if self.begun {
            self.show_held();
        }
        Ok(())
    }

    /// Says which run it is.
    fn begin(&mut self, run: &mut PastRun) -> Result<(), Diagnostic> {
        self.cut(run)?;
        self.begun = true;
        warn(self.global, &self.warnings);
        if !self.global.json {
            Screen.out(&head(run));
        }
        Ok(())
    }

    fn cut(&self, run: &mut PastRun) -> Result<(), Diagnostic> {
        self.host.map_or(Ok(()), |host| cut_to(run, host))
    }

    fn show_held(&mut self) {
        for mut event in std::mem::take(&mut self.held) {
            if self.host.is_some_and(|host| !concerns(&mut event, host)) {
                continue;
            }
            if self.global.json {
                Screen.json(&event);
            } else {
                Screen.out(&shown(&event));
            }
        }
    }

    /// Says what became of the run.
    fn finish(mut self: Box<Self>, end: End) -> Result<Exit, Vec<Diagnostic>> {
        if end == End::HungUp {
            return Ok(Exit::Ok);
        }
        let opened = history::open(&self.workspace).map_err(one)?;
        let mut run = known(&self.state, &opened, &self.run).map_err(one)?;
        let is_cut_off = end == End::Process && !self.state.has_ended_since(&self.run);
        run.standing = match end {
            End::Process if is_cut_off => RunStanding::Interrupted,
            End::Process => RunStanding::Finished,
            End::Interrupt | End::HungUp => RunStanding::Running,
        };
        if end == End::Process && self.tail.is_torn() {
            self.warn_of_torn();
        }
        let was_begun = self.begun;
        match (was_begun, end) {
            (true, _) => self.cut(&mut run).map_err(one)?,
            // It has not even said which hosts it is about.
            (false, End::Interrupt | End::HungUp) => {}
            (false, End::Process) => {
                self.begin(&mut run).map_err(one)?;
                self.show_held();
            }
        }
        let fault = is_cut_off.then(|| interrupted(&self.state, &self.run));
        let exit = match (end, &fault) {
            (End::Interrupt, _) => Exit::Interrupted,
            (_, Some(_)) => Exit::SomeFailed,
            (_, None) => Exit::Ok,
        };
        let text = if was_begun { foot(&run) } else { String::new() };
        let told = Answer::new(NAME, vec![run], fault.into_iter().collect());
        answer(self.global, &told.with_warnings(self.warnings), &text);
        Ok(exit)
    }

    /// Once; to a person at once.
    fn warn_of_torn(&mut self) {
        let warning = torn(&self.run);
        if !self.warnings.contains(&warning) {
            if self.begun {
                warn(self.global, std::slice::from_ref(&warning));
            }
            self.warnings.push(warning);
        }
    }

    fn unreadable(&self, error: &io::Error) -> Diagnostic {
        Diagnostic::new(
            Code::UnreadableFile,
            format!("the journal of {} cannot be read any further", self.run),
        )
        .with_cause(error.to_string())
        .with_fix(format!("infra log {} shows what can be read", self.run))
    }
}

/// The last line for a person.
fn foot(run: &PastRun) -> String {
    let text = match run.standing {
        RunStanding::Running => "the run goes on".to_owned(),
        RunStanding::Interrupted => return String::new(),
        RunStanding::Finished => {
            let outcomes: Vec<HostOutcome> =
                run.hosts.iter().filter_map(|host| host.outcome).collect();
            let ended = run.ended.map(|ended| history::when(Some(ended)));
            let ended = ended.map_or_else(|| "ended".to_owned(), |when| format!("ended {when}"));
            if outcomes.is_empty() {
                ended
            } else {
                format!("{ended}; {}", tally(&outcomes))
            }
        }
    };
    paint(FAINT, &text) + "\n"
}

/// A run whose process was ended before it had come to its end.
fn interrupted(state: &State, run: &str) -> Diagnostic {
    let fault = Diagnostic::new(
        Code::Interrupted,
        format!("run {run} was interrupted: its process is gone"),
    );
    if state.plan_of(run).is_some() {
        fault.with_fix(format!(
            "bring it to its end: infra resume {run}; or take back what waits for its confirmation: infra resume {run} --undo"
        ))
    } else {
        fault.with_fix("it had not come to changing anything; deploy again: infra deploy")
    }
}
