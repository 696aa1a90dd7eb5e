//! Which values of a file are encrypted.

use regex::Regex;

/// The one rule of a file. sops allows one.
#[derive(Debug)]
pub(super) enum Rules {
    /// All but those below a key that ends so.
    UnlessSuffix(String),
    /// Only those below a key that ends so.
    IfSuffix(String),
    /// All but those below a key that matches.
    UnlessMatch(Regex),
    /// Only those below a key that matches.
    IfMatch(Regex),
}

impl Rules {
    /// Whether the value at this path is encrypted.
    pub(super) fn encrypts(&self, path: &[String]) -> bool {
        let some = |fits: &dyn Fn(&str) -> bool| path.iter().any(|key| fits(key));
        match self {
            Self::UnlessSuffix(suffix) => !some(&|key| key.ends_with(suffix)),
            Self::IfSuffix(suffix) => some(&|key| key.ends_with(suffix)),
            Self::UnlessMatch(pattern) => !some(&|key| pattern.is_match(key)),
            Self::IfMatch(pattern) => some(&|key| pattern.is_match(key)),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::UnlessSuffix("_unencrypted".to_owned())
    }
}

/// A pattern as Go understands it: there `\d`, `\w`, `\s` and `\b` are ASCII.
pub(super) fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&ascii_classes(text)).ok()
}

fn ascii_classes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        if c != '\\' {
            match c {
                '[' => in_class = true,
                ']' => in_class = false,
                _ => {}
            }
            out.push(c);
            continue;
        }
        match (chars.next(), in_class) {
            (Some('d'), true) => out.push_str("0-9"),
            (Some('w'), true) => out.push_str("0-9A-Za-z_"),
            (Some('s'), true) => out.push_str("\\t\\n\\x0C\\r "),
            (Some('d'), false) => out.push_str("[0-9]"),
            (Some('D'), false) => out.push_str("[^0-9]"),
            (Some('w'), false) => out.push_str("[0-9A-Za-z_]"),
            (Some('W'), false) => out.push_str("[^0-9A-Za-z_]"),
            (Some('s'), false) => out.push_str("[\\t\\n\\x0C\\r ]"),
            (Some('S'), false) => out.push_str("[^\\t\\n\\x0C\\r ]"),
            (Some('b'), false) => out.push_str("(?-u:\\b)"),
            (Some('B'), false) => out.push_str("\\B"),
            (Some(other), _) => {
                out.push('\\');
                out.push(other);
            }
            (None, _) => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Rules, pattern};

    #[test]
    fn each_rule_looks_at_the_whole_path() {
        let path = |text: &str| -> Vec<String> { text.split('/').map(str::to_owned).collect() };
        let pat = |text: &str| pattern(text).expect("a pattern");
        let table = [
            (Rules::default(), "a/b", true),
            (Rules::default(), "a_unencrypted/b", false),
            (Rules::default(), "a_unencrypted_not/b", true),
            (Rules::IfSuffix("_secret".into()), "a/b", false),
            (Rules::IfSuffix("_secret".into()), "a_secret/b", true),
            (Rules::IfMatch(pat("^(data|stringData)$")), "data/x", true),
            (
                Rules::IfMatch(pat("^(data|stringData)$")),
                "metadata/x",
                false,
            ),
            (Rules::UnlessMatch(pat("^kind$")), "kind", false),
            (Rules::UnlessMatch(pat("^kind$")), "kinds", true),
            (Rules::IfMatch(pat("^n\\d$")), "n1", true),
            // Another script's digit is no digit for Go.
            (Rules::IfMatch(pat("^n\\d$")), "n٣", false),
            (Rules::IfMatch(pat("^[\\d_]+$")), "1_2", true),
            (Rules::IfMatch(pat("(?i)PASSWORD")), "my_password", true),
        ];
        for (rules, at, encrypted) in table {
            assert_eq!(rules.encrypts(&path(at)), encrypted, "{rules:?} at {at}");
        }
    }
}
