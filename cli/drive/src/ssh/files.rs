//! The files of a connection: configuration, pinned keys, and the sockets of masters.
//!
//! They lie in a folder that is locked while its process lives. What a killed one has left (the folder, and perhaps a master in the background)
//! the next one that connects clears up.

use super::master::end_left;
use super::{Target, config_text, known_hosts_text};
use crate::temporary::{Folder, Left, left_in};
use infra_model::{Code, Diagnostic};
use rustix::process::geteuid;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// How the folders are called. (Earlier versions called theirs `infra-ssh-`, and lock none: those say nothing of whether they are needed.)
const PREFIX: &str = "infra-connection-";

/// How long the path of the folder above may be: with ours, the name of a socket and the ending that ssh gives it for a moment it has to stay below
/// 108 bytes.
const LONGEST: usize = 40;

/// Files a connection needs. Gone when dropped.
#[derive(Debug)]
pub(super) struct Files {
    folder: Folder,
}

impl Files {
    /// Writes configuration and pinned keys for `target`.
    pub(super) async fn write(target: &Target) -> Result<Self, Diagnostic> {
        static CLEARED_UP: OnceCell<()> = OnceCell::const_new();
        let unwritable = |error: io::Error| unwritable(&error);
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places = places(runtime, std::env::temp_dir());
        CLEARED_UP.get_or_init(|| clear_up(&places)).await;
        let files = Self {
            folder: folder_in(&places).map_err(unwritable)?,
        };
        fs::write(files.known_hosts(), known_hosts_text(target)).map_err(unwritable)?;
        let text = config_text(target, &files.known_hosts(), &user_configs());
        fs::write(files.config(), text).map_err(unwritable)?;
        Ok(files)
    }

    /// For `ssh -F`.
    pub(super) fn config(&self) -> PathBuf {
        self.path("config")
    }

    fn known_hosts(&self) -> PathBuf {
        self.path("known_hosts")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Where the folders may lie, best first: where the user's sockets belong, if there is such a place, and among temporary files.
fn places(runtime: Option<PathBuf>, temporary: PathBuf) -> Vec<PathBuf> {
    let runtime = runtime.filter(|dir| is_own(dir));
    let all = runtime.into_iter().chain([temporary]);
    let mut places: Vec<PathBuf> = all.filter(|dir| fits(dir)).collect();
    if places.is_empty() {
        places.push(PathBuf::from("/tmp"));
    }
    places
}

/// Whether a folder is this user's alone. A variable that came along with `sudo` names somebody else's.
fn is_own(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|meta| {
        meta.is_dir() && meta.uid() == geteuid().as_raw() && meta.mode() & 0o777 == 0o700
    })
}

/// Nix splits ssh's options at spaces, and ssh reads what follows a `%`.
fn fits(dir: &Path) -> bool {
    let text = dir.to_string_lossy();
    dir.is_absolute() && dir.as_os_str().len() <= LONGEST && !text.contains([' ', '%', '"'])
}

fn folder_in(places: &[PathBuf]) -> io::Result<Folder> {
    let mut made = Err(io::Error::from(io::ErrorKind::NotFound));
    for place in places {
        made = Folder::new(place, PREFIX);
        if made.is_ok() {
            break;
        }
    }
    made
}

/// Ends and removes what killed processes of this user have left.
async fn clear_up(places: &[PathBuf]) {
    let mut ending = JoinSet::new();
    for place in places {
        for left in left_in(place, PREFIX) {
            ending.spawn(remove(left));
        }
    }
    ending.join_all().await;
}

async fn remove(left: Left) {
    for entry in fs::read_dir(left.path()).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_socket()) && !end_left(&entry.path()).await {
            // Nobody would find that master without its socket.
            return;
        }
    }
    left.remove();
}

pub(super) fn unwritable(error: &io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::StateUnwritable,
        "cannot write the files an SSH connection needs",
    )
    .with_cause(error.to_string())
    .with_fix("make the folder for temporary files (TMPDIR, /tmp) writable")
}

/// The user's own ssh configuration, read after ours: `INFRA_SSH_CONFIG` instead of `~/.ssh/config` if it is set, then the system's.
fn user_configs() -> Vec<PathBuf> {
    let own = match std::env::var_os("INFRA_SSH_CONFIG") {
        Some(file) => Some(PathBuf::from(file)),
        None => std::env::home_dir().map(|home| home.join(".ssh/config")),
    };
    own.into_iter()
        .chain([PathBuf::from("/etc/ssh/ssh_config")])
        .filter(|file| file.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, PREFIX, clear_up, folder_in, places};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};

    #[test]
    fn sockets_lie_where_they_fit_and_are_the_users_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = dir.path().join("run");
        fs::create_dir(&runtime).expect("writable");
        let allow = |mode| {
            fs::set_permissions(&runtime, Permissions::from_mode(mode)).expect("ours");
        };
        let tmp = || PathBuf::from("/tmp");
        let of = |runtime: &Path, temporary: &str| {
            places(Some(runtime.to_owned()), PathBuf::from(temporary))
        };
        allow(0o700);
        assert_eq!(of(&runtime, "/tmp"), [runtime.clone(), tmp()]);
        // It is somebody else's, which only root can make of it.
        if chown(&runtime, Some(1), None).is_ok() {
            assert_eq!(of(&runtime, "/tmp"), [tmp()]);
            chown(&runtime, Some(0), None).expect("root");
        }
        // Anybody may enter; it is not there.
        allow(0o755);
        assert_eq!(of(&runtime, "/tmp"), [tmp()]);
        assert_eq!(of(Path::new("/nowhere"), "/tmp"), [tmp()]);
        assert_eq!(places(None, tmp()), [tmp()]);
        for unfit in [
            "/a b",
            "/a%h",
            "relative",
            &format!("/{}", "a".repeat(LONGEST)),
        ] {
            assert_eq!(places(None, unfit.into()), [tmp()], "{unfit}");
        }
        // What ssh calls a socket while it makes it, of a host with many addresses behind another one.
        let ending = "/master-100-jump.0123456789abcdef";
        assert!(LONGEST + "/".len() + PREFIX.len() + 6 + ending.len() < 108);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_not_the_last() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = [dir.path().join("gone"), dir.path().to_owned()];
        let folder = folder_in(&all).expect("made");
        assert_eq!(folder.path().parent(), Some(dir.path()));
        assert!(folder_in(&all[..1]).is_err());
        assert!(folder_in(&[]).is_err());
    }

    /// Of a master that is still there, see the tests with real ones.
    #[tokio::test]
    async fn the_socket_of_a_master_that_is_gone_keeps_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let held = folder_in(&[dir.path().to_owned()]).expect("made");
        let left = dir.path().join(format!("{PREFIX}left"));
        fs::create_dir(&left).expect("writable");
        drop(UnixListener::bind(left.join("master-0")).expect("bound"));
        assert!(left.join("master-0").exists());
        clear_up(&[dir.path().to_owned()]).await;
        assert!(!left.exists());
        assert!(held.path().is_dir());
    }
}
