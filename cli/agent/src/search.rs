//! Looks for the host's secrets on the host itself: what to look for is what is unpacked here, so that nothing secret travels for it.

use crate::fault::cannot;
use crate::files;
use crate::host::Host;
use crate::place::Place;
use crate::plan::TEMPLATES;
use crate::process;
use crate::sealed::Sealed;
use infra_model::bundle::{REPORT_SCHEMA, SecretSearch};
use infra_model::poison::{Exposure, Looked, Part, Spot, Unsearched};
use infra_model::{Code, Diagnostic};
use infra_search::{Control, Look, Subjects, files as places, processes, untrusted};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Where services, people and logs keep what they write. What is below `/run` is where secrets belong; `/proc` is read as processes.
const FOLDERS: [&str; 7] = [
    "/etc", "/var/log", "/var/lib", "/var/tmp", "/root", "/home", "/tmp",
];
const STORE: &str = "/nix/store";

/// Answers `secrets search`.
pub(crate) fn search(
    host: &Host,
    whole_store: bool,
    progress: bool,
) -> Result<SecretSearch, Diagnostic> {
    let mut report = SecretSearch {
        schema: REPORT_SCHEMA,
        searched: Vec::new(),
        unsearched: Vec::new(),
        looked: Looked::default(),
        found: Vec::new(),
    };
    let subjects = subjects(host, &mut report)?;
    if subjects.is_empty() {
        return Ok(report);
    }
    let control = Control::new()?;
    let search = subjects.search(&control)?;
    let mut look = Look::new(&search, |looked| {
        if progress {
            tell(looked);
        }
    });
    search_control_file(host, &control, &mut look)?;
    for folder in FOLDERS {
        places::search(&mut look, &host.path(folder), &|_| false);
    }
    search_store(host, whole_store, &mut look);
    search_processes(host, &control, &mut look)?;
    if host.has_systemd() {
        search_journal(&mut look);
    }
    let (looked, found) = look.end();
    report.looked = looked;
    let named = subjects.named(&found).into_iter();
    report.found = named
        .map(|(secret, form, at)| Exposure { secret, form, at })
        .collect();
    report.found.sort();
    Ok(report)
}

/// The secrets that are in place, those that a rotation keeps for a while among them.
fn subjects(host: &Host, report: &mut SecretSearch) -> Result<Subjects<String>, Diagnostic> {
    let mut subjects = Subjects::new();
    let Some(folder) = Place::of(host).current() else {
        // A host that was never sent any has none.
        return match Sealed::of(host).current() {
            None => Ok(subjects),
            Some(_) => Err(Diagnostic::new(
                Code::AgentFailed,
                "the secrets of this host are not in place, so that they cannot be looked for",
            )
            .with_fix("deploy the host, which puts them in place, and check again")),
        };
    };
    for entry in fs::read_dir(&folder)
        .map_err(cannot("list", &folder))?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == TEMPLATES {
            continue;
        }
        let path = entry.path();
        let content =
            infra_model::bundle::Plain::new(fs::read(&path).map_err(cannot("read", &path))?);
        match subjects.add(name.clone(), &content) {
            Ok(()) => report.searched.push(name),
            Err(why) => report.unsearched.push(Unsearched {
                secret: name,
                why: why.to_owned(),
            }),
        }
    }
    report.searched.sort();
    report.unsearched.sort_by(|a, b| a.secret.cmp(&b.secret));
    Ok(subjects)
}

/// A folder of ours with something to be found in it, gone again however the search ends.
struct Planted(PathBuf);

impl Drop for Planted {
    fn drop(&mut self) {
        // It is in memory, and no secret.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn search_control_file(
    host: &Host,
    control: &Control,
    look: &mut Look<'_>,
) -> Result<(), Diagnostic> {
    let folder = host.run().join(format!("search-{}", std::process::id()));
    let planted = Planted(folder);
    files::folder(&planted.0, 0o700)?;
    let file = planted.0.join("control");
    fs::write(&file, control.text()).map_err(cannot("write", &file))?;
    places::search(look, &planted.0, &|_| false);
    if look.has_control(|spot| matches!(spot, Spot::File { .. })) {
        Ok(())
    } else {
        Err(untrusted("a file", &format!("{}", file.display())))
    }
}

/// What the running system needs of the store; all of it where that cannot be told.
fn search_store(host: &Host, whole: bool, look: &mut Look<'_>) {
    let closure = if whole || !host.is_this_machine() {
        None
    } else {
        process::ask_within("nix-store", &["-qR", "/run/current-system"], 600)
    };
    match closure {
        Some(paths) => {
            for path in paths.lines() {
                places::search(look, Path::new(path), &|_| false);
            }
        }
        None if host.path(STORE).exists() => {
            // Links to files that are all elsewhere in the store, too.
            let links = host.path(STORE).join(".links");
            places::search(look, &host.path(STORE), &|path| path == links);
        }
        None => {}
    }
}

/// A process of ours, which ends with the search.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn search_processes(host: &Host, control: &Control, look: &mut Look<'_>) -> Result<(), Diagnostic> {
    let proc = host.path("/proc");
    if !host.is_this_machine() {
        processes::search(look, &proc, None, &|_, _| false);
        return Ok(());
    }
    let why = |error: std::io::Error| untrusted("the environment of a process", &error.to_string());
    let sleeper = process::program("sleep", &["600"])
        .env("INFRA_CONTROL", control.text())
        .spawn()
        .map(Sleeper)
        .map_err(why)?;
    let control_pid = sleeper.0.id();
    processes::search(look, &proc, None, &|_, _| false);
    let is_ours = |spot: &Spot| matches!(spot, Spot::Process { pid, part: Part::Environment, .. } if *pid == control_pid);
    if look.has_control(is_ours) {
        Ok(())
    } else {
        Err(untrusted(
            "the environment of a process",
            &format!("{} shows nothing of process {control_pid}", proc.display()),
        ))
    }
}

/// All fields of all entries: the journal keeps the command lines of whoever writes to it as well.
fn search_journal(look: &mut Look<'_>) {
    let started = process::program("journalctl", &["--no-pager", "--quiet", "--output=export"])
        .stdout(Stdio::piped())
        .spawn();
    let read = started.and_then(|mut child| {
        let read = match child.stdout.take() {
            Some(mut pipe) => look.read(&mut pipe, &|_| Spot::Journal),
            None => Ok(()),
        };
        read.and(child.wait())
    });
    let why = match read {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    look.looked
        .left_out
        .push(format!("the journal (journalctl: {why})"));
}

fn tell(looked: &Looked) {
    let text = format!("{} files, {} MiB\n", looked.files, looked.bytes / (1 << 20));
    // Whoever asked may have gone away.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
