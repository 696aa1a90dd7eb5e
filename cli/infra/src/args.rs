//! What can be typed.

use crate::{commands, complete};
use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use infra_model::answer::Exit;
use infra_model::{Goal, HostName};
use std::path::PathBuf;
use std::process::ExitCode;

/// Deploy the hosts of an infra repository.
///
/// Hosts are selected by name (web), pattern (web*), tag (@tag), class (class:nixos) or their opposite (!web), joined by `,` (or) and `&`
/// (and).
///
/// Exit codes: 0 all is as asked; 1 some hosts failed; 2 wrong usage, or settings (TOML) that cannot be read; 3 nothing could be done; 130
/// interrupted. `ssh` ends as the command on the host did.
#[derive(Debug, Parser)]
#[command(name = "infra", version, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options every command understands.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Work on the repository in DIR instead of the current folder.
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    pub(crate) directory: Option<PathBuf>,
    /// Answer in JSON: one object, or for long work one event a line and that object last.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Evaluate at most N hosts at once [default: one per core].
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Let evaluations take at most MIB of memory together, going by what each took before [default: 80% of what is free].
    #[arg(long, value_name = "MIB", global = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory: Option<u32>,
    /// Give up on an evaluation after SECONDS.
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// Evaluate anew, whatever is remembered.
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
}

/// Which hosts a command is about.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Selection {
    /// Hosts: names, patterns (web*), tags (@tag), class:CLASS, !not; `,` is or, `&` is and.
    #[arg(value_name = "SELECTOR", add = ArgValueCandidates::new(complete::selectors))]
    pub(crate) selectors: Vec<String>,
    /// All hosts.
    #[arg(long, conflicts_with = "selectors")]
    pub(crate) all: bool,
}

/// What is filled for this one time.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Fill {
    /// Fill a value: of all selected hosts that need it, or of one.
    #[arg(long, value_name = "[HOST:]NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Fill a secret with the content of FILE.
    #[arg(long, value_name = "[HOST:]NAME=FILE")]
    pub(crate) secret_file: Vec<String>,
}

/// Arguments of `eval` and `build`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) fill: Fill,
}

/// Arguments of `contract`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Contract {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Show only what is open, and fail if anything is.
    #[arg(long)]
    pub(crate) gaps: bool,
    #[command(flatten)]
    pub(crate) fill: Fill,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List hosts. Reads TOML and folder names only; starts no process.
    List(Selection),
    /// Show what is known of hosts without asking them: settings, files, the last deployment.
    Info(Selection),
    /// Show what hosts need, where it comes from, and what is open.
    Contract(Contract),
    /// Fill a value of a host: write it into its context file, or into the one for all hosts if they share it.
    Set(commands::set::Args),
    /// Fill everything that is open: let recipes make what they can, and ask for the rest.
    Fill(commands::fill::Args),
    /// Ask hosts for the values that only they know, and keep the answers in context/facts/.
    Facts(commands::facts::Args),
    /// Print values of a host, what it wants of others and what it exports, and say where each comes from.
    Get(commands::get::Args),
    /// Look after the secrets that are kept in the repository.
    Secret {
        #[command(subcommand)]
        verb: commands::secret::Secret,
    },
    /// Show who depends on whom.
    Graph(commands::graph::Args),
    /// Begin a new repository.
    Init(commands::init::Args),
    /// Make something new in the repository.
    New {
        #[command(subcommand)]
        what: commands::new::New,
    },
    /// Evaluate the systems of hosts: which derivation builds each, and what comes out.
    Eval(Evaluate),
    /// Build the systems of hosts.
    Build(Evaluate),
    /// Show what a deployment would do to hosts, and what would be another then. Changes nothing.
    Plan(Plan),
    /// Do what a saved plan says, and nothing else.
    Apply(Apply),
    /// Deploy hosts: look at them, build what differs, copy, activate, confirm, make it the boot default.
    Deploy(Deploy),
    /// Show how hosts stand: in sync, behind, drifted, changing or unknown, and why.
    Status(Evaluate),
    /// Show which runs there were, newest first: when, who, and what became of which hosts.
    History(commands::history::Args),
    /// Show what happened in a run.
    Log(Log),
    /// Open a shell on a host, or run a command there on this terminal.
    Ssh(Ssh),
    /// Run a command on hosts in parallel and show what it says.
    Exec(Exec),
    /// Bring a run to its end that was interrupted.
    Resume(Resume),
    /// Take hosts back to a system they ran before.
    Rollback(Rollback),
    /// Name the files that make a host another than it was.
    Why(Why),
    /// Look after what is remembered of evaluations.
    Cache {
        #[command(subcommand)]
        action: Cache,
    },
    /// Prove that secrets are nowhere they must not be.
    Check(Check),
    /// Check this machine, the repository, and (if selected) hosts for what commonly goes wrong.
    Doctor(Doctor),
    /// Print what makes a shell complete infra's commands and host names.
    Completions {
        /// The shell: bash, elvish, fish, powershell or zsh.
        shell: Shell,
    },
}

/// Arguments of `check`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) fill: Fill,
    /// Search this machine for the secrets of the hosts, in all forms they may have been written in: what was built and what it was built
    /// from, what infra remembers, the repository and its history, arguments and environments of processes. Needs the keys that open them.
    #[arg(long)]
    pub(crate) poison: bool,
    /// Search the hosts as well, each for its own secrets: processes, the journal, files, the running system.
    #[arg(long, requires = "poison")]
    pub(crate) hosts: bool,
    /// On the hosts search all of the Nix store, and not only what the running system needs of it.
    #[arg(long, requires = "hosts")]
    pub(crate) whole_store: bool,
}

/// Arguments of `deploy`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) fill: Fill,
    /// What to do with the new system.
    #[arg(long, value_name = "GOAL", value_enum, default_value_t = GoalArg::Switch)]
    pub(crate) goal: GoalArg,
    /// Do not ask before hosts are changed. (Nothing is asked where there is no terminal.)
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Look at everything, say what would be done, and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// Arguments of `plan`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) fill: Fill,
    /// What the new system is for.
    #[arg(long, value_name = "GOAL", value_enum, default_value_t = PlanGoal::Switch)]
    pub(crate) goal: PlanGoal,
    /// Build the new systems here, so that packages, files and units can be compared.
    #[arg(long)]
    pub(crate) build: bool,
    /// Write the plan to FILE; `infra apply FILE` does it.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// What to compare with: what runs on the host (running), what the last run left there (last-run), what a run left there, or what the host
    /// was in a revision in Git. What is to be done is the same whatever is chosen.
    #[arg(long, value_name = "running|last-run|RUN|REV", default_value = "running", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::against))]
    pub(crate) against: String,
    /// Talk to so many hosts at once [default: 32].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallel: Option<u16>,
}

/// Arguments of `apply`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Apply {
    /// What `infra plan -o FILE` wrote.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) fill: Fill,
    /// Do not ask before hosts are changed. (Nothing is asked where there is no terminal.)
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// Arguments of `resume`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Resume {
    /// The run [default: the newest one on this machine that has no end].
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Take back what waits for its confirmation, and begin nothing.
    #[arg(long)]
    pub(crate) undo: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The generation of the system profile [default: the newest one before the boot default with another system].
    #[arg(long, value_name = "GENERATION", value_parser = generation)]
    pub(crate) to: Option<u64>,
    /// Do not ask before hosts are changed. (Nothing is asked where there is no terminal.)
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Ask the hosts, say what would be done, and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// How a transaction goes; what is not said here is as `[deploy]` of `infra.toml` says.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct Pace {
    /// Put a host back if its activation takes longer [default: 10m].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) activate_within: Option<u64>,
    /// Let a host put itself back if it is not confirmed within this time after its activation [default: 1m].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) confirm_within: Option<u64>,
    /// Talk to so many hosts at once [default: 32].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallel: Option<u16>,
    /// Change the first N hosts alone, and the others only if these come through.
    #[arg(long, value_name = "N")]
    pub(crate) canary: Option<usize>,
    /// Have at most N hosts in the middle of a change at once.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) max_unavailable: Option<usize>,
    /// Change no further host once more than N have failed [default: no further wave once one has].
    #[arg(long, value_name = "N")]
    pub(crate) max_failures: Option<usize>,
}

fn duration(text: &str) -> Result<u64, String> {
    infra_model::duration::seconds(text)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "a duration is a number and s, m or h: 90s, 2m".to_owned())
}

fn generation(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "a generation is a number, such as 12; the host says which it has if you name one that it has not".to_owned())
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| "this is a whole number from 1".to_owned())
}

/// Arguments of `log`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Log {
    /// The run, or the beginning of its name; `last` is the newest.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Only what happened to this host.
    #[arg(value_name = "HOST", value_parser = host_name, add = ArgValueCandidates::new(complete::hosts))]
    pub(crate) host: Option<HostName>,
}

fn host_name(text: &str) -> Result<HostName, String> {
    HostName::parse(text).map_err(|error| error.to_string())
}

/// Arguments of `ssh`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Ssh {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    pub(crate) host: String,
    /// A command, instead of a shell.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Arguments of `exec`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The command line; the host's login shell reads it, as with ssh.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Arguments of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Evaluate N remembered hosts anew and compare: the selected ones, or any.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) recheck: Option<u16>,
}

/// Arguments of `why`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Why {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    pub(crate) host: String,
    /// What to compare with: a revision in Git (HEAD~1, a branch, a tag), a run, or the id of a tree [default: what was last deployed from
    /// this machine, else the tree before].
    #[arg(long, value_name = "REV|RUN|TREE", add = ArgValueCandidates::new(complete::revisions))]
    pub(crate) since: Option<String>,
}

/// Actions of `cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Cache {
    /// Show what is remembered, how large it is, and how many links protect systems from Nix's garbage collector.
    Info,
    /// Forget what has not been used for longest, until what is left is of reasonable size; trees older than 90 days; and let Nix collect the
    /// systems of hosts that are no more, and those that were planned 30 days ago.
    Gc,
    /// Forget everything, and let Nix collect planned systems. The next evaluation of each host is done anew. Deployed systems stay protected.
    Clear,
}

/// Goals as they are typed; see [`Goal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoalArg {
    /// Run it now, and make it the boot default once it has proven itself.
    Switch,
    /// Make it the boot default without running it.
    Boot,
    /// Run it now, but boot the old system next time.
    Test,
    /// Copy it and show what activation would do.
    DryActivate,
}

/// Goals that can be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanGoal {
    /// Run it now, and make it the boot default once it has proven itself.
    Switch,
    /// Make it the boot default without running it.
    Boot,
    /// Run it now, but boot the old system next time.
    Test,
}

impl From<PlanGoal> for Goal {
    fn from(goal: PlanGoal) -> Self {
        match goal {
            PlanGoal::Switch => Self::Switch,
            PlanGoal::Boot => Self::Boot,
            PlanGoal::Test => Self::Test,
        }
    }
}

impl From<GoalArg> for Goal {
    fn from(goal: GoalArg) -> Self {
        match goal {
            GoalArg::Switch => Self::Switch,
            GoalArg::Boot => Self::Boot,
            GoalArg::Test => Self::Test,
            GoalArg::DryActivate => Self::DryActivate,
        }
    }
}

/// Shells that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
}

impl Shell {
    /// The name completion knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

/// Prints what clap has to say (help, version or an error) and picks the exit code.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    // Nothing can be done about a terminal that went away.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(Exit::Usage.code())
    } else {
        ExitCode::SUCCESS
    }
}
