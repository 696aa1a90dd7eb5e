//! Programs: those that build the sandbox, and those that a script finds in it.

use super::super::{fault, said};
use infra_model::recipe::Job;
use infra_model::{Code, Diagnostic};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What the sandbox is built with.
pub(super) struct Tools {
    /// Makes the namespaces.
    pub(super) unshare: PathBuf,
    /// Process 1 of the sandbox, and the shell of scripts without packages.
    pub(super) sh: PathBuf,
    /// Where everything is found, outside of the sandbox and inside.
    pub(super) path: OsString,
}

/// Programs that `sandbox.sh` calls, and the packages of most distributions that have them.
const NEEDED: &[(&str, &str)] = &[
    ("unshare", "util-linux"),
    ("mount", "util-linux (Debian: mount)"),
    ("umount", "util-linux (Debian: mount)"),
    ("pivot_root", "util-linux"),
    ("prlimit", "util-linux"),
    ("setpriv", "util-linux"),
    ("sh", "bash or dash"),
    ("base64", "coreutils"),
    ("chown", "coreutils"),
    ("env", "coreutils"),
    ("timeout", "coreutils"),
];

/// Folders that are in every sandbox. A program elsewhere (in a home, say) would not be there any more once it stands.
const SYSTEM: &[&str] = &[
    "/run/current-system/sw/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Finds the programs of this machine.
pub(super) fn find() -> Result<Tools, Diagnostic> {
    let folders = system_folders(&std::env::var_os("PATH").unwrap_or_default());
    let place = |program: &str| {
        folders
            .iter()
            .map(|dir| dir.join(program))
            .find(|file| file.is_file())
    };
    for (program, package) in NEEDED {
        if place(program).is_none() {
            return Err(Diagnostic::new(
                Code::MissingProgram,
                format!("`{program}` is not installed on this machine; scripts of recipes run in a sandbox that is made with it"),
            )
            .with_cause(format!("no `{program}` in {}", joined(&folders).to_string_lossy()))
            .with_fix(format!("install {package}")));
        }
    }
    let path = joined(&folders);
    match (place("unshare"), place("sh")) {
        (Some(unshare), Some(sh)) => Ok(Tools { unshare, sh, path }),
        _ => Err(Diagnostic::new(
            Code::MissingProgram,
            "`unshare` is not installed on this machine",
        )),
    }
}

/// Folders of PATH that are in a Nix store, by their real names, and those of the system.
fn system_folders(path: &OsStr) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let own = std::env::split_paths(path)
        .filter_map(|dir| dir.canonicalize().ok())
        .filter(|dir| dir.starts_with("/nix/store"));
    let system = SYSTEM.iter().filter_map(|dir| {
        let dir = Path::new(dir);
        // The system's profile is a link into the store, and /run is not in the sandbox.
        if dir.starts_with("/run") {
            dir.canonicalize().ok()
        } else {
            dir.is_dir().then(|| dir.to_owned())
        }
    });
    for dir in own.chain(system) {
        if !folders.contains(&dir) {
            folders.push(dir);
        }
    }
    folders
}

fn joined(folders: &[PathBuf]) -> OsString {
    // It fails for a `:` in a folder's name, which those of a store and of the system do not have.
    std::env::join_paths(folders).unwrap_or_default()
}

/// What runs a script.
pub(super) struct Shell {
    /// The shell.
    pub(super) program: PathBuf,
    /// So that a script ends at the first thing that goes wrong.
    pub(super) flags: &'static str,
    /// Where the script finds programs.
    pub(super) path: OsString,
}

/// The bash of a script's packages; without packages, this machine's `sh`.
pub(super) fn interpreter(
    job: &Job,
    tools: &Tools,
    packages: &[PathBuf],
) -> Result<Shell, Diagnostic> {
    if packages.is_empty() {
        return Ok(Shell {
            program: tools.sh.clone(),
            flags: "-eu",
            path: tools.path.clone(),
        });
    }
    let folders: Vec<PathBuf> = packages.iter().map(|package| package.join("bin")).collect();
    let bash = folders
        .iter()
        .map(|dir| dir.join("bash"))
        .find(|file| file.is_file());
    match bash {
        Some(program) => Ok(Shell {
            program,
            flags: "-euo pipefail",
            path: joined(&folders),
        }),
        None => Err(fault(
            job,
            format!("none of the packages of {} has bash", said(job)),
        )
        .with_fix("add \"bash\" to its `packages`")),
    }
}

#[cfg(test)]
mod tests {
    use super::{find, system_folders};

    #[test]
    fn programs_of_a_home_are_not_used() {
        let home = tempfile::tempdir().expect("a folder");
        let path = std::env::join_paths([home.path(), "/usr/bin".as_ref()]).expect("a path");
        let folders = system_folders(&path);
        assert!(
            folders.iter().any(|dir| dir.ends_with("bin")),
            "{folders:?}"
        );
        assert!(!folders.iter().any(|dir| dir.starts_with(home.path())));
        assert!(find().is_ok());
    }
}
