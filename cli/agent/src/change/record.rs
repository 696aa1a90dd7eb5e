//! A change as it is kept on disk: the order, how far it is, its log. Whoever reads it needs no lock: files appear whole.

use super::clock;
use super::locks::open_lock;
use super::once::Once;
use super::system::{self, Now};
use crate::fault::cannot;
use crate::files;
use crate::host::Host;
use crate::steps;
use crate::wall;
use infra_model::change::{
    CHANGE_SCHEMA, ChangeEnd, ChangePhase, ChangeStatus, Order, ProbeResult,
};
use infra_model::{Code, Diagnostic};
use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How many changes are kept, to tell of them.
const KEPT: usize = 5;
/// How many staged bundles that no order ever came for.
const STAGED: usize = 4;
/// Held back for the way out of a full disk.
const ROOM: usize = 256 << 10;

/// An order, with what the host says of the moment it came.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kept {
    schema: u32,
    /// Changes of this host, counted: clocks go wrong.
    pub(crate) number: u64,
    /// The boot in which it began.
    pub(crate) boot: Option<String>,
    /// Seconds since 1970, as the clock on the wall was then.
    pub(crate) since: u64,
    /// Seconds since boot; agents of before did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begun: Option<u64>,
    /// Where the session that brought it looks for programs.
    pub(crate) path: String,
    /// Whether the host is booted for it: decided once, from what it was booted with then.
    #[serde(default)]
    pub(crate) boots: bool,
    pub(crate) order: Order,
}

impl Kept {
    /// When it began, by the clock on the wall as it is now: the two tell how long it has been going on, whoever has set the clock meanwhile.
    fn since_by(&self, now: u64, same_boot: bool) -> u64 {
        let begun = self.begun.filter(|_| same_boot);
        begun.map_or(self.since, |begun| {
            now.saturating_sub(clock::now().as_secs().saturating_sub(begun))
        })
    }
}

/// How far a change is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct State {
    schema: u32,
    pub(crate) phase: ChangePhase,
    /// Whether a supervisor has taken it over.
    pub(crate) taken: bool,
    /// When the phase is over in any case, in seconds since boot.
    pub(crate) until: Option<u64>,
    /// Whether a system was begun to be activated.
    pub(crate) activated: bool,
    /// Whether profile and boot loader were begun to be set.
    pub(crate) committed: bool,
    /// What failed, from then on.
    pub(crate) why: Option<Diagnostic>,
    pub(crate) warnings: Vec<String>,
    pub(crate) probes: Vec<ProbeResult>,
    pub(crate) end: Option<ChangeEnd>,
    /// The last generation of the profile, before the system got one.
    #[serde(default)]
    pub(crate) last_generation: Option<u64>,
    /// How far a boot of the host has come.
    #[serde(default)]
    pub(crate) reboot: Progress,
}

/// What was done to boot the host once, and back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Progress {
    /// The generation of secrets that is to be current in the new system.
    pub(crate) secrets: Option<u64>,
    /// Whether the profile and the boot loader's menu were begun to be told of the system, without making it the default.
    pub(crate) offered: bool,
    /// The generation of the profile that the system has since.
    pub(crate) generation: Option<u64>,
    /// How the boot loader was begun to be told to boot it once.
    pub(crate) told: Option<Once>,
    /// The boot in which it came up.
    pub(crate) boot: Option<String>,
    /// The boot in which the host was asked to restart again, to what it was.
    pub(crate) back: Option<String>,
}

impl State {
    pub(crate) fn armed() -> Self {
        Self {
            schema: CHANGE_SCHEMA,
            phase: ChangePhase::Armed,
            taken: false,
            until: None,
            activated: false,
            committed: false,
            why: None,
            warnings: Vec::new(),
            probes: Vec::new(),
            end: None,
            last_generation: None,
            reboot: Progress::default(),
        }
    }
}

/// The folder of one change.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn of(host: &Host, run: &str) -> Self {
        Self {
            path: host.changes().join(run),
        }
    }

    /// The change that began last.
    pub(crate) fn last(host: &Host) -> Option<Self> {
        let path = host
            .changes()
            .join(fs::read_link(host.changes().join("current")).ok()?);
        path.join("state.json").exists().then_some(Self { path })
    }

    /// Where one of its files is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// Leaves a word for the supervisor; it is on disk when this returns.
    pub(crate) fn leave(&self, word: &str) -> Result<(), Diagnostic> {
        files::write(&self.file(word), b"\n")
    }

    pub(crate) fn kept(&self) -> Result<Kept, Diagnostic> {
        read(&self.file("order.json"))
    }

    pub(crate) fn state(&self) -> Result<State, Diagnostic> {
        read(&self.file("state.json"))
    }

    /// What is on disk when this returns.
    pub(crate) fn write_state(&self, state: &State) -> Result<(), Diagnostic> {
        write(&self.file("state.json"), state)
    }

    /// Keeps a bundle that its change will put in place.
    pub(crate) fn stage(&self, sealed: &[u8]) -> Result<(), Diagnostic> {
        files::folder(&self.path, 0o700)?;
        files::write(&self.file("sealed"), sealed)
    }

    /// Keeps an order: its change is armed, and is the host's last one.
    pub(crate) fn keep(&self, host: &Host, order: Order, boots: bool) -> Result<Kept, Diagnostic> {
        files::folder(&self.path, 0o700)?;
        for stale in [
            "state.json",
            "confirmed",
            "aborted",
            "log",
            "running",
            "felled",
            "falling",
        ] {
            files::remove(&self.file(stale))?;
        }
        let kept = Kept {
            schema: CHANGE_SCHEMA,
            number: all(host).last().map_or(0, |(number, _)| *number) + 1,
            boot: Now::of(host).boot_id,
            since: wall::now(host),
            begun: Some(clock::now().as_secs()),
            path: std::env::var("PATH").unwrap_or_default(),
            boots,
            order,
        };
        write(&self.file("order.json"), &kept)?;
        files::write(&self.file("room"), &room())?;
        files::write(&self.file("log"), b"")?;
        self.write_state(&State::armed())?;
        files::link(
            &host.changes().join("current"),
            Path::new(self.path.file_name().unwrap_or_default()),
        )?;
        Ok(kept)
    }

    /// Gives the room free that was held back. What cannot be removed was not there.
    pub(crate) fn give_room(&self) {
        let _ = files::remove(&self.file("room"));
    }

    /// Adds a line of our own to the log. A full disk loses it, and nothing else.
    pub(crate) fn log(&self, line: &str) {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.file("log"));
        let _ = file.and_then(|mut file| file.write_all(format!("infra: {line}\n").as_bytes()));
    }

    /// Whether its supervisor lives: it holds this lock as long as it does.
    pub(crate) fn is_alive(&self) -> bool {
        File::open(self.file("alive"))
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }

    /// What a supervisor holds. Somebody who looks whether it lives is in the way for a moment.
    pub(crate) fn take_life(&self) -> Result<File, Diagnostic> {
        let path = self.file("alive");
        let file = open_lock(&path)?;
        for _ in 0..100 {
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Ok(file);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(cannot("lock", &path)("another supervisor has it"))
    }

    /// How it goes, with the lines of its log from one on.
    pub(crate) fn status(
        &self,
        host: &Host,
        from: Option<u64>,
    ) -> Result<ChangeStatus, Diagnostic> {
        let kept = self.kept()?;
        let state = self.state()?;
        let (log, next) =
            super::log::lines(&self.file("log"), from, state.phase == ChangePhase::Ended);
        let same_boot = is_boot_of(&kept, &state, host);
        let left = |until: u64| until.saturating_sub(clock::now().as_secs());
        let since = kept.since_by(wall::now(host), same_boot);
        let intent = kept.order.intent;
        Ok(ChangeStatus {
            schema: CHANGE_SCHEMA,
            run: kept.order.run,
            by: kept.order.by,
            since,
            phase: state.phase,
            alive: self.is_alive(),
            remaining: state.until.filter(|_| same_boot).map(left),
            system: intent.system.map(|target| target.path),
            before: intent.expected.current,
            probes: state.probes,
            end: state.end,
            log,
            next,
        })
    }
}

/// What is held back takes its room on file systems that compress, too: it is noise.
fn room() -> Vec<u8> {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (0..ROOM / 8).map(|_| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()
    });
    words.flatten().collect()
}

/// Whether the host has not been restarted since its change began, but by the change itself.
pub(crate) fn is_boot_of(kept: &Kept, state: &State, host: &Host) -> bool {
    let boot = state.reboot.boot.as_ref().or(kept.boot.as_ref());
    boot == system::boot_id(host).as_ref()
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Diagnostic> {
    let text = fs::read_to_string(path).map_err(cannot("read", path))?;
    let foreign = |cause: String| {
        Diagnostic::new(
            Code::UnknownSchema,
            format!("{} is not one that this agent understands", path.display()),
        )
        .with_cause(cause)
        .with_fix("an agent of another release left it: let that one end its change (`change recover`), or remove the folder once you have looked at the host")
    };
    let SchemaOnly { schema } =
        serde_json::from_str(&text).map_err(|error| foreign(error.to_string()))?;
    if schema != CHANGE_SCHEMA {
        return Err(foreign(format!(
            "it has schema {schema}, this agent knows {CHANGE_SCHEMA}"
        )));
    }
    serde_json::from_str(&text).map_err(|error| foreign(error.to_string()))
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Diagnostic> {
    let json = serde_json::to_vec(value).map_err(cannot("write", path))?;
    files::write(path, &json)
}

/// All changes that are kept, oldest first.
fn all(host: &Host) -> Vec<(u64, Folder)> {
    let mut all: Vec<_> = folders(host)
        .filter_map(|folder| Some((folder.kept().ok()?.number, folder)))
        .collect();
    all.sort_by_key(|(number, _)| *number);
    all
}

fn folders(host: &Host) -> impl Iterator<Item = Folder> {
    let entries = fs::read_dir(host.changes()).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| Folder { path: entry.path() })
}

/// Removes what nobody will ask for any more: all but the last changes, and bundles that no order came for.
pub(crate) fn sweep(host: &Host) {
    let mut old = all(host);
    let keep = old.len().saturating_sub(KEPT);
    old.truncate(keep);
    let mut staged: Vec<_> = folders(host)
        .filter(|folder| !folder.has("order.json"))
        .filter_map(|folder| Some((fs::metadata(&folder.path).ok()?.modified().ok()?, folder)))
        .collect();
    staged.sort_by_key(|(modified, _)| *modified);
    let keep = staged.len().saturating_sub(STAGED);
    staged.truncate(keep);
    let staged = staged.into_iter().map(|(_, folder)| folder);
    for folder in old.into_iter().map(|(_, folder)| folder).chain(staged) {
        // What stays is swept the next time.
        let _ = fs::remove_dir_all(&folder.path);
        steps::changed();
    }
}

/// Removes what a change needed on its way.
pub(crate) fn clear(folder: &Folder) {
    folder.give_room();
    for name in ["sealed", "confirmed", "aborted"] {
        // What stays is swept with its change.
        let _ = files::remove(&folder.file(name));
    }
}

/// The generation of secrets that an unfinished change may have to go back to: it is not pruned.
pub(crate) fn held_secrets(host: &Host) -> Option<u64> {
    let folder = Folder::last(host)?;
    if folder.state().ok()?.phase == ChangePhase::Ended {
        return None;
    }
    folder.kept().ok()?.order.intent.expected.secrets
}

#[cfg(test)]
mod tests {
    use super::{ROOM, room};
    use std::collections::BTreeSet;

    #[test]
    fn what_is_held_back_cannot_be_held_in_less() {
        let room = room();
        assert_eq!(room.len(), ROOM);
        let words: BTreeSet<&[u8]> = room.chunks(4).collect();
        assert!(words.len() > ROOM / 4 - 100, "nothing comes twice");
        let mut counts = [0_usize; 256];
        for byte in &room {
            counts[usize::from(*byte)] += 1;
        }
        let usual = ROOM / 256;
        assert!(counts.iter().all(|count| count.abs_diff(usual) < usual / 4));
    }
}
