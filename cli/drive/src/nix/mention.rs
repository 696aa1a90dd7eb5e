//! Who asks for a file: the place in the host's own files that names it, and the link that leads to it, if one does. Nix tells no place for
//! modules that are imported, and never tells of links.

use crate::repo::Repo;
use infra_model::tree::Scope;
use infra_model::{HostSpec, Place};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// More files than any repository has that people write.
const MOST_FILES: usize = 5_000;
/// Longer ones are not what people write.
const LONGEST: u64 = 1 << 20;
/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// Where a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) place: Place,
    /// The path as it stands there, if a link makes another file of it.
    pub(super) link: Option<String>,
}

/// The first place in what the host reads that names `wanted`: a path in the repository, or an absolute one.
pub(super) fn find(repo: &Repo, host: &HostSpec, wanted: &str) -> Option<Mention> {
    let own = PathBuf::from("hosts").join(host.name.as_str());
    let scope = Scope::of(host);
    let mut left = MOST_FILES;
    // The host's own files are the likeliest.
    let mut waiting = vec![PathBuf::new(), own];
    while let Some(folder) = waiting.pop() {
        let mut entries: Vec<_> = fs::read_dir(repo.root().join(&folder))
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            left = left.checked_sub(1)?;
            let path = folder.join(entry.file_name());
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                if scope.judge(&format!("{}/x", path.display())).is_ok() {
                    waiting.push(path);
                }
            } else if meta.is_file()
                && meta.len() <= LONGEST
                && path.extension().is_some_and(|end| end == "nix")
                && let Some(found) = in_file(repo, &path, wanted)
            {
                return Some(found);
            }
        }
    }
    None
}

fn in_file(repo: &Repo, file: &Path, wanted: &str) -> Option<Mention> {
    let text = fs::read_to_string(repo.root().join(file)).ok()?;
    let folder = file.parent().unwrap_or(Path::new(""));
    for (number, line) in text.lines().enumerate() {
        let code = line.split_once('#').map_or(line, |(code, _)| code);
        for (at, written) in paths(code) {
            let named = within(repo.root(), &folder.join(written));
            let meant = resolve(repo.root(), &named);
            let is_named = named == Path::new(wanted);
            if !is_named && meant.as_deref() != Some(Path::new(wanted)) {
                continue;
            }
            let column = line.get(..at).unwrap_or_default().chars().count() + 1;
            let name = file.to_string_lossy();
            let mut place = Place::position(name, number + 1, Some(column));
            place.excerpt = Some(line.to_owned());
            let link = (!is_named).then(|| named.to_string_lossy().into_owned());
            return Some(Mention { place, link });
        }
    }
    None
}

/// The paths in a line of Nix, each with the byte it begins at.
fn paths(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
    let mut at = 0;
    code.split(move |c: char| !is_part(c))
        .map(move |word| {
            let begin = at;
            at += word.len() + code.get(begin + word.len()..).map_or(0, next_length);
            (begin, word)
        })
        .filter(|(_, word)| word.contains('/') && (word.starts_with('.') || word.starts_with('/')))
}

fn next_length(rest: &str) -> usize {
    rest.chars().next().map_or(0, char::len_utf8)
}

/// A path without `.` and `..`, as Nix reads it: by its text alone.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// A path without detours: relative to the repository if it is in it, and else absolute.
fn within(root: &Path, path: &Path) -> PathBuf {
    let plain = lexical(&root.join(path));
    plain
        .strip_prefix(root)
        .map_or(plain.clone(), Path::to_path_buf)
}

/// A link beside the flake that leads out of the repository. Such a one may stand for a shared folder, which nobody names in a file.
pub(super) fn leading_out(repo: &Repo) -> Option<String> {
    let entries = fs::read_dir(repo.root()).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    names.into_iter().find_map(|name| {
        resolve(repo.root(), Path::new(&name))
            .is_some_and(|meant| meant.is_absolute())
            .then(|| name.to_string_lossy().into_owned())
    })
}

/// What a path of the repository is after following links, whether it exists or not. A path out of the repository is absolute.
fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let Some((link, target)) = first_link(root, &path) else {
            return Some(path);
        };
        let rest = path.strip_prefix(&link).ok()?.to_path_buf();
        let target = link.parent()?.join(target);
        let target = if rest.as_os_str().is_empty() {
            target
        } else {
            target.join(rest)
        };
        path = within(root, &target);
    }
    None
}

/// The nearest part of a path that is a link, and where it points.
fn first_link(root: &Path, path: &Path) -> Option<(PathBuf, PathBuf)> {
    // What is outside of the repository is not looked into.
    if path.is_absolute() {
        return None;
    }
    let mut part = PathBuf::new();
    path.components().find_map(|component| {
        part.push(component);
        let target = fs::read_link(root.join(&part)).ok()?;
        Some((part.clone(), target))
    })
}

#[cfg(test)]
mod tests {
    use super::{find, lexical, paths};
    use crate::repo::Repo;
    use infra_model::host::HostDefaults;
    use infra_model::{HostName, HostSpec};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    #[test]
    fn finds_paths_where_people_write_them() {
        let line = "  imports = [ ./é.nix ../db/x.nix ]; a = \"/etc/x\"; b = 1 / 2;";
        let found: Vec<_> = paths(line).collect();
        let words: Vec<_> = found.iter().map(|(_, word)| *word).collect();
        assert_eq!(words, ["./", "../db/x.nix", "/etc/x", "/"]);
        for (at, word) in found {
            assert!(line.get(at..).is_some_and(|rest| rest.starts_with(word)));
        }
        assert_eq!(
            lexical(Path::new("hosts/web/../db/./x")),
            Path::new("hosts/db/x")
        );
    }

    /// Repository, and what the first place that names a file looks like.
    fn mention(files: &[(&str, &str)], links: &[(&str, &str)], wanted: &str) -> Option<String> {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("exists");
        let make = |file: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
            path
        };
        fs::write(make("flake.nix"), "{ }").expect("writable");
        fs::write(make("hosts/db/x.nix"), "{ }").expect("writable");
        for (file, text) in files {
            let text = text.replace("ROOT", &root.to_string_lossy());
            fs::write(make(file), text).expect("writable");
        }
        for (link, target) in links {
            let target = target.replace("ROOT", &root.to_string_lossy());
            symlink(target, make(link)).expect("writable");
        }
        let repo = Repo::find(&root).expect("a repository");
        let name = HostName::parse("web").expect("a name");
        let text = "class = \"nixos\"\nsystem = \"x86_64-linux\"\nshared = [\"modules\"]";
        let host = HostSpec::parse(&name, "f", text, &HostDefaults::default()).expect("valid");
        let found = find(&repo, &host, wanted)?;
        let link = found.link.map(|link| format!(" through {link}"));
        Some(format!("{}{}", found.place, link.unwrap_or_default()))
    }

    #[test]
    fn the_first_place_that_names_a_file_is_found() {
        let own = "hosts/web/configuration.nix";
        let asks = |text| mention(&[(own, text)], &[], "hosts/db/x.nix");
        let at = |place: &str| Some(place.to_owned());
        assert_eq!(
            asks("{ }\n# ../db/x.nix\n[ ../db/x.nix ]"),
            at("hosts/web/configuration.nix:3:3"),
            "a comment asks for nothing"
        );
        assert_eq!(asks("[ ../db/y.nix ../dbx ]"), None);
        let absolute = asks("[ ROOT/hosts/db/x.nix ]");
        assert_eq!(absolute, at("hosts/web/configuration.nix:1:3"));
        let module = mention(
            &[("modules/a/default.nix", "../../hosts/db/x.nix")],
            &[],
            "hosts/db/x.nix",
        );
        assert_eq!(module, at("modules/a/default.nix:1:1"));
        // What the host does not read does not ask.
        let unread = mention(
            &[
                ("hosts/db/configuration.nix", "./x.nix"),
                ("other/default.nix", "../hosts/db/x.nix"),
            ],
            &[],
            "hosts/db/x.nix",
        );
        assert_eq!(unread, None);
    }

    #[test]
    fn links_are_followed_to_what_they_mean() {
        let own = "hosts/web/configuration.nix";
        let through = |written: &str, link: (&str, &str), wanted: &str| {
            mention(&[(own, written)], &[link], wanted)
        };
        let expected = |link: &str| Some(format!("{own}:1:1 through {link}"));
        let cases = [
            ("hosts/web/l.nix", "../db/x.nix", "hosts/db/x.nix"),
            ("hosts/web/l.nix", "ROOT/hosts/db/x.nix", "hosts/db/x.nix"),
            ("hosts/web/l.nix", "nowhere", "hosts/web/nowhere"),
            ("hosts/web/l.nix", "/etc/hostname", "/etc/hostname"),
        ];
        for (link, target, wanted) in cases {
            assert_eq!(
                through("./l.nix", (link, target), wanted),
                expected("hosts/web/l.nix"),
                "{target}"
            );
        }
        let folder = through("./d/x.nix", ("hosts/web/d", "../db"), "hosts/db/x.nix");
        assert_eq!(folder, expected("hosts/web/d/x.nix"));
        // A link to itself leads nowhere.
        assert_eq!(
            through("./l.nix", ("hosts/web/l.nix", "l.nix"), "hosts/db/x.nix"),
            None
        );
    }
}
