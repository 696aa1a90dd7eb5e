//! Units of work: what can be done to a host, and how each may be interrupted.

use crate::change::Intent;
use crate::contract::Probe;
use crate::{Evaluation, HostState, NeedName, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "step",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
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
    /// Send the host's secrets, sealed; they are put in place by the change that follows.
    Seal {
        /// What they are called together.
        digest: String,
        /// Their names.
        secrets: Vec<String>,
    },
    /// Only say what activation would do.
    Preview {
        /// The system.
        out: StorePath,
    },
    /// Begin the change on the host: its supervisor puts secrets in place, activates the system without touching the boot default, restarts what
    /// consumes what changed and tries the probes. From here on the host restores itself unless it is confirmed in time.
    Activate {
        /// The change.
        intent: Box<Intent>,
    },
    /// Confirm the change over a connection that did not exist before it.
    Confirm {
        /// The probes that other hosts have to try first.
        reachable: BTreeMap<NeedName, Probe>,
        /// Whether the change ends with this: nothing becomes the boot default.
        last: bool,
    },
    /// See the change to its end: the system becomes the boot default, by profile generation and boot loader.
    Commit {
        /// A change that begins with this, because nothing is activated.
        begin: Option<Box<Intent>>,
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
    /// See [`Step::Activate`] and [`Step::Preview`].
    Activate,
    /// See [`Step::Confirm`].
    Confirm,
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
            Self::Confirm => "confirm",
            Self::Commit => "commit",
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a step answers to an interrupted run (DESIGN 6, the Ctrl-C ladder).
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
    /// What may happen to the step when the run is interrupted.
    pub fn interrupt(&self) -> Interrupt {
        match self {
            // What is staged on a host changes nothing there.
            Self::Survey
            | Self::Evaluate
            | Self::Build { .. }
            | Self::Copy { .. }
            | Self::Seal { .. }
            | Self::Preview { .. } => Interrupt::Free,
            Self::Activate { .. } | Self::Commit { begin: Some(_) } => {
                Interrupt::Shielded { opens: true }
            }
            Self::Confirm { .. } | Self::Commit { begin: None } => {
                Interrupt::Shielded { opens: false }
            }
        }
    }

    /// Whether the host begins to change with it.
    pub fn opens_a_change(&self) -> bool {
        matches!(self.interrupt(), Interrupt::Shielded { opens: true })
    }

    /// The step without its operands.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Survey => StepKind::Survey,
            Self::Evaluate => StepKind::Evaluate,
            Self::Build { .. } => StepKind::Build,
            Self::Copy { .. } => StepKind::Copy,
            Self::Seal { .. } => StepKind::Seal,
            Self::Preview { .. } | Self::Activate { .. } => StepKind::Activate,
            Self::Confirm { .. } => StepKind::Confirm,
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
