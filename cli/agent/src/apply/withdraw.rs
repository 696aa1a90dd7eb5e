//! The way back of a host that had no secrets: there is nothing to put in their place.

use super::Hands;
use crate::host::Host;
use crate::pending::{self, Pending};
use crate::place;
use crate::units;
use infra_model::Diagnostic;
use std::collections::BTreeMap;

/// Takes all secrets away, those that are in place and every generation that is kept, and answers whether there were any. Their consumers are due;
/// `restart` tells them.
///
/// What is kept goes last: it says who the consumers are, and a call that was cut off begins anew as long as it is there.
pub(crate) fn withdraw(host: &Host) -> Result<bool, Diagnostic> {
    let hands = Hands::take(host)?;
    if hands.sealed.all().is_empty() && hands.place.current().is_none() {
        return Ok(false);
    }
    let bundles = hands.others(None);
    let mut actions = BTreeMap::new();
    for one in bundles.iter().map(|opened| &opened.bundle) {
        let secrets: Vec<_> = one.secrets.iter().map(|one| one.name.clone()).collect();
        let templates: Vec<_> = one.templates.iter().map(|one| one.name.clone()).collect();
        actions.extend(units::actions(one, &secrets, &templates));
    }
    let mut pending = Pending::read(host);
    pending.expect(&actions);
    pending.write(host)?;
    // The next boot unpacks nothing from here on.
    hands.sealed.make_none_current()?;
    hands.place.clear()?;
    for template in bundles.iter().flat_map(|opened| &opened.bundle.templates) {
        place::unlink_template(&host.path(&template.path))?;
    }
    pending.made(&actions, pending::now());
    pending.write(host)?;
    hands.sealed.remove_all()?;
    Ok(true)
}
