//! What shall be in place: every file with its owner and its content. Whatever is wrong with a bundle is found here, before anything changes.

use crate::args::Owners;
use crate::fault::refused;
use crate::grace::Previous;
use crate::host::Host;
use crate::people::People;
use crate::render::render;
use infra_model::Diagnostic;
use infra_model::bundle::{Bundle, Mode, PREVIOUS, Phase, Plain};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where templates are, beside the secrets of their generation: one link then switches both. No need can have such a name.
pub(crate) const TEMPLATES: &str = ".templates";

/// Where programs find rendered templates.
pub(crate) const TEMPLATES_LINK: &str = "/run/infra/templates";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Secret,
    /// A rotated secret as it was.
    Previous,
    Template,
}

/// One file of an unpacked generation.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mode: Mode,
    pub(crate) content: Plain,
}

impl Entry {
    /// Its path in the folder of its generation.
    pub(crate) fn path(&self) -> String {
        match self.kind {
            Kind::Secret => self.name.clone(),
            Kind::Previous => format!("{}{PREVIOUS}", self.name),
            Kind::Template => format!("{TEMPLATES}/{}", self.name),
        }
    }
}

/// What shall be in place.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// The files.
    pub(crate) entries: Vec<Entry>,
    /// Templates that are found elsewhere: the place, and what it leads to.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// Secrets and templates that belong to root because their owner is not known yet.
    pub(crate) deferred: Vec<String>,
}

/// What a plan is made for.
pub(crate) struct Occasion<'o> {
    pub(crate) host: &'o Host,
    pub(crate) phase: Phase,
    pub(crate) owners: Owners,
}

/// Makes the plan.
pub(crate) fn plan(
    occasion: &Occasion<'_>,
    bundle: &Bundle,
    previous: &[Previous],
) -> Result<Wanted, Diagnostic> {
    let mut owners = Ownership::of(occasion);
    let mut wanted = Wanted::default();
    for secret in bundle
        .secrets
        .iter()
        .filter(|one| one.phase <= occasion.phase)
    {
        let (uid, gid) = owners.of_file("secret", &secret.name, &secret.owner, &secret.group);
        let entry = |kind, content: &Plain| Entry {
            kind,
            name: secret.name.clone(),
            uid,
            gid,
            mode: secret.mode,
            content: content.clone(),
        };
        wanted.entries.push(entry(Kind::Secret, &secret.content));
        let before = previous.iter().find(|one| one.name == secret.name);
        wanted
            .entries
            .extend(before.map(|one| entry(Kind::Previous, &one.content)));
    }
    // Templates may use any secret, so they wait until all are there.
    if occasion.phase == Phase::Services {
        let secrets = bundle
            .secrets
            .iter()
            .map(|one| (one.name.as_str(), &one.content))
            .collect();
        add_templates(occasion, bundle, &secrets, &mut owners, &mut wanted)?;
    }
    wanted.deferred = owners.settle()?;
    Ok(wanted)
}

fn add_templates(
    occasion: &Occasion<'_>,
    bundle: &Bundle,
    secrets: &BTreeMap<&str, &Plain>,
    owners: &mut Ownership,
    wanted: &mut Wanted,
) -> Result<(), Diagnostic> {
    for template in &bundle.templates {
        let (uid, gid) =
            owners.of_file("template", &template.name, &template.owner, &template.group);
        wanted.entries.push(Entry {
            kind: Kind::Template,
            name: template.name.clone(),
            uid,
            gid,
            mode: template.mode,
            content: render(template, secrets)?,
        });
        let own = format!("{TEMPLATES_LINK}/{}", template.name);
        if template.path != own {
            let place = link_place(occasion.host, &template.name, &template.path)?;
            wanted.links.push((place, PathBuf::from(own)));
        }
    }
    Ok(())
}

/// A place outside that may become a link: nothing is there, or a link that we made.
fn link_place(host: &Host, name: &str, path: &str) -> Result<PathBuf, Diagnostic> {
    let not = |why: &str| {
        refused(format!(
            "the template `{name}` cannot be found at {path}: {why}"
        ))
        .with_fix("choose another `path` for the template, or remove what is there")
    };
    if path.starts_with("/run/infra/") {
        return Err(not("that is a place of infra's own"));
    }
    let place = host.path(path);
    match fs::symlink_metadata(&place) {
        Ok(metadata) if metadata.is_symlink() => {
            let target = fs::read_link(&place).unwrap_or_default();
            if target.starts_with(TEMPLATES_LINK) {
                Ok(place)
            } else {
                Err(not(&format!("there is a link to {}", target.display())))
            }
        }
        Ok(_) => Err(not("there is something else")),
        Err(_)
            if place.parent().is_some_and(Path::exists)
                && !place.parent().is_some_and(Path::is_dir) =>
        {
            Err(not("it is below something that is no folder"))
        }
        Err(_) => Ok(place),
    }
}

/// Who owns what, and whom the host does not know.
struct Ownership {
    people: People,
    later: bool,
    unknown: Vec<String>,
    deferred: BTreeSet<String>,
}

impl Ownership {
    fn of(occasion: &Occasion<'_>) -> Self {
        Self {
            people: People::of(occasion.host),
            // Before services start, users need not have been made.
            later: occasion.owners == Owners::Later || occasion.phase < Phase::Services,
            unknown: Vec::new(),
            deferred: BTreeSet::new(),
        }
    }

    fn of_file(&mut self, kind: &str, name: &str, owner: &str, group: &str) -> (u32, u32) {
        let (uid, gid) = (self.people.user(owner), self.people.group(group));
        for (what, who, number) in [("owner", owner, uid), ("group", group, gid)] {
            if number.is_none() {
                self.unknown
                    .push(format!("the {what} `{who}` of the {kind} `{name}`"));
                self.deferred.insert(name.to_owned());
            }
        }
        match (uid, gid) {
            (Some(uid), Some(gid)) => (uid, gid),
            // Both to root: a file of a known group alone would be readable by more people than is meant.
            _ => (0, 0),
        }
    }

    /// What was put off, or the refusal.
    fn settle(self) -> Result<Vec<String>, Diagnostic> {
        if self.later {
            return Ok(self.deferred.into_iter().collect());
        }
        let Some((first, others)) = self.unknown.split_first() else {
            return Ok(Vec::new());
        };
        let fault = refused(format!("{first} is not known on this host")).with_fix(
            "let the host's configuration make the user or group, or correct `owner` and `group`",
        );
        Err(if others.is_empty() {
            fault
        } else {
            fault.with_cause(format!("neither is: {}", others.join("; ")))
        })
    }
}
