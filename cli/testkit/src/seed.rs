//! The host's own files, laid over the shared root file system.
//!
//! They are ordinary files of the host (not bind mounts), so a deployment may replace them like
//! those of any machine; the next boot starts from them again.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::config::HostConfig;
use crate::files::{self, FileError, failed};
use crate::keys;
use crate::network;

/// Units of the Debian tree that only cost time, or act by the clock, in a host of a few seconds.
const QUIET_UNITS: &[&str] = &[
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "motd-news.timer",
    "systemd-firstboot.service",
    "systemd-networkd-wait-online.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
];

/// Everything that a host's files are made from.
pub(crate) struct Seed<'a> {
    /// The host's folder in the lab.
    pub dir: &'a Path,
    /// Its name.
    pub name: &'a str,
    /// Its number, for the address.
    pub index: usize,
    /// The rest of its description.
    pub config: &'a HostConfig,
    /// The operator's key, which may log in: as root, unless somebody else is named.
    pub client_key: &'a Path,
    /// Where Nix is.
    pub nix_prefix: &'a Path,
    /// The tree that the files are laid over.
    pub rootfs: &'a Path,
}

/// The number of the ordinary user, if there is one.
const USER: u32 = 1000;

/// What a login and sshd's other children look for programs in.
pub(crate) fn host_path(nix_prefix: &Path) -> String {
    format!(
        "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:{}/bin:{}",
        nix_prefix.display(),
        crate::process::SYSTEM_PATH
    )
}

impl Seed<'_> {
    /// Writes the folder `seed` and the host's empty store and persistent folders.
    pub(crate) fn write(&self) -> Result<(), FileError> {
        let root = self.dir.join("seed");
        if self.config.is_machine() {
            return self.write_machine(&root);
        }
        for folder in [
            "",
            "etc",
            "etc/ssh",
            "usr",
            "usr/local",
            "usr/local/bin",
            "usr/local/lib",
        ] {
            files::folder(&root.join(folder), 0o755)?;
        }
        for folder in ["nix", "mnt", "persist"] {
            files::folder(&self.dir.join(folder), 0o755)?;
        }
        self.write_identity(&root)?;
        self.write_ssh(&root)?;
        if let Some(user) = &self.config.user {
            self.write_user(&root, user)?;
        }
        if self.config.nix {
            self.write_nix(&root)?;
        }
        self.write_boot(&root)
    }

    /// The files of a machine, which a system that is deployed to it leaves alone: who it is, who may log in,
    /// its address, and the Nix it was set up with.
    fn write_machine(&self, root: &Path) -> Result<(), FileError> {
        for folder in [
            "",
            "etc",
            "etc/ssh",
            "etc/systemd",
            "etc/systemd/network",
            "usr",
            "usr/local",
            "usr/local/bin",
        ] {
            files::folder(&root.join(folder), 0o755)?;
        }
        write_machine_id(root)?;
        let address = network::address(self.index);
        files::write(
            &root.join("etc/systemd/network/10-lab.network"),
            &format!("[Match]\nName=eth0\n[Network]\nAddress={address}/24\n"),
            0o644,
        )?;
        self.write_keys(root)?;
        self.write_nix(root)
    }

    fn write_identity(&self, root: &Path) -> Result<(), FileError> {
        let Self { name, index, .. } = *self;
        let address = network::address(index);
        files::write(&root.join("etc/hostname"), &format!("{name}\n"), 0o644)?;
        let hosts = format!("127.0.0.1 localhost\n{address} {name}\n");
        files::write(&root.join("etc/hosts"), &hosts, 0o644)?;
        files::write(&root.join("etc/resolv.conf"), "", 0o644)?;
        write_machine_id(root)
    }

    fn write_ssh(&self, root: &Path) -> Result<(), FileError> {
        files::write(
            &root.join("etc/ssh/sshd_config"),
            &self.sshd_config(),
            0o644,
        )?;
        self.write_keys(root)
    }

    /// An ordinary account, with Debian's own settings of sudo but for the password.
    fn write_user(&self, root: &Path, user: &str) -> Result<(), FileError> {
        let accounts = [
            (
                "passwd",
                format!("{user}:x:{USER}:{USER}::/home/{user}:/bin/bash\n"),
                0o644,
            ),
            ("group", format!("{user}:x:{USER}:\n"), 0o644),
            ("shadow", format!("{user}:*:20000::::::\n"), 0o600),
        ];
        for (file, line, mode) in accounts {
            let text = files::read(&self.rootfs.join("etc").join(file))? + &line;
            files::write(&root.join("etc").join(file), &text, mode)?;
        }
        let rules = root.join("etc/sudoers.d");
        files::folder(&rules, 0o750)?;
        let rule = format!("{user} ALL=(ALL:ALL) NOPASSWD: ALL\n");
        files::write(&rules.join(user), &rule, 0o440)?;
        files::folder(&root.join("home"), 0o755)?;
        let home = root.join("home").join(user);
        let ssh = home.join(".ssh");
        let keys = ssh.join("authorized_keys");
        for folder in [&home, &ssh] {
            files::folder(folder, 0o700)?;
        }
        let key = keys::public(self.client_key)?;
        files::write(&keys, &format!("{key}\n"), 0o600)?;
        for path in [home, ssh, keys] {
            std::os::unix::fs::chown(&path, Some(USER), Some(USER))
                .map_err(failed("give away", &path))?;
        }
        Ok(())
    }

    fn write_keys(&self, root: &Path) -> Result<(), FileError> {
        rewrite_host_key(self.dir)?;
        if self.config.user.is_some() {
            return Ok(());
        }
        files::folder(&root.join("root"), 0o700)?;
        files::folder(&root.join("root/.ssh"), 0o700)?;
        let key = keys::public(self.client_key)?;
        files::write(
            &root.join("root/.ssh/authorized_keys"),
            &format!("{key}\n"),
            0o600,
        )
    }

    fn sshd_config(&self) -> String {
        format!(
            "HostKey /etc/ssh/ssh_host_ed25519_key\n\
             PermitRootLogin {}\n\
             PasswordAuthentication no\n\
             # No PAM: there is no session manager worth waiting for.\n\
             UsePAM no\n\
             UseDNS no\n\
             PidFile /run/sshd.pid\n\
             # Many connections at once are what a deployment tool does; it must not meet sshd's dice.\n\
             MaxStartups 100:30:200\n\
             MaxSessions 100\n\
             # An operator who was cut off must not hold locks on the host for hours.\n\
             ClientAliveInterval 5\n\
             ClientAliveCountMax 3\n\
             SetEnv PATH={}\n\
             Subsystem sftp internal-sftp\n",
            if self.config.user.is_some() {
                "no"
            } else {
                "prohibit-password"
            },
            host_path(self.nix_prefix)
        )
    }

    fn write_nix(&self, root: &Path) -> Result<(), FileError> {
        files::folder(&root.join("etc/nix"), 0o755)?;
        let conf = format!(
            "experimental-features = nix-command flakes\n\
             substituters =\n\
             flake-registry =\n\
             build-users-group =\n\
             sandbox = true\n\
             sandbox-fallback = false\n\
             sandbox-paths = /bin/sh=/bin/busybox\n\
             trusted-users = root\n\
             require-sigs = {}\n\
             {}",
            self.config.require_sigs, self.config.nix_conf
        );
        files::write(&root.join("etc/nix/nix.conf"), &conf, 0o644)?;
        // Found through any PATH, also one that a deployed system brings: the links lie where Debian looks by default.
        for program in nix_programs(self.nix_prefix)? {
            let link = root.join("usr/local/bin").join(&program);
            let target = self.nix_prefix.join("bin").join(&program);
            symlink(target, &link).map_err(failed("create the link", &link))?;
        }
        Ok(())
    }

    /// The unit that activates the deployed system at boot. It is with the vendor's units: those of
    /// `/etc` belong to whatever is deployed.
    fn write_boot(&self, root: &Path) -> Result<(), FileError> {
        let lib = root.join("usr/local/lib/infra-lab");
        files::folder(&lib, 0o755)?;
        files::write(
            &lib.join("boot-system"),
            include_str!("scripts/boot-system.sh"),
            0o755,
        )?;
        if !self.config.has_systemd() {
            return Ok(());
        }
        let units = root.join("usr/lib/systemd/system");
        files::folder(&root.join("usr/lib"), 0o755)?;
        files::folder(&root.join("usr/lib/systemd"), 0o755)?;
        files::folder(&units, 0o755)?;
        let wants = units.join("multi-user.target.wants");
        files::folder(&wants, 0o755)?;
        let unit = "infra-lab-boot.service";
        files::write(
            &units.join(unit),
            "[Unit]\n\
             Description=Activate the deployed system\n\
             [Service]\n\
             Type=oneshot\n\
             RemainAfterExit=yes\n\
             ExecStart=/usr/local/lib/infra-lab/boot-system\n",
            0o644,
        )?;
        let link = |target: &str, path: &Path| {
            symlink(target, path).map_err(failed("create the link", path))
        };
        link(&format!("../{unit}"), &wants.join(unit))?;
        link("../ssh.service", &wants.join("ssh.service"))?;
        files::write(&units.join("run-procfs.mount"), WHOLE_PROCFS, 0o644)?;
        let early = units.join("sysinit.target.wants");
        files::folder(&early, 0o755)?;
        link("../run-procfs.mount", &early.join("run-procfs.mount"))?;
        files::folder(&root.join("etc/systemd"), 0o755)?;
        files::folder(&root.join("etc/systemd/system"), 0o755)?;
        for quiet in QUIET_UNITS {
            link("/dev/null", &root.join("etc/systemd/system").join(quiet))?;
        }
        Ok(())
    }
}

/// A second /proc without anything mounted over it. nspawn hides files of the first one, and where all
/// are hidden like that the kernel lets no user namespace mount its own ("mount too revealing"): from
/// systemd 257 on (Debian 13) Nix's build sandbox would not work on the host.
const WHOLE_PROCFS: &str = "[Unit]\n\
     Description=A procfs that build sandboxes may copy\n\
     DefaultDependencies=no\n\
     Before=sysinit.target\n\
     [Mount]\n\
     What=proc\n\
     Where=/run/procfs\n\
     Type=proc\n\
     Options=nosuid,nodev,noexec\n";

fn write_machine_id(root: &Path) -> Result<(), FileError> {
    // Any 32 hexadecimal digits will do; the random source of the kernel is at hand.
    let uuid = files::read(Path::new("/proc/sys/kernel/random/uuid"))?;
    files::write(&root.join("etc/machine-id"), &uuid.replace('-', ""), 0o444)
}

/// The names of Nix's programs.
fn nix_programs(prefix: &Path) -> Result<Vec<String>, FileError> {
    let bin = prefix.join("bin");
    let entries = std::fs::read_dir(&bin).map_err(failed("list", &bin))?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect())
}

/// Puts the host's key, which may have been replaced, into its place for the next boot.
pub(crate) fn rewrite_host_key(dir: &Path) -> Result<(), FileError> {
    let secret = files::read(&dir.join("host_key"))?;
    files::write(
        &dir.join("seed/etc/ssh/ssh_host_ed25519_key"),
        &secret,
        0o600,
    )
}
