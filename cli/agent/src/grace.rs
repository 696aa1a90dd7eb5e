//! What a rotated secret was before: readable beside it until its grace is over.
//!
//! Nothing is written down for this. The sealed generations say what the content was, and when the one after it came.

use crate::host::Host;
use crate::process;
use crate::wall;
use infra_model::bundle::{Bundle, Generation, Plain, Secret};
use std::path::PathBuf;

/// A generation that was opened.
pub(crate) struct Opened {
    pub(crate) generation: Generation,
    pub(crate) bundle: Bundle,
}

/// The content of a secret before its rotation.
pub(crate) struct Previous {
    /// The secret.
    pub(crate) name: String,
    /// Its content then.
    pub(crate) content: Plain,
    /// The generations that say so, and are kept for it: the one with this content, and the one after it, which came when it was rotated.
    pub(crate) generations: Vec<u64>,
    /// When it is over, in seconds since 1970.
    pub(crate) until: u64,
}

/// What must still be readable. `received` is when `bundle` came; `older` are the generations before it, newest first.
pub(crate) fn previous<'g>(
    bundle: &Bundle,
    received: u64,
    older: &(impl Iterator<Item = &'g Opened> + Clone),
    now: u64,
) -> Vec<Previous> {
    bundle
        .secrets
        .iter()
        .filter_map(|secret| previous_of(secret, received, older.clone(), now))
        .collect()
}

fn previous_of<'g>(
    secret: &Secret,
    received: u64,
    older: impl Iterator<Item = &'g Opened>,
    now: u64,
) -> Option<Previous> {
    let grace = secret.grace.filter(|grace| *grace > 0)?;
    let mut rotated = received;
    let mut generations = Vec::new();
    for Opened { generation, bundle } in older {
        let before = bundle.secrets.iter().find(|one| one.name == secret.name)?;
        if before.content != secret.content {
            let until = rotated.saturating_add(grace);
            generations.push(generation.number);
            return (now < until).then(|| Previous {
                name: secret.name.clone(),
                content: before.content.clone(),
                generations,
                until,
            });
        }
        rotated = generation.received;
        generations = vec![generation.number];
    }
    None
}

/// Lets systemd call us when the next grace is over. Without systemd the next `receive`, `restart` or `unpack` ends it.
///
/// Neither the timer nor what it starts needs anything that the boot starts: with the usual dependencies the one would wait for `sysinit.target`,
/// which may wait for us, and in the emergency mode it would end that. That they end with the host they have to be told themselves then.
pub(crate) fn end_on_time(host: &Host, previous: &[Previous]) {
    const TIMER: &str = "infra-secrets-grace";
    const PATIENCE: u64 = 30;
    if !host.has_systemd() {
        return;
    }
    let Some(until) = previous.iter().map(|one| one.until).min() else {
        return;
    };
    // A second late rather than early: being called too early would find nothing to do.
    let wait = format!("--on-active={}", until.saturating_sub(wall::now(host)) + 1);
    let unit = format!("--unit={TIMER}");
    let agent = installed_agent().display().to_string();
    // The one that waits for an earlier end knows less than we do.
    let timer = format!("{TIMER}.timer");
    let _ = process::ask_within("systemctl", &["--quiet", "stop", &timer], PATIENCE);
    let description = "--description=End the grace of rotated secrets";
    let words = [
        "--quiet",
        "--collect",
        &unit,
        &wait,
        "--timer-property=AccuracySec=1s",
        "--timer-property=DefaultDependencies=no",
        "--timer-property=Conflicts=shutdown.target",
        "--timer-property=Before=shutdown.target",
        "--property=DefaultDependencies=no",
        "--property=Conflicts=shutdown.target",
        "--property=Before=shutdown.target",
        description,
        "--",
        &agent,
        "secrets",
        "unpack",
    ];
    // Without the timer the grace ends later: no reason to refuse what is in place already.
    let _ = process::ask_within("systemd-run", &words, PATIENCE);
}

/// The agent that will be there later, too, in whatever release.
fn installed_agent() -> PathBuf {
    let installed = PathBuf::from("/var/lib/infra/agent/current/infra-agent");
    if installed.exists() {
        return installed;
    }
    std::env::current_exe().unwrap_or(installed)
}

#[cfg(test)]
mod tests {
    use super::{Opened, previous};
    use infra_model::HostName;
    use infra_model::bundle::{Bundle, Generation, Mode, Phase, Plain, Secret};

    /// Name, content, grace.
    type Short<'s> = (&'s str, &'s str, Option<u64>);

    fn bundle(content: &[Short<'_>]) -> Bundle {
        let secrets = content.iter().map(|(name, content, grace)| Secret {
            name: (*name).to_owned(),
            fingerprint: (*content).to_owned(),
            phase: Phase::Services,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: Mode::parse("0400").expect("a mode"),
            units: Vec::new(),
            restart_units: Vec::new(),
            reload_units: Vec::new(),
            grace: *grace,
            content: Plain::new(content.as_bytes().to_vec()),
        });
        let host = HostName::parse("web").expect("a name");
        Bundle::new(host, String::new(), secrets.collect(), Vec::new())
    }

    fn older(generations: &[(u64, u64, &[Short<'_>])]) -> Vec<Opened> {
        generations
            .iter()
            .map(|(number, received, content)| Opened {
                generation: Generation {
                    number: *number,
                    received: *received,
                },
                bundle: bundle(content),
            })
            .collect()
    }

    fn kept(now: u64, current: &[Short<'_>], before: &[Opened]) -> Vec<String> {
        previous(&bundle(current), 1000, &before.iter(), now)
            .into_iter()
            .map(|one| {
                let content = String::from_utf8_lossy(&one.content).into_owned();
                let of = one.generations;
                format!("{}={content} of {of:?} until {}", one.name, one.until)
            })
            .collect()
    }

    #[test]
    fn the_content_before_stays_until_its_grace_is_over() {
        let before = older(&[
            (4, 900, &[("a", "old", None)]),
            (3, 800, &[("a", "older", None)]),
        ]);
        let rotated = [("a", "new", Some(60))];
        assert_eq!(kept(1000, &rotated, &before), ["a=old of [4] until 1060"]);
        assert_eq!(kept(1059, &rotated, &before).len(), 1);
        assert!(kept(1060, &rotated, &before).is_empty());
        assert_eq!(
            kept(5, &rotated, &before).len(),
            1,
            "a clock that is wrong after a boot ends nothing"
        );
    }

    #[test]
    fn later_generations_for_other_reasons_do_not_prolong_it() {
        let before = older(&[
            (5, 980, &[("a", "new", Some(60))]),
            (4, 950, &[("a", "new", Some(60))]),
            (3, 900, &[("a", "old", Some(60))]),
        ]);
        let current = [("a", "new", Some(60)), ("b", "x", Some(60))];
        assert_eq!(
            kept(1000, &current, &before),
            ["a=old of [4, 3] until 1010"]
        );
    }

    #[test]
    fn what_was_not_there_or_not_rotated_has_no_content_before() {
        let before = older(&[
            (4, 900, &[("b", "x", None)]),
            (3, 800, &[("a", "old", None)]),
        ]);
        assert!(
            kept(1000, &[("a", "new", Some(60))], &before).is_empty(),
            "it was removed in between"
        );
        assert!(kept(1000, &[("b", "y", None), ("b2", "x", Some(60))], &before).is_empty());
        assert!(kept(1000, &[("b", "y", Some(0))], &before).is_empty());
        assert!(kept(1000, &[("b", "x", Some(9))], &before).is_empty());
    }
}
