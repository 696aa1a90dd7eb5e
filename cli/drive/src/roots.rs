//! Roots for Nix's garbage collector: links that keep a host's systems, and what they are built from, in this machine's store.
//!
//! A root outside the store is two links: Nix's own, in `gcroots/auto`, which leads to ours, which leads into the store. Only Nix may make the
//! first (with a daemon we have no right to), and it takes a process; but then ours can be led elsewhere as often as we like, by nobody but us.
//! So a link is made by the process that builds, and moved without one.

use crate::state::State;
use infra_model::{HostName, StorePath};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The folder of the links, in a repository's state folder.
pub(crate) const FOLDER: &str = "roots";

/// A planned system that nothing was done about for this long is forgotten: it can be evaluated and built again.
const PLANNED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a root is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The system that was last evaluated to build or deploy it.
    Planned,
    /// The system that was last deployed from this machine.
    Deployed,
}

/// A host's system: what to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// The derivation.
    pub drv: StorePath,
    /// What building it yields; `None` if that is built in another store.
    pub out: Option<StorePath>,
}

/// The roots of one repository's hosts.
#[derive(Debug, Clone)]
pub struct Roots {
    dir: PathBuf,
    /// Where Nix keeps its links to ours.
    auto: PathBuf,
}

/// What was found or removed, over all repositories of this user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Links that are there now.
    pub kept: u64,
    /// Links that were just removed.
    pub removed: u64,
}

/// Which roots to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// None: only count.
    Nothing,
    /// Those of hosts and repositories that are no more, and planned systems that are old or gone from the store.
    Stale,
    /// Those, and all planned systems.
    Planned,
}

impl Root {
    fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Deployed => "deployed",
        }
    }

    /// The name of the link to the derivation. Not ours to choose: Nix names the second link of a process so.
    fn drv_name(self) -> String {
        format!("{}-1", self.name())
    }
}

impl Roots {
    /// The roots of the repository whose state this is. Touches nothing.
    pub fn of(state: &State) -> Self {
        let nix = std::env::var_os("NIX_STATE_DIR")
            .map_or_else(|| PathBuf::from("/nix/var/nix"), PathBuf::from);
        Self {
            dir: state.dir().join(FOLDER),
            auto: nix.join("gcroots/auto"),
        }
    }

    /// Leads the links to a system, as far as Nix knows them already. Answers whether all of it is protected now; if not, Nix has to make
    /// the links ([`Roots::link`]). A link that Nix does not know would protect nothing, so none is made here.
    pub fn point(&self, host: &HostName, root: Root, system: &System) -> io::Result<bool> {
        let mut links = vec![(root.drv_name(), &system.drv)];
        links.extend(system.out.as_ref().map(|out| (root.name().to_owned(), out)));
        if system.out.is_none() {
            // What may be there is the result of a system before.
            let _ = fs::remove_file(self.dir.join(host.as_str()).join(root.name()));
        }
        let mut all = true;
        for (name, target) in links {
            let link = self.dir.join(host.as_str()).join(name);
            if !self.is_known(&link) {
                all = false;
            } else if fs::read_link(&link).ok().as_deref() != Some(Path::new(target.as_str())) {
                lead(&link, target)?;
            }
        }
        Ok(all)
    }

    /// The link that Nix is to make (`--out-link`) to a result; with the derivation as its second installable it makes the other one, too.
    /// Makes the folder for it.
    pub fn link(&self, host: &HostName, root: Root) -> io::Result<PathBuf> {
        self.place(host, root.name())
    }

    /// What the links of a host lead to: derivations and systems, as far as they are in the store. Sorted.
    pub fn kept(&self, host: &HostName) -> Vec<PathBuf> {
        let folder = self.dir.join(host.as_str());
        let links = names(&folder).into_iter();
        let mut kept: Vec<PathBuf> = links
            .filter_map(|name| fs::read_link(folder.join(name)).ok())
            .filter(|path| path.exists())
            .collect();
        kept.sort();
        kept.dedup();
        kept
    }

    /// The same if the derivation alone is to be kept.
    pub fn drv_link(&self, host: &HostName, root: Root) -> io::Result<PathBuf> {
        self.place(host, &root.drv_name())
    }

    fn place(&self, host: &HostName, name: &str) -> io::Result<PathBuf> {
        let folder = self.dir.join(host.as_str());
        fs::create_dir_all(&folder)?;
        let link = folder.join(name);
        // Nix would build first and refuse then.
        match fs::symlink_metadata(&link) {
            Ok(found) if !found.is_symlink() => Err(io::Error::other(format!(
                "{} is in the way",
                link.display()
            ))),
            _ => Ok(link),
        }
    }

    /// Whether Nix has a link to ours. Its name is the hash of our path; it stays until the collector finds ours gone.
    fn is_known(&self, link: &Path) -> bool {
        link.is_symlink()
            && hash_of(link)
                .and_then(|hash| fs::read_link(self.auto.join(hash)).ok())
                .is_some_and(|target| target == link)
    }
}

/// Replaces a link in one step: at no time is there none, which the collector would take for its end.
fn lead(link: &Path, target: &StorePath) -> io::Result<()> {
    let mut name = link.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(target.as_str(), &new)?;
    fs::rename(&new, link)
}

/// What Nix calls its link to `link`: the SHA-1 of the path in Nix's own base 32.
fn hash_of(link: &Path) -> Option<String> {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(link.as_os_str().as_bytes());
    let hash = hasher.try_finalize().ok()?;
    Some(base32(hash.as_slice()))
}

/// Nix's base 32: without e, o, u and t, five bits a character, the last bits first.
fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
    let characters = (bytes.len() * 8).div_ceil(5);
    let byte = |at: usize| bytes.get(at).copied().map_or(0, u16::from);
    (0..characters)
        .rev()
        .map(|character| {
            let (at, shift) = (character * 5 / 8, character * 5 % 8);
            let two = byte(at) | (byte(at + 1) << 8);
            let digit = usize::from((two >> shift) & 0x1f);
            DIGITS.get(digit).copied().map_or('0', char::from)
        })
        .collect()
}

/// Counts the roots of all repositories, and removes those that need not be. Removing our link is enough: Nix forgets its own when it
/// collects.
pub fn sweep(what: Sweep, now: SystemTime) -> Tally {
    sweep_below(&crate::state::repos_dir(), what, now)
}

fn sweep_below(repos: &Path, what: Sweep, now: SystemTime) -> Tally {
    let mut tally = Tally::default();
    for (state, repo) in crate::state::all_below(repos) {
        let dir = state.join(FOLDER);
        for host in names(&dir) {
            let is_lost = is_lost(&repo) || is_lost(&repo.join("hosts").join(&host));
            for name in names(&dir.join(&host)) {
                let link = dir.join(&host).join(&name);
                let goes = what != Sweep::Nothing
                    && (is_lost || is_of_no_use(&link, &name.to_string_lossy(), what, now));
                if goes && fs::remove_file(&link).is_ok() {
                    tally.removed += 1;
                } else {
                    tally.kept += 1;
                }
            }
            if what != Sweep::Nothing {
                // Only if it is empty now.
                let _ = fs::remove_dir(dir.join(&host));
            }
        }
    }
    tally
}

fn is_of_no_use(link: &Path, name: &str, what: Sweep, now: SystemTime) -> bool {
    let age = fs::symlink_metadata(link)
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|at| now.duration_since(at).ok())
        .unwrap_or_default();
    // Begun by a process that was killed before it could rename it.
    if Path::new(name).extension().is_some_and(|end| end == "new") {
        return age > Duration::from_secs(60);
    }
    name.starts_with(Root::Planned.name())
        && (what == Sweep::Planned || age > PLANNED_FOR || is_lost(link))
}

fn names(dir: &Path) -> Vec<std::ffi::OsString> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .collect()
}

/// Whether there certainly is nothing at the path; one that cannot be looked at may come back.
fn is_lost(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

#[cfg(test)]
mod tests {
    use super::{Root, Roots, Sweep, System, Tally, base32, hash_of, sweep_below};
    use infra_model::{HostName, StorePath};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    fn path(name: &str) -> StorePath {
        StorePath::parse(&format!(
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}"
        ))
        .expect("a store path")
    }

    fn web() -> HostName {
        HostName::parse("web").expect("a name")
    }

    /// What `nix build --out-link` does beside building.
    fn made_by_nix(roots: &Roots, link: &Path, target: &str) {
        fs::create_dir_all(&roots.auto).expect("writable");
        symlink(target, link).expect("writable");
        symlink(link, roots.auto.join(hash_of(link).expect("a hash"))).expect("writable");
    }

    #[test]
    fn nix_finds_our_links_by_the_same_name() {
        // From `nix-hash --type sha1 --base32`.
        assert_eq!(
            hash_of(Path::new("abc")).as_deref(),
            Some("kpcd173cq987hw957sx6m0868wv3x6d9")
        );
        assert_eq!(base32(&[0xff]), "7z");
        assert_eq!(base32(&[]), "");
    }

    #[test]
    fn a_link_is_moved_only_if_nix_knows_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let roots = Roots {
            dir: dir.path().join("roots"),
            auto: dir.path().join("auto"),
        };
        let system = |name: &str| System {
            drv: path(&format!("{name}.drv")),
            out: Some(path(name)),
        };
        let point = |name: &str| {
            roots
                .point(&web(), Root::Planned, &system(name))
                .expect("ok")
        };
        assert!(!point("a"), "nothing is there yet");
        assert!(!roots.dir.exists(), "and nothing is made");
        let link = roots.link(&web(), Root::Planned).expect("writable");
        let drv_link = roots.drv_link(&web(), Root::Planned).expect("writable");
        let leads_to = |link: &PathBuf| fs::read_link(link).expect("a link");
        made_by_nix(&roots, &link, path("a").as_str());
        assert!(!point("b"), "the derivation is not protected yet");
        assert_eq!(leads_to(&link), Path::new(path("b").as_str()));
        made_by_nix(&roots, &drv_link, path("a.drv").as_str());
        assert!(point("b"));
        assert_eq!(leads_to(&drv_link), Path::new(path("b.drv").as_str()));
        // What is built elsewhere is not ours to keep.
        let far = System {
            drv: path("c.drv"),
            out: None,
        };
        assert!(roots.point(&web(), Root::Planned, &far).expect("ok"));
        assert!(!link.is_symlink());
        assert_eq!(leads_to(&drv_link), Path::new(path("c.drv").as_str()));
        // Nix's link is gone.
        fs::remove_file(roots.auto.join(hash_of(&drv_link).expect("a hash"))).expect("there");
        assert!(!point("d"));
        assert_eq!(leads_to(&drv_link), Path::new(path("c.drv").as_str()));
    }

    #[test]
    fn roots_go_with_their_host_and_with_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let repo = dir.path().join("repo");
        let repos = dir.path().join("repos");
        let relative = repo.strip_prefix("/").expect("absolute");
        let roots = repos.join(relative).join("@/roots");
        let there = dir.path().join("built");
        fs::write(&there, "").expect("writable");
        for host in ["web", "gone"] {
            fs::create_dir_all(roots.join(host)).expect("writable");
            for link in ["planned", "planned-1", "deployed", "deployed-1"] {
                symlink(&there, roots.join(host).join(link)).expect("writable");
            }
        }
        fs::create_dir_all(repo.join("hosts/web")).expect("writable");
        let now = SystemTime::now();
        let tally = |kept, removed| Tally { kept, removed };
        assert_eq!(sweep_below(&repos, Sweep::Nothing, now), tally(8, 0));
        assert_eq!(sweep_below(&repos, Sweep::Stale, now), tally(4, 4));
        assert!(!roots.join("gone").exists());
        let later = now + Duration::from_secs(40 * 24 * 3600);
        symlink("/nowhere", roots.join("web/deployed.9.new")).expect("writable");
        assert_eq!(sweep_below(&repos, Sweep::Stale, now), tally(5, 0));
        assert_eq!(sweep_below(&repos, Sweep::Stale, later), tally(2, 3));
        // What is planned but was collected all the same; what was deployed is kept for the day it can be had again.
        symlink("/nowhere", roots.join("web/planned")).expect("writable");
        assert_eq!(sweep_below(&repos, Sweep::Stale, now), tally(2, 1));
        symlink(&there, roots.join("web/planned")).expect("writable");
        assert_eq!(sweep_below(&repos, Sweep::Stale, now), tally(3, 0));
        assert_eq!(sweep_below(&repos, Sweep::Planned, now), tally(2, 1));
        fs::remove_dir_all(&repo).expect("there");
        assert_eq!(sweep_below(&repos, Sweep::Stale, now), tally(0, 2));
    }
}
