//! Facts: hosts asked for values that only they know, and their answers kept in `context/facts/`.

use crate::contracts::Contracts;
use crate::workspace::Workspace;
use infra_drive::context;
use infra_drive::facts::{self, Told};
use infra_drive::process::Stop;
use infra_drive::ssh::{Connection, Target};
use infra_model::answer::{FactChange, FactDone};
use infra_model::contract::{ValueNeed, place_of};
use infra_model::fact::{self, Fact};
use infra_model::{Code, Diagnostic, HostName, HostSpec, NeedName, Place};
use infra_plan::fill;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Hosts asked at once: waiting costs nothing, but each connection is a process for a moment.
const AT_ONCE: usize = 32;

/// As much of a wrong answer as is repeated.
const SHOWN: usize = 200;

/// What each host is asked for.
pub(crate) type Questions = BTreeMap<HostName, BTreeMap<NeedName, ValueNeed>>;

/// What came of one host.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// What it was asked, and what became of it.
    pub(crate) facts: Vec<FactDone>,
    /// What is not known because of what.
    pub(crate) faults: Vec<Diagnostic>,
}

/// What these hosts have to be asked before they can be evaluated for a deployment.
pub(crate) fn unasked(contracts: &Contracts, hosts: &[HostSpec]) -> Questions {
    let mut all = Questions::new();
    for host in hosts {
        let Some(contract) = contracts.hosts.get(&host.name) else {
            continue;
        };
        for name in &contract.filling.unasked {
            if let Some(need) = contract.manifest().values.get(name) {
                let of_host = all.entry(host.name.clone()).or_default();
                of_host.insert(name.clone(), need.clone());
            }
        }
    }
    all
}

/// Asks each host once, all at the same time, and keeps the answers that fit. One that does not answer harms no other.
pub(crate) async fn learn(
    workspace: &Workspace,
    asked: &Questions,
    stop: &Stop,
) -> BTreeMap<HostName, Learned> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut learned: BTreeMap<HostName, Learned> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    for (host, needs) in asked {
        let target = match target(workspace, host) {
            Ok(target) => target,
            Err(fault) => {
                learned.insert(host.clone(), unanswered(workspace, host, needs, fault));
                continue;
            }
        };
        let (gate, stop, host) = (Arc::clone(&gate), stop.clone(), host.clone());
        let commands: Vec<Vec<String>> = commands(needs).map(<[String]>::to_vec).collect();
        tasks.spawn(async move {
            let _turn = gate.acquire().await;
            (host, ask(&target, &commands, stop).await)
        });
    }
    while let Some(ended) = tasks.join_next().await {
        // A task that broke leaves its host without an entry, which is told below.
        if let Ok((host, told)) = ended
            && let Some(needs) = asked.get(&host)
        {
            let came_to = match told {
                Ok(told) => keep(workspace, &host, needs, &told),
                Err(fault) => unanswered(workspace, &host, needs, fault.with_host(&host)),
            };
            learned.insert(host, came_to);
        }
    }
    for (host, needs) in asked {
        learned.entry(host.clone()).or_insert_with(|| {
            let fault =
                Diagnostic::new(Code::Internal, format!("infra broke while it asked {host}"))
                    .with_fix("this is a bug: please report it")
                    .with_host(host);
            unanswered(workspace, host, needs, fault)
        });
    }
    learned
}

fn target(workspace: &Workspace, host: &HostName) -> Result<Target, Diagnostic> {
    let spec = workspace.contents.fleet.get(host).ok_or_else(|| {
        Diagnostic::new(Code::Internal, format!("{host} is no host")).with_host(host)
    })?;
    workspace.target(spec)
}

async fn ask(target: &Target, commands: &[Vec<String>], stop: Stop) -> Result<Told, Diagnostic> {
    let connection = Connection::open(target, stop.clone()).await?;
    let commands: Vec<&[String]> = commands.iter().map(Vec::as_slice).collect();
    facts::ask(&connection, &target.name, &commands, stop).await
}

/// In the order of the needs.
fn commands(needs: &BTreeMap<NeedName, ValueNeed>) -> impl Iterator<Item = &[String]> {
    needs.values().filter_map(|need| match &need.fact {
        Some(Fact::Command(words)) => Some(words.as_slice()),
        Some(Fact::Builtin(_)) | None => None,
    })
}

/// A host that did not answer at all. What was known stays known.
fn unanswered(
    workspace: &Workspace,
    host: &HostName,
    needs: &BTreeMap<NeedName, ValueNeed>,
    fault: Diagnostic,
) -> Learned {
    // A file that cannot be read was told before anybody was asked.
    let known = context::read(&workspace.repo, &context::facts(host)).unwrap_or_default();
    let facts = needs.iter().map(|(name, need)| {
        let line = known.get(name.as_str());
        let before = line.and_then(|line| kept_value(&line.value)).cloned();
        FactDone {
            value: before.clone(),
            before,
            ..done(name, need, FactChange::Failed)
        }
    });
    Learned {
        facts: facts.collect(),
        faults: vec![fault],
    }
}

/// A fact of which nothing more is known.
pub(crate) fn done(name: &NeedName, need: &ValueNeed, change: FactChange) -> FactDone {
    FactDone {
        need: name.clone(),
        fact: need.fact.as_ref().map(Fact::question),
        change,
        before: None,
        value: None,
        source: None,
    }
}

/// Writes down the answers that fit.
fn keep(
    workspace: &Workspace,
    host: &HostName,
    needs: &BTreeMap<NeedName, ValueNeed>,
    told: &Told,
) -> Learned {
    let mut learned = Learned::default();
    let file = context::facts(host);
    let known = match context::read(&workspace.repo, &file) {
        Ok(known) => known,
        Err(faults) => {
            learned.faults = faults;
            return learned;
        }
    };
    let mut at = 0;
    for (name, need) in needs {
        let Some(fact) = &need.fact else { continue };
        let place = at;
        at += usize::from(matches!(fact, Fact::Command(_)));
        let before = known
            .get(name.as_str())
            .and_then(|line| kept_value(&line.value));
        let mut fact_done = FactDone {
            before: before.cloned(),
            ..done(name, need, FactChange::Failed)
        };
        let answer = Question {
            host,
            name,
            need,
            fact,
        };
        if answer.is_dispensable(told) {
            fact_done.change = FactChange::Unknown;
            fact_done.value.clone_from(&fact_done.before);
            learned.facts.push(fact_done);
            continue;
        }
        let kept = answer.read(told, place).and_then(|value| {
            let line = fact::kept(fact, &value);
            match context::set(&workspace.repo, &file, name, Some(&line)) {
                Ok(_) => Ok(value),
                Err(mut faults) => Err(faults.swap_remove(0)),
            }
        });
        match kept {
            Ok(value) => {
                fact_done.change = match before {
                    None => FactChange::Learned,
                    Some(before) if *before == value => FactChange::Unchanged,
                    Some(_) => FactChange::Changed,
                };
                fact_done.value = Some(value);
            }
            Err(fault) => {
                // What was known stays known.
                fact_done.value.clone_from(&fact_done.before);
                learned.faults.push(fault.with_host(host));
            }
        }
        learned.facts.push(fact_done);
    }
    learned
}

/// What was answered, whatever had been asked.
pub(crate) fn kept_value(line: &Value) -> Option<&Value> {
    line.as_object()?.get("value")
}

/// What a person should know who only looks: a deployment would ask first, and might find another value than the default.
pub(crate) fn to_be_asked(contracts: &Contracts, hosts: &[HostSpec]) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for (host, needs) in unasked(contracts, hosts) {
        let contract = contracts.hosts.get(&host);
        let filled = |name: &NeedName| {
            contract.is_some_and(|contract| contract.filling.values.contains_key(name))
        };
        for (name, need) in needs.iter().filter(|(name, _)| filled(name)) {
            all.push(
                Diagnostic::new(
                    Code::UnfilledNeed,
                    format!(
                        "{host} was not asked yet for the value `{name}`, and its default is taken"
                    ),
                )
                .with_place(place_of(&need.declared, &host))
                .with_fix(format!("infra facts {host}   (infra deploy asks first)"))
                .with_host(&host),
            );
        }
    }
    all
}

/// As something a person should know: a file of the repository is another.
pub(crate) fn note(host: &HostName, fact: &FactDone) -> Option<Diagnostic> {
    let is_new = matches!(fact.change, FactChange::Learned | FactChange::Changed);
    let value = fact.value.as_ref().filter(|_| is_new)?;
    let file = context::facts(host);
    Some(
        Diagnostic::new(
            Code::LearnedFact,
            format!("{host} was asked for `{}`: {}", fact.need, short(value)),
        )
        .with_place(Place::file(&file))
        .with_fix(format!("commit {file}, so that everybody has it"))
        .with_host(host),
    )
}

/// One question to one host.
struct Question<'a> {
    host: &'a HostName,
    name: &'a NeedName,
    need: &'a ValueNeed,
    fact: &'a Fact,
}

impl Question<'_> {
    /// Whether the host does not know (it has no IPv6, say), and the contract says what it is then.
    fn is_dispensable(&self, told: &Told) -> bool {
        let known = match self.fact {
            Fact::Builtin(name) => told.report.builtin(*name, &self.need.of).is_some(),
            Fact::Command(_) => true,
        };
        !known && self.need.default.is_some()
    }

    /// The answer as the type of the need reads it. `at`: the place of its command among all that were asked.
    fn read(&self, told: &Told, at: usize) -> Result<Value, Diagnostic> {
        let value = match self.fact {
            Fact::Builtin(name) => told
                .report
                .builtin(*name, &self.need.of)
                .ok_or_else(|| self.unknown())?,
            Fact::Command(_) => self.printed(told, at)?,
        };
        match fill::describe_mismatch(self.need, &value) {
            None => Ok(value),
            Some(how) => Err(self.fault(
                Code::WrongType,
                format!(
                    "{} answers {} to `{}`, which is not what its value `{}` must be",
                    self.host,
                    short(&value),
                    self.fact,
                    self.name
                ),
                how,
            )),
        }
    }

    fn printed(&self, told: &Told, at: usize) -> Result<Value, Diagnostic> {
        let printed = told.report.command(at).cloned().unwrap_or_default();
        let why = match printed.code {
            Some(0) if !printed.text.is_empty() => {
                return Ok(self.need.of.read_text(&printed.text));
            }
            Some(0) => "it printed nothing".to_owned(),
            Some(124) => "exit code 124: it took longer than 30 seconds".to_owned(),
            Some(127) => "exit code 127: there is no such program on the host".to_owned(),
            Some(code) => format!("exit code {code}"),
            None => "the answer ends before its exit code".to_owned(),
        };
        let said = told.complaints.get(at).map_or("", |text| text.trim());
        let cause = if said.is_empty() {
            why
        } else {
            format!("{said}\n{why}")
        };
        let title = format!(
            "`{}` does not tell the value `{}` of {}",
            self.fact, self.name, self.host
        );
        Err(self.fault(Code::CommandFailed, title, cause))
    }

    fn unknown(&self) -> Diagnostic {
        let needs = match self.fact {
            Fact::Builtin(fact::Builtin::Ipv4 | fact::Builtin::Ipv6) => {
                "the program `ip`, and a default route"
            }
            Fact::Builtin(fact::Builtin::Interface | fact::Builtin::Mac) => "a default route",
            Fact::Builtin(fact::Builtin::Virtualisation) => "the program `systemd-detect-virt`",
            Fact::Builtin(fact::Builtin::SshHostKey) => "/etc/ssh/ssh_host_ed25519_key.pub",
            _ => "files in /proc and /etc as Linux has them",
        };
        self.fault(
            Code::UnfilledNeed,
            format!(
                "{} does not know its `{}`, which the value `{}` asks for",
                self.host, self.fact, self.name
            ),
            format!("that takes {needs}"),
        )
    }

    fn fault(&self, code: Code, title: String, cause: String) -> Diagnostic {
        let Self { host, name, .. } = self;
        Diagnostic::new(code, title)
            .with_cause(cause)
            .with_place(place_of(&self.need.declared, host))
            .with_fix(format!(
                "ask for something else there, or give the value: infra set {host} {name} VALUE"
            ))
    }
}

/// Enough of a value to know it by.
pub(crate) fn short(value: &Value) -> String {
    let whole = value.to_string();
    match whole.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", whole.get(..at).unwrap_or_default()),
        None => whole,
    }
}

#[cfg(test)]
mod tests;
