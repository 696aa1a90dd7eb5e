//! The operator's machine is another network than this test's, so that calls are made by this program started anew in there.

use infra_drive::agent::{Agent, Binary, Owners, Restart, Watch, seal};
use infra_drive::process::Stop;
use infra_drive::ssh::{Connection, Target};
use infra_model::bundle::{Applied, Bundle, Mode, Phase, Plain, Secret, Settled, Status};
use infra_model::change::{ChangePhase, ChangeStatus, Order, Reached, Recovered};
use infra_model::{Diagnostic, HostName};
use infra_testkit::{Lab, Run, infra_binary};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// In every secret.
pub(crate) const MARKER: &str = "s3cr3t";

/// The file that tells this program, started anew, what to do.
const CALL: &str = "INFRA_E2E_AGENT_CALL";

#[derive(Serialize, Deserialize)]
struct Call {
    host: String,
    address: String,
    key: String,
    verb: Verb,
}

#[derive(Serialize, Deserialize)]
enum Verb {
    Hello,
    Status,
    Receive {
        bundle: String,
        later: bool,
    },
    Restart,
    Rollback {
        to: Option<u64>,
    },
    Stage {
        run: String,
        bundle: String,
    },
    Begin {
        order: Box<Order>,
    },
    /// With a phase: as long as it is in that one, for so many seconds.
    Change {
        run: String,
        wait: Option<(ChangePhase, u64)>,
    },
    Confirm {
        run: String,
        nonce: String,
    },
    Abort {
        run: String,
    },
    Recover,
    Reach {
        address: String,
        port: u16,
    },
}

/// A lab and calls to the agents of its hosts.
pub(crate) struct Operator {
    pub(crate) lab: Lab,
}

impl Operator {
    fn call<T: DeserializeOwned>(&self, host: &str, verb: Verb) -> Result<T, Diagnostic> {
        let on = self.lab.host(host);
        let key = on.public_key().unwrap();
        let call = Call {
            host: host.to_owned(),
            address: on.address(),
            key: key.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
            verb,
        };
        let file = self.lab.folder().join(format!("call-{host}"));
        fs::write(&file, serde_json::to_vec(&call).unwrap()).unwrap();
        self.lab
            .controller(std::env::current_exe().unwrap())
            .args(["--exact", "operator::makes_the_call", "--ignored"])
            .env(CALL, &file)
            .env("INFRA_AGENT", infra_binary().parent().unwrap())
            .run(SOON)
            .unwrap()
            .ok()
            .unwrap();
        let answer = fs::read_to_string(answer_file(&file)).unwrap();
        fs::remove_file(answer_file(&file)).unwrap();
        let answer: Result<Value, Diagnostic> = serde_json::from_str(&answer).unwrap();
        answer.map(|answer| serde_json::from_value(answer).unwrap())
    }

    pub(crate) fn hello(&self, host: &str) -> Duration {
        let begun = Instant::now();
        self.call::<Value>(host, Verb::Hello).unwrap();
        begun.elapsed()
    }

    pub(crate) fn status(&self, host: &str) -> Status {
        self.call(host, Verb::Status).unwrap()
    }

    pub(crate) fn try_receive(
        &self,
        host: &str,
        bundle: &Bundle,
        later: bool,
    ) -> Result<Applied, Diagnostic> {
        let bundle = String::from_utf8(bundle.to_json().unwrap().to_vec()).unwrap();
        self.call(host, Verb::Receive { bundle, later })
    }

    pub(crate) fn receive(&self, host: &str, bundle: &Bundle) -> Applied {
        self.try_receive(host, bundle, false).unwrap()
    }

    pub(crate) fn restart(&self, host: &str) -> Settled {
        self.call(host, Verb::Restart).unwrap()
    }

    pub(crate) fn stage(&self, host: &str, run: &str, bundle: &Bundle) {
        let verb = Verb::Stage {
            run: run.to_owned(),
            bundle: String::from_utf8(bundle.to_json().unwrap().to_vec()).unwrap(),
        };
        let _: Value = self.call(host, verb).unwrap();
    }

    pub(crate) fn begin(&self, order: &Order) -> Result<ChangeStatus, Diagnostic> {
        let verb = Verb::Begin {
            order: Box::new(order.clone()),
        };
        self.call(order.host.as_str(), verb)
    }

    pub(crate) fn change(&self, host: &str, run: &str) -> ChangeStatus {
        let run = run.to_owned();
        self.call(host, Verb::Change { run, wait: None }).unwrap()
    }

    /// Waits until the change is in a phase, or over.
    pub(crate) fn wait_for(&self, host: &str, run: &str, phase: ChangePhase) -> ChangeStatus {
        let begun = Instant::now();
        let mut status = self.change(host, run);
        while status.phase < phase && status.alive {
            assert!(begun.elapsed() < SOON, "{status:?}");
            let verb = Verb::Change {
                run: run.to_owned(),
                wait: Some((status.phase, 20)),
            };
            status = self.call(host, verb).unwrap();
        }
        status
    }

    pub(crate) fn confirm(&self, host: &str, run: &str) -> Result<ChangeStatus, Diagnostic> {
        let (run, nonce) = (run.to_owned(), format!("nonce-{run}"));
        self.call(host, Verb::Confirm { run, nonce })
    }

    pub(crate) fn abort(&self, host: &str, run: &str) -> Result<ChangeStatus, Diagnostic> {
        self.call(
            host,
            Verb::Abort {
                run: run.to_owned(),
            },
        )
    }

    pub(crate) fn recover(&self, host: &str) -> Recovered {
        self.call(host, Verb::Recover).unwrap()
    }

    pub(crate) fn reach(&self, host: &str, address: &str, port: u16) -> Reached {
        let address = address.to_owned();
        self.call(host, Verb::Reach { address, port }).unwrap()
    }

    pub(crate) fn rollback(&self, host: &str, to: Option<u64>) -> Applied {
        self.call(host, Verb::Rollback { to }).unwrap()
    }
}

fn answer_file(call: &Path) -> PathBuf {
    call.with_extension("answer")
}

#[tokio::test]
#[ignore = "no test, but what `Operator::call` starts"]
async fn makes_the_call() {
    let Some(file) = std::env::var_os(CALL).map(PathBuf::from) else {
        return;
    };
    let call: Call = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let answer = make(&call).await;
    fs::write(answer_file(&file), serde_json::to_vec(&answer).unwrap()).unwrap();
}

async fn make(call: &Call) -> Result<Value, Diagnostic> {
    let name = HostName::parse(&call.host).unwrap();
    let target = Target {
        name: name.clone(),
        addresses: vec![call.address.clone()],
        user: "root".to_owned(),
        port: 22,
        keys: vec![call.key.clone()],
        jump: None,
    };
    let binary = Binary::find("x86_64-linux")?;
    let connection = Connection::open(&target, Stop::never()).await?;
    let agent = Agent::new(&connection, &name, &binary);
    let stop = Stop::never();
    match &call.verb {
        Verb::Hello => agent.hello(stop).await.map(value),
        Verb::Status => agent.status(stop).await.map(value),
        Verb::Receive { bundle, later } => {
            let sealed = seal(&Bundle::parse(bundle.as_bytes())?, &target.keys)?;
            let (restart, owners) = if *later {
                (Restart::Later, Owners::Later)
            } else {
                (Restart::Now, Owners::Strict)
            };
            agent
                .receive(&sealed, restart, owners, stop)
                .await
                .map(value)
        }
        Verb::Restart => agent.restart(stop).await.map(value),
        Verb::Stage { run, bundle } => {
            let sealed = seal(&Bundle::parse(bundle.as_bytes())?, &target.keys)?;
            agent.stage(run, &sealed, stop).await.map(value)
        }
        Verb::Begin { order } => agent.begin(order, stop).await.map(value),
        Verb::Change { run, wait } => {
            let watch = wait.map(|(phase, wait)| Watch {
                from: u64::MAX,
                wait,
                phase,
            });
            agent.change_status(Some(run), watch, stop).await.map(value)
        }
        Verb::Confirm { run, nonce } => agent.confirm(run, nonce, stop).await.map(value),
        Verb::Abort { run } => agent.abort(run, stop).await.map(value),
        Verb::Recover => agent.recover(stop).await.map(value),
        Verb::Reach { address, port } => agent.reach(address, *port, 5, stop).await.map(value),
        Verb::Rollback { to } => agent.rollback(*to, Restart::Now, stop).await.map(value),
    }
}

fn value(answer: impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap()
}

/// A bundle of secrets that root owns: name and content.
pub(crate) fn bundle(host: &str, secrets: &[(&str, &str)]) -> Bundle {
    let secrets = secrets.iter().map(|(name, content)| Secret {
        name: (*name).to_owned(),
        fingerprint: format!("{name}-{content}"),
        phase: Phase::Services,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: Mode::parse("0400").unwrap(),
        units: Vec::new(),
        restart_units: Vec::new(),
        reload_units: Vec::new(),
        grace: None,
        content: Plain::new(format!("{MARKER}-{content}").into_bytes()),
    });
    Bundle::new(
        HostName::parse(host).unwrap(),
        "run-1".to_owned(),
        secrets.collect(),
        Vec::new(),
    )
}
