//! What a lab is asked to be: its hosts, their kinds, their stores.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most hosts a lab can have: the addresses that are left in its network.
pub const MAX_HOSTS: usize = 250;

/// Where a host keeps its `/nix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Store {
    /// A folder on the machine's disk.
    #[default]
    Dir,
    /// In memory, of limited size. Lost when the power is cut.
    Tmpfs {
        /// Its size.
        mib: u32,
    },
    /// A real file system of limited size in a file.
    Ext4 {
        /// Its size.
        mib: u32,
    },
}

/// The disk of a machine, unless told otherwise: a few systems beside the one it is installed with.
const MACHINE_DISK: Store = Store::Ext4 { mib: 3072 };

/// A machine's disk must hold at least the system it is installed with.
const MACHINE_DISK_LEAST: u32 = 1024;

/// What a host is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostKind {
    /// Namespaces with sshd alone: enough to copy to and to fail on, and the cheapest.
    Plain(Store),
    /// Namespaces with a real systemd, where units start and stop. Its store is a folder, unless
    /// [`HostConfig::store`] says otherwise.
    Systemd,
    /// An emulated machine with UEFI firmware, systemd-boot (or GRUB, see [`HostConfig::with_grub`]), a kernel and
    /// a disk of its own. It takes half a minute to boot and most of two cores meanwhile, so have one at a time.
    Machine,
}

/// What a host boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// sshd alone, in namespaces.
    Plain,
    /// systemd, in namespaces.
    Systemd,
    /// Firmware, boot loader and kernel; its store is its whole disk.
    Machine,
}

/// One host in full. Made from a [`HostKind`], then changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostConfig {
    /// What it boots.
    pub body: Body,
    /// Where its `/nix` is.
    pub store: Store,
    /// Whether it has Nix at all.
    pub nix: bool,
    /// Nix's `require-sigs` on the host. `true` is Nix's own default, and what production has.
    pub require_sigs: bool,
    /// Further lines for the host's `nix.conf`.
    pub nix_conf: String,
    /// Of a machine: whether GRUB boots it, and not systemd-boot.
    #[serde(default)]
    pub grub: bool,
    /// Who may log in instead of root: an ordinary user, who becomes root with sudo and no password.
    #[serde(default)]
    pub user: Option<String>,
}

impl From<HostKind> for HostConfig {
    fn from(kind: HostKind) -> Self {
        let (body, store) = match kind {
            HostKind::Plain(store) => (Body::Plain, store),
            HostKind::Systemd => (Body::Systemd, Store::Dir),
            HostKind::Machine => (Body::Machine, MACHINE_DISK),
        };
        Self {
            body,
            store,
            nix: true,
            require_sigs: true,
            nix_conf: String::new(),
            grub: false,
            user: None,
        }
    }
}

impl HostConfig {
    /// Puts `/nix` elsewhere.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// Whether units run on it.
    pub fn has_systemd(&self) -> bool {
        self.body != Body::Plain
    }

    /// Whether it is an emulated machine.
    pub fn is_machine(&self) -> bool {
        self.body == Body::Machine
    }

    /// Has a machine booted by GRUB.
    #[must_use]
    pub fn with_grub(mut self) -> Self {
        self.grub = true;
        self
    }

    fn is_possible_machine(&self) -> bool {
        // Whatever is done on a machine is done over ssh, as root.
        self.nix
            && self.user.is_none()
            && matches!(self.store, Store::Ext4 { mib } if mib >= MACHINE_DISK_LEAST)
    }

    /// Leaves Nix out.
    #[must_use]
    pub fn without_nix(mut self) -> Self {
        self.nix = false;
        self
    }

    /// Lets the host take paths without a signature.
    #[must_use]
    pub fn accepts_unsigned(mut self) -> Self {
        self.require_sigs = false;
        self
    }

    /// Lets an ordinary user log in, who may use sudo without a password, and root not. Nix trusts root alone.
    #[must_use]
    pub fn login(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Adds a line to the host's `nix.conf`.
    #[must_use]
    pub fn nix_setting(mut self, line: &str) -> Self {
        self.nix_conf.push_str(line);
        self.nix_conf.push('\n');
        self
    }
}

/// A host as it is asked for on the command line: `web`, `db:plain`, `old:plain,tmpfs=64,no-nix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRequest {
    /// Its name.
    pub name: String,
    /// Everything else.
    pub config: HostConfig,
}

/// What is wrong with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not a DNS label.
    #[error(
        "`{0}` is no host name: use 1 to 63 of a-z, 0-9 and `-`, not starting or ending with `-`"
    )]
    Name(String),
    /// Two hosts of one name.
    #[error("host `{0}` is asked for twice")]
    Twice(String),
    /// None at all, or more than there are addresses for.
    #[error("a lab has 1 to {MAX_HOSTS} hosts, not {0}")]
    Count(usize),
    /// GRUB for what boots without a boot loader.
    #[error("host `{0}` has GRUB, which boots machines alone: `{0}:machine,grub`")]
    Grub(String),
    /// A machine as machines cannot be.
    #[error(
        "host `{0}` is a machine, which root logs in to, and which has Nix, and a disk of at least {MACHINE_DISK_LEAST} MiB as its store (Store::Ext4)"
    )]
    Machine(String),
    /// A word of a host's description that means nothing.
    #[error(
        "`{word}` of host `{host}` means nothing; known are: systemd, plain, machine, grub, dir, tmpfs=MIB, ext4=MIB, no-nix, unsigned"
    )]
    Word {
        /// Whose description.
        host: String,
        /// The word.
        word: String,
    },
}

impl FromStr for HostRequest {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (name, words) = text.split_once(':').unwrap_or((text, "systemd"));
        check_name(name)?;
        let mut config = HostConfig::from(HostKind::Systemd);
        for word in words.split(',') {
            config = apply(config, word).ok_or_else(|| ConfigError::Word {
                host: name.to_owned(),
                word: word.to_owned(),
            })?;
        }
        let name = name.to_owned();
        Ok(Self { name, config })
    }
}

fn apply(config: HostConfig, word: &str) -> Option<HostConfig> {
    let with = |body| HostConfig {
        body,
        ..config.clone()
    };
    Some(match word.split_once('=') {
        None => match word {
            "systemd" => with(Body::Systemd),
            "plain" => with(Body::Plain),
            "machine" => with(Body::Machine).store(MACHINE_DISK),
            "grub" => config.with_grub(),
            "dir" => config.store(Store::Dir),
            "no-nix" => config.without_nix(),
            "unsigned" => config.accepts_unsigned(),
            _ => return None,
        },
        Some(("tmpfs", mib)) => config.store(Store::Tmpfs {
            mib: mib.parse().ok()?,
        }),
        Some(("ext4", mib)) => config.store(Store::Ext4 {
            mib: mib.parse().ok()?,
        }),
        Some(_) => return None,
    })
}

/// Everything that a lab's record keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabConfig {
    /// The hosts, in the order of their addresses.
    pub hosts: Vec<(String, HostConfig)>,
    /// Folders put in front of the operator's `PATH`, after Nix.
    pub bin_dirs: Vec<PathBuf>,
}

impl LabConfig {
    /// Whether it can be made at all.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_HOSTS).contains(&self.hosts.len()) {
            return Err(ConfigError::Count(self.hosts.len()));
        }
        let mut seen = BTreeSet::new();
        for (name, host) in &self.hosts {
            check_name(name)?;
            if host.is_machine() && !host.is_possible_machine() {
                return Err(ConfigError::Machine(name.clone()));
            }
            if host.grub && !host.is_machine() {
                return Err(ConfigError::Grub(name.clone()));
            }
            if !seen.insert(name) {
                return Err(ConfigError::Twice(name.clone()));
            }
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let label = (1..=63).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if label {
        return Ok(());
    }
    Err(ConfigError::Name(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_word_by_word() {
        let request: HostRequest = "old:plain,tmpfs=64,no-nix,unsigned".parse().unwrap();
        assert_eq!(request.name, "old");
        let expected = HostConfig::from(HostKind::Plain(Store::Tmpfs { mib: 64 }))
            .without_nix()
            .accepts_unsigned();
        assert_eq!(request.config, expected);
        let plain: HostRequest = "web".parse().unwrap();
        assert_eq!(plain.config, HostKind::Systemd.into());
    }

    #[test]
    fn what_means_nothing_is_named_with_what_would() {
        for word in ["", "tmpfs", "tmpfs=big", "nixos", "size=3"] {
            let error = format!("web:{word}").parse::<HostRequest>().unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("`{word}` of host `web`")),
                "{text}"
            );
            assert!(text.contains("ext4=MIB"), "{text}");
        }
    }

    #[test]
    fn a_machine_has_a_disk_and_nix() {
        let request: HostRequest = "web:machine".parse().unwrap();
        assert_eq!(request.config, HostKind::Machine.into());
        let check = |config: HostConfig| {
            let hosts = vec![("web".to_owned(), config)];
            LabConfig {
                hosts,
                bin_dirs: Vec::new(),
            }
            .check()
        };
        check(request.config.clone()).unwrap();
        let request: HostRequest = "web:machine,grub".parse().unwrap();
        let expected = HostConfig::from(HostKind::Machine).with_grub();
        assert_eq!(request.config, expected);
        check(expected).unwrap();
        let refused = Err(ConfigError::Grub("web".into()));
        let systemd = HostConfig::from(HostKind::Systemd);
        assert_eq!(check(systemd.with_grub()), refused);
        for wrong in ["machine,dir", "machine,ext4=100", "machine,no-nix"] {
            let request: HostRequest = format!("web:{wrong}").parse().unwrap();
            let refused = Err(ConfigError::Machine("web".into()));
            assert_eq!(check(request.config), refused, "{wrong}");
        }
        let others = check(request.config.login("ann"));
        assert_eq!(others, Err(ConfigError::Machine("web".into())));
    }

    #[test]
    fn names_are_labels_and_unique() {
        let lab = |names: &[&str]| LabConfig {
            hosts: names
                .iter()
                .map(|name| ((*name).to_owned(), HostKind::Systemd.into()))
                .collect(),
            bin_dirs: Vec::new(),
        };
        lab(&["web", "db-1"]).check().unwrap();
        assert_eq!(lab(&[]).check(), Err(ConfigError::Count(0)));
        assert_eq!(
            lab(&["a", "a"]).check(),
            Err(ConfigError::Twice("a".into()))
        );
        for bad in ["", "-a", "a-", "A", "a.b", "a b", "../x", &"x".repeat(64)] {
            assert_eq!(lab(&[bad]).check(), Err(ConfigError::Name(bad.into())));
        }
    }
}
