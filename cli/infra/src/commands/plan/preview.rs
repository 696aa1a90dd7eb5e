//! What is told of one host.

use super::past::Base;
use super::{Desk, Prints};
use crate::contracts::Contract;
use crate::run::Run;
use infra_drive::process::Stop;
use infra_drive::snapshot::{Systems, is_here};
use infra_drive::table::cache_dir;
use infra_drive::tree;
use infra_model::answer::{DifferingFile, HostPlan, Level, Preview, ProbePlan, SecretDifference};
use infra_model::contract::Probe;
use infra_model::{
    BuildOn, Code, Diagnostic, HostContext, HostName, Manifest, NeedName, StepKind, StorePath,
};
use infra_plan::diff::{self, Hidden, Privacy};
use infra_plan::{Decision, Known};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Two systems that are to be compared.
pub(super) struct Pair {
    before: Option<StorePath>,
    after: StorePath,
}

/// What came of reading them.
pub(super) type Read = Result<Systems, Diagnostic>;

/// A host on its way into a plan.
#[derive(Clone, Copy)]
pub(super) struct Draft<'d> {
    pub(super) known: &'d Known,
    pub(super) decision: &'d Decision,
    /// What it is compared with.
    pub(super) base: &'d Base,
}

impl Draft<'_> {
    fn out(&self) -> &StorePath {
        &self.known.system.answer.toplevel.out
    }

    fn is_idle(&self) -> bool {
        self.decision.steps.is_empty()
    }
}

impl Desk<'_> {
    /// The systems of a host that have to be read, if any: those that differ, and only if the new one is here.
    pub(super) fn pair(&self, draft: Draft<'_>) -> Option<Pair> {
        let differs = draft.base.system.as_ref() != Some(draft.out());
        let is_wanted = draft.decision.system().is_some() || (differs && !self.past.is_running());
        (is_wanted && is_here(draft.out())).then(|| Pair {
            before: draft.base.system.clone(),
            after: draft.out().clone(),
        })
    }

    /// Reads systems, of many hosts at once. What was interrupted is not answered.
    pub(super) async fn read(
        &self,
        pairs: BTreeMap<HostName, Pair>,
        run: &mut Run,
    ) -> BTreeMap<HostName, Read> {
        let questions = pairs.into_iter().map(|(host, pair)| {
            let wire = Arc::clone(&self.wire);
            let name = host.clone();
            let question = move |stop: Stop| async move {
                let Pair { before, after } = pair;
                wire.systems(&name, before.as_ref(), &after, stop).await
            };
            (host, question)
        });
        let mut read = run.each(questions).await;
        read.retain(|_, read| !matches!(read, Err(fault) if fault.code == Code::Interrupted));
        read
    }

    /// Everything that is told of one host, in its wave and with the fingerprints of its secrets.
    pub(super) fn plan(
        &self,
        draft: Draft<'_>,
        read: Option<Read>,
        (wave, prints): (Option<u32>, &Prints),
    ) -> HostPlan {
        let Draft {
            known,
            decision,
            base,
        } = draft;
        let preview = if draft.is_idle() && self.past.is_running() {
            Preview {
                probes: Some(Vec::new()),
                rekeys: self.stored.rekeys(&known.name),
                ..Preview::default()
            }
        } else {
            self.preview(draft, read, prints)
        };
        let has_system = draft.is_idle() || decision.system().is_some();
        HostPlan {
            name: known.name.clone(),
            goal: self.goal,
            reasons: decision.reasons.clone(),
            steps: decision.summary().steps,
            wave,
            against: self.past.against.clone(),
            before: base.system.clone(),
            unknown: base.is_unknown,
            after: (has_system || !self.past.is_running()).then(|| draft.out().clone()),
            preview,
        }
    }

    fn preview(&self, draft: Draft<'_>, read: Option<Read>, prints: &Prints) -> Preview {
        let Draft {
            known,
            decision,
            base,
        } = draft;
        let contract = self.contracts.hosts.get(&known.name);
        let earlier = base
            .tree
            .as_deref()
            .and_then(|tree| tree::context_of(&cache_dir(), tree));
        let mut preview = match read {
            Some(read) => {
                let is_hinted = base.is_buildable && !self.args.build;
                systems(read, (base, is_hinted), (contract, earlier.as_ref()))
            }
            None => self.unread(draft),
        };
        preview.buildable = preview.level == Level::Evaluated && self.would_tell_more(draft);
        preview.notes.extend(base.note.clone());
        preview.sources = sources(base, &known.system.tree);
        if let Some(contract) = contract {
            match &earlier {
                Some(earlier) => {
                    let privacy = Privacy {
                        now: contract.manifest(),
                        then: base.private.as_ref(),
                    };
                    preview.values = diff::values(earlier, &contract.context(), privacy);
                }
                None if base.system.is_some() && is_filled(contract) => preview.notes.push(
                    "values are not compared: what the contract was filled with before is not known on this machine"
                        .to_owned(),
                ),
                None => {}
            }
            let manifest = contract.manifest();
            preview.secrets = match &base.secrets {
                Some(then) => diff::secrets(then, prints, manifest, false),
                // What the host has is not what it had in a revision.
                None if self.past.revision.is_some() => Vec::new(),
                None if decision.includes(StepKind::Seal) => secrets(known, prints, manifest),
                None => Vec::new(),
            };
        }
        preview.rekeys = self.stored.rekeys(&known.name);
        preview.probes = if draft.is_idle() {
            Some(Vec::new())
        } else {
            known.probes.as_ref().map(probes)
        };
        preview
    }

    /// Whether `--build` would tell more.
    fn would_tell_more(&self, draft: Draft<'_>) -> bool {
        let base = draft.base;
        let before = match &base.system {
            Some(system) if is_here(system) => Lies::Here,
            None => Lies::Here,
            Some(_) if base.is_buildable => Lies::InADerivation,
            // What a run left is read on its host, if need be.
            Some(_) if self.past.revision.is_none() => Lies::OnItsHost,
            Some(_) => Lies::Nowhere,
        };
        let after = if is_here(draft.out()) {
            Lies::Here
        } else if draft.known.build == BuildOn::Target {
            Lies::OnItsHost
        } else {
            Lies::InADerivation
        };
        !self.args.build && !base.is_unknown && grows_by_building(before, after)
    }

    /// What is told if no systems were read.
    fn unread(&self, draft: Draft<'_>) -> Preview {
        let mut preview = Preview::default();
        let is_built_there = self.args.build && draft.known.build == BuildOn::Target;
        if is_built_there && draft.decision.system().is_some() {
            let note = "it is built on the host itself, where a plan does nothing";
            preview.notes.push(note.to_owned());
        }
        preview
    }
}

/// Where a system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lies {
    /// In the store of this machine, or there is nothing to read.
    Here,
    /// It can be built here.
    InADerivation,
    /// There alone.
    OnItsHost,
    Nowhere,
}

/// Whether both systems could be read if what can be built here was, and cannot without it.
fn grows_by_building(before: Lies, after: Lies) -> bool {
    match after {
        Lies::Here => before == Lies::InADerivation,
        Lies::InADerivation => before != Lies::Nowhere,
        Lies::OnItsHost | Lies::Nowhere => false,
    }
}

/// What differs between systems that were read.
fn systems(
    read: Read,
    (base, is_hinted): (&Base, bool),
    (contract, earlier): (Option<&Contract>, Option<&HostContext>),
) -> Preview {
    let systems = match read {
        Ok(systems) => systems,
        Err(fault) => {
            let note = format!("the systems could not be compared: {}", fault.title);
            return Preview {
                notes: vec![note],
                ..Preview::default()
            };
        }
    };
    let hidden = Hidden::of(private(contract, earlier, base.private.as_ref()));
    let (before, after) = (systems.before.as_ref(), &systems.after);
    let mut preview = diff::systems(before, after, &systems.presence, &hidden);
    if before.is_none() && (base.system.is_some() || base.is_unknown) {
        // Compared with nothing, everything would be told as new.
        preview = Preview {
            send: preview.send,
            notes: preview.notes,
            ..Preview::default()
        };
    }
    if let (Some(system), None) = (&base.system, before) {
        preview.notes.push(format!(
            "packages, files and units are not compared: {} cannot be read, neither on this machine nor on the host (which needs comm, cut, find, grep, paste, readlink, sed, sha256sum, sort, stat and xargs for it){}",
            system.short(),
            if is_hinted { "; --build builds it here" } else { "" }
        ));
    }
    // What the earlier system has of private values is not known, and must not be shown.
    let had_private = base.private.as_ref().is_some_and(|then| !then.is_empty());
    let is_private = had_private || contract.is_some_and(has_private);
    if earlier.is_none() && before.is_some() && is_private {
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

/// Files that differ from the tree of what it is compared with.
fn sources(base: &Base, now: &str) -> Option<Vec<DifferingFile>> {
    // A tree that was forgotten, or is another machine's, is no reason to say less of the host.
    tree::compare(&cache_dir(), base.files.as_deref()?, now)
        .ok()
        .flatten()
}

fn has_private(contract: &Contract) -> bool {
    let mut values = contract.manifest().values.values();
    values.any(|need| need.private)
}

fn is_filled(contract: &Contract) -> bool {
    !contract.filling.values.is_empty() || !contract.answers.is_empty()
}

/// Values that nobody may be shown, of now and of before. One of before that the contract does not name any more counts as private.
fn private<'v>(
    contract: Option<&'v Contract>,
    earlier: Option<&'v HostContext>,
    then: Option<&BTreeSet<NeedName>>,
) -> Vec<&'v Value> {
    let Some(contract) = contract else {
        return earlier
            .into_iter()
            .flat_map(|context| context.values.values())
            .collect();
    };
    let privacy = Privacy {
        now: contract.manifest(),
        then,
    };
    let now = contract.filling.values.iter();
    let now = now.map(|(name, filled)| (name, &filled.with));
    let before = earlier
        .into_iter()
        .flat_map(|context| context.values.iter());
    now.chain(before)
        .filter(|(name, _)| privacy.covers(name))
        .map(|(_, value)| value)
        .collect()
}

/// Secrets that are others than the host has.
fn secrets(known: &Known, prints: &Prints, contract: &Manifest) -> Vec<SecretDifference> {
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
    diff::secrets(&before, prints, contract, changed)
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

#[cfg(test)]
mod tests {
    use super::Lies::{Here, InADerivation, Nowhere, OnItsHost};
    use super::grows_by_building;

    /// What cannot be built here is not hinted at, nor what is read without it.
    #[test]
    fn building_is_hinted_at_where_it_tells_more() {
        let all = [Here, InADerivation, OnItsHost, Nowhere];
        let told = |after| all.map(|before| grows_by_building(before, after));
        assert_eq!(told(Here), [false, true, false, false]);
        assert_eq!(told(InADerivation), [true, true, true, false]);
        // A plan builds nothing on a host.
        assert_eq!(told(OnItsHost), [false; 4]);
        assert_eq!(told(Nowhere), [false; 4]);
    }
}
