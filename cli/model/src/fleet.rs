//! All hosts of a repository and the settings they share.

use crate::decode::{self, Shape, Table};
use crate::duration;
use crate::host::{HostDefaults, read_defaults};
use crate::suggest::nearest;
use crate::{BuildOn, Code, Diagnostic, HostName, HostSpec, Place};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// A store of secrets that is a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// The program and its arguments; `{name}` and `{path}` stand for what is asked for.
    pub command: Vec<String>,
    /// How long it may take: a person may have to unlock something.
    pub timeout: Duration,
}

/// How long a store's program may take if `infra.toml` does not say.
const STORE_TIMEOUT: u32 = 60;

/// `infra.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// People who may read every secret: age or SSH public keys.
    pub admins: Vec<String>,
    /// `[stores.<name>]`: programs that print secrets.
    pub stores: BTreeMap<String, StoreSpec>,
    /// `[defaults]`: what hosts leave unsaid.
    pub defaults: HostDefaults,
    /// `waves`: selectors, deployed in this order.
    pub waves: Vec<String>,
    /// `[deploy]`: how deployments go, where the command line does not say.
    pub deploy: DeploySettings,
}

/// `[deploy]` of `infra.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeploySettings {
    /// `activate-within`: how long an activation may take, in seconds.
    pub activate_within: Option<u64>,
    /// `confirm-within`: how long a host waits for its confirmation, in seconds.
    pub confirm_within: Option<u64>,
    /// `max-unavailable`: how many hosts may be in the middle of a change at once.
    pub max_unavailable: Option<usize>,
    /// `max-failures`: after how many failed hosts no further one is changed.
    pub max_failures: Option<usize>,
    /// `canaries`: how many hosts go first.
    pub canaries: Option<usize>,
}

impl DeploySettings {
    fn read(table: &mut Table<'_>) -> Self {
        let within = |table: &mut Table<'_>, key| {
            let shape = Shape {
                expected: "a duration of at least a second: a number and s, m or h",
                example: "\"2m\"",
            };
            let read = |value: &DeValue<'_>| {
                let seconds = duration::seconds(value.as_str()?)?;
                (seconds > 0).then_some(seconds)
            };
            table.optional(key, shape, read)
        };
        let count = |table: &mut Table<'_>, key, least: u32| {
            let shape = Shape {
                expected: "a whole number",
                example: "1",
            };
            let read = |value: &DeValue<'_>| decode::count(value).filter(|number| *number >= least);
            table
                .optional(key, shape, read)
                .and_then(|number| usize::try_from(number).ok())
        };
        Self {
            activate_within: within(table, "activate-within"),
            confirm_within: within(table, "confirm-within"),
            max_unavailable: count(table, "max-unavailable", 1),
            max_failures: count(table, "max-failures", 0),
            canaries: count(table, "canaries", 0),
        }
    }
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
        let mut stores = BTreeMap::new();
        if let Some(inner) = table.table(
            "stores",
            "{ pass = { command = [\"pass\", \"show\", \"{path}\"] } }",
        ) {
            let (found, faults) = read_stores(file, text, inner);
            stores = found;
            table.add(faults);
        }
        let mut defaults = HostDefaults::default();
        if let Some(inner) = table.table("defaults", "{ user = \"root\" }") {
            let mut nested = Table::new(file, text, inner);
            defaults = read_defaults(&mut nested);
            table.add(nested.finish());
        }
        let mut deploy = DeploySettings::default();
        if let Some(inner) = table.table("deploy", "{ confirm-within = \"1m\" }") {
            let mut nested = Table::new(file, text, inner);
            deploy = DeploySettings::read(&mut nested);
            table.add(nested.finish());
        }
        let faults = table.finish();
        if faults.is_empty() {
            Ok(Self {
                deploy,
                admins: admins.unwrap_or_default(),
                stores,
                defaults,
                waves: waves.unwrap_or_default(),
            })
        } else {
            Err(faults)
        }
    }
}

fn read_stores(
    file: &str,
    text: &str,
    table: &DeTable<'_>,
) -> (BTreeMap<String, StoreSpec>, Vec<Diagnostic>) {
    let mut stores = BTreeMap::new();
    let mut faults = Vec::new();
    for (name, value) in table {
        let Some(inner) = value.get_ref().as_table() else {
            faults.push(
                Diagnostic::new(
                    Code::WrongType,
                    format!("`stores.{}` in {file} must be a table", name.get_ref()),
                )
                .with_place(Place::in_text(file, text, name.span().start))
                .with_fix("write for example: [stores.pass] and below it command = [\"pass\", \"show\", \"{path}\"]"),
            );
            continue;
        };
        let mut table = Table::new(file, text, inner);
        let command = table.required(
            "command",
            Shape {
                expected: "a list: a program and its arguments",
                example: "[\"pass\", \"show\", \"{path}\"]",
            },
            |value| decode::strings(value).filter(|words| !words.is_empty()),
        );
        let timeout = table.optional(
            "timeout",
            Shape {
                expected: "a number of seconds",
                example: "60",
            },
            decode::count,
        );
        faults.extend(table.finish());
        if let Some(command) = command {
            let timeout = Duration::from_secs(timeout.unwrap_or(STORE_TIMEOUT).into());
            let spec = StoreSpec { command, timeout };
            stores.insert(name.get_ref().to_string(), spec);
        }
    }
    (stores, faults)
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
    use super::{DeploySettings, Fleet, Settings};
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
        let text = "admins = [\"age1x\"]\nwaves = [\"@canary\"]\n[defaults]\nuser = \"deploy\"\n[stores.pass]\ncommand = [\"pass\", \"{path}\"]\n";
        let settings = Settings::parse("infra.toml", text).expect("valid");
        assert_eq!(settings.defaults.user.as_deref(), Some("deploy"));
        assert_eq!(settings.stores["pass"].command, ["pass", "{path}"]);
        let text = "[stores]\na = 1\nb = { command = [] }\nc = { comand = [\"x\"] }\n";
        let faults = Settings::parse("infra.toml", text).expect_err("four faults");
        let titles: Vec<_> = faults.into_iter().map(|f| f.title).collect();
        assert_eq!(
            titles,
            [
                "`stores.a` in infra.toml must be a table",
                "`command` in infra.toml must be a list: a program and its arguments",
                "infra.toml does not say its `command`",
                "unknown key `comand` in infra.toml",
            ]
        );
        let faults = Settings::parse("infra.toml", "[defaults]\nusr = \"x\"\n[default]\n")
            .expect_err("two unknown keys");
        let fixes: Vec<_> = faults.into_iter().filter_map(|f| f.fix).collect();
        assert_eq!(fixes, ["did you mean `user`?", "did you mean `defaults`?"]);
    }

    #[test]
    fn reads_how_deployments_go() {
        let text = "[deploy]\nconfirm-within = \"2m\"\nactivate-within = \"1h\"\nmax-unavailable = 3\nmax-failures = 0\ncanaries = 1\n";
        let settings = Settings::parse("infra.toml", text).expect("valid");
        assert_eq!(
            settings.deploy,
            DeploySettings {
                activate_within: Some(3600),
                confirm_within: Some(120),
                max_unavailable: Some(3),
                max_failures: Some(0),
                canaries: Some(1),
            }
        );
        let text = "[deploy]\nconfirm-within = \"0s\"\nactivate-within = 5\nmax-unavailable = 0\nmax-failures = -1\ncanary = 1\n";
        let faults = Settings::parse("infra.toml", text).expect_err("five faults");
        let titles: Vec<_> = faults.into_iter().map(|f| f.title).collect();
        assert_eq!(
            titles,
            [
                "`activate-within` in infra.toml must be a duration of at least a second: a number and s, m or h",
                "`confirm-within` in infra.toml must be a duration of at least a second: a number and s, m or h",
                "`max-unavailable` in infra.toml must be a whole number",
                "`max-failures` in infra.toml must be a whole number",
                "unknown key `canary` in infra.toml",
            ]
        );
    }
}
