//! `--set` and `--secret-file`: what is filled on the command line.

use crate::args::Fill;
use infra_model::need::NeedName;
use infra_model::{Code, Diagnostic, HostName, HostSpec, Place};
use infra_plan::fill::Flags;
use std::collections::BTreeMap;

/// `[HOST:]NAME=TEXT`, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Given {
    host: Option<HostName>,
    name: NeedName,
    text: String,
}

/// What was said for which of the selected hosts.
pub(crate) fn by_host(
    fill: &Fill,
    hosts: &[HostSpec],
) -> Result<BTreeMap<HostName, Flags>, Vec<Diagnostic>> {
    let mut all: BTreeMap<HostName, Flags> = BTreeMap::new();
    let mut faults = Vec::new();
    let mut add = |option: &str, given: &str, put: fn(&mut Flags, Given)| match parse(option, given)
    {
        Err(fault) => faults.push(fault),
        Ok(given) => {
            let meant: Vec<&HostSpec> = hosts
                .iter()
                .filter(|host| given.host.as_ref().is_none_or(|name| *name == host.name))
                .collect();
            if meant.is_empty() {
                faults.push(not_selected(option, &given));
            }
            for host in meant {
                let given = Given {
                    host: None,
                    name: given.name.clone(),
                    text: given.text.clone(),
                };
                put(all.entry(host.name.clone()).or_default(), given);
            }
        }
    };
    for given in &fill.set {
        add("--set", given, |flags, given| {
            flags.values.push((given.name, given.text));
        });
    }
    for given in &fill.secret_file {
        add("--secret-file", given, |flags, given| {
            flags.secrets.push((given.name, given.text));
        });
    }
    if faults.is_empty() {
        Ok(all)
    } else {
        Err(faults)
    }
}

fn parse(option: &str, given: &str) -> Result<Given, Diagnostic> {
    // Only the left side is repeated in an error: what is on the right may be meant to stay private.
    let Some((left, text)) = given.split_once('=') else {
        return Err(wrong(option, "there is no `=`"));
    };
    let (host, name) = match left.split_once(':') {
        Some((host, name)) => (Some(host), name),
        None => (None, left),
    };
    let host = host
        .map(HostName::parse)
        .transpose()
        .map_err(|why| wrong(option, &format!("`{left}` names no host: {why}")))?;
    let name = NeedName::parse(name).map_err(|why| wrong(option, &why.to_string()))?;
    Ok(Given {
        host,
        name,
        text: text.to_owned(),
    })
}

fn wrong(option: &str, why: &str) -> Diagnostic {
    let example = if option == "--set" {
        "--set domain=example.org, or --set web:domain=example.org for one of several hosts"
    } else {
        "--secret-file mail-password=FILE, or --secret-file web:mail-password=FILE for one of several hosts"
    };
    Diagnostic::new(Code::Usage, format!("{option} cannot be read"))
        .with_cause(why.to_owned())
        .with_place(Place::file("command line"))
        .with_fix(format!("write for example: {example}"))
}

fn not_selected(option: &str, given: &Given) -> Diagnostic {
    let host = given.host.as_ref().map_or("", HostName::as_str);
    Diagnostic::new(
        Code::Usage,
        format!(
            "{option} {host}:{} is for a host that is not selected",
            given.name
        ),
    )
    .with_place(Place::file("command line"))
    .with_fix("select the host too, or leave the option out")
}

/// What was given for needs that none of these hosts has. `known` are the names of all their needs.
pub(crate) fn unknown(fill: &Fill, known: &[&str]) -> Vec<Diagnostic> {
    let given = |option: &'static str, all: &[String]| {
        all.iter()
            .filter_map(|one| parse(option, one).ok())
            .filter(|one| !known.contains(&one.name.as_str()))
            .map(|one| {
                let near = infra_model::suggest::nearest(one.name.as_str(), known.iter().copied());
                let fix = near.map_or_else(
                    || "infra contract shows what the hosts need".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                Diagnostic::new(
                    Code::UnknownNeed,
                    format!(
                        "{option} {}: none of the selected hosts needs that",
                        one.name
                    ),
                )
                .with_place(Place::file("command line"))
                .with_fix(fix)
            })
            .collect::<Vec<_>>()
    };
    let mut all = given("--set", &fill.set);
    all.extend(given("--secret-file", &fill.secret_file));
    all
}
