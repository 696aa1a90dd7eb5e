//! Where needs are filled from, and what is left open.

use crate::contract::{Declared, Phase, place_of};
use crate::need::NeedName;
use crate::{Code, Diagnostic, HostName, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One place a need can be filled from. The order of the variants is the order in which they are asked; the first that has it wins.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(
    tag = "from",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Source {
    /// `--set` or `--secret-file`.
    Flag,
    /// `INFRA_<HOST>_<NAME>`.
    Environment {
        /// The variable.
        variable: String,
    },
    /// A line of `context/hosts/<host>.toml` or `context/shared.toml`.
    Context {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A file of the age store.
    Store {
        /// The file.
        file: String,
    },
    /// A key of a file that sops encrypted.
    Sops {
        /// The file.
        file: String,
        /// The key; parts are separated by `/`.
        key: String,
    },
    /// A file that age or agenix encrypted.
    Agenix {
        /// The file.
        file: String,
    },
    /// What a command prints.
    Command {
        /// The store in `infra.toml` that says which.
        store: String,
        /// What it is asked for.
        path: String,
    },
    /// Exports of other hosts.
    Want {
        /// Which hosts.
        hosts: Vec<HostName>,
        /// Which export.
        export: NeedName,
    },
    /// What the host itself answered, as it is kept: a line of `context/facts/<host>.toml`.
    Fact {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// It will be made by a recipe.
    Recipe {
        /// Which.
        recipe: NeedName,
    },
    /// What the contract says if nobody else does.
    Default,
    /// Somebody typed it.
    Prompt,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment { variable } => write!(f, "${variable}"),
            Self::Context { file, line } | Self::Fact { file, line } => write!(f, "{file}:{line}"),
            Self::Store { file } | Self::Agenix { file } => f.write_str(file),
            Self::Sops { file, key } => write!(f, "{file}#{key}"),
            Self::Command { store, path } => write!(f, "{store}:{path}"),
            Self::Want { hosts, export } => {
                let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
                write!(f, "{export} of {}", names.join(", "))
            }
            Self::Recipe { recipe } => write!(f, "recipe {recipe}"),
            Self::Default => f.write_str("default"),
            Self::Prompt => f.write_str("typed"),
        }
    }
}

/// A secret that is somewhere else, as a context file names it: `sops:FILE#KEY`, `agenix:FILE` or `command:STORE/PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A key of a sops file.
    Sops {
        /// Relative to the repository.
        file: String,
        /// Parts separated by `/`; empty for a whole binary file.
        key: String,
    },
    /// An age file.
    Agenix {
        /// Relative to the repository.
        file: String,
    },
    /// A store of `infra.toml` that is a command.
    Command {
        /// Its name.
        store: String,
        /// What is asked of it.
        path: String,
    },
}

impl Reference {
    /// Reads a reference. `None`: it is none; the error says what one must look like.
    pub fn parse(text: &str) -> Option<Result<Self, &'static str>> {
        let (kind, rest) = text.split_once(':')?;
        let parsed = match kind {
            "sops" => {
                let (file, key) = rest.split_once('#').unwrap_or((rest, ""));
                (!file.is_empty())
                    .then(|| Self::Sops {
                        file: file.to_owned(),
                        key: key.to_owned(),
                    })
                    .ok_or("sops:FILE#KEY, such as sops:secrets/web.yaml#database/password")
            }
            "agenix" => (!rest.is_empty())
                .then(|| Self::Agenix {
                    file: rest.to_owned(),
                })
                .ok_or("agenix:FILE, such as agenix:secrets/web.age"),
            "command" => rest
                .split_once('/')
                .filter(|(store, path)| !store.is_empty() && !path.is_empty())
                .map(|(store, path)| Self::Command {
                    store: store.to_owned(),
                    path: path.to_owned(),
                })
                .ok_or("command:STORE/PATH, such as command:pass/web/mail"),
            _ => return None,
        };
        Some(parsed)
    }

    /// The file it names, if it names one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Sops { file, .. } | Self::Agenix { file } => Some(file),
            Self::Command { .. } => None,
        }
    }

    /// As a source.
    pub fn source(&self) -> Source {
        match self.clone() {
            Self::Sops { file, key } => Source::Sops { file, key },
            Self::Agenix { file } => Source::Agenix { file },
            Self::Command { store, path } => Source::Command { store, path },
        }
    }
}

/// What kind of thing is needed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum NeedKind {
    /// A secret.
    Secret,
    /// A value.
    Value,
    /// An export of another host.
    Want,
}

impl NeedKind {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Value => "value",
            Self::Want => "want",
        }
    }
}

/// A need that no source fills, or fills with something it must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub host: HostName,
    /// Which.
    pub name: NeedName,
    /// What kind of need.
    pub kind: NeedKind,
    /// What is expected, in words.
    pub expected: String,
    /// What it is for, in the contract's words.
    pub description: String,
    /// Where it is declared.
    pub declared: Vec<Declared>,
    /// Whether it is kept encrypted: a secret, or a value that is private.
    pub private: bool,
    /// Why it is open.
    pub why: Why,
}

/// Why a need is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Nobody has it.
    Missing,
    /// The host itself would know, and was not asked yet.
    Unasked {
        /// What it is to be asked.
        fact: String,
    },
    /// Somebody has it, but not of the right type.
    Wrong {
        /// Who.
        source: Source,
        /// How it differs from what is expected.
        how: String,
    },
    /// Two sources of the same rank have it, and not the same.
    Disagreement {
        /// The sources.
        sources: Vec<String>,
    },
    /// It is in a place where it must not be.
    Misplaced {
        /// Where it is.
        source: Source,
        /// Why not there, and where instead.
        how: String,
    },
    /// It must be there when this version cannot bring it.
    Unserved {
        /// When.
        phase: Phase,
        /// What to do instead.
        instead: &'static str,
    },
    /// It cannot be had of another host.
    Unavailable {
        /// Why not.
        how: String,
        /// What to do about it, if that is known.
        fix: Option<String>,
    },
}

impl Gap {
    /// The command that fills it.
    pub fn command(&self) -> String {
        let Self { host, name, .. } = self;
        match (&self.why, self.kind) {
            (Why::Unasked { .. }, _) => return format!("infra facts {host}"),
            (
                Why::Wrong {
                    source: Source::Fact { .. },
                    ..
                },
                _,
            ) => return format!("infra facts {host} --refresh"),
            _ => {}
        }
        match self.kind {
            NeedKind::Secret => format!("infra secret new {host} {name}"),
            NeedKind::Value if self.private => format!("infra secret new {host} {name}"),
            NeedKind::Value => format!("infra set {host} {name} VALUE"),
            NeedKind::Want => "infra graph".to_owned(),
        }
    }

    /// As a fault.
    pub fn diagnostic(&self) -> Diagnostic {
        let Self {
            host, name, kind, ..
        } = self;
        let kind_word = kind.as_str();
        let (code, title) = match &self.why {
            Why::Missing => (
                Code::UnfilledNeed,
                format!("{host} needs the {kind_word} `{name}`, and nobody gives it"),
            ),
            Why::Unasked { .. } => (
                Code::UnfilledNeed,
                format!("{host} was not asked yet for the {kind_word} `{name}`"),
            ),
            Why::Wrong { source, .. } => (
                Code::WrongType,
                format!("the {kind_word} `{name}` of {host} is not what it must be ({source})"),
            ),
            Why::Disagreement { .. } => (
                Code::AmbiguousNeed,
                format!("the {kind_word} `{name}` of {host} is given twice, and differently"),
            ),
            Why::Misplaced { source, .. } => (
                Code::MisplacedNeed,
                format!("the {kind_word} `{name}` of {host} must not be in {source}"),
            ),
            Why::Unserved { phase, .. } => (
                Code::Unsupported,
                format!(
                    "the {kind_word} `{name}` of {host} has phase = \"{}\", and this version brings none to a host then",
                    phase.as_str()
                ),
            ),
            Why::Unavailable { .. } => (
                Code::UnfilledNeed,
                format!("{host} wants `{name}` of another host, and cannot have it"),
            ),
        };
        let mut cause = match &self.why {
            Why::Missing => format!("expected: {}", self.expected),
            Why::Unasked { fact } => {
                format!("expected: {}\nthe host is asked: {fact}", self.expected)
            }
            Why::Wrong { how, .. } | Why::Misplaced { how, .. } | Why::Unavailable { how, .. } => {
                how.clone()
            }
            Why::Disagreement { sources } => sources.join("\n"),
            Why::Unserved { phase, .. } => match phase {
                Phase::Initrd => "an initrd lies on the boot partition in clear text, and is written anew only with the boot loader",
                _ => "it would be needed before there is a host to bring it to",
            }
            .to_owned(),
        };
        if !self.description.is_empty() {
            cause = format!("{}\n{cause}", self.description);
        }
        Diagnostic::new(code, title)
            .with_cause(cause)
            .with_place(self.place())
            .with_fix(self.fix())
            .with_host(host)
    }

    /// Where the fault is: what is wrong where it was said, what is missing where it is asked for.
    fn place(&self) -> Place {
        match &self.why {
            Why::Wrong {
                source: Source::Context { file, line } | Source::Fact { file, line },
                ..
            }
            | Why::Misplaced {
                source: Source::Context { file, line },
                ..
            } => Place::position(file, *line, None),
            _ => place_of(&self.declared, &self.host),
        }
    }

    fn fix(&self) -> String {
        match (&self.why, self.kind) {
            (Why::Unasked { .. }, _) => {
                let Self { host, name, .. } = self;
                format!(
                    "{}   (infra deploy asks first; or say it yourself: infra set {host} {name} VALUE)",
                    self.command()
                )
            }
            (Why::Missing | Why::Wrong { .. }, NeedKind::Secret | NeedKind::Value) => {
                self.command()
            }
            (Why::Unserved { instead, .. }, _) => (*instead).to_owned(),
            (Why::Disagreement { .. }, _) => "leave one of them".to_owned(),
            (Why::Misplaced { .. }, _) => format!("remove it there, then: {}", self.command()),
            (Why::Unavailable { fix: Some(fix), .. }, _) => fix.clone(),
            (_, NeedKind::Want) | (Why::Unavailable { .. }, _) => {
                "infra graph shows who offers and who wants what".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn references_are_read() {
        let read =
            |text: &str| Reference::parse(text).map(|found| found.map(|r| r.source().to_string()));
        assert_eq!(read("just a text"), None);
        assert_eq!(read("https://a.org"), None);
        assert_eq!(read("sops:a.yaml#b/c"), Some(Ok("a.yaml#b/c".to_owned())));
        assert_eq!(
            read("agenix:secrets/x.age"),
            Some(Ok("secrets/x.age".to_owned()))
        );
        assert_eq!(
            read("command:pass/web/mail"),
            Some(Ok("pass:web/mail".to_owned()))
        );
        for broken in ["sops:#a", "agenix:", "command:pass", "command:/x"] {
            assert!(matches!(read(broken), Some(Err(_))), "{broken}");
        }
    }
}
