//! From what ssh says to what the user needs to know.

use super::{Jump, Remote, Target};
use crate::plain::strip_colours;
use infra_model::{Code, Diagnostic, HostName, Place};

/// There is nothing to recognise the host by.
pub(super) fn no_pinned_key(target: &Target) -> Diagnostic {
    let file = format!("hosts/{}/host.pub", target.name);
    let address = target.addresses.first().cloned().unwrap_or_default();
    Diagnostic::new(
        Code::HostKeyUnknown,
        format!("the SSH key of {} is not pinned", target.name),
    )
    .with_cause(format!("there is no {file}, and infra never trusts a key it has not been given"))
    .with_place(Place::file(&file))
    .with_fix(format!(
        "copy /etc/ssh/ssh_host_ed25519_key.pub from the host to {file}; or run `ssh-keyscan -t ed25519 -p {} {address} > {file}` and compare its fingerprint (ssh-keygen -lf) with the host's console",
        target.port
    ))
    .with_host(&target.name)
}

/// The connection could not be opened; `said` is the log of ssh.
pub(super) fn connect(target: &Target, address: &str, said: &str) -> Diagnostic {
    // A host may say anything before it lets us in.
    let text = strip_colours(said);
    let host = &target.name;
    let at = format!("{}@{address} port {}", target.user, target.port);
    let told = |code, title: String, fix: String| {
        Diagnostic::new(code, title)
            .with_cause(format!(
                "ssh {at}: {}",
                text.trim().trim_start_matches("ssh: ")
            ))
            .with_place(Place::file(format!("hosts/{host}/host.toml")))
            .with_fix(fix)
            .with_host(host)
    };
    let says = |sign: &str| text.contains(sign);
    if says("HOST IDENTIFICATION HAS CHANGED")
        || says("Host key verification failed")
        || says("host key is known")
    {
        let file = format!("hosts/{host}/host.pub");
        let shown = text
            .split_whitespace()
            .find(|word| word.starts_with("SHA256:"))
            .map(|print| {
                format!(
                    "the key it shows has the fingerprint {}",
                    print.trim_end_matches('.')
                )
            });
        let fault = told(
            Code::HostKeyMismatch,
            format!("{address} does not have the SSH key that is pinned for {host}"),
            format!("if the host was reinstalled, put its new key into {file}; if not, something else answers at this address: do not go on"),
        )
        .with_place(Place::file(file));
        // ssh's own warning fills a screen and tells to edit a file that is gone already.
        return match shown {
            Some(shown) => fault.with_cause(format!("ssh {at}: {shown}")),
            None => fault,
        };
    }
    if says("Permission denied") || says("Too many authentication failures") {
        return told(
            Code::LoginRefused,
            format!("{host} does not let us log in as {}", target.user),
            format!(
                "add your public key to the authorized keys of {} on the host, or set `user` in host.toml; `ssh-add -l` shows the keys your agent offers",
                target.user
            ),
        );
    }
    if says("Connection refused") {
        return told(
            Code::ConnectionRefused,
            format!("{host} refuses SSH connections on port {}", target.port),
            "start sshd on the host, or set `port` in host.toml".to_owned(),
        );
    }
    if let Some(Jump::Other(jump)) = &target.jump
        && (says("UNKNOWN port") || says("stdio forwarding failed"))
    {
        return told(
            Code::HostUnreachable,
            format!("{host} cannot be reached through its jump host {jump}"),
            format!("see that `ssh {jump}` works, and that `jump` in host.toml is right"),
        );
    }
    told(
        Code::HostUnreachable,
        format!("{host} cannot be reached at {address}"),
        "check that the host is on and that `addresses` and `port` in host.toml are right"
            .to_owned(),
    )
}

/// The fault lies behind the jump host, which lets us pass.
pub(super) fn behind(jump: &Target, mut fault: Diagnostic) -> Diagnostic {
    let cause = fault.cause.take().unwrap_or_default();
    let way = format!("the connection goes through {}, which answers", jump.name);
    fault.with_cause(format!("{cause}\n{way}"))
}

/// None of the addresses answered: the last of the faults, with what was said at each address.
pub(super) fn no_answer(target: &Target, mut faults: Vec<Diagnostic>) -> Diagnostic {
    let causes: Vec<String> = faults
        .iter()
        .filter_map(|fault| fault.cause.clone())
        .collect();
    match faults.pop() {
        Some(last) => last.with_cause(causes.join("\n")),
        None => connect(target, "no address", "host.toml gives no address"),
    }
}

/// Whether it may have been `sudo` that failed, before what it was to run: it exits with 1, a shell that does not find it with 127 (and one that
/// may not run it with 126). What had begun has mostly said something.
pub(super) fn may_be_refused(remote: &Remote) -> bool {
    matches!(remote.code, Some(1 | 126 | 127)) && remote.stdout.is_empty()
}

/// The user who logs in may not become root; `asked` is what `sudo` said of it, in English.
pub(super) fn not_root(host: &HostName, user: &str, asked: &Remote) -> Diagnostic {
    let said = strip_colours(&asked.stderr);
    let says = |sign: &str| said.contains(sign);
    let free = format!(
        "let {user} use sudo for everything and without a password: on NixOS `security.sudo.wheelNeedsPassword = false` with {user} in the group wheel, elsewhere a file in /etc/sudoers.d with `{user} ALL=(ALL:ALL) NOPASSWD: ALL`"
    );
    let (title, fix) = if matches!(asked.code, Some(126 | 127)) {
        (
            format!("infra logs in to {host} as {user}, and there is no sudo to become root with"),
            format!("install sudo on the host (on NixOS: security.sudo.enable = true), and {free}"),
        )
    } else if says("must have a tty") {
        (
            format!("sudo on {host} wants a terminal, and infra has none"),
            format!(
                "take `requiretty` out of the host's sudoers, or add `Defaults:{user} !requiretty`"
            ),
        )
    } else if [
        "password is required",
        "authentication is required",
        "terminal is required",
    ]
    .into_iter()
    .any(says)
    {
        (
            format!("sudo on {host} asks {user} for a password, and nobody is there to type it"),
            free,
        )
    } else {
        (
            format!("sudo on {host} does not let {user} become root"),
            free,
        )
    };
    let ended = match asked.code {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    };
    Diagnostic::new(Code::RootRefused, title)
        .with_cause(format!("sudo -n true: {}\n{ended}", said.trim()))
        .with_place(Place::file(format!("hosts/{host}/host.toml")))
        .with_fix(format!("{fix}; or log in as root: `user` in host.toml"))
        .with_host(host)
}

/// The connection was open and is not any more.
pub(super) fn lost(host: &HostName, error: &openssh::Error) -> Diagnostic {
    Diagnostic::new(
        Code::ConnectionLost,
        format!("the connection to {host} broke"),
    )
    .with_cause(whole_text(error))
    .with_fix("check the network and the host, then run the same command again")
    .with_host(host)
}

/// The error with all its causes; the text of ssh itself is the innermost.
fn whole_text(error: &openssh::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let more = cause.to_string();
        if !more.is_empty() && !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text.replace('\r', "")
}

#[cfg(test)]
mod tests {
    use super::{Target, connect, may_be_refused, no_answer, no_pinned_key, not_root};
    use crate::ssh::Remote;
    use infra_model::HostName;

    fn target() -> Target {
        Target {
            name: HostName::parse("web").expect("a name"),
            addresses: vec!["10.0.0.2".to_owned()],
            user: "root".to_owned(),
            port: 22,
            keys: Vec::new(),
            jump: None,
        }
    }

    #[test]
    fn every_address_that_was_tried_is_told() {
        let target = target();
        let tried = [
            connect(
                &target,
                "10.0.0.2",
                "ssh: connect to host 10.0.0.2 port 22: Connection refused",
            ),
            connect(
                &target,
                "web.lan",
                "ssh: Could not resolve hostname web.lan: Name or service not known\r\n",
            ),
        ];
        let fault = no_answer(&target, tried.into());
        insta::assert_snapshot!(format!("{}\n{}", fault.title, fault.cause.unwrap_or_default()), @"
        web cannot be reached at web.lan
        ssh root@10.0.0.2 port 22: connect to host 10.0.0.2 port 22: Connection refused
        ssh root@web.lan port 22: Could not resolve hostname web.lan: Name or service not known
        ");
    }

    fn asked(code: Option<i32>, stdout: &str, stderr: &str) -> Remote {
        let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
        Remote {
            code,
            stdout,
            stderr,
        }
    }

    #[test]
    fn who_may_not_become_root_is_told_what_is_missing() {
        let told = [
            (127, "env: 'sudo': No such file or directory"),
            (126, "env: 'sudo': Permission denied"),
            (1, "sudo: a password is required"),
            (1, "sudo: interactive authentication is required"),
            (1, "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required"),
            (1, "sudo: sorry, you must have a tty to run sudo"),
            (1, "Sorry, user ann is not allowed to execute '/usr/bin/true' as root on web."),
        ]
        .map(|(code, said)| {
            let fault = not_root(&target().name, "ann", &asked(Some(code), "", said));
            assert_eq!(fault.code.name(), "root-refused");
            assert!(fault.cause.is_some_and(|cause| cause.contains(said)));
            format!("{}: {}", fault.title, fault.fix.unwrap_or_default())
        });
        insta::assert_snapshot!(told.join("\n"), @"
        infra logs in to web as ann, and there is no sudo to become root with: install sudo on the host (on NixOS: security.sudo.enable = true), and let ann use sudo for everything and without a password: on NixOS `security.sudo.wheelNeedsPassword = false` with ann in the group wheel, elsewhere a file in /etc/sudoers.d with `ann ALL=(ALL:ALL) NOPASSWD: ALL`; or log in as root: `user` in host.toml
        infra logs in to web as ann, and there is no sudo to become root with: install sudo on the host (on NixOS: security.sudo.enable = true), and let ann use sudo for everything and without a password: on NixOS `security.sudo.wheelNeedsPassword = false` with ann in the group wheel, elsewhere a file in /etc/sudoers.d with `ann ALL=(ALL:ALL) NOPASSWD: ALL`; or log in as root: `user` in host.toml
        sudo on web asks ann for a password, and nobody is there to type it: let ann use sudo for everything and without a password: on NixOS `security.sudo.wheelNeedsPassword = false` with ann in the group wheel, elsewhere a file in /etc/sudoers.d with `ann ALL=(ALL:ALL) NOPASSWD: ALL`; or log in as root: `user` in host.toml
        sudo on web asks ann for a password, and nobody is there to type it: let ann use sudo for everything and without a password: on NixOS `security.sudo.wheelNeedsPassword = false` with ann in the group wheel, elsewhere a file in /etc/sudoers.d with `ann ALL=(ALL:ALL) NOPASSWD: ALL`; or log in as root: `user` in host.toml
        sudo on web asks ann for a password, and nobody is there to type it: let ann use sudo for everything and without a password: on NixOS `security.sudo.wheelNeedsPassword = false` with ann in the group wheel, elsewhere a file in /etc/sudoers.d with `ann ALL=(ALL:ALL) NOPASSWD: ALL`; or log in as root: `user` in host.toml
        sudo on web wants a terminal, and infra has none: take `requiretty` out of the host's sudoers, or add `Defaults:ann !requiretty`; or log in as root: `user` in host.toml
        sudo on web does not let ann become root: let ann use sudo for everything and without a password: on NixOS `security.sudo.wheelNeedsPassword = false` with ann in the group wheel, elsewhere a file in /etc/sudoers.d with `ann ALL=(ALL:ALL) NOPASSWD: ALL`; or log in as root: `user` in host.toml
        ");
    }

    #[test]
    fn what_has_begun_on_a_host_was_not_refused() {
        let no_password = "sudo: a password is required";
        assert!(may_be_refused(&asked(Some(1), "", no_password)));
        // In whatever language.
        assert!(may_be_refused(&asked(Some(1), "", "sudo: il faut …")));
        assert!(may_be_refused(&asked(Some(127), "", "sudo: not found")));
        assert!(!may_be_refused(&asked(Some(0), "", "")));
        assert!(!may_be_refused(&asked(Some(69), "", "")));
        assert!(!may_be_refused(&asked(Some(1), "{\"code\":1}", "")));
        assert!(!may_be_refused(&asked(None, "", "")));
    }

    #[test]
    fn every_refusal_has_a_text_of_its_own() {
        let target = target();
        let say = |text: &str| {
            let fault = connect(&target, "10.0.0.2", text);
            format!(
                "[{}] {}: {}",
                fault.code.name(),
                fault.title,
                fault.fix.unwrap_or_default()
            )
        };
        let mut told: Vec<String> = [
            "@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@\nHost key verification failed.",
            "No ED25519 host key is known for infra-web and you have requested strict checking.",
            "root@10.0.0.2: Permission denied (publickey).",
            "ssh: connect to host 10.0.0.2 port 22: Connection refused",
            "ssh: connect to host 10.0.0.2 port 22: No route to host",
            "ssh: Could not resolve hostname web: Name or service not known",
        ]
        .into_iter()
        .map(say)
        .collect();
        told.push(no_pinned_key(&target).fix.unwrap_or_default());
        insta::assert_snapshot!(told.join("\n"), @"
        [host-key-mismatch] 10.0.0.2 does not have the SSH key that is pinned for web: if the host was reinstalled, put its new key into hosts/web/host.pub; if not, something else answers at this address: do not go on
        [host-key-mismatch] 10.0.0.2 does not have the SSH key that is pinned for web: if the host was reinstalled, put its new key into hosts/web/host.pub; if not, something else answers at this address: do not go on
        [login-refused] web does not let us log in as root: add your public key to the authorized keys of root on the host, or set `user` in host.toml; `ssh-add -l` shows the keys your agent offers
        [connection-refused] web refuses SSH connections on port 22: start sshd on the host, or set `port` in host.toml
        [host-unreachable] web cannot be reached at 10.0.0.2: check that the host is on and that `addresses` and `port` in host.toml are right
        [host-unreachable] web cannot be reached at 10.0.0.2: check that the host is on and that `addresses` and `port` in host.toml are right
        copy /etc/ssh/ssh_host_ed25519_key.pub from the host to hosts/web/host.pub; or run `ssh-keyscan -t ed25519 -p 22 10.0.0.2 > hosts/web/host.pub` and compare its fingerprint (ssh-keygen -lf) with the host's console
        ");
    }
}
