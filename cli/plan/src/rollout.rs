//! In which order hosts change, and how much may go wrong: from the waves of the repository, from who wants what of whom, and from the command line.

use crate::wants;
use infra_model::{Diagnostic, Fleet, HostName, Place, Selector};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The order and the bounds of a run's changes. Whatever changes nothing (building, copying) is not held back by it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    /// The wave of each host; a wave begins when the ones below it are over. Hosts that are not here are of wave 0.
    pub waves: BTreeMap<HostName, u32>,
    /// Hosts that a host waits for, whatever their waves; if one of them fails, it is left alone. Without cycles.
    pub after: BTreeMap<HostName, BTreeSet<HostName>>,
    /// Hosts that have failed before anybody began to change: they could not be reached, say. They count as those that fail later.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failed: BTreeSet<HostName>,
    /// How many hosts may be in the middle of a change at once; `None`: any number.
    pub max_unavailable: Option<usize>,
    /// After how many failed hosts no further one is changed. `None`: the hosts of a wave do not care for each other, and a wave is not begun
    /// after one in which a host failed.
    pub max_failures: Option<usize>,
}

/// Who wants something, of whom.
pub type Providers = BTreeMap<HostName, BTreeSet<HostName>>;

/// The order of `hosts`. `selectors` are the `waves` of `infra.toml`: a host is of the first that selects it, and of one after all of them
/// otherwise; its own `wave` comes before that. The first `canaries` hosts go before everybody else.
pub fn rollout(
    fleet: &Fleet,
    selectors: &[String],
    hosts: &[HostName],
    canaries: usize,
    wanted: &Providers,
) -> Result<Rollout, Vec<Diagnostic>> {
    let named = named_waves(fleet, selectors)?;
    let last = u32::try_from(selectors.len()).unwrap_or(u32::MAX);
    let mut waves: BTreeMap<HostName, u32> = hosts
        .iter()
        .map(|host| {
            let own = fleet.get(host).and_then(|spec| spec.wave);
            let wave = own.or_else(|| named.get(host).copied()).unwrap_or(last);
            (host.clone(), wave)
        })
        .collect();
    send_first(&mut waves, canaries);
    Ok(Rollout {
        after: after(hosts, &waves, wanted),
        waves,
        ..Rollout::default()
    })
}

/// The first `canaries` hosts go before everybody else.
pub fn send_first(waves: &mut BTreeMap<HostName, u32>, canaries: usize) {
    let mut order: Vec<HostName> = waves.keys().cloned().collect();
    order.sort_by_key(|host| (waves.get(host).copied(), host.clone()));
    let first: BTreeSet<HostName> = order.into_iter().take(canaries).collect();
    if first.is_empty() {
        return;
    }
    for (host, wave) in waves {
        *wave = if first.contains(host) {
            0
        } else {
            wave.saturating_add(1)
        };
    }
}

impl Rollout {
    /// The order of `hosts` as waves alone, from 1 and without holes: who waits for a host of its own wave is of one after it. That is all of the
    /// order that a saved plan keeps.
    pub fn stages(&self, hosts: &[HostName]) -> BTreeMap<HostName, u32> {
        let mut waves: BTreeMap<u32, Vec<&HostName>> = BTreeMap::new();
        for host in hosts {
            let wave = self.waves.get(host).copied().unwrap_or_default();
            waves.entry(wave).or_default().push(host);
        }
        let mut stages = BTreeMap::new();
        let mut stage = 0;
        for mut open in waves.into_values() {
            while !open.is_empty() {
                stage += 1;
                let waits = |host: &&HostName| {
                    let providers = self.after.get(*host).into_iter().flatten();
                    providers
                        .into_iter()
                        .any(|one| open.contains(&one) && one != *host)
                };
                let (later, mut now): (Vec<&HostName>, Vec<&HostName>) =
                    open.iter().copied().partition(waits);
                // There are no circles; if there were one, its hosts would go together.
                open = if now.is_empty() {
                    now = later;
                    Vec::new()
                } else {
                    later
                };
                stages.extend(now.into_iter().map(|host| (host.clone(), stage)));
            }
        }
        stages
    }
}

/// The first of `waves` in `infra.toml` that selects each host.
fn named_waves(
    fleet: &Fleet,
    selectors: &[String],
) -> Result<BTreeMap<HostName, u32>, Vec<Diagnostic>> {
    let in_settings = |fault: Diagnostic| fault.with_place(Place::file("infra.toml"));
    let mut named = BTreeMap::new();
    let mut faults = Vec::new();
    for (wave, text) in (0..).zip(selectors) {
        let selected = Selector::parse(&[text])
            .map_err(|fault| vec![fault])
            .and_then(|selector| {
                let hosts = selector.select(fleet)?;
                Ok(hosts.into_iter().map(|host| host.name.clone()).collect())
            });
        match selected {
            Ok(hosts) => {
                let hosts: Vec<HostName> = hosts;
                for host in hosts {
                    named.entry(host).or_insert(wave);
                }
            }
            Err(found) => faults.extend(found.into_iter().map(in_settings)),
        }
    }
    if faults.is_empty() {
        Ok(named)
    } else {
        Err(faults)
    }
}

/// Providers among the hosts, without those that a wave puts later, and without circles: hosts that want something of each other have no order.
fn after(
    hosts: &[HostName],
    waves: &BTreeMap<HostName, u32>,
    wanted: &Providers,
) -> BTreeMap<HostName, BTreeSet<HostName>> {
    let mut after: BTreeMap<HostName, BTreeSet<HostName>> = hosts
        .iter()
        .filter_map(|host| {
            let providers: BTreeSet<HostName> = wanted
                .get(host)?
                .iter()
                .filter(|provider| {
                    *provider != host
                        && hosts.contains(provider)
                        && waves.get(*provider) <= waves.get(host)
                })
                .cloned()
                .collect();
            (!providers.is_empty()).then(|| (host.clone(), providers))
        })
        .collect();
    while let Some(circle) = wants::circle(&after) {
        let (Some(first), Some(last)) = (circle.first(), circle.last()) else {
            break;
        };
        if let Some(providers) = after.get_mut(last) {
            providers.remove(first);
        }
    }
    after
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
