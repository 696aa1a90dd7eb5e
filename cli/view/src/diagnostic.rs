//! Diagnostics as text: the thing, the place with its line, the cause, the fix.

use crate::style::{BAD, BUSY, FAINT, GOOD, HEAD, WARN, paint};
use infra_model::{Diagnostic, Place};
use std::fmt::Write as _;

/// Renders a diagnostic; `severity` is "error" or "warning".
pub fn render(diagnostic: &Diagnostic, severity: &str) -> String {
    let style = if severity == "error" { BAD } else { WARN };
    let host = match &diagnostic.host {
        Some(host) => format!("{host}: "),
        None => String::new(),
    };
    let mut text = format!(
        "{}: {}\n",
        paint(style, &format!("{severity}[{}]", diagnostic.code.name())),
        paint(HEAD, &format!("{host}{}", tame(&diagnostic.title)))
    );
    if let Some(place) = &diagnostic.place {
        text += &render_place(place);
    }
    if let Some(cause) = &diagnostic.cause {
        field(&mut text, &paint(FAINT, "cause"), cause);
    }
    if let Some(fix) = &diagnostic.fix {
        field(&mut text, &paint(GOOD, "fix"), fix);
    }
    text.push('\n');
    text
}

fn render_place(place: &Place) -> String {
    let at = tame(&place.to_string());
    let mut text = format!("  {} {at}\n", paint(BUSY, "-->"));
    let (Some(line), Some(excerpt)) = (place.line, &place.excerpt) else {
        return text;
    };
    let excerpt = tame(excerpt);
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let bar = paint(BUSY, "|");
    let _ = writeln!(text, "  {margin} {bar}");
    let _ = writeln!(text, "  {} {bar} {excerpt}", paint(BUSY, &number));
    if let Some(column) = place.column {
        // Tabs of the line are kept in front of the mark, so that both end at the same place.
        let lead: String = excerpt
            .chars()
            .take(column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let _ = writeln!(text, "  {margin} {bar} {lead}{}", paint(BAD, "^"));
    }
    text
}

/// Without what a terminal would obey: names of files and lines of them are quoted here, and may hold anything.
fn tame(text: &str) -> String {
    let harmless = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(harmless).collect()
}

fn field(text: &mut String, name: &str, value: &str) {
    let value = tame(value);
    let mut lines = value.lines();
    let _ = writeln!(text, "  {name}: {}", lines.next().unwrap_or_default());
    for line in lines {
        let _ = writeln!(text, "    {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use infra_model::{Code, Diagnostic, HostName, Place};

    #[test]
    fn a_terminal_obeys_no_file_name() {
        let diagnostic = Diagnostic::new(Code::InvalidHostName, "`a\u{1b}[2J` is no host")
            .with_place(Place::in_text("hosts/\u{1b}[2J", "x\u{1b}[2J = 1", 0))
            .with_cause("\u{1b}[2J")
            .with_fix("rename \u{7}it");
        let plain = anstream::adapter::strip_str(&render(&diagnostic, "error")).to_string();
        assert_eq!(plain.matches("[2J").count(), 4, "{plain:?}");
        assert!(!plain.contains('\u{7}'), "{plain:?}");
    }

    #[test]
    fn shows_thing_place_cause_and_fix() {
        let source = "class = \"nixos\"\n\tadresses = []\n";
        let place = Place::in_text(
            "hosts/web/host.toml",
            source,
            source.find("adr").expect("there"),
        );
        let host = HostName::parse("web").expect("a name");
        let diagnostic = Diagnostic::new(Code::UnknownKey, "unknown key `adresses`")
            .with_place(place)
            .with_cause("first\nsecond")
            .with_fix("did you mean `addresses`?")
            .with_host(&host);
        let plain = anstream::adapter::strip_str(&render(&diagnostic, "error")).to_string();
        insta::assert_snapshot!(plain, @"
        error[unknown-key]: web: unknown key `adresses`
          --> hosts/web/host.toml:2:2
            |
          2 | 	adresses = []
            | 	^
          cause: first
            second
          fix: did you mean `addresses`?
        ");
    }
}
