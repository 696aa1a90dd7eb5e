//! `ssh_config` and `known_hosts` for one host: pure text.

use infra_model::{HostName, HostSpec};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Whom to connect to, and how to be sure it is them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host.
    pub name: HostName,
    /// Tried in order.
    pub addresses: Vec<String>,
    /// Login name.
    pub user: String,
    /// Port.
    pub port: u16,
    /// Pinned keys, as `type base64`.
    pub keys: Vec<String>,
    /// The way there.
    pub jump: Option<Jump>,
}

/// The host a connection passes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jump {
    /// Another host of the repository, pinned like any other.
    Host(Box<Target>),
    /// Anything ssh understands after `ProxyJump`; the user's own ssh configuration and known hosts apply.
    Other(String),
}

impl Target {
    /// The target of a host, given its pinned keys.
    pub fn new(host: &HostSpec, keys: Vec<String>, jump: Option<Jump>) -> Self {
        Self {
            name: host.name.clone(),
            addresses: host.addresses.clone(),
            user: host.user.clone(),
            port: host.port,
            keys,
            jump,
        }
    }

    /// The name under which the keys are pinned: never an address, so that a reused address cannot borrow a key.
    pub(super) fn alias(&self) -> String {
        format!("infra-{}", self.name)
    }
}

/// The pinned keys, each under its host's alias.
pub fn known_hosts_text(target: &Target) -> String {
    let mut text = String::new();
    for key in &target.keys {
        let _ = writeln!(text, "{} {key}", target.alias());
    }
    if let Some(Jump::Host(jump)) = &target.jump {
        text += &known_hosts_text(jump);
    }
    text
}

/// Our settings first (in `ssh_config` the first value wins), the user's own files after them for keys, agents and proxies.
pub fn config_text(target: &Target, known_hosts: &Path, user_configs: &[PathBuf]) -> String {
    let mut text = String::new();
    block(&mut text, &target.addresses, target, known_hosts);
    match &target.jump {
        None => {}
        Some(Jump::Other(jump)) => {
            let _ = writeln!(text, "  ProxyJump {jump}");
        }
        Some(Jump::Host(jump)) => {
            let _ = writeln!(text, "  ProxyJump {}", jump.alias());
            block(&mut text, &[jump.alias()], jump, known_hosts);
            // Nobody has a session there: what the user has set for theirs is not for passing through. (For the host itself: args.rs.)
            text += "  RemoteCommand none\n  RequestTTY auto\n  ClearAllForwardings yes\n";
            if let Some(address) = jump.addresses.first() {
                // `%` begins a token here, and the zone of a link-local address elsewhere.
                let address = address.replace('%', "%%");
                let _ = writeln!(text, "  HostName {address}");
            }
        }
    }
    // For whatever else this file is used for (a jump outside the repository) the user's files apply alone.
    text += "Match all\n";
    // Nobody is asked anything in the middle of a run, on the way through a jump host neither.
    text += "  BatchMode yes\n";
    for file in user_configs {
        let _ = writeln!(text, "  Include \"{}\"", file.display());
    }
    text
}

fn block(text: &mut String, names: &[String], target: &Target, known_hosts: &Path) {
    let _ = write!(
        text,
        "Host {names}\n  User {user}\n  Port {port}\n  HostKeyAlias {alias}\n  UserKnownHostsFile \"{known}\"\n",
        names = names.join(" "),
        user = target.user,
        port = target.port,
        alias = target.alias(),
        known = known_hosts.display(),
    );
    // host.pub is the only truth: no other file, no DNS, no learning of new keys, no question.
    *text += "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  VerifyHostKeyDNS no\n  CheckHostIP no\n";
    // A dead link is noticed after a quarter of a minute instead of never.
    *text += "  ConnectTimeout 10\n  ServerAliveInterval 5\n  ServerAliveCountMax 3\n";
    // Nothing of this machine is lent to the host; ssh's zlib is slower than any network it would help (PERFORMANCE: 30 MiB/s).
    *text += "  ForwardAgent no\n  ForwardX11 no\n  PermitLocalCommand no\n  Compression no\n";
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Jump, Target, config_text, known_hosts_text};
    use infra_model::HostName;
    use std::path::{Path, PathBuf};

    pub(in crate::ssh) fn target(name: &str, jump: Option<Jump>) -> Target {
        Target {
            name: HostName::parse(name).expect("a name"),
            addresses: vec!["10.0.0.2".to_owned(), format!("{name}.lan")],
            user: "root".to_owned(),
            port: 2222,
            keys: vec![format!("ssh-ed25519 KEY-OF-{name}")],
            jump,
        }
    }

    #[test]
    fn ours_first_then_the_users() {
        let configs = [PathBuf::from("/home/a b/.ssh/config")];
        let text = config_text(
            &target("web", None),
            Path::new("/tmp/x/known_hosts"),
            &configs,
        );
        insta::assert_snapshot!(text, @r#"
        Host 10.0.0.2 web.lan
          User root
          Port 2222
          HostKeyAlias infra-web
          UserKnownHostsFile "/tmp/x/known_hosts"
          GlobalKnownHostsFile /dev/null
          StrictHostKeyChecking yes
          UpdateHostKeys no
          VerifyHostKeyDNS no
          CheckHostIP no
          ConnectTimeout 10
          ServerAliveInterval 5
          ServerAliveCountMax 3
          ForwardAgent no
          ForwardX11 no
          PermitLocalCommand no
          Compression no
        Match all
          BatchMode yes
          Include "/home/a b/.ssh/config"
        "#);
    }

    #[test]
    fn a_jump_host_of_the_repository_is_pinned_too() {
        let jump = Jump::Host(Box::new(target("gate", None)));
        let target = target("web", Some(jump));
        insta::assert_snapshot!(known_hosts_text(&target), @"
        infra-web ssh-ed25519 KEY-OF-web
        infra-gate ssh-ed25519 KEY-OF-gate
        ");
        insta::assert_snapshot!(config_text(&target, Path::new("/k"), &[]), @r#"
        Host 10.0.0.2 web.lan
          User root
          Port 2222
          HostKeyAlias infra-web
          UserKnownHostsFile "/k"
          GlobalKnownHostsFile /dev/null
          StrictHostKeyChecking yes
          UpdateHostKeys no
          VerifyHostKeyDNS no
          CheckHostIP no
          ConnectTimeout 10
          ServerAliveInterval 5
          ServerAliveCountMax 3
          ForwardAgent no
          ForwardX11 no
          PermitLocalCommand no
          Compression no
          ProxyJump infra-gate
        Host infra-gate
          User root
          Port 2222
          HostKeyAlias infra-gate
          UserKnownHostsFile "/k"
          GlobalKnownHostsFile /dev/null
          StrictHostKeyChecking yes
          UpdateHostKeys no
          VerifyHostKeyDNS no
          CheckHostIP no
          ConnectTimeout 10
          ServerAliveInterval 5
          ServerAliveCountMax 3
          ForwardAgent no
          ForwardX11 no
          PermitLocalCommand no
          Compression no
          RemoteCommand none
          RequestTTY auto
          ClearAllForwardings yes
          HostName 10.0.0.2
        Match all
          BatchMode yes
        "#);
    }

    #[test]
    fn any_other_jump_is_the_users_business() {
        let target = target("web", Some(Jump::Other("ann@bastion:22".to_owned())));
        assert!(
            config_text(&target, Path::new("/k"), &[]).contains("  ProxyJump ann@bastion:22\n")
        );
    }
}
