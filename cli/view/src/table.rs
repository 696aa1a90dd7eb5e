//! Columns.

use crate::style::{HEAD, paint};

/// Rows under a heading, columns as wide as their widest cell. Empty if there are no rows.
pub fn render(heading: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let widths: Vec<usize> = heading
        .iter()
        .enumerate()
        .map(|(column, title)| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .chain([title.chars().count()])
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut text = paint(HEAD, &line(heading.to_vec())) + "\n";
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn columns_line_up() {
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect();
        let text = render(
            &["HOST", "TAGS"],
            &[row(&["web", "a,b"]), row(&["database", ""])],
        );
        let plain = anstream::adapter::strip_str(&text).to_string();
        insta::assert_snapshot!(plain, @"
        HOST      TAGS
        web       a,b
        database
        ");
        assert_eq!(render(&["HOST"], &[]), "");
    }
}
