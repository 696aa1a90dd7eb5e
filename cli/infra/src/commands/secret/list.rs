//! `infra secret list`: what is kept, for whom, and what is wrong with it. No key is needed.

use super::Room;
use super::kept::{Concerned, asset_of, readers};
use crate::args::{Global, Selection};
use crate::commands::{answer, one, refuse, warn};
use crate::due;
use crate::vault::{Asset, Vault};
use infra_drive::secret::store::Stored;
use infra_model::answer::{Access, Answer, Due, DueWhy, Exit, KeptSecret, Wrong};
use infra_model::recipe::Owner;
use infra_model::{Diagnostic, HostName};
use infra_view::table;
use std::collections::BTreeMap;
use std::time::SystemTime;

const NAME: &str = "secret";

pub(super) async fn run(global: &Global, selection: &Selection) -> Exit {
    match look(global, selection).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((kept, faults, warnings)) => {
            warn(global, &warnings);
            let exit = Exit::of_hosts(kept.len().max(1), faults.len());
            let text = show(&kept);
            let told = Answer::new(NAME, kept, faults).with_warnings(warnings);
            answer(global, &told, &text);
            exit
        }
    }
}

type Found = (Vec<KeptSecret>, Vec<Diagnostic>, Vec<Diagnostic>);

async fn look(global: &Global, selection: &Selection) -> Result<Found, Vec<Diagnostic>> {
    let room = Room::open(global)?;
    let concerned = Concerned::of(&room, selection)?;
    let vault = room.vault().await?;
    let listing = vault.store().list().map_err(one)?;
    let (due, mut unsure) = due(&vault);
    let kept = listing
        .stored
        .iter()
        .filter(|stored| concerned.has(&vault, &asset_of(&stored.item)))
        .map(|stored| describe(&vault, stored, &due))
        .collect();
    let mut warnings = vault.contracts.faults.clone();
    warnings.append(&mut unsure);
    warnings.extend(room.evaluator.finish());
    Ok((kept, listing.faults, warnings))
}

/// Why which secret is due.
type Dues = BTreeMap<Asset, Vec<Due>>;

/// Recipes that contradict each other say nothing of what is due; that is told.
fn due(vault: &Vault<'_>) -> (Dues, Vec<Diagnostic>) {
    let jobs = match vault.jobs() {
        Ok(jobs) => jobs,
        Err(faults) => return (Dues::new(), faults),
    };
    let mut all = Dues::new();
    for (job, reasons) in vault.look().due(&jobs) {
        let due = due::told(&reasons);
        for need in job.products.keys() {
            all.insert((job.id.owner.clone(), need.clone()), due.clone());
        }
    }
    (all, Vec::new())
}

fn describe(vault: &Vault<'_>, stored: &Stored, dues: &Dues) -> KeptSecret {
    let asset = asset_of(&stored.item);
    let hosts: Vec<HostName> = vault.readers(&asset).into_iter().cloned().collect();
    let mut wrong = Vec::new();
    if !vault.is_needed(&asset) {
        wrong.push(Wrong::Unneeded);
    }
    let sidecar = stored.sidecar.as_ref();
    let readers = readers(vault, stored);
    for (access, fault) in [
        (Access::Cannot, Wrong::Unreadable),
        (Access::NoLonger, Wrong::Overexposed),
    ] {
        if readers.iter().any(|reader| reader.access == access) {
            wrong.push(fault);
        }
    }
    let expires = sidecar.and_then(|sidecar| sidecar.expires.clone());
    let is_over =
        |text: &String| humantime::parse_rfc3339(text).is_ok_and(|time| time <= SystemTime::now());
    let due = dues.get(&asset).cloned().unwrap_or_default();
    if expires.as_ref().is_some_and(is_over) || due.iter().any(|due| due.why == DueWhy::Expired) {
        wrong.push(Wrong::Expired);
    }
    let (owner, secret) = asset;
    KeptSecret {
        name: match owner {
            Owner::Shared => None,
            Owner::Host(host) => Some(host),
        },
        secret,
        file: stored.item.file(),
        hosts,
        recipients: sidecar.map(|sidecar| sidecar.recipients.clone()),
        recipe: sidecar.and_then(|sidecar| sidecar.recipe.clone()),
        created: sidecar.and_then(|sidecar| sidecar.created.clone()),
        expires,
        wrong,
        due,
    }
}

fn show(kept: &[KeptSecret]) -> String {
    if kept.is_empty() {
        return "no secrets are kept for these hosts\n".to_owned();
    }
    let rows: Vec<Vec<String>> = kept
        .iter()
        .map(|secret| {
            let hosts: Vec<&str> = secret.hosts.iter().map(HostName::as_str).collect();
            let expired = secret.due.iter().any(|due| due.why == DueWhy::Expired);
            let wrong = secret.wrong.iter();
            let wrong = wrong.filter(|wrong| !expired || **wrong != Wrong::Expired);
            let wrong = wrong.map(|wrong| wrong.as_str().to_owned());
            let due = secret.due.iter();
            let due = due.map(|due| format!("due: {}", due.describe()));
            let state: Vec<String> = wrong.chain(due).collect();
            let recipients = secret
                .recipients
                .as_ref()
                .map_or_else(|| "?".to_owned(), |all| all.len().to_string());
            vec![
                secret.secret.to_string(),
                hosts.join(", "),
                recipients,
                secret.recipe.clone().unwrap_or_default(),
                if state.is_empty() {
                    "ok".to_owned()
                } else {
                    state.join("; ")
                },
                secret.file.clone(),
            ]
        })
        .collect();
    table::render(
        &["SECRET", "HOSTS", "KEYS", "RECIPE", "STATE", "FILE"],
        &rows,
    )
}
