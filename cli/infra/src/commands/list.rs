//! `infra list`: hosts, from TOML and folder names only.

use super::{answer, refuse};
use crate::args::{Global, Selection};
use crate::workspace::Workspace;
use infra_model::answer::{Answer, Exit};
use infra_view::table;

pub(super) fn run(global: &Global, selection: &Selection) -> Exit {
    const NAME: &str = "list";
    let workspace = match Workspace::open(global) {
        Ok(workspace) => workspace,
        Err(fault) => return refuse(NAME, global, vec![fault]),
    };
    // What can be read is listed, and what cannot is told: a broken host must not hide the others.
    let mut errors = workspace.contents.faults.clone();
    let hosts = match workspace.select_to_look(selection) {
        Ok(hosts) => hosts,
        Err(faults) => {
            errors.extend(faults);
            return refuse(NAME, global, errors);
        }
    };
    let rows: Vec<Vec<String>> = hosts
        .iter()
        .map(|host| {
            vec![
                host.name.to_string(),
                host.class.to_string(),
                host.system.clone(),
                host.tags.join(" "),
                host.addresses.join(" "),
            ]
        })
        .collect();
    let text = table::render(&["HOST", "CLASS", "SYSTEM", "TAGS", "ADDRESSES"], &rows);
    let exit = Exit::of_errors(&errors);
    answer(global, &Answer::new(NAME, hosts, errors), &text);
    exit
}
