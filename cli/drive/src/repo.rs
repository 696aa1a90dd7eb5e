//! The user's repository on disk: where it is, which hosts it has. Reads TOML and folder names, starts nothing.

use infra_model::{Code, Diagnostic, Fleet, HostName, HostSpec, Place, Settings};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A repository that was found.
#[derive(Debug, Clone)]
pub struct Repo {
    root: PathBuf,
    /// The repository that this is a revision of, checked out somewhere else for a moment.
    checked_out_of: Option<PathBuf>,
}

/// What a repository contains: everything readable, and everything that is wrong with the rest.
#[derive(Debug)]
pub struct Contents {
    /// `infra.toml`
    pub settings: Settings,
    /// The hosts that could be read.
    pub fleet: Fleet,
    /// What could not.
    pub faults: Vec<Diagnostic>,
}

impl Repo {
    /// Finds the repository that `start` lies in: the nearest folder upwards with a `flake.nix` and a `hosts` folder (or `infra.toml`).
    pub fn find(start: &Path) -> Result<Self, Diagnostic> {
        let start = start.canonicalize().map_err(|error| {
            Diagnostic::new(Code::NotARepo, format!("cannot enter {}", start.display()))
                .with_cause(error.to_string())
                .with_place(Place::file("command line"))
                .with_fix("give the folder of your repository with -C DIR")
        })?;
        start
            .ancestors()
            .find(|dir| {
                dir.join("flake.nix").is_file()
                    && (dir.join("hosts").is_dir() || dir.join("infra.toml").is_file())
            })
            .map(|root| Self {
                root: root.to_path_buf(),
                checked_out_of: None,
            })
            .ok_or_else(|| bare(&start).unwrap_or_else(|| {
                Diagnostic::new(
                    Code::NotARepo,
                    format!("{} is not in an infra repository", start.display()),
                )
                .with_cause("no folder from here upwards has a flake.nix and a hosts folder")
                .with_fix("change into your repository, give it with -C DIR, or begin one: infra init")
            }))
    }

    /// A revision of `of`, all files of which lie in `root`.
    pub(crate) fn checked_out(root: &Path, of: &Self) -> Self {
        Self {
            root: root.to_path_buf(),
            checked_out_of: Some(of.root.clone()),
        }
    }

    /// The repository's folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// By what it is remembered: of a revision, the repository itself.
    pub(crate) fn key(&self) -> &Path {
        self.checked_out_of.as_deref().unwrap_or(&self.root)
    }

    /// Whether it is a revision that lies here for a moment: all of its files count, whatever Git says of the folder around it, and none is
    /// remembered.
    pub fn is_checked_out(&self) -> bool {
        self.checked_out_of.is_some()
    }

    /// Whether a file may be read as one of the repository: not if it is a revision, and a link in it leads to a file of this machine. (Links in the
    /// repository itself are the user's.)
    pub fn may_read(&self, file: &Path) -> bool {
        !(self.is_checked_out() && crate::tree::leads_out(&self.root, file))
    }

    /// Reads `infra.toml` and every host. A fault in one host leaves the others readable.
    pub fn read(&self) -> Contents {
        let mut faults = Vec::new();
        let settings = self.read_settings().unwrap_or_else(|found| {
            faults.extend(found);
            Settings::default()
        });
        let mut hosts = Vec::new();
        let folders = self.host_folders().unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        for name in &folders {
            match self.read_host(name, &folders, &settings) {
                Ok(host) => hosts.push(host),
                Err(found) => faults.extend(found),
            }
        }
        if hosts.is_empty() && faults.is_empty() {
            faults.push(no_hosts());
        }
        let fleet = Fleet::new(hosts);
        // They are sorted, and there may be a thousand.
        let exists = |name: &HostName| {
            folders
                .binary_search_by(|folder| folder.as_str().cmp(name.as_str()))
                .is_ok()
        };
        faults.extend(fleet.loose_ends(exists));
        Contents {
            settings,
            fleet,
            faults,
        }
    }

    fn read_settings(&self) -> Result<Settings, Vec<Diagnostic>> {
        match self.read_text("infra.toml") {
            Ok(Some(text)) => Settings::parse("infra.toml", &text),
            Ok(None) => Ok(Settings::default()),
            Err(fault) => Err(vec![fault]),
        }
    }

    /// Names of the folders below `hosts`, sorted; `.x`, `_x` and files are ignored.
    fn host_folders(&self) -> Result<Vec<String>, Diagnostic> {
        let unreadable = |error: &io::Error| {
            Diagnostic::new(Code::UnreadableFile, "the hosts folder cannot be read")
                .with_cause(error.to_string())
                .with_place(Place::file("hosts"))
                .with_fix("give your user the right to read it")
        };
        let entries = match fs::read_dir(self.root.join("hosts")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_hosts()),
            Err(error) => return Err(unreadable(&error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_folder = match entry.file_type() {
                // A link to a folder is a folder to Nix as well.
                Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
                Ok(kind) => kind.is_dir(),
                Err(_) => false,
            };
            if is_folder && !name.starts_with(['.', '_']) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read_host(
        &self,
        folder: &str,
        folders: &[String],
        settings: &Settings,
    ) -> Result<HostSpec, Vec<Diagnostic>> {
        let name = HostName::parse(folder).map_err(|why| vec![no_name(folder, &why, folders)])?;
        let file = format!("hosts/{folder}/host.toml");
        let text = self
            .read_text(&file)
            .map_err(|fault| vec![fault.with_host(&name)])?
            .ok_or_else(|| {
                vec![
                    Diagnostic::new(Code::MissingFile, format!("host `{name}` has no host.toml"))
                        .with_place(Place::file(&file))
                        .with_fix("create it with two lines: class = \"nixos\" and system = \"x86_64-linux\"")
                        .with_host(&name),
                ]
            })?;
        HostSpec::parse(&name, &file, &text, &settings.defaults)
    }

    fn read_text(&self, file: &str) -> Result<Option<String>, Diagnostic> {
        match fs::read_to_string(self.root.join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Diagnostic::new(
                Code::UnreadableFile,
                format!("{file} cannot be read"),
            )
            .with_cause(error.to_string())
            .with_place(Place::file(file))
            .with_fix("it must be a UTF-8 text file that your user may read")),
        }
    }

    /// The pinned SSH public keys of a host, each as `type base64`: the lines of `hosts/<name>/host.pub`. None if there is no such file.
    pub fn host_keys(&self, host: &HostName) -> Result<Vec<String>, Diagnostic> {
        let file = format!("hosts/{host}/host.pub");
        let Some(text) = self.read_text(&file)? else {
            return Ok(Vec::new());
        };
        let keys: Vec<String> = text.lines().filter_map(public_key).collect();
        if keys.is_empty() {
            return Err(Diagnostic::new(
                Code::HostKeyUnknown,
                format!("{file} holds no SSH public key"),
            )
            .with_place(Place::file(&file))
            .with_fix("put the host's /etc/ssh/ssh_host_ed25519_key.pub there")
            .with_host(host));
        }
        Ok(keys)
    }

    /// Names of the files in a host's folder, sorted.
    pub fn host_files(&self, host: &HostName) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("hosts").join(host.as_str()));
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort_unstable();
        names
    }

    /// The text of a file of the repository, if it is there and readable.
    pub fn peek(&self, file: &str) -> Option<String> {
        self.may_read(Path::new(file)).then_some(())?;
        fs::read_to_string(self.root.join(file)).ok()
    }
}

/// A folder below `hosts` whose name no host can have.
fn no_name(folder: &str, why: &dyn std::fmt::Display, folders: &[String]) -> Diagnostic {
    let fault = Diagnostic::new(
        Code::InvalidHostName,
        format!("`{folder}` cannot be the name of a host: {why}"),
    )
    .with_place(Place::file(format!("hosts/{folder}")));
    let twin = folders
        .iter()
        .find(|other| *other != folder && other.eq_ignore_ascii_case(folder));
    match twin {
        Some(twin) => fault
            .with_cause(format!(
                "`{twin}` is there as well, and in host names (as in DNS) upper and lower case are the same"
            ))
            .with_fix(format!(
                "merge hosts/{folder} into hosts/{}, or give one of them another name",
                twin.to_ascii_lowercase()
            )),
        None => fault.with_fix("rename the folder to 1 to 63 of a-z, 0-9 and '-', or begin its name with '_' to have it ignored"),
    }
}

/// A bare Git repository, or the folder above one and its work trees: there are no files here to read.
fn bare(start: &Path) -> Option<Diagnostic> {
    let git = gix::discover(start).ok().filter(gix::Repository::is_bare)?;
    let trees: Vec<String> = git
        .worktrees()
        .into_iter()
        .flatten()
        .filter_map(|tree| Some(tree.base().ok()?.display().to_string()))
        .collect();
    let fix = match trees.as_slice() {
        [] => format!(
            "make a work tree and use that: git -C {} worktree add ../NAME BRANCH",
            git.path().display()
        ),
        trees => format!("use one of its work trees: -C {}", trees.join(", -C ")),
    };
    Some(
        Diagnostic::new(
            Code::NotARepo,
            format!(
                "{} is a bare Git repository, without files to read",
                git.path().display()
            ),
        )
        .with_cause("hosts are read from files as they lie in a folder, not from commits")
        .with_fix(fix),
    )
}

fn no_hosts() -> Diagnostic {
    Diagnostic::new(Code::NoHosts, "this repository has no hosts")
        .with_place(Place::file("hosts"))
        .with_fix("create a folder hosts/<name> with a host.toml and a configuration.nix")
}

/// `ssh-ed25519 AAAA… comment`, as in a `.pub` file or behind a host name as in `known_hosts`.
pub fn public_key(line: &str) -> Option<String> {
    // A key that was commented out, or that `known_hosts` marks as revoked or as an authority, is not one to trust.
    if line.trim_start().starts_with(['#', '@']) {
        return None;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| {
        word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-")
    })?;
    let (kind, key) = (words.get(at)?, words.get(at + 1)?);
    let is_base64 = key.len() >= 32
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    is_base64.then(|| format!("{kind} {key}"))
}

/// A path as it stands in a URL: everything but unreserved characters and `/` is escaped.
pub(crate) fn url_path(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut url = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::{Repo, public_key, url_path};
    use std::fs;
    use std::path::Path;

    fn repo(files: &[(&str, &str)]) -> (tempfile::TempDir, Repo) {
        let dir = tempfile::tempdir().expect("a folder");
        for (file, text) in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        let repo = Repo::find(dir.path()).expect("a repository");
        (dir, repo)
    }

    const HOST: &str = "class = \"nixos\"\nsystem = \"x86_64-linux\"\n";

    #[test]
    fn finds_hosts_and_ignores_hidden_ones() {
        let (_dir, repo) = repo(&[
            ("flake.nix", "{ }"),
            ("hosts/web/host.toml", HOST),
            ("hosts/db/host.toml", HOST),
            ("hosts/_old/host.toml", "broken"),
            ("hosts/.x/host.toml", "broken"),
            ("hosts/README.md", "a file"),
        ]);
        let contents = repo.read();
        let names: Vec<_> = contents
            .fleet
            .hosts()
            .iter()
            .map(|h| h.name.as_str())
            .collect();
        assert_eq!(names, ["db", "web"]);
        assert!(contents.faults.is_empty());
    }

    #[test]
    fn a_broken_host_leaves_the_others_readable() {
        let (_dir, repo) = repo(&[
            ("flake.nix", "{ }"),
            ("hosts/web/host.toml", HOST),
            ("hosts/Bad/host.toml", HOST),
            ("hosts/empty/configuration.nix", "{ }"),
            ("infra.toml", "admin = []"),
        ]);
        let contents = repo.read();
        assert_eq!(contents.fleet.hosts().len(), 1);
        let titles: Vec<_> = contents.faults.iter().map(|f| f.title.as_str()).collect();
        insta::assert_debug_snapshot!(titles, @r#"
        [
            "unknown key `admin` in infra.toml",
            "`Bad` cannot be the name of a host: it has upper-case letters",
            "host `empty` has no host.toml",
        ]
        "#);
    }

    #[test]
    fn names_that_differ_by_case_alone_are_one_host() {
        let (_dir, repo) = repo(&[
            ("flake.nix", "{ }"),
            ("hosts/web/host.toml", HOST),
            ("hosts/Web/host.toml", HOST),
        ]);
        let contents = repo.read();
        assert_eq!(contents.fleet.hosts().len(), 1);
        let told = contents.faults.iter().map(|fault| {
            let cause = fault.cause.clone().unwrap_or_default();
            [
                fault.title.clone(),
                cause,
                fault.fix.clone().unwrap_or_default(),
            ]
            .join("\n")
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
        `Web` cannot be the name of a host: it has upper-case letters
        `web` is there as well, and in host names (as in DNS) upper and lower case are the same
        merge hosts/Web into hosts/web, or give one of them another name
        ");
    }

    #[test]
    fn is_found_from_inside_and_nowhere_else() {
        let (dir, repo) = repo(&[("flake.nix", "{ }"), ("hosts/web/host.toml", HOST)]);
        let inside = Repo::find(&dir.path().join("hosts/web")).expect("from inside");
        assert_eq!(inside.root(), repo.root());
        let elsewhere = tempfile::tempdir().expect("a folder");
        assert!(Repo::find(elsewhere.path()).is_err());
        assert!(Repo::find(&dir.path().join("nowhere")).is_err());
    }

    #[test]
    fn paths_are_escaped_in_urls() {
        assert_eq!(url_path(Path::new("/a b/#c?é")), "/a%20b/%23c%3F%C3%A9");
    }

    #[test]
    fn reads_keys_as_people_paste_them() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFxx0000000000000000000000000000000000000000";
        assert_eq!(public_key(&format!("{key} root@web")).as_deref(), Some(key));
        assert_eq!(public_key(&format!("10.0.0.2 {key}")).as_deref(), Some(key));
        assert_eq!(public_key("# a comment"), None);
        assert_eq!(public_key(&format!("  # {key}")), None);
        assert_eq!(public_key(&format!("@revoked web {key}")), None);
        assert_eq!(public_key("ssh-ed25519 short"), None);
        assert_eq!(
            public_key("ssh-ed25519 'AAAAC3NzaC1lZDI1NTE5AAAAIFxx00000000000\n"),
            None
        );
    }
}
