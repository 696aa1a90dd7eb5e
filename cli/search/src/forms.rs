//! The ways in which a secret may be written, as byte strings to look for.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use infra_model::poison::Form;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A shorter secret would be found where it is not.
const SHORTEST: usize = 8;
/// Fewer different bytes than this are no secret that could be told from anything else.
const FEWEST_BYTES: usize = 4;
/// Of a longer secret its middle is looked for: both ends may be what all of its kind have (the frame of a key, the head of a token).
const LONGEST: usize = 256;
/// Programs break long encodings into lines of 60 characters or more. So of those two pieces next to each other are looked for, of which one
/// at most is broken. It is long enough to be unmistakable.
const PIECE: usize = 28;
/// A line of a secret with several that is long enough to be looked for alone.
const LONG_LINE: usize = 32;
/// What begins every OpenSSH key without a passphrase, up to the end of the first line: all such keys have it in common.
const OPENSSH_HEAD: &str = "b3BlbnNzaC1rZXktdjEA";
/// Placeholders that stand in manuals, examples and scripts everywhere.
const COMMONPLACE: [&str; 12] = [
    "password",
    "Password",
    "passw0rd",
    "password1",
    "password123",
    "changeme",
    "change-me",
    "changeit",
    "12345678",
    "123456789",
    "1234567890",
    "administrator",
];

/// Why a secret is not looked for; `None` if it can be.
pub fn too_common(secret: &[u8]) -> Option<&'static str> {
    let bytes = trimmed(secret);
    if bytes.len() < SHORTEST {
        Some("it is shorter than 8 bytes and would be found where it is not")
    } else if is_uniform(bytes) {
        Some("it has fewer than 4 different characters and would be found where it is not")
    } else if COMMONPLACE.iter().any(|word| word.as_bytes() == bytes) {
        Some("it is a word that stands in many files: it is no secret")
    } else {
        None
    }
}

/// All that a secret may look like, each way once. Nothing for a secret that is [`too_common`].
pub fn of(secret: &[u8]) -> Vec<(Form, Vec<u8>)> {
    if too_common(secret).is_some() {
        return Vec::new();
    }
    let trimmed = trimmed(secret);
    let whole = middle(trimmed, LONGEST);
    let mut all = Patterns::default();
    all.add(Form::Plain, whole.to_vec());
    for line in long_lines(trimmed) {
        all.add(Form::Line, line.as_bytes().to_vec());
    }
    for alphabet in [&STANDARD, &URL_SAFE] {
        for shift in 0..3 {
            all.add_in_pieces(Form::Base64, base64(whole, alphabet, shift).as_bytes());
        }
    }
    for upper in [false, true] {
        all.add_in_pieces(Form::Hex, hex(whole, upper).as_bytes());
        all.add(Form::Percent, percent(whole, upper).into_bytes());
    }
    if let Some(once) = json(whole) {
        // Twice: JSON in a derivation, or in other JSON.
        let twice = json(once.as_bytes());
        all.add(Form::Json, once.into_bytes());
        all.add(Form::Json, twice.unwrap_or_default().into_bytes());
    }
    all.patterns
}

#[derive(Default)]
struct Patterns {
    seen: BTreeSet<Vec<u8>>,
    patterns: Vec<(Form, Vec<u8>)>,
}

impl Patterns {
    fn add(&mut self, form: Form, bytes: Vec<u8>) {
        if bytes.len() >= SHORTEST && !is_uniform(&bytes) && self.seen.insert(bytes.clone()) {
            self.patterns.push((form, bytes));
        }
    }

    fn add_in_pieces(&mut self, form: Form, bytes: &[u8]) {
        if bytes.len() < 2 * PIECE {
            self.add(form, bytes.to_vec());
            return;
        }
        for piece in middle(bytes, 2 * PIECE).chunks(PIECE) {
            self.add(form, piece.to_vec());
        }
    }
}

fn is_uniform(bytes: &[u8]) -> bool {
    bytes.iter().collect::<BTreeSet<_>>().len() < FEWEST_BYTES
}

/// Text without the space around it: editors and programs add line ends, and whoever uses it takes them off. Other bytes are what they are.
fn trimmed(secret: &[u8]) -> &[u8] {
    if std::str::from_utf8(secret).is_ok() {
        secret.trim_ascii()
    } else {
        secret
    }
}

fn middle(bytes: &[u8], length: usize) -> &[u8] {
    let begin = bytes.len().saturating_sub(length) / 2;
    let end = bytes.len().min(begin + length);
    bytes.get(begin..end).unwrap_or_default()
}

/// Lines that are secret by themselves. Of text in PEM those of private keys: certificates are for everybody to read.
fn long_lines(secret: &[u8]) -> Vec<&str> {
    let Ok(text) = std::str::from_utf8(secret) else {
        return Vec::new();
    };
    if !text.contains('\n') {
        return Vec::new();
    }
    let mut public = false;
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(label) = line.strip_prefix("-----BEGIN ") {
            public = !label.contains("PRIVATE KEY");
        } else if line.starts_with("-----END ") {
            public = false;
        } else if !public && is_token(line) {
            lines.push(line);
        }
    }
    lines
}

/// One long word of the characters that keys, tokens and settings consist of: neither prose, nor a comment, nor an address.
fn is_token(line: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    line.len() >= LONG_LINE && line.bytes().all(plain) && !line.starts_with(OPENSSH_HEAD)
}

/// The characters that depend on these bytes alone, where `shift` bytes (counted in threes) stand before them.
fn base64(bytes: &[u8], alphabet: &Alphabet, shift: usize) -> String {
    let engine = GeneralPurpose::new(alphabet, NO_PAD);
    let mut shifted = vec![0; shift];
    shifted.extend(bytes);
    let text = engine.encode(&shifted);
    let (begin, end) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
    text.get(begin..end).unwrap_or_default().to_owned()
}

fn hex(bytes: &[u8], upper: bool) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = if upper {
            write!(text, "{byte:02X}")
        } else {
            write!(text, "{byte:02x}")
        };
    }
    text
}

fn percent(bytes: &[u8], upper: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        let _ = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(text, "{}", char::from(*byte))
            }
            _ if upper => write!(text, "%{byte:02X}"),
            _ => write!(text, "%{byte:02x}"),
        };
    }
    text
}

/// As in a JSON text, without the quotes around it. Only text can be.
fn json(bytes: &[u8]) -> Option<String> {
    // The middle of a text may begin within a character.
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches('\u{fffd}');
    if text.contains('\u{fffd}') {
        return None;
    }
    let quoted = serde_json::to_string(text).ok()?;
    Some(quoted.trim_start_matches('"').strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Form, base64, json, of, too_common};
    use ::base64::alphabet::STANDARD;

    fn has(secret: &str, form: Form, text: &str) -> bool {
        of(secret.as_bytes()).iter().any(|(kind, bytes)| {
            *kind == form
                && text
                    .as_bytes()
                    .windows(bytes.len())
                    .any(|part| part == bytes)
        })
    }

    #[test]
    fn what_would_be_found_everywhere_is_not_looked_for() {
        for (secret, is_common) in [
            ("", true),
            ("1234567", true),
            ("1234567\n\n", true),
            ("aaaaaaaaaaaaaaaa", true),
            ("0000000000001111", true),
            ("password\n", true),
            ("hunter2-hunter2", false),
        ] {
            assert_eq!(
                too_common(secret.as_bytes()).is_some(),
                is_common,
                "{secret:?}"
            );
            assert_eq!(of(secret.as_bytes()).is_empty(), is_common, "{secret:?}");
        }
    }

    #[test]
    fn forms_are_those_of_other_programs() {
        let secret = "p\"ss wörd/12?>\n";
        assert!(has(secret, Form::Plain, "x=p\"ss wörd/12?>;"));
        // echo 'user:p"ss wörd/12?>' | base64, with one, two and three bytes before.
        assert!(has(secret, Form::Base64, "OnAic3Mgd8O2cmQvMTI/Pgo="));
        assert!(has(secret, Form::Base64, "dTpwInNzIHfDtnJkLzEyPz4K"));
        assert!(has(secret, Form::Base64, "dXM6cCJzcyB3w7ZyZC8xMj8+Cg=="));
        assert!(has(secret, Form::Base64, "OnAic3Mgd8O2cmQvMTI_Pgo"));
        assert!(has(secret, Form::Hex, "702273732077c3b672642f31323f3e0a"));
        assert!(has(secret, Form::Hex, "702273732077C3B672642F31323F3E0A"));
        assert!(has(secret, Form::Json, r#"{"a":"p\"ss wörd/12?>"}"#));
        assert!(has(
            secret,
            Form::Json,
            r#""{\"a\":\"p\\\"ss wörd/12?>\"}""#
        ));
        assert!(has(
            secret,
            Form::Percent,
            "?q=p%22ss%20w%C3%B6rd%2F12%3F%3E"
        ));
        assert!(has(
            secret,
            Form::Percent,
            "?q=p%22ss%20w%c3%b6rd%2f12%3f%3e"
        ));
        assert!(!has(secret, Form::Json, "p\"ss"));
    }

    #[test]
    fn encodings_in_lines_are_found() {
        let secret: String = (0..200_u32)
            .map(|n| char::from(b'!' + u8::try_from(n * 7 % 90).unwrap_or(0)))
            .collect();
        for (before, width) in [
            (0, 76),
            (1, 76),
            (2, 64),
            (3, 64),
            (17, 76),
            (44, 64),
            (61, 60),
        ] {
            let text = base64(
                format!("{}{secret}tail", "x".repeat(before)).as_bytes(),
                &STANDARD,
                0,
            );
            let lines: Vec<&str> = text
                .as_bytes()
                .chunks(width)
                .filter_map(|line| std::str::from_utf8(line).ok())
                .collect();
            assert!(
                has(&secret, Form::Base64, &lines.join("\n")),
                "{before} {width}"
            );
        }
    }

    #[test]
    fn lines_of_keys_but_nothing_public() {
        let body = "MC4CAQAwBQYDK2VwBCIEIJ1hKq0F2q7y5s6b3h8x9v4w1z0aBcDeFgHiJkLmNoPq";
        let public = "MCowBQYDK2VwAyEA9v4w1z0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcde";
        let head = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW";
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{public}\n-----END CERTIFICATE-----\n-----BEGIN OPENSSH PRIVATE KEY-----\n{head}\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"
        );
        assert!(has(&pem, Form::Line, &format!("    {body}\r\n")));
        assert!(!has(&pem, Form::Line, public));
        assert!(!has(&pem, Form::Line, head));
        let age = "# public key: age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\nAGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\n";
        assert!(has(
            age,
            Form::Line,
            "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"
        ));
        assert!(!has(
            age,
            Form::Line,
            "# public key: age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
        ));
    }

    #[test]
    fn bytes_that_are_no_text() {
        let secret = [0xff, 0, 1, 2, 0xfe, 3, 4, 10, 200];
        let all = of(&secret);
        assert!(
            all.iter()
                .any(|(form, bytes)| *form == Form::Plain && bytes == &secret)
        );
        assert_eq!(json(&secret), None);
    }
}
