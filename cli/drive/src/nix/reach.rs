//! Files that an evaluation asks for and may not read: who asks, why not, and where the file should be instead.

use super::explain::Explain;
use super::log::Message;
use super::mention::{self, Mention};
use crate::tree;
use infra_model::tree::{LeftOut, Scope};
use infra_model::{Code, Diagnostic, Place};
use std::path::Path;

impl Explain<'_> {
    /// A file that is not part of what the host may read.
    pub(super) fn out_of_reach(&self, error: &Message) -> Option<Diagnostic> {
        self.left_out(error)
            .or_else(|| self.dangling(error))
            .or_else(|| self.outside(error))
    }

    /// The user's place that the error came from, as Nix tells it.
    pub(super) fn asking(&self, error: &Message) -> Option<Place> {
        error.frames.iter().find_map(|frame| self.own_place(frame))
    }

    /// Who asks for `file`: the place that Nix tells, else the first in the host's files that names it; and through which link.
    fn asked(&self, error: &Message, file: &str) -> (Option<Place>, String) {
        let found = mention::find(self.repo, self.host, file);
        let link = found.as_ref().and_then(|found| found.link.clone());
        let place = self
            .asking(error)
            .or_else(|| found.map(|found| found.place));
        let who = match &place {
            Some(place) => format!("{place} asks for it"),
            None => format!("the configuration of {} asks for it", self.host.name),
        };
        let through = link.map_or(String::new(), |link| format!(" through the link {link}"));
        (place, who + &through)
    }

    /// A file that is there, but not in the host's tree, does not exist for its evaluation.
    fn left_out(&self, error: &Message) -> Option<Diagnostic> {
        let file = missing(&error.text).find_map(|part| self.repo_relative(part))?;
        Some(self.not_in_tree(error, &file))
    }

    fn not_in_tree(&self, error: &Message, file: &str) -> Diagnostic {
        let host = &self.host.name;
        let (asking, by) = self.asked(error, file);
        let place = asking.unwrap_or_else(|| Place::file(file));
        let Err(why) = Scope::of(self.host).judge(file) else {
            return self.not_taken(file, &by).with_place(place);
        };
        let (reason, fix) = match why {
            LeftOut::OtherHost(other) => (
                format!("it belongs to host `{other}`, and a host reads no other host's folder"),
                format!(
                    "move what both need to a shared folder, for example modules/, and import it from there in {host} and {other}"
                ),
            ),
            LeftOut::NeverRead(folder) => (
                format!("nothing in `{folder}` is ever read by an evaluation"),
                "move it to a shared folder, for example modules/".to_owned(),
            ),
            LeftOut::NotListed(folder) => (
                format!("`shared` in hosts/{host}/host.toml does not list it"),
                format!("add \"{folder}\" to `shared` in hosts/{host}/host.toml"),
            ),
            LeftOut::Hidden(folder) => (
                format!("folders whose names begin with '.' or '_' (`{folder}`) are ignored"),
                "move it to a folder without such a name".to_owned(),
            ),
            LeftOut::BesideTheFlake => (
                "of the files beside flake.nix an evaluation sees only *.nix and flake.lock"
                    .to_owned(),
                "move it to a shared folder, for example modules/".to_owned(),
            ),
        };
        Diagnostic::new(
            Code::OutsideTree,
            format!("{file} is not part of what {host} may read"),
        )
        .with_cause(format!("{by}; {reason}"))
        .with_place(place)
        .with_fix(fix)
    }

    /// A file in a folder that the host reads, which is in no tree all the same.
    fn not_taken(&self, file: &str, by: &str) -> Diagnostic {
        let path = self.repo.root().join(file);
        if path.is_dir() && tree::ignored_by(self.repo.root(), Path::new(file)).is_none() {
            return Diagnostic::new(
                Code::OutsideTree,
                format!(
                    "the folder {file} is empty, and host trees (as Git) have no empty folders"
                ),
            )
            .with_cause(by)
            .with_fix(format!("put a file into it, for example {file}/.keep"));
        }
        let rule = match tree::ignored_by(self.repo.root(), Path::new(file)) {
            Some(rule) => format!("; the rule {rule} says so"),
            None => String::new(),
        };
        Diagnostic::new(
            Code::IgnoredFile,
            format!("{file} exists, but Git ignores it, so no evaluation sees it"),
        )
        .with_cause(format!("{by}{rule}"))
        .with_fix(format!(
            "take it out of .gitignore, or track it all the same: git add --force {file}"
        ))
    }

    /// A link in the host's tree that leads to nothing.
    fn dangling(&self, error: &Message) -> Option<Diagnostic> {
        let target = missing(&error.text).find_map(|part| self.in_source_tree(part))?;
        let Mention { place, link } = mention::find(self.repo, self.host, target)?;
        let link = link?;
        Some(
            Diagnostic::new(
                Code::NixEvaluation,
                format!("{link} is a link to {target}, which does not exist"),
            )
            .with_cause(format!("{place} asks for it"))
            .with_place(place)
            .with_fix("let the link point at a file that exists, or put the file there"),
        )
    }

    /// Where a file that does not exist anywhere is asked for.
    pub(super) fn mention_of_missing(&self, text: &str) -> Option<Place> {
        let file = missing(text).find_map(|part| self.in_source_tree(part))?;
        Some(mention::find(self.repo, self.host, file)?.place)
    }

    /// A path outside the repository, or one inside that is written as if it were outside.
    fn outside(&self, error: &Message) -> Option<Diagnostic> {
        if !error.text.contains("is forbidden in pure eval") {
            return None;
        }
        let asked_for = error.text.split('\'').nth(1).unwrap_or_default();
        if let Some(inside) = self.in_work_tree(asked_for) {
            return Some(self.by_absolute_path(error, inside));
        }
        let host = &self.host.name;
        let (asking, by) = self.asked(error, asked_for);
        // The tree is a folder of the Nix store; a path that climbs out of it ends there.
        let climbs = asked_for
            .strip_prefix("/nix/store/")
            .is_some_and(|name| !name.contains('/'));
        let (title, cause) = if climbs || asked_for.is_empty() {
            let link = match &asking {
                Some(_) => None,
                None => mention::leading_out(self.repo),
            };
            (
                format!("the configuration of {host} reads a path outside the repository"),
                match link {
                    Some(link) => format!("the link {link} leads out of the repository"),
                    None => "a path with `..` leads out of the repository".to_owned(),
                },
            )
        } else {
            (
                format!("the configuration of {host} reads {asked_for}, outside the repository"),
                format!(
                    "{by}; an evaluation reads what is in the repository, so that it comes out the same on every machine"
                ),
            )
        };
        let diagnostic = Diagnostic::new(Code::OutsideTree, title)
            .with_cause(cause)
            .with_fix(
                "copy the file into the host's folder, or into a shared one such as modules/",
            );
        Some(match asking {
            Some(place) => diagnostic.with_place(place),
            None => diagnostic,
        })
    }

    /// A file of the repository that is asked for by where it lies on this machine.
    fn by_absolute_path(&self, error: &Message, file: &str) -> Diagnostic {
        if Scope::of(self.host).judge(file).is_err() {
            return self.not_in_tree(error, file);
        }
        let (asking, by) = self.asked(error, file);
        let diagnostic = Diagnostic::new(
            Code::OutsideTree,
            format!("{file} is asked for by an absolute path"),
        )
        .with_cause(format!(
            "{by}; an evaluation reads a copy of the repository, not the folder on this machine"
        ))
        .with_fix("write the path relative to the file (or the link) that it stands in");
        match asking {
            Some(place) => diagnostic.with_place(place),
            None => diagnostic,
        }
    }

    /// `/home/ann/fleet/x.nix` → `x.nix`.
    fn in_work_tree<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.root().as_str())?.strip_prefix('/')
    }
}

/// What stands in quotes in a message about something that is not there.
fn missing(text: &str) -> impl Iterator<Item = &str> {
    let told = text.contains("No such file or directory") || text.contains("does not exist");
    text.split(['\'', '"', '‘', '’']).filter(move |_| told)
}
