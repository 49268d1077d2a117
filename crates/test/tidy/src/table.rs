//! Markdown as far as the rules read it: rows of tables, and texts without their code.

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Line, from 1.
    pub line: usize,
    /// Cells without the white space around them.
    pub cells: Vec<&'a str>,
}

/// Rows of all tables, without those of dashes; heads included.
pub fn rows(text: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let inner = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|'));
        let Some(inner) = inner else { continue };
        let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
        if !cells.iter().all(|cell| cell.trim_matches([':', '-']).is_empty()) {
            rows.push(Row { line: index + 1, cells });
        }
    }
    rows
}

/// What stands between backticks.
pub fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Lines outside fenced code with their numbers, code between backticks blanked.
pub fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let outside = |(part, piece): (usize, &str)| match part % 2 {
                0 => piece.to_owned(),
                _ => "_".repeat(piece.chars().count() + 2),
            };
            lines.push((index + 1, line.split('`').enumerate().map(outside).collect()));
        }
    }
    lines
}

/// Lines inside fenced code, with their numbers.
pub fn fenced(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push((index + 1, line.trim()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_leave_out_the_dashes() {
        let found = rows("| a | b |\n|---|:--|\n| `c` | d e |\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], Row { line: 3, cells: vec!["`c`", "d e"] });
        assert_eq!(quoted("`c`, and `d`"), ["c", "d"]);
    }

    #[test]
    fn prose_and_code_are_told_apart() {
        let text = "a `b` c\n```\nrun it\n```\nd";
        let lines: Vec<_> = prose(text).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, ["a ___ c", "d"]);
        assert_eq!(fenced(text), [(3, "run it")]);
    }
}
