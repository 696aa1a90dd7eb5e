//! Which file is sent to a host: `INFRA_AGENT`, else beside this program, else in `../libexec`, for the host's architecture.

use infra_model::{Code, Diagnostic};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// An agent that can be sent.
#[derive(Clone)]
pub struct Binary {
    bytes: Vec<u8>,
    sha256: String,
}

impl std::fmt::Debug for Binary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Binary({})", self.folder())
    }
}

impl Binary {
    /// Finds the agent for a Nix system (`x86_64-linux`).
    pub fn find(system: &str) -> Result<Self, Diagnostic> {
        let given = std::env::var_os("INFRA_AGENT").filter(|value| !value.is_empty());
        let own = std::env::current_exe().unwrap_or_default();
        let places = candidates(system, given.map(PathBuf::from).as_deref(), &own);
        Self::choose(system, &places)
    }

    fn choose(system: &str, places: &[PathBuf]) -> Result<Self, Diagnostic> {
        let mut tried = Vec::new();
        for place in places {
            match std::fs::read(place) {
                Ok(bytes) => match unfit(&bytes, system) {
                    None => return Ok(Self::new(bytes)),
                    Some(why) => tried.push(format!("{} {why}", place.display())),
                },
                Err(error) => tried.push(format!("{}: {error}", place.display())),
            }
        }
        Err(Diagnostic::new(
            Code::NoAgent,
            format!("there is no infra-agent for {system} that could be sent to the host"),
        )
        .with_cause(tried.join("\n"))
        .with_fix("`checks/build-agent` in a checkout of infra makes one (its --target is for other architectures); or let INFRA_AGENT name one, or a folder of them"))
    }

    fn new(bytes: Vec<u8>) -> Self {
        let mut sha256 = String::new();
        for byte in Sha256::digest(&bytes) {
            // Writing to a String cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Self { bytes, sha256 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its folder on the host: agents of several releases are told apart by what they are.
    pub(super) fn folder(&self) -> &str {
        self.sha256.get(..16).unwrap_or(&self.sha256)
    }
}

fn candidates(system: &str, given: Option<&Path>, own: &Path) -> Vec<PathBuf> {
    let of_folder = |folder: &Path| {
        [
            folder.join(format!("infra-agent-{system}")),
            folder.join("infra-agent"),
        ]
    };
    if let Some(given) = given {
        // What was named is not passed over in silence.
        return if given.is_dir() {
            of_folder(given).into()
        } else {
            vec![given.to_owned()]
        };
    }
    let beside = own.parent().unwrap_or(Path::new("."));
    let libexec = beside.parent().unwrap_or(Path::new(".")).join("libexec");
    of_folder(beside)
        .into_iter()
        .chain(of_folder(&libexec))
        .collect()
}

/// The kind of an ELF program header that names a loader.
const INTERPRETER: u64 = 3;

/// Why a file cannot be sent to a host of this system; read from its own head, since names lie.
fn unfit(bytes: &[u8], system: &str) -> Option<String> {
    let number = |at: usize, len: usize| -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(len)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    };
    // 64 bits, little endian: what both architectures are that there is an agent for.
    if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Some("is no program for Linux".to_owned());
    }
    let machine = match number(18, 2) {
        Some(62) => "x86_64-linux",
        Some(183) => "aarch64-linux",
        _ => "another architecture",
    };
    if machine != system {
        return Some(format!("is for {machine}"));
    }
    let (Some(table), Some(size), Some(count)) = (number(32, 8), number(54, 2), number(56, 2))
    else {
        return Some("is cut off".to_owned());
    };
    let kinds = (0..count).filter_map(|one| number(usize::try_from(table + one * size).ok()?, 4));
    // A part that names a loader: such a program needs libraries that the host may not have.
    kinds
        .into_iter()
        .any(|kind| kind == INTERPRETER)
        .then(|| "is not static".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Binary, candidates};
    use std::path::{Path, PathBuf};

    /// The head of a program: its machine, and the kinds of its parts.
    fn program(machine: u8, parts: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18] = machine;
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(parts.len()).expect("few");
        for part in parts {
            bytes.extend([*part]);
            bytes.extend([0; 55]);
        }
        bytes
    }

    #[test]
    fn the_first_that_fits_is_taken() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut places: Vec<PathBuf> = Vec::new();
        let mut add = |bytes: &[u8]| {
            let path = dir.path().join(places.len().to_string());
            std::fs::write(&path, bytes).expect("writable");
            places.push(path);
            let found = Binary::choose("x86_64-linux", &places);
            found.map_err(|fault| {
                fault
                    .cause
                    .unwrap_or_default()
                    .replace(&dir.path().display().to_string(), "")
            })
        };
        assert_eq!(
            add(b"#!/bin/sh\n").expect_err("a script"),
            "/0 is no program for Linux"
        );
        assert_eq!(
            add(&program(62, &[1, 3]))
                .expect_err("dynamic")
                .lines()
                .last(),
            Some("/1 is not static")
        );
        assert_eq!(
            add(&program(183, &[1])).expect_err("ARM").lines().last(),
            Some("/2 is for aarch64-linux")
        );
        assert_eq!(
            add(&program(62, &[1])[..40])
                .expect_err("cut off")
                .lines()
                .last(),
            Some("/3 is cut off")
        );
        let found = add(&program(62, &[1, 2])).expect("it fits");
        assert_eq!(found.folder().len(), 16);
        let missing =
            Binary::choose("aarch64-linux", &[dir.path().join("none")]).expect_err("none");
        assert!(missing.title.contains("aarch64-linux") && missing.fix.is_some());
    }

    #[test]
    fn where_it_is_looked_for() {
        let shown = |given: Option<&str>| {
            let list = candidates(
                "x86_64-linux",
                given.map(Path::new),
                Path::new("/opt/infra/bin/infra"),
            );
            let list: Vec<String> = list.iter().map(|path| path.display().to_string()).collect();
            list.join(" ")
        };
        assert_eq!(
            shown(None),
            "/opt/infra/bin/infra-agent-x86_64-linux /opt/infra/bin/infra-agent /opt/infra/libexec/infra-agent-x86_64-linux /opt/infra/libexec/infra-agent"
        );
        assert_eq!(shown(Some("/my/agent")), "/my/agent");
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path().to_str().expect("text");
        assert_eq!(
            shown(Some(dir)),
            format!("{dir}/infra-agent-x86_64-linux {dir}/infra-agent")
        );
    }
}
