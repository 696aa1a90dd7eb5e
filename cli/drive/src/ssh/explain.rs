//! From what ssh says to what the user needs to know.

use super::{Jump, Target};
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
    use super::{Target, connect, no_answer, no_pinned_key};
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
