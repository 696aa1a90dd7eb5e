//! `infra info`: all that is known of hosts without asking them.

use super::{answer, refuse};
use crate::args::{Global, Selection};
use crate::workspace::Workspace;
use infra_model::answer::{Answer, Exit, HostInfo};
use infra_model::{BuildOn, HostSpec};
use infra_view::style::{HEAD, paint};
use std::fmt::Write as _;

pub(super) fn run(global: &Global, selection: &Selection) -> Exit {
    const NAME: &str = "info";
    let workspace = match Workspace::open(global) {
        Ok(workspace) => workspace,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    let hosts = match workspace.select_to_look(selection) {
        Ok(hosts) => hosts,
        // A host whose file is broken is not found; then its file is the reason, and comes first.
        Err(faults) => {
            let all = workspace.contents.faults.iter().cloned().chain(faults);
            return refuse(NAME, global, all.collect());
        }
    };
    let mut errors = workspace.contents.faults.clone();
    let mut infos = Vec::new();
    for spec in hosts {
        match look(&workspace, spec) {
            Ok(info) => infos.push(info),
            Err(fault) => errors.push(fault),
        }
    }
    let text: Vec<String> = infos.iter().map(show).collect();
    let exit = Exit::of_errors(&errors);
    answer(global, &Answer::new(NAME, infos, errors), &text.join("\n"));
    exit
}

fn look(workspace: &Workspace, spec: HostSpec) -> Result<HostInfo, infra_model::Diagnostic> {
    Ok(HostInfo {
        host_keys: workspace.repo.host_keys(&spec.name)?,
        files: workspace.repo.host_files(&spec.name),
        last_deployment: workspace.state().last_receipt(&spec.name),
        spec,
    })
}

fn show(info: &HostInfo) -> String {
    let spec = &info.spec;
    let mut text = paint(HEAD, spec.name.as_str()) + "\n";
    let mut field = |name: &str, value: &str| {
        let value = if value.is_empty() { "-" } else { value };
        let _ = writeln!(text, "  {name:<14} {value}");
    };
    field("class", spec.class.as_str());
    field("system", &spec.system);
    field("tags", &spec.tags.join(" "));
    field("addresses", &spec.addresses.join(" "));
    field("login", &format!("{} port {}", spec.user, spec.port));
    if let Some(jump) = &spec.jump {
        field("jump", jump);
    }
    if let Some(parent) = &spec.parent {
        field("parent", parent.as_str());
    }
    field(
        "build",
        match &spec.build {
            BuildOn::Local => "on this machine",
            BuildOn::Target => "on the host",
            BuildOn::Builder(builder) => builder.as_str(),
        },
    );
    let keys = info.host_keys.join("\n                 ");
    field(
        "host key",
        if keys.is_empty() { "not pinned" } else { &keys },
    );
    field("files", &info.files.join(" "));
    match &info.last_deployment {
        None => field("last run", "never deployed from this machine"),
        Some(receipt) => {
            let result = &receipt.result;
            field(
                "last run",
                &format!("{} ({})", receipt.run, result.outcome.as_str()),
            );
            let system = result.after.as_ref().map(ToString::to_string);
            field("system then", &system.unwrap_or_default());
        }
    }
    text
}
