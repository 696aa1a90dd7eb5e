//! The files below `context/`: read as they are, and changed without touching what somebody else wrote in them.

use crate::repo::Repo;
use infra_model::context::{self, Context};
use infra_model::{Code, Diagnostic, HostName, NeedName, Place};
use serde_json::Value;
use std::io::{self, Write as _};
use std::path::Path;
use toml_edit::{Array, DocumentMut, InlineTable, Item};

/// What is the same for all hosts.
pub const SHARED: &str = "context/shared.toml";

/// The file of one host.
pub fn own(host: &HostName) -> String {
    format!("context/hosts/{host}.toml")
}

/// The file of what one host itself answered.
pub fn facts(host: &HostName) -> String {
    format!("context/facts/{host}.toml")
}

/// Reads a context file; one that is not there says nothing.
pub fn read(repo: &Repo, file: &str) -> Result<Context, Vec<Diagnostic>> {
    match text(repo, file).map_err(|fault| vec![fault])? {
        Some(text) => context::parse_file(file, &text),
        None => Ok(Context::new()),
    }
}

fn text(repo: &Repo, file: &str) -> Result<Option<String>, Diagnostic> {
    match std::fs::read_to_string(repo.root().join(file)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(
            Diagnostic::new(Code::UnreadableFile, format!("{file} cannot be read"))
                .with_cause(error.to_string())
                .with_place(Place::file(file))
                .with_fix("make it a text file (UTF-8) that your user may read"),
        ),
    }
}

/// What [`set`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The line was not there.
    Added,
    /// The line said something else.
    Changed,
    /// The line said so already.
    None,
}

/// Writes one line of a context file, or removes it (`None`). Comments, order and everything else stay as they are.
pub fn set(
    repo: &Repo,
    file: &str,
    name: &NeedName,
    value: Option<&Value>,
) -> Result<Change, Vec<Diagnostic>> {
    let one = |fault: Diagnostic| vec![fault];
    let before = text(repo, file).map_err(one)?;
    // Read by our own rules first: what cannot be read is not written over.
    let context = match &before {
        Some(text) => context::parse_file(file, text)?,
        None => Context::new(),
    };
    let said = context.get(name.as_str()).map(|line| &line.value);
    if said == value {
        return Ok(Change::None);
    }
    let mut document = parsed(file, &before.unwrap_or_default()).map_err(one)?;
    match value {
        None => remove(&mut document, name),
        Some(value) => put(&mut document, name, value).map_err(|why| one(impossible(name, why)))?,
    }
    write(&repo.root().join(file), &document.to_string()).map_err(|error| {
        one(
            Diagnostic::new(Code::UnreadableFile, format!("{file} cannot be written"))
                .with_cause(error.to_string())
                .with_place(Place::file(file))
                .with_fix("give your user the right to write it"),
        )
    })?;
    Ok(if said.is_some() {
        Change::Changed
    } else {
        Change::Added
    })
}

/// Removes a line. What somebody wrote above it stays: it may be about the whole file.
fn remove(document: &mut DocumentMut, name: &NeedName) {
    let above = document
        .key(name.as_str())
        .and_then(|key| key.leaf_decor().prefix()?.as_str().map(str::to_owned))
        .unwrap_or_default();
    let next = document
        .iter()
        .map(|(key, _)| key.to_owned())
        .skip_while(|key| key != name.as_str())
        .nth(1);
    document.remove(name.as_str());
    if above.trim().is_empty() {
        return;
    }
    let before = |old: Option<&toml_edit::RawString>| {
        let old = old.and_then(toml_edit::RawString::as_str);
        above.clone() + old.unwrap_or_default()
    };
    let next = next.as_deref();
    if let Some(Item::Table(table)) = next.and_then(|next| document.get_mut(next)) {
        let text = before(table.decor().prefix());
        table.decor_mut().set_prefix(text);
    } else if let Some(mut key) = next.and_then(|next| document.key_mut(next)) {
        let text = before(key.leaf_decor().prefix());
        key.leaf_decor_mut().set_prefix(text);
    } else {
        let text = before(Some(document.trailing()));
        document.set_trailing(text);
    }
}

/// A TOML text with these lines set.
pub(crate) fn edited(
    file: &str,
    text: &str,
    lines: &[(NeedName, &Value)],
) -> Result<String, Diagnostic> {
    let mut document = parsed(file, text)?;
    for (name, value) in lines {
        put(&mut document, name, value).map_err(|why| impossible(name, why))?;
    }
    Ok(document.to_string())
}

fn parsed(file: &str, text: &str) -> Result<DocumentMut, Diagnostic> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        Diagnostic::new(Code::TomlSyntax, format!("{file} is not valid TOML"))
            .with_cause(error.message().to_owned())
            .with_place(Place::file(file))
            .with_fix("correct its syntax")
    })
}

fn impossible(name: &NeedName, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::WrongType,
        format!("`{name}` cannot be written: {why}"),
    )
    .with_place(Place::file("command line"))
    .with_fix("give a text, a number, true or false, a list or a table of them")
}

/// A key's comments and spacing stay; only its value changes.
fn put(document: &mut DocumentMut, name: &NeedName, value: &Value) -> Result<(), &'static str> {
    let mut new = toml(value)?;
    match document.get_mut(name.as_str()) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        Some(item) => *item = Item::Value(new),
        // A new line goes before the first table: behind it, it would be the table's.
        None => {
            document.insert(name.as_str(), Item::Value(new));
        }
    }
    Ok(())
}

fn toml(value: &Value) -> Result<toml_edit::Value, &'static str> {
    Ok(match value {
        Value::Null => return Err("TOML has no null; leave the line out instead"),
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(fraction)) => fraction.into(),
            (None, None) => return Err("TOML has no such number"),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            toml_edit::Value::Array(items.iter().map(toml).collect::<Result<Array, _>>()?)
        }
        Value::Object(entries) => {
            let mut table = InlineTable::new();
            for (key, value) in entries {
                table.insert(key, toml(value)?);
            }
            toml_edit::Value::InlineTable(table)
        }
    })
}

/// All or nothing: whoever reads meanwhile sees the old file or the new one.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".infra-")
        .permissions(mode_of(path))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// A file keeps its mode; a new one is an ordinary file of the repository.
fn mode_of(path: &Path) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).map_or_else(
        |_| std::fs::Permissions::from_mode(0o644),
        |metadata| metadata.permissions(),
    )
}

#[cfg(test)]
mod tests {
    use super::{Change, read, set};
    use crate::repo::Repo;
    use infra_model::NeedName;
    use serde_json::{Value, json};

    fn repo() -> (tempfile::TempDir, Repo) {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(dir.path().join("hosts/web")).expect("made");
        std::fs::write(dir.path().join("flake.nix"), "{}").expect("written");
        let repo = Repo::find(dir.path()).expect("found");
        (dir, repo)
    }

    fn name(text: &str) -> NeedName {
        NeedName::parse(text).expect("a name")
    }

    fn put(repo: &Repo, key: &str, value: Option<&Value>) -> Change {
        set(repo, "context/hosts/web.toml", &name(key), value).expect("set")
    }

    #[test]
    fn what_somebody_wrote_stays() {
        let (dir, repo) = repo();
        let file = dir.path().join("context/hosts/web.toml");
        assert_eq!(put(&repo, "a", Some(&json!("x"))), Change::Added);
        let text = "# ours\na = \"x\" # why\n\nb = 2\n[c]\nd = 1\n";
        std::fs::write(&file, text).expect("written");
        assert_eq!(put(&repo, "a", Some(&json!("x"))), Change::None);
        assert_eq!(
            put(&repo, "a", Some(&json!(["y", 1.5, {"z": true}]))),
            Change::Changed
        );
        assert_eq!(put(&repo, "e", Some(&json!(-3))), Change::Added);
        assert_eq!(put(&repo, "b", None), Change::Changed);
        insta::assert_snapshot!(std::fs::read_to_string(&file).expect("read"), @r#"
        # ours
        a = ["y", 1.5, { z = true }] # why
        e = -3
        [c]
        d = 1
        "#);
        let context = read(&repo, "context/hosts/web.toml").expect("valid");
        assert_eq!(context["a"].value, json!(["y", 1.5, {"z": true}]));
    }

    #[test]
    fn what_stands_above_a_removed_line_stays() {
        let (dir, repo) = repo();
        let file = dir.path().join("context/hosts/web.toml");
        put(&repo, "x", Some(&json!(1)));
        for (text, left) in [
            ("# ours\na = 1\n", "# ours\n"),
            ("# ours\na = 1\n# b\nb = 2\n", "# ours\n# b\nb = 2\n"),
            ("# ours\na = 1\n\n[b]\nc = 2\n", "# ours\n\n[b]\nc = 2\n"),
            ("b = 2\n# ours\na = 1\n# end\n", "b = 2\n# ours\n# end\n"),
            ("b = 2\na = 1 # gone\n", "b = 2\n"),
        ] {
            std::fs::write(&file, text).expect("written");
            assert_eq!(put(&repo, "a", None), Change::Changed);
            assert_eq!(std::fs::read_to_string(&file).expect("read"), left);
        }
    }

    #[test]
    fn a_broken_file_is_not_written_over() {
        let (dir, repo) = repo();
        let file = dir.path().join("context/hosts/web.toml");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, "a = \n").expect("written");
        assert!(set(&repo, "context/hosts/web.toml", &name("b"), Some(&json!(1))).is_err());
        assert_eq!(std::fs::read_to_string(&file).expect("read"), "a = \n");
        std::fs::write(&file, "").expect("written");
        let fault = set(
            &repo,
            "context/hosts/web.toml",
            &name("b"),
            Some(&json!({"x": null})),
        );
        assert!(fault.is_err(), "there is no null in TOML");
    }
}
