//! Reads systems for a plan: from this machine's store where they are there, else from the host.
//!
//! What runs on a host mostly was deployed from here and is still in the local store; then the host is asked for nothing but which paths it lacks
//! and which units are active. Otherwise it tells its closure and its `/etc` in the same round trip, and the texts that are needed in a second one.

mod disk;
mod told;

use crate::nix;
use crate::process::Stop;
use crate::ssh::Connection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use disk::{Here, walk};
use infra_model::snapshot::{Boot, EtcKind, Presence, SHOWN, Snapshot, asked};
use infra_model::{Code, Diagnostic, StorePath};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use told::Told;

const LOOK: &str = include_str!("../scripts/look.sh");
const READ: &str = include_str!("../scripts/read.sh");

/// Contents of more than this are not read, all files of one side together.
const READ_AT_MOST: u64 = 16 << 20;

/// Everything `infra_plan::diff` compares.
#[derive(Debug, Clone, Default)]
pub struct Systems {
    /// What runs; `None` if there is no such system, or nobody has it.
    pub before: Option<Snapshot>,
    /// What is planned.
    pub after: Snapshot,
    /// What the host says.
    pub presence: Presence,
}

/// A system that was looked at.
struct Looked {
    snapshot: Snapshot,
    /// Where each file really is.
    files: BTreeMap<String, String>,
    is_here: bool,
}

/// Whether a system is in this machine's store.
pub fn is_here(system: &StorePath) -> bool {
    Path::new(system.as_str()).exists()
}

/// Reads `after`, which must be in this machine's store (see [`is_here`]), and `before`, wherever it is. Without a connection the host is asked
/// nothing.
///
/// Errors: the store or the connection fails. What a host cannot tell is left out of the answer.
pub async fn read(
    before: Option<&StorePath>,
    after: &StorePath,
    connection: Option<&Connection>,
    stop: Stop,
) -> Result<Systems, Diagnostic> {
    let mut new = look_here(after, stop.clone()).await?;
    let mut old = match before {
        Some(system) if is_here(system) => Some(look_here(system, stop.clone()).await?),
        _ => None,
    };
    let mut presence = Presence::default();
    if let Some(connection) = connection {
        let far = before.filter(|_| old.is_none());
        let closure = new.snapshot.closure.iter().flat_map(BTreeMap::keys);
        let told = look_there(connection, far, closure, stop.clone()).await?;
        presence = told.presence();
        if let Some(system) = far.filter(|system| told.knows(system)) {
            old = Some(Looked::there(system, &told));
        }
    }
    let nothing = Snapshot::default();
    let wanted = asked(
        old.as_ref().map_or(&nothing, |old| &old.snapshot),
        &new.snapshot,
    );
    new.read_here(&wanted);
    if let Some(old) = &mut old {
        match connection {
            Some(connection) if !old.is_here => old.read_there(&wanted, connection, stop).await?,
            _ => old.read_here(&wanted),
        }
    }
    Ok(Systems {
        before: old.map(|old| old.snapshot),
        after: new.snapshot,
        presence,
    })
}

async fn look_here(system: &StorePath, stop: Stop) -> Result<Looked, Diagnostic> {
    let (etc, files) = walk(&Here, &format!("{system}/etc"));
    let leads_to = |name: &str| {
        let link = fs::read_link(format!("{system}/{name}")).ok()?;
        Some(link.to_string_lossy().into_owned())
    };
    let boot = Boot {
        kernel: leads_to("kernel"),
        initrd: leads_to("initrd"),
        modules: leads_to("kernel-modules"),
        params: fs::read_to_string(format!("{system}/kernel-params"))
            .ok()
            .map(|text| text.trim().to_owned()),
    };
    Ok(Looked {
        snapshot: Snapshot {
            closure: Some(nix::sizes(system, stop).await?),
            etc,
            boot,
        },
        files,
        is_here: true,
    })
}

async fn look_there(
    connection: &Connection,
    system: Option<&StorePath>,
    closure: impl Iterator<Item = &StorePath>,
    stop: Stop,
) -> Result<Told, Diagnostic> {
    let list = listed(closure.map(StorePath::as_str));
    let argument = system.map_or("", StorePath::as_str);
    let remote = connection
        .script_with_input(LOOK, &[argument], list.as_bytes(), stop)
        .await?;
    if !remote.succeeded() {
        return Err(cannot_look(&remote.stderr));
    }
    Ok(Told::parse(&remote.stdout))
}

/// A line for each.
fn listed<'p>(paths: impl Iterator<Item = &'p str>) -> String {
    paths.flat_map(|path| [path, "\n"]).collect()
}

fn cannot_look(said: &str) -> Diagnostic {
    Diagnostic::new(Code::CommandFailed, "the host does not tell what it has")
        .with_cause(said.trim().to_owned())
        .with_fix("the host needs a POSIX shell and a folder for temporary files")
}

impl Looked {
    fn there(system: &StorePath, told: &Told) -> Self {
        let (etc, files) = walk(told, &format!("{system}/etc"));
        Self {
            snapshot: Snapshot {
                closure: told.closure(),
                etc,
                boot: told.boot(),
            },
            files,
            is_here: false,
        }
    }

    /// The files whose contents are wanted and not too large, with where they are.
    fn wanted(&self, asked: &BTreeSet<String>) -> Vec<(String, String)> {
        let mut left = READ_AT_MOST;
        let mut wanted = Vec::new();
        for name in asked {
            let (Some(entry), Some(real)) = (self.snapshot.etc.get(name), self.files.get(name))
            else {
                continue;
            };
            if let EtcKind::File { bytes, .. } = entry.kind
                && bytes <= SHOWN.min(left)
            {
                left -= bytes;
                wanted.push((name.clone(), real.clone()));
            }
        }
        wanted
    }

    fn keep(&mut self, name: &str, read: Vec<u8>) {
        if let Some(entry) = self.snapshot.etc.get_mut(name)
            && let EtcKind::File { content, .. } = &mut entry.kind
        {
            *content = Some(read);
        }
    }

    fn read_here(&mut self, asked: &BTreeSet<String>) {
        for (name, real) in self.wanted(asked) {
            // What cannot be read is told of as such.
            if let Ok(content) = fs::read(&real) {
                self.keep(&name, content);
            }
        }
    }

    async fn read_there(
        &mut self,
        asked: &BTreeSet<String>,
        connection: &Connection,
        stop: Stop,
    ) -> Result<(), Diagnostic> {
        let wanted = self.wanted(asked);
        if wanted.is_empty() {
            return Ok(());
        }
        let places: BTreeSet<&String> = wanted.iter().map(|(_, real)| real).collect();
        let list = listed(places.into_iter().map(String::as_str));
        let remote = connection
            .script_with_input(READ, &[], list.as_bytes(), stop)
            .await?;
        if !remote.succeeded() {
            return Err(cannot_look(&remote.stderr));
        }
        let contents: BTreeMap<&str, &str> = remote
            .stdout
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .collect();
        for (name, real) in &wanted {
            let content = contents
                .get(real.as_str())
                .and_then(|text| STANDARD.decode(text).ok());
            if let Some(content) = content {
                self.keep(name, content);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{LOOK, READ};
    use crate::process::Stop;
    use crate::snapshot::told::Told;

    /// Runs a script of ours with the tools of this machine.
    async fn run(script: &str, args: &[&str], input: &str) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("input");
        std::fs::write(&file, input).expect("writable");
        let line = format!("exec <'{}'; {script}", file.display());
        let ended = crate::process::Tool::new("sh")
            .args(["-c", &line, "infra"])
            .args(args.iter().copied())
            .run(Stop::never(), &mut |_| {})
            .await
            .expect("a shell");
        assert!(ended.status.success());
        ended.stdout
    }

    #[tokio::test]
    async fn a_host_without_nix_and_systemd_says_nothing_wrong() {
        let told = Told::parse(&run(LOOK, &[""], "").await);
        assert_eq!(told.presence().lacks, None);
        assert_eq!(told.closure(), None);
    }

    #[tokio::test]
    async fn only_files_of_the_store_are_read() {
        let said = run(READ, &[], "/etc/passwd\n/nix/store/none\n").await;
        assert_eq!(said, "");
    }
}
