//! What a contract says to a built-in, read and checked.

use super::{AltName, Builtin, Clear, Make};
use crate::contract::{Declared, Recipe};
use crate::suggest::nearest;
use crate::{Code, Diagnostic, NeedName};
use serde_json::Value;
use std::collections::BTreeMap;

/// A recipe that names a built-in, and the need it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The built-in.
    pub builtin: Builtin,
    /// The recipe, unless the need names the built-in itself.
    pub recipe: Option<(&'a NeedName, &'a Recipe)>,
    /// The need.
    pub need: &'a NeedName,
    /// `web-key@web`: the need and, if it is one host's, the host.
    pub title: &'a str,
    /// Where the need is declared.
    pub declared: &'a [Declared],
}

impl Said<'_> {
    /// Reads what the built-in was told; all faults at once.
    pub fn make(&self) -> Result<Make, Vec<Diagnostic>> {
        let mut faults = self.strangers();
        let make = self.read(&mut faults);
        self.needless(make.as_ref(), &mut faults);
        match make {
            Some(make) if faults.is_empty() => Ok(make),
            _ => Err(faults),
        }
    }

    fn given(&self, option: &str) -> Option<&Value> {
        self.recipe?.1.options.get(option)
    }

    fn fault(&self, code: Code, title: String, fix: impl Into<String>) -> Diagnostic {
        let declared = self
            .recipe
            .map_or(self.declared, |(_, recipe)| &recipe.declared);
        let fault = Diagnostic::new(code, title).with_fix(fix);
        match declared.first() {
            Some(declared) => fault.with_place(declared.place()),
            None => fault,
        }
    }

    /// `the recipe x`, or the built-in if a need names that.
    fn subject(&self) -> String {
        match self.recipe {
            Some((name, _)) => format!("the recipe `{name}` ({})", self.builtin),
            None => format!("the recipe {} of `{}`", self.builtin, self.need),
        }
    }

    /// Options that the built-in does not have, or that are not of their kind.
    fn strangers(&self) -> Vec<Diagnostic> {
        let specs = self.builtin.options();
        let given: &BTreeMap<String, Value> = match self.recipe {
            Some((_, recipe)) => &recipe.options,
            None => return Vec::new(),
        };
        let names = || specs.iter().map(|spec| spec.name);
        let check = |(name, value): (&String, &Value)| {
            let Some(spec) = specs.iter().find(|spec| spec.name == *name) else {
                let fix = match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if specs.is_empty() => "it has no options".to_owned(),
                    None => format!("it has: {}", names().collect::<Vec<_>>().join(", ")),
                };
                let title = format!("{} has no option `{name}`", self.subject());
                return Some(self.fault(Code::InvalidRecipe, title, fix));
            };
            (!spec.kind.takes(value)).then(|| {
                let expected = spec.kind.expected();
                let title = format!("`{name}` of {} must be {expected}", self.subject());
                self.fault(
                    Code::InvalidRecipe,
                    title,
                    format!("default: {}", spec.default),
                )
                .with_cause(format!("found {value}"))
            })
        };
        given.iter().filter_map(check).collect()
    }

    fn number(&self, option: &str, default: u32) -> u32 {
        let given = self.given(option).and_then(Value::as_u64);
        given
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(default)
    }

    fn count(&self, option: &str, default: u32) -> usize {
        self.number(option, default) as usize
    }

    fn text(&self, option: &str) -> Option<&str> {
        self.given(option).and_then(Value::as_str)
    }

    /// `None`: what is missing is in `faults`.
    fn read(&self, faults: &mut Vec<Diagnostic>) -> Option<Make> {
        Some(match self.builtin {
            Builtin::Password => Make::Password {
                length: self.count("length", 32),
                characters: self.characters(faults)?,
            },
            Builtin::Hex => Make::Hex {
                bytes: self.count("bytes", 32),
            },
            Builtin::Passphrase => Make::Passphrase {
                words: self.count("words", 7),
                separator: self.line("separator", "-", 8, faults),
            },
            Builtin::SshEd25519 => Make::SshEd25519 {
                comment: self.line("comment", self.title, 256, faults),
            },
            Builtin::Age => Make::Age,
            Builtin::Wireguard => Make::Wireguard {
                preshared: self
                    .given("preshared")
                    .and_then(Value::as_bool)
                    .unwrap_or(false),
            },
            Builtin::X509Ca => Make::X509Ca {
                common_name: self.common_name(faults),
                days: self.number("days", 3650),
            },
            Builtin::X509Cert => return self.certificate(faults),
            Builtin::PasswordHash => Make::PasswordHash(self.clear(faults)?),
        })
    }

    fn characters(&self, faults: &mut Vec<Diagnostic>) -> Option<Vec<char>> {
        let lower = 'a'..='z';
        let upper = 'A'..='Z';
        let digits = '0'..='9';
        let letters = lower.chain(upper);
        if let Some(said) = self.text("characters") {
            let mut characters: Vec<char> = said.chars().collect();
            characters.sort_unstable();
            characters.dedup();
            let plain = characters.iter().all(char::is_ascii_graphic);
            if plain && characters.len() >= 2 && characters.len() == said.chars().count() {
                return Some(characters);
            }
            let title = format!(
                "`characters` of {} must be two or more characters of ASCII that can be seen, each once",
                self.subject()
            );
            faults.push(self.fault(
                Code::InvalidRecipe,
                title,
                "write for example: characters = \"abcdef0123456789\";",
            ));
            return None;
        }
        Some(match self.text("alphabet").unwrap_or("alphanumeric") {
            "alphanumeric" => letters.chain(digits).collect(),
            "letters" => letters.collect(),
            "digits" => digits.collect(),
            "hex" => digits.chain('a'..='f').collect(),
            // RFC 3986 calls these unreserved besides letters and digits; no shell minds them inside a word either.
            "symbols" => letters.chain(digits).chain("-._~".chars()).collect(),
            "printable" => ('!'..='~').collect(),
            other => {
                let known = [
                    "alphanumeric",
                    "letters",
                    "digits",
                    "hex",
                    "symbols",
                    "printable",
                ];
                let title = format!("{} knows no alphabet `{other}`", self.subject());
                let fix = format!("write one of: {}", known.join(", "));
                faults.push(self.fault(Code::InvalidRecipe, title, fix));
                return None;
            }
        })
    }

    /// A text of one line of ASCII.
    fn line(
        &self,
        option: &str,
        default: &str,
        most: usize,
        faults: &mut Vec<Diagnostic>,
    ) -> String {
        let said = self.text(option).unwrap_or(default);
        let plain = said
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !plain || said.len() > most {
            let title = format!(
                "`{option}` of {} must be at most {most} characters of ASCII on one line",
                self.subject()
            );
            faults.push(self.fault(Code::InvalidRecipe, title, "shorten it, or leave it out"));
        }
        said.to_owned()
    }

    fn common_name(&self, faults: &mut Vec<Diagnostic>) -> String {
        // RFC 5280 allows 64 characters.
        let most = 64;
        let said = self.text("commonName").unwrap_or(self.need.as_str());
        let length = said.chars().count();
        if length == 0 || length > most || said.chars().any(char::is_control) {
            let title = format!(
                "`commonName` of {} must be 1 to {most} characters on one line",
                self.subject()
            );
            faults.push(self.fault(
                Code::InvalidRecipe,
                title,
                "write for example: options.commonName = \"web.example.org\";",
            ));
        }
        said.to_owned()
    }

    fn certificate(&self, faults: &mut Vec<Diagnostic>) -> Option<Make> {
        let common_name = self.common_name(faults);
        let said: Vec<&str> = match self.given("sans").and_then(Value::as_array) {
            Some(items) => items.iter().filter_map(Value::as_str).collect(),
            None => vec![common_name.as_str()],
        };
        let mut names = Vec::new();
        for name in &said {
            if let Some(name) = alt_name(name) {
                names.push(name);
                continue;
            }
            let title = format!(
                "`{name}` in `sans` of {} is neither a DNS name nor an address",
                self.subject()
            );
            let fix = "write for example: options.sans = [ \"web.example.org\" \"10.0.0.2\" ];";
            faults.push(self.fault(Code::InvalidRecipe, title, fix));
        }
        if said.is_empty() {
            let title = format!("`sans` of {} is empty", self.subject());
            faults.push(self.fault(
                Code::InvalidRecipe,
                title,
                "name what the certificate is valid for, or leave `sans` out",
            ));
        }
        let ca = self.text("ca").map(NeedName::parse);
        let Some(Ok(ca)) = ca else {
            let title = format!("{} does not say which authority signs", self.subject());
            let fix = "add: options.ca = \"NEED\"; where NEED is made by x509-ca";
            faults.push(self.fault(Code::InvalidRecipe, title, fix));
            return None;
        };
        Some(Make::X509Cert {
            common_name,
            names,
            days: self.number("days", 365),
            ca,
        })
    }

    /// Which password is hashed.
    fn clear(&self, faults: &mut Vec<Diagnostic>) -> Option<Clear> {
        let generated = Clear::Generated(self.count("length", 24));
        let Some((_, recipe)) = self.recipe else {
            return Some(generated);
        };
        let mut needs = recipe.needs.iter();
        let mut prompts = recipe.prompts.keys();
        match (needs.next(), prompts.next(), needs.next(), prompts.next()) {
            (None, None, ..) => Some(generated),
            (Some(need), None, None, _) => Some(Clear::Need(need.clone())),
            (None, Some(prompt), _, None) => Some(Clear::Prompt(prompt.clone())),
            _ => {
                let title = format!("{} cannot hash more than one password", self.subject());
                let fix =
                    "leave one prompt, or one of `needs`, or nothing: then a password is made";
                faults.push(self.fault(Code::InvalidRecipe, title, fix));
                None
            }
        }
    }

    /// A built-in reads nothing but what it says, so anything else a recipe tells it is a misunderstanding.
    fn needless(&self, make: Option<&Make>, faults: &mut Vec<Diagnostic>) {
        let Some((_, recipe)) = self.recipe else {
            return;
        };
        let hashes = self.builtin == Builtin::PasswordHash;
        // `ca` may be said twice without harm.
        let ca = match make {
            Some(Make::X509Cert { ca, .. }) => Some(ca),
            _ => None,
        };
        let needs = !hashes && recipe.needs.iter().any(|need| Some(need) != ca);
        let said = [
            ("needs", needs),
            ("prompts", !hashes && !recipe.prompts.is_empty()),
            ("outputs", !recipe.outputs.is_empty()),
            ("packages", !recipe.packages.is_empty()),
            ("script", recipe.script.is_some()),
        ];
        for (key, said) in said {
            if said {
                let title = format!("{} does nothing with `{key}`", self.subject());
                let fix = format!("remove `{key}`, or write a script instead of `builtin`");
                faults.push(self.fault(Code::InvalidRecipe, title, fix));
            }
        }
    }
}

fn alt_name(text: &str) -> Option<AltName> {
    if let Ok(address) = text.parse() {
        return Some(AltName::Ip(address));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // What looks like an address and is none would never match anything.
    let numeric = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rest = text.strip_prefix("*.").unwrap_or(text);
    (!numeric && text.len() <= 253 && rest.split('.').all(label))
        .then(|| AltName::Dns(text.to_owned()))
}

#[cfg(test)]
#[path = "said_tests.rs"]
mod tests;
