//! What somebody should know before a plan is carried out: warnings that stop nothing.

use infra_model::answer::{Against, HostPlan};
use infra_model::{Code, Diagnostic, Goal, HostSpec, HostState, Manifest, NeedName, StepKind};
use std::collections::BTreeMap;

/// A clock that differs by more seconds makes certificates and logs lie.
const SKEW: u64 = 60;
/// A secret that is good for fewer seconds is told of.
const SOON: u64 = 14 * 24 * 3600;
/// The oldest Nix that infra is made for.
const OLDEST_NIX: (u64, u64) = (2, 18);

/// A host of a plan, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// Its settings.
    pub spec: &'s HostSpec,
    /// As it was surveyed.
    pub state: &'s HostState,
    /// What it needs and offers; `None` if it has no contract.
    pub contract: Option<&'s Manifest>,
    /// What is to be done to it.
    pub plan: &'s HostPlan,
    /// Secrets that expire, with the seconds left.
    pub expiring: &'s [(NeedName, u64)],
}

/// How the plan is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// Whether hosts are booted if something acts only then.
    pub reboot: bool,
    /// This machine's clock, in seconds since 1970.
    pub now: u64,
}

/// All warnings, by host in the order given.
pub fn lint(subjects: &[Subject<'_>], circumstances: Circumstances) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for subject in subjects {
        // What an activation touches is known only from what runs.
        let is_from_running = subject.plan.against == Against::Running;
        let of_activation = || {
            [
                needs_reboot(subject, circumstances.reboot),
                touches_access(subject),
                no_consumer(subject),
            ]
        };
        let of_change = [no_probe(subject), tight_disk(subject)].into_iter();
        let of_change = of_change.chain(is_from_running.then(of_activation).into_iter().flatten());
        let of_host = [
            skewed_clock(subject, circumstances.now),
            old_nix(subject),
            unsettled(subject),
        ];
        let of_change = of_change.filter(|_| !subject.plan.is_idle());
        let told = of_change.chain(of_host).flatten();
        let expiring = subject.expiring.iter().filter_map(expires);
        found.extend(
            told.chain(expiring)
                .map(|warning| warning.with_host(&subject.spec.name)),
        );
    }
    found.extend(shared_addresses(subjects));
    found
}

fn no_probe(subject: &Subject<'_>) -> Option<Diagnostic> {
    if !matches!(subject.plan.goal, Goal::Switch | Goal::Test) {
        return None;
    }
    let probes = subject.contract.map(|contract| &contract.probes);
    let is_off = probes.is_some_and(|probes| !probes.enable);
    let has_any = probes.is_some_and(|probes| !probes.probes.is_empty());
    if is_off {
        return Some(
            Diagnostic::new(Code::NoProbe, "nothing proves this change: probes are switched off")
                .with_cause("`infra.probes.enable` is false")
                .with_fix("leave it out, and the host restores itself if a unit fails or it cannot be reached"),
        );
    }
    (!has_any).then(|| {
        Diagnostic::new(Code::NoProbe, "only the least is tried after this change")
            .with_cause("no probe is declared: what is tried is whether the host answers on a new connection and no unit newly failed")
            .with_fix("declare what must hold, in a contract: infra.probes.https.port = 443;")
    })
}

/// A fifth more than what is sent: the store's own bookkeeping, and what activation writes.
fn tight_disk(subject: &Subject<'_>) -> Option<Diagnostic> {
    let send = subject.plan.preview.send?.bytes;
    let needed = send.saturating_add(send / 5);
    let free = subject.state.free_bytes.filter(|free| *free < needed)?;
    Some(
        Diagnostic::new(
            Code::DiskFull,
            "the host's disk may be too small for this change",
        )
        .with_cause(format!(
            "{} MiB are sent and {} MiB are free where its store is",
            send >> 20,
            free >> 20
        ))
        .with_fix("make room: infra exec HOST -- nix-collect-garbage --delete-older-than 30d"),
    )
}

fn needs_reboot(subject: &Subject<'_>, reboot: bool) -> Option<Diagnostic> {
    let boot = subject.plan.preview.boot.as_ref()?;
    // On the way to the next boot nothing acts at once, and everybody knows.
    if reboot || boot.is_empty() || !subject.plan.goal.activates() {
        return None;
    }
    let parts = [
        ("the kernel", boot.kernel.is_some()),
        ("the initial ramdisk", boot.initrd.is_some()),
        ("modules of the kernel", boot.modules.is_some()),
        ("the kernel's command line", boot.params.is_some()),
    ];
    let named: Vec<&str> = parts
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| *name)
        .collect();
    Some(
        Diagnostic::new(
            Code::NeedsReboot,
            format!("{} will be another only after a boot", named.join(", ")),
        )
        .with_cause("activation cannot exchange what the machine was booted with")
        .with_fix("boot it when it suits (--reboot does)"),
    )
}

/// Files and units that decide whether a host can be reached.
fn touches_access(subject: &Subject<'_>) -> Option<Diagnostic> {
    const FILES: [&str; 7] = [
        "/etc/ssh/sshd_config",
        "/etc/ssh/authorized_keys.d/",
        "/etc/systemd/network/",
        "/etc/NetworkManager/",
        "/etc/nftables",
        "/etc/iptables",
        "/etc/wireguard/",
    ];
    const UNITS: [&str; 12] = [
        "sshd.service",
        "sshd.socket",
        "ssh.service",
        "firewall.service",
        "nftables.service",
        "systemd-networkd.service",
        "NetworkManager.service",
        "network-setup.service",
        "dhcpcd.service",
        "systemd-resolved.service",
        "tailscaled.service",
        "nix-daemon.service",
    ];
    let preview = &subject.plan.preview;
    let files = preview.etc.iter().flat_map(|etc| &etc.files);
    let mut touched: Vec<&str> = files
        .map(|file| file.path.as_str())
        .filter(|path| FILES.iter().any(|known| path.starts_with(known)))
        .collect();
    let units = preview.units.iter().flat_map(|units| {
        units
            .stop
            .iter()
            .chain(&units.restart)
            .chain(&units.reload)
            .map(String::as_str)
    });
    touched.extend(
        units.filter(|unit| UNITS.contains(unit) || unit.starts_with("network-addresses-")),
    );
    if touched.is_empty() {
        return None;
    }
    let (cause, fix) = if subject.plan.goal.activates() {
        (
            "if the host does not answer on a new connection afterwards, it restores itself",
            "have another way to the host at hand, for the case that it cannot",
        )
    } else {
        (
            "it acts at the next boot, when nothing restores the host by itself",
            "try it first: infra deploy --goal test",
        )
    };
    Some(
        Diagnostic::new(
            Code::TouchesAccess,
            format!(
                "this change touches how the host is reached: {}",
                touched.join(", ")
            ),
        )
        .with_cause(cause)
        .with_fix(fix),
    )
}

fn no_consumer(subject: &Subject<'_>) -> Option<Diagnostic> {
    // With a system everything is activated anew that uses them.
    let brings_system = subject.plan.steps.contains(&StepKind::Build);
    let secrets = &subject.plan.preview.secrets;
    if brings_system || secrets.is_empty() {
        return None;
    }
    let unheard: Vec<&str> = secrets
        .iter()
        .filter(|secret| secret.units.is_empty())
        .map(|secret| secret.name.as_str())
        .collect();
    (!unheard.is_empty()).then(|| {
        Diagnostic::new(
            Code::NoConsumer,
            format!(
                "no unit is told that these secrets change: {}",
                unheard.join(", ")
            ),
        )
        .with_cause(
            "their files are exchanged; who has read them already goes on with the old ones",
        )
        .with_fix("name who uses them, in the contract: units, restartUnits or reloadUnits")
    })
}

fn skewed_clock(subject: &Subject<'_>, now: u64) -> Option<Diagnostic> {
    let clock = subject.state.clock?;
    let skew = clock.abs_diff(now);
    let way = if clock > now { "ahead of" } else { "behind" };
    (skew > SKEW).then(|| {
        Diagnostic::new(
            Code::ClockSkew,
            format!("the host's clock is {skew} s {way} this machine's"),
        )
        .with_cause("certificates, tokens and logs go by it")
        .with_fix("see that time synchronisation runs on both: timedatectl")
    })
}

fn old_nix(subject: &Subject<'_>) -> Option<Diagnostic> {
    let version = subject.state.nix.as_deref()?;
    let mut parts = version.split('.');
    let mut number = || -> Option<u64> {
        let part = parts.next()?;
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let found = (number()?, number()?);
    (found < OLDEST_NIX).then(|| {
        let (major, minor) = OLDEST_NIX;
        Diagnostic::new(Code::OldProgram, format!("the host's Nix is {version}"))
            .with_cause(format!("infra is made for {major}.{minor} and later"))
            .with_fix("deploy a newer nixpkgs to it")
    })
}

fn expires((name, left): &(NeedName, u64)) -> Option<Diagnostic> {
    (*left < SOON).then(|| {
        let when = match left / 86_400 {
            _ if *left == 0 => "has expired".to_owned(),
            0 => "expires today".to_owned(),
            1 => "expires in a day".to_owned(),
            days => format!("expires in {days} days"),
        };
        Diagnostic::new(Code::SecretExpires, format!("`{name}` {when}"))
            .with_fix(format!("make it anew: infra secret rotate {name}"))
    })
}

fn unsettled(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (current, boot) = (
        subject.state.current.as_ref()?,
        subject.state.boot_default.as_ref()?,
    );
    (current != boot).then(|| {
        Diagnostic::new(
            Code::HostUnsettled,
            "the host runs another system than it would boot",
        )
        .with_cause(format!(
            "it runs {}\nand would boot {}: it was tried and not kept, or set for the next boot",
            current.short(),
            boot.short()
        ))
        .with_fix(
            "this plan settles it if its goal is switch; to settle it on what it boots: boot it",
        )
    })
}

/// Two hosts at one address and port are one machine, or one of them is meant for another.
fn shared_addresses(subjects: &[Subject<'_>]) -> Vec<Diagnostic> {
    let mut hosts: BTreeMap<(&str, u16), Vec<&HostSpec>> = BTreeMap::new();
    for subject in subjects {
        // Behind a jump host addresses are that network's own.
        for address in subject
            .spec
            .addresses
            .iter()
            .filter(|_| subject.spec.jump.is_none())
        {
            let at = hosts.entry((address, subject.spec.port)).or_default();
            at.push(subject.spec);
        }
    }
    hosts
        .into_iter()
        .filter(|(_, hosts)| hosts.len() > 1)
        .map(|((address, port), hosts)| {
            let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
            Diagnostic::new(
                Code::SharedAddress,
                format!(
                    "{} are all reached at {address}, port {port}",
                    names.join(", ")
                ),
            )
            .with_cause("each would be deployed to the same machine")
            .with_fix("correct `addresses` in the host.toml of all but one")
        })
        .collect()
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
