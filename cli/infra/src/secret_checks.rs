//! Whether a content is what a contract says of its secret. What is wrong is told without a byte of it.

use infra_model::contract::{Checks, Format, SecretNeed};
use infra_model::types;

/// What keeps a content from being the secret that is needed, in words that follow "it"; `None` if nothing does.
pub(crate) fn fault(need: &SecretNeed, content: &[u8]) -> Option<String> {
    if content.is_empty() && need.check.min_length != Some(0) {
        // A file that was never written and an answer that was never typed are empty as well.
        return Some("is empty".to_owned());
    }
    let what = need.format.as_str();
    unformed(need.format, content)
        .map(|why| format!("is no secret of format {what}: {why}"))
        .or_else(|| unchecked(&need.check, content))
}

/// Why it is not of the format.
fn unformed(format: Format, content: &[u8]) -> Option<String> {
    if format == Format::Binary {
        return None;
    }
    let Ok(text) = std::str::from_utf8(content) else {
        return Some("it is not UTF-8".to_owned());
    };
    match format {
        Format::Text | Format::Binary => None,
        Format::Env => unformed_env(text),
        Format::Json => unformed_json(text),
        Format::Pem => unformed_pem(text).map(str::to_owned),
        Format::SshKey => unformed_ssh(text).map(str::to_owned),
        Format::AgeKey => unformed_age(text),
        Format::PasswordHash => unformed_hash(text).map(str::to_owned),
    }
}

/// The parser's words may repeat what it read; its numbers do not.
fn unformed_json(text: &str) -> Option<String> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    let (line, column) = (error.line(), error.column());
    Some(format!("line {line}, column {column} is not JSON"))
}

/// `KEY=VALUE` as systemd reads it: comments, values that go on in the next line after `\`, and quotes that span lines.
fn unformed_env(text: &str) -> Option<String> {
    let mut quote = None;
    let mut continued = false;
    for (number, line) in text.lines().enumerate() {
        let inside = quote.is_some() || continued;
        if !inside && is_blank_or_comment(line) {
            continue;
        }
        let value = if inside {
            line
        } else {
            let Some((_, value)) = line.split_once('=').filter(|(key, _)| is_variable(key)) else {
                return Some(format!("line {} is not KEY=VALUE", number + 1));
            };
            value
        };
        (quote, continued) = rest_of(value, quote);
    }
    quote.map(|_| "a quote is never closed".to_owned())
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with(['#', ';'])
}

fn is_variable(key: &str) -> bool {
    let key = key.trim();
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The quote that is still open after a line, and whether its end is escaped.
fn rest_of(line: &str, mut quote: Option<char>) -> (Option<char>, bool) {
    let mut escaped = false;
    let mut at_start = quote.is_none();
    for c in line.chars() {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != Some('\'') {
            escaped = true;
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && at_start && matches!(c, '"' | '\'') {
            quote = Some(c);
        }
        // Inside of a word a quote is a character like any other.
        at_start &= c.is_whitespace();
    }
    (quote, escaped)
}

/// Blocks, each of which ends as it begins. What stands between blocks is free.
fn unformed_pem(text: &str) -> Option<&'static str> {
    let mut open = None;
    let mut blocks = 0;
    for line in text.lines().map(str::trim_end) {
        match (label(line, "-----BEGIN "), label(line, "-----END "), open) {
            (Some(begins), _, None) => open = Some(begins),
            (Some(_), _, Some(_)) => return Some("a block begins within another"),
            (_, Some(ends), Some(begun)) if ends == begun => {
                open = None;
                blocks += 1;
            }
            (_, Some(_), _) => return Some("an END line has no BEGIN line of its kind"),
            _ => {}
        }
    }
    if open.is_some() {
        return Some("a block has no END line");
    }
    (blocks == 0).then_some("it has no line -----BEGIN …-----")
}

fn label<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

fn unformed_ssh(text: &str) -> Option<&'static str> {
    const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
    const END: &str = "-----END OPENSSH PRIVATE KEY-----";
    if !text.starts_with(BEGIN) {
        return Some("it does not begin with -----BEGIN OPENSSH PRIVATE KEY-----");
    }
    if !text.trim_end().ends_with(END) {
        return Some("it does not end with -----END OPENSSH PRIVATE KEY-----");
    }
    // OpenSSH looks for the last line with its end, and says "invalid format" without.
    (!text.ends_with('\n'))
        .then_some("its last line has no line end, without which OpenSSH does not read it")
}

fn unformed_age(text: &str) -> Option<String> {
    let mut keys = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("AGE-SECRET-KEY-1") {
            keys += 1;
        } else if !line.is_empty() && !line.starts_with('#') {
            return Some(format!(
                "line {} is neither AGE-SECRET-KEY-1… nor a comment",
                number + 1
            ));
        }
    }
    (keys == 0).then(|| "it has no line AGE-SECRET-KEY-1…".to_owned())
}

/// `$id$…`, and nothing that would end the field or the line in `/etc/shadow`.
fn unformed_hash(text: &str) -> Option<&'static str> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    if line.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()) {
        return Some("a hash is one line without blanks and colons");
    }
    let parts = line.strip_prefix('$').and_then(|rest| rest.split_once('$'));
    let is_hash = parts.is_some_and(|(id, rest)| {
        !id.is_empty()
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !rest.is_empty()
    });
    (!is_hash).then_some("it does not look like $id$…, as mkpasswd prints it")
}

/// What else the contract says.
fn unchecked(check: &Checks, content: &[u8]) -> Option<String> {
    let length = content.len() as u64;
    if let Some(least) = check.min_length.filter(|least| length < *least) {
        return Some(format!("is shorter than {least} bytes (check.minLength)"));
    }
    if let Some(most) = check.max_length.filter(|most| length > *most) {
        return Some(format!("is longer than {most} bytes (check.maxLength)"));
    }
    let pattern = check.pattern.as_ref()?;
    let matched = std::str::from_utf8(content)
        .ok()
        .map_or(Some(false), |text| types::matches(pattern, text));
    match matched {
        Some(true) => None,
        Some(false) => Some(format!("does not match {pattern} (check.match)")),
        None => Some(format!(
            "cannot be checked: {pattern} (check.match) is no pattern infra can read"
        )),
    }
}

#[cfg(test)]
mod tests;
