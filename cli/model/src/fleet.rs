//! All hosts of a repository and the settings they share.

use crate::decode::{self, Shape, Table};
use crate::host::{HostDefaults, read_defaults};
use crate::suggest::nearest;
use crate::{BuildOn, Code, Diagnostic, HostName, HostSpec, Place};

/// `infra.toml`, as far as this version reads it. The keys of later parts (`stores`) are accepted and kept out of the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// People who may read every secret: age or SSH public keys.
    pub admins: Vec<String>,
    /// `[defaults]`: what hosts leave unsaid.
    pub defaults: HostDefaults,
    /// `waves`: selectors, deployed in this order.
    pub waves: Vec<String>,
}

impl Settings {
    /// Reads `infra.toml`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let document = decode::parse(file, text).map_err(|fault| vec![fault])?;
        let mut table = Table::new(file, text, document.get_ref());
        let admins = table.optional(
            "admins",
            Shape {
                expected: "a list of age or SSH public keys",
                example: "[\"age1…\"]",
            },
            decode::strings,
        );
        let waves = table.optional(
            "waves",
            Shape {
                expected: "a list of selectors",
                example: "[\"@canary\", \"@web\"]",
            },
            decode::strings,
        );
        // Read in a later part; its shape is checked there.
        let _ = table.table("stores", "{ }");
        let mut defaults = HostDefaults::default();
        if let Some(inner) = table.table("defaults", "{ user = \"root\" }") {
            let mut nested = Table::new(file, text, inner);
            defaults = read_defaults(&mut nested);
            table.add(nested.finish());
        }
        let faults = table.finish();
        if faults.is_empty() {
            Ok(Self {
                admins: admins.unwrap_or_default(),
                defaults,
                waves: waves.unwrap_or_default(),
            })
        } else {
            Err(faults)
        }
    }
}

/// The hosts of a repository, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    hosts: Vec<HostSpec>,
}

impl Fleet {
    /// A fleet of these hosts.
    pub fn new(mut hosts: Vec<HostSpec>) -> Self {
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        Self { hosts }
    }

    /// Hosts that lean on hosts that do not exist, as far as `exists` knows.
    pub fn loose_ends(&self, exists: impl Fn(&HostName) -> bool) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        for host in &self.hosts {
            let builder = match &host.build {
                BuildOn::Builder(builder) => Some(builder),
                BuildOn::Local | BuildOn::Target => None,
            };
            let named = [
                ("build", builder),
                ("parent", host.parent.as_ref()),
                ("relay", host.relay.as_ref()),
            ];
            for (key, name) in named {
                if let Some(name) = name.filter(|name| !exists(name)) {
                    faults.push(self.no_such_host(host, key, name));
                }
            }
        }
        faults
    }

    fn no_such_host(&self, host: &HostSpec, key: &str, name: &HostName) -> Diagnostic {
        let names = self.hosts.iter().map(|host| host.name.as_str());
        let fix = match nearest(name.as_str(), names) {
            Some(near) => format!("did you mean `{near}`? `infra list` shows all hosts"),
            None => format!("name a host, or add the folder hosts/{name}"),
        };
        Diagnostic::new(
            Code::UnknownHost,
            format!(
                "`{key}` of {} names `{name}`, and there is no such host",
                host.name
            ),
        )
        .with_place(Place::file(format!("hosts/{}/host.toml", host.name)))
        .with_fix(fix)
        .with_host(&host.name)
    }

    /// All hosts, by name.
    pub fn hosts(&self) -> &[HostSpec] {
        &self.hosts
    }

    /// The host of that name.
    pub fn get(&self, name: &HostName) -> Option<&HostSpec> {
        self.hosts
            .binary_search_by(|host| host.name.cmp(name))
            .ok()
            .and_then(|at| self.hosts.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fleet, Settings};
    use crate::host::HostDefaults;
    use crate::{HostName, HostSpec};

    #[test]
    fn hosts_lean_on_hosts_that_exist() {
        let host = |name: &str, line: &str| {
            let text = format!("class = \"nixos\"\nsystem = \"x86_64-linux\"\n{line}");
            let name = HostName::parse(name).expect("a name");
            HostSpec::parse(&name, "f", &text, &HostDefaults::default()).expect("valid")
        };
        let fleet = Fleet::new(vec![
            host("builder", "build = \"target\"\njump = \"elsewhere\""),
            host("web", "build = \"biulder\"\nparent = \"nas\""),
            host("db", "build = \"builder\"\nrelay = \"broken\""),
        ]);
        // A host whose file is broken exists all the same.
        let exists = |name: &HostName| fleet.get(name).is_some() || name.as_str() == "broken";
        let told: Vec<String> = fleet
            .loose_ends(exists)
            .into_iter()
            .map(|fault| format!("{}; {}", fault.title, fault.fix.unwrap_or_default()))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        `build` of web names `biulder`, and there is no such host; did you mean `builder`? `infra list` shows all hosts
        `parent` of web names `nas`, and there is no such host; name a host, or add the folder hosts/nas
        ");
    }

    #[test]
    fn reads_settings_and_names_what_it_does_not_know() {
        let text = "admins = [\"age1x\"]\nwaves = [\"@canary\"]\n[defaults]\nuser = \"deploy\"\n[stores.nas]\nurl = \"x\"\n";
        let settings = Settings::parse("infra.toml", text).expect("valid");
        assert_eq!(settings.defaults.user.as_deref(), Some("deploy"));
        let faults = Settings::parse("infra.toml", "[defaults]\nusr = \"x\"\n[default]\n")
            .expect_err("two unknown keys");
        let fixes: Vec<_> = faults.into_iter().filter_map(|f| f.fix).collect();
        assert_eq!(fixes, ["did you mean `user`?", "did you mean `defaults`?"]);
    }
}
