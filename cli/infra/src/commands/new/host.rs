//! `infra new host`: a folder from a template, and keys. All of it, or nothing.

use super::super::{answer, one, refuse};
use super::keys::{Kept, Keys};
use crate::args::Global;
use crate::opener;
use crate::workspace::Workspace;
use infra_drive::scaffold::{self, Draft, NewFile};
use infra_model::answer::{Answer, Exit, HostMade};
use infra_model::suggest::nearest;
use infra_model::{Class, Code, Diagnostic, HostName, HostSpec, Place};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

const NAME: &str = "new";

/// What a host begins with if the repository has no template of its own: the example of `infra init`.
const CONFIGURATION: &str =
    include_str!("../../../../../templates/default/hosts/web/configuration.nix");
const SETTINGS: &str = "class = \"nixos\"\nsystem = \"x86_64-linux\"\n";

/// The template that is taken unless another one is named.
const USUAL: &str = "template";

/// Arguments of `new host`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Its name: 1 to 63 of a-z, 0-9 and '-'.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// What kind of system it runs: nixos, microvm, container, home or linux [default: as the template says, else nixos].
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Its Nix system [default: as the template says, else x86_64-linux].
    #[arg(long, value_name = "SYSTEM")]
    system: Option<String>,
    /// Where it is reached; can be given several times, and is tried in that order.
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// A tag to select it by; can be given several times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The host that runs it, for guests.
    #[arg(long, value_name = "HOST")]
    parent: Option<String>,
    /// Begin with the files of hosts/_TEMPLATE [default: hosts/_template if there is one].
    #[arg(long, value_name = "TEMPLATE")]
    from: Option<String>,
    /// Make no keys: the host exists and has its own.
    #[arg(long)]
    no_keys: bool,
    /// Pin the public host key in FILE and make no keys: the host exists and has its own.
    #[arg(long, value_name = "FILE")]
    host_key: Option<PathBuf>,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    match make(global, args) {
        Err(faults) => refuse(NAME, global, faults),
        Ok(made) => {
            let text = show(&made);
            answer(global, &Answer::new(NAME, vec![made], Vec::new()), &text);
            Exit::Ok
        }
    }
}

fn make(global: &Global, args: &Args) -> Result<HostMade, Vec<Diagnostic>> {
    let workspace = open(global)?;
    let root = workspace.repo.root();
    let name = name(args).map_err(one)?;
    let folder = format!("hosts/{name}");
    // A link that leads nowhere is something, too.
    if root.join(&folder).symlink_metadata().is_ok() {
        return Err(one(scaffold::taken(&folder).with_host(&name)));
    }
    let (files, spec) = files(&workspace, args, &name)?;
    let mut keys = match &args.host_key {
        Some(file) => Keys::of_file(file).map_err(one)?,
        None if args.no_keys => Keys::None,
        None => Keys::make(&workspace, &name)?,
    };
    let files: Vec<NewFile> = files.into_iter().chain(keys.files()).collect();
    let paths: Vec<String> = files
        .iter()
        .map(|file| format!("{folder}/{}", file.path))
        .collect();
    let (host_key, age_key) = keys.public();
    // The folder comes last: with it the host is there, and until then nothing of it is.
    let draft = Draft::new(root, &folder, &files).map_err(one)?;
    let kept = Kept::write(root, &name, &mut keys).map_err(one)?;
    draft.publish().map_err(one)?;
    let secrets = kept.keep();
    Ok(HostMade {
        name,
        class: spec.class,
        system: spec.system,
        files: paths.into_iter().chain(secrets).collect(),
        host_key,
        age_key,
    })
}

/// The repository. Hosts that cannot be read are no matter here, nor that there are none yet.
fn open(global: &Global) -> Result<Workspace, Vec<Diagnostic>> {
    let workspace = Workspace::open(global).map_err(one)?;
    let of_settings = |fault: &&Diagnostic| {
        let place = fault.place.as_ref();
        place.is_some_and(|place| place.file == "infra.toml")
    };
    let faults = &workspace.contents.faults;
    let broken: Vec<Diagnostic> = faults.iter().filter(of_settings).cloned().collect();
    if broken.is_empty() {
        Ok(workspace)
    } else {
        Err(broken)
    }
}

fn name(args: &Args) -> Result<HostName, Diagnostic> {
    let text = match &args.name {
        Some(text) => text.clone(),
        None => opener::person()
            .answer("the name of the host")
            .ok_or_else(|| {
                Diagnostic::new(Code::Usage, "the new host has no name")
                    .with_place(Place::file("command line"))
                    .with_fix("infra new host NAME")
            })?,
    };
    HostName::parse(&text).map_err(|why| {
        Diagnostic::new(
            Code::InvalidHostName,
            format!(
                "`{}` cannot be the name of a host: {why}",
                text.escape_debug()
            ),
        )
        .with_place(Place::file("command line"))
        .with_fix("take 1 to 63 of a-z, 0-9 and '-'")
    })
}

/// The files of the host, checked as they will be read.
fn files(
    workspace: &Workspace,
    args: &Args,
    name: &HostName,
) -> Result<(Vec<NewFile>, HostSpec), Vec<Diagnostic>> {
    let (mut files, from) = template(workspace, args).map_err(one)?;
    let at = files.iter().position(|file| file.path == "host.toml");
    let settings = match at {
        None => SETTINGS.to_owned(),
        Some(at) => text_of(files.swap_remove(at), &from).map_err(one)?,
    };
    let file = format!("hosts/{name}/host.toml");
    let lines = lines(args, &settings);
    let text =
        scaffold::with_lines(&format!("{from}/host.toml"), &settings, &lines).map_err(one)?;
    let defaults = &workspace.contents.settings.defaults;
    let spec = HostSpec::parse(name, &file, &text, defaults).map_err(|faults| {
        // The file is not there yet: what is wrong was typed, or stands in the template.
        let place = Place::file(format!("command line or {from}/host.toml"));
        let told = faults
            .into_iter()
            .map(|fault| fault.with_place(place.clone()));
        told.collect::<Vec<_>>()
    })?;
    let (text, spec) = with_parent(workspace, spec, text).map_err(one)?;
    if at.is_none() && files.is_empty() && spec.class == Class::Nixos {
        files.push(NewFile::text("configuration.nix", CONFIGURATION));
    } else if at.is_none() && files.is_empty() && is_guest(spec.class) {
        let text = "{\n  # The release it begins with. Never changed by an upgrade.\n  system.stateVersion = \"26.05\";\n}\n";
        files.push(NewFile::text("configuration.nix", text));
    }
    files.push(NewFile::text("host.toml", text));
    // Another host's keys would be pinned for this one.
    files.retain(|file| !matches!(file.path.as_str(), "host.pub" | "age.pub"));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((files, spec))
}

fn text_of(file: NewFile, from: &str) -> Result<String, Diagnostic> {
    String::from_utf8(file.content).map_err(|_| {
        let file = format!("{from}/host.toml");
        Diagnostic::new(Code::UnreadableFile, format!("{file} cannot be read"))
            .with_cause("it is not UTF-8")
            .with_place(Place::file(file))
            .with_fix("make it a text file (UTF-8)")
    })
}

/// The files to begin with, and where they are from.
fn template(workspace: &Workspace, args: &Args) -> Result<(Vec<NewFile>, String), Diagnostic> {
    let root = workspace.repo.root();
    let known = scaffold::templates(root);
    let wanted = args.from.as_deref();
    let name = wanted.map_or(USUAL, |name| name.strip_prefix('_').unwrap_or(name));
    if known.iter().any(|one| one == name) {
        let from = format!("hosts/_{name}");
        return Ok((scaffold::template(root, &from)?, from));
    }
    if wanted.is_none() {
        return Ok((Vec::new(), "the template".to_owned()));
    }
    let fix = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("make the folder hosts/_{name}, or leave --from out"),
        None => format!("templates are: {}", known.join(", ")),
    };
    Err(Diagnostic::new(
        Code::MissingFile,
        format!("there is no template hosts/_{name}"),
    )
    .with_place(Place::file("command line"))
    .with_fix(fix))
}

/// What the command line says of `host.toml`; and what no host can do without, where the template does not say it.
fn lines(args: &Args, template: &str) -> Vec<(&'static str, Value)> {
    let says = |key: &str| {
        template
            .lines()
            .any(|line| line.trim_start().starts_with(key))
    };
    let mut lines = Vec::new();
    for (key, said, usual) in [
        ("class", &args.class, "nixos"),
        ("system", &args.system, "x86_64-linux"),
    ] {
        match said {
            Some(said) => lines.push((key, json!(said))),
            None if says(key) => {}
            None => lines.push((key, json!(usual))),
        }
    }
    if !args.addresses.is_empty() {
        lines.push(("addresses", json!(args.addresses)));
    }
    if !args.tags.is_empty() {
        lines.push(("tags", json!(args.tags)));
    }
    if let Some(parent) = &args.parent {
        lines.push(("parent", json!(parent)));
    }
    lines
}

fn is_guest(class: Class) -> bool {
    matches!(class, Class::Microvm | Class::Container)
}

/// A guest needs a host that runs it: asked for where there is a person to ask.
fn with_parent(
    workspace: &Workspace,
    mut spec: HostSpec,
    mut text: String,
) -> Result<(String, HostSpec), Diagnostic> {
    let fleet = &workspace.contents.fleet;
    let names = || fleet.hosts().iter().map(|host| host.name.as_str());
    let place = Place::file("command line");
    if spec.parent.is_none() && is_guest(spec.class) {
        let asked = opener::person().answer("the host that runs it");
        let parent = asked.and_then(|name| HostName::parse(&name).ok());
        let Some(parent) = parent else {
            return Err(Diagnostic::new(
                Code::MissingKey,
                format!(
                    "{} is a {}, and needs a host that runs it",
                    spec.name, spec.class
                ),
            )
            .with_place(place)
            .with_fix("add --parent HOST"));
        };
        let line = [("parent", json!(parent))];
        text = scaffold::with_lines("host.toml", &text, &line)?;
        spec.parent = Some(parent);
    }
    match &spec.parent {
        Some(parent) if fleet.get(parent).is_none() => {
            let fix = nearest(parent.as_str(), names()).map_or_else(
                || "infra list shows all hosts".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Err(Diagnostic::new(
                Code::UnknownHost,
                format!("there is no host `{parent}` that could run {}", spec.name),
            )
            .with_place(place)
            .with_fix(fix))
        }
        _ => Ok((text, spec)),
    }
}

fn show(made: &HostMade) -> String {
    let name = &made.name;
    let mut text = format!("made the host {name}\n");
    for file in &made.files {
        let _ = writeln!(text, "  {file}");
    }
    text += "next:\n";
    let mut next = vec![format!("edit hosts/{name}/configuration.nix")];
    if !made
        .files
        .iter()
        .any(|file| file.ends_with("configuration.nix"))
    {
        next = vec![format!("edit hosts/{name}/host.toml")];
    }
    if made.host_key.is_none() {
        next.push(format!(
            "ssh-keyscan -t ed25519 ADDRESS > hosts/{name}/host.pub   # pins its key: compare it with the host's own"
        ));
    }
    next.push(format!("infra contract {name} --gaps"));
    for line in next {
        let _ = writeln!(text, "  {line}");
    }
    text
}
