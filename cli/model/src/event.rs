//! What happens while a run goes on, as data. The terminal, `--json`, the journal and later the API are readers of this one stream.

use crate::{CancelStage, Diagnostic, Goal, HostName, StepKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the event stream: the `schema` of each line.
pub const EVENT_SCHEMA: u32 = 1;

/// One line of the NDJSON stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// [`EVENT_SCHEMA`]
    pub schema: u32,
    /// Position in the run, from 0, without holes.
    pub seq: u64,
    /// Seconds since the run began.
    pub at: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened, in the past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// A run began.
    RunStarted {
        /// Its identity, also the name of its journal.
        run: String,
        /// `deploy`, `build`, …
        command: String,
        /// The hosts it is about.
        hosts: Vec<HostName>,
        /// What for, where there is a choice.
        #[serde(skip_serializing_if = "Option::is_none")]
        goal: Option<Goal>,
    },
    /// Everything has been looked at, and this is what will be done.
    PlanMade {
        /// Per host, by name.
        hosts: Vec<PlannedHost>,
    },
    /// A step began.
    StepStarted {
        /// On this host.
        host: HostName,
        /// Which.
        step: StepKind,
    },
    /// A step got further.
    StepProgressed {
        /// On this host.
        host: HostName,
        /// Which.
        step: StepKind,
        /// How much is done.
        done: u64,
        /// Of how much; grows while the step finds out.
        total: u64,
        /// Of what: "derivations", "paths", "bytes".
        unit: String,
    },
    /// A step's program said something worth showing.
    StepOutput {
        /// On this host.
        host: HostName,
        /// Which.
        step: StepKind,
        /// One line, without control characters.
        line: String,
    },
    /// A step ended well.
    StepCompleted {
        /// On this host.
        host: HostName,
        /// Which.
        step: StepKind,
        /// How well.
        outcome: StepOutcome,
        /// How long it took.
        seconds: f64,
    },
    /// A step failed; the steps after it on this host are not begun.
    StepFailed {
        /// On this host.
        host: HostName,
        /// Which.
        step: StepKind,
        /// Why.
        error: Box<Diagnostic>,
        /// How long it took.
        seconds: f64,
    },
    /// Someone asked to stop.
    CancelRequested {
        /// How urgently.
        stage: CancelStage,
    },
    /// Nothing more will happen to this host in this run.
    HostFinished {
        /// The host.
        host: HostName,
        /// How it came out.
        outcome: HostOutcome,
        /// Why, in one line, where that is not plain.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// What the plan says about one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedHost {
    /// The host.
    pub host: HostName,
    /// Why anything is done, or why nothing is.
    pub reasons: Vec<String>,
    /// What will be done, in order; empty if nothing.
    pub steps: Vec<StepKind>,
}

/// How a step that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum StepOutcome {
    /// As wanted.
    Success,
    /// Done, but somebody should read this.
    Warning {
        /// What to read.
        why: String,
    },
    /// There was nothing to do.
    Skipped {
        /// Why not.
        why: String,
    },
}

/// How a host came out of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HostOutcome {
    /// It does now what it did not before.
    Changed,
    /// There was nothing to do.
    Unchanged,
    /// It did not come to what was asked.
    Failed,
    /// It is back on what it ran before.
    RolledBack,
    /// It was left alone on purpose, or the run was interrupted before its turn.
    Skipped,
}

impl HostOutcome {
    /// Whether the host is as it was asked to be.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Changed | Self::Unchanged)
    }

    /// The word in JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::RolledBack => "rolledBack",
            Self::Skipped => "skipped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENT_SCHEMA, Event, Line, StepOutcome};
    use crate::{HostName, StepKind};

    #[test]
    fn lines_survive_the_round_trip() {
        let line = Line {
            schema: EVENT_SCHEMA,
            seq: 3,
            at: 0.5,
            event: Event::StepCompleted {
                host: HostName::parse("web").expect("a name"),
                step: StepKind::Copy,
                outcome: StepOutcome::Skipped {
                    why: "already there".to_owned(),
                },
                seconds: 0.25,
            },
        };
        let json = serde_json::to_string(&line).expect("serialisable");
        insta::assert_snapshot!(json, @r#"{"schema":1,"seq":3,"at":0.5,"event":"stepCompleted","host":"web","step":"copy","outcome":{"kind":"skipped","why":"already there"},"seconds":0.25}"#);
        assert_eq!(serde_json::from_str::<Line>(&json).expect("readable"), line);
    }
}
