//! Test hosts, the operator's machine, and repositories to deploy: development only.
//!
//! ```no_run
//! use infra_testkit::{HostKind, Lab, Repo, Run, Store};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lab = Lab::builder()
//!     .host("web", HostKind::Systemd)
//!     .host("db", HostKind::Plain(Store::Dir))
//!     .up()?;
//! let repo = Repo::from_example(&lab, "pair")?;
//! let deployed = lab.infra()?.args(["deploy", "web"]).current_dir(repo.path()).run(Duration::from_secs(60))?;
//! assert_eq!(deployed.code(), Some(0));
//! lab.host("web").partition()?;
//! # Ok(())
//! # }
//! ```
//!
//! A host is (machines aside, which are emulated from the firmware up) a set of namespaces over one shared, read-only Debian tree, with its own `/nix`, network
//! and sshd, and, if it is to have units, a real systemd. It never touches the machine: no
//! interface, mount or address is added to the machine's own namespaces (but for one file per
//! network namespace below the lab's folder), and the machine's `/nix` is only ever mounted over
//! inside private mount namespaces.
//!
//! Never: used by the product. It kills, cuts and fills things for a living.

mod cgroup;
mod config;
mod controller;
mod e2e;
mod files;
mod host;
mod keys;
mod lab;
mod lock;
mod network;
mod places;
mod proc;
mod repo;
mod seed;
mod state;
mod teardown;

pub mod process;

pub use config::{
    Body, ConfigError, HostConfig, HostKind, HostRequest, LabConfig, MAX_HOSTS, Store,
};
pub use controller::ControllerError;
pub use e2e::e2e_wanted;
pub use files::FileError;
pub use host::{Host, HostError, PERSISTENT_FOLDERS};
pub use keys::KeyError;
pub use lab::{Lab, LabBuilder, UpError, infra_binary, live_labs};
pub use lock::{Inputs, LockError, LockedPath, checkout};
pub use network::{CONTROLLER_ADDRESS, NetworkError};
pub use places::{Places, PlacesError, ROOTFS_PACKAGES, check_root};
pub use process::{Finished, ProcessError, Run, Running, process};
pub use repo::{Repo, RepoError, machine_hardware, pin};
pub use rustix::process::Signal;
pub use state::StateError;
pub use teardown::{Swept, TeardownError, mounts_below, sweep};
