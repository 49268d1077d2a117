//! Writing to the terminal: a reader that has gone away ends the program quietly, not with a panic.

use netloom_model::words::counted;
use std::io::{IsTerminal as _, Write as _};

/// Writes to standard output.
pub(crate) fn print(text: &str) {
    if std::io::stdout().write_all(text.as_bytes()).is_err() {
        std::process::exit(0);
    }
}

/// Writes a value as JSON to standard output.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// Writes to standard error; there is nobody left to tell if that fails.
pub(crate) fn error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// An error with its causes; a cause that an outer text already tells is not told again.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// Marks of success and failure, in colour where a person reads.
pub(crate) fn mark(good: bool) -> &'static str {
    match (good, std::io::stdout().is_terminal()) {
        (true, true) => "\x1b[32m✓\x1b[0m",
        (false, true) => "\x1b[31m✗\x1b[0m",
        (true, false) => "✓",
        (false, false) => "✗",
    }
}

/// How many of a file's tests hold.
pub(crate) fn holding(holding: usize, all: usize) -> String {
    let hold = if all == 1 { "holds" } else { "hold" };
    format!("{holding} of {} {hold}", counted(all, "test"))
}

/// Columns as wide as their widest cell; the last one is not filled up.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        text.push_str("  ");
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_test_holds_and_several_hold() {
        assert_eq!(super::holding(1, 1), "1 of 1 test holds");
        assert_eq!(super::holding(1, 2), "1 of 2 tests hold");
    }

    #[test]
    fn a_cause_is_told_once() {
        let inner = std::io::Error::other("the disk is full");
        let error = anyhow::Error::from(inner).context("cannot write: the disk is full");
        assert_eq!(
            super::chain(&error.context("no backup")),
            "no backup: cannot write: the disk is full"
        );
    }
}
