//! A change of one host, as the command orders it and as the supervisor on the host tells of it (DESIGN 6).
//!
//! The command writes an [`Order`]; the agent keeps it on disk, starts a supervisor that outlives every connection, and answers with
//! [`ChangeStatus`] to whoever asks. The order of things is test first, prove, commit: NixOS' `test` and `boot`, with the confirmation that
//! deploy-rs calls magic rollback, over a connection that did not exist before.

use crate::contract::Probe;
use crate::{Diagnostic, Goal, HostName, NeedName, StorePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of orders and of what is told of them.
pub const CHANGE_SCHEMA: u32 = 1;

/// What a host is to become, what it was when that was decided, and how it proves itself. Part of a plan: leaves no choices to the moment of
/// doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intent {
    /// `switch`, `test` or `boot`; with `boot` nothing is activated and nothing has to be proven.
    pub goal: Goal,
    /// The system; `None` if only secrets change.
    pub system: Option<Target>,
    /// What the secrets are called together that were staged for this run; `None` if they stay as they are.
    pub secrets: Option<String>,
    /// The host as it was surveyed.
    pub expected: Expected,
    /// What must hold of it afterwards; `None`: it is not tried, on purpose.
    pub probes: Option<BTreeMap<NeedName, Probe>>,
    /// How long things may take.
    pub limits: Limits,
    /// Whether the host is booted into the system instead of activating it.
    #[serde(default, skip_serializing_if = "Reboot::is_never")]
    pub reboot: Reboot,
}

/// Whether a host is booted once into its new system, and proves itself after that: the one way to prove a kernel, an initial ramdisk or a
/// command line. The boot default is the system before until it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reboot {
    /// It is activated; what acts at a boot alone waits for one.
    #[default]
    Never,
    /// If kernel, initial ramdisk, kernel modules or command line are others than those it was booted with.
    Needed,
    /// In any case.
    Always,
}

impl Reboot {
    /// Whether nobody asked for one.
    pub fn is_never(&self) -> bool {
        *self == Self::Never
    }
}

/// A system to activate and to make the boot default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The system's store path.
    pub path: StorePath,
    /// The generation of the system profile that it is already; `None`: it gets a new one.
    pub generation: Option<u64>,
}

/// The pre-image of a change: it is refused, and nothing touched, if the host is another by then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    /// What runs.
    pub current: Option<StorePath>,
    /// What the next boot takes.
    pub boot_default: Option<StorePath>,
    /// The generation of the system profile that is.
    pub generation: Option<u64>,
    /// The kernel's id of this boot.
    pub boot_id: Option<String>,
    /// The current generation of secrets.
    pub secrets: Option<u64>,
    /// Units that had failed already.
    pub failed_units: Vec<String>,
}

/// How long the parts of a change may take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Activation, until it is ended and the host restored.
    pub activate: u64,
    /// From the end of activation and probes to the confirmation, until the host restores itself.
    pub confirm: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            activate: 600,
            confirm: 60,
        }
    }
}

/// What the agent is told to do, on its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// [`CHANGE_SCHEMA`]
    pub schema: u32,
    /// The run; a host that has this run's change already goes on with it.
    pub run: String,
    /// The host it is for.
    pub host: HostName,
    /// Who gives it: `user@machine`.
    pub by: String,
    /// What the confirmation has to say.
    pub nonce: String,
    /// The change.
    pub intent: Intent,
}

/// Where a change is. Each is on the host's disk before what it names is done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ChangePhase {
    /// The order is kept and a supervisor has it; nothing is changed.
    Armed,
    /// Secrets are put in place and the system is activated.
    Activating,
    /// The host is booted once into the system, instead of activating it.
    Booting,
    /// Probes are tried.
    Probing,
    /// It waits for the confirmation.
    Awaiting,
    /// Confirmed (or with nothing to confirm): profile and boot loader are set.
    Committing,
    /// The host is put back to what it was.
    Restoring,
    /// Over: see [`ChangeStatus::end`].
    Ended,
}

impl ChangePhase {
    const ALL: [Self; 8] = [
        Self::Armed,
        Self::Activating,
        Self::Booting,
        Self::Probing,
        Self::Awaiting,
        Self::Committing,
        Self::Restoring,
        Self::Ended,
    ];

    /// The word in JSON and on the agent's command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Armed => "armed",
            Self::Activating => "activating",
            Self::Booting => "booting",
            Self::Probing => "probing",
            Self::Awaiting => "awaiting",
            Self::Committing => "committing",
            Self::Restoring => "restoring",
            Self::Ended => "ended",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }
}

/// How a change came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ChangeEnd {
    /// The host is as it was ordered.
    Done {
        /// The generation of the system profile that is the boot default now; `None` if that was not to change.
        generation: Option<u64>,
        /// What somebody should read.
        warnings: Vec<String>,
    },
    /// Something failed, and the host is as it was before.
    Restored {
        /// What failed.
        why: Box<Diagnostic>,
        /// What somebody should read of the way back.
        warnings: Vec<String>,
    },
    /// Something failed, and there was no system before to go back to.
    Left {
        /// What failed.
        why: Box<Diagnostic>,
        /// What stays of it on the host, and what to do about it.
        left: Box<Diagnostic>,
        /// What somebody should read besides.
        warnings: Vec<String>,
    },
    /// Something failed, and so did the way back.
    Stuck {
        /// What failed first.
        why: Box<Diagnostic>,
        /// What failed then, and what a person has to do.
        then: Box<Diagnostic>,
    },
}

/// What a probe said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeResult {
    /// Its name in the contract; the built-in one about failed units is `units`.
    pub name: String,
    /// What it asks, in words: `port 443`.
    pub asks: String,
    /// Whether it held before the change; `None` if it was not tried.
    pub before: Option<bool>,
    /// Whether it holds now; `None` if it has not come to that.
    pub holds: Option<bool>,
    /// Whether the change depends on it.
    pub critical: bool,
    /// What was seen last, in one line.
    pub saw: String,
}

/// A change on a host, told to whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeStatus {
    /// [`CHANGE_SCHEMA`]
    pub schema: u32,
    /// The run it belongs to.
    pub run: String,
    /// Who ordered it.
    pub by: String,
    /// When it began, in seconds since 1970 by the host's clock.
    pub since: u64,
    /// Where it is.
    pub phase: ChangePhase,
    /// Whether its supervisor runs; one that died (the host did) leaves the change to `change recover`, which every order begins with.
    pub alive: bool,
    /// Seconds until the phase is over in any case, where there is such a limit.
    pub remaining: Option<u64>,
    /// The system it is about.
    pub system: Option<StorePath>,
    /// What ran before it.
    pub before: Option<StorePath>,
    /// What was tried.
    pub probes: Vec<ProbeResult>,
    /// How it came out; only in [`ChangePhase::Ended`].
    pub end: Option<ChangeEnd>,
    /// Lines of its log, from the asked one on; without control characters.
    pub log: Vec<String>,
    /// The number of the line after those.
    pub next: u64,
}

/// A sealed bundle that waits on the host for the change of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Staged {
    /// [`CHANGE_SCHEMA`]
    pub schema: u32,
    /// The run.
    pub run: String,
    /// Its size.
    pub bytes: u64,
}

/// What was done about a change whose supervisor had died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recovered {
    /// [`CHANGE_SCHEMA`]
    pub schema: u32,
    /// Whether there was one to bring to its end.
    pub mended: bool,
    /// The last change of the host; `None` if there was none.
    pub change: Option<ChangeStatus>,
}

/// Whether a host could open a TCP connection to somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reached {
    /// [`CHANGE_SCHEMA`]
    pub schema: u32,
    /// Whether it did.
    pub holds: bool,
    /// What was seen, in one line.
    pub saw: String,
}

/// Whether a text can name a run: 1 to 100 letters, digits and `_.-`, beginning with a letter or digit. It is part of file and unit names.
pub fn is_run(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=100).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::{ChangePhase, is_run};

    #[test]
    fn phases_are_the_words_of_their_json() {
        for phase in ChangePhase::ALL {
            let json = serde_json::to_string(&phase).expect("JSON");
            assert_eq!(json, format!("\"{}\"", phase.as_str()));
            assert_eq!(ChangePhase::parse(phase.as_str()), Some(phase));
        }
        assert_eq!(ChangePhase::parse("over"), None);
    }

    #[test]
    fn a_run_is_never_a_path() {
        for (text, wanted) in [
            ("20261121T133738Z-1a2b", true),
            ("7", true),
            ("", false),
            (".", false),
            ("..", false),
            ("-x", false),
            ("a/b", false),
            ("a b", false),
            ("a\nb", false),
            ("ä", false),
        ] {
            assert_eq!(is_run(text), wanted, "{text:?}");
        }
        assert!(!is_run(&"x".repeat(101)));
    }
}
