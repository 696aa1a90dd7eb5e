//! Facts: what a host is asked for, what it answers, and how an answer is kept in `context/facts/<host>.toml`.

use crate::types::Type;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// What a contract asks the host itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact {
    /// Something that every host can be asked for.
    Builtin(Builtin),
    /// A program of the host and its arguments; what it prints is the value.
    Command(Vec<String>),
}

impl Fact {
    /// The question as it is kept beside its answer: a name, or a list of words.
    pub fn question(&self) -> Value {
        match self {
            Self::Builtin(name) => Value::from(name.as_str()),
            Self::Command(words) => Value::from(words.clone()),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => f.write_str(name.as_str()),
            Self::Command(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// What every host can be asked for, by name; `scripts/facts.sh` finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    /// How many processors are on line.
    Cpus,
    /// Stable names of whole disks: those in `/dev/disk/by-id`.
    Disks,
    /// Its name.
    Hostname,
    /// The interface of the default route.
    Interface,
    /// All interfaces but the loopback.
    Interfaces,
    /// The address it uses on its default route.
    Ipv4,
    /// The address it uses on its default route.
    Ipv6,
    /// Release of the kernel.
    Kernel,
    /// Hardware address of the interface of the default route.
    Mac,
    /// The id in `/etc/machine-id`.
    MachineId,
    /// Memory in bytes, as the kernel counts it.
    Memory,
    /// Its public ed25519 key: type and base64.
    SshHostKey,
    /// What systemd-detect-virt says: `none`, `kvm`, `docker` …
    Virtualisation,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Cpus,
        Self::Disks,
        Self::Hostname,
        Self::Interface,
        Self::Interfaces,
        Self::Ipv4,
        Self::Ipv6,
        Self::Kernel,
        Self::Mac,
        Self::MachineId,
        Self::Memory,
        Self::SshHostKey,
        Self::Virtualisation,
    ];

    /// Its name in contracts, and in what the host prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpus => "cpus",
            Self::Disks => "disks",
            Self::Hostname => "hostname",
            Self::Interface => "interface",
            Self::Interfaces => "interfaces",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Kernel => "kernel",
            Self::Mac => "mac",
            Self::MachineId => "machine-id",
            Self::Memory => "memory",
            Self::SshHostKey => "ssh-host-key",
            Self::Virtualisation => "virtualisation",
        }
    }

    /// Whether there can be many, or none.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Disks | Self::Interfaces)
    }
}

/// What a command on the host came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Printed {
    /// Its exit code; `None` if the report ended before it.
    pub code: Option<i32>,
    /// What it printed, without line ends after it.
    pub text: String,
}

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    builtins: BTreeMap<String, Vec<String>>,
    commands: Vec<Printed>,
}

impl Report {
    /// Reads what `scripts/facts.sh` prints: `fact NAME VALUE` for each answer; for each command `command`, then its lines, each after
    /// `| `, then `exit CODE`. Other lines say nothing.
    pub fn parse(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (key, report.commands.last_mut()) {
                ("fact", _) => {
                    let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                    let values = report.builtins.entry(name.to_owned()).or_default();
                    values.extend(Some(value.trim().to_owned()).filter(|value| !value.is_empty()));
                }
                ("command", _) => report.commands.push(Printed::default()),
                ("|", Some(command)) => {
                    if !command.text.is_empty() {
                        command.text.push('\n');
                    }
                    command.text.push_str(rest);
                }
                ("exit", Some(command)) => command.code = rest.trim().parse().ok(),
                _ => {}
            }
        }
        for command in &mut report.commands {
            command.text = command.text.trim().to_owned();
        }
        report
    }

    /// A named fact as a need of this type reads it; `None` if the host does not know.
    pub fn builtin(&self, name: Builtin, of: &Type) -> Option<Value> {
        let said = self.builtins.get(name.as_str());
        if name.is_list() {
            return Some(Value::from(said.cloned().unwrap_or_default()));
        }
        said?.first().map(|text| of.read_text(text))
    }

    /// What a command came to, by its place among those that were asked.
    pub fn command(&self, at: usize) -> Option<&Printed> {
        self.commands.get(at)
    }
}

/// An answer as it is kept: a line of `context/facts/<host>.toml`.
pub fn kept(fact: &Fact, value: &Value) -> Value {
    json!({ "fact": fact.question(), "value": value })
}

/// What a line of `context/facts/<host>.toml` says.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept<'a> {
    /// The answer to this question.
    Answer(&'a Value),
    /// The answer to another one, since the contract was changed.
    Otherwise,
    /// Nothing that infra wrote.
    Foreign,
}

/// Reads a line of `context/facts/<host>.toml` as the answer to `fact`.
pub fn read<'a>(line: &'a Value, fact: &Fact) -> Kept<'a> {
    let Some(entry) = line.as_object().filter(|entry| is_ours(entry)) else {
        return Kept::Foreign;
    };
    match (entry.get("fact"), entry.get("value")) {
        (Some(question), Some(value)) if *question == fact.question() => Kept::Answer(value),
        (Some(_), Some(_)) => Kept::Otherwise,
        _ => Kept::Foreign,
    }
}

fn is_ours(entry: &Map<String, Value>) -> bool {
    entry.len() == 2 && entry.contains_key("fact") && entry.contains_key("value")
}

#[cfg(test)]
mod tests {
    use super::{Builtin, Fact, Kept, Report, kept, read};
    use crate::types::Type;
    use serde_json::{Value, json};

    fn of(kind: &Value) -> Type {
        serde_json::from_value(kind.clone()).expect("a type")
    }

    #[test]
    fn names_are_those_of_the_contract() {
        for builtin in Builtin::ALL {
            let written = serde_json::to_value(builtin).expect("JSON");
            assert_eq!(written, builtin.as_str());
        }
        let words = include_str!("../../../nix/lib/contract/options/words.nix");
        let list = words.split_once("builtinFacts = [").expect("there").1;
        let list = list.split_once(']').expect("an end").0;
        let named: Vec<&str> = list
            .split_whitespace()
            .map(|word| word.trim_matches('"'))
            .collect();
        assert_eq!(named, Builtin::ALL.map(Builtin::as_str));
    }

    #[test]
    fn reports_are_read_by_the_type_of_the_need() {
        let report = Report::parse(
            "motd of a shell\nfact cpus 4\nfact memory \nfact disks a b\nfact disks c\ncommand\n| {\"a\":\n|  1}\n| \nexit 0\ncommand\nexit 3\ncommand\n| cut",
        );
        let string = of(&json!({"kind": "string"}));
        assert_eq!(
            report.builtin(Builtin::Cpus, &of(&json!({"kind": "int"}))),
            Some(json!(4))
        );
        assert_eq!(report.builtin(Builtin::Cpus, &string), Some(json!("4")));
        assert_eq!(
            report.builtin(Builtin::Memory, &string),
            None,
            "empty is no answer"
        );
        assert_eq!(report.builtin(Builtin::Mac, &string), None);
        assert_eq!(
            report.builtin(Builtin::Disks, &string),
            Some(json!(["a b", "c"]))
        );
        assert_eq!(
            report.builtin(Builtin::Interfaces, &string),
            Some(json!([]))
        );
        let command = |at| report.command(at).map(|one| (one.code, one.text.as_str()));
        assert_eq!(command(0), Some((Some(0), "{\"a\":\n 1}")));
        assert_eq!(command(1), Some((Some(3), "")));
        assert_eq!(command(2), Some((None, "cut")), "no code: it was cut off");
        assert_eq!(command(3), None);
    }

    #[test]
    fn an_answer_belongs_to_its_question() {
        let ipv4 = Fact::Builtin(Builtin::Ipv4);
        let command = Fact::Command(vec!["ipv4".to_owned()]);
        let line = kept(&ipv4, &json!("192.0.2.7"));
        assert_eq!(line, json!({"fact": "ipv4", "value": "192.0.2.7"}));
        assert_eq!(read(&line, &ipv4), Kept::Answer(&json!("192.0.2.7")));
        assert_eq!(read(&line, &command), Kept::Otherwise);
        for foreign in [
            json!("192.0.2.7"),
            json!({"value": 1}),
            json!({"fact": "ipv4", "value": 1, "x": 1}),
        ] {
            assert_eq!(read(&foreign, &ipv4), Kept::Foreign, "{foreign}");
        }
    }
}
