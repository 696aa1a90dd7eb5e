//! Decisions as pure functions: (what is wanted, what was found) → [`Plan`].
//!
//! Two small plans instead of one that grows while it runs: [`survey`] finds things out, [`deploy`] acts on them.
//! A plan leaves no choices to the moment of doing, so it can be printed, compared and kept before anything happens.
//!
//! Never: effects of any kind, async, clocks, environment.

mod decide;
pub mod diff;
pub mod drift;
pub mod fill;
mod graph;
pub mod kept;
pub mod lint;
pub mod making;
pub mod recipes;
pub mod relations;
mod rollback;
pub mod rollout;
pub mod saved;
pub mod shared;
pub mod stale;
pub mod standing;
pub mod wants;

pub use decide::{Decision, Known, Secrets, Verdict, deploy, expected, lined_up, reachable};
pub use graph::{Plan, Unit, UnitId};
pub use kept::Kept;
pub use rollback::rollback;
pub use rollout::Rollout;

use infra_model::{HostName, Step};

/// Looks at everything first: each host's state (if `ask_hosts`) and each host's system, all independent of each other.
pub fn survey(hosts: &[HostName], ask_hosts: bool) -> Plan {
    let mut plan = Plan::default();
    for host in hosts {
        plan.add(host, Step::Evaluate, &[]);
    }
    if ask_hosts {
        for host in hosts {
            plan.add(host, Step::Survey, &[]);
        }
    }
    plan
}

/// Asks hosts for their state, and nothing else.
pub fn ask(hosts: &[HostName]) -> Plan {
    let mut plan = Plan::default();
    for host in hosts {
        plan.add(host, Step::Survey, &[]);
    }
    plan
}

/// Builds systems and does nothing else.
pub fn build(known: &[Known]) -> Plan {
    let mut plan = Plan::default();
    for host in known {
        let toplevel = &host.system.answer.toplevel;
        plan.add(
            &host.name,
            Step::Build {
                drv: toplevel.drv.clone(),
                out: toplevel.out.clone(),
            },
            &[],
        );
    }
    plan
}
