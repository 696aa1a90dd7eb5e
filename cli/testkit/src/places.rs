//! Where everything that a lab needs lies on this machine, and whether it is there.

use std::env;
use std::path::{Path, PathBuf};

/// Debian packages of the hosts' root file system, beyond the essential ones.
///
/// The tree at [`Places::rootfs`] serves both kinds of hosts and is never written to. `systemd`,
/// `systemd-sysv` and `dbus` boot the real init; `openssh-server` brings sshd and (through its own
/// dependencies) the ssh client; `iproute2` is for looking around; `busybox-static` is `/bin/sh`
/// of Nix's build sandbox and the web client of probes; `sudo` is for hosts that root does not log in to.
pub const ROOTFS_PACKAGES: &[&str] = &[
    "busybox-static",
    "dbus",
    "iproute2",
    "openssh-server",
    "sudo",
    "systemd",
    "systemd-sysv",
];

/// Programs of the machine itself that make labs, each with the Debian package it comes from.
const TOOLS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("ssh-keygen", "openssh-client"),
    ("ssh", "openssh-client"),
    ("git", "git"),
];

/// The same for machines.
const MACHINE_TOOLS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("sfdisk", "fdisk"),
    ("mformat", "mtools"),
    ("mke2fs", "e2fsprogs"),
];

/// Where Debian's package ovmf has it.
const FIRMWARE: &str = "/usr/share/OVMF";

/// What a lab needs and this machine does not have.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// Not root.
    #[error(
        "test hosts need root (network and mount namespaces)\n  \
         fix: run the same command with sudo; `checks/demo` does that by itself"
    )]
    NotRoot,
    /// Something that set-up makes is missing.
    #[error("{what} is missing: {}\n  fix: run `checks/setup {part}`", path.display())]
    Missing {
        /// What it is.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// The part of set-up that makes it.
        part: &'static str,
    },
    /// A program is missing.
    #[error(
        "`{program}` is not installed (Debian package {package})\n  fix: run `checks/setup lab`"
    )]
    Tool {
        /// The program.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// The folder's name cannot be part of a mount option.
    #[error(
        "INFRA_LAB is {}, but it must be an absolute path, outside of /run, without white space, comma, colon \
         and backslash (it becomes part of mount options)\n  fix: point INFRA_LAB at another folder",
        .0.display()
    )]
    Name(PathBuf),
}

/// The folders of this machine that labs are made from.
#[derive(Debug, Clone)]
pub struct Places {
    /// Root of everything a development machine needs (`INFRA_LAB`).
    pub root: PathBuf,
    /// The self-contained Nix (`INFRA_NIX_PREFIX`); it works at this path only.
    pub nix_prefix: PathBuf,
    /// A real nixpkgs to test against instead of the stand-in (`INFRA_NIXPKGS`).
    pub nixpkgs: Option<PathBuf>,
}

impl Places {
    /// As the environment says; the defaults are those of `checks/setup`.
    pub fn from_env() -> Self {
        let root = set("INFRA_LAB").unwrap_or_else(|| {
            set("XDG_CACHE_HOME")
                .or_else(|| writable_home().map(|home| home.join(".cache")))
                .unwrap_or_else(|| PathBuf::from("/var/cache"))
                .join("infra-lab")
        });
        Self {
            root,
            nix_prefix: set("INFRA_NIX_PREFIX").unwrap_or_else(|| "/opt/infra/nix".into()),
            nixpkgs: set("INFRA_NIXPKGS"),
        }
    }

    /// The hosts' Debian tree; see [`ROOTFS_PACKAGES`].
    pub fn rootfs(&self) -> PathBuf {
        self.root.join("rootfs")
    }

    /// The folder that the operator's machine sees as `/nix`.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The operator's `NIX_CONF_DIR`.
    pub fn nix_conf_dir(&self) -> PathBuf {
        self.root.join("nix.conf.d")
    }

    /// What stands for nixpkgs: the staged stand-in, or a real one (`INFRA_NIXPKGS`).
    pub fn nixpkgs(&self) -> PathBuf {
        self.nixpkgs
            .clone()
            .unwrap_or_else(|| self.root.join("pocket"))
    }

    /// Staged copies of the framework, one per content.
    pub fn framework(&self) -> PathBuf {
        self.root.join("infra-src")
    }

    /// Installed systems that the disks of machines are made from, one per system.
    pub fn machines(&self) -> PathBuf {
        self.root.join("machines")
    }

    /// The firmware of machines.
    pub(crate) fn firmware() -> PathBuf {
        Path::new(FIRMWARE).join("OVMF_CODE_4M.fd")
    }

    /// What that firmware remembers, as it is in a new machine.
    pub(crate) fn firmware_variables() -> PathBuf {
        Path::new(FIRMWARE).join("OVMF_VARS_4M.fd")
    }

    /// State of the labs that run.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Nix itself.
    pub fn nix(&self) -> PathBuf {
        self.nix_prefix.join("bin/nix")
    }

    /// Whether hosts can be made here; the first thing missing if not.
    pub fn check_for_hosts(&self, systemd: bool) -> Result<(), PlacesError> {
        check_root()?;
        check_mountable(&self.root)?;
        check_mountable(&self.nix_prefix)?;
        for &(program, package) in TOOLS {
            check_tool(program, package)?;
        }
        if systemd {
            check_tool("systemd-nspawn", "systemd-container")?;
        }
        // mmdebstrap fills the tree from the front; sshd is among the last things it puts there.
        let sshd = self.rootfs().join("usr/sbin/sshd");
        present("the hosts' root file system", &sshd, "lab")?;
        present(
            "the folder that private stores are mounted over",
            Path::new("/nix"),
            "lab",
        )?;
        self.check_for_nix()
    }

    /// Whether the hosts have what an ordinary user becomes root with: the tree may be of before they had.
    pub fn check_for_users(&self) -> Result<(), PlacesError> {
        present(
            "sudo of the hosts",
            &self.rootfs().join("usr/bin/sudo"),
            "lab",
        )
    }

    /// Whether machines can be made here; the first thing missing if not.
    pub fn check_for_machines(&self) -> Result<(), PlacesError> {
        for &(program, package) in MACHINE_TOOLS {
            check_tool(program, package)?;
        }
        present("the firmware of machines", &Self::firmware(), "lab")?;
        present(
            "the stand-in for nixpkgs",
            &self.nixpkgs().join("flake.nix"),
            "lab",
        )
    }

    /// Whether Nix can be run here for the operator.
    pub fn check_for_nix(&self) -> Result<(), PlacesError> {
        present("Nix", &self.nix(), "lab")?;
        present(
            "Nix's configuration",
            &self.nix_conf_dir().join("nix.conf"),
            "lab",
        )
    }
}

/// Whether the caller may make and enter namespaces.
pub fn check_root() -> Result<(), PlacesError> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(PlacesError::NotRoot)
}

fn set(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// A `HOME` that is unset, missing or read-only is ordinary in CI and for system users.
fn writable_home() -> Option<PathBuf> {
    set("HOME").filter(|home| {
        home.is_dir() && rustix::fs::access(home, rustix::fs::Access::WRITE_OK).is_ok()
    })
}

fn present(what: &'static str, path: &Path, part: &'static str) -> Result<(), PlacesError> {
    if path.exists() {
        return Ok(());
    }
    let path = path.to_owned();
    Err(PlacesError::Missing { what, path, part })
}

fn check_tool(program: &'static str, package: &'static str) -> Result<(), PlacesError> {
    let found = crate::process::SYSTEM_PATH
        .split(':')
        .any(|folder| Path::new(folder).join(program).exists());
    if found {
        return Ok(());
    }
    Err(PlacesError::Tool { program, package })
}

/// Overlay options separate folders by `:` and options by `,`, and mount tables escape white space.
/// Hosts are started with an empty `/run`.
fn check_mountable(path: &Path) -> Result<(), PlacesError> {
    let text = path.to_str().unwrap_or(" ");
    let awkward = |c: char| c.is_whitespace() || matches!(c, ':' | ',' | '\\');
    if path.is_absolute() && !path.starts_with("/run") && !text.contains(awkward) {
        return Ok(());
    }
    Err(PlacesError::Name(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_folder_names_are_refused_with_a_fix() {
        for name in ["/a b", "/a,b", "/a:b", "relative", "/a\\b", "/run/lab"] {
            let error = check_mountable(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains("fix: point INFRA_LAB"), "{error}");
        }
        check_mountable(Path::new("/home/me/.cache/infra-lab")).unwrap();
    }

    #[test]
    fn a_missing_part_names_the_set_up_that_makes_it() {
        let error = present("Nix", Path::new("/no/nix"), "nix").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Nix is missing: /no/nix\n  fix: run `checks/setup nix`"
        );
    }
}
