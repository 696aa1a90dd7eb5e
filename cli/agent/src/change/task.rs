//! Programs that change the system: each in a unit (or a process group) of its own, so that it can be ended as a whole, with a time limit,
//! and with how it ended on disk, whoever dies.

use super::clock::Deadline;
use super::record::Folder;
use crate::fault::cannot;
use crate::files;
use crate::host::{self, Host};
use crate::process;
use crate::steps;
use infra_model::Diagnostic;
use rustix::process::Signal;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

/// How long what is asked to end may take to, before it is killed.
const GRACE: u64 = 5;
const LOOK: Duration = Duration::from_millis(20);

/// A program to run for a change.
#[derive(Debug)]
pub(crate) struct Task<'t> {
    /// What for: `activate`, `commit`, `restore`. Names its unit and its files.
    pub(crate) name: &'static str,
    /// A path of the host.
    pub(crate) program: &'t str,
    pub(crate) words: &'t [&'t str],
    pub(crate) until: Deadline,
    /// Whether `change abort` ends it.
    pub(crate) may_be_aborted: bool,
}

impl Task<'_> {
    /// Variables it has besides those of every task. A system may refuse to be switched to (`system.preSwitchChecks`) when the network is away, say:
    /// that is for the way there. A way back that is refused leaves the host in between.
    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        match self.name {
            "restore" | "uncommit" => &[("NIXOS_NO_CHECK", "1")],
            _ => &[],
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// By itself; with no code if something killed it.
    Ended(Option<i32>),
    /// It took too long.
    TooLong,
    /// Somebody took the change back.
    Aborted,
}

/// Where the tasks of one change run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tasks<'t> {
    pub(crate) host: &'t Host,
    pub(crate) folder: &'t Folder,
    pub(crate) run: &'t str,
    /// Where the session that brought the order looks for programs.
    pub(crate) path: &'t str,
}

impl Tasks<'_> {
    /// Runs a program to its end, whichever that is.
    pub(crate) fn run(&self, task: &Task<'_>) -> Result<Ran, Diagnostic> {
        files::folder(&self.place(), 0o700)?;
        for stale in ["pid", "code"] {
            files::remove(&self.file(task.name, stale))?;
        }
        let mut child = self.start(task)?;
        steps::changed();
        let ran = self.wait(task, &mut child);
        if !matches!(ran, Ran::Ended(Some(_))) {
            self.end(task.name);
            // It may not have come to writing down who it is.
            if let Some(child) = &child {
                process::kill_group(child.id(), Signal::KILL);
            }
        }
        if let Some(child) = &mut child {
            let _ = child.wait();
        }
        steps::changed();
        Ok(ran)
    }

    fn start(&self, task: &Task<'_>) -> Result<Option<Child>, Diagnostic> {
        let failed = |error: std::io::Error| cannot("start", Path::new(task.program))(error);
        let program = self.host.path(task.program);
        let mut words: Vec<OsString> = vec!["change".into(), "carry".into()];
        words.push(self.place().join(task.name).into_os_string());
        words.push(program.into_os_string());
        words.extend(task.words.iter().map(OsString::from));
        let path = search_path(self.path);
        let log = self.folder.file("log");
        if !self.host.has_systemd() {
            let open = || {
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(&log)
            };
            let mut command = process::program("/proc/self/exe", &[]);
            command
                .args(words)
                .env("PATH", path)
                .env("HOME", "/root")
                .envs(task.variables().iter().copied())
                .stdout(Stdio::from(open().map_err(failed)?))
                .stderr(Stdio::from(open().map_err(failed)?))
                .process_group(0);
            return command.spawn().map(Some).map_err(failed);
        }
        let unit = self.unit(task.name);
        let append = format!("append:{}", log.display());
        let variables = task.variables().iter();
        let variables = variables.map(|(name, value)| format!("--setenv={name}={value}"));
        let mut command = unit_command(&unit, &format!("infra: {} ({})", task.name, self.run));
        command
            .arg(format!("--property=TimeoutStopSec={GRACE}"))
            .arg(format!("--property=StandardOutput={append}"))
            .arg(format!("--property=StandardError={append}"))
            .arg(format!("--setenv=PATH={path}"))
            .arg("--setenv=HOME=/root")
            .args(variables)
            .arg("--")
            .arg(own_program())
            .args(words);
        started(command).map_err(cannot("start", Path::new(task.program)))?;
        Ok(None)
    }

    fn wait(&self, task: &Task<'_>, child: &mut Option<Child>) -> Ran {
        let mut looks = 0_u32;
        loop {
            if self.file(task.name, "code").exists() {
                return Ran::Ended(self.code(task.name));
            }
            if task.may_be_aborted && self.folder.has("aborted") {
                return Ran::Aborted;
            }
            if task.until.is_over() {
                return Ran::TooLong;
            }
            let ended = match child {
                Some(child) => child.try_wait().is_ok_and(|status| status.is_some()),
                // systemd is not asked fifty times a second. It may not answer while it starts itself anew.
                None => looks % 50 == 49 && self.unit_is_gone(task.name),
            };
            if ended {
                return Ran::Ended(self.code(task.name));
            }
            looks = looks.wrapping_add(1);
            thread::sleep(LOOK);
        }
    }

    fn code(&self, name: &str) -> Option<i32> {
        let text = fs::read_to_string(self.file(name, "code")).ok()?;
        text.trim().parse().ok()
    }

    fn unit_is_gone(&self, name: &str) -> bool {
        let unit = self.unit(name);
        let words = ["show", "--property=ActiveState", "--value", "--", &unit];
        let state = process::ask_within("systemctl", &words, 10);
        state.is_some_and(|state| ["inactive", "failed"].contains(&state.trim()))
    }

    /// Ends a task and everything it has started, also one that an earlier supervisor left behind.
    pub(crate) fn end(&self, name: &str) {
        if self.host.has_systemd() {
            let unit = self.unit(name);
            let ask = |words: &[&str]| process::ask_within("systemctl", words, GRACE * 3);
            if ask(&["--quiet", "stop", "--", &unit]).is_none() {
                let _ = ask(&["--quiet", "kill", "--signal=KILL", "--", &unit]);
            }
            let _ = ask(&["--quiet", "reset-failed", "--", &unit]);
            return;
        }
        let text = fs::read_to_string(self.file(name, "pid")).unwrap_or_default();
        let mut words = text.split_whitespace();
        let (Some(pid), Some(started)) = (words.next(), words.next()) else {
            return;
        };
        let Ok(pid) = pid.parse() else { return };
        // The leader may be gone while others of its group live: then nobody else has got its number either.
        if start_of(pid).is_some_and(|now| now != started) {
            return;
        }
        process::kill_group(pid, Signal::TERM);
        let until = Deadline::after(GRACE);
        while !until.is_over() && start_of(pid).is_some() {
            thread::sleep(LOOK);
        }
        process::kill_group(pid, Signal::KILL);
    }

    fn unit(&self, name: &str) -> String {
        format!("infra-{name}-{}.service", self.run)
    }

    /// Where its files are: in memory, like the processes they are about. So a disk that an activation has filled does not keep us from learning
    /// how it ended.
    fn place(&self) -> PathBuf {
        self.host.run().join("change").join(self.run)
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.place().join(format!("{name}.{kind}"))
    }

    /// Removes what is only known of processes that are no more.
    pub(crate) fn clear(&self) {
        // What stays is gone with the next boot.
        let _ = fs::remove_dir_all(self.place());
    }
}

/// `change carry`: what is started in a unit of its own. Writes down who it is, runs the program, and writes down how that ended.
pub(crate) fn carry(file: &Path, program: &[String]) -> Result<(), Diagnostic> {
    host::be_ordinary();
    let (Some((name, words)), own) = (program.split_first(), std::process::id()) else {
        return Ok(());
    };
    let started = start_of(own).unwrap_or_default();
    let pid = format!("{own} {started}\n");
    files::write(&file.with_extension("pid"), pid.as_bytes())?;
    let mut command = process::program(name, &[]);
    command
        .args(words)
        .envs(std::env::vars_os())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    let code = match command.status() {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => code,
            (None, signal) => 128 + signal.unwrap_or_default(),
        },
        // As a shell says that it cannot run something.
        Err(_) => 127,
    };
    files::write(&file.with_extension("code"), format!("{code}\n").as_bytes())
}

/// When a process has started, in the kernel's ticks: with its number, that is who it is.
fn start_of(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in brackets, which may have anything in it.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?;
    (state != "Z").then(|| start.to_owned())
}

/// Ours, then what the session had.
fn search_path(session: &str) -> String {
    const NIX: &str = "/nix/var/nix/profiles/default/bin";
    let mut path = format!("{}:{NIX}", process::PATH);
    if !session.is_empty() && !session.contains(['\n', '%', '$']) {
        path = format!("{path}:{session}");
    }
    path
}

/// A program by name, as a path of the host.
pub(crate) fn find(host: &Host, name: &str, session: &str) -> Option<String> {
    search_path(session)
        .split(':')
        .filter(|folder| folder.starts_with('/'))
        .map(|folder| format!("{folder}/{name}"))
        .find(|path| host.path(path).exists())
}

/// `systemd-run` for a service that is started and not waited for. It needs nothing that the boot starts: in the emergency mode a unit with
/// the usual dependencies is refused, as what it asks for would end that mode. That it ends with the host it has to be told itself then.
pub(crate) fn unit_command(unit: &str, description: &str) -> std::process::Command {
    let unit = format!("--unit={unit}");
    let description = format!("--description={description}");
    process::program(
        "systemd-run",
        &[
            "--quiet",
            "--collect",
            "--no-ask-password",
            "--service-type=exec",
            "--property=StandardInput=null",
            "--property=DefaultDependencies=no",
            "--property=Conflicts=shutdown.target",
            "--property=Before=shutdown.target",
            &unit,
            &description,
        ],
    )
}

/// Whether systemd has started it; what it says if not.
pub(crate) fn started(mut command: std::process::Command) -> Result<(), String> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let mut child = command
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("systemd-run: {error}"))?;
    let pipe = child.stderr.take();
    let status = process::wait(&mut child, PATIENCE);
    let mut said = String::new();
    match status {
        Some(status) if status.success() => return Ok(()),
        Some(status) => {
            if let Some(mut pipe) = pipe {
                let _ = std::io::Read::read_to_string(&mut pipe, &mut said);
            }
            said = format!("{} ({status})", said.trim());
        }
        None => said.push_str("systemd does not answer"),
    }
    Err(said)
}

/// This program, also when another release has been put in the place of its file.
pub(crate) fn own_program() -> OsString {
    match std::env::current_exe() {
        Ok(path) if path.exists() => path.into_os_string(),
        _ => OsStr::new(&format!("/proc/{}/exe", std::process::id())).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::start_of;

    #[test]
    fn a_process_is_its_number_and_its_start() {
        let own = start_of(std::process::id()).expect("we run");
        assert!(own.bytes().all(|byte| byte.is_ascii_digit()), "{own}");
        assert_ne!(Some(own), start_of(1));
        assert_eq!(start_of(u32::MAX), None);
    }
}
