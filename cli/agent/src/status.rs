//! What the host keeps and what is in place. Changes nothing and waits for nobody: everything it reads appears whole.

use crate::grace::{self, Opened};
use crate::host::Host;
use crate::identity::Key;
use crate::pending::Pending;
use crate::place::Place;
use crate::sealed::Sealed;
use crate::wall;
use infra_model::Diagnostic;
use infra_model::bundle::{Bundle, Generation, REPORT_SCHEMA, Status, StatusSecret};

/// Answers `secrets status`.
pub(crate) fn status(host: &Host) -> Result<Status, Diagnostic> {
    let sealed = Sealed::of(host);
    let place = Place::of(host);
    let current = sealed.current();
    let unpacked = place.current_name();
    let mut status = Status {
        schema: REPORT_SCHEMA,
        host: None,
        run: None,
        digest: None,
        current,
        generations: sealed.all(),
        storage: unpacked.as_ref().map(|_| place.storage().to_owned()),
        unpacked,
        secrets: Vec::new(),
        templates: Vec::new(),
        pending: Pending::read(host).units.into_keys().collect(),
        systemd: host.has_systemd(),
    };
    if let Some(number) = current {
        let key = Key::of(host)?;
        let bundle = key.open(&sealed.read(number)?)?;
        status.secrets = secrets((&sealed, &key), number, &bundle, wall::now(host));
        status.templates = bundle.templates.into_iter().map(|one| one.name).collect();
        status.host = Some(bundle.host);
        status.run = Some(bundle.run);
        status.digest = Some(bundle.digest);
    }
    Ok(status)
}

fn secrets(
    (sealed, key): (&Sealed, &Key),
    number: u64,
    bundle: &Bundle,
    now: u64,
) -> Vec<StatusSecret> {
    let all = sealed.all();
    let received = all
        .iter()
        .find(|one| one.number == number)
        .map_or(0, |one| one.received);
    let open = |generation: Generation| {
        let bundle = key.open(&sealed.read(generation.number).ok()?).ok()?;
        Some(Opened { generation, bundle })
    };
    // Only rotations with a grace make it worth opening the others.
    let older: Vec<Opened> = if bundle.secrets.iter().any(|one| one.grace.is_some()) {
        all.into_iter()
            .rev()
            .filter(|one| one.number < number)
            .filter_map(open)
            .collect()
    } else {
        Vec::new()
    };
    let previous = grace::previous(bundle, received, &older.iter(), now);
    let until = |name: &str| {
        previous
            .iter()
            .find(|one| one.name == name)
            .map(|one| one.until)
    };
    let list = bundle.secrets.iter().map(|secret| StatusSecret {
        name: secret.name.clone(),
        fingerprint: secret.fingerprint.clone(),
        phase: secret.phase,
        previous_until: until(&secret.name),
    });
    list.collect()
}
