//! Numbers of users and groups. A static program cannot ask the name service, so we read its files, and ask `getent` for the rest.

use crate::host::Host;
use crate::process;
use std::collections::HashMap;
use std::fs;

/// Users and groups that the host knows.
#[derive(Debug, Default)]
pub(crate) struct People {
    users: HashMap<String, u32>,
    groups: HashMap<String, u32>,
    /// Users may come from elsewhere (LDAP, systemd-homed): only the running machine can be asked.
    ask: bool,
}

impl People {
    pub(crate) fn of(host: &Host) -> Self {
        let read = |path| fs::read_to_string(host.path(path)).unwrap_or_default();
        Self {
            users: numbers(&read("/etc/passwd")),
            groups: numbers(&read("/etc/group")),
            ask: host.is_this_machine(),
        }
    }

    /// The number of a user, by name or number.
    pub(crate) fn user(&self, name: &str) -> Option<u32> {
        self.find(name, &self.users, "passwd")
    }

    /// The number of a group, by name or number.
    pub(crate) fn group(&self, name: &str) -> Option<u32> {
        self.find(name, &self.groups, "group")
    }

    fn find(&self, name: &str, known: &HashMap<String, u32>, table: &str) -> Option<u32> {
        if name == "root" {
            return Some(0);
        }
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            // The highest number means "nobody in particular" to the kernel.
            return name.parse().ok().filter(|number| *number != u32::MAX);
        }
        known.get(name).copied().or_else(|| {
            let answer = self
                .ask
                .then(|| process::ask("getent", &[table, "--", name]))??;
            numbers(&answer).get(name).copied()
        })
    }
}

/// Both files have the name first and the number third. Of two lines with one name the first counts, as for the name service.
fn numbers(text: &str) -> HashMap<String, u32> {
    let mut numbers = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(number))) = (fields.next(), fields.nth(1).map(str::parse)) {
            numbers.entry(name.to_owned()).or_insert(number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::{People, numbers};

    #[test]
    fn names_and_numbers() {
        let text =
            "root:x:0:0:root:/root:/bin/sh\nweb:x:990:991::/:\nbroken\n+::::\nweb:x:7:7::/:\n";
        let people = People {
            users: numbers(text),
            groups: numbers("web:x:991:\nkeys:x:5:web,db\n"),
            ask: false,
        };
        assert_eq!(people.user("web"), Some(990), "the first line counts");
        assert_eq!(people.group("web"), Some(991));
        assert_eq!(people.group("keys"), Some(5));
        assert_eq!(people.user("12"), Some(12));
        for unknown in ["db", "", "4294967295", "4294967296", "-1", "broken", "+"] {
            assert_eq!(people.user(unknown), None, "{unknown}");
        }
        assert_eq!(
            People::default().user("root"),
            Some(0),
            "also where there are no files yet"
        );
    }
}
