//! Which source fills which need: pure, from what everybody offers.
//!
//! Sources are asked in a fixed order and the first that has a need wins (DESIGN 5), so that the same offer always gives the same answer and
//! every filled need can say where it came from. All gaps are found, not only the first.

use infra_model::context::{Context, Line};
use infra_model::contract::{Manifest, NeedScope, SecretNeed, ValueNeed, place_of};
use infra_model::fact::{self, Kept};
use infra_model::fill::{Gap, NeedKind, Reference, Source, Why};
use infra_model::need::in_environment;
use infra_model::suggest::nearest;
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was said on the command line for one host.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--set NAME=TEXT`, in the order they were given.
    pub values: Vec<(NeedName, String)>,
    /// `--secret-file NAME=FILE`, in the order they were given.
    pub secrets: Vec<(NeedName, String)>,
}

/// Everything that might fill the needs of one host.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// From the command line.
    pub flags: Flags,
    /// Names of the variables `INFRA_…` that are set, with their texts for values. Texts of secrets are read when they are needed.
    pub environment: BTreeMap<String, String>,
    /// `context/hosts/<host>.toml`.
    pub own: Context,
    /// `context/shared.toml`.
    pub shared: Context,
    /// `context/facts/<host>.toml`: what the host itself answered.
    pub facts: Context,
    /// Names in `secrets/hosts/<host>/`.
    pub own_secrets: BTreeSet<String>,
    /// Names in `secrets/shared/`.
    pub shared_secrets: BTreeSet<String>,
}

/// How a secret, or a value that is kept encrypted, is to be had. Nothing has been read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A file on this machine that the command line names.
    File(String),
    /// A variable.
    Variable(String),
    /// Something that a context file refers to.
    Reference(Reference),
    /// A file of the age store: below `secrets/shared` or `secrets/hosts/<host>`.
    Store(NeedScope),
    /// Nobody has it, but this recipe makes it.
    Recipe(NeedName),
}

/// A filled need.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled<T> {
    /// With what.
    pub with: T,
    /// From where.
    pub source: Source,
}

/// What fills the needs of one host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filling {
    /// Values.
    pub values: BTreeMap<NeedName, Filled<Value>>,
    /// Values that are kept encrypted, and values that a recipe makes.
    pub private: BTreeMap<NeedName, Filled<Secret>>,
    /// Secrets.
    pub secrets: BTreeMap<NeedName, Filled<Secret>>,
    /// Values that the host itself is to be asked for: no source before it has them, and what it answered is not known.
    pub unasked: BTreeSet<NeedName>,
    /// What is open.
    pub gaps: Vec<Gap>,
    /// Lines of the host's context file that no need asks for.
    pub strangers: Vec<Diagnostic>,
}

/// Fills the needs of `manifest` from `offer`.
pub fn fill(manifest: &Manifest, offer: &Offer) -> Filling {
    let mut filling = Filling::default();
    let host = &manifest.host;
    for (name, need) in &manifest.values {
        let desk = Desk { host, name, offer };
        let given = desk.value(need);
        if is_unasked(need, &given) {
            filling.unasked.insert(name.clone());
        }
        match given {
            Ok(Some(Given::Plain(filled))) => {
                filling.values.insert(name.clone(), filled);
            }
            Ok(Some(Given::Kept(filled))) => {
                filling.private.insert(name.clone(), filled);
            }
            Ok(None) => filling.gaps.push(desk.value_gap(need, nobody(need))),
            Err(why) => filling.gaps.push(desk.value_gap(need, why)),
        }
    }
    for (name, need) in &manifest.secrets {
        let desk = Desk { host, name, offer };
        let given = desk.secret(need);
        // One that nobody gives and the host can do without is never brought anywhere.
        let is_meant = need.deploy && (need.required || !matches!(given, Ok(None)));
        if let Some(instead) = need.phase.instead().filter(|_| is_meant) {
            let why = Why::Unserved {
                phase: need.phase,
                instead,
            };
            filling.gaps.push(desk.secret_gap(need, why));
            continue;
        }
        match given {
            Ok(Some(filled)) => {
                filling.secrets.insert(name.clone(), filled);
            }
            Ok(None) if need.required => {
                filling.gaps.push(desk.secret_gap(need, Why::Missing));
            }
            Ok(None) => {}
            Err(why) => filling.gaps.push(desk.secret_gap(need, why)),
        }
    }
    filling.strangers = strangers(manifest, offer);
    filling
}

/// A value as it is, or the place where it is kept.
enum Given {
    Plain(Filled<Value>),
    Kept(Filled<Secret>),
}

/// One need of one host, being filled.
struct Desk<'a> {
    host: &'a HostName,
    name: &'a NeedName,
    offer: &'a Offer,
}

impl Desk<'_> {
    fn value(&self, need: &ValueNeed) -> Result<Option<Given>, Why> {
        if let Some((value, source)) = self.plain_value(need)? {
            if need.private && matches!(source, Source::Context { .. }) {
                return Err(Why::Misplaced {
                    source,
                    how: "it is private, so it is kept encrypted; context files are in clear text"
                        .to_owned(),
                });
            }
            return checked(
                need,
                Filled {
                    with: value,
                    source,
                },
            )
            .map(|filled| Some(Given::Plain(filled)));
        }
        if let Some(kept) = self.kept(need.scope) {
            return Ok(Some(Given::Kept(kept)));
        }
        if let Some(filled) = self.answered(need)? {
            return checked(need, filled).map(|filled| Some(Given::Plain(filled)));
        }
        if let Some(recipe) = &need.recipe {
            return Ok(Some(Given::Kept(from_recipe(recipe))));
        }
        let Some(default) = &need.default else {
            return Ok(None);
        };
        checked(
            need,
            Filled {
                with: default.clone(),
                source: Source::Default,
            },
        )
        .map(|filled| Some(Given::Plain(filled)))
    }

    /// What the host itself answered to the question of the contract.
    fn answered(&self, need: &ValueNeed) -> Result<Option<Filled<Value>>, Why> {
        let line = self.offer.facts.get(self.name.as_str());
        let (Some(fact), Some(line)) = (&need.fact, line) else {
            return Ok(None);
        };
        let source = Source::Fact {
            file: line.file.clone(),
            line: line.line,
        };
        match fact::read(&line.value, fact) {
            Kept::Answer(value) => Ok(Some(Filled {
                with: value.clone(),
                source,
            })),
            Kept::Otherwise => Ok(None),
            Kept::Foreign => Err(Why::Wrong {
                source,
                how: "infra writes { fact = …, value = … } there; a value of your own belongs into context/hosts/"
                    .to_owned(),
            }),
        }
    }

    /// From the command line, the environment and the context files.
    fn plain_value(&self, need: &ValueNeed) -> Result<Option<(Value, Source)>, Why> {
        if let Some(text) = self.flag(&self.offer.flags.values, "--set")? {
            return Ok(Some((need.of.read_text(text), Source::Flag)));
        }
        let variable = self.variable();
        if let Some(text) = self.offer.environment.get(&variable) {
            let source = Source::Environment { variable };
            return Ok(Some((need.of.read_text(text), source)));
        }
        Ok(self
            .line(need.scope)?
            .map(|line| (line.value.clone(), line.source())))
    }

    fn secret(&self, need: &SecretNeed) -> Result<Option<Filled<Secret>>, Why> {
        if let Some(file) = self.flag(&self.offer.flags.secrets, "--secret-file")? {
            return Ok(Some(Filled {
                with: Secret::File(file.to_owned()),
                source: Source::Flag,
            }));
        }
        let variable = self.variable();
        if self.offer.environment.contains_key(&variable) {
            return Ok(Some(Filled {
                with: Secret::Variable(variable.clone()),
                source: Source::Environment { variable },
            }));
        }
        if let Some(line) = self.line(need.scope)? {
            let reference = referred(line)?;
            return Ok(Some(Filled {
                source: reference.source(),
                with: Secret::Reference(reference),
            }));
        }
        Ok(self
            .kept(need.scope)
            .or_else(|| need.recipe.as_ref().map(from_recipe)))
    }

    /// The one thing the command line says of the need.
    fn flag<'a>(
        &self,
        given: &'a [(NeedName, String)],
        option: &str,
    ) -> Result<Option<&'a str>, Why> {
        let mut said: Vec<&str> = given
            .iter()
            .filter(|(name, _)| name == self.name)
            .map(|(_, text)| text.as_str())
            .collect();
        said.dedup();
        match said.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(Why::Disagreement {
                sources: vec![format!("{option} is given {} times", said.len())],
            }),
        }
    }

    fn variable(&self) -> String {
        format!(
            "INFRA_{}_{}",
            in_environment(self.host.as_str()),
            self.name.in_environment()
        )
    }

    /// The line of a context file: the host's own, else the shared one.
    fn line(&self, scope: NeedScope) -> Result<Option<&Line>, Why> {
        let own = self.offer.own.get(self.name.as_str());
        let shared = self.offer.shared.get(self.name.as_str());
        match (own, scope) {
            (Some(own), NeedScope::Shared) => Err(Why::Misplaced {
                source: own.source(),
                how: format!(
                    "it is the same for all hosts that need it: its place is {}",
                    shared.map_or("context/shared.toml", |line| line.file.as_str())
                ),
            }),
            (Some(own), NeedScope::Host) => Ok(Some(own)),
            (None, _) => Ok(shared),
        }
    }

    /// The file in the age store.
    fn kept(&self, scope: NeedScope) -> Option<Filled<Secret>> {
        let (names, folder) = match scope {
            NeedScope::Host => (&self.offer.own_secrets, format!("hosts/{}", self.host)),
            NeedScope::Shared => (&self.offer.shared_secrets, "shared".to_owned()),
        };
        names.contains(self.name.as_str()).then(|| Filled {
            with: Secret::Store(scope),
            source: Source::Store {
                file: format!("secrets/{folder}/{}.age", self.name),
            },
        })
    }

    fn value_gap(&self, need: &ValueNeed, why: Why) -> Gap {
        Gap {
            host: self.host.clone(),
            name: self.name.clone(),
            kind: NeedKind::Value,
            expected: need.of.describe(),
            description: need.description.clone(),
            declared: need.declared.clone(),
            private: need.private,
            why,
        }
    }

    fn secret_gap(&self, need: &SecretNeed, why: Why) -> Gap {
        Gap {
            host: self.host.clone(),
            name: self.name.clone(),
            kind: NeedKind::Secret,
            expected: format!("a secret of format {}", need.format.as_str()),
            description: need.description.clone(),
            declared: need.declared.clone(),
            private: true,
            why,
        }
    }
}

/// Whether the host would have to be asked for it.
fn is_unasked(need: &ValueNeed, given: &Result<Option<Given>, Why>) -> bool {
    let is_open = match given {
        Ok(None) => true,
        // An answer comes before the default.
        Ok(Some(Given::Plain(filled))) => filled.source == Source::Default,
        Err(Why::Wrong { source, .. }) => *source == Source::Default,
        Ok(Some(Given::Kept(_))) | Err(_) => false,
    };
    need.fact.is_some() && is_open
}

/// Why a value is open that no source has.
fn nobody(need: &ValueNeed) -> Why {
    match &need.fact {
        Some(fact) => Why::Unasked {
            fact: fact.to_string(),
        },
        None => Why::Missing,
    }
}

fn from_recipe(recipe: &NeedName) -> Filled<Secret> {
    Filled {
        with: Secret::Recipe(recipe.clone()),
        source: Source::Recipe {
            recipe: recipe.clone(),
        },
    }
}

fn checked(need: &ValueNeed, filled: Filled<Value>) -> Result<Filled<Value>, Why> {
    match describe_mismatch(need, &filled.with) {
        None => Ok(filled),
        Some(how) => Err(Why::Wrong {
            source: filled.source,
            how,
        }),
    }
}

/// How a value differs from what a need expects, a line per difference; `None` if it does not.
pub fn describe_mismatch(need: &ValueNeed, value: &Value) -> Option<String> {
    let lines: Vec<String> = need
        .of
        .check(value)
        .iter()
        .map(ToString::to_string)
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A secret's line in a context file must refer to somewhere else.
fn referred(line: &Line) -> Result<Reference, Why> {
    let misplaced = |how: String| Why::Misplaced {
        source: line.source(),
        how,
    };
    match line.value.as_str().map(Reference::parse) {
        Some(Some(Ok(reference))) => Ok(reference),
        Some(Some(Err(form))) => Err(misplaced(format!("a reference looks like {form}"))),
        Some(None) | None => Err(misplaced(
            "it is a secret, and context files are in clear text; they may only refer to one: sops:FILE#KEY, agenix:FILE, command:STORE/PATH".to_owned(),
        )),
    }
}

/// Lines of the host's own context file that fill nothing: mostly a slip of the finger.
fn strangers(manifest: &Manifest, offer: &Offer) -> Vec<Diagnostic> {
    let known = || {
        let values = manifest.values.keys().map(NeedName::as_str);
        values.chain(manifest.secrets.keys().map(NeedName::as_str))
    };
    offer
        .own
        .iter()
        .filter(|(name, _)| !known().any(|need| need == name.as_str()))
        .map(|(name, line)| {
            unknown_need(&manifest.host, name, known())
                .with_place(Place::position(&line.file, line.line, None))
        })
        .collect()
}

/// A name that is no need of the host.
pub fn unknown_need<'a>(
    host: &HostName,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.collect();
    let fix = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => {
            format!(
                "{host} needs nothing: its contract is hosts/{host}/contract.nix and those of the shared modules"
            )
        }
        None => format!("{host} needs: {}", known.join(", ")),
    };
    Diagnostic::new(Code::UnknownNeed, format!("`{name}` is no need of {host}"))
        .with_fix(fix)
        .with_host(host)
}

/// Two needs of one host that would read the same variable of the environment, which is set.
pub fn ambiguous_variables(manifest: &Manifest, offer: &Offer) -> Vec<Diagnostic> {
    let mut by_variable: BTreeMap<String, Vec<(&NeedName, Place)>> = BTreeMap::new();
    let values = manifest
        .values
        .iter()
        .map(|(name, need)| (name, &need.declared));
    let secrets = manifest
        .secrets
        .iter()
        .map(|(name, need)| (name, &need.declared));
    for (name, declared) in values.chain(secrets) {
        let variable = format!(
            "INFRA_{}_{}",
            in_environment(manifest.host.as_str()),
            name.in_environment()
        );
        let place = place_of(declared, &manifest.host);
        by_variable.entry(variable).or_default().push((name, place));
    }
    by_variable
        .into_iter()
        .filter(|(variable, needs)| needs.len() > 1 && offer.environment.contains_key(variable))
        .map(|(variable, needs)| {
            let lines: Vec<String> = needs
                .iter()
                .map(|(name, place)| format!("`{name}` ({place})"))
                .collect();
            Diagnostic::new(
                Code::AmbiguousNeed,
                format!(
                    "${variable} could be any of several needs of {}",
                    manifest.host
                ),
            )
            .with_cause(lines.join("\n"))
            .with_place(Place::file("environment"))
            .with_fix("unset it and give the values another way, or rename one of the needs")
            .with_host(&manifest.host)
        })
        .collect()
}

#[cfg(test)]
#[path = "fill_tests.rs"]
mod tests;
