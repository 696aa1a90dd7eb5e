//! Folders with all that is below them, without following a link.

use crate::look::{Hits, Look};
use infra_model::poison::Spot;
use rustix::fs::{Mode, OFlags, SeekFrom};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// File systems that are no files, or not this machine's. From linux/magic.h.
const NOT_OURS: [(u32, &str); 23] = [
    (0x0000_9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x0000_1cd1, "devpts"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0x7363_6673, "securityfs"),
    (0xcafe_4a11, "bpf"),
    (0x1980_0202, "mqueue"),
    (0x6265_6570, "configfs"),
    (0x6165_676c, "pstore"),
    (0xde5e_81e4, "efivarfs"),
    (0x6759_6969, "rpc_pipefs"),
    (0x6e73_6673, "nsfs"),
    (0x8584_58f6, "ramfs"),
    (0x9584_58f6, "hugetlbfs"),
    (0x0000_0187, "autofs"),
    (0x6573_5546, "fuse"),
    (0x0000_6969, "nfs"),
    (0xfe53_4d42, "smb"),
    (0xff53_4d42, "cifs"),
    (0x00c3_6400, "ceph"),
];

/// Reads a file, or everything below a folder, but for what is to be skipped. Other file systems mounted below are entered if they are disks or
/// memory of this machine.
pub fn search(look: &mut Look<'_>, root: &Path, skip: &dyn Fn(&Path) -> bool) {
    let device = fs::symlink_metadata(root).map(|found| found.dev());
    let mut open: Vec<(PathBuf, u64)> = vec![(root.to_owned(), device.unwrap_or_default())];
    while let Some((path, around)) = open.pop() {
        if skip(&path) {
            continue;
        }
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) => {
                look.unreadable(&error);
                continue;
            }
        };
        search_name(look, &path);
        if found.is_file() {
            if let Err(error) = search_file(look, &path) {
                look.unreadable(&error);
            }
        } else if found.is_dir() {
            if found.dev() != around
                && let Some(kind) = not_ours(&path)
            {
                look.looked
                    .left_out
                    .push(format!("{} ({kind})", path.display()));
                continue;
            }
            match fs::read_dir(&path) {
                Ok(entries) => {
                    open.extend(entries.flatten().map(|entry| (entry.path(), found.dev())));
                }
                Err(error) => look.unreadable(&error),
            }
        }
    }
}

fn not_ours(path: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    // The magic number is the lower half of what may be signed.
    let kind = u32::try_from(kind & 0xffff_ffff).ok()?;
    NOT_OURS
        .iter()
        .find(|(magic, _)| *magic == kind)
        .map(|(_, name)| *name)
}

/// A file may be named after a secret.
fn search_name(look: &mut Look<'_>, path: &Path) {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let folder = path.parent().unwrap_or(Path::new("/"));
    // Reading from memory does not fail.
    let _ = look.read(&mut &*name, &|_| Spot::Name {
        folder: folder.display().to_string(),
    });
}

fn search_file(look: &mut Look<'_>, path: &Path) -> io::Result<()> {
    // Not blocking: what was a file a moment ago may be a pipe that nobody writes to.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(());
    }
    look.looked.files += 1;
    let spot = |offset| Spot::File {
        path: path.display().to_string(),
        offset,
    };
    if has_holes(&found) {
        let mut hits = Hits::default();
        let read = read_around_holes(look, &mut file, &mut hits);
        look.note(hits, &spot);
        read
    } else {
        look.read(&mut file, &spot)
    }
}

/// Such as /var/log/lastlog, which may pretend to be larger than the disk.
fn has_holes(found: &Metadata) -> bool {
    found.blocks() * 512 + 4096 < found.size()
}

fn read_around_holes(look: &mut Look<'_>, file: &mut File, hits: &mut Hits) -> io::Result<()> {
    let mut scan = look.search.scan();
    let mut at = 0;
    loop {
        let begin = match rustix::fs::seek(&*file, SeekFrom::Data(at)) {
            Ok(begin) => begin,
            Err(rustix::io::Errno::NXIO) => return Ok(()),
            // This file system knows no holes; a compressed file looks the same from here.
            Err(_) => {
                rustix::fs::seek(&*file, SeekFrom::Start(at))?;
                return look.read_part(&mut scan, file, hits);
            }
        };
        let end = rustix::fs::seek(&*file, SeekFrom::Hole(begin))?;
        rustix::fs::seek(&*file, SeekFrom::Start(begin))?;
        if begin > at {
            scan.skip_to(begin);
        }
        look.read_part(
            &mut scan,
            &mut (&*file).take(end.saturating_sub(begin)),
            hits,
        )?;
        if end <= at {
            return Ok(());
        }
        at = end;
    }
}
