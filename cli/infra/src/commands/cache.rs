//! `infra cache`: what is remembered of evaluations, and what is kept for it.

use super::{answer, refuse};
use crate::args::Global;
use clap::Subcommand;
use infra_drive::roots::{self, Sweep};
use infra_drive::table::{MAX_BYTES, Table, cache_dir};
use infra_drive::tree::{self, Stored};
use infra_model::Diagnostic;
use infra_model::answer::{Answer, CacheState, Exit};
use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

const NAME: &str = "cache";

/// Actions of `cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Action {
    /// Show what is remembered, how large it is, and how many links protect systems from Nix's garbage collector.
    Info,
    /// Forget what has not been used for longest, until what is left is of reasonable size; trees older than 90 days; and let Nix collect the
    /// systems of hosts that are no more, and those that were planned 30 days ago.
    Gc,
    /// Forget everything, and let Nix collect planned systems. The next evaluation of each host is done anew. Deployed systems stay protected.
    Clear,
}

pub(super) fn run(global: &Global, action: Action) -> Exit {
    match look(action) {
        Ok(looked) => {
            super::warn(global, &looked.warnings);
            let text = show(&looked.state, action);
            let errors: Vec<Diagnostic> = looked.busy.into_iter().collect();
            let exit = Exit::of_hosts(1, errors.len());
            answer(
                global,
                &Answer::new(NAME, vec![looked.state], errors),
                &text,
            );
            exit
        }
        Err(fault) => refuse(NAME, global, vec![fault]),
    }
}

/// What was found and done.
struct Looked {
    state: CacheState,
    warnings: Vec<Diagnostic>,
    /// Why the trees could not be cleaned; the rest was.
    busy: Option<Diagnostic>,
}

fn look(action: Action) -> Result<Looked, Diagnostic> {
    let folder = cache_dir();
    let opened = Table::open(&folder)?;
    let now = SystemTime::now();
    let removed = match action {
        Action::Info => 0,
        Action::Gc => opened.table.gc(MAX_BYTES)?.evaluations,
        Action::Clear => opened.table.clear()?.evaluations,
    };
    let (trees, busy) = match clean_trees(&folder, &opened.table, action) {
        Ok(trees) => (trees, None),
        Err(fault) => (tree::info(&folder)?, Some(fault)),
    };
    let sweep = match action {
        Action::Info => Sweep::Nothing,
        Action::Gc => Sweep::Stale,
        Action::Clear => Sweep::Planned,
    };
    let roots = roots::sweep(sweep, now);
    let info = opened.table.info()?;
    let state = CacheState {
        folder: folder.display().to_string(),
        bytes: info.bytes,
        evaluations: info.evaluations,
        files: info.files,
        removed,
        tree_objects: trees.objects,
        tree_bytes: trees.bytes,
        removed_tree_objects: trees.removed_objects,
        removed_tree_bytes: trees.removed_bytes,
        roots: roots.kept,
        removed_roots: roots.removed,
    };
    Ok(Looked {
        state,
        warnings: opened.warning.into_iter().collect(),
        busy,
    })
}

/// Trees are only of use to evaluations, and to the question what changed.
fn clean_trees(folder: &Path, table: &Table, action: Action) -> Result<Stored, Diagnostic> {
    match action {
        Action::Info => tree::info(folder),
        Action::Gc => tree::gc(folder, table, SystemTime::now()),
        Action::Clear => tree::clear(folder),
    }
}

fn show(state: &CacheState, action: Action) -> String {
    let mut text = format!(
        "folder         {}\nevaluations    {}\nfiles          {}\nsize           {} KiB\ntrees          {} KiB in {} objects\nroots          {}\n",
        state.folder,
        state.evaluations,
        state.files,
        state.bytes >> 10,
        state.tree_bytes >> 10,
        state.tree_objects,
        state.roots
    );
    if action != Action::Info {
        let _ = writeln!(
            text,
            "forgotten now  {} evaluations, {} objects of trees ({} KiB), {} roots",
            state.removed,
            state.removed_tree_objects,
            state.removed_tree_bytes >> 10,
            state.removed_roots
        );
    }
    text
}
