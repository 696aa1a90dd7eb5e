//! Ssh keys and the client's configuration.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::files::{self, FileError, failed};
use crate::process::{ProcessError, Run, process};

const DEADLINE: Duration = Duration::from_secs(30);

/// Why a key could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// `ssh-keygen` failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Makes an ed25519 key pair, in place of one that was there.
pub(crate) fn create(path: &Path, comment: &str) -> Result<(), KeyError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failed("remove", path)(error).into());
        }
        _ => {}
    }
    process("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(path)
        .run(DEADLINE)?
        .ok()?;
    Ok(())
}

/// The public half: one line, `ssh-ed25519 AAAA... comment`.
pub(crate) fn public(path: &Path) -> Result<String, FileError> {
    let line = files::read(&path.with_extension("pub"))?;
    Ok(line.trim_end().to_owned())
}

/// The operator's ssh configuration: the lab's key and no other, and an end to every wait. It
/// knows no host keys; which ones to trust is for the program under test to say.
pub(crate) fn client_config(key: &Path) -> String {
    format!(
        "Host *\n  \
           User root\n  \
           IdentityFile {}\n  \
           IdentitiesOnly yes\n  \
           ConnectTimeout 5\n  \
           ServerAliveInterval 2\n  \
           ServerAliveCountMax 3\n",
        key.display()
    )
}

/// The same with the hosts' true keys, for a person's own `ssh -F`.
pub(crate) fn trusting_config(client: &Path, known_hosts: &Path) -> String {
    format!(
        "Include {}\nHost *\n  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
        client.display(),
        known_hosts.display()
    )
}

/// One line of `known_hosts` per host, from names, addresses and public keys.
pub(crate) fn known_hosts<'a>(
    hosts: impl IntoIterator<Item = (&'a str, String, String)>,
) -> String {
    let mut text = String::new();
    for (name, address, key) in hosts {
        let key: Vec<_> = key.split_whitespace().take(2).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name},{address} {}", key.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_and_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("key");
        create(&path, "web").unwrap();
        let first = public(&path).unwrap();
        assert!(
            first.starts_with("ssh-ed25519 AAAA") && first.ends_with(" web"),
            "{first}"
        );
        create(&path, "web").unwrap();
        assert_ne!(public(&path).unwrap(), first);
    }

    #[test]
    fn known_hosts_leave_the_comment_out() {
        let line = known_hosts([("web", "10.0.0.2".into(), "ssh-ed25519 AAAA web".into())]);
        assert_eq!(line, "web,10.0.0.2 ssh-ed25519 AAAA\n");
    }
}
