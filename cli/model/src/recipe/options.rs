//! What built-ins can be told: one table, which options are checked against and the documentation is held to.

use super::Builtin;
use serde_json::Value;

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// A whole number of this range.
    Integer {
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
    /// A text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A list of texts.
    Texts,
}

impl OptionKind {
    /// What it takes, in words.
    pub fn expected(self) -> String {
        match self {
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Text => "a text".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
        }
    }

    pub(super) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Integer { min, max } => value
                .as_u64()
                .is_some_and(|number| (u64::from(min)..=u64::from(max)).contains(&number)),
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Texts => value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string)),
        }
    }
}

/// One option of a built-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: OptionKind,
    /// What it is if nobody says, in words.
    pub default: &'static str,
    /// What it is.
    pub description: &'static str,
}

const fn integer(
    name: &'static str,
    (min, max): (u32, u32),
    default: &'static str,
    description: &'static str,
) -> OptionSpec {
    let kind = OptionKind::Integer { min, max };
    OptionSpec {
        name,
        kind,
        default,
        description,
    }
}

const fn text(name: &'static str, default: &'static str, description: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: OptionKind::Text,
        default,
        description,
    }
}

const COMMON_NAME: OptionSpec = text("commonName", "the name of the need", "Who it is for.");

const PASSWORD: &[OptionSpec] = &[
    integer("length", (4, 1024), "32", "How many characters."),
    text(
        "alphabet",
        "alphanumeric",
        "Which characters: alphanumeric, letters, digits, hex, symbols (letters, digits and -._~), printable (all of ASCII that can be seen).",
    ),
    text(
        "characters",
        "those of `alphabet`",
        "The characters themselves: at least two different ones of ASCII that can be seen.",
    ),
];

const HEX: &[OptionSpec] = &[integer(
    "bytes",
    (8, 1024),
    "32",
    "How many bytes; each is two digits.",
)];

const PASSPHRASE: &[OptionSpec] = &[
    integer("words", (4, 64), "7", "How many words; each holds 12 bits."),
    text(
        "separator",
        "-",
        "What is between them: at most 8 characters of ASCII.",
    ),
];

const SSH: &[OptionSpec] = &[text(
    "comment",
    "the need, and the host if it is a host's",
    "What the public key says of itself.",
)];

const WIREGUARD: &[OptionSpec] = &[OptionSpec {
    name: "preshared",
    kind: OptionKind::Flag,
    default: "false",
    description: "Whether it is a key that two peers share, which has no public part.",
}];

const CA: &[OptionSpec] = &[
    COMMON_NAME,
    integer("days", (1, 36_500), "3650", "How long it is valid."),
];

const CERTIFICATE: &[OptionSpec] = &[
    COMMON_NAME,
    OptionSpec {
        name: "sans",
        kind: OptionKind::Texts,
        default: "the common name",
        description: "DNS names (the first label may be `*`) and addresses it is valid for.",
    },
    integer("days", (1, 36_500), "365", "How long it is valid."),
    text(
        "ca",
        "required",
        "The need that holds the authority's key; its certificate is `<ca>.cert`.",
    ),
];

const PASSWORD_HASH: &[OptionSpec] = &[integer(
    "length",
    (8, 1024),
    "24",
    "How many letters and digits a generated password has.",
)];

impl Builtin {
    /// What it can be told.
    pub fn options(self) -> &'static [OptionSpec] {
        match self {
            Self::Password => PASSWORD,
            Self::Hex => HEX,
            Self::Passphrase => PASSPHRASE,
            Self::SshEd25519 => SSH,
            Self::Age => &[],
            Self::Wireguard => WIREGUARD,
            Self::X509Ca => CA,
            Self::X509Cert => CERTIFICATE,
            Self::PasswordHash => PASSWORD_HASH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Builtin;

    #[test]
    fn the_documentation_names_every_option() {
        let page = include_str!("../../../../nix/docs/recipes.md");
        for builtin in Builtin::ALL {
            for spec in builtin.options() {
                let row = format!("| `{builtin}` | `{}` |", spec.name);
                let line = page.lines().find(|line| line.starts_with(&row));
                let line = line.unwrap_or_else(|| panic!("no row {row}"));
                for part in [spec.default.to_owned(), spec.kind.expected()] {
                    assert!(line.contains(&part), "{line}: {part}");
                }
            }
        }
    }
}
