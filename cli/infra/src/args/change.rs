//! What can be typed to have hosts changed: what is done to them, and how a transaction goes.

use super::{Fill, Selection};
use crate::complete;
use clap::builder::NonEmptyStringValueParser;
use clap::{ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use infra_model::change::Reboot;
use infra_model::{Code, Diagnostic, Goal};
use std::path::PathBuf;

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
    #[command(flatten)]
    pub(crate) boots: Boots,
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
    #[command(flatten)]
    pub(crate) boots: Boots,
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
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::resumable))]
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
    #[command(flatten)]
    pub(crate) boots: Boots,
    /// Do not ask before hosts are changed. (Nothing is asked where there is no terminal.)
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Ask the hosts, say what would be done, and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// Whether hosts are booted.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Boots {
    /// Boot a host into its new system instead of activating it, if kernel, initial ramdisk, kernel modules or command line are others than
    /// those it was booted with (needed), or in any case (always). It is booted once, proves itself, and only then becomes the boot default.
    #[arg(long, value_name = "WHEN", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "needed")]
    reboot: Option<RebootArg>,
}

impl Boots {
    /// What that means for systems that are for `goal`.
    pub(crate) fn with(self, goal: Goal) -> Result<Reboot, Diagnostic> {
        let reboot = match self.reboot {
            None => return Ok(Reboot::Never),
            Some(RebootArg::Needed) => Reboot::Needed,
            Some(RebootArg::Always) => Reboot::Always,
        };
        if goal.activates() {
            return Ok(reboot);
        }
        Err(Diagnostic::new(
            Code::Usage,
            format!("--reboot does not go with --goal {}", goal.as_str()),
        )
        .with_cause("a host is booted so that its new system proves itself, and with this goal nothing of it runs")
        .with_fix("leave out --goal: the system becomes the boot default once it has proven itself"))
    }
}

/// When a host is booted, as it is typed; see [`Reboot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RebootArg {
    /// If something acts only then.
    Needed,
    /// In any case.
    Always,
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
