//! Text from programs and hosts as plain text: what a terminal would obey is taken out.

/// Removes escape sequences (`ESC [ … letter`) and other control characters except tabs and line ends.
pub(crate) fn strip_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                for c in chars.by_ref() {
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
            '\n' | '\t' => plain.push(c),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::strip_colours;

    #[test]
    fn colours_and_control_characters_go() {
        assert_eq!(
            strip_colours("\u{1b}[1;31ma\u{1b}[0m\tb\u{7}\nc"),
            "a\tb\nc"
        );
        assert_eq!(strip_colours("cut\u{1b}["), "cut");
    }
}
