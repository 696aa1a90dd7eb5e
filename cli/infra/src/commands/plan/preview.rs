//! What is told of one host.

use super::past::Base;
use super::{Desk, Prints};
use crate::contracts::Contract;
use infra_drive::snapshot::is_here;
use infra_drive::table::cache_dir;
use infra_drive::tree;
use infra_model::answer::{DifferingFile, HostPlan, Preview, ProbePlan, SecretDifference};
use infra_model::contract::Probe;
use infra_model::{BuildOn, HostContext, HostName, Manifest, NeedName, StepKind, StorePath};
use infra_plan::diff::{self, Hidden};
use infra_plan::{Decision, Known};
use serde_json::Value;
use std::collections::BTreeMap;

impl Desk<'_> {
    /// Everything that is told of one host, in its wave and with the fingerprints of its secrets.
    pub(super) async fn plan(
        &self,
        known: &Known,
        decision: &Decision,
        (wave, prints): (Option<u32>, &Prints),
    ) -> HostPlan {
        let base = self.past.of(&known.name, &known.state);
        let goes_on = decision.steps.is_empty();
        let out = &known.system.answer.toplevel.out;
        let after = (goes_on || decision.system().is_some()).then(|| out.clone());
        let preview = if goes_on {
            Preview {
                probes: Some(Vec::new()),
                rekeys: self.stored.rekeys(&known.name),
                ..Preview::default()
            }
        } else {
            self.preview(known, decision, (&base, prints)).await
        };
        HostPlan {
            name: known.name.clone(),
            goal: self.goal,
            reasons: decision.reasons.clone(),
            steps: decision.summary().steps,
            wave,
            before: base.system,
            after,
            preview,
        }
    }

    async fn preview(
        &self,
        known: &Known,
        decision: &Decision,
        (base, prints): (&Base, &Prints),
    ) -> Preview {
        let contract = self.contracts.hosts.get(&known.name);
        let earlier = base
            .tree
            .as_deref()
            .and_then(|tree| tree::context_of(&cache_dir(), tree));
        let mut preview = match decision.system() {
            Some(out) => {
                self.systems(known, out, (base, contract, earlier.as_ref()))
                    .await
            }
            None => Preview::default(),
        };
        preview.notes.extend(base.note.clone());
        preview.sources = sources(base, &known.system.tree);
        if let Some(contract) = contract {
            match &earlier {
                Some(earlier) => {
                    preview.values =
                        diff::values(earlier, &contract.context(), contract.manifest());
                }
                None if base.system.is_some() && is_filled(contract) => preview.notes.push(
                    "values are not compared: what the contract was filled with before is not known on this machine"
                        .to_owned(),
                ),
                None => {}
            }
        }
        if decision.includes(StepKind::Seal) {
            preview.secrets = secrets(known, prints, contract.map(Contract::manifest));
        }
        preview.rekeys = self.stored.rekeys(&known.name);
        preview.probes = known.probes.as_ref().map(probes);
        preview
    }

    /// What differs between systems, if the new one is here.
    async fn systems(
        &self,
        known: &Known,
        out: &StorePath,
        (base, contract, earlier): (&Base, Option<&Contract>, Option<&HostContext>),
    ) -> Preview {
        let mut preview = Preview::default();
        if !is_here(out) {
            if self.args.build && known.build == BuildOn::Target {
                let note = "it is built on the host itself, where a plan does nothing";
                preview.notes.push(note.to_owned());
            }
            return preview;
        }
        let host: &HostName = &known.name;
        let read = self.wire.systems(host, base.system.as_ref(), out).await;
        let systems = match read {
            Ok(systems) => systems,
            Err(fault) => {
                let note = format!("the systems could not be compared: {}", fault.title);
                preview.notes.push(note);
                return preview;
            }
        };
        let hidden = Hidden::of(private(contract, earlier));
        let (before, after) = (systems.before.as_ref(), &systems.after);
        preview = diff::systems(before, after, &systems.presence, &hidden);
        if let (Some(system), None) = (&base.system, before) {
            // Compared with nothing, everything would be told as new.
            preview = Preview {
                send: preview.send,
                notes: preview.notes,
                ..Preview::default()
            };
            preview.notes.push(format!(
                "packages, files and units are not compared: {} cannot be read, neither on this machine nor on the host (which needs comm, cut, find, grep, paste, readlink, sed, sha256sum, sort, stat and xargs for it)",
                system.short()
            ));
        }
        // What the earlier system has of private values is not known, and must not be shown.
        if earlier.is_none() && before.is_some() && contract.is_some_and(has_private) {
            if let Some(etc) = &mut preview.etc {
                etc.patch = String::new();
            }
            preview.notes.push(
                "files below /etc are named and not shown: which private values the system before was made with is not known on this machine"
                    .to_owned(),
            );
        }
        preview
    }
}

/// Files that differ from the tree of what it is compared with, else of the last run.
fn sources(base: &Base, now: &str) -> Option<Vec<DifferingFile>> {
    let since = base.tree.as_deref().or(base.last_tree.as_deref())?;
    // A tree that was forgotten, or is another machine's, is no reason to say less of the host.
    tree::compare(&cache_dir(), since, now).ok().flatten()
}

fn has_private(contract: &Contract) -> bool {
    let mut values = contract.manifest().values.values();
    values.any(|need| need.private)
}

fn is_filled(contract: &Contract) -> bool {
    !contract.filling.values.is_empty() || !contract.answers.is_empty()
}

/// Values that nobody may be shown, of now and of before. One of before that the contract does not name any more counts as private.
fn private<'v>(contract: Option<&'v Contract>, earlier: Option<&'v HostContext>) -> Vec<&'v Value> {
    let Some(contract) = contract else {
        return earlier
            .into_iter()
            .flat_map(|context| context.values.values())
            .collect();
    };
    let needs = &contract.manifest().values;
    let is_private = |name: &NeedName| needs.get(name).is_none_or(|need| need.private);
    let now = contract.filling.values.iter();
    let now = now.map(|(name, filled)| (name, &filled.with));
    let before = earlier
        .into_iter()
        .flat_map(|context| context.values.iter());
    now.chain(before)
        .filter(|(name, _)| is_private(name))
        .map(|(_, value)| value)
        .collect()
}

fn secrets(known: &Known, prints: &Prints, contract: Option<&Manifest>) -> Vec<SecretDifference> {
    let has = known.state.secrets.as_ref();
    let before: Prints = has
        .into_iter()
        .flat_map(|has| {
            let print = |name: &String| has.fingerprints.get(name).cloned();
            has.names
                .iter()
                .map(move |name| (name.clone(), print(name)))
        })
        .collect();
    let digest = has.and_then(|has| has.digest.as_deref());
    let changed = digest != Some(&known.secrets.digest);
    match contract {
        Some(contract) => diff::secrets(&before, prints, contract, changed),
        None => Vec::new(),
    }
}

fn probes(probes: &BTreeMap<NeedName, Probe>) -> Vec<ProbePlan> {
    probes
        .iter()
        .map(|(name, probe)| ProbePlan {
            name: name.clone(),
            asks: asks(probe),
            within: probe.within.clone(),
            critical: probe.critical,
        })
        .collect()
}

/// What a probe asks, in words.
fn asks(probe: &Probe) -> String {
    let parts = [
        probe.unit.as_ref().map(|unit| format!("unit {unit}")),
        probe.port.map(|port| format!("port {port}")),
        probe.http.clone(),
        probe.command.as_ref().map(|line| format!("command {line}")),
        probe.file.as_ref().map(|file| format!("file {file}")),
        probe
            .reachable_from
            .as_ref()
            .map(|host| format!("reached from {host}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}
