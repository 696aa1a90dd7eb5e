//! What an unquoted YAML value is, as the Go library decides it that sops uses. Only values that are not encrypted come to this, and they
//! are authenticated as what they are: `0x10` as `16`.

use super::tree::{Leaf, Node};

/// `None`: an integer that sops cannot take.
pub(super) fn resolve(text: &str) -> Option<Node> {
    let leaf = match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Node::Null),
        "true" | "True" | "TRUE" => Leaf::bool(true),
        "false" | "False" | "FALSE" => Leaf::bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Leaf::float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Leaf::float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Leaf::float(f64::NAN),
        text if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            return number(text);
        }
        text => Leaf::text(text),
    };
    Some(Node::Leaf(leaf))
}

fn number(text: &str) -> Option<Node> {
    if let Some(time) = time(text) {
        return Some(Node::Leaf(Leaf::other(time)));
    }
    let bare = text.replace('_', "");
    let (negative, digits) = match bare.as_bytes().first() {
        Some(b'-') => (true, &bare[1..]),
        Some(b'+') => (false, &bare[1..]),
        _ => (false, bare.as_str()),
    };
    if let Some((radix, digits)) = radix_of(digits)
        && !digits.is_empty()
        && digits.chars().all(|c| c.is_digit(radix))
    {
        let signed = if negative {
            format!("-{digits}")
        } else {
            digits.to_owned()
        };
        return match i64::from_str_radix(&signed, radix) {
            Ok(value) => Some(Node::Leaf(Leaf::int(value))),
            // Beyond 64 bits it is a floating number; between, the library makes it a kind of integer that sops refuses.
            Err(_) if u64::from_str_radix(&signed, radix).is_ok() => None,
            Err(_) if radix == 10 => Some(Node::Leaf(Leaf::float(bare.parse().ok()?))),
            Err(_) => Some(Node::Leaf(Leaf::text(text))),
        };
    }
    if is_float(digits)
        && let Ok(value) = bare.parse::<f64>()
    {
        return Some(Node::Leaf(Leaf::float(value)));
    }
    Some(Node::Leaf(Leaf::text(text)))
}

fn radix_of(digits: &str) -> Option<(u32, &str)> {
    let lower = |prefix: &str| {
        let (head, rest) = (digits.get(..2)?, digits.get(2..)?);
        head.eq_ignore_ascii_case(prefix).then_some(rest)
    };
    if let Some(rest) = lower("0x") {
        Some((16, rest))
    } else if let Some(rest) = lower("0o") {
        Some((8, rest))
    } else if let Some(rest) = lower("0b") {
        Some((2, rest))
    } else if digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|b| (b'0'..=b'7').contains(&b))
    {
        Some((8, &digits[1..]))
    } else if digits.len() > 1 && digits.starts_with('0') {
        // `089`: no octal number, and a decimal one only as a floating number.
        None
    } else {
        Some((10, digits))
    }
}

/// `1.`, `.5`, `1e3`, `1.5e-3`
fn is_float(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = all(whole) && all(part) && !(whole.is_empty() && part.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && all(exponent)
    });
    mantissa_fits && exponent_fits
}

/// A date or a time, as it is authenticated: RFC 3339.
fn time(text: &str) -> Option<String> {
    let (year, rest) = digits(text, 4, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 1, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let zoned = !rest.starts_with(' ');
    let (hour, rest) = digits(rest.strip_prefix(['T', 't', ' '])?, 1, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 1, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 1, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let zone = match zone {
        "" if !zoned => "Z".to_owned(),
        "Z" if zoned => "Z".to_owned(),
        zone if zoned => offset(zone)?,
        _ => return None,
    };
    Some(format!(
        "{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
    ))
}

fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    (count >= least).then_some(())?;
    Some((text[..count].parse().ok()?, &text[count..]))
}

fn fraction(text: &str) -> Option<(String, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((String::new(), text));
    };
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    (count > 0).then_some(())?;
    let kept = rest[..count.min(9)].trim_end_matches('0');
    let shown = if kept.is_empty() {
        String::new()
    } else {
        format!(".{kept}")
    };
    Some((shown, &rest[count..]))
}

fn offset(zone: &str) -> Option<String> {
    let sign = zone.chars().next().filter(|c| "+-".contains(*c))?;
    let (hours, rest) = digits(&zone[1..], 2, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':')?, 2, 2)?;
    if !rest.is_empty() || hours > 24 || minutes > 60 {
        return None;
    }
    Some(match (hours, minutes) {
        (0, 0) => "Z".to_owned(),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    })
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::secret::sops::tree::{Kind, Node};

    #[test]
    fn values_are_what_go_takes_them_for() {
        // What follows the arrow is what is authenticated; `t:` marks a text.
        let table = [
            ("1", "1"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0x10", "16"),
            ("0o17", "15"),
            ("017", "15"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("0", "0"),
            ("089", "89"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("-0.0", "-0"),
            (".5", "0.5"),
            ("1.", "1"),
            ("1e21", "1000000000000000000000"),
            ("123456789012345678901234", "123456789012345690000000"),
            (".inf", "+Inf"),
            ("-.inf", "-Inf"),
            (".nan", "NaN"),
            ("true", "True"),
            ("False", "False"),
            ("yes", "t:yes"),
            ("1.2.3", "t:1.2.3"),
            ("1h", "t:1h"),
            ("-", "t:-"),
            ("10.0.0.1", "t:10.0.0.1"),
            ("0x", "t:0x"),
            ("a b", "t:a b"),
            ("2001-12-14", "2001-12-14T00:00:00Z"),
            ("2001-2-3", "2001-02-03T00:00:00Z"),
            (
                "2001-12-14T21:59:43.10-05:00",
                "2001-12-14T21:59:43.1-05:00",
            ),
            ("2001-12-14 21:59:43", "2001-12-14T21:59:43Z"),
            ("2001-12-14t21:59:43Z", "2001-12-14T21:59:43Z"),
            ("2001-13-14", "t:2001-13-14"),
            ("2001-02-30", "t:2001-02-30"),
            ("12:30:45", "t:12:30:45"),
            ("+1-2", "t:+1-2"),
        ];
        for (text, expected) in table {
            let Some(Node::Leaf(leaf)) = resolve(text) else {
                panic!("{text} is a value");
            };
            let mark = if leaf.kind == Kind::Text { "t:" } else { "" };
            let found = format!("{mark}{}", String::from_utf8_lossy(&leaf.bytes));
            assert_eq!(found, expected, "{text}");
        }
        for null in ["", "~", "null", "Null", "NULL"] {
            assert!(matches!(resolve(null), Some(Node::Null)), "{null:?}");
        }
        assert!(
            resolve("18446744073709551615").is_none(),
            "sops refuses these"
        );
    }
}
