//! Objects of Git repositories: compressed, so that no search of files sees what is in them.

use super::unplanted;
use infra_model::poison::Spot;
use infra_model::{Code, Diagnostic};
use infra_search::{Control, Look};
use std::path::Path;

/// Searches every object of the repository in `folder`, reachable or not: files, folders, messages. Without a repository there is nothing to search.
pub(super) fn search(look: &mut Look<'_>, folder: &Path) -> Result<(), Diagnostic> {
    if !folder.join(".git").exists() {
        return Ok(());
    }
    let broken = |error: &dyn std::fmt::Display| broken(folder, error);
    let repository =
        gix::open_opts(folder, gix::open::Options::isolated()).map_err(|error| broken(&error))?;
    let shown = folder.display().to_string();
    let ids = repository.objects.iter().map_err(|error| broken(&error))?;
    for id in ids {
        let id = id.map_err(|error| broken(&error))?;
        let object = match repository.find_object(id) {
            Ok(object) => object,
            // Somebody else tidies up.
            Err(_) if !repository.has_object(id) => continue,
            Err(error) => return Err(broken(&error)),
        };
        look.looked.objects += 1;
        let spot = |_| Spot::Object {
            repository: shown.clone(),
            id: id.to_string(),
        };
        // Reading from memory does not fail.
        let _ = look.read(&mut object.data.as_slice(), &spot);
    }
    Ok(())
}

/// A repository that cannot be read is not a clean one.
pub(super) fn broken(folder: &Path, error: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::new(
        Code::SearchUntrusted,
        format!(
            "the search cannot be trusted: the objects of {} cannot be read",
            folder.display()
        ),
    )
    .with_cause(error.to_string())
    .with_fix(
        "repair the repository (git fsck); if it is infra's own, infra cache clear makes it anew",
    )
}

/// Makes a repository in an empty folder, with something to be found in it.
pub(super) fn plant(folder: &Path, control: &Control) -> Result<(), Diagnostic> {
    const WHAT: &str = "a Git repository";
    let made = gix::init(folder).map_err(|error| unplanted(WHAT, &error))?;
    made.write_blob(control.text())
        .map_err(|error| unplanted(WHAT, &error))?;
    Ok(())
}
