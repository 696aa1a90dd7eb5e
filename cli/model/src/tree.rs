//! Host trees: which part of the repository one host's evaluation may read, and nothing else. What is not in the tree does not exist for
//! the evaluation, so its content cannot matter: the tree's id is the key under which results are remembered (DESIGN 4).

use crate::host::HostDefaults;
use crate::{BuildOn, HostName, HostSpec};
use std::fmt::Write as _;

/// Folders of a repository that are never shared between hosts.
const UNSHARED: [&str; 3] = ["hosts", "secrets", "context"];

/// What one host may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    host: HostName,
    shared: Option<Vec<String>>,
}

/// Why a file of the repository is not in a host's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// It belongs to another host.
    OtherHost(String),
    /// It is in a folder that no evaluation may read.
    NeverRead(String),
    /// It is in a shared folder that the host's `shared` does not list.
    NotListed(String),
    /// Its name begins with `.` or `_`.
    Hidden(String),
    /// It lies beside `flake.nix` and is neither a Nix file nor `flake.lock`.
    BesideTheFlake,
}

impl Scope {
    /// What `host` may read.
    pub fn of(host: &HostSpec) -> Self {
        Self {
            host: host.name.clone(),
            shared: host.shared.clone(),
        }
    }

    /// Whether everything in a shared folder is in the tree, so that its files need not be judged one by one.
    pub fn takes_all_of(&self, folder: &str) -> bool {
        let top = folder.split('/').next().unwrap_or(folder);
        top != "hosts" && is_shareable(top) && self.lists(&format!("{folder}/"))
    }

    fn lists(&self, path: &str) -> bool {
        self.shared.as_ref().is_none_or(|folders| {
            folders
                .iter()
                .any(|folder| is_below(path, folder.trim_end_matches('/')))
        })
    }

    /// Whether a path, relative to the repository, is in the tree.
    pub fn judge(&self, path: &str) -> Result<(), LeftOut> {
        let Some((top, below)) = path.split_once('/') else {
            return if is_flake_file(path) {
                Ok(())
            } else {
                Err(LeftOut::BesideTheFlake)
            };
        };
        if top == "hosts" {
            let name = below.split('/').next().unwrap_or(below);
            return if name == self.host.as_str() {
                Ok(())
            } else {
                Err(LeftOut::OtherHost(name.to_owned()))
            };
        }
        if !is_shareable(top) {
            return Err(if UNSHARED.contains(&top) {
                LeftOut::NeverRead(top.to_owned())
            } else {
                LeftOut::Hidden(top.to_owned())
            });
        }
        if self.lists(path) {
            Ok(())
        } else {
            Err(LeftOut::NotListed(top.to_owned()))
        }
    }
}

/// Whether a file is of the system plane by its name, and so not in the tree a contract is evaluated from: contracts cannot read it, and an
/// edit of it asks for no contract again.
pub fn is_system_plane(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(
        parts.as_slice(),
        ["homes", ..]
            | ["modules", _, "default.nix" | "home.nix"]
            | [
                "hosts",
                _,
                "configuration.nix"
                    | "disk.nix"
                    | "hardware-configuration.nix"
                    | "facter.json"
                    | "host.pub"
            ]
    )
}

/// Whether a file declares a contract: of a shared module, or of a host.
pub fn is_contract(path: &str) -> bool {
    path.ends_with("/contract.nix")
}

/// Where a tree for many hosts has the tree of each.
pub const PLANES: &str = ".infra/plane";

/// Whether a file beside `flake.nix` is part of every tree.
pub fn is_flake_file(name: &str) -> bool {
    name == "flake.lock"
        || name
            .strip_suffix(".nix")
            .is_some_and(|stem| !stem.starts_with('.'))
}

/// Whether a folder of the repository is one that hosts share.
pub fn is_shareable(folder: &str) -> bool {
    !UNSHARED.contains(&folder) && !folder.starts_with(['.', '_'])
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The part of `infra.toml` that an evaluation reads: `[defaults]`, written anew, so that comments and settings of the command change no tree.
/// `None` if there is none.
pub fn settings_text(defaults: &HostDefaults) -> Option<String> {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{key} = \"{value}\"");
    };
    // Values are words without quotes or backslashes: `HostDefaults` is only made by parsing.
    if let Some(user) = &defaults.user {
        line("user", user);
    }
    if let Some(jump) = &defaults.jump {
        line("jump", jump);
    }
    if let Some(build) = &defaults.build {
        line(
            "build",
            match build {
                BuildOn::Local => "local",
                BuildOn::Target => "target",
                BuildOn::Builder(name) => name.as_str(),
            },
        );
    }
    if let Some(platform) = defaults.platform {
        line("platform", platform.as_str());
    }
    if let Some(port) = defaults.port {
        let _ = writeln!(text, "port = {port}");
    }
    (!text.is_empty()).then(|| format!("[defaults]\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::{LeftOut, Scope, is_system_plane, settings_text};
    use crate::host::HostDefaults;
    use crate::{HostName, HostSpec, Settings};

    fn scope(extra: &str) -> Scope {
        let name = HostName::parse("web").expect("a name");
        let text = format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\n{extra}");
        Scope::of(&HostSpec::parse(&name, "f", &text, &HostDefaults::default()).expect("valid"))
    }

    #[test]
    fn a_folder_taken_whole_has_no_file_that_is_left_out() {
        let folders = [
            "modules",
            "modules/base",
            "modules/based",
            "homes",
            "hosts",
            "hosts/web",
            "secrets",
            ".git",
        ];
        let cases: [(&str, &[&str]); 4] = [
            ("", &["modules", "modules/base", "modules/based", "homes"]),
            ("shared = []", &[]),
            (
                "shared = [\"modules/\"]",
                &["modules", "modules/base", "modules/based"],
            ),
            ("shared = [\"modules/base\"]", &["modules/base"]),
        ];
        for (extra, whole) in cases {
            let scope = scope(extra);
            for folder in folders {
                let taken = scope.takes_all_of(folder);
                assert_eq!(taken, whole.contains(&folder), "{extra}: {folder}");
                for file in ["x.nix", "deep/.hidden/x"] {
                    let judged = scope.judge(&format!("{folder}/{file}"));
                    assert!(!taken || judged.is_ok(), "{extra}: {folder}/{file}");
                }
            }
        }
    }

    #[test]
    fn a_host_reads_its_own_folder_and_what_is_shared() {
        let all = scope("");
        for inside in [
            "flake.nix",
            "flake.lock",
            "lib.nix",
            "modules/base/default.nix",
            "homes/ann/home.nix",
            "hosts/web/configuration.nix",
            "hosts/web/files/a b",
        ] {
            assert_eq!(all.judge(inside), Ok(()), "{inside}");
        }
        let cases = [
            (
                "hosts/db/configuration.nix",
                LeftOut::OtherHost("db".to_owned()),
            ),
            ("hosts/web2/x.nix", LeftOut::OtherHost("web2".to_owned())),
            (
                "secrets/shared/a.age",
                LeftOut::NeverRead("secrets".to_owned()),
            ),
            (
                "context/shared.toml",
                LeftOut::NeverRead("context".to_owned()),
            ),
            (".git/config", LeftOut::Hidden(".git".to_owned())),
            ("_old/x.nix", LeftOut::Hidden("_old".to_owned())),
            ("README.md", LeftOut::BesideTheFlake),
            ("infra.toml", LeftOut::BesideTheFlake),
            (".hidden.nix", LeftOut::BesideTheFlake),
        ];
        for (path, why) in cases {
            assert_eq!(all.judge(path), Err(why), "{path}");
        }
    }

    #[test]
    fn contracts_do_not_see_the_system_plane() {
        for system in [
            "modules/web/default.nix",
            "modules/web/home.nix",
            "hosts/web/configuration.nix",
            "hosts/web/facter.json",
            "homes/ann/home.nix",
        ] {
            assert!(is_system_plane(system), "{system}");
        }
        for contract in [
            "flake.nix",
            "lib.nix",
            "modules/web/contract.nix",
            "modules/web/interface.nix",
            "modules/web/parts/default.nix",
            "profiles/server/default.nix",
            "hosts/web/contract.nix",
            "hosts/web/host.toml",
        ] {
            assert!(!is_system_plane(contract), "{contract}");
        }
    }

    #[test]
    fn shared_lists_folders() {
        let some = scope("shared = [\"modules/base/\", \"homes\"]");
        assert_eq!(some.judge("modules/base/default.nix"), Ok(()));
        assert_eq!(some.judge("homes/ann/home.nix"), Ok(()));
        let not_listed = Err(LeftOut::NotListed("modules".to_owned()));
        assert_eq!(some.judge("modules/basement/default.nix"), not_listed);
        assert_eq!(some.judge("modules/web/default.nix"), not_listed);
        assert_eq!(some.judge("hosts/web/host.toml"), Ok(()));
    }

    #[test]
    fn settings_are_written_as_they_are_read() {
        assert_eq!(settings_text(&HostDefaults::default()), None);
        let text = "waves = [\"@a\"]\n[defaults]\n# a comment\nport = 2222\nuser = \"deploy\"\nbuild = \"target\"\nplatform = \"cloud-hypervisor\"\njump = \"gate\"\n";
        let settings = Settings::parse("infra.toml", text).expect("valid");
        let written = settings_text(&settings.defaults).expect("something");
        let again = Settings::parse("infra.toml", &written).expect("valid");
        assert_eq!(again.defaults, settings.defaults);
    }
}
