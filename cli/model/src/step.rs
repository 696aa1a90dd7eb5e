//! Units of work: what can be done to a host, and how each may be interrupted.

use crate::{Evaluation, HostState, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a deployment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Run the new system now and make it the boot default once it has proven itself.
    #[default]
    Switch,
    /// Make it the boot default; what runs now goes on.
    Boot,
    /// Run it now, but boot the old one next time.
    Test,
    /// Copy it and say what activation would do; change nothing else.
    DryActivate,
}

impl Goal {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Boot => "boot",
            Self::Test => "test",
            Self::DryActivate => "dry-activate",
        }
    }

    /// Whether the running system changes.
    pub fn activates(self) -> bool {
        matches!(self, Self::Switch | Self::Test)
    }

    /// Whether the boot default changes.
    pub fn persists(self) -> bool {
        matches!(self, Self::Switch | Self::Boot)
    }
}

/// One unit of work on one host, with everything it needs: a plan leaves no choices to the moment of doing.
///
/// The transaction of DESIGN 6 adds `Arm` and `Confirm` between these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "step",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Step {
    /// Ask the host for its state.
    Survey,
    /// Ask Nix for the host's system.
    Evaluate,
    /// Build the system.
    Build {
        /// What to build.
        drv: StorePath,
        /// What will come out.
        out: StorePath,
    },
    /// Bring the system's closure to the host.
    Copy {
        /// The system.
        out: StorePath,
    },
    /// Put the host's secrets in place, sealed on the way.
    Seal {
        /// What they are called together.
        digest: String,
        /// Their names.
        secrets: Vec<String>,
        /// Whether those who consume what changed are restarted at once; otherwise by [`Step::Refresh`].
        restart: bool,
    },
    /// Restart what consumes secrets that changed and has not started since.
    Refresh,
    /// Run the system's own activation without touching the boot default.
    Activate {
        /// The system.
        out: StorePath,
        /// Only say what would happen.
        dry: bool,
    },
    /// Read back from the host that it runs the system and that no unit failed that did not fail before.
    Verify {
        /// The system.
        out: StorePath,
        /// Units that had failed before the change.
        failed_before: Vec<String>,
    },
    /// Make the system the boot default: profile generation and boot loader.
    Commit {
        /// The system.
        out: StorePath,
    },
}

/// A step without its operands: for events, tables and progress.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// See [`Step::Survey`].
    Survey,
    /// See [`Step::Evaluate`].
    Evaluate,
    /// See [`Step::Build`].
    Build,
    /// See [`Step::Copy`].
    Copy,
    /// See [`Step::Seal`].
    Seal,
    /// See [`Step::Activate`].
    Activate,
    /// See [`Step::Refresh`].
    Refresh,
    /// See [`Step::Verify`].
    Verify,
    /// See [`Step::Commit`].
    Commit,
}

impl StepKind {
    /// The word for people and JSON keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Survey => "survey",
            Self::Evaluate => "evaluate",
            Self::Build => "build",
            Self::Copy => "copy",
            Self::Seal => "seal",
            Self::Activate => "activate",
            Self::Refresh => "refresh",
            Self::Verify => "verify",
            Self::Commit => "commit",
        }
    }

    /// What may happen to the step when the run is interrupted.
    pub fn interrupt(self) -> Interrupt {
        match self {
            // What the host's agent is handed it takes as a whole or not at all.
            Self::Survey | Self::Evaluate | Self::Build | Self::Copy | Self::Seal => {
                Interrupt::Free
            }
            Self::Activate => Interrupt::Shielded { opens: true },
            Self::Refresh | Self::Verify | Self::Commit => Interrupt::Shielded { opens: false },
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a step answers to an interrupted run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// May be ended at any time; nothing on a host is half-changed by it.
    Free,
    /// Once begun it is brought to its end, and so are the shielded steps that follow it on the same host.
    Shielded {
        /// Whether it is the step that begins the change, and so is not begun any more once the run is being interrupted.
        opens: bool,
    },
}

impl Step {
    /// The step without its operands.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Survey => StepKind::Survey,
            Self::Evaluate => StepKind::Evaluate,
            Self::Build { .. } => StepKind::Build,
            Self::Copy { .. } => StepKind::Copy,
            Self::Seal { .. } => StepKind::Seal,
            Self::Refresh => StepKind::Refresh,
            Self::Activate { .. } => StepKind::Activate,
            Self::Verify { .. } => StepKind::Verify,
            Self::Commit { .. } => StepKind::Commit,
        }
    }
}

/// What a step found out, for the steps and decisions after it.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Nothing but that it is done.
    Nothing,
    /// The state of a host.
    State(Box<HostState>),
    /// The system of a host.
    System(Box<Evaluation>),
}
