//! Whether a content is what a contract asks for. What is wrong is said without repeating any of it.

use infra_model::contract::{Format, SecretNeed};
use infra_model::types::matches;

/// Why a content is not what the contract asks for; `None` if it is.
pub(crate) fn fault(need: &SecretNeed, content: &[u8]) -> Option<String> {
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if let Some(least) = need.check.min_length.filter(|least| length < *least) {
        return Some(format!(
            "it has {length} bytes, and must have {least} at least"
        ));
    }
    if let Some(most) = need.check.max_length.filter(|most| length > *most) {
        return Some(format!(
            "it has {length} bytes, and must have {most} at most"
        ));
    }
    if need.format == Format::Binary {
        return None;
    }
    let Ok(text) = std::str::from_utf8(content) else {
        return Some(format!(
            "it is no text (UTF-8), and its format is {}; a secret of any bytes has format = \"binary\"",
            need.format.as_str()
        ));
    };
    if let Some(why) = of_format(need.format, text) {
        return Some(why.to_owned());
    }
    let pattern = need.check.pattern.as_ref()?;
    // A pattern that only Nix can read is not judged here.
    let fits = matches(pattern, text).unwrap_or(true);
    (!fits).then(|| format!("it does not match {pattern}"))
}

fn of_format(format: Format, text: &str) -> Option<&'static str> {
    let trimmed = text.trim();
    let (fits, why) = match format {
        Format::Text | Format::Binary => (!text.is_empty(), "it is empty"),
        Format::Json => (
            serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            "it is not JSON",
        ),
        Format::Env => (
            text.lines().all(is_assignment) && !trimmed.is_empty(),
            "not every line of it is KEY=value, empty, or a comment",
        ),
        Format::Pem => (
            trimmed.starts_with("-----BEGIN ") && trimmed.ends_with("-----"),
            "it is not PEM: -----BEGIN …----- to -----END …-----",
        ),
        Format::SshKey => (
            trimmed.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----")
                && trimmed.ends_with("-----END OPENSSH PRIVATE KEY-----"),
            "it is no private key of OpenSSH",
        ),
        Format::AgeKey => (
            text.lines()
                .any(|line| line.starts_with("AGE-SECRET-KEY-1")),
            "it is no age identity: a line that begins with AGE-SECRET-KEY-1",
        ),
        Format::PasswordHash => (
            is_hash(trimmed),
            "it is no hash of a password as in /etc/shadow ($y$…, $6$…)",
        ),
    };
    (!fits).then_some(why)
}

fn is_assignment(line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    line.split_once('=').is_some_and(|(key, _)| {
        let mut letters = key.bytes();
        letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// `$id$salt$hash`, with whatever parameters the id has.
fn is_hash(text: &str) -> bool {
    let parts: Vec<&str> = text.split('$').collect();
    parts.len() >= 4
        && parts.first() == Some(&"")
        && parts.iter().skip(1).all(|part| !part.is_empty())
        && !text.contains([':', '\n', ' '])
}

#[cfg(test)]
mod tests {
    use super::{fault, of_format};
    use infra_model::contract::{Checks, Format};

    #[test]
    fn contents_are_of_a_format_or_not() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let ssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        let cases = [
            (Format::Text, "a", ""),
            (Format::Json, "{\"a\": [1]}", "{a}"),
            (Format::Env, "# x\nA=1\n\nexport B_2='x y'\n", "A=1\nno\n"),
            (Format::Env, "A=", "1A=x"),
            (Format::Pem, pem, "AAAA"),
            (Format::SshKey, ssh, pem),
            (
                Format::AgeKey,
                "# created\nAGE-SECRET-KEY-1ABC\n",
                "age1abc",
            ),
            (Format::PasswordHash, "$y$j9T$abc$def", "hunter2"),
            (Format::PasswordHash, "$6$salt$hash\n", "$6$salt"),
        ];
        for (format, good, bad) in cases {
            assert_eq!(of_format(format, good), None, "{good}");
            assert!(
                of_format(format, bad).is_some(),
                "{} {bad}",
                format.as_str()
            );
        }
    }

    #[test]
    fn checks_come_first_and_tell_nothing() {
        let mut need = need();
        need.check = Checks {
            min_length: Some(3),
            max_length: Some(5),
            pattern: Some("[a-z]+".to_owned()),
        };
        let told: Vec<Option<String>> = ["zz", "zzzzzz", "zz9", "zzz"]
            .iter()
            .map(|content| fault(&need, content.as_bytes()))
            .collect();
        assert_eq!(
            told,
            [
                Some("it has 2 bytes, and must have 3 at least".to_owned()),
                Some("it has 6 bytes, and must have 5 at most".to_owned()),
                Some("it does not match [a-z]+".to_owned()),
                None,
            ]
        );
        need.check = Checks::default();
        let binary = fault(&need, &[0xff, 0xfe]).expect("refused");
        assert!(binary.contains("binary"), "{binary}");
        need.format = Format::Binary;
        assert_eq!(fault(&need, &[0xff, 0xfe]), None);
    }

    fn need() -> infra_model::contract::SecretNeed {
        serde_json::from_value(serde_json::json!({
            "description": "", "scope": "host", "phase": "services", "units": [], "owner": "root", "group": "root", "mode": "0400",
            "restartUnits": [], "reloadUnits": [], "format": "text", "check": {"minLength": null, "maxLength": null, "match": null},
            "required": true, "deploy": true, "recipe": null, "rotate": {"every": null, "grace": null}, "bind": [], "path": "/x", "declared": [],
        }))
        .expect("a need")
    }
}
