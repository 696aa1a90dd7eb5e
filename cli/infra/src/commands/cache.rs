//! `infra cache`: what is remembered of evaluations.

use super::{answer, refuse};
use crate::args::{Cache, Global};
use infra_drive::table::{Table, cache_dir};
use infra_model::Diagnostic;
use infra_model::answer::{Answer, CacheState, Exit};
use std::time::SystemTime;

/// What `gc` leaves, in bytes.
const REASONABLE: u64 = 256 << 20;

pub(super) fn run(global: &Global, action: Cache) -> Exit {
    const NAME: &str = "cache";
    match look(action) {
        Ok((state, warnings)) => {
            super::warn(global, &warnings);
            let text = show(&state, action);
            answer(global, &Answer::new(NAME, vec![state], Vec::new()), &text);
            Exit::Ok
        }
        Err(fault) => refuse(NAME, global, vec![fault]),
    }
}

fn look(action: Cache) -> Result<(CacheState, Vec<Diagnostic>), Diagnostic> {
    let folder = cache_dir();
    let opened = Table::open(&folder)?;
    let removed = match action {
        Cache::Info => 0,
        Cache::Gc => opened.table.gc(REASONABLE, SystemTime::now())?.evaluations,
        Cache::Clear => {
            let removed = opened.table.clear()?.evaluations;
            // Trees are only of use to the evaluations that were just forgotten.
            infra_drive::tree::clear(&folder)?;
            removed
        }
    };
    let info = opened.table.info()?;
    let state = CacheState {
        folder: folder.display().to_string(),
        bytes: info.bytes,
        evaluations: info.evaluations,
        files: info.files,
        removed,
    };
    Ok((state, opened.warning.into_iter().collect()))
}

fn show(state: &CacheState, action: Cache) -> String {
    let removed = match action {
        Cache::Info => String::new(),
        Cache::Gc | Cache::Clear => format!("forgotten now  {} evaluations\n", state.removed),
    };
    format!(
        "folder         {}\nevaluations    {}\nfiles          {}\nsize           {} KiB\n{removed}",
        state.folder,
        state.evaluations,
        state.files,
        state.bytes >> 10
    )
}
