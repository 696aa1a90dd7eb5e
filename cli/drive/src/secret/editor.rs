//! A secret in the editor of whoever runs infra: in memory while it is open, and nowhere afterwards.

use super::{ReadFault, Secret};
use crate::process::Tool;
use infra_model::{Code, Diagnostic, Place};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An editor, and where it may find what it edits.
#[derive(Debug, Clone)]
pub struct Editor {
    /// As a shell reads it: `code --wait` is a program with an argument.
    command: OsString,
    /// Folders that may be in memory, best first.
    folders: Vec<PathBuf>,
}

impl Editor {
    /// `$VISUAL`, `$EDITOR` or `vi`, on a file below `$XDG_RUNTIME_DIR` or `/dev/shm`.
    pub fn of_environment() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let command = set("VISUAL").or_else(|| set("EDITOR"));
        let runtime = set("XDG_RUNTIME_DIR").map(PathBuf::from);
        Self {
            command: command.unwrap_or_else(|| OsString::from("vi")),
            folders: runtime
                .into_iter()
                .chain([PathBuf::from("/dev/shm")])
                .collect(),
        }
    }

    /// Lets a person edit `before`, in a file called `name`, and returns what it became.
    pub async fn edit(&self, name: &str, before: &Secret) -> Result<Secret, Diagnostic> {
        let desk = Desk::in_memory(&self.folders)?;
        let file = desk.path().join(name);
        put(&file, before).map_err(|error| unwritable(&file, &error))?;
        let mut line = self.command.clone();
        line.push(" \"$1\"");
        // The second word is what the shell calls itself when the editor is not there.
        let shell = Tool::new("sh").args([OsString::from("-c"), line, "editor".into()]);
        let status = shell.arg(&file).run_on_terminal().await?;
        let after = if status.success() {
            read(&file, name)
        } else {
            Err(self.gave_up(&status.to_string()))
        };
        desk.clear()?;
        after
    }

    fn gave_up(&self, status: &str) -> Diagnostic {
        let command = self.command.to_string_lossy();
        Diagnostic::new(
            Code::CommandFailed,
            format!("the editor failed, and nothing was written: {command}"),
        )
        .with_cause(status.to_owned())
        .with_place(Place::file("environment"))
        .with_fix("set VISUAL or EDITOR to an editor that waits until the file is closed")
    }
}

/// A folder in memory that only its owner can enter. It is wiped and removed however the editing ends.
struct Desk {
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Desk {
    fn in_memory(folders: &[PathBuf]) -> Result<Self, Diagnostic> {
        let mut refused = Vec::new();
        for folder in folders {
            if !is_memory(folder) {
                refused.push(format!("{} is not in memory", folder.display()));
                continue;
            }
            match tempfile::Builder::new()
                .prefix("infra-")
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(folder)
            {
                Ok(made) => {
                    return Ok(Self {
                        path: made.path().to_owned(),
                        folder: Some(made),
                    });
                }
                Err(error) => refused.push(format!("{}: {error}", folder.display())),
            }
        }
        Err(Diagnostic::new(
            Code::Unsupported,
            "there is no place in memory to edit a secret in, and on a disk it would leave traces",
        )
        .with_cause(refused.join("\n"))
        .with_place(Place::file("environment"))
        .with_fix("set XDG_RUNTIME_DIR to a folder of yours on a tmpfs or ramfs, or pipe the content in: infra secret new"))
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// Wipes everything: editors leave copies beside the file.
    fn clear(mut self) -> Result<(), Diagnostic> {
        self.wipe().map_err(|error| {
            let path = self.path.display();
            Diagnostic::new(
                Code::SecretUnreadable,
                format!("a secret may be left in {path}"),
            )
            .with_cause(error.to_string())
            .with_place(Place::file(path.to_string()))
            .with_fix(format!("rm -r {path}"))
        })
    }

    fn wipe(&mut self) -> io::Result<()> {
        let Some(folder) = self.folder.take() else {
            return Ok(());
        };
        // What cannot be wiped is removed all the same.
        let wiped = overwrite_all(&self.path);
        folder.close().and(wiped)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Only where something else has failed, which is what is told then.
        let _ = self.wipe();
    }
}

/// Whether what is written there stays in memory.
fn is_memory(folder: &Path) -> bool {
    // Not in the C library's headers: linux/magic.h.
    const RAMFS: u32 = 0x8584_58f6;
    const TMPFS: u32 = 0x0102_1994;
    let Ok(found) = rustix::fs::statfs(folder) else {
        return false;
    };
    // Signed or not, wide or narrow, as the machine has it: the magic number is its lower half.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the lower half is meant"
    )]
    let kind = found.f_type as u32;
    matches!(kind, RAMFS | TMPFS)
}

fn put(file: &Path, content: &Secret) -> io::Result<()> {
    let mut made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    made.write_all(content.expose())
}

fn read(file: &Path, name: &str) -> Result<Secret, Diagnostic> {
    let gone = |error: &io::Error| {
        Diagnostic::new(
            Code::SecretUnreadable,
            format!("the editor left no file that can be read for `{name}`; nothing was written"),
        )
        .with_cause(error.to_string())
        .with_place(Place::file("environment"))
        .with_fix("save the file under the name it was opened with")
    };
    let open = fs::File::open(file).map_err(|error| gone(&error))?;
    Secret::read(open, &format!("`{name}`")).map_err(|fault| match fault {
        ReadFault::Io(error) => gone(&error),
        ReadFault::TooLarge(fault) => *fault,
    })
}

fn unwritable(file: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::DiskFull,
        format!("{} cannot be written", file.display()),
    )
    .with_cause(error.to_string())
    .with_place(Place::file(file.display().to_string()))
    .with_fix("make room there, or set XDG_RUNTIME_DIR to another folder in memory")
}

fn overwrite_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            overwrite_all(&entry.path())?;
        } else if kind.is_file() {
            let mut file = OpenOptions::new().write(true).open(entry.path())?;
            let mut zeros = io::Read::take(io::repeat(0), entry.metadata()?.len());
            io::copy(&mut zeros, &mut file)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
