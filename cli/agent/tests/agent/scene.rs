//! A folder that looks like a host, bundles for it, and the agent run on it.

use infra_model::bundle::{Applied, Bundle, Mode, Phase, Plain, Secret, Template};
use infra_model::{Diagnostic, HostName};
use infra_testkit::process;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// In every secret: nothing that the agent says may have it.
pub(crate) const MARKER: &str = "s3cr3t";

pub(crate) struct Scene {
    dir: TempDir,
    recipient: age::ssh::Recipient,
    disk: Option<Disk>,
}

/// A small disk below `/var/lib/infra`, in a mount namespace that only this scene is in.
struct Disk {
    holder: Child,
}

impl Disk {
    /// Without root a user namespace, in which we are root, can mount as well.
    fn flags() -> (&'static [&'static str], &'static [&'static str]) {
        if rustix::process::geteuid().is_root() {
            (&["--mount"], &["--mount"])
        } else {
            let enter = &["--user", "--preserve-credentials", "--mount"];
            (&["--user", "--map-root-user", "--mount"], enter)
        }
    }

    fn mount(at: &Path, kib: u32) -> Self {
        fs::create_dir_all(at).unwrap();
        let script = format!(
            "cp -a \"$1\" \"$2\" && mount -t tmpfs -o mode=0755,size={kib}k disk \"$1\" && cp -a \"$2/.\" \"$1\" && echo ready && read -r _"
        );
        let aside = at.with_extension("aside");
        let mut holder = process("unshare")
            .args(Self::flags().0)
            .args(["--propagation", "private", "sh", "-c", &script, "disk"])
            .args([at, &aside])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut ready).unwrap();
        Self { holder }
    }

    fn enter(&self, program: &str) -> Command {
        let mut command = process("nsenter");
        command
            .args(["--target", &self.holder.id().to_string()])
            .args(Self::flags().1)
            .args(["--", program]);
        command
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Its standard input ends, and so does it, and so does the mount.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// How a call of the agent ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) killed: bool,
    pub(crate) stdout: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn applied(&self) -> Applied {
        assert_eq!(self.code, Some(0), "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn fault(&self) -> Diagnostic {
        assert_eq!(self.code, Some(1), "{}", self.stdout);
        let fault: Diagnostic = serde_json::from_str(&self.stdout).unwrap();
        assert!(fault.fix.is_some(), "{fault:?}");
        fault
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("host");
        fs::create_dir_all(root.join("etc/ssh")).unwrap();
        let me = fs::metadata(dir.path()).unwrap();
        let (uid, gid) = (me.uid(), me.gid());
        fs::write(
            root.join("etc/passwd"),
            format!("root:x:0:0::/:\nweb:x:{uid}:{gid}::/:\n"),
        )
        .unwrap();
        fs::write(root.join("etc/group"), format!("root:x:0:\nweb:x:{gid}:\n")).unwrap();
        let key = root.join("etc/ssh/ssh_host_ed25519_key");
        make_key(&key, &["-t", "ed25519"]);
        let recipient = recipient_of(&key);
        Self {
            dir,
            recipient,
            disk: None,
        }
    }

    /// From here on what the agent keeps is on a disk of this size.
    pub(crate) fn on_a_disk_of(mut self, kib: u32) -> Self {
        self.disk = Some(Disk::mount(&self.path("var/lib/infra"), kib));
        self
    }

    /// A program that sees that disk.
    pub(crate) fn program(&self, name: &str) -> Command {
        match &self.disk {
            Some(disk) => disk.enter(name),
            None => process(name),
        }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("host")
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// The content of a secret as a program reads it; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("run/infra/secrets").join(name)).ok()
    }

    pub(crate) fn seal(&self, bundle: &Bundle) -> Vec<u8> {
        age::encrypt(&self.recipient, &bundle.to_json().unwrap()).unwrap()
    }

    pub(crate) fn seal_text(&self, json: &str) -> Vec<u8> {
        age::encrypt(&self.recipient, json.as_bytes()).unwrap()
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_infra-agent"));
        command
            .arg("--root")
            .arg(self.root())
            .arg("--on-disk")
            .args(words.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, words: &str, input: &[u8]) -> Child {
        let mut child = self.command(words).spawn().unwrap();
        // An agent that was told to die early does not read all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child
    }

    pub(crate) fn end(child: Child) -> Ended {
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "",
            "it says nothing besides"
        );
        assert!(!stdout.contains(MARKER), "{stdout}");
        Ended {
            code: output.status.code(),
            killed: output.status.signal() == Some(9),
            stdout,
        }
    }

    pub(crate) fn run(&self, words: &str, input: &[u8]) -> Ended {
        Self::end(self.start(words, input))
    }

    pub(crate) fn receive(&self, bundle: &Bundle) -> Ended {
        self.run("secrets receive", &self.seal(bundle))
    }

    pub(crate) fn status(&self) -> Value {
        self.run("secrets status", b"").json()
    }

    /// Forgets what a reboot forgets.
    pub(crate) fn reboot(&self) {
        let _ = fs::remove_dir_all(self.path("run"));
    }

    /// A copy of the host as it is now.
    pub(crate) fn fork(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let copied = process("cp")
            .arg("-a")
            .arg(self.root())
            .arg(dir.path().join("host"))
            .status();
        assert!(copied.unwrap().success());
        Self {
            dir,
            recipient: self.recipient.clone(),
            disk: None,
        }
    }

    /// Every file there is, with all that would tell that it was touched.
    pub(crate) fn everything(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        list(&self.root(), &mut found);
        // Taking the lock touches nothing; that it is there once is all that happens to it.
        found.retain(|line| !line.contains("/var/lib/infra"));
        let mut sealed = BTreeSet::new();
        list(&self.path("var/lib/infra/secrets"), &mut sealed);
        found.extend(sealed.into_iter().filter(|line| !line.contains("/lock ")));
        found
    }
}

fn list(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let data = fs::symlink_metadata(&path).unwrap();
        let target = fs::read_link(&path).unwrap_or_default();
        let changed = (
            data.mtime(),
            data.mtime_nsec(),
            data.ctime(),
            data.ctime_nsec(),
        );
        if data.is_dir() {
            found.insert(format!("{} {:o}", path.display(), data.mode()));
            list(&path, found);
        } else {
            found.insert(format!(
                "{} {:o} {} {changed:?} {}",
                path.display(),
                data.mode(),
                data.ino(),
                target.display()
            ));
        }
    }
}

/// Makes a key pair in place of one that was there.
pub(crate) fn make_key(path: &Path, kind: &[&str]) {
    let _ = fs::remove_file(path);
    let mut words = vec!["-q", "-C", "host"];
    if !kind.contains(&"-N") {
        words.extend(["-N", ""]);
    }
    let made = process("ssh-keygen")
        .args(words)
        .args(kind)
        .arg("-f")
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

/// Whom to seal to.
pub(crate) fn recipient_of(key: &Path) -> age::ssh::Recipient {
    let line = fs::read_to_string(key.with_extension("pub")).unwrap();
    line.parse().unwrap()
}

/// A bundle of secrets that belong to `web`: name and content.
pub(crate) fn bundle(secrets: &[(&str, &str)]) -> Bundle {
    let secrets = secrets.iter().map(|(name, content)| secret(name, content));
    Bundle::new(
        HostName::parse("web").unwrap(),
        "run-1".to_owned(),
        secrets.collect(),
        Vec::new(),
    )
}

pub(crate) fn secret(name: &str, content: &str) -> Secret {
    Secret {
        name: name.to_owned(),
        fingerprint: format!("{name}-{}", content.len()),
        phase: Phase::Services,
        owner: "web".to_owned(),
        group: "web".to_owned(),
        mode: Mode::parse("0400").unwrap(),
        units: vec![format!("{name}.service")],
        restart_units: Vec::new(),
        reload_units: Vec::new(),
        grace: None,
        content: Plain::new(format!("{MARKER} {content}").into_bytes()),
    }
}

pub(crate) fn template(name: &str, path: &str, source: &str) -> Template {
    Template {
        name: name.to_owned(),
        path: path.to_owned(),
        source: source.to_owned(),
        owner: "web".to_owned(),
        group: "web".to_owned(),
        mode: Mode::parse("0440").unwrap(),
        units: vec![format!("{name}.service")],
        restart_units: Vec::new(),
        reload_units: Vec::new(),
        values: BTreeMap::from([("port".to_owned(), Value::from(8080))]),
    }
}
