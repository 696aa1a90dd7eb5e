//! How far an interrupted run has been asked to stop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rungs of the Ctrl-C ladder, in order: each further interrupt climbs one (DESIGN 6).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum CancelStage {
    /// Nobody asked to stop.
    #[default]
    Running,
    /// Start nothing new; what runs may finish; hosts in the middle of a change are brought to its end.
    Draining,
    /// End what can be ended without harm (SIGTERM, then a grace period).
    Terminating,
    /// End everything on this machine at once; what runs detached on a host goes on there.
    Killing,
}

impl CancelStage {
    /// The next rung.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Running => Self::Draining,
            Self::Draining => Self::Terminating,
            Self::Terminating | Self::Killing => Self::Killing,
        }
    }
}
