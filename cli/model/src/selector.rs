//! Selectors: which hosts a command is about. `web`, `web*`, `@tag`, `class:microvm`, `!x`, joined by `,` (or) and `&` (and).
//!
//! `&` binds tighter than `,`. Matching needs only what `host.toml` says, so it never evaluates anything.

use crate::suggest::nearest;
use crate::{Class, Code, Diagnostic, Fleet, HostName, HostSpec, Place};

/// A parsed selector: an "or" of "and"s of terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    alternatives: Vec<Vec<Term>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    negated: bool,
    atom: Atom,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    Name(String),
    Glob(String),
    Tag(String),
    Class(Class),
}

impl Selector {
    /// Reads one or more selector arguments; several arguments are joined as by `,`.
    pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<Self, Diagnostic> {
        let alternatives = arguments
            .iter()
            .flat_map(|argument| argument.as_ref().split(','))
            .map(|alternative| alternative.split('&').map(Term::parse).collect())
            .collect::<Result<_, _>>()?;
        Ok(Self { alternatives })
    }

    /// The hosts it selects, by name. A name or tag that the fleet does not have is an error that suggests the nearest.
    pub fn select<'f>(&self, fleet: &'f Fleet) -> Result<Vec<&'f HostSpec>, Vec<Diagnostic>> {
        let faults: Vec<Diagnostic> = self
            .alternatives
            .iter()
            .flatten()
            .filter_map(|term| term.atom.fault(fleet))
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(fleet
            .hosts()
            .iter()
            .filter(|host| self.matches(host))
            .collect())
    }

    fn matches(&self, host: &HostSpec) -> bool {
        self.alternatives
            .iter()
            .any(|terms| terms.iter().all(|term| term.matches(host)))
    }

    /// Whether the selector names this host outright, so that leaving it out silently would surprise.
    pub fn names(&self, host: &HostName) -> bool {
        self.alternatives.iter().flatten().any(
            |term| matches!(&term.atom, Atom::Name(name) if !term.negated && name == host.as_str()),
        )
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, Diagnostic> {
        let text = text.trim();
        let (negated, rest) = text
            .strip_prefix('!')
            .map_or((false, text), |rest| (true, rest));
        let atom = if let Some(tag) = rest.strip_prefix('@') {
            if tag.is_empty() {
                return Err(invalid(text, "'@' wants the name of a tag"));
            }
            Atom::Tag(tag.to_owned())
        } else if let Some(class) = rest.strip_prefix("class:") {
            Atom::Class(Class::parse(class).ok_or_else(|| unknown_class(text, class))?)
        } else if rest.is_empty() {
            return Err(invalid(text, "a host name is missing"));
        } else if rest.contains(['*', '?']) {
            Atom::Glob(rest.to_owned())
        } else {
            Atom::Name(rest.to_owned())
        };
        Ok(Self { negated, atom })
    }

    fn matches(&self, host: &HostSpec) -> bool {
        self.atom.matches(host) != self.negated
    }
}

impl Atom {
    fn matches(&self, host: &HostSpec) -> bool {
        match self {
            Self::Name(name) => host.name.as_str() == name,
            Self::Glob(pattern) => glob_matches(pattern.as_bytes(), host.name.as_str().as_bytes()),
            Self::Tag(tag) => host.tags.contains(tag),
            Self::Class(class) => host.class == *class,
        }
    }

    /// A name or tag nobody has is nearly always a slip, and acting on the rest would hide it.
    fn fault(&self, fleet: &Fleet) -> Option<Diagnostic> {
        let hosts = fleet.hosts();
        let (code, title, near, rest) = match self {
            Self::Name(name) if !hosts.iter().any(|h| h.name.as_str() == name) => (
                Code::UnknownHost,
                format!("there is no host `{name}`"),
                nearest(name, hosts.iter().map(|h| h.name.as_str())).map(str::to_owned),
                "`infra list` shows all hosts",
            ),
            Self::Tag(tag) if !hosts.iter().any(|h| h.tags.contains(tag)) => (
                Code::UnknownTag,
                format!("no host has the tag `{tag}`"),
                nearest(
                    tag,
                    hosts.iter().flat_map(|h| h.tags.iter().map(String::as_str)),
                )
                .map(|near| format!("@{near}")),
                "`infra list` shows the tags of all hosts",
            ),
            _ => return None,
        };
        let fix = near.map_or_else(
            || rest.to_owned(),
            |near| format!("did you mean `{near}`? {rest}"),
        );
        Some(
            Diagnostic::new(code, title)
                .with_place(Place::file("command line"))
                .with_fix(fix),
        )
    }
}

fn invalid(text: &str, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::InvalidSelector,
        format!("`{text}` is not a selector: {why}"),
    )
    .with_place(Place::file("command line"))
    .with_fix("write a name, a pattern (web*), @tag, class:nixos or !name; join them with , (or) and & (and)")
}

fn unknown_class(text: &str, class: &str) -> Diagnostic {
    let all = Class::ALL.map(Class::as_str);
    let list = format!("classes are {}", all.join(", "));
    let fix = match nearest(class, all) {
        Some(near) => format!("did you mean `class:{near}`? {list}"),
        None => list,
    };
    invalid(text, "there is no such class of hosts").with_fix(fix)
}

/// `*` stands for any run of characters, `?` for one.
fn glob_matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            glob_matches(rest, name)
                || matches!(name.split_first(), Some((_, tail)) if glob_matches(pattern, tail))
        }
        (Some((b'?', rest)), Some((_, tail))) => glob_matches(rest, tail),
        (Some((p, rest)), Some((n, tail))) if p == n => glob_matches(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Selector, glob_matches};
    use crate::host::HostDefaults;
    use crate::{Fleet, HostName, HostSpec};

    fn fleet() -> Fleet {
        let host = |name: &str, class: &str, tags: &str| {
            let text = format!("class = \"{class}\"\nsystem = \"x86_64-linux\"\ntags = [{tags}]");
            let name = HostName::parse(name).expect("a name");
            HostSpec::parse(&name, "f", &text, &HostDefaults::default()).expect("valid")
        };
        Fleet::new(vec![
            host("web1", "nixos", "\"web\", \"eu\""),
            host("web2", "nixos", "\"web\", \"us\""),
            host("db", "nixos", "\"data\", \"eu\""),
            host("guest", "microvm", ""),
        ])
    }

    fn select(arguments: &[&str]) -> String {
        let selector = match Selector::parse(arguments) {
            Ok(selector) => selector,
            Err(fault) => return fault.title,
        };
        match selector.select(&fleet()) {
            Ok(hosts) => hosts
                .iter()
                .map(|h| h.name.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            Err(faults) => faults
                .into_iter()
                .map(|f| format!("{}; {}", f.title, f.fix.unwrap_or_default()))
                .collect::<Vec<_>>()
                .join(" | "),
        }
    }

    #[test]
    fn selects() {
        let cases: &[(&[&str], &str)] = &[
            (&["web1"], "web1"),
            (&["web1", "db"], "db web1"),
            (&["web1,db"], "db web1"),
            (&["web*"], "web1 web2"),
            (&["web?"], "web1 web2"),
            (&["*"], "db guest web1 web2"),
            (&["@web"], "web1 web2"),
            (&["@web&@eu"], "web1"),
            (&["@web&!web1"], "web2"),
            (&["!@web"], "db guest"),
            (&["class:microvm"], "guest"),
            (&["@web&@eu,class:microvm"], "guest web1"),
            (&["nobody*"], ""),
            (
                &["web3"],
                "there is no host `web3`; did you mean `web1`? `infra list` shows all hosts",
            ),
            (
                &["quux"],
                "there is no host `quux`; `infra list` shows all hosts",
            ),
            (
                &["@wbe"],
                "no host has the tag `wbe`; did you mean `@web`? `infra list` shows the tags of all hosts",
            ),
            (
                &["!web9"],
                "there is no host `web9`; did you mean `web1`? `infra list` shows all hosts",
            ),
            (
                &["class:nxos"],
                "`class:nxos` is not a selector: there is no such class of hosts",
            ),
            (&["web1,"], "`` is not a selector: a host name is missing"),
            (&["@"], "`@` is not a selector: '@' wants the name of a tag"),
        ];
        for (arguments, expected) in cases {
            assert_eq!(select(arguments), *expected, "{arguments:?}");
        }
    }

    #[test]
    fn knows_which_hosts_were_named_outright() {
        let guest = HostName::parse("guest").expect("a name");
        let names = |text: &str| Selector::parse(&[text]).expect("valid").names(&guest);
        assert!(names("db,guest"));
        assert!(!names("*") && !names("!guest") && !names("class:microvm"));
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_made_from_a_name_matches_it(name in "[a-z0-9-]{1,12}", cut in 0usize..12) {
            let cut = cut.min(name.len());
            let pattern = format!("{}*{}", &name[..cut], &name[cut..]);
            proptest::prop_assert!(glob_matches(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
