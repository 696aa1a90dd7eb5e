//! Where GRUB's files lie, and whether GRUB itself can write there.

use crate::host::Host;
use std::fs;

/// A line of `/proc/self/mountinfo`, see the manual of procfs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mount<'m> {
    device: &'m str,
    point: &'m str,
    kind: &'m str,
    source: &'m str,
}

impl<'m> Mount<'m> {
    fn parse(line: &'m str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ');
        let mut after = after.split(' ');
        Some(Self {
            device: before.nth(2)?,
            point: before.nth(1)?,
            kind: after.next()?,
            source: after.next()?,
        })
    }

    fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.point.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Folders that may be GRUB's: `/boot`, and those of mirrors (`boot.loader.grub.mirroredBoots`), which are named after it.
pub(super) fn folders(mounts: &str) -> Vec<String> {
    let mut folders = vec!["/boot".to_owned()];
    for mount in mounts.lines().filter_map(Mount::parse) {
        let is_known = folders.iter().any(|folder| folder == mount.point);
        if mount.point.starts_with("/boot") && !is_known {
            folders.push(mount.point.to_owned());
        }
    }
    folders
}

/// GRUB forgets `next_entry` by writing to its environment block before it boots. Where it cannot, «once» would be for ever.
pub(super) fn can_write(host: &Host, mounts: &str, path: &str) -> Result<(), String> {
    const WRITABLE: [&str; 5] = ["ext2", "ext3", "ext4", "vfat", "xfs"];
    let mount = mounts
        .lines()
        .filter_map(Mount::parse)
        .filter(|mount| mount.holds(path))
        .max_by_key(|mount| mount.point.len())
        .ok_or_else(|| format!("it is not known on which file system {path} is"))?;
    let Mount { kind, source, .. } = mount;
    if !WRITABLE.contains(&kind) || is_layered(host, &mount) {
        return Err(format!(
            "GRUB cannot write to {path} ({kind} on {source}), so it would never forget what to boot next"
        ));
    }
    Ok(())
}

/// LVM, RAID and whatever else the kernel makes of disks. Its name does not always say so (`/dev/group/volume`); that it is no device of its own does.
fn is_layered(host: &Host, mount: &Mount<'_>) -> bool {
    const LAYERED: [&str; 3] = ["/dev/dm-", "/dev/mapper/", "/dev/md"];
    let link = host.path(&format!("/sys/dev/block/{}", mount.device));
    let is_virtual = |link: std::path::PathBuf| link.iter().any(|part| part == "virtual");
    LAYERED.iter().any(|layer| mount.source.starts_with(layer))
        || fs::read_link(link).is_ok_and(is_virtual)
}

#[cfg(test)]
mod tests {
    use super::{can_write, folders};
    use crate::host::Host;
    use std::fs;
    use std::os::unix::fs::symlink;

    const MOUNTS: &str = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
        30 22 254:2 / /boot rw - KIND SOURCE rw\n\
        31 22 254:3 / /bootstrap rw - btrfs /dev/sdb rw\n";

    #[test]
    fn grub_writes_to_few_file_systems() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(Some(folder.path().to_owned()), None, true);
        let on = |kind: &str, source: &str| {
            let mounts = MOUNTS.replace("KIND", kind).replace("SOURCE", source);
            can_write(&host, &mounts, "/boot/grub/grubenv")
        };
        for kind in ["ext4", "vfat", "xfs"] {
            assert_eq!(on(kind, "/dev/vda2"), Ok(()), "{kind}");
        }
        for (kind, source) in [
            ("btrfs", "/dev/vda2"),
            ("zfs", "pool/boot"),
            ("f2fs", "/dev/vda2"),
            ("ext4", "/dev/mapper/vg-boot"),
            ("ext4", "/dev/md0"),
            ("ext4", "/dev/dm-0"),
        ] {
            let why = on(kind, source).unwrap_err();
            assert!(why.contains(kind) && why.contains(source), "{why}");
        }
        assert!(can_write(&host, "", "/boot/grub/grubenv").is_err());
        // Without a file system of its own it is on the root's.
        let root = MOUNTS.lines().next().unwrap();
        assert_eq!(can_write(&host, root, "/boot/grub/grubenv"), Ok(()));
        // An automount is below what it has mounted.
        let automount = format!("29 22 0:40 / /boot rw - autofs systemd-1 rw\n{MOUNTS}");
        let automount = automount.replace("KIND SOURCE", "vfat /dev/vda2");
        assert_eq!(can_write(&host, &automount, "/boot/grub/grubenv"), Ok(()));

        // A volume by its other name, and a disk.
        let devices = folder.path().join("sys/dev/block");
        fs::create_dir_all(&devices).unwrap();
        let device = devices.join("254:2");
        symlink(
            "../../devices/pci0000:00/0000:00:02.0/virtio1/block/vda/vda2",
            &device,
        )
        .unwrap();
        assert_eq!(on("ext4", "/dev/group/boot"), Ok(()));
        fs::remove_file(&device).unwrap();
        symlink("../../devices/virtual/block/dm-0", &device).unwrap();
        assert!(on("ext4", "/dev/group/boot").is_err());
    }

    #[test]
    fn a_mirror_has_a_folder_of_its_own() {
        assert_eq!(folders(""), ["/boot"]);
        let mirrors = MOUNTS.replace("/bootstrap", "/boot-fallback");
        assert_eq!(folders(&mirrors), ["/boot", "/boot-fallback"]);
    }
}
