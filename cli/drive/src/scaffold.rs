//! New files in a repository: a folder that is there whole or not at all, and files that never take the place of others.

use crate::context;
use infra_model::{Code, Diagnostic, NeedName, Place};
use rustix::fs::{CWD, RenameFlags};
use serde_json::Value;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its path, from the folder it belongs to.
    pub path: String,
    /// What it holds.
    pub content: Vec<u8>,
    /// Whether it is a program.
    pub executable: bool,
}

impl NewFile {
    /// An ordinary text file.
    pub fn text(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            content: text.into().into_bytes(),
            executable: false,
        }
    }

    /// Writes it, unless something is there; says whether it did.
    fn write(&self, below: &Path) -> io::Result<bool> {
        let path = below.join(&self.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mode = if self.executable { 0o755 } else { 0o644 };
        let open = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        let mut file = match open {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        };
        file.write_all(&self.content)
            .and_then(|()| file.sync_all())
            .inspect_err(|_| {
                // No half of a file is left.
                let _ = fs::remove_file(&path);
            })?;
        Ok(true)
    }
}

/// A folder that is complete, but not yet in its place. Dropped, it is gone.
#[derive(Debug)]
pub struct Draft {
    folder: TempDir,
    place: PathBuf,
    shown: String,
}

impl Draft {
    /// Writes the files of the folder `shown` (from `root`) beside its place.
    pub fn new(root: &Path, shown: &str, files: &[NewFile]) -> Result<Self, Diagnostic> {
        let place = root.join(shown);
        let draft = || {
            let parent = place.parent().unwrap_or(root);
            fs::create_dir_all(parent)?;
            // Hidden: whoever lists hosts meanwhile does not see it.
            let folder = tempfile::Builder::new()
                .prefix(".infra-new-")
                .permissions(fs::Permissions::from_mode(0o755))
                .tempdir_in(parent)?;
            for file in files {
                file.write(folder.path())?;
            }
            Ok(folder)
        };
        let folder = draft().map_err(|error| unwritable(shown, &error))?;
        Ok(Self {
            folder,
            shown: shown.to_owned(),
            place,
        })
    }

    /// Puts it in its place, if nothing is there.
    pub fn publish(self) -> Result<(), Diagnostic> {
        let from = self.folder.path();
        match rustix::fs::renameat_with(CWD, from, CWD, &self.place, RenameFlags::NOREPLACE) {
            Ok(()) => {
                let _ = self.folder.keep();
                Ok(())
            }
            Err(rustix::io::Errno::EXIST) => Err(taken(&self.shown)),
            Err(error) => Err(unwritable(&self.shown, &error.into())),
        }
    }
}

/// Something is there already.
pub fn taken(shown: &str) -> Diagnostic {
    Diagnostic::new(Code::Usage, format!("there is a {shown} already"))
        .with_place(Place::file(shown))
        .with_fix("take another name; nothing was changed")
}

/// The files below a folder, as a template for a new one.
pub fn template(root: &Path, shown: &str) -> Result<Vec<NewFile>, Diagnostic> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        let path = root.join(shown).join(&folder);
        let unreadable = |error: &io::Error| {
            Diagnostic::new(
                Code::UnreadableFile,
                format!("the template {shown} cannot be read"),
            )
            .with_cause(error.to_string())
            .with_place(Place::file(format!("{shown}/{folder}")))
            .with_fix("see that it is there and that your user may read it")
        };
        for entry in fs::read_dir(path).map_err(|error| unreadable(&error))? {
            let entry = entry.map_err(|error| unreadable(&error))?;
            let kind = entry.file_type().map_err(|error| unreadable(&error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let inside = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if kind.is_dir() {
                open.push(inside);
            } else if kind.is_file() {
                let content = fs::read(entry.path()).map_err(|error| unreadable(&error))?;
                let mode = entry.metadata().map_err(|error| unreadable(&error))?;
                files.push(NewFile {
                    path: inside,
                    content,
                    executable: mode.permissions().mode() & 0o100 != 0,
                });
            } else {
                // What a link leads to is not the template's, and where it would lead from its copy nobody knows.
                return Err(Diagnostic::new(
                    Code::UnreadableFile,
                    format!("{shown}/{inside} is neither a file nor a folder"),
                )
                .with_place(Place::file(format!("{shown}/{inside}")))
                .with_fix("put a file in its place"));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Names of the folders `hosts/_<name>`, without the `_`, sorted.
pub fn templates(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root.join("hosts"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_prefix('_')?.to_owned()))
        .collect();
    names.sort_unstable();
    names
}

/// What became of files that were to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Written.
    pub new: Vec<String>,
    /// There already, and left as they are.
    pub kept: Vec<String>,
}

/// Writes files below `root`. What is there already stays; if one cannot be written, those before it are taken away again.
pub fn write_new(root: &Path, files: &[NewFile]) -> Result<Written, Diagnostic> {
    let mut written = Written::default();
    for file in files {
        match file.write(root) {
            Ok(true) => written.new.push(file.path.clone()),
            Ok(false) => written.kept.push(file.path.clone()),
            Err(error) => {
                for path in written.new.iter().rev() {
                    let _ = fs::remove_file(root.join(path));
                }
                return Err(unwritable(&file.path, &error));
            }
        }
    }
    Ok(written)
}

/// A TOML text with some of its lines set; everything else stays as it is.
pub fn with_lines(file: &str, text: &str, lines: &[(&str, Value)]) -> Result<String, Diagnostic> {
    let mut named = Vec::new();
    for (name, value) in lines {
        let name = NeedName::parse(name)
            .map_err(|why| Diagnostic::new(Code::Internal, why.to_string()))?;
        named.push((name, value));
    }
    context::edited(file, text, &named)
}

/// Makes a Git repository, unless the folder is in one; says whether it did. The `git` program is not needed.
pub fn git_init(root: &Path) -> Result<bool, Diagnostic> {
    if gix::discover(root).is_ok() {
        return Ok(false);
    }
    gix::init(root).map(|_| true).map_err(|error| {
        Diagnostic::new(Code::UnreadableFile, "no Git repository could be made")
            .with_cause(error.to_string())
            .with_place(Place::file(root.display().to_string()))
            .with_fix("git init, or go on without: infra does not need it")
    })
}

fn unwritable(shown: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::UnreadableFile,
        format!("{shown} cannot be written; nothing was changed"),
    )
    .with_cause(error.to_string())
    .with_place(Place::file(shown))
    .with_fix("give your user the right to write there, and room on the disk")
}

#[cfg(test)]
mod tests {
    use super::{Draft, NewFile, template, templates, with_lines, write_new};
    use serde_json::json;
    use std::fs;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let files = [
            NewFile::text("host.toml", "a = 1\n"),
            NewFile::text("deep/er/file", "x"),
        ];
        let draft = Draft::new(dir.path(), "hosts/web", &files).expect("drafted");
        assert!(!dir.path().join("hosts/web").exists());
        drop(draft);
        let left: Vec<_> = fs::read_dir(dir.path().join("hosts"))
            .expect("a folder")
            .collect();
        assert!(left.is_empty(), "{left:?}");
        let publish = || Draft::new(dir.path(), "hosts/web", &files).and_then(Draft::publish);
        publish().expect("published");
        assert_eq!(
            fs::read_to_string(dir.path().join("hosts/web/deep/er/file")).expect("there"),
            "x"
        );
        // Also an empty folder is somebody's.
        fs::create_dir(dir.path().join("hosts/db")).expect("made");
        publish().expect_err("it is there");
        let draft = Draft::new(dir.path(), "hosts/db", &files).expect("drafted");
        draft.publish().expect_err("it is there");
        let left = fs::read_dir(dir.path().join("hosts")).expect("a folder");
        assert_eq!(left.count(), 2, "no draft is left");
    }

    #[test]
    fn files_that_are_there_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("b"), "ours").expect("written");
        let files = ["a", "b", "c"].map(|name| NewFile::text(name, "new"));
        let written = write_new(dir.path(), &files).expect("written");
        assert_eq!(
            (written.new, written.kept),
            (vec!["a".to_owned(), "c".to_owned()], vec!["b".to_owned()])
        );
        assert_eq!(
            fs::read_to_string(dir.path().join("b")).expect("there"),
            "ours"
        );
        // Below a file nothing can be written; then nothing is.
        let files = ["d", "b/x"].map(|name| NewFile::text(name, "new"));
        write_new(dir.path(), &files).expect_err("no folder");
        assert!(!dir.path().join("d").exists());
    }

    #[test]
    fn templates_are_read_and_links_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("hosts/_small/x")).expect("made");
        fs::write(dir.path().join("hosts/_small/x/y"), "y").expect("written");
        assert_eq!(templates(dir.path()), ["small"]);
        let files = template(dir.path(), "hosts/_small").expect("read");
        assert_eq!(files, [NewFile::text("x/y", "y")]);
        std::os::unix::fs::symlink("/etc", dir.path().join("hosts/_small/z")).expect("linked");
        template(dir.path(), "hosts/_small").expect_err("a link");
    }

    #[test]
    fn lines_are_set_and_comments_stay() {
        let text = "# ours\nclass = \"nixos\" # why\n[x]\ny = 1\n";
        let lines = [("class", json!("linux")), ("tags", json!(["a\"b"]))];
        insta::assert_snapshot!(with_lines("f", text, &lines).expect("valid"), @r#"
        # ours
        class = "linux" # why
        tags = ['a"b']
        [x]
        y = 1
        "#);
        with_lines("f", "a =", &lines).expect_err("no TOML");
    }
}
