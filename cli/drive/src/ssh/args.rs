//! The arguments of `ssh` for what it is used for: our own connection, what Nix runs through it, and a person's session. All three read the
//! same configuration.

use std::ffi::OsString;
use std::path::Path;

/// What a person has set for their own sessions with the host is not for ours: a command instead of ours, a terminal in the middle of binary
/// data, ports that are taken already.
const OURS: [&str; 3] = [
    "RemoteCommand=none",
    "RequestTTY=auto",
    "ClearAllForwardings=yes",
];

/// A master whose infra was killed goes away by itself after this long without use.
const LINGER: &str = "ControlPersist=60s";

/// A master for a name in the configuration, to the background once logged in, without a command of its own.
pub(super) fn master(config: &Path, socket: &Path, name: &str) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-F".into(), config.into(), "-S".into(), socket.into()];
    args.extend(["-M", "-f", "-N", "-o", LINGER].map(OsString::from));
    for option in OURS {
        args.extend(["-o", option].map(OsString::from));
    }
    args.extend(["--", name].map(OsString::from));
    args
}

/// Asks a master to end. The socket says which; no file is read, and the name is for nothing.
pub(super) fn exit(socket: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-F".into(), "/dev/null".into()];
    args.extend(["-S".into(), socket.into()]);
    args.extend(["-O", "exit", "--", "infra"].map(OsString::from));
    args
}

/// For `NIX_SSHOPTS`, which Nix splits at spaces: our open connection instead of a new one.
pub(super) fn nix(config: &Path, socket: &Path) -> String {
    let mut text = format!(
        "-F {} -o ControlPath={} -o ControlMaster=no",
        config.display(),
        socket.display()
    );
    for option in OURS {
        text += " -o ";
        text += option;
    }
    text
}

/// A person's session over an open connection, as they have set it for the host: a shell, or the words given.
pub(super) fn session(
    config: &Path,
    socket: &Path,
    (user, address): (&str, &str),
    words: &[String],
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-F".into(), config.into(), "-S".into(), socket.into()];
    if !words.is_empty() {
        // ssh refuses two commands, and this one was asked for now.
        args.extend(["-o", "RemoteCommand=none"].map(OsString::from));
    }
    args.extend(["-l", user, "--", address].map(OsString::from));
    args.extend(words.iter().map(OsString::from));
    args
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::target;
    use super::super::{Jump, config_text};
    use super::{master, nix, session};
    use crate::process::{Stop, Tool};
    use std::ffi::OsString;
    use std::fs;
    use std::path::Path;

    const THEIRS: [&str; 8] = [
        "RemoteCommand tmux",
        "RequestTTY force",
        "LocalForward 8080 localhost:80",
        "RemoteForward 9090 localhost:90",
        "DynamicForward 1080",
        "PermitLocalCommand yes",
        "LocalCommand touch /tmp/x",
        "IdentityFile /theirs",
    ];

    /// What ssh takes from them, by its own words.
    const TAKEN: [&str; 8] = [
        "remotecommand tmux",
        "requesttty force",
        "localforward",
        "remoteforward",
        "dynamicforward",
        "clearallforwardings no",
        "permitlocalcommand yes",
        "identityfile /theirs",
    ];

    /// What of theirs applies where ssh is called so.
    async fn taken(args: Vec<OsString>) -> Vec<&'static str> {
        let ssh = Tool::new("ssh").arg("-G").args(args);
        let ended = ssh.run(Stop::never(), &mut |_| {}).await.expect("ssh runs");
        assert!(ended.status.success(), "{}", ended.stdout);
        let is_said = |word: &&str| ended.stdout.contains(word);
        TAKEN.into_iter().filter(is_said).collect()
    }

    /// By ssh's own reading of it.
    #[tokio::test]
    async fn what_a_person_has_set_for_their_sessions_is_for_theirs_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let [own, file, socket] = ["own", "config", "socket"].map(|name| dir.path().join(name));
        fs::write(&own, format!("Host *\n  {}\n", THEIRS.join("\n  "))).expect("writable");
        let bare = ["-F".into(), own.clone().into(), "10.0.0.2".into()];
        assert_eq!(taken(bare.to_vec()).await, TAKEN);
        let jump = Jump::Host(Box::new(target("gate", None)));
        let text = config_text(&target("web", Some(jump)), Path::new("/k"), &[own]);
        fs::write(&file, text).expect("writable");
        let keys = "identityfile /theirs";
        for name in ["10.0.0.2", "web.lan", "infra-gate"] {
            assert_eq!(taken(master(&file, &socket, name)).await, [keys], "{name}");
        }
        let by_nix = nix(&file, &socket) + " 10.0.0.2 nix-daemon --stdio";
        let by_nix = by_nix.split(' ').map(OsString::from).collect();
        assert_eq!(taken(by_nix).await, [keys]);
        // On the way through the jump host nobody has a session: ssh calls itself for it, with the configuration alone.
        let way = ["-F".into(), file.clone().into(), "infra-gate".into()];
        assert_eq!(taken(way.to_vec()).await, [keys]);
        let with = |words: &[String]| session(&file, &socket, ("ann", "10.0.0.2"), words);
        let theirs = |word: &&str| !word.starts_with("permitlocal");
        let mut wanted: Vec<&str> = TAKEN.into_iter().filter(theirs).collect();
        assert_eq!(taken(with(&[])).await, wanted);
        wanted.retain(|word| !word.starts_with("remotecommand"));
        assert_eq!(taken(with(&["uptime".to_owned()])).await, wanted);
    }
}
