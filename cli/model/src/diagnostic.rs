//! What went wrong, where, and what to do: the one shape every error has when it reaches a person or a machine.

use crate::HostName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of thing went wrong. Stable: scripts match on it (kebab-case in JSON).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// No `flake.nix` with `hosts/` here or in any folder above.
    NotARepo,
    /// The repository has no host.
    NoHosts,
    /// A selector names a host that does not exist.
    UnknownHost,
    /// A selector names a tag that no host has.
    UnknownTag,
    /// A selector cannot be read.
    InvalidSelector,
    /// A selector (or the absence of one) selects nothing.
    NothingSelected,
    /// A folder below `hosts/` is not a DNS label.
    InvalidHostName,
    /// A file that must be there is not.
    MissingFile,
    /// The flake lacks an input that a host of this class needs.
    MissingInput,
    /// A file is there but cannot be read.
    UnreadableFile,
    /// A TOML file does not parse.
    TomlSyntax,
    /// A TOML file has a key that means nothing.
    UnknownKey,
    /// A required key is absent.
    MissingKey,
    /// A value has the wrong type or is out of range.
    WrongType,
    /// What was asked for does not exist for this class of host.
    UnsupportedClass,
    /// What was asked for is part of the design, but not of this version.
    Unsupported,
    /// The command line asks for something contradictory.
    Usage,
    /// A program that infra drives (`nix`, `ssh`) is not installed.
    MissingProgram,
    /// Nix and this version of infra do not understand each other (schema numbers).
    SchemaMismatch,
    /// A Nix file does not parse.
    NixSyntax,
    /// A Nix evaluation failed.
    NixEvaluation,
    /// An evaluation took longer than it may.
    EvaluationTimeout,
    /// An evaluation was ended because there was no memory left for it.
    OutOfMemory,
    /// Nix failed in a way that is not the user's configuration (store, daemon, a crash).
    NixFailure,
    /// A file exists, but Git ignores it, so that no evaluation sees it.
    IgnoredFile,
    /// A file exists, but not in the part of the repository that the host may read.
    OutsideTree,
    /// `flake.lock` does not fit `flake.nix`.
    LockOutOfDate,
    /// An input of the flake, or a file the configuration asks for by its address, cannot be fetched.
    InputUnreachable,
    /// An input of the flake is a folder of this machine: every evaluation pays for it, and no other machine has it.
    PathInput,
    /// A file is so large that carrying it in every tree costs.
    LargeFile,
    /// A file is a pointer of Git LFS, not the content it stands for.
    LfsPointer,
    /// A build failed.
    BuildFailed,
    /// This machine's Nix cannot build on the host that was to build.
    NoBuilder,
    /// The host's SSH key is not pinned in `host.pub`.
    HostKeyUnknown,
    /// The host shows another SSH key than the pinned one.
    HostKeyMismatch,
    /// No answer from the host: no route, timeout, name not found.
    HostUnreachable,
    /// The host answers but refuses the connection.
    ConnectionRefused,
    /// The host refuses our login.
    LoginRefused,
    /// The user who logs in may not become root on the host.
    RootRefused,
    /// The connection broke while it was used.
    ConnectionLost,
    /// There is no usable Nix on the host.
    NoNixOnHost,
    /// The host's Nix takes no unsigned paths, not even from root.
    UntrustedUser,
    /// The host's (or this machine's) disk is full.
    DiskFull,
    /// Copying a closure failed.
    CopyFailed,
    /// Activation failed on the host.
    ActivationFailed,
    /// After activation the host does not run what it should.
    VerificationFailed,
    /// The host has no boot loader that can be told to boot a system once.
    NoBootOnce,
    /// The host did not come up with the system it was to boot.
    BootFailed,
    /// A probe does not hold on the host after a change.
    ProbeFailed,
    /// Nobody confirmed a change over a new connection in time.
    Unconfirmed,
    /// A change was ended in the middle, by its host's end or on purpose, and the host is what it was before.
    ChangeCutOff,
    /// A host could not be put back to what it was before a change.
    RestoreFailed,
    /// The host is not any more what it was when the plan was made.
    HostMoved,
    /// A system to go back to is not in the host's store any more.
    GenerationLost,
    /// A saved plan that cannot be read, or is of another version or repository.
    InvalidPlan,
    /// There is no such run.
    UnknownRun,
    /// The receipt of a run could not be kept in the repository, or not be exchanged with another one.
    ReceiptUnkept,
    /// Two receipts of one run say different things.
    ReceiptDiffers,
    /// A command given to `infra exec` failed on the host.
    CommandFailed,
    /// Somebody else is changing the host right now.
    HostBusy,
    /// A bundle of secrets that the host cannot put in place: an unknown owner, a template that does not render.
    BundleRefused,
    /// A key that is missing, of a kind that cannot be used, or not the one something was sealed to.
    UnusableKey,
    /// There is no agent that could be sent to the host.
    NoAgent,
    /// The agent on the host could not do its work: its disk, its memory, its permissions.
    AgentFailed,
    /// The host keeps no such generation of secrets.
    NoSuchGeneration,
    /// infra's own state folder cannot be written.
    StateUnwritable,
    /// What infra remembers between runs cannot be kept; everything is evaluated again.
    CacheUnusable,
    /// What infra remembered between runs was damaged or of another version, and was set aside.
    CacheSetAside,
    /// A need of a host's contract that no source fills.
    UnfilledNeed,
    /// A need that two sources of the same rank fill differently.
    AmbiguousNeed,
    /// A need is filled in a place where it must not be: a secret in clear text, say.
    MisplacedNeed,
    /// A context or a command names a need that no contract has.
    UnknownNeed,
    /// What hosts ask of each other goes round in a circle.
    Cycle,
    /// A contract reads an option of the operating system, which contracts do not have.
    OptionOutsideContract,
    /// A module reads a value that nobody filled.
    UnfilledValue,
    /// A module reads what another host should export, and it was not filled.
    UnfilledWant,
    /// A host wants what another does not export.
    UnknownExport,
    /// A want asks for one answer and there are others than one.
    WrongWant,
    /// A file of ours is of another version than this one reads.
    UnknownSchema,
    /// An answer could not be written where it was to go.
    OutputLost,
    /// A secret cannot be read: not the format it should have, or what holds it fails.
    SecretUnreadable,
    /// A secret that a reference names is not there.
    SecretMissing,
    /// No private key at hand decrypts a secret.
    NoIdentity,
    /// A secret was changed after it was encrypted, or outside of infra.
    SecretTampered,
    /// A secret is larger than its limit.
    SecretTooLarge,
    /// What should be a public key to encrypt to is none.
    InvalidRecipient,
    /// A recipe of a contract cannot be understood, or does not fit the needs that name it.
    InvalidRecipe,
    /// A recipe did not make what it should.
    RecipeFailed,
    /// This machine does not let us make the sandbox that scripts run in.
    NoSandbox,
    /// A secret is kept that no contract asks for.
    UnneededSecret,
    /// Hosts share a need, and their contracts describe it differently.
    SharedDiffers,
    /// Somebody who is not to read a secret any more still can.
    OverexposedSecret,
    /// Only a part of what a recipe makes is there: making the rest would replace it.
    PartlyMade,
    /// What a recipe made is to be made anew.
    DueSecret,
    /// A host was asked for a fact, and the answer was written into the repository: no fault, but a change to know of.
    LearnedFact,
    /// A recipe made something, and it was written into the repository: no fault, but a change to know of.
    MadeByRecipe,
    /// Nothing but the least proves that a change is good.
    NoProbe,
    /// Something acts only after a boot that nobody asked for.
    NeedsReboot,
    /// A change touches how its host is reached.
    TouchesAccess,
    /// The host's clock and this machine's differ.
    ClockSkew,
    /// A program is older than what infra is made for.
    OldProgram,
    /// A secret is about to expire.
    SecretExpires,
    /// A host runs another system than it would boot.
    HostUnsettled,
    /// A secret changes, and nobody on the host is told of it.
    NoConsumer,
    /// Two hosts are reached at the same address.
    SharedAddress,
    /// A secret is where it must not be.
    SecretExposed,
    /// A search for secrets did not find what was put there to be found.
    SearchUntrusted,
    /// The run was interrupted before it came to this.
    Interrupted,
    /// A broken promise inside infra: a bug.
    Internal,
}

impl Code {
    /// Whether the fault is in what was typed or configured (exit code 2), as opposed to what happened while doing it.
    pub fn is_usage(self) -> bool {
        matches!(
            self,
            Self::NotARepo
                | Self::NoHosts
                | Self::UnknownHost
                | Self::UnknownTag
                | Self::InvalidSelector
                | Self::NothingSelected
                | Self::InvalidHostName
                | Self::MissingFile
                | Self::MissingInput
                | Self::UnreadableFile
                | Self::TomlSyntax
                | Self::UnknownKey
                | Self::MissingKey
                | Self::WrongType
                | Self::UnsupportedClass
                | Self::Unsupported
                | Self::Usage
                | Self::MissingProgram
                | Self::NoAgent
                | Self::StateUnwritable
                | Self::UnknownRun
                | Self::UnfilledNeed
                | Self::AmbiguousNeed
                | Self::MisplacedNeed
                | Self::UnknownNeed
                | Self::Cycle
                | Self::SecretMissing
                | Self::NoIdentity
                | Self::SecretTooLarge
                | Self::InvalidRecipient
                | Self::InvalidRecipe
                | Self::PartlyMade
                | Self::SharedDiffers
        )
    }

    /// The code as it stands in JSON: `host-key-mismatch`.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }
}

/// A place in a file of the repository, or the name of another place (`command line`, `host web`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Place {
    /// Path relative to the repository, or a name.
    pub file: String,
    /// Line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column in characters, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The text of that line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Place {
    /// A whole file, or a named place.
    pub fn file(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            column: None,
            excerpt: None,
        }
    }

    /// A position in a file.
    pub fn position(file: impl Into<String>, line: usize, column: Option<usize>) -> Self {
        Self {
            file: file.into(),
            line: Some(line),
            column,
            excerpt: None,
        }
    }

    /// The place of byte `offset` of `text`, the content of `file`.
    pub fn in_text(file: impl Into<String>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_text = text
            .get(line_start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        Self {
            file: file.into(),
            line: Some(before.matches('\n').count() + 1),
            column: Some(before.get(line_start..).unwrap_or_default().chars().count() + 1),
            excerpt: Some(line_text.to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        Ok(())
    }
}

/// One error or warning: the thing, the place and the fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diagnostic {
    /// Stable kind.
    pub code: Code,
    /// One sentence: what is wrong, with the name of the thing.
    pub title: String,
    /// Why, as far as known; may have several lines (the message of Nix or ssh).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Where the fault lies; the user's own file before any of ours.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The host it concerns, if it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
}

impl Diagnostic {
    /// A diagnostic with only its kind and title; add the rest with the `with_*` methods.
    pub fn new(code: Code, title: impl Into<String>) -> Self {
        Self {
            code,
            title: title.into(),
            cause: None,
            place: None,
            fix: None,
            host: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds the place.
    #[must_use]
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds the fix.
    #[must_use]
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Adds the host.
    #[must_use]
    pub fn with_host(mut self, host: &HostName) -> Self {
        self.host = Some(host.clone());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Place};

    #[test]
    fn places_count_lines_and_columns_from_one() {
        let text = "class = \"nixos\"\nsystem = \"ä\" x\n";
        let at = |needle: &str| Place::in_text("f", text, text.find(needle).expect("in the text"));
        assert_eq!(at("class").to_string(), "f:1:1");
        assert_eq!(at("system").to_string(), "f:2:1");
        assert_eq!(at(" x").to_string(), "f:2:13");
        assert_eq!(at(" x").excerpt.as_deref(), Some("system = \"ä\" x"));
        assert_eq!(
            Place::in_text("f", text, text.len()).to_string(),
            "f:3:1",
            "the end of the file is a place too"
        );
    }

    #[test]
    fn codes_have_stable_names() {
        assert_eq!(Code::HostKeyMismatch.name(), "host-key-mismatch");
    }
}
