//! The search on the hosts, by the agent of each.

use crate::workspace::Workspace;
use infra_drive::agent::{Agent, Binary};
use infra_drive::process::Stop;
use infra_drive::ssh::{Connection, Target};
use infra_model::bundle::SecretSearch;
use infra_model::{Code, Diagnostic, HostName, HostSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Hosts searched at once: all the work is theirs.
const AT_ONCE: usize = 32;

type Searched = Result<SecretSearch, Diagnostic>;

/// Searches the hosts; what they say on the way is said.
pub(super) async fn search(
    workspace: &Workspace,
    hosts: &[HostSpec],
    whole_store: bool,
    say: &dyn Fn(&str),
) -> BTreeMap<HostName, Searched> {
    let mut all = BTreeMap::new();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut searching = JoinSet::new();
    let (tell, mut told) = mpsc::unbounded_channel::<String>();
    for host in hosts {
        let (name, system) = (host.name.clone(), host.system.clone());
        let target = match workspace.target(host) {
            Ok(target) => target,
            Err(fault) => {
                all.insert(name, Err(fault));
                continue;
            }
        };
        let (room, tell) = (Arc::clone(&room), tell.clone());
        searching.spawn(async move {
            // Nobody closes it; without room there would be no limit, and no other harm.
            let _room = room.acquire().await;
            let searched = search_one(&target, &system, whole_store, &tell).await;
            (name, searched)
        });
    }
    drop(tell);
    // It ends when the last search does.
    while let Some(line) = told.recv().await {
        say(&line);
    }
    while let Some(ended) = searching.join_next().await {
        if let Ok((name, searched)) = ended {
            all.insert(name, searched);
        }
    }
    for host in hosts {
        // One that broke has no answer, which must not look like a clean host.
        all.entry(host.name.clone()).or_insert_with(|| {
            Err(Diagnostic::new(
                Code::Internal,
                "infra broke while it searched the host",
            ))
        });
    }
    all
}

async fn search_one(
    target: &Target,
    system: &str,
    whole_store: bool,
    tell: &mpsc::UnboundedSender<String>,
) -> Searched {
    let name = &target.name;
    let say = |text: &str| {
        // Nobody listens if infra ends.
        let _ = tell.send(format!("{name}: {text}"));
    };
    say("the host");
    let connection = Connection::open(target, Stop::never()).await?;
    let binary = Binary::find(system)?;
    Agent::new(&connection, name, &binary)
        .search(whole_store, &say, Stop::never())
        .await
}
