//! Where things are on the host, and how the agent behaves on it.

use crate::fault::cannot;
use infra_model::Diagnostic;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use std::path::{Path, PathBuf};

/// The host, or a folder that is made to look like one.
#[derive(Debug)]
pub(crate) struct Host {
    root: PathBuf,
    identity: PathBuf,
    on_disk: bool,
}

impl Host {
    pub(crate) fn new(root: Option<PathBuf>, identity: Option<PathBuf>, on_disk: bool) -> Self {
        let root = root.unwrap_or_else(|| PathBuf::from("/"));
        let identity = identity.unwrap_or_else(|| root.join("etc/ssh/ssh_host_ed25519_key"));
        Self {
            root,
            identity,
            on_disk,
        }
    }

    /// Whether this is the machine we run on: only there is something mounted, and units are touched.
    pub(crate) fn is_this_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Whether it has a systemd that may be asked.
    pub(crate) fn has_systemd(&self) -> bool {
        self.is_this_machine() && Path::new("/run/systemd/system").is_dir()
    }

    /// Whether secrets may be unpacked to a disk.
    pub(crate) fn may_use_disk(&self) -> bool {
        self.on_disk && !self.is_this_machine()
    }

    /// The host's SSH key.
    pub(crate) fn identity(&self) -> &Path {
        &self.identity
    }

    /// The words that make another call of the agent act on the same host.
    pub(crate) fn words(&self) -> Vec<std::ffi::OsString> {
        let mut words = Vec::new();
        if !self.is_this_machine() {
            words.extend(["--root".into(), self.root.clone().into_os_string()]);
        }
        words.extend(["--identity".into(), self.identity.clone().into_os_string()]);
        if self.on_disk {
            words.push("--on-disk".into());
        }
        words
    }

    /// A path of the host.
    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// Where generations are kept sealed.
    pub(crate) fn sealed(&self) -> PathBuf {
        self.path("/var/lib/infra/secrets")
    }

    /// Where changes are kept.
    pub(crate) fn changes(&self) -> PathBuf {
        self.path("/var/lib/infra/change")
    }

    /// Where the link to the unpacked generation is, and everything else that a reboot forgets.
    pub(crate) fn run(&self) -> PathBuf {
        self.path("/run/infra")
    }
}

/// Only root can give files away; a test that is not root sees everything else.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// From here on nothing of this process can be read by others: not the files it makes before it says so, not its memory, not a core.
///
/// The opposite for programs that have nothing to do with secrets is [`be_ordinary`].
pub(crate) fn keep_to_ourselves() -> Result<(), Diagnostic> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(cannot("switch off core dumps of", Path::new("itself")))
}

/// For a program that makes files for everybody: an activation. The way cores go is the system's again, as far as we may say so.
pub(crate) fn be_ordinary() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let usual = Rlimit {
        current: Some(0),
        maximum: None,
    };
    // Only root can take back a limit; without, there are no cores of what it starts.
    let _ = rustix::process::setrlimit(Resource::Core, usual);
}
