//! Asking a person for what is open: each need once, with what the contract says of it, until the answer fits or none is given.

use super::{contracts, one, plain};
use crate::person::{self, Gone};
use crate::secret_checks;
use crate::vault::{Asset, Vault};
use infra_drive::context;
use infra_drive::secret::Secret;
use infra_drive::secret::sidecar::Notes;
use infra_model::contract::{Format, NeedScope, SecretNeed, ValueNeed, place_of};
use infra_model::fill::{Gap, NeedKind, Source, Why};
use infra_model::{Diagnostic, HostName, HostSpec};
use infra_plan::fill;
use infra_view::Screen;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Asks for everything that can be given here; whether anything was, and what went wrong. Who leaves is asked no more, and what was given
/// stays.
pub(super) fn ask(vault: &Vault<'_>, hosts: &[HostSpec]) -> (bool, Vec<Diagnostic>) {
    let mut asked: BTreeSet<Asset> = BTreeSet::new();
    let mut some = false;
    for host in hosts {
        let Some(contract) = vault.contracts.hosts.get(&host.name) else {
            continue;
        };
        let manifest = contract.manifest();
        for gap in contract.filling.gaps.iter().filter(|gap| can_be_given(gap)) {
            let desk = Desk {
                vault,
                host: &host.name,
                gap,
            };
            let values = manifest.values.get(&gap.name);
            let secrets = manifest.secrets.get(&gap.name);
            let scope = values
                .map(|need| need.scope)
                .or(secrets.map(|need| need.scope));
            let asset = (
                contracts::owner(scope.unwrap_or_default(), &host.name),
                gap.name.clone(),
            );
            if !asked.insert(asset.clone()) {
                continue;
            }
            let given = match (gap.kind, values, secrets) {
                (NeedKind::Value, Some(need), _) if need.private => desk.private(need, &asset),
                (NeedKind::Value, Some(need), _) => desk.value(need),
                (NeedKind::Secret, _, Some(need)) => desk.secret(need, &asset),
                _ => continue,
            };
            match given {
                Ok(given) => some |= given,
                Err(Stopped::Gone) => return (some, Vec::new()),
                Err(Stopped::Faults(faults)) => return (some, faults),
            }
        }
    }
    (some, Vec::new())
}

/// What is said wrongly by something that comes before the repository's files is not mended by writing into these.
fn can_be_given(gap: &Gap) -> bool {
    match &gap.why {
        Why::Missing => true,
        Why::Wrong { source, .. } => matches!(source, Source::Context { .. } | Source::Default),
        _ => false,
    }
}

enum Stopped {
    Gone,
    Faults(Vec<Diagnostic>),
}

impl From<Gone> for Stopped {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

struct Desk<'a> {
    vault: &'a Vault<'a>,
    host: &'a HostName,
    gap: &'a Gap,
}

impl Desk<'_> {
    fn value(&self, need: &ValueNeed) -> Result<bool, Stopped> {
        self.introduce(need.example.as_ref());
        loop {
            let Some(typed) = person::line(self.gap.name.as_str())? else {
                return Ok(false);
            };
            let value = need.of.read_text(&typed);
            if let Some(how) = fill::describe_mismatch(need, &value) {
                Screen.err(&format!("{how}\n"));
                continue;
            }
            let file = match need.scope {
                NeedScope::Shared => context::SHARED.to_owned(),
                NeedScope::Host => context::own(self.host),
            };
            let repo = &self.vault.workspace().repo;
            context::set(repo, &file, &self.gap.name, Some(&value)).map_err(Stopped::Faults)?;
            return Ok(true);
        }
    }

    /// How it differs from its type may repeat it, so that only the type is told.
    fn private(&self, need: &ValueNeed, asset: &Asset) -> Result<bool, Stopped> {
        self.introduce(need.example.as_ref());
        self.hidden(asset, |typed| {
            let text = typed.expose_text().unwrap_or_default();
            let fits = fill::describe_mismatch(need, &need.of.read_text(text)).is_none();
            (!fits).then(|| format!("is not {}", need.of.describe()))
        })
    }

    fn secret(&self, need: &SecretNeed, asset: &Asset) -> Result<bool, Stopped> {
        self.introduce(None);
        if matches!(need.format, Format::Pem | Format::SshKey | Format::Binary) {
            let (host, name) = (self.host, &self.gap.name);
            Screen.err(&format!(
                "  it cannot be typed in one line: infra secret edit {host} {name}\n"
            ));
            return Ok(false);
        }
        self.hidden(asset, |typed| secret_checks::fault(need, typed.expose()))
    }

    fn hidden(
        &self,
        asset: &Asset,
        fault: impl Fn(&Secret) -> Option<String>,
    ) -> Result<bool, Stopped> {
        loop {
            let Some(typed) = person::hidden(self.gap.name.as_str())? else {
                return Ok(false);
            };
            if let Some(why) = fault(&typed) {
                Screen.err(&format!("it {why}\n"));
                continue;
            }
            let kept = self.vault.keep(asset, &typed, &Notes::now());
            kept.map_err(|fault| Stopped::Faults(one(fault)))?;
            return Ok(true);
        }
    }

    fn introduce(&self, example: Option<&Value>) {
        let Gap {
            host, name, kind, ..
        } = self.gap;
        let mut text = format!("\n{host} needs the {} `{name}`\n", kind.as_str());
        let mut line = |what: &str, said: &str| {
            if !said.is_empty() {
                // Writing to a text cannot fail.
                let _ = writeln!(text, "  {what}{said}");
            }
        };
        line("", &self.gap.description);
        if let Why::Wrong { source, how } = &self.gap.why {
            line("", &format!("{source} says something else: {how}"));
        }
        line("expected: ", &self.gap.expected);
        line("for example: ", &example.map(plain).unwrap_or_default());
        line(
            "asked for by ",
            &place_of(&self.gap.declared, host).to_string(),
        );
        line("", "(empty: leave it open)");
        Screen.err(&text);
    }
}
