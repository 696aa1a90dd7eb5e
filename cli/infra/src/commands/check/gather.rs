//! The secrets to look for: opened, as far as they can be.

use crate::contracts::Contracts;
use crate::opener::{Opener, Wanted};
use crate::workspace::Workspace;
use infra_drive::process::Stop;
use infra_model::contract::Format;
use infra_model::fill::NeedKind;
use infra_model::poison::Unsearched;
use infra_model::{Diagnostic, HostName, HostSpec, NeedName};
use infra_plan::fill::Secret as Kept;
use infra_search::Subjects;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The hosts whose contracts are known.
    pub(super) hosts: Vec<HostSpec>,
    /// Their secrets.
    pub(super) subjects: Subjects<(HostName, NeedName)>,
    /// Their names, by host.
    pub(super) searched: BTreeMap<HostName, Vec<String>>,
    /// Secrets that are not looked for, by host.
    pub(super) unsearched: BTreeMap<HostName, Vec<Unsearched>>,
    /// Files that some were read from.
    pub(super) sources: Vec<PathBuf>,
    /// Whether some came in our own environment.
    pub(super) from_environment: bool,
    /// Secrets that could not be opened.
    pub(super) faults: Vec<Diagnostic>,
}

/// Opens the secrets of the hosts. One that cannot be opened is told, and the others are looked for.
pub(super) async fn open(
    workspace: &Workspace,
    selected: &[HostSpec],
    contracts: &Contracts,
) -> Gathered {
    let known = |host: &&HostSpec| contracts.hosts.contains_key(&host.name);
    let mut gathered = Gathered {
        hosts: selected.iter().filter(known).cloned().collect(),
        subjects: Subjects::new(),
        searched: BTreeMap::new(),
        unsearched: BTreeMap::new(),
        sources: Vec::new(),
        from_environment: false,
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
            let wanted = Wanted {
                host: &host.name,
                name,
                text: need.is_none_or(|need| need.format != Format::Binary),
            };
            gathered.open_one(&mut opener, wanted, &filled.with).await;
        }
        let gaps = contract.filling.gaps.iter();
        for gap in gaps.filter(|gap| gap.kind == NeedKind::Secret) {
            gathered.pass_over(&host.name, &gap.name, "nothing fills it yet");
        }
    }
    gathered
}

impl Gathered {
    async fn open_one(&mut self, opener: &mut Opener<'_>, wanted: Wanted<'_>, kept: &Kept) {
        match kept {
            Kept::Recipe(_) => {
                return self.pass_over(wanted.host, wanted.name, "it was not made yet");
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
            Err(why) => self.pass_over(wanted.host, wanted.name, why),
        }
    }

    fn pass_over(&mut self, host: &HostName, name: &NeedName, why: &str) {
        let unsearched = self.unsearched.entry(host.clone()).or_default();
        unsearched.push(Unsearched {
            secret: name.to_string(),
            why: why.to_owned(),
        });
    }
}
