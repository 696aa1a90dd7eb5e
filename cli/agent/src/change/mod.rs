//! Changes of the host: kept on disk, carried out by a supervisor that outlives every connection (decision 0023).

mod alone;
mod answer;
mod begin;
mod boot;
mod clock;
mod compare;
mod falls;
mod first;
mod inhibitors;
mod locks;
mod log;
mod once;
mod phases;
mod probe;
mod reboot;
mod record;
mod restore;
mod starts;
mod supervise;
mod system;
mod task;
mod work;

pub(crate) use alone::Alone;
pub(crate) use boot::secrets_of_what_boots;
pub(crate) use record::held_secrets;
pub(crate) use task::carry;

use crate::apply;
use crate::args::Change;
use crate::fault::cannot;
use crate::host::Host;
use crate::json;
use infra_model::Diagnostic;
use infra_model::change::{CHANGE_SCHEMA, Reached};
use std::io::Read;
use std::path::Path;

/// Answers `change …`.
pub(crate) fn perform(host: &Host, change: &Change) -> Result<String, Diagnostic> {
    Ok(match change {
        Change::Stage { run } => {
            let sealed = apply::sealed_from_input()?;
            json(&answer::stage(host, run, &sealed)?)
        }
        Change::Begin => json(&begin::begin(host, begin::order(&input()?)?)?),
        Change::Status { run, watch } => json(&answer::status(host, run.as_deref(), watch)?),
        Change::Confirm { run } => {
            let nonce = String::from_utf8_lossy(&input()?).into_owned();
            json(&answer::confirm(host, run, &nonce)?)
        }
        Change::Abort { run } => json(&answer::abort(host, run)?),
        Change::Recover => json(&begin::recover(host)?),
        Change::Reach {
            address,
            port,
            seconds,
        } => {
            let seen = probe::reach::seen(address, *port, *seconds);
            json(&Reached {
                schema: CHANGE_SCHEMA,
                holds: seen.holds,
                saw: seen.saw,
            })
        }
        Change::Supervise { run } => {
            supervise::supervise(host, run)?;
            String::new()
        }
        Change::Carry { file, program } => {
            carry(file, program)?;
            String::new()
        }
    })
}

/// Orders have every probe of a host in them; none is larger than this.
const LARGEST: u64 = 8 << 20;

fn input() -> Result<Vec<u8>, Diagnostic> {
    let mut input = Vec::new();
    std::io::stdin()
        .take(LARGEST)
        .read_to_end(&mut input)
        .map_err(cannot("read", Path::new("standard input")))?;
    Ok(input)
}
