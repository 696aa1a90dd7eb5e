//! Two closures as packages with versions, as `nix store diff-closures` tells them.

use infra_model::StorePath;
use infra_model::answer::{Difference, PackageChange, PackageDiff, Sending};
use std::collections::{BTreeMap, BTreeSet};

/// What is smaller counts for nothing where no version differs: links and settings are built anew all the time.
const NOTABLE: u64 = 8 << 10;

/// Outputs of a package other than its main one, as nixpkgs names them.
const OUTPUTS: [&str; 15] = [
    "bin", "data", "debug", "dev", "devdoc", "devman", "dist", "doc", "getent", "info", "lib",
    "man", "out", "static", "terminfo",
];

/// The paths of one package in one closure.
#[derive(Default)]
struct Package<'a> {
    versions: BTreeSet<&'a str>,
    paths: BTreeSet<&'a StorePath>,
    bytes: u64,
}

/// How two closures differ, each with the size of its paths.
pub fn packages(
    before: &BTreeMap<StorePath, u64>,
    after: &BTreeMap<StorePath, u64>,
) -> PackageDiff {
    let (old, new) = (grouped(before), grouped(after));
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let none = Package::default();
    let mut diff = PackageDiff {
        bytes_before: before.values().sum(),
        bytes_after: after.values().sum(),
        paths_before: before.len() as u64,
        paths_after: after.len() as u64,
        ..PackageDiff::default()
    };
    for name in names {
        let had = old.get(name).unwrap_or(&none);
        let has = new.get(name).unwrap_or(&none);
        if had.paths == has.paths {
            continue;
        }
        let how = match (had.paths.is_empty(), has.paths.is_empty()) {
            (true, _) => Difference::Added,
            (_, true) => Difference::Removed,
            _ => Difference::Changed,
        };
        let is_versionless = had
            .versions
            .iter()
            .chain(&has.versions)
            .all(|v| v.is_empty());
        let is_small = match how {
            Difference::Changed => had.bytes.abs_diff(has.bytes) < NOTABLE,
            Difference::Added | Difference::Removed => had.bytes.max(has.bytes) < NOTABLE,
        };
        if is_small && is_versionless {
            continue;
        }
        if is_small && had.versions == has.versions {
            diff.rebuilt += 1;
            continue;
        }
        let list = |of: &Package<'_>| of.versions.iter().map(|v| (*v).to_owned()).collect();
        diff.changes.push(PackageChange {
            name: name.to_owned(),
            how,
            before: list(had),
            after: list(has),
            bytes_before: had.bytes,
            bytes_after: has.bytes,
        });
    }
    diff
}

/// What is sent if `lacks` is what the host does not have of a closure.
pub fn sending(closure: &BTreeMap<StorePath, u64>, lacks: &BTreeSet<StorePath>) -> Sending {
    let sizes: Vec<u64> = closure
        .iter()
        .filter(|(path, _)| lacks.contains(*path))
        .map(|(_, bytes)| *bytes)
        .collect();
    Sending {
        paths: sizes.len() as u64,
        bytes: sizes.iter().sum(),
    }
}

fn grouped(closure: &BTreeMap<StorePath, u64>) -> BTreeMap<&str, Package<'_>> {
    let mut packages: BTreeMap<&str, Package<'_>> = BTreeMap::new();
    for (path, bytes) in closure {
        let (name, version) = split(path.name());
        let package = packages.entry(name).or_default();
        package.versions.insert(version);
        package.paths.insert(path);
        package.bytes += bytes;
    }
    packages
}

/// `openssl-3.0.14-bin` → `openssl`, `3.0.14`: the version begins at the first dash that no letter follows, and ends at the name of an output.
fn split(name: &str) -> (&str, &str) {
    let version_at = |name: &str| {
        name.match_indices('-').map(|(at, _)| at).find(|at| {
            name.get(at + 1..)
                .and_then(|rest| rest.chars().next())
                .is_some_and(|next| !next.is_ascii_alphabetic())
        })
    };
    let Some(at) = version_at(name) else {
        return (name, "");
    };
    let (name, rest) = (
        name.get(..at).unwrap_or_default(),
        name.get(at + 1..).unwrap_or_default(),
    );
    let version = match rest.rsplit_once('-') {
        Some((version, output)) if OUTPUTS.contains(&output) => version,
        _ => rest,
    };
    (name, version)
}

#[cfg(test)]
mod tests {
    use super::{packages, sending, split};
    use infra_model::StorePath;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write as _;

    fn path(hash: char, name: &str) -> StorePath {
        let hash = hash.to_string().repeat(32);
        StorePath::parse(&format!("/nix/store/{hash}-{name}")).expect("a store path")
    }

    fn closure(entries: &[(char, &str, u64)]) -> BTreeMap<StorePath, u64> {
        entries
            .iter()
            .map(|(hash, name, bytes)| (path(*hash, name), *bytes))
            .collect()
    }

    #[test]
    fn names_and_versions() {
        let table: Vec<String> = [
            "openssh-9.8p1",
            "openssl-3.0.14-bin",
            "glibc-2.39-52-getent",
            "unit-web.service",
            "python3.12-requests-2.32.3",
            "nixos-system-web-26.05",
            "gcc-13.2.0-lib",
            "etc",
            "source-man",
            "x-1-man-2",
        ]
        .into_iter()
        .map(|name| {
            let (package, version) = split(name);
            format!("{name}: {package} | {version}")
        })
        .collect();
        insta::assert_snapshot!(table.join("\n"), @"
        openssh-9.8p1: openssh | 9.8p1
        openssl-3.0.14-bin: openssl | 3.0.14
        glibc-2.39-52-getent: glibc | 2.39-52
        unit-web.service: unit-web.service | 
        python3.12-requests-2.32.3: python3.12-requests | 2.32.3
        nixos-system-web-26.05: nixos-system-web | 26.05
        gcc-13.2.0-lib: gcc | 13.2.0
        etc: etc | 
        source-man: source-man | 
        x-1-man-2: x | 1-man-2
        ");
    }

    #[test]
    fn versions_and_sizes_are_told_and_noise_is_not() {
        let before = closure(&[
            ('1', "openssh-9.7p1", 5_000_000),
            ('1', "openssh-9.7p1-man", 100_000),
            ('1', "glibc-2.39", 30_000_000),
            ('1', "perl-5.38.2", 60_000_000),
            ('1', "perl-5.36.0", 50_000_000),
            ('1', "zlib-1.3", 100_000),
            ('1', "unit-web.service", 900),
            ('1', "grown", 20_000),
            ('1', "bash-5.2", 1_000_000),
        ]);
        let after = closure(&[
            ('2', "openssh-9.8p1", 6_000_000),
            ('1', "glibc-2.39", 30_000_000),
            ('1', "perl-5.38.2", 60_000_000),
            ('1', "htop-3.3.0", 400_000),
            ('2', "unit-web.service", 950),
            ('2', "unit-new.service", 300),
            ('2', "grown", 90_000),
            ('2', "bash-5.2", 1_000_010),
        ]);
        let diff = packages(&before, &after);
        let mut table = String::new();
        for change in &diff.changes {
            let _ = writeln!(
                table,
                "{:<8} {} [{}] -> [{}] {} -> {}",
                change.how.as_str(),
                change.name,
                change.before.join(", "),
                change.after.join(", "),
                change.bytes_before,
                change.bytes_after
            );
        }
        let _ = write!(
            table,
            "rebuilt {}, {} -> {} bytes, {} -> {} paths",
            diff.rebuilt, diff.bytes_before, diff.bytes_after, diff.paths_before, diff.paths_after
        );
        insta::assert_snapshot!(table, @"
        changed  grown [] -> [] 20000 -> 90000
        added    htop [] -> [3.3.0] 0 -> 400000
        changed  openssh [9.7p1] -> [9.8p1] 5100000 -> 6000000
        changed  perl [5.36.0, 5.38.2] -> [5.38.2] 110000000 -> 60000000
        removed  zlib [1.3] -> [] 100000 -> 0
        rebuilt 1, 146220900 -> 97491260 bytes, 9 -> 8 paths
        ");
    }

    #[test]
    fn what_the_host_has_is_not_sent() {
        let closure = closure(&[('1', "a", 10), ('1', "b", 20), ('1', "c", 40)]);
        let lacks: BTreeSet<StorePath> =
            [path('1', "a"), path('1', "c"), path('9', "other")].into();
        let sending = sending(&closure, &lacks);
        assert_eq!((sending.paths, sending.bytes), (2, 50));
    }

    #[test]
    fn the_same_closure_differs_in_nothing() {
        let same = closure(&[('1', "a-1", 10), ('2', "a-1", 20)]);
        let diff = packages(&same, &same);
        assert!(diff.changes.is_empty() && diff.rebuilt == 0);
    }
}
