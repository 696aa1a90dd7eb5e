//! A folder that is opened once and used by its handle, so that nothing below it is reached through a symbolic link.
//!
//! Whoever can push to the repository could otherwise place a link where a secret is written or read.

use infra_model::{Code, Diagnostic, Place};
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// An open folder.
pub(super) struct Folder {
    handle: OwnedFd,
    /// As the user knows it: `secrets/shared`.
    shown: String,
}

impl Folder {
    /// The root, which may lie behind links: the user named it.
    pub(super) fn root(path: &Path) -> Result<Self, Diagnostic> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| unreadable(&path.display().to_string(), &error.to_string()))?;
        Ok(Self {
            handle,
            shown: String::new(),
        })
    }

    /// A folder in this one; `None` if it is not there.
    pub(super) fn child(&self, name: &str) -> Result<Option<Self>, Diagnostic> {
        let shown = self.name_of(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => Ok(Some(Self { handle, shown })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(no_folder(&shown)),
            Err(error) => Err(unreadable(&shown, &error.to_string())),
        }
    }

    /// The same, made if it is not there.
    pub(super) fn child_or_new(&self, name: &str) -> Result<Self, Diagnostic> {
        if let Some(folder) = self.child(name)? {
            return Ok(folder);
        }
        let shown = self.name_of(name);
        match rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(unwritable(&shown, &error.to_string())),
        }
        self.child(name)?
            .ok_or_else(|| unwritable(&shown, "it vanished as soon as it was made"))
    }

    /// The content of a file; `None` if it is not there.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, Diagnostic> {
        let shown = self.name_of(name);
        // Without NONBLOCK a pipe that somebody put there would hold us for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let handle = match rustix::fs::openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(no_file(&shown)),
            Err(error) => return Err(unreadable(&shown, &error.to_string())),
        };
        let file = File::from(handle);
        let meta = file
            .metadata()
            .map_err(|error| unreadable(&shown, &error.to_string()))?;
        if !meta.is_file() {
            return Err(no_file(&shown));
        }
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(&shown, &error.to_string()))?;
        if bytes.len() > limit {
            return Err(unreadable(
                &shown,
                &format!("it is larger than {limit} bytes"),
            ));
        }
        Ok(Some(bytes))
    }

    /// Writes a new file and waits until it is on the disk. What had the name before is replaced, whatever it was.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let shown = self.name_of(name);
        let fault = |error: &dyn std::fmt::Display| unwritable(&shown, &error.to_string());
        self.remove(name)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&self.handle, name, flags, Mode::from_raw_mode(0o644))
            .map_err(|error| fault(&error))?;
        let mut file = File::from(handle);
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| fault(&error))
    }

    /// Gives a file another name, in place of what had it.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Diagnostic> {
        rustix::fs::renameat(&self.handle, from, &self.handle, to)
            .map_err(|error| unwritable(&self.name_of(to), &error.to_string()))
    }

    /// Removes a file; says whether it was there.
    pub(super) fn remove(&self, name: &str) -> Result<bool, Diagnostic> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(unwritable(&self.name_of(name), &error.to_string())),
        }
    }

    /// Waits until the names are on the disk.
    pub(super) fn sync(&self) -> Result<(), Diagnostic> {
        rustix::fs::fsync(&self.handle).map_err(|error| unwritable(&self.shown, &error.to_string()))
    }

    /// Waits for its lock, which is held as long as the folder is open.
    pub(super) fn lock(&self, alone: bool) -> Result<(), Diagnostic> {
        let how = if alone {
            FlockOperation::LockExclusive
        } else {
            FlockOperation::LockShared
        };
        loop {
            return match rustix::fs::flock(&self.handle, how) {
                Err(Errno::INTR) => continue,
                // A file system without locks: two runs at once are then the user's to avoid.
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::NOSYS) => Ok(()),
                Err(error) => Err(unwritable(&self.shown, &error.to_string())),
            };
        }
    }

    /// The names of all files and folders in it, sorted. Names that are no UTF-8 are none of ours.
    pub(super) fn names(&self) -> Result<Vec<String>, Diagnostic> {
        let fault = |error: Errno| unreadable(&self.shown, &error.to_string());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn name_of(&self, name: &str) -> String {
        if self.shown.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.shown)
        }
    }
}

fn unreadable(shown: &str, cause: &str) -> Diagnostic {
    Diagnostic::new(Code::UnreadableFile, format!("`{shown}` cannot be read"))
        .with_cause(cause)
        .with_place(Place::file(shown))
        .with_fix("see the cause; you need the right to read it")
}

fn unwritable(shown: &str, cause: &str) -> Diagnostic {
    Diagnostic::new(
        Code::StateUnwritable,
        format!("`{shown}` cannot be written"),
    )
    .with_cause(cause)
    .with_place(Place::file(shown))
    .with_fix("see the cause; you need the right to write there, and room on the disk")
}

fn no_folder(shown: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnreadableFile,
        format!("`{shown}` is not a folder of the repository"),
    )
    .with_cause(
        "it is a symbolic link or a file, and secrets are never read or written through links",
    )
    .with_place(Place::file(shown))
    .with_fix("put a real folder in its place")
}

fn no_file(shown: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnreadableFile,
        format!("`{shown}` is not a file of the repository"),
    )
    .with_cause("it is a symbolic link or something else, and secrets are never read through links")
    .with_place(Place::file(shown))
    .with_fix("put a real file in its place")
}
