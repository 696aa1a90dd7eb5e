//! The secrets to look for: opened, as far as they can be.

use crate::contracts::{self, Contracts};
use crate::opener::{Opener, Wanted};
use crate::vault;
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_drive::secret::store::Store;
use infra_model::bundle::PREVIOUS;
use infra_model::contract::{Format, Manifest, NeedScope};
use infra_model::duration;
use infra_model::fill::{NeedKind, Source};
use infra_model::poison::Unsearched;
use infra_model::{Diagnostic, HostName, HostSpec, NeedName};
use infra_plan::fill::{Filled, Secret as Kept};
use infra_search::Subjects;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What is looked for.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The hosts whose contracts are known.
    pub(super) hosts: Vec<HostSpec>,
    /// Their secrets.
    pub(super) subjects: Subjects<(HostName, NeedName)>,
    /// Their names, by host.
    pub(super) searched: BTreeMap<HostName, Vec<String>>,
    /// The private values among them, each with the hosts that may have it.
    pub(super) private: BTreeMap<(HostName, NeedName), BTreeSet<HostName>>,
    /// Names of those that hosts share.
    pub(super) shared: BTreeSet<NeedName>,
    /// Secrets that are not looked for, by host.
    pub(super) unsearched: BTreeMap<HostName, Vec<Unsearched>>,
    /// Files that some were read from.
    pub(super) sources: Vec<PathBuf>,
    /// Whether some came in our own environment.
    pub(super) from_environment: bool,
    /// Whether some private values came in our own arguments.
    pub(super) from_arguments: bool,
    /// Secrets that could not be opened.
    pub(super) faults: Vec<Diagnostic>,
}

/// Opens the secrets of the hosts. One that cannot be opened is told, and the others are looked for.
pub(super) async fn open(
    workspace: &Workspace,
    selected: &[HostSpec],
    contracts: &Contracts,
    on_hosts: bool,
) -> Gathered {
    let known = |host: &&HostSpec| contracts.hosts.contains_key(&host.name);
    let mut gathered = Gathered {
        hosts: selected.iter().filter(known).cloned().collect(),
        subjects: Subjects::new(),
        searched: BTreeMap::new(),
        private: BTreeMap::new(),
        shared: BTreeSet::new(),
        unsearched: BTreeMap::new(),
        sources: Vec::new(),
        from_environment: false,
        from_arguments: false,
        faults: Vec::new(),
    };
    let mut opener = Opener::new(workspace, Stop::never());
    for host in selected {
        let Some(contract) = contracts.hosts.get(&host.name) else {
            continue;
        };
        let needs = &contract.manifest().secrets;
        for (name, filled) in &contract.filling.secrets {
            let need = needs.get(name);
            if let (Kept::Store(scope), false) = (&filled.with, on_hosts)
                && has_a_grace(workspace, (*scope, &host.name), name)
            {
                let why = "the repository does not keep it; its host does until its grace is over, and --hosts looks for it there";
                gathered.pass_over(&host.name, &format!("{name}{PREVIOUS}"), why);
            }
            let wanted = Wanted {
                host: &host.name,
                name,
                text: need.is_none_or(|need| need.format != Format::Binary),
            };
            gathered.open_one(&mut opener, wanted, &filled.with).await;
        }
        for (name, need) in contract
            .manifest()
            .values
            .iter()
            .filter(|(_, need)| need.private)
        {
            match contract.filling.values.get(name) {
                Some(filled) => gathered.add_private(&host.name, (name, need.scope), filled),
                None => gathered.pass_over(&host.name, name.as_str(), "nothing fills it yet"),
            }
        }
        let gaps = contract.filling.gaps.iter();
        for gap in gaps.filter(|gap| gap.kind == NeedKind::Secret) {
            gathered.pass_over(&host.name, gap.name.as_str(), "nothing fills it yet");
        }
    }
    gathered
}

impl Gathered {
    async fn open_one(&mut self, opener: &mut Opener<'_>, wanted: Wanted<'_>, kept: &Kept) {
        match kept {
            Kept::Recipe(_) => {
                return self.pass_over(wanted.host, wanted.name.as_str(), "it was not made yet");
            }
            Kept::File(file) => self.sources.push(PathBuf::from(file)),
            Kept::Variable(_) => self.from_environment = true,
            Kept::Reference(_) | Kept::Store(_) => {}
        }
        let secret = match opener.open(wanted, kept).await {
            Ok(secret) => secret,
            Err(fault) => return self.faults.push(fault),
        };
        let subject = (wanted.host.clone(), wanted.name.clone());
        match self.subjects.add(subject, secret.expose()) {
            Ok(()) => {
                let searched = self.searched.entry(wanted.host.clone()).or_default();
                searched.push(wanted.name.to_string());
            }
            Err(why) => self.pass_over(wanted.host, wanted.name.as_str(), why),
        }
    }

    /// A private value: each text in it. The contracts that are known say who else may have it.
    fn add_private(
        &mut self,
        host: &HostName,
        (name, scope): (&NeedName, NeedScope),
        filled: &Filled<Value>,
    ) {
        match filled.source {
            Source::Flag => self.from_arguments = true,
            Source::Environment { .. } => self.from_environment = true,
            // What a contract says by itself is no secret of anybody.
            Source::Default => return,
            _ => {}
        }
        let subject = (host.clone(), name.clone());
        let mut why = "it is empty";
        let mut some = false;
        for text in texts(&filled.with) {
            match self.subjects.add(subject.clone(), text.as_bytes()) {
                Ok(()) => some = true,
                Err(refused) => why = refused,
            }
        }
        if !some {
            return self.pass_over(host, name.as_str(), why);
        }
        let searched = self.searched.entry(host.clone()).or_default();
        searched.push(name.to_string());
        if scope == NeedScope::Shared {
            self.shared.insert(name.clone());
        }
        self.private.insert(subject, BTreeSet::from([host.clone()]));
    }

    /// Hosts that share private values may all have them.
    pub(super) fn share(&mut self, manifests: &BTreeMap<HostName, &Manifest>) {
        for ((_, name), readers) in &mut self.private {
            if self.shared.contains(name) {
                let shares = |manifest: &&Manifest| {
                    let need = manifest.values.get(name);
                    need.is_some_and(|need| need.scope == NeedScope::Shared)
                };
                let with = manifests.iter().filter(|(_, manifest)| shares(manifest));
                readers.extend(with.map(|(host, _)| host.clone()));
            }
        }
    }

    fn pass_over(&mut self, host: &HostName, name: &str, why: &str) {
        let unsearched = self.unsearched.entry(host.clone()).or_default();
        unsearched.push(Unsearched {
            secret: name.to_string(),
            why: why.to_owned(),
        });
    }
}

/// Whether a secret was rotated so lately that its host still accepts the content before.
fn has_a_grace(
    workspace: &Workspace,
    (scope, host): (NeedScope, &HostName),
    name: &NeedName,
) -> bool {
    let store = Store::of_repo(workspace.repo.root());
    let asset = (contracts::owner(scope, host), name.clone());
    // What cannot be read is told when it is opened.
    let stored = store.look(&vault::item(&asset));
    let Ok(Some(sidecar)) = stored.map(|stored| stored.and_then(|stored| stored.sidecar)) else {
        return false;
    };
    let created = sidecar.created.as_deref().map(humantime::parse_rfc3339);
    let grace = sidecar.grace.as_deref().and_then(duration::seconds);
    match (sidecar.previous, created, grace) {
        (Some(_), Some(Ok(created)), Some(grace)) => {
            created + Duration::from_secs(grace) > SystemTime::now()
        }
        _ => false,
    }
}

/// The texts that a value consists of; a number as it would be written.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}
