//! `infra secret list`: what is kept, for whom, and what is wrong with it. No key is needed.

use super::Room;
use crate::args::{Global, Selection};
use crate::commands::{answer, one, refuse, warn};
use crate::due;
use crate::vault::{Asset, Vault};
use infra_drive::secret::item::Scope;
use infra_drive::secret::store::Stored;
use infra_model::answer::{Answer, Due, DueWhy, Exit, KeptSecret, Wrong};
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
    let hosts = room.workspace.select_to_look(selection)?;
    let vault = room.vault().await?;
    let listing = vault.store().list().map_err(one)?;
    let (due, mut unsure) = due(&vault);
    let everything = selection.selectors.is_empty();
    let mut kept = Vec::new();
    for stored in &listing.stored {
        let secret = describe(&vault, stored, &due);
        let concerns =
            |host: &HostName| secret.name.as_ref() == Some(host) || secret.hosts.contains(host);
        if everything || hosts.iter().any(|host| concerns(&host.name)) {
            kept.push(secret);
        }
    }
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
    let owner = match stored.item.scope() {
        Scope::Shared => Owner::Shared,
        Scope::Host(host) => Owner::Host(host.clone()),
    };
    let asset = (owner, stored.item.name().clone());
    let hosts: Vec<HostName> = vault.readers(&asset).into_iter().cloned().collect();
    let mut wrong = Vec::new();
    if !vault.is_needed(&asset) {
        wrong.push(Wrong::Unneeded);
    }
    let sidecar = stored.sidecar.as_ref();
    // Who is to read it can only be told if every key is there; what is missing is told by the verbs that write.
    if let (Some(sidecar), Ok(wanted)) = (sidecar, vault.recipients(&asset))
        && let Some(stale) = sidecar.stale(&wanted)
    {
        if !stale.missing.is_empty() {
            wrong.push(Wrong::Unreadable);
        }
        if !stale.extra.is_empty() {
            wrong.push(Wrong::Overexposed);
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
