//! What was typed → what it means. By hand: a parser of command lines would be a third of the binary.

use crate::host::Host;
use crate::steps;
use infra_model::bundle::Phase;
use infra_model::change::{ChangePhase, is_run};
use std::path::PathBuf;

const USAGE: &str = "\
usage: infra-agent [--root DIR [--on-disk]] [--identity FILE] VERB

  hello                                                   who answers
  secrets status                                          what the host keeps, and what is in place
  secrets receive [--restart now|later] [--owners strict|later]   take the sealed bundle on standard input
  secrets restart                                         restart what consumes secrets that have changed
  secrets unpack [--phase install|initrd|users|services]  put the current generation in place (at boot)
  secrets rollback [--to GEN] [--restart now|later]       make an earlier generation current
  secrets search [--whole-store] [--progress]             look for the host's secrets where they must not be
  change stage RUN                                        keep the sealed bundle on standard input for this run's change
  change begin                                            take the order on standard input, and begin
  change status [RUN] [--from LINE] [--wait SECONDS [--phase PHASE]]   how it goes; waits while it is in this phase and says nothing new
  change confirm RUN                                      keep the change: its nonce is on standard input
  change abort RUN                                        put the host back
  change recover                                          bring a change to its end whose supervisor has died
  change reach ADDRESS PORT SECONDS                       whether a TCP connection can be opened from here
  change supervise RUN                                    (internal) carry the change out
  change carry FILE PROGRAM [WORD...]                     (internal) write our number to the file, and become the program
  --version

  --root DIR       act on the host below DIR: nothing is mounted, no unit is touched
  --on-disk        with --root: unpack even if DIR/run is not in memory
  --identity FILE  the host's SSH key (default: /etc/ssh/ssh_host_ed25519_key)
  --whole-store    all of the Nix store, not only what the running system needs of it
  --progress       say on standard error how far it is
";

/// One call of the agent.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) host: Host,
    pub(crate) verb: Verb,
}

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Version,
    Hello,
    Status,
    Receive { restart: Restart, owners: Owners },
    Restart,
    Unpack { phase: Phase },
    Rollback { to: Option<u64>, restart: Restart },
    Search { whole_store: bool, progress: bool },
    Change(Change),
}

/// What is asked about a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Stage {
        run: String,
    },
    Begin,
    Status {
        run: Option<String>,
        watch: Watch,
    },
    Confirm {
        run: String,
    },
    Abort {
        run: String,
    },
    Recover,
    Reach {
        address: String,
        port: u16,
        seconds: u64,
    },
    Supervise {
        run: String,
    },
    Carry {
        file: PathBuf,
        program: Vec<String>,
    },
}

/// How much of the log is asked for, and how long to wait for more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    /// The first line; `None`: no line at all.
    pub(crate) from: Option<u64>,
    /// Seconds.
    pub(crate) wait: u64,
    /// Only while it is in this phase.
    pub(crate) phase: Option<ChangePhase>,
}

/// When consumers of what changed are restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    Now,
    /// By `secrets restart`, after the activation that follows.
    Later,
}

/// What an owner that the host does not know means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owners {
    /// The bundle is refused.
    Strict,
    /// The file belongs to root until the owner exists: an activation that makes users follows.
    Later,
}

/// Understands the words, or says how to call us.
pub(crate) fn parse(words: &[String]) -> Result<Call, String> {
    if let Some(call) = carry(words) {
        return Ok(call);
    }
    let mut words = Words::split(words).ok_or(USAGE)?;
    let host = Host::new(
        words.take("--root").map(PathBuf::from),
        words.take("--identity").map(PathBuf::from),
        words.flag("--on-disk"),
    );
    if let Some(number) = words.take("--stop-after") {
        steps::stop_after(&number).ok_or(USAGE)?;
    }
    if let Some(number) = words.take("--stop-supervisor-after") {
        steps::stop_supervisor_after(&number).ok_or(USAGE)?;
    }
    let verb = verb(&mut words).ok_or(USAGE)?;
    if words.options.is_empty() {
        Ok(Call { host, verb })
    } else {
        Err(USAGE.to_owned())
    }
}

fn verb(words: &mut Words) -> Option<Verb> {
    let names = std::mem::take(&mut words.names);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] if words.flag("--version") => Some(Verb::Version),
        ["hello"] => Some(Verb::Hello),
        ["secrets", "status"] => Some(Verb::Status),
        ["secrets", "receive"] => Some(Verb::Receive {
            restart: words.restart()?,
            owners: words.owners()?,
        }),
        ["secrets", "restart"] => Some(Verb::Restart),
        ["secrets", "unpack"] => Some(Verb::Unpack {
            phase: match words.take("--phase") {
                Some(name) => Phase::parse(&name)?,
                None => Phase::Services,
            },
        }),
        ["secrets", "rollback"] => Some(Verb::Rollback {
            to: match words.take("--to") {
                Some(number) => Some(number.parse().ok()?),
                None => None,
            },
            restart: words.restart()?,
        }),
        ["secrets", "search"] => Some(Verb::Search {
            whole_store: words.flag("--whole-store"),
            progress: words.flag("--progress"),
        }),
        ["change", names @ ..] => change(names, words).map(Verb::Change),
        _ => None,
    }
}

/// `change carry`: what follows is another program's, options included.
fn carry(words: &[String]) -> Option<Call> {
    let [change, carry, file, program @ ..] = words else {
        return None;
    };
    if change != "change" || carry != "carry" || program.is_empty() {
        return None;
    }
    Some(Call {
        host: Host::new(None, None, false),
        verb: Verb::Change(Change::Carry {
            file: PathBuf::from(file),
            program: program.to_vec(),
        }),
    })
}

fn change(names: &[&str], words: &mut Words) -> Option<Change> {
    let run = |name: &&str| is_run(name).then(|| (*name).to_owned());
    Some(match names {
        ["stage", name] => Change::Stage { run: run(name)? },
        ["begin"] => Change::Begin,
        ["status"] => Change::Status {
            run: None,
            watch: words.watch()?,
        },
        ["status", name] => Change::Status {
            run: Some(run(name)?),
            watch: words.watch()?,
        },
        ["confirm", name] => Change::Confirm { run: run(name)? },
        ["abort", name] => Change::Abort { run: run(name)? },
        ["recover"] => Change::Recover,
        ["reach", address, port, seconds] => Change::Reach {
            address: (*address).to_owned(),
            port: port.parse().ok()?,
            seconds: seconds.parse().ok()?,
        },
        ["supervise", name] => Change::Supervise { run: run(name)? },
        _ => return None,
    })
}

/// Names of verbs, and options, which may stand anywhere.
struct Words {
    names: Vec<String>,
    options: Vec<(String, Option<String>)>,
}

impl Words {
    fn split(words: &[String]) -> Option<Self> {
        let (mut names, mut options) = (Vec::new(), Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--version" | "--on-disk" | "--whole-store" | "--progress" => {
                    options.push((word.clone(), None));
                }
                _ if word.starts_with('-') => {
                    options.push((word.clone(), Some(words.next()?.clone())));
                }
                _ => names.push(word.clone()),
            }
        }
        Some(Self { names, options })
    }

    /// Takes an option's value out.
    fn take(&mut self, option: &str) -> Option<String> {
        let at = self.options.iter().position(|(name, _)| name == option)?;
        self.options.remove(at).1
    }

    fn flag(&mut self, option: &str) -> bool {
        let before = self.options.len();
        self.options.retain(|(name, _)| name != option);
        self.options.len() < before
    }

    fn restart(&mut self) -> Option<Restart> {
        match self.take("--restart").as_deref() {
            None | Some("now") => Some(Restart::Now),
            Some("later") => Some(Restart::Later),
            Some(_) => None,
        }
    }

    fn watch(&mut self) -> Option<Watch> {
        let number = |text: Option<String>| match text {
            Some(text) => text.parse().ok().map(Some),
            None => Some(None),
        };
        Some(Watch {
            from: number(self.take("--from"))?,
            wait: number(self.take("--wait"))?.unwrap_or_default(),
            phase: match self.take("--phase") {
                Some(word) => Some(ChangePhase::parse(&word)?),
                None => None,
            },
        })
    }

    fn owners(&mut self) -> Option<Owners> {
        match self.take("--owners").as_deref() {
            None | Some("strict") => Some(Owners::Strict),
            Some("later") => Some(Owners::Later),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Owners, Restart, Verb, Watch, parse};
    use infra_model::bundle::Phase;
    use infra_model::change::ChangePhase;

    fn verb(line: &str) -> Option<Verb> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).ok().map(|call| call.verb)
    }

    #[test]
    fn verbs_and_options_in_any_order() {
        let receive = |restart, owners| Some(Verb::Receive { restart, owners });
        assert_eq!(verb("--version"), Some(Verb::Version));
        assert_eq!(verb("hello"), Some(Verb::Hello));
        assert_eq!(
            verb("secrets receive"),
            receive(Restart::Now, Owners::Strict)
        );
        assert_eq!(
            verb("--root /x secrets --restart later receive --owners later --identity k"),
            receive(Restart::Later, Owners::Later)
        );
        assert_eq!(
            verb("secrets search --whole-store"),
            Some(Verb::Search {
                whole_store: true,
                progress: false
            })
        );
        let users = Phase::Users;
        assert_eq!(
            verb("secrets unpack --phase users"),
            Some(Verb::Unpack { phase: users })
        );
        assert_eq!(
            verb("secrets rollback --to 7"),
            Some(Verb::Rollback {
                to: Some(7),
                restart: Restart::Now
            })
        );
    }

    #[test]
    fn verbs_about_changes() {
        let change = |line| match verb(line) {
            Some(Verb::Change(change)) => Some(change),
            _ => None,
        };
        let run = || "r1".to_owned();
        assert_eq!(
            change("change stage r1"),
            Some(Change::Stage { run: run() })
        );
        assert_eq!(change("--root /x change begin"), Some(Change::Begin));
        assert_eq!(
            change("change status"),
            Some(Change::Status {
                run: None,
                watch: Watch::default()
            })
        );
        assert_eq!(
            change("change status r1 --from 3 --wait 20 --phase awaiting"),
            Some(Change::Status {
                run: Some(run()),
                watch: Watch {
                    from: Some(3),
                    wait: 20,
                    phase: Some(ChangePhase::Awaiting)
                }
            })
        );
        assert_eq!(
            change("change reach ::1 22 5"),
            Some(Change::Reach {
                address: "::1".to_owned(),
                port: 22,
                seconds: 5
            })
        );
        assert_eq!(
            change("change carry /x/f prog --root -p"),
            Some(Change::Carry {
                file: "/x/f".into(),
                program: ["prog", "--root", "-p"].map(str::to_owned).to_vec()
            })
        );
        for line in [
            "change",
            "change stage",
            "change stage ../x",
            "change begin r1",
            "change status --phase over",
            "change status --wait -1",
            "change reach ::1 70000 5",
            "change confirm r1 nonce",
            "change carry /x/f",
        ] {
            assert_eq!(change(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for line in [
            "",
            "obey",
            "secrets",
            "secrets receive now",
            "secrets receive --restart soon",
            "secrets rollback --to x",
            "secrets rollback --to -1",
            "secrets unpack --phase late",
            "hello --restart now",
            "secrets status --root",
            "hello --force yes",
            "hello --version",
            "secrets status --whole-store",
        ] {
            assert_eq!(verb(line), None, "{line}");
        }
    }
}
