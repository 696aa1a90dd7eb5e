//! From what Nix says to what the user needs to know: the user's own file and line first, ours last.

use super::inputs::no_git;
use super::log::{Frame, Log, Message};
use super::store_faults::tail;
use crate::repo::Repo;
use infra_model::lock::Stale;
use infra_model::{Code, Diagnostic, HostSpec, Place};
use std::fmt::Write as _;
use std::path::Path;

/// How many of the user's own places are told besides the first.
const MORE_PLACES: usize = 4;

/// Explains failed evaluations of one host of one repository.
pub(crate) struct Explain<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) host: &'a HostSpec,
    /// How the lock file differs from `flake.nix`, if that was looked into.
    pub(crate) stale: &'a [Stale],
}

impl Explain<'_> {
    /// Why an evaluation failed.
    pub(crate) fn evaluation(&self, log: &Log) -> Diagnostic {
        // The last error is the one Nix ended with.
        let Some(error) = log.errors.last() else {
            if let Some(fault) = no_git(&log.complaint()) {
                return fault;
            }
            return Diagnostic::new(
                Code::NixFailure,
                format!("Nix could not evaluate {}", self.host.name),
            )
            .with_cause(tail(&log.complaint()))
            .with_fix("see that Nix itself works: infra doctor");
        };
        framework(error)
            .or_else(|| self.no_infra_output(error))
            .or_else(|| self.inputs(error))
            .or_else(|| self.out_of_reach(error))
            .unwrap_or_else(|| self.configuration(error))
    }

    /// An ordinary error in the configuration.
    fn configuration(&self, error: &Message) -> Diagnostic {
        let text = self.shorten(&error.text);
        let (code, title) = if text.starts_with("syntax error") {
            (Code::NixSyntax, "a Nix file does not parse".to_owned())
        } else {
            (
                Code::NixEvaluation,
                format!("the configuration of {} does not evaluate", self.host.name),
            )
        };
        let mut own = error
            .frames
            .iter()
            .filter_map(|frame| Some((self.own_place(frame)?, frame.what.as_str())));
        // An option's error names its file in words; that file is nearer to the fault than the frames of the module system.
        let mentioned = self.mentioned_place(&text);
        let first = own.next();
        let place = mentioned
            .or_else(|| first.as_ref().map(|(place, _)| place.clone()))
            .or_else(|| self.mention_of_missing(&error.text));
        let mut cause = text.clone();
        let mut told = vec![place.as_ref().map(ToString::to_string)];
        for (also, what) in first.into_iter().chain(own) {
            let at = Some(also.to_string());
            if told.len() > MORE_PLACES || told.contains(&at) {
                continue;
            }
            let what = if what.is_empty() { "" } else { " " }.to_owned() + what;
            let _ = write!(cause, "\nfrom {also}{what}");
            told.push(at);
        }
        let diagnostic = Diagnostic::new(code, title).with_cause(cause);
        let (diagnostic, usual) = match place {
            Some(place) => (
                diagnostic.with_place(place),
                "correct the configuration at this place",
            ),
            None => (diagnostic, "correct the configuration"),
        };
        diagnostic.with_fix(fix_for(&text).unwrap_or_else(|| usual.to_owned()))
    }

    fn no_infra_output(&self, error: &Message) -> Option<Diagnostic> {
        (error.text.contains("does not provide attribute") && error.text.contains("infra.hosts"))
            .then(|| {
                Diagnostic::new(
                    Code::SchemaMismatch,
                    format!("the flake has no output for host {}", self.host.name),
                )
                .with_cause(error.text.clone())
                .with_place(Place::file("flake.nix"))
                .with_fix("let flake.nix say: outputs = inputs: inputs.infra.lib.mkInfra { inherit inputs; root = ./.; }; and if it does, track the host's folder (git add)")
            })
    }

    /// `/nix/store/…-source/hosts/web/x.nix` → `hosts/web/x.nix`, if that file is in the user's repository.
    pub(super) fn repo_relative(&self, path: &str) -> Option<String> {
        let file = self.in_source_tree(path)?;
        self.repo
            .root()
            .join(file)
            .exists()
            .then(|| file.to_owned())
    }

    /// The file a path names within its source tree. Nix names sources in three ways: the copy in the store (`/nix/store/…-source/x.nix`), a
    /// source it has not copied (`«git+file:///…»/x.nix`), and a work tree as it lies there (`/home/ann/fleet/x.nix`).
    pub(super) fn in_source_tree<'p>(&self, path: &'p str) -> Option<&'p str> {
        if let Some(file) = path.strip_prefix(self.root().as_str()) {
            return file.strip_prefix('/');
        }
        let file = if let Some(virtual_source) = path.strip_prefix('«') {
            virtual_source.split_once("»/")?.1
        } else {
            let (base, file) = path.strip_prefix("/nix/store/")?.split_once('/')?;
            base.ends_with("-source").then_some(file)?
        };
        // A host tree begins where the repository does, wherever that lies in its Git work tree.
        Some(file)
    }

    pub(super) fn root(&self) -> String {
        self.repo.root().to_string_lossy().into_owned()
    }

    /// The same for a file that need not exist, but whose folder does.
    fn would_be(&self, path: &str) -> Option<String> {
        let file = self.in_source_tree(path)?;
        let folder = Path::new(file).parent()?;
        self.repo
            .root()
            .join(folder)
            .is_dir()
            .then(|| file.to_owned())
    }

    /// The place of a frame, if it lies in the user's repository. Other sources (nixpkgs) have files of the same names, so contents are compared.
    pub(super) fn own_place(&self, frame: &Frame) -> Option<Place> {
        let file = self.repo_relative(&frame.file)?;
        let ours = self.repo.peek(&file)?;
        // Files of the work tree compare equal to themselves; a source that was not copied cannot be compared, but its name says whose it is.
        if let Ok(theirs) = std::fs::read_to_string(&frame.file)
            && theirs != ours
        {
            return None;
        }
        let mut place = Place::position(&file, frame.line, frame.column);
        place.excerpt = ours
            .lines()
            .nth(frame.line.saturating_sub(1))
            .map(str::to_owned);
        Some(place)
    }

    /// Names of the user's files instead of the places they were copied to.
    pub(super) fn shorten(&self, text: &str) -> String {
        let mut short = String::new();
        let mut rest = text;
        let root = self.root() + "/";
        while let Some(at) = [rest.find("/nix/store/"), rest.find('«'), rest.find(&root)]
            .into_iter()
            .flatten()
            .min()
        {
            let (before, from) = rest.split_at(at);
            short += before;
            let quoted = before.ends_with(['`', '\'', '"']);
            let (path, own) = self.leading_path(from, quoted);
            short += own.as_deref().unwrap_or(path);
            rest = from.get(path.len()..).unwrap_or_default();
        }
        short + rest
    }

    /// The path that a text begins with, and its name in the repository if it has one. A quoted path may have spaces.
    fn leading_path<'t>(&self, text: &'t str, quoted: bool) -> (&'t str, Option<String>) {
        if quoted
            && let Some(path) = text.split(['\'', '"']).next()
            && let Some(own) = self.would_be(path)
        {
            return (path, Some(own));
        }
        // A virtual source («git+file:///…») may hold any character up to its end.
        let named = text
            .find("»/")
            .filter(|_| text.starts_with('«'))
            .unwrap_or(0);
        let end = text
            .get(named..)
            .unwrap_or_default()
            .char_indices()
            .find(|&(at, c)| at > 0 && (c.is_whitespace() || "'\"`:,)".contains(c)))
            .map_or(text.len(), |(at, _)| named + at);
        let path = text.get(..end).unwrap_or(text);
        (path, self.would_be(path))
    }

    /// The first file of the repository that the (shortened) text names, with the line that sets the option it speaks of.
    fn mentioned_place(&self, text: &str) -> Option<Place> {
        let file = text.split(['`', '\'', '"']).find(|part| {
            Path::new(part).extension().is_some_and(|e| e == "nix")
                && !part.starts_with('/')
                && self.repo.peek(part).is_some()
        })?;
        let option = text
            .split_once("option `")
            .and_then(|(_, rest)| rest.split('\'').next())?;
        // `ports."[definition 1-entry 1]"` is an entry of the list that `ports` is set to.
        let option = option.split(".\"[definition").next().unwrap_or(option);
        let last = option.rsplit('.').next().unwrap_or(option);
        let content = self.repo.peek(file)?;
        let found = content.lines().enumerate().find(|(_, line)| {
            let code = line.trim_start();
            !code.starts_with('#')
                && code
                    .split('=')
                    .next()
                    .is_some_and(|left| left.trim().rsplit('.').next() == Some(last))
        });
        Some(match found {
            Some((at, line)) => {
                let column = line
                    .find(last)
                    .map(|byte| line.get(..byte).unwrap_or_default().chars().count() + 1);
                let mut place = Place::position(file, at + 1, column);
                place.excerpt = Some(line.to_owned());
                place
            }
            None => Place::file(file),
        })
    }
}

/// What our own Nix code refuses, it refuses in the parts of a diagnostic (`nix/lib/problem.nix`, `nix/docs/wire.md`).
fn framework(error: &Message) -> Option<Diagnostic> {
    let mut problems = error
        .text
        .split("infra: ")
        .skip(1)
        .filter(|_| error.text.starts_with("infra: "))
        .map(problem);
    let first = problems.next()??;
    // The others of the same file come along; each would have failed the host alone.
    let others: Vec<String> = problems
        .flatten()
        .map(|also| {
            format!(
                "also: {} (fix: {})",
                also.title,
                also.fix.unwrap_or_default()
            )
        })
        .collect();
    if others.is_empty() {
        return Some(first);
    }
    let cause = first.cause.clone().into_iter().chain(others);
    let cause: Vec<String> = cause.collect();
    Some(first.with_cause(cause.join("\n")))
}

fn problem(text: &str) -> Option<Diagnostic> {
    let mut lines = text.lines().map(str::trim);
    let title = lines.next()?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "))
    };
    let code = serde_json::from_value(field("code")?.into()).ok()?;
    let mut diagnostic = Diagnostic::new(code, title);
    if let Some(cause) = field("cause") {
        diagnostic = diagnostic.with_cause(cause);
    }
    if let Some(place) = field("where") {
        diagnostic = diagnostic.with_place(Place::file(place));
    }
    match field("fix") {
        Some(fix) => Some(diagnostic.with_fix(fix)),
        None => Some(diagnostic),
    }
}

/// Advice for the mistakes that everybody makes.
fn fix_for(text: &str) -> Option<String> {
    if text.contains("does not exist") && text.contains("option `") {
        return Some(
            "correct the name of the option, or import the module that declares it".to_owned(),
        );
    }
    if text.contains("Failed assertions") {
        return Some("meet the condition, or take out what makes it necessary".to_owned());
    }
    if text.contains("is not of type") {
        return Some("give a value of the type the option asks for".to_owned());
    }
    if text.starts_with("stack overflow") {
        return Some(
            "look for a function that calls itself without end, or a value that needs itself"
                .to_owned(),
        );
    }
    if text.starts_with("undefined variable") {
        return Some("correct the name, or add it to the arguments of the file".to_owned());
    }
    if text.contains("is used but not defined")
        || text.contains("accessed but has no value defined")
    {
        return Some("set the option in the host's configuration".to_owned());
    }
    None
}

#[cfg(test)]
#[path = "explain_tests/mod.rs"]
mod tests;
