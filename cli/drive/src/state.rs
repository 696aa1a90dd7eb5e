//! infra's own memory on this machine: journals and receipts, per repository, below `$XDG_STATE_HOME/infra`.

mod follow;

pub use follow::Tail;

use infra_model::receipt::is_run;
use infra_model::{Code, Diagnostic, HostName};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The state folder of one repository.
#[derive(Debug, Clone)]
pub struct State {
    dir: PathBuf,
}

/// The journal of one run: its events as NDJSON, each line handed to the kernel before the next effect, so that it outlives a killed infra. Lines
/// that tell of a change to come, or of its end, are on the disk before anything else is done, so that they outlive a power cut as well.
#[derive(Debug)]
pub struct Journal {
    run: String,
    file: File,
    dir: PathBuf,
    /// How many there were when it was opened.
    lines: u64,
}

/// The plan of a run.
const PLAN: &str = "plan.json";

/// The events of a run, in its folder.
const EVENTS: &str = "events.ndjson";

/// Its answer: there once it has come to its end.
const ANSWER: &str = "receipt.json";

/// There from when somebody goes on with a run until that has come to its end: an answer beside it is that of a process before. By a file and
/// not by when others were written: clocks are set back.
const RESUMED: &str = "resumed";

/// Its receipt as it is kept for good: there if it touched hosts.
const KEPT: &str = "run.json";

/// What keeps our names apart from those of the folders on the way to a repository.
const OWN: &str = "@";

/// The folder of all repositories' state.
pub(crate) fn repos_dir() -> PathBuf {
    folder().join("repos")
}

/// The folder of this user's state: `$XDG_STATE_HOME/infra`, or `~/.local/state/infra`.
pub fn folder() -> PathBuf {
    std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("infra")
}

/// Every state folder below `repos`, with the repository it is of, which need not be there any more.
pub(crate) fn all_below(repos: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(at) = open.pop() {
        let entries = fs::read_dir(repos.join(&at)).into_iter().flatten();
        for name in entries.filter_map(|entry| Some(entry.ok()?.file_name())) {
            if name == OWN {
                found.push((repos.join(&at).join(OWN), Path::new("/").join(&at)));
            } else {
                open.push(at.join(name));
            }
        }
    }
    found
}

impl State {
    /// The state folder of the repository at `root`. Touches nothing.
    pub fn of(root: &Path) -> Self {
        // Below the repository's own path, so that a person finds it; `@` keeps our names apart from those of folders.
        let relative = root.strip_prefix("/").unwrap_or(root);
        Self {
            dir: repos_dir().join(relative).join(OWN),
        }
    }

    /// A state folder that is somewhere else.
    #[cfg(test)]
    pub(crate) fn in_folder(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins the journal of a new run. Fails before anything is done if it cannot be written.
    pub fn begin(&self) -> Result<Journal, Diagnostic> {
        let run = new_run_id(SystemTime::now(), std::process::id());
        let runs = self.dir.join("runs");
        let dir = runs.join(&run);
        let begun = runs.join(format!(".{run}"));
        let open = || {
            fs::create_dir_all(&begun)?;
            let file = OpenOptions::new()
                .create_new(true)
                .append(true)
                .open(begun.join(EVENTS))?;
            // Held until the process ends, however it ends: by it others know that the run goes on. Where files cannot be locked, they do not.
            let _ = flock(&file, FlockOperation::LockExclusive);
            // Whoever looks sees the run with its journal, and its process alive, or does not see it.
            fs::rename(&begun, &dir)?;
            Ok(file)
        };
        let file = open().map_err(|error| {
            // What cannot be removed is no run either.
            let _ = fs::remove_dir_all(&begun);
            unwritable(&dir, &error)
        })?;
        Ok(Journal {
            run,
            file,
            dir,
            lines: 0,
        })
    }

    /// Keeps the last receipt of a host.
    pub fn keep_receipt(
        &self,
        host: &HostName,
        receipt: &impl Serialize,
    ) -> Result<(), Diagnostic> {
        let dir = self.dir.join("hosts");
        fs::create_dir_all(&dir)
            .and_then(|()| write_whole(&dir.join(format!("{host}.json")), receipt))
            .map_err(|error| unwritable(&dir, &error))
    }

    /// Whether there was such a run.
    pub fn has_run(&self, run: &str) -> bool {
        is_run(run) && self.dir.join("runs").join(run).is_dir()
    }

    /// Goes on with the journal of a run that was interrupted.
    pub fn reopen(&self, run: &str) -> Result<Journal, Diagnostic> {
        let dir = self.dir.join("runs").join(run);
        let path = dir.join(EVENTS);
        let open = || {
            // Bytes: a cut may have gone through a letter.
            let text = fs::read(&path)?;
            let mut file = OpenOptions::new().append(true).open(&path)?;
            // As when it was begun: whoever else looks at it knows that it goes on, and nobody goes on with it twice.
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            File::create(dir.join(RESUMED))?;
            // A line that was cut off stays alone.
            if text.last().is_some_and(|last| *last != b'\n') {
                file.write_all(b"\n")?;
            }
            let lines = text.split_inclusive(|byte| *byte == b'\n').count();
            Ok((file, lines as u64))
        };
        let (file, lines) = open().map_err(|error: io::Error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                return Diagnostic::new(Code::HostBusy, format!("run {run} goes on right now"))
                    .with_fix("wait until it has ended: infra history shows it");
            }
            unwritable(&dir, &error)
        })?;
        Ok(Journal {
            run: run.to_owned(),
            file,
            dir,
            lines,
        })
    }

    /// Runs that have made a plan and have no end, oldest first.
    pub fn unfinished(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join("runs")).into_iter().flatten();
        let mut runs: Vec<String> = entries
            .filter_map(|entry| {
                let dir = entry.ok()?.path();
                // Most have ended.
                let open = !dir.join(ANSWER).exists() && dir.join(PLAN).exists();
                let name = dir.file_name()?.to_str()?.to_owned();
                open.then_some(name)
            })
            .collect();
        runs.sort_unstable();
        runs
    }

    /// Whether a run has ended without having brought all of its hosts to an end: it failed with some, or did not come to them.
    pub fn has_lost_hosts(&self, run: &str) -> bool {
        self.lost_hosts(run).is_some_and(|hosts| !hosts.is_empty())
    }

    /// The hosts that a run has not brought to an end; `None` if it has not ended itself.
    pub fn lost_hosts(&self, run: &str) -> Option<Vec<String>> {
        let answer = self.told(run, ANSWER)?;
        let hosts = answer.get("hosts").and_then(serde_json::Value::as_array);
        let is_lost = |host: &&serde_json::Value| {
            let outcome = host.get("outcome").and_then(|outcome| outcome.as_str());
            matches!(outcome, Some("failed" | "skipped"))
        };
        let name = |host: &serde_json::Value| Some(host.get("name")?.as_str()?.to_owned());
        let lost = hosts.into_iter().flatten().filter(is_lost);
        Some(lost.filter_map(name).collect())
    }

    /// What one of a run's files says.
    fn told(&self, run: &str, file: &str) -> Option<serde_json::Value> {
        let text = fs::read_to_string(self.run_file(run, file)?).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The text of a run's plan; `None` if there is no such run, or it has not come to making one.
    pub fn plan_of(&self, run: &str) -> Option<String> {
        let file = self.dir.join("runs").join(run).join(PLAN);
        fs::read_to_string(file).ok().filter(|_| is_run(run))
    }

    /// The tree that a run made a host from; `None` if there is no such run, or it had not come to that host.
    pub fn tree_of_run(&self, run: &str, host: &HostName) -> Option<String> {
        let tree = |file: &str| {
            let told = self.told(run, file)?;
            let hosts = told.get("hosts")?.as_array()?;
            let found = hosts.iter().find(|found| {
                found.get("name").and_then(|name| name.as_str()) == Some(host.as_str())
            })?;
            Some(found.get("tree")?.as_str()?.to_owned())
        };
        // The answer of a run that was resumed is about the hosts that it had lost; its receipt is about all.
        tree(ANSWER).or_else(|| tree(KEPT))
    }

    /// Names of all runs that have a folder here, in no order.
    pub(crate) fn runs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join("runs")).into_iter().flatten();
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| is_run(name))
            .collect()
    }

    /// Keeps the receipt of a run: whole, or not at all.
    pub(crate) fn keep_run(&self, run: &str, receipt: &impl Serialize) -> Result<(), Diagnostic> {
        let dir = self.dir.join("runs").join(run);
        fs::create_dir_all(&dir)
            .and_then(|()| write_whole(&dir.join(KEPT), receipt))
            .map_err(|error| unwritable(&dir, &error))
    }

    /// The receipt of a run, as it was kept here.
    pub(crate) fn kept_run(&self, run: &str) -> Option<String> {
        fs::read_to_string(self.run_file(run, KEPT)?).ok()
    }

    /// What tells the receipt of a run from one that was kept before it.
    pub(crate) fn stamp_of_kept(&self, run: &str) -> Option<String> {
        let file = fs::metadata(self.run_file(run, KEPT)?).ok()?;
        // Each is a new file, so that a clock that was set back makes none the same.
        Some(format!(
            "{} {} {}.{}",
            file.ino(),
            file.len(),
            file.mtime(),
            file.mtime_nsec()
        ))
    }

    /// Whether a run came to its end.
    pub(crate) fn has_ended(&self, run: &str) -> bool {
        self.run_file(run, ANSWER).is_some_and(|file| file.exists())
    }

    /// Whether a run came to its end, and nobody has gone on with it since.
    pub fn has_ended_since(&self, run: &str) -> bool {
        let is_resumed = self
            .run_file(run, RESUMED)
            .is_some_and(|file| file.exists());
        self.has_ended(run) && !is_resumed
    }

    /// Whether the process of a run is alive: it holds its journal.
    pub fn is_alive(&self, run: &str) -> bool {
        let journal = self
            .run_file(run, EVENTS)
            .and_then(|file| File::open(file).ok());
        journal.is_some_and(|file| {
            flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
        })
    }

    /// The journal of a run, as text; `None` if it is not on this machine.
    pub fn events(&self, run: &str) -> Option<String> {
        let bytes = fs::read(self.run_file(run, EVENTS)?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The first event of a run, as text; `None` if it is not on this machine, or has not come to one.
    pub fn first_event(&self, run: &str) -> Option<String> {
        let journal = File::open(self.run_file(run, EVENTS)?).ok()?;
        let mut line = String::new();
        io::BufReader::new(journal).read_line(&mut line).ok()?;
        line.ends_with('\n').then_some(line)
    }

    /// Runs that `infra resume` can go on with, newest first: those that were cut off, and of the newest so many those that have lost hosts.
    pub fn resumable(&self, newest: usize) -> Vec<String> {
        let mut runs = self.unfinished();
        runs.retain(|run| !self.is_alive(run));
        let mut ended = self.runs();
        ended.sort_unstable_by(|a, b| b.cmp(a));
        ended.truncate(newest);
        runs.extend(ended.into_iter().filter(|run| {
            self.plan_of(run).is_some() && self.has_lost_hosts(run) && !self.is_alive(run)
        }));
        runs.sort_unstable_by(|a, b| b.cmp(a));
        runs.dedup();
        runs
    }

    /// Whether the journal of a run is on this machine.
    pub fn has_events(&self, run: &str) -> bool {
        self.run_file(run, EVENTS).is_some_and(|file| file.exists())
    }

    fn run_file(&self, run: &str, file: &str) -> Option<PathBuf> {
        is_run(run).then(|| self.dir.join("runs").join(run).join(file))
    }

    /// The last receipt of a host; `None` if there is none or it is of another version.
    pub fn last_receipt<T: DeserializeOwned>(&self, host: &HostName) -> Option<T> {
        let text = fs::read_to_string(self.dir.join(format!("hosts/{host}.json"))).ok()?;
        serde_json::from_str(&text).ok()
    }
}

impl Journal {
    /// The run's identity.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// How many lines it had when it was opened.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Where the journal is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Appends a line; `durable`: it is on the disk when this returns.
    pub fn write(&mut self, line: &impl Serialize, durable: bool) -> Result<(), Diagnostic> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other);
        if let Ok(text) = &mut text {
            text.push(b'\n');
        }
        text.and_then(|text| self.file.write_all(&text))
            .and_then(|()| {
                if durable {
                    self.file.sync_data()
                } else {
                    Ok(())
                }
            })
            .map_err(|error| unwritable(&self.dir, &error))
    }

    /// Keeps the plan of the run, on the disk before anything of it is done.
    pub fn keep_plan(&self, plan: &impl Serialize) -> Result<(), Diagnostic> {
        write_whole(&self.dir.join(PLAN), plan)
            .and_then(|()| File::open(&self.dir)?.sync_all())
            .map_err(|error| unwritable(&self.dir, &error))
    }

    /// Writes the run's receipt.
    pub fn finish(&self, receipt: &impl Serialize) -> Result<(), Diagnostic> {
        write_whole(&self.dir.join(ANSWER), receipt)
            .and_then(|()| match fs::remove_file(self.dir.join(RESUMED)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
            .map_err(|error| unwritable(&self.dir, &error))
    }
}

/// The trees that hosts were last deployed from, as far as `is_there` (given repository and host).
pub(crate) fn deployed_trees(repos: &Path, is_there: &dyn Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut trees = Vec::new();
    for (state, repo) in all_below(repos) {
        for entry in fs::read_dir(state.join("hosts"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            let host = path.file_stem().unwrap_or_default().to_string_lossy();
            let tree = fs::read_to_string(&path)
                .ok()
                .filter(|_| is_there(&repo, &host))
                .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
                .and_then(|receipt| Some(receipt.get("result")?.get("tree")?.as_str()?.to_owned()));
            trees.extend(tree);
        }
    }
    trees
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, content: &impl Serialize) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer_pretty(&mut file, content)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// How the names of runs begin that were begun then: `20261121T051600Z`. They sort by time.
pub fn run_begun_at(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.chars().filter(|c| !"-:".contains(*c)).collect()
}

/// When a run was begun, by its name, in seconds since 1970.
pub fn begin_of_run(run: &str) -> Option<u64> {
    let (date, time) = run.split_once('-')?.0.split_once('T')?;
    let part = |text: &str, at: usize, to: usize| text.get(at..to).map(str::to_owned);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(date, 0, 4)?,
        part(date, 4, 6)?,
        part(date, 6, 8)?,
        part(time, 0, 2)?,
        part(time, 2, 4)?,
        part(time, 4, 6)?
    );
    let time = humantime::parse_rfc3339(&text).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// Sortable by time, unique on this machine: `20261121T051600Z-1a2b3c4d`, of which the last five digits are the microseconds of its second.
fn new_run_id(now: SystemTime, pid: u32) -> String {
    let begun = run_begun_at(now);
    let nanos = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .subsec_nanos();
    format!("{begun}-{:03x}{:05x}", pid & 0xfff, nanos / 1000)
}

fn unwritable(dir: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::new(Code::StateUnwritable, "infra cannot write its journal")
        .with_cause(format!("{}: {error}", dir.display()))
        .with_fix("make the folder writable, or set XDG_STATE_HOME to one that is")
}

#[cfg(test)]
mod tests {
    use super::{begin_of_run, deployed_trees, new_run_id, run_begun_at};
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    #[test]
    fn trees_of_last_deployments_are_found_in_all_repositories() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
            fs::write(path, text).expect("writable");
        };
        let receipt = |tree: &str| format!(r#"{{"schema":1,"result":{{"tree":{tree}}}}}"#);
        write("a/@/hosts/web.json", &receipt("\"one\""));
        write("a/@/hosts/gone.json", &receipt("\"two\""));
        write("a/@/hosts/db.json", &receipt("null"));
        write("a/@/hosts/torn.json", "{");
        write("a/b/@/hosts/web.json", &receipt("\"three\""));
        let mut trees = deployed_trees(dir.path(), &|repo, host| {
            assert!(repo == Path::new("/a") || repo == Path::new("/a/b"));
            host != "gone"
        });
        trees.sort_unstable();
        assert_eq!(trees, ["one", "three"]);
    }

    #[test]
    fn run_ids_sort_by_time() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(
            new_run_id(at(1_795_238_160), 0x1_1a2b),
            "20261121T051600Z-a2b00000"
        );
        // One process may begin many in a second.
        let after = |microseconds| new_run_id(at(1) + Duration::from_micros(microseconds), 7);
        assert!(after(1) < after(1 + 0x1_0000));
        assert!(after(999_999).ends_with("-007f423f"));
        assert!(new_run_id(at(1), 9) < new_run_id(at(2), 1));
        let run = new_run_id(at(1_795_238_160), 1);
        assert_eq!(begin_of_run(&run), Some(1_795_238_160));
        assert!(run.starts_with(&run_begun_at(at(1_795_238_160))));
        assert_eq!(begin_of_run("run-1"), None);
    }
}
