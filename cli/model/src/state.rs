//! What a host says about itself when it is surveyed.

use crate::StorePath;
use crate::bundle::{Status, parse_report};
use crate::change::{ChangeEnd, ChangePhase, ChangeStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A host as it was found: read in one SSH round trip, before anything is decided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostState {
    /// What runs now: `/run/current-system`.
    pub current: Option<StorePath>,
    /// What was booted: `/run/booted-system`.
    pub booted: Option<StorePath>,
    /// Whether kernel, initial ramdisk, kernel modules or command line of what runs are others than those it was booted with: they wait for
    /// a boot.
    #[serde(default)]
    pub boot_pending: bool,
    /// What the next boot will take: `/nix/var/nix/profiles/system`.
    pub boot_default: Option<StorePath>,
    /// Number of the profile generation that is the boot default.
    pub generation: Option<u64>,
    /// The kernel's random id of this boot.
    pub boot_id: Option<String>,
    /// `nix-daemon` on the host, wherever it was found.
    pub nix_daemon: Option<String>,
    /// Version of the host's Nix; `None` if it has none.
    pub nix: Option<String>,
    /// Bytes free where `/nix/store` lives.
    pub free_bytes: Option<u64>,
    /// Whether systemd is the host's init.
    pub systemd: bool,
    /// Units in state `failed`.
    pub failed_units: Vec<String>,
    /// `uname -r`
    pub kernel: Option<String>,
    /// The generations of the system profile, oldest first.
    pub generations: Vec<SystemGeneration>,
    /// The host's clock, in seconds since 1970.
    pub clock: Option<u64>,
    /// The change its agent knows of: one in progress, or the last one; `None` if there was none since it got an agent.
    pub change: Option<ChangeStatus>,
    /// What its agent keeps of secrets; `None` if it has no agent, or one that cannot be understood.
    pub secrets: Option<HostSecrets>,
}

/// A generation of the system profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemGeneration {
    /// Its number.
    pub number: u64,
    /// Its system.
    pub system: StorePath,
    /// Whether that is in the host's store still.
    pub valid: bool,
}

impl SystemGeneration {
    /// Reads `system-12-link yes /nix/store/…`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (link, valid, system) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            number: generation_number(link)?,
            system: StorePath::parse(system)?,
            valid: valid == "yes",
        })
    }
}

/// The secrets of a host, as its agent tells of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostSecrets {
    /// What the command called the bundle that is current; `None` if there is none.
    pub digest: Option<String>,
    /// The generation of secrets that is current.
    pub generation: Option<u64>,
    /// Names of the secrets in it.
    pub names: Vec<String>,
    /// Which content each of them is.
    #[serde(default)]
    pub fingerprints: BTreeMap<String, String>,
    /// Whether it is in place: unpacked, and known to everybody who consumes it.
    pub in_place: bool,
}

impl HostSecrets {
    /// Reads what the agent answers to `secrets status`.
    fn parse(json: &str) -> Option<Self> {
        let status: Status = parse_report(json).ok()?;
        Some(Self {
            in_place: status.unpacked.is_some() && status.pending.is_empty(),
            digest: status.digest,
            generation: status.current,
            names: status.secrets.iter().map(|one| one.name.clone()).collect(),
            fingerprints: status
                .secrets
                .into_iter()
                .map(|one| (one.name, one.fingerprint))
                .collect(),
        })
    }
}

impl HostState {
    /// Reads the lines that the survey script prints: `key value`. Unknown keys belong to a later version and are passed over.
    pub fn parse(text: &str) -> Self {
        let mut state = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match key {
                "current" => state.current = StorePath::parse(value),
                "booted" => state.booted = StorePath::parse(value),
                "default" => state.boot_default = StorePath::parse(value),
                "generation" => state.generation = generation_number(value),
                "bootid" => state.boot_id = Some(value.to_owned()),
                "nixdaemon" => state.nix_daemon = Some(value.to_owned()),
                // "nix (Nix) 2.34.8": the version is the last word, in every flavour of Nix.
                "nix" => state.nix = value.split_whitespace().last().map(str::to_owned),
                "freekib" => state.free_bytes = value.parse::<u64>().ok().map(|kib| kib * 1024),
                "systemd" => state.systemd = value == "yes",
                "failed" => state.failed_units.push(value.to_owned()),
                "stale" => state.boot_pending = value == "yes",
                "kernel" => state.kernel = Some(value.to_owned()),
                "profile" => state.generations.extend(SystemGeneration::parse(value)),
                "clock" => state.clock = value.parse().ok(),
                "change" => state.change = serde_json::from_str(value).ok(),
                "secrets" => state.secrets = HostSecrets::parse(value),
                _ => {}
            }
        }
        state.generations.sort_by_key(|one| one.number);
        state
    }

    /// The change that is going on, if any: nothing else may be begun until it has ended.
    pub fn open_change(&self) -> Option<&ChangeStatus> {
        self.change
            .as_ref()
            .filter(|change| change.phase != ChangePhase::Ended)
    }

    /// The last change, if it was to make the host run `system` and failed. Should the host run it all the same (there was no way back, that
    /// failed as well, or it was there before), it has not proven itself.
    pub fn unproven(&self, system: &StorePath) -> Option<&ChangeStatus> {
        self.change.as_ref().filter(|change| {
            let failed = !matches!(change.end, None | Some(ChangeEnd::Done { .. }));
            failed && change.system.as_ref() == Some(system)
        })
    }

    /// Whether the host runs `system` now and will run it after the next boot.
    pub fn is_settled_on(&self, system: &StorePath) -> bool {
        self.current.as_ref() == Some(system) && self.boot_default.as_ref() == Some(system)
    }
}

/// `system-12-link` → 12.
fn generation_number(link: &str) -> Option<u64> {
    link.strip_prefix("system-")?
        .strip_suffix("-link")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::HostState;

    #[test]
    fn reads_what_the_survey_prints() {
        let text = "current /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a\nbooted \ndefault /nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-b\n\
                    generation system-12-link\nbootid 3c4f\nnix nix (Nix) 2.34.8\nfreekib 2048\nclock 1795238160\nprofile system-12-link yes /nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-b\nprofile system-2-link no /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a\nsystemd yes\nfailed a.service\nfailed b@x.service\nkernel 6.1\nnew thing\n";
        let state = HostState::parse(text);
        insta::assert_json_snapshot!(state, @r#"
        {
          "current": "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a",
          "booted": null,
          "bootPending": false,
          "bootDefault": "/nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-b",
          "generation": 12,
          "bootId": "3c4f",
          "nixDaemon": null,
          "nix": "2.34.8",
          "freeBytes": 2097152,
          "systemd": true,
          "failedUnits": [
            "a.service",
            "b@x.service"
          ],
          "kernel": "6.1",
          "generations": [
            {
              "number": 2,
              "system": "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a",
              "valid": false
            },
            {
              "number": 12,
              "system": "/nix/store/2ymw2907bm1s9n6n8lsmbb267gch9dhj-b",
              "valid": true
            }
          ],
          "clock": 1795238160,
          "change": null,
          "secrets": null
        }
        "#);
        assert!(!state.is_settled_on(state.current.as_ref().expect("current")));
    }

    #[test]
    fn a_host_without_anything_is_a_state_too() {
        assert_eq!(
            HostState::parse("current \ndefault\nnix \nsystemd no\n"),
            HostState::default()
        );
    }
}
