//! `infra set`: one line of a context file, checked against the contract before it is written.

use super::{answer, one, refuse, warn};
use crate::args::Global;
use crate::complete;
use crate::workspace::Workspace;
use clap_complete::engine::ArgValueCandidates;
use infra_drive::context::{self, Change};
use infra_drive::evaluator::{Asked, Evaluator, Known};
use infra_drive::process::Stop;
use infra_model::answer::{Answer, Exit, LineChange, ValueSet};
use infra_model::contract::{NeedScope, ValueNeed};
use infra_model::fill::Reference;
use infra_model::need::in_environment;
use infra_model::{Code, Diagnostic, HostContext, HostName, HostSpec, Manifest, NeedName, Place};
use infra_plan::fill;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;

const NAME: &str = "set";

/// Contracts, or why they are not known.
type Found = BTreeMap<HostName, Result<Known, Diagnostic>>;

/// The longest value that is read from standard input.
const LIMIT: u64 = 1 << 20;

/// Arguments of `set`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The host.
    #[arg(value_name = "HOST", add = ArgValueCandidates::new(complete::hosts))]
    host: String,
    /// The need: `infra contract HOST` shows them.
    #[arg(value_name = "NAME")]
    need: String,
    /// The value: a text as it is, everything else as JSON: 80, true, `["a","b"]`. For a secret: where it is kept (sops:FILE#KEY,
    /// agenix:FILE, command:STORE/PATH).
    #[arg(value_name = "VALUE", allow_negative_numbers = true, required_unless_present_any = ["stdin", "unset"])]
    value: Option<String>,
    /// Read the value from standard input; one line end after it is not part of it.
    #[arg(long, conflicts_with = "value")]
    stdin: bool,
    /// Remove the line.
    #[arg(long, conflicts_with_all = ["value", "stdin"])]
    unset: bool,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Exit {
    match perform(global, args).await {
        Err(faults) => refuse(NAME, global, faults),
        Ok((done, warnings)) => {
            warn(global, &warnings);
            let text = show(&done);
            let told = Answer::new(NAME, vec![done], Vec::new()).with_warnings(warnings);
            answer(global, &told, &text);
            Exit::Ok
        }
    }
}

async fn perform(
    global: &Global,
    args: &Args,
) -> Result<(ValueSet, Vec<Diagnostic>), Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let host = workspace.host(&args.host)?;
    let need = need_name(&args.need).map_err(one)?;
    let given = given(args).map_err(one)?;
    infra_drive::nix::installed().map_err(one)?;
    let (evaluator, mut warnings) = workspace.evaluator(global).map_err(one)?;
    let (manifest, warning) = contract_of(&evaluator, &host).await.map_err(one)?;
    warnings.extend(warning);
    let (file, value) = match &given {
        None => (to_unset(&workspace, &manifest, &need)?, None),
        Some(given) => {
            let (scope, value) = checked(&manifest, &need, given).map_err(one)?;
            if scope == NeedScope::Shared {
                let others = others(&workspace, &host);
                warnings.extend(fits_all(&evaluator, &others, (&need, given, &value)).await?);
            }
            (file_of(scope, &host.name), Some(value))
        }
    };
    warnings.extend(evaluator.finish());
    let change = context::set(&workspace.repo, &file, &need, value.as_ref())?;
    if value.is_some() {
        warnings.extend(overridden(&host.name, &need));
    } else {
        warnings.extend(still_said(&workspace, &file, &need)?);
    }
    let change = match (change, &value) {
        (Change::None, _) => LineChange::None,
        (_, None) => LineChange::Removed,
        (Change::Added, Some(_)) => LineChange::Added,
        (Change::Changed, Some(_)) => LineChange::Changed,
    };
    let done = ValueSet {
        name: host.name,
        need,
        file,
        change,
        value,
    };
    Ok((done, warnings))
}

/// The name of a need as it was typed.
pub(super) fn need_name(text: &str) -> Result<NeedName, Diagnostic> {
    NeedName::parse(text).map_err(|why| {
        Diagnostic::new(Code::UnknownNeed, why.to_string())
            .with_place(Place::file("command line"))
            .with_fix("infra contract shows what hosts need")
    })
}

/// The contract of one host, and what is to be known about it.
async fn contract_of(
    evaluator: &Evaluator,
    host: &HostSpec,
) -> Result<(Manifest, Option<Diagnostic>), Diagnostic> {
    let mut found = ask(evaluator, std::slice::from_ref(host)).await?;
    match found.remove(&host.name) {
        Some(Ok(known)) => Ok((known.manifest, known.warning)),
        Some(Err(fault)) => Err(fault.with_host(&host.name)),
        None => Err(Diagnostic::new(
            Code::Internal,
            "a contract that was asked for was not answered",
        )
        .with_fix("this is a bug: please report it")),
    }
}

async fn ask(evaluator: &Evaluator, hosts: &[HostSpec]) -> Result<Found, Diagnostic> {
    let nothing = HostContext::default();
    let asked: Vec<Asked<'_>> = hosts
        .iter()
        .map(|host| Asked {
            host,
            context: &nothing,
        })
        .collect();
    let found = evaluator.contracts(&asked, &Stop::never()).await?;
    Ok(found.into_iter().collect())
}

fn others(workspace: &Workspace, host: &HostSpec) -> Vec<HostSpec> {
    let all = workspace.contents.fleet.hosts().iter();
    all.filter(|other| other.name != host.name)
        .cloned()
        .collect()
}

/// What is shared must be right for every host that needs it. A contract that does not evaluate cannot be asked, which is told.
async fn fits_all(
    evaluator: &Evaluator,
    others: &[HostSpec],
    (name, given, value): (&NeedName, &Given, &Value),
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let mut unasked = Vec::new();
    for (host, found) in ask(evaluator, others).await.map_err(one)? {
        let manifest = match found {
            Ok(known) => known.manifest,
            Err(fault) => {
                unasked.push(fault.with_host(&host));
                continue;
            }
        };
        let plain = manifest.values.get(name).filter(|need| !need.private);
        let scope = manifest.secrets.get(name).map(|need| need.scope);
        let scope = scope.or(manifest.values.get(name).map(|need| need.scope));
        if scope != Some(NeedScope::Shared) {
            continue;
        }
        // What is written is read from the file by all of them: 80 is a port, and "80" is none.
        match plain {
            Some(need) => {
                let how = fill::describe_mismatch(need, value);
                let place = Place::file(given.from);
                let fault = |how: String| mistyped(&host, name, need, &how).with_place(place);
                faults.extend(how.map(fault));
            }
            None => faults.extend(checked(&manifest, name, given).err()),
        }
    }
    if faults.is_empty() {
        Ok(unasked)
    } else {
        Err(faults)
    }
}

/// What is to be written, and where it was said.
struct Given {
    text: String,
    from: &'static str,
}

/// `None`: the line is to be removed.
fn given(args: &Args) -> Result<Option<Given>, Diagnostic> {
    if args.unset {
        return Ok(None);
    }
    if let Some(text) = &args.value {
        return Ok(Some(Given {
            text: text.clone(),
            from: "command line",
        }));
    }
    let from = "standard input";
    let wrong = |why: String, fix: &str| {
        Diagnostic::new(Code::WrongType, "the value cannot be read")
            .with_cause(why)
            .with_place(Place::file(from))
            .with_fix(fix)
    };
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(error.to_string(), "pipe the value into the command"))?;
    if bytes.len() as u64 > LIMIT {
        return Err(wrong(
            "it is longer than 1 MiB".to_owned(),
            "put what is so long into a file of the repository, and let the module read that",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        wrong(
            "it is not UTF-8".to_owned(),
            "values are texts; bytes can be a secret of format \"binary\"",
        )
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
    Ok(Some(Given { text, from }))
}

/// The value, if the contract takes it, and whose it is.
fn checked(
    manifest: &Manifest,
    name: &NeedName,
    given: &Given,
) -> Result<(NeedScope, Value), Diagnostic> {
    let host = &manifest.host;
    let place = Place::file(given.from);
    if let Some(need) = manifest.secrets.get(name) {
        return match Reference::parse(&given.text) {
            Some(Ok(_)) => Ok((need.scope, Value::from(given.text.as_str()))),
            // What was typed may be the secret: it is not repeated.
            Some(Err(form)) => Err(encrypted(host, name, "a secret")
                .with_place(place)
                .with_cause(format!("a reference to one looks like {form}"))),
            None => Err(encrypted(host, name, "a secret").with_place(place)),
        };
    }
    let Some(need) = manifest.values.get(name) else {
        return Err(unknown(manifest, name).with_place(place));
    };
    if need.private {
        return Err(encrypted(host, name, "private").with_place(place));
    }
    let value = need.of.read_text(&given.text);
    match fill::describe_mismatch(need, &value) {
        None => Ok((need.scope, value)),
        Some(how) => Err(mistyped(host, name, need, &how).with_place(place)),
    }
}

fn encrypted(host: &HostName, name: &NeedName, what: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MisplacedNeed,
        format!("`{name}` of {host} is {what}, and context files are in clear text"),
    )
    .with_fix(format!(
        "infra secret new {host} {name} keeps it encrypted; what was typed here may be in your shell's history"
    ))
    .with_host(host)
}

fn mistyped(host: &HostName, name: &NeedName, need: &ValueNeed, how: &str) -> Diagnostic {
    let declared = infra_model::contract::place_of(&need.declared, host);
    let cause = format!("{how}\nasked for by {declared}");
    let fix = need.example.as_ref().map_or_else(
        || format!("give {}; nothing was written", need.of.describe()),
        |example| format!("for example: infra set {host} {name} '{}'", plain(example)),
    );
    Diagnostic::new(
        Code::WrongType,
        format!("the value `{name}` of {host} is not what it must be"),
    )
    .with_cause(cause)
    .with_fix(fix)
    .with_host(host)
}

fn unknown(manifest: &Manifest, name: &NeedName) -> Diagnostic {
    let values = manifest.values.keys().map(NeedName::as_str);
    let known = values.chain(manifest.secrets.keys().map(NeedName::as_str));
    fill::unknown_need(&manifest.host, name.as_str(), known)
}

fn file_of(scope: NeedScope, host: &HostName) -> String {
    match scope {
        NeedScope::Shared => context::SHARED.to_owned(),
        NeedScope::Host => context::own(host),
    }
}

/// The file to remove a line from. A line that fills nothing can be removed as well: that is how a slip is mended.
fn to_unset(
    workspace: &Workspace,
    manifest: &Manifest,
    name: &NeedName,
) -> Result<String, Vec<Diagnostic>> {
    let own = context::own(&manifest.host);
    if context::read(&workspace.repo, &own)?.contains_key(name.as_str()) {
        return Ok(own);
    }
    let values = manifest.values.get(name).map(|need| need.scope);
    let scope = values.or_else(|| manifest.secrets.get(name).map(|need| need.scope));
    match scope {
        Some(scope) => Ok(file_of(scope, &manifest.host)),
        None => Err(vec![
            unknown(manifest, name).with_place(Place::file("command line")),
        ]),
    }
}

/// A variable that comes before what was written.
fn overridden(host: &HostName, name: &NeedName) -> Option<Diagnostic> {
    let variable = format!(
        "INFRA_{}_{}",
        in_environment(host.as_str()),
        name.in_environment()
    );
    std::env::var_os(&variable)?;
    Some(
        Diagnostic::new(
            Code::AmbiguousNeed,
            format!("${variable} is set, and comes before what was written"),
        )
        .with_place(Place::file("environment"))
        .with_fix(format!("unset {variable}"))
        .with_host(host),
    )
}

/// The line for all hosts, which fills the need now that the host's own is gone.
fn still_said(
    workspace: &Workspace,
    file: &str,
    name: &NeedName,
) -> Result<Option<Diagnostic>, Vec<Diagnostic>> {
    if file == context::SHARED {
        return Ok(None);
    }
    let shared = context::read(&workspace.repo, context::SHARED)?;
    Ok(shared.get(name.as_str()).map(|line| {
        Diagnostic::new(
            Code::AmbiguousNeed,
            format!("{} fills `{name}` of all hosts", line.file),
        )
        .with_place(Place::position(&line.file, line.line, None))
        .with_fix("remove the line there too, if that is not what is meant")
    }))
}

fn show(done: &ValueSet) -> String {
    let ValueSet {
        need, file, change, ..
    } = done;
    match (change, &done.value) {
        (LineChange::None, None) => format!("{file} does not say `{need}`\n"),
        (LineChange::None, Some(_)) => format!("{file} says so already\n"),
        (change, Some(value)) => format!("{file}: {need} = {value} ({})\n", change.as_str()),
        (change, None) => format!("{file}: {need} ({})\n", change.as_str()),
    }
}

/// A text as it is, everything else as JSON: what can be typed again.
pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
