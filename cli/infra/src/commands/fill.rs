//! `infra fill`: whatever is open: made if a recipe makes it, asked for if somebody sits there, told if not.

use super::{answer, one, refuse, warn};
use crate::args::{Fill, Global, Selection};
use crate::contracts::{self, Contracts};
use crate::making::{self, Order};
use crate::secret_checks;
use crate::vault::Vault;
use crate::workspace::Workspace;
use infra_drive::context;
use infra_drive::evaluator::Evaluator;
use infra_drive::process::Stop;
use infra_drive::secret::Secret;
use infra_drive::secret::sidecar::Notes;
use infra_model::answer::{Answer, Exit, SecretChange, SecretDone};
use infra_model::contract::{NeedScope, SecretNeed, ValueNeed};
use infra_model::fill::{Gap, NeedKind, Why};
use infra_model::recipe::Owner;
use infra_model::{Code, Diagnostic, HostSpec, Place};
use infra_plan::fill::describe_mismatch;
use infra_view::Screen;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::SystemTime;

const NAME: &str = "fill";

pub(super) async fn run(global: &Global, selection: &Selection) -> Exit {
    match perform(global, selection).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok(Filled {
            done,
            open,
            warnings,
        }) => {
            warn(global, &warnings);
            let mut text = String::new();
            for one in &done {
                let _ = writeln!(
                    text,
                    "{:<9}  {} ({})",
                    one.change.as_str(),
                    one.secret,
                    one.file
                );
            }
            if done.is_empty() && open.is_empty() {
                text.push_str("nothing is open\n");
            }
            let exit = Exit::of_hosts(done.len(), open.len());
            let told = Answer::new(NAME, done, open).with_warnings(warnings);
            answer(global, &told, &text);
            exit
        }
    }
}

struct Filled {
    done: Vec<SecretDone>,
    /// What is still open.
    open: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

async fn perform(global: &Global, selection: &Selection) -> Result<Filled, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let hosts = workspace.select_strictly(selection)?;
    let evaluator = super::evaluator(global, &workspace).map_err(one)?;
    let mut done = make(&workspace, &evaluator, &hosts).await?;
    let contracts = look(&workspace, &evaluator, &hosts).await?;
    let mut gaps = gaps(&contracts, &hosts);
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if somebody && !global.json && !gaps.is_empty() {
        let vault = Vault::open(&workspace, &evaluator, &Stop::never()).await?;
        done.extend(ask_for_all(&vault, &gaps)?);
        gaps = self::gaps(&look(&workspace, &evaluator, &hosts).await?, &hosts);
    }
    let mut open: Vec<Diagnostic> = gaps.iter().map(Gap::diagnostic).collect();
    open.extend(contracts.faults.iter().cloned());
    let mut warnings = contracts.warnings;
    warnings.extend(evaluator.finish());
    Ok(Filled {
        done,
        open,
        warnings,
    })
}

async fn look(
    workspace: &Workspace,
    evaluator: &Evaluator,
    hosts: &[HostSpec],
) -> Result<Contracts, Vec<Diagnostic>> {
    super::fill(workspace, evaluator, hosts, &Fill::default()).await
}

fn gaps(contracts: &Contracts, hosts: &[HostSpec]) -> Vec<Gap> {
    hosts
        .iter()
        .filter_map(|host| contracts.hosts.get(&host.name))
        .flat_map(|contract| contract.filling.gaps.clone())
        .collect()
}

/// Makes what recipes make and nobody gives.
async fn make(
    workspace: &Workspace,
    evaluator: &Evaluator,
    hosts: &[HostSpec],
) -> Result<Vec<SecretDone>, Vec<Diagnostic>> {
    let contracts = look(workspace, evaluator, hosts).await?;
    let missing = contracts.makeable(hosts.iter().map(|host| &host.name), true);
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let stop = Stop::never();
    let vault = Vault::open(workspace, evaluator, &stop).await?;
    let order = Order {
        assets: &missing,
        replace: false,
    };
    let made = making::generate(&vault, evaluator, order, &stop).await?;
    Ok(made
        .iter()
        .map(|made| made.told(SecretChange::Made))
        .collect())
}

/// Asks for each need once; what hosts share is asked for the first of them.
fn ask_for_all(vault: &Vault<'_>, gaps: &[Gap]) -> Result<Vec<SecretDone>, Vec<Diagnostic>> {
    let mut asked = BTreeSet::new();
    let mut done = Vec::new();
    for gap in gaps {
        // What is wrong where it stands has to be corrected there.
        if !matches!(gap.why, Why::Missing) {
            continue;
        }
        let Some(contract) = vault.contracts.hosts.get(&gap.host) else {
            continue;
        };
        let manifest = contract.manifest();
        let need = match gap.kind {
            NeedKind::Value => manifest.values.get(&gap.name).map(Need::Value),
            NeedKind::Secret => manifest.secrets.get(&gap.name).map(Need::Secret),
            NeedKind::Want => None,
        };
        let Some(need) = need else {
            continue;
        };
        let asset = (contracts::owner(need.scope(), &gap.host), gap.name.clone());
        if asked.insert(asset.clone())
            && let Some(file) = need.ask(vault, gap, &asset.0)?
        {
            done.push(SecretDone {
                name: match asset.0 {
                    Owner::Shared => None,
                    Owner::Host(host) => Some(host),
                },
                secret: asset.1,
                file,
                change: SecretChange::Written,
            });
        }
    }
    Ok(done)
}

/// What is asked for.
enum Need<'n> {
    Value(&'n ValueNeed),
    Secret(&'n SecretNeed),
}

impl Need<'_> {
    fn scope(&self) -> NeedScope {
        match self {
            Self::Value(need) => need.scope,
            Self::Secret(need) => need.scope,
        }
    }

    /// Asks until it is right, or skipped. Answers where it was written.
    fn ask(
        &self,
        vault: &Vault<'_>,
        gap: &Gap,
        owner: &Owner,
    ) -> Result<Option<String>, Vec<Diagnostic>> {
        let place = gap.diagnostic().place.map(|place| place.to_string());
        Screen.err(&format!(
            "{} of {}: {}\n  expected: {}\n  asked for by {}\n",
            gap.name,
            gap.host,
            if gap.description.is_empty() {
                "(no description)"
            } else {
                &gap.description
            },
            gap.expected,
            place.unwrap_or_default()
        ));
        match self {
            Self::Value(need) if !need.private => ask_for_value(vault, gap, owner, need),
            _ => self.ask_hidden(vault, gap, owner),
        }
    }

    fn ask_hidden(
        &self,
        vault: &Vault<'_>,
        gap: &Gap,
        owner: &Owner,
    ) -> Result<Option<String>, Vec<Diagnostic>> {
        loop {
            let typed = dialoguer::Password::new()
                .with_prompt("it (hidden; nothing skips)")
                .with_confirmation("again", "that was not the same")
                .allow_empty_password(true)
                .interact()
                .map_err(|error| one(nobody(gap, &error)))?;
            if typed.is_empty() {
                return Ok(None);
            }
            let fault = match self {
                Self::Secret(need) => secret_checks::fault(need, typed.as_bytes()),
                Self::Value(need) => {
                    let wrong = need.of.check(&need.of.read_text(&typed));
                    wrong
                        .first()
                        .map(|wrong| format!("expected {}", wrong.expected))
                }
            };
            if let Some(why) = fault {
                Screen.err(&format!("  no: {why}\n"));
                continue;
            }
            let secret = Secret::new(typed.into_bytes(), gap.name.as_str()).map_err(one)?;
            let notes = Notes {
                created: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
                ..Notes::default()
            };
            let asset = (owner.clone(), gap.name.clone());
            return vault.keep(&asset, &secret, &notes).map(Some).map_err(one);
        }
    }
}

fn ask_for_value(
    vault: &Vault<'_>,
    gap: &Gap,
    owner: &Owner,
    need: &ValueNeed,
) -> Result<Option<String>, Vec<Diagnostic>> {
    if let Some(example) = &need.example {
        Screen.err(&format!("  for example: {example}\n"));
    }
    loop {
        let typed: String = dialoguer::Input::new()
            .with_prompt("it (nothing skips)")
            .allow_empty(true)
            .interact_text()
            .map_err(|error| one(nobody(gap, &error)))?;
        if typed.is_empty() {
            return Ok(None);
        }
        let value = need.of.read_text(&typed);
        if let Some(why) = describe_mismatch(need, &value) {
            Screen.err(&format!("  no: {why}\n"));
            continue;
        }
        let file = match owner {
            Owner::Shared => context::SHARED.to_owned(),
            Owner::Host(host) => context::own(host),
        };
        context::set(&vault.workspace().repo, &file, &gap.name, Some(&value))?;
        return Ok(Some(file));
    }
}

fn nobody(gap: &Gap, error: &dialoguer::Error) -> Diagnostic {
    Diagnostic::new(Code::Usage, format!("nobody answered for `{}`", gap.name))
        .with_cause(error.to_string())
        .with_place(Place::file("terminal"))
        .with_fix(gap.command())
}
