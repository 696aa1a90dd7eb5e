//! One host as its folder describes it: `hosts/<name>/host.toml`, read without Nix.

use crate::decode::{self, Shape, Table};
use crate::{Diagnostic, HostName};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// What kind of system a host runs, and so which evaluator and which verbs belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A whole NixOS machine.
    Nixos,
    /// A NixOS guest that its `parent` runs.
    Microvm,
    /// A container that its `parent` runs.
    Container,
    /// A user's home, deployed on its own.
    Home,
    /// Any distribution with Nix on it.
    Linux,
}

impl Class {
    /// All classes, in the order they are listed to people.
    pub const ALL: [Self; 5] = [
        Self::Nixos,
        Self::Microvm,
        Self::Container,
        Self::Home,
        Self::Linux,
    ];

    /// The word in `host.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nixos => "nixos",
            Self::Microvm => "microvm",
            Self::Container => "container",
            Self::Home => "home",
            Self::Linux => "linux",
        }
    }

    /// Reads the word in `host.toml`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// Whether this version can build and deploy hosts of the class.
    pub fn is_deployable(self) -> bool {
        matches!(self, Self::Nixos)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a host comes to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// It exists and is reached over SSH.
    Ssh,
    /// QEMU on this machine or another host.
    Qemu,
    /// Cloud Hypervisor.
    CloudHypervisor,
    /// A Docker container.
    Docker,
    /// A Podman container.
    Podman,
}

impl Platform {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Ssh, "ssh"),
        (Self::Qemu, "qemu"),
        (Self::CloudHypervisor, "cloud-hypervisor"),
        (Self::Docker, "docker"),
        (Self::Podman, "podman"),
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(platform, word)| (word == text).then_some(platform))
    }

    /// The word in `host.toml`.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find_map(|(platform, word)| (platform == self).then_some(word))
            .unwrap_or_default()
    }
}

/// Where a host's system is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuildOn {
    /// On the machine that runs `infra`.
    Local,
    /// On the host itself.
    Target,
    /// On another host of the repository.
    Builder(HostName),
}

/// `host.toml` with its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostSpec {
    /// The folder's name.
    pub name: HostName,
    /// `class`
    pub class: Class,
    /// `system`: the Nix platform, `x86_64-linux`.
    pub system: String,
    /// `tags`
    pub tags: Vec<String>,
    /// `addresses`, tried in order; the host's name if none are given.
    pub addresses: Vec<String>,
    /// `user` to log in as.
    pub user: String,
    /// SSH `port`.
    pub port: u16,
    /// SSH `jump` host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
    /// `platform`
    pub platform: Platform,
    /// `parent`: the host that runs this guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<HostName>,
    /// `build`
    pub build: BuildOn,
    /// `shared`: the folders this host's evaluation may read; all if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<Vec<String>>,
    /// `wave`: hosts of a lower wave are deployed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<u32>,
    /// `relay`: a host that passes closures on to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<HostName>,
}

/// What a `host.toml` may leave to `[defaults]` of `infra.toml`: the keys that only the CLI reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostDefaults {
    /// `user`
    pub user: Option<String>,
    /// `port`
    pub port: Option<u16>,
    /// `jump`
    pub jump: Option<String>,
    /// `build`
    pub build: Option<BuildOn>,
    /// `platform`
    pub platform: Option<Platform>,
}

const NAME: Shape<'static> = Shape {
    expected: "the name of a host",
    example: "\"server\"",
};

fn host_name(value: &toml::de::DeValue<'_>) -> Option<HostName> {
    HostName::parse(value.as_str()?).ok()
}

/// A word that cannot be mistaken for an option or end its argument when it reaches `ssh`.
fn ssh_word(value: &toml::de::DeValue<'_>) -> Option<String> {
    let word = value.as_str()?;
    let fine = !word.is_empty()
        && !word.starts_with('-')
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:%@[]".contains(c));
    fine.then(|| word.to_owned())
}

/// A host name or an IP address and nothing else: with `user@` in front ssh would look for the settings of another host than the one we
/// wrote them for, and the pinned key is one of them. The brackets of an IPv6 address belong to URLs; ssh wants none.
fn address(value: &toml::de::DeValue<'_>) -> Option<String> {
    let word = ssh_word(value)?;
    let bare = word
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(&word);
    let fine = !bare.is_empty() && !bare.starts_with('-') && !bare.contains(['@', '[', ']']);
    fine.then(|| bare.to_owned())
}

/// The keys of `host.toml` that `[defaults]` may set as well.
pub(crate) fn read_defaults(table: &mut Table<'_>) -> HostDefaults {
    HostDefaults {
        user: table.optional(
            "user",
            Shape {
                expected: "a user name",
                example: "\"root\"",
            },
            ssh_word,
        ),
        port: table.optional(
            "port",
            Shape {
                expected: "a port from 1 to 65535",
                example: "22",
            },
            decode::port,
        ),
        jump: table.optional(
            "jump",
            Shape {
                expected: "a host that SSH connections pass through",
                example: "\"bastion.example.org\"",
            },
            ssh_word,
        ),
        build: table.optional(
            "build",
            Shape {
                expected: "\"local\", \"target\" or the name of a building host",
                example: "\"local\"",
            },
            |value| {
                Some(match value.as_str()? {
                    "local" => BuildOn::Local,
                    "target" => BuildOn::Target,
                    builder => BuildOn::Builder(HostName::parse(builder).ok()?),
                })
            },
        ),
        platform: table.optional(
            "platform",
            Shape {
                expected: "one of ssh, qemu, cloud-hypervisor, docker, podman",
                example: "\"ssh\"",
            },
            |value| Platform::parse(value.as_str()?),
        ),
    }
}

impl HostSpec {
    /// Reads the `host.toml` of host `name`. `file` is its path as shown to the user. All faults are reported, not only the first.
    pub fn parse(
        name: &HostName,
        file: &str,
        text: &str,
        defaults: &HostDefaults,
    ) -> Result<Self, Vec<Diagnostic>> {
        let document = decode::parse(file, text).map_err(|fault| vec![fault.with_host(name)])?;
        let mut table = Table::new(file, text, document.get_ref());
        let (class, system) = read_kind(&mut table);
        let tags = table.optional(
            "tags",
            Shape {
                expected: "a list of words of letters, digits and -_.:/",
                example: "[\"frontend\"]",
            },
            tags,
        );
        let addresses = table.optional(
            "addresses",
            Shape {
                expected: "a list of host names or IP addresses",
                example: "[\"10.0.0.2\"]",
            },
            |value| {
                value
                    .as_array()?
                    .iter()
                    .map(|item| address(item.get_ref()))
                    .collect::<Option<Vec<_>>>()
            },
        );
        let own = read_defaults(&mut table);
        let parent = table.optional("parent", NAME, host_name);
        let shared = table.optional(
            "shared",
            Shape {
                expected: "a list of folders of the repository",
                example: "[\"modules\"]",
            },
            decode::strings,
        );
        let wave = table.optional(
            "wave",
            Shape {
                expected: "a whole number from 0",
                example: "0",
            },
            decode::count,
        );
        let relay = table.optional("relay", NAME, host_name);
        let faults = table.finish();
        let (Some(class), Some(system), true) = (class, system, faults.is_empty()) else {
            return Err(faults
                .into_iter()
                .map(|fault| fault.with_host(name))
                .collect());
        };
        Ok(Self {
            name: name.clone(),
            class,
            system,
            tags: tags.unwrap_or_default(),
            addresses: addresses
                .filter(|list| !list.is_empty())
                .unwrap_or_else(|| vec![name.to_string()]),
            user: own
                .user
                .or_else(|| defaults.user.clone())
                .unwrap_or_else(|| "root".to_owned()),
            port: own.port.or(defaults.port).unwrap_or(22),
            jump: own.jump.or_else(|| defaults.jump.clone()),
            platform: own.platform.or(defaults.platform).unwrap_or(Platform::Ssh),
            build: own
                .build
                .or_else(|| defaults.build.clone())
                .map_or(BuildOn::Local, |build| match build {
                    // `[defaults]` may name a builder, which then builds for itself.
                    BuildOn::Builder(builder) if builder == *name => BuildOn::Target,
                    build => build,
                }),
            parent,
            shared,
            wave,
            relay,
        })
    }
}

/// What kind of system it is: the two keys no host can do without.
fn read_kind(table: &mut Table<'_>) -> (Option<Class>, Option<String>) {
    let class = table.required(
        "class",
        Shape {
            expected: "one of nixos, microvm, container, home, linux",
            example: "\"nixos\"",
        },
        |value| Class::parse(value.as_str()?),
    );
    let system = table.required(
        "system",
        Shape {
            expected: "a Nix system such as \"x86_64-linux\"",
            example: "\"x86_64-linux\"",
        },
        nix_system,
    );
    (class, system)
}

fn nix_system(value: &toml::de::DeValue<'_>) -> Option<String> {
    let text = value.as_str()?;
    let (cpu, kernel) = text.split_once('-')?;
    let fine = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    (fine(cpu) && fine(kernel)).then(|| text.to_owned())
}

/// Tags are words that a selector can name without quoting.
fn tags(value: &toml::de::DeValue<'_>) -> Option<Vec<String>> {
    let list = decode::strings(value)?;
    list.iter()
        .all(|tag| {
            !tag.is_empty()
                && tag
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c))
        })
        .then_some(list)
}

#[cfg(test)]
mod tests {
    use super::{BuildOn, HostDefaults, HostSpec};
    use crate::{Diagnostic, HostName};

    fn parse(text: &str) -> Result<HostSpec, Vec<Diagnostic>> {
        let name = HostName::parse("web").expect("a host name");
        HostSpec::parse(&name, "hosts/web/host.toml", text, &HostDefaults::default())
    }

    fn faults(text: &str) -> Vec<String> {
        parse(text)
            .expect_err("should be refused")
            .into_iter()
            .map(|fault| {
                format!(
                    "{} [{}] at {}{}; fix: {}",
                    fault.title,
                    fault.code.name(),
                    fault.place.map(|p| p.to_string()).unwrap_or_default(),
                    fault.cause.map(|c| format!(" ({c})")).unwrap_or_default(),
                    fault.fix.unwrap_or_default()
                )
            })
            .collect()
    }

    #[test]
    fn fills_defaults() {
        let spec = parse("class = \"nixos\"\nsystem = \"x86_64-linux\"").expect("valid");
        assert_eq!(spec.addresses, ["web"]);
        assert_eq!((spec.user.as_str(), spec.port), ("root", 22));
        assert_eq!(spec.build, BuildOn::Local);
        assert!(spec.shared.is_none() && spec.tags.is_empty());
    }

    #[test]
    fn own_keys_beat_the_defaults_of_the_repository() {
        let defaults = HostDefaults {
            user: Some("deploy".to_owned()),
            port: Some(2222),
            ..HostDefaults::default()
        };
        let name = HostName::parse("web").expect("a host name");
        let text = "class = \"nixos\"\nsystem = \"x86_64-linux\"\nport = 23";
        let spec = HostSpec::parse(&name, "f", text, &defaults).expect("valid");
        assert_eq!((spec.user.as_str(), spec.port), ("deploy", 23));
    }

    #[test]
    fn a_builder_builds_for_itself() {
        let least = "class = \"nixos\"\nsystem = \"x86_64-linux\"\n";
        let spec = parse(&format!("{least}build = \"web\"")).expect("valid");
        assert_eq!(spec.build, BuildOn::Target);
        let spec = parse(&format!("{least}build = \"db\"")).expect("valid");
        assert!(matches!(spec.build, BuildOn::Builder(_)));
    }

    #[test]
    fn addresses_are_hosts_alone() {
        let addresses = |list: &str| {
            let text =
                format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\naddresses = [{list}]");
            parse(&text).map(|spec| spec.addresses.join(" ")).ok()
        };
        let fine = addresses(r#""web.lan", "10.0.0.2", "fe80::1", "[fe80::1%eth0]""#);
        assert_eq!(
            fine.as_deref(),
            Some("web.lan 10.0.0.2 fe80::1 fe80::1%eth0")
        );
        for wrong in [
            "root@10.0.0.2",
            "-web",
            "[]",
            "[::1",
            "::1]",
            "[::1]:22",
            "[-x]",
            "",
        ] {
            assert_eq!(addresses(&format!("{wrong:?}")), None, "{wrong}");
        }
    }

    #[test]
    fn every_fault_names_thing_place_and_fix() {
        insta::assert_debug_snapshot!(
            faults("clas = \"nixos\"\nsystem = \"x86_64\"\nport = 70000\nadresses = []\ntags = \"web\"\nzzz = 1\nuser = \"-oProxyCommand=x\"\naddresses = [\"a b\"]"),
            @r#"
        [
            "hosts/web/host.toml does not say its `class` [missing-key] at hosts/web/host.toml; fix: add the line: class = \"nixos\"",
            "`system` in hosts/web/host.toml must be a Nix system such as \"x86_64-linux\" [wrong-type] at hosts/web/host.toml:2:10 (found string \"x86_64\"); fix: write for example: system = \"x86_64-linux\"",
            "`tags` in hosts/web/host.toml must be a list of words of letters, digits and -_.:/ [wrong-type] at hosts/web/host.toml:5:8 (found string \"web\"); fix: write for example: tags = [\"frontend\"]",
            "`addresses` in hosts/web/host.toml must be a list of host names or IP addresses [wrong-type] at hosts/web/host.toml:8:13 (found array [\"a b\"]); fix: write for example: addresses = [\"10.0.0.2\"]",
            "`user` in hosts/web/host.toml must be a user name [wrong-type] at hosts/web/host.toml:7:8 (found string \"-oProxyCommand=x\"); fix: write for example: user = \"root\"",
            "`port` in hosts/web/host.toml must be a port from 1 to 65535 [wrong-type] at hosts/web/host.toml:3:8 (found integer 70000); fix: write for example: port = 22",
            "unknown key `adresses` in hosts/web/host.toml [unknown-key] at hosts/web/host.toml:4:1; fix: did you mean `addresses`?",
            "unknown key `clas` in hosts/web/host.toml [unknown-key] at hosts/web/host.toml:1:1; fix: did you mean `class`?",
            "unknown key `zzz` in hosts/web/host.toml [unknown-key] at hosts/web/host.toml:6:1; fix: known keys: class, system, tags, addresses, user, port, jump, build, platform, parent, shared, wave, relay",
        ]
        "#
        );
    }

    #[test]
    fn broken_toml_says_line_and_column() {
        insta::assert_debug_snapshot!(faults("class = \"nixos\"\nsystem = x86\n"), @r#"
        [
            "hosts/web/host.toml is not valid TOML [toml-syntax] at hosts/web/host.toml:2:10 (string values must be quoted, expected literal string); fix: correct the syntax at this place",
        ]
        "#);
    }
}
