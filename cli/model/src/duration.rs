//! Durations as contracts write them: `90d`.

/// Seconds of `<integer>(s|m|h|d|w)`; `None` for anything else, and for what no clock will ever see.
pub fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    // `parse` alone would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(each)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_are_an_integer_and_a_unit() {
        for (text, wanted) in [
            ("0s", Some(0)),
            ("90s", Some(90)),
            ("2m", Some(120)),
            ("1h", Some(3600)),
            ("90d", Some(90 * 86_400)),
            ("2w", Some(1_209_600)),
            ("", None),
            ("d", None),
            ("90", None),
            ("+1d", None),
            ("-1d", None),
            ("1.5h", None),
            ("1 d", None),
            ("1D", None),
            ("1ä", None),
            ("99999999999999999999d", None),
            ("18446744073709551615w", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text:?}");
        }
    }
}
