//! Where private keys are looked for.

use infra_model::{Code, Diagnostic, Place as Where};
use std::ffi::OsString;
use std::path::PathBuf;

/// The places of one person, in the order in which keys are tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Named by the person (`INFRA_IDENTITY`): these must exist.
    named: Vec<PathBuf>,
    /// The folder of infra's own identities.
    own: Option<PathBuf>,
    /// The file of age keys that sops uses, and whether `SOPS_AGE_KEY_FILE` names it.
    sops: Option<(PathBuf, bool)>,
    /// The folder of SSH keys.
    ssh: Option<PathBuf>,
}

/// A file that may hold keys.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Whether it was asked for, so that it must be there.
    pub(super) named: bool,
    /// What named it.
    pub(super) by: &'static str,
}

impl Places {
    /// The places that the environment says; `env` looks a variable up.
    pub fn of(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| home.as_ref().map(|home| home.join(".config")));
        let named = set("INFRA_IDENTITY").map_or_else(Vec::new, |paths| {
            std::env::split_paths(&paths)
                .filter(|path| !path.as_os_str().is_empty())
                .collect()
        });
        let sops = set("SOPS_AGE_KEY_FILE")
            .map(|path| (PathBuf::from(path), true))
            .or_else(|| Some((config.as_ref()?.join("sops/age/keys.txt"), false)));
        Self {
            named,
            own: config.as_ref().map(|config| config.join("infra")),
            sops,
            ssh: home.map(|home| home.join(".ssh")),
        }
    }

    /// The places of the process's own environment.
    pub fn of_environment() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    /// One named file and nothing else.
    pub fn only(path: PathBuf) -> Self {
        Self {
            named: vec![path],
            ..Self::default()
        }
    }

    pub(super) fn all(&self) -> Result<Vec<Place>, Diagnostic> {
        let mut places: Vec<Place> = self
            .named
            .iter()
            .map(|path| place(path.clone(), true, "INFRA_IDENTITY"))
            .collect();
        if let Some(folder) = &self.own {
            places.push(place(folder.join("identity"), false, ""));
            places.extend(
                numbered(folder)?
                    .into_iter()
                    .map(|path| place(path, false, "")),
            );
        }
        if let Some((path, named)) = &self.sops {
            places.push(place(path.clone(), *named, "SOPS_AGE_KEY_FILE"));
        }
        if let Some(folder) = &self.ssh {
            places.push(place(folder.join("id_ed25519"), false, ""));
            places.push(place(folder.join("id_rsa"), false, ""));
        }
        Ok(places)
    }
}

fn place(path: PathBuf, named: bool, by: &'static str) -> Place {
    Place { path, named, by }
}

/// The files `identity*.txt` of a folder, sorted; none if there is no folder.
fn numbered(folder: &PathBuf) -> Result<Vec<PathBuf>, Diagnostic> {
    let unreadable = |error: std::io::Error| {
        Diagnostic::new(
            Code::UnreadableFile,
            format!("the folder `{}` cannot be read", folder.display()),
        )
        .with_cause(error.to_string())
        .with_place(Where::file(folder.display().to_string()))
        .with_fix("make it a folder that you can read")
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        let fits = name.to_str().is_some_and(|name| {
            name.starts_with("identity") && name.strip_suffix(".txt").is_some()
        });
        if fits {
            found.push(folder.join(name));
        }
    }
    found.sort();
    Ok(found)
}
