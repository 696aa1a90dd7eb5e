//! What can be typed: the commands, and what several of them understand. What only one understands stands with it, in `commands`.

mod change;

pub(crate) use change::{Apply, Deploy, Pace, Plan, Resume, Rollback};

use crate::{commands, complete};
use clap::{Parser, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use infra_model::answer::Exit;
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List hosts. Reads TOML and folder names only; starts no process.
    List(Selection),
    /// Show what is known of hosts without asking them: settings, files, the last deployment.
    Info(Selection),
    /// Show what hosts need, where it comes from, and what is open.
    Contract(commands::contract::Args),
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
    Log(commands::log::Args),
    /// Open a shell on a host, or run a command there on this terminal.
    Ssh(commands::ssh::Args),
    /// Run a command on hosts in parallel and show what it says.
    Exec(commands::exec::Args),
    /// Bring a run to its end that was interrupted.
    Resume(Resume),
    /// Take hosts back to a system they ran before.
    Rollback(Rollback),
    /// Name the files that make a host another than it was.
    Why(commands::why::Args),
    /// Look after what is remembered of evaluations.
    Cache {
        #[command(subcommand)]
        action: commands::cache::Action,
    },
    /// Prove that secrets are nowhere they must not be.
    Check(commands::check::Args),
    /// Check this machine, the repository, and (if selected) hosts for what commonly goes wrong.
    Doctor(commands::doctor::Args),
    /// Print what makes a shell complete infra's commands, and names of hosts and runs.
    Completions {
        /// The shell: bash, elvish, fish, powershell or zsh.
        shell: commands::completions::Shell,
    },
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
