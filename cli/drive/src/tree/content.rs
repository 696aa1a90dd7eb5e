//! The content of one file, written into the store, and what should be known about it.

use super::broken;
use super::walk::unreadable;
use gix::objs::Write as _;
use infra_model::{Code, Diagnostic, Place};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Larger files are told about: each new tree of a host is copied into the Nix store whole.
const LARGE: u64 = 64 << 20;
/// Larger files are written as they are read. Smaller ones are held in memory, to look first whether the store has them.
const STREAMED: u64 = 4 << 20;
/// How every pointer of Git LFS begins, and what none is longer than.
const LFS_BEGINS: &[u8] = b"version https://git-lfs.github.com/spec/";
const LFS_LONGEST: usize = 1024;

/// A file in the store.
pub(super) struct Written {
    pub(super) id: gix::ObjectId,
    /// Whether it need not be read again while its times stay the same.
    pub(super) is_final: bool,
    pub(super) warning: Option<Diagnostic>,
}

/// Writes a file or the target of a link.
pub(super) fn write(
    store: &gix::Repository,
    root: &Path,
    path: &Path,
    meta: &Metadata,
) -> Result<Written, Diagnostic> {
    let file = root.join(path);
    if meta.is_file() && meta.len() > STREAMED {
        let id = stream(store, &file, meta.len()).map_err(|error| match error {
            StreamError::Read(error) => unreadable(path, &error),
            StreamError::Write(error) => broken("written", error),
        })?;
        return Ok(Written {
            id,
            is_final: true,
            warning: None,
        });
    }
    let content = if meta.is_symlink() {
        fs::read_link(&file).map(|target| target.as_os_str().as_bytes().to_vec())
    } else {
        fs::read(&file)
    };
    let content = content.map_err(|error| unreadable(path, &error))?;
    let id = store
        .write_blob(&content)
        .map_err(|error| broken("written", error))?
        .detach();
    let is_pointer = meta.is_file() && is_lfs_pointer(&content);
    Ok(Written {
        id,
        // A remembered file is not looked into, and this one must be told of each time.
        is_final: !is_pointer,
        warning: is_pointer.then(|| lfs_pointer(path)),
    })
}

enum StreamError {
    Read(std::io::Error),
    Write(Box<dyn std::error::Error + Send + Sync>),
}

/// Counts what is read, and keeps why it ended.
struct Counted {
    file: File,
    left: u64,
    failed: Option<std::io::Error>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..room) else {
            return Ok(0);
        };
        match self.file.read(buffer) {
            Ok(read) => {
                self.left = self.left.saturating_sub(read as u64);
                Ok(read)
            }
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// Writes a file without holding it in memory. Its size stands before its content, so a file that shrinks meanwhile is an error.
fn stream(store: &gix::Repository, path: &Path, size: u64) -> Result<gix::ObjectId, StreamError> {
    let mut source = Counted {
        file: File::open(path).map_err(StreamError::Read)?,
        left: size,
        failed: None,
    };
    let written = store
        .objects
        .write_stream(gix::objs::Kind::Blob, size, &mut source);
    if let Some(error) = source.failed {
        return Err(StreamError::Read(error));
    }
    let id = written.map_err(|error| StreamError::Write(error.to_string().into()))?;
    if source.left > 0 {
        return Err(StreamError::Read(std::io::Error::other(
            "it became smaller while it was read",
        )));
    }
    Ok(id)
}

fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() <= LFS_LONGEST && content.starts_with(LFS_BEGINS)
}

fn lfs_pointer(path: &Path) -> Diagnostic {
    let file = path.to_string_lossy();
    Diagnostic::new(
        Code::LfsPointer,
        format!("{file} is a pointer of Git LFS, not the file it stands for"),
    )
    .with_cause("it was never fetched; an evaluation reads the pointer as it lies there")
    .with_place(Place::file(&*file))
    .with_fix("git lfs pull")
}

/// A warning about a file that every tree has to carry.
pub(super) fn too_large(path: &Path, meta: &Metadata) -> Option<Diagnostic> {
    (meta.is_file() && meta.len() > LARGE).then(|| {
        let file = path.to_string_lossy();
        Diagnostic::new(
            Code::LargeFile,
            format!("{file} is {} MiB large", meta.len() >> 20),
        )
        .with_cause("whenever anything changes that a host reads, Nix copies all that the host reads into its store anew, this file with it")
        .with_place(Place::file(&*file))
        .with_fix("fetch it in the configuration by its address and hash (pkgs.fetchurl), or add it to .gitignore")
    })
}
