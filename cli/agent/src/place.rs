//! Where unpacked generations are: memory that is never swapped out, and the link that says which one counts.

use crate::fault::{cannot, refused};
use crate::files;
use crate::folder::{self, FOLDER_MODE};
use crate::host::Host;
use crate::plan::{TEMPLATES, TEMPLATES_LINK, Wanted};
use crate::steps;
use infra_model::{Code, Diagnostic};
use rustix::mount::{MountFlags, mount};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SECRETS_LINK: &str = "secrets";
const FOLDERS: &str = "secrets.d";

/// The place, on one host.
pub(crate) struct Place<'h> {
    host: &'h Host,
    run: PathBuf,
}

impl<'h> Place<'h> {
    pub(crate) fn of(host: &'h Host) -> Self {
        let run = host.run();
        Self { host, run }
    }

    /// Makes sure that what is written below is in memory only.
    pub(crate) fn prepare(&self) -> Result<(), Diagnostic> {
        files::folder(&self.run, 0o755)?;
        let folders = self.run.join(FOLDERS);
        files::folder(&folders, FOLDER_MODE)?;
        if self.host.is_this_machine() && !is_mounted(&folders) {
            mount_memory(&folders)?;
        }
        let storage = self.storage();
        if storage == "disk" && !self.host.may_use_disk() {
            return Err(Diagnostic::new(
                Code::AgentFailed,
                format!(
                    "{} is on a disk: secrets would be written to it",
                    folders.display()
                ),
            )
            .with_cause("nothing in memory could be mounted there")
            .with_fix("mount a ramfs or a tmpfs there, or on a folder above it"));
        }
        let templates = self.run.join("templates");
        let target = Path::new(SECRETS_LINK).join(TEMPLATES);
        if fs::read_link(&templates).ok().as_deref() != Some(&target) {
            files::link(&templates, &target)?;
        }
        Ok(())
    }

    /// What the secrets are on.
    pub(crate) fn storage(&self) -> &'static str {
        // Not in the C library's headers: linux/magic.h.
        const RAMFS: u32 = 0x8584_58f6;
        const TMPFS: u32 = 0x0102_1994;
        let kind = rustix::fs::statfs(self.run.join(FOLDERS)).map(|found| found.f_type);
        // The type is signed or not, wide or narrow, as the machine has it; the magic number is its lower half.
        match kind.ok().and_then(|kind| lower_half(&kind.to_ne_bytes())) {
            Some(RAMFS) => "ramfs",
            Some(TMPFS) => "tmpfs",
            _ => "disk",
        }
    }

    /// The folder that counts now.
    pub(crate) fn current(&self) -> Option<PathBuf> {
        let target = fs::read_link(self.run.join(SECRETS_LINK)).ok()?;
        let folder = self.run.join(target);
        folder.is_dir().then_some(folder)
    }

    /// Its name.
    pub(crate) fn current_name(&self) -> Option<String> {
        Some(self.current()?.file_name()?.to_string_lossy().into_owned())
    }

    /// Unpacks into a fresh folder, to which nothing leads yet.
    pub(crate) fn unpack(&self, generation: u64, wanted: &Wanted) -> Result<String, Diagnostic> {
        self.sweep()?;
        let folders = self.run.join(FOLDERS);
        // A generation that is put in place again (its owners have come to be known, a grace is over) cannot have the same folder.
        let name = (0..u32::MAX)
            .map(|again| match again {
                0 => generation.to_string(),
                _ => format!("{generation}.{again}"),
            })
            .find(|name| !folders.join(name).exists())
            .unwrap_or_default();
        folder::write(&folders.join(&name), &wanted.entries)?;
        Ok(name)
    }

    /// Makes the folder count: for secrets and templates in the same moment.
    pub(crate) fn switch(&self, name: &str) -> Result<(), Diagnostic> {
        files::link(&self.run.join(SECRETS_LINK), &Path::new(FOLDERS).join(name))
    }

    /// Makes the places elsewhere lead to their templates. Before the switch: what they lead to changes with it.
    pub(crate) fn link_templates(wanted: &Wanted) -> Result<(), Diagnostic> {
        for (place, target) in &wanted.links {
            if fs::read_link(place).ok().as_deref() == Some(target) {
                continue;
            }
            if let Some(folder) = place.parent()
                && !folder.exists()
            {
                files::folder(folder, 0o755)?;
            }
            files::link(place, target)?;
        }
        Ok(())
    }

    /// Takes away everything that is in place.
    pub(crate) fn clear(&self) -> Result<(), Diagnostic> {
        files::remove(&self.run.join(SECRETS_LINK))?;
        files::remove(&self.run.join("templates"))?;
        self.sweep()
    }

    /// Removes every folder that does not count.
    pub(crate) fn sweep(&self) -> Result<(), Diagnostic> {
        let current = self.current_name();
        let entries = fs::read_dir(self.run.join(FOLDERS))
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries {
            if Some(entry.file_name().to_string_lossy().into_owned()) == current {
                continue;
            }
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(cannot("remove", &path))?;
            steps::changed();
        }
        Ok(())
    }
}

/// Removes a link to a template that is not there any more. One that somebody has made into something else stays.
pub(crate) fn unlink_template(place: &Path) -> Result<(), Diagnostic> {
    match fs::read_link(place) {
        Ok(target) if target.starts_with(TEMPLATES_LINK) => files::remove(place),
        _ => Ok(()),
    }
}

fn lower_half(bytes: &[u8]) -> Option<u32> {
    let half = if cfg!(target_endian = "little") {
        bytes.get(..4)
    } else {
        bytes.get(bytes.len().checked_sub(4)?..)
    };
    half?.try_into().ok().map(u32::from_ne_bytes)
}

/// Whether something is mounted on a folder: it is on another device than the folder around it.
fn is_mounted(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    path.parent().and_then(device) != device(path)
}

/// Mounts memory: best what is never swapped out. A container may not mount at all, and its `/run` may be in memory anyway, so that this
/// fails only for what is not understood.
fn mount_memory(path: &Path) -> Result<(), Diagnostic> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for (kind, options) in [
        ("ramfs", c"mode=0711"),
        ("tmpfs", c"mode=0711,noswap"),
        ("tmpfs", c"mode=0711"),
    ] {
        if mount("infra-secrets", path, kind, flags, Some(options)).is_ok() {
            steps::changed();
            return Ok(());
        }
    }
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(refused("secrets are put in place by root alone").with_fix("call the agent as root (sudo)"))
}
