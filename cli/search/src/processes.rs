//! What others see of processes: their arguments and environments.

use crate::look::Look;
use infra_model::poison::{Part, Spot};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Reads what `proc` (usually `/proc`) shows of processes: of all, or of those of one user; but for what is to be skipped.
pub fn search(
    look: &mut Look<'_>,
    proc: &Path,
    user: Option<u32>,
    skip: &dyn Fn(u32, Part) -> bool,
) {
    let entries = match fs::read_dir(proc) {
        Ok(entries) => entries,
        Err(error) => return look.unreadable(&error),
    };
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let is_meant = |found: &fs::Metadata| user.is_none_or(|user| found.uid() == user);
        if entry.metadata().is_ok_and(|found| is_meant(&found)) {
            look.looked.processes += 1;
            search_one(look, &entry.path(), pid, skip);
        }
    }
}

fn search_one(look: &mut Look<'_>, folder: &Path, pid: u32, skip: &dyn Fn(u32, Part) -> bool) {
    let program = fs::read(folder.join("comm")).unwrap_or_default();
    let program = String::from_utf8_lossy(&program).trim_end().to_owned();
    for (part, file) in [(Part::Arguments, "cmdline"), (Part::Environment, "environ")] {
        if skip(pid, part) {
            continue;
        }
        let spot = |_| Spot::Process {
            pid,
            program: program.clone(),
            part,
        };
        let read = File::open(folder.join(file)).and_then(|mut file| look.read(&mut file, &spot));
        if let Err(error) = read {
            look.unreadable(&error);
        }
    }
}
